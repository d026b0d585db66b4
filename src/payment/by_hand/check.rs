//! Whether what an operator says is complete, and about something that there is.

use entity::hand_booking::{BookingKind, Model};
use entity::reconciliation_break::BreakKind;
use entity::{MinorUnits, Money, PaymentId, PayoutId, RefundId, payment, payout, refund};
use sea_orm::{ConnectionTrait, EntityTrait};

use crate::error::{Error, ErrorCode, Result};
use crate::ledger;

/// What an operator says that it was.
#[derive(Clone, Debug)]
pub struct NewBooking {
    pub kind: BookingKind,
    pub amount: Option<Money>,
    /// The provider's own id of the movement.
    pub movement_id: Option<String>,
    pub payment_id: Option<PaymentId>,
    pub refund_id: Option<RefundId>,
    pub payout_id: Option<PayoutId>,
    /// The provider's id of a chargeback.
    pub chargeback_reference: Option<String>,
    pub settles: bool,
    pub reason: String,
}

pub(super) fn wrong(field: &str, message: impl Into<String>) -> Error {
    Error::refused(ErrorCode::InvalidInput, message.into()).at(field)
}

/// What a booking of a kind is about.
enum Target {
    Nothing,
    Payment,
    Refund,
    Payout,
}

fn target(kind: BookingKind) -> Target {
    match kind {
        BookingKind::Capture
        | BookingKind::ChargebackOpened
        | BookingKind::ChargebackDebited
        | BookingKind::ChargebackWon
        | BookingKind::ChargebackLost
        | BookingKind::PaymentReversed => Target::Payment,
        BookingKind::RefundSucceeded | BookingKind::RefundFailed | BookingKind::RefundReturned => Target::Refund,
        BookingKind::PayoutPaid | BookingKind::PayoutFailed | BookingKind::PayoutReturned => Target::Payout,
        BookingKind::SetAside
        | BookingKind::Fee
        | BookingKind::OtherCredit
        | BookingKind::OtherDebit
        | BookingKind::Reversed
        | BookingKind::AdjustedAsFee
        | BookingKind::AdjustedAsOther
        | BookingKind::Accepted => Target::Nothing,
    }
}

/// It is whole or nothing: its amount is what we sent.
fn is_whole(kind: BookingKind) -> bool {
    matches!(
        kind,
        BookingKind::RefundSucceeded | BookingKind::RefundFailed | BookingKind::PayoutPaid | BookingKind::PayoutFailed
    )
}

fn is_chargeback(kind: BookingKind) -> bool {
    matches!(
        kind,
        BookingKind::ChargebackOpened
            | BookingKind::ChargebackDebited
            | BookingKind::ChargebackWon
            | BookingKind::ChargebackLost
    )
}

pub(super) fn only_for_breaks(kind: BookingKind) -> bool {
    matches!(
        kind,
        BookingKind::Reversed | BookingKind::AdjustedAsFee | BookingKind::AdjustedAsOther | BookingKind::Accepted
    )
}

/// Whether such a break is settled by such a booking. Any difference can be accepted.
pub(super) fn fits(kind: BreakKind, by: BookingKind) -> bool {
    match by {
        BookingKind::Accepted => true,
        BookingKind::Reversed => kind == BreakKind::MissingThere,
        BookingKind::AdjustedAsFee | BookingKind::AdjustedAsOther => kind == BreakKind::AmountDiffers,
        BookingKind::Capture
        | BookingKind::SetAside
        | BookingKind::RefundSucceeded
        | BookingKind::RefundFailed
        | BookingKind::RefundReturned
        | BookingKind::PayoutPaid
        | BookingKind::PayoutFailed
        | BookingKind::PayoutReturned
        | BookingKind::ChargebackOpened
        | BookingKind::ChargebackDebited
        | BookingKind::ChargebackWon
        | BookingKind::ChargebackLost
        | BookingKind::PaymentReversed
        | BookingKind::Fee
        | BookingKind::OtherCredit
        | BookingKind::OtherDebit => kind == BreakKind::MissingHere && super::movement::line_kind(by).is_some(),
    }
}

pub(super) fn ways_of(kind: BreakKind) -> &'static str {
    match kind {
        BreakKind::MissingHere => "what has happened, such as CAPTURE, SET_ASIDE, FEE or OTHER_CREDIT, or by ACCEPTED",
        BreakKind::MissingThere => "REVERSED or ACCEPTED",
        BreakKind::AmountDiffers => "ADJUSTED_AS_FEE, ADJUSTED_AS_OTHER or ACCEPTED",
        BreakKind::NoStatement | BreakKind::BooksDiffer => "ACCEPTED",
    }
}

/// Completes the booking; refuses what names nothing of this provider's, or what is booked already.
pub(super) async fn check<C: ConnectionTrait>(db: &C, booking: &mut Model, new: &NewBooking) -> Result<()> {
    let sent = match target(new.kind) {
        Target::Nothing => None,
        Target::Payment => {
            let id = new.payment_id.ok_or_else(|| wrong("paymentId", "is required: which payment is it about?"))?;
            let row = payment::Entity::find_by_id(id).one(db).await?;
            let row = row.ok_or_else(|| Error::not_found("payment").at("paymentId"))?;
            require_provider_of(booking, "paymentId", &row.provider)?;
            None
        }
        Target::Refund => {
            let id = new.refund_id.ok_or_else(|| wrong("refundId", "is required: which refund is it about?"))?;
            let row = refund::Entity::find_by_id(id).one(db).await?;
            let row = row.ok_or_else(|| Error::not_found("refund").at("refundId"))?;
            require_provider_of(booking, "refundId", &row.provider)?;
            if row.order_id.is_none() {
                return Err(wrong("refundId", "is a refund of no order: it is paid by hand, by confirmManualRefund"));
            }
            Some(Money::new(row.to_send(), row.currency))
        }
        Target::Payout => {
            let id = new.payout_id.ok_or_else(|| wrong("payoutId", "is required: which payout is it about?"))?;
            let row = payout::Entity::find_by_id(id).one(db).await?;
            let row = row.ok_or_else(|| Error::not_found("payout").at("payoutId"))?;
            require_provider_of(booking, "payoutId", &row.provider)?;
            Some(Money::new(MinorUnits(row.amount.0.saturating_sub(row.lost.0)), row.currency))
        }
    };
    require_amount(booking, new, sent)?;
    if is_chargeback(new.kind) && new.chargeback_reference.is_none() {
        return Err(wrong("chargebackReference", "is required: what does the provider call the chargeback?"));
    }
    if let Some(movement) = &booking.movement
        && !ledger::posted(db, movement).await?.is_empty()
    {
        let message = format!("{movement} is booked already; what is booked needs no booking");
        return Err(Error::refused(ErrorCode::AlreadyExists, message).at("movementId"));
    }
    Ok(())
}

fn require_provider_of(booking: &Model, field: &str, provider: &str) -> Result<()> {
    if booking.provider == provider {
        return Ok(());
    }
    Err(wrong(field, format!("is of {provider}, and this is about money at {}", booking.provider)))
}

fn require_amount(booking: &mut Model, new: &NewBooking, sent: Option<Money>) -> Result<()> {
    match (new.amount, sent) {
        (None, Some(sent)) if is_whole(new.kind) => {
            (booking.amount, booking.currency) = (Some(sent.amount), Some(sent.currency));
        }
        (None, _) => return Err(wrong("amount", "is required: how much money is it about?")),
        (Some(given), Some(sent)) if is_whole(new.kind) && given != sent => {
            return Err(wrong("amount", format!("is not the {sent} that were to be sent; leave it out")));
        }
        (Some(given), Some(sent)) if given.currency != sent.currency || given.amount > sent.amount => {
            return Err(wrong("amount", format!("is more than the {sent} that were sent, or in another currency")));
        }
        (Some(given), _) if !given.amount.is_positive() => return Err(wrong("amount", "must be more than zero")),
        (Some(_), _) => {}
    }
    Ok(())
}
