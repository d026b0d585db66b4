//! Storefronts, buyers and operators, as their viewers see them.

use async_graphql::{ID, SimpleObject};
use chrono::{DateTime, Utc};
use entity::{buyer, operator};

use crate::party::Shop;

/// A company whose shop sends buyers here.
#[derive(Clone, Debug, SimpleObject)]
pub struct Storefront {
    /// Begins with `storefront_`.
    #[graphql(owned)]
    pub id: ID,
    /// Its name.
    name: String,
    /// Where a buyer may be sent back to after paying: origins such as "https://shop.example".
    return_origins: Vec<String>,
    /// The origins whose pages may call the API with a credential of the storefront or its buyers.
    browser_origins: Vec<String>,
    /// When it came here.
    created_at: DateTime<Utc>,
}

impl From<Shop> for Storefront {
    fn from(Shop { row, browser_origins }: Shop) -> Self {
        Self {
            id: ID(row.id.to_string()),
            name: row.name,
            return_origins: row.return_origins.0,
            browser_origins,
            created_at: row.created_at,
        }
    }
}

/// A buyer of one storefront.
#[derive(Clone, Debug, SimpleObject)]
pub struct Buyer {
    /// Begins with `buyer_`.
    #[graphql(owned)]
    pub id: ID,
    /// The storefront's own id of this buyer.
    reference: String,
    /// When the first session was made.
    created_at: DateTime<Utc>,
}

impl From<buyer::Model> for Buyer {
    fn from(row: buyer::Model) -> Self {
        Self { id: ID(row.id.to_string()), reference: row.reference, created_at: row.created_at }
    }
}

/// A person who runs the escrow.
#[derive(Clone, Debug, SimpleObject)]
pub struct Operator {
    /// Begins with `operator_`.
    #[graphql(owned)]
    pub id: ID,
    /// Who it is.
    name: String,
    /// When the operator came here.
    created_at: DateTime<Utc>,
}

impl From<operator::Model> for Operator {
    fn from(row: operator::Model) -> Self {
        Self { id: ID(row.id.to_string()), name: row.name, created_at: row.created_at }
    }
}
