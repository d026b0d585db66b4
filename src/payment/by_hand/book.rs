//! What two operators have agreed on, into the books.

use entity::hand_booking::{BookingKind, BookingStatus, Entity, Model};
use entity::{
    BookingId, ChargebackId, LedgerAccount, Money, PayoutId, RefundId, Time, chargeback, notification, payout, refund,
};
use escrow::{ChargebackStage, ClaimCause, Command};
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter};

use super::correct;
use super::settle::{mark, payment_of};
use crate::app::App;
use crate::db::retrying;
use crate::error::{Error, Result};
use crate::job::JobOutcome;
use crate::ledger::{self, NewTransfer, movement_key};
use crate::order::execute_as_provider;
use crate::payment::capture::{self, Captured};
use crate::payment::matching::Applied;
use crate::payment::{payout_fact, refund_fact};

/// Books what was approved, and marks what it was about as settled. Run twice, it changes nothing the second time.
pub async fn book_by_hand(app: &App, id: BookingId) -> Result<JobOutcome> {
    let found = Entity::find_by_id(id).one(&app.db.read).await?;
    let booking = found.ok_or_else(|| Error::internal(format!("{id} is gone")))?;
    if booking.status != BookingStatus::Approved {
        return Ok(JobOutcome::Done);
    }
    let failure = match book(app, &booking).await {
        Ok(Applied::Done) => None,
        Ok(Applied::NotOurs(reason) | Applied::NotYet(reason)) | Err(Error::Contradiction(reason)) => Some(reason),
        Err(error @ (Error::Refused(_) | Error::Internal(_))) => Some(error.to_string()),
        // It may be booked or not: asked again, and booked once.
        Err(error @ Error::Database(_)) => return Err(error),
    };
    retrying(|| finish(app, &booking, failure.as_deref())).await?;
    Ok(JobOutcome::Done)
}

async fn book(app: &App, booking: &Model) -> Result<Applied> {
    match booking.kind {
        BookingKind::Accepted => Ok(Applied::Done),
        BookingKind::Reversed => correct::reverse(app, booking).await,
        BookingKind::AdjustedAsFee | BookingKind::AdjustedAsOther => correct::adjust(app, booking).await,
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
        | BookingKind::OtherDebit => {
            let amount = booking.money().ok_or_else(|| Error::internal(format!("{} is of no amount", booking.id)))?;
            book_fact(app, booking, amount, heard_at(app, booking).await?).await
        }
    }
}

/// As of when the provider had stated it: what has lapsed since would not have.
async fn heard_at(app: &App, booking: &Model) -> Result<Time> {
    let Some(id) = booking.notification_id else { return Ok(app.clock.now()) };
    let row = notification::Entity::find_by_id(id).one(&app.db.read).await?;
    Ok(row.map_or_else(|| app.clock.now(), |row| row.heard_at))
}

#[expect(clippy::too_many_lines, reason = "one exhaustive match: a kind that is not decided here does not compile")]
async fn book_fact(app: &App, booking: &Model, amount: Money, heard_at: Time) -> Result<Applied> {
    let provider = booking.provider.as_str();
    let movement = || {
        let key = booking.movement.clone();
        key.ok_or_else(|| Error::internal(format!("{} is of no movement", booking.id)))
    };
    let reason = || booking.reason.clone();
    match booking.kind {
        BookingKind::Capture => {
            let payment = payment_of(app, booking.payment_id).await?;
            let command = Command::CapturePayment { payment_id: payment.id, amount, movement: movement()? };
            execute_as_provider(app, payment.order_id, heard_at, &command).await?;
            Ok(Applied::Done)
        }
        BookingKind::SetAside => {
            let captured = Captured {
                references: Vec::new(),
                provider_reference: None,
                movement: movement()?,
                amount,
                remitter: None,
            };
            capture::set_aside_unmatched(app, provider, &captured).await?;
            Ok(Applied::Done)
        }
        BookingKind::RefundSucceeded => {
            let refund = refund_of(app, booking.refund_id).await?;
            let command =
                Command::SettleRefund { refund_id: refund.id, amount, movement: movement()?, confirmed: true };
            refund_fact::refund_command(app, &refund, &command, heard_at).await
        }
        BookingKind::RefundFailed => {
            let refund = refund_of(app, booking.refund_id).await?;
            if refund.status == refund::RefundStatus::Succeeded {
                return Ok(Applied::NotOurs(format!(
                    "{} was sent: money that came back is REFUND_RETURNED",
                    refund.id
                )));
            }
            let movement = movement_key(provider, "refund_failed", &refund.reference);
            let command =
                Command::FailRefund { refund_id: refund.id, amount, movement, reason: reason(), confirmed: false };
            refund_fact::refund_command(app, &refund, &command, heard_at).await
        }
        BookingKind::RefundReturned => {
            let refund = refund_of(app, booking.refund_id).await?;
            refund_fact::came_back(app, &refund, amount, movement()?, reason(), heard_at).await
        }
        BookingKind::PayoutPaid => {
            let payout = payout_of(app, booking.payout_id).await?;
            payout_fact::paid_by_word(app, provider, &payout.reference, movement()?, amount).await
        }
        BookingKind::PayoutFailed => {
            let payout = payout_of(app, booking.payout_id).await?;
            payout_fact::failed_by_word(app, provider, &payout.reference, &reason()).await
        }
        BookingKind::PayoutReturned => {
            let payout = payout_of(app, booking.payout_id).await?;
            payout_fact::returned_by_word(app, provider, &payout.reference, movement()?, amount, &reason()).await
        }
        BookingKind::ChargebackOpened => chargeback(app, booking, amount, ChargebackStage::Opened, heard_at).await,
        BookingKind::ChargebackDebited => {
            let stage = ChargebackStage::Debited { movement: movement()? };
            chargeback(app, booking, amount, stage, heard_at).await
        }
        BookingKind::ChargebackWon => {
            let stage = ChargebackStage::Won { movement: Some(movement()?) };
            chargeback(app, booking, amount, stage, heard_at).await
        }
        BookingKind::ChargebackLost => chargeback(app, booking, amount, ChargebackStage::Lost, heard_at).await,
        BookingKind::PaymentReversed => {
            let payment = payment_of(app, booking.payment_id).await?;
            let command = Command::ReversePayment {
                chargeback_id: ChargebackId(app.clock.new_id()),
                payment_id: payment.id,
                amount,
                movement: movement()?,
                reason: reason(),
            };
            execute_as_provider(app, payment.order_id, heard_at, &command).await?;
            Ok(Applied::Done)
        }
        BookingKind::Fee => {
            let to = LedgerAccount::Provider(provider.to_owned());
            post_once(app, (LedgerAccount::ProviderFees, to, "provider.fee"), amount, movement()?).await
        }
        BookingKind::OtherCredit => {
            let from = LedgerAccount::Provider(provider.to_owned());
            post_once(app, (from, LedgerAccount::Loss, "other.credited"), amount, movement()?).await
        }
        BookingKind::OtherDebit => {
            let to = LedgerAccount::Provider(provider.to_owned());
            post_once(app, (LedgerAccount::Loss, to, "other.debited"), amount, movement()?).await
        }
        BookingKind::Reversed | BookingKind::AdjustedAsFee | BookingKind::AdjustedAsOther | BookingKind::Accepted => {
            Err(Error::internal(format!("{} states no fact", booking.id)))
        }
    }
}

async fn chargeback(
    app: &App,
    booking: &Model,
    amount: Money,
    stage: ChargebackStage,
    heard_at: Time,
) -> Result<Applied> {
    let payment = payment_of(app, booking.payment_id).await?;
    let reference = booking.chargeback_reference.clone().unwrap_or_default();
    let known = chargeback::Entity::find()
        .filter(chargeback::Column::Provider.eq(&payment.provider))
        .filter(chargeback::Column::Reference.eq(&reference))
        .one(&app.db.read)
        .await?;
    let command = Command::Chargeback {
        chargeback_id: ChargebackId(app.clock.new_id()),
        payment_id: payment.id,
        reference,
        amount: Some(amount),
        cause: known.as_ref().map_or(ClaimCause::Dispute, ClaimCause::of),
        stage,
        reason: booking.reason.clone(),
    };
    execute_as_provider(app, payment.order_id, heard_at, &command).await?;
    Ok(Applied::Done)
}

/// One transfer of no order's, under the key of its movement.
async fn post_once(
    app: &App,
    (debit, credit, cause): (LedgerAccount, LedgerAccount, &'static str),
    amount: Money,
    movement: String,
) -> Result<Applied> {
    retrying(|| async {
        let transaction = app.db.begin_write().await?;
        if ledger::is_posted(&transaction, &movement, None, amount).await? {
            return Ok(Applied::Done);
        }
        let (debit, credit, movement) = (debit.clone(), credit.clone(), Some((movement.clone(), 0)));
        let transfer = NewTransfer { debit, credit, amount, cause, order_id: None, movement };
        ledger::post(&transaction, &app.clock, app.clock.now(), vec![transfer]).await?;
        transaction.commit().await?;
        Ok(Applied::Done)
    })
    .await
}

async fn refund_of(app: &App, id: Option<RefundId>) -> Result<refund::Model> {
    let Some(id) = id else { return Err(Error::internal("a booking of no refund")) };
    refund::Entity::find_by_id(id).one(&app.db.read).await?.ok_or_else(|| Error::internal(format!("{id} is gone")))
}

async fn payout_of(app: &App, id: Option<PayoutId>) -> Result<payout::Model> {
    let Some(id) = id else { return Err(Error::internal("a booking of no payout")) };
    payout::Entity::find_by_id(id).one(&app.db.read).await?.ok_or_else(|| Error::internal(format!("{id} is gone")))
}

/// What became of it; and what it was about is settled.
async fn finish(app: &App, booking: &Model, failure: Option<&str>) -> Result<()> {
    let transaction = app.db.begin_write().await?;
    mark(app, &transaction, booking, failure).await?;
    transaction.commit().await?;
    match failure {
        None => tracing::info!(booking = %booking.id, kind = ?booking.kind, "booked by hand"),
        Some(failure) => {
            tracing::error!(booking = %booking.id, kind = ?booking.kind, failure, "could not be booked by hand")
        }
    }
    Ok(())
}
