//! Where a supplier wants to be paid. The details are encrypted; only the mask is ever shown.

use sea_orm::entity::prelude::*;

use crate::{PayoutAccountId, SupplierId, Time};

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "payout_account")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: PayoutAccountId,
    pub supplier_id: SupplierId,
    /// AES-256-GCM, nonce first, in base 64.
    pub encrypted_details: String,
    /// Such as `DE•• •••• 3000`.
    pub mask: String,
    /// A changed account waits 72 hours. Business time.
    pub active_from: Time,
    pub created_at: Time,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
