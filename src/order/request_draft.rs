//! The buyer asks a supplier for a draft.

use entity::contract::Address;
use entity::order::DraftRequest;
use entity::{ProductId, SupplierId, product, supplier};
use futures_util::future::BoxFuture;
use sea_orm::{ColumnTrait, ConnectionTrait, EntityTrait, QueryFilter};
use serde::Serialize;

use super::begin::{NewOrder, NewOrderDetails, Parties, begin, check_details, repeated};
use super::terms::{MOST_QUANTITY, check_address};
use crate::app::App;
use crate::auth::Viewer;
use crate::db::retrying;
use crate::error::{Error, ErrorCode, Result};
use crate::idempotency::IdempotencyKey;
use crate::validate::Checks;
use escrow::{Actor, Command, Order};

#[derive(Clone, Debug, Serialize)]
pub struct RequestDraft {
    pub supplier_id: SupplierId,
    pub product_id: Option<ProductId>,
    pub quantity: Option<i64>,
    pub currency: String,
    pub message: String,
    pub shipping_address: Address,
    pub details: NewOrderDetails,
}

/// `checks` holds what is wrong with the input so far.
pub fn request_draft<'a>(
    app: &'a App,
    viewer: &'a Viewer,
    idempotency_key: &'a IdempotencyKey,
    input: &'a RequestDraft,
    checks: Checks,
) -> BoxFuture<'a, Result<Order>> {
    Box::pin(run_request_draft(app, viewer, idempotency_key, input, checks))
}

async fn run_request_draft(
    app: &App,
    viewer: &Viewer,
    idempotency_key: &IdempotencyKey,
    input: &RequestDraft,
    mut checks: Checks,
) -> Result<Order> {
    let (storefront_id, buyer_id) = viewer.require_buyer()?;
    let shipping_address = checks.under("shippingAddress", |checks| check_address(checks, &input.shipping_address));
    let details = check_details(&mut checks, &input.details);
    let quantity = input.quantity.map(|quantity| checks.within("quantity", quantity, 1..=MOST_QUANTITY));
    let currency = checks.currency("currency", &input.currency);
    let message = checks.text("message", &input.message, 4_000);
    checks.finish()?;
    let request = DraftRequest { product_id: input.product_id, quantity, currency, message, shipping_address };
    retrying(|| async {
        let transaction = app.db.begin_write().await?;
        if let Some(made) = idempotency_key.find(&transaction).await? {
            // First: whoever holds a connection must not wait for another.
            drop(transaction);
            return repeated(app, viewer, &made).await;
        }
        if supplier::Entity::find_by_id(input.supplier_id).one(&transaction).await?.is_none() {
            return Err(Error::not_found("supplier").at("supplierId"));
        }
        if let Some(product_id) = input.product_id {
            require_own_product(&transaction, input.supplier_id, product_id)
                .await
                .map_err(|error| error.at("productId"))?;
        }
        let parties = Parties { storefront_id, buyer_id, supplier_id: input.supplier_id };
        let new = NewOrder { parties, currency, draft_request: Some(request.clone()), details: details.clone() };
        begin(app, transaction, new, Actor::Buyer, Command::RequestDraft, idempotency_key).await
    })
    .await
}

async fn require_own_product<C: ConnectionTrait>(db: &C, supplier_id: SupplierId, product_id: ProductId) -> Result<()> {
    let found = product::Entity::find_by_id(product_id)
        .filter(product::Column::SupplierId.eq(supplier_id))
        .filter(product::Column::Active.eq(true))
        .one(db)
        .await?;
    found.map(|_| ()).ok_or_else(|| Error::refused(ErrorCode::NotFound, "there is no such product of this supplier"))
}
