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
    let amount = amount_sent(&refund);
    let command = Command::FailRefund { refund_id: refund.id, amount, movement, reason, confirmed: contradicts };
    refund_command(app, &refund, &command, heard_at).await
}

/// What comes back had left: where that is still on its way to us, this states it too. All of it, or nothing is booked: banks
/// on the way may have kept a part, and who bears that is for a person to say.
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
    let asked = amount_sent(&refund);
    if amount != asked {
        return Ok(Applied::NotOurs(format!("{}: {amount} is said to have come back of {asked}", refund.id)));
    }
    let left = format!("{movement}:sent");
    match succeeded(app, provider, reference, &left, amount, heard_at).await? {
        Applied::Done => failed(app, provider, reference, Some(movement), reason, heard_at).await,
        misfit @ (Applied::NotOurs(_) | Applied::NotYet(_)) => Ok(misfit),
    }
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

async fn refund_command(app: &App, refund: &refund::Model, command: &Command, heard_at: Time) -> Result<Applied> {
    match refund.order_id {
        Some(order_id) => {
            execute_as_provider(app, order_id, heard_at, command).await?;
            Ok(Applied::Done)
        }
        None => Ok(Applied::NotOurs(format!("{} belongs to no order, and is settled by hand", refund.id))),
    }
}
