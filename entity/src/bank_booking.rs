//! A booking on an account of ours at a bank, once, however often and in whatever way it was reported.

use sea_orm::entity::prelude::*;

use crate::{BankBookingId, BankStatementId, Currency, MinorUnits, Time};

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "bank_booking")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: BankBookingId,
    pub provider: String,
    /// An IBAN, or the number of the account.
    pub account: String,
    pub currency: Currency,
    pub is_credit: bool,
    pub is_reversal: bool,
    /// More than zero: what it moved on the account.
    pub amount: MinorUnits,
    /// What banks kept of it on its way, as far as its payment counts it.
    pub charges: MinorUnits,
    /// What it is to us, as `provider::LineKind` names it.
    pub kind: String,
    /// Unique at its provider; with the kind it is the key of the transfer that books it.
    pub movement: String,
    /// The sum that it was taken out of, once the bank said what is in it. Its money came with that one.
    pub parent_id: Option<BankBookingId>,
    /// Nobody has said whose money it is: it may be the sum of several payers'.
    pub is_sum: bool,
    /// What of a sum no other booking was taken out of.
    pub untold: MinorUnits,
    /// The statement on which it stands: the bank's last word.
    pub statement_id: Option<BankStatementId>,
    /// `2026-11-22`, by the bank's calendar.
    pub day: String,
    pub created_at: Time,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
