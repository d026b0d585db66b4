//! Money from us: refunds and payouts as payment orders, and what becomes of them.

use std::slice::from_ref;

use chrono::TimeDelta;
use entity::BankAccount;
use entity::notification::NotificationStatus;
use entity::payout::PayoutStatus;
use entity::refund::RefundStatus;
use entity::{LedgerAccount, MinorUnits, RefundAccountId};
use escrow::Command;
use secure_payment::bank_account;
use secure_payment::ledger;
use secure_payment::party::demo;

use super::files::{Entry, camt_053, camt_054, pacs_004, pain_002};
use super::transfers::{all_applied, asked, at, inbox, money, receipts, tell};
use super::{Bank, EUR};
use crate::support::bank::{causes, demo_supplier, event_types, payouts, status, the_payout};
use crate::support::purchase::{confirm_received, ship};
use crate::support::rail::{Fake, Rail, Trouble};
use crate::support::trouble::{IBAN, done, provide_account, refund};
use crate::support::{TestApp, on_each_database};

on_each_database!(
    a_refund_is_ordered_booked_and_may_come_back_in_any_order_of_the_news,
    a_refund_of_which_less_came_back_is_booked_as_it_came,
    a_refund_that_the_bank_rejects_is_shown_at_once,
    a_refund_that_was_sent_twice_is_harmless,
    a_bank_may_answer_in_its_own_format,
    a_name_that_no_bank_carries_is_shown_and_not_sent,
    a_verification_of_the_payee_and_a_block_are_shown_and_not_final,
    a_status_that_contradicts_what_is_booked_moves_nothing,
    a_payer_can_not_call_a_refund_back,
    a_payout_is_paid_and_comes_back_to_the_supplier,
    a_payout_that_the_bank_rejects_is_owed_again,
);

/// A funded order of which the supplier gives 345.00 back, to an account that is known.
async fn refunded(app: &TestApp, rail: &Rail<'_>, bank: &Bank) -> String {
    let (order, payment) = asked(rail, "1250.00").await;
    bank.pay(&payment.reference).await;
    rail.deliver().await;
    assert_eq!(status(&rail.shop, &order).await, "FUNDED");
    done(app, demo::SUPPLIER, &order, Command::RefundOrder { amount: MinorUnits(34_500) }).await;
    provide_account(app, &order).await;
    order
}

async fn a_refund_is_ordered_booked_and_may_come_back_in_any_order_of_the_news(app: &TestApp) {
    let (rail, bank) = at(app).await;
    for sequence in
        [[0, 1, 2, 3], [0, 2, 1, 3], [1, 0, 2, 3], [2, 0, 1, 3], [1, 2, 0, 3], [2, 1, 0, 3], [3, 1, 0, 2], [3, 0, 2, 1]]
    {
        let order = refunded(app, &rail, &bank).await;
        rail.drain().await;
        let asked = refund(app, &order).await;
        assert_eq!(asked.status, RefundStatus::Pending);
        let id = asked.reference.replace('_', "-");
        assert_eq!(asked.provider_reference.as_deref(), Some(id.as_str()));
        let (sent, _standing) = bank.order(&asked.reference);
        assert_eq!((sent.message_id, sent.to.as_str(), sent.creditor.as_str()), (id, IBAN, "Ana Souza"));
        let before = causes(&rail.shop).await.len();
        let left = bank.book(&asked.reference);
        let (sent, _standing) = bank.order(&asked.reference);
        let back = bank.take_back(&asked.reference, "AC04");
        let news = [
            camt_054(EUR, from_ref(&left)),
            pacs_004(&sent, &format!("R-{}", sent.message_id), "AC04", EUR),
            camt_054(EUR, from_ref(&back)),
            camt_053(EUR, &[left, back], 0),
        ];
        for which in sequence {
            tell(&rail, &bank, news[which].clone()).await;
            if sequence[0] == 0 && which == 0 {
                assert_eq!(refund(app, &order).await.status, RefundStatus::Succeeded);
            }
        }
        let after = refund(app, &order).await;
        assert_eq!((after.status, after.balance.0), (RefundStatus::ActionRequired, 34_500), "{sequence:?}");
        assert_eq!(after.failure.as_deref(), Some("the account is closed (AC04)"));
        assert_eq!(
            causes(&rail.shop).await[before..],
            ["refund.succeeded", "refund.failed"],
            "{sequence:?}: once each"
        );
    }
    all_applied(&rail).await;
}

/// Banks on the way take their charges out of what they send back: what came is here, and the rest is shown as lost until it
/// comes as well, or an operator says that we bear it.
async fn a_refund_of_which_less_came_back_is_booked_as_it_came(app: &TestApp) {
    let (rail, bank) = at(app).await;
    let order = refunded(app, &rail, &bank).await;
    rail.drain().await;
    let asked = refund(app, &order).await;
    let left = bank.book(&asked.reference);
    tell(&rail, &bank, camt_054(EUR, from_ref(&left))).await;
    let before = causes(&rail.shop).await;
    let less = Entry::credit("LESS", &money("330.00", "EUR")).end_to_end(&asked.reference.replace('_', "-"));
    tell(&rail, &bank, camt_054(EUR, &[less.returned("AC04")])).await;
    let after = refund(app, &order).await;
    assert_eq!((after.status, after.balance.0, after.lost.0), (RefundStatus::ActionRequired, 33_000, 1_500));
    assert_eq!(causes(&rail.shop).await[before.len()..], ["refund.failed"]);
    assert_eq!(inbox(&rail).await.last().expect("one").0, NotificationStatus::Applied);
}

async fn a_refund_that_the_bank_rejects_is_shown_at_once(app: &TestApp) {
    let (rail, bank) = at(app).await;
    bank.close(IBAN);
    let order = refunded(app, &rail, &bank).await;
    rail.drain().await;
    let rejected = refund(app, &order).await;
    assert_eq!((rejected.status, rejected.balance.0), (RefundStatus::ActionRequired, 34_500));
    assert_eq!(rejected.failure.as_deref(), Some("the account is closed (AC04)"));
    // The same by a file, late.
    let (sent, _standing) = bank.order(&rejected.reference);
    tell(&rail, &bank, pain_002(&sent, "RJCT", Some("AC04"))).await;
    assert_eq!(refund(app, &order).await, rejected);
    all_applied(&rail).await;
}

async fn a_refund_that_was_sent_twice_is_harmless(app: &TestApp) {
    let (rail, bank) = at(app).await;
    let order = refunded(app, &rail, &bank).await;
    bank.way().trouble(Trouble::Lost);
    rail.drain().await;
    assert_eq!((refund(app, &order).await.status, bank.orders().len()), (RefundStatus::Requested, 1), "no answer");
    app.clock().advance(TimeDelta::minutes(1));
    rail.drain().await;
    let asked = refund(app, &order).await;
    assert_eq!((asked.status, bank.orders().len()), (RefundStatus::Pending, 1), "the bank has it already");
    let (sent, _standing) = bank.order(&asked.reference);
    tell(&rail, &bank, pain_002(&sent, "RJCT", Some("DUPL"))).await;
    for status in ["ACCP", "ACSP", "ACSC"] {
        tell(&rail, &bank, pain_002(&sent, status, None)).await;
    }
    assert_eq!(refund(app, &order).await.status, RefundStatus::Pending, "money is what is booked");
    all_applied(&rail).await;
    tell(&rail, &bank, pain_002(&sent, "PART", None)).await;
    assert_eq!(inbox(&rail).await.last().expect("one").0, NotificationStatus::Quarantined);
    bank.settle_refund(&asked.reference).await;
    rail.deliver().await;
    assert_eq!(refund(app, &order).await.status, RefundStatus::Succeeded);
}

async fn a_bank_may_answer_in_its_own_format(app: &TestApp) {
    let (rail, bank) = at(app).await;
    bank.books().answers_in_xml = true;
    let order = refunded(app, &rail, &bank).await;
    rail.drain().await;
    assert_eq!(refund(app, &order).await.status, RefundStatus::Pending);
    bank.close(IBAN);
    let order = refunded(app, &rail, &bank).await;
    rail.drain().await;
    assert_eq!(refund(app, &order).await.status, RefundStatus::ActionRequired);
}

async fn a_name_that_no_bank_carries_is_shown_and_not_sent(app: &TestApp) {
    let (rail, bank) = at(app).await;
    let (order, payment) = asked(&rail, "10.00").await;
    bank.pay(&payment.reference).await;
    rail.deliver().await;
    done(app, demo::SUPPLIER, &order, Command::RefundOrder { amount: MinorUnits(500) }).await;
    let account = BankAccount {
        account_holder: "深圳市有限公司".to_owned(),
        country: "DE".to_owned(),
        iban: Some(IBAN.to_owned()),
        account_number: None,
        bank_name: None,
        bic: None,
        clearing_code: None,
        holder_address: None,
        currency: None,
    };
    let id = RefundAccountId(app.clock().new_id());
    let sealed = bank_account::encrypt(&account, &app.app().cipher, app.clock(), &id.to_string()).expect("encrypts");
    let command =
        Command::ProvideRefundAccount { refund_account_id: id, encrypted_details: sealed, mask: account.mask() };
    done(app, demo::BUYER, &order, command).await;
    rail.drain().await;
    let shown = refund(app, &order).await;
    assert_eq!(shown.status, RefundStatus::PayeeDetailsRequired, "another account is asked for, with the reason");
    assert!(shown.failure.is_some_and(|reason| reason.contains("Latin letters")));
    assert!(bank.orders().is_empty());
    provide_account(app, &order).await;
    rail.drain().await;
    let sent = refund(app, &order).await;
    assert_eq!((sent.status, sent.failure, bank.orders().len()), (RefundStatus::Pending, None, 1));
}

/// What came last is pending, and what operators read of it.
async fn waits_for_a_person(app: &TestApp, rail: &Rail<'_>, order: &str, code: &str) {
    assert_eq!(refund(app, order).await.status, RefundStatus::Pending, "{code}");
    let (status, reason) = inbox(rail).await.pop().expect("one");
    assert_eq!(status, NotificationStatus::Quarantined, "{code}");
    assert!(reason.contains(code), "{code}: {reason}");
}

async fn a_verification_of_the_payee_and_a_block_are_shown_and_not_final(app: &TestApp) {
    let (rail, bank) = at(app).await;
    for (code, waits) in [("RVNM", true), ("RVMC", true), ("BLCK", true), ("RCVC", false), ("RVNA", false)] {
        let order = refunded(app, &rail, &bank).await;
        rail.drain().await;
        let asked = refund(app, &order).await;
        let (sent, _standing) = bank.order(&asked.reference);
        tell(&rail, &bank, pain_002(&sent, code, None)).await;
        if waits {
            waits_for_a_person(app, &rail, &order, code).await;
        }
        tell(&rail, &bank, pain_002(&sent, "PDNG", Some(code))).await;
        assert_eq!(refund(app, &order).await.status, RefundStatus::Pending, "{code}");
        bank.settle_refund(&asked.reference).await;
        rail.deliver().await;
        assert_eq!(refund(app, &order).await.status, RefundStatus::Succeeded, "{code}: what is booked counts");
    }
    for (status, code, words) in [
        ("RJCT", Some("RVNM"), "the name is not the account holder's (RVNM)"),
        ("CANC", None, "it was cancelled (CANC)"),
        ("CANC", Some("CUST"), "it was called back (CUST)"),
    ] {
        let order = refunded(app, &rail, &bank).await;
        rail.drain().await;
        let (sent, _standing) = bank.order(&refund(app, &order).await.reference);
        tell(&rail, &bank, pain_002(&sent, status, code)).await;
        let failed = refund(app, &order).await;
        assert_eq!((failed.status, failed.failure.as_deref()), (RefundStatus::ActionRequired, Some(words)));
        assert_eq!(failed.balance.0, 34_500, "the money is still the buyer's");
    }
}

async fn a_status_that_contradicts_what_is_booked_moves_nothing(app: &TestApp) {
    let (rail, bank) = at(app).await;
    for late in ["RJCT", "CANC"] {
        let order = refunded(app, &rail, &bank).await;
        rail.drain().await;
        let asked = refund(app, &order).await;
        let (sent, _standing) = bank.order(&asked.reference);
        bank.settle_refund(&asked.reference).await;
        rail.deliver().await;
        tell(&rail, &bank, pain_002(&sent, late, Some("AC04"))).await;
        let after = refund(app, &order).await;
        assert_eq!((after.status, after.balance.0), (RefundStatus::Succeeded, 0), "{late}");
        assert_eq!(inbox(&rail).await.last().expect("one").0, NotificationStatus::Quarantined, "a person is shown it");
    }
    let order = refunded(app, &rail, &bank).await;
    rail.drain().await;
    let asked = refund(app, &order).await;
    let (sent, _standing) = bank.order(&asked.reference);
    for status in ["RJCT", "ACCP", "RJCT"] {
        tell(&rail, &bank, pain_002(&sent, status, (status == "RJCT").then_some("AC04"))).await;
        let after = refund(app, &order).await;
        assert_eq!((after.status, after.balance.0), (RefundStatus::ActionRequired, 34_500), "{status}");
    }
    bank.settle_refund(&asked.reference).await;
    rail.deliver().await;
    let after = refund(app, &order).await;
    assert_eq!((after.status, after.balance.0), (RefundStatus::Succeeded, 0), "the bank sent it after all");
}

/// Whoever pays chooses the end-to-end id; only the bank says that a transfer is one that came back.
async fn a_payer_can_not_call_a_refund_back(app: &TestApp) {
    let (rail, bank) = at(app).await;
    let order = refunded(app, &rail, &bank).await;
    rail.drain().await;
    let reference = refund(app, &order).await.reference;
    bank.settle_refund(&reference).await;
    rail.deliver().await;
    let cent = Entry::credit("TRICK", &money("0.01", "EUR")).end_to_end(&reference.replace('_', "-"));
    tell(&rail, &bank, camt_054(EUR, &[cent])).await;
    assert_eq!(refund(app, &order).await.status, RefundStatus::Succeeded);
    assert_eq!(receipts(&rail).await.iter().map(|row| row.amount.0).collect::<Vec<_>>(), [1]);
    all_applied(&rail).await;
}

async fn completed(rail: &Rail<'_>, bank: &Bank) -> String {
    let (order, payment) = asked(rail, "1000.00").await;
    bank.pay(&payment.reference).await;
    rail.deliver().await;
    rail.shop.done(&ship(&order)).await;
    rail.shop.done(&confirm_received(&order)).await;
    rail.drain().await;
    order
}

async fn owed(app: &TestApp) -> i64 {
    let account = LedgerAccount::Supplier(demo_supplier(app).await);
    ledger::balance(&app.db().read, &account, money("1", "EUR").currency).await.expect("reads").0
}

async fn a_payout_is_paid_and_comes_back_to_the_supplier(app: &TestApp) {
    let (rail, bank) = at(app).await;
    let order = completed(&rail, &bank).await;
    let asked = the_payout(app).await;
    assert_eq!((asked.status, asked.provider.as_str(), owed(app).await), (PayoutStatus::Pending, "bank", 0));
    let (sent, _standing) = bank.order(&asked.reference);
    assert_eq!(
        (sent.amount.amount, sent.text.as_str()),
        (asked.amount, format!("Payout {}", sent.message_id).as_str())
    );
    let left = bank.book(&asked.reference);
    tell(&rail, &bank, camt_054(EUR, from_ref(&left))).await;
    tell(&rail, &bank, camt_053(EUR, from_ref(&left), 0)).await;
    assert_eq!((the_payout(app).await.status, owed(app).await), (PayoutStatus::Paid, 0));
    tell(&rail, &bank, pacs_004(&sent, "R1", "AC04", EUR)).await;
    let back = bank.take_back(&asked.reference, "AC04");
    tell(&rail, &bank, camt_054(EUR, from_ref(&back))).await;
    tell(&rail, &bank, camt_053(EUR, &[left, back], 0)).await;
    let returned = the_payout(app).await;
    assert_eq!((returned.status, owed(app).await), (PayoutStatus::Returned, asked.amount.0), "booked once");
    assert_eq!(returned.failure.as_deref(), Some("the account is closed (AC04)"));
    let events = event_types(&rail.shop.order(&order).await);
    assert!(!events.contains(&"payout.returned".to_owned()) || status(&rail.shop, &order).await == "COMPLETED");
    let causes = causes(&rail.shop).await;
    assert_eq!(causes[causes.len() - 3..], ["payout.requested", "payout.paid", "payout.returned"]);
    all_applied(&rail).await;
}

async fn a_payout_that_the_bank_rejects_is_owed_again(app: &TestApp) {
    let (rail, bank) = at(app).await;
    completed(&rail, &bank).await;
    let asked = the_payout(app).await;
    let (sent, _standing) = bank.order(&asked.reference);
    tell(&rail, &bank, pain_002(&sent, "RJCT", Some("AC01"))).await;
    assert_eq!((the_payout(app).await.status, owed(app).await), (PayoutStatus::Failed, asked.amount.0));
    app.clock().advance(TimeDelta::hours(25));
    rail.drain().await;
    assert_eq!((payouts(app).await.len(), bank.orders().len()), (2, 2), "a new order, under a name of its own");
}
