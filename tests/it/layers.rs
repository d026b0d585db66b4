//! Every part stands on a rank and uses lower ranks only. This list is the map; what it doesn't list fails.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use ground::setting::Mode;
use secure_payment::graphql;

mod source;

use source::{Resolver, Source};

/// The parts of the server, the lowest first. Each may use those above it in this list, and all crates beside the server's.
const RANKS: [&str; 38] = [
    // Ground
    "error",
    "lifecycle",
    "db",
    "crypto",
    "validate",
    "page",
    "peer",
    "slots",
    "bank_account",
    "sandbox_clock",
    "config",
    "auth",
    "courier",
    "live",
    "app",
    // What happens to an order, and where it is written down
    "idempotency",
    "visibility",
    "job",
    "ledger",
    "event_feed",
    "delivery",
    "event",
    "file",
    "messaging",
    "catalog",
    "party",
    "order",
    "payment",
    // The sandbox
    "simulator",
    "seed",
    // Doors
    "webhook",
    "worker",
    "graphql",
    "http",
    "server",
    "cli",
    "main",
    "secure_payment",
];

/// Which crates of ours and of others each crate may name in its `Cargo.toml`: the compiler keeps it to these.
const WALLS: [(&str, &[&str], &[&str]); 3] = [
    ("escrow", &["entity"], &["async-graphql", "chrono", "serde", "thiserror"]),
    (
        "ground",
        &["entity"],
        &[
            "base64",
            "chrono",
            "clap",
            "futures-util",
            "hmac",
            "http",
            "reqwest",
            "rustls",
            "secrecy",
            "sha2",
            "subtle",
            "thiserror",
            "tokio",
            "tracing",
            "uuid",
        ],
    ),
    (
        "provider",
        &["entity", "ground"],
        &[
            "async-trait",
            "base64",
            "chrono",
            "clap",
            "csv",
            "encoding_rs",
            "flate2",
            "hex",
            "hmac",
            "http",
            "iban",
            "ipnet",
            "percent-encoding",
            "quick-xml",
            "reqwest",
            "ring",
            "rust_decimal",
            "rust_iso9362",
            "secrecy",
            "serde",
            "serde_json",
            "sha2",
            "thiserror",
            "tokio",
            "uuid",
            "zip",
        ],
    ),
];

/// What else is in one file, or one folder, only.
const ONLY_IN: [(&str, &[&str]); 2] = [
    ("ground/src/clock.rs", &["Utc::now", "Uuid::now_v7", "Uuid::new_v4", "SystemTime::now", "Local::now"]),
    ("src/config", &["std::env", "env::var", "dotenvy"]),
];

/// Files of one small folder may know one another; larger rings are knots.
const MOST_LINES_OF_A_RING: usize = 450;

fn rank(part: &str) -> Option<usize> {
    RANKS.iter().position(|known| *known == part)
}

/// Complaints about what one file of the server uses of its other parts.
fn judge(source: &Source) -> BTreeSet<String> {
    let mut complaints = BTreeSet::new();
    if source.module.first().is_none_or(|name| name != "secure_payment") {
        return complaints;
    }
    let (path, part) = (&source.path, source.part());
    let Some(own) = rank(part) else {
        return BTreeSet::from([format!("{path}: {part} is not on the list of ranks")]);
    };
    for reference in source.references() {
        let ["secure_payment", other, ..] = reference.to.iter().map(String::as_str).collect::<Vec<_>>()[..] else {
            continue;
        };
        if other == part || part == "secure_payment" {
            continue;
        }
        match rank(other) {
            // A name of the crate's root is no part, but then the root has none.
            None => drop(complaints.insert(format!("{path}: {other} is not on the list of ranks"))),
            Some(theirs) if theirs > own => drop(complaints.insert(format!("{path}: {part} must not know {other}"))),
            Some(_lower) => {}
        }
    }
    complaints
}

/// Complaints about words that belong into one file.
fn judge_words(path: &str, tokens: &[String]) -> Vec<String> {
    let code = tokens.concat();
    let mut complaints = Vec::new();
    for (home, words) in ONLY_IN {
        for word in words {
            // The command line reads the file .env before there are settings.
            let allowed = path.starts_with(home) || (path == "src/cli.rs" && *word == "dotenvy");
            if !allowed && code.contains(word) {
                complaints.push(format!("{path}: {word} belongs into {home}"));
            }
        }
    }
    complaints
}

#[test]
fn every_part_uses_lower_ranks_only() {
    let sources = source::all();
    assert!(sources.len() > 300);
    let complaints: BTreeSet<String> = sources.values().flat_map(judge).collect();
    assert!(complaints.is_empty(), "{complaints:#?}");
}

#[test]
fn time_ids_and_the_environment_are_read_in_one_place() {
    let sources = source::all();
    let complaints: Vec<String> =
        sources.values().flat_map(|source| judge_words(&source.path, &source.tokens)).collect();
    assert!(complaints.is_empty(), "{complaints:#?}");
}

#[test]
fn the_list_has_no_part_that_is_not_there() {
    let sources = source::all();
    let parts: BTreeSet<&str> = sources.values().map(Source::part).collect();
    let gone: Vec<&&str> = RANKS.iter().filter(|part| **part != "main" && !parts.contains(*part)).collect();
    assert!(gone.is_empty(), "{gone:?}");
    let listed: BTreeSet<&str> = RANKS.into_iter().collect();
    assert_eq!(listed.len(), RANKS.len(), "a part stands on the list twice");
}

#[test]
fn no_ring_of_files_is_larger_than_a_small_module() {
    let sources = source::all();
    let knots: Vec<String> =
        rings(&sources).into_iter().filter(|ring| is_knot(ring, &sources)).map(|ring| ring.join(" ")).collect();
    assert!(knots.is_empty(), "{} rings: {knots:#?}", knots.len());
}

fn is_knot(ring: &[String], sources: &BTreeMap<String, Source>) -> bool {
    let folders: BTreeSet<&str> = ring.iter().map(|path| folder(path)).collect();
    let lines: usize = ring.iter().map(|path| sources[path].lines).sum();
    folders.len() > 1 || lines > MOST_LINES_OF_A_RING
}

/// `src/order.rs` is the root of the folder `src/order`.
fn folder(path: &str) -> &str {
    match path.strip_suffix("/mod.rs") {
        Some(folder) => folder,
        None => path.rsplit_once('/').map_or(path, |(folder, _)| folder),
    }
}

/// Groups of files of which each leads to each, by what they use of one another; what a facade only hands on doesn't count.
fn rings(sources: &BTreeMap<String, Source>) -> Vec<Vec<String>> {
    let resolver = Resolver::new(sources);
    let mut uses: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for source in sources.values() {
        let used = source.references().into_iter().filter(|reference| !reference.is_reexport);
        let files = used.filter_map(|reference| resolver.file(&reference.to)).filter(|path| *path != source.path);
        uses.insert(
            &source.path,
            files.filter_map(|path| sources.get_key_value(path)).map(|(path, _)| path.as_str()).collect(),
        );
    }
    let reach: BTreeMap<&str, BTreeSet<&str>> = uses.keys().map(|path| (*path, reachable(path, &uses))).collect();
    let mut seen = BTreeSet::new();
    let mut rings = Vec::new();
    for path in uses.keys() {
        let ring: Vec<String> = reach[path]
            .iter()
            .filter(|other| reach[**other].contains(path) && reach[path].contains(path))
            .map(|other| (*other).to_owned())
            .collect();
        if ring.len() > 1 && seen.insert(ring.clone()) {
            rings.push(ring);
        }
    }
    rings
}

fn reachable<'a>(from: &str, uses: &BTreeMap<&'a str, BTreeSet<&'a str>>) -> BTreeSet<&'a str> {
    let mut found = BTreeSet::new();
    let mut waiting: Vec<&str> = uses[from].iter().copied().collect();
    while let Some(next) = waiting.pop() {
        if found.insert(next) {
            waiting.extend(&uses[next]);
        }
    }
    found
}

#[test]
fn the_rules_and_the_adapters_can_not_see_more_than_their_crates_name() {
    for (name, ours, others) in WALLS {
        let manifest = Path::new(env!("CARGO_MANIFEST_DIR")).join(name).join("Cargo.toml");
        let manifest = fs::read_to_string(manifest).expect("reads");
        let section = manifest.split("\n[dependencies]\n").nth(1).expect("dependencies");
        let lines = section.lines().take_while(|line| !line.starts_with('['));
        let named: BTreeSet<&str> =
            lines.filter_map(|line| line.split(['.', ' ', '=']).next()).filter(|name| !name.is_empty()).collect();
        let allowed: BTreeSet<&str> = ours.iter().chain(others).copied().collect();
        let more: Vec<&&str> = named.difference(&allowed).collect();
        assert!(more.is_empty(), "{name} must not depend on {more:?}");
    }
    // `entity` brings the ORM along; the adapters and the rules don't name it.
    for source in source::all().values() {
        let walled = WALLS.iter().any(|(name, _, _)| *name == source.part());
        let names = source.tokens.iter().any(|token| token == "sea_orm");
        assert!(!walled || !names, "{} must not know sea_orm", source.path);
    }
}

#[test]
fn a_wrong_arrow_is_seen_however_it_is_written() {
    for (path, text, complaint) in [
        ("src/payment/pay.rs", "fn f() { crate::worker::run(); }", "payment must not know worker"),
        (
            "src/order/write.rs",
            "pub use crate::{error::{Error, Result}, graphql::Schema};",
            "order must not know graphql",
        ),
        (
            "src/order/write.rs",
            "use crate::{\n    error::Error,\n    payment as payments,\n};",
            "order must not know payment",
        ),
        ("src/ledger.rs", "use super::http;", "ledger must not know http"),
        ("src/ledger/verify.rs", "use super::super::http::Door;", "ledger must not know http"),
        ("src/ledger/mod.rs", "use super::{error, http};", "ledger must not know http"),
        ("src/newcomer.rs", "fn f() {}", "newcomer is not on the list of ranks"),
        ("src/order/write.rs", "use crate::newcomer::f;", "newcomer is not on the list of ranks"),
    ] {
        let complaints = judge(&Source::new(path, text));
        assert!(complaints.iter().any(|one| one.ends_with(complaint)), "{text}: {complaints:?}");
    }
    for (path, text) in [
        ("src/payment/pay.rs", "use super::open::open_at_provider;\nuse crate::order::LockedOrder;"),
        ("src/order/write.rs", "/// Not as crate::http does it.\nfn f() { g(\"crate::http\"); }"),
        ("src/order/write.rs", "fn f() {}\n#[cfg(test)]\nmod tests {\n    use crate::graphql::Schema;\n}"),
        ("src/worker/mod.rs", "use crate::{event, order, payment, simulator};"),
        ("escrow/src/decide.rs", "use crate::http;"),
    ] {
        assert_eq!(judge(&Source::new(path, text)), BTreeSet::new(), "{text}");
    }
    for (text, complaint) in [
        ("let now = chrono::Utc::now();", "Utc::now belongs into ground/src/clock.rs"),
        ("let home = std::env::var(\"HOME\");", "std::env belongs into src/config"),
    ] {
        let source = Source::new("src/job.rs", text);
        assert!(judge_words(&source.path, &source.tokens).iter().any(|one| one.ends_with(complaint)), "{text}");
    }
}

#[test]
fn a_ring_is_seen_through_a_facade() {
    let of = |files: &[(&str, &str)]| {
        let sources = files.iter().map(|(path, text)| ((*path).to_owned(), Source::new(path, text)));
        rings(&sources.collect())
    };
    let facade = ("src/order/mod.rs", "mod a;\nmod b;\npub use a::A;\npub use b::B;");
    let ring = [facade, ("src/order/a.rs", "use super::B;"), ("src/order/b.rs", "use crate::order::A;")];
    assert_eq!(of(&ring), [["src/order/a.rs", "src/order/b.rs"]]);
    let line = [facade, ("src/order/a.rs", "use super::B;"), ("src/order/b.rs", "use crate::ledger::A;")];
    assert_eq!(of(&line), Vec::<Vec<String>>::new());
}

#[test]
fn schema_graphql_is_the_schema() {
    let written = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("schema.graphql")).expect("reads");
    let printed = graphql::sdl(&graphql::build(Mode::Sandbox));
    let different = written.lines().zip(printed.lines()).find(|(written, printed)| written != printed);
    assert_eq!(different, None, "run: cargo run -q -- schema > schema.graphql");
    assert_eq!(written.trim_end(), printed.trim_end(), "run: cargo run -q -- schema > schema.graphql");
}
