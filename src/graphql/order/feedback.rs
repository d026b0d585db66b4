//! What the buyer thought of a completed order, and the supplier's answer.

use async_graphql::{Context, ID, Object, Result, SimpleObject};
use chrono::{DateTime, Utc};
use entity::{FeedbackId, feedback};

use crate::error::{Error, Result as Outcome};
use crate::graphql::base::payload::{answer, payloads};
use crate::graphql::loader::order::{FeedbackOf, loader};
use crate::graphql::order::command::order_inputs;
use crate::graphql::order::object::Order;
use escrow::Command;

/// What the buyer thought of a completed order; stars from 1 to 5.
#[derive(SimpleObject)]
pub struct Feedback {
    /// Begins with `feedback_`.
    #[graphql(owned)]
    pub id: ID,
    /// Was the product as agreed? 1 to 5.
    product_as_agreed: i32,
    /// Did the supplier communicate well? 1 to 5.
    communication: i32,
    /// Did it ship in time? 1 to 5.
    shipping_time: i32,
    /// In the buyer's words, at most 2,000 characters; null if there are none.
    comment: Option<String>,
    /// 1, or 2 once the buyer has revised it.
    revision: i32,
    /// In the supplier's words, at most 2,000 characters; null if it has not answered.
    reply: Option<String>,
    /// When the supplier answered; null if it has not.
    replied_at: Option<DateTime<Utc>>,
    /// When it was first left.
    created_at: DateTime<Utc>,
}

impl From<feedback::Model> for Feedback {
    fn from(row: feedback::Model) -> Self {
        Self {
            id: ID(row.id.to_string()),
            product_as_agreed: row.product_as_agreed,
            communication: row.communication,
            shipping_time: row.shipping_time,
            comment: row.comment,
            revision: row.revision,
            reply: row.reply,
            replied_at: row.replied_at,
            created_at: row.created_at,
        }
    }
}

order_inputs! {
    /// Say how it went: stars from 1 to 5.
    LeaveFeedbackInput {
        /// Was it what was agreed?
        product_as_agreed: i32,
        /// How well did the supplier answer?
        communication: i32,
        /// How quick was it?
        shipping_time: i32,
        /// At most 2,000 characters.
        comment: Option<String>,
    }
    /// Answer the buyer's feedback.
    ReplyToFeedbackInput {
        /// In your words; at most 2,000 characters. Everybody may read it.
        reply: String,
    }
}

payloads! {
    /// What `leaveFeedback` left.
    LeaveFeedbackPayload {
        /// As it is now; null if nothing was done.
        feedback: Feedback
    }
    /// What `replyToFeedback` left.
    ReplyToFeedbackPayload {
        /// As it is now; null if nothing was done.
        feedback: Feedback
    }
}

#[derive(Default)]
pub struct FeedbackMutation;

#[Object]
impl FeedbackMutation {
    /// Buyer: rate a completed order, within 30 days; once more to revise it.
    async fn leave_feedback(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "What to do, and to what.")] input: LeaveFeedbackInput,
    ) -> Result<LeaveFeedbackPayload> {
        answer(leave_feedback(ctx, input).await)
    }

    /// Supplier: answer the buyer's feedback, once.
    async fn reply_to_feedback(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "What to do, and to what.")] input: ReplyToFeedbackInput,
    ) -> Result<ReplyToFeedbackPayload> {
        answer(reply_to_feedback(ctx, input).await)
    }
}

async fn leave_feedback(ctx: &Context<'_>, input: LeaveFeedbackInput) -> Outcome<Feedback> {
    let mut call = input.call(ctx);
    let product_as_agreed = call.checks.within("productAsAgreed", input.product_as_agreed, 1..=5);
    let communication = call.checks.within("communication", input.communication, 1..=5);
    let shipping_time = call.checks.within("shippingTime", input.shipping_time, 1..=5);
    let comment = call.checks.optional_text("comment", input.comment.as_deref(), 2_000);
    let feedback_id = FeedbackId(call.app.clock.new_id());
    let command = Command::LeaveFeedback { product_as_agreed, communication, shipping_time, comment, feedback_id };
    let order = call.execute(&command).await?;
    feedback_of(ctx, order).await
}

async fn reply_to_feedback(ctx: &Context<'_>, input: ReplyToFeedbackInput) -> Outcome<Feedback> {
    let mut call = input.call(ctx);
    let reply = call.checks.text("reply", &input.reply, 2_000);
    let order = call.execute(&Command::ReplyToFeedback { reply }).await?;
    feedback_of(ctx, order).await
}

async fn feedback_of(ctx: &Context<'_>, order: Order) -> Outcome<Feedback> {
    let feedback = loader(ctx).load_one(FeedbackOf(order.0.id)).await?;
    feedback.map(Feedback::from).ok_or_else(|| Error::internal("feedback that was left is gone"))
}
