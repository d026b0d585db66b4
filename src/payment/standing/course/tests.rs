use entity::{Currency, MinorUnits, PaymentId, StandingId};
use uuid::Uuid;

use super::*;

/// `+a@3`: it went through under the id `a` on the third; `-a`: it failed, and nobody says when.
fn history(text: &str) -> Vec<Model> {
    let row = |(index, word): (usize, &str)| {
        let (what, day) = word.split_once('@').unwrap_or((word, ""));
        let stated_at = if day.is_empty() { String::new() } else { format!("2026-07-{day:0>2}T10:00:00+00:00") };
        Model {
            id: StandingId(Uuid::from_u128(u128::try_from(index).expect("few"))),
            payment_id: PaymentId(Uuid::nil()),
            refund_id: None,
            stands: if what.starts_with('+') { Stands::Good } else { Stands::Failed },
            reference: what[1..].to_owned(),
            original: String::new(),
            stated_at,
            movement: word.to_owned(),
            amount: MinorUnits(100),
            currency: Currency::USD,
            restore_by: None,
            reason: String::new(),
            created_at: "2026-07-01T10:00:00Z".parse().expect("a time"),
        }
    };
    text.split_whitespace().enumerate().map(row).collect()
}

#[test]
fn a_capture_is_where_the_last_word_leaves_it() {
    for (text, expected) in [
        ("", "here"),
        ("+c@1", "here"),
        ("-c@1", "-c@1"),
        ("-c@1 +c@2", "+c@2"),
        ("-c@1 +d@2", "+d@2"),
        // As it happened, not as we heard of it.
        ("+c@2 -c@1", "+c@2"),
        ("-c@2 +c@1", "-c@2"),
        // Failed again while it was away: nothing more is taken.
        ("-c@1 -d@2", "-c@1"),
        ("-c@1 -d@2 +e@3", "+e@3"),
        ("-c@1 +c@2 -c@3", "-c@3"),
        ("-c@1 +c@2 -c@3 +c@4", "+c@4"),
        // Nobody says when: as we heard of it.
        ("-c +c", "+c"),
        ("+c -c", "-c"),
        ("-c@5 +c", "+c"),
    ] {
        let rows = history(text);
        let found = match of_capture(rows.iter()) {
            Captured::Here => "here",
            Captured::Away(row) | Captured::Back(row) => &row.movement,
        };
        assert_eq!(found, expected, "{text}");
    }
}

#[test]
fn what_brings_another_amount_mends_nothing() {
    let mut rows = history("-c@1 +c@2");
    rows[1].amount = MinorUnits(99);
    assert!(matches!(of_capture(rows.iter()), Captured::Away(_)));
}

#[test]
fn a_refund_is_out_as_often_as_its_attempts_are() {
    for (text, out) in [
        ("+r@1", 1),
        ("+r@1 -r@2", 0),
        ("-r@2 +r@1", 0),
        ("+r@1 -r@2 +r@3", 1),
        ("+r@3 -r@2 +r@1", 1),
        ("+r@1 -r@2 +s@3", 1),
        ("+r@1 +s@3 -r@2", 1),
        ("+r@1 -r@2 +s@3 +r@4", 2),
        ("+r@1 -r@2 +r@3 -r@4", 0),
        // On one day, or on none: sent first.
        ("-r@1 +r@1", 0),
        ("-r +r", 0),
        ("-r@1 +r@1 +s@1", 1),
        ("-r", 0),
    ] {
        let rows = history(text);
        let found = attempts(&rows).iter().filter(|attempt| attempt.is_out).count();
        assert_eq!(found, out, "{text}");
    }
}
