//! That `docs/limits.md` has the numbers that hold, that what our documentation asks stays well within them, and that its pages
//! are named and linked.

use std::fs;
use std::path::{Path, PathBuf};

use async_graphql::Variables;
use clap::CommandFactory;
use ground::setting::Mode;
use secure_payment::config::Cli;
use secure_payment::graphql;
use secure_payment::graphql::limits::{self, cost, shape::Shape};
use secure_payment::http::{body, budget, documents, execution, graphql as door, socket_slots};
use secure_payment::page;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// 50000 as people read it: 50,000.
fn spelled(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[test]
fn limits_md_has_the_numbers_that_hold() {
    let text = fs::read_to_string(root().join("docs/limits.md")).expect("reads");
    let number = |number: usize| spelled(u64::try_from(number).expect("fits"));
    let page = |number: i32| spelled(u64::try_from(number).expect("fits"));
    let mut expected = vec![
        ("Bytes of a document", number(limits::MOST_BYTES)),
        ("Tokens of a document", number(limits::MOST_TOKENS)),
        ("Brackets within brackets", number(limits::MOST_NESTED_BRACKETS)),
        ("Fields within fields", number(limits::MOST_DEPTH)),
        ("Aliases", number(limits::MOST_ALIASES)),
        ("Directives", number(limits::MOST_DIRECTIVES)),
        ("Fields at the root", number(limits::MOST_ROOT_FIELDS)),
        ("Fields with fragments expanded", number(limits::MOST_FIELDS)),
        ("The same, with each fragment by itself", number(limits::MOST_FIELDS_VALIDATED)),
        ("Values of all variables", number(limits::MOST_VALUES)),
        ("Operations of a batch", number(door::MOST_IN_BATCH)),
        ("Rows of a page", page(page::MOST_PER_PAGE)),
        ("Rows of a page without `first`", page(page::USUAL_PER_PAGE)),
        ("Elements that a plain list counts as", spelled(cost::PLAIN_LIST)),
        ("A mutation's field, besides", spelled(cost::MUTATION)),
        ("A subscription, besides", spelled(cost::SUBSCRIPTION)),
        ("A document that is refused", spelled(u64::from(execution::REFUSED))),
        ("An attempt with a credential that isn't good", spelled(u64::from(budget::ATTEMPT))),
        ("Budgets remembered", number(budget::MOST_BUCKETS)),
        ("Persisted documents kept", number(documents::MOST_KEPT)),
        ("Bytes of persisted documents kept", number(documents::MOST_KEPT_BYTES)),
        ("Bytes of a request's body", number(body::MOST_BYTES)),
        ("Sockets and event streams of a node", number(socket_slots::MOST_SOCKETS)),
        ("Sockets and event streams of a holder of credentials", number(socket_slots::MOST_SOCKETS_OF_ONE)),
        ("Sockets and event streams of all without a credential", number(socket_slots::MOST_SOCKETS_OF_NOBODY)),
        (
            "Sockets and event streams of a storefront and its buyers",
            number(socket_slots::MOST_SOCKETS_OF_A_STOREFRONT),
        ),
        ("Operations of a socket", number(socket_slots::MOST_OPERATIONS_OF_A_SOCKET)),
        ("Operations of a holder of credentials", number(socket_slots::MOST_OPERATIONS_OF_ONE)),
        ("Seconds until a socket has sent `connection_init`", spelled(socket_slots::INIT_PATIENCE.as_secs())),
        (
            "Seconds between pings of a socket; one must be answered before the next",
            spelled(socket_slots::LOOK_AGAIN_EVERY.as_secs()),
        ),
        (
            "Seconds until a credential that was revoked on another node is noticed",
            spelled(socket_slots::LOOK_AGAIN_EVERY.as_secs()),
        ),
        ("Seconds between the comments of an event stream", spelled(socket_slots::BEAT_EVERY.as_secs())),
        ("Seconds that a client may take to read what it is sent", spelled(socket_slots::SEND_PATIENCE.as_secs())),
    ];
    let command = Cli::command();
    let settings = command.get_arguments().filter_map(|argument| {
        let name = argument.get_env()?.to_str()?;
        let default = argument.get_default_values().first()?.to_str()?.parse().ok()?;
        let is_limit = ["REQUEST_COST", "BUDGET", "CONNECTIONS"].iter().any(|word| name.contains(word));
        is_limit.then(|| (name, spelled(default)))
    });
    expected.extend(settings);
    assert!(expected.len() >= 32 + 7, "the settings are found");
    for (what, number) in expected {
        let rows = text.lines().filter(|line| line.starts_with('|'));
        let is_of = |cell: &str| cell.trim() == what || cell.trim() == format!("`{what}`");
        let row = rows.filter(|line| line.split('|').any(is_of)).collect::<Vec<_>>();
        assert_eq!(row.len(), 1, "one row about {what}");
        assert!(row[0].split('|').any(|cell| cell.trim() == number), "{what} is {number}: {}", row[0]);
    }
}

/// Every file below that may hold a document.
fn files(folder: &Path, found: &mut Vec<PathBuf>) {
    let Ok(entries) = fs::read_dir(folder) else { return };
    for path in entries.map(|entry| entry.expect("reads").path()) {
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        if path.is_dir() {
            if !matches!(name, "node_modules" | "dist" | "target" | "__generated__" | "generated") {
                files(&path, found);
            }
        } else if [".md", ".js", ".mjs", ".ts", ".tsx", ".py", ".rs", ".graphql", ".sh"]
            .iter()
            .any(|end| name.ends_with(end))
        {
            found.push(path);
        }
    }
}

/// Whatever is between quotes, or in a fenced block, and could be a document.
fn candidates(text: &str) -> Vec<String> {
    let mut found = Vec::new();
    for quote in ["\"\"\"", "`", "'", "\"", "```graphql"] {
        for (start, _) in text.match_indices(quote) {
            let rest = &text[start + quote.len()..];
            let looks = rest.trim_start();
            let begins =
                ["query", "mutation", "subscription", "{", "#", "fragment"].iter().any(|word| looks.starts_with(word));
            let end = if quote == "\"" { unescaped_end(rest) } else { rest.find(&quote[..quote.len().min(3)]) };
            if let (true, Some(end)) = (begins, end) {
                found.push(rest[..end].replace("\\\"", "\""));
            }
        }
    }
    found
}

fn unescaped_end(text: &str) -> Option<usize> {
    let ends = text.match_indices('"').map(|(index, _quote)| index);
    ends.into_iter().find(|index| !text[..*index].ends_with('\\'))
}

#[test]
fn what_the_documentation_asks_costs_under_a_quarter_of_the_limit() {
    let schema = graphql::build(Mode::Sandbox);
    let shape = Shape::of(&graphql::sdl(&schema)).expect("a schema");
    let mut paths = vec![root().join("README.md"), root().join("graphiql/tabs.js")];
    files(&root().join("docs"), &mut paths);
    files(&root().join("clients"), &mut paths);
    let mut counted = 0;
    for path in paths {
        let text = fs::read_to_string(&path).expect("reads");
        let whole = path.extension().is_some_and(|end| end == "graphql").then(|| text.clone());
        for document in candidates(&text).into_iter().chain(whole) {
            let Ok(bounded) = limits::parse(&document) else { continue };
            for (name, operation) in bounded.document.operations.iter() {
                let name = name.map(|name| name.as_str());
                let points = cost::of(&shape, &bounded.document, name, &Variables::default()).points;
                let what = format!("{}: {points} points for {:?} {name:?}", path.display(), operation.node.ty);
                assert!(points <= 5_000 / 4, "{what}");
                counted += 1;
            }
        }
    }
    // 11 of GraphiQL's sandbox tabs and more; the README's and the guide's calls.
    assert!(counted >= 30, "only {counted} were found");
}

/// What of this repository a page links to.
fn links(path: &Path) -> Vec<String> {
    let text = fs::read_to_string(path).expect("reads");
    let ends = text.split("](").skip(1).filter_map(|rest| rest.split(')').next());
    ends.filter(|target| !target.contains("://"))
        .map(|target| target.split('#').next().unwrap_or(target).to_owned())
        .collect()
}

#[test]
fn the_readme_names_every_page_and_no_page_links_to_nothing() {
    let mut pages = Vec::new();
    files(&root().join("docs"), &mut pages);
    assert!(pages.len() >= 8 + 5, "{pages:?}");
    let named: Vec<PathBuf> = links(&root().join("README.md")).iter().map(|target| root().join(target)).collect();
    for page in &pages {
        assert!(named.contains(page), "README.md's list lacks {}", page.display());
    }
    pages.extend(["README.md", "clients/README.md", "graphiql/README.md"].map(|name| root().join(name)));
    for page in pages {
        let folder = page.parent().expect("a folder");
        for target in links(&page).into_iter().filter(|target| !target.is_empty()) {
            assert!(folder.join(&target).exists(), "{} links to {target}", page.display());
        }
    }
}
