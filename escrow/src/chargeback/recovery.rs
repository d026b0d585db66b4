//! A loss that was none.

use entity::chargeback::{self, ChargebackStatus, Source, Sources};
use entity::refund::{self};
use entity::{MinorUnits, Money};

use crate::chargeback::taking::{take_of_refund, transfer};
use crate::decision::Decision;
use crate::order::Order;
use crate::rejection::Rejection;
use crate::transfer::{Account, RefundRef};

/// A refund that did not go through: what a chargeback of its payment took as our loss, because the refund might have been
/// out, was none. It is taken out of the refund instead.
pub(crate) fn make_good(order: &Order, refund: &refund::Model, decision: &mut Decision) -> Result<(), Rejection> {
    let of_payment = |row: &&chargeback::Model| {
        Some(row.payment_id) == refund.payment_id
            && row.currency == refund.currency
            && row.status != ChargebackStatus::Won
            && row.sources.0.iter().any(|source| matches!(source, Source::Loss { .. }))
    };
    let Some(row) = order.chargebacks.iter().find(of_payment) else { return Ok(()) };
    let balance = decision.refund_changes.iter().find(|known| known.id == refund.id).unwrap_or(refund).balance;
    let (mut sources, mut part) = (Vec::new(), MinorUnits::ZERO);
    for source in row.sources.0.clone() {
        let Source::Loss { amount } = source else {
            sources.push(source);
            continue;
        };
        part = amount.min(balance);
        let left = amount.checked_sub(part).ok_or(Rejection::TOO_LARGE)?;
        if left.is_positive() {
            sources.push(Source::Loss { amount: left });
        }
    }
    if !part.is_positive() {
        return Ok(());
    }
    sources.push(Source::Refund { refund_id: refund.id, amount: part });
    let (chargeback, money) = (Account::Chargeback(row.id), Money::new(part, row.currency));
    let refund_account = Account::Refund(RefundRef::Existing(refund.id));
    decision.post(transfer(refund_account, chargeback.clone(), money, "chargeback.recovered"))?;
    decision.post(transfer(chargeback, Account::Loss, money, "chargeback.recovered"))?;
    decision.change_refund(refund, |row| take_of_refund(row, part));
    decision.chargeback = Some(chargeback::Model { sources: Sources(sources), ..row.clone() });
    Ok(())
}
