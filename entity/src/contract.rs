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

/// How long each side may take, frozen into the contract. Days unless the name says otherwise.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Deadlines {
    /// A contract that nobody confirms lapses.
    pub confirmation_days: i32,
    /// An unpaid order lapses …
    pub payment_days: i32,
    /// … and these business days later once a bank transfer is under way.
    pub bank_transfer_business_days: i32,
    /// After the ship-by date an unshipped order is refunded.
    pub overdue_days: i32,
    /// A cancel request is answered by silence.
    pub cancel_answer_hours: i32,
    /// A dispute that the supplier does not answer is settled as the buyer proposed.
    pub dispute_answer_days: i32,
    /// From this day of a dispute either side may escalate it.
    pub dispute_escalation_from_days: i32,
    /// On this day it escalates by itself.
    pub dispute_escalation_days: i32,
    /// An escalated dispute without a ruling raises an alarm.
    pub dispute_alarm_days: i32,
    /// Goods that are not sent back by then are kept: the money is released.
    pub return_shipping_days: i32,
    /// After the transit time of the returned goods, silence settles as agreed.
    pub return_silence_days: i32,
}

impl Default for Deadlines {
    fn default() -> Self {
        Self {
            confirmation_days: 5,
            payment_days: 20,
            bank_transfer_business_days: 7,
            overdue_days: 30,
            cancel_answer_hours: 48,
            dispute_answer_days: 5,
            dispute_escalation_from_days: 4,
            dispute_escalation_days: 7,
            dispute_alarm_days: 60,
            return_shipping_days: 10,
            return_silence_days: 10,
        }
    }
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
    pub deadlines: Deadlines,
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
