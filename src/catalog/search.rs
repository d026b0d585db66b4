//! Products by words, filters and sort, in keyset pages.
//!
//! One statement per page, whatever was asked for. Every sort ends in the id, so that rows with an equal key have their
//! position too and a page begins exactly where the one before ended.

use entity::search_token::SubjectKind;
use entity::{Currency, ProductId, SupplierId, price_tier, product, search_token};
use rust_decimal::Decimal;
use sea_orm::sea_query::{Expr, ExprTrait, IntoIden, Order, Query, SelectStatement};
use sea_orm::{
    ColumnTrait, ConnectionTrait, DbErr, EntityTrait, FromQueryResult, QueryFilter, QueryOrder, QueryResult,
    QuerySelect, QueryTrait, Select,
};
use serde::{Deserialize, Serialize};

use super::{index, words};
use crate::error::{Error, ErrorCode, Problem, Result};
use crate::validate::Checks;

/// A query has at most this many words; each is one more look-up for the database.
pub const MOST_QUERY_WORDS: usize = 8;
pub const LONGEST_QUERY: usize = 200;

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ProductSort {
    #[default]
    Oldest,
    Newest,
    Name,
    PriceAscending,
    PriceDescending,
}

/// What products are wanted. Prices are of one unit at the minimum order quantity, as `price_tier.sort_price` counts
/// them.
#[derive(Clone, Debug, Default)]
pub struct ProductQuery {
    pub search: Option<String>,
    pub supplier_id: Option<SupplierId>,
    /// The whole name, in any case.
    pub category: Option<String>,
    /// Only products with a price in it. USD if prices matter and none is named.
    pub currency: Option<Currency>,
    pub price_from: Option<i64>,
    pub price_to: Option<i64>,
    pub moq_at_most: Option<i64>,
    pub available_only: bool,
    pub sort: ProductSort,
}

impl ProductQuery {
    fn price_currency(&self) -> Option<Currency> {
        let by_price = match self.sort {
            ProductSort::PriceAscending | ProductSort::PriceDescending => true,
            ProductSort::Oldest | ProductSort::Newest | ProductSort::Name => false,
        };
        let prices_matter = by_price || self.price_from.is_some() || self.price_to.is_some();
        self.currency.or_else(|| prices_matter.then_some(Currency::USD))
    }
}

/// Where in its sort a product stands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum ProductKey {
    #[serde(rename = "i")]
    Id(ProductId),
    #[serde(rename = "n")]
    Name(String, ProductId),
    #[serde(rename = "p")]
    Price(i64, ProductId),
}

#[derive(Clone, Debug)]
pub struct FoundProduct {
    pub product: product::Model,
    /// In the query's currency, where prices matter.
    sort_price: Option<i64>,
}

impl FoundProduct {
    #[must_use]
    pub fn key(&self, sort: ProductSort) -> ProductKey {
        let id = self.product.id;
        match sort {
            ProductSort::Oldest | ProductSort::Newest => ProductKey::Id(id),
            ProductSort::Name => ProductKey::Name(self.product.name.clone(), id),
            ProductSort::PriceAscending | ProductSort::PriceDescending => {
                ProductKey::Price(self.sort_price.unwrap_or_default(), id)
            }
        }
    }
}

impl FromQueryResult for FoundProduct {
    fn from_query_result(row: &QueryResult, prefix: &str) -> Result<Self, DbErr> {
        Ok(Self {
            product: product::Model::from_query_result(row, prefix)?,
            // Not selected where prices don't matter.
            sort_price: row.try_get(prefix, "sort_price").ok(),
        })
    }
}

/// A price of one unit to compare `price_tier.sort_price` with: an exact decimal of up to six digits more than the
/// currency has, because one screw of a hundred costs parts of a cent.
pub fn check_price(checks: &mut Checks, field: &str, text: &str, currency: Currency) -> Option<i64> {
    let digits = currency.digits() + 6;
    let price = Decimal::from_str_exact(text).ok().map(|price| price.normalize());
    let Some(price) = price.filter(|price| !price.is_sign_negative() && price.scale() <= digits) else {
        let message = format!("must be a decimal number, not negative, of at most {digits} decimal digits");
        checks.problem(field, ErrorCode::InvalidAmount, message);
        return None;
    };
    let units = price.checked_mul(Decimal::from(10_i64.pow(digits))).map(|units| units.normalize().mantissa());
    // More than there is means: no limit, or nothing.
    Some(units.and_then(|units| i64::try_from(units).ok()).unwrap_or(i64::MAX))
}

/// The listed products after `after`, at most `limit`.
pub async fn find_products<C: ConnectionTrait>(
    db: &C,
    query: &ProductQuery,
    after: Option<&ProductKey>,
    limit: u64,
) -> Result<Vec<FoundProduct>> {
    let Search::Subjects(searches) = found_by(SubjectKind::Product, query.search.as_deref())? else {
        return Ok(Vec::new());
    };
    let mut select = product::Entity::find().filter(product::Column::Active.eq(true));
    for subjects in searches {
        select = select.filter(product::Column::Id.in_subquery(subjects));
    }
    if let Some(category) = &query.category {
        let token = search_token::Column::Token.eq(index::category_token(category));
        select = select.filter(product::Column::Id.in_subquery(subjects(SubjectKind::Product, token)));
    }
    if let Some(supplier_id) = query.supplier_id {
        select = select.filter(product::Column::SupplierId.eq(supplier_id));
    }
    if let Some(most) = query.moq_at_most {
        select = select.filter(product::Column::MinimumOrderQuantity.lte(most));
    }
    if query.available_only {
        // What can't fill a minimum order can't be ordered.
        select = select.filter(
            column(product::Entity, product::Column::Stock)
                .gte(column(product::Entity, product::Column::MinimumOrderQuantity)),
        );
    }
    select = placed(priced(select, query), query.sort, after)?;
    Ok(select.limit(limit).into_model::<FoundProduct>().all(db).await?)
}

/// Joins the first price tier, where prices matter.
fn priced(mut select: Select<product::Entity>, query: &ProductQuery) -> Select<product::Entity> {
    let Some(currency) = query.price_currency() else { return select };
    let same_product = product_id().eq(column(price_tier::Entity, price_tier::Column::ProductId));
    QueryTrait::query(&mut select).inner_join(price_tier::Entity, same_product);
    select = select
        .filter(price_tier::Column::Currency.eq(currency))
        .filter(price_tier::Column::Position.eq(0))
        .column_as(price_tier::Column::SortPrice, "sort_price");
    if let Some(least) = query.price_from {
        select = select.filter(price_tier::Column::SortPrice.gte(least));
    }
    if let Some(most) = query.price_to {
        select = select.filter(price_tier::Column::SortPrice.lte(most));
    }
    select
}

/// Sorts, and begins after `after`: a comparison of (key, id), which an index on both answers.
fn placed(
    mut select: Select<product::Entity>,
    sort: ProductSort,
    after: Option<&ProductKey>,
) -> Result<Select<product::Entity>> {
    let name = || column(product::Entity, product::Column::Name);
    let price = || column(price_tier::Entity, price_tier::Column::SortPrice);
    // The same id, but as the index on prices has it.
    let priced_id = || column(price_tier::Entity, price_tier::Column::ProductId);
    let (key, order) = match sort {
        ProductSort::Oldest => (vec![product_id()], Order::Asc),
        ProductSort::Newest => (vec![product_id()], Order::Desc),
        ProductSort::Name => (vec![name(), product_id()], Order::Asc),
        ProductSort::PriceAscending => (vec![price(), priced_id()], Order::Asc),
        ProductSort::PriceDescending => (vec![price(), priced_id()], Order::Desc),
    };
    if let Some(after) = after {
        let after = Expr::tuple(place(sort, after)?);
        let key = Expr::tuple(key.clone());
        select = select.filter(if order == Order::Asc { key.gt(after) } else { key.lt(after) });
    }
    for part in key {
        select = select.order_by(part, order.clone());
    }
    Ok(select)
}

/// The key as values; refused if it comes from a page of another sort.
fn place(sort: ProductSort, after: &ProductKey) -> Result<Vec<Expr>> {
    match (sort, after) {
        (ProductSort::Oldest | ProductSort::Newest, ProductKey::Id(id)) => Ok(vec![Expr::value(*id)]),
        // A cursor of ours never has it, and PostgreSQL refuses it.
        (ProductSort::Name, ProductKey::Name(name, id)) if !name.contains('\0') => {
            Ok(vec![Expr::value(name.as_str()), Expr::value(*id)])
        }
        (ProductSort::PriceAscending | ProductSort::PriceDescending, ProductKey::Price(price, id)) => {
            Ok(vec![Expr::value(*price), Expr::value(*id)])
        }
        (_sort, ProductKey::Id(_) | ProductKey::Name(..) | ProductKey::Price(..)) => {
            Err(argument("after", "is not a cursor of this list and sort; pass the endCursor of the page before"))
        }
    }
}

pub(super) enum Search {
    /// No word to search for was given, but something was: no text is found by it.
    Nothing,
    /// One subquery per word; a row has to be in every one. None without a search.
    Subjects(Vec<SelectStatement>),
}

pub(super) fn found_by(kind: SubjectKind, search: Option<&str>) -> Result<Search> {
    let Some(text) = search.map(str::trim).filter(|text| !text.is_empty()) else {
        return Ok(Search::Subjects(Vec::new()));
    };
    let length = text.chars().count();
    if length > LONGEST_QUERY {
        let message = format!("the search has {length} characters; at most {LONGEST_QUERY} are allowed");
        return Err(argument("search", message));
    }
    let words = words::query_words(text);
    if words.len() > MOST_QUERY_WORDS {
        let message = format!("the search has {} words; at most {MOST_QUERY_WORDS} are allowed", words.len());
        return Err(argument("search", message));
    }
    if words.is_empty() {
        return Ok(Search::Nothing);
    }
    let begins_with = |word: &String| {
        // Nothing that begins with the word comes after it and the last character there is.
        let end = format!("{word}\u{10ffff}");
        subjects(kind, search_token::Column::Token.gte(word.as_str()).and(search_token::Column::Token.lt(end)))
    };
    Ok(Search::Subjects(words.iter().map(begins_with).collect()))
}

fn subjects(kind: SubjectKind, token: Expr) -> SelectStatement {
    Query::select()
        .column(search_token::Column::SubjectId)
        .from(search_token::Entity)
        .and_where(search_token::Column::SubjectKind.eq(kind))
        .and_where(token)
        .to_owned()
}

fn column<T: IntoIden, N: IntoIden>(table: T, name: N) -> Expr {
    Expr::col((table, name))
}

fn product_id() -> Expr {
    column(product::Entity, product::Column::Id)
}

fn argument(name: &str, message: impl Into<String>) -> Error {
    let problem = Problem { code: ErrorCode::InvalidInput, message: message.into(), path: vec![name.to_owned()] };
    vec![problem].into()
}
