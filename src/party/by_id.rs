//! Finders by id of who takes part: those of these rows that exist for the viewer.

use entity::{
    BuyerId, CredentialId, OperatorId, PayoutAccountId, StorefrontId, buyer, credential, operator, payout_account,
    storefront,
};
use sea_orm::{ColumnTrait, ConnectionTrait, EntityTrait, QueryFilter};

use super::origin;
use super::storefront::Shop;
use crate::auth::Viewer;
use crate::error::Result;
use crate::visibility;

pub async fn find_buyers_by_id<C: ConnectionTrait>(
    db: &C,
    viewer: &Viewer,
    ids: &[BuyerId],
) -> Result<Vec<buyer::Model>> {
    Ok(buyer::Entity::find()
        .filter(buyer::Column::Id.is_in(ids.iter().copied()))
        .filter(visibility::buyers(viewer))
        .all(db)
        .await?)
}

pub async fn find_storefronts_by_id<C: ConnectionTrait>(
    db: &C,
    viewer: &Viewer,
    ids: &[StorefrontId],
) -> Result<Vec<Shop>> {
    let these = storefront::Entity::find().filter(storefront::Column::Id.is_in(ids.iter().copied()));
    let rows = these.filter(visibility::storefronts(viewer)).all(db).await?;
    let mut origins = origin::of_storefronts(db, rows.iter().map(|row| row.id)).await?;
    let shop = |row: storefront::Model| Shop { browser_origins: origins.remove(&row.id).unwrap_or_default(), row };
    Ok(rows.into_iter().map(shop).collect())
}

pub async fn find_operators_by_id<C: ConnectionTrait>(
    db: &C,
    viewer: &Viewer,
    ids: &[OperatorId],
) -> Result<Vec<operator::Model>> {
    let these = operator::Entity::find().filter(operator::Column::Id.is_in(ids.iter().copied()));
    Ok(these.filter(visibility::operators(viewer)).all(db).await?)
}

pub async fn find_credentials_by_id<C: ConnectionTrait>(
    db: &C,
    viewer: &Viewer,
    ids: &[CredentialId],
) -> Result<Vec<credential::Model>> {
    use credential::Column;
    Ok(credential::Entity::find()
        .filter(Column::Id.is_in(ids.iter().copied()))
        .filter(visibility::credentials(viewer))
        .all(db)
        .await?)
}

pub async fn find_payout_accounts_by_id<C: ConnectionTrait>(
    db: &C,
    viewer: &Viewer,
    ids: &[PayoutAccountId],
) -> Result<Vec<payout_account::Model>> {
    Ok(payout_account::Entity::find()
        .filter(payout_account::Column::Id.is_in(ids.iter().copied()))
        .filter(visibility::payout_accounts(viewer))
        .all(db)
        .await?)
}
