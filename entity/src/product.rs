//! A listing: the supplier's standing offer.

use sea_orm::entity::prelude::*;

use crate::{ProductId, SupplierId, Time};

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "product")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: ProductId,
    pub supplier_id: SupplierId,
    /// The supplier's own code; unique per supplier.
    pub sku: String,
    pub name: String,
    pub description: String,
    pub category: String,
    /// What one piece of the quantity is: "piece", "reel", "kg".
    pub unit: String,
    /// Prices are per this many units, so that parts of a cent work: 100 screws for 1.85.
    pub price_per_units: i32,
    pub minimum_order_quantity: i64,
    pub lead_time_days: i32,
    /// Units that can still be sold. Reserved at confirmation; a CHECK keeps it from going negative.
    pub stock: i64,
    /// Incoterms 2020 rule of the price, such as FOB.
    pub incoterm: Option<String>,
    /// ISO 3166-1 alpha-2.
    pub origin_country: Option<String>,
    /// False once the supplier has withdrawn the listing.
    pub active: bool,
    pub version: i64,
    pub created_at: Time,
    pub updated_at: Time,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
