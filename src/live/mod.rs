//! What is committed, published on every node to whoever follows it.
//!
//! Rows of a feed (events of orders, messages) get their position in it after their commit, by one sequencer at a time
//! ([`sequencer`]). On each node one reader reads every row once, and hands it to those who follow it ([`Hub`]); where
//! nobody does, nothing is read. A follower first reads what it has missed from the database, then listens to the hub
//! ([`Follower`]): without a gap or a repetition, on any node, whichever node committed. One that is too slow goes back
//! to the database.

use entity::{BuyerId, ConversationId, OrderId, StorefrontId, SupplierId, event, message};

use crate::auth::Viewer;
use crate::error::{ErrorCode, Result};
use crate::validate::Checks;

mod follow;
mod hub;
pub mod sequencer;

pub use follow::{Follower, Source};
pub use hub::{BATCH, Hub, Listener};

/// What is followed. A row is published to each of its topics; a follower has one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Topic {
    /// For operators.
    Everything,
    Storefront(StorefrontId),
    Buyer(BuyerId),
    Supplier(SupplierId),
    Order(OrderId),
    Conversation(ConversationId),
}

impl Topic {
    /// All that a viewer sees. None: nothing.
    #[must_use]
    pub fn of(viewer: &Viewer) -> Option<Self> {
        Some(match viewer {
            Viewer::Anonymous => return None,
            Viewer::Storefront { storefront_id } => Self::Storefront(*storefront_id),
            Viewer::Buyer { buyer_id, .. } => Self::Buyer(*buyer_id),
            Viewer::Supplier { supplier_id } => Self::Supplier(*supplier_id),
            Viewer::Operator { .. } => Self::Everything,
        })
    }

    /// Rows that may wait for a follower before it has to read them from the database. Orders are many, and have few.
    fn capacity(self) -> usize {
        match self {
            Self::Everything | Self::Storefront(_) | Self::Supplier(_) => 512,
            Self::Buyer(_) => 64,
            Self::Order(_) | Self::Conversation(_) => 16,
        }
    }
}

/// A position after the newest was given by another database, or by this one before it was restored. Whoever waited
/// behind it would get nothing of what comes until then, and not know.
pub fn require_known(after: Option<i64>, newest: i64) -> Result<()> {
    let mut checks = Checks::arguments();
    if after.is_some_and(|after| after > newest) {
        let message = "is beyond the newest: it is not a cursor of this feed as it is now; begin again without it";
        checks.problem("after", ErrorCode::InvalidInput, message);
    }
    checks.finish()
}

/// A row with a position in a feed.
pub trait FeedRow: Send + Sync + 'static {
    fn position(&self) -> i64;
    fn topics(&self) -> Vec<Topic>;
}

/// An event, and the number of its order.
#[derive(Clone, Debug)]
pub struct FeedEvent {
    pub row: event::Model,
    pub order_number: String,
}

impl FeedRow for FeedEvent {
    fn position(&self) -> i64 {
        self.row.feed_position.unwrap_or(0)
    }

    fn topics(&self) -> Vec<Topic> {
        let row = &self.row;
        topics(Topic::Order(row.order_id), row.storefront_id, row.buyer_id, row.supplier_id)
    }
}

impl FeedRow for message::Model {
    fn position(&self) -> i64 {
        self.feed_position.unwrap_or(0)
    }

    fn topics(&self) -> Vec<Topic> {
        topics(Topic::Conversation(self.conversation_id), self.storefront_id, self.buyer_id, self.supplier_id)
    }
}

fn topics(
    own: Topic,
    storefront: Option<StorefrontId>,
    buyer: Option<BuyerId>,
    supplier: Option<SupplierId>,
) -> Vec<Topic> {
    let parties = [storefront.map(Topic::Storefront), buyer.map(Topic::Buyer), supplier.map(Topic::Supplier)];
    [Topic::Everything, own].into_iter().chain(parties.into_iter().flatten()).collect()
}
