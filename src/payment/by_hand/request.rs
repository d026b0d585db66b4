//! One operator says what something was. Nothing is booked before another one has approved.

use entity::hand_booking::{BookingKind, BookingStatus, Column, Entity, Model};
use entity::{BookingId, BreakId, Money, NotificationId, OperatorId, notification, reconciliation_break};
use sea_orm::sea_query::ExprTrait;
use sea_orm::{
    ActiveModelTrait, ColumnTrait, DatabaseTransaction, EntityTrait, IntoActiveModel, QueryFilter, QuerySelect,
};

use super::check::{NewBooking, check, fits, only_for_breaks, ways_of, wrong};
use super::correct::{check_reversal, difference, reversal_key};
use super::movement::{line_kind, movements_of};
use crate::app::App;
use crate::auth::Viewer;
use crate::error::{Error, ErrorCode, Result};
use crate::idempotency::IdempotencyKey;
use crate::ledger::movement_key;
use crate::payment::inbox::facts_of;

/// Asks to book what a quarantined notification states.
pub async fn book_quarantined(
    app: &App,
    viewer: &Viewer,
    idempotency_key: Option<&IdempotencyKey>,
    (id, new): (NotificationId, &NewBooking),
) -> Result<Model> {
    let operator_id = viewer.require_operator()?;
    IdempotencyKey::retrying(idempotency_key, &app.db, || async {
        let transaction = app.db.begin_write().await?;
        if let Some(made) = found_before(&transaction, idempotency_key).await? {
            return Ok(made);
        }
        let row = lock_quarantined(&transaction, id).await?;
        if only_for_breaks(new.kind) {
            return Err(wrong("as", "settles a break; of a notification, say what has happened, or dismiss it"));
        }
        let stated: Vec<_> = match app.providers.find(&row.provider) {
            Some(provider) => facts_of(provider.as_ref(), &row).unwrap_or_default(),
            None => Vec::new(),
        };
        let stated: Vec<_> = stated.iter().flat_map(|fact| movements_of(&row.provider, fact)).collect();
        let movement = match (line_kind(new.kind), new.movement_id.as_deref(), stated.as_slice()) {
            (None, _, _) => None,
            // What the notification itself calls it: so that its repetition is known as such.
            (Some(kind), Some(id), stated) => Some(
                stated
                    .iter()
                    .find(|one| one.id == id)
                    .map_or_else(|| movement_key(&row.provider, kind.name(), id), |one| one.key.clone()),
            ),
            (Some(_), None, [one]) => Some(one.key.clone()),
            (Some(_), None, _) => {
                return Err(wrong("movementId", "is required: this notification doesn't name exactly one movement"));
            }
        };
        let mut booking = booking(app, operator_id, &row.provider, new);
        booking.notification_id = Some(id);
        booking.movement = movement;
        check(&transaction, &mut booking, new).await?;
        save(app, transaction, idempotency_key, booking).await
    })
    .await
}

/// Asks to settle a break.
pub async fn book_break(
    app: &App,
    viewer: &Viewer,
    idempotency_key: Option<&IdempotencyKey>,
    (id, new): (BreakId, &NewBooking),
) -> Result<Model> {
    let operator_id = viewer.require_operator()?;
    IdempotencyKey::retrying(idempotency_key, &app.db, || async {
        let transaction = app.db.begin_write().await?;
        if let Some(made) = found_before(&transaction, idempotency_key).await? {
            return Ok(made);
        }
        let found = lock_break(&transaction, id).await?;
        if open_bookings().filter(Column::BreakId.eq(id)).one(&transaction).await?.is_some() {
            let message = "somebody has asked to book this break already: approve or reject that first";
            return Err(Error::refused(ErrorCode::AlreadyExists, message).at("breakId"));
        }
        let mut booking = booking(app, operator_id, &found.provider, new);
        booking.break_id = Some(id);
        booking.settles = true;
        if !fits(found.kind, new.kind) {
            return Err(wrong("as", format!("a break of this kind is settled by {}", ways_of(found.kind))));
        }
        let theirs = found.theirs.zip(found.currency).map(|(amount, currency)| Money::new(amount, currency));
        match new.kind {
            BookingKind::Accepted => {}
            BookingKind::AdjustedAsFee | BookingKind::AdjustedAsOther => {
                let difference = difference(&found).ok_or_else(|| wrong("breakId", "names no two amounts"))?;
                (booking.amount, booking.currency) = (Some(difference.amount.amount), Some(difference.amount.currency));
            }
            BookingKind::Reversed => {
                booking.movement = Some(reversal_key(&found.subject));
                (booking.amount, booking.currency) = (found.ours, found.currency.filter(|_| found.ours.is_some()));
                booking.payment_id = check_reversal(&transaction, &found, new.payment_id).await?;
            }
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
                // All of the line, under its own key: then the comparison finds it booked.
                let theirs = theirs.ok_or_else(|| wrong("breakId", "names no amount of the provider's"))?;
                (booking.amount, booking.currency) = (Some(theirs.amount), Some(theirs.currency));
                booking.movement = Some(found.subject.clone());
                check(&transaction, &mut booking, &NewBooking { amount: Some(theirs), ..new.clone() }).await?;
            }
        }
        save(app, transaction, idempotency_key, booking).await
    })
    .await
}

fn booking(app: &App, operator_id: OperatorId, provider: &str, new: &NewBooking) -> Model {
    let now = app.clock.now();
    Model {
        id: BookingId(app.clock.new_id()),
        notification_id: None,
        break_id: None,
        provider: provider.to_owned(),
        kind: new.kind,
        amount: new.amount.map(|money| money.amount),
        currency: new.amount.map(|money| money.currency),
        movement: None,
        payment_id: new.payment_id,
        refund_id: new.refund_id,
        payout_id: new.payout_id,
        chargeback_reference: new.chargeback_reference.clone(),
        settles: new.settles,
        reason: new.reason.clone(),
        status: BookingStatus::Requested,
        failure: None,
        requested_by: operator_id,
        approved_by: None,
        created_at: now,
        updated_at: now,
    }
}

async fn save(
    app: &App,
    transaction: DatabaseTransaction,
    idempotency_key: Option<&IdempotencyKey>,
    booking: Model,
) -> Result<Model> {
    if let Some(movement) = &booking.movement {
        let same = Column::Movement.eq(movement).and(Column::Status.is_in(WAITING));
        if Entity::find().filter(same).one(&transaction).await?.is_some() {
            let message = format!("somebody has asked to book {movement} already: approve or reject that first");
            return Err(Error::refused(ErrorCode::AlreadyExists, message).at("movementId"));
        }
    }
    let made = booking.clone().into_active_model().reset_all();
    Entity::insert(made).exec_without_returning(&transaction).await?;
    IdempotencyKey::record_in(idempotency_key, &transaction, &app.clock, booking.id.to_string()).await?;
    transaction.commit().await?;
    tracing::info!(operator = %booking.requested_by, booking = %booking.id, kind = ?booking.kind, "asked to book by hand");
    Ok(booking)
}

const WAITING: [BookingStatus; 2] = [BookingStatus::Requested, BookingStatus::Approved];

pub(super) async fn found_before(
    transaction: &DatabaseTransaction,
    idempotency_key: Option<&IdempotencyKey>,
) -> Result<Option<Model>> {
    let Some(made) = IdempotencyKey::find_in(idempotency_key, transaction).await? else { return Ok(None) };
    let id: BookingId = made.parse().map_err(|error: entity::IdError| Error::internal(error.to_string()))?;
    Ok(Entity::find_by_id(id).one(transaction).await?)
}

/// Nobody applies or settles it until the transaction ends.
pub(super) async fn lock_quarantined(
    transaction: &DatabaseTransaction,
    id: NotificationId,
) -> Result<notification::Model> {
    let found = notification::Entity::find_by_id(id).lock_exclusive().one(transaction).await?;
    let found = found.ok_or_else(|| Error::not_found("notification").at("notificationId"))?;
    if found.needs_somebody() {
        return Ok(found);
    }
    let message = "this notification is not in quarantine";
    Err(Error::refused(ErrorCode::InvalidTransition, message).at("notificationId"))
}

pub(super) async fn lock_break(transaction: &DatabaseTransaction, id: BreakId) -> Result<reconciliation_break::Model> {
    let found = reconciliation_break::Entity::find_by_id(id).lock_exclusive().one(transaction).await?;
    let found = found.ok_or_else(|| Error::not_found("break").at("breakId"))?;
    if found.resolved_at.is_none() {
        return Ok(found);
    }
    Err(Error::refused(ErrorCode::InvalidTransition, "this break is resolved already").at("breakId"))
}

/// Bookings that wait, of this notification or break.
pub(super) fn open_bookings() -> sea_orm::Select<Entity> {
    Entity::find().filter(Column::Status.is_in(WAITING))
}
