//! `paymentMethods`: every method of the product, with what can be expected of it for one order.

use entity::payment::{PaymentMethod, RefundWay};
use entity::{Currency, Money, OrderStatus, order};
use sea_orm::Iterable;

use crate::app::App;
use escrow::due_of;
use provider::{MethodTerms, PaymentProvider};

/// A way to pay an order, or why it is none.
#[derive(Clone, Debug)]
pub struct MethodOption {
    pub method: PaymentMethod,
    pub unavailable_because: Option<String>,
    /// Of the provider that it would be paid by; None if no provider offers the method.
    pub terms: Option<MethodTerms>,
    /// How its money goes back, if it offers it: where the rail can't, perhaps by another one.
    pub refund_way: Option<RefundWay>,
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
    let refund_way = chosen.map(|(provider, terms)| way_back(app, provider.as_ref(), terms, due.currency).1);
    let (provider, terms) = chosen.map(|(provider, terms)| (provider.name(), terms.clone())).unzip();
    MethodOption { method, unavailable_because, terms, refund_way, provider }
}

/// Who gives the money of such a payment back, and how: the provider itself, or one that can send it to the buyer's account
/// where its rail can't, or else an operator by hand.
pub(super) fn way_back(
    app: &App,
    provider: &dyn PaymentProvider,
    terms: &MethodTerms,
    currency: Currency,
) -> (String, RefundWay) {
    let own = || provider.name().to_owned();
    match terms.refund_way {
        RefundWay::ToOrigin | RefundWay::ToAccount => (own(), terms.refund_way),
        // The simulated bank's own cash, which goes back by its own transfer.
        RefundWay::ByHand if provider.refunds_for_others(currency) => (own(), RefundWay::ToAccount),
        RefundWay::ByHand => match app.providers.for_refunds_of_others(currency) {
            Some(other) => (other.name().to_owned(), RefundWay::ToAccount),
            None => (own(), RefundWay::ByHand),
        },
    }
}
