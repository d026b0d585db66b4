//! A supplier: sells, ships, and is paid out once verified.

use sea_orm::entity::prelude::*;

use crate::{SupplierId, Time};

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "supplier")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: SupplierId,
    pub name: String,
    /// ISO 3166-1 alpha-2.
    pub country: String,
    pub city: String,
    pub description: String,
    pub established_year: Option<i32>,
    /// Our fee on what is released to this supplier, in basis points (1/100 %); frozen into each contract.
    pub fee_basis_points: i32,
    pub verified_at: Option<Time>,
    pub created_at: Time,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
