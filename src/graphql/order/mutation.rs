//! Mutations that move an order.

use async_graphql::{Context, Object, Result};
use entity::{ConversationId, OrderId};

use crate::error::{ErrorCode, Result as Outcome};
use crate::graphql::base::payload::{answer, payloads};
use crate::graphql::base::request::{app, required_idempotency_key, viewer};
use crate::graphql::order::command::Call;
use crate::graphql::order::input::{
    BuyNowInput, CancelOrderInput, ConfirmOrderInput, DraftLineInput, DraftOrderInput, MetadataInput, PayOrderInput,
    RequestDraftInput,
};
use crate::graphql::order::object::Order;
use crate::graphql::payment::object::Payment;
use crate::order::{self, BuyNow, DraftLine, DraftOrder, DraftTerms, NewOrderDetails, RequestDraft};
use crate::payment::{self as payments, PayOrder};
use crate::validate::Checks;
use escrow::Command;

payloads! {
    /// What `requestDraft` left.
    RequestDraftPayload {
        /// As it is now; null if nothing was done.
        order: Order
    }
    /// What `draftOrder` left.
    DraftOrderPayload {
        /// As it is now; null if nothing was done.
        order: Order
    }
    /// What `buyNow` left.
    BuyNowPayload {
        /// As it is now; null if nothing was done.
        order: Order
    }
    /// What `confirmOrder` left.
    ConfirmOrderPayload {
        /// As it is now; null if nothing was done.
        order: Order
    }
    /// What `cancelOrder` left.
    CancelOrderPayload {
        /// As it is now; null if nothing was done.
        order: Order
    }
    /// What `payOrder` opened.
    PayOrderPayload {
        /// As it is now; null if nothing was done.
        payment: Payment
    }
}

fn details(client_reference: Option<String>, metadata: Option<Vec<MetadataInput>>) -> NewOrderDetails {
    let metadata = metadata.unwrap_or_default().into_iter().map(|entry| (entry.key, entry.value)).collect();
    NewOrderDetails { client_reference, metadata }
}

#[derive(Default)]
pub struct OrderMutation;

#[Object]
impl OrderMutation {
    /// Buyer: ask a supplier to draft a contract.
    async fn request_draft(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "What to do, and to what.")] input: RequestDraftInput,
    ) -> Result<RequestDraftPayload> {
        answer(request_draft(ctx, input).await)
    }

    /// Supplier: put a contract on the table, for an order that a buyer asked for or for the buyer of a conversation.
    async fn draft_order(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "What to do, and to what.")] input: DraftOrderInput,
    ) -> Result<DraftOrderPayload> {
        answer(draft_order(ctx, input).await)
    }

    /// Buyer: order a product at its listing's terms; the contract is then on the table to be confirmed.
    async fn buy_now(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "What to do, and to what.")] input: BuyNowInput,
    ) -> Result<BuyNowPayload> {
        answer(buy_now(ctx, input).await)
    }

    /// Buyer: agree to exactly this version of the contract. The stock is reserved, and the order can be paid.
    async fn confirm_order(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "What to do, and to what.")] input: ConfirmOrderInput,
    ) -> Result<ConfirmOrderPayload> {
        let command = Command::ConfirmOrder { contract_version: input.contract_version };
        let call = Call::new(ctx, &input.order_id, input.expected_version, &input);
        answer(call.execute(&command).await)
    }

    /// Buyer or supplier: end an order that is not funded yet; the buyer also one that was not shipped in time. What
    /// arrived goes back.
    async fn cancel_order(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "What to do, and to what.")] input: CancelOrderInput,
    ) -> Result<CancelOrderPayload> {
        let call = Call::new(ctx, &input.order_id, input.expected_version, &input);
        answer(call.execute(&Command::CancelOrder).await)
    }

    /// Buyer: open a payment for what is still due. While one by this method is open, it is shown again.
    async fn pay_order(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "What to do, and to what.")] input: PayOrderInput,
    ) -> Result<PayOrderPayload> {
        answer(pay_order(ctx, input).await)
    }
}

async fn buy_now(ctx: &Context<'_>, input: BuyNowInput) -> Outcome<Order> {
    let (viewer, mut checks) = (viewer(ctx), Checks::input());
    let idempotency_key = required_idempotency_key(ctx, &input)?;
    let request = BuyNow {
        product_id: checks.required_id("productId", &input.product_id),
        quantity: i64::from(input.quantity),
        currency: input.currency.map(|currency| currency.0),
        shipping_address: input.shipping_address.into(),
        incoterm: input.incoterm,
        details: details(input.client_reference, input.metadata),
    };
    idempotency_key.check(&mut checks);
    Ok(Order(order::buy_now(app(ctx), &viewer, &idempotency_key, &request, checks).await?.row))
}

async fn request_draft(ctx: &Context<'_>, input: RequestDraftInput) -> Outcome<Order> {
    let (viewer, mut checks) = (viewer(ctx), Checks::input());
    let idempotency_key = required_idempotency_key(ctx, &input)?;
    let request = RequestDraft {
        supplier_id: checks.required_id("supplierId", &input.supplier_id),
        product_id: input.product_id.as_deref().and_then(|id| checks.id("productId", id)),
        quantity: input.quantity.map(i64::from),
        currency: input.currency.0,
        message: input.message,
        shipping_address: input.shipping_address.into(),
        details: details(input.client_reference, input.metadata),
    };
    idempotency_key.check(&mut checks);
    Ok(Order(order::request_draft(app(ctx), &viewer, &idempotency_key, &request, checks).await?.row))
}

async fn draft_order(ctx: &Context<'_>, input: DraftOrderInput) -> Outcome<Order> {
    let idempotency_key = required_idempotency_key(ctx, &input)?;
    let mut checks = Checks::input();
    let order_id: Option<OrderId> = input.order_id.as_deref().map(|id| checks.required_id("orderId", id));
    let conversation_id: Option<ConversationId> =
        input.conversation_id.as_deref().map(|id| checks.required_id("conversationId", id));
    let lines = checks.under("lines", |checks| {
        let line = |(index, line): (usize, DraftLineInput)| DraftLine {
            product_id: line
                .product_id
                .as_deref()
                .and_then(|id| checks.under(&index.to_string(), |checks| checks.id("productId", id))),
            description: line.description,
            quantity: i64::from(line.quantity),
            unit: line.unit,
            price: line.unit_price.0,
            price_per_units: line.price_per_units,
        };
        input.lines.into_iter().enumerate().map(line).collect()
    });
    let request = DraftOrder {
        order_id,
        conversation_id,
        expected_version: input.expected_version.map(i64::from),
        terms: DraftTerms {
            currency: input.currency.map(|currency| currency.0),
            lines,
            shipping_fee: input.shipping_fee.0,
            incoterm: input.incoterm,
            ship_within_days: input.ship_within_days,
            transit_days: input.transit_days,
            inspection_days: input.inspection_days,
            deadlines: input.deadlines.map(Into::into).unwrap_or_default(),
            shipping_address: input.shipping_address.map(Into::into),
        },
    };
    let viewer = viewer(ctx);
    idempotency_key.check(&mut checks);
    Ok(Order(order::draft_order(app(ctx), &viewer, &idempotency_key, &request, checks).await?.row))
}

async fn pay_order(ctx: &Context<'_>, input: PayOrderInput) -> Outcome<Payment> {
    let (viewer, mut checks) = (viewer(ctx), Checks::input());
    let idempotency_key = required_idempotency_key(ctx, &input)?;
    let request = PayOrder {
        order_id: checks.required_id("orderId", &input.order_id),
        method: input.method.into(),
        return_url: input.return_url,
        payer: input.payer.unwrap_or_default().check(&mut checks),
        expected_version: input.expected_version.map(i64::from),
    };
    idempotency_key.check(&mut checks);
    if checks.has_problems() && request.return_url.as_deref().is_some_and(|url| !payments::is_return_url(url)) {
        let message = "must be an http:// or https:// URL within the storefront's return origins";
        checks.problem("returnUrl", ErrorCode::ReturnUrlNotAllowed, message);
    }
    checks.finish()?;
    Ok(Payment(payments::pay_order(app(ctx), &viewer, &idempotency_key, &request).await?))
}
