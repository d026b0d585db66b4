//! `paymentMethods`: every method of the product, with what can be expected of it for one order.

use entity::payment::PaymentMethod;
use entity::{Money, OrderStatus, order};
use sea_orm::Iterable;

use crate::app::App;
use crate::escrow::due_of;
use crate::payment::MethodTerms;

/// A way to pay an order, or why it is none.
#[derive(Clone, Debug)]
pub struct MethodOption {
    pub method: PaymentMethod,
    pub unavailable_because: Option<String>,
    /// Of the provider that it would be paid by; None if no provider offers the method.
    pub terms: Option<MethodTerms>,
    pub provider: Option<&'static str>,
}

/// As `payOrder` would decide now.
#[must_use]
pub fn payment_methods(app: &App, order: &order::Model) -> Vec<MethodOption> {
    let due = Money::new(due_of(order), order.currency);
    PaymentMethod::iter().map(|method| option(app, method, order.status, due)).collect()
}

fn option(app: &App, method: PaymentMethod, status: OrderStatus, due: Money) -> MethodOption {
    let routed = app.providers.for_method(method);
    let chosen = routed.iter().find(|(_, terms)| terms.refuses(due).is_none()).or_else(|| routed.last());
    let unavailable_because = match chosen {
        None => Some("no payment provider is configured for it".to_owned()),
        Some(_) if status != OrderStatus::AwaitingPayment => {
            Some(format!("the order is {status}; it is paid while it is AWAITING_PAYMENT"))
        }
        Some((_, terms)) => terms.refuses(due),
    };
    let (provider, terms) = chosen.map(|(provider, terms)| (provider.name(), terms.clone())).unzip();
    MethodOption { method, unavailable_because, terms, provider }
}
