//! Facts about refunds: on their way, arrived, failed, come back.

use entity::refund::RefundStatus;
use entity::{LedgerAccount, Money, Time, payment, refund};
use sea_orm::ActiveValue::Set;
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter};

use super::matching::{Applied, find_refund, unknown};
use super::query::{amount_sent, refund_query, unanswered};
use crate::app::App;
use crate::db::retrying;
use crate::error::Result;
use crate::ledger::{self, movement_key};
use crate::order::execute_as_provider;
use escrow::Command;
use escrow::calendar::after_business_days;
use provider::{Fact, PaymentProvider, ProviderError};

/// The provider has the refund. States only move forward: one that is settled stays settled.
pub(super) async fn pending(
    app: &App,
    provider: &dyn PaymentProvider,
    reference: &str,
    provider_reference: Option<&str>,
) -> Result<Applied> {
    let Some(refund) = find_refund(app, provider, reference).await? else { return Ok(unknown("refund", reference)) };
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

pub(super) async fn succeeded(
    app: &App,
    provider: &dyn PaymentProvider,
    reference: &str,
    movement: &str,
    amount: Money,
    heard_at: Time,
) -> Result<Applied> {
    let Some(refund) = find_refund(app, provider, reference).await? else {
        return Ok(unknown("refund", reference));
    };
    let asked = amount_sent(&refund);
    if amount != asked {
        return Ok(Applied::NotOurs(format!("{}: the provider refunded {amount}, we asked for {asked}", refund.id)));
    }
    let movement = movement_key(provider.name(), "refund", movement);
    let contradicts = matches!(
        refund.status,
        RefundStatus::ActionRequired | RefundStatus::ApprovalRequired | RefundStatus::PayeeDetailsRequired
    );
    if contradicts {
        let standing = stands(app, provider, &refund, |fact| matches!(fact, Fact::RefundSucceeded { .. })).await?;
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
        if !ledger::posted(&app.db.read, &movement).await?.is_empty() {
            return Ok(Applied::NotOurs(format!("{}: sent a second time by the same movement", refund.id)));
        }
    }
    let command = Command::SettleRefund { refund_id: refund.id, amount, movement, confirmed: contradicts };
    refund_command(app, &refund, &command, heard_at).await
}

pub(super) async fn failed(
    app: &App,
    provider: &dyn PaymentProvider,
    reference: &str,
    movement: Option<String>,
    reason: String,
    heard_at: Time,
) -> Result<Applied> {
    fail(app, provider, reference, (movement, None), reason, heard_at).await
}

/// The amount is what came back; all of it, unless it is said.
async fn fail(
    app: &App,
    provider: &dyn PaymentProvider,
    reference: &str,
    (movement, amount): (Option<String>, Option<Money>),
    reason: String,
    heard_at: Time,
) -> Result<Applied> {
    let Some(refund) = find_refund(app, provider, reference).await? else {
        return Ok(unknown("refund", reference));
    };
    let contradicts = refund.status == RefundStatus::Succeeded;
    if contradicts {
        if movement.is_none() {
            return Ok(Applied::NotOurs(format!(
                "{}: said to have failed after it was sent, without money coming back",
                refund.id
            )));
        }
        let standing = stands(app, provider, &refund, |fact| matches!(fact, Fact::RefundFailed { .. })).await?;
        if standing == Some(false) {
            // From before the success that we know of already.
            return Ok(Applied::Done);
        }
    }
    let movement = movement_key(provider.name(), "refund_failed", &movement.unwrap_or_else(|| reference.to_owned()));
    let amount = amount.unwrap_or_else(|| amount_sent(&refund));
    let command = Command::FailRefund { refund_id: refund.id, amount, movement, reason, confirmed: contradicts };
    refund_command(app, &refund, &command, heard_at).await
}

/// What comes back had left: where that is still on its way to us, this states it too. Banks on the way may have kept a part:
/// what came is booked, and the rest is shown as lost, until it comes as well or an operator says that we bear it.
pub(super) async fn returned(
    app: &App,
    provider: &dyn PaymentProvider,
    reference: &str,
    movement: String,
    amount: Money,
    reason: String,
    heard_at: Time,
) -> Result<Applied> {
    let Some(refund) = find_refund(app, provider, reference).await? else {
        return Ok(unknown("refund", reference));
    };
    let key = movement_key(provider.name(), "refund_failed", &movement);
    if !ledger::posted(&app.db.read, &key).await?.is_empty() {
        return Ok(Applied::Done);
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
    match succeeded(app, provider, reference, &left, sent, heard_at).await? {
        Applied::Done => fail(app, provider, reference, (Some(movement), Some(amount)), reason, heard_at).await,
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

/// What its provider calls the refund: a later fact may name it by that only.
pub(super) async fn name(app: &App, provider: &dyn PaymentProvider, reference: &str, id: &str) -> Result<()> {
    let Some(refund) = find_refund(app, provider, reference).await? else { return Ok(()) };
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
