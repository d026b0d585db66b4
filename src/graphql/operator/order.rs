//! What operators do about orders: rule, settle refunds, watch chargebacks, freeze and thaw.

use async_graphql::connection::Connection;
use async_graphql::{Context, Enum, ID, InputObject, Object, Result};
use entity::chargeback::ChargebackStatus;
use entity::{ChargebackId, chargeback};
use sea_orm::EntityTrait;

use crate::error::{Error, Result as Outcome};
use crate::graphql::base::page::{Page, connection};
use crate::graphql::base::payload::answer;
use crate::graphql::base::request::{app, viewer};
use crate::graphql::base::scalars::Decimal;
use crate::graphql::dispute::object::Dispute;
use crate::graphql::order::command::{Call, order_inputs, order_payloads};
use crate::graphql::order::object::Order;
use crate::graphql::payment::chargeback::Chargeback;
use crate::graphql::refund::object::Refund;
use crate::order;
use crate::validate::Checks;
use escrow::{Command, FreezeReason};

#[derive(Default)]
pub struct OperatorOrderQuery;

#[Object]
impl OperatorOrderQuery {
    /// Operator: refunds that somebody has to do something about (ACTION_REQUIRED, PAYEE_DETAILS_REQUIRED,
    /// APPROVAL_REQUIRED), that are being paid by hand, or that should have arrived by now; oldest first.
    async fn refunds_to_settle(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "At most 100; 20 unless given.")] first: Option<i32>,
        #[graphql(desc = "The endCursor of the page before.")] after: Option<String>,
    ) -> Option<Result<Connection<String, Refund>>> {
        let find = async {
            let page = Page::parse(first, after.as_deref())?;
            let rows = order::refunds_to_settle(&app(ctx).db.read, &viewer(ctx), app(ctx).clock.now(), &page).await?;
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

    /// Operator: chargebacks that are not decided, or that have a `problem`; oldest first.
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

/// End a chargeback.
#[derive(InputObject)]
pub struct DecideChargebackInput {
    /// Makes the call once: the same key again answers the same. Fresh for each new request.
    idempotency_key: Option<String>,
    /// The order that the chargeback is of; it may be left out.
    order_id: Option<ID>,
    /// The chargeback's; one that is open, or has a `problem`.
    chargeback_id: ID,
    /// Act only on the version of the order that you have seen.
    expected_version: Option<i32>,
    /// WON: the money is ours again. LOST: the buyer keeps it.
    outcome: ChargebackOutcome,
    /// How much of it was won, or lost, in the order's currency; leave it out for all. Of one that is not booked: what was taken.
    amount: Option<Decimal>,
}

/// How a chargeback ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum)]
pub enum ChargebackOutcome {
    /// The money is ours again.
    Won,
    /// The buyer keeps it.
    Lost,
}

order_payloads! {
    /// What `decideChargeback` left.
    DecideChargebackPayload,
    /// What `freezeOrder` left.
    FreezeOrderPayload,
    /// What `unfreezeOrder` left.
    UnfreezeOrderPayload,
}

async fn decide_chargeback(ctx: &Context<'_>, input: DecideChargebackInput) -> Outcome<Order> {
    let mut checks = Checks::input();
    let chargeback_id: ChargebackId = checks.required_id("chargebackId", &input.chargeback_id);
    viewer(ctx).require_operator()?;
    let order_id = match &input.order_id {
        Some(order_id) => order_id.clone(),
        None => match chargeback::Entity::find_by_id(chargeback_id).one(&app(ctx).db.read).await? {
            Some(row) => ID(row.order_id.to_string()),
            None => return Err(checks.refuse_with(Error::not_found("chargeback").at("chargebackId"))),
        },
    };
    let mut call = Call::new(ctx, &order_id, input.expected_version, &input);
    let chargeback_id: ChargebackId = call.checks.required_id("chargebackId", &input.chargeback_id);
    let operator_id = call.viewer.require_operator()?;
    let amount = match &input.amount {
        Some(amount) => Some(call.amount("amount", amount, 1).await?),
        None => None,
    };
    let outcome = match input.outcome {
        ChargebackOutcome::Won => ChargebackStatus::Won,
        ChargebackOutcome::Lost => ChargebackStatus::Lost,
    };
    call.execute(&Command::DecideChargeback { chargeback_id, operator_id, outcome, amount }).await
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

    /// Operator: end a chargeback that its provider does not end, or that waits for a person. Where money moves by it, it counts
    /// once another operator decides the same. What the provider reports later is not booked twice; what contradicts it is shown.
    async fn decide_chargeback(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "What to do, and to what.")] input: DecideChargebackInput,
    ) -> Result<DecideChargebackPayload> {
        answer(decide_chargeback(ctx, input).await)
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
