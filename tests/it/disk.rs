//! A disk that is full, or that fails, under SQLite. What was acknowledged stays; what can't be kept is refused, and the
//! same server takes writes again when there is room.
//!
//! SQLite rolls back by itself then, behind the driver's back: a connection that is reused as it is would acknowledge
//! writes that are never committed (`db.rs`, `before_acquire`).
#![cfg(target_os = "linux")]

use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};

use crate::support::process::{Process, output};
use crate::support::purchase::{QUANTITY, Shop, Step, buy_now, confirm, confirm_received, ship, text};
use crate::support::{Engine, TestApp, run};

/// Pages of 4 KiB go into the log of SQLite; this much room is enough for some purchases, and not for many.
const ROOM: u64 = 600 * 1024;
const ROUNDS: usize = 3;

#[test]
fn a_failing_disk_loses_nothing_that_was_acknowledged() {
    let tools = ["bash", "prlimit"].map(|tool| std::process::Command::new(tool).arg("--version").output().is_ok());
    if tools != [true, true] {
        drop(writeln!(
            std::io::stderr(),
            "The test on a failing disk is skipped: it needs bash and prlimit (util-linux)."
        ));
        return;
    }
    run(Engine::Sqlite, async |app: &TestApp| {
        let folder = tempfile::tempdir().expect("a folder");
        let database = copy_database(app, folder.path());
        // No file may grow beyond this; a write that would is an I/O error.
        let server = Limited::start(folder.path(), &database).await;
        let writer = Writer::new(&server.url).await;
        wear_out(writer, || server.limit_files(Some(ROOM)), || server.limit_files(None))
            .await
            .finds_all_after_a_restart(folder.path(), &database, server.kill())
            .await;
    });
}

#[test]
fn a_full_disk_loses_nothing_that_was_acknowledged() {
    run(Engine::Sqlite, async |app: &TestApp| {
        let folder = tempfile::tempdir().expect("a folder");
        let Some(disk) = Disk::mount(folder.path()) else { return };
        let database = copy_database(app, folder.path());
        let server = Limited::start(folder.path(), &database).await;
        let writer = Writer::new(&server.url).await;
        wear_out(writer, || disk.fill_but(ROOM), || disk.clear())
            .await
            .finds_all_after_a_restart(folder.path(), &database, server.kill())
            .await;
        drop(disk);
    });
}

fn copy_database(app: &TestApp, folder: &Path) -> PathBuf {
    let copy = folder.join("test.db");
    fs::copy(app.database_url().strip_prefix("sqlite://").expect("SQLite"), &copy).expect("copies");
    copy
}

/// A server that outlives a write beyond the limit of its files: the signal for it is ignored, as `trap` leaves it.
struct Limited {
    child: Child,
    url: String,
}

impl Limited {
    async fn start(folder: &Path, database: &Path) -> Self {
        let mut command = Command::new("bash");
        command.args(["-c", "trap '' XFSZ; exec \"$0\"", env!("CARGO_BIN_EXE_secure-payment")]).current_dir(folder);
        command.env_clear().env("SECURE_PAYMENT_LISTEN", "127.0.0.1:0").env("DATABASE_URL", url(database));
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null()).kill_on_drop(true);
        let mut child = command.spawn().expect("starts");
        let mut lines = BufReader::new(child.stdout.take().expect("has a stdout")).lines();
        loop {
            let line = lines.next_line().await.expect("reads").expect("it ended before it was listening");
            if let Some((_before, url)) = line.split_once("is listening on ") {
                return Self { child, url: url.trim().to_owned() };
            }
        }
    }

    /// How long any file of the running server may get from now on.
    fn limit_files(&self, bytes: Option<u64>) {
        let bytes = bytes.map_or("unlimited".to_owned(), |bytes| bytes.to_string());
        let pid = self.child.id().expect("runs").to_string();
        let limit = format!("--fsize={bytes}:");
        let status = std::process::Command::new("prlimit").args(["--pid", &pid, &limit]).status().expect("prlimit");
        assert!(status.success());
    }

    async fn kill(mut self) {
        self.child.kill().await.expect("dies");
    }
}

fn url(database: &Path) -> String {
    format!("sqlite://{}", database.display())
}

/// A small file system in memory, over a folder.
struct Disk<'a> {
    folder: &'a Path,
}

impl<'a> Disk<'a> {
    /// None where it is not allowed, which is said.
    fn mount(folder: &'a Path) -> Option<Self> {
        let mut mount = std::process::Command::new("mount");
        let mounted = mount.args(["-t", "tmpfs", "-o", "size=16m", "tmpfs"]).arg(folder).stderr(Stdio::null()).status();
        if mounted.is_ok_and(|status| status.success()) {
            return Some(Self { folder });
        }
        let said =
            writeln!(std::io::stderr(), "The test on a full disk is skipped: mounting a tmpfs is not permitted here.");
        drop(said);
        None
    }

    fn filler(&self) -> PathBuf {
        self.folder.join("filler")
    }

    /// Fills it up but for so many bytes.
    fn fill_but(&self, room: u64) {
        let mut filler = File::create(self.filler()).expect("creates");
        let block = vec![0_u8; 4096];
        while filler.write_all(&block).is_ok() {}
        let length = filler.metadata().expect("has a length").len();
        filler.set_len(length.checked_sub(room).expect("there was room")).expect("shortens");
    }

    fn clear(&self) {
        fs::remove_file(self.filler()).expect("removes");
    }
}

impl Drop for Disk<'_> {
    fn drop(&mut self) {
        let status = std::process::Command::new("umount").arg("--lazy").arg(self.folder).status();
        assert!(status.is_ok_and(|status| status.success()) || std::thread::panicking(), "the tmpfs stays");
    }
}

/// Buys as long as it can, and remembers what was acknowledged.
struct Writer {
    shop: Shop,
    product: String,
    begun: usize,
    acknowledged: Vec<Value>,
}

impl Writer {
    async fn new(url: &str) -> Self {
        let shop = Shop::at(url);
        let product = shop.product().await;
        Self { shop, product, begun: 0, acknowledged: Vec::new() }
    }

    fn next(&self) -> Step {
        buy_now(&format!("buy {}", self.begun), &self.product, QUANTITY)
    }

    /// Takes a step; false if it was refused, which must be worded as what can be tried again.
    async fn takes(&mut self, step: &Step) -> bool {
        let mut answer = self.shop.send(step).await.expect("an answer");
        if let Some(errors) = answer.get("errors") {
            assert_eq!(errors[0]["extensions"]["code"], "UNAVAILABLE", "{answer:#}");
            assert_eq!(answer["data"], Value::Null);
            return false;
        }
        let payload = &mut answer["data"][step.mutation];
        assert_eq!(payload["errors"], json!([]));
        let order = payload["order"].take();
        self.acknowledged.retain(|known| known["id"] != order["id"]);
        self.acknowledged.push(order);
        true
    }

    /// Buys and confirms until something is refused; returns that.
    async fn until_refused(&mut self) -> Step {
        for _purchase in 0..500 {
            let step = self.next();
            if !self.takes(&step).await {
                return step;
            }
            self.begun += 1;
            let step = confirm(&text(&self.acknowledged.last().expect("just bought")["id"]));
            if !self.takes(&step).await {
                return step;
            }
        }
        panic!("the disk never failed");
    }

    async fn all_is_there(&self, shop: &Shop) {
        for acknowledged in &self.acknowledged {
            let now = shop.order(&text(&acknowledged["id"])).await;
            for member in ["number", "status", "version", "escrow", "events"] {
                assert_eq!(now[member], acknowledged[member], "{member} of {}", acknowledged["id"]);
            }
        }
    }

    async fn finds_all_after_a_restart(self, folder: &Path, database: &Path, kill: impl Future<Output = ()>) {
        kill.await;
        let settings = [("DATABASE_URL", &*url(database))];
        let verify = output(folder, &["verify"], &settings).await;
        assert_eq!(String::from_utf8(verify.stdout).expect("text"), "the ledger is clean\n");
        let process = Process::start(folder, &settings).await;
        self.all_is_there(&Shop::at(&process.url(""))).await;
        process.kill().await;
    }
}

/// Lets a server run out of room while it is written to, and gives it room again, a few times.
async fn wear_out(mut writer: Writer, fail: impl Fn(), mend: impl Fn()) -> Writer {
    for round in 0..ROUNDS {
        fail();
        let refused = writer.until_refused().await;
        let before = writer.acknowledged.len();
        for _again in 0..5 {
            writer.takes(&refused).await;
        }
        // Reading goes on.
        let shop = writer.shop.clone();
        writer.all_is_there(&shop).await;
        mend();
        // What was refused may be sent again as it was.
        assert!(writer.takes(&refused).await, "round {round}: there is room again");
        if refused.mutation == "buyNow" {
            writer.begun += 1;
        }
        assert!(writer.acknowledged.len() >= before);
        let order = shop.place(&format!("round {round}")).await;
        let (_payment, checkout) = shop.pay(&order, &format!("round {round}")).await;
        shop.decide(&checkout, "approve").await.expect("an answer");
        shop.listen(&order).await.until("order.funded").await.expect("funded");
        shop.done(&ship(&order)).await;
        let completed = shop.done(&confirm_received(&order)).await;
        writer.acknowledged.push(completed);
    }
    writer
}
