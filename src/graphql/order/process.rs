//! The rules themselves, as the table of `escrow` has them: for storefronts, diagrams and documentation.

use async_graphql::{Context, Object, Result, SimpleObject};
use entity::OrderStatus as Status;
use sea_orm::Iterable;

use crate::graphql::base::request::app;
use crate::graphql::order::parts::OrderStatus;
use escrow::table::{Row, TABLE, diagram};
use escrow::{Action, Actor, Policy};

/// A status, what it means, and what its clock does.
#[derive(SimpleObject)]
pub struct EscrowStatus {
    /// Its name.
    status: OrderStatus,
    /// What it means, in words.
    meaning: &'static str,
    /// What happens by itself, and when, in words; contracts may set other times. Null if nothing does.
    clock: Option<String>,
    /// Whether an order ends with it.
    is_end: bool,
}

/// A row of the table: this action, by these, from these statuses, leads to one of those.
#[derive(SimpleObject)]
pub struct EscrowTransition {
    /// What is done: a mutation by its name in capitals, a provider's fact, or PASS_DEADLINE.
    action: Action,
    /// Who may do it.
    by: Vec<Actor>,
    /// From any of these; empty if it begins an order.
    from: Vec<OrderStatus>,
    /// To one of these; empty if the status stays.
    to: Vec<OrderStatus>,
    /// What must hold besides, all of it, in words.
    conditions: Vec<&'static str>,
    /// When it leads where, or what it does, in words; null if the rest says all.
    note: Option<&'static str>,
}

impl From<&Row> for EscrowTransition {
    fn from(row: &Row) -> Self {
        let statuses = |statuses: &[Status]| statuses.iter().map(|status| (*status).into()).collect();
        Self {
            action: row.action,
            by: row.by.to_vec(),
            from: statuses(row.from),
            to: statuses(row.to),
            conditions: row.when.iter().map(|condition| condition.words()).collect(),
            note: Some(row.note).filter(|note| !note.is_empty()),
        }
    }
}

/// How the escrow works: the very table that decides what may happen to an order. What is in no row can't happen.
#[derive(SimpleObject)]
pub struct EscrowProcess {
    /// All of them, in the order of an ordinary purchase.
    statuses: Vec<EscrowStatus>,
    /// All rows of the table.
    transitions: Vec<EscrowTransition>,
    /// The table as a state diagram in Mermaid's notation.
    diagram: String,
}

#[derive(Default)]
pub struct ProcessQuery;

#[Object]
impl ProcessQuery {
    /// How the escrow works: statuses, transitions, and a diagram of them. Needs no credential.
    async fn escrow_process(&self, ctx: &Context<'_>) -> Option<Result<EscrowProcess>> {
        let policy = app(ctx).settings.policy();
        let status = |status: Status| EscrowStatus {
            status: status.into(),
            meaning: meaning(status),
            clock: clock(status, &policy),
            is_end: status.is_end(),
        };
        Some(Ok(EscrowProcess {
            statuses: Status::iter().map(status).collect(),
            transitions: TABLE.iter().map(Into::into).collect(),
            diagram: diagram(),
        }))
    }
}

fn meaning(status: Status) -> &'static str {
    match status {
        Status::DraftRequested => "the buyer asked the supplier for a draft",
        Status::AwaitingConfirmation => "a contract is on the table; the buyer has to confirm exactly this version",
        Status::AwaitingPayment => "both sides agreed; the money is not all here yet",
        Status::Funded => "the whole amount is held; the supplier has to ship",
        Status::Shipped => "the supplier shipped; the buyer inspects",
        Status::CancelRequested => "the buyer asked to cancel; the supplier has to answer",
        Status::Disputed => "the two sides disagree about what was delivered",
        Status::ReturnPending => "settled, and the goods go back first",
        Status::Completed => "the held money was released to the supplier, less the fee and less what was refunded",
        Status::Cancelled => "ended without ever being funded",
        Status::Refunded => "everything went back to the buyer",
    }
}

/// With the times of this installation.
fn clock(status: Status, policy: &Policy) -> Option<String> {
    let times = &policy.deadlines;
    Some(match status {
        Status::DraftRequested => format!("after {} days CANCELLED", policy.draft_days),
        Status::AwaitingConfirmation => format!("after {} days CANCELLED", times.confirmation_days),
        Status::AwaitingPayment => format!(
            "after {} days, and {} business days more once a bank transfer is open or partly arrived, CANCELLED; what \
             arrived goes back",
            times.payment_days, times.bank_transfer_business_days
        ),
        Status::Funded => format!(
            "after the contract's ship-by date the buyer may cancel or dispute, and the supplier may still ship; {} days \
             later REFUNDED",
            times.overdue_days
        ),
        Status::Shipped => "after the contract's transit time and inspection period COMPLETED".to_owned(),
        Status::CancelRequested => format!(
            "{} hours of silence grant it if nothing was shipped (REFUNDED), and refuse it if the goods were (SHIPPED)",
            times.cancel_answer_hours
        ),
        Status::Disputed => format!(
            "{} days of the supplier's silence settle as the buyer proposed; from day {} either side may escalate, on day \
             {} it escalates by itself; an alarm after {} days without a ruling",
            times.dispute_answer_days,
            times.dispute_escalation_from_days,
            times.dispute_escalation_days,
            times.dispute_alarm_days
        ),
        Status::ReturnPending => format!(
            "{} days without the return release the held money (COMPLETED); once it is shipped, its transit time and {} \
             days of silence settle as agreed",
            times.return_shipping_days, times.return_silence_days
        ),
        Status::Completed | Status::Cancelled | Status::Refunded => return None,
    })
}
