//! Which pages may call the API: the origins of each storefront.

use std::collections::HashMap;

use entity::StorefrontId;
use entity::browser_origin::{ActiveModel, Column, Entity};
use sea_orm::{ActiveValue::Set, ColumnTrait, ConnectionTrait, EntityTrait, QueryFilter, QueryOrder, QuerySelect};

use crate::error::Result;

pub(super) async fn write<C: ConnectionTrait>(tx: &C, storefront_id: StorefrontId, origins: &[String]) -> Result<()> {
    Entity::delete_many().filter(Column::StorefrontId.eq(storefront_id)).exec(tx).await?;
    if origins.is_empty() {
        return Ok(());
    }
    let row = |origin: &String| ActiveModel { storefront_id: Set(storefront_id), origin: Set(origin.clone()) };
    Entity::insert_many(origins.iter().map(row)).exec_without_returning(tx).await?;
    Ok(())
}

pub async fn of_storefront<C: ConnectionTrait>(db: &C, storefront_id: StorefrontId) -> Result<Vec<String>> {
    let rows =
        Entity::find().filter(Column::StorefrontId.eq(storefront_id)).order_by_asc(Column::Origin).all(db).await?;
    Ok(rows.into_iter().map(|row| row.origin).collect())
}

/// Of several, by one statement.
pub(super) async fn of_storefronts<C: ConnectionTrait>(
    db: &C,
    ids: impl IntoIterator<Item = StorefrontId>,
) -> Result<HashMap<StorefrontId, Vec<String>>> {
    let rows = Entity::find().filter(Column::StorefrontId.is_in(ids)).order_by_asc(Column::Origin).all(db).await?;
    let mut origins: HashMap<StorefrontId, Vec<String>> = HashMap::new();
    for row in rows {
        origins.entry(row.storefront_id).or_default().push(row.origin);
    }
    Ok(origins)
}

/// Whether it is an origin of this storefront's. None: of any.
pub async fn is_known<C: ConnectionTrait>(db: &C, origin: &str, of: Option<StorefrontId>) -> Result<bool> {
    let mut found = Entity::find().filter(Column::Origin.eq(origin));
    if let Some(storefront_id) = of {
        found = found.filter(Column::StorefrontId.eq(storefront_id));
    }
    Ok(found.limit(1).one(db).await?.is_some())
}
