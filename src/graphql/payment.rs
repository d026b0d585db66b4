//! Payments, refunds, and how an order can be paid.

use async_graphql::{Context, ID, Object, Result, SimpleObject, Union};
use chrono::{DateTime, Utc};
use entity::PaymentId;
use entity::payment::{Model, NextAction as Next};

use super::scalars::Money;
use super::{order_loaders, viewer};
use crate::auth::Viewer;
use crate::rail::MethodOption;

/// What the buyer picks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, async_graphql::Enum)]
#[graphql(remote = "entity::payment::PaymentMethod")]
pub enum PaymentMethod {
    /// Card, on the provider's page.
    Visa,
    /// Card, on the provider's page.
    Mastercard,
    /// Debit card, on the provider's page.
    Maestro,
    /// T/T, telegraphic transfer: by bank, with a reference.
    BankTransfer,
    /// Cash or card at Western Union.
    WesternUnion,
    /// QIWI wallet.
    Qiwi,
    /// WebMoney purse.
    Webmoney,
    /// Yandex wallet (YooMoney).
    Yandex,
    /// Transferência Eletrônica de Fundos, Brazil.
    Tef,
    /// Alipay wallet.
    Alipay,
}

/// How far a payment has come. Whether an order has its money says `escrow`, and what came by this payment `captured`: some of
/// it may be here while it is PENDING, and none of a CAPTURED one that came too late (see `unappliedFunds`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, async_graphql::Enum)]
#[graphql(remote = "entity::payment::PaymentStatus")]
pub enum PaymentStatus {
    /// Not decided: the provider has not answered yet, or waits for the buyer, or for the rest of the money.
    Pending,
    /// The money arrived at the provider. What of it was applied to the order is the payment's `captured`.
    Captured,
    /// The provider declined it.
    Failed,
    /// Nobody paid it in time.
    Expired,
    /// Withdrawn before it was paid.
    Cancelled,
}

pub struct Payment(pub Model);

/// Send the buyer's browser to this URL.
#[derive(SimpleObject)]
pub struct RedirectAction {
    /// Absolute; of the provider, or of the sandbox.
    url: String,
}

/// What the buyer has to do next.
#[derive(Union)]
pub enum NextAction {
    /// Send the buyer's browser somewhere.
    Redirect(RedirectAction),
}

impl Payment {
    /// None if it isn't of one of the viewer's orders.
    pub(crate) async fn find(ctx: &Context<'_>, id: PaymentId) -> Result<Option<Self>> {
        Ok(order_loaders::loader(ctx).load_one(id).await?.map(Self))
    }
}

/// One attempt to fund an order, by one method through one provider.
#[Object]
impl Payment {
    /// Begins with `payment_`.
    pub async fn id(&self) -> ID {
        ID(self.0.id.to_string())
    }

    /// The order that it pays.
    async fn order_id(&self) -> ID {
        ID(self.0.order_id.to_string())
    }

    /// How the buyer pays.
    async fn method(&self) -> PaymentMethod {
        self.0.method.into()
    }

    /// How far it has come.
    async fn status(&self) -> PaymentStatus {
        self.0.status.into()
    }

    /// What the buyer is asked to pay.
    async fn amount(&self) -> Money {
        entity::Money::new(self.0.amount, self.0.currency).into()
    }

    /// What has arrived by this payment and was applied to the order.
    async fn captured(&self) -> Money {
        entity::Money::new(self.0.captured, self.0.currency).into()
    }

    /// What of it went, or is going, back.
    async fn refunded(&self) -> Money {
        entity::Money::new(self.0.refunded, self.0.currency).into()
    }

    /// Null when there is nothing to do, or the provider has not answered yet: then ask again in a moment.
    /// Only for the buyer and the storefront: whoever has the URL can act for the buyer at the provider.
    async fn next_action(&self, ctx: &Context<'_>) -> Option<NextAction> {
        if !matches!(viewer(ctx), Viewer::Buyer { .. } | Viewer::Storefront { .. }) {
            return None;
        }
        match &self.0.next_action {
            Some(Next::Redirect { url }) if self.0.status == entity::payment::PaymentStatus::Pending => {
                Some(NextAction::Redirect(RedirectAction { url: url.clone() }))
            }
            Some(Next::Redirect { .. }) | None => None,
        }
    }

    /// Why it failed, in words for the buyer; null if it has not.
    async fn failure(&self) -> Option<&str> {
        self.0.failure.as_deref()
    }

    /// Until when it can be paid; null if the provider sets no end.
    async fn expires_at(&self) -> Option<DateTime<Utc>> {
        self.0.expires_at
    }

    /// When it was opened.
    async fn created_at(&self) -> DateTime<Utc> {
        self.0.created_at
    }
}

/// How money of a method goes back.
#[derive(Clone, Copy, Debug, PartialEq, Eq, async_graphql::Enum)]
#[graphql(remote = "entity::payment::RefundWay")]
pub enum RefundWay {
    /// The rail gives it back the way it came.
    ToOrigin,
    /// The rail gives it back, but has to be told the buyer's bank account: `provideRefundAccount`.
    ToAccount,
    /// The rail can't: an operator pays it by hand, to the account of `provideRefundAccount`.
    ByHand,
}

/// A way to pay an order, or why it is none.
#[derive(SimpleObject)]
pub struct PaymentMethodOption {
    /// Which way.
    method: PaymentMethod,
    /// Whether this order can be paid so now.
    available: bool,
    /// Why it is not available; null if it is.
    reason: Option<String>,
    /// What the buyer does next, in words; null if no provider offers the method.
    flow: Option<String>,
    /// Whether the rail itself gives money back, if perhaps only once it knows where to; null if no provider offers the method.
    refundable: Option<bool>,
    /// How money goes back; null if no provider offers the method.
    refund_way: Option<RefundWay>,
    /// Business days until a refund usually arrives, at best; null if it is not known.
    refund_days_from: Option<i32>,
    /// Business days until a refund usually arrives, at worst; null if it is not known.
    refund_days_to: Option<i32>,
}

impl From<MethodOption> for PaymentMethodOption {
    fn from(option: MethodOption) -> Self {
        let days = |days: u32| i32::try_from(days).ok();
        Self {
            method: option.method.into(),
            available: option.unavailable_because.is_none(),
            reason: option.unavailable_because,
            flow: option.flow.map(str::to_owned),
            refundable: option.refundable,
            refund_way: option.refund_way.map(Into::into),
            refund_days_from: option.refund_days.and_then(|(from, _)| days(from)),
            refund_days_to: option.refund_days.and_then(|(_, to)| days(to)),
        }
    }
}

#[derive(Default)]
pub struct PaymentQuery;

#[Object]
impl PaymentQuery {
    /// A payment of one of the viewer's orders; null if there is none with this id.
    async fn payment(&self, ctx: &Context<'_>, #[graphql(desc = "The payment's.")] id: ID) -> Option<Result<Payment>> {
        let id: PaymentId = id.parse().ok()?;
        Payment::find(ctx, id).await.transpose()
    }
}
