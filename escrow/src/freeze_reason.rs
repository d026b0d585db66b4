//! Why an order is frozen.

use serde::Serialize;

/// Why an operator froze an order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, async_graphql::Enum)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum FreezeReason {
    /// Something looks wrong.
    SuspectedFraud,
    /// Sanctions, money laundering, identity: somebody has to check first.
    Compliance,
    /// A court or an authority demands it.
    LegalOrder,
    /// Something that a payment provider reported can't be booked, or the books don't agree: somebody has to look at it.
    Unexplained,
    /// Anything else.
    Other,
}

/// Who stopped an order's money and clocks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE", tag = "by", content = "reason")]
pub enum FrozenBy {
    Operator(FreezeReason),
    Chargeback,
    /// A provider could not collect a payment that it had reported, and may still mend that.
    FailedCapture,
    /// A refund left twice.
    RefundSentAgain,
}
