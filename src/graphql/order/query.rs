//! The queries that find orders and their events.

use async_graphql::connection::Connection;
use async_graphql::{Context, ID, InputObject, Object, Result};
use chrono::{DateTime, Utc};
use entity::OrderId;

use crate::graphql::base::page::{Page, connection};
use crate::graphql::base::request::{app, viewer};
use crate::graphql::order::event::{EventFeed, OrderEvent};
use crate::graphql::order::object::Order;
use crate::graphql::order::parts::OrderStatus;
use crate::graphql::payment::method::PaymentMethodOption;
use crate::order::{self, find_orders};
use crate::payment as payments;
use crate::validate::Checks;

/// Which orders. What is left out does not restrict.
#[derive(Default, InputObject)]
pub struct OrderFilter {
    /// In any of these.
    statuses: Option<Vec<OrderStatus>>,
    /// With this readable number, in upper or lower case: "SP-7K3M9QX4".
    number: Option<String>,
    /// With this id of the storefront's own; finds nothing for a supplier.
    client_reference: Option<String>,
    /// Only with this supplier.
    supplier_id: Option<ID>,
    /// Begun at this moment or later.
    created_from: Option<DateTime<Utc>>,
    /// Begun before this moment.
    created_before: Option<DateTime<Utc>>,
}

#[derive(Default)]
pub struct OrderQuery;

#[Object]
impl OrderQuery {
    /// One of the viewer's orders; null if there is none with this id.
    async fn order(&self, ctx: &Context<'_>, #[graphql(desc = "The order's.")] id: ID) -> Option<Result<Order>> {
        let id: OrderId = id.parse().ok()?;
        Order::find(ctx, id).await.transpose()
    }

    /// The viewer's orders, newest first.
    async fn orders(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "What must hold; all orders if left out.")] filter: Option<OrderFilter>,
        #[graphql(desc = "At most 100; 20 unless given.")] first: Option<i32>,
        #[graphql(desc = "The endCursor of the page before.")] after: Option<String>,
    ) -> Option<Result<Connection<String, Order>>> {
        Some(self.find_orders(ctx, filter.unwrap_or_default(), first, after).await)
    }

    /// How an order can be paid: every method, with why not where it can't. Null if the order is not the viewer's.
    async fn payment_methods(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The order's.")] order_id: ID,
    ) -> Option<Result<Vec<PaymentMethodOption>>> {
        let id: OrderId = order_id.parse().ok()?;
        let options = |order: Order| {
            let options = payments::payment_methods(app(ctx), &order.0).into_iter();
            options.map(|option| PaymentMethodOption::new(option, order.0.currency)).collect()
        };
        Order::find(ctx, id).await.map(|order| order.map(options)).transpose()
    }

    /// Events of the viewer's orders, or of one of them, in the order in which they were committed. The cursor of an event
    /// is also a place from which the subscription of the same name goes on.
    async fn order_events(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Only this order's.")] order_id: Option<ID>,
        #[graphql(desc = "At most 100; 20 unless given.")] first: Option<i32>,
        #[graphql(desc = "The endCursor of the page before, or the cursor of any event.")] after: Option<String>,
    ) -> Option<Result<Connection<String, OrderEvent>>> {
        Some(EventFeed::page(ctx, order_id, first, after).await)
    }
}

impl OrderQuery {
    async fn find_orders(
        &self,
        ctx: &Context<'_>,
        filter: OrderFilter,
        first: Option<i32>,
        after: Option<String>,
    ) -> Result<Connection<String, Order>> {
        let page = Page::parse(first, after.as_deref())?;
        let mut checks = Checks::arguments();
        let filter = checks.under("filter", |checks| order::OrderFilter {
            statuses: filter.statuses.unwrap_or_default().into_iter().map(Into::into).collect(),
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
