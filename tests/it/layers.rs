//! Which part of the source may know which: the arrows of the map in `src/lib.rs`. And that `schema.graphql` is the schema.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use ground::setting::Mode;
use secure_payment::graphql;

/// The doors: nothing but the program and the doors themselves knows them.
const DOORS: [&str; 5] = ["graphql", "webhook", "worker", "http", "server"];

/// What a part must not know of the others. Everything is allowed that stands here nowhere.
fn forbidden(part: &str) -> Vec<&'static str> {
    match part {
        "payment" => {
            [&DOORS[..], &["order", "escrow", "rail", "ledger", "event", "job", "db", "catalog", "app"]].concat()
        }
        "simulator" => {
            ["graphql", "webhook", "worker", "server", "order", "escrow", "rail", "ledger", "payment"].to_vec()
        }
        "order" => [&DOORS[..], &["rail", "simulator", "payment"]].concat(),
        // It reads which orders and conversations there are; what writes them calls it.
        "file" => [&DOORS[..], &["escrow", "rail", "simulator", "payment", "ledger", "event", "job", "party"]].concat(),
        "ledger" | "event" | "job" | "idempotency" | "delivery" => {
            [&DOORS[..], &["order", "rail", "simulator", "payment"]].concat()
        }
        "rail" | "catalog" | "party" | "messaging" => [&DOORS[..], &["simulator"]].concat(),
        "app" | "auth" | "client" | "clock" | "config" | "crypto" | "db" | "error" | "live" | "page" | "signature"
        | "validate" => {
            [&DOORS[..], &["order", "rail", "simulator", "ledger", "event", "job", "catalog", "messaging"]].concat()
        }
        _door => Vec::new(),
    }
}

/// `escrow` is the odd one: it says what it may know.
fn is_known_to_escrow(root: &str) -> bool {
    matches!(root, "std" | "core" | "entity" | "chrono" | "serde" | "async_graphql" | "thiserror" | "escrow")
}

/// What else is in one file only.
const ONLY_IN: [(&str, &[&str]); 2] = [
    ("src/clock.rs", &["Utc::now", "Uuid::now_v7", "Uuid::new_v4", "SystemTime::now", "Local::now"]),
    ("src/config.rs", &["std::env", "env::var", "dotenvy"]),
];

/// Complaints about one file, by its text.
fn judge(path: &str, source: &str) -> Vec<String> {
    let code = without_comments_and_tests(source);
    let part = part_of(path);
    let paths = paths(&code, path);
    let mut complaints = BTreeSet::new();
    for root in &paths {
        if let Some(other) = root.strip_prefix("crate::").filter(|other| forbidden(&part).contains(other)) {
            complaints.insert(format!("{path}: {part} must not know {other}"));
        }
        if part == "escrow" && !is_known_to_escrow(root) {
            complaints.insert(format!("{path}: escrow must not know {root}"));
        }
    }
    for (home, words) in ONLY_IN {
        for word in words {
            // main reads the file .env before there are settings.
            let allowed = path == home || (path == "src/main.rs" && *word == "dotenvy");
            if !allowed && code.contains(word) {
                complaints.insert(format!("{path}: {word} belongs into {home}"));
            }
        }
    }
    complaints.into_iter().collect()
}

/// `src/order/write.rs` is of the part `order`, `src/db.rs` of `db`.
fn part_of(path: &str) -> String {
    let path = path.trim_start_matches("src/");
    path.split('/').next().unwrap_or(path).trim_end_matches(".rs").to_owned()
}

/// A test may know what it needs.
fn without_comments_and_tests(source: &str) -> String {
    let code = source.split("#[cfg(test)]\nmod tests {").next().unwrap_or_default();
    code.lines().filter(|line| !line.trim_start().starts_with("//")).collect::<Vec<_>>().join("\n")
}

/// The beginnings of all paths: `crate::order` or the name of another crate. Uses in braces and `super::super::` count.
fn paths(code: &str, file: &str) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    let compact: String = code.split_whitespace().collect::<Vec<_>>().join(" ").replace("{ ", "{").replace(", ", ",");
    // Of `crate::{a, b::c}` each name at the first level.
    for (start, _) in compact.match_indices("crate::{") {
        found.extend(
            names_in_braces(&compact[start + "crate::{".len()..]).into_iter().map(|name| format!("crate::{name}")),
        );
    }
    for (start, _) in compact.match_indices("crate::") {
        if let Some(name) = identifier(&compact[start + "crate::".len()..]) {
            found.insert(format!("crate::{name}"));
        }
    }
    // From a file two modules deep, `super::super::x` is another part; from `src/x.rs`, `super::` is.
    let depth = module_depth(file);
    let up = "super::".repeat(depth);
    for (start, _) in compact.match_indices(&up) {
        let rest = &compact[start + up.len()..];
        let preceded = compact[..start].ends_with("super::");
        if depth > 0 && !preceded && !rest.starts_with("super::") {
            match rest.strip_prefix('{') {
                Some(inner) => found.extend(names_in_braces(inner).into_iter().map(|name| format!("crate::{name}"))),
                None => found.extend(identifier(rest).map(|name| format!("crate::{name}"))),
            }
        }
    }
    for line in code.lines() {
        let line = line.trim_start();
        let used = line.strip_prefix("pub use ").or_else(|| line.strip_prefix("use ")).and_then(identifier);
        // Types and modules of the file's own are no crates.
        let is_own = |name: &str| {
            matches!(name, "crate" | "super" | "self")
                || name.starts_with(char::is_uppercase)
                || compact.contains(&format!("mod {name};"))
        };
        found.extend(used.filter(|name| !is_own(name)).map(ToOwned::to_owned));
    }
    for crate_name in ["sea_orm", "tokio", "axum", "reqwest", "async_graphql", "tracing", "rust_decimal"] {
        if compact.contains(&format!("{crate_name}::")) {
            found.insert(crate_name.to_owned());
        }
    }
    found
}

/// How many `super::` lead out to the parts: `src/db.rs` 1, `src/order/mod.rs` 1, `src/order/write.rs` 2.
fn module_depth(file: &str) -> usize {
    let parts = file.trim_start_matches("src/").split('/').count();
    if file.ends_with("/mod.rs") { parts - 1 } else { parts }
}

fn identifier(text: &str) -> Option<&str> {
    let end = text.find(|character: char| !character.is_alphanumeric() && character != '_').unwrap_or(text.len());
    (end > 0).then(|| &text[..end])
}

/// The first names of a list in braces, which is open already.
fn names_in_braces(text: &str) -> Vec<&str> {
    let mut depth = 0;
    let mut names = Vec::new();
    let mut begins = true;
    for (index, character) in text.char_indices() {
        match character {
            '{' => depth += 1,
            '}' if depth == 0 => break,
            '}' => depth -= 1,
            ',' if depth == 0 => begins = true,
            ' ' => {}
            _letter if begins => {
                names.extend(identifier(&text[index..]));
                begins = false;
            }
            _other => {}
        }
    }
    names
}

fn sources(folder: &Path, into: &mut BTreeMap<String, String>) {
    for entry in fs::read_dir(folder).expect("reads") {
        let path = entry.expect("reads").path();
        if path.is_dir() {
            sources(&path, into);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let name = path.strip_prefix(env!("CARGO_MANIFEST_DIR")).expect("ours").display().to_string();
            into.insert(name, fs::read_to_string(&path).expect("reads"));
        }
    }
}

#[test]
fn arrows_go_one_way() {
    let mut all = BTreeMap::new();
    sources(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src"), &mut all);
    assert!(all.len() > 50);
    let complaints: Vec<String> = all
        .iter()
        // The tests of the rules are in files of their own.
        .filter(|(path, _source)| !path.starts_with("src/escrow/tests"))
        .flat_map(|(path, source)| judge(path, source))
        .collect();
    assert!(complaints.is_empty(), "{complaints:#?}");
}

#[test]
fn every_part_is_on_the_map() {
    let map = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("src/lib.rs")).expect("reads");
    for part in map.lines().filter_map(|line| line.strip_prefix("pub mod ")).filter_map(identifier) {
        let is_judged = part == "escrow" || DOORS.contains(&part) || !forbidden(part).is_empty();
        assert!(is_judged, "say in tests/it/layers.rs what {part} may not know");
    }
}

#[test]
fn a_wrong_arrow_is_seen_however_it_is_written() {
    for (path, source, complaint) in [
        ("src/escrow/decide.rs", "use crate::db::Db;", "escrow must not know crate::db"),
        ("src/escrow/fee.rs", "use sea_orm::EntityTrait;", "escrow must not know sea_orm"),
        ("src/escrow/fee.rs", "fn f() { tracing::info!(\"x\"); }", "escrow must not know tracing"),
        ("src/escrow/fee.rs", "use super::super::ledger::post;", "escrow must not know crate::ledger"),
        ("src/payment/sandbox.rs", "use crate::{\n    clock::Clock,\n    db::Db,\n};", "payment must not know db"),
        ("src/payment/sandbox/movement.rs", "use super::super::super::order::find;", "payment must not know order"),
        ("src/rail/pay.rs", "fn f() { crate::worker::run(); }", "rail must not know worker"),
        (
            "src/order/write.rs",
            "pub use crate::{error::{Error, Result}, graphql::Schema};",
            "order must not know graphql",
        ),
        ("src/ledger.rs", "use super::http;", "ledger must not know http"),
        ("src/ledger/verify.rs", "use crate::{\n  http\n};", "ledger must not know http"),
        ("src/simulator/books.rs", "use crate::payment;", "simulator must not know rail"),
        ("src/job.rs", "let now = chrono::Utc::now();", "Utc::now belongs into src/clock.rs"),
        ("src/order/number.rs", "let id = Uuid::new_v4();", "Uuid::new_v4 belongs into src/clock.rs"),
        ("src/http/mod.rs", "let home = std::env::var(\"HOME\");", "std::env belongs into src/config.rs"),
    ] {
        let complaints = judge(path, source);
        assert!(complaints.iter().any(|one| one.ends_with(complaint)), "{source}: {complaints:?}");
    }
    for (path, source) in [
        ("src/escrow/decide.rs", "use entity::OrderStatus;\nuse super::table::Action;\nuse escrow::Policy;"),
        ("src/escrow/decide.rs", "/// Not as crate::db does it.\nfn f() {}"),
        ("src/rail/pay.rs", "use super::open::open_at_provider;\nuse crate::order::Writing;"),
        ("src/order/write.rs", "fn f() {}\n#[cfg(test)]\nmod tests {\n    use crate::graphql::Schema;\n}"),
        ("src/worker/mod.rs", "use crate::{event, order, rail, simulator};"),
        ("src/clock.rs", "use chrono::Utc;\nfn now() { Utc::now(); }"),
    ] {
        assert_eq!(judge(path, source), Vec::<String>::new(), "{source}");
    }
}

#[test]
fn schema_graphql_is_the_schema() {
    let written = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("schema.graphql")).expect("reads");
    let printed = graphql::sdl(&graphql::build(Mode::Sandbox));
    let different = written.lines().zip(printed.lines()).find(|(written, printed)| written != printed);
    assert_eq!(different, None, "run: cargo run -q -- schema > schema.graphql");
    assert_eq!(written.trim_end(), printed.trim_end(), "run: cargo run -q -- schema > schema.graphql");
}
