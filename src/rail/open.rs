//! A payment at its provider: opened, asked about, withdrawn.

use chrono::TimeDelta;
use entity::payment::{Column, Entity, Model, PaymentStatus};
use entity::{Money, OrderStatus, PaymentId, Time, order};
use sea_orm::ActiveValue::Set;
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter};

use super::fact::apply_fact;
use super::pay::require_payment;
use super::unanswered;
use crate::app::App;
use crate::error::{Error, Result};
use crate::job::{self, Job, Outcome};
use crate::payment::{Fact, OpenedPayment, PaymentProvider, PaymentQuery, PaymentRequest, ProviderError};

/// Asks the provider for the payment, and writes down its answer. No answer is no failure: the buyer sees PENDING, and the
/// job that `payOrder` left behind asks again.
pub(super) async fn open_at_provider(app: &App, payment: &Model) -> Result<()> {
    let provider = require_provider(app, &payment.provider)?;
    let number =
        order::Entity::find_by_id(payment.order_id).one(&app.db.read).await?.map(|row| row.number).unwrap_or_default();
    let request = PaymentRequest {
        reference: payment.id.to_string(),
        method: payment.method,
        amount: Money::new(payment.amount, payment.currency),
        description: number,
        notification_url: app.settings.notification_url(provider.name()),
        return_url: payment.return_url.clone(),
    };
    match provider.create_payment(&request).await {
        Ok(opened) => {
            save_answer(app, payment.id, &opened).await?;
            apply_facts(app, provider.as_ref(), opened.facts).await
        }
        Err(ProviderError::Unknown(cause)) => {
            tracing::warn!(payment = %payment.id, provider = provider.name(), cause, "no answer to a new payment; it will be asked about");
            Ok(())
        }
        Err(ProviderError::Refused(reason)) => {
            apply_facts(app, provider.as_ref(), vec![Fact::PaymentFailed { reference: request.reference, reason }])
                .await
        }
    }
}

/// Only the first answer is written. If the order was cancelled while the provider was thinking, the payment is withdrawn.
async fn save_answer(app: &App, payment_id: PaymentId, opened: &OpenedPayment) -> Result<()> {
    let transaction = app.db.begin_write().await?;
    let row = entity::payment::ActiveModel {
        provider_reference: Set(Some(opened.provider_reference.clone())),
        next_action: Set(opened.next_action.clone()),
        expires_at: Set(opened.expires_at),
        updated_at: Set(app.clock.now()),
        ..Default::default()
    };
    Entity::update_many()
        .set(row)
        .filter(Column::Id.eq(payment_id))
        .filter(Column::ProviderReference.is_null())
        .exec(&transaction)
        .await?;
    let payment = require_payment(&transaction, payment_id).await?;
    let order = order::Entity::find_by_id(payment.order_id).one(&transaction).await?;
    if payment.status == PaymentStatus::Pending
        && order.is_some_and(|order| order.status != OrderStatus::AwaitingPayment)
    {
        job::enqueue(&transaction, &app.clock, &Job::CancelPayment { payment_id }, app.clock.now()).await?;
    }
    transaction.commit().await?;
    app.wake_worker();
    Ok(())
}

/// The job behind every payment: asks until it is known what became of it.
pub async fn ask_payment(app: &App, payment_id: PaymentId) -> Result<Outcome> {
    let payment = require_payment(&app.db.read, payment_id).await?;
    if payment.status != PaymentStatus::Pending {
        return Ok(Outcome::Done);
    }
    let order = order::Entity::find_by_id(payment.order_id).one(&app.db.read).await?;
    let is_wanted = order.is_some_and(|order| order.status == OrderStatus::AwaitingPayment);
    if payment.provider_reference.is_none() && is_wanted {
        open_at_provider(app, &payment).await?;
    } else {
        let provider = require_provider(app, &payment.provider)?;
        match provider.query_payment(&query(&payment)).await {
            Ok(facts) => apply_facts(app, provider.as_ref(), facts).await?,
            Err(error @ ProviderError::Unknown(_)) => return Err(unanswered(provider.name(), &error)),
            // The provider has never heard of it: our request never arrived, and is no longer wanted.
            Err(ProviderError::Refused(_)) if payment.provider_reference.is_none() => {
                let fact = Fact::PaymentCancelled { reference: payment.id.to_string() };
                apply_facts(app, provider.as_ref(), vec![fact]).await?;
            }
            Err(ProviderError::Refused(reason)) => {
                tracing::error!(payment = %payment.id, provider = provider.name(), reason, "the provider refuses to tell about a payment");
            }
        }
    }
    let after = require_payment(&app.db.read, payment_id).await?;
    if after.status == PaymentStatus::Pending {
        return Ok(Outcome::Again(next_question(app.clock.now(), payment.created_at)));
    }
    Ok(Outcome::Done)
}

/// Rarer the older the payment is: after twice its age, at most a day.
fn next_question(now: Time, created_at: Time) -> Time {
    now + (now - created_at).clamp(TimeDelta::minutes(2), TimeDelta::days(1))
}

/// Withdraws a payment that is no longer wanted. "Too late" is an answer: the money will come, and be set aside.
pub async fn cancel_payment(app: &App, payment_id: PaymentId) -> Result<Outcome> {
    let payment = require_payment(&app.db.read, payment_id).await?;
    if payment.status != PaymentStatus::Pending {
        return Ok(Outcome::Done);
    }
    let provider = require_provider(app, &payment.provider)?;
    match provider.cancel_payment(&query(&payment)).await {
        Ok(facts) => apply_facts(app, provider.as_ref(), facts).await?,
        Err(error @ ProviderError::Unknown(_)) => return Err(unanswered(provider.name(), &error)),
        Err(ProviderError::Refused(reason)) => {
            tracing::info!(payment = %payment.id, provider = provider.name(), reason, "a payment could not be withdrawn");
        }
    }
    Ok(Outcome::Done)
}

async fn apply_facts(app: &App, provider: &dyn PaymentProvider, facts: Vec<Fact>) -> Result<()> {
    for fact in facts {
        apply_fact(app, provider, fact).await?.or_log(provider.name());
    }
    Ok(())
}

fn query(payment: &Model) -> PaymentQuery {
    PaymentQuery { reference: payment.id.to_string(), provider_reference: payment.provider_reference.clone() }
}

pub(super) fn require_provider(app: &App, name: &str) -> Result<std::sync::Arc<dyn PaymentProvider>> {
    app.providers
        .find(name)
        .ok_or_else(|| Error::internal(format!("the provider {name} is not configured here any more")))
}
