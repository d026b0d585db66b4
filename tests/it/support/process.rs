//! The program itself, as a process: for what only a process can show, such as being killed.

use std::path::Path;
use std::process::{ExitStatus, Output, Stdio};

use tokio::io::{AsyncBufReadExt, AsyncReadExt, BufReader, Lines};
use tokio::process::{Child, ChildStdout, Command};
use tokio::task::JoinHandle;

/// A server that is listening. Dropping it kills it.
pub(crate) struct Process {
    child: Child,
    url: String,
    /// What it printed until it was listening.
    pub(crate) greeting: Vec<String>,
    output: Lines<BufReader<ChildStdout>>,
    errors: JoinHandle<String>,
}

/// The program in `folder`, with these settings and none of ours.
pub(crate) fn command(folder: &Path, arguments: &[&str], settings: &[(&str, &str)]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_secure-payment"));
    command.current_dir(folder).args(arguments).env_clear().envs(settings.iter().copied());
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
    command
}

/// Runs it to its end.
pub(crate) async fn output(folder: &Path, arguments: &[&str], settings: &[(&str, &str)]) -> Output {
    command(folder, arguments, settings).output().await.expect("runs")
}

impl Process {
    /// Starts a server on a free port and waits until it is listening.
    pub(crate) async fn start(folder: &Path, settings: &[(&str, &str)]) -> Self {
        let mut command = command(folder, &[], &[("SECURE_PAYMENT_LISTEN", "127.0.0.1:0")]);
        let mut child = command.envs(settings.iter().copied()).spawn().expect("starts");
        let mut stderr = child.stderr.take().expect("has a stderr");
        let errors = tokio::spawn(async move {
            let mut text = String::new();
            stderr.read_to_string(&mut text).await.expect("reads");
            text
        });
        let mut output = BufReader::new(child.stdout.take().expect("has a stdout")).lines();
        let mut greeting = Vec::new();
        while let Some(line) = output.next_line().await.expect("reads") {
            greeting.push(line.clone());
            if let Some((_before, url)) = line.split_once("is listening on ") {
                return Self { child, url: url.trim().to_owned(), greeting, output, errors };
            }
        }
        panic!("it ended before it was listening: {}", errors.await.expect("reads"));
    }

    /// `path` begins with a slash.
    pub(crate) fn url(&self, path: &str) -> String {
        format!("{}{path}", self.url)
    }

    /// SIGKILL: as if the machine had died.
    pub(crate) async fn kill(mut self) {
        self.child.kill().await.expect("dies");
    }

    /// SIGTERM, and then all that it says until its end.
    pub(crate) async fn terminate(mut self) -> (ExitStatus, String) {
        let id = self.child.id().expect("still runs");
        let sent = Command::new("sh").args(["-c", &format!("kill -TERM {id}")]).status().await.expect("sh runs");
        assert!(sent.success());
        while self.output.next_line().await.expect("reads").is_some() {}
        let status = self.child.wait().await.expect("ends");
        (status, self.errors.await.expect("reads"))
    }
}
