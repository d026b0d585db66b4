//! The program is killed, as by a power cut, and started again: a purchase goes on where it was, and nothing is done twice.

use std::net::Ipv4Addr;
use std::time::Duration;

use ground::clock::Clock;
use serde_json::Value;
use tempfile::TempDir;

use crate::support::process::{Process, output};
use crate::support::purchase::{
    Gone, PATIENCE, QUANTITY, Shop, buy_now, codes, confirm, confirm_received, pay, ship, text,
};
use crate::support::{TestApp, on_each_database};

on_each_database!(
    a_purchase_goes_on_after_a_kill_at_each_step,
    a_payment_that_is_asked_for_again_after_a_kill_is_the_same,
    purchases_end_well_whenever_the_server_is_killed,
);

/// A machine that the server runs on, again and again: always at the same address, on the same database.
struct Machine {
    folder: TempDir,
    database_url: String,
    address: String,
}

impl Machine {
    /// The database is the test's. SQLite's is moved to a file that no other process has open: its state after a kill is
    /// then only what is in the files.
    async fn on(app: &TestApp) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let database_url = match app.database_url().strip_prefix("sqlite://") {
            Some(file) => {
                let copy = folder.path().join("crash.db");
                std::fs::copy(file, &copy).expect("copies");
                format!("sqlite://{}", copy.display())
            }
            None => app.database_url().to_owned(),
        };
        Self { folder, database_url, address: format!("{}:0", own_address()) }
    }

    fn settings(&self) -> [(&str, &str); 3] {
        // On PostgreSQL the jobs that a dead node held wait for this; on SQLite the next start takes them up at once.
        let lease = if self.database_url.starts_with("sqlite://") { "600" } else { "1" };
        [
            ("DATABASE_URL", &self.database_url),
            ("SECURE_PAYMENT_LISTEN", &self.address),
            ("SECURE_PAYMENT_JOB_LEASE_SECONDS", lease),
        ]
    }

    async fn start(&mut self) -> (Process, Shop) {
        let process = Process::start(self.folder.path(), &self.settings()).await;
        let url = process.url("");
        self.address = url.strip_prefix("http://").expect("http").to_owned();
        (process, Shop::at(&url))
    }

    async fn restart(&mut self, running: Process) -> (Process, Shop) {
        running.kill().await;
        self.start().await
    }

    /// The program's own check of its books.
    async fn verify(&self) {
        let verify = output(self.folder.path(), &["verify"], &self.settings()).await;
        assert_eq!(String::from_utf8(verify.stdout).expect("text"), "the ledger is clean\n");
        assert_eq!(verify.status.code(), Some(0));
    }
}

/// An address of this machine that no other test listens on, so that nobody takes the port while the server is down.
fn own_address() -> Ipv4Addr {
    if cfg!(target_os = "linux") {
        let random = Clock::default().random_bytes();
        Ipv4Addr::new(127, random[0].max(1), random[1], random[2].clamp(1, 254))
    } else {
        Ipv4Addr::LOCALHOST
    }
}

/// Waits until `order` has been paid out to its supplier, with all that is due by then: no event of the order's tells, so
/// this looks again at every event, and now and then between them.
async fn paid_out(shop: &Shop, orders: &[String]) -> Vec<(String, String, String, String)> {
    let mut listening = shop.listen(&orders[0]).await;
    for _look in 0..PATIENCE.as_secs() * 5 {
        let transfers = shop.transfers(None).await;
        if balance_of_suppliers(&transfers) == 0
            && count(&transfers, "payout.paid") == count(&transfers, "payout.requested")
        {
            return transfers;
        }
        drop(tokio::time::timeout(Duration::from_millis(200), listening.next()).await);
    }
    panic!("not paid out: {:#?}", shop.transfers(None).await);
}

fn balance_of_suppliers(transfers: &[(String, String, String, String)]) -> i64 {
    transfers.iter().fold(0, |balance, (_cause, debit, credit, amount)| {
        let cents: i64 = amount.replace('.', "").parse().expect("an amount");
        let sign = i64::from(credit.starts_with("supplier/")) - i64::from(debit.starts_with("supplier/"));
        balance + sign * cents
    })
}

fn count(transfers: &[(String, String, String, String)], cause: &str) -> usize {
    transfers.iter().filter(|(one, ..)| one == cause).count()
}

/// Completed, with every event once, without a gap, and each movement of money once.
async fn ended_well(shop: &Shop, order: &str) {
    let after = shop.order(order).await;
    assert_eq!(after["status"], "COMPLETED", "{after:#}");
    let events = after["events"]["nodes"].as_array().expect("events");
    for (index, event) in events.iter().enumerate() {
        assert_eq!(event["sequence"], index + 1, "{events:?}");
    }
    for once in [
        "order.confirmed",
        "payment.opened",
        "payment.captured",
        "order.funded",
        "order.shipped",
        "receipt.confirmed",
        "funds.released",
        "order.completed",
    ] {
        assert_eq!(events.iter().filter(|event| event["type"] == once).count(), 1, "{once}: {events:?}");
    }
    let transfers = shop.transfers(Some(order)).await;
    let to = |cause: &str, account: &str| {
        transfers.iter().filter(|(one, _debit, credit, _amount)| one == cause && credit.starts_with(account)).count()
    };
    assert_eq!(transfers.len(), 3, "{transfers:?}");
    assert_eq!(to("payment.captured", "escrow/"), 1);
    assert_eq!(to("funds.released", "supplier/"), 1);
    assert_eq!(to("funds.released", "fees"), 1);
}

async fn a_purchase_goes_on_after_a_kill_at_each_step(app: &TestApp) {
    let mut machine = Machine::on(app).await;
    let (mut process, mut shop) = machine.start().await;

    let bought = shop.done(&buy_now("buy", &shop.product().await, QUANTITY)).await;
    let order = text(&bought["id"]);
    (process, shop) = machine.restart(process).await;
    still_there(&shop, &bought).await;

    let confirmed = shop.done(&confirm(&order)).await;
    (process, shop) = machine.restart(process).await;
    still_there(&shop, &confirmed).await;

    let (_payment, checkout) = shop.pay(&order, "first").await;
    (process, shop) = machine.restart(process).await;

    shop.decide(&checkout, "approve").await.expect("an answer");
    // Before the bank's notification can be relied on: it is a job by now, or on its way, or in the inbox.
    (process, shop) = machine.restart(process).await;
    shop.listen(&order).await.until("order.funded").await.expect("funded");
    let funded = shop.order(&order).await;
    (process, shop) = machine.restart(process).await;
    still_there(&shop, &funded).await;

    let shipped = shop.done(&ship(&order)).await;
    (process, shop) = machine.restart(process).await;
    still_there(&shop, &shipped).await;

    let completed = shop.done(&confirm_received(&order)).await;
    assert_eq!(completed["status"], "COMPLETED");
    // Before the payout can be relied on.
    (process, shop) = machine.restart(process).await;
    still_there(&shop, &completed).await;
    paid_out(&shop, std::slice::from_ref(&order)).await;

    (process, shop) = machine.restart(process).await;
    let transfers = paid_out(&shop, std::slice::from_ref(&order)).await;
    assert_eq!((count(&transfers, "payout.requested"), count(&transfers, "payout.paid")), (1, 1), "{transfers:#?}");
    ended_well(&shop, &order).await;
    process.kill().await;
    machine.verify().await;
}

/// What was acknowledged is there, with all its events.
async fn still_there(shop: &Shop, acknowledged: &Value) {
    let now = shop.order(&text(&acknowledged["id"])).await;
    for member in ["number", "status", "version", "escrow", "events"] {
        assert_eq!(now[member], acknowledged[member], "{member}");
    }
}

async fn a_payment_that_is_asked_for_again_after_a_kill_is_the_same(app: &TestApp) {
    let mut machine = Machine::on(app).await;
    let (process, shop) = machine.start().await;
    let order = shop.place("a").await;
    let opened = shop.pay(&order, "one key").await;
    let (process, shop) = machine.restart(process).await;
    assert_eq!(shop.pay(&order, "one key").await, opened);
    let payments = shop.order(&order).await["payments"].take();
    assert_eq!(payments.as_array().map(Vec::len), Some(1), "{payments}");
    process.kill().await;
    machine.verify().await;
}

/// A client that makes one purchase after the other. It knows only what it was told, and what it asked for: after an
/// error it does the same again, with the same key.
#[derive(Default)]
struct Client {
    product: Option<String>,
    orders: Vec<String>,
    current: Option<String>,
    begun: usize,
}

impl Client {
    /// Ends only when the server is gone, or after `most` purchases.
    async fn shop(&mut self, shop: &Shop, most: usize) -> Result<(), Gone> {
        if self.product.is_none() {
            self.product = Some(shop.try_product().await?);
        }
        while self.orders.len() < most {
            self.go_on(shop).await?;
        }
        Ok(())
    }

    async fn go_on(&mut self, shop: &Shop) -> Result<(), Gone> {
        let Some(order) = self.current.clone() else {
            let product = self.product.as_deref().expect("known");
            let payload = shop.take(&buy_now(&format!("buy {}", self.begun), product, QUANTITY)).await?;
            assert_eq!(codes(&payload), Vec::<String>::new());
            self.current = Some(text(&payload["order"]["id"]));
            return Ok(());
        };
        let now = shop.try_order(&order).await?;
        let step = match now["status"].as_str() {
            Some("AWAITING_CONFIRMATION") => confirm(&order),
            Some("AWAITING_PAYMENT") => return self.pay(shop, &order).await,
            Some("FUNDED") => ship(&order),
            Some("SHIPPED") => confirm_received(&order),
            Some("COMPLETED") => {
                self.orders.push(order);
                self.current = None;
                self.begun += 1;
                return Ok(());
            }
            _other => panic!("{now:#}"),
        };
        let payload = shop.take(&step).await?;
        assert_eq!(codes(&payload), Vec::<String>::new(), "{step:?}");
        Ok(())
    }

    async fn pay(&self, shop: &Shop, order: &str) -> Result<(), Gone> {
        let payload = shop.take(&pay(order, &format!("pay {}", self.begun))).await?;
        assert_eq!(codes(&payload), Vec::<String>::new());
        let payment = &payload["payment"];
        if payment["status"] == "CAPTURED" {
            return Ok(());
        }
        shop.decide(&text(&payment["nextAction"]["url"]), "approve").await?;
        shop.try_listen(order).await?.until("order.funded").await
    }
}

async fn purchases_end_well_whenever_the_server_is_killed(app: &TestApp) {
    const KILLS: u64 = 20;
    let mut machine = Machine::on(app).await;
    let mut client = Client::default();
    let mut random = Random(20_261_122);
    for _kill in 0..KILLS {
        let (process, shop) = machine.start().await;
        // A moment of a purchase, not a time to wait for something.
        let moment = Duration::from_micros(random.below(120_000));
        let (ended, ()) = tokio::join!(client.shop(&shop, usize::MAX), async {
            tokio::time::sleep(moment).await;
            process.kill().await;
        });
        assert!(ended.is_err(), "only the kill ends it");
    }
    let (process, shop) = machine.start().await;
    let most = client.orders.len() + 1;
    client.shop(&shop, most).await.expect("nobody kills it now");
    let transfers = paid_out(&shop, &client.orders).await;
    for order in &client.orders {
        ended_well(&shop, order).await;
    }
    assert_eq!(count(&transfers, "payment.captured"), client.orders.len());
    process.kill().await;
    machine.verify().await;
}

/// The same numbers on every run (xorshift).
struct Random(u64);

impl Random {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % bound
    }
}
