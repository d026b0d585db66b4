//! Mutations of a dispute: open it, offer, accept, escalate, rule, and send the goods back.

use async_graphql::{Context, ID, Object, Result};
use entity::{DisputeId, ProposalId};

use crate::error::Result as Outcome;
use crate::graphql::base::payload::answer;
use crate::graphql::base::scalars::Decimal;
use crate::graphql::dispute::object::DisputeReason;
use crate::graphql::order::command::{order_inputs, order_payloads};
use crate::graphql::order::object::Order;
use escrow::{Command, Proposal};

order_inputs! {
    /// Say what is wrong, and what you want.
    OpenDisputeInput {
        /// What is wrong.
        reason: DisputeReason,
        /// In your words; at most 4,000 characters.
        description: String,
        /// What is to go back to you, in the order's currency: more than zero, at most what is held.
        refund_amount: Decimal,
        /// Whether you send the goods back first.
        goods_go_back: bool,
    }
    /// Offer how to settle. It replaces your side's offer before.
    ProposeSettlementInput {
        /// What is to go back to the buyer, in the order's currency; the rest is released. At most what is held.
        refund_amount: Decimal,
        /// Whether the buyer sends the goods back first.
        goods_go_back: bool,
        /// In your words; at most 4,000 characters.
        message: Option<String>,
    }
    /// Accept the other side's latest offer.
    AcceptSettlementInput {
        /// The offer that you have read; it must be the latest of the other side.
        proposal_id: ID,
    }
    /// Take the dispute back.
    WithdrawDisputeInput {}
    /// Hand the dispute to the operator.
    EscalateDisputeInput {}
    /// Rule on the dispute.
    ResolveDisputeInput {
        /// What goes back to the buyer, in the order's currency; the rest is released. At most what is held.
        refund_amount: Decimal,
        /// Whether the goods go back first.
        goods_go_back: bool,
        /// Why, for both sides; at most 4,000 characters.
        ruling: String,
    }
    /// Say that the goods are on their way back.
    ShipReturnInput {
        /// Who carries them; a single line of at most 100 characters.
        carrier: String,
        /// The carrier's number of it; a single line of at most 100 characters.
        tracking_number: String,
    }
    /// Say that the returned goods arrived.
    ConfirmReturnInput {}
    /// Say that the returned goods are not what was sent.
    ContestReturnInput {
        /// Why, in your words; at most 2,000 characters.
        reason: String,
    }
}

order_payloads! {
    /// What `openDispute` left.
    OpenDisputePayload,
    /// What `proposeSettlement` left.
    ProposeSettlementPayload,
    /// What `acceptSettlement` left.
    AcceptSettlementPayload,
    /// What `withdrawDispute` left.
    WithdrawDisputePayload,
    /// What `escalateDispute` left.
    EscalateDisputePayload,
    /// What `resolveDispute` left.
    ResolveDisputePayload,
    /// What `shipReturn` left.
    ShipReturnPayload,
    /// What `confirmReturn` left.
    ConfirmReturnPayload,
    /// What `contestReturn` left.
    ContestReturnPayload,
}

#[derive(Default)]
pub struct DisputeMutation;

#[Object]
impl DisputeMutation {
    /// Buyer: say that the goods did not arrive, or not as agreed, and what is to go back. Nothing is released meanwhile. The
    /// supplier has some days to answer; silence does as you propose.
    async fn open_dispute(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "What to do, and to what.")] input: OpenDisputeInput,
    ) -> Result<OpenDisputePayload> {
        answer(open_dispute(ctx, input).await)
    }

    /// Buyer or supplier: offer how to settle the dispute. The other side may accept it.
    async fn propose_settlement(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "What to do, and to what.")] input: ProposeSettlementInput,
    ) -> Result<ProposeSettlementPayload> {
        answer(propose_settlement(ctx, input).await)
    }

    /// Buyer or supplier: accept the other side's latest offer. There is no way back.
    async fn accept_settlement(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "What to do, and to what.")] input: AcceptSettlementInput,
    ) -> Result<AcceptSettlementPayload> {
        let mut call = input.call(ctx);
        let proposal_id: ProposalId = call.checks.required_id("proposalId", &input.proposal_id);
        answer(call.execute(&Command::AcceptSettlement { proposal_id }).await)
    }

    /// Buyer: take the dispute back; it can be opened once more. The order goes on with what was left of its time, at least
    /// 48 hours.
    async fn withdraw_dispute(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "What to do, and to what.")] input: WithdrawDisputeInput,
    ) -> Result<WithdrawDisputePayload> {
        answer(input.call(ctx).execute(&Command::WithdrawDispute).await)
    }

    /// Buyer or supplier: hand the dispute to the operator, who rules.
    async fn escalate_dispute(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "What to do, and to what.")] input: EscalateDisputeInput,
    ) -> Result<EscalateDisputePayload> {
        answer(input.call(ctx).execute(&Command::EscalateDispute).await)
    }

    /// Operator: rule on an escalated dispute. So much goes back to the buyer, the rest is released.
    async fn resolve_dispute(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "What to do, and to what.")] input: ResolveDisputeInput,
    ) -> Result<ResolveDisputePayload> {
        answer(resolve_dispute(ctx, input).await)
    }

    /// Buyer: say that the goods are on their way back. After their transit time, silence settles as agreed.
    async fn ship_return(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "What to do, and to what.")] input: ShipReturnInput,
    ) -> Result<ShipReturnPayload> {
        let mut call = input.call(ctx);
        let carrier = call.checks.line("carrier", &input.carrier, 100);
        let tracking_number = call.checks.line("trackingNumber", &input.tracking_number, 100);
        answer(call.execute(&Command::ShipReturn { carrier, tracking_number }).await)
    }

    /// Supplier: say that the returned goods arrived. Settled as agreed; there is no way back.
    async fn confirm_return(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "What to do, and to what.")] input: ConfirmReturnInput,
    ) -> Result<ConfirmReturnPayload> {
        answer(input.call(ctx).execute(&Command::ConfirmReturn).await)
    }

    /// Supplier: say that the returned goods are not what was sent. The dispute is with the operator then.
    async fn contest_return(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "What to do, and to what.")] input: ContestReturnInput,
    ) -> Result<ContestReturnPayload> {
        let mut call = input.call(ctx);
        let reason = call.checks.text("reason", &input.reason, 2_000);
        answer(call.execute(&Command::ContestReturn { reason }).await)
    }
}

async fn open_dispute(ctx: &Context<'_>, input: OpenDisputeInput) -> Outcome<Order> {
    let mut call = input.call(ctx);
    let description = call.checks.text("description", &input.description, 4_000);
    let amount = call.amount("refundAmount", &input.refund_amount, 1).await?;
    let (reason, goods_go_back) = (input.reason.into(), input.goods_go_back);
    let proposal_id = ProposalId(call.app.clock.new_id());
    let proposal = Proposal { proposal_id, amount, goods_go_back, message: None };
    let dispute_id = DisputeId(call.app.clock.new_id());
    call.execute(&Command::OpenDispute { dispute_id, reason, description, proposal }).await
}

async fn propose_settlement(ctx: &Context<'_>, input: ProposeSettlementInput) -> Outcome<Order> {
    let mut call = input.call(ctx);
    let message = call.checks.optional_text("message", input.message.as_deref(), 4_000);
    let amount = call.amount("refundAmount", &input.refund_amount, 0).await?;
    let goods_go_back = input.goods_go_back;
    let proposal_id = ProposalId(call.app.clock.new_id());
    call.execute(&Command::ProposeSettlement(Proposal { proposal_id, amount, goods_go_back, message })).await
}

async fn resolve_dispute(ctx: &Context<'_>, input: ResolveDisputeInput) -> Outcome<Order> {
    let mut call = input.call(ctx);
    let ruling = call.checks.text("ruling", &input.ruling, 4_000);
    let refund = call.amount("refundAmount", &input.refund_amount, 0).await?;
    let goods_go_back = input.goods_go_back;
    call.execute(&Command::ResolveDispute { refund, goods_go_back, ruling }).await
}
