//! The server under test.

use std::convert::Infallible;

use clap::Parser;
use ground::clock::Clock;
use secure_payment::app::App;
use secure_payment::config::{Cli, LimitSettings, Settings};
use secure_payment::db::Db;
use secure_payment::lifecycle::ShutdownTimes;
use secure_payment::server;
use secure_payment::{payment, worker};
use serde_json::{Value, json};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use super::database::{Fresh, Template};

pub(crate) struct TestApp {
    app: App,
    database: Fresh,
    client: reqwest::Client,
    stop: oneshot::Sender<Infallible>,
    server: JoinHandle<()>,
}

impl TestApp {
    /// Starts a server on a fresh database with the sandbox's seed.
    pub(super) async fn start(template: &'static Template) -> Self {
        let database = template.copy().await;
        let mut settings = sandbox_settings(database.url());
        let listener = server::bind(&mut settings).await.expect("a free port");
        let db = Db::connect(database.url()).await.expect("connects");
        let app = App::new(settings, db, Clock::default()).expect("settings that can be used");
        let (stop, stopped) = oneshot::channel();
        // Nothing is ever sent: dropping `stop` is the order.
        let ordered = async move { drop(stopped.await) };
        let times = ShutdownTimes { linger: std::time::Duration::ZERO, ..ShutdownTimes::default() };
        let server = tokio::spawn(server::serve_until(app.clone(), listener, ordered, times));
        let client = reqwest::Client::builder().redirect(reqwest::redirect::Policy::none()).build().expect("a client");
        Self { app, database, client, stop, server }
    }

    /// Asks over HTTP and returns the whole answer, `data` and `errors`. The request itself must succeed (status 200).
    pub(crate) async fn graphql<'a>(&self, token: impl Into<Option<&'a str>>, query: &str, variables: Value) -> Value {
        let mut request = self.client.post(self.url("/graphql"));
        if let Some(token) = token.into() {
            request = request.bearer_auth(token);
        }
        let answer = request.json(&json!({ "query": query, "variables": variables })).send().await.expect("an answer");
        let status = answer.status();
        let text = answer.text().await.expect("a body");
        assert_eq!(status, 200, "{text}");
        serde_json::from_str(&text).expect("JSON")
    }

    /// As [`Self::graphql`], for what must go well: returns `data`.
    pub(crate) async fn data<'a>(&self, token: impl Into<Option<&'a str>>, query: &str, variables: Value) -> Value {
        let mut answer = self.graphql(token, query, variables).await;
        assert!(answer.get("errors").is_none(), "{answer:#}");
        answer["data"].take()
    }

    /// Follows no redirects.
    pub(crate) fn http(&self) -> &reqwest::Client {
        &self.client
    }

    /// `path` begins with a slash.
    pub(crate) fn url(&self, path: &str) -> String {
        format!("{}{path}", self.app.settings.own_url())
    }

    /// The same parts as the server's: what is asked of them happens in it.
    pub(crate) fn app(&self) -> &App {
        &self.app
    }

    pub(crate) fn clock(&self) -> &Clock {
        &self.app.clock
    }

    pub(crate) fn db(&self) -> &Db {
        &self.app.db
    }

    /// For another process on the same database.
    pub(crate) fn database_url(&self) -> &str {
        self.database.url()
    }

    pub(crate) fn is_sqlite(&self) -> bool {
        self.app.db.is_sqlite()
    }

    /// Another node on the same database and clock, with connections of its own and no server. Close its database.
    pub(crate) async fn another_node(&self) -> App {
        let db = Db::connect(self.database.url()).await.expect("connects");
        App::new((*self.app.settings).clone(), db, self.app.clock.clone()).expect("settings that can be used")
    }

    /// Does the worker's part: all that is due by now, and what that makes due.
    pub(crate) async fn drain(&self) {
        worker::drain(&self.app).await.expect("the worker gets through");
    }

    /// Stops the server and drops the database. After a test that passed, the ledger must be clean.
    pub(super) async fn finish(self, passed: bool) {
        let differences =
            if passed { payment::verify_books(&self.app.db.read).await.expect("verifies") } else { Vec::new() };
        drop(self.stop);
        // Idle connections of the client would only hold the shutdown up.
        drop(self.client);
        let server = self.server.await;
        self.app.db.close().await;
        self.database.discard().await;
        server.expect("the server ended well");
        assert!(differences.is_empty(), "the ledger: {differences:#?}");
    }
}

const PLENTY: u32 = 100_000_000;

/// The limits as they are published.
pub(super) fn default_limits() -> LimitSettings {
    Cli::try_parse_from(["secure-payment"]).expect("settings").settings.limits
}

/// The sandbox's own defaults, whatever the environment says.
pub(super) fn sandbox_settings(database_url: &str) -> Settings {
    let flags = ["secure-payment", "--mode", "sandbox", "--listen", "127.0.0.1:0", "--database-url", database_url];
    let settings = Cli::try_parse_from(flags).expect("settings").settings;
    // What a test asks for comes from one address, all at once; tests/it/limits.rs has budgets of its own.
    let limits = LimitSettings { budget: PLENTY, anonymous_budget: PLENTY, ..settings.limits.clone() };
    let mut settings = Settings { public_url: None, encryption_key: None, limits, ..settings };
    settings.providers.sandbox.api_base = None;
    settings
}
