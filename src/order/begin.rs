//! How an order begins: its row, and everything that its first command brings, in one transaction.

use std::collections::BTreeMap;

use entity::order::{DraftRequest, Metadata, Model};
use entity::{BuyerId, Currency, MinorUnits, OrderId, StorefrontId, SupplierId, order};
use sea_orm::ActiveValue::Set;
use sea_orm::{DatabaseTransaction, EntityTrait};
use serde::Serialize;

use super::find::require_order;
use super::load::load;
use super::locked::LockedOrder;
use super::number;
use super::refusal::refusal;
use crate::app::App;
use crate::auth::Viewer;
use crate::error::{Error, ErrorCode, Result};
use crate::idempotency::IdempotencyKey;
use crate::validate::Checks;
use escrow::{self, Actor, Command, Decision, Order};

/// What a storefront may attach to an order for itself.
#[derive(Clone, Debug, Default, Serialize)]
pub struct NewOrderDetails {
    pub client_reference: Option<String>,
    pub metadata: Vec<(String, String)>,
}

pub(super) struct Parties {
    pub(super) storefront_id: StorefrontId,
    pub(super) buyer_id: BuyerId,
    pub(super) supplier_id: SupplierId,
}

/// What of an order is known before its first command.
pub(super) struct NewOrder {
    pub(super) parties: Parties,
    pub(super) currency: Currency,
    pub(super) draft_request: Option<DraftRequest>,
    pub(super) details: NewOrderDetails,
}

/// The order's row, and then everything that its first command brings, in one transaction.
pub(super) async fn begin(
    app: &App,
    transaction: DatabaseTransaction,
    new: NewOrder,
    actor: Actor,
    command: Command,
    idempotency_key: &IdempotencyKey,
) -> Result<Order> {
    let (now, policy) = (app.clock.now(), app.settings.policy());
    let decision: Decision = escrow::start(actor, &command, now, &policy).map_err(refusal)?;
    let row = order::ActiveModel {
        id: Set(OrderId(app.clock.new_id())),
        number: Set(number::fresh(&app.clock)),
        storefront_id: Set(new.parties.storefront_id),
        buyer_id: Set(new.parties.buyer_id),
        supplier_id: Set(new.parties.supplier_id),
        status: Set(decision.status),
        version: Set(0),
        currency: Set(new.currency),
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
        draft_request: Set(new.draft_request),
        client_reference: Set(new.details.client_reference),
        metadata: Set(Metadata(new.details.metadata.into_iter().collect::<BTreeMap<_, _>>())),
        completed_at: Set(None),
        created_at: Set(now),
        updated_at: Set(now),
    };
    let row: Model = order::Entity::insert(row).exec_with_returning(&transaction).await?;
    let locked = LockedOrder::begin_new(app, transaction, row, actor, now, &decision).await?;
    idempotency_key.record(locked.transaction(), &app.clock, locked.order().row.id.to_string()).await?;
    locked.commit().await
}

/// The answer to a call that was made before under the same key.
pub(super) async fn repeated(app: &App, viewer: &Viewer, made: &str) -> Result<Order> {
    let order_id: OrderId = made.parse().map_err(|error: entity::IdError| Error::internal(error.to_string()))?;
    let row = require_order(&app.db.read, viewer, order_id).await?;
    load(&app.db.read, row).await
}

pub(super) fn check_details(checks: &mut Checks, details: &NewOrderDetails) -> NewOrderDetails {
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
