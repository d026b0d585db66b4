//! A refund on its way: asked for until the provider has it, asked about until it says what became of it.

use chrono::TimeDelta;
use entity::refund::{Entity, Model, RefundStatus};
use entity::{Money, RefundId};
use sea_orm::EntityTrait;

use super::pay::require_payment;
use super::{apply_facts, require_provider, unanswered};
use crate::app::App;
use crate::error::{Error, Result};
use crate::job::Outcome;
use crate::payment::{Fact, PaymentQuery, ProviderError, RefundQuery, RefundRequest};

/// A provider's notification is usually quicker than this.
const ASK_AFTER: TimeDelta = TimeDelta::minutes(30);

pub async fn send_refund(app: &App, refund_id: RefundId) -> Result<Outcome> {
    let refund = require_refund(app, refund_id).await?;
    let provider = require_provider(app, &refund.provider)?;
    let reference = refund.id.to_string();
    let query = RefundQuery { reference: reference.clone(), provider_reference: refund.provider_reference.clone() };
    let answer = match refund.status {
        RefundStatus::Succeeded | RefundStatus::ActionRequired => return Ok(Outcome::Done),
        // A refused question says nothing about the refund: it is asked again.
        RefundStatus::Pending => provider.query_refund(&query).await,
        RefundStatus::Requested => match provider.refund(&request(app, &refund, provider.name()).await?).await {
            // An earlier request may have been accepted, and its answer lost: only "never heard of it" makes it a failure.
            Err(
                ProviderError::Refused(reason)
                | ProviderError::NotKnown(reason)
                | ProviderError::PayeeDetailsRequired(reason),
            ) => match provider.query_refund(&query).await {
                Err(ProviderError::NotKnown(_)) => Ok(vec![Fact::RefundFailed { reference, movement: None, reason }]),
                other => other,
            },
            other => other,
        },
    };
    // Unknown is not failed: the same reference is asked for again.
    apply_facts(app, provider.as_ref(), answer.map_err(|error| unanswered(provider.name(), &error))?).await?;
    match require_refund(app, refund_id).await?.status {
        RefundStatus::Requested | RefundStatus::Pending => Ok(Outcome::Again(app.clock.now() + ASK_AFTER)),
        RefundStatus::Succeeded | RefundStatus::ActionRequired => Ok(Outcome::Done),
    }
}

async fn request(app: &App, refund: &Model, provider: &str) -> Result<RefundRequest> {
    let payment_id = refund.payment_id.ok_or_else(|| Error::internal(format!("{} is of no payment", refund.id)))?;
    let payment = require_payment(&app.db.read, payment_id).await?;
    Ok(RefundRequest {
        reference: refund.id.to_string(),
        payment: PaymentQuery { reference: payment.id.to_string(), provider_reference: payment.provider_reference },
        amount: Money::new(refund.amount, refund.currency),
        reason: refund.reason.clone(),
        payee: None,
        notification_url: app.settings.notification_url(provider),
    })
}

async fn require_refund(app: &App, id: RefundId) -> Result<Model> {
    Entity::find_by_id(id).one(&app.db.read).await?.ok_or_else(|| Error::internal(format!("{id} is gone")))
}
