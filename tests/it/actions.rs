//! What `availableActions` says, and what really happens: the same, in both directions, for everybody, in every situation.

use escrow::{Action, Actor, table};
use secure_payment::party::demo;
use serde_json::{Value, json};

use crate::support::bench::Situation::*;
use crate::support::bench::{Bench, Situation, by_people};
use crate::support::{TestApp, on_each_database};

on_each_database!(
    what_is_listed_is_what_happens_before_anything_is_shipped,
    what_is_listed_is_what_happens_after_shipping,
    what_is_listed_is_what_happens_in_a_dispute,
    what_is_listed_is_what_happens_at_the_end,
    what_is_listed_is_what_happens_to_frozen_orders,
    what_is_listed_is_what_happens_to_refunds,
    what_is_listed_is_what_happens_to_money_set_aside,
    storefronts_and_strangers_can_do_nothing,
    a_refund_is_paid_by_hand_to_the_account_that_was_approved,
);

const PEOPLE: [(&str, Actor); 4] = [
    (demo::BUYER, Actor::Buyer),
    (demo::SUPPLIER, Actor::Supplier),
    (demo::OPERATOR, Actor::Operator),
    (demo::SECOND_OPERATOR, Actor::Operator),
];

impl Bench<'_> {
    /// Both directions, for everybody: first what must be refused, on one order that must stay as it is; then what must be
    /// done, each on a fresh one.
    async fn check(&self, situation: Situation) {
        // The two operators differ only in what one alone may not do.
        let people = if matches!(situation, RefundToApprove | RefundByHand) { &PEOPLE[..] } else { &PEOPLE[..3] };
        for (token, actor) in people.iter().copied() {
            let probe = self.order(situation).await;
            self.app.drain().await;
            let listed = self.listed(token, &probe).await;
            let row = |action| listed.iter().find(|(known, _, _)| *known == action);
            for action in Action::ALL.iter().copied().filter(|action| by_people(*action)) {
                let case = format!("{situation:?} × {action} × {token}");
                assert_eq!(row(action).is_some(), table::concerns(action, actor), "{case}");
                match row(action) {
                    Some((_, true, _)) => continue,
                    Some((_, false, row)) => {
                        assert!(row["reason"].is_string() && row["consequence"].is_null(), "{case}: {row}");
                    }
                    None => {}
                }
                self.refused(token, action, &probe, &case).await;
            }
            for (action, _, row) in listed.iter().filter(|(_, available, _)| *available) {
                let case = format!("{situation:?} × {action} × {token}: {row}");
                assert!(row["consequence"].is_string() && row["reason"].is_null(), "{case}");
                let fresh = self.order(situation).await;
                let input = self.input(*action, token, &fresh).await;
                assert_eq!(self.try_mutation(token, action.name(), input).await, None, "{case}");
            }
        }
    }

    /// It changes nothing, and says why.
    async fn refused(&self, token: &str, action: Action, id: &str, case: &str) {
        let before = self.version(id).await;
        let input = self.input(action, token, id).await;
        let code = self.try_mutation(token, action.name(), input).await.unwrap_or_else(|| panic!("{case} was done"));
        let known = [
            "INVALID_TRANSITION",
            "NOT_PERMITTED",
            "ORDER_FROZEN",
            "ALREADY_EXISTS",
            "PAYEE_DETAILS_REQUIRED",
            "NOT_FOUND",
        ];
        assert!(known.contains(&code.as_str()), "{case}: {code}");
        assert_eq!(self.version(id).await, before, "{case}");
    }
}

async fn check_all(app: &TestApp, situations: &[Situation]) {
    let bench = Bench::on(app);
    for situation in situations {
        bench.check(*situation).await;
    }
}

async fn what_is_listed_is_what_happens_before_anything_is_shipped(app: &TestApp) {
    let before = [DraftRequested, AwaitingConfirmation, AwaitingPayment, Funded, Overdue, CancelRequestedUnshipped];
    check_all(app, &before).await;
}

async fn what_is_listed_is_what_happens_after_shipping(app: &TestApp) {
    check_all(app, &[Shipped, CancelRequested, CancelRefused, WithdrawnTwice]).await;
}

async fn what_is_listed_is_what_happens_in_a_dispute(app: &TestApp) {
    check_all(app, &[Disputed, Answered, DayFour, Escalated, ReturnPending, ReturnShipped]).await;
}

async fn what_is_listed_is_what_happens_at_the_end(app: &TestApp) {
    check_all(app, &[Completed, Rated, RatedTwiceAndAnswered, Cancelled, Refunded]).await;
}

async fn what_is_listed_is_what_happens_to_frozen_orders(app: &TestApp) {
    check_all(app, &[Frozen, FrozenDispute, ChargebackOpen, ChargebackOfACompletedOrder]).await;
}

async fn what_is_listed_is_what_happens_to_refunds(app: &TestApp) {
    check_all(app, &[RefundNeedsAction, RefundWithAccount, RefundToApprove, RefundByHand]).await;
}

async fn what_is_listed_is_what_happens_to_money_set_aside(app: &TestApp) {
    check_all(app, &[PaymentOpened, FundsSetAside, RefundShort, TransferShort]).await;
}

async fn a_refund_is_paid_by_hand_to_the_account_that_was_approved(app: &TestApp) {
    let bench = Bench::on(app);
    let id = bench.order(RefundByHand).await;
    let query = "query($id: ID!) { order(id: $id) { refunds { payTo { iban } } } }";
    let pay_to = async |token| {
        let data = app.data(token, query, json!({ "id": id })).await;
        data["order"]["refunds"][0]["payTo"].clone()
    };
    let approved = json!({ "iban": "DE89370400440532013000" });
    assert_eq!(pay_to(demo::OPERATOR).await, approved);
    let other = json!({ "account": { "accountHolder": "Mallory", "country": "DE", "iban": "DE02120300000000202051" } });
    bench.then(&id, demo::BUYER, "provideRefundAccount", other).await;
    assert_eq!(pay_to(demo::SECOND_OPERATOR).await, approved, "nobody has approved the other one");
    for token in [demo::BUYER, demo::SUPPLIER, demo::STOREFRONT] {
        assert_eq!(pay_to(token).await, Value::Null, "{token}");
    }
}

async fn storefronts_and_strangers_can_do_nothing(app: &TestApp) {
    let bench = Bench::on(app);
    let id = bench.order(ReturnShipped).await;
    assert_eq!(bench.listed(demo::STOREFRONT, &id).await.len(), 0);
    for action in Action::ALL.iter().copied().filter(|action| by_people(*action)) {
        let input = bench.input(action, demo::BUYER, &id).await;
        let refused = bench.try_mutation(demo::STOREFRONT, action.name(), input.clone()).await;
        assert_eq!(refused.as_deref(), Some("NOT_PERMITTED"), "{action}");
        let kind = format!("{}{}Input", action.name()[..1].to_uppercase(), &action.name()[1..]);
        let name = action.name();
        let query = format!("mutation($input: {kind}!) {{ {name}(input: $input) {{ errors {{ code }} }} }}");
        let answer = app.graphql(None, &query, json!({ "input": input })).await;
        assert_eq!(answer["errors"][0]["extensions"]["code"], "UNAUTHENTICATED", "{action}: {answer:#}");
    }
}
