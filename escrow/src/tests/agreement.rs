//! The contract and the feedback.

use super::*;

#[test]
fn a_stale_contract_version_is_refused_with_the_current_one() {
    let result = decided(
        &order(OrderStatus::AwaitingConfirmation),
        Actor::Buyer,
        &Command::ConfirmOrder { contract_version: 2 },
        now(),
    );
    assert_eq!(result, Err(Rejection::StaleContract { current: 1 }));
}

#[test]
fn feedback_is_left_and_revised_once_and_within_thirty_days() {
    let mut done = order(OrderStatus::Completed);
    let leave = command(Action::LeaveFeedback);
    let first = decided(&done, Actor::Buyer, &leave, now() + TimeDelta::days(29)).expect("accepted");
    assert!(matches!(
        decided(&done, Actor::Buyer, &leave, now() + TimeDelta::days(30)),
        Err(Rejection::InvalidTransition { .. })
    ));
    done.feedback = first.feedback;
    let revised = decided(&done, Actor::Buyer, &leave, now()).expect("accepted");
    assert_eq!(revised.feedback.as_ref().map(|row| row.revision), Some(2));
    assert!(matches!(revised.events[0], Event::FeedbackRevised { .. }));
    done.feedback = revised.feedback;
    assert_eq!(decided(&done, Actor::Buyer, &leave, now()), Err(Rejection::FeedbackExists));
    let reply = command(Action::ReplyToFeedback);
    done.feedback = decided(&done, Actor::Supplier, &reply, now()).expect("accepted").feedback;
    assert!(decided(&done, Actor::Supplier, &reply, now()).is_err(), "one answer");
}
