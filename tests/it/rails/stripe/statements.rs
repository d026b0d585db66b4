//! What Stripe says that it has booked, against what we have.

use std::collections::BTreeSet;

use chrono::DateTime;
use entity::refund::RefundStatus;
use entity::transfer;
use provider::LineKind;
use sea_orm::EntityTrait;
use serde_json::{Value, json};

use super::{books, funded, provider, rail, refunding};
use crate::support::purchase::text;
use crate::support::rail::Claim;
use crate::support::trouble::refund;
use crate::support::{TestApp, on_each_database};

on_each_database!(statements_name_movements_as_our_books_do);

async fn statements_name_movements_as_our_books_do(app: &TestApp) {
    let (rail, stripe) = rail(app).await;
    let (order, payment) = funded(&rail).await;
    let row = refunding(&rail, &order).await;
    rail.fake.settle_refund(&row.reference).await;
    // The sum is heard of before the refund itself: it has to be booked under the same name.
    stripe.books().events.reverse();
    rail.deliver().await;
    rail.fake.fail_refund(&row.reference).await;
    rail.deliver().await;
    assert_eq!(refund(app, &order).await.status, RefundStatus::ActionRequired);
    let (_second, disputed) = funded(&rail).await;
    for claim in [Claim::Open, Claim::Debit, Claim::Win] {
        rail.fake.claim(&disputed.reference, claim).await;
    }
    rail.deliver().await;
    let payout = stripe.books().move_money("payout", -5_000, 0, &json!("po_1"));
    let fee = stripe.books().move_money("stripe_fee", -200, 0, &Value::Null);
    let top_up = stripe.books().move_money("topup", 700, 0, &json!("tu_1"));

    let day = DateTime::from_timestamp(books::OPENING, 0).expect("in range").date_naive();
    let provider = provider(&rail);
    let empty = provider.statements(day.succ_opt().expect("a day")).await.expect("an answer");
    assert_eq!(empty.map(|statements| statements.len()), Some(0), "nothing on the day after");
    let statements = provider.statements(day).await.expect("an answer").expect("Stripe can be asked");
    assert_eq!(
        statements.iter().map(|statement| (statement.currency.code(), statement.day)).collect::<Vec<_>>(),
        [("EUR", day)]
    );
    let lines = &statements[0].lines;

    let mut unknown = BTreeSet::new();
    let booked = transfer::Entity::find().all(&rail.app.db.read).await.expect("reads");
    let mut known: BTreeSet<(String, i64)> =
        booked.iter().filter_map(|row| Some((row.movement.clone()?, row.amount.0))).collect();
    for line in lines {
        let kind = match line.kind {
            LineKind::Capture => "capture",
            LineKind::Refund => "refund",
            LineKind::RefundReturned => "refund_failed",
            LineKind::Chargeback => "chargeback",
            LineKind::ChargebackWon => "chargeback_won",
            LineKind::Payout | LineKind::PayoutReturned | LineKind::Reversal | LineKind::Foreign => panic!("{line:?}"),
            LineKind::Fee | LineKind::OtherCredit | LineKind::OtherDebit => {
                unknown.insert((line.kind, line.amount.amount.0, line.movement.clone()));
                continue;
            }
        };
        let key = (format!("stripe:{kind}:{}", line.movement), line.amount.amount.0);
        assert!(known.remove(&key), "not in our books, or twice on the statement: {line:?}");
    }
    assert_eq!(known, BTreeSet::new(), "in our books, but not on the statement");
    let fees: Vec<_> = unknown.iter().map(|(kind, amount, _)| (*kind, *amount)).collect();
    assert_eq!(
        fees,
        [
            (LineKind::Fee, 65),
            (LineKind::Fee, 65),
            (LineKind::Fee, 200),
            (LineKind::Fee, 1_500),
            (LineKind::OtherCredit, 700),
            (LineKind::OtherDebit, 5_000)
        ]
    );
    for (kind, amount, of) in
        [(LineKind::OtherDebit, 5_000, &payout), (LineKind::Fee, 200, &fee), (LineKind::OtherCredit, 700, &top_up)]
    {
        assert!(unknown.contains(&(kind, amount, text(&of["id"]))), "{unknown:?}");
    }
    let captures = lines.iter().filter(|line| line.kind == LineKind::Capture).map(|line| line.reference.clone());
    let both = BTreeSet::from([Some(payment.reference), Some(disputed.reference)]);
    assert_eq!(captures.collect::<BTreeSet<_>>(), both);
}
