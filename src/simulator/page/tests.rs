use chrono::{DateTime, TimeDelta};
use entity::payment::PaymentMethod;
use entity::sandbox_movement::MovementKind;
use entity::{MinorUnits, SandboxMovementId};
use sea_orm::{ActiveEnum, Iterable};

use super::*;
use crate::simulator::play::{Decision, Form, Problem};

fn with_status(method: &str, status: MovementStatus) -> Model {
    Model { status, ..movement_for_tests(method) }
}

fn shown(payment: &Model, behind: &[Model], refused: Option<(&Form, &Problem)>) -> String {
    super::payment(&Shown { payment, behind, now: DateTime::UNIX_EPOCH, refused }).expect("a page")
}

fn besides(kind: MovementKind, id: u128, amount: i64) -> Model {
    Model {
        id: SandboxMovementId(uuid::Uuid::from_u128(id)),
        kind,
        status: MovementStatus::Succeeded,
        amount: MinorUnits(amount),
        description: "<script>alert('2')</script>".to_owned(),
        updated_at: DateTime::UNIX_EPOCH + TimeDelta::seconds(1),
        ..movement_for_tests("BANK_TRANSFER")
    }
}

fn offered(html: &str) -> Vec<&'static str> {
    ["approve", "approve_later", "decline", "settle", "expire", "transfer", "bounce"]
        .into_iter()
        .filter(|decision| html.contains(&format!("value=\"{decision}\"")))
        .collect()
}

#[test]
fn the_bank_offers_every_method() {
    for method in PaymentMethod::iter() {
        assert!(method_label(&method.to_value()).is_some(), "{method:?}");
    }
}

#[test]
fn what_comes_from_outside_is_escaped() {
    let typed = Form {
        decision: Decision::Transfer,
        amount: Some("\"><script>".to_owned()),
        reference: Some("\"><script>".to_owned()),
        seen: None,
    };
    let problem = Problem { field: Some("amount"), words: "“<script>” can't be sent".to_owned() };
    for method in ["VISA", "BANK_TRANSFER", "WESTERN_UNION", "<script>"] {
        let behind = [besides(MovementKind::Unmatched, 8, 1), besides(MovementKind::Reversal, 9, 1)];
        let html = shown(&movement_for_tests(method), &behind, Some((&typed, &problem)));
        assert!(!html.contains("<script"), "{html}");
        assert!(html.contains("Order &lt;script&gt;alert(&#39;1&#39;)&lt;/script&gt; &amp; &quot;co&quot;"));
        assert!(html.contains("href=\"https://shop.example/back?a=1&amp;b=&quot;&gt;&lt;script&gt;\""));
        assert!(html.contains("the reference “&lt;script&gt;alert(&#39;2&#39;)"), "{html}");
        assert!(html.contains("“&lt;script&gt;” can&#39;t be sent"));
    }
    assert!(message("<b>", "<i>").contains("<h1 class=\"small\">&lt;b&gt;</h1>"));
}

#[test]
fn the_page_offers_what_can_be_done_on_the_rail_and_nothing_else() {
    let page = |method, status| offered(&shown(&with_status(method, status), &[], None));
    let nothing: [&str; 0] = [];
    assert_eq!(page("VISA", MovementStatus::Open), ["approve", "approve_later", "decline"]);
    assert_eq!(page("VISA", MovementStatus::Settling), ["settle"]);
    assert_eq!(page("WESTERN_UNION", MovementStatus::Open), ["approve", "expire"]);
    assert_eq!(page("BANK_TRANSFER", MovementStatus::Open), ["approve", "approve_later", "transfer"]);
    assert_eq!(page("BANK_TRANSFER", MovementStatus::Settling), ["settle", "transfer"]);
    assert_eq!(page("BANK_TRANSFER", MovementStatus::Cancelled), ["approve", "transfer"], "late money");
    assert_eq!(page("BANK_TRANSFER", MovementStatus::Succeeded), ["transfer", "bounce"]);
    for status in
        [MovementStatus::Succeeded, MovementStatus::Declined, MovementStatus::Cancelled, MovementStatus::Expired]
    {
        assert_eq!((page("VISA", status), page("WESTERN_UNION", status)), (nothing.to_vec(), nothing.to_vec()));
    }
}

#[test]
fn the_page_says_what_has_come_and_what_is_missing() {
    let payment = movement_for_tests("BANK_TRANSFER");
    let part = besides(MovementKind::Transfer, 8, 20_000);
    let says = |behind: &[Model], words: &[&str]| {
        let html = shown(&payment, behind, None);
        for words in words {
            assert!(html.contains(words), "{words}: {html}");
        }
    };
    says(&[], &["Send the whole 1,200.00 USD", "GB85SBOX00000012345678", "SB-00000007", "Waiting for the transfer"]);
    says(
        std::slice::from_ref(&part),
        &["class=\"arrived\">200.00 USD", "class=\"due\">1,000.00 USD", "Send the missing 1,000.00 USD", "Partly paid"],
    );
    let rest = besides(MovementKind::Transfer, 9, 100_001);
    says(&[part.clone(), rest], &["0.01 USD more has arrived", "class=\"due\">0.00 USD"]);
    let bounced = besides(MovementKind::Reversal, 9, 5_000);
    says(&[part, bounced], &["class=\"due\">1,050.00 USD", "empty for all 150.00 USD", "payment.reversed"]);
}

#[test]
fn the_page_says_what_it_is_and_what_is_paid() {
    let html = shown(&with_status("BANK_TRANSFER", MovementStatus::Settling), &[], None);
    for words in ["This is a simulation", "1,200.00 USD", "T/T (bank transfer)", "00:01:00 UTC", "end in 13"] {
        assert!(html.contains(words), "{words}");
    }
    let html = shown(&movement_for_tests("WESTERN_UNION"), &[], None);
    for words in ["000-000-0007", "4 January 1970, 00:00 UTC", "1 January 1970, 00:00 UTC"] {
        assert!(html.contains(words), "{words}");
    }
}
