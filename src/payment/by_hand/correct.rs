//! A break corrected: what we have booked and the provider has not is booked back, a difference is booked as what it was.

use entity::hand_booking::{BookingKind, Model};
use entity::{
    ChargebackId, LedgerAccount, MinorUnits, Money, PaymentId, ReceiptId, RefundId, payment, payout, receipt,
    reconciliation_break, refund, transfer,
};
use escrow::Command;
use sea_orm::ActiveValue::Set;
use sea_orm::{ActiveModelTrait, ColumnTrait, ConnectionTrait, EntityTrait, QueryFilter, QuerySelect};

use super::check::wrong;
use super::settle::{mark, payment_of};
use crate::app::App;
use crate::db::retrying;
use crate::error::{Error, Result};
use crate::ledger::{self, NewTransfer};
use crate::order::execute_as_provider;
use crate::payment::matching::Applied;
use crate::payment::{payout_fact, refund_fact};
use provider::LineKind;

/// Under which a booking of `subject` is booked back.
pub(super) fn reversal_key(subject: &str) -> String {
    format!("{subject}:reversed")
}

/// What has to move at the provider so that our books have its amount.
pub(super) struct Difference {
    pub(super) amount: Money,
    /// More is there than we have booked.
    is_towards_us: bool,
}

/// None: the break names no two amounts, or the same.
pub(super) fn difference(found: &reconciliation_break::Model) -> Option<Difference> {
    let (ours, theirs, currency) = (found.ours?, found.theirs?, found.currency?);
    let kind = found.subject.split(':').nth(1).unwrap_or_default();
    let comes = [
        LineKind::Capture,
        LineKind::RefundReturned,
        LineKind::PayoutReturned,
        LineKind::ChargebackWon,
        LineKind::OtherCredit,
    ];
    let comes = comes.iter().any(|one| one.name() == kind);
    let amount = MinorUnits(theirs.0.checked_sub(ours.0)?.checked_abs()?);
    let is_towards_us = comes == (theirs > ours);
    amount.is_positive().then_some(Difference { amount: Money::new(amount, currency), is_towards_us })
}

/// In one transaction with what becomes of the booking: it has no movement of the provider's to be known by.
pub(super) async fn adjust(app: &App, booking: &Model) -> Result<Applied> {
    let id = booking.break_id.ok_or_else(|| Error::internal(format!("{} adjusts no break", booking.id)))?;
    let found = reconciliation_break::Entity::find_by_id(id).one(&app.db.read).await?;
    let difference = found.as_ref().and_then(difference).filter(|one| Some(one.amount) == booking.money());
    let Some(Difference { amount, is_towards_us }) = difference else {
        return Ok(Applied::NotOurs("the difference is another one by now: ask again".to_owned()));
    };
    let there = LedgerAccount::Provider(booking.provider.clone());
    let (other, cause) = if booking.kind == BookingKind::AdjustedAsFee {
        (LedgerAccount::ProviderFees, "provider.fee")
    } else {
        (LedgerAccount::Loss, "other.adjusted")
    };
    let (debit, credit) = if is_towards_us { (there, other) } else { (other, there) };
    retrying(|| async {
        let transaction = app.db.begin_write().await?;
        if mark(app, &transaction, booking, None).await? {
            let (debit, credit) = (debit.clone(), credit.clone());
            let transfer = NewTransfer { debit, credit, amount, cause, order_id: None, movement: None };
            ledger::post(&transaction, &app.clock, app.clock.now(), vec![transfer]).await?;
            transaction.commit().await?;
        }
        Ok(Applied::Done)
    })
    .await
}

/// What a booking was, by where its money went to or came from.
enum Booked {
    Payment(PaymentId),
    SetAside(ReceiptId),
    Refund(RefundId),
    Payout(entity::PayoutId),
    /// Charges, or the operator's own gain or loss: simply the other way round.
    Own(LedgerAccount),
}

/// What stands under this key, and how much of it; an error if that can't be booked back so.
async fn booked<C: ConnectionTrait>(db: &C, subject: &str, named: Option<PaymentId>) -> Result<(Booked, Money)> {
    let rows = ledger::posted(db, subject).await?;
    let Some(first) = rows.first() else { return Err(wrong("breakId", "is of nothing that is booked any more")) };
    let sum = rows.iter().map(|row| row.amount.0).fold(0_i64, i64::saturating_add);
    let amount = Money::new(MinorUnits(sum), first.currency);
    let other = |row: &transfer::Model| match &row.debit {
        LedgerAccount::Provider(_) => row.credit.clone(),
        account @ (LedgerAccount::Escrow(_)
        | LedgerAccount::Supplier(_)
        | LedgerAccount::Fees
        | LedgerAccount::ProviderFees
        | LedgerAccount::Loss
        | LedgerAccount::Refund(_)
        | LedgerAccount::Payout(_)
        | LedgerAccount::Unapplied(_)
        | LedgerAccount::Chargeback(_)) => account.clone(),
    };
    let others: Vec<LedgerAccount> = rows.iter().map(other).collect();
    let aside =
        others.iter().find_map(|account| if let LedgerAccount::Unapplied(id) = account { Some(*id) } else { None });
    let receipt = match aside {
        Some(id) => receipt::Entity::find_by_id(id).one(db).await?,
        None => None,
    };
    let order_id = rows.iter().find_map(|row| row.order_id).filter(|_| {
        others.iter().all(|account| matches!(account, LedgerAccount::Escrow(_) | LedgerAccount::Unapplied(_)))
    });
    if let Some(order_id) = order_id {
        let came_with = receipt.and_then(|row| row.payment_id);
        let provider = subject.split(':').next().unwrap_or_default();
        let of_order = payment::Entity::find()
            .filter(payment::Column::OrderId.eq(order_id))
            .filter(payment::Column::Provider.eq(provider))
            .all(db)
            .await?;
        let brought: Vec<_> = of_order.iter().filter(|row| row.captured >= amount.amount).map(|row| row.id).collect();
        let payment = match (named.or(came_with), brought.as_slice()) {
            (Some(id), _) if of_order.iter().any(|row| row.id == id) => id,
            (None, [one]) => *one,
            (Some(_), _) | (None, _) => {
                return Err(wrong("paymentId", "is required: which of the order's payments is it about?"));
            }
        };
        return Ok((Booked::Payment(payment), amount));
    }
    let what = match (&others[..], receipt) {
        ([LedgerAccount::Unapplied(id)], Some(receipt)) if receipt.left() >= amount.amount => Booked::SetAside(*id),
        ([LedgerAccount::Unapplied(_)], _) => {
            return Err(wrong("breakId", "is of money that is not set aside any more: it was applied, or sent back"));
        }
        ([LedgerAccount::Refund(id)], _) => Booked::Refund(*id),
        ([LedgerAccount::Payout(id)], _) => Booked::Payout(*id),
        ([account @ (LedgerAccount::ProviderFees | LedgerAccount::Loss)], _) => Booked::Own(account.clone()),
        (_more, _) => {
            return Err(wrong("breakId", "is of a booking that is not simply booked back; accept it, and say why"));
        }
    };
    Ok((what, amount))
}

pub(super) async fn check_reversal<C: ConnectionTrait>(
    db: &C,
    found: &reconciliation_break::Model,
    named: Option<PaymentId>,
) -> Result<Option<PaymentId>> {
    match booked(db, &found.subject, named).await?.0 {
        Booked::Payment(id) => Ok(Some(id)),
        Booked::SetAside(_) | Booked::Refund(_) | Booked::Payout(_) | Booked::Own(_) => Ok(None),
    }
}

pub(super) async fn reverse(app: &App, booking: &Model) -> Result<Applied> {
    let key = booking.movement.clone().ok_or_else(|| Error::internal(format!("{} is of no movement", booking.id)))?;
    if !ledger::posted(&app.db.read, &key).await?.is_empty() {
        return Ok(Applied::Done);
    }
    let subject = key.strip_suffix(":reversed").unwrap_or(&key);
    let now = app.clock.now();
    let (what, amount) = booked(&app.db.read, subject, booking.payment_id).await?;
    match what {
        Booked::Payment(id) => {
            let payment = payment_of(app, Some(id)).await?;
            let command = Command::ReversePayment {
                chargeback_id: ChargebackId(app.clock.new_id()),
                payment_id: id,
                amount,
                movement: key,
                reason: booking.reason.clone(),
            };
            execute_as_provider(app, payment.order_id, now, &command).await?;
            Ok(Applied::Done)
        }
        Booked::SetAside(id) => take_back(app, booking, id, amount, &key).await,
        Booked::Refund(id) => {
            let refund = refund::Entity::find_by_id(id).one(&app.db.read).await?;
            let refund = refund.ok_or_else(|| Error::internal(format!("{id} is gone")))?;
            refund_fact::came_back(app, &refund, amount, key, booking.reason.clone(), now).await
        }
        Booked::Payout(id) => {
            let payout = payout::Entity::find_by_id(id).one(&app.db.read).await?;
            let payout = payout.ok_or_else(|| Error::internal(format!("{id} is gone")))?;
            payout_fact::returned_by_word(app, &payout.provider, &payout.reference, key, amount, &booking.reason).await
        }
        Booked::Own(account) => {
            let there = LedgerAccount::Provider(booking.provider.clone());
            let rows = ledger::posted(&app.db.read, subject).await?;
            let left_us = rows.iter().any(|row| row.credit == there);
            let (debit, credit) = if left_us { (there, account) } else { (account, there) };
            post(app, (debit, credit), amount, &key).await
        }
    }
}

async fn post(app: &App, (debit, credit): (LedgerAccount, LedgerAccount), amount: Money, key: &str) -> Result<Applied> {
    retrying(|| async {
        let transaction = app.db.begin_write().await?;
        if ledger::is_posted(&transaction, key, None, amount).await? {
            return Ok(Applied::Done);
        }
        let (debit, credit, movement) = (debit.clone(), credit.clone(), Some((key.to_owned(), 0)));
        let transfer = NewTransfer { debit, credit, amount, cause: "other.reversed", order_id: None, movement };
        ledger::post(&transaction, &app.clock, app.clock.now(), vec![transfer]).await?;
        transaction.commit().await?;
        Ok(Applied::Done)
    })
    .await
}

/// unapplied → provider: it never came.
async fn take_back(app: &App, booking: &Model, id: ReceiptId, amount: Money, key: &str) -> Result<Applied> {
    retrying(|| async {
        let transaction = app.db.begin_write().await?;
        let found = receipt::Entity::find_by_id(id).lock_exclusive().one(&transaction).await?;
        let row = found.ok_or_else(|| Error::internal(format!("{id} is gone")))?;
        if ledger::is_posted(&transaction, key, None, amount).await? {
            return Ok(Applied::Done);
        }
        if row.left() < amount.amount {
            return Ok(Applied::NotOurs(format!("{id}: it is not set aside any more")));
        }
        let gone =
            row.charged_back.checked_add(amount.amount).ok_or_else(|| Error::internal("an amount is too large"))?;
        let row = receipt::ActiveModel { id: Set(id), charged_back: Set(gone), ..Default::default() };
        row.update(&transaction).await?;
        let transfer = NewTransfer {
            debit: LedgerAccount::Unapplied(id),
            credit: LedgerAccount::Provider(booking.provider.clone()),
            amount,
            cause: "funds.reversed",
            order_id: None,
            movement: Some((key.to_owned(), 0)),
        };
        ledger::post(&transaction, &app.clock, app.clock.now(), vec![transfer]).await?;
        transaction.commit().await?;
        Ok(Applied::Done)
    })
    .await
}
