//! What a viewer can do with an order now: the rules, asked about what the loaders read.

use async_graphql::{Context, Result};
use entity::Time;
use entity::cancel_request::{self, CancelRequestStatus};

use crate::auth::Viewer;
use crate::graphql::base::request::{app, viewer};
use crate::graphql::loader::order::{
    CancelRequestsOf, ChargebacksOf, ContractOf, DisputesOf, FeedbackOf, PaymentsOf, ProposalsOf, ReceiptsOf,
    RefundsOf, loader,
};
use crate::graphql::order::object::Order;
use crate::graphql::order::parts::AvailableAction;
use crate::order;
use escrow::{self, Action, Actor, Policy, Rejection};

/// As the rules have it for this very operator: who asked for a payment by hand can't approve it.
fn permitted_to(
    viewer: &Viewer,
    order: &escrow::Order,
    (actor, action): (Actor, Action),
    now: Time,
    policy: &Policy,
) -> Result<(), Rejection> {
    escrow::permitted(order, actor, action, now, policy)?;
    match viewer {
        Viewer::Operator { operator_id }
            if action == Action::ApproveManualRefund && escrow::needs_another_operator(order, *operator_id) =>
        {
            Err(Rejection::NeedsAnotherOperator)
        }
        Viewer::Operator { .. }
        | Viewer::Anonymous
        | Viewer::Storefront { .. }
        | Viewer::Buyer { .. }
        | Viewer::Supplier { .. } => Ok(()),
    }
}

impl Order {
    /// None for a storefront, which only looks on.
    pub(crate) async fn actions(&self, ctx: &Context<'_>, include_unavailable: bool) -> Result<Vec<AvailableAction>> {
        let viewer = viewer(ctx);
        let Ok(actor) = order::actor(&viewer) else { return Ok(Vec::new()) };
        let order = self.snapshot(ctx).await?;
        let (now, policy) = (app(ctx).clock.now(), app(ctx).settings.policy());
        let actions = Action::ALL.iter().filter(|action| escrow::table::concerns(**action, actor));
        Ok(actions
            .filter_map(|action| match permitted_to(&viewer, &order, (actor, *action), now, &policy) {
                Ok(()) => Some(AvailableAction {
                    action: *action,
                    available: true,
                    deadline: escrow::deadline_of(&order, *action, &policy),
                    consequence: Some(escrow::consequence(&order, actor, *action, &policy)),
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

    /// What the rules look at, by the loaders.
    async fn snapshot(&self, ctx: &Context<'_>) -> Result<escrow::Order> {
        let (loader, id) = (loader(ctx), self.0.id);
        let (contract, payments, refunds, feedback, receipts) = futures_util::try_join!(
            loader.load_one(ContractOf(id)),
            loader.load_one(PaymentsOf(id)),
            loader.load_one(RefundsOf(id)),
            loader.load_one(FeedbackOf(id)),
            loader.load_one(ReceiptsOf(id)),
        )?;
        let (chargebacks, requests, disputes, proposals) = futures_util::try_join!(
            loader.load_one(ChargebacksOf(id)),
            loader.load_one(CancelRequestsOf(id)),
            loader.load_one(DisputesOf(id)),
            loader.load_one(ProposalsOf(id)),
        )?;
        let is_quarrel = matches!(self.0.status, entity::OrderStatus::Disputed | entity::OrderStatus::ReturnPending);
        let dispute = disputes.unwrap_or_default().pop().filter(|_| is_quarrel);
        let about = dispute.as_ref().map(|dispute| dispute.id);
        let open = |request: &cancel_request::Model| request.status == CancelRequestStatus::Open;
        Ok(escrow::Order {
            row: self.0.clone(),
            terms: contract.map(|contract| contract.terms),
            payments: payments.unwrap_or_default(),
            refunds: refunds.unwrap_or_default(),
            receipts: receipts.unwrap_or_default(),
            chargebacks: chargebacks.unwrap_or_default(),
            cancel_request: requests.unwrap_or_default().into_iter().find(open),
            dispute,
            proposals: proposals.unwrap_or_default().into_iter().filter(|row| Some(row.dispute_id) == about).collect(),
            feedback,
        })
    }
}
