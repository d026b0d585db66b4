//! What every test stands on: a real server on a fresh database, spoken to over HTTP.
//!
//! ```ignore
//! on_each_database!(only_the_buyer_confirms_receipt);
//!
//! async fn only_the_buyer_confirms_receipt(app: &TestApp) {
//!     let answer = app.graphql(demo::SUPPLIER, "mutation …", json!({ … })).await;
//!     assert_eq!(answer["data"]["confirmReceived"]["errors"][0]["code"], "NOT_PERMITTED");
//!     app.clock().advance(TimeDelta::days(3));
//!     app.drain().await;
//! }
//! ```
//!
//! The test runs on SQLite and on PostgreSQL. No worker runs beside it: `drain` does all that is due, and returns. After
//! the test, passed or not, the server is stopped; if it passed, the ledger is verified too.

mod app;
pub(crate) mod bank;
pub(crate) mod bench;
mod database;
pub(crate) mod events;
pub(crate) mod node;
mod postgres;
pub(crate) mod process;
pub(crate) mod purchase;
pub(crate) mod rail;
pub(crate) mod steps;
pub(crate) mod trouble;

pub(crate) use app::TestApp;
pub(crate) use database::Engine;

use std::io::Write;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};

use database::Template;
use secure_payment::server::STACK_OF_A_WORKER;

/// Declares one test per database for each of these `async fn name(app: &TestApp)`.
macro_rules! on_each_database {
    ($($name:ident),+ $(,)?) => {$(
        mod $name {
            #[test]
            fn sqlite() {
                $crate::support::run($crate::support::Engine::Sqlite, super::$name);
            }

            #[test]
            fn postgres() {
                $crate::support::run($crate::support::Engine::Postgres, super::$name);
            }
        }
    )+};
}
pub(crate) use on_each_database;

/// Without optimisation the futures of long tests are larger than a thread's usual stack.
const STACK: usize = 16 << 20;

/// Runs one test on a fresh database, and stops what it started.
pub(crate) fn run(engine: Engine, test: impl AsyncFn(&TestApp) + Send) {
    let name = std::thread::current().name().unwrap_or("a test").to_owned();
    std::thread::scope(|scope| {
        let thread = std::thread::Builder::new().name(name).stack_size(STACK);
        let running = thread.spawn_scoped(scope, || run_here(engine, test)).expect("a thread");
        if let Err(panic) = running.join() {
            resume_unwind(panic);
        }
    });
}

fn run_here(engine: Engine, test: impl AsyncFn(&TestApp)) {
    install_tls();
    let Some(template) = Template::of(engine) else { return };
    let mut runtime = tokio::runtime::Builder::new_multi_thread();
    let runtime = runtime.worker_threads(2).thread_stack_size(STACK_OF_A_WORKER).enable_all().build().expect("starts");
    let app = runtime.block_on(TestApp::start(template));
    let result = catch_unwind(AssertUnwindSafe(|| runtime.block_on(test(&app))));
    let passed = result.is_ok();
    let finished = catch_unwind(AssertUnwindSafe(|| runtime.block_on(app.finish(passed))));
    for result in [result, finished] {
        if let Err(panic) = result {
            resume_unwind(panic);
        }
    }
}

/// Both this crate's clients and the server's need it, and only one of them can be first.
pub(crate) fn install_tls() {
    drop(rustls::crypto::ring::default_provider().install_default());
}

/// A line that the test harness doesn't swallow.
fn say(line: &str) {
    drop(writeln!(std::io::stderr(), "{line}"));
}

/// A variable that chooses how the tests run; the server's own settings come from `config.rs`.
#[expect(clippy::disallowed_methods, reason = "not a setting of the server")]
fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}
