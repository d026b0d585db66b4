//! The name of a ledger account. The first half says what kind of money it is, the second whose.

use std::str::FromStr;

use sea_orm::sea_query::{ArrayType, ColumnType, StringLen, ValueType, ValueTypeErr};
use sea_orm::{ColIdx, DbErr, QueryResult, TryGetError, TryGetable, Value};

use crate::{ChargebackId, OrderId, PayoutId, ReceiptId, RefundId, SupplierId};

/// Each account holds one currency at a time; the currency stands on the transfer.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum LedgerAccount {
    /// What a provider holds for us. Its balance is negative by our sign: it is debited when money arrives.
    Provider(String),
    /// Held for one order. Never negative.
    Escrow(OrderId),
    /// Payable to a supplier. May go negative after a chargeback.
    Supplier(SupplierId),
    /// What the operator earned.
    Fees,
    /// What providers charged us.
    ProviderFees,
    /// What the operator lost.
    Loss,
    /// On its way back to a buyer, one account per refund.
    Refund(RefundId),
    /// On its way to a supplier's bank, one account per payout.
    Payout(PayoutId),
    /// Arrived, but belongs to no open order.
    Unapplied(ReceiptId),
    Chargeback(ChargebackId),
}

impl std::fmt::Display for LedgerAccount {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Provider(name) => write!(f, "provider/{name}"),
            Self::Escrow(id) => write!(f, "escrow/{id}"),
            Self::Supplier(id) => write!(f, "supplier/{id}"),
            Self::Fees => f.write_str("fees"),
            Self::ProviderFees => f.write_str("provider_fees"),
            Self::Loss => f.write_str("loss"),
            Self::Refund(id) => write!(f, "refund/{id}"),
            Self::Payout(id) => write!(f, "payout/{id}"),
            Self::Unapplied(id) => write!(f, "unapplied/{id}"),
            Self::Chargeback(id) => write!(f, "chargeback/{id}"),
        }
    }
}

#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("\"{0}\" is not a ledger account")]
pub struct UnknownAccount(String);

impl FromStr for LedgerAccount {
    type Err = UnknownAccount;

    fn from_str(text: &str) -> Result<Self, UnknownAccount> {
        let unknown = || UnknownAccount(text.to_owned());
        let (kind, owner) = text.split_once('/').unwrap_or((text, ""));
        Ok(match (kind, owner) {
            ("fees", "") => Self::Fees,
            ("provider_fees", "") => Self::ProviderFees,
            ("loss", "") => Self::Loss,
            ("provider", name) if !name.is_empty() => Self::Provider(name.to_owned()),
            ("escrow", id) => Self::Escrow(id.parse().map_err(|_source| unknown())?),
            ("supplier", id) => Self::Supplier(id.parse().map_err(|_source| unknown())?),
            ("refund", id) => Self::Refund(id.parse().map_err(|_source| unknown())?),
            ("payout", id) => Self::Payout(id.parse().map_err(|_source| unknown())?),
            ("unapplied", id) => Self::Unapplied(id.parse().map_err(|_source| unknown())?),
            ("chargeback", id) => Self::Chargeback(id.parse().map_err(|_source| unknown())?),
            (_kind, _owner) => return Err(unknown()),
        })
    }
}

impl From<LedgerAccount> for Value {
    fn from(account: LedgerAccount) -> Self {
        Value::String(Some(account.to_string()))
    }
}

impl TryGetable for LedgerAccount {
    fn try_get_by<I: ColIdx>(row: &QueryResult, index: I) -> Result<Self, TryGetError> {
        let text = String::try_get_by(row, index)?;
        text.parse().map_err(|error: UnknownAccount| TryGetError::DbErr(DbErr::Type(error.to_string())))
    }
}

impl ValueType for LedgerAccount {
    fn try_from(value: Value) -> Result<Self, ValueTypeErr> {
        <String as ValueType>::try_from(value)?.parse().map_err(|_source| ValueTypeErr)
    }
    fn type_name() -> String {
        "LedgerAccount".to_owned()
    }
    fn array_type() -> ArrayType {
        ArrayType::String
    }
    fn column_type() -> ColumnType {
        ColumnType::String(StringLen::N(64))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_account_reads_back() {
        let accounts = [
            LedgerAccount::Provider("sandbox".to_owned()),
            LedgerAccount::Escrow(OrderId(uuid::Uuid::from_u128(1))),
            LedgerAccount::Fees,
            LedgerAccount::Payout(PayoutId(uuid::Uuid::from_u128(2))),
        ];
        for account in accounts {
            assert_eq!(account.to_string().parse(), Ok(account));
        }
        assert!("escrow/supplier_1".parse::<LedgerAccount>().is_err());
        assert!("fees/1".parse::<LedgerAccount>().is_err());
    }
}
