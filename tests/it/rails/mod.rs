//! Every payment provider, against a fake of it that speaks its format strictly, and against the vendors' own samples.
//!
//! A provider is played by a file of its own (`mod <name>`) and one line of the list below; `suite` then runs over it. One that is
//! in `payment::NAMES` and not in the list fails [`every_provider_is_played_signed_and_documented`].

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;

use provider::{NAMES, sandbox};
use serde_json::Value;

use crate::support::rail::Fake;

mod adyen;
mod alipay;
mod antom;
mod bank;
mod dlocal;
mod keys;
mod partner;
mod qiwi;
mod rapyd;
mod samples;
mod settlement;
pub(crate) mod stripe;
mod suite;
mod webmoney;
mod yookassa;

/// The list: name, and the files of `tests/vectors/` that its notifications are tested with.
macro_rules! for_every_fake {
    ($then:ident) => {
        $then! {
            stripe: ["stripe"],
            adyen: ["adyen"],
            antom: ["antom"],
            alipay: ["alipay"],
            yookassa: ["yookassa"],
            bank: ["bank_iso20022", "standardwebhooks"],
            rapyd: ["rapyd"],
            qiwi: ["qiwi"],
            dlocal: ["dlocal"],
            webmoney: ["webmoney"],
            partner: ["standardwebhooks"],
        }
    };
}
pub(crate) use for_every_fake;

macro_rules! played {
    ($($name:ident: [$($vectors:literal),+],)+) => {
        pub(crate) const PLAYED: &[(&str, &[&str])] = &[$((stringify!($name), &[$($vectors),+])),+];
    };
}
for_every_fake!(played);

macro_rules! started {
    ($($name:ident: $vectors:tt,)+) => {
        /// A fresh one of the list.
        pub(crate) async fn fake(name: &str) -> Arc<dyn Fake> {
            match name {
                $(stringify!($name) => $name::start().await,)+
                other => panic!("{other} is not played"),
            }
        }
    };
}
for_every_fake!(started);

#[test]
fn every_provider_is_played_signed_and_documented() {
    let played: BTreeSet<&str> = PLAYED.iter().map(|(name, _)| *name).collect();
    // The simulated bank is a server of its own: `simulator` and `door` test it.
    let listed: BTreeSet<&str> = NAMES.iter().copied().filter(|name| *name != sandbox::NAME).collect();
    assert_eq!(played, listed, "a provider is played in tests/it/rails/<name>.rs, and stands in the list above");
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let read =
        |path: String| std::fs::read_to_string(root.join(&path)).unwrap_or_else(|error| panic!("{path}: {error}"));
    for (name, vectors) in PLAYED {
        let files = vectors.iter().map(|file| read(format!("tests/vectors/{file}.json")));
        let files: Vec<Value> = files.map(|text| serde_json::from_str(&text).expect("JSON")).collect();
        let entries: Vec<&Value> = files.iter().flat_map(|file| file["vectors"].as_array().expect("a list")).collect();
        let notifications =
            |valid: bool| entries.iter().filter(move |entry| entry["valid"] == valid && entry["body"].is_string());
        assert!(notifications(true).count() > 0, "{name} has no valid notification");
        assert!(notifications(false).count() > 0, "{name} has no invalid notification");
        assert!(read(format!("docs/providers/{name}.md")).len() > 1_000, "docs/providers/{name}.md says too little");
    }
}
