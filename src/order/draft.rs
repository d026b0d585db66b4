//! The supplier drafts: for an order that the buyer asked for, or for the buyer of a conversation.

use entity::{ConversationId, Currency, OrderId, ProductId, SupplierId, buyer, product, supplier};
use futures_util::future::BoxFuture;
use sea_orm::{ColumnTrait, ConnectionTrait, EntityTrait, QueryFilter};
use serde::Serialize;

use super::begin::{NewOrder, NewOrderDetails, Parties, begin, repeated};
use super::locked::LockedOrder;
use super::terms::{DraftTerms, check_draft, of_draft};
use crate::app::App;
use crate::auth::Viewer;
use crate::db::retrying;
use crate::error::{Error, ErrorCode, Result};
use crate::idempotency::IdempotencyKey;
use crate::messaging;
use crate::validate::Checks;
use escrow::{Actor, Command, Order};

/// For an order that the buyer asked for, or for the buyer of a conversation.
#[derive(Clone, Debug, Serialize)]
pub struct DraftOrder {
    pub order_id: Option<OrderId>,
    pub conversation_id: Option<ConversationId>,
    #[serde(skip)]
    pub expected_version: Option<i64>,
    pub terms: DraftTerms,
}

/// Puts a contract on the table: of an order the buyer asked for, a further version, or of a new order.
/// `checks` holds what is wrong with the input so far.
pub fn draft_order<'a>(
    app: &'a App,
    viewer: &'a Viewer,
    idempotency_key: &'a IdempotencyKey,
    input: &'a DraftOrder,
    checks: Checks,
) -> BoxFuture<'a, Result<Order>> {
    Box::pin(run_draft_order(app, viewer, idempotency_key, input, checks))
}

async fn run_draft_order(
    app: &App,
    viewer: &Viewer,
    idempotency_key: &IdempotencyKey,
    input: &DraftOrder,
    mut checks: Checks,
) -> Result<Order> {
    let supplier_id = viewer.require_supplier()?;
    let drafting = match (input.order_id, input.conversation_id) {
        // Malformed ids, or a malformed key: nothing is looked for.
        _ if checks.has_problems() => Err(Error::Refused(Vec::new())),
        (Some(order_id), None) => draft_of_order(app, viewer, idempotency_key, supplier_id, order_id, input).await,
        (None, Some(conversation_id)) => {
            draft_of_conversation(app, viewer, idempotency_key, supplier_id, conversation_id, &input.terms).await
        }
        (Some(_), Some(_)) | (None, None) => {
            let message =
                "give either orderId (an order the buyer asked for) or conversationId (a new order for its buyer)";
            Err(Error::refused(ErrorCode::InvalidInput, message).at("orderId"))
        }
    };
    drafting.map_err(|error| {
        // Also where it could not be found what the draft is for, all that is wrong with the draft is said.
        if matches!(error, Error::Refused(_)) {
            let currency = input.terms.currency.as_deref();
            let currency = currency.and_then(|code| {
                code.parse().ok().or_else(|| {
                    checks.currency("currency", code);
                    None
                })
            });
            drop(check_draft(&mut checks, &input.terms, currency, &app.settings.policy().deadlines));
        }
        checks.refuse_with(error)
    })
}

async fn draft_of_order(
    app: &App,
    viewer: &Viewer,
    idempotency_key: &IdempotencyKey,
    supplier_id: SupplierId,
    order_id: OrderId,
    input: &DraftOrder,
) -> Result<Order> {
    let draft = &input.terms;
    retrying(|| async {
        let mut locked = LockedOrder::begin(app, viewer, order_id).await?;
        if let Some(made) = idempotency_key.find(locked.transaction()).await? {
            drop(locked);
            return repeated(app, viewer, &made).await;
        }
        locked.expect_version(input.expected_version)?;
        let row = &locked.order().row;
        let currency = row.currency;
        let address = row.draft_request.as_ref().map(|request| request.shipping_address.clone());
        let address = address.or_else(|| locked.order().terms.as_ref().map(|terms| terms.shipping_address.clone()));
        if let Some(code) = draft.currency.as_deref().filter(|code| *code != currency.code()) {
            let message = format!("an order keeps its currency: this one is in {currency}, not {code}");
            return Err(Error::refused(ErrorCode::CurrencyNotAvailable, message).at("currency"));
        }
        let fee = require_draftable(locked.transaction(), supplier_id, draft).await?;
        let terms = of_draft(draft, currency, address.as_ref(), fee, &app.settings.policy().deadlines)?;
        let result = locked.command(Actor::Supplier, &Command::DraftOrder { terms }).await;
        if result.is_ok() {
            idempotency_key.record(locked.transaction(), &app.clock, order_id.to_string()).await?;
        }
        locked.commit_or_refuse(result).await
    })
    .await
}

async fn draft_of_conversation(
    app: &App,
    viewer: &Viewer,
    idempotency_key: &IdempotencyKey,
    supplier_id: SupplierId,
    conversation_id: ConversationId,
    draft: &DraftTerms,
) -> Result<Order> {
    let mut checks = Checks::input();
    let currency = match draft.currency.as_deref() {
        Some(code) => checks.currency("currency", code),
        None => {
            checks.problem("currency", ErrorCode::InvalidInput, "is required for a new order");
            Currency::USD
        }
    };
    checks.finish()?;
    retrying(|| async {
        let transaction = app.db.begin_write().await?;
        if let Some(made) = idempotency_key.find(&transaction).await? {
            // First: whoever holds a connection must not wait for another.
            drop(transaction);
            return repeated(app, viewer, &made).await;
        }
        let conversation = messaging::require_conversation(&transaction, viewer, conversation_id)
            .await
            .map_err(|error| error.at("conversationId"))?;
        let buyer = buyer::Entity::find_by_id(conversation.buyer_id).one(&transaction).await?;
        let buyer = buyer.ok_or_else(|| Error::internal("a conversation without a buyer"))?;
        let fee = require_draftable(&transaction, supplier_id, draft).await?;
        let terms = of_draft(draft, currency, None, fee, &app.settings.policy().deadlines)?;
        let parties = Parties { storefront_id: buyer.storefront_id, buyer_id: buyer.id, supplier_id };
        let new = NewOrder { parties, currency, draft_request: None, details: NewOrderDetails::default() };
        begin(app, transaction, new, Actor::Supplier, Command::DraftOrder { terms }, idempotency_key).await
    })
    .await
}

/// The supplier's present fee, once every listing in the draft is known to be the supplier's.
async fn require_draftable<C: ConnectionTrait>(db: &C, supplier_id: SupplierId, draft: &DraftTerms) -> Result<i32> {
    let wanted: Vec<ProductId> = draft.lines.iter().filter_map(|line| line.product_id).collect();
    let own = product::Entity::find()
        .filter(product::Column::SupplierId.eq(supplier_id))
        .filter(product::Column::Id.is_in(wanted.iter().copied().take(100)))
        .all(db)
        .await?;
    let mut checks = Checks::input();
    for (index, line) in draft.lines.iter().enumerate().take(100) {
        if line.product_id.is_some_and(|id| !own.iter().any(|product| product.id == id)) {
            checks.under("lines", |checks| {
                checks.under(&index.to_string(), |checks| {
                    checks.problem("productId", ErrorCode::NotFound, "there is no such product of yours")
                });
            });
        }
    }
    checks.finish()?;
    let supplier = supplier::Entity::find_by_id(supplier_id).one(db).await?;
    supplier.map(|row| row.fee_basis_points).ok_or_else(|| Error::not_found("supplier"))
}
