//! Finders by id of who takes part: those of these rows that exist for the viewer.

use entity::{
    BuyerId, CredentialId, OperatorId, PayoutAccountId, StorefrontId, buyer, credential, operator, payout_account,
    storefront,
};
use sea_orm::sea_query::Expr;
use sea_orm::{ColumnTrait, Condition, ConnectionTrait, EntityTrait, QueryFilter};

use super::origin;
use super::storefront::Shop;
use crate::auth::Viewer;
use crate::error::Result;

fn none() -> Condition {
    Condition::all().add(Expr::value(false))
}

/// A buyer sees itself, a storefront its buyers, an operator all. To a supplier a buyer is an id.
pub async fn find_buyers_by_id<C: ConnectionTrait>(
    db: &C,
    viewer: &Viewer,
    ids: &[BuyerId],
) -> Result<Vec<buyer::Model>> {
    let seen = match viewer {
        Viewer::Operator { .. } => Condition::all(),
        Viewer::Storefront { storefront_id } => Condition::all().add(buyer::Column::StorefrontId.eq(*storefront_id)),
        Viewer::Buyer { buyer_id, .. } => Condition::all().add(buyer::Column::Id.eq(*buyer_id)),
        Viewer::Anonymous | Viewer::Supplier { .. } => none(),
    };
    Ok(buyer::Entity::find().filter(buyer::Column::Id.is_in(ids.iter().copied())).filter(seen).all(db).await?)
}

/// A storefront sees itself, a buyer its storefront, an operator all.
pub async fn find_storefronts_by_id<C: ConnectionTrait>(
    db: &C,
    viewer: &Viewer,
    ids: &[StorefrontId],
) -> Result<Vec<Shop>> {
    let seen = match viewer {
        Viewer::Operator { .. } => Condition::all(),
        Viewer::Storefront { storefront_id } | Viewer::Buyer { storefront_id, .. } => {
            Condition::all().add(storefront::Column::Id.eq(*storefront_id))
        }
        Viewer::Anonymous | Viewer::Supplier { .. } => none(),
    };
    let these = storefront::Entity::find().filter(storefront::Column::Id.is_in(ids.iter().copied()));
    let rows = these.filter(seen).all(db).await?;
    let mut origins = origin::of_storefronts(db, rows.iter().map(|row| row.id)).await?;
    let shop = |row: storefront::Model| Shop { browser_origins: origins.remove(&row.id).unwrap_or_default(), row };
    Ok(rows.into_iter().map(shop).collect())
}

/// Operators see each other.
pub async fn find_operators_by_id<C: ConnectionTrait>(
    db: &C,
    viewer: &Viewer,
    ids: &[OperatorId],
) -> Result<Vec<operator::Model>> {
    if viewer.require_operator().is_err() {
        return Ok(Vec::new());
    }
    Ok(operator::Entity::find().filter(operator::Column::Id.is_in(ids.iter().copied())).all(db).await?)
}

/// Everybody sees the credentials of their own, a storefront also the sessions of its buyers, an operator all.
pub async fn find_credentials_by_id<C: ConnectionTrait>(
    db: &C,
    viewer: &Viewer,
    ids: &[CredentialId],
) -> Result<Vec<credential::Model>> {
    use credential::Column;
    let seen = match viewer {
        Viewer::Operator { .. } => Condition::all(),
        Viewer::Storefront { storefront_id } => Condition::all().add(Column::StorefrontId.eq(*storefront_id)),
        Viewer::Buyer { buyer_id, .. } => Condition::all().add(Column::BuyerId.eq(*buyer_id)),
        Viewer::Supplier { supplier_id } => Condition::all().add(Column::SupplierId.eq(*supplier_id)),
        Viewer::Anonymous => none(),
    };
    Ok(credential::Entity::find().filter(Column::Id.is_in(ids.iter().copied())).filter(seen).all(db).await?)
}

/// A supplier sees its own.
pub async fn find_payout_accounts_by_id<C: ConnectionTrait>(
    db: &C,
    viewer: &Viewer,
    ids: &[PayoutAccountId],
) -> Result<Vec<payout_account::Model>> {
    let Ok(supplier_id) = viewer.require_supplier() else { return Ok(Vec::new()) };
    Ok(payout_account::Entity::find()
        .filter(payout_account::Column::Id.is_in(ids.iter().copied()))
        .filter(payout_account::Column::SupplierId.eq(supplier_id))
        .all(db)
        .await?)
}
