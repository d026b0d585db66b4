//! One order's way, by GraphQL and HTTP alone.

use chrono::TimeDelta;
use secure_payment::party::demo;
use serde_json::{Value, json};

use crate::rails;
use crate::support::TestApp;
use crate::support::bank::event_types;
use crate::support::purchase::{Shop, Step, ship, text};
use crate::support::rail::Rail;
use crate::support::trouble::IBAN;

/// As both ways to buy come to.
const TOTAL: &str = "128.00";
const BACK: &str = "28.50";
const REST: &str = "99.50";
const BACK_UNITS: i64 = 2_850;

pub(super) async fn in_the_sandbox(app: &TestApp, method: &'static str) {
    let shop = Shop::of(app);
    let order = shop.place("k").await;
    let journey = Journey { shop: &shop, counter: Counter::Page(app), method, order };
    let way = journey.is_offered("sandbox").await;
    let payment = journey.is_paid(&Value::Null).await;
    journey.is_disputed_and_ruled().await;
    let refund = journey.is_given_back(&way).await;
    assert_eq!(refund["provider"], "sandbox", "{refund:#}");
    journey.came_out_well(&payment, &way, &["settlement.proposed", "dispute.escalated", "dispute.settled"]).await;
}

pub(super) async fn with_a_fake(app: &TestApp, method: &'static str, provider: &'static str) {
    let rail = Rail::routed(app, method, &[rails::fake(provider).await]).await;
    let order = rail.order(TOTAL).await;
    let journey = Journey { shop: &rail.shop, counter: Counter::Fake(&rail), method, order };
    let way = journey.is_offered(provider).await;
    let payment = journey.is_paid(&rail.fake.payer()).await;
    journey.is_disputed_and_settled().await;
    let refund = journey.is_given_back(&way).await;
    let by = if way == "BY_HAND" { "manual" } else { rail.fake.refunds_by() };
    assert_eq!(refund["provider"], by, "{refund:#}");
    if way != "BY_HAND" {
        assert_eq!(rail.fake.refunded(&text(&payment["reference"])), BACK_UNITS, "to the cent, and once");
    }
    journey.came_out_well(&payment, &way, &["settlement.proposed", "dispute.settled"]).await;
}

/// Where the buyer pays.
enum Counter<'a> {
    Page(&'a TestApp),
    Fake(&'a Rail<'a>),
}

struct Journey<'a> {
    shop: &'a Shop,
    counter: Counter<'a>,
    method: &'static str,
    order: String,
}

const PAYMENT: &str = "query($id: ID!) { payment(id: $id) { id status method provider reference failure
    amount { amount } captured { amount } refunded { amount } replacedBy { id }
    nextAction { __typename ... on RedirectAction { redirect: url } ... on FormAction { form: url fields { name value } }
        ... on QrCodeAction { content } ... on CardFormAction { clientSecret publishableKey }
        ... on BankTransferAction { iban bic reference creditorReference page: url amountDue { amount } }
        ... on VoucherAction { code expiresAt page: url } } } }";

const REFUNDS: &str =
    "query($id: ID!) { order(id: $id) { refunds { id status provider reference amount { amount } } } }";

impl Journey<'_> {
    /// How money goes back, as the buyer is told before.
    async fn is_offered(&self, provider: &str) -> String {
        let query = "query($id: ID!) { paymentMethods(orderId: $id) { method available reason provider refundable
            refundWay } }";
        let data = self.shop.read(demo::BUYER, query, json!({ "id": self.order })).await;
        let options = data["paymentMethods"].as_array().expect("a list");
        let option = options.iter().find(|option| option["method"] == self.method).expect("all are listed");
        assert_eq!((&option["available"], &option["reason"]), (&json!(true), &Value::Null), "{option:#}");
        assert_eq!(option["provider"], provider);
        let way = text(&option["refundWay"]);
        // A rail that can't give money back may have it sent to an account by another one.
        let refundable = option["refundable"] == true;
        assert!(refundable || way != "TO_ORIGIN", "{option:#}");
        assert!(!refundable || way != "BY_HAND", "{option:#}");
        if (self.method, provider) == ("WESTERN_UNION", "sandbox") {
            assert_eq!((refundable, way.as_str()), (false, "TO_ACCOUNT"), "as the real one");
        }
        way
    }

    async fn is_paid(&self, payer: &Value) -> Value {
        let input = json!({ "orderId": self.order, "idempotencyKey": "pay", "method": self.method, "payer": payer });
        let opened = self.step(demo::BUYER, "payOrder", input).await;
        let payment = self.payment(&text(&opened["id"])).await;
        assert_eq!((&payment["status"], &payment["method"]), (&json!("PENDING"), &json!(self.method)), "{payment:#}");
        assert_eq!(payment["amount"]["amount"], TOTAL);
        check_action(self.method, &payment["nextAction"]);
        self.counter.pay(self.shop, &payment).await;
        let paid = self.payment(&text(&opened["id"])).await;
        let captured = (&paid["status"], &paid["captured"]["amount"], &paid["nextAction"]);
        assert_eq!(captured, (&json!("CAPTURED"), &json!(TOTAL), &Value::Null), "{paid:#}");
        assert_eq!(self.shop.order(&self.order).await["status"], "FUNDED");
        paid
    }

    async fn is_disputed(&self) {
        self.shop.done(&ship(&self.order)).await;
        let claim = json!({ "reason": "DAMAGED", "description": "Four of twenty reels are broken.",
            "refundAmount": "64.00", "goodsGoBack": false });
        assert_eq!(self.act(demo::BUYER, "openDispute", claim).await["status"], "DISPUTED");
        let offer = json!({ "refundAmount": BACK, "goodsGoBack": false });
        self.act(demo::SUPPLIER, "proposeSettlement", offer).await;
    }

    async fn is_disputed_and_settled(&self) {
        self.is_disputed().await;
        let query = "query($id: ID!) { order(id: $id) { dispute { proposals { id by } } } }";
        let data = self.shop.read(demo::BUYER, query, json!({ "id": self.order })).await;
        let proposals = data["order"]["dispute"]["proposals"].as_array().expect("a list").clone();
        let offer = proposals.iter().find(|proposal| proposal["by"] == "SUPPLIER").expect("the supplier's");
        let settled = self.act(demo::BUYER, "acceptSettlement", json!({ "proposalId": offer["id"] })).await;
        assert_eq!(settled["status"], "COMPLETED");
    }

    async fn is_disputed_and_ruled(&self) {
        self.is_disputed().await;
        self.counter.app().clock.advance(TimeDelta::days(4));
        self.act(demo::BUYER, "escalateDispute", json!({})).await;
        let ruling = json!({ "refundAmount": BACK, "goodsGoBack": false, "ruling": "As the supplier offered." });
        assert_eq!(self.act(demo::OPERATOR, "resolveDispute", ruling).await["status"], "COMPLETED");
    }

    /// By whichever way; the refund as it is in the end.
    async fn is_given_back(&self, way: &str) -> Value {
        self.counter.drain().await;
        let account = json!({ "account": { "accountHolder": "Ana Souza", "country": "DE", "iban": IBAN } });
        match way {
            "TO_ORIGIN" => {}
            "TO_ACCOUNT" => {
                assert_eq!(self.refund().await["status"], "PAYEE_DETAILS_REQUIRED");
                self.act(demo::BUYER, "provideRefundAccount", account).await;
                self.counter.drain().await;
            }
            "BY_HAND" => {
                assert_eq!(self.refund().await["status"], "ACTION_REQUIRED");
                self.act(demo::BUYER, "provideRefundAccount", account).await;
                let id = json!({ "refundId": self.refund().await["id"] });
                self.act(demo::OPERATOR, "requestManualRefund", id.clone()).await;
                self.act(demo::SECOND_OPERATOR, "approveManualRefund", id.clone()).await;
                let paid = json!({ "refundId": id["refundId"], "bankReference": "W-1" });
                self.act(demo::OPERATOR, "confirmManualRefund", paid).await;
            }
            other => panic!("a way back that nobody knows: {other}"),
        }
        if let (Counter::Fake(rail), "TO_ORIGIN" | "TO_ACCOUNT") = (&self.counter, way) {
            rail.fake.settle_refund(&text(&self.refund().await["reference"])).await;
            rail.deliver().await;
            // Who says nothing by itself is asked.
            rail.app.clock.advance(TimeDelta::hours(1));
        }
        self.counter.drain().await;
        let refund = self.refund().await;
        assert_eq!((&refund["status"], &refund["amount"]["amount"]), (&json!("SUCCEEDED"), &json!(BACK)), "{refund:#}");
        refund
    }

    /// `quarrel`: the events between the dispute and its end.
    async fn came_out_well(&self, paid: &Value, way: &str, quarrel: &[&str]) {
        let payment = self.payment(&text(&paid["id"])).await;
        let sums = (&payment["status"], &payment["captured"]["amount"], &payment["refunded"]["amount"]);
        assert_eq!(sums, (&json!("CAPTURED"), &json!(TOTAL), &json!(BACK)), "{payment:#}");
        let order = self.shop.order(&self.order).await;
        let escrow = &order["escrow"];
        let sums = ["captured", "held", "released", "refunded"].map(|sum| text(&escrow[sum]["amount"]));
        assert_eq!((&order["status"], sums), (&json!("COMPLETED"), [TOTAL, "0.00", REST, BACK].map(str::to_owned)));
        assert_eq!(order["unappliedFunds"], json!([]));
        for (event, number) in order["events"]["nodes"].as_array().expect("events").iter().zip(1..) {
            assert_eq!(event["sequence"], number, "the timeline has no gap");
        }
        let all = event_types(&order);
        let told: Vec<&str> = all.iter().map(String::as_str).skip_while(|kind| *kind != "payment.opened").collect();
        let begin = ["payment.opened", "payment.captured", "order.funded", "order.shipped", "dispute.opened"];
        let (end, back): (&[&str], &[&str]) = match way {
            "TO_ACCOUNT" => (&["refund.requested", "refund.details_required"], &["refund_account.provided"]),
            "BY_HAND" => (
                &["refund.requested", "refund.action_required"],
                &["refund_account.provided", "manual_refund.requested", "manual_refund.approved"],
            ),
            _straight => (&["refund.requested"], &[]),
        };
        let completed = ["funds.released", "order.completed"];
        let wanted = [&begin[..], quarrel, end, &completed[..], back, &["refund.succeeded"]].concat();
        let told: Vec<&str> = told.into_iter().filter(|kind| *kind != "deadline.approaching").collect();
        assert_eq!(told, wanted);
        let moved = self.shop.transfers(Some(&self.order)).await;
        let causes: Vec<_> = moved.iter().map(|(cause, ..)| cause.as_str()).collect();
        let wanted = ["payment.captured", "refund.requested", "funds.released", "funds.released", "refund.succeeded"];
        assert_eq!(causes, wanted, "{moved:#?}");
        let quarantine =
            self.shop.read(demo::OPERATOR, "{ quarantine(first: 10) { nodes { reason } } }", json!({})).await;
        assert_eq!(quarantine["quarantine"]["nodes"], json!([]));
    }

    async fn act(&self, token: &'static str, mutation: &'static str, mut input: Value) -> Value {
        input["orderId"] = json!(self.order);
        self.step(token, mutation, input).await
    }

    async fn step(&self, token: &'static str, mutation: &'static str, input: Value) -> Value {
        self.shop.done(&Step { token, mutation, input }).await
    }

    async fn payment(&self, id: &str) -> Value {
        self.shop.read(demo::BUYER, PAYMENT, json!({ "id": id })).await["payment"].take()
    }

    async fn refund(&self) -> Value {
        let data = self.shop.read(demo::OPERATOR, REFUNDS, json!({ "id": self.order })).await;
        let refunds = data["order"]["refunds"].as_array().expect("a list");
        assert_eq!(refunds.len(), 1, "{refunds:#?}");
        refunds[0].clone()
    }
}

impl Counter<'_> {
    fn app(&self) -> &secure_payment::app::App {
        match self {
            Self::Page(app) => app.app(),
            Self::Fake(rail) => &rail.app,
        }
    }

    async fn drain(&self) {
        secure_payment::worker::drain(self.app()).await.expect("the worker gets through");
    }

    /// The buyer does what the next action says; the provider's notification arrives.
    async fn pay(&self, shop: &Shop, payment: &Value) {
        let action = &payment["nextAction"];
        match self {
            Self::Page(_) => {
                let page = action["redirect"].as_str().or(action["page"].as_str()).expect("each has a page");
                shop.decide(page, "approve").await.expect("an answer");
                self.drain().await;
            }
            Self::Fake(rail) => {
                if let Some(url) = action["redirect"].as_str() {
                    rail.fake.visit(url);
                }
                if let Some(url) = action["form"].as_str() {
                    let fields = serde_json::from_value::<Vec<_>>(action["fields"].clone()).expect("names and values");
                    rail.fake.submit(url, &fields);
                }
                rail.fake.pay(&text(&payment["reference"])).await;
                rail.deliver().await;
            }
        }
    }
}

/// That it is one of those that the method has, and says all that a storefront needs.
fn check_action(method: &str, action: &Value) {
    let kind = text(&action["__typename"]);
    let possible: &[&str] = match method {
        "VISA" | "MASTERCARD" | "MAESTRO" => &["CardFormAction", "RedirectAction"],
        "BANK_TRANSFER" => &["BankTransferAction"],
        "WESTERN_UNION" => &["VoucherAction", "RedirectAction"],
        "WEBMONEY" => &["FormAction", "RedirectAction"],
        "TEF" => &["RedirectAction", "QrCodeAction", "VoucherAction"],
        "QIWI" | "YANDEX" | "ALIPAY" => &["RedirectAction", "QrCodeAction"],
        other => panic!("what may the next action of {other} be?"),
    };
    assert!(possible.contains(&kind.as_str()), "{method}: {action:#}");
    let says = |field: &str, beginning: &str| {
        let said = action[field].as_str().unwrap_or_default();
        assert!(!said.is_empty() && said.starts_with(beginning), "{field} of {action:#}");
    };
    match kind.as_str() {
        "RedirectAction" => says("redirect", "http"),
        "FormAction" => {
            says("form", "http");
            assert!(action["fields"].as_array().is_some_and(|fields| !fields.is_empty()), "{action:#}");
        }
        "QrCodeAction" => says("content", ""),
        "CardFormAction" => {
            says("clientSecret", "");
            says("publishableKey", "pk_test_");
        }
        "VoucherAction" => says("code", ""),
        "BankTransferAction" => {
            says("iban", "");
            says("reference", "");
            says("creditorReference", "RF");
            assert_eq!(action["amountDue"]["amount"], TOTAL);
        }
        other => panic!("{other}"),
    }
}
