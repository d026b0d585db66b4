//! A line of a bank's report, as the file has it: every one is kept, also of a booking that was reported before.

use sea_orm::entity::prelude::*;

use crate::{BankLineId, BankStatementId, Currency, MinorUnits, Time};

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "bank_line")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: BankLineId,
    pub provider: String,
    pub account: String,
    pub currency: Currency,
    /// The hash of the file; then which report in it, which entry of that, which transfer in the entry.
    pub file: String,
    pub report: i32,
    pub entry: i32,
    pub part: i32,
    /// It is one of several transfers of its entry.
    pub is_transfer: bool,
    /// None: of a notification.
    pub statement_id: Option<BankStatementId>,
    pub is_credit: bool,
    pub amount: MinorUnits,
    /// What of it the bank took for itself.
    pub charges: MinorUnits,
    /// What was made of it: `NEW`, `KNOWN`, `PART_OF`, `SUM_OF`, `DIFFERS`, `REPEATED`, `UNCLEAR`.
    pub placed: String,
    /// By what it is known again: it names people and accounts, so it is encrypted under the id of the row.
    pub encrypted_marks: String,
    pub created_at: Time,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
