//! Asking to cancel an order that is under way, and the answer.

use async_graphql::{Context, ID, Object, Result, SimpleObject};
use chrono::{DateTime, Utc};
use entity::{CancelRequestId, cancel_request};

use crate::error::Result as Outcome;
use crate::graphql::base::payload::answer;
use crate::graphql::order::command::{order_inputs, order_payloads};
use crate::graphql::order::object::Order;
use crate::graphql::order::parts::OrderStatus;
use escrow::Command;

/// What became of a cancel request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, async_graphql::Enum)]
#[graphql(remote = "entity::cancel_request::CancelRequestStatus")]
pub enum CancelRequestStatus {
    /// The supplier has to answer.
    Open,
    /// The buyer took it back.
    Withdrawn,
    /// By the supplier or, if nothing was shipped, by silence.
    Granted,
    /// By the supplier or, if the goods were shipped, by silence.
    Refused,
    /// Overtaken: the money was taken back.
    Closed,
}

/// The buyer asked to cancel an order that is under way.
#[derive(SimpleObject)]
pub struct CancelRequest {
    /// Begins with `cancel_request_`.
    #[graphql(owned)]
    pub id: ID,
    /// What became of it.
    status: CancelRequestStatus,
    /// FUNDED or SHIPPED: where the order was, and goes back to if it is refused or withdrawn.
    asked_in: OrderStatus,
    /// In the buyer's words.
    reason: String,
    /// In the supplier's words; null if there are none.
    answer: Option<String>,
    /// When the buyer asked.
    created_at: DateTime<Utc>,
    /// When it was answered, withdrawn or overtaken; null while it is open.
    closed_at: Option<DateTime<Utc>>,
}

impl From<cancel_request::Model> for CancelRequest {
    fn from(row: cancel_request::Model) -> Self {
        Self {
            id: ID(row.id.to_string()),
            status: row.status.into(),
            asked_in: row.asked_in.into(),
            reason: row.reason,
            answer: row.answer,
            created_at: row.created_at,
            closed_at: row.closed_at,
        }
    }
}

order_inputs! {
    /// Ask the supplier to cancel.
    CancelRequestInput {
        /// Why, in your words; at most 2,000 characters.
        reason: String,
    }
    /// Take the cancel request back.
    WithdrawCancelRequestInput {}
    /// Answer the cancel request.
    AnswerCancelRequestInput {
        /// True: everything that is held goes back to the buyer, and the order ends. False: it goes on.
        grant: bool,
        /// In your words; at most 2,000 characters.
        answer: Option<String>,
    }
}

order_payloads! {
    /// What `cancelRequest` left.
    CancelRequestPayload,
    /// What `withdrawCancelRequest` left.
    WithdrawCancelRequestPayload,
    /// What `answerCancelRequest` left.
    AnswerCancelRequestPayload,
}

#[derive(Default)]
pub struct CancelMutation;

#[Object]
impl CancelMutation {
    /// Buyer: ask the supplier to cancel a FUNDED or SHIPPED order; once in each. The order's clock stands still until there
    /// is an answer; silence grants it if nothing was shipped, and refuses it if the goods were.
    async fn cancel_request(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "What to do, and to what.")] input: CancelRequestInput,
    ) -> Result<CancelRequestPayload> {
        answer(cancel_request(ctx, input).await)
    }

    /// Buyer: take the cancel request back. The order goes on with what was left of its time, at least 48 hours.
    async fn withdraw_cancel_request(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "What to do, and to what.")] input: WithdrawCancelRequestInput,
    ) -> Result<WithdrawCancelRequestPayload> {
        answer(input.call(ctx).execute(&Command::WithdrawCancelRequest).await)
    }

    /// Supplier: grant or refuse the cancel request.
    async fn answer_cancel_request(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "What to do, and to what.")] input: AnswerCancelRequestInput,
    ) -> Result<AnswerCancelRequestPayload> {
        answer(answer_cancel_request(ctx, input).await)
    }
}

async fn cancel_request(ctx: &Context<'_>, input: CancelRequestInput) -> Outcome<Order> {
    let mut call = input.call(ctx);
    let reason = call.checks.text("reason", &input.reason, 2_000);
    let cancel_request_id = CancelRequestId(call.app.clock.new_id());
    call.execute(&Command::CancelRequest { cancel_request_id, reason }).await
}

async fn answer_cancel_request(ctx: &Context<'_>, input: AnswerCancelRequestInput) -> Outcome<Order> {
    let mut call = input.call(ctx);
    let grant = input.grant;
    let answer = call.checks.optional_text("answer", input.answer.as_deref(), 2_000);
    call.execute(&Command::AnswerCancelRequest { grant, answer }).await
}
