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
mod buy_now;
mod by_id;
mod changes;
mod deadline;
mod disputes;
mod draft;
mod evidence;
mod execute;
mod find;
mod live;
mod load;
mod locked;
mod number;
mod operator_queues;
mod refund;
mod refusal;
mod request_draft;
mod terms;

pub use begin::NewOrderDetails;
pub use buy_now::{BuyNow, buy_now};
pub use by_id::{
    find_cancel_requests_by_id, find_chargebacks_by_id, find_contracts_by_id, find_disputes_by_id, find_events_by_id,
    find_feedback_by_id, find_proposals_by_id, find_refund_accounts_by_id, find_refunds_by_id, find_shipments_by_id,
    find_transfers_by_id,
};
pub use changes::{Change, changes};
pub use deadline::{next_timer, overdue, pass_deadlines};
pub use draft::{DraftOrder, draft_order};
pub use evidence::{MOST_CITED, NewEvidence, add_evidence, find_cited, find_evidence_by_id};
pub use execute::{actor, execute, execute_as_decided, execute_as_provider};
pub use find::find_version;
pub use find::{
    FeedKey, FeedPart, OrderFilter, TimelineKey, events_of, feed, find_contracts, find_numbered, find_order,
    find_orders, find_orders_by_id, find_payments_by_id, require_order, transfers_of, versions_of,
};
pub use live::{EventFollower, OrderFollower, follow_events, follow_order};
pub use load::load;
pub use locked::LockedOrder;
pub use operator_queues::{count_late_refunds, disputes_to_rule, open_chargebacks, refunds_to_settle};
pub use refund::{count_refund_accounts, find_refund_account, start_refund};
pub use request_draft::{RequestDraft, request_draft};
pub use terms::{DraftDeadlines, DraftLine, DraftTerms, canonical_terms, contract_hash};
