//! Where a supplier is paid. The details are encrypted under the row's own id; only the mask is ever shown.
//!
//! The first account counts at once. A changed one counts [`HOURS_UNTIL_ACTIVE`] later, and not at all if yet another
//! one was set meanwhile: whoever gets hold of a supplier's credential can't divert money before the supplier can set
//! it right.

use chrono::TimeDelta;
use entity::payout_account::{ActiveModel, Column, Entity, Model};
use entity::{PayoutAccountId, SupplierId, Time};
use futures_util::future::BoxFuture;
use sea_orm::{ActiveValue::Set, ColumnTrait, ConnectionTrait, EntityTrait, QueryFilter, QueryOrder};

use super::supplier;
use crate::app::App;
use crate::auth::Viewer;
use crate::bank_account::{self, BankAccountInput};
use crate::db;
use crate::error::{Error, Result};
use crate::idempotency::IdempotencyKey;
use crate::validate::Checks;
use entity::BankAccount;

/// Three days, so that a change made on a Friday evening can still be noticed on Monday. Business time.
pub const HOURS_UNTIL_ACTIVE: i64 = 72;

/// Sets where the viewer, a supplier, is paid. With a key: once.
pub fn set_payout_account<'a>(
    app: &'a App,
    viewer: Viewer,
    idempotency_key: Option<&'a IdempotencyKey>,
    input: &'a BankAccountInput,
) -> BoxFuture<'a, Result<Model>> {
    Box::pin(async move {
        let supplier_id = viewer.require_supplier()?;
        let mut checks = Checks::input();
        let details = bank_account::check(&mut checks, input);
        IdempotencyKey::check_in(idempotency_key, &mut checks);
        checks.finish()?;
        let now = app.clock.now();
        let account = db::retrying(|| async {
            let tx = app.db.begin_write().await?;
            // Two first accounts at once: the second one is a change of the first.
            supplier::require_locked(&tx, supplier_id).await?;
            if let Some(idempotency_key) = idempotency_key
                && let Some(made) = idempotency_key.find(&tx).await?
            {
                let id = made.parse::<PayoutAccountId>().ok();
                let found = Entity::find().filter(Column::Id.eq(id)).one(&tx).await?;
                return found.ok_or_else(|| Error::internal("a key's result is no payout account"));
            }
            let is_first = Entity::find().filter(Column::SupplierId.eq(supplier_id)).one(&tx).await?.is_none();
            let wait = if is_first { TimeDelta::zero() } else { TimeDelta::hours(HOURS_UNTIL_ACTIVE) };
            let account = sealed(app, PayoutAccountId(app.clock.new_id()), supplier_id, &details, now, now + wait)?;
            Entity::insert(active(&account)).exec_without_returning(&tx).await?;
            if let Some(idempotency_key) = idempotency_key {
                idempotency_key.record(&tx, &app.clock, account.id.to_string()).await?;
            }
            supplier::payouts_possible_from(&tx, &app.clock, supplier_id, account.active_from).await?;
            tx.commit().await?;
            Ok(account)
        })
        .await?;
        app.wake_worker();
        Ok(account)
    })
}

/// What money is sent to.
pub fn decrypt_payout_account(app: &App, account: &Model) -> Result<BankAccount> {
    bank_account::decrypt(&app.cipher, &account.id.to_string(), &account.encrypted_details)
}

/// The row of these details.
pub(crate) fn sealed(
    app: &App,
    id: PayoutAccountId,
    supplier_id: SupplierId,
    details: &BankAccount,
    created_at: Time,
    active_from: Time,
) -> Result<Model> {
    let encrypted_details = bank_account::encrypt(details, &app.cipher, &app.clock, &id.to_string())?;
    Ok(Model { id, supplier_id, encrypted_details, mask: details.mask(), active_from, created_at })
}

pub(crate) fn active(row: &Model) -> ActiveModel {
    ActiveModel {
        id: Set(row.id),
        supplier_id: Set(row.supplier_id),
        encrypted_details: Set(row.encrypted_details.clone()),
        mask: Set(row.mask.clone()),
        active_from: Set(row.active_from),
        created_at: Set(row.created_at),
    }
}

/// The account that money goes to now, if there is one. For the one that pays out: no viewer.
pub async fn find_active_payout_account<C: ConnectionTrait>(
    db: &C,
    supplier_id: SupplierId,
    now: Time,
) -> Result<Option<Model>> {
    let newest_first = of_supplier(db, supplier_id).await?;
    let mut set_next: Option<Time> = None;
    for account in newest_first {
        let overtaken = set_next.is_some_and(|next| next < account.active_from);
        if account.active_from <= now && !overtaken {
            return Ok(Some(account));
        }
        set_next = Some(account.created_at);
    }
    Ok(None)
}

/// All accounts of the viewer, a supplier; newest first.
pub async fn find_payout_accounts<C: ConnectionTrait>(db: &C, viewer: Viewer) -> Result<Vec<Model>> {
    of_supplier(db, viewer.require_supplier()?).await
}

async fn of_supplier<C: ConnectionTrait>(db: &C, supplier_id: SupplierId) -> Result<Vec<Model>> {
    Ok(Entity::find().filter(Column::SupplierId.eq(supplier_id)).order_by_desc(Column::Id).all(db).await?)
}
