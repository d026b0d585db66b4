//! The ledger: transfers, the only money there is.
//!
//! A transfer debits one account and credits another, so the books balance by construction; it is never changed, and a
//! correction is a further transfer. What a provider moved carries the provider's id of that movement under a unique key:
//! the same movement is posted once, however often and by whichever way we hear of it.
#![warn(clippy::arithmetic_side_effects)]

use std::collections::BTreeMap;

use entity::transfer::{ActiveModel, Column, Entity, Model};
use entity::{Currency, LedgerAccount, MinorUnits, Money, OrderId, Time, TransferId};
use sea_orm::sea_query::{Alias, Expr, ExprTrait};
use sea_orm::{ActiveValue::Set, ColumnTrait, ConnectionTrait, EntityTrait, QueryFilter, QuerySelect};

use crate::error::{Error, Result};
use ground::clock::Clock;

mod verify;
pub use verify::verify;

#[derive(Clone, Debug)]
pub struct NewTransfer {
    pub debit: LedgerAccount,
    pub credit: LedgerAccount,
    /// More than zero.
    pub amount: Money,
    /// As in the timeline: `payment.captured`, `funds.released` …
    pub cause: &'static str,
    pub order_id: Option<OrderId>,
    /// The provider's movement, and which part of it this is.
    pub movement: Option<(String, i32)>,
}

/// Posts transfers, in the transaction that saves what caused them.
pub async fn post<C: ConnectionTrait>(db: &C, clock: &Clock, at: Time, transfers: Vec<NewTransfer>) -> Result<()> {
    if transfers.is_empty() {
        return Ok(());
    }
    let rows = transfers.into_iter().map(|transfer| {
        let (movement, part) = transfer.movement.map_or((None, 0), |(movement, part)| (Some(movement), part));
        ActiveModel {
            id: Set(TransferId(clock.new_id())),
            debit: Set(transfer.debit),
            credit: Set(transfer.credit),
            amount: Set(transfer.amount.amount),
            currency: Set(transfer.amount.currency),
            cause: Set(transfer.cause.to_owned()),
            order_id: Set(transfer.order_id),
            movement: Set(movement),
            movement_part: Set(part),
            created_at: Set(at),
        }
    });
    Entity::insert_many(rows).exec_without_returning(db).await?;
    Ok(())
}

/// The unique key of a movement of real money.
#[must_use]
pub fn movement_key(provider: &str, kind: &str, id: &str) -> String {
    format!("{provider}:{kind}:{id}")
}

/// What of this movement has been posted. Ask under the lock of whatever it would be posted to.
pub async fn posted<C: ConnectionTrait>(db: &C, movement: &str) -> Result<Vec<Model>> {
    Ok(Entity::find().filter(Column::Movement.eq(movement)).all(db).await?)
}

/// True if this movement is booked already, just so; an error if it was booked as something else.
pub async fn is_posted<C: ConnectionTrait>(
    db: &C,
    movement: &str,
    order_id: Option<OrderId>,
    amount: Money,
) -> Result<bool> {
    let rows = posted(db, movement).await?;
    if rows.is_empty() {
        return Ok(false);
    }
    let sum = rows.iter().try_fold(MinorUnits::ZERO, |sum, row| sum.checked_add(row.amount));
    let same = rows.iter().all(|row| row.order_id == order_id && row.currency == amount.currency)
        && sum == Some(amount.amount);
    if same {
        Ok(true)
    } else {
        Err(Error::Contradiction(format!("{movement} is booked already, for something else than {amount}")))
    }
}

/// Whether anything was ever posted from one of these to the other.
pub async fn has_moved<C: ConnectionTrait>(db: &C, debit: &LedgerAccount, credit: &LedgerAccount) -> Result<bool> {
    let moved = Entity::find().filter(Column::Debit.eq(debit.clone())).filter(Column::Credit.eq(credit.clone()));
    Ok(moved.one(db).await?.is_some())
}

/// Credits less debits.
pub async fn balance<C: ConnectionTrait>(db: &C, account: &LedgerAccount, currency: Currency) -> Result<MinorUnits> {
    // Net in one sum: what has gone through an account in all its life may be more than 64 bits hold.
    let net = Expr::case(Column::Credit.eq(account.clone()), Expr::col(Column::Amount))
        .finally(Expr::col(Column::Amount).mul(-1));
    let total: Option<Option<i64>> = Entity::find()
        .select_only()
        .column_as(Expr::expr(net).sum().cast_as(Alias::new("bigint")), "total")
        .filter(Column::Credit.eq(account.clone()).or(Column::Debit.eq(account.clone())))
        .filter(Column::Currency.eq(currency))
        .into_tuple()
        .one(db)
        .await?;
    Ok(MinorUnits(total.flatten().unwrap_or(0)))
}

/// As [`balance`], in every currency that ever went through the account.
pub async fn balances<C: ConnectionTrait>(db: &C, account: &LedgerAccount) -> Result<Vec<Money>> {
    let net = Expr::case(Column::Credit.eq(account.clone()), Expr::col(Column::Amount))
        .finally(Expr::col(Column::Amount).mul(-1));
    let rows: Vec<(Currency, i64)> = Entity::find()
        .select_only()
        .column(Column::Currency)
        .column_as(Expr::expr(net).sum().cast_as(Alias::new("bigint")), "total")
        .filter(Column::Credit.eq(account.clone()).or(Column::Debit.eq(account.clone())))
        .group_by(Column::Currency)
        .into_tuple()
        .all(db)
        .await?;
    let mut balances: Vec<Money> =
        rows.into_iter().map(|(currency, total)| Money::new(MinorUnits(total), currency)).collect();
    balances.sort_by_key(|balance| balance.currency.code());
    Ok(balances)
}

/// What moved between each pair of accounts because of each order.
pub(crate) async fn flows_of_orders<C: ConnectionTrait>(
    db: &C,
) -> Result<Vec<(OrderId, LedgerAccount, LedgerAccount, i64)>> {
    Ok(Entity::find()
        .select_only()
        .column(Column::OrderId)
        .column(Column::Debit)
        .column(Column::Credit)
        .column_as(Column::Amount.sum().cast_as(Alias::new("bigint")), "total")
        .filter(Column::OrderId.is_not_null())
        .group_by(Column::OrderId)
        .group_by(Column::Debit)
        .group_by(Column::Credit)
        .into_tuple()
        .all(db)
        .await?)
}

/// Every pair of accounts with what moved between them in all: what [`verify()`] works from.
pub(crate) async fn flows<C: ConnectionTrait>(
    db: &C,
) -> Result<BTreeMap<(LedgerAccount, LedgerAccount, Currency), i64>> {
    let rows: Vec<(LedgerAccount, LedgerAccount, Currency, i64)> = Entity::find()
        .select_only()
        .column(Column::Debit)
        .column(Column::Credit)
        .column(Column::Currency)
        .column_as(Column::Amount.sum().cast_as(Alias::new("bigint")), "total")
        .group_by(Column::Debit)
        .group_by(Column::Credit)
        .group_by(Column::Currency)
        .into_tuple()
        .all(db)
        .await?;
    Ok(rows.into_iter().map(|(debit, credit, currency, total)| ((debit, credit, currency), total)).collect())
}
