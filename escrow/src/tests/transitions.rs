//! Every status × command × actor does what the table says.

use super::*;

#[test]
fn every_status_command_and_actor_does_what_the_table_says() {
    let mut accepted = 0;
    for status in OrderStatus::all() {
        for action in Action::ALL {
            for actor in ACTORS {
                let mut order = order(status);
                let of = (OrderId(Uuid::nil()), PaymentId(Uuid::from_u128(2)));
                order.receipts = vec![set_aside(30, 700, Some(of))];
                let mut command = command(*action);
                if let (Command::AcceptSettlement { proposal_id }, Actor::Supplier) = (&mut command, actor) {
                    *proposal_id = ProposalId(Uuid::from_u128(11));
                }
                let row = TABLE
                    .iter()
                    .find(|row| row.action == *action && row.from.contains(&status) && row.by.contains(&actor));
                let result = decided(&order, actor, &command, now());
                let case = format!("{status} × {action} × {actor}: {result:?}");
                let of_no_payment =
                    matches!(action, Action::Chargeback | Action::ReversePayment) && order.payments.len() == 1;
                match (row, &result) {
                    // The order above has none that brought money.
                    (Some(_), Err(Rejection::Inconsistent(_))) if of_no_payment => {}
                    (Some(row), Err(Rejection::InvalidTransition { because: Some(because), .. })) => {
                        assert!(row.when.iter().any(|condition| condition.words() == *because), "{case}");
                    }
                    (Some(row), Ok(decision)) => {
                        let may: Vec<OrderStatus> = TABLE
                            .iter()
                            .filter(|other| other.action == row.action && other.from.contains(&status))
                            .flat_map(|other| other.to.iter().copied())
                            .collect();
                        assert!(decision.status == status || may.contains(&decision.status), "{case}");
                        assert!(decision.balances.is_conserved(), "{case}");
                        accepted += 1;
                    }
                    (Some(_), Err(_)) => panic!("{case}"),
                    (None, result) => {
                        let refused =
                            matches!(result, Err(Rejection::InvalidTransition { .. } | Rejection::NotPermitted { .. }));
                        assert!(refused, "{case}");
                    }
                }
            }
        }
    }
    assert!(accepted > 120, "only {accepted} combinations were accepted");
}

#[test]
fn what_is_listed_as_allowed_is_accepted() {
    for status in OrderStatus::all() {
        for actor in [Actor::Buyer, Actor::Supplier, Actor::Operator] {
            let order = order(status);
            let Err(Rejection::InvalidTransition { allowed, .. }) =
                decided(&order, actor, &command(Action::ConfirmReceived), now())
            else {
                continue;
            };
            for action in allowed {
                let mut command = command(action);
                if let (Command::AcceptSettlement { proposal_id }, Actor::Supplier) = (&mut command, actor) {
                    *proposal_id = ProposalId(Uuid::from_u128(11));
                }
                assert!(decided(&order, actor, &command, now()).is_ok(), "{status} {actor} {action}");
            }
        }
    }
}

#[test]
fn the_diagram_in_the_readme_is_the_tables() {
    let readme = include_str!("../../../README.md");
    let diagram = table::diagram();
    assert!(readme.contains(&diagram), "README.md must contain:\n```mermaid\n{diagram}\n```");
}

#[test]
fn every_status_is_in_the_table() {
    for status in OrderStatus::all() {
        assert!(TABLE.iter().any(|row| row.from.contains(&status)), "no row begins at {status}");
        assert!(TABLE.iter().any(|row| row.to.contains(&status)), "no row leads to {status}");
        let anywhere = TABLE.iter().filter(|row| row.action == Action::ProvideRefundAccount);
        assert!(anywhere.flat_map(|row| row.from).any(|from| *from == status), "ANY lacks {status}");
    }
}
