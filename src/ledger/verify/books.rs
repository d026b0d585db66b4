//! The transfers, summed up: what each account holds and what moved between accounts.

use std::collections::{BTreeMap, BTreeSet};

use entity::{Currency, LedgerAccount, OrderId};
use sea_orm::ConnectionTrait;

use crate::error::Result;
use crate::ledger::{flows, flows_of_orders};

pub(super) struct Books {
    of_orders: BTreeMap<OrderId, Vec<(LedgerAccount, LedgerAccount, i64)>>,
    flows: BTreeMap<(LedgerAccount, LedgerAccount, Currency), i64>,
    balances: BTreeMap<(LedgerAccount, Currency), i64>,
    charged_back: BTreeMap<(LedgerAccount, Currency), i64>,
}

impl Books {
    pub(super) async fn load<C: ConnectionTrait>(db: &C) -> Result<Self> {
        let flows = flows(db).await?;
        let (mut balances, mut charged_back) = (BTreeMap::new(), BTreeMap::new());
        for ((debit, credit, currency), total) in &flows {
            let add = |map: &mut BTreeMap<(LedgerAccount, Currency), i64>, account: &LedgerAccount, amount: i64| {
                let balance = map.entry((account.clone(), *currency)).or_insert(0_i64);
                *balance = balance.saturating_add(amount);
            };
            add(&mut balances, debit, total.saturating_neg());
            add(&mut balances, credit, *total);
            if is_chargeback(credit) {
                add(&mut charged_back, debit, *total);
            }
            if is_chargeback(debit) {
                add(&mut charged_back, credit, total.saturating_neg());
            }
        }
        let mut of_orders: BTreeMap<OrderId, Vec<_>> = BTreeMap::new();
        for (order_id, debit, credit, total) in flows_of_orders(db).await? {
            of_orders.entry(order_id).or_default().push((debit, credit, total));
        }
        Ok(Self { of_orders, flows, balances, charged_back })
    }

    pub(super) fn balance(&self, account: &LedgerAccount, currency: Currency) -> i64 {
        self.balances.get(&(account.clone(), currency)).copied().unwrap_or(0)
    }

    /// What moved between such accounts because of this order.
    pub(super) fn of_order(
        &self,
        order_id: OrderId,
        debit: fn(&LedgerAccount) -> bool,
        credit: fn(&LedgerAccount) -> bool,
    ) -> i64 {
        let flows = self.of_orders.get(&order_id).into_iter().flatten();
        flows.filter(|(from, to, _)| debit(from) && credit(to)).map(|(_, _, total)| *total).sum()
    }

    pub(super) fn out(&self, account: &LedgerAccount, currency: Currency, to: fn(&LedgerAccount) -> bool) -> i64 {
        let lowest = (account.clone(), LedgerAccount::Provider(String::new()), Currency::USD);
        self.flows
            .range(lowest..)
            .take_while(|((debit, _, _), _)| debit == account)
            .filter(|((_, credit, of), _)| *of == currency && to(credit))
            .map(|(_, total)| *total)
            .sum()
    }

    pub(super) fn flow(&self, debit: &LedgerAccount, credit: &LedgerAccount, currency: Currency) -> i64 {
        self.flows.get(&(debit.clone(), credit.clone(), currency)).copied().unwrap_or(0)
    }

    /// What chargebacks took out of an account, less what they gave back.
    pub(super) fn to_chargebacks(&self, account: &LedgerAccount, currency: Currency) -> i64 {
        self.charged_back.get(&(account.clone(), currency)).copied().unwrap_or(0)
    }

    /// Accounts with money on them, of which there is no row.
    pub(super) fn of_nothing(&self, known: &BTreeSet<LedgerAccount>) -> Vec<String> {
        let with_row = |account: &LedgerAccount| {
            matches!(
                account,
                LedgerAccount::Escrow(_)
                    | LedgerAccount::Refund(_)
                    | LedgerAccount::Payout(_)
                    | LedgerAccount::Unapplied(_)
                    | LedgerAccount::Chargeback(_)
            )
        };
        let lost = self.balances.iter().filter(|((account, _), _)| with_row(account) && !known.contains(account));
        lost.map(|((account, currency), balance)| {
            format!("{account}: holds {balance} minor units of {currency}, but its row is gone")
        })
        .collect()
    }

    /// Accounts that must never be overdrawn, and are.
    pub(super) fn negative(&self, chargebacks_settling: bool) -> Vec<String> {
        self.balances
            .iter()
            .filter(|(_, balance)| **balance < 0)
            .filter(|((account, _), _)| match account {
                LedgerAccount::Provider(_)
                | LedgerAccount::Supplier(_)
                | LedgerAccount::ProviderFees
                | LedgerAccount::Loss => false,
                // Won before we heard that it had been debited: its row says so.
                LedgerAccount::Chargeback(_) if chargebacks_settling => false,
                LedgerAccount::Escrow(_)
                | LedgerAccount::Fees
                | LedgerAccount::Refund(_)
                | LedgerAccount::Payout(_)
                | LedgerAccount::Unapplied(_)
                | LedgerAccount::Chargeback(_) => true,
            })
            .map(|((account, currency), balance)| {
                format!("{account}: overdrawn by {balance} minor units of {currency}")
            })
            .collect()
    }
}

pub(super) fn is_release(account: &LedgerAccount) -> bool {
    matches!(account, LedgerAccount::Supplier(_) | LedgerAccount::Fees)
}

pub(super) fn is_refund(account: &LedgerAccount) -> bool {
    matches!(account, LedgerAccount::Refund(_))
}

pub(super) fn is_escrow(account: &LedgerAccount) -> bool {
    matches!(account, LedgerAccount::Escrow(_))
}

pub(super) fn is_supplier(account: &LedgerAccount) -> bool {
    matches!(account, LedgerAccount::Supplier(_))
}

pub(super) fn is_chargeback(account: &LedgerAccount) -> bool {
    matches!(account, LedgerAccount::Chargeback(_))
}

pub(super) fn is_provider(account: &LedgerAccount) -> bool {
    matches!(account, LedgerAccount::Provider(_))
}

pub(super) fn is_provider_fees(account: &LedgerAccount) -> bool {
    matches!(account, LedgerAccount::ProviderFees)
}

pub(super) fn is_unapplied(account: &LedgerAccount) -> bool {
    matches!(account, LedgerAccount::Unapplied(_))
}
