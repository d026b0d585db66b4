//! Storefronts, buyers, suppliers, operators, their credentials; products, prices, search words; conversations.

use sea_orm_migration::prelude::*;

pub(crate) struct Migration;

impl MigrationName for Migration {
    fn name(&self) -> &str {
        "m20261122_000001_parties_and_catalog"
    }
}

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        crate::script::run(manager, UP).await
    }

    /// SQLite wraps a step in a transaction only when asked to.
    fn use_transaction(&self) -> Option<bool> {
        Some(true)
    }
}

const UP: &str = r"
create table storefront (
    id {uuid} primary key not null,
    name text not null,
    return_origins {json} not null,
    created_at {time} not null
){strict}
---
create table browser_origin (
    storefront_id {uuid} not null references storefront (id),
    origin text not null,
    primary key (storefront_id, origin)
){strict}
---
create index browser_origin_origin on browser_origin (origin)
---
create table buyer (
    id {uuid} primary key not null,
    storefront_id {uuid} not null references storefront (id),
    reference text not null,
    created_at {time} not null,
    unique (storefront_id, reference)
){strict}
---
create table operator (
    id {uuid} primary key not null,
    name text not null,
    created_at {time} not null
){strict}
---
create table supplier (
    id {uuid} primary key not null,
    name text not null,
    country text not null,
    city text not null,
    description text not null,
    established_year {int},
    fee_basis_points {int} not null check (fee_basis_points between 0 and 10000),
    verified_at {time},
    created_at {time} not null
){strict}
---
create table credential (
    id {uuid} primary key not null,
    token_hash text not null unique,
    role text not null check (role in ('STOREFRONT', 'BUYER', 'SUPPLIER', 'OPERATOR')),
    storefront_id {uuid} references storefront (id),
    buyer_id {uuid} references buyer (id),
    supplier_id {uuid} references supplier (id),
    operator_id {uuid} references operator (id),
    label text not null,
    scopes {json} not null,
    rotated_from {uuid},
    expires_at {time},
    revoked_at {time},
    last_used_at {time},
    created_at {time} not null,
    check (
        (role = 'STOREFRONT' and storefront_id is not null and buyer_id is null and supplier_id is null and operator_id is null)
        or (role = 'BUYER' and storefront_id is not null and buyer_id is not null and supplier_id is null and operator_id is null)
        or (role = 'SUPPLIER' and storefront_id is null and buyer_id is null and supplier_id is not null and operator_id is null)
        or (role = 'OPERATOR' and storefront_id is null and buyer_id is null and supplier_id is null and operator_id is not null)
    )
){strict}
---
create index credential_buyer on credential (buyer_id, id) where buyer_id is not null
---
create index credential_storefront on credential (storefront_id, id) where buyer_id is null
---
create index credential_supplier on credential (supplier_id, id) where supplier_id is not null
---
create index credential_operator on credential (operator_id, id) where operator_id is not null
---
create index credential_rotated_from on credential (rotated_from) where rotated_from is not null
---
create index credential_session_end on credential (expires_at) where buyer_id is not null
---
create table product (
    id {uuid} primary key not null,
    supplier_id {uuid} not null references supplier (id),
    sku text not null,
    name text not null,
    description text not null,
    category text not null,
    unit text not null,
    price_per_units {int} not null check (price_per_units > 0),
    minimum_order_quantity {bigint} not null check (minimum_order_quantity > 0),
    lead_time_days {int} not null check (lead_time_days >= 0),
    stock {bigint} not null check (stock >= 0),
    incoterm text,
    origin_country text,
    active {bool} not null,
    version {bigint} not null,
    created_at {time} not null,
    updated_at {time} not null,
    unique (supplier_id, sku)
){strict}
---
create index product_supplier on product (supplier_id, id)
---
create index product_category on product (category, id)
---
create index product_name on product (name, id)
---
create table price_tier (
    product_id {uuid} not null references product (id),
    currency text not null check (length(currency) = 3),
    position {int} not null check (position >= 0),
    minimum_quantity {bigint} not null check (minimum_quantity > 0),
    price {bigint} not null check (price > 0),
    sort_price {bigint} not null,
    primary key (product_id, currency, position)
){strict}
---
create index price_tier_sort on price_tier (currency, position, sort_price, product_id)
---
create table search_token (
    token {word} not null,
    subject_kind text not null check (subject_kind in ('PRODUCT', 'SUPPLIER')),
    subject_id {uuid} not null,
    primary key (subject_kind, token, subject_id)
){strict}
---
create index search_token_subject on search_token (subject_id)";
