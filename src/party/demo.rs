//! The sandbox's published tokens. They open nothing in live mode: it refuses to start where they are.

use entity::credential;
use sea_orm::{ColumnTrait, ConnectionTrait, EntityTrait, QueryFilter, QuerySelect};

use crate::auth::hash_token;
use crate::error::Result;

pub const STOREFRONT: &str = "demo-storefront";
pub const BUYER: &str = "demo-buyer";
pub const SUPPLIER: &str = "demo-supplier";
pub const OPERATOR: &str = "demo-operator";
pub const SECOND_OPERATOR: &str = "demo-operator-2";

/// Token, and what it is for.
#[must_use]
pub fn tokens() -> &'static [(&'static str, &'static str)] {
    &[
        (STOREFRONT, "a storefront, server to server: makes buyer sessions, sees its orders"),
        (BUYER, "a buyer of that storefront"),
        (SUPPLIER, "the supplier of the first products listed"),
        (OPERATOR, "an operator of the escrow: verifies suppliers, rules disputes"),
        (SECOND_OPERATOR, "a second operator, for what one alone may not do"),
    ]
}

/// Does any of them open this database? Live mode must not start on it.
pub async fn are_accepted<C: ConnectionTrait>(db: &C) -> Result<bool> {
    let hashes = tokens().iter().map(|(token, _what)| hash_token(token));
    let found = credential::Entity::find()
        .filter(credential::Column::TokenHash.is_in(hashes))
        .filter(credential::Column::RevokedAt.is_null())
        .limit(1)
        .one(db)
        .await?;
    Ok(found.is_some())
}
