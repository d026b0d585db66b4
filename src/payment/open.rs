//! A payment at its provider: opened, asked about, withdrawn.

use chrono::TimeDelta;
use entity::payment::{Column, Entity, Model, PaymentStatus};
use entity::{Money, OrderStatus, PaymentId, Time, order};
use sea_orm::ActiveValue::Set;
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter};

use super::attempt::payer_of;
use super::fact::apply_facts;
use super::fallback::fall_back;
use super::query::{payment_query, require_payment, require_provider, unanswered};
use crate::app::App;
use crate::db::retrying;
use crate::error::Result;
use crate::job::{self, Job, JobOutcome};
use provider::{Fact, OpenedPayment, Payer, PaymentProvider, PaymentRequest, ProviderError};

/// A request of ours that has not arrived within a day never will.
const LONGEST_ON_ITS_WAY: TimeDelta = TimeDelta::days(1);

/// Asks for the payment at its provider and, if that doesn't open it, at the others of its route. The payment that the buyer
/// is shown.
pub(super) async fn open(app: &App, payment: &Model) -> Result<PaymentId> {
    let (mut payment, payer) = (payment.clone(), payer_of(app, payment)?);
    loop {
        // Somebody else may have opened, replaced or ended it: what has failed is not asked for again.
        let is_ours = payment.status == PaymentStatus::Pending && payment.opened_at.is_none();
        if is_ours && payment.replaced_by.is_none() && !open_at_provider(app, &payment, &payer).await? {
            return Ok(payment.id);
        }
        match fall_back(app, &require_payment(&app.db.read, payment.id).await?, &payer).await? {
            Some(next) => payment = require_payment(&app.db.read, next).await?,
            None => return Ok(payment.id),
        }
    }
}

/// Asks the provider for the payment, and writes down its answer. No answer is no failure: the buyer sees PENDING, and the
/// job that `payOrder` left behind asks again. False if another call of ours is just being answered: then nobody else is asked.
async fn open_at_provider(app: &App, payment: &Model, payer: &Payer) -> Result<bool> {
    let provider = require_provider(app, &payment.provider)?;
    let number =
        order::Entity::find_by_id(payment.order_id).one(&app.db.read).await?.map(|row| row.number).unwrap_or_default();
    let request = PaymentRequest {
        reference: payment.reference.clone(),
        method: payment.method,
        amount: Money::new(payment.amount, payment.currency),
        description: number,
        notification_url: app.settings.notification_url(provider.name()),
        return_url: payment.return_url.clone(),
        payer: payer.clone(),
    };
    match provider.create_payment(&request).await {
        Ok(opened) => {
            save_answer(app, payment.id, &opened).await?;
            apply_facts(app, provider.as_ref(), opened.facts).await?;
        }
        Err(ProviderError::Busy(cause)) => {
            tracing::info!(payment = %payment.id, provider = provider.name(), cause, "a new payment is just being opened");
            return Ok(false);
        }
        Err(ProviderError::Unknown(cause)) => {
            tracing::warn!(payment = %payment.id, provider = provider.name(), cause, "no answer to a new payment; it will be asked about");
        }
        Err(ProviderError::CannotBeAsked(cause)) => {
            tracing::error!(payment = %payment.id, provider = provider.name(), cause, "a new payment was not opened");
        }
        Err(
            ProviderError::Refused(reason)
            | ProviderError::NotKnown(reason)
            | ProviderError::PayeeDetailsRequired(reason)
            | ProviderError::PayeeDetailsUnusable(reason),
        ) => {
            // An earlier request of ours may have arrived after all: only "never heard of it" makes it a failure.
            let facts = match provider.query_payment(&payment_query(app, payment)).await {
                Ok(facts) => facts,
                Err(ProviderError::NotKnown(_) | ProviderError::CannotBeAsked(_)) => {
                    vec![Fact::PaymentFailed { reference: request.reference, reason }]
                }
                Err(error) => {
                    tracing::error!(payment = %payment.id, provider = provider.name(), reason, %error, "a new payment was refused");
                    return Ok(true);
                }
            };
            apply_facts(app, provider.as_ref(), facts).await?;
        }
    }
    Ok(true)
}

/// Only the first answer is written. If the order was cancelled while the provider was thinking, or the buyer was sent to
/// another one, the payment is withdrawn.
async fn save_answer(app: &App, payment_id: PaymentId, opened: &OpenedPayment) -> Result<()> {
    retrying(|| save_answer_once(app, payment_id, opened)).await?;
    app.wake_worker();
    Ok(())
}

async fn save_answer_once(app: &App, payment_id: PaymentId, opened: &OpenedPayment) -> Result<()> {
    let transaction = app.db.begin_write().await?;
    let row = entity::payment::ActiveModel {
        opened_at: Set(Some(app.clock.now())),
        encrypted_payer: Set(None),
        next_action: Set(opened.next_action.clone()),
        expires_at: Set(opened.expires_at),
        updated_at: Set(app.clock.now()),
        ..Default::default()
    };
    let this = || Entity::update_many().filter(Column::Id.eq(payment_id));
    this().set(row).filter(Column::OpenedAt.is_null()).exec(&transaction).await?;
    if let Some(reference) = &opened.provider_reference {
        let row =
            entity::payment::ActiveModel { provider_reference: Set(Some(reference.clone())), ..Default::default() };
        this().set(row).filter(Column::ProviderReference.is_null()).exec(&transaction).await?;
    }
    let payment = require_payment(&transaction, payment_id).await?;
    let order = order::Entity::find_by_id(payment.order_id).one(&transaction).await?;
    if payment.status == PaymentStatus::Pending
        && (payment.replaced_by.is_some() || order.is_some_and(|order| order.status != OrderStatus::AwaitingPayment))
    {
        job::enqueue(&transaction, &app.clock, &Job::CancelPayment { payment_id }, app.clock.now()).await?;
    }
    transaction.commit().await?;
    Ok(())
}

/// The job behind every payment: asks until it is known what became of it.
pub async fn ask_payment(app: &App, payment_id: PaymentId) -> Result<JobOutcome> {
    let payment = require_payment(&app.db.read, payment_id).await?;
    if payment.status != PaymentStatus::Pending {
        return Ok(JobOutcome::Done);
    }
    let order = order::Entity::find_by_id(payment.order_id).one(&app.db.read).await?;
    let is_wanted =
        payment.replaced_by.is_none() && order.is_some_and(|order| order.status == OrderStatus::AwaitingPayment);
    if !is_wanted {
        cancel_payment(app, payment_id).await?;
    } else if payment.opened_at.is_none() {
        open(app, &payment).await?;
    } else {
        let provider = require_provider(app, &payment.provider)?;
        let facts = ask(app, provider.as_ref(), &payment).await?;
        apply_facts(app, provider.as_ref(), facts).await?;
    }
    let after = require_payment(&app.db.read, payment_id).await?;
    if after.status == PaymentStatus::Pending {
        return Ok(JobOutcome::Again(next_question(app.clock.now(), payment.created_at)));
    }
    Ok(JobOutcome::Done)
}

/// A provider that can't be asked has said all that it has to say.
async fn ask(app: &App, provider: &dyn PaymentProvider, payment: &Model) -> Result<Vec<Fact>> {
    match provider.query_payment(&payment_query(app, payment)).await {
        Ok(facts) => Ok(facts),
        Err(ProviderError::CannotBeAsked(_)) => Ok(Vec::new()),
        Err(error) => Err(unanswered(provider.name(), &error)),
    }
}

/// Rarer the older the payment is: after twice its age, at most a day.
fn next_question(now: Time, created_at: Time) -> Time {
    now + (now - created_at).clamp(TimeDelta::minutes(2), TimeDelta::days(1))
}

/// Withdraws a payment that is no longer wanted. "Too late" is an answer: the money will come, and be set aside.
///
/// A provider that has never heard of it may hear of it yet, if our request is still on its way: the payment stays open
/// for a while, and the job that asks about it withdraws it again.
pub async fn cancel_payment(app: &App, payment_id: PaymentId) -> Result<JobOutcome> {
    let payment = require_payment(&app.db.read, payment_id).await?;
    if payment.status != PaymentStatus::Pending {
        return Ok(JobOutcome::Done);
    }
    let provider = require_provider(app, &payment.provider)?;
    match provider.cancel_payment(&payment_query(app, &payment)).await {
        Ok(facts) => apply_facts(app, provider.as_ref(), facts).await?,
        // Nobody has to be told: whatever still comes is set aside.
        Err(ProviderError::CannotBeAsked(_)) => {
            let fact = Fact::PaymentCancelled { reference: payment.reference.clone() };
            apply_facts(app, provider.as_ref(), vec![fact]).await?;
        }
        Err(error @ (ProviderError::Unknown(_) | ProviderError::Busy(_))) => {
            return Err(unanswered(provider.name(), &error));
        }
        Err(ProviderError::NotKnown(_)) if app.clock.now() - payment.created_at >= LONGEST_ON_ITS_WAY => {
            let fact = Fact::PaymentCancelled { reference: payment.reference.clone() };
            apply_facts(app, provider.as_ref(), vec![fact]).await?;
        }
        Err(ProviderError::NotKnown(_)) => {}
        Err(
            ProviderError::Refused(reason)
            | ProviderError::PayeeDetailsRequired(reason)
            | ProviderError::PayeeDetailsUnusable(reason),
        ) => {
            tracing::info!(payment = %payment.id, provider = provider.name(), reason, "a payment could not be withdrawn");
            let facts = ask(app, provider.as_ref(), &payment).await?;
            apply_facts(app, provider.as_ref(), facts).await?;
        }
    }
    Ok(JobOutcome::Done)
}
