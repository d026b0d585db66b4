//! What an operator begins again, or ends: a refund that failed, a payment that is never paid. The provider is asked first, so
//! that nothing is sent twice and no money is overlooked.

use entity::payment::PaymentStatus;
use entity::refund::RefundStatus;
use entity::{OrderId, PaymentId, RefundId, payment, refund};
use sea_orm::EntityTrait;

use super::fact::apply_facts;
use super::query::{payment_query, refund_query};
use crate::app::App;
use crate::auth::Viewer;
use crate::error::{Error, ErrorCode, Result};
use crate::idempotency::IdempotencyKey;
use crate::order::{execute, require_order};
use escrow::{Command, Order};
use provider::{Fact, ProviderError};

/// A refund that failed, once more: under a fresh reference, to the account that the buyer has named last. If the provider says
/// that the earlier attempt was sent, that is booked instead.
pub async fn retry_refund(
    app: &App,
    viewer: &Viewer,
    (expected_version, idempotency_key): (Option<i64>, Option<&IdempotencyKey>),
    (order_id, refund_id): (OrderId, RefundId),
) -> Result<Order> {
    viewer.require_operator()?;
    require_order(&app.db.read, viewer, order_id).await?;
    let found = refund::Entity::find_by_id(refund_id).one(&app.db.read).await?;
    let is_new = IdempotencyKey::find_in(idempotency_key, &app.db.read).await?.is_none();
    let waits = |row: &refund::Model| row.order_id == Some(order_id) && row.status == RefundStatus::ActionRequired;
    if let Some(row) = found.filter(waits).filter(|row| is_new && row.started_at.is_some() && row.payment_id.is_some())
    {
        ask_about_refund(app, &row).await?;
    }
    let reference = RefundId(app.clock.new_id()).to_string();
    let command = Command::RetryRefund { refund_id, reference };
    execute(app, viewer, order_id, expected_version, idempotency_key, &command).await
}

/// Refuses if the earlier attempt may still arrive, or has.
async fn ask_about_refund(app: &App, row: &refund::Model) -> Result<()> {
    let Some(provider) = app.providers.find(&row.provider) else { return Ok(()) };
    let facts = match provider.query_refund(&refund_query(app, row).await?).await {
        Ok(facts) => facts,
        // It has said by itself that it failed, or never heard of it.
        Err(ProviderError::NotKnown(_) | ProviderError::CannotBeAsked(_)) => return Ok(()),
        Err(error) => return Err(unanswered(&error)),
    };
    let has_failed = facts.iter().any(|fact| matches!(fact, Fact::RefundFailed { .. } | Fact::RefundReturned { .. }));
    if facts.is_empty() || has_failed {
        return Ok(());
    }
    let is_pending = facts.iter().any(|fact| matches!(fact, Fact::RefundPending { .. }));
    apply_facts(app, provider.as_ref(), facts).await?;
    // That it was sent may also be from before it came back: then nothing has changed.
    let after = refund::Entity::find_by_id(row.id).one(&app.db.read).await?;
    if !is_pending && after.is_some_and(|after| after.status == RefundStatus::ActionRequired) {
        return Ok(());
    }
    let message =
        "the payment provider says that the earlier attempt is on its way, or was sent: read the refund again";
    Err(Error::refused(ErrorCode::InvalidTransition, message).at("refundId"))
}

/// An open payment, ended: withdrawn at its provider, unless money has come by it after all.
pub async fn close_payment(
    app: &App,
    viewer: &Viewer,
    (expected_version, idempotency_key): (Option<i64>, Option<&IdempotencyKey>),
    (order_id, payment_id): (OrderId, PaymentId),
) -> Result<Order> {
    viewer.require_operator()?;
    require_order(&app.db.read, viewer, order_id).await?;
    let found = payment::Entity::find_by_id(payment_id).one(&app.db.read).await?;
    let is_new = IdempotencyKey::find_in(idempotency_key, &app.db.read).await?.is_none();
    let is_open = |row: &payment::Model| row.order_id == order_id && row.status == PaymentStatus::Pending;
    if let Some(row) = found.filter(is_open).filter(|_| is_new) {
        ask_about_payment(app, &row).await?;
    }
    let command = Command::ClosePayment { payment_id };
    execute(app, viewer, order_id, expected_version, idempotency_key, &command).await
}

/// Refuses if money has come. What the provider says of the end is left to the command, so that it is the operator's.
async fn ask_about_payment(app: &App, row: &payment::Model) -> Result<()> {
    let Some(provider) = app.providers.find(&row.provider) else { return Ok(()) };
    let query = payment_query(app, row);
    let facts = match provider.cancel_payment(&query).await {
        Ok(facts) => facts,
        Err(ProviderError::NotKnown(_) | ProviderError::CannotBeAsked(_)) => return Ok(()),
        // Too late, perhaps: has it been paid?
        Err(ProviderError::Refused(_) | ProviderError::PayeeDetailsRequired(_)) => {
            match provider.query_payment(&query).await {
                Ok(facts) => facts,
                Err(ProviderError::NotKnown(_) | ProviderError::CannotBeAsked(_)) => return Ok(()),
                Err(error) => return Err(unanswered(&error)),
            }
        }
        Err(error) => return Err(unanswered(&error)),
    };
    if !facts.iter().any(|fact| matches!(fact, Fact::PaymentCaptured { .. })) {
        return Ok(());
    }
    apply_facts(app, provider.as_ref(), facts).await?;
    let message = "the payment provider says that it was paid: read the order again";
    Err(Error::refused(ErrorCode::InvalidTransition, message).at("paymentId"))
}

fn unanswered(error: &ProviderError) -> Error {
    tracing::warn!(%error, "a provider could not be asked for an operator");
    Error::refused(ErrorCode::Unavailable, "the payment provider can't be asked now; try again in a moment")
}
