//! What the program is asked to do: the settings, and one command.

use clap::{CommandFactory, FromArgMatches, Parser, Subcommand};

use super::Settings;

#[derive(Debug, Parser)]
#[command(name = "secure-payment", version, about = "An escrow server for cross-border wholesale trade")]
pub struct Cli {
    #[command(flatten)]
    pub settings: Settings,
    #[command(subcommand)]
    pub command: Option<Command>,
}

impl Cli {
    /// From the arguments and the environment, where `NAME=` means that it isn't set: also of what has a default, or is a list.
    pub fn from_environment() -> Result<Self, clap::Error> {
        let is_blank = |name: &std::ffi::OsStr| {
            std::env::var_os(name).is_some_and(|value| value.to_str().is_some_and(|text| text.trim().is_empty()))
        };
        let without_blanks = |argument: clap::Arg| match argument.get_env() {
            Some(name) if is_blank(name) => argument.env(None),
            Some(_) | None => argument,
        };
        Self::from_arg_matches(&Self::command().mut_args(without_blanks).try_get_matches()?)
    }
}

#[derive(Clone, Debug, Subcommand)]
pub enum Command {
    /// Serve the API, the webhooks and (in sandbox mode) GraphiQL's demo: the default
    Serve,
    /// Bring the database's schema up to date, and exit
    Migrate,
    /// Fill an empty database with the sandbox's catalogue and demo credentials, and exit
    Seed,
    /// Print the GraphQL schema, and exit
    Schema,
    /// Print docs/errors.md: every error code, what it means and what to do, and exit
    Errors,
    /// Check every order and account against its transfers; exit code 1 if anything differs
    Verify,
    /// Create credentials
    #[command(subcommand)]
    Credential(CredentialCommand),
}

#[derive(Clone, Debug, Subcommand)]
pub enum CredentialCommand {
    /// Create an operator and print its token, which is shown this once only
    Create {
        /// Name of the operator
        #[arg(long)]
        operator: String,
    },
}
