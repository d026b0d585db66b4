//! What operators do about orders: rule, settle refunds, watch chargebacks, freeze and thaw.

use async_graphql::connection::Connection;
use async_graphql::{Context, Object, Result};

use crate::graphql::base::page::{Page, connection};
use crate::graphql::base::payload::answer;
use crate::graphql::base::request::{app, viewer};
use crate::graphql::dispute::object::Dispute;
use crate::graphql::order::command::{order_inputs, order_payloads};
use crate::graphql::payment::chargeback::Chargeback;
use crate::graphql::refund::object::Refund;
use crate::order;
use escrow::{Command, FreezeReason};

#[derive(Default)]
pub struct OperatorOrderQuery;

#[Object]
impl OperatorOrderQuery {
    /// Operator: refunds that somebody has to do something about (ACTION_REQUIRED, PAYEE_DETAILS_REQUIRED,
    /// APPROVAL_REQUIRED), or that are being paid by hand; oldest first.
    async fn refunds_to_settle(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "At most 100; 20 unless given.")] first: Option<i32>,
        #[graphql(desc = "The endCursor of the page before.")] after: Option<String>,
    ) -> Option<Result<Connection<String, Refund>>> {
        let find = async {
            let page = Page::parse(first, after.as_deref())?;
            let rows = order::refunds_to_settle(&app(ctx).db.read, &viewer(ctx), &page).await?;
            Ok(connection(rows, &page, |row| row.id, Refund))
        };
        Some(find.await)
    }

    /// Operator: open disputes that were escalated, and wait for a ruling; oldest first.
    async fn disputes_to_rule(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "At most 100; 20 unless given.")] first: Option<i32>,
        #[graphql(desc = "The endCursor of the page before.")] after: Option<String>,
    ) -> Option<Result<Connection<String, Dispute>>> {
        Some(disputes_to_rule(ctx, first, after).await)
    }

    /// Operator: chargebacks that are not decided; oldest first.
    async fn open_chargebacks(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "At most 100; 20 unless given.")] first: Option<i32>,
        #[graphql(desc = "The endCursor of the page before.")] after: Option<String>,
    ) -> Option<Result<Connection<String, Chargeback>>> {
        let find = async {
            let page = Page::parse(first, after.as_deref())?;
            let rows = order::open_chargebacks(&app(ctx).db.read, &viewer(ctx), &page).await?;
            Ok(connection(rows, &page, |row| row.id, Chargeback))
        };
        Some(find.await)
    }
}

async fn disputes_to_rule(
    ctx: &Context<'_>,
    first: Option<i32>,
    after: Option<String>,
) -> Result<Connection<String, Dispute>> {
    let page = Page::parse(first, after.as_deref())?;
    let rows = order::disputes_to_rule(&app(ctx).db.read, &viewer(ctx), &page).await?;
    let keyed = rows.into_iter().map(async |row| {
        let id = row.id;
        Dispute::load(ctx, row).await.map(|dispute| (id, dispute))
    });
    // All at once, so that their orders are read with one statement.
    let rows = futures_util::future::try_join_all(keyed).await?;
    Ok(connection(rows, &page, |(id, _dispute)| *id, |(_id, dispute)| dispute))
}

order_inputs! {
    /// Stop an order.
    FreezeOrderInput {
        /// Why; both sides see it.
        reason: FreezeReason,
    }
    /// Let an order go on.
    UnfreezeOrderInput {}
}

order_payloads! {
    /// What `freezeOrder` left.
    FreezeOrderPayload,
    /// What `unfreezeOrder` left.
    UnfreezeOrderPayload,
}

#[derive(Default)]
pub struct OperatorOrderMutation;

#[Object]
impl OperatorOrderMutation {
    /// Operator: stop all money and all clocks of an order. Only messages, evidence and the refund account go on.
    async fn freeze_order(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "What to do, and to what.")] input: FreezeOrderInput,
    ) -> Result<FreezeOrderPayload> {
        let reason = input.reason;
        answer(input.call(ctx).execute(&Command::FreezeOrder { reason }).await)
    }

    /// Operator: let an order go on that an operator froze. An open chargeback keeps it frozen.
    async fn unfreeze_order(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "What to do, and to what.")] input: UnfreezeOrderInput,
    ) -> Result<UnfreezeOrderPayload> {
        answer(input.call(ctx).execute(&Command::UnfreezeOrder).await)
    }
}
