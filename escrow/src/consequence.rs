//! What would follow from an action, in words: for a storefront's buttons.

use entity::MinorUnits;
use entity::proposal::Side;

use super::split::Split;
use super::table::{Action, Actor};
use super::{Order, Policy};

/// What would follow, in words: for a storefront's button.
#[expect(clippy::too_many_lines, reason = "one line for each action, and none is forgotten")]
#[must_use]
pub fn consequence(order: &Order, actor: Actor, action: Action, policy: &Policy) -> String {
    let held = order.money(order.row.held);
    let deadlines = order.terms.as_ref().map(|terms| &terms.deadlines);
    let back = if held.amount.is_zero() { String::new() } else { format!(" and refunds {held} to the buyer") };
    match action {
        Action::DraftOrder => "puts a further version of the contract on the table".to_owned(),
        Action::ConfirmOrder => {
            format!("agrees to contract version {} over {}", order.row.contract_version, order.money(order.row.total))
        }
        Action::CancelOrder => format!("ends the order{back}"),
        Action::PayOrder => format!("opens a payment of {}", order.money(order.due())),
        Action::ShipOrder => "starts the transit time and the buyer's inspection period".to_owned(),
        Action::UpdateShipment => "corrects the carrier and the tracking number; no clock changes".to_owned(),
        Action::ExtendDeadline if actor == Actor::Buyer => "gives the supplier more days to ship".to_owned(),
        Action::ExtendDeadline => "gives the buyer more days to inspect".to_owned(),
        Action::ConfirmReceived => release_in_words(order),
        Action::RefundOrder => format!("refunds up to {held} to the buyer; the order goes on with the rest"),
        Action::FreezeOrder => "stops all money and all clocks".to_owned(),
        Action::UnfreezeOrder if order.has_open_chargeback() => {
            "lifts the operator's freeze; the open chargeback keeps the order frozen".to_owned()
        }
        Action::UnfreezeOrder => {
            format!("lets everything go on; clocks with what was left, at least {} hours", policy.resumed_hours)
        }
        Action::LeaveFeedback if order.feedback.is_some() => "replaces your ratings, once".to_owned(),
        Action::LeaveFeedback => "publishes your ratings with the supplier's".to_owned(),
        Action::ReplyToFeedback => "publishes your answer beside the buyer's ratings".to_owned(),
        Action::ProvideRefundAccount => {
            "says where refunds may be sent that can't go back the way the money came".to_owned()
        }
        Action::RequestManualRefund => "asks that a refund be paid by hand; another operator has to approve".to_owned(),
        Action::ApproveManualRefund => "lets the refund be paid by hand".to_owned(),
        Action::RejectManualRefund => "leaves the refund waiting for another way".to_owned(),
        Action::ConfirmManualRefund => "books the refund as sent, by the bank's reference".to_owned(),
        Action::RetryRefund => {
            "asks the payment provider about the refund, and for it once more if it was not sent".to_owned()
        }
        Action::BearRefundCharge => "makes good what banks on the way kept of a refund that came back".to_owned(),
        Action::ClosePayment => "asks the payment provider about the payment, and ends it if no money came".to_owned(),
        Action::AcceptShortfall => {
            format!("bears the {} that are missing; the order is funded", order.money(order.due()))
        }
        Action::ApplyFunds => {
            format!("counts money that was set aside towards the {} that are due", order.money(order.due()))
        }
        Action::DecideChargeback => {
            "ends a chargeback as won or lost; where money moves, once another operator decides the same".to_owned()
        }
        Action::RefundUnapplied => "sends money that was set aside back to the buyer".to_owned(),
        Action::CancelRequest => {
            let hours = deadlines.map_or(48, |deadlines| deadlines.cancel_answer_hours);
            let silence = if order.row.is_unshipped() { "grants" } else { "refuses" };
            format!("asks the supplier to cancel and to refund {held}; {hours} hours of silence {silence} it")
        }
        Action::WithdrawCancelRequest => "takes the cancel request back; the order goes on as before".to_owned(),
        Action::AnswerCancelRequest => format!("granted: refunds {held} to the buyer; refused: the order goes on"),
        Action::OpenDispute => {
            let days = deadlines.map_or(5, |deadlines| deadlines.dispute_answer_days);
            format!("stops the release of {held}; the supplier has {days} days to answer, silence does as you propose")
        }
        Action::ProposeSettlement => "offers how to settle; the other side may accept it".to_owned(),
        Action::AcceptSettlement => settlement_in_words(order, actor),
        Action::WithdrawDispute => "takes the dispute back; the order goes on as before".to_owned(),
        Action::EscalateDispute => "hands the dispute to the operator, who rules".to_owned(),
        Action::ResolveDispute => format!("divides the {held} that are held between buyer and supplier"),
        Action::AddEvidence => "shows a text or a file to the other side and to the operator".to_owned(),
        Action::ShipReturn => "says that the goods are on their way back; silence then settles as agreed".to_owned(),
        Action::ConfirmReturn => "settles as agreed: the goods are back".to_owned(),
        Action::ContestReturn => "hands the dispute back to the operator".to_owned(),
        Action::RequestDraft | Action::BuyNow => "begins an order".to_owned(),
        Action::CapturePayment
        | Action::EndPayment
        | Action::SettleRefund
        | Action::FailRefund
        | Action::Chargeback
        | Action::ReversePayment
        | Action::PassDeadline => "happens by itself".to_owned(),
    }
}

fn release_in_words(order: &Order) -> String {
    let held = order.money(order.row.held);
    match Split::of(order, order.row.held) {
        Ok(split) => format!(
            "releases {} to the supplier ({held} less {} fee)",
            order.money(split.to_supplier),
            order.money(split.fee)
        ),
        Err(_) => format!("releases {held}"),
    }
}

fn settlement_in_words(order: &Order, actor: Actor) -> String {
    let other = if actor == Actor::Buyer { Side::Supplier } else { Side::Buyer };
    let Some(offer) = order.proposal_of(other) else { return "settles the dispute".to_owned() };
    let goods = if offer.goods_go_back { ", once the goods are back" } else { "" };
    let amount = offer.amount.min(order.row.held);
    let rest = MinorUnits(order.row.held.0.saturating_sub(amount.0));
    let (amount, rest) = (order.money(amount), order.money(rest));
    format!("refunds {amount} to the buyer and releases {rest}, less the fee{goods}")
}
