//! A payment provider, played: a server that speaks its format strictly, and what it sends.
//!
//! Each provider has one in `rails/<name>.rs`, with a test of the format itself; what all of them have to do alike is tested in
//! `rails/suite.rs`, which fails for a provider that is listed but not played.
//!
//! ```ignore
//! let fake = fake(app, "stripe").await;
//! let node = Rail::of(app, fake).await;               // a server that is configured for it, on the test's own database
//! let order = node.order("123.45").await;             // bought, confirmed, in the fake's currency
//! let payment = node.pay(&order).await;               // payOrder: the payment's row
//! node.fake.pay(&payment.reference).await;            // the buyer pays
//! node.deliver().await;                               // what the provider sends, posted and applied
//! ```

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::extract::{Request, State};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use entity::payment::{FormField, NextAction};
use entity::{PaymentId, Time, payment};
use reqwest::StatusCode;
use sea_orm::EntityTrait;
use secure_payment::app::App;
use secure_payment::config::Settings;
use secure_payment::party::demo;
use serde_json::{Value, json};
use tokio::sync::watch;

use super::TestApp;
use super::bank::{demo_supplier, serve};
use super::purchase::{Shop, Step, confirm, text};

/// What happens to a chargeback at the provider.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Claim {
    Open,
    Debit,
    Win,
    Lose,
}

/// A notification as it is sent.
#[derive(Clone, Debug)]
pub(crate) struct Post {
    /// Whose webhook it goes to: the provider's that sends refunds for another one, perhaps.
    pub(crate) to: &'static str,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
}

/// Payments and refunds are named as we name them to the provider: `payment.reference`, `refund.reference`. What a rail does
/// not have (a bank declines nothing) answers false.
#[async_trait::async_trait]
pub(crate) trait Fake: Send + Sync {
    fn name(&self) -> &'static str;

    /// Points the settings at it, with keys that fit.
    fn configure(&self, settings: &mut Settings);

    /// A method that it offers, as the API calls it, and a currency that it takes.
    fn method(&self) -> &'static str;
    fn currency(&self) -> &'static str;

    /// The buyer's browser opens the page that it is sent to. Most providers know of the payment by then; some hear of it so.
    fn visit(&self, _url: &str) {}

    /// The buyer's browser posts a form there.
    fn submit(&self, _url: &str, _fields: &[FormField]) {}

    /// What it wants to know of whoever pays, as `payOrder` is told it.
    fn payer(&self) -> Value {
        Value::Null
    }

    /// Who gives its money back: itself, or a provider that is configured besides because its rail can't.
    fn refunds_by(&self) -> &'static str {
        self.name()
    }

    /// The buyer pays all that was asked for.
    async fn pay(&self, payment: &str);
    async fn decline(&self, payment: &str) -> bool;
    async fn expire(&self, payment: &str) -> bool;

    /// A refund that we asked for arrives, or comes to nothing: before it arrived, or after.
    async fn settle_refund(&self, refund: &str);
    async fn fail_refund(&self, refund: &str) -> bool;

    async fn claim(&self, payment: &str, claim: Claim) -> bool;

    /// The same notification without the amounts of a dispute, signed; None where the provider always repeats them.
    fn without_amounts(&self, _post: &Post, _wall: Time) -> Option<Post> {
        None
    }

    /// A capture comes to nothing after it was reported, and comes good: where the provider mends that by itself.
    async fn fail_capture(&self, _payment: &str) -> bool {
        false
    }

    async fn mend_capture(&self, _payment: &str) {}

    /// A refund that failed comes good: where the provider mends that by itself.
    async fn mend_refund(&self, _refund: &str) -> bool {
        false
    }

    /// Whether suppliers are paid by it; then a payout arrives, and comes back.
    fn pays_out(&self) -> bool {
        false
    }

    async fn settle_payout(&self, _payout: &str) {}

    async fn return_payout(&self, _payout: &str) {}

    /// What it has sent since it was last asked, oldest first, each signed as of `wall`.
    fn notifications(&self, wall: Time) -> Vec<Post>;

    /// A notification that would move the payment's money, if its signature were good: without one, with garbage for one,
    /// and signed with a secret of somebody else's.
    fn forgeries(&self, payment: &str, wall: Time) -> Vec<Post>;

    /// What the way to it does with our next calls.
    fn way(&self) -> &Way;

    /// How many payments it has under this reference: one at most, however often it was asked.
    fn payments(&self, payment: &str) -> usize;

    /// What it has given back of this payment, in minor units, and what it has been asked to.
    fn refunded(&self, payment: &str) -> i64;
}

/// What the way to a provider does with a call.
#[derive(Clone, Debug)]
pub(crate) enum Trouble {
    /// The provider does it, but its answer gets lost.
    Lost,
    /// The provider never hears of it.
    Bare(u16),
    /// The provider doesn't do it, and says so in its own words.
    Says(u16, Value),
    /// The provider does it, and answers once the gate is open.
    Gated(watch::Receiver<bool>),
}

/// Between us and a fake: honest, but for the troubles that were ordered.
#[derive(Clone, Debug, Default)]
pub(crate) struct Way {
    troubles: Arc<Mutex<VecDeque<Trouble>>>,
    calls: Arc<watch::Sender<Vec<String>>>,
}

impl Way {
    /// For the next call; several for the next ones, in this order.
    pub(crate) fn trouble(&self, trouble: Trouble) {
        self.troubles.lock().expect("not poisoned").push_back(trouble);
    }

    /// "POST /v1/refunds" and the like.
    pub(crate) fn calls(&self) -> Vec<String> {
        self.calls.borrow().clone()
    }

    /// Waits until a call has come that begins so.
    pub(crate) async fn called(&self, beginning: &str) {
        let mut calls = self.calls.subscribe();
        let come = calls.wait_for(|calls| calls.iter().any(|call| call.starts_with(beginning)));
        tokio::time::timeout(super::purchase::PATIENCE, come).await.expect("in time").expect("the fake is there");
    }

    /// Serves a fake until the test's runtime ends; its base URL, without a slash at the end.
    pub(crate) async fn serve(&self, router: Router) -> String {
        let router = router.layer(from_fn_with_state(self.clone(), on_the_way));
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let base = format!("http://{}", listener.local_addr().expect("an address"));
        tokio::spawn(async move { axum::serve(listener, router).await.expect("serves") });
        base
    }
}

async fn on_the_way(State(way): State<Way>, request: Request, next: Next) -> Response {
    let call = format!("{} {}", request.method(), request.uri().path());
    let trouble = way.troubles.lock().expect("not poisoned").pop_front();
    let bare = |code| StatusCode::from_u16(code).expect("a status").into_response();
    let note = || way.calls.send_modify(|calls| calls.push(call));
    match trouble {
        None => {
            note();
            next.run(request).await
        }
        Some(Trouble::Bare(code)) => {
            note();
            bare(code)
        }
        Some(Trouble::Says(code, document)) => {
            note();
            (StatusCode::from_u16(code).expect("a status"), axum::Json(document)).into_response()
        }
        Some(Trouble::Lost) => {
            drop(next.run(request).await);
            note();
            bare(503)
        }
        Some(Trouble::Gated(mut gate)) => {
            let answer = next.run(request).await;
            note();
            drop(gate.wait_for(|open| *open).await.expect("the gate is there"));
            answer
        }
    }
}

/// A server that is configured for a fake and nothing else, on the test's own database and clock.
pub(crate) struct Rail<'a> {
    pub(crate) test: &'a TestApp,
    pub(crate) app: App,
    pub(crate) shop: Shop,
    pub(crate) fake: Arc<dyn Fake>,
}

impl<'a> Rail<'a> {
    pub(crate) async fn of(test: &'a TestApp, fake: Arc<dyn Fake>) -> Self {
        let method = fake.method();
        Self::routed(test, method, &[fake]).await
    }

    /// The method is routed to all of these, the first one first: that is the one that is played.
    pub(crate) async fn routed(test: &'a TestApp, method: &str, fakes: &[Arc<dyn Fake>]) -> Self {
        let names: Vec<_> = fakes.iter().map(|fake| fake.name()).collect();
        Self::with(test, fakes, &[&format!("{method}={}", names.join("|"))]).await
    }

    /// With exactly these routes.
    pub(crate) async fn with(test: &'a TestApp, fakes: &[Arc<dyn Fake>], routes: &[&str]) -> Self {
        let mut settings = (*test.app().settings).clone();
        fakes.iter().for_each(|fake| fake.configure(&mut settings));
        settings.routes = routes.iter().map(|route| provider::parse_route(route).expect("a route")).collect();
        let (app, shop) = serve(test, settings).await;
        Self { test, app, shop, fake: Arc::clone(&fakes[0]) }
    }

    /// An order of exactly this total in the fake's currency, drafted by the demo's supplier and confirmed.
    pub(crate) async fn order(&self, total: &str) -> String {
        self.order_in(self.fake.currency(), total).await
    }

    pub(crate) async fn order_in(&self, currency: &str, total: &str) -> String {
        let id = text(&self.drafted(currency, total).await["id"]);
        self.shop.done(&confirm(&id)).await;
        id
    }

    async fn drafted(&self, currency: &str, total: &str) -> Value {
        let key = self.app.clock.new_id().to_string();
        let supplier = demo_supplier(self.test).await.to_string();
        let address = json!({ "name": "Ana Souza", "line1": "Rua Augusta 100", "city": "São Paulo",
            "postalCode": "01304-000", "country": "BR" });
        let request = json!({ "idempotencyKey": format!("ask {key}"), "supplierId": supplier, "message": "please",
            "currency": currency, "shippingAddress": address });
        let asked = Step { token: demo::BUYER, mutation: "requestDraft", input: request };
        let asked = text(&self.shop.done(&asked).await["id"]);
        let line = json!({ "description": "goods", "quantity": 1, "unit": "piece", "unitPrice": total });
        let draft = json!({ "idempotencyKey": format!("draft {key}"), "orderId": asked, "lines": [line],
            "shippingFee": "0", "shipWithinDays": 10 });
        self.shop.done(&Step { token: demo::SUPPLIER, mutation: "draftOrder", input: draft }).await
    }

    /// `payOrder` by the fake's method; the payment as it is then.
    pub(crate) async fn pay(&self, order: &str) -> payment::Model {
        let key = self.app.clock.new_id().to_string();
        let payer = self.fake.payer();
        let input = json!({ "orderId": order, "idempotencyKey": key, "method": self.fake.method(), "payer": payer });
        let paid = self.shop.done(&Step { token: demo::BUYER, mutation: "payOrder", input }).await;
        let payment = self.payment(&text(&paid["id"])).await;
        match &payment.next_action {
            Some(NextAction::Redirect { url }) => self.fake.visit(url),
            Some(NextAction::Form { url, fields }) => self.fake.submit(url, fields),
            _nothing_to_open => {}
        }
        payment
    }

    pub(crate) async fn payment(&self, id: &str) -> payment::Model {
        let id: PaymentId = id.parse().expect("an id");
        payment::Entity::find_by_id(id).one(&self.app.db.read).await.expect("reads").expect("is there")
    }

    /// The status of the answer to a notification, and its body.
    pub(crate) async fn post(&self, post: &Post) -> (u16, String) {
        let url = format!("{}/webhooks/{}", self.app.settings.own_url(), post.to);
        let mut request = self.test.http().post(url).body(post.body.clone());
        for (name, value) in &post.headers {
            request = request.header(name, value);
        }
        let answer = request.send().await.expect("an answer");
        (answer.status().as_u16(), answer.text().await.expect("a body"))
    }

    /// Posts what the fake has sent since the last time, which must be taken, and does all that is due.
    pub(crate) async fn deliver(&self) {
        self.deliver_from(self.fake.as_ref()).await;
    }

    pub(crate) async fn deliver_from(&self, fake: &dyn Fake) {
        for post in fake.notifications(self.app.clock.wall()) {
            let (status, body) = self.post(&post).await;
            assert!((200..300).contains(&status), "{status} {body}");
        }
        self.drain().await;
    }

    pub(crate) async fn drain(&self) {
        secure_payment::worker::drain(&self.app).await.expect("the worker gets through");
    }
}
