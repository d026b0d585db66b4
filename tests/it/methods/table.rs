//! That the table of `docs/methods.md` says what the adapters promise. If it doesn't, the test prints the rows that it should have.

use std::fs;
use std::path::Path;

use entity::Money;
use entity::payment::{PaymentMethod, RefundWay};
use provider::MethodTerms;
use sea_orm::Iterable;
use secure_payment::app::App;

use crate::rails;
use crate::support::{Engine, TestApp, run};

/// What depends on our own contract or accounts, not on the rail. All that the partner does is so: it is not compared.
const BY_CONTRACT: &[(&str, &str)] =
    &[("antom", "the contract's"), ("bank", "those of our accounts"), ("webmoney", "those of our purses")];

#[test]
fn it_says_what_the_adapters_promise() {
    run(Engine::Sqlite, compare);
}

async fn compare(app: &TestApp) {
    let mut settings = (*app.app().settings).clone();
    for (name, _vectors) in rails::PLAYED {
        rails::fake(name).await.configure(&mut settings);
    }
    let node = App::new(settings, app.db().clone(), app.clock().clone()).expect("settings that can be used");
    let mut wanted = Vec::new();
    for method in PaymentMethod::iter() {
        let before = wanted.len();
        for (provider, terms) in node.providers.for_method(method) {
            if !["partner", "sandbox"].contains(&provider.name()) {
                wanted.push(row(method, provider.name(), &terms));
            }
        }
        if wanted.len() == before {
            let name = method.name();
            wanted.push(format!("| `{name}` | [`partner`](providers/partner.md) | the contract's |  | as it says | as it says | as it says |"));
        }
    }
    let page = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/methods.md")).expect("reads");
    let is_row =
        |line: &&str| PaymentMethod::iter().any(|method| line.starts_with(&format!("| `{}` |", method.name())));
    let table = page.lines().skip_while(|line| !line.starts_with("| Method |")).take_while(|line| !line.is_empty());
    let rows: Vec<String> = table.filter(is_row).map(without_words).collect();
    assert_eq!(rows, wanted, "docs/methods.md should have\n{}", wanted.join("\n"));
}

/// Less what is said in words: how the buyer pays (the fifth column) and what can go wrong (the last).
fn without_words(row: &str) -> String {
    let mut cells: Vec<&str> = row.trim_matches('|').split('|').map(str::trim).collect();
    assert_eq!(cells.len(), 9, "{row}");
    let (wrong, paid) = (cells.remove(8), cells.remove(4));
    assert!(wrong.len() > 20 && paid.len() > 10, "what is said in words is missing: {row}");
    format!("| {} |", cells.join(" | "))
}

fn row(method: PaymentMethod, provider: &str, terms: &MethodTerms) -> String {
    let name = method.name();
    let (currencies, limits) = (currencies(provider, terms), limits(terms));
    let (arrives, back) = (arrives(terms), back(terms));
    let claims = if terms.chargebacks { "yes" } else { "no" };
    format!(
        "| `{name}` | [`{provider}`](providers/{provider}.md) | {currencies} | {limits} | {arrives} | {back} | {claims} |"
    )
}

fn currencies(provider: &str, terms: &MethodTerms) -> String {
    if let Some((_, words)) = BY_CONTRACT.iter().find(|(name, _)| *name == provider) {
        return (*words).to_owned();
    }
    match terms.currencies.len() {
        0 => "all".to_owned(),
        1..=6 => terms.currencies.iter().map(|currency| currency.code()).collect::<Vec<_>>().join(", "),
        more => format!("{more} of them"),
    }
}

fn limits(terms: &MethodTerms) -> String {
    if terms.limits.is_empty() {
        return "the contract's".to_owned();
    }
    if terms.limits.len() > 3 {
        return "by currency".to_owned();
    }
    let said = terms.limits.iter().map(|limits| {
        let least = Money::new(limits.least, limits.currency);
        match limits.most {
            Some(most) => format!("{least} to {}", Money::new(most, limits.currency)),
            None => format!("from {least}"),
        }
    });
    said.collect::<Vec<_>>().join(", ")
}

fn days((from, to): (u32, u32)) -> String {
    match (from, to) {
        (0, 0) => "at once".to_owned(),
        (from, to) if from == to => format!("{to} business days"),
        (from, to) => format!("{from} to {to} business days"),
    }
}

fn arrives(terms: &MethodTerms) -> String {
    let parts = if terms.takes_parts { "; several amounts add up" } else { "" };
    let until = terms.expires_after.map(|time| match time.num_hours() {
        0 => format!("; within {} minutes", time.num_minutes()),
        1 => "; within an hour".to_owned(),
        hours if hours <= 48 => format!("; within {hours} hours"),
        hours => format!("; within {} days", hours / 24),
    });
    format!("{}{parts}{}", days(terms.arrival_days), until.unwrap_or_default())
}

fn back(terms: &MethodTerms) -> String {
    let way = match terms.refund_way {
        RefundWay::ToOrigin => "where it came from",
        RefundWay::ToAccount => "to the buyer's account",
        RefundWay::ByHand => "by another provider or by hand",
    };
    let until = terms.refund_window_days.map(|days| format!(", for {days} days")).unwrap_or_default();
    format!("{way}, {}{until}", days(terms.refund_days))
}
