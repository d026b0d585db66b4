//! Facts about refunds: on their way, arrived, failed, come back.

use entity::refund::RefundStatus;
use entity::{ChargebackId, LedgerAccount, Money, PaymentId, Time, payment, refund, refund_attempt};
use sea_orm::ActiveValue::Set;
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter};

use super::matching::{Applied, find_refund, unknown};
use super::query::{amount_sent, refund_query, unanswered};
use crate::app::App;
use crate::db::retrying;
use crate::error::Result;
use crate::ledger::{self, movement_key};
use crate::order::execute_as_provider;
use escrow::calendar::after_business_days;
use escrow::{ChargebackStage, ClaimCause, Command};
use provider::{Fact, PaymentProvider, ProviderError};

/// The provider has the refund. States only move forward: one that is settled stays settled.
pub(super) async fn pending(
    app: &App,
    provider: &dyn PaymentProvider,
    reference: &str,
    provider_reference: Option<&str>,
) -> Result<Applied> {
    let found = find_refund(app, provider, reference, provider_reference).await?;
    let Some(refund) = found.filter(|refund| refund.provider == provider.name()) else {
        return Ok(unknown("refund", reference));
    };
    if is_earlier_attempt(app, &refund, reference).await? {
        // An attempt that was given up says nothing of the one that is on its way.
        return Ok(Applied::Done);
    }
    let days = match refund.payment_id {
        Some(id) => {
            payment::Entity::find_by_id(id).one(&app.db.read).await?.and_then(|payment| provider.terms(payment.method))
        }
        None => None,
    };
    let now = app.clock.now();
    let expected_by: Option<Time> =
        days.map(|terms| after_business_days(now, terms.refund_days.1, &app.settings.holidays));
    let transaction = app.db.begin_write().await?;
    let row = refund::ActiveModel {
        status: Set(RefundStatus::Pending),
        provider_reference: provider_reference.map_or(sea_orm::ActiveValue::NotSet, |id| Set(Some(id.to_owned()))),
        expected_by: expected_by.map_or(sea_orm::ActiveValue::NotSet, |at| Set(Some(at))),
        updated_at: Set(now),
        ..Default::default()
    };
    refund::Entity::update_many()
        .set(row)
        .filter(refund::Column::Id.eq(refund.id))
        .filter(refund::Column::Status.eq(RefundStatus::Requested))
        .exec(&transaction)
        .await?;
    transaction.commit().await?;
    Ok(Applied::Done)
}

/// Which refund a fact is about.
#[derive(Clone, Copy)]
pub(super) struct Named<'a> {
    /// Ours, as the provider repeats it.
    pub(super) reference: &'a str,
    /// The provider's own.
    pub(super) provider_reference: Option<&'a str>,
}

async fn find(app: &App, provider: &dyn PaymentProvider, named: Named<'_>) -> Result<Option<refund::Model>> {
    find_refund(app, provider, named.reference, named.provider_reference).await
}

pub(super) async fn succeeded(
    app: &App,
    provider: &dyn PaymentProvider,
    named: Named<'_>,
    movement: &str,
    amount: Money,
    heard_at: Time,
) -> Result<Applied> {
    let Some(refund) = find(app, provider, named).await? else {
        return Ok(unknown("refund", named.reference));
    };
    let key = movement_key(provider.name(), "refund", movement);
    if let Some(applied) = of_earlier_attempt(app, &refund, named.reference, &key).await? {
        return Ok(applied);
    }
    settle(app, provider, &refund, movement, amount, heard_at).await
}

async fn settle(
    app: &App,
    provider: &dyn PaymentProvider,
    refund: &refund::Model,
    movement: &str,
    amount: Money,
    heard_at: Time,
) -> Result<Applied> {
    let asked = amount_sent(refund);
    if amount != asked {
        return Ok(Applied::NotOurs(format!("{}: the provider refunded {amount}, we asked for {asked}", refund.id)));
    }
    let is_otherwise = refund.provider != provider.name();
    let movement = movement_key(provider.name(), "refund", movement);
    let contradicts = is_otherwise
        || matches!(
            refund.status,
            RefundStatus::ActionRequired | RefundStatus::ApprovalRequired | RefundStatus::PayeeDetailsRequired
        );
    if contradicts {
        let standing = stands(app, provider, refund, |fact| matches!(fact, Fact::RefundSucceeded { .. })).await?;
        let is_outdated = match standing {
            Some(stands) => !stands,
            // It was sent once, and came back: this fact is of that one time, by another way or late.
            None => {
                let (from, to) =
                    (LedgerAccount::Refund(refund.id), LedgerAccount::Provider(provider.name().to_owned()));
                ledger::has_moved(&app.db.read, &from, &to).await?
            }
        };
        if is_outdated {
            // From before the failure that we know of already.
            return Ok(Applied::Done);
        }
        let booked = ledger::posted(&app.db.read, &movement).await?;
        if is_otherwise && !booked.is_empty() {
            return Ok(Applied::Done);
        }
        if !booked.is_empty() {
            return Ok(Applied::NotOurs(format!("{}: sent a second time by the same movement", refund.id)));
        }
    }
    if is_otherwise {
        return match refund.payment_id {
            Some(payment_id) => {
                let twice = SentAgain { refund, payment_id, amount, movement };
                refund_command(app, refund, &twice.command(app), heard_at).await
            }
            None => Ok(Applied::NotOurs(format!("{} belongs to no order, and is settled by hand", refund.id))),
        };
    }
    let command = Command::SettleRefund { refund_id: refund.id, amount, movement, confirmed: contradicts };
    refund_command(app, refund, &command, heard_at).await
}

/// A refund that left a second time, when it was being sent otherwise.
pub(super) struct SentAgain<'a> {
    pub(super) refund: &'a refund::Model,
    pub(super) payment_id: PaymentId,
    pub(super) amount: Money,
    /// Our key of it.
    pub(super) movement: String,
}

impl SentAgain<'_> {
    /// Out of nobody's money: a loss, and an alarm.
    pub(super) fn command(&self, app: &App) -> Command {
        tracing::error!(refund = %self.refund.id, amount = %self.amount, "a refund was sent twice");
        Command::Chargeback {
            chargeback_id: ChargebackId(app.clock.new_id()),
            payment_id: self.payment_id,
            reference: format!("refund_sent_again:{}", self.movement),
            amount: Some(self.amount),
            cause: ClaimCause::RefundSentAgain { refund_id: self.refund.id },
            stage: ChargebackStage::Debited { movement: self.movement.clone() },
            reason: "the provider sent a refund after all, when it was being sent otherwise".to_owned(),
        }
    }
}

pub(super) async fn failed(
    app: &App,
    provider: &dyn PaymentProvider,
    named: Named<'_>,
    movement: Option<String>,
    reason: String,
    heard_at: Time,
) -> Result<Applied> {
    let Some(refund) = find(app, provider, named).await? else {
        return Ok(unknown("refund", named.reference));
    };
    if refund.provider != provider.name() {
        // It is paid by hand, because it had failed.
        return Ok(Applied::Done);
    }
    if is_earlier_attempt(app, &refund, named.reference).await? {
        return Ok(match movement {
            None => Applied::Done,
            Some(_) => came_back_earlier(&refund),
        });
    }
    fail(app, provider, &refund, Failure { movement, amount: None, reason }, heard_at).await
}

/// That a refund did not go through, or came back.
pub(super) struct Failure {
    /// By which the money came back.
    pub(super) movement: Option<String>,
    /// All of it, if it is not stated.
    pub(super) amount: Option<Money>,
    pub(super) reason: String,
}

pub(super) async fn fail(
    app: &App,
    provider: &dyn PaymentProvider,
    refund: &refund::Model,
    failure: Failure,
    heard_at: Time,
) -> Result<Applied> {
    let Failure { movement, amount, reason } = failure;
    let contradicts = refund.status == RefundStatus::Succeeded;
    if contradicts {
        if movement.is_none() {
            return Ok(Applied::NotOurs(format!(
                "{}: said to have failed after it was sent, without money coming back",
                refund.id
            )));
        }
        let standing = stands(app, provider, refund, |fact| matches!(fact, Fact::RefundFailed { .. })).await?;
        if standing == Some(false) {
            // From before the success that we know of already.
            return Ok(Applied::Done);
        }
    }
    let movement = movement.unwrap_or_else(|| refund.reference.clone());
    let movement = movement_key(provider.name(), "refund_failed", &movement);
    let amount = amount.unwrap_or_else(|| amount_sent(refund));
    let command = Command::FailRefund { refund_id: refund.id, amount, movement, reason, confirmed: contradicts };
    refund_command(app, refund, &command, heard_at).await
}

/// What came back, of a refund that had been sent.
pub(super) struct Returned<'a> {
    pub(super) named: Named<'a>,
    pub(super) movement: String,
    pub(super) amount: Money,
    pub(super) reason: String,
}

/// What comes back had left: where that is still on its way to us, this states it too. Banks on the way may have kept a part:
/// what came is booked, and the rest is shown as lost, until it comes as well or an operator says that we bear it.
pub(super) async fn returned(
    app: &App,
    provider: &dyn PaymentProvider,
    returned: Returned<'_>,
    heard_at: Time,
) -> Result<Applied> {
    let Returned { named, movement, amount, reason } = returned;
    let found = find(app, provider, named).await?;
    let Some(refund) = found.filter(|refund| refund.provider == provider.name()) else {
        return Ok(unknown("refund", named.reference));
    };
    let key = movement_key(provider.name(), "refund_failed", &movement);
    if !ledger::posted(&app.db.read, &key).await?.is_empty() {
        return Ok(Applied::Done);
    }
    if is_earlier_attempt(app, &refund, named.reference).await? {
        return Ok(came_back_earlier(&refund));
    }
    let sent = amount_sent(&refund);
    let is_part = amount.currency == sent.currency && amount.amount.is_positive() && amount.amount <= sent.amount;
    if !is_part {
        return Ok(Applied::NotOurs(format!("{}: {amount} is said to have come back of {sent}", refund.id)));
    }
    if refund.lost.is_positive() && refund.status != RefundStatus::Succeeded && amount.amount <= refund.lost {
        return Ok(Applied::NotOurs(format!(
            "{}: it came back before, and now {amount} more are said to have",
            refund.id
        )));
    }
    let left = format!("{movement}:sent");
    let settled = match refund.status {
        // That it was sent is known.
        RefundStatus::Succeeded => Applied::Done,
        RefundStatus::Requested
        | RefundStatus::Pending
        | RefundStatus::PayeeDetailsRequired
        | RefundStatus::ActionRequired
        | RefundStatus::ApprovalRequired
        | RefundStatus::ChargedBack => settle(app, provider, &refund, &left, sent, heard_at).await?,
    };
    match settled {
        Applied::Done => {
            let refund = find(app, provider, named).await?.unwrap_or(refund);
            fail(app, provider, &refund, Failure { movement: Some(movement), amount: Some(amount), reason }, heard_at)
                .await
        }
        misfit @ (Applied::NotOurs(_) | Applied::NotYet(_)) => Ok(misfit),
    }
}

/// The same by the word of two operators: nobody is asked, and it may be a further part of what had come back. `movement` is
/// our key of it.
pub(super) async fn came_back(
    app: &App,
    refund: &refund::Model,
    amount: Money,
    movement: String,
    reason: String,
    heard_at: Time,
) -> Result<Applied> {
    let refund_id = refund.id;
    let command = match refund.status {
        RefundStatus::ActionRequired
        | RefundStatus::ApprovalRequired
        | RefundStatus::PayeeDetailsRequired
        | RefundStatus::ChargedBack => Command::ReturnRestOfRefund { refund_id, amount, movement },
        RefundStatus::Requested | RefundStatus::Pending => {
            let left = format!("{movement}:sent");
            let whole = amount_sent(refund);
            let sent = Command::SettleRefund { refund_id, amount: whole, movement: left, confirmed: true };
            let settled = refund_command(app, refund, &sent, heard_at).await?;
            if settled != Applied::Done {
                return Ok(settled);
            }
            Command::FailRefund { refund_id, amount, movement, reason, confirmed: true }
        }
        RefundStatus::Succeeded => Command::FailRefund { refund_id, amount, movement, reason, confirmed: true },
    };
    refund_command(app, refund, &command, heard_at).await
}

/// A refund that was asked for once more: what is said of the earlier attempt by this movement, unless it has to settle the
/// refund, because the new one has not been sent yet.
async fn of_earlier_attempt(
    app: &App,
    refund: &refund::Model,
    reference: &str,
    movement: &str,
) -> Result<Option<Applied>> {
    if !ledger::posted(&app.db.read, movement).await?.is_empty() {
        return Ok(None);
    }
    let is_earlier = is_earlier_attempt(app, refund, reference).await?;
    let has_earlier = is_earlier || is_sent_again(app, refund).await?;
    let is_sent = refund.started_at.is_some() && refund.status != RefundStatus::ActionRequired;
    let twice = match refund.status {
        RefundStatus::Succeeded => has_earlier,
        RefundStatus::Requested
        | RefundStatus::Pending
        | RefundStatus::PayeeDetailsRequired
        | RefundStatus::ActionRequired
        | RefundStatus::ApprovalRequired
        | RefundStatus::ChargedBack => is_earlier && is_sent,
    };
    Ok(twice
        .then(|| Applied::NotOurs(format!("{}: another attempt of it is said to have been sent as well", refund.id))))
}

/// Whether this is what the refund was called when it was asked for before.
async fn is_earlier_attempt(app: &App, refund: &refund::Model, reference: &str) -> Result<bool> {
    if refund.reference == reference {
        return Ok(false);
    }
    let attempt = refund_attempt::Entity::find_by_id(reference.to_owned()).one(&app.db.read).await?;
    Ok(attempt.is_some_and(|attempt| attempt.refund_id == refund.id))
}

fn came_back_earlier(refund: &refund::Model) -> Applied {
    Applied::NotOurs(format!("{}: money of an earlier attempt is said to have come back", refund.id))
}

async fn is_sent_again(app: &App, refund: &refund::Model) -> Result<bool> {
    let attempts = refund_attempt::Entity::find().filter(refund_attempt::Column::RefundId.eq(refund.id));
    Ok(attempts.one(&app.db.read).await?.is_some())
}

/// What its provider calls the refund: a later fact may name it by that only.
pub(super) async fn name(app: &App, provider: &dyn PaymentProvider, reference: &str, id: &str) -> Result<()> {
    let Some(refund) = find_refund(app, provider, reference, Some(id)).await? else { return Ok(()) };
    if refund.provider_reference.is_some() {
        return Ok(());
    }
    retrying(|| async {
        let transaction = app.db.begin_write().await?;
        let row = refund::ActiveModel { provider_reference: Set(Some(id.to_owned())), ..Default::default() };
        refund::Entity::update_many()
            .set(row)
            .filter(refund::Column::Id.eq(refund.id))
            .filter(refund::Column::ProviderReference.is_null())
            .exec(&transaction)
            .await?;
        transaction.commit().await?;
        Ok(())
    })
    .await
}

/// A fact that contradicts what we know: disorder, a repetition, or a change of mind? Only the provider can say how it stands;
/// None if it can't be asked.
async fn stands(
    app: &App,
    provider: &dyn PaymentProvider,
    refund: &refund::Model,
    so: impl Fn(&Fact) -> bool,
) -> Result<Option<bool>> {
    let facts = match provider.query_refund(&refund_query(app, refund).await?).await {
        Ok(facts) => facts,
        Err(ProviderError::CannotBeAsked(_)) => return Ok(None),
        Err(error) => return Err(unanswered(provider.name(), &error)),
    };
    tracing::warn!(refund = %refund.id, at = %app.clock.now(), ?facts, "asked about a refund because its news contradict each other");
    Ok(Some(facts.iter().any(so)))
}

pub(super) async fn refund_command(
    app: &App,
    refund: &refund::Model,
    command: &Command,
    heard_at: Time,
) -> Result<Applied> {
    match refund.order_id {
        Some(order_id) => {
            execute_as_provider(app, order_id, heard_at, command).await?;
            Ok(Applied::Done)
        }
        None => Ok(Applied::NotOurs(format!("{} belongs to no order, and is settled by hand", refund.id))),
    }
}
