//! What a supplier writes: new listings and changes of them.
//!
//! A listing is refused with all its problems at once. Prices, words to search for and the row change in one
//! transaction.

use entity::search_token::SubjectKind;
use entity::{MinorUnits, ProductId, SupplierId, Time, price_tier, product, supplier};
use futures_util::future::BoxFuture;
use sea_orm::{
    ActiveModelTrait, ActiveValue::Set, ColumnTrait, ConnectionTrait, DatabaseTransaction, EntityTrait,
    IntoActiveModel, QueryFilter, QuerySelect,
};

use super::listing::{CheckedTier, Listing, ListingChanges, check};
use super::{find, index};
use crate::app::App;
use crate::auth::Viewer;
use crate::db;
use crate::error::{Error, ErrorCode, Result};
use crate::idempotency::IdempotencyKey;
use crate::validate::Checks;

/// Lists a product of the viewer's; with a key, once.
pub fn create_product<'a>(
    app: &'a App,
    viewer: Viewer,
    idempotency_key: Option<&'a IdempotencyKey>,
    asked: &'a Listing,
) -> BoxFuture<'a, Result<product::Model>> {
    Box::pin(async move {
        let supplier_id = viewer.require_supplier()?;
        let mut checks = Checks::input();
        IdempotencyKey::check_in(idempotency_key, &mut checks);
        let (listing, tiers) = check(&mut checks, asked);
        checks.finish()?;
        let id = ProductId(app.clock.new_id());
        let now = app.clock.now();
        IdempotencyKey::retrying(idempotency_key, &app.db, || async {
            let tx = app.db.begin_write().await?;
            if let Some(made) = IdempotencyKey::find_in(idempotency_key, &tx).await? {
                return require_made(&tx, supplier_id, &made).await;
            }
            require_free_sku(&tx, supplier_id, &listing.sku, None).await?;
            let row = product::Model {
                id,
                supplier_id,
                sku: listing.sku.clone(),
                name: listing.name.clone(),
                description: listing.description.clone(),
                category: listing.category.clone(),
                unit: listing.unit.clone(),
                price_per_units: listing.price_per_units,
                minimum_order_quantity: listing.minimum_order_quantity,
                lead_time_days: listing.lead_time_days,
                stock: listing.stock,
                incoterm: listing.incoterm.clone(),
                origin_country: listing.origin_country.clone(),
                active: true,
                version: 1,
                created_at: now,
                updated_at: now,
            };
            product::Entity::insert(row.clone().into_active_model().reset_all()).exec_without_returning(&tx).await?;
            write_tiers(&tx, &row, &tiers).await?;
            write_tokens(&tx, &row).await?;
            IdempotencyKey::record_in(idempotency_key, &tx, &app.clock, id.to_string()).await?;
            tx.commit().await?;
            Ok(row)
        })
        .await
    })
}

/// What the first call with this key made, as it is now.
async fn require_made(tx: &DatabaseTransaction, supplier_id: SupplierId, made: &str) -> Result<product::Model> {
    let id: ProductId = made.parse().map_err(|cause| Error::internal(format!("{made}: {cause}")))?;
    let found = product::Entity::find_by_id(id).filter(product::Column::SupplierId.eq(supplier_id)).one(tx).await?;
    found.ok_or_else(|| Error::internal(format!("{made} was made under a key, and is gone")))
}

/// Changes a listing of the viewer's. Withdrawing it (`active: false`) leaves orders as they are. With a key, once.
pub fn update_product<'a>(
    app: &'a App,
    viewer: Viewer,
    idempotency_key: Option<&'a IdempotencyKey>,
    id: &'a str,
    changes: &'a ListingChanges,
) -> BoxFuture<'a, Result<product::Model>> {
    Box::pin(async move {
        let supplier_id = viewer.require_supplier()?;
        let mut checks = Checks::input();
        IdempotencyKey::check_in(idempotency_key, &mut checks);
        let id: ProductId = checks.required_id("productId", id);
        let now = app.clock.now();
        db::retrying(|| async {
            let tx = app.db.begin_write().await?;
            let own = product::Entity::find_by_id(id).filter(product::Column::SupplierId.eq(supplier_id));
            let found = own.lock_exclusive().one(&tx).await?;
            // Under the lock: whoever waited for it finds what the first call has made.
            if let Some(made) = IdempotencyKey::find_in(idempotency_key, &tx).await? {
                return require_made(&tx, supplier_id, &made).await;
            }
            let mut checks = checks.clone();
            let tiers = find::find_tiers(&tx, [id]).await?;
            let asked = match &found {
                Some(row) => changes.applied_to(row, &tiers),
                None => changes.alone(),
            };
            let (listing, tiers) = check(&mut checks, &asked);
            let Some(row) = found else {
                if !id.0.is_nil() {
                    checks.problem("productId", ErrorCode::NotFound, "there is no such product");
                }
                return Err(checks.finish().err().unwrap_or_else(|| Error::not_found("product").at("productId")));
            };
            if let Some(expected) = changes.expected_version.filter(|expected| *expected != row.version) {
                let message = format!("the product is at version {}, not {expected}; read it again", row.version);
                checks.problem("expectedVersion", ErrorCode::StaleVersion, message);
            }
            checks.finish()?;
            require_free_sku(&tx, supplier_id, &listing.sku, Some(id)).await?;
            let row = changed(&row, listing, changes, now).update(&tx).await?;
            if changes.touch_prices() {
                price_tier::Entity::delete_many().filter(price_tier::Column::ProductId.eq(id)).exec(&tx).await?;
                write_tiers(&tx, &row, &tiers).await?;
            }
            if changes.touch_words() {
                write_tokens(&tx, &row).await?;
            }
            IdempotencyKey::record_in(idempotency_key, &tx, &app.clock, id.to_string()).await?;
            tx.commit().await?;
            Ok(row)
        })
        .await
    })
}

fn changed(row: &product::Model, listing: Listing, changes: &ListingChanges, now: Time) -> product::ActiveModel {
    let mut changed = product::ActiveModel {
        id: Set(row.id),
        sku: Set(listing.sku),
        name: Set(listing.name),
        description: Set(listing.description),
        category: Set(listing.category),
        unit: Set(listing.unit),
        price_per_units: Set(listing.price_per_units),
        minimum_order_quantity: Set(listing.minimum_order_quantity),
        lead_time_days: Set(listing.lead_time_days),
        incoterm: Set(listing.incoterm),
        origin_country: Set(listing.origin_country),
        active: Set(changes.active.unwrap_or(row.active)),
        version: Set(row.version + 1),
        updated_at: Set(now),
        ..Default::default()
    };
    if changes.stock.is_some() {
        changed.stock = Set(listing.stock);
    }
    changed
}

/// Two that take the same sku at once: the loser's INSERT breaks on the unique key, it begins again, and is refused
/// here.
async fn require_free_sku<C: ConnectionTrait>(
    tx: &C,
    supplier_id: SupplierId,
    sku: &str,
    except: Option<ProductId>,
) -> Result<()> {
    let holder = product::Entity::find()
        .filter(product::Column::SupplierId.eq(supplier_id))
        .filter(product::Column::Sku.eq(sku))
        .one(tx)
        .await?;
    match holder {
        Some(holder) if Some(holder.id) != except => {
            let message = format!("you have a product with the sku \"{sku}\" already: {}", holder.id);
            Err(Error::refused(ErrorCode::AlreadyExists, message).at("sku"))
        }
        Some(_) | None => Ok(()),
    }
}

async fn write_tiers<C: ConnectionTrait>(tx: &C, product: &product::Model, tiers: &[CheckedTier]) -> Result<()> {
    let rows = tiers.iter().map(|tier| {
        let row = price_tier::Model {
            product_id: product.id,
            currency: tier.currency,
            position: tier.position,
            minimum_quantity: tier.minimum_quantity,
            price: tier.price,
            sort_price: sort_price(tier.price, product.price_per_units),
        };
        row.into_active_model().reset_all()
    });
    price_tier::Entity::insert_many(rows).exec_without_returning(tx).await?;
    Ok(())
}

/// Price of one unit in millionths of a minor unit, cut. From about 9.2 million million minor units on all are equal.
pub(crate) fn sort_price(price: MinorUnits, price_per_units: i32) -> i64 {
    let exact = i128::from(price.0) * 1_000_000 / i128::from(price_per_units.max(1));
    i64::try_from(exact).unwrap_or(i64::MAX)
}

async fn write_tokens<C: ConnectionTrait>(tx: &C, product: &product::Model) -> Result<()> {
    let supplier = supplier::Entity::find_by_id(product.supplier_id).one(tx).await?;
    let name = supplier.map(|supplier| supplier.name).unwrap_or_default();
    index::rewrite(tx, SubjectKind::Product, product.id.0, index::product_tokens(product, &name)).await
}
