//! The steps of a purchase, taken over HTTP at any server: the test's own, or a process.
//!
//! ```ignore
//! let shop = Shop::of(app);                               // or Shop::at(&process.url(""))
//! let order = shop.place("key").await;                    // bought and confirmed
//! let (payment, checkout) = shop.pay(&order, "key").await;
//! shop.decide(&checkout, "approve").await.expect("an answer");
//! app.drain().await;                                      // the notification arrives, the order is funded
//! shop.done(&ship(&order)).await;
//! shop.done(&confirm_received(&order)).await;
//! ```
//!
//! A [`Step`] can also be taken when it need not go well: [`Shop::take`] gives the payload with its errors,
//! [`Shop::send`] the whole answer.

use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use secure_payment::order::FeedKey;
use secure_payment::page::cursor;
use secure_payment::party::demo;
use serde_json::{Value, json};
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::{Error as SocketError, Message};
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async};

use super::TestApp;

/// In stock for hundreds of orders of [`QUANTITY`]; it is sold by the supplier of `demo::SUPPLIER`.
const PRODUCT_SEARCH: &str = "led strip 5m waterproof 2835";
pub(crate) const QUANTITY: i64 = 20;

/// One mutation, with who sends it.
#[derive(Clone, Debug)]
pub(crate) struct Step {
    pub(crate) token: &'static str,
    pub(crate) mutation: &'static str,
    pub(crate) input: Value,
}

impl Step {
    fn new(token: &'static str, mutation: &'static str, input: Value) -> Self {
        Self { token, mutation, input }
    }

    fn document(&self) -> String {
        let mutation = self.mutation;
        let (first, rest) = mutation.split_at(1);
        let input = format!("{}{rest}Input", first.to_uppercase());
        let thing = match mutation {
            "payOrder" => "payment { id status nextAction { ... on RedirectAction { url } } }",
            _order => ORDER,
        };
        format!(
            "mutation($input: {input}!) {{ {mutation}(input: $input) {{ {thing} errors {{ code message path }} }} }}"
        )
    }
}

/// What an acknowledgement promises: it must be the same whenever it is read again before the next step.
const ORDER: &str = "order { id number status version escrow { captured { amount } held { amount } released { amount }
    refunded { amount } } events(first: 100) { nodes { sequence type } } }";

pub(crate) fn buy_now(key: &str, product: &str, quantity: i64) -> Step {
    let address = json!({ "name": "Ana Souza", "line1": "Rua Augusta 100", "city": "São Paulo",
        "postalCode": "01304-000", "country": "BR" });
    let input =
        json!({ "idempotencyKey": key, "productId": product, "quantity": quantity, "shippingAddress": address });
    Step::new(demo::BUYER, "buyNow", input)
}

pub(crate) fn confirm(order: &str) -> Step {
    Step::new(demo::BUYER, "confirmOrder", json!({ "orderId": order, "contractVersion": 1 }))
}

pub(crate) fn pay(order: &str, key: &str) -> Step {
    Step::new(demo::BUYER, "payOrder", json!({ "orderId": order, "idempotencyKey": key, "method": "VISA" }))
}

pub(crate) fn ship(order: &str) -> Step {
    Step::new(demo::SUPPLIER, "shipOrder", json!({ "orderId": order, "carrier": "DHL", "trackingNumber": "1Z999" }))
}

pub(crate) fn confirm_received(order: &str) -> Step {
    Step::new(demo::BUYER, "confirmReceived", json!({ "orderId": order }))
}

pub(crate) fn cancel(order: &str) -> Step {
    Step::new(demo::BUYER, "cancelOrder", json!({ "orderId": order }))
}

/// The codes of a payload's errors.
pub(crate) fn codes(payload: &Value) -> Vec<String> {
    let errors = payload["errors"].as_array().expect("a payload has errors, if only none");
    errors.iter().map(|error| error["code"].as_str().expect("a code").to_owned()).collect()
}

pub(crate) fn text(value: &Value) -> String {
    value.as_str().unwrap_or_else(|| panic!("not a text: {value}")).to_owned()
}

/// A server, as its clients see it.
#[derive(Clone, Debug)]
pub(crate) struct Shop {
    base: String,
    http: reqwest::Client,
}

impl Shop {
    pub(crate) fn of(app: &TestApp) -> Self {
        Self { base: app.url(""), http: app.http().clone() }
    }

    /// `base` has no slash at the end.
    pub(crate) fn at(base: &str) -> Self {
        let http = reqwest::Client::builder().redirect(reqwest::redirect::Policy::none()).no_proxy();
        Self { base: base.to_owned(), http: http.build().expect("a client") }
    }

    /// The whole answer, `data` and `errors`. [`Gone`] is the only error.
    pub(crate) async fn graphql(&self, token: &str, query: &str, variables: Value) -> Result<Value, Gone> {
        let request = self.http.post(format!("{}/graphql", self.base)).bearer_auth(token);
        request.json(&json!({ "query": query, "variables": variables })).send().await?.json().await.map_err(Gone::from)
    }

    /// The whole answer to a step.
    pub(crate) async fn send(&self, step: &Step) -> Result<Value, Gone> {
        self.graphql(step.token, &step.document(), json!({ "input": step.input })).await
    }

    /// A step's payload, with or without errors; there must be none at the top.
    pub(crate) async fn take(&self, step: &Step) -> Result<Value, Gone> {
        let mut answer = self.send(step).await?;
        assert!(answer.get("errors").is_none(), "{step:?}: {answer:#}");
        Ok(answer["data"][step.mutation].take())
    }

    /// The order or the payment that a step made, which must go well.
    pub(crate) async fn done(&self, step: &Step) -> Value {
        let mut payload = self.take(step).await.expect("an answer");
        assert_eq!(codes(&payload), Vec::<String>::new(), "{step:?}: {payload:#}");
        let thing = if step.mutation == "payOrder" { "payment" } else { "order" };
        payload[thing].take()
    }

    /// `data` of a query that must go well.
    pub(crate) async fn read(&self, token: &str, query: &str, variables: Value) -> Value {
        self.try_read(token, query, variables).await.expect("an answer")
    }

    pub(crate) async fn try_read(&self, token: &str, query: &str, variables: Value) -> Result<Value, Gone> {
        let mut answer = self.graphql(token, query, variables).await?;
        assert!(answer.get("errors").is_none(), "{answer:#}");
        Ok(answer["data"].take())
    }

    pub(crate) async fn product(&self) -> String {
        self.try_product().await.expect("an answer")
    }

    pub(crate) async fn try_product(&self) -> Result<String, Gone> {
        let query = "query($search: String!) { products(search: $search, first: 1) { nodes { id } } }";
        let data = self.try_read(demo::BUYER, query, json!({ "search": PRODUCT_SEARCH })).await?;
        Ok(text(&data["products"]["nodes"][0]["id"]))
    }

    /// Buys and confirms; returns the order's id. The steps' idempotency keys are made of `key`.
    pub(crate) async fn place(&self, key: &str) -> String {
        let order = text(&self.done(&buy_now(&format!("buy {key}"), &self.product().await, QUANTITY)).await["id"]);
        self.done(&confirm(&order)).await;
        order
    }

    /// Opens a payment; returns its id and the address of the checkout page.
    pub(crate) async fn pay(&self, order: &str, key: &str) -> (String, String) {
        let payment = self.done(&pay(order, &format!("pay {key}"))).await;
        (text(&payment["id"]), text(&payment["nextAction"]["url"]))
    }

    /// What the buyer clicks on the checkout page: approve, decline, `approve_later` and the like.
    pub(crate) async fn decide(&self, checkout: &str, decision: &str) -> Result<(), Gone> {
        let form = ("content-type", "application/x-www-form-urlencoded");
        let request = self.http.post(checkout).header(form.0, form.1).body(format!("decision={decision}"));
        let answer = request.send().await?;
        assert!(answer.status().is_redirection(), "{checkout}: {}", answer.status());
        Ok(())
    }

    /// As a step's `order`, and its payments, refunds and unapplied funds.
    pub(crate) async fn order(&self, order: &str) -> Value {
        self.try_order(order).await.expect("an answer")
    }

    pub(crate) async fn try_order(&self, order: &str) -> Result<Value, Gone> {
        let more = "payments { id status } refunds { status amount { amount } }
            unappliedFunds { amount { amount } refunded { amount } }";
        let query = format!("query($id: ID!) {{ {} }}", ORDER.replacen("order {", "order(id: $id) {", 1));
        let query = query.replacen("status version", &format!("status version {more}"), 1);
        Ok(self.try_read(demo::BUYER, &query, json!({ "id": order })).await?["order"].take())
    }

    /// Every transfer there is, or those of one order, as `(cause, debit, credit, amount)`.
    pub(crate) async fn transfers(&self, order: Option<&str>) -> Vec<(String, String, String, String)> {
        let query = "query($order: ID, $after: String) { ledger(orderId: $order, first: 100, after: $after) {
            nodes { cause debit credit amount { amount } } pageInfo { endCursor hasNextPage } } }";
        let (mut all, mut after) = (Vec::new(), Value::Null);
        loop {
            let data = self.read(demo::OPERATOR, query, json!({ "order": order, "after": after })).await;
            let page = &data["ledger"];
            all.extend(page["nodes"].as_array().expect("nodes").iter().map(|node| {
                (text(&node["cause"]), text(&node["debit"]), text(&node["credit"]), text(&node["amount"]["amount"]))
            }));
            if page["pageInfo"]["hasNextPage"] == false {
                return all;
            }
            after = page["pageInfo"]["endCursor"].clone();
        }
    }

    /// Listens to an order's events, from its first one on.
    pub(crate) async fn listen(&self, order: &str) -> Listening {
        self.try_listen(order).await.expect("a socket")
    }

    pub(crate) async fn try_listen(&self, order: &str) -> Result<Listening, Gone> {
        let url = format!("{}/graphql/ws", self.base.replacen("http://", "ws://", 1));
        let mut request = url.into_client_request().expect("a request");
        let protocol = "graphql-transport-ws".parse().expect("a header");
        request.headers_mut().insert("sec-websocket-protocol", protocol);
        let mut socket = connect_async(request).await?.0;
        let authorization = format!("Bearer {}", demo::BUYER);
        let query = "subscription($id: ID!, $after: String!) { orderEvents(orderId: $id, after: $after) { type } }";
        let variables = json!({ "id": order, "after": cursor(&FeedKey { feed: 0 }) });
        for message in [
            json!({ "type": "connection_init", "payload": { "authorization": authorization } }),
            json!({ "type": "subscribe", "id": "1", "payload": { "query": query, "variables": variables } }),
        ] {
            socket.send(Message::text(message.to_string())).await?;
        }
        Ok(Listening { socket })
    }
}

/// How long anything that a test waits for may take at the most.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);

/// The connection broke off: the server was killed.
#[derive(Debug)]
pub(crate) struct Gone;

impl From<reqwest::Error> for Gone {
    fn from(_cause: reqwest::Error) -> Self {
        Self
    }
}

impl From<SocketError> for Gone {
    fn from(_cause: SocketError) -> Self {
        Self
    }
}

/// A subscription to the events of one order.
pub(crate) struct Listening {
    socket: WebSocketStream<MaybeTlsStream<tokio::net::TcpStream>>,
}

impl Listening {
    /// Reads on until an event of this type.
    pub(crate) async fn until(&mut self, wanted: &str) -> Result<(), Gone> {
        let mut heard = Vec::new();
        let reading = async {
            while heard.last().is_none_or(|kind| kind != wanted) {
                heard.push(self.next().await?);
            }
            Ok(())
        };
        match tokio::time::timeout(PATIENCE, reading).await {
            Ok(end) => end,
            Err(_elapsed) => panic!("{wanted} did not happen; what did: {heard:?}"),
        }
    }

    /// The type of the next event.
    pub(crate) async fn next(&mut self) -> Result<String, Gone> {
        loop {
            let message = self.socket.next().await.ok_or(Gone)??;
            let message: Value = serde_json::from_str(message.to_text().expect("text")).expect("JSON");
            match message["type"].as_str() {
                Some("next") => return Ok(text(&message["payload"]["data"]["orderEvents"]["type"])),
                Some("connection_ack" | "ping" | "pong") => {}
                _other => panic!("{message}"),
            }
        }
    }
}
