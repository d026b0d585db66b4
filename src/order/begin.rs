//! How an order begins: the buyer asks for a draft, buys now, or the supplier drafts.

use std::collections::BTreeMap;

use entity::contract::Address;
use entity::order::{DraftRequest, Metadata, Model};
use entity::{
    BuyerId, ConversationId, Currency, MinorUnits, OrderId, ProductId, StorefrontId, SupplierId, buyer, order, product,
    supplier,
};
use sea_orm::ActiveValue::Set;
use sea_orm::{ColumnTrait, ConnectionTrait, DatabaseTransaction, EntityTrait, QueryFilter};
use serde::Serialize;

use super::find::require_order;
use super::number;
use super::terms::{DraftTerms, MOST_QUANTITY, check_address, check_draft, of_draft, of_listing};
use super::write::{LockedOrder, load, refusal, settle};
use crate::app::App;
use crate::auth::Viewer;
use crate::catalog;
use crate::db::retrying;
use crate::error::{Error, ErrorCode, Result};
use crate::idempotency::IdempotencyKey;
use crate::messaging;
use crate::validate::Checks;
use escrow::{self, Actor, Command, Decision, Order};

/// What a storefront may attach to an order for itself.
#[derive(Clone, Debug, Default, Serialize)]
pub struct NewOrderDetails {
    pub client_reference: Option<String>,
    pub metadata: Vec<(String, String)>,
}

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

/// For an order that the buyer asked for, or for the buyer of a conversation.
#[derive(Clone, Debug, Serialize)]
pub struct DraftOrder {
    pub order_id: Option<OrderId>,
    pub conversation_id: Option<ConversationId>,
    #[serde(skip)]
    pub expected_version: Option<i64>,
    pub terms: DraftTerms,
}

/// `checks` holds what is wrong with the input so far.
pub async fn buy_now(
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
        let terms = of_listing(
            &offer,
            currency,
            quantity,
            address.clone(),
            (incoterm.clone(), app.settings.policy().deadlines),
        )?;
        if offer.product.stock < quantity {
            let message = format!("{} {} can be ordered now", offer.product.stock, offer.product.unit);
            return Err(Error::refused(ErrorCode::OutOfStock, message).at("quantity"));
        }
        let parties = Parties { storefront_id, buyer_id, supplier_id: offer.supplier.id };
        begin(
            app,
            transaction,
            parties,
            (currency, None, &details),
            Actor::Buyer,
            Command::BuyNow { terms },
            idempotency_key,
        )
        .await
    })
    .await
}

/// `checks` holds what is wrong with the input so far.
pub async fn request_draft(
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
        let about = (currency, Some(request.clone()), &details);
        begin(app, transaction, parties, about, Actor::Buyer, Command::RequestDraft, idempotency_key).await
    })
    .await
}

/// Puts a contract on the table: of an order the buyer asked for, a further version, or of a new order.
/// `checks` holds what is wrong with the input so far.
pub async fn draft_order(
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
        (Some(order_id), None) => draft_of_order(app, viewer, idempotency_key, (supplier_id, order_id, input)).await,
        (None, Some(conversation_id)) => {
            draft_of_conversation(app, viewer, idempotency_key, (supplier_id, conversation_id, &input.terms)).await
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
    (supplier_id, order_id, input): (SupplierId, OrderId, &DraftOrder),
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
        let terms = of_draft(draft, currency, address.as_ref(), (fee, &app.settings.policy().deadlines))?;
        let result = locked.command(Actor::Supplier, &Command::DraftOrder { terms }).await;
        if result.is_ok() {
            idempotency_key.record(locked.transaction(), &app.clock, order_id.to_string()).await?;
        }
        settle(locked, result).await
    })
    .await
}

async fn draft_of_conversation(
    app: &App,
    viewer: &Viewer,
    idempotency_key: &IdempotencyKey,
    (supplier_id, conversation_id, draft): (SupplierId, ConversationId, &DraftTerms),
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
        let terms = of_draft(draft, currency, None, (fee, &app.settings.policy().deadlines))?;
        let parties = Parties { storefront_id: buyer.storefront_id, buyer_id: buyer.id, supplier_id };
        let about = (currency, None, &NewOrderDetails::default());
        begin(app, transaction, parties, about, Actor::Supplier, Command::DraftOrder { terms }, idempotency_key).await
    })
    .await
}

struct Parties {
    storefront_id: StorefrontId,
    buyer_id: BuyerId,
    supplier_id: SupplierId,
}

/// The order's row, and then everything that its first command brings, in one transaction.
async fn begin(
    app: &App,
    transaction: DatabaseTransaction,
    parties: Parties,
    (currency, draft_request, details): (Currency, Option<DraftRequest>, &NewOrderDetails),
    actor: Actor,
    command: Command,
    idempotency_key: &IdempotencyKey,
) -> Result<Order> {
    let (now, policy) = (app.clock.now(), app.settings.policy());
    let decision: Decision = escrow::start(actor, &command, now, &policy).map_err(refusal)?;
    let row = order::ActiveModel {
        id: Set(OrderId(app.clock.new_id())),
        number: Set(number::fresh(&app.clock)),
        storefront_id: Set(parties.storefront_id),
        buyer_id: Set(parties.buyer_id),
        supplier_id: Set(parties.supplier_id),
        status: Set(decision.status),
        version: Set(0),
        currency: Set(currency),
        contract_version: Set(0),
        total: Set(MinorUnits::ZERO),
        captured: Set(MinorUnits::ZERO),
        held: Set(MinorUnits::ZERO),
        released: Set(MinorUnits::ZERO),
        refunded: Set(MinorUnits::ZERO),
        charged_back: Set(MinorUnits::ZERO),
        frozen_at: Set(None),
        frozen_by_operator: Set(false),
        stock_reserved: Set(false),
        deadline_at: Set(decision.deadline_at),
        remind_at: Set(decision.remind_at),
        timer_at: Set(decision.timer_at()),
        paused_status: Set(None),
        paused_at: Set(None),
        paused_deadline_at: Set(None),
        cancel_asked_funded: Set(false),
        cancel_asked_shipped: Set(false),
        disputes: Set(0),
        chargebacks: Set(0),
        has_refund_account: Set(false),
        ship_by: Set(None),
        event_sequence: Set(0),
        draft_request: Set(draft_request),
        client_reference: Set(details.client_reference.clone()),
        metadata: Set(Metadata(details.metadata.iter().cloned().collect::<BTreeMap<_, _>>())),
        completed_at: Set(None),
        created_at: Set(now),
        updated_at: Set(now),
    };
    let row: Model = order::Entity::insert(row).exec_with_returning(&transaction).await?;
    let order = load(&transaction, row).await?;
    let mut locked = LockedOrder { app, transaction, order, policy, has_changed: false };
    locked.apply(actor, now, decision).await?;
    idempotency_key.record(locked.transaction(), &app.clock, locked.order().row.id.to_string()).await?;
    locked.commit().await
}

/// The answer to a call that was made before under the same key.
async fn repeated(app: &App, viewer: &Viewer, made: &str) -> Result<Order> {
    let order_id: OrderId = made.parse().map_err(|error: entity::IdError| Error::internal(error.to_string()))?;
    let row = require_order(&app.db.read, viewer, order_id).await?;
    load(&app.db.read, row).await
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

fn check_details(checks: &mut Checks, details: &NewOrderDetails) -> NewOrderDetails {
    let client_reference = checks.optional_text("clientReference", details.client_reference.as_deref(), 255);
    if details.metadata.len() > 20 {
        checks.problem("metadata", ErrorCode::InvalidInput, "has more than 20 entries");
    }
    let metadata = details.metadata.iter().take(20).enumerate().map(|(index, (key, value))| {
        checks.under("metadata", |checks| {
            checks.under(&index.to_string(), |checks| (checks.text("key", key, 40), checks.text("value", value, 500)))
        })
    });
    NewOrderDetails { client_reference, metadata: metadata.collect() }
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

async fn require_own_product<C: ConnectionTrait>(db: &C, supplier_id: SupplierId, product_id: ProductId) -> Result<()> {
    let found = product::Entity::find_by_id(product_id)
        .filter(product::Column::SupplierId.eq(supplier_id))
        .filter(product::Column::Active.eq(true))
        .one(db)
        .await?;
    found.map(|_| ()).ok_or_else(|| Error::refused(ErrorCode::NotFound, "there is no such product of this supplier"))
}
