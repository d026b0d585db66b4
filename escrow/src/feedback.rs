//! The buyer's feedback, and the supplier's reply.

use entity::feedback;
use entity::{FeedbackId, Time};

use crate::decision::Decision;
use crate::event::Event;
use crate::order::Order;
use crate::rejection::Rejection;

/// Each from 1 to 5.
#[derive(Clone, Copy)]
pub(crate) struct Ratings {
    pub(crate) product_as_agreed: i32,
    pub(crate) communication: i32,
    pub(crate) shipping_time: i32,
}

pub(crate) fn leave_feedback(
    order: &Order,
    ratings: Ratings,
    comment: Option<&str>,
    feedback_id: FeedbackId,
    now: Time,
) -> Decision {
    let Ratings { product_as_agreed, communication, shipping_time } = ratings;
    let mut decision = Decision::unchanged(order);
    let before = order.feedback.clone();
    decision.events.push(if before.is_some() {
        Event::FeedbackRevised { product_as_agreed, communication, shipping_time }
    } else {
        Event::FeedbackLeft { product_as_agreed, communication, shipping_time }
    });
    let row = before.unwrap_or_else(|| first_feedback(order, feedback_id, now));
    let revision = row.revision.saturating_add(1);
    let comment = comment.map(ToOwned::to_owned);
    decision.feedback =
        Some(feedback::Model { product_as_agreed, communication, shipping_time, comment, revision, ..row });
    decision
}

pub(crate) fn first_feedback(order: &Order, id: FeedbackId, now: Time) -> feedback::Model {
    feedback::Model {
        id,
        order_id: order.row.id,
        supplier_id: order.row.supplier_id,
        product_as_agreed: 0,
        communication: 0,
        shipping_time: 0,
        comment: None,
        revision: 0,
        reply: None,
        replied_at: None,
        created_at: now,
    }
}

pub(crate) fn reply_to_feedback(order: &Order, reply: &str, now: Time) -> Result<Decision, Rejection> {
    let feedback = order.feedback.clone().ok_or(Rejection::Inconsistent("there is no feedback"))?;
    let mut decision = Decision::unchanged(order);
    decision.feedback = Some(feedback::Model { reply: Some(reply.to_owned()), replied_at: Some(now), ..feedback });
    decision.events.push(Event::FeedbackAnswered);
    Ok(decision)
}
