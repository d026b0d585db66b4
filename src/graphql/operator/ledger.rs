//! The books, for operators.

use async_graphql::connection::Connection;
use async_graphql::{Context, ID, Object, Result};
use chrono::{DateTime, Utc};
use entity::transfer::Model;

use crate::graphql::base::page::{Page, connection};
use crate::graphql::base::request::{app, viewer};
use crate::graphql::base::scalars::Money;
use crate::order::transfers_of;
use crate::validate::Checks;

pub struct Transfer(pub(crate) Model);

/// One ledger movement: debits one account, credits another. Never changed.
#[Object]
impl Transfer {
    /// Begins with `transfer_`.
    pub async fn id(&self) -> ID {
        ID(self.0.id.to_string())
    }

    /// Where it came from: "escrow/order_01h…".
    async fn debit(&self) -> String {
        self.0.debit.to_string()
    }

    /// Where it went: "supplier/supplier_01h…".
    async fn credit(&self) -> String {
        self.0.credit.to_string()
    }

    /// What was moved; more than zero.
    async fn amount(&self) -> Money {
        entity::Money::new(self.0.amount, self.0.currency).into()
    }

    /// What it was for: "payment.captured", "funds.released" …
    async fn cause(&self) -> &str {
        &self.0.cause
    }

    /// The order that it belongs to; null if it belongs to none, as a payout.
    async fn order_id(&self) -> Option<ID> {
        self.0.order_id.map(|id| ID(id.to_string()))
    }

    /// The provider's movement of real money, where there was one: it is posted once. Null if money only moved in our books.
    async fn movement(&self) -> Option<&str> {
        self.0.movement.as_deref()
    }

    /// When it was posted.
    async fn occurred_at(&self) -> DateTime<Utc> {
        self.0.created_at
    }
}

#[derive(Default)]
pub struct LedgerQuery;

#[Object]
impl LedgerQuery {
    /// Transfers, oldest first: of one order, or of all. For operators.
    async fn ledger(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Only this order's.")] order_id: Option<ID>,
        #[graphql(desc = "At most 100; 20 unless given.")] first: Option<i32>,
        #[graphql(desc = "The endCursor of the page before.")] after: Option<String>,
    ) -> Option<Result<Connection<String, Transfer>>> {
        Some(find(ctx, order_id, first, after).await)
    }
}

async fn find(
    ctx: &Context<'_>,
    order_id: Option<ID>,
    first: Option<i32>,
    after: Option<String>,
) -> Result<Connection<String, Transfer>> {
    let page = Page::parse(first, after.as_deref())?;
    let mut checks = Checks::arguments();
    let order_id = order_id.and_then(|id| checks.id("orderId", &id));
    checks.finish()?;
    let rows = transfers_of(&app(ctx).db.read, &viewer(ctx), order_id, &page).await?;
    Ok(connection(rows, &page, |row| row.id, Transfer))
}
