//! What happened to an order: the events of its timeline, one row each. No personal data in any of them.
//!
//! A row is all that there is to say of an event: its name on the wire, its fields, what it does to the order's status, and
//! its sentence. The list of types, the table in `docs/webhooks.md`, the replay of `verify` and the sentences come from it.

mod words;

use entity::dispute::{DisputeReason, SettledBy};
use entity::evidence::EvidenceAuthor;
use entity::payment::PaymentMethod;
use entity::proposal::Side;
use entity::receipt::ReceiptReason;
use entity::{CancelRequestId, ChargebackId, DisputeId, EvidenceId, Money, OrderStatus, PaymentId, ProposalId, Time};
use serde::Serialize;

use crate::freeze_reason::FrozenBy;

use OrderStatus::{
    AwaitingConfirmation, AwaitingPayment, CancelRequested as AskedToCancel, Cancelled, Completed, Disputed,
    DraftRequested as Drafting, Funded, Refunded, ReturnPending, Shipped,
};
use StatusAfter::{AsStated, Freezes, Is, Same, Thaws};

/// What an event does to where its order stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StatusAfter {
    Is(OrderStatus),
    /// The status that the event itself states: where it led back to.
    AsStated,
    Same,
    /// The same status, frozen from now on.
    Freezes,
    /// The same status, frozen no more.
    Thaws,
}

/// One type of event: what is known of it without its fields.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EventType {
    /// `noun.past_verb`
    pub name: &'static str,
    pub status_after: StatusAfter,
}

macro_rules! events {
    ($(
        $(#[$doc:meta])*
        $name:literal = $variant:ident $({ $($(#[$attribute:meta])* $field:ident: $type:ty),+ })?,
            $status_after:expr, $sentence:literal $(, $word:expr)*;
    )+) => {
        /// One event. Its fields are the event's `data`.
        #[derive(Clone, Debug, PartialEq, Eq, Serialize)]
        #[serde(untagged, rename_all_fields = "camelCase")]
        pub enum Event {
            $($(#[$doc])* $variant $({ $($(#[$attribute])* $field: $type),+ })?,)+
        }

        /// Every type of event there is.
        pub const EVENT_TYPES: &[EventType] = &[$(EventType { name: $name, status_after: $status_after }),+];

        impl Event {
            /// Its name on the wire.
            #[must_use]
            pub fn kind(&self) -> &'static str {
                match self { $(Self::$variant { .. } => $name,)+ }
            }

            /// In one sentence, for people.
            #[expect(unused_variables, reason = "a row names its fields, its sentence only some")]
            #[must_use]
            pub fn summary(&self) -> String {
                match self { $(Self::$variant $({ $($field),+ })? => format!($sentence $(, $word)*),)+ }
            }

            /// One of each.
            #[cfg(test)]
            pub(crate) fn samples() -> Vec<Self> {
                use crate::tests::events::Sample;
                vec![$(Self::$variant $({ $($field: Sample::sample()),+ })?),+]
            }
        }
    };
}

events! {
    "draft.requested" = DraftRequested { deadline: Time },
        Is(Drafting), "The buyer asked the supplier for a draft.";
    "contract.drafted" = ContractDrafted { contract_version: i32, total: Money, deadline: Time },
        Is(AwaitingConfirmation), "Contract version {contract_version} over {total} is on the table.";
    "order.confirmed" = OrderConfirmed { contract_version: i32, total: Money, deadline: Time },
        Is(AwaitingPayment), "The buyer confirmed contract version {contract_version}; {total} is due.";
    "order.cancelled" = OrderCancelled { refunded: Money },
        Is(Cancelled), "The order was cancelled{}.", words::goes_back(*refunded);
    /// The status lasted as long as it may.
    "order.lapsed" = OrderLapsed { refunded: Money },
        Is(Cancelled), "Nobody acted in time, and the order lapsed{}.", words::goes_back(*refunded);

    "payment.opened" = PaymentOpened { payment_id: PaymentId, method: PaymentMethod, amount: Money },
        Same, "A payment of {amount} by {} was opened.", method.name();
    "payment.captured" = PaymentCaptured { payment_id: PaymentId, amount: Money, held: Money, due: Money },
        Same, "{amount} arrived; {held} is held{}.", words::still_due(*due);
    "payment.failed" = PaymentFailed { payment_id: PaymentId, reason: String },
        Same, "A payment failed: {reason}";
    "payment.expired" = PaymentExpired { payment_id: PaymentId },
        Same, "A payment expired.";
    "payment.cancelled" = PaymentCancelled { payment_id: PaymentId },
        Same, "A payment was withdrawn.";
    /// An operator put money that had been set aside to the order's use.
    "funds.applied" = FundsApplied { payment_id: PaymentId, amount: Money, held: Money, due: Money },
        Same, "{amount} that had been set aside are applied: {held} held, {due} due.";
    /// Banks on the way had kept a little of a bank transfer; the operator bears it.
    "shortfall.accepted" = ShortfallAccepted { payment_id: PaymentId, amount: Money, held: Money },
        Same, "{amount} that banks kept of a transfer are borne by the operator: {held} held.";
    "funds.unapplied" = FundsUnapplied { payment_id: PaymentId, amount: Money, reason: ReceiptReason },
        Same, "{}", words::set_aside(*amount, *reason);
    "order.funded" = OrderFunded { held: Money, ship_by: Time },
        Is(Funded), "The order is funded: {held} is held. Ship by {}.", words::day(*ship_by);

    "ship_by.passed" = ShipByPassed { refund_at: Option<Time> },
        Same, "The ship-by date passed: the buyer may cancel{}.", words::refunded_on(*refund_at);
    "order.shipped" = OrderShipped { carrier: String, tracking_number: String, inspect_until: Time },
        Is(Shipped), "Shipped with {carrier}; released on {} unless the buyer acts.", words::day(*inspect_until);
    "shipment.updated" = ShipmentUpdated { carrier: String, tracking_number: String },
        Same, "The supplier corrected the shipment: {carrier}.";
    "deadline.extended" = DeadlineExtended { days: i32, deadline: Time },
        Same, "The deadline was extended by {days} days, to {}.", words::day(*deadline);
    /// A reminder: what happens then if nobody acts.
    "deadline.approaching" = DeadlineApproaching { deadline: Time, consequence: &'static str },
        Same, "Reminder: on {} {consequence}, unless somebody acts.", words::day(*deadline);
    "receipt.confirmed" = ReceiptConfirmed,
        Same, "The buyer confirmed receipt.";
    "inspection.ended" = InspectionEnded,
        Same, "The inspection period ended without a complaint.";

    "cancel.requested" = CancelRequested { cancel_request_id: CancelRequestId, answer_by: Time },
        Is(AskedToCancel), "The buyer asked to cancel; the supplier has until {} to answer.", words::minute(*answer_by);
    "cancel.withdrawn" = CancelRequestWithdrawn { status: OrderStatus, deadline: Option<Time> },
        AsStated, "The buyer took the cancel request back; the order is {status} again.";
    "cancel.granted" = CancelRequestGranted { refunded: Money },
        Same, "The cancel request was granted{}.", words::goes_back(*refunded);
    "cancel.refused" = CancelRequestRefused { status: OrderStatus, deadline: Option<Time> },
        AsStated, "The cancel request was refused; the order is {status} again.";

    "dispute.opened" = DisputeOpened {
        dispute_id: DisputeId, reason: DisputeReason, refund: Money, goods_go_back: bool, answer_by: Time
    },
        Is(Disputed),
        "The buyer opened a dispute ({reason:?}) and wants {refund} back{}; the supplier has until {} to answer.",
        words::and_goods(*goods_go_back), words::day(*answer_by);
    "settlement.proposed" = SettlementProposed {
        dispute_id: DisputeId, proposal_id: ProposalId, by: Side, refund: Money, goods_go_back: bool
    },
        Same, "The {} proposed to settle: {refund} goes back{}.", words::side(*by), words::and_goods(*goods_go_back);
    "dispute.withdrawn" = DisputeWithdrawn { dispute_id: DisputeId, status: OrderStatus, deadline: Option<Time> },
        AsStated, "The buyer took the dispute back; the order is {status} again.";
    "dispute.escalated" = DisputeEscalated { dispute_id: DisputeId },
        Same, "The dispute is with the operator now.";
    /// An alarm: nobody has ruled.
    "dispute.overdue" = DisputeOverdue { dispute_id: DisputeId, opened_at: Time },
        Same, "Alarm: the dispute of {} has not been ruled on.", words::day(*opened_at);
    "dispute.settled" = DisputeSettled {
        dispute_id: DisputeId, by: SettledBy, refund: Money, release: Money, goods_go_back: bool
    },
        Same, "{}: {refund} goes back to the buyer, {release} is released{}.",
        words::how_settled(*by), words::once_goods_are_back(*goods_go_back);
    "return.awaited" = ReturnAwaited { ship_by: Time },
        Is(ReturnPending), "The buyer has to send the goods back by {}.", words::day(*ship_by);
    "return.shipped" = ReturnShipped { carrier: String, tracking_number: String, settles_at: Time },
        Same, "The goods go back with {carrier}; settled on {} unless the supplier acts.", words::day(*settles_at);
    "return.confirmed" = ReturnConfirmed,
        Same, "The supplier has the goods back.";
    /// The supplier was silent about it.
    "return.presumed" = ReturnPresumed,
        Same, "The supplier was silent about the returned goods; settled as agreed.";
    /// The buyer did not send the goods back in time.
    "return.lapsed" = ReturnLapsed,
        Same, "The goods were not sent back in time; the held money is released.";
    "return.contested" = ReturnContested { dispute_id: DisputeId },
        Is(Disputed), "The supplier contests what came back; the dispute is with the operator.";
    "evidence.added" = EvidenceAdded {
        evidence_id: EvidenceId,
        by: EvidenceAuthor,
        #[serde(skip_serializing_if = "Option::is_none")] media_type: Option<String>,
        #[serde(skip_serializing_if = "Option::is_none")] byte_size: Option<i64>,
        #[serde(skip_serializing_if = "Option::is_none")] sha256: Option<String>,
        /// How many messages it cites.
        #[serde(skip_serializing_if = "Option::is_none")] messages: Option<i32>
    },
        Same, "The {} put {} forward as evidence.",
        words::author(*by), words::evidence(media_type.is_some(), messages.is_some());

    "order.frozen" = OrderFrozen { #[serde(flatten)] by: FrozenBy },
        Freezes, "{}: no money moves, and no clock runs.", words::who_froze(*by);
    "order.thawed" = OrderThawed { deadline: Option<Time> },
        Thaws, "The order is thawed{}.", words::with_deadline(*deadline);
    "chargeback.opened" = ChargebackOpened {
        chargeback_id: ChargebackId, payment_id: PaymentId, amount: Money,
        from_held: Money, from_supplier: Money, from_unsent: Money, from_loss: Money, reason: String
    },
        Same, "The buyer's bank opened a chargeback of {amount}: {}.",
        words::taken_from(*from_held, *from_supplier, *from_unsent, *from_loss);
    "chargeback.debited" = ChargebackDebited { chargeback_id: ChargebackId, amount: Money },
        Same, "The provider took {amount} for the chargeback.";
    "chargeback.won" = ChargebackWon { chargeback_id: ChargebackId, amount: Money, to_held: Money, to_supplier: Money },
        Same, "The chargeback of {amount} was won: the money is back.";
    "chargeback.lost" = ChargebackLost { chargeback_id: ChargebackId, amount: Money },
        Same, "The chargeback of {amount} was lost: the buyer keeps it.";
    /// A dispute is known that nothing is booked of: its money, its amount or its meaning is not known yet.
    "chargeback.noted" = ChargebackNoted { chargeback_id: ChargebackId, payment_id: PaymentId, problem: String },
        Same, "A dispute of a payment was notified, and waits: {problem}.";
    /// Nothing had been booked of it.
    "chargeback.closed" = ChargebackClosed { chargeback_id: ChargebackId },
        Same, "A dispute is over that no money was taken for.";
    /// Less is taken than was claimed; the rest is back where it was.
    "chargeback.reduced" = ChargebackReduced {
        chargeback_id: ChargebackId, amount: Money, to_held: Money, to_supplier: Money
    },
        Same, "The chargeback is of {amount} only: the rest is back.";
    /// An alarm: a person has to look at it.
    "chargeback.disputed" = ChargebackDisputed { chargeback_id: ChargebackId, problem: String },
        Same, "Alarm: a chargeback waits for an operator: {problem}.";
    /// Another operator has to decide the same.
    "chargeback.decision_requested" = ChargebackDecisionRequested { chargeback_id: ChargebackId },
        Same, "An operator asked to end a chargeback; another one has to decide the same.";
    "chargeback.decided" = ChargebackDecided { chargeback_id: ChargebackId },
        Same, "Operators ended a chargeback.";
    /// An alarm: money left that had been given back already.
    "loss.incurred" = LossIncurred { chargeback_id: ChargebackId, amount: Money },
        Same, "Alarm: {amount} had been given back already; it is the operator's loss.";
    "payment.reversed" = PaymentReversed {
        chargeback_id: ChargebackId, payment_id: PaymentId, amount: Money, reason: String
    },
        Same, "A transfer bounced: {amount} was taken back.";
    /// The provider could not collect a payment that it had reported, and may mend that by itself until then.
    "payment.suspended" = PaymentSuspended {
        chargeback_id: ChargebackId, payment_id: PaymentId, amount: Money, restore_by: Time, reason: String
    },
        Same, "The payment provider could not collect {amount} yet; it may still do so until {}.", words::day(*restore_by);
    "payment.restored" = PaymentRestored {
        chargeback_id: ChargebackId, payment_id: PaymentId, amount: Money, to_held: Money, to_supplier: Money
    },
        Same, "The payment provider has collected {amount} after all.";
    /// It was not restored in time, or somebody decided so.
    "payment.given_up" = PaymentGivenUp { chargeback_id: ChargebackId, payment_id: PaymentId, amount: Money },
        Same, "{amount} could not be collected, and is not expected any more.";
    /// An alarm: the provider sent a refund after all, when it was being sent otherwise.
    "refund.sent_again" = RefundSentAgain { chargeback_id: ChargebackId, payment_id: PaymentId, amount: Money },
        Same, "Alarm: a refund of {amount} was sent twice.";
    /// What was sent twice came back.
    "loss.recovered" = LossRecovered { chargeback_id: ChargebackId, amount: Money },
        Same, "{amount} that had been sent twice came back.";
    "loss.accepted" = LossAccepted { chargeback_id: ChargebackId, amount: Money },
        Same, "{amount} that had been sent twice is the operator's loss.";
    /// The order waits for its money again.
    "order.unfunded" = OrderUnfunded { due: Money, deadline: Time },
        Is(AwaitingPayment), "The order waits for its money again: {due} is due.";

    "funds.released" = FundsReleased { amount: Money, fee: Money, to_supplier: Money },
        Same, "{amount} was released: {to_supplier} to the supplier, {fee} fee.";
    "order.completed" = OrderCompleted,
        Is(Completed), "The order is completed.";
    /// Of a funded order that is cancelled or lapses, this comes last.
    "order.refunded" = OrderRefunded { refunded: Money },
        Is(Refunded), "The order is refunded: {refunded} goes back to the buyer.";

    "refund.requested" = RefundRequested { amount: Money, reason: &'static str },
        Same, "A refund of {amount} is on its way: {reason}.";
    "refund.details_required" = RefundDetailsRequired { amount: Money },
        Same, "A refund of {amount} waits for the buyer's bank account.";
    "refund_account.provided" = RefundAccountProvided,
        Same, "The buyer said where refunds may be sent.";
    "refund.action_required" = RefundActionRequired { amount: Money, reason: String },
        Same, "A refund of {amount} needs somebody to act: {reason}.";
    "manual_refund.requested" = ManualRefundRequested { amount: Money },
        Same, "An operator asked to pay {amount} back by hand; another one has to approve.";
    "manual_refund.approved" = ManualRefundApproved { amount: Money },
        Same, "Another operator approved: {amount} is paid back by hand.";
    "manual_refund.rejected" = ManualRefundRejected { amount: Money },
        Same, "{amount} is not paid back by hand; another way is needed.";
    /// A chargeback gave the buyer this money; the refund of it is not sent.
    "refund.charged_back" = RefundChargedBack { amount: Money },
        Same, "The buyer's bank took {amount} back that was to be refunded; that refund is not sent.";
    /// Of a refund that came back banks on the way had kept this; the operator bears it.
    "refund.charge_borne" = RefundChargeBorne { amount: Money },
        Same, "{amount} that banks kept of a refund are borne by the operator.";
    "refund.succeeded" = RefundSucceeded { amount: Money },
        Same, "A refund of {amount} was sent.";

    "feedback.left" = FeedbackLeft { product_as_agreed: i32, communication: i32, shipping_time: i32 },
        Same, "Feedback: product {product_as_agreed}, communication {communication}, shipping {shipping_time} of 5.";
    "feedback.revised" = FeedbackRevised { product_as_agreed: i32, communication: i32, shipping_time: i32 },
        Same, "Feedback: product {product_as_agreed}, communication {communication}, shipping {shipping_time} of 5.";
    "feedback.answered" = FeedbackAnswered,
        Same, "The supplier answered the feedback.";
}

/// What an event of this name does to the status of its order; one that nobody knows does nothing.
#[must_use]
pub fn status_after(name: &str) -> StatusAfter {
    EVENT_TYPES.iter().find(|event_type| event_type.name == name).map_or(Same, |event_type| event_type.status_after)
}
