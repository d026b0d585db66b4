//! Money that was set aside, and what operators do about it.

use async_graphql::{Context, ID, InputObject, Object, Result, SimpleObject};
use chrono::{DateTime, Utc};
use entity::{OperatorId, OrderId, PaymentId, ReceiptId, receipt};

use crate::auth::Viewer;
use crate::bank_account;
use crate::error::{Error, Result as Outcome};
use crate::graphql::base::payload::{answer, payloads};
use crate::graphql::base::request::{app, idempotency_key, viewer};
use crate::graphql::base::scalars::Money;
use crate::graphql::order::object::Order;
use crate::graphql::refund::mutation::BankAccountObject;
use crate::graphql::refund::object::Refund;
use crate::idempotency::IdempotencyKey;
use crate::order::find_numbered;
use crate::payment::{self as payments, SentBack};
use crate::validate::Checks;

/// Who sent money, as their bank says it.
#[derive(SimpleObject)]
pub struct Remitter {
    /// In whose name the account is that it came from.
    name: Option<String>,
    /// The account that it came from.
    account: Option<String>,
    /// What they wrote.
    text: Option<String>,
    /// The orders whose numbers stand in the text: a hint of what it may be for. Nothing is booked by it.
    named_order_ids: Vec<ID>,
}

pub struct UnappliedFunds(pub receipt::Model);

/// Money that arrived but could not be applied to an order: late, too much, in another currency, or without a reference of
/// ours. It goes back to the buyer who sent it; with UNKNOWN_REFERENCE nobody knows who that is, and it stays until an
/// operator has found out (`applyFunds`, `refundUnapplied`).
#[Object]
impl UnappliedFunds {
    /// Begins with `receipt_`.
    pub async fn id(&self) -> ID {
        ID(self.0.id.to_string())
    }

    /// What arrived.
    async fn amount(&self) -> Money {
        entity::Money::new(self.0.amount, self.0.currency).into()
    }

    /// What of it has been sent back, or is on its way.
    async fn refunded(&self) -> Money {
        entity::Money::new(self.0.refunded, self.0.currency).into()
    }

    /// What an operator has applied to an order after all.
    async fn applied(&self) -> Money {
        entity::Money::new(self.0.applied, self.0.currency).into()
    }

    /// What is still set aside.
    async fn left(&self) -> Money {
        entity::Money::new(self.0.left(), self.0.currency).into()
    }

    /// Who sent it and what they wrote, as far as the rail says, to find out what it is for. For operators; null for others.
    /// Looking at it is logged.
    async fn remitter(&self, ctx: &Context<'_>) -> Option<Result<Remitter>> {
        let Viewer::Operator { operator_id } = viewer(ctx) else { return None };
        Some(self.read_remitter(ctx, operator_id).await.transpose()?.map_err(Into::into))
    }

    /// Why it could not be applied.
    async fn reason(&self) -> UnappliedReason {
        self.0.reason.into()
    }

    /// By which provider it came. For operators; null for others.
    async fn provider(&self, ctx: &Context<'_>) -> Option<&str> {
        is_operator(ctx).then_some(&self.0.provider)
    }

    /// The provider's movement of real money, as `Transfer.movement` has it. For operators; null for others.
    async fn movement(&self, ctx: &Context<'_>) -> Option<&str> {
        is_operator(ctx).then_some(&self.0.movement)
    }

    /// The order whose reference it had, if it had any. For operators; null for others.
    async fn order_id(&self, ctx: &Context<'_>) -> Option<ID> {
        self.0.order_id.filter(|_| is_operator(ctx)).map(|id| ID(id.to_string()))
    }

    /// The payment whose reference it had, if it had any. For operators; null for others.
    async fn payment_id(&self, ctx: &Context<'_>) -> Option<ID> {
        self.0.payment_id.filter(|_| is_operator(ctx)).map(|id| ID(id.to_string()))
    }

    /// When it was booked.
    async fn created_at(&self) -> DateTime<Utc> {
        self.0.created_at
    }
}

fn is_operator(ctx: &Context<'_>) -> bool {
    matches!(viewer(ctx), Viewer::Operator { .. })
}

/// Why money could not be applied.
#[derive(Clone, Copy, Debug, PartialEq, Eq, async_graphql::Enum)]
#[graphql(remote = "entity::receipt::ReceiptReason")]
pub enum UnappliedReason {
    /// The order was not, or no longer, waiting for money.
    OrderNotOpen,
    /// More than what was still due.
    Overpaid,
    /// Another currency than the order's.
    WrongCurrency,
    /// Another amount than what was asked for, on a rail that takes the whole or nothing.
    WrongAmount,
    /// No payment of ours has this reference.
    UnknownReference,
    /// It came back by a chargeback that was won, when the order had no more use for it; an operator settles it.
    ChargebackWon,
}

impl UnappliedFunds {
    async fn read_remitter(&self, ctx: &Context<'_>, operator_id: OperatorId) -> Outcome<Option<Remitter>> {
        let Some(sealed) = &self.0.encrypted_remitter else { return Ok(None) };
        let json = app(ctx).cipher.decrypt(&self.0.id.to_string(), sealed)?;
        let unreadable = || Error::internal(format!("the remitter of {} can't be read", self.0.id));
        let known: provider::Remitter = serde_json::from_str(&json).map_err(|_would_quote_it| unreadable())?;
        tracing::info!(%operator_id, receipt_id = %self.0.id, "an operator looked at who sent money that is set aside");
        let named = find_numbered(&app(ctx).db.read, &viewer(ctx), known.text.as_deref().unwrap_or_default()).await?;
        let named_order_ids = named.into_iter().map(|id| ID(id.to_string())).collect();
        Ok(Some(Remitter { name: known.name, account: known.account, text: known.text, named_order_ids }))
    }
}

/// Put money that was set aside to an order's use.
#[derive(InputObject)]
pub struct ApplyFundsInput {
    /// Makes the call once: the same key again answers the same. Fresh for each new request.
    idempotency_key: Option<String>,
    /// The money: of `unappliedFunds`. In the order's currency, and of no other order.
    unapplied_funds_id: ID,
    /// The order, which waits for money.
    order_id: ID,
    /// Which payment of the order it counts to: one by the provider that holds the money. The newest such if left out.
    payment_id: Option<ID>,
    /// Act only on the version of the order that you have seen.
    expected_version: Option<i32>,
}

/// Give money back that was set aside.
#[derive(InputObject)]
pub struct RefundUnappliedInput {
    /// Makes the call once: the same key again answers the same. Fresh for each new request.
    idempotency_key: Option<String>,
    /// The money: of `unappliedFunds`.
    unapplied_funds_id: ID,
    /// The order that it is of; the money knows it, and null does as well. Refused if it is of another.
    order_id: Option<ID>,
    /// Act only on the version of the order that you have seen; for money of no order leave it out.
    expected_version: Option<i32>,
    /// Where to. Required for money of no order, and not used for an order's, which goes back as its payment's rail does.
    account: Option<BankAccountObject>,
}

payloads! {
    /// What `applyFunds` left.
    ApplyFundsPayload {
        /// As it is now; null if nothing was done.
        order: Order
    }
}

/// What `refundUnapplied` left.
#[derive(SimpleObject)]
pub struct RefundUnappliedPayload {
    /// The order whose money it was, as it is now; null for money of no order, and if nothing was done.
    order: Option<Order>,
    /// For money of no order: the refund, which another operator has to approve.
    refund: Option<Refund>,
    /// What has to change; empty when it was done.
    errors: Vec<crate::graphql::base::payload::UserError>,
}

impl crate::graphql::base::payload::Payload for RefundUnappliedPayload {
    type Thing = SentBack;
    fn done(thing: SentBack) -> Self {
        let (order, refund) = match thing {
            SentBack::OfOrder(order) => (Some(Order(order.row)), None),
            SentBack::OfNobody(refund) => (None, Some(Refund(*refund))),
        };
        Self { order, refund, errors: Vec::new() }
    }
    fn refused(errors: Vec<crate::graphql::base::payload::UserError>) -> Self {
        Self { order: None, refund: None, errors }
    }
}

#[derive(Default)]
pub struct UnappliedMutation;

#[Object]
impl UnappliedMutation {
    /// Operator: put money that was set aside to the use of the order that it was meant for. What is more than due stays set
    /// aside.
    async fn apply_funds(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "What to do, and to what.")] input: ApplyFundsInput,
    ) -> Result<ApplyFundsPayload> {
        answer(Box::pin(apply_funds(ctx, input)).await)
    }

    /// Operator: give money back that was set aside. Of an order, it goes back as its payment's rail does; of no order, it is
    /// paid by hand once another operator has approved (`approveManualRefund`, `confirmManualRefund`, without an orderId).
    async fn refund_unapplied(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "What to do, and to what.")] input: RefundUnappliedInput,
    ) -> Result<RefundUnappliedPayload> {
        answer(Box::pin(refund_unapplied(ctx, input)).await)
    }
}

async fn apply_funds(ctx: &Context<'_>, input: ApplyFundsInput) -> Outcome<Order> {
    let (viewer, mut checks) = (viewer(ctx), Checks::input());
    let idempotency_key = idempotency_key(ctx, &input);
    let receipt_id: ReceiptId = checks.required_id("unappliedFundsId", &input.unapplied_funds_id);
    let order_id = checks.required_id("orderId", &input.order_id);
    let payment_id: Option<PaymentId> = input.payment_id.map(|id| checks.required_id("paymentId", &id));
    IdempotencyKey::check_in(idempotency_key.as_ref(), &mut checks);
    checks.finish()?;
    let how = (input.expected_version.map(i64::from), idempotency_key.as_ref());
    let order = payments::apply_funds(app(ctx), &viewer, how, (receipt_id, order_id, payment_id)).await?;
    Ok(Order(order.row))
}

async fn refund_unapplied(ctx: &Context<'_>, input: RefundUnappliedInput) -> Outcome<SentBack> {
    let (viewer, mut checks) = (viewer(ctx), Checks::input());
    let idempotency_key = idempotency_key(ctx, &input);
    let receipt_id: ReceiptId = checks.required_id("unappliedFundsId", &input.unapplied_funds_id);
    let account = input.account.map(|account| {
        let account = account.into();
        checks.under("account", |checks| bank_account::check(checks, &account))
    });
    let order_id: Option<OrderId> = input.order_id.as_deref().map(|id| checks.required_id("orderId", id));
    IdempotencyKey::check_in(idempotency_key.as_ref(), &mut checks);
    checks.finish()?;
    let expected_version = input.expected_version.map(i64::from);
    let what = (receipt_id, order_id, account.as_ref());
    payments::refund_unapplied(app(ctx), &viewer, (expected_version, idempotency_key.as_ref()), what).await
}
