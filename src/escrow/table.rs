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

macro_rules! actions {
    ($($(#[$doc:meta])* $name:ident = $text:literal,)+) => {
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
        }
    };
}

actions! {
    /// Ask the supplier to draft a contract.
    RequestDraft = "requestDraft",
    /// Put a contract, or a further version of it, on the table.
    DraftOrder = "draftOrder",
    /// Order at the listing's terms.
    BuyNow = "buyNow",
    /// Agree to exactly this version of the contract.
    ConfirmOrder = "confirmOrder",
    /// End the order before it is under way.
    CancelOrder = "cancelOrder",
    /// Open a payment for what is still due.
    PayOrder = "payOrder",
    /// Hand the goods to a carrier.
    ShipOrder = "shipOrder",
    /// Correct the carrier or the tracking number.
    UpdateShipment = "updateShipment",
    /// Give the other side more time.
    ExtendDeadline = "extendDeadline",
    /// Say that the goods arrived as agreed: the held money is released.
    ConfirmReceived = "confirmReceived",
    /// Ask the supplier to cancel an order that is under way.
    CancelRequest = "cancelRequest",
    /// Take the cancel request back.
    WithdrawCancelRequest = "withdrawCancelRequest",
    /// Grant or refuse the cancel request.
    AnswerCancelRequest = "answerCancelRequest",
    /// Say that the goods did not arrive, or not as agreed.
    OpenDispute = "openDispute",
    /// Offer how to settle the dispute.
    ProposeSettlement = "proposeSettlement",
    /// Accept the other side's latest offer.
    AcceptSettlement = "acceptSettlement",
    /// Take the dispute back.
    WithdrawDispute = "withdrawDispute",
    /// Hand the dispute to the operator.
    EscalateDispute = "escalateDispute",
    /// Rule on an escalated dispute.
    ResolveDispute = "resolveDispute",
    /// Send the goods back.
    ShipReturn = "shipReturn",
    /// Say that the returned goods arrived.
    ConfirmReturn = "confirmReturn",
    /// Say that the returned goods are not what was sent.
    ContestReturn = "contestReturn",
    /// Give back a part or all of what is held.
    RefundOrder = "refundOrder",
    /// Stop all money and all clocks.
    FreezeOrder = "freezeOrder",
    /// Let them go on.
    UnfreezeOrder = "unfreezeOrder",
    /// Say how it went.
    LeaveFeedback = "leaveFeedback",
    /// Money arrived.
    CapturePayment = "capturePayment",
    /// No money will come by a payment.
    EndPayment = "endPayment",
    /// A refund was sent.
    SettleRefund = "settleRefund",
    /// A refund did not go through.
    FailRefund = "failRefund",
    /// A card company took money back, or gave it up.
    Chargeback = "chargeback",
    /// The status lasted as long as it may.
    PassDeadline = "passDeadline",
}

impl std::fmt::Display for Action {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name())
    }
}

/// What must hold besides the status.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Condition {
    Always,
    /// The ship-by date has passed.
    PastShipBy,
    /// Within the days after completion in which feedback may be left.
    FeedbackOpen,
}

impl Condition {
    /// Why not, when it doesn't hold.
    #[must_use]
    pub fn unmet(self) -> Option<&'static str> {
        match self {
            Self::Always => None,
            Self::PastShipBy => Some("only once the ship-by date has passed"),
            Self::FeedbackOpen => Some("the time for feedback is over"),
        }
    }
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
    pub when: Condition,
    /// For the diagram and the documentation.
    pub note: &'static str,
    /// False: decided in a later version of the product.
    pub decided: bool,
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
    Row { action, by, from, to, when: Condition::Always, note, decided: true }
}

const fn when(condition: Condition, row: Row) -> Row {
    Row { when: condition, ..row }
}

const fn later(row: Row) -> Row {
    Row { decided: false, ..row }
}

use Actor::{Buyer, Operator, Provider, Supplier, Timer};

#[rustfmt::skip]
pub const TABLE: &[Row] = &[
    row(Action::RequestDraft, &[Buyer], &[], &[DraftRequested], ""),
    row(Action::DraftOrder, &[Supplier], &[], &[AwaitingConfirmation], ""),
    row(Action::DraftOrder, &[Supplier], &[DraftRequested, AwaitingConfirmation], &[AwaitingConfirmation], "a further version"),
    row(Action::BuyNow, &[Buyer], &[], &[AwaitingConfirmation], "the listing is the supplier's standing consent"),
    row(Action::ConfirmOrder, &[Buyer], &[AwaitingConfirmation], &[AwaitingPayment], "stock is reserved"),
    row(Action::CancelOrder, &[Buyer, Supplier], &[DraftRequested, AwaitingConfirmation, AwaitingPayment], &[Cancelled], "what arrived goes back"),
    when(Condition::PastShipBy, row(Action::CancelOrder, &[Buyer], &[Funded], &[Refunded], "past the ship-by date")),
    row(Action::PayOrder, &[Buyer], &[AwaitingPayment], &[], "opens a payment"),
    row(Action::ShipOrder, &[Supplier], &[Funded], &[Shipped], ""),
    later(row(Action::UpdateShipment, &[Supplier], &[Shipped], &[], "")),
    later(row(Action::ExtendDeadline, &[Buyer, Supplier], &[Funded, Shipped], &[], "")),
    row(Action::ConfirmReceived, &[Buyer], &[Shipped], &[Completed], "the held money is released"),
    later(row(Action::CancelRequest, &[Buyer], &[Funded, Shipped], &[CancelRequested], "")),
    later(row(Action::WithdrawCancelRequest, &[Buyer], &[CancelRequested], &[Funded, Shipped], "")),
    later(row(Action::AnswerCancelRequest, &[Supplier], &[CancelRequested], &[Refunded, Funded, Shipped], "granted, or refused")),
    later(row(Action::OpenDispute, &[Buyer], &[Shipped], &[Disputed], "")),
    later(when(Condition::PastShipBy, row(Action::OpenDispute, &[Buyer], &[Funded], &[Disputed], "past the ship-by date"))),
    later(row(Action::ProposeSettlement, &[Buyer, Supplier], &[Disputed], &[], "")),
    later(row(Action::AcceptSettlement, &[Buyer, Supplier], &[Disputed], &[ReturnPending, Refunded, Completed], "settled")),
    later(row(Action::WithdrawDispute, &[Buyer], &[Disputed], &[Funded, Shipped], "")),
    later(row(Action::EscalateDispute, &[Buyer, Supplier], &[Disputed], &[], "from day 4")),
    later(row(Action::ResolveDispute, &[Operator], &[Disputed], &[ReturnPending, Refunded, Completed], "ruled")),
    later(row(Action::ShipReturn, &[Buyer], &[ReturnPending], &[], "")),
    later(row(Action::ConfirmReturn, &[Supplier], &[ReturnPending], &[Refunded, Completed], "settled")),
    later(row(Action::ContestReturn, &[Supplier], &[ReturnPending], &[Disputed], "escalated")),
    later(row(Action::RefundOrder, &[Supplier, Operator], &[Funded, Shipped], &[Refunded], "when nothing is left held")),
    later(row(Action::FreezeOrder, &[Operator], &[AwaitingPayment, Funded, Shipped, CancelRequested, Disputed, ReturnPending], &[], "")),
    later(row(Action::UnfreezeOrder, &[Operator], &[AwaitingPayment, Funded, Shipped, CancelRequested, Disputed, ReturnPending], &[], "")),
    when(Condition::FeedbackOpen, row(Action::LeaveFeedback, &[Buyer], &[Completed], &[], "for 30 days")),

    row(Action::CapturePayment, &[Provider], &[AwaitingPayment], &[Funded], "when the whole total has arrived"),
    row(Action::CapturePayment, &[Provider], &[DraftRequested, AwaitingConfirmation, Funded, Shipped, CancelRequested, Disputed, ReturnPending, Completed, Cancelled, Refunded], &[], "unapplied, and refunded"),
    row(Action::EndPayment, &[Provider], ANY, &[], ""),
    row(Action::SettleRefund, &[Provider], ANY, &[], ""),
    row(Action::FailRefund, &[Provider], ANY, &[], "somebody has to choose another way"),
    later(row(Action::Chargeback, &[Provider], ANY, &[], "freezes the order")),

    row(Action::PassDeadline, &[Timer], &[DraftRequested, AwaitingConfirmation, AwaitingPayment], &[Cancelled], "nobody acted in time"),
    row(Action::PassDeadline, &[Timer], &[Funded], &[Refunded], "30 days past the ship-by date"),
    row(Action::PassDeadline, &[Timer], &[Shipped], &[Completed], "the inspection period is over"),
    later(row(Action::PassDeadline, &[Timer], &[CancelRequested], &[Refunded, Funded, Shipped], "48 hours of silence")),
    later(row(Action::PassDeadline, &[Timer], &[Disputed], &[ReturnPending, Refunded, Completed], "5 days of silence")),
    later(row(Action::PassDeadline, &[Timer], &[ReturnPending], &[Refunded, Completed], "")),
];

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
