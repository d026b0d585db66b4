//! Suppliers: made and verified by an operator.

use entity::search_token::SubjectKind;
use entity::supplier::{Column, Entity, Model};
use entity::{Currency, LedgerAccount, SupplierId, Time, transfer};
use futures_util::future::BoxFuture;
use sea_orm::{
    ActiveModelTrait, ActiveValue::Set, ColumnTrait, ConnectionTrait, EntityTrait, IntoActiveModel, QueryFilter,
    QuerySelect,
};
use serde::Serialize;

use crate::app::App;
use crate::auth::Viewer;
use crate::catalog::index;
use crate::db;
use crate::error::{Error, Result};
use crate::idempotency::IdempotencyKey;
use crate::job::{self, Job};
use crate::validate::Checks;
use ground::clock::Clock;

/// What a new supplier is charged unless the operator says otherwise: 2.50 %.
const USUAL_FEE_BASIS_POINTS: i32 = 250;
const EARLIEST_YEAR: i32 = 1500;

#[derive(Clone, Debug, Serialize)]
pub struct SupplierInput {
    pub name: String,
    pub country: String,
    pub city: String,
    pub description: String,
    pub established_year: Option<i32>,
    pub fee_basis_points: Option<i32>,
}

/// A supplier, not verified yet: it can sell, but its money waits. With a key: once.
pub fn create_supplier<'a>(
    app: &'a App,
    viewer: Viewer,
    idempotency_key: Option<&'a IdempotencyKey>,
    input: &'a SupplierInput,
) -> BoxFuture<'a, Result<Model>> {
    Box::pin(async move {
        use chrono::Datelike;
        viewer.require_operator()?;
        let now = app.clock.now();
        let mut checks = Checks::input();
        let row = Model {
            id: SupplierId(app.clock.new_id()),
            name: checks.line("name", &input.name, 200),
            country: checks.country("country", &input.country),
            city: checks.line("city", &input.city, 100),
            description: checks.optional_text("description", Some(&input.description), 4_000).unwrap_or_default(),
            established_year: input
                .established_year
                .map(|year| checks.within("establishedYear", year, EARLIEST_YEAR..=now.year())),
            fee_basis_points: checks.within(
                "feeBasisPoints",
                input.fee_basis_points.unwrap_or(USUAL_FEE_BASIS_POINTS),
                0..=10_000,
            ),
            verified_at: None,
            created_at: now,
        };
        IdempotencyKey::check_in(idempotency_key, &mut checks);
        checks.finish()?;
        db::retrying(|| async {
            let tx = app.db.begin_write().await?;
            if let Some(idempotency_key) = idempotency_key {
                if let Some(made) = idempotency_key.find(&tx).await? {
                    let id = made.parse::<SupplierId>().ok();
                    let found = Entity::find().filter(Column::Id.eq(id)).one(&tx).await?;
                    return found.ok_or_else(|| Error::internal("a key's result is no supplier"));
                }
                idempotency_key.record(&tx, &app.clock, row.id.to_string()).await?;
            }
            Entity::insert(row.clone().into_active_model().reset_all()).exec_without_returning(&tx).await?;
            index::rewrite(&tx, SubjectKind::Supplier, row.id.0, index::supplier_tokens(&row)).await?;
            tx.commit().await?;
            Ok(row.clone())
        })
        .await
    })
}

/// From now on the supplier is paid out, also what has waited. Verifying it again only starts payouts that wait.
pub fn verify_supplier<'a>(app: &'a App, viewer: Viewer, supplier_id: &'a str) -> BoxFuture<'a, Result<Model>> {
    Box::pin(async move {
        viewer.require_operator()?;
        let mut checks = Checks::input();
        let supplier_id = checks.id("supplierId", supplier_id);
        let supplier_id = checks.finish_with(supplier_id)?;
        let now = app.clock.now();
        let row = db::retrying(|| async {
            let tx = app.db.begin_write().await?;
            let mut row = require_locked(&tx, supplier_id).await.map_err(|error| error.at("supplierId"))?;
            row.verified_at = Some(now);
            let mut changed = row.clone().into_active_model();
            changed.verified_at = Set(Some(now));
            Entity::update(changed).exec(&tx).await?;
            // Also when it was verified before: payouts that kept failing, or came back, are tried once more.
            payouts_now_possible(&tx, &app.clock, supplier_id).await?;
            tx.commit().await?;
            Ok(row)
        })
        .await?;
        app.wake_worker();
        Ok(row)
    })
}

/// Money of the supplier's that had to wait may go out now: call in the transaction that removed the obstacle.
pub async fn payouts_now_possible<C: ConnectionTrait>(tx: &C, clock: &Clock, supplier_id: SupplierId) -> Result<()> {
    payouts_possible_from(tx, clock, supplier_id, clock.now()).await
}

/// One job for each currency that was ever owed to the supplier; the job finds out what is owed then.
pub(crate) async fn payouts_possible_from<C: ConnectionTrait>(
    tx: &C,
    clock: &Clock,
    supplier_id: SupplierId,
    at: Time,
) -> Result<()> {
    let currencies: Vec<Currency> = transfer::Entity::find()
        .select_only()
        .column(transfer::Column::Currency)
        .distinct()
        .filter(transfer::Column::Credit.eq(LedgerAccount::Supplier(supplier_id)))
        .into_tuple()
        .all(tx)
        .await?;
    for currency in currencies {
        job::enqueue(tx, clock, &Job::RequestPayout { supplier_id, currency }, at).await?;
    }
    Ok(())
}

/// The row, and nobody else changes the supplier until the transaction ends.
pub(crate) async fn require_locked<C: ConnectionTrait>(tx: &C, supplier_id: SupplierId) -> Result<Model> {
    Entity::find()
        .filter(Column::Id.eq(supplier_id))
        .lock_exclusive()
        .one(tx)
        .await?
        .ok_or_else(|| Error::not_found("supplier"))
}
