//! Random lives of orders: buyer, supplier, operators, provider and clock in any order.

use std::collections::BTreeMap;

use entity::chargeback::ChargebackStatus;
use proptest::prelude::*;

use super::after::after;
use super::*;

#[derive(Clone, Debug)]
struct Step {
    actor: usize,
    action: usize,
    amount: i64,
    target: usize,
    hours: i64,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let hours = prop_oneof![4 => 0_i64..30, 1 => 0_i64..1_000];
    let step = (0..ACTORS.len(), 0..Action::ALL.len(), 1_i64..20_000, 0_usize..8, hours)
        .prop_map(|(actor, action, amount, target, hours)| Step { actor, action, amount, target, hours });
    proptest::collection::vec(step, 1..120)
}

fn is_in_hand(refund: &refund::Model) -> bool {
    let waits = [RefundStatus::ActionRequired, RefundStatus::PayeeDetailsRequired, RefundStatus::ApprovalRequired];
    waits.contains(&refund.status) || (refund.status == RefundStatus::Pending && refund.provider == BY_HAND)
}

/// Of what there is, something; now and then what there isn't.
fn pick<T>(list: &[T], target: usize) -> Option<&T> {
    list.get(target % list.len().max(1))
}

/// What is still to be sent of a refund.
fn left_of(order: &Order, id: RefundId) -> Money {
    let refund = order.refunds.iter().find(|refund| refund.id == id);
    refund.map_or_else(five, |refund| Money::new(refund.balance, refund.currency))
}

#[expect(clippy::wildcard_enum_match_arm, reason = "the others need no aim")]
#[expect(clippy::too_many_lines, reason = "one arm a command")]
fn aimed(step: &Step, order: &Order, actor: Actor, number: &mut u128) -> Command {
    *number += 1;
    // Now and then exactly what is held.
    let amount = if step.target > 5 { order.row.held.0.max(1) } else { step.amount };
    let step = &Step { amount, ..step.clone() };
    let fresh = Uuid::from_u128(*number);
    let money = Money::new(MinorUnits(step.amount), Currency::USD);
    let payment = pick(&order.payments, step.target).map_or(PaymentId(fresh), |payment| payment.id);
    let in_hand: Vec<_> = order.refunds.iter().filter(|refund| is_in_hand(refund)).collect();
    let in_hand = if step.amount % 2 == 0 { pick(&in_hand, step.target).copied() } else { None };
    let refund = in_hand.or(pick(&order.refunds, step.target)).map_or(RefundId(fresh), |refund| refund.id);
    let operator_id = OperatorId(Uuid::from_u128(u128::from(step.target % 2 == 1)));
    let reference = format!("cb{}", step.target % 3);
    match command(Action::ALL[step.action]) {
        Command::CapturePayment { .. } => {
            Command::CapturePayment { payment_id: payment, amount: money, movement: number.to_string() }
        }
        Command::EndPayment { end, .. } => Command::EndPayment { payment_id: payment, end },
        Command::SettleRefund { .. } => Command::SettleRefund {
            refund_id: refund,
            amount: left_of(order, refund),
            movement: number.to_string(),
            confirmed: true,
        },
        Command::FailRefund { reason, .. } => Command::FailRefund {
            refund_id: refund,
            amount: five(),
            movement: number.to_string(),
            reason,
            confirmed: true,
        },
        Command::PayOrder(_) => {
            let method =
                if step.target.is_multiple_of(2) { PaymentMethod::Alipay } else { PaymentMethod::BankTransfer };
            let Command::PayOrder(new) = paying(1, method) else { unreachable!() };
            let ways = [RefundWay::ToOrigin, RefundWay::ToAccount, RefundWay::ByHand];
            let (payment_id, refund_way) = (PaymentId(fresh), ways[step.target % 3]);
            Command::PayOrder(NewPayment { payment_id, refund_way, reference: fresh.to_string(), ..new })
        }
        Command::ApplyFunds { .. } => Command::ApplyFunds {
            receipt: Box::new(set_aside(fresh.as_u128(), step.amount.max(1), None)),
            payment_id: payment,
        },
        Command::RefundUnapplied { .. } => {
            let receipt_id = pick(&order.receipts, step.target).map_or(entity::ReceiptId(fresh), |receipt| receipt.id);
            Command::RefundUnapplied { receipt_id }
        }
        Command::ConfirmOrder { .. } => Command::ConfirmOrder { contract_version: order.row.contract_version },
        Command::OpenDispute { reason, description, .. } => Command::OpenDispute {
            dispute_id: DisputeId(fresh),
            reason,
            description,
            proposal: proposing(*number, step.amount, step.target.is_multiple_of(3)),
        },
        Command::ProposeSettlement(_) => {
            Command::ProposeSettlement(proposing(*number, step.amount, step.target.is_multiple_of(3)))
        }
        Command::AcceptSettlement { .. } => {
            let other = if actor == Actor::Buyer { Side::Supplier } else { Side::Buyer };
            let proposal_id = order.proposal_of(other).map_or(ProposalId(fresh), |proposal| proposal.id);
            Command::AcceptSettlement { proposal_id }
        }
        Command::ResolveDispute { ruling, .. } => Command::ResolveDispute {
            refund: MinorUnits(step.amount),
            goods_go_back: step.target.is_multiple_of(3),
            ruling,
        },
        Command::AnswerCancelRequest { answer, .. } => {
            Command::AnswerCancelRequest { grant: step.target.is_multiple_of(2), answer }
        }
        Command::RefundOrder { .. } => Command::RefundOrder { amount: MinorUnits(step.amount) },
        Command::RequestManualRefund { .. } => Command::RequestManualRefund { refund_id: refund, operator_id },
        Command::ApproveManualRefund { .. } => Command::ApproveManualRefund { refund_id: refund, operator_id },
        Command::RejectManualRefund { reason, .. } => Command::RejectManualRefund { refund_id: refund, reason },
        Command::ConfirmManualRefund { .. } => {
            let amount = left_of(order, refund);
            Command::ConfirmManualRefund { refund_id: refund, movement: number.to_string(), amount }
        }
        Command::Chargeback { .. } => {
            let known = order.chargebacks.iter().find(|row| row.reference == reference);
            let (payment, amount) = known.map_or((payment, step.amount), |row| (row.payment_id, row.amount.0));
            let stage = match step.hours % 5 {
                0 => ChargebackStage::Opened,
                1 => ChargebackStage::Debited { movement: format!("{reference}:debited") },
                2 => ChargebackStage::Won { movement: Some(format!("{reference}:won")) },
                3 => ChargebackStage::Won { movement: None },
                _ => ChargebackStage::Lost,
            };
            chargeback(&reference, payment.0.as_u128(), amount, stage)
        }
        Command::ReversePayment { reason, .. } => Command::ReversePayment {
            chargeback_id: ChargebackId(fresh),
            payment_id: payment,
            amount: money,
            movement: number.to_string(),
            reason,
        },
        other => other,
    }
}

/// A whole installation in miniature: the order, its ledger, its timeline, and what the sending of refunds does.
struct World {
    order: Order,
    number: u128,
    at: Time,
    movements: std::collections::BTreeSet<String>,
    balances: BTreeMap<String, i64>,
    events: Vec<(String, Option<OrderStatus>)>,
}

impl World {
    fn new() -> Self {
        let mut order = order(OrderStatus::AwaitingConfirmation);
        order.payments.clear();
        order.refunds.clear();
        order.row.has_refund_account = false;
        order.row.deadline_at = Some(now() + TimeDelta::days(5));
        order.row.timer_at = order.row.deadline_at;
        let events = vec![("contract.drafted".to_owned(), None)];
        Self { order, number: 1_000, at: now(), movements: Default::default(), balances: BTreeMap::new(), events }
    }

    /// True if it was accepted.
    fn try_command(&mut self, actor: Actor, command: &Command, at: Time) -> Result<bool, TestCaseError> {
        if let Some((movement, _)) = command.movement()
            && !self.movements.insert(movement.to_owned())
        {
            return Ok(false);
        }
        if let Command::ApplyFunds { receipt, .. } = command {
            self.stray(receipt);
        }
        let before = self.order.clone();
        let decision = match decided(&before, actor, command, at) {
            Ok(decision) => decision,
            Err(rejection) => {
                if let Some((movement, _)) = command.movement() {
                    self.movements.remove(movement);
                }
                self.check_refusal(&before, command, &rejection)?;
                return Ok(false);
            }
        };
        self.check_decision(&before, command, &decision)?;
        self.post(&before, &decision);
        for event in &decision.events {
            self.events.push((event.kind().to_owned(), stated_status(event)));
        }
        self.order = after(before, decision, &mut self.number, at);
        self.check_order()?;
        Ok(true)
    }

    /// Money of nobody's, which an operator then applies.
    fn stray(&mut self, receipt: &entity::receipt::Model) {
        let name = format!("receipt{}", self.order.receipts.len());
        *self.balances.entry(name).or_default() += receipt.amount.0;
        *self.balances.entry(format!("{:?}", Account::Provider("sandbox".to_owned()))).or_default() -= receipt.amount.0;
        self.order.receipts.push(receipt.clone());
    }

    /// `Inconsistent` is a fault of ours, but for news that is early or about something of another order.
    fn check_refusal(&self, before: &Order, command: &Command, rejection: &Rejection) -> Result<(), TestCaseError> {
        let Rejection::Inconsistent(why) = rejection else { return Ok(()) };
        let early = matches!(command, Command::Chargeback { .. } | Command::ReversePayment { .. });
        let begins = matches!(command, Command::RequestDraft | Command::BuyNow { .. });
        let unknown = why.contains("another order") || *why == "nothing is due";
        prop_assert!(early || begins || unknown, "{:?} of {:?}: {}", command, before.row.status, why);
        Ok(())
    }

    fn check_decision(&self, before: &Order, command: &Command, decision: &Decision) -> Result<(), TestCaseError> {
        prop_assert!(decision.balances.is_conserved());
        prop_assert!(decision.transfers.iter().all(|transfer| transfer.amount.is_positive()));
        if before.status() != decision.status {
            let listed = TABLE.iter().any(|row| {
                row.action == command.action()
                    && row.from.contains(&before.status())
                    && row.to.contains(&decision.status)
            });
            prop_assert!(listed, "{} → {} by {}", before.status(), decision.status, command.action());
            prop_assert!(!before.status().is_end(), "{} is an end", before.status());
        }
        if before.row.is_frozen() {
            let moves = decision.transfers.iter().any(|transfer| {
                matches!(
                    (&transfer.debit, &transfer.credit),
                    (Account::Escrow, Account::Supplier | Account::Fees | Account::Refund(_))
                )
            });
            let thaws = decision.frozen_at.is_none();
            prop_assert!(!moves || thaws, "a frozen order releases and refunds nothing");
        }
        Ok(())
    }

    fn post(&mut self, order: &Order, decision: &Decision) {
        let base = (order.refunds.len(), order.receipts.len());
        let name = |account: &Account| match account {
            Account::Refund(RefundRef::Existing(id)) => {
                format!("refund{}", order.refunds.iter().position(|refund| refund.id == *id).expect("known"))
            }
            Account::Refund(RefundRef::New(index)) => format!("refund{}", base.0 + index),
            Account::Unapplied(ReceiptRef::Existing(id)) => {
                format!("receipt{}", order.receipts.iter().position(|receipt| receipt.id == *id).expect("known"))
            }
            Account::Unapplied(ReceiptRef::New(index)) => format!("receipt{}", base.1 + index),
            Account::Provider(_)
            | Account::Escrow
            | Account::Supplier
            | Account::Fees
            | Account::Chargeback(_)
            | Account::Loss => format!("{account:?}"),
        };
        for transfer in &decision.transfers {
            *self.balances.entry(name(&transfer.debit)).or_default() -= transfer.amount.0;
            *self.balances.entry(name(&transfer.credit)).or_default() += transfer.amount.0;
        }
    }

    fn check_order(&self) -> Result<(), TestCaseError> {
        let (order, row) = (&self.order, &self.order.row);
        let balance = |name: &str| self.balances.get(name).copied().unwrap_or(0);
        prop_assert_eq!(balance("Escrow"), row.held.0);
        prop_assert!(self.balances.values().sum::<i64>() == 0, "debits are credits");
        let sum = |of: fn(&payment::Model) -> i64| order.payments.iter().map(of).sum::<i64>();
        prop_assert_eq!(sum(|payment| payment.captured.0), row.captured.0);
        prop_assert_eq!(sum(|payment| payment.refunded.0), row.refunded.0);
        prop_assert_eq!(sum(|payment| payment.charged_back.0), row.charged_back.0);
        for payment in &order.payments {
            prop_assert!(
                payment.refunded.0 + payment.charged_back.0 <= payment.captured.0 && payment.charged_back.0 >= 0
            );
        }
        prop_assert!(row.captured.0 - row.charged_back.0 <= row.total.0);
        for (index, refund) in order.refunds.iter().enumerate() {
            prop_assert_eq!(balance(&format!("refund{index}")), refund.balance.0);
            let empty = matches!(refund.status, RefundStatus::Succeeded | RefundStatus::ChargedBack);
            prop_assert_eq!(empty, refund.balance.is_zero(), "{:?}", refund);
        }
        for (index, receipt) in order.receipts.iter().enumerate() {
            prop_assert_eq!(balance(&format!("receipt{index}")), receipt.left().0);
        }
        for chargeback in &order.chargebacks {
            let expected = i64::from(chargeback.status != ChargebackStatus::Won) - i64::from(chargeback.debited)
                + i64::from(chargeback.returned);
            prop_assert_eq!(
                balance(&format!("{:?}", Account::Chargeback(chargeback.id))),
                expected * chargeback.amount.0
            );
        }
        self.check_clocks()?;
        self.check_timeline()
    }

    fn check_clocks(&self) -> Result<(), TestCaseError> {
        let row = &self.order.row;
        if row.status.is_end() {
            prop_assert!(row.held.is_zero() && row.deadline_at.is_none() && row.paused_status.is_none());
        } else {
            // An alarm that was raised is the only thing without a further clock.
            prop_assert!(row.deadline_at.is_some() || row.status == OrderStatus::Disputed, "{:?}", row);
        }
        let quarrels =
            matches!(row.status, OrderStatus::CancelRequested | OrderStatus::Disputed | OrderStatus::ReturnPending);
        prop_assert_eq!(row.paused_status.is_some(), quarrels);
        prop_assert_eq!(row.paused_status.is_some(), row.paused_at.is_some());
        prop_assert!(row.timer_at.is_none() || !row.is_frozen());
        prop_assert!(row.disputes <= 2);
        let open = self.order.has_open_chargeback();
        prop_assert!(row.is_frozen() == (open || row.frozen_by_operator));
        if matches!(row.status, OrderStatus::Funded | OrderStatus::Shipped) || quarrels {
            prop_assert!(row.held.is_positive() || row.is_frozen(), "{:?}", row);
        }
        Ok(())
    }

    /// The status follows from the events alone.
    fn check_timeline(&self) -> Result<(), TestCaseError> {
        let (mut status, mut frozen) = (None, false);
        for (kind, stated) in &self.events {
            match status_after(kind) {
                StatusAfter::Is(next) => status = Some(next),
                StatusAfter::AsStated => status = *stated,
                StatusAfter::Same => {}
                StatusAfter::Freezes => frozen = true,
                StatusAfter::Thaws => frozen = false,
            }
        }
        prop_assert_eq!(status, Some(self.order.status()), "{:?}", self.events);
        prop_assert_eq!(frozen, self.order.row.is_frozen(), "{:?}", self.events);
        Ok(())
    }

    /// What the job does with refunds that may be sent: it writes that down, and asks.
    fn send_refunds(&mut self) -> Result<(), TestCaseError> {
        for index in 0..self.order.refunds.len() {
            let refund = &self.order.refunds[index];
            if refund.status != RefundStatus::Requested || refund.started_at.is_some() {
                continue;
            }
            let refund_id = refund.id;
            match may_send(&self.order, refund) {
                Sending::Now => self.order.refunds[index].started_at = Some(self.at),
                Sending::Waits => {}
                Sending::Never => {
                    self.number += 1;
                    let (movement, reason) = (self.number.to_string(), "more than was paid".to_owned());
                    let fail = Command::FailRefund { refund_id, amount: five(), movement, reason, confirmed: false };
                    prop_assert!(self.try_command(Actor::Provider, &fail, self.at)?);
                }
            }
        }
        // Never more is on its way, with what chargebacks take, than what was paid.
        for payment in &self.order.payments {
            let mine = |refund: &&refund::Model| refund.payment_id == Some(payment.id);
            let out = |refund: &&refund::Model| {
                matches!(refund.status, RefundStatus::Pending | RefundStatus::Succeeded)
                    || (refund.status == RefundStatus::Requested && refund.started_at.is_some())
            };
            let sent: i64 = self
                .order
                .refunds
                .iter()
                .filter(mine)
                .filter(out)
                .map(|refund| refund.amount.0 - refund.charged_back.0)
                .sum();
            let receipts = self.order.receipts.iter().filter(|receipt| {
                receipt.payment_id == Some(payment.id) && receipt.reason != ReceiptReason::ChargebackWon
            });
            let brought: i64 = payment.captured.0 + receipts.map(|receipt| receipt.amount.0).sum::<i64>();
            prop_assert!(sent <= brought, "{} sent of {}", sent, brought);
        }
        Ok(())
    }
}

fn stated_status(event: &Event) -> Option<OrderStatus> {
    if let Event::CancelRequestWithdrawn { status, .. }
    | Event::CancelRequestRefused { status, .. }
    | Event::DisputeWithdrawn { status, .. } = event
    {
        return Some(*status);
    }
    None
}

fn live(steps: Vec<Step>, seen: &Seen) -> Result<(), TestCaseError> {
    let mut world = World::new();
    for step in steps {
        world.at += TimeDelta::hours(step.hours);
        while let Some(timer) = world.order.row.timer_at.filter(|timer| *timer <= world.at) {
            let before = world.order.status();
            let passed = world.try_command(Actor::Timer, &Command::PassDeadline, timer)?;
            prop_assert!(passed, "a clock that can't be passed: {:?}", world.order.row);
            seen.borrow_mut().insert((Action::PassDeadline, before, world.order.status()));
        }
        let actor = ACTORS[step.actor];
        let command = aimed(&step, &world.order, actor, &mut world.number);
        if command == Command::PassDeadline {
            continue;
        }
        let before = world.order.status();
        if world.try_command(actor, &command, world.at)? {
            seen.borrow_mut().insert((command.action(), before, world.order.status()));
        }
        world.send_refunds()?;
    }
    Ok(())
}

/// Every transition that has happened.
type Seen = std::cell::RefCell<std::collections::BTreeSet<(Action, OrderStatus, OrderStatus)>>;

/// Half of the lives begin where most can happen: paid, and shipped or not; there actors do what is theirs to do, or
/// most steps would be refused.
fn life() -> impl Strategy<Value = Vec<Step>> {
    let first = |actor, wanted, amount| Step { actor, action: action(wanted), amount, target: 0, hours: 1 };
    (0..8, steps()).prop_map(move |(kind, steps)| {
        if kind == 0 {
            return steps;
        }
        let mut life = vec![first(0, Action::ConfirmOrder, 1)];
        if kind > 1 {
            life.extend([first(0, Action::PayOrder, 1), first(3, Action::CapturePayment, PRICE)]);
        }
        if kind > 2 {
            life.push(first(1, Action::ShipOrder, 1));
        }
        if kind == 6 {
            // Part of the money came and was charged back; the rest came too; the bank gives the first part back.
            let mut part = vec![first(0, Action::ConfirmOrder, 1), first(0, Action::PayOrder, 1)];
            part.push(first(3, Action::CapturePayment, 5_000));
            part.push(Step { hours: 0, ..first(3, Action::Chargeback, 5_000) });
            part.push(first(3, Action::CapturePayment, PRICE - 5_000));
            part.push(Step { hours: 2, ..first(3, Action::Chargeback, 5_000) });
            part.extend(steps);
            return part;
        }
        if kind == 7 {
            // In the operator's hands.
            life.extend([first(0, Action::OpenDispute, 6_400), first(1, Action::ProposeSettlement, 1)]);
            life.push(Step { hours: 24 * 5, ..first(0, Action::EscalateDispute, 1) });
        } else if kind > 4 {
            // Settled, and the goods go back.
            life.extend([first(0, Action::OpenDispute, 6_400), first(1, Action::AcceptSettlement, 1)]);
        }
        life.extend(steps.into_iter().map(|step| Step { actor: whose(step.action, step.actor), ..step }));
        life
    })
}

/// 14,000 lives keep every promise; and, so that this means something, between them everything happens that the table lists.
#[test]
fn in_any_order_of_things_the_promises_hold() {
    let config = ProptestConfig { cases: 14_000, failure_persistence: None, ..ProptestConfig::default() };
    let rng = proptest::test_runner::TestRng::deterministic_rng(config.rng_algorithm);
    let mut runner = proptest::test_runner::TestRunner::new_with_rng(config, rng);
    let seen = Seen::default();
    if let Err(error) = runner.run(&life(), |steps| live(steps, &seen)) {
        panic!("{error}");
    }
    let seen = seen.into_inner();
    let listed = TABLE.iter().flat_map(|row| {
        let to = move |from: OrderStatus| if row.to.is_empty() { vec![from] } else { row.to.to_vec() };
        row.from.iter().flat_map(move |from| to(*from).into_iter().map(move |to| (row.action, *from, to)))
    });
    let never: Vec<_> = listed.filter(|transition| !seen.contains(transition)).collect();
    // Nothing of an order's money is heard before it can be paid.
    let before_payment = |from| matches!(from, OrderStatus::DraftRequested | OrderStatus::AwaitingConfirmation);
    // Paying by hand is the same in every status: once is enough.
    let anywhere =
        |action: Action| seen.iter().any(|(seen, _, _)| *seen == action) && action.name().ends_with("ManualRefund");
    let never: Vec<_> =
        never.into_iter().filter(|(action, from, _)| !before_payment(*from) && !anywhere(*action)).collect();
    assert!(never.is_empty(), "these never happened: {never:#?}");
}

fn action(wanted: Action) -> usize {
    Action::ALL.iter().position(|action| *action == wanted).expect("listed")
}

fn whose(action: usize, actor: usize) -> usize {
    let by: Vec<usize> = (0..ACTORS.len())
        .filter(|index| TABLE.iter().any(|row| row.action == Action::ALL[action] && row.by.contains(&ACTORS[*index])))
        .collect();
    by[actor % by.len()]
}
