//! What a source file names of others: read from its text, without a compiler. Enough for imports and paths as we write them;
//! a macro could hide one, but nobody here does that.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

/// The crates of this workspace, by the folder of their sources.
pub(crate) const CRATES: [(&str, &str); 6] = [
    ("entity", "entity/src"),
    ("migration", "migration/src"),
    ("escrow", "escrow/src"),
    ("ground", "ground/src"),
    ("provider", "provider/src"),
    ("secure_payment", "src"),
];

/// A path as `["secure_payment", "order", "write", "LockedOrder"]`.
pub(crate) type Segments = Vec<String>;

/// One file.
#[derive(Debug)]
pub(crate) struct Source {
    /// From the top of the repository.
    pub(crate) path: String,
    pub(crate) module: Segments,
    /// Without comments, and without the texts and the tests in it.
    pub(crate) tokens: Vec<String>,
    pub(crate) lines: usize,
}

/// A path that a file names.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Reference {
    pub(crate) to: Segments,
    /// It only hands the name on: `pub use`.
    pub(crate) is_reexport: bool,
}

impl Source {
    pub(crate) fn new(path: &str, text: &str) -> Self {
        Self { path: path.to_owned(), module: module_of(path), tokens: tokens(text), lines: text.lines().count() }
    }

    /// `order` of `src/order/write.rs`; the crate's own name for its root, and for all of another crate.
    pub(crate) fn part(&self) -> &str {
        match self.module.as_slice() {
            [one, part, ..] if one == "secure_payment" => part,
            [one, ..] => one,
            [] => "",
        }
    }

    fn children(&self) -> BTreeSet<&str> {
        let declared = self.tokens.windows(3).filter(|three| three[0] == "mod" && three[2] == ";");
        declared.map(|three| three[1].as_str()).collect()
    }

    /// Every path into this workspace.
    pub(crate) fn references(&self) -> BTreeSet<Reference> {
        let children = self.children();
        let mut found = BTreeSet::new();
        for (index, token) in self.tokens.iter().enumerate() {
            let continues = index > 0 && matches!(self.tokens[index - 1].as_str(), "::" | ".");
            // `pub(in crate::simulator)` says who sees, not what is used.
            let is_reach = index > 2 && self.tokens[index - 3..index].concat() == "pub(in";
            let leads_on = self.tokens.get(index + 1).is_some_and(|next| next == "::");
            let Some(start) = self.start(token, &children).filter(|_| !continues && !is_reach) else { continue };
            let used = index > 0 && self.tokens[index - 1] == "use";
            if !leads_on && !used {
                continue;
            }
            let is_reexport = used && index > 1 && matches!(self.tokens[index - 2].as_str(), "pub" | ")");
            let mut paths = Vec::new();
            tree(&self.tokens[index..], &start, &mut paths);
            found.extend(paths.into_iter().map(|to| Reference { to, is_reexport }));
        }
        found
    }

    /// Where a path begins that begins with this word.
    fn start(&self, word: &str, children: &BTreeSet<&str>) -> Option<Segments> {
        match word {
            "crate" => Some(self.module[..1].to_vec()),
            "self" => Some(self.module.clone()),
            "super" => Some(self.module[..self.module.len().saturating_sub(1)].to_vec()),
            child if children.contains(child) => Some([self.module.clone(), vec![child.to_owned()]].concat()),
            other => CRATES.iter().any(|(name, _)| *name == other).then(|| vec![other.to_owned()]),
        }
    }
}

/// Reads `a::{b, c::d as e}` behind its first word; answers how many tokens it took.
fn tree(tokens: &[String], start: &[String], paths: &mut Vec<Segments>) -> usize {
    let mut path = start.to_vec();
    let mut at = 1;
    while tokens.get(at).is_some_and(|token| token == "::") {
        match tokens.get(at + 1).map(String::as_str) {
            Some("{") => {
                at += 2;
                while tokens.get(at).is_some_and(|token| token != "}") {
                    if tokens[at] == "," {
                        at += 1;
                        continue;
                    }
                    let below = if tokens[at] == "self" {
                        path.clone()
                    } else {
                        [path.clone(), vec![tokens[at].clone()]].concat()
                    };
                    at += tree(&tokens[at..], &below, paths);
                }
                return at + 1;
            }
            Some("super") => {
                path.pop();
                at += 2;
            }
            Some(word) if is_word(word) => {
                path.push(word.to_owned());
                at += 2;
            }
            _end => break,
        }
    }
    if tokens.get(at).is_some_and(|token| token == "as") {
        at += 2;
    }
    paths.push(path);
    // A star, or what can't be read: passed over.
    while tokens.get(at).is_some_and(|token| !matches!(token.as_str(), "," | "}" | ";")) && tokens[at - 1] == "::" {
        at += 1;
    }
    at
}

fn is_word(token: &str) -> bool {
    token.starts_with(|c: char| c.is_alphabetic() || c == '_')
}

/// `src/order/write.rs` is `secure_payment::order::write`; `escrow/src/lib.rs` is `escrow`.
fn module_of(path: &str) -> Segments {
    let (name, folder) =
        CRATES.iter().rev().find(|(_, folder)| path.starts_with(&format!("{folder}/"))).expect("a crate of ours");
    let below = path[folder.len() + 1..].trim_end_matches(".rs");
    let below = below.strip_suffix("/mod").unwrap_or(below);
    let words = below.split('/').filter(|word| !matches!(*word, "lib" | "main" | "mod"));
    std::iter::once(*name).chain(words).map(ToOwned::to_owned).collect()
}

/// Words and marks. Comments, texts and the module `tests` at a file's end are left out.
fn tokens(text: &str) -> Vec<String> {
    let text = text.split("#[cfg(test)]\nmod tests {").next().unwrap_or_default();
    let mut tokens = Vec::new();
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let length = if rest.starts_with("//") {
            rest.find('\n').unwrap_or(rest.len())
        } else if let Some(raw) = rest.strip_prefix("r#\"") {
            raw.find("\"#").map_or(rest.len(), |end| end + 5)
        } else if first == '"' {
            text_length(rest)
        } else if let Some(length) = character_length(rest) {
            length
        } else if is_word(rest) {
            let end = rest.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(rest.len());
            tokens.push(rest[..end].to_owned());
            end
        } else if rest.starts_with("::") {
            tokens.push("::".to_owned());
            2
        } else {
            if !first.is_whitespace() {
                tokens.push(first.to_string());
            }
            first.len_utf8()
        };
        rest = &rest[length..];
    }
    tokens
}

fn text_length(rest: &str) -> usize {
    let mut escaped = false;
    for (index, character) in rest.char_indices().skip(1) {
        match character {
            _any if escaped => escaped = false,
            '\\' => escaped = true,
            '"' => return index + 1,
            _other => {}
        }
    }
    rest.len()
}

/// Of `'x'` or `'\n'`, which is no lifetime.
fn character_length(rest: &str) -> Option<usize> {
    let inner = rest.strip_prefix('\'')?;
    let escaped = inner.strip_prefix('\\');
    let from = if escaped.is_some() { 3 } else { 1 + inner.chars().next()?.len_utf8() };
    let end = rest.get(from..)?.find('\'')?;
    (end == 0 || (escaped.is_some() && end < 10)).then_some(from + end + 1)
}

/// All files of the workspace's crates, by their path.
pub(crate) fn all() -> BTreeMap<String, Source> {
    let top = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut found = BTreeMap::new();
    for (_, folder) in CRATES {
        collect(top, &top.join(folder), &mut found);
    }
    found
}

fn collect(top: &Path, folder: &Path, into: &mut BTreeMap<String, Source>) {
    for entry in fs::read_dir(folder).expect("reads") {
        let path = entry.expect("reads").path();
        if path.is_dir() {
            collect(top, &path, into);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let name = path.strip_prefix(top).expect("ours").display().to_string();
            // A test may know what it needs.
            if !name.contains("/tests/") && !name.ends_with("/tests.rs") {
                into.insert(name.clone(), Source::new(&name, &fs::read_to_string(&path).expect("reads")));
            }
        }
    }
}

/// Which file a path leads to: through the names that a facade (`mod.rs`) hands on.
pub(crate) struct Resolver {
    by_module: BTreeMap<Segments, String>,
    handed_on: BTreeMap<Segments, Segments>,
}

impl Resolver {
    pub(crate) fn new(sources: &BTreeMap<String, Source>) -> Self {
        let by_module = sources.values().map(|source| (source.module.clone(), source.path.clone())).collect();
        let mut handed_on = BTreeMap::new();
        for source in sources.values() {
            for reference in source.references().into_iter().filter(|reference| reference.is_reexport) {
                if let Some(name) = reference.to.last() {
                    handed_on.insert([source.module.clone(), vec![name.clone()]].concat(), reference.to.clone());
                }
            }
        }
        Self { by_module, handed_on }
    }

    pub(crate) fn file(&self, path: &[String]) -> Option<&str> {
        let mut path = path.to_vec();
        for _hop in 0..8 {
            let handed_on = (1..=path.len()).find_map(|end| Some((end, self.handed_on.get(&path[..end])?)));
            match handed_on {
                Some((end, to)) if to[..] != path[..end] => path = [to.clone(), path[end..].to_vec()].concat(),
                _not_handed_on => break,
            }
        }
        (1..=path.len()).rev().find_map(|end| self.by_module.get(&path[..end])).map(String::as_str)
    }
}
