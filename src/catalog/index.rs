//! Where products and suppliers are found: one row per word of theirs, rewritten in the transaction that changes a
//! text.

use entity::search_token::{ActiveModel, Column, Entity, SubjectKind};
use entity::{product, supplier};
use sea_orm::{ActiveValue::Set, ColumnTrait, ConnectionTrait, EntityTrait, QueryFilter};
use uuid::Uuid;

use super::words::tokens;
use crate::error::Result;

/// SQLite takes at most 32,766 variables in a statement; a row has three.
const ROWS_PER_STATEMENT: usize = 32_766 / 3;

/// Under this a product is found by its whole category, whatever the case. No word begins with "=".
#[must_use]
pub fn category_token(category: &str) -> String {
    format!("={}", category.trim().to_lowercase())
}

/// Everything a product is found under.
#[must_use]
pub fn product_tokens(product: &product::Model, supplier_name: &str) -> Vec<String> {
    let text = [&product.name, &product.sku, &product.category, supplier_name, &product.description].join("\n");
    let mut kept = tokens(&text);
    kept.push(category_token(&product.category));
    kept
}

/// Everything a supplier is found under.
#[must_use]
pub fn supplier_tokens(supplier: &supplier::Model) -> Vec<String> {
    let country = rust_iso3166::from_alpha2(&supplier.country).map_or("", |country| country.name);
    tokens(&[&supplier.name, &supplier.city, country, &supplier.description].join("\n"))
}

/// Makes `subject` findable under exactly these words. `tx` is the transaction that changed its text.
pub async fn rewrite<C: ConnectionTrait>(tx: &C, kind: SubjectKind, subject: Uuid, tokens: Vec<String>) -> Result<()> {
    Entity::delete_many().filter(Column::SubjectId.eq(subject)).filter(Column::SubjectKind.eq(kind)).exec(tx).await?;
    insert(tx, tokens.into_iter().map(|token| row(kind, subject, token)).collect()).await
}

pub(crate) fn row(kind: SubjectKind, subject: Uuid, token: String) -> ActiveModel {
    ActiveModel { token: Set(token), subject_kind: Set(kind), subject_id: Set(subject) }
}

pub(crate) async fn insert<C: ConnectionTrait>(tx: &C, mut rows: Vec<ActiveModel>) -> Result<()> {
    while !rows.is_empty() {
        let rest = rows.split_off(rows.len().min(ROWS_PER_STATEMENT));
        Entity::insert_many(std::mem::replace(&mut rows, rest)).exec_without_returning(tx).await?;
    }
    Ok(())
}
