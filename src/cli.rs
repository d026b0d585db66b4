//! The program: reads the command line and the settings, starts the log and the runtime, and runs one command.
//!
//! A setting that can't be used is one line on stderr and exit code 1. All of it is in the library, and `src/main.rs`
//! only calls it: a binary that awaited the library would hold every async body a second time.

use std::io::{IsTerminal, Write};
use std::process::ExitCode;
use std::time::Duration;

use clap::CommandFactory;
use clap::error::{ContextKind, ContextValue, ErrorKind};
use ground::clock::Clock;
use ground::setting::{Mode, SettingError};
use secrecy::ExposeSecret;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;
use tracing_subscriber::EnvFilter;

use crate::app::App;
use crate::config::{Cli, Command, CredentialCommand, LogFormat, Settings};
use crate::db::{Db, sqlite_file};
use crate::{delivery, graphql, http, job, party, payment, seed, server, worker};

/// What ends the program with exit code 1: a line for people.
type Failure = String;

/// The whole program.
#[must_use]
pub fn main() -> ExitCode {
    match begin() {
        Ok(code) => code,
        Err(failure) => {
            complain(&failure);
            ExitCode::FAILURE
        }
    }
}

fn complain(failure: &str) {
    let line = failure.split_whitespace().collect::<Vec<_>>().join(" ");
    // Without a stderr there is nobody to tell.
    drop(writeln!(std::io::stderr(), "secure-payment: {line}"));
}

fn begin() -> Result<ExitCode, Failure> {
    match dotenvy::from_path(".env") {
        Ok(()) => {}
        Err(cause) if cause.not_found() => {}
        // The line itself may hold a secret.
        Err(_cause) => return Err(".env can't be read: each line must be NAME=value or begin with #".to_owned()),
    }
    let mut cli = match Cli::from_environment() {
        Ok(cli) => cli,
        Err(error) if matches!(error.kind(), ErrorKind::DisplayHelp | ErrorKind::DisplayVersion) => error.exit(),
        Err(error) => return Err(usage_problem(&error)),
    };
    cli.settings.forget_blanks();
    cli.settings.check().map_err(|problem| problem.to_string())?;
    // Before the database is opened: the keys of payment providers are read at once.
    cli.settings.providers(&Clock::default()).map_err(|problem| problem.to_string())?;
    start_log(&cli.settings).map_err(|problem| problem.to_string())?;
    if rustls::crypto::ring::default_provider().install_default().is_err() {
        tracing::debug!("another TLS provider was installed before ours");
    }
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .thread_stack_size(server::STACK_OF_A_WORKER)
        .enable_all()
        .build()
        .map_err(|cause| format!("can't start: {cause}"))?;
    let code = runtime.block_on(run(cli));
    // Nothing is left that must finish; what still reads a socket would hold the exit up.
    runtime.shutdown_timeout(Duration::from_secs(1));
    code
}

/// Clap's complaint on one line, with the variable that sets the same.
fn usage_problem(error: &clap::Error) -> Failure {
    let text = error.render().to_string();
    let text = text.split("Usage:").next().unwrap_or_default();
    let text = text.split("For more information").next().unwrap_or_default();
    let text = text.trim().trim_start_matches("error: ");
    let flag = match error.get(ContextKind::InvalidArg) {
        Some(ContextValue::String(flag)) => flag.trim_start_matches("--").split([' ', '=']).next(),
        _other => None,
    };
    let command = Cli::command();
    let variable = flag.and_then(|flag| {
        let argument = command.get_arguments().find(|argument| argument.get_long() == Some(flag))?;
        argument.get_env()?.to_str().map(ToOwned::to_owned)
    });
    variable.map_or_else(|| text.to_owned(), |variable| format!("{variable}: {text}"))
}

/// The log goes to stderr, so that stdout is only what a command prints.
fn start_log(settings: &Settings) -> Result<(), SettingError> {
    let filter = EnvFilter::try_new(&settings.log).map_err(|cause| SettingError {
        variable: "SECURE_PAYMENT_LOG",
        problem: format!("is not a filter such as info,sqlx=warn: {cause}"),
    })?;
    let log = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    match settings.log_format {
        LogFormat::Text => log.with_ansi(std::io::stderr().is_terminal()).init(),
        LogFormat::Json => log.json().flatten_event(true).with_span_list(false).init(),
    }
    Ok(())
}

async fn run(cli: Cli) -> Result<ExitCode, Failure> {
    let settings = cli.settings;
    match cli.command.unwrap_or(Command::Serve) {
        Command::Serve => serve(settings).await,
        Command::Migrate => {
            let app = open(settings).await?;
            app.db.close().await;
            Ok(ExitCode::SUCCESS)
        }
        Command::Seed => {
            if !settings.is_sandbox() {
                return Err(
                    "SECURE_PAYMENT_MODE is live: demo data and its published tokens are the sandbox's".to_owned()
                );
            }
            let app = open(settings).await?;
            let seeded = seed::run(&app).await.map_err(|cause| format!("seeding: {cause}"))?;
            print(if seeded { "seeded" } else { "the database isn't empty; nothing was changed" });
            app.db.close().await;
            Ok(ExitCode::SUCCESS)
        }
        Command::Schema => {
            print(graphql::sdl(&graphql::build(settings.mode)).trim_end());
            Ok(ExitCode::SUCCESS)
        }
        Command::Errors => {
            let page = graphql::error_reference::error_reference(&graphql::build(settings.mode)).await;
            print(page.map_err(|cause| format!("the error reference: {cause}"))?.trim_end());
            Ok(ExitCode::SUCCESS)
        }
        Command::Verify => {
            // Only looks: it neither creates a database nor changes its schema.
            let url = settings.database_url.expose_secret();
            if sqlite_file(url).is_some_and(|file| !file.exists()) {
                return Err("DATABASE_URL: there is no such file; nothing was verified".to_owned());
            }
            let db = connect(&settings).await?;
            if !db.is_ready().await {
                return Err("DATABASE_URL: there is no schema of ours; `secure-payment migrate` makes it".to_owned());
            }
            let differences = payment::verify(&db.read).await.map_err(|cause| format!("verifying: {cause}"))?;
            db.close().await;
            for difference in &differences {
                print(difference);
            }
            if !differences.is_empty() {
                return Ok(ExitCode::FAILURE);
            }
            print("the ledger is clean");
            Ok(ExitCode::SUCCESS)
        }
        Command::Credential(CredentialCommand::Create { operator }) => {
            let app = open(settings).await?;
            let token = party::create_operator(&app, &operator)
                .await
                .map_err(|cause| format!("creating the operator: {cause}"))?;
            app.db.close().await;
            print(&token);
            Ok(ExitCode::SUCCESS)
        }
    }
}

fn print(line: &str) {
    // A reader that has seen enough, such as `head`, is no reason to fail.
    drop(writeln!(std::io::stdout(), "{line}"));
}

/// The database, with its schema up to date.
async fn open(settings: Settings) -> Result<App, Failure> {
    let db = connect(&settings).await?;
    db.migrate().await.map_err(|cause| format!("DATABASE_URL: bringing the schema up to date: {cause}"))?;
    let app = App::new(settings, db, Clock::default()).map_err(|problem| problem.to_string())?;
    app.catch_up().await.map_err(|cause| format!("DATABASE_URL: {cause}"))?;
    Ok(app)
}

async fn connect(settings: &Settings) -> Result<Db, Failure> {
    let url = settings.database_url.expose_secret();
    Db::connect(url).await.map_err(|cause| {
        let place = reqwest::Url::parse(url).ok().filter(|url| url.scheme().starts_with("postgres")).map(|url| {
            format!(" (host {}, port {})", url.host_str().unwrap_or("localhost"), url.port().unwrap_or(5432))
        });
        let cause = cause.to_string();
        let cause = match cause.trim_start_matches("Connection Error: ") {
            // It would quote the URL, password and all.
            quoting if quoting.contains(url) => "this is not a database's URL",
            "pool timed out while waiting for an open connection" => "nothing answers there",
            cause => cause,
        };
        format!("DATABASE_URL: can't open the database{}: {cause}", place.unwrap_or_default())
    })
}

async fn serve(mut settings: Settings) -> Result<ExitCode, Failure> {
    let listener = server::bind(&mut settings).await.map_err(|problem| problem.to_string())?;
    let url = settings.database_url.expose_secret().to_owned();
    let db = connect(&settings)
        .await?
        .lock_sqlite_file(&url)
        .map_err(|cause| format!("DATABASE_URL: can't lock the database: {cause}"))?;
    db.migrate().await.map_err(|cause| format!("DATABASE_URL: bringing the schema up to date: {cause}"))?;
    if db.is_sqlite() {
        job::release_all_leases(&db).await.map_err(|cause| format!("DATABASE_URL: {cause}"))?;
        delivery::release_all_leases(&db).await.map_err(|cause| format!("DATABASE_URL: {cause}"))?;
    }
    let app = App::new(settings, db, Clock::default()).map_err(|problem| problem.to_string())?;
    app.catch_up().await.map_err(|cause| format!("DATABASE_URL: {cause}"))?;
    if app.settings.is_sandbox() {
        seed::run(&app).await.map_err(|cause| format!("seeding: {cause}"))?;
    } else if party::demo::are_accepted(&app.db.read).await.map_err(|cause| format!("DATABASE_URL: {cause}"))? {
        return Err(
            "DATABASE_URL: this database takes the sandbox's published tokens, which live mode refuses".to_owned()
        );
    }

    let mut terminate = signal(SignalKind::terminate()).map_err(|cause| format!("can't hear signals: {cause}"))?;
    let mut interrupt = signal(SignalKind::interrupt()).map_err(|cause| format!("can't hear signals: {cause}"))?;
    let mut stop_signal = async || {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
    };
    http::observe::install_recorder();
    let (stop_worker, mut worker_stopped) = watch::channel(false);
    let mut worker = tokio::spawn(worker::run(app.clone(), async move {
        drop(worker_stopped.wait_for(|stopped| *stopped).await);
    }));
    greet(&app.settings);
    if let Some(warning) = app.settings.providers.bank.warning() {
        tracing::warn!("{warning}");
    }
    tokio::select! {
        () = server::serve(app.clone(), listener, stop_signal()) => {}
        // Without it no money moves: better to be restarted than to look well.
        ended = &mut worker => return Err(format!("the worker broke down: {ended:?}")),
    }
    stop_worker.send_replace(true);
    tokio::select! {
        result = &mut worker => {
            if let Err(cause) = result {
                tracing::error!(%cause, "the worker broke down");
            }
            app.db.close().await;
            tracing::info!("stopped");
            Ok(ExitCode::SUCCESS)
        }
        () = stop_signal() => Err("told to stop twice: the worker was cut off in its work, which the next start takes up".to_owned()),
    }
}

fn greet(settings: &Settings) {
    let url = settings.own_url();
    let mode = match settings.mode {
        Mode::Sandbox => "sandbox: demo data, simulated money",
        Mode::Live => "live",
    };
    print(&format!("GraphiQL: {}/graphiql", settings.public_url()));
    if settings.is_sandbox() {
        print("Demo tokens, for the header Authorization: Bearer <token>");
        for (token, what) in party::demo::tokens() {
            print(&format!("  {token}  {what}"));
        }
        print("Documentation: README.md lists it; docs/storefront.md goes from a key to a refund in TypeScript");
    }
    // Last: whoever waits for this line has read the rest.
    print(&format!("Secure Payment {} ({mode}) is listening on {url}", env!("CARGO_PKG_VERSION")));
}
