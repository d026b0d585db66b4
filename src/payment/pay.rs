//! `payOrder`: commit the attempt, ask the provider, commit the answer.

use std::sync::Arc;

use entity::payment::{Model, PaymentMethod, PaymentStatus};
use entity::{Money, OrderId, OrderStatus, PaymentId, order, payment};
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter};
use serde::Serialize;

use super::attempt::{Attempt, new_payment};
use super::open::open;
use super::query::require_payment;
use super::return_url::check_return_url;
use crate::app::App;
use crate::auth::Viewer;
use crate::db::retrying;
use crate::error::{Error, ErrorCode, Result};
use crate::idempotency::IdempotencyKey;
use crate::order::{LockedOrder, require_order};
use crate::validate::Checks;
use escrow::{Actor, Command, due_of};
use provider::{MethodTerms, Payer, PaymentProvider};

#[derive(Clone, Debug, Serialize)]
pub struct PayOrder {
    pub order_id: OrderId,
    pub method: PaymentMethod,
    pub return_url: Option<String>,
    #[serde(skip)]
    pub payer: Payer,
    #[serde(skip)]
    pub expected_version: Option<i64>,
}

/// Opens a payment for what is still due. There is one open payment per method: asking again shows the same one.
pub async fn pay_order(
    app: &App,
    viewer: &Viewer,
    idempotency_key: &IdempotencyKey,
    input: &PayOrder,
) -> Result<Model> {
    viewer.require_buyer()?;
    let payment_id = retrying(|| commit_attempt(app, viewer, idempotency_key, input)).await?;
    let payment = shown(app, payment_id).await?;
    if payment.status == PaymentStatus::Pending && payment.opened_at.is_none() {
        // A repetition after the order was cancelled opens nothing.
        let order = require_order(&app.db.read, viewer, input.order_id).await?;
        if order.status == OrderStatus::AwaitingPayment {
            let shown = open(app, &payment).await?;
            return require_payment(&app.db.read, shown).await;
        }
    }
    Ok(payment)
}

/// The payment that takes its place, if there is one.
async fn shown(app: &App, id: PaymentId) -> Result<Model> {
    let mut payment = require_payment(&app.db.read, id).await?;
    while let Some(by) = payment.replaced_by {
        payment = require_payment(&app.db.read, by).await?;
    }
    Ok(payment)
}

async fn commit_attempt(
    app: &App,
    viewer: &Viewer,
    idempotency_key: &IdempotencyKey,
    input: &PayOrder,
) -> Result<PaymentId> {
    let mut locked = LockedOrder::begin(app, viewer, input.order_id).await?;
    if let Some(made) = idempotency_key.find(locked.transaction()).await? {
        return made.parse().map_err(|error: entity::IdError| Error::internal(error.to_string()));
    }
    locked.expect_version(input.expected_version)?;
    let open = locked.order().payments.iter().find(|payment| {
        payment.method == input.method && payment.status == PaymentStatus::Pending && payment.replaced_by.is_none()
    });
    let payment_id = match open {
        Some(open) if locked.order().status() == OrderStatus::AwaitingPayment => open.id,
        Some(_) | None => {
            let due = Money::new(locked.order().due(), locked.order().row.currency);
            let mut checks = Checks::input();
            let chosen = choose(app, &mut checks, input.method, due);
            if let Some((_provider, terms)) = &chosen {
                check_payer(&mut checks, terms, &input.payer);
            }
            let url = input.return_url.as_deref();
            let return_url = check_return_url(locked.transaction(), &mut checks, &locked.order().row, url).await?;
            let (provider, terms) = checks.finish_with(chosen)?;
            let payment_id = PaymentId(app.clock.new_id());
            let attempt = Attempt {
                provider: provider.as_ref(),
                terms: &terms,
                payment_id,
                method: input.method,
                payer: &input.payer,
                return_url,
            };
            let new = new_payment(&locked, attempt).await?;
            locked.command(Actor::Buyer, &Command::PayOrder(new)).await?;
            payment_id
        }
    };
    idempotency_key.record(locked.transaction(), &app.clock, payment_id.to_string()).await?;
    locked.commit().await?;
    Ok(payment_id)
}

/// The first provider of the method's route that can take what is due.
fn choose(
    app: &App,
    checks: &mut Checks,
    method: PaymentMethod,
    due: Money,
) -> Option<(Arc<dyn PaymentProvider>, MethodTerms)> {
    let mut why = "no payment provider is configured for it".to_owned();
    for (provider, terms) in app.providers.for_method(method) {
        match terms.refuses(due) {
            None => return Some((provider, terms)),
            Some(reason) => why = reason,
        }
    }
    let message = format!("{} can't be used: {why}; paymentMethods lists what can", method.name());
    checks.problem("method", ErrorCode::MethodNotAvailable, message);
    None
}

/// What providers ask before they take the buyer's money: whether a payment of exactly this amount is waited for.
pub async fn may_be_paid(app: &App, provider: &str, reference: &str, amount: Money) -> Result<bool> {
    let payment = payment::Entity::find()
        .filter(payment::Column::Provider.eq(provider))
        .filter(payment::Column::Reference.eq(reference))
        .one(&app.db.read)
        .await?;
    let Some(payment) = payment else { return Ok(false) };
    let order = order::Entity::find_by_id(payment.order_id).one(&app.db.read).await?;
    // Another payment may have brought a part of it since.
    let is_waited_for = order.is_some_and(|order| {
        order.status == OrderStatus::AwaitingPayment
            && order.currency == amount.currency
            && amount.amount <= due_of(&order)
    });
    let is_late = payment.expires_at.is_some_and(|at| at <= app.clock.now());
    let is_open = payment.status == PaymentStatus::Pending && payment.replaced_by.is_none();
    Ok(is_open && payment.amount == amount.amount && is_waited_for && !is_late)
}

fn check_payer(checks: &mut Checks, terms: &MethodTerms, payer: &Payer) {
    checks.under("payer", |checks| {
        for field in &terms.payer_fields {
            if payer.field(*field).is_none() {
                checks.problem(field.name(), ErrorCode::InvalidInput, "is required by this payment method");
            }
        }
        let elsewhere = payer
            .country
            .as_deref()
            .filter(|country| !terms.countries.is_empty() && !terms.countries.contains(country));
        if elsewhere.is_some() {
            let message = format!("this payment method is for payers in {}", terms.countries.join(", "));
            checks.problem("country", ErrorCode::InvalidInput, message);
        }
    });
}
