//! Money over providers: paying, hearing back, refunding, paying out.
//!
//! Between our books and a provider there is always a gap in time, so every step is the same three: commit what we want,
//! ask the provider with an id of ours that makes the question idempotent, commit what it answers. A crash between any two
//! leaves a job that asks again. Answers, notifications and answers to our own questions are the same [`provider::Fact`]s
//! and go the same way, so it doesn't matter which comes first, or how often.

mod chargeback;
mod fact;
mod find;
mod hint;
mod inbox;
mod manual_payout;
mod method;
mod open;
mod pay;
mod payout;
mod reconcile;
mod recount;
mod refund;
mod unapplied;

pub use fact::{Applied, apply_fact};
pub use find::{
    find_breaks_by_id, find_notifications_by_id, find_payouts, find_payouts_by_id, find_receipts_by_id, find_unapplied,
};
pub use inbox::{
    Stored, apply_notification, find_quarantined, has_folder, pick_up_files, redrive_notification, store_notification,
};
pub use manual_payout::{ManualPayout, settle_manual_payout};
pub use method::{MethodOption, payment_methods};
pub use open::{ask_payment, cancel_payment};
pub use pay::{PayOrder, is_return_url, may_be_paid, pay_order};
pub use payout::{request_payout, send_payout};
pub use reconcile::{begin_daily_reconciliation, begin_reconciliation, find_breaks, reconcile};
pub use refund::send_refund;
pub use unapplied::{ByHand, SentBack, apply_funds, by_hand_movement, refund_unapplied, settle_by_hand};

use std::sync::Arc;

use entity::{Money, payment};

use crate::app::App;
use crate::error::{Error, Result};
use provider::{Fact, PaymentProvider, PaymentQuery, ProviderError};

fn require_provider(app: &App, name: &str) -> Result<Arc<dyn PaymentProvider>> {
    app.providers
        .find(name)
        .ok_or_else(|| Error::internal(format!("the provider {name} is not configured here any more")))
}

/// Books what a provider answered to a call of ours.
async fn apply_facts(app: &App, provider: &dyn PaymentProvider, facts: Vec<Fact>) -> Result<()> {
    for fact in facts {
        apply_fact(app, provider, fact, app.clock.now()).await?.or_log(provider.name());
    }
    Ok(())
}

/// How a payment is spoken of to its provider.
fn payment_query(app: &App, payment: &payment::Model) -> PaymentQuery {
    PaymentQuery {
        reference: payment.reference.clone(),
        provider_reference: payment.provider_reference.clone(),
        method: payment.method,
        amount: Money::new(payment.amount, payment.currency),
        has_expired: payment.expires_at.is_some_and(|at| at <= app.clock.now()),
    }
}

/// A question without an answer is asked again, by the job that asked it.
fn unanswered(provider: &str, error: &ProviderError) -> Error {
    Error::internal(format!("{provider}: {error}"))
}
