//! The one table of transitions. The guard, the API's list of actions, the diagram in the README and the tests are made from it.

use entity::OrderStatus;
use entity::OrderStatus::{
    AwaitingConfirmation, AwaitingPayment, CancelRequested, Cancelled, Completed, Disputed, DraftRequested, Funded,
    Refunded, ReturnPending, Shipped,
};

/// Who does something.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, async_graphql::Enum)]
pub enum Actor {
    /// Who pays.
    Buyer,
    /// Who ships and is paid.
    Supplier,
    /// Who runs the escrow.
    Operator,
    /// A payment company, by a verified notification or an answer.
    Provider,
    /// Nobody: a deadline passed.
    Timer,
}

impl Actor {
    /// As in `event.actor`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Buyer => "BUYER",
            Self::Supplier => "SUPPLIER",
            Self::Operator => "OPERATOR",
            Self::Provider => "PROVIDER",
            Self::Timer => "TIMER",
        }
    }
}

impl std::fmt::Display for Actor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Buyer => "the buyer",
            Self::Supplier => "the supplier",
            Self::Operator => "the operator",
            Self::Provider => "the payment provider",
            Self::Timer => "a deadline",
        })
    }
}

/// What becomes of an action while the order is frozen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum WhenFrozen {
    Stops,
    /// Facts, evidence, where refunds go; and what operators do about the freeze itself or have done outside.
    GoesOn,
}

/// How long an action can be done that can be done now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Until {
    /// As long as the status lasts.
    StatusEnds,
    /// As long as feedback may be left.
    FeedbackClosed,
    NoEnd,
}

macro_rules! actions {
    ($($(#[$doc:meta])* $name:ident = $text:literal, $frozen:ident, $until:ident;)+) => {
        /// A command by name, as the API's mutations are called.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, async_graphql::Enum)]
        pub enum Action { $($(#[$doc])* $name,)+ }

        impl Action {
            pub const ALL: &'static [Self] = &[$(Self::$name,)+];

            /// As the mutation is called: `confirmOrder`.
            #[must_use]
            pub fn name(self) -> &'static str {
                match self { $(Self::$name => $text,)+ }
            }

            /// Whether it goes on while the order is frozen.
            pub(crate) fn when_frozen(self) -> WhenFrozen {
                match self { $(Self::$name => WhenFrozen::$frozen,)+ }
            }

            /// Until when it can be done, once it can.
            pub(crate) fn until(self) -> Until {
                match self { $(Self::$name => Until::$until,)+ }
            }
        }
    };
}

actions! {
    /// Ask the supplier to draft a contract.
    RequestDraft = "requestDraft", Stops, StatusEnds;
    /// Put a contract, or a further version of it, on the table.
    DraftOrder = "draftOrder", Stops, StatusEnds;
    /// Order at the listing's terms.
    BuyNow = "buyNow", Stops, StatusEnds;
    /// Agree to exactly this version of the contract.
    ConfirmOrder = "confirmOrder", Stops, StatusEnds;
    /// End the order before it is under way.
    CancelOrder = "cancelOrder", Stops, StatusEnds;
    /// Open a payment for what is still due.
    PayOrder = "payOrder", Stops, StatusEnds;
    /// Hand the goods to a carrier.
    ShipOrder = "shipOrder", Stops, StatusEnds;
    /// Correct the carrier or the tracking number.
    UpdateShipment = "updateShipment", Stops, StatusEnds;
    /// Give the other side more time.
    ExtendDeadline = "extendDeadline", Stops, StatusEnds;
    /// Say that the goods arrived as agreed: the held money is released.
    ConfirmReceived = "confirmReceived", Stops, StatusEnds;
    /// Ask the supplier to cancel an order that is under way.
    CancelRequest = "cancelRequest", Stops, StatusEnds;
    /// Take the cancel request back.
    WithdrawCancelRequest = "withdrawCancelRequest", Stops, StatusEnds;
    /// Grant or refuse the cancel request.
    AnswerCancelRequest = "answerCancelRequest", Stops, StatusEnds;
    /// Say that the goods did not arrive, or not as agreed.
    OpenDispute = "openDispute", Stops, StatusEnds;
    /// Offer how to settle the dispute.
    ProposeSettlement = "proposeSettlement", Stops, StatusEnds;
    /// Accept the other side's latest offer.
    AcceptSettlement = "acceptSettlement", Stops, StatusEnds;
    /// Take the dispute back.
    WithdrawDispute = "withdrawDispute", Stops, StatusEnds;
    /// Hand the dispute to the operator.
    EscalateDispute = "escalateDispute", Stops, StatusEnds;
    /// Rule on an escalated dispute.
    ResolveDispute = "resolveDispute", Stops, StatusEnds;
    /// Send the goods back.
    ShipReturn = "shipReturn", Stops, StatusEnds;
    /// Say that the returned goods arrived.
    ConfirmReturn = "confirmReturn", Stops, StatusEnds;
    /// Say that the returned goods are not what was sent.
    ContestReturn = "contestReturn", Stops, StatusEnds;
    /// Give back a part or all of what is held.
    RefundOrder = "refundOrder", Stops, StatusEnds;
    /// Stop all money and all clocks.
    FreezeOrder = "freezeOrder", GoesOn, NoEnd;
    /// Let them go on.
    UnfreezeOrder = "unfreezeOrder", GoesOn, NoEnd;
    /// Say how it went; once more to revise it.
    LeaveFeedback = "leaveFeedback", Stops, FeedbackClosed;
    /// Answer the buyer's feedback.
    ReplyToFeedback = "replyToFeedback", Stops, NoEnd;
    /// Put text or a file forward.
    AddEvidence = "addEvidence", GoesOn, StatusEnds;
    /// Say where refunds may be sent that can't go back the way the money came.
    ProvideRefundAccount = "provideRefundAccount", GoesOn, NoEnd;
    /// Ask that a refund which can't go back by its rail be paid by hand.
    RequestManualRefund = "requestManualRefund", Stops, NoEnd;
    /// As another operator: let it be paid by hand.
    ApproveManualRefund = "approveManualRefund", Stops, NoEnd;
    /// Don't pay it by hand, or say that it could not be paid so.
    RejectManualRefund = "rejectManualRefund", GoesOn, NoEnd;
    /// Say that it was paid by hand.
    ConfirmManualRefund = "confirmManualRefund", GoesOn, NoEnd;
    /// Send a refund once more that failed or came back.
    RetryRefund = "retryRefund", Stops, NoEnd;
    /// Make good what banks on the way kept of a refund that came back.
    BearRefundCharge = "bearRefundCharge", Stops, NoEnd;
    /// End a payment that will never be paid.
    ClosePayment = "closePayment", GoesOn, NoEnd;
    /// Let a bank transfer count as whole that banks on the way have shortened.
    AcceptShortfall = "acceptShortfall", Stops, StatusEnds;
    /// Put money that was set aside to the order's use.
    ApplyFunds = "applyFunds", Stops, StatusEnds;
    /// Give money back that was set aside.
    RefundUnapplied = "refundUnapplied", Stops, NoEnd;
    /// Money arrived.
    CapturePayment = "capturePayment", GoesOn, StatusEnds;
    /// No money will come by a payment.
    EndPayment = "endPayment", GoesOn, StatusEnds;
    /// A refund was sent.
    SettleRefund = "settleRefund", GoesOn, StatusEnds;
    /// A refund did not go through.
    FailRefund = "failRefund", GoesOn, StatusEnds;
    /// A card company takes money back, or gives it up again.
    Chargeback = "chargeback", GoesOn, StatusEnds;
    /// End a chargeback that its provider does not end; where money moves, as two operators.
    DecideChargeback = "decideChargeback", GoesOn, NoEnd;
    /// A transfer bounced: money that had arrived was taken back.
    ReversePayment = "reversePayment", GoesOn, StatusEnds;
    /// A reminder, or the status lasted as long as it may.
    PassDeadline = "passDeadline", Stops, StatusEnds;
}

impl std::fmt::Display for Action {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name())
    }
}

macro_rules! conditions {
    ($($(#[$doc:meta])* $name:ident: $unmet:literal,)+) => {
        /// What must hold besides the status.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum Condition { $($(#[$doc])* $name,)+ }

        impl Condition {
            /// The condition in words; also the refusal when it doesn't hold.
            #[must_use]
            pub fn words(self) -> &'static str {
                match self { $(Self::$name => $unmet,)+ }
            }
        }
    };
}

conditions! {
    PastShipBy: "only once the ship-by date has passed",
    FeedbackOpen: "only within the days after completion in which feedback may be left",
    /// In this status.
    NotAskedYet: "only once before and once after shipping",
    DisputesLeft: "a withdrawn dispute can be opened once more",
    OtherSideProposed: "only once the other side has proposed something",
    EscalationOpen: "not before the day from which a dispute can be escalated, and once",
    Escalated: "only once the dispute is escalated",
    ReturnNotShipped: "the return was shipped already",
    ReturnShipped: "only once the buyer has shipped the return",
    MoneyHeld: "only while money is held",
    FrozenByOperator: "only while an operator keeps it frozen",
    NotFrozenByOperator: "an operator has frozen it already",
    ChargebackOpen: "only while a chargeback is open",
    FeedbackUnanswered: "only once there is feedback, and once",
    RefundNeedsAction: "only while a refund needs somebody to act",
    RefundAccountKnown: "only once the buyer has said where refunds may be sent",
    /// And is not, with chargebacks, more than what was paid.
    RefundNeedsApproval: "only while a refund waits to be approved that may be sent",
    RefundByHand: "only for a refund that is to be paid, or was paid, by hand",
    RefundApproved: "only while an approved refund is being paid by hand",
    /// And its rail can give money back.
    RefundRetriable: "only while a refund waits that its payment provider may send once more",
    /// By no more than what an operator may bear.
    RefundShort: "only while a refund waits of which banks on the way have kept a little",
    PaymentPending: "only while a payment is open",
    /// By no more than what an operator may bear.
    TransferShort: "only while a bank transfer has come of which a little is missing",
    PaymentOpened: "only once a payment was opened that the money can be counted to",
    FundsSetAside: "only while money of it is set aside",
    ChargebackUnsettled: "only while a chargeback is open, or waits for a person",
}

/// One row: this action, by these, from these statuses, leads to one of those.
#[derive(Clone, Copy, Debug)]
pub struct Row {
    pub action: Action,
    pub by: &'static [Actor],
    /// Empty: it begins an order.
    pub from: &'static [OrderStatus],
    /// Empty: the status stays.
    pub to: &'static [OrderStatus],
    /// All of them.
    pub when: &'static [Condition],
    /// For the diagram and the documentation.
    pub note: &'static str,
}

const ANY: &[OrderStatus] = &[
    DraftRequested,
    AwaitingConfirmation,
    AwaitingPayment,
    Funded,
    Shipped,
    CancelRequested,
    Disputed,
    ReturnPending,
    Completed,
    Cancelled,
    Refunded,
];

const fn row(
    action: Action,
    by: &'static [Actor],
    from: &'static [OrderStatus],
    to: &'static [OrderStatus],
    note: &'static str,
) -> Row {
    Row { action, by, from, to, when: &[], note }
}

const fn when(conditions: &'static [Condition], row: Row) -> Row {
    Row { when: conditions, ..row }
}

use Actor::{Buyer, Operator, Provider, Supplier, Timer};
use Condition::*;

/// Under way: the whole money is held, and nobody has it yet.
const UNDER_WAY: &[OrderStatus] = &[Funded, Shipped, CancelRequested, Disputed, ReturnPending];
/// Not agreed yet, or ended.
const QUIET: &[OrderStatus] = &[DraftRequested, AwaitingConfirmation, Completed, Cancelled, Refunded];

#[rustfmt::skip]
pub const TABLE: &[Row] = &[
    row(Action::RequestDraft, &[Buyer], &[], &[DraftRequested], ""),
    row(Action::DraftOrder, &[Supplier], &[], &[AwaitingConfirmation], ""),
    row(Action::DraftOrder, &[Supplier], &[DraftRequested, AwaitingConfirmation], &[AwaitingConfirmation], "a further version"),
    row(Action::BuyNow, &[Buyer], &[], &[AwaitingConfirmation], "the listing is the supplier's standing consent"),
    row(Action::ConfirmOrder, &[Buyer], &[AwaitingConfirmation], &[AwaitingPayment], "stock is reserved"),
    row(Action::CancelOrder, &[Buyer, Supplier], &[DraftRequested, AwaitingConfirmation, AwaitingPayment], &[Cancelled], "what arrived goes back"),
    when(&[PastShipBy], row(Action::CancelOrder, &[Buyer], &[Funded], &[Refunded], "past the ship-by date")),
    row(Action::PayOrder, &[Buyer], &[AwaitingPayment], &[], "opens a payment"),
    row(Action::ShipOrder, &[Supplier], &[Funded], &[Shipped], ""),
    row(Action::UpdateShipment, &[Supplier], &[Shipped], &[], ""),
    row(Action::ExtendDeadline, &[Buyer], &[Funded], &[], "the ship-by date"),
    row(Action::ExtendDeadline, &[Supplier], &[Shipped], &[], "the inspection period"),
    row(Action::ConfirmReceived, &[Buyer], &[Shipped], &[Completed], "the held money is released"),
    when(&[NotAskedYet], row(Action::CancelRequest, &[Buyer], &[Funded, Shipped], &[CancelRequested], "once in each")),
    row(Action::WithdrawCancelRequest, &[Buyer], &[CancelRequested], &[Funded, Shipped], "back"),
    row(Action::AnswerCancelRequest, &[Supplier], &[CancelRequested], &[Refunded, Funded, Shipped], "granted, or back"),
    when(&[DisputesLeft], row(Action::OpenDispute, &[Buyer], &[Shipped], &[Disputed], "")),
    when(&[PastShipBy, DisputesLeft], row(Action::OpenDispute, &[Buyer], &[Funded], &[Disputed], "past the ship-by date")),
    row(Action::ProposeSettlement, &[Buyer, Supplier], &[Disputed], &[], ""),
    when(&[OtherSideProposed], row(Action::AcceptSettlement, &[Buyer, Supplier], &[Disputed], &[ReturnPending, Refunded, Completed], "settled")),
    row(Action::WithdrawDispute, &[Buyer], &[Disputed], &[Funded, Shipped], "back"),
    when(&[EscalationOpen], row(Action::EscalateDispute, &[Buyer, Supplier], &[Disputed], &[], "from day 4")),
    when(&[Escalated], row(Action::ResolveDispute, &[Operator], &[Disputed], &[ReturnPending, Refunded, Completed], "ruled")),
    row(Action::AddEvidence, &[Buyer, Supplier, Operator], &[Disputed, ReturnPending], &[], "until the dispute is closed"),
    when(&[ChargebackOpen], row(Action::AddEvidence, &[Buyer, Supplier, Operator], &[AwaitingPayment, Funded, Shipped, CancelRequested, Completed, Cancelled, Refunded], &[], "against a chargeback")),
    when(&[ReturnNotShipped], row(Action::ShipReturn, &[Buyer], &[ReturnPending], &[], "")),
    row(Action::ConfirmReturn, &[Supplier], &[ReturnPending], &[Refunded, Completed], "settled"),
    when(&[ReturnShipped], row(Action::ContestReturn, &[Supplier], &[ReturnPending], &[Disputed], "escalated")),
    row(Action::RefundOrder, &[Supplier, Operator], &[Funded, Shipped], &[Refunded], "when nothing is left held"),
    when(&[MoneyHeld, NotFrozenByOperator], row(Action::FreezeOrder, &[Operator], &[AwaitingPayment, Funded, Shipped, CancelRequested, Disputed, ReturnPending], &[], "")),
    when(&[MoneyHeld, NotFrozenByOperator], row(Action::FreezeOrder, &[Provider], &[AwaitingPayment, Funded, Shipped, CancelRequested, Disputed, ReturnPending], &[], "what can't be booked")),
    when(&[FrozenByOperator], row(Action::UnfreezeOrder, &[Operator], &[AwaitingPayment, Funded, Shipped, CancelRequested, Disputed, ReturnPending, Cancelled, Refunded], &[], "")),
    when(&[FeedbackOpen], row(Action::LeaveFeedback, &[Buyer], &[Completed], &[], "for 30 days; one revision")),
    when(&[FeedbackUnanswered], row(Action::ReplyToFeedback, &[Supplier], &[Completed], &[], "once")),
    row(Action::ProvideRefundAccount, &[Buyer], ANY, &[], ""),
    when(&[RefundNeedsAction, RefundAccountKnown], row(Action::RequestManualRefund, &[Operator], ANY, &[], "")),
    when(&[RefundNeedsApproval], row(Action::ApproveManualRefund, &[Operator], ANY, &[], "by another operator")),
    when(&[RefundByHand], row(Action::RejectManualRefund, &[Operator], ANY, &[], "")),
    when(&[RefundApproved], row(Action::ConfirmManualRefund, &[Operator], ANY, &[], "")),
    when(&[RefundRetriable], row(Action::RetryRefund, &[Operator], ANY, &[], "the provider is asked first")),
    when(&[RefundShort], row(Action::BearRefundCharge, &[Operator], ANY, &[], "the operator bears it")),
    when(&[PaymentPending], row(Action::ClosePayment, &[Operator], ANY, &[], "the provider is asked first")),
    when(&[TransferShort], row(Action::AcceptShortfall, &[Operator], &[AwaitingPayment], &[Funded], "the operator bears the rest")),
    when(&[PaymentOpened], row(Action::ApplyFunds, &[Operator, Provider], &[AwaitingPayment], &[Funded], "when the whole total has arrived")),
    when(&[FundsSetAside], row(Action::RefundUnapplied, &[Operator], ANY, &[], "what was set aside goes back")),

    row(Action::CapturePayment, &[Provider], &[AwaitingPayment], &[Funded], "when the whole total has arrived"),
    row(Action::CapturePayment, &[Provider], &[DraftRequested, AwaitingConfirmation, Funded, Shipped, CancelRequested, Disputed, ReturnPending, Completed, Cancelled, Refunded], &[], "unapplied, and refunded"),
    row(Action::EndPayment, &[Provider], ANY, &[], ""),
    row(Action::SettleRefund, &[Provider], ANY, &[], ""),
    row(Action::FailRefund, &[Provider], ANY, &[], "somebody has to choose another way"),
    row(Action::Chargeback, &[Provider], UNDER_WAY, &[Refunded], "lost, and nothing is left held"),
    row(Action::Chargeback, &[Provider], &[Funded, CancelRequested, Disputed], &[AwaitingPayment], "a failed capture is given up, not shipped yet"),
    row(Action::Chargeback, &[Provider], &[AwaitingPayment], &[Cancelled, Funded], "lost, and nothing is left held; won, and nothing is due"),
    row(Action::Chargeback, &[Provider], QUIET, &[], "freezes the order"),
    when(&[ChargebackUnsettled], row(Action::DecideChargeback, &[Operator], UNDER_WAY, &[Refunded], "lost, and nothing is left held")),
    when(&[ChargebackUnsettled], row(Action::DecideChargeback, &[Operator], &[Funded, CancelRequested, Disputed], &[AwaitingPayment], "a failed capture is given up, not shipped yet")),
    when(&[ChargebackUnsettled], row(Action::DecideChargeback, &[Operator], &[AwaitingPayment], &[Cancelled, Funded], "lost, and nothing is left held; won, and nothing is due")),
    when(&[ChargebackUnsettled], row(Action::DecideChargeback, &[Operator], QUIET, &[], "thaws the order")),
    row(Action::ReversePayment, &[Provider], &[Funded, CancelRequested, Disputed], &[AwaitingPayment], "not shipped yet"),
    row(Action::ReversePayment, &[Provider], &[Shipped, CancelRequested, Disputed, ReturnPending], &[Refunded], "shipped, and nothing is left held"),
    row(Action::ReversePayment, &[Provider], &[DraftRequested, AwaitingConfirmation, AwaitingPayment, Completed, Cancelled, Refunded], &[], ""),

    row(Action::PassDeadline, &[Timer], &[DraftRequested, AwaitingConfirmation, AwaitingPayment], &[Cancelled], "nobody acted in time"),
    row(Action::PassDeadline, &[Timer], &[Funded], &[Refunded], "30 days past the ship-by date"),
    row(Action::PassDeadline, &[Timer], &[Shipped], &[Completed], "the inspection period is over"),
    row(Action::PassDeadline, &[Timer], &[CancelRequested], &[Refunded, Shipped], "48 hours of silence: granted if not shipped, refused if shipped"),
    row(Action::PassDeadline, &[Timer], &[Disputed], &[ReturnPending, Refunded, Completed], "5 days of silence: as the buyer proposed"),
    row(Action::PassDeadline, &[Timer], &[ReturnPending], &[Completed, Refunded], "10 days without the return: released; 10 days of silence after its transit: as settled"),
];

/// A new action without a row doesn't compile. A status that no row names fails a test: `every_status_is_in_the_table`.
const _: () = {
    let mut actions = Action::ALL;
    while let [action, rest @ ..] = actions {
        assert!(has_row(*action), "an action has no row in the table");
        actions = rest;
    }
};

#[expect(clippy::as_conversions, reason = "a constant can't compare with ==")]
const fn has_row(action: Action) -> bool {
    let mut rows = TABLE;
    while let [row, rest @ ..] = rows {
        if row.action as usize == action as usize {
            return true;
        }
        rows = rest;
    }
    false
}

/// Every status is decided here: a new one has to be put into the lists above, and into the rows that it is in.
const _: fn(OrderStatus) -> &'static [OrderStatus] = |status| match status {
    Funded | Shipped | CancelRequested | Disputed | ReturnPending => UNDER_WAY,
    DraftRequested | AwaitingConfirmation | Completed | Cancelled | Refunded => QUIET,
    AwaitingPayment => ANY,
};

/// The rows by which `actor` could do `action` from `status`.
pub fn rows(action: Action, status: OrderStatus) -> impl Iterator<Item = &'static Row> {
    TABLE.iter().filter(move |row| row.action == action && row.from.contains(&status))
}

/// True if the table lets `actor` ever do `action` to an order that has begun.
#[must_use]
pub fn concerns(action: Action, actor: Actor) -> bool {
    TABLE.iter().any(|row| row.action == action && !row.from.is_empty() && row.by.contains(&actor))
}

/// The table as a Mermaid state diagram: for the README.
#[must_use]
pub fn diagram() -> String {
    let mut lines = vec!["stateDiagram-v2".to_owned()];
    for row in TABLE.iter().filter(|row| !row.to.is_empty()) {
        let who = if row.by == [Timer] { "deadline".to_owned() } else { row.action.name().to_owned() };
        let note = if row.note.is_empty() { String::new() } else { format!(" ({})", row.note) };
        let from: Vec<String> = if row.from.is_empty() {
            vec!["[*]".to_owned()]
        } else {
            row.from.iter().map(|status| status.name()).collect()
        };
        for from in from {
            for to in row.to {
                lines.push(format!("    {from} --> {}: {who}{note}", to));
            }
        }
    }
    for end in [Completed, Cancelled, Refunded] {
        lines.push(format!("    {} --> [*]", end));
    }
    lines.join("\n")
}
