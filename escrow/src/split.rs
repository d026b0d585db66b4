//! How what is held would be released: the supplier's part, and our fee.

use entity::MinorUnits;

use super::fee::fee;
use super::{Order, Rejection};

/// The two always sum to what is held.
pub(super) struct Split {
    pub(super) fee: MinorUnits,
    pub(super) to_supplier: MinorUnits,
}

impl Split {
    pub(super) fn of(order: &Order, held: MinorUnits) -> Result<Self, Rejection> {
        let terms = order.terms.as_ref().ok_or(Rejection::Inconsistent("money is held without a contract"))?;
        let fee = fee(held, terms.fee_basis_points).ok_or(Rejection::Inconsistent("the fee is out of range"))?;
        let to_supplier = held.checked_sub(fee).ok_or(Rejection::Inconsistent("the fee is out of range"))?;
        Ok(Self { fee, to_supplier })
    }
}
