//! One ledger movement: debit one account, credit another. Triggers refuse UPDATE and DELETE.

use sea_orm::entity::prelude::*;

use crate::{Currency, LedgerAccount, MinorUnits, OrderId, Time, TransferId};

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "transfer")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: TransferId,
    pub debit: LedgerAccount,
    pub credit: LedgerAccount,
    /// More than zero, always.
    pub amount: MinorUnits,
    pub currency: Currency,
    /// What it was for, such as `payment.captured` or `funds.released`.
    pub cause: String,
    pub order_id: Option<OrderId>,
    /// `<provider>:<kind>:<the provider's id of this movement>`, unique with `movement_part`: money is applied once.
    pub movement: Option<String>,
    /// 0, or 1 for what of the same movement could not be applied.
    pub movement_part: i32,
    pub created_at: Time,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
