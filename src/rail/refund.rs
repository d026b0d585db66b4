//! A refund on its way: asked for until the provider has it, asked about until it says what became of it.

use chrono::TimeDelta;
use entity::refund::{Entity, Model, RefundStatus};
use entity::{Money, RefundId};
use sea_orm::EntityTrait;

use super::fact::apply_fact;
use super::open::require_provider;
use super::pay::require_payment;
use super::unanswered;
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
    let answer = match refund.status {
        RefundStatus::Succeeded | RefundStatus::ActionRequired => return Ok(Outcome::Done),
        RefundStatus::Requested => provider.refund(&request(app, &refund, provider.name()).await?).await,
        RefundStatus::Pending => {
            let query =
                RefundQuery { reference: reference.clone(), provider_reference: refund.provider_reference.clone() };
            provider.query_refund(&query).await
        }
    };
    let facts = match answer {
        Ok(facts) => facts,
        // Unknown is not failed: the same reference is asked for again.
        Err(error @ ProviderError::Unknown(_)) => return Err(unanswered(provider.name(), &error)),
        Err(ProviderError::Refused(reason)) => vec![Fact::RefundFailed { reference, reason }],
    };
    for fact in facts {
        apply_fact(app, provider.as_ref(), fact).await?.or_log(provider.name());
    }
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
        notification_url: app.settings.notification_url(provider),
    })
}

async fn require_refund(app: &App, id: RefundId) -> Result<Model> {
    Entity::find_by_id(id).one(&app.db.read).await?.ok_or_else(|| Error::internal(format!("{id} is gone")))
}
