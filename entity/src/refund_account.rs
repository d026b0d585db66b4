//! Where the buyer of an order wants refunds to be sent that can't go back the way the money came. The newest counts.

use sea_orm::entity::prelude::*;

use crate::{OrderId, RefundAccountId, Time};

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "refund_account")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: RefundAccountId,
    pub order_id: OrderId,
    /// Under the id of the row; only the mask is shown.
    pub encrypted_details: String,
    pub mask: String,
    pub created_at: Time,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
