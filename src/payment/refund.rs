//! A refund on its way: asked for until the provider has it, asked about until it says what became of it.

use chrono::TimeDelta;
use entity::refund::{Entity, Model, RefundStatus};
use entity::{Money, OrderId, RefundId, refund_account};
use sea_orm::EntityTrait;
use secrecy::SecretString;

use super::bank_booking::may_go_back;
use super::fact::apply_facts;
use super::query::{booked_of_others, payment_query, refund_query, require_payment, require_provider, unanswered};
use crate::app::App;
use crate::error::{Error, Result};
use crate::job::JobOutcome;
use crate::order::{execute_as_provider, find_refund_account, start_refund};
use escrow::{BY_HAND, Command, Sending};
use provider::{Fact, PaymentProvider, ProviderError, RefundRequest};

/// A provider's notification is usually quicker than this.
const ASK_AFTER: TimeDelta = TimeDelta::minutes(30);
/// The statement that lets it go asks for it at once; this is for the one that does not come.
const LOOK_AGAIN: TimeDelta = TimeDelta::days(1);

pub async fn send_refund(app: &App, refund_id: RefundId) -> Result<JobOutcome> {
    let refund = require_refund(app, refund_id).await?;
    let facts = match refund.status {
        RefundStatus::Pending if refund.provider == BY_HAND => return Ok(JobOutcome::Done),
        RefundStatus::Pending => {
            let provider = require_provider(app, &refund.provider)?;
            // A refused question says nothing about the refund: it is asked again.
            match provider.query_refund(&refund_query(app, &refund).await?).await {
                Ok(facts) => facts,
                // What it has to say, it says by itself.
                Err(ProviderError::CannotBeAsked(_)) => return Ok(JobOutcome::Done),
                Err(error) => return Err(unanswered(provider.name(), &error)),
            }
        }
        RefundStatus::Requested if !may_leave(app, &refund).await? => {
            return Ok(JobOutcome::Again(app.clock.now() + LOOK_AGAIN));
        }
        RefundStatus::Requested => match ask_for(app, &refund).await? {
            Some(facts) => facts,
            // Whatever lets it go on asks for it again.
            None => return Ok(JobOutcome::Done),
        },
        RefundStatus::Succeeded
        | RefundStatus::ActionRequired
        | RefundStatus::PayeeDetailsRequired
        | RefundStatus::ApprovalRequired
        | RefundStatus::ChargedBack => return Ok(JobOutcome::Done),
    };
    let provider = require_provider(app, &refund.provider)?;
    apply_facts(app, provider.as_ref(), facts).await?;
    match require_refund(app, refund_id).await?.status {
        RefundStatus::Requested | RefundStatus::Pending => Ok(JobOutcome::Again(app.clock.now() + ASK_AFTER)),
        RefundStatus::Succeeded
        | RefundStatus::ActionRequired
        | RefundStatus::PayeeDetailsRequired
        | RefundStatus::ApprovalRequired
        | RefundStatus::ChargedBack => Ok(JobOutcome::Done),
    }
}

/// What a bank has only notified stays until a statement has confirmed it.
async fn may_leave(app: &App, refund: &Model) -> Result<bool> {
    let provider = require_provider(app, &refund.provider)?;
    Ok(refund.started_at.is_some() || may_go_back(app, provider.as_ref(), refund).await?)
}

/// None: it can't be sent now.
async fn ask_for(app: &App, refund: &Model) -> Result<Option<Vec<Fact>>> {
    let order_id = refund.order_id.ok_or_else(|| Error::internal(format!("{} is of no order", refund.id)))?;
    let provider = require_provider(app, &refund.provider)?;
    match start_refund(app, order_id, refund.id).await? {
        Sending::Now => {}
        Sending::Never => {
            let refund = require_refund(app, refund.id).await?;
            let reason = "with the chargebacks of its payment, it would be more than what was paid".to_owned();
            let fact = Fact::RefundFailed {
                reference: refund.reference.clone(),
                provider_reference: None,
                movement: None,
                reason,
            };
            if refund.started_at.is_none() {
                return Ok(Some(vec![fact]));
            }
            // An earlier request of ours may have arrived: only "never heard of it" makes it a failure.
            return match provider.query_refund(&refund_query(app, &refund).await?).await {
                Ok(facts) => Ok(Some(facts)),
                Err(ProviderError::NotKnown(_)) => Ok(Some(vec![fact])),
                // What it may still say of it is booked; until then it is for a person to look for.
                Err(ProviderError::CannotBeAsked(_)) => Ok(Some(vec![fact])),
                Err(error) => Err(unanswered(provider.name(), &error)),
            };
        }
        // The order was frozen while an earlier request of ours was on its way: it may have arrived.
        Sending::Waits if refund.started_at.is_some() => {
            return match provider.query_refund(&refund_query(app, refund).await?).await {
                Ok(facts) => Ok(Some(facts)),
                Err(ProviderError::NotKnown(_) | ProviderError::CannotBeAsked(_)) => Ok(None),
                Err(error) => Err(unanswered(provider.name(), &error)),
            };
        }
        Sending::Waits => return Ok(None),
    }
    let asked_before = refund.started_at;
    // A chargeback may have taken a part of it since it was read.
    let refund = require_refund(app, refund.id).await?;
    let account = find_refund_account(&app.db.read, order_id).await?;
    let request = request(app, &refund, account.as_ref(), provider.name()).await?;
    let answer = provider.refund(&RefundRequest { asked_before, ..request }).await;
    if let Err(ProviderError::PayeeDetailsUnusable(_)) = &answer
        && find_refund_account(&app.db.read, order_id).await?.map(|newest| newest.id) != account.map(|used| used.id)
    {
        // The buyer has just given another one: that one is tried.
        return Ok(Some(Vec::new()));
    }
    understand(app, order_id, &refund, provider.as_ref(), answer).await
}

/// Unknown is not failed: the same reference is asked for again.
async fn understand(
    app: &App,
    order_id: OrderId,
    refund: &Model,
    provider: &dyn PaymentProvider,
    answer: Result<Vec<Fact>, ProviderError>,
) -> Result<Option<Vec<Fact>>> {
    let reason = match answer {
        Ok(facts) => return Ok(Some(facts)),
        Err(ProviderError::PayeeDetailsRequired(reason)) => {
            hold(app, order_id, refund, reason, false).await?;
            return Ok(None);
        }
        Err(ProviderError::PayeeDetailsUnusable(reason)) => {
            hold(app, order_id, refund, reason, true).await?;
            return Ok(None);
        }
        Err(ProviderError::Refused(reason) | ProviderError::NotKnown(reason)) => reason,
        Err(error @ (ProviderError::Unknown(_) | ProviderError::Busy(_) | ProviderError::CannotBeAsked(_))) => {
            return Err(unanswered(provider.name(), &error));
        }
    };
    // An earlier request may have been accepted, and its answer lost: only "never heard of it" makes it a failure. Of one that
    // can't be asked its refusal has to do: it would have repeated an earlier answer.
    match provider.query_refund(&refund_query(app, refund).await?).await {
        Ok(facts) => Ok(Some(facts)),
        Err(ProviderError::NotKnown(_) | ProviderError::CannotBeAsked(_)) => {
            let reference = refund.reference.clone();
            Ok(Some(vec![Fact::RefundFailed { reference, provider_reference: None, movement: None, reason }]))
        }
        Err(error) => Err(unanswered(provider.name(), &error)),
    }
}

async fn hold(app: &App, order_id: OrderId, refund: &Model, reason: String, needs_another_account: bool) -> Result<()> {
    let command = Command::HoldRefund { refund_id: refund.id, reason, needs_another_account };
    execute_as_provider(app, order_id, app.clock.now(), &command).await?;
    Ok(())
}

async fn request(
    app: &App,
    refund: &Model,
    account: Option<&refund_account::Model>,
    provider: &str,
) -> Result<RefundRequest> {
    let payment_id = refund.payment_id.ok_or_else(|| Error::internal(format!("{} is of no payment", refund.id)))?;
    let payment = require_payment(&app.db.read, payment_id).await?;
    let payee = match account {
        Some(account) => {
            Some(SecretString::from(app.cipher.decrypt(&account.id.to_string(), &account.encrypted_details)?))
        }
        None => None,
    };
    Ok(RefundRequest {
        reference: refund.reference.clone(),
        payment: payment_query(app, &payment),
        amount: Money::new(refund.balance, refund.currency),
        reason: refund.reason.clone(),
        asked_before: None,
        payee,
        notification_url: app.settings.notification_url(provider),
        others: booked_of_others(app, refund).await?,
    })
}

async fn require_refund(app: &App, id: RefundId) -> Result<Model> {
    Entity::find_by_id(id).one(&app.db.read).await?.ok_or_else(|| Error::internal(format!("{id} is gone")))
}
