//! Which bookings a line is: one, or several that it is the sum of.

use sea_orm::entity::prelude::*;

use crate::{BankBookingId, BankLineId};

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "bank_line_booking")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub line_id: BankLineId,
    #[sea_orm(primary_key, auto_increment = false)]
    pub booking_id: BankBookingId,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
