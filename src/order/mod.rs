//! Orders: the one write path, and finders that take the viewer.
//!
//! Everything that changes an order, whoever causes it, goes through [`LockedOrder`]: it locks the order, decides the deadlines
//! that have passed, asks the rules ([`escrow::decide`]) about the command, and then saves the order, posts the
//! transfers, appends the events and enqueues the jobs, all in one transaction. So a crash leaves all of it or nothing, the
//! result never depends on how late the worker is, and of two commands at once the second is decided on what the first left.
//!
//! Locks are taken in this order: order, then product (ascending id), then supplier.

mod apply;
mod begin;
mod by_id;
mod changes;
mod evidence;
mod find;
mod live;
mod number;
mod refund;
mod terms;
mod trouble;
mod write;

pub use begin::{BuyNow, DraftOrder, NewOrderDetails, RequestDraft, buy_now, draft_order, request_draft};
pub use by_id::{
    find_cancel_requests_by_id, find_chargebacks_by_id, find_contracts_by_id, find_events_by_id, find_feedback_by_id,
    find_proposals_by_id, find_refund_accounts_by_id, find_shipments_by_id, find_transfers_by_id,
};
pub use changes::{Change, changes};
pub use evidence::{MOST_CITED, NewEvidence, add_evidence, find_cited, find_evidence_by_id};
pub use find::{
    FeedKey, FeedPart, OrderFilter, TimelineKey, events_of, feed, find_contracts, find_order, find_orders,
    find_orders_by_id, find_payments_by_id, require_order, transfers_of, versions_of,
};
pub use live::{EventFollower, OrderFollower, follow_events, follow_order};
pub use refund::{count_refund_accounts, find_refund_account, start_refund};
pub use terms::{DraftDeadlines, DraftLine, DraftTerms, canonical_terms, contract_hash};
pub use trouble::{find_disputes_by_id, find_refunds_by_id, open_chargebacks, to_rule, to_settle};
pub use write::{LockedOrder, actor, execute, execute_as_provider, load, next_timer, overdue, pass_deadlines};
