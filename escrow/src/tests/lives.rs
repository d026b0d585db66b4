//! Random lives of orders: buyer, supplier, operators, provider and clock in any order.

mod aim;
mod world;

use proptest::prelude::*;

use super::*;
use aim::{Step, aimed};
use world::World;

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let hours = prop_oneof![4 => 0_i64..30, 1 => 0_i64..1_000];
    let step = (0..ACTORS.len(), 0..Action::ALL.len(), 1_i64..20_000, 0_usize..8, hours)
        .prop_map(|(actor, action, amount, target, hours)| Step { actor, action, amount, target, hours });
    proptest::collection::vec(step, 1..120)
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
            if let Command::CapturePayment { payment_id, .. } = command {
                world.book_what_waited(payment_id)?;
            }
        }
        world.send_refunds()?;
    }
    Ok(())
}

/// Every transition that has happened.
type Seen = std::cell::RefCell<std::collections::BTreeSet<(Action, OrderStatus, OrderStatus)>>;

/// Half of the lives begin where most can happen: paid, and shipped or not; there actors do what is theirs to do, or
/// most steps would be refused.
#[expect(clippy::too_many_lines, reason = "one beginning after the other, each by its steps")]
fn life() -> impl Strategy<Value = Vec<Step>> {
    let first = |actor, wanted, amount| Step { actor, action: action(wanted), amount, target: 0, hours: 1 };
    (0..34, steps()).prop_map(move |(kind, steps)| {
        // The rarest ones have fewer lives.
        let kind = if kind < 24 { kind % 8 } else { kind - 16 };
        if kind == 0 {
            return steps;
        }
        let mut life = vec![first(0, Action::ConfirmOrder, 1)];
        if kind > 1 {
            life.extend([first(0, Action::PayOrder, 1), first(3, Action::CapturePayment, PRICE)]);
        }
        if kind == 11 {
            // Disputed, because nothing was shipped in time; and then the payment could not be collected.
            life.push(Step { hours: 24 * 20, target: 1, ..first(0, Action::OpenDispute, 6_400) });
            life.push(Step { hours: 0, target: 2, ..first(3, Action::Chargeback, PRICE) });
            life.push(Step { hours: 4, target: 2, ..first(3, Action::Chargeback, PRICE) });
            life.extend(steps);
            return life;
        }
        if kind == 15 {
            // The same by the provider's word.
            life.push(first(0, Action::CancelRequest, 1));
            life.push(Step { hours: 0, target: 2, ..first(3, Action::Chargeback, PRICE) });
            life.push(Step { hours: 4, target: 2, ..first(3, Action::Chargeback, PRICE) });
            life.extend(steps);
            return life;
        }
        if kind == 16 {
            // All of it is charged back, and two operators give it up.
            life.push(Step { hours: 0, ..first(3, Action::Chargeback, PRICE) });
            life.push(Step { target: 1, ..first(2, Action::DecideChargeback, 1) });
            life.push(first(2, Action::DecideChargeback, 1));
            life.extend(steps);
            return life;
        }
        if kind == 17 {
            // An operator froze it; then all that had come was charged back.
            let mut frozen = vec![first(0, Action::ConfirmOrder, 1), first(0, Action::PayOrder, 1)];
            frozen.extend([first(3, Action::CapturePayment, 5_000), first(2, Action::FreezeOrder, 1)]);
            frozen.push(Step { hours: 0, ..first(3, Action::Chargeback, 5_000) });
            frozen.push(Step { hours: 4, ..first(3, Action::Chargeback, 5_000) });
            frozen.push(first(2, Action::UnfreezeOrder, 1));
            frozen.extend(steps);
            return frozen;
        }
        if kind > 12 {
            // The payment could not be collected while the two sides were at odds; two operators give it up.
            life.push(if kind == 13 {
                first(0, Action::CancelRequest, 1)
            } else {
                Step { hours: 24 * 20, target: 1, ..first(0, Action::OpenDispute, 6_400) }
            });
            life.push(Step { hours: 0, target: 2, ..first(3, Action::Chargeback, PRICE) });
            life.push(Step { target: 1, ..first(2, Action::DecideChargeback, 1) });
            life.push(first(2, Action::DecideChargeback, 1));
            life.extend(steps);
            return life;
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
        if kind == 8 {
            // Part of the money came and was charged back, and two operators give it up.
            let mut part = vec![first(0, Action::ConfirmOrder, 1), first(0, Action::PayOrder, 1)];
            part.push(first(3, Action::CapturePayment, 5_000));
            part.push(Step { hours: 0, ..first(3, Action::Chargeback, 5_000) });
            part.push(Step { target: 1, ..first(2, Action::DecideChargeback, 1) });
            part.push(first(2, Action::DecideChargeback, 1));
            part.extend(steps);
            return part;
        }
        if kind == 10 {
            // Won once the rest is here.
            let mut part = vec![first(0, Action::ConfirmOrder, 1), first(0, Action::PayOrder, 1)];
            part.push(first(3, Action::CapturePayment, 5_000));
            part.push(Step { hours: 0, ..first(3, Action::Chargeback, 5_000) });
            part.push(first(3, Action::CapturePayment, PRICE - 5_000));
            part.push(first(2, Action::DecideChargeback, 1));
            part.push(Step { target: 1, ..first(2, Action::DecideChargeback, 1) });
            part.extend(steps);
            return part;
        }
        if kind == 12 {
            // Of a bank transfer a little is missing.
            let mut short = vec![first(0, Action::ConfirmOrder, 1)];
            short.push(Step { target: 1, ..first(0, Action::PayOrder, 1) });
            short.extend([first(3, Action::CapturePayment, PRICE - 100), first(2, Action::AcceptShortfall, 1)]);
            short.extend(steps);
            return short;
        }
        if kind == 9 {
            life.push(first(0, Action::CancelRequest, 1));
            life.push(Step { hours: 0, ..first(3, Action::Chargeback, PRICE) });
            life.push(Step { hours: 4, target: 2, ..first(3, Action::Chargeback, PRICE) });
        } else if kind == 7 {
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

/// 20,000 lives keep every promise; and, so that this means something, between them everything happens that the table lists.
#[test]
fn in_any_order_of_things_the_promises_hold() {
    let config = ProptestConfig { cases: 20_000, failure_persistence: None, ..ProptestConfig::default() };
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
    // What is done about refunds and payments that wait is the same in every status: once is enough.
    let is_same = |action: Action| {
        let others = [Action::RetryRefund, Action::BearRefundCharge, Action::ClosePayment];
        action.name().ends_with("ManualRefund") || others.contains(&action)
    };
    let anywhere = |action: Action| seen.iter().any(|(seen, _, _)| *seen == action) && is_same(action);
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
