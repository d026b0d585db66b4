//! `payOrder`: commit the attempt, ask the provider, commit the answer.

use entity::payment::{Model, PaymentMethod, PaymentStatus, RefundWay};
use entity::{OrderId, OrderStatus, PaymentId, order, payment, storefront};
use sea_orm::{ConnectionTrait, EntityTrait};
use serde::Serialize;

use super::open::open_at_provider;
use crate::app::App;
use crate::auth::Viewer;
use crate::db::retrying;
use crate::error::{Error, ErrorCode, Result};
use crate::escrow::{Actor, Command};
use crate::idempotency::Once;
use crate::order::{Writing, require_order};

#[derive(Clone, Debug, Serialize)]
pub struct PayOrder {
    pub order_id: OrderId,
    pub method: PaymentMethod,
    pub return_url: Option<String>,
    #[serde(skip)]
    pub expected_version: Option<i64>,
}

/// Opens a payment for what is still due. There is one open payment per method: asking again shows the same one.
pub async fn pay_order(app: &App, viewer: &Viewer, once: &Once, input: &PayOrder) -> Result<Model> {
    viewer.require_buyer()?;
    let payment_id = retrying(|| commit_attempt(app, viewer, once, input)).await?;
    let payment = require_payment(&app.db.read, payment_id).await?;
    if payment.status == PaymentStatus::Pending && payment.provider_reference.is_none() {
        // A repetition after the order was cancelled opens nothing.
        let order = require_order(&app.db.read, viewer, input.order_id).await?;
        if order.status == OrderStatus::AwaitingPayment {
            open_at_provider(app, &payment).await?;
            return require_payment(&app.db.read, payment_id).await;
        }
    }
    Ok(payment)
}

async fn commit_attempt(app: &App, viewer: &Viewer, once: &Once, input: &PayOrder) -> Result<PaymentId> {
    let mut writing = Writing::begin(app, viewer, input.order_id).await?;
    if let Some(made) = once.find(writing.transaction()).await? {
        return made.parse().map_err(|error: entity::IdError| Error::internal(error.to_string()));
    }
    writing.expect_version(input.expected_version)?;
    let open = writing
        .order()
        .payments
        .iter()
        .find(|payment| payment.method == input.method && payment.status == PaymentStatus::Pending);
    let payment_id = match open {
        Some(open) if writing.order().status() == OrderStatus::AwaitingPayment => open.id,
        Some(_) | None => {
            let (provider, terms) = app.providers.for_method(input.method).ok_or_else(|| no_provider(input.method))?;
            check_return_url(writing.transaction(), &writing.order().row, input.return_url.as_deref()).await?;
            let payment_id = PaymentId(app.clock.new_id());
            let command = Command::PayOrder {
                payment_id,
                provider: provider.name().to_owned(),
                method: input.method,
                refund_way: terms.refund_way,
                refund_days: i32::try_from(terms.refund_days.1).unwrap_or(10),
                return_url: input.return_url.clone(),
            };
            writing.command(Actor::Buyer, &command).await?;
            payment_id
        }
    };
    once.record(writing.transaction(), &app.clock, payment_id.to_string()).await?;
    writing.commit().await?;
    Ok(payment_id)
}

pub(super) async fn require_payment<C: ConnectionTrait>(db: &C, id: PaymentId) -> Result<Model> {
    payment::Entity::find_by_id(id).one(db).await?.ok_or_else(|| Error::internal(format!("{id} is gone")))
}

fn no_provider(method: PaymentMethod) -> Error {
    let message =
        format!("no payment provider is configured for {}; paymentMethods lists what can be used", method.name());
    Error::refused(ErrorCode::MethodNotAvailable, message).at("method")
}

/// A buyer is sent back only to where the storefront said that its buyers come from.
async fn check_return_url<C: ConnectionTrait>(db: &C, order: &order::Model, url: Option<&str>) -> Result<()> {
    let Some(url) = url else { return Ok(()) };
    let origins = storefront::Entity::find_by_id(order.storefront_id)
        .one(db)
        .await?
        .map(|row| row.return_origins.0)
        .unwrap_or_default();
    let origin =
        reqwest::Url::parse(url).ok().filter(|_| url.len() <= 2_000).map(|url| url.origin().ascii_serialization());
    if origin.is_some_and(|origin| origins.contains(&origin)) {
        return Ok(());
    }
    let message = format!("must begin with one of the storefront's return origins: {}", origins.join(", "));
    Err(Error::refused(ErrorCode::ReturnUrlNotAllowed, message).at("returnUrl"))
}

/// A way to pay an order, or why it is none.
#[derive(Clone, Debug)]
pub struct MethodOption {
    pub method: PaymentMethod,
    pub unavailable_because: Option<String>,
    /// What the buyer does next.
    pub flow: Option<&'static str>,
    pub refundable: Option<bool>,
    pub refund_way: Option<RefundWay>,
    /// Business days until a refund usually arrives, from and to.
    pub refund_days: Option<(u32, u32)>,
}

/// Every method of the product, with what can be expected of it for this order.
#[must_use]
pub fn payment_methods(app: &App, order: &order::Model) -> Vec<MethodOption> {
    use sea_orm::Iterable;
    PaymentMethod::iter()
        .map(|method| {
            let terms = app.providers.for_method(method).map(|(_provider, terms)| terms);
            let unavailable_because = match (&terms, order.status) {
                (None, _) => Some("no payment provider is configured for it".to_owned()),
                (Some(_), OrderStatus::AwaitingPayment) => None,
                (Some(_), status) => Some(format!("the order is {status}; it is paid while it is AWAITING_PAYMENT")),
            };
            MethodOption {
                method,
                unavailable_because,
                flow: terms.as_ref().map(|terms| terms.flow),
                refundable: terms.as_ref().map(|terms| terms.refundable()),
                refund_way: terms.as_ref().map(|terms| terms.refund_way),
                refund_days: terms.as_ref().map(|terms| terms.refund_days),
            }
        })
        .collect()
}
