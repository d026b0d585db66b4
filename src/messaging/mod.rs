//! Buyer and supplier talk: about a product, about an order, or before there is either.
//!
//! A buyer begins, or the supplier of an order; both write, whatever became of the order, and nothing is ever changed.
//! The buyer's storefront and operators read along. A message's id is larger than those of all messages before it in
//! its conversation, so that a read marker and a cursor mean the same on every node. How much each side has not read is
//! kept with the conversation, in the transaction of the message: reading it costs nothing.
//!
//! Locks are taken in this order: buyer, then conversation.

mod feed;
mod find;
mod read;
mod thread;
mod write;

pub use feed::{MessageFeedKey, MessageFollower, follow_messages, sequence};
pub use find::{
    ConversationQuery, MOST_OF_AN_ORDER, find_citable, find_conversation, find_conversations, find_conversations_by_id,
    find_conversations_of_orders, find_messages, find_messages_by_id, require_conversation,
};
pub use read::mark_read;
pub use write::{Contact, MOST_ATTACHMENTS, Words, contact_buyer, contact_supplier, send_message};
