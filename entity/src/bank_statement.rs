//! A statement of an account of ours at a bank: all that was booked between two balances.

use sea_orm::entity::prelude::*;

use crate::{BankStatementId, Currency, Time};

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "bank_statement")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: BankStatementId,
    pub provider: String,
    pub account: String,
    pub currency: Currency,
    /// The bank's own name of it.
    pub name: String,
    /// Of the closing balance: `2026-11-22`.
    pub day: String,
    /// In minor units; less than zero if we owe the bank.
    pub opening: Option<i64>,
    pub closing: i64,
    /// What its entries come to.
    pub moved: i64,
    /// Of its account, name, day and balances: sent again under another id, it is the same.
    pub identity: String,
    pub created_at: Time,
}

impl Model {
    /// Whether its entries lead from one balance to the other. None: it has no opening balance.
    #[must_use]
    pub fn adds_up(&self) -> Option<bool> {
        self.opening.map(|opening| opening.checked_add(self.moved) == Some(self.closing))
    }
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
