//! What the adapters' own tests begin with.

use clap::Parser;
use ground::setting::{Installation, Mode};

use crate::list::ProviderSettings;

#[derive(Parser)]
struct Flags {
    #[command(flatten)]
    providers: ProviderSettings,
}

/// As the flags say; the others are as they are when nothing is set.
pub(crate) fn settings(flags: &[&str]) -> ProviderSettings {
    let all = ["test"].iter().chain(flags);
    Flags::try_parse_from(all).expect("flags that parse").providers
}

pub(crate) fn installation(mode: Mode) -> Installation {
    let url = "http://127.0.0.1:8080".to_owned();
    Installation { mode, public_url: url.clone(), own_url: url }
}
