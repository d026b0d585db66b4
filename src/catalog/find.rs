//! What everybody reads of products and suppliers: by id, by supplier, and what belongs to several of them.
//!
//! Everything for many at once, so that no list costs a statement per row.

use std::collections::BTreeMap;

use entity::search_token::SubjectKind;
use entity::{ProductId, SupplierId, feedback, price_tier, product, supplier};
use sea_orm::sea_query::{Expr, ExprTrait, Func, Order, Query, WindowStatement};
use sea_orm::{ColumnTrait, ConnectionTrait, EntityTrait, FromQueryResult, QueryFilter, QueryOrder, QuerySelect};

use super::search::{Search, found_by};
use crate::auth::Viewer;
use crate::error::Result;
use crate::visibility;

/// A product, if it is listed; a withdrawn one only for its supplier and for operators.
pub async fn find_product<C: ConnectionTrait>(db: &C, viewer: Viewer, id: ProductId) -> Result<Option<product::Model>> {
    Ok(find_products_by_id(db, viewer, [id]).await?.pop())
}

/// As [`find_product`], for many. In no order.
pub async fn find_products_by_id<C: ConnectionTrait>(
    db: &C,
    viewer: Viewer,
    ids: impl IntoIterator<Item = ProductId> + Send,
) -> Result<Vec<product::Model>> {
    let select = product::Entity::find().filter(product::Column::Id.is_in(ids));
    Ok(select.filter(visibility::products(&viewer)).all(db).await?)
}

/// For each of several suppliers the listed products after `after`, oldest first, at most `limit`: one statement for
/// all.
pub async fn find_products_of_suppliers<C: ConnectionTrait>(
    db: &C,
    suppliers: impl IntoIterator<Item = SupplierId> + Send,
    after: Option<ProductId>,
    limit: u64,
) -> Result<Vec<product::Model>> {
    let place =
        WindowStatement::partition_by(product::Column::SupplierId).order_by(product::Column::Id, Order::Asc).to_owned();
    let mut places = Query::select();
    places
        .column(product::Column::Id)
        .expr_window_as(Func::cust("row_number"), place, "place")
        .from(product::Entity)
        .and_where(product::Column::SupplierId.is_in(suppliers))
        .and_where(product::Column::Active.eq(true));
    if let Some(after) = after {
        places.and_where(product::Column::Id.gt(after));
    }
    let first = Query::select()
        .column(product::Column::Id)
        .from_subquery(places, "numbered")
        .and_where(Expr::col("place").lte(i64::try_from(limit).unwrap_or(i64::MAX)))
        .to_owned();
    Ok(product::Entity::find()
        .filter(product::Column::Id.in_subquery(first))
        .order_by_asc(product::Column::Id)
        .all(db)
        .await?)
}

/// All prices of several products, by product, currency and position.
pub async fn find_tiers<C: ConnectionTrait>(
    db: &C,
    products: impl IntoIterator<Item = ProductId> + Send,
) -> Result<Vec<price_tier::Model>> {
    Ok(price_tier::Entity::find()
        .filter(price_tier::Column::ProductId.is_in(products))
        .order_by_asc(price_tier::Column::ProductId)
        .order_by_asc(price_tier::Column::Currency)
        .order_by_asc(price_tier::Column::Position)
        .all(db)
        .await?)
}

#[derive(Clone, Debug, Default)]
pub struct SupplierQuery {
    pub search: Option<String>,
    /// ISO 3166-1 alpha-2.
    pub country: Option<String>,
    pub verified_only: bool,
}

/// The suppliers after `after`, oldest first, at most `limit`.
pub async fn find_suppliers<C: ConnectionTrait>(
    db: &C,
    query: &SupplierQuery,
    after: Option<SupplierId>,
    limit: u64,
) -> Result<Vec<supplier::Model>> {
    let Search::Subjects(searches) = found_by(SubjectKind::Supplier, query.search.as_deref())? else {
        return Ok(Vec::new());
    };
    let mut select = supplier::Entity::find();
    for subjects in searches {
        select = select.filter(supplier::Column::Id.in_subquery(subjects));
    }
    if let Some(country) = &query.country {
        select = select.filter(supplier::Column::Country.eq(country));
    }
    if query.verified_only {
        select = select.filter(supplier::Column::VerifiedAt.is_not_null());
    }
    if let Some(after) = after {
        select = select.filter(supplier::Column::Id.gt(after));
    }
    Ok(select.order_by_asc(supplier::Column::Id).limit(limit).all(db).await?)
}

/// In no order.
pub async fn find_suppliers_by_id<C: ConnectionTrait>(
    db: &C,
    ids: impl IntoIterator<Item = SupplierId> + Send,
) -> Result<Vec<supplier::Model>> {
    Ok(supplier::Entity::find().filter(supplier::Column::Id.is_in(ids)).all(db).await?)
}

pub async fn find_supplier<C: ConnectionTrait>(db: &C, id: SupplierId) -> Result<Option<supplier::Model>> {
    Ok(supplier::Entity::find_by_id(id).one(db).await?)
}

/// A category, and how many products are listed in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Category {
    pub name: String,
    pub products: i64,
}

/// Every category with a listed product, by name. Spellings that differ in case only are one; the most used is shown.
pub async fn find_categories<C: ConnectionTrait>(db: &C) -> Result<Vec<Category>> {
    let rows: Vec<(String, i64)> = product::Entity::find()
        .select_only()
        .column(product::Column::Category)
        .column_as(product::Column::Id.count(), "products")
        .filter(product::Column::Active.eq(true))
        .group_by(product::Column::Category)
        .into_tuple()
        .all(db)
        .await?;
    let mut by_name: BTreeMap<String, Vec<(i64, String)>> = BTreeMap::new();
    for (name, products) in rows {
        by_name.entry(name.to_lowercase()).or_default().push((products, name));
    }
    let categories = by_name.into_values().map(|spellings| {
        let products = spellings.iter().map(|(products, _name)| products).sum();
        let name = spellings.into_iter().max().map(|(_products, name)| name).unwrap_or_default();
        Category { name, products }
    });
    Ok(categories.collect())
}

/// What buyers thought of a supplier: sums of stars from 1 to 5.
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromQueryResult)]
pub struct Rating {
    pub supplier_id: SupplierId,
    pub count: i64,
    pub product_as_agreed: i64,
    pub communication: i64,
    pub shipping_time: i64,
}

/// The ratings of several suppliers; who has no feedback yet is not among them.
pub async fn find_ratings<C: ConnectionTrait>(
    db: &C,
    suppliers: impl IntoIterator<Item = SupplierId> + Send,
) -> Result<Vec<Rating>> {
    Ok(feedback::Entity::find()
        .select_only()
        .column(feedback::Column::SupplierId)
        .column_as(feedback::Column::Id.count(), "count")
        .column_as(feedback::Column::ProductAsAgreed.sum(), "product_as_agreed")
        .column_as(feedback::Column::Communication.sum(), "communication")
        .column_as(feedback::Column::ShippingTime.sum(), "shipping_time")
        .filter(feedback::Column::SupplierId.is_in(suppliers))
        .group_by(feedback::Column::SupplierId)
        .into_model::<Rating>()
        .all(db)
        .await?)
}
