//! Facts about payouts: on their way, paid, failed, come back.

use chrono::TimeDelta;
use entity::payout::{ActiveModel, Column, Entity, Model, PayoutStatus};
use entity::{LedgerAccount, MinorUnits, Money, PayoutId, transfer};
use sea_orm::ActiveValue::Set;
use sea_orm::{ActiveModelTrait, ColumnTrait, DatabaseTransaction, EntityTrait, QueryFilter, QueryOrder, QuerySelect};

use super::matching::{Applied, unknown};
use super::query::unanswered;
use crate::app::App;
use crate::error::{Error, Result};
use crate::job::{self, Job};
use crate::ledger::{self, NewTransfer, movement_key};
use provider::{Fact, PaymentProvider, PayoutQuery, ProviderError};

const TRY_AGAIN_AFTER: TimeDelta = TimeDelta::days(1);
const MOST_FAILURES: u64 = 3;

/// Locks a payout of this provider.
async fn lock(transaction: &DatabaseTransaction, provider: &str, reference: &str) -> Result<Option<Model>> {
    let found = Entity::find().filter(Column::Reference.eq(reference)).lock_exclusive().one(transaction).await?;
    Ok(found.filter(|payout| payout.provider == provider))
}

pub(super) async fn pending(
    app: &App,
    provider: &str,
    reference: &str,
    provider_reference: Option<&str>,
) -> Result<Applied> {
    let transaction = app.db.begin_write().await?;
    let Some(payout) = lock(&transaction, provider, reference).await? else { return Ok(unknown("payout", reference)) };
    if payout.status == PayoutStatus::Requested {
        let row = ActiveModel {
            id: Set(payout.id),
            status: Set(PayoutStatus::Pending),
            provider_reference: Set(provider_reference.map(str::to_owned)),
            updated_at: Set(app.clock.now()),
            ..Default::default()
        };
        row.update(&transaction).await?;
    }
    transaction.commit().await?;
    Ok(Applied::Done)
}

/// payout → provider: the money has left. Of one that had failed, as far as we know, supplier → provider: what is owed then is
/// less by that, and may be less than nothing. `movement` is our key of it.
pub(super) async fn paid(
    app: &App,
    provider: &dyn PaymentProvider,
    reference: &str,
    movement: String,
    amount: Money,
) -> Result<Applied> {
    let name = provider.name();
    let Some(found) = find(app, name, reference).await? else { return Ok(unknown("payout", reference)) };
    let is_new = ledger::posted(&app.db.read, &movement).await?.is_empty();
    let had_failed = matches!(found.status, PayoutStatus::Failed | PayoutStatus::Returned);
    // Nobody is asked within a transaction.
    let standing = if had_failed && is_new { stands(app, provider, &found).await? } else { Answer::Unasked };
    let (applied, left) = pay(app, name, Leaving { reference, movement, amount, standing }).await?;
    match left {
        Some(left) if left.0 < 0 && applied == Applied::Done => Ok(paid_twice(&found, left)),
        Some(_) | None => Ok(applied),
    }
}

/// The same by the word of two operators: also of one that is known to have failed, and was owed again.
pub(super) async fn paid_by_word(
    app: &App,
    provider: &str,
    reference: &str,
    movement: String,
    amount: Money,
) -> Result<Applied> {
    let leaving = Leaving { reference, movement, amount, standing: Answer::Paid };
    pay(app, provider, leaving).await.map(|(applied, _left)| applied)
}

/// Money that is stated to have left as a payout.
struct Leaving<'a> {
    reference: &'a str,
    movement: String,
    amount: Money,
    /// What its provider answered, if it was asked because it had failed.
    standing: Answer,
}

/// With what the supplier is owed then, if it was paid after all.
async fn pay(app: &App, provider: &str, leaving: Leaving<'_>) -> Result<(Applied, Option<MinorUnits>)> {
    let Leaving { reference, movement, amount, standing } = leaving;
    let transaction = app.db.begin_write().await?;
    let Some(payout) = lock(&transaction, provider, reference).await? else {
        return Ok((unknown("payout", reference), None));
    };
    let id = payout.id;
    let asked = Money::new(payout.amount, payout.currency);
    if amount != asked {
        return Ok((Applied::NotOurs(format!("{id}: the provider paid {amount}, we asked for {asked}")), None));
    }
    let booked = ledger::posted(&transaction, &movement).await?;
    if !booked.is_empty() {
        let own = [LedgerAccount::Payout(id), owed(&payout)];
        let is_its = booked.iter().all(|row| own.contains(&row.debit) && row.amount == payout.amount);
        let other = Applied::NotOurs(format!("{id}: {movement} is booked already, for another payout"));
        return Ok((if is_its { Applied::Done } else { other }, None));
    }
    let to = LedgerAccount::Provider(provider.to_owned());
    let end = |debit| PayoutEnd {
        status: PayoutStatus::Paid,
        failure: None,
        debit,
        credit: to.clone(),
        cause: "payout.paid",
        movement: Some((movement.clone(), 0)),
    };
    let mut left = None;
    match payout.status {
        PayoutStatus::Requested | PayoutStatus::Pending => {
            finish(app, &transaction, &payout, end(LedgerAccount::Payout(id))).await?;
        }
        PayoutStatus::Paid => return Ok((another(id, &movement), None)),
        // It came back, and what came back was stated to have left: this is that.
        PayoutStatus::Returned if has_left_unnamed(&transaction, &payout).await? => return Ok((Applied::Done, None)),
        // From before it came back, by another name, as far as anybody can say.
        PayoutStatus::Returned if matches!(standing, Answer::CannotBeAsked) => return Ok((Applied::Done, None)),
        PayoutStatus::Returned | PayoutStatus::Failed => match standing {
            // It was paid before it failed: both are booked, and it is owed as before.
            Answer::Failed(returned) => {
                let returned = movement_key(provider, "payout_returned", &returned);
                if !ledger::posted(&transaction, &returned).await?.is_empty() {
                    return Ok((another(id, &movement), None));
                }
                finish(app, &transaction, &payout, end(owed(&payout))).await?;
                let reason = payout.failure.clone().unwrap_or_default();
                let back = Back { movement: returned, amount, reason: &reason };
                book_return(app, &transaction, &payout, back, MinorUnits::ZERO).await?;
            }
            Answer::Paid | Answer::CannotBeAsked => {
                finish(app, &transaction, &payout, end(owed(&payout))).await?;
                left = Some(ledger::balance(&transaction, &owed(&payout), payout.currency).await?);
                tracing::error!(payout = %id, supplier = %payout.supplier_id, %amount, "paid after it had failed");
            }
            Answer::NotKnown => {
                let problem = format!("{id} failed, is stated to have been paid, and its provider knows nothing of it");
                return Ok((Applied::NotOurs(problem), None));
            }
            Answer::Unasked | Answer::Unclear => return Err(changed(id)),
        },
        PayoutStatus::ActionRequired | PayoutStatus::ApprovalRequired => {
            return Ok((
                Applied::NotOurs(format!("{id} is stated to have been paid, but is to be paid by hand")),
                None,
            ));
        }
    }
    transaction.commit().await?;
    Ok((Applied::Done, left))
}

fn another(id: PayoutId, movement: &str) -> Applied {
    Applied::NotOurs(format!("{id} is stated to have been paid by another movement, {movement}"))
}

/// Booked, and to be looked at: the supplier owes it now.
fn paid_twice(payout: &Model, left: MinorUnits) -> Applied {
    let (id, owes) = (payout.id, Money::new(MinorUnits(left.0.saturating_neg()), payout.currency));
    Applied::NotOurs(format!(
        "{id} was paid after it had failed, and its money had been used otherwise: it is booked, and {} owes {owes}",
        payout.supplier_id
    ))
}

fn changed(id: PayoutId) -> Error {
    Error::internal(format!("{id} has just changed: it is looked at once more"))
}

fn owed(payout: &Model) -> LedgerAccount {
    LedgerAccount::Supplier(payout.supplier_id)
}

async fn find(app: &App, provider: &str, reference: &str) -> Result<Option<Model>> {
    let found = Entity::find().filter(Column::Reference.eq(reference)).filter(Column::Provider.eq(provider));
    Ok(found.one(&app.db.read).await?)
}

/// How a provider says that a payout stands.
enum Answer {
    Unasked,
    Paid,
    /// By this movement, if it had been paid.
    Failed(String),
    CannotBeAsked,
    /// It says that there is none: a person has to look.
    NotKnown,
    /// On its way, or nothing that we understand.
    Unclear,
}

/// What contradicts what we know is disorder, a repetition or a change of mind: only the provider can say which.
async fn stands(app: &App, provider: &dyn PaymentProvider, payout: &Model) -> Result<Answer> {
    let Some(payouts) = provider.payouts() else { return Ok(Answer::CannotBeAsked) };
    let query = PayoutQuery {
        reference: payout.reference.clone(),
        provider_reference: payout.provider_reference.clone(),
        amount: Money::new(payout.amount, payout.currency),
    };
    let facts = match payouts.query_payout(&query).await {
        Ok(facts) => facts,
        Err(ProviderError::CannotBeAsked(_)) => return Ok(Answer::CannotBeAsked),
        Err(ProviderError::NotKnown(_)) => return Ok(Answer::NotKnown),
        Err(error) => return Err(unanswered(provider.name(), &error)),
    };
    tracing::warn!(payout = %payout.id, at = %app.clock.now(), ?facts, "asked about a payout because it is stated to stand in two ways");
    let failed = facts.iter().find_map(|fact| {
        if let Fact::PayoutReturned { movement, .. } = fact {
            Some(movement.clone())
        } else if let Fact::PayoutFailed { movement, reference, .. } = fact {
            Some(movement.clone().unwrap_or_else(|| reference.clone()))
        } else {
            None
        }
    });
    Ok(match failed {
        Some(movement) => Answer::Failed(movement),
        None if facts.iter().any(|fact| matches!(fact, Fact::PayoutPaid { .. })) => Answer::Paid,
        None => Answer::Unclear,
    })
}

/// It came back before we heard that it had left: that was booked without the name of its movement.
async fn has_left_unnamed(transaction: &DatabaseTransaction, payout: &Model) -> Result<bool> {
    let left = transfer::Entity::find()
        .filter(transfer::Column::Debit.eq(LedgerAccount::Payout(payout.id)))
        .filter(transfer::Column::Credit.eq(LedgerAccount::Provider(payout.provider.clone())))
        .filter(transfer::Column::Movement.is_null());
    Ok(left.one(transaction).await?.is_some())
}

/// payout → supplier: it is owed again. Of one that was paid, provider → supplier, as [`returned`].
pub(super) async fn failed(
    app: &App,
    provider: &dyn PaymentProvider,
    reference: &str,
    movement: Option<&str>,
    reason: &str,
) -> Result<Applied> {
    let Some(found) = find(app, provider.name(), reference).await? else { return Ok(unknown("payout", reference)) };
    let standing = match (found.status, movement) {
        (PayoutStatus::Paid, movement) => match stands(app, provider, &found).await? {
            // The money that comes back has a name of its own, if there is any.
            Answer::CannotBeAsked => movement.map_or(Answer::CannotBeAsked, |id| Answer::Failed(id.to_owned())),
            answered @ (Answer::Unasked | Answer::Paid | Answer::Failed(_) | Answer::NotKnown | Answer::Unclear) => {
                answered
            }
        },
        (_not_paid, _) => Answer::Unasked,
    };
    fail(app, provider.name(), reference, standing, reason).await
}

/// The same by the word of two operators, of one that was not paid.
pub(super) async fn failed_by_word(app: &App, provider: &str, reference: &str, reason: &str) -> Result<Applied> {
    fail(app, provider, reference, Answer::CannotBeAsked, reason).await
}

async fn fail(app: &App, provider: &str, reference: &str, standing: Answer, reason: &str) -> Result<Applied> {
    let transaction = app.db.begin_write().await?;
    let Some(payout) = lock(&transaction, provider, reference).await? else { return Ok(unknown("payout", reference)) };
    let id = payout.id;
    match payout.status {
        PayoutStatus::Requested | PayoutStatus::Pending => {
            let end = PayoutEnd {
                status: PayoutStatus::Failed,
                failure: Some(reason.to_owned()),
                debit: LedgerAccount::Payout(id),
                credit: owed(&payout),
                cause: "payout.failed",
                movement: None,
            };
            finish(app, &transaction, &payout, end).await?;
            tracing::error!(payout = %id, supplier = %payout.supplier_id, reason, "a payout failed");
            if !keeps_failing(&transaction, &payout).await? {
                let again = Job::RequestPayout { supplier_id: payout.supplier_id, currency: payout.currency };
                job::enqueue(&transaction, &app.clock, &again, app.clock.now() + TRY_AGAIN_AFTER).await?;
            }
        }
        PayoutStatus::Failed
        | PayoutStatus::Returned
        | PayoutStatus::ActionRequired
        | PayoutStatus::ApprovalRequired => return Ok(Applied::Done),
        PayoutStatus::Paid => match standing {
            Answer::Failed(movement) => {
                let movement = movement_key(provider, "payout_returned", &movement);
                let amount = Money::new(payout.amount, payout.currency);
                let back = Back { movement, amount, reason };
                book_return(app, &transaction, &payout, back, MinorUnits::ZERO).await?;
            }
            // From before it was paid.
            Answer::Paid => return Ok(Applied::Done),
            Answer::CannotBeAsked | Answer::NotKnown => {
                return Ok(Applied::NotOurs(format!("{id} failed after it had been paid: {reason}")));
            }
            Answer::Unasked | Answer::Unclear => return Err(changed(id)),
        },
    }
    transaction.commit().await?;
    Ok(Applied::Done)
}

/// What came back of a payout.
pub(super) struct Back<'a> {
    /// Our key of it.
    pub(super) movement: String,
    pub(super) amount: Money,
    pub(super) reason: &'a str,
}

/// provider → supplier: it came back, and is owed again. It waits for another account, or for an operator's word
/// (`verifySupplier`): the bank has said that it can't be paid there. Banks on the way may have kept a part: what came is
/// booked, and the rest is shown as lost, until it comes as well or an operator says that we bear it.
pub(super) async fn returned(app: &App, provider: &str, reference: &str, back: Back<'_>) -> Result<Applied> {
    come_back(app, provider, reference, back, false).await
}

/// The same by the word of two operators: also a further part of one that had come back.
pub(super) async fn returned_by_word(
    app: &App,
    provider: &str,
    reference: &str,
    movement: String,
    amount: Money,
    reason: &str,
) -> Result<Applied> {
    come_back(app, provider, reference, Back { movement, amount, reason }, true).await
}

async fn come_back(app: &App, provider: &str, reference: &str, back: Back<'_>, by_word: bool) -> Result<Applied> {
    let transaction = app.db.begin_write().await?;
    let Some(payout) = lock(&transaction, provider, reference).await? else { return Ok(unknown("payout", reference)) };
    let (id, amount) = (payout.id, back.amount);
    if !ledger::posted(&transaction, &back.movement).await?.is_empty() {
        return Ok(Applied::Done);
    }
    let missing = match payout.status {
        PayoutStatus::Returned if payout.lost.is_positive() && by_word => payout.lost,
        PayoutStatus::Returned if payout.lost.is_positive() && payout.lost >= amount.amount => {
            return Ok(Applied::NotOurs(format!(
                "{id}: it came back before, and now {amount} more are stated to have"
            )));
        }
        // The same by another name.
        PayoutStatus::Returned => return Ok(Applied::Done),
        PayoutStatus::Requested | PayoutStatus::Pending | PayoutStatus::Paid => payout.amount,
        PayoutStatus::Failed | PayoutStatus::ActionRequired | PayoutStatus::ApprovalRequired => {
            return Ok(Applied::NotOurs(format!("{id} is said to have come back, but it had not been sent")));
        }
    };
    let lost = missing.checked_sub(amount.amount).filter(|lost| *lost >= MinorUnits::ZERO);
    let Some(lost) = lost.filter(|_| amount.currency == payout.currency && amount.amount.is_positive()) else {
        let sent = Money::new(missing, payout.currency);
        return Ok(Applied::NotOurs(format!("{id}: {amount} is said to have come back of {sent}")));
    };
    if matches!(payout.status, PayoutStatus::Requested | PayoutStatus::Pending) {
        // That it was sent is still on its way to us.
        let end = PayoutEnd {
            status: PayoutStatus::Paid,
            failure: None,
            debit: LedgerAccount::Payout(id),
            credit: LedgerAccount::Provider(provider.to_owned()),
            cause: "payout.paid",
            movement: None,
        };
        finish(app, &transaction, &payout, end).await?;
    }
    book_return(app, &transaction, &payout, back, lost).await?;
    transaction.commit().await?;
    Ok(Applied::Done)
}

async fn book_return(
    app: &App,
    transaction: &DatabaseTransaction,
    payout: &Model,
    back: Back<'_>,
    lost: MinorUnits,
) -> Result<()> {
    let Back { movement, amount, reason } = back;
    let now = app.clock.now();
    let row = ActiveModel {
        id: Set(payout.id),
        status: Set(PayoutStatus::Returned),
        lost: Set(lost),
        failure: Set(Some(reason.to_owned())),
        updated_at: Set(now),
        ..Default::default()
    };
    row.update(transaction).await?;
    let transfer = NewTransfer {
        debit: LedgerAccount::Provider(payout.provider.clone()),
        credit: owed(payout),
        amount,
        cause: "payout.returned",
        order_id: None,
        movement: Some((movement, 0)),
    };
    ledger::post(transaction, &app.clock, now, vec![transfer]).await?;
    tracing::error!(payout = %payout.id, supplier = %payout.supplier_id, reason, %amount, "a payout came back");
    Ok(())
}

/// Three failures in a row to one account are no accident: the money waits for another account.
async fn keeps_failing(transaction: &DatabaseTransaction, payout: &Model) -> Result<bool> {
    let latest = Entity::find()
        .filter(Column::PayoutAccountId.eq(payout.payout_account_id))
        .order_by_desc(Column::Id)
        .limit(MOST_FAILURES)
        .all(transaction)
        .await?;
    let failures = latest.iter().filter(|row| row.status == PayoutStatus::Failed).count();
    Ok(u64::try_from(failures).is_ok_and(|failures| failures >= MOST_FAILURES))
}

/// How a payout ends, and where its money goes then.
struct PayoutEnd {
    status: PayoutStatus,
    failure: Option<String>,
    /// Where its money is.
    debit: LedgerAccount,
    credit: LedgerAccount,
    cause: &'static str,
    movement: Option<(String, i32)>,
}

async fn finish(app: &App, transaction: &DatabaseTransaction, payout: &Model, end: PayoutEnd) -> Result<()> {
    let now = app.clock.now();
    let row = ActiveModel {
        id: Set(payout.id),
        status: Set(end.status),
        balance: Set(MinorUnits::ZERO),
        failure: Set(end.failure),
        updated_at: Set(now),
        ..Default::default()
    };
    row.update(transaction).await?;
    let transfer = NewTransfer {
        debit: end.debit,
        credit: end.credit,
        amount: Money::new(payout.amount, payout.currency),
        cause: end.cause,
        order_id: None,
        movement: end.movement,
    };
    ledger::post(transaction, &app.clock, now, vec![transfer]).await
}
