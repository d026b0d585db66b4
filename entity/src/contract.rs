//! One version of an order's contract. Never changed; a further version replaces it.

use sea_orm::FromJsonQueryResult;
use sea_orm::entity::prelude::*;
use serde::{Deserialize, Serialize};

use crate::{ContractId, Currency, MinorUnits, OrderId, ProductId, Time};

/// A postal address. Personal data: it stays in the contract, never in events.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Address {
    pub name: String,
    pub line1: String,
    pub line2: Option<String>,
    pub city: String,
    pub region: Option<String>,
    pub postal_code: String,
    /// ISO 3166-1 alpha-2.
    pub country: String,
    pub phone: Option<String>,
}

/// One thing sold.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Line {
    /// None for something that is no listing, such as a tool made for this order.
    pub product_id: Option<ProductId>,
    pub description: String,
    pub quantity: i64,
    pub unit: String,
    /// For `price_per_units` units.
    pub price: MinorUnits,
    pub price_per_units: i32,
    /// price × quantity ÷ price_per_units, half-even.
    pub total: MinorUnits,
}

/// The terms both sides agree to. Its canonical form (JSON, keys sorted, no blanks) is what the hash covers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, FromJsonQueryResult)]
pub struct Terms {
    pub currency: Currency,
    pub lines: Vec<Line>,
    pub shipping_fee: MinorUnits,
    /// The lines and the shipping fee.
    pub total: MinorUnits,
    /// Incoterms 2020 rule.
    pub incoterm: Option<String>,
    /// The ship-by date is this many days after the order is funded.
    pub ship_within_days: i32,
    pub transit_days: i32,
    pub inspection_days: i32,
    pub shipping_address: Address,
    /// Our fee on what is released, in basis points, as it was when the contract was drawn up.
    pub fee_basis_points: i32,
}

/// Who put this version on the table.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, EnumIter, DeriveActiveEnum, Serialize, Deserialize,
)]
#[sea_orm(rs_type = "String", db_type = "String(StringLen::N(40))", rename_all = "SCREAMING_SNAKE_CASE")]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Drafter {
    /// Buy Now: the listing is the supplier's standing consent.
    Listing,
    Supplier,
}

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "contract")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: ContractId,
    pub order_id: OrderId,
    /// 1, 2, 3 … within the order.
    pub version: i32,
    #[sea_orm(column_type = "JsonBinary")]
    pub terms: Terms,
    /// SHA-256 of the terms' canonical form, in hex.
    pub hash: String,
    pub drafted_by: Drafter,
    pub created_at: Time,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
