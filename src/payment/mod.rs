//! Money over providers: paying, being notified, refunding, paying out.
//!
//! Between our books and a provider there is always a gap in time, so every step is the same three: commit what we want,
//! ask the provider with an id of ours that makes the question idempotent, commit what it answers. A crash between any two
//! leaves a job that asks again. Answers, notifications and answers to our own questions are the same [`provider::Fact`]s
//! and go the same way, so it doesn't matter which comes first, or how often.

mod attempt;
mod bank_booking;
mod by_hand;
mod capture;
mod chargeback;
mod doubt;
mod fact;
mod fallback;
mod find;
mod hint;
mod inbox;
mod manual_payout;
mod matching;
mod method;
mod open;
mod pay;
mod payout;
mod payout_fact;
mod query;
mod reconcile;
mod recount;
mod refund;
mod refund_fact;
mod retry;
mod return_url;
mod standing;
mod standstill;
mod unapplied;
mod verify;

pub use by_hand::{
    NewBooking, approve_booking, book_break, book_by_hand, book_quarantined, find_bookings, find_bookings_by_id,
    reject_booking,
};
pub use fact::apply_fact;
pub use find::{
    find_breaks_by_id, find_notifications_by_id, find_payouts, find_payouts_by_id, find_receipts_by_id, find_unapplied,
};
pub use inbox::{
    RefusedFile, Stored, apply_notification, dismiss_quarantined, find_quarantined, has_folder, pick_up_files,
    redrive_notification, store_notification, store_refused,
};
pub use manual_payout::{ManualPayout, settle_manual_payout};
pub use matching::Applied;
pub use method::{MethodOption, payment_methods};
pub use open::{ask_payment, cancel_payment};
pub use pay::{PayOrder, may_be_paid, pay_order};
pub use payout::{request_payout, send_payout};
pub use reconcile::{begin_daily_reconciliation, begin_reconciliation, find_breaks, reconcile};
pub use refund::send_refund;
pub use retry::{close_payment, retry_refund};
pub use return_url::is_return_url;
pub use standing::give_up_capture;
pub use unapplied::{ByHand, SentBack, apply_funds, by_hand_movement, refund_unapplied, settle_by_hand};
pub use verify::{verify, verify_books};
