//! Why a command is refused.

use entity::{Money, OrderStatus, ProposalId};

use crate::table::{Action, Actor};

/// Why nothing happened, and what could.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Rejection {
    #[error("{action} is not possible while the order is {status}{}; allowed now: {}", why(*.because), words(.allowed))]
    InvalidTransition { action: Action, status: OrderStatus, because: Option<&'static str>, allowed: Vec<Action> },
    #[error("{action} is not yours to do: it is for {}", words(.by))]
    NotPermitted { action: Action, by: Vec<Actor> },
    #[error("the contract on the table is version {current}; read it, and confirm that one")]
    StaleContract { current: i32 },
    #[error("the proposal on the table is {current}; read it, and accept that one")]
    StaleProposal { current: ProposalId },
    #[error("the order is frozen; nothing but messages, evidence and the refund account goes on until it is thawed")]
    Frozen,
    #[error("{amount} is more than the {held} that is held")]
    AmountExceedsHeld { amount: Money, held: Money, field: &'static str },
    #[error("feedback was left, and revised, already")]
    FeedbackExists,
    /// A value of the command that the rules can't take.
    #[error("{problem}")]
    Invalid { field: &'static str, problem: &'static str },
    #[error("the one who asked for a payment by hand can't approve it; another operator has to")]
    NeedsAnotherOperator,
    #[error("the buyer has to say first where the refund may be sent: provideRefundAccount")]
    PayeeDetailsRequired,
    /// A provider reports something that doesn't fit what it reported before. Nothing was changed.
    #[error("{0}")]
    Contradiction(String),
    /// A fault of ours: the amounts don't fit. Nothing was changed.
    #[error("the order's amounts don't add up: {0}")]
    Inconsistent(&'static str),
}

fn why(because: Option<&'static str>) -> String {
    because.map(|reason| format!(" ({reason})")).unwrap_or_default()
}

fn words<T: std::fmt::Display>(list: &[T]) -> String {
    if list.is_empty() {
        return "nothing".to_owned();
    }
    list.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}

impl Rejection {
    pub(crate) const TOO_LARGE: Self = Self::Inconsistent("an amount is too large");
}
