//! What an operator does where nothing goes on by itself.

use async_graphql::{Context, ID, Object, Result};

use crate::graphql::base::payload::answer;
use crate::graphql::order::command::{order_inputs, order_payloads};
use crate::graphql::order::object::Order;
use crate::idempotency::IdempotencyKey;
use crate::payment as payments;
use escrow::Command;

order_inputs! {
    /// Send a refund once more.
    RetryRefundInput {
        /// The refund; it must be ACTION_REQUIRED, and of a payment whose provider gives money back.
        refund_id: ID,
    }
    /// Make good what banks on the way kept of a refund.
    BearRefundChargeInput {
        /// The refund; it came back with less than was sent.
        refund_id: ID,
    }
    /// End a payment that will never be paid.
    ClosePaymentInput {
        /// The payment; it must be PENDING.
        payment_id: ID,
    }
    /// Let a bank transfer count as whole.
    AcceptShortfallInput {}
}

order_payloads! {
    /// What `retryRefund` left.
    RetryRefundPayload,
    /// What `bearRefundCharge` left.
    BearRefundChargePayload,
    /// What `closePayment` left.
    ClosePaymentPayload,
    /// What `acceptShortfall` left.
    AcceptShortfallPayload,
}

#[derive(Default)]
pub struct WaysOutMutation;

#[Object]
impl WaysOutMutation {
    /// Operator: send a refund once more that failed or came back, by the same provider under a fresh reference, to the account
    /// that the buyer has named last. The provider is asked first: what it has sent after all is booked instead.
    async fn retry_refund(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "What to do, and to what.")] input: RetryRefundInput,
    ) -> Result<RetryRefundPayload> {
        let retry = async {
            let mut call = input.call(ctx);
            let refund_id = call.checks.required_id("refundId", &input.refund_id);
            let (version, key) = (call.expected_version, call.idempotency_key);
            IdempotencyKey::check_in(key.as_ref(), &mut call.checks);
            call.checks.finish()?;
            let what = (call.order_id, refund_id);
            let order = payments::retry_refund(call.app, &call.viewer, (version, key.as_ref()), what).await?;
            Ok(Order(order.row))
        };
        answer(retry.await)
    }

    /// Operator: bear what banks on the way kept of a refund that came back, so that the buyer gets all of it; up to 50 units of
    /// its currency.
    async fn bear_refund_charge(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "What to do, and to what.")] input: BearRefundChargeInput,
    ) -> Result<BearRefundChargePayload> {
        let mut call = input.call(ctx);
        let refund_id = call.checks.required_id("refundId", &input.refund_id);
        answer(call.execute(&Command::BearRefundCharge { refund_id }).await)
    }

    /// Operator: end an open payment that will never be paid, or that its provider doesn't know. The provider is asked first, and
    /// withdraws it; money that comes all the same is the order's, or set aside.
    async fn close_payment(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "What to do, and to what.")] input: ClosePaymentInput,
    ) -> Result<ClosePaymentPayload> {
        let close = async {
            let mut call = input.call(ctx);
            let payment_id = call.checks.required_id("paymentId", &input.payment_id);
            let (version, key) = (call.expected_version, call.idempotency_key);
            IdempotencyKey::check_in(key.as_ref(), &mut call.checks);
            call.checks.finish()?;
            let what = (call.order_id, payment_id);
            let order = payments::close_payment(call.app, &call.viewer, (version, key.as_ref()), what).await?;
            Ok(Order(order.row))
        };
        answer(close.await)
    }

    /// Operator: let a bank transfer count as whole that banks on the way have shortened, by at most 2 % of the order's total and
    /// 50 units of its currency. The operator bears it; the order is FUNDED.
    async fn accept_shortfall(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "What to do, and to what.")] input: AcceptShortfallInput,
    ) -> Result<AcceptShortfallPayload> {
        answer(input.call(ctx).execute(&Command::AcceptShortfall).await)
    }
}
