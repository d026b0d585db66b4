//! The buyer buys a listing at its price.

use entity::contract::Address;
use entity::{Currency, ProductId};
use futures_util::future::BoxFuture;
use serde::Serialize;

use super::begin::{NewOrder, NewOrderDetails, Parties, begin, check_details, repeated};
use super::terms::{MOST_QUANTITY, check_address, of_listing};
use crate::app::App;
use crate::auth::Viewer;
use crate::catalog;
use crate::error::{Error, ErrorCode, Result};
use crate::idempotency::IdempotencyKey;
use crate::validate::Checks;
use escrow::{Actor, Command, Order};

#[derive(Clone, Debug, Serialize)]
pub struct BuyNow {
    pub product_id: ProductId,
    pub quantity: i64,
    /// The product's first currency if missing: USD where it has a price in it.
    pub currency: Option<String>,
    pub shipping_address: Address,
    pub incoterm: Option<String>,
    pub details: NewOrderDetails,
}

/// `checks` holds what is wrong with the input so far.
pub fn buy_now<'a>(
    app: &'a App,
    viewer: &'a Viewer,
    idempotency_key: &'a IdempotencyKey,
    input: &'a BuyNow,
    checks: Checks,
) -> BoxFuture<'a, Result<Order>> {
    Box::pin(run_buy_now(app, viewer, idempotency_key, input, checks))
}

async fn run_buy_now(
    app: &App,
    viewer: &Viewer,
    idempotency_key: &IdempotencyKey,
    input: &BuyNow,
    mut checks: Checks,
) -> Result<Order> {
    let (storefront_id, buyer_id) = viewer.require_buyer()?;
    let address = checks.under("shippingAddress", |checks| check_address(checks, &input.shipping_address));
    let details = check_details(&mut checks, &input.details);
    let quantity = checks.within("quantity", input.quantity, 1..=MOST_QUANTITY);
    let currency = input.currency.as_deref().map(|code| checks.currency("currency", code));
    let incoterm = input.incoterm.as_deref().map(|rule| checks.incoterm("incoterm", rule));
    checks.finish()?;
    IdempotencyKey::retrying(Some(idempotency_key), &app.db, || async {
        let transaction = app.db.begin_write().await?;
        if let Some(made) = idempotency_key.find(&transaction).await? {
            // First: whoever holds a connection must not wait for another.
            drop(transaction);
            return repeated(app, viewer, &made).await;
        }
        let offer =
            catalog::require_offer(&transaction, input.product_id).await.map_err(|error| error.at("productId"))?;
        let currency = choose_currency(&offer, currency)?;
        let deadlines = app.settings.policy().deadlines;
        let terms = of_listing(&offer, currency, quantity, address.clone(), incoterm.clone(), deadlines)?;
        if offer.product.stock < quantity {
            let message = format!("{} {} can be ordered now", offer.product.stock, offer.product.unit);
            return Err(Error::refused(ErrorCode::OutOfStock, message).at("quantity"));
        }
        let parties = Parties { storefront_id, buyer_id, supplier_id: offer.supplier.id };
        let new = NewOrder { parties, currency, draft_request: None, details: details.clone() };
        begin(app, transaction, new, Actor::Buyer, Command::BuyNow { terms }, idempotency_key).await
    })
    .await
}

fn choose_currency(offer: &catalog::Offer, wanted: Option<Currency>) -> Result<Currency> {
    let offered = offer.currencies();
    let choice = match wanted {
        Some(currency) => offered.iter().find(|offered| **offered == currency),
        None => offered.iter().find(|offered| **offered == Currency::USD).or_else(|| offered.first()),
    };
    choice.copied().ok_or_else(|| {
        let list = offered.iter().map(|currency| currency.code()).collect::<Vec<_>>().join(", ");
        Error::refused(ErrorCode::CurrencyNotAvailable, format!("this product has prices in {list}")).at("currency")
    })
}
