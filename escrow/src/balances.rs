//! What became of the money of one order. Moved only by transfers, so that the row and the ledger can't tell different stories.

use entity::MinorUnits;

use crate::rejection::Rejection;
use crate::transfer::{Account, Transfer};

/// `captured = held + released + refunded + charged_back`, each at least zero. The database checks the same.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Balances {
    pub captured: MinorUnits,
    pub held: MinorUnits,
    /// To the supplier, our fee included.
    pub released: MinorUnits,
    pub refunded: MinorUnits,
    pub charged_back: MinorUnits,
}

impl From<&entity::order::Model> for Balances {
    fn from(row: &entity::order::Model) -> Self {
        Self {
            captured: row.captured,
            held: row.held,
            released: row.released,
            refunded: row.refunded,
            charged_back: row.charged_back,
        }
    }
}

impl Balances {
    /// The balances after a transfer. Transfers that don't touch the escrow account leave them as they are.
    pub fn after(self, transfer: &Transfer) -> Result<Self, Rejection> {
        let amount = transfer.amount;
        let plus = |units: MinorUnits| units.checked_add(amount).ok_or(Rejection::TOO_LARGE);
        let minus = |units: MinorUnits| {
            units
                .checked_sub(amount)
                .filter(|rest| rest.0 >= 0)
                .ok_or(Rejection::Inconsistent("more than what is held"))
        };
        Ok(match (&transfer.debit, &transfer.credit) {
            (Account::Provider(_) | Account::Unapplied(_) | Account::ProviderFees, Account::Escrow) => {
                Self { captured: plus(self.captured)?, held: plus(self.held)?, ..self }
            }
            (Account::Escrow, Account::Supplier | Account::Fees) => {
                Self { held: minus(self.held)?, released: plus(self.released)?, ..self }
            }
            (Account::Escrow, Account::Refund(_)) => {
                Self { held: minus(self.held)?, refunded: plus(self.refunded)?, ..self }
            }
            (Account::Escrow, Account::Chargeback(_)) => {
                Self { held: minus(self.held)?, charged_back: plus(self.charged_back)?, ..self }
            }
            (Account::Supplier, Account::Chargeback(_)) => {
                Self { released: minus(self.released)?, charged_back: plus(self.charged_back)?, ..self }
            }
            (Account::Chargeback(_), Account::Escrow) => {
                Self { held: plus(self.held)?, charged_back: minus(self.charged_back)?, ..self }
            }
            (Account::Chargeback(_), Account::Supplier) => {
                Self { released: plus(self.released)?, charged_back: minus(self.charged_back)?, ..self }
            }
            (
                Account::Escrow,
                Account::Provider(_) | Account::ProviderFees | Account::Escrow | Account::Unapplied(_) | Account::Loss,
            )
            | (Account::Supplier | Account::Fees | Account::Refund(_) | Account::Loss, Account::Escrow) => {
                return Err(Rejection::Inconsistent("an unknown way in or out of the escrow"));
            }
            // Neither is the escrow: nothing of the order's balances moves.
            (
                Account::Provider(_)
                | Account::Supplier
                | Account::Fees
                | Account::ProviderFees
                | Account::Refund(_)
                | Account::Unapplied(_)
                | Account::Chargeback(_)
                | Account::Loss,
                Account::Provider(_)
                | Account::Supplier
                | Account::Fees
                | Account::ProviderFees
                | Account::Refund(_)
                | Account::Unapplied(_)
                | Account::Chargeback(_)
                | Account::Loss,
            ) => self,
        })
    }

    /// Nothing was lost or made up.
    #[must_use]
    pub fn is_conserved(&self) -> bool {
        let parts = [self.held, self.released, self.refunded, self.charged_back];
        let sum = parts.iter().try_fold(MinorUnits::ZERO, |sum, part| sum.checked_add(*part));
        parts.iter().all(|part| part.0 >= 0) && sum == Some(self.captured)
    }
}
