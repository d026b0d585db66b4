//! What operators book by hand: of what is in quarantine, and of breaks in the books. One asks, another approves.

use async_graphql::connection::Connection;
use async_graphql::{Context, Enum, ID, InputObject, Object, Result};
use chrono::{DateTime, Utc};
use entity::hand_booking;

use crate::error::Result as Outcome;
use crate::graphql::base::page::{Page, connection};
use crate::graphql::base::payload::{answer, payloads};
use crate::graphql::base::request::{app, idempotency_key, viewer};
use crate::graphql::base::scalars::{Money, MoneyInput};
use crate::graphql::operator::notification::Notification;
use crate::idempotency::IdempotencyKey;
use crate::payment::{self as payments, NewBooking};
use crate::validate::Checks;

/// As what something is booked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum)]
#[graphql(remote = "entity::hand_booking::BookingKind")]
pub enum BookingKind {
    /// Money of a payment arrived: needs `paymentId` and `amount`.
    Capture,
    /// Money arrived, and belongs to no payment: needs `amount`. It stands in `unappliedFunds` then.
    SetAside,
    /// A refund was sent: needs `refundId`.
    RefundSucceeded,
    /// A refund was not sent: needs `refundId`.
    RefundFailed,
    /// A refund came back, whole or in part: needs `refundId` and `amount`.
    RefundReturned,
    /// A payout was sent: needs `payoutId`. If it was known to have failed, the supplier's balance bears it.
    PayoutPaid,
    /// A payout was not sent: needs `payoutId`.
    PayoutFailed,
    /// A payout came back, whole or in part: needs `payoutId` and `amount`.
    PayoutReturned,
    /// A buyer's bank claims money back: needs `paymentId`, `amount` and `chargebackReference`.
    ChargebackOpened,
    /// The provider took it from us: needs the same.
    ChargebackDebited,
    /// It is ours after all: needs the same.
    ChargebackWon,
    /// The buyer keeps it: needs the same.
    ChargebackLost,
    /// A payment's money was taken back without a dispute: needs `paymentId` and `amount`.
    PaymentReversed,
    /// The provider's charges: needs `amount`.
    Fee,
    /// Anything else that came, such as interest: the operator's own gain. Needs `amount`.
    OtherCredit,
    /// Anything else that left: the operator's own loss. Needs `amount`.
    OtherDebit,
    /// Of a break MISSING_THERE: it has not happened, and is booked back.
    Reversed,
    /// Of a break AMOUNT_DIFFERS: the provider's amount is right, and the difference is charges.
    AdjustedAsFee,
    /// Of a break AMOUNT_DIFFERS: the provider's amount is right, and the difference is the operator's own gain or loss.
    AdjustedAsOther,
    /// Of any break: the books stay as they are.
    Accepted,
}

/// How far a booking by hand has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum)]
#[graphql(remote = "entity::hand_booking::BookingStatus")]
pub enum BookingStatus {
    /// One operator asked for it; another has to approve.
    Requested,
    /// To be booked in a moment.
    Approved,
    /// In the books.
    Booked,
    /// The books did not take it; `failure` says why. What it was about waits as before.
    Failed,
    /// Not approved.
    Rejected,
}

pub struct HandBooking(pub(crate) hand_booking::Model);

/// What operators book by hand, because nobody else can say what it was.
#[Object]
impl HandBooking {
    /// Begins with `booking_`.
    pub async fn id(&self) -> ID {
        ID(self.0.id.to_string())
    }

    /// How far it has come.
    async fn status(&self) -> BookingStatus {
        self.0.status.into()
    }

    /// As what it is booked.
    #[graphql(name = "as")]
    async fn booked_as(&self) -> BookingKind {
        self.0.kind.into()
    }

    /// The evidence, if it is a notification that was quarantined.
    async fn notification_id(&self) -> Option<ID> {
        self.0.notification_id.map(|id| ID(id.to_string()))
    }

    /// The evidence, if it is a break in the books.
    async fn break_id(&self) -> Option<ID> {
        self.0.break_id.map(|id| ID(id.to_string()))
    }

    /// Whose money it is about, by name; null where our own books differ.
    async fn provider(&self) -> Option<&str> {
        Some(self.0.provider.as_str()).filter(|name| !name.is_empty())
    }

    /// How much; null where nothing is booked.
    async fn amount(&self) -> Option<Money> {
        self.0.money().map(Into::into)
    }

    /// The movement, as `Transfer.movement` has it: stated again by the provider, it changes nothing. Null where none is booked.
    async fn movement(&self) -> Option<&str> {
        self.0.movement.as_deref()
    }

    /// The payment that it is about.
    async fn payment_id(&self) -> Option<ID> {
        self.0.payment_id.map(|id| ID(id.to_string()))
    }

    /// The refund that it is about.
    async fn refund_id(&self) -> Option<ID> {
        self.0.refund_id.map(|id| ID(id.to_string()))
    }

    /// The payout that it is about.
    async fn payout_id(&self) -> Option<ID> {
        self.0.payout_id.map(|id| ID(id.to_string()))
    }

    /// What the provider calls the chargeback that it is about.
    async fn chargeback_reference(&self) -> Option<&str> {
        self.0.chargeback_reference.as_deref()
    }

    /// Whether nothing more of the notification is to be booked.
    async fn settles(&self) -> bool {
        self.0.settles
    }

    /// Why, in the words of who asked.
    async fn reason(&self) -> &str {
        &self.0.reason
    }

    /// Why the books did not take it, or why it was not approved; null otherwise.
    async fn failure(&self) -> Option<&str> {
        self.0.failure.as_deref()
    }

    /// The operator who asked.
    async fn requested_by_id(&self) -> ID {
        ID(self.0.requested_by.to_string())
    }

    /// The operator who approved; null before.
    async fn approved_by_id(&self) -> Option<ID> {
        self.0.approved_by.map(|id| ID(id.to_string()))
    }

    /// When it was asked for.
    async fn created_at(&self) -> DateTime<Utc> {
        self.0.created_at
    }
}

#[derive(Default)]
pub struct BookingQuery;

#[Object]
impl BookingQuery {
    /// Operator: what was asked to be booked by hand and waits to be approved, oldest first.
    async fn hand_bookings(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Only of this notification.")] notification_id: Option<ID>,
        #[graphql(desc = "Only of this break.")] break_id: Option<ID>,
        #[graphql(desc = "Also those that are booked, failed or rejected.", default)] include_over: bool,
        #[graphql(desc = "At most 100; 20 unless given.")] first: Option<i32>,
        #[graphql(desc = "The endCursor of the page before.")] after: Option<String>,
    ) -> Option<Result<Connection<String, HandBooking>>> {
        let find = async {
            let page = Page::parse(first, after.as_deref())?;
            let mut checks = Checks::arguments();
            let notification = notification_id.map(|id| checks.required_id("notificationId", &id));
            let of_break = break_id.map(|id| checks.required_id("breakId", &id));
            checks.finish()?;
            let which = (notification, of_break, include_over);
            let rows = payments::find_bookings(&app(ctx).db.read, &viewer(ctx), which, &page).await?;
            Ok(connection(rows, &page, |row| row.id, HandBooking))
        };
        Some(find.await)
    }
}

/// What a quarantined notification states, in an operator's words.
#[derive(InputObject)]
pub struct BookQuarantinedInput {
    /// Makes the call once: the same key again answers the same. Fresh for each new request.
    idempotency_key: Option<String>,
    /// The notification; it must be in quarantine.
    notification_id: ID,
    /// As what it is booked.
    #[graphql(name = "as")]
    booked_as: BookingKind,
    /// How much.
    amount: Option<MoneyInput>,
    /// The provider's own id of the movement; may be left out if the notification names exactly one.
    movement_id: Option<String>,
    /// The payment that it is about.
    payment_id: Option<ID>,
    /// The refund that it is about.
    refund_id: Option<ID>,
    /// The payout that it is about.
    payout_id: Option<ID>,
    /// What the provider calls the chargeback that it is about.
    chargeback_reference: Option<String>,
    /// False if more of this notification is to be booked: then it stays in quarantine.
    #[graphql(default = true)]
    settles: bool,
    /// Why, in your words; at most 2,000 characters.
    reason: String,
}

/// How a break is settled.
#[derive(InputObject)]
pub struct BookBreakInput {
    /// Makes the call once: the same key again answers the same. Fresh for each new request.
    idempotency_key: Option<String>,
    /// The break; it must not be resolved.
    break_id: ID,
    /// As what it is booked. The amount and the movement are the break's.
    #[graphql(name = "as")]
    booked_as: BookingKind,
    /// The payment that it is about.
    payment_id: Option<ID>,
    /// The refund that it is about.
    refund_id: Option<ID>,
    /// The payout that it is about.
    payout_id: Option<ID>,
    /// What the provider calls the chargeback that it is about.
    chargeback_reference: Option<String>,
    /// Why, in your words; at most 2,000 characters.
    reason: String,
}

/// Which booking.
#[derive(InputObject)]
pub struct ApproveBookingInput {
    /// Makes the call once: the same key again answers the same. Fresh for each new request.
    idempotency_key: Option<String>,
    /// The booking; it must be REQUESTED, by another operator.
    booking_id: ID,
}

/// Which booking.
#[derive(InputObject)]
pub struct RejectBookingInput {
    /// Makes the call once: the same key again answers the same. Fresh for each new request.
    idempotency_key: Option<String>,
    /// The booking; it must be REQUESTED.
    booking_id: ID,
    /// Why, in your words; at most 2,000 characters.
    reason: String,
}

/// Which notification.
#[derive(InputObject)]
pub struct DismissQuarantinedInput {
    /// Makes the call once: the same key again answers the same. Fresh for each new request.
    idempotency_key: Option<String>,
    /// The notification; it must be in quarantine.
    notification_id: ID,
    /// Why there is nothing to book, in your words; at most 2,000 characters.
    reason: String,
}

payloads! {
    /// What `bookQuarantined` asked for.
    BookQuarantinedPayload {
        /// As it is now; null if nothing was done.
        booking: HandBooking
    }
    /// What `bookBreak` asked for.
    BookBreakPayload {
        /// As it is now; null if nothing was done.
        booking: HandBooking
    }
    /// What `approveBooking` left.
    ApproveBookingPayload {
        /// As it is now: BOOKED, or FAILED if the books did not take it. Null if nothing was done.
        booking: HandBooking
    }
    /// What `rejectBooking` left.
    RejectBookingPayload {
        /// As it is now; null if nothing was done.
        booking: HandBooking
    }
    /// What `dismissQuarantined` left.
    DismissQuarantinedPayload {
        /// As it is now; null if nothing was done.
        notification: Notification
    }
}

#[derive(Default)]
pub struct BookingMutation;

#[Object]
impl BookingMutation {
    /// Operator: say what a quarantined notification states, so that it can be booked. Another operator has to approve.
    async fn book_quarantined(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "What to book, and as what.")] input: BookQuarantinedInput,
    ) -> Result<BookQuarantinedPayload> {
        answer(book_quarantined(ctx, input).await)
    }

    /// Operator: say what a break in the books is, so that it can be settled. Another operator has to approve.
    async fn book_break(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "What to book, and as what.")] input: BookBreakInput,
    ) -> Result<BookBreakPayload> {
        answer(book_break(ctx, input).await)
    }

    /// Operator, but not the one who asked: book it. The notification or the break is settled then.
    async fn approve_booking(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Which booking.")] input: ApproveBookingInput,
    ) -> Result<ApproveBookingPayload> {
        let key = idempotency_key(ctx, &input);
        let approve = async {
            let mut checks = Checks::input();
            let id = checks.required_id("bookingId", &input.booking_id);
            IdempotencyKey::check_in(key.as_ref(), &mut checks);
            checks.finish()?;
            payments::approve_booking(app(ctx), &viewer(ctx), key.as_ref(), id).await.map(HandBooking)
        };
        answer(approve.await)
    }

    /// Operator: don't book it so. What it is about waits as before.
    async fn reject_booking(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Which booking, and why not.")] input: RejectBookingInput,
    ) -> Result<RejectBookingPayload> {
        let key = idempotency_key(ctx, &input);
        let reject = async {
            let mut checks = Checks::input();
            let id = checks.required_id("bookingId", &input.booking_id);
            let reason = checks.text("reason", &input.reason, 2_000);
            IdempotencyKey::check_in(key.as_ref(), &mut checks);
            checks.finish()?;
            payments::reject_booking(app(ctx), &viewer(ctx), key.as_ref(), (id, &reason)).await.map(HandBooking)
        };
        answer(reject.await)
    }

    /// Operator: say that there is nothing to book of a quarantined notification. It is kept as it came, with the reason.
    async fn dismiss_quarantined(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Which notification, and why.")] input: DismissQuarantinedInput,
    ) -> Result<DismissQuarantinedPayload> {
        let key = idempotency_key(ctx, &input);
        let dismiss = async {
            let mut checks = Checks::input();
            let id = checks.required_id("notificationId", &input.notification_id);
            let reason = checks.text("reason", &input.reason, 2_000);
            IdempotencyKey::check_in(key.as_ref(), &mut checks);
            checks.finish()?;
            payments::dismiss_quarantined(app(ctx), &viewer(ctx), key.as_ref(), (id, &reason)).await.map(Notification)
        };
        answer(dismiss.await)
    }
}

async fn book_quarantined(ctx: &Context<'_>, input: BookQuarantinedInput) -> Outcome<HandBooking> {
    let key = idempotency_key(ctx, &input);
    let mut checks = Checks::input();
    let id = checks.required_id("notificationId", &input.notification_id);
    let amount = input.amount.as_ref().map(|money| {
        checks.under("amount", |checks| {
            let currency = checks.currency("currency", &money.currency.0);
            entity::Money::new(checks.amount("amount", &money.amount.0, currency, 1), currency)
        })
    });
    let new = NewBooking {
        kind: input.booked_as.into(),
        amount,
        movement_id: input.movement_id.as_deref().map(|text| checks.line("movementId", text, 200)),
        payment_id: input.payment_id.as_ref().map(|id| checks.required_id("paymentId", id)),
        refund_id: input.refund_id.as_ref().map(|id| checks.required_id("refundId", id)),
        payout_id: input.payout_id.as_ref().map(|id| checks.required_id("payoutId", id)),
        chargeback_reference: input
            .chargeback_reference
            .as_deref()
            .map(|text| checks.line("chargebackReference", text, 200)),
        settles: input.settles,
        reason: checks.text("reason", &input.reason, 2_000),
    };
    IdempotencyKey::check_in(key.as_ref(), &mut checks);
    checks.finish()?;
    payments::book_quarantined(app(ctx), &viewer(ctx), key.as_ref(), (id, &new)).await.map(HandBooking)
}

async fn book_break(ctx: &Context<'_>, input: BookBreakInput) -> Outcome<HandBooking> {
    let key = idempotency_key(ctx, &input);
    let mut checks = Checks::input();
    let id = checks.required_id("breakId", &input.break_id);
    let new = NewBooking {
        kind: input.booked_as.into(),
        amount: None,
        movement_id: None,
        payment_id: input.payment_id.as_ref().map(|id| checks.required_id("paymentId", id)),
        refund_id: input.refund_id.as_ref().map(|id| checks.required_id("refundId", id)),
        payout_id: input.payout_id.as_ref().map(|id| checks.required_id("payoutId", id)),
        chargeback_reference: input
            .chargeback_reference
            .as_deref()
            .map(|text| checks.line("chargebackReference", text, 200)),
        settles: true,
        reason: checks.text("reason", &input.reason, 2_000),
    };
    IdempotencyKey::check_in(key.as_ref(), &mut checks);
    checks.finish()?;
    payments::book_break(app(ctx), &viewer(ctx), key.as_ref(), (id, &new)).await.map(HandBooking)
}
