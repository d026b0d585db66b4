//! Orders as their viewer sees them, and the queries that find them.

use async_graphql::connection::Connection;
use async_graphql::{Context, ID, InputObject, Object, Result, SimpleObject};
use chrono::{DateTime, Utc};
use entity::{OrderId, feedback, order, receipt, refund, shipment};

use super::contract::{AddressObject, Contract};
use super::event::{EventFeed, OrderEvent};
use super::order_loaders::{
    ContractOf, ContractVersion, EventsOf, FeedbackOf, PaymentsOf, ReceiptsOf, RefundsOf, ShipmentOf, loader,
};
use super::page::{Page, connection};
use super::payment::{Payment, PaymentMethodOption, Refund};
use super::product::Product;
use super::scalars::{CurrencyCode, Money};
use super::supplier::Supplier;
use super::{app, viewer};
use crate::auth::Viewer;
use crate::escrow::{self, Action, Actor, Policy};
use crate::order::{OrderFilter, TimelineKey, find_orders};
use crate::rail;
use crate::validate::Checks;

/// An order: what is traded, on which terms, and where its money is.
#[derive(Clone)]
pub struct Order(pub order::Model);

impl Order {
    /// None if it isn't the viewer's.
    pub(crate) async fn find(ctx: &Context<'_>, id: OrderId) -> Result<Option<Self>> {
        Ok(loader(ctx).load_one(id).await?.map(Self))
    }
}

/// Where an order stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, async_graphql::Enum)]
#[graphql(remote = "entity::order::OrderStatus")]
pub enum OrderStatus {
    /// The buyer asked the supplier for a draft.
    DraftRequested,
    /// A contract is on the table; the buyer has to confirm exactly this version.
    AwaitingConfirmation,
    /// Both sides agreed; the money is not all here yet.
    AwaitingPayment,
    /// The whole amount is held.
    Funded,
    /// The supplier shipped; the buyer inspects.
    Shipped,
    /// The buyer asked to cancel; the supplier has to answer.
    CancelRequested,
    /// The two sides disagree about what was delivered.
    Disputed,
    /// Settled, and the goods go back first.
    ReturnPending,
    /// The held money was released to the supplier.
    Completed,
    /// Ended without ever being funded.
    Cancelled,
    /// Everything went back to the buyer.
    Refunded,
}

/// The money of one order. `captured` is always the sum of `held`, `released`, `refunded` and `chargedBack`.
#[derive(SimpleObject)]
pub struct Escrow {
    /// What has arrived and was applied to the order.
    captured: Money,
    /// What is held for it now.
    held: Money,
    /// What went to the supplier, our fee included.
    released: Money,
    /// What went, or is going, back to the buyer.
    refunded: Money,
    /// What card companies took back.
    charged_back: Money,
    /// What is still missing of the contract's total.
    due: Money,
}

/// Something that this viewer can, or can't, do now. Storefronts draw their buttons from these.
#[derive(SimpleObject)]
pub struct AvailableAction {
    /// The mutation.
    action: Action,
    /// Whether it would be accepted now.
    available: bool,
    /// When the order's present status ends by itself.
    deadline: Option<DateTime<Utc>>,
    /// What would follow, in words: "releases 124.80 USD to the supplier (128.00 USD less 3.20 USD fee)".
    consequence: Option<String>,
    /// Why not, if it is not available.
    reason: Option<String>,
}

/// What the supplier sent.
#[derive(SimpleObject)]
pub struct Shipment {
    id: ID,
    carrier: String,
    tracking_number: String,
    shipped_at: DateTime<Utc>,
}

impl From<shipment::Model> for Shipment {
    fn from(row: shipment::Model) -> Self {
        Self {
            id: ID(row.id.to_string()),
            carrier: row.carrier,
            tracking_number: row.tracking_number,
            shipped_at: row.shipped_at,
        }
    }
}

/// What the buyer thought of a completed order; stars from 1 to 5.
#[derive(SimpleObject)]
pub struct Feedback {
    id: ID,
    product_as_agreed: i32,
    communication: i32,
    shipping_time: i32,
    comment: Option<String>,
    created_at: DateTime<Utc>,
}

impl From<feedback::Model> for Feedback {
    fn from(row: feedback::Model) -> Self {
        Self {
            id: ID(row.id.to_string()),
            product_as_agreed: row.product_as_agreed,
            communication: row.communication,
            shipping_time: row.shipping_time,
            comment: row.comment,
            created_at: row.created_at,
        }
    }
}

/// Money that arrived but could not be applied: late, too much, or in another currency. It goes back to the buyer.
#[derive(SimpleObject)]
pub struct UnappliedFunds {
    id: ID,
    amount: Money,
    /// What of it has been sent back, or is on its way.
    refunded: Money,
    reason: UnappliedReason,
    created_at: DateTime<Utc>,
}

/// Why money could not be applied.
#[derive(Clone, Copy, Debug, PartialEq, Eq, async_graphql::Enum)]
#[graphql(remote = "entity::receipt::ReceiptReason")]
pub enum UnappliedReason {
    /// The order was not, or no longer, waiting for money.
    OrderNotOpen,
    /// More than what was still due.
    Overpaid,
    /// Another currency than the order's.
    WrongCurrency,
    /// No payment of ours has this reference.
    UnknownReference,
}

impl From<receipt::Model> for UnappliedFunds {
    fn from(row: receipt::Model) -> Self {
        let money = |amount| entity::Money::new(amount, row.currency).into();
        Self {
            id: ID(row.id.to_string()),
            amount: money(row.amount),
            refunded: money(row.refunded),
            reason: row.reason.into(),
            created_at: row.created_at,
        }
    }
}

/// What the buyer asked the supplier to draft.
#[derive(SimpleObject)]
pub struct DraftRequest {
    product_id: Option<ID>,
    quantity: Option<i32>,
    message: String,
    shipping_address: AddressObject,
}

/// A key and a value of the storefront's own.
#[derive(SimpleObject)]
pub struct MetadataEntry {
    key: String,
    value: String,
}

#[Object]
impl Order {
    pub async fn id(&self) -> ID {
        ID(self.0.id.to_string())
    }

    /// What people read to each other: "SP-7K3M9QX4".
    async fn number(&self) -> &str {
        &self.0.number
    }

    async fn status(&self) -> OrderStatus {
        self.0.status.into()
    }

    /// Grows with every change; pass it as `expectedVersion` to act only on what you have seen.
    async fn version(&self) -> i64 {
        self.0.version
    }

    async fn currency(&self) -> CurrencyCode {
        CurrencyCode(self.0.currency.code().to_owned())
    }

    /// The terms on the table: the newest version, or the one asked for. Null while the supplier has drafted none.
    async fn contract(&self, ctx: &Context<'_>, version: Option<i32>) -> Option<Result<Contract>> {
        let found = match version {
            Some(version) => loader(ctx).load_one(ContractVersion(self.0.id, version)).await,
            None => loader(ctx).load_one(ContractOf(self.0.id)).await,
        };
        found.map(|row| row.map(Contract)).map_err(Into::into).transpose()
    }

    /// Where the order's money is.
    async fn escrow(&self) -> Escrow {
        let row = &self.0;
        let money = |amount| entity::Money::new(amount, row.currency).into();
        Escrow {
            captured: money(row.captured),
            held: money(row.held),
            released: money(row.released),
            refunded: money(row.refunded),
            charged_back: money(row.charged_back),
            due: money(entity::MinorUnits(row.total.0 - row.captured.0)),
        }
    }

    /// When the present status ends by itself; null if it doesn't.
    async fn deadline(&self) -> Option<DateTime<Utc>> {
        self.0.deadline_at
    }

    /// The supplier ships by then, or the buyer may cancel alone. Set when the order is funded.
    async fn ship_by(&self) -> Option<DateTime<Utc>> {
        self.0.ship_by
    }

    /// True while a chargeback or an operator stops all money and all clocks.
    async fn frozen(&self) -> bool {
        self.0.frozen
    }

    async fn supplier(&self, ctx: &Context<'_>) -> Result<Supplier> {
        Supplier::load(ctx, self.0.supplier_id).await
    }

    /// The product of a Buy Now or a draft request, if there is just one.
    async fn product(&self, ctx: &Context<'_>) -> Option<Result<Product>> {
        let product_id = match loader(ctx).load_one(ContractOf(self.0.id)).await {
            Ok(Some(contract)) if contract.terms.lines.len() == 1 => {
                contract.terms.lines.first().and_then(|line| line.product_id)
            }
            Ok(_) => self.0.draft_request.as_ref().and_then(|request| request.product_id),
            Err(error) => return Some(Err(error.into())),
        };
        Product::load(ctx, product_id?).await.transpose()
    }

    /// The storefront's own reference of the buyer is the storefront's to know.
    async fn buyer_id(&self) -> ID {
        ID(self.0.buyer_id.to_string())
    }

    /// Oldest first.
    async fn payments(&self, ctx: &Context<'_>) -> Result<Vec<Payment>> {
        let rows = loader(ctx).load_one(PaymentsOf(self.0.id)).await?.unwrap_or_default();
        Ok(rows.into_iter().map(Payment).collect())
    }

    /// Oldest first.
    async fn refunds(&self, ctx: &Context<'_>) -> Result<Vec<Refund>> {
        let rows: Vec<refund::Model> = loader(ctx).load_one(RefundsOf(self.0.id)).await?.unwrap_or_default();
        Ok(rows.into_iter().map(Refund).collect())
    }

    /// Money that arrived with this order's reference but could not be applied to it.
    async fn unapplied_funds(&self, ctx: &Context<'_>) -> Result<Vec<UnappliedFunds>> {
        let rows = loader(ctx).load_one(ReceiptsOf(self.0.id)).await?.unwrap_or_default();
        Ok(rows.into_iter().map(UnappliedFunds::from).collect())
    }

    async fn shipment(&self, ctx: &Context<'_>) -> Option<Result<Shipment>> {
        loader(ctx)
            .load_one(ShipmentOf(self.0.id))
            .await
            .map(|row| row.map(Shipment::from))
            .map_err(Into::into)
            .transpose()
    }

    async fn feedback(&self, ctx: &Context<'_>) -> Option<Result<Feedback>> {
        loader(ctx)
            .load_one(FeedbackOf(self.0.id))
            .await
            .map(|row| row.map(Feedback::from))
            .map_err(Into::into)
            .transpose()
    }

    async fn draft_request(&self) -> Option<DraftRequest> {
        self.0.draft_request.as_ref().map(|request| DraftRequest {
            product_id: request.product_id.map(|id| ID(id.to_string())),
            quantity: request.quantity.and_then(|quantity| i32::try_from(quantity).ok()),
            message: request.message.clone(),
            shipping_address: request.shipping_address.clone().into(),
        })
    }

    /// The storefront's own id of the order; not for the supplier.
    async fn client_reference(&self, ctx: &Context<'_>) -> Option<&str> {
        self.0.client_reference.as_deref().filter(|_| !matches!(viewer(ctx), Viewer::Supplier { .. }))
    }

    /// The storefront's own keys and values; not for the supplier.
    async fn metadata(&self, ctx: &Context<'_>) -> Vec<MetadataEntry> {
        if matches!(viewer(ctx), Viewer::Supplier { .. }) {
            return Vec::new();
        }
        self.0.metadata.0.iter().map(|(key, value)| MetadataEntry { key: key.clone(), value: value.clone() }).collect()
    }

    /// What this viewer can do now, with what would follow. With `includeUnavailable` also what they can't, and why not.
    async fn available_actions(
        &self,
        ctx: &Context<'_>,
        #[graphql(default = false)] include_unavailable: bool,
    ) -> Result<Vec<AvailableAction>> {
        let Some(actor) = actor(&viewer(ctx)) else { return Ok(Vec::new()) };
        let order = self.snapshot(ctx).await?;
        let (now, policy) = (app(ctx).clock.now(), Policy::default());
        let actions = Action::ALL.iter().filter(|action| escrow::table::concerns(**action, actor));
        Ok(actions
            .filter_map(|action| match escrow::permitted(&order, actor, *action, now, &policy) {
                Ok(()) => Some(AvailableAction {
                    action: *action,
                    available: true,
                    deadline: order.row.deadline_at,
                    consequence: Some(escrow::consequence(&order, *action)),
                    reason: None,
                }),
                Err(rejection) => include_unavailable.then(|| AvailableAction {
                    action: *action,
                    available: false,
                    deadline: None,
                    consequence: None,
                    reason: Some(rejection.to_string()),
                }),
            })
            .collect())
    }

    /// How it can be paid, and why not otherwise.
    async fn payment_methods(&self, ctx: &Context<'_>) -> Vec<PaymentMethodOption> {
        rail::payment_methods(app(ctx), &self.0).into_iter().map(Into::into).collect()
    }

    /// What happened to it, oldest first, without a gap.
    async fn events(
        &self,
        ctx: &Context<'_>,
        first: Option<i32>,
        after: Option<String>,
    ) -> Result<Connection<String, OrderEvent>> {
        let page: Page<TimelineKey> = Page::parse(first, after.as_deref())?;
        super::loaders::loader(ctx).loader().take_rows(page.limit)?;
        let wanted =
            EventsOf { order_id: self.0.id, after: page.after.unwrap_or_default().sequence, limit: page.fetch() };
        let rows = loader(ctx).load_one(wanted).await?.unwrap_or_default();
        let number = self.0.number.clone();
        Ok(connection(
            rows,
            &page,
            |row| TimelineKey { sequence: row.sequence },
            |row| OrderEvent { row, order_number: number.clone() },
        ))
    }

    async fn created_at(&self) -> DateTime<Utc> {
        self.0.created_at
    }

    async fn updated_at(&self) -> DateTime<Utc> {
        self.0.updated_at
    }

    async fn completed_at(&self) -> Option<DateTime<Utc>> {
        self.0.completed_at
    }
}

impl Order {
    /// What the rules look at, by the loaders.
    async fn snapshot(&self, ctx: &Context<'_>) -> Result<escrow::Order> {
        let (loader, id) = (loader(ctx), self.0.id);
        let (contract, payments, refunds, feedback) = futures_util::try_join!(
            loader.load_one(ContractOf(id)),
            loader.load_one(PaymentsOf(id)),
            loader.load_one(RefundsOf(id)),
            loader.load_one(FeedbackOf(id)),
        )?;
        Ok(escrow::Order {
            row: self.0.clone(),
            terms: contract.map(|contract| contract.terms),
            payments: payments.unwrap_or_default(),
            refunds: refunds.unwrap_or_default(),
            has_feedback: feedback.is_some(),
        })
    }
}

fn actor(viewer: &Viewer) -> Option<Actor> {
    match viewer {
        Viewer::Buyer { .. } => Some(Actor::Buyer),
        Viewer::Supplier { .. } => Some(Actor::Supplier),
        Viewer::Operator { .. } => Some(Actor::Operator),
        Viewer::Storefront { .. } | Viewer::Anonymous => None,
    }
}

/// Which orders. What is left out does not restrict.
#[derive(Default, InputObject)]
pub struct OrderFilterInput {
    /// Any of these.
    status: Option<Vec<OrderStatus>>,
    /// The order's readable number.
    number: Option<String>,
    /// The storefront's own id of the order.
    client_reference: Option<String>,
    supplier_id: Option<ID>,
    /// From this moment on.
    created_from: Option<DateTime<Utc>>,
    /// Before this moment.
    created_before: Option<DateTime<Utc>>,
}

#[derive(Default)]
pub struct OrderQuery;

#[Object]
impl OrderQuery {
    /// One of the viewer's orders; null if there is none with this id.
    async fn order(&self, ctx: &Context<'_>, id: ID) -> Option<Result<Order>> {
        let id: OrderId = id.parse().ok()?;
        Order::find(ctx, id).await.transpose()
    }

    /// The viewer's orders, newest first.
    async fn orders(
        &self,
        ctx: &Context<'_>,
        filter: Option<OrderFilterInput>,
        first: Option<i32>,
        after: Option<String>,
    ) -> Option<Result<Connection<String, Order>>> {
        Some(self.find_orders(ctx, filter.unwrap_or_default(), first, after).await)
    }

    /// How an order can be paid: every method, with why not where it can't. Null if the order is not the viewer's.
    async fn payment_methods(&self, ctx: &Context<'_>, order_id: ID) -> Option<Result<Vec<PaymentMethodOption>>> {
        let id: OrderId = order_id.parse().ok()?;
        let options = |order: Order| rail::payment_methods(app(ctx), &order.0).into_iter().map(Into::into).collect();
        Order::find(ctx, id).await.map(|order| order.map(options)).transpose()
    }

    /// Events of the viewer's orders, or of one of them, in the order in which they were committed. The cursor of an event
    /// is also a place from which the subscription of the same name goes on.
    async fn order_events(
        &self,
        ctx: &Context<'_>,
        order_id: Option<ID>,
        first: Option<i32>,
        after: Option<String>,
    ) -> Option<Result<Connection<String, OrderEvent>>> {
        Some(EventFeed::page(ctx, order_id, first, after).await)
    }
}

impl OrderQuery {
    async fn find_orders(
        &self,
        ctx: &Context<'_>,
        filter: OrderFilterInput,
        first: Option<i32>,
        after: Option<String>,
    ) -> Result<Connection<String, Order>> {
        let page = Page::parse(first, after.as_deref())?;
        let mut checks = Checks::arguments();
        let filter = checks.under("filter", |checks| OrderFilter {
            statuses: filter.status.unwrap_or_default().into_iter().map(Into::into).collect(),
            number: checks.optional_text("number", filter.number.as_deref(), 20),
            client_reference: checks.optional_text("clientReference", filter.client_reference.as_deref(), 255),
            supplier_id: filter.supplier_id.and_then(|id| checks.id("supplierId", &id)),
            created_from: filter.created_from,
            created_before: filter.created_before,
        });
        checks.finish()?;
        let rows = find_orders(&app(ctx).db.read, &viewer(ctx), &filter, &page).await?;
        Ok(connection(rows, &page, |row| row.id, Order))
    }
}
