//! The same call again has its effect once, and answers the same: every mutation that takes an `idempotencyKey`, fifty times
//! at once.

use std::collections::BTreeSet;

use chrono::TimeDelta;
use entity::idempotency;
use escrow::Action;
use futures_util::future::join_all;
use provider::LineKind;
use sea_orm::{ColumnTrait, EntityTrait, PaginatorTrait, QueryFilter};
use secure_payment::party::demo;
use serde_json::{Value, json};

use crate::by_hand::{breaks, line, state, unheard_of};
use crate::support::bench::Situation::*;
use crate::support::bench::{Bench, Situation, by_people};
use crate::support::steps::{address, draft, first_product};
use crate::support::{TestApp, on_each_database};

on_each_database!(
    every_way_to_begin_an_order_does_so_once,
    a_repetition_does_not_stumble_over_what_the_first_call_took,
    what_parties_make_is_made_once,
    what_is_said_is_said_once,
    what_operators_and_storefronts_make_is_made_once,
    every_step_of_a_purchase_is_taken_once,
    every_step_of_a_quarrel_is_taken_once,
    every_step_of_an_operator_is_taken_once,
    what_operators_book_by_hand_is_asked_and_answered_once,
    a_key_is_kept_for_thirty_days,
    nothing_that_takes_a_key_is_forgotten_here,
);

const TIMES: usize = 50;

/// Where each thing that people do can be done, and by whom.
#[expect(clippy::wildcard_enum_match_arm, reason = "providers and clocks send no mutations")]
fn place(action: Action) -> Option<(Situation, &'static str)> {
    Some(match action {
        Action::ConfirmOrder => (AwaitingConfirmation, demo::BUYER),
        Action::DraftOrder => (DraftRequested, demo::SUPPLIER),
        Action::CancelOrder | Action::PayOrder => (AwaitingPayment, demo::BUYER),
        Action::ShipOrder => (Funded, demo::SUPPLIER),
        Action::UpdateShipment => (Shipped, demo::SUPPLIER),
        Action::ExtendDeadline => (Funded, demo::BUYER),
        Action::ConfirmReceived | Action::CancelRequest | Action::OpenDispute => (Shipped, demo::BUYER),
        Action::LeaveFeedback => (Completed, demo::BUYER),
        Action::ReplyToFeedback => (Rated, demo::SUPPLIER),
        Action::WithdrawCancelRequest => (CancelRequested, demo::BUYER),
        Action::AnswerCancelRequest => (CancelRequested, demo::SUPPLIER),
        Action::ProposeSettlement => (Disputed, demo::SUPPLIER),
        Action::AcceptSettlement => (Answered, demo::BUYER),
        Action::AddEvidence | Action::WithdrawDispute => (Disputed, demo::BUYER),
        Action::EscalateDispute => (DayFour, demo::BUYER),
        Action::ResolveDispute => (Escalated, demo::OPERATOR),
        Action::ShipReturn => (ReturnPending, demo::BUYER),
        Action::ConfirmReturn | Action::ContestReturn => (ReturnShipped, demo::SUPPLIER),
        Action::RefundOrder => (Shipped, demo::SUPPLIER),
        Action::ProvideRefundAccount => (RefundNeedsAction, demo::BUYER),
        Action::RequestManualRefund => (RefundWithAccount, demo::OPERATOR),
        Action::ApproveManualRefund => (RefundToApprove, demo::SECOND_OPERATOR),
        Action::RejectManualRefund | Action::ConfirmManualRefund => (RefundByHand, demo::OPERATOR),
        Action::FreezeOrder => (Shipped, demo::OPERATOR),
        Action::UnfreezeOrder => (Frozen, demo::OPERATOR),
        Action::BearRefundCharge => (RefundShort, demo::OPERATOR),
        Action::AcceptShortfall => (TransferShort, demo::OPERATOR),
        Action::RetryRefund => (RefundWithAccount, demo::OPERATOR),
        Action::ClosePayment => (PaymentOpened, demo::OPERATOR),
        Action::ApplyFunds => (PaymentOpened, demo::OPERATOR),
        Action::DecideChargeback => (ChargebackOpen, demo::OPERATOR),
        Action::RefundUnapplied => (FundsSetAside, demo::OPERATOR),
        _ => return None,
    })
}

const OPERATORS: [Action; 14] = [
    Action::RetryRefund,
    Action::BearRefundCharge,
    Action::ClosePayment,
    Action::AcceptShortfall,
    Action::DecideChargeback,
    Action::FreezeOrder,
    Action::UnfreezeOrder,
    Action::ApplyFunds,
    Action::RefundUnapplied,
    Action::RequestManualRefund,
    Action::ApproveManualRefund,
    Action::RejectManualRefund,
    Action::ConfirmManualRefund,
    Action::ResolveDispute,
];

const QUARRELS: [Action; 12] = [
    Action::CancelRequest,
    Action::WithdrawCancelRequest,
    Action::AnswerCancelRequest,
    Action::OpenDispute,
    Action::ProposeSettlement,
    Action::AcceptSettlement,
    Action::AddEvidence,
    Action::WithdrawDispute,
    Action::EscalateDispute,
    Action::ShipReturn,
    Action::ConfirmReturn,
    Action::ContestReturn,
];

fn steps() -> impl Iterator<Item = Action> {
    let people = Action::ALL.iter().copied().filter(|action| by_people(*action));
    people.filter(|action| !OPERATORS.contains(action) && !QUARRELS.contains(action))
}

/// Mutations with a key that are not commands to one order: each is tried in a test below.
const OTHERS: [&str; 20] = [
    "buyNow",
    "requestDraft",
    "createProduct",
    "updateProduct",
    "createStorefront",
    "createSupplier",
    "setPayoutAccount",
    "contactSupplier",
    "contactBuyer",
    "sendMessage",
    "createWebhookEndpoint",
    "bookQuarantined",
    "dismissQuarantined",
    "bookBreak",
    "approveBooking",
    "rejectBooking",
    // tests/it/unapplied.rs tries the four steps of a payout by hand.
    "requestManualPayout",
    "approveManualPayout",
    "rejectManualPayout",
    "confirmManualPayout",
];

/// What a mutation answers besides its errors.
fn thing(mutation: &str) -> &'static str {
    const ORDER: &str = "order { id version status escrow { held { amount } refunded { amount } } events(first: 100) { nodes { sequence type } } }";
    match mutation {
        "payOrder" => "payment { id status }",
        "createProduct" | "updateProduct" => "product { id version sku }",
        "createStorefront" => "storefront { id name }",
        "createSupplier" => "supplier { id name }",
        "setPayoutAccount" => "payoutAccount { id mask activeFrom }",
        "contactSupplier" | "contactBuyer" => "conversation { id messages { nodes { id text } } }",
        "sendMessage" => "message { id text }",
        "createWebhookEndpoint" => "endpoint { id url } secret",
        "bookQuarantined" | "bookBreak" | "approveBooking" | "rejectBooking" => "booking { id status movement }",
        "dismissQuarantined" => "notification { id status }",
        "leaveFeedback" | "replyToFeedback" => "feedback { communication reply revision }",
        _of_an_order => ORDER,
    }
}

struct Call<'a> {
    app: &'a TestApp,
    token: &'a str,
    mutation: &'a str,
}

impl Call<'_> {
    async fn send(&self, input: &Value) -> Value {
        let mutation = self.mutation;
        let kind = format!("{}{}Input", mutation[..1].to_uppercase(), &mutation[1..]);
        let thing = thing(mutation);
        let query =
            format!("mutation($input: {kind}!) {{ {mutation}(input: $input) {{ {thing} errors {{ code path }} }} }}");
        self.app.data(self.token, &query, json!({ "input": input })).await[mutation].take()
    }

    /// Fifty at once, then another input under the same key.
    async fn is_once(&self, key: &str, mut input: Value, other: Value) {
        input["idempotencyKey"] = json!(key);
        let answers = join_all((0..TIMES).map(|_| self.send(&input))).await;
        assert_eq!(answers[0]["errors"], json!([]), "{}: {}", self.mutation, answers[0]);
        for answer in &answers {
            assert_eq!(answer, &answers[0], "{}", self.mutation);
        }
        let kept = idempotency::Entity::find().filter(idempotency::Column::Key.eq(key)).count(&self.app.db().read);
        assert_eq!(kept.await.expect("counts"), 1, "{}", self.mutation);
        for (field, value) in other.as_object().expect("changes") {
            input[field] = value.clone();
        }
        let refused = self.send(&input).await;
        assert_eq!(refused["errors"][0]["code"], "IDEMPOTENCY_KEY_REUSED", "{}: {refused}", self.mutation);
        assert_eq!(refused["errors"][0]["path"], json!(["input", "idempotencyKey"]), "{}", self.mutation);
    }
}

async fn all_of(app: &TestApp, actions: impl IntoIterator<Item = Action>) {
    let bench = Bench::on(app);
    let another = bench.order(AwaitingConfirmation).await;
    for action in actions {
        let (situation, token) = place(action).unwrap_or_else(|| panic!("where can {action} be done?"));
        let order = bench.order(situation).await;
        let input = bench.input(action, token, &order).await;
        let call = Call { app, token, mutation: action.name() };
        let other = if action == Action::ConfirmManualRefund {
            // Whose refund it is is looked at first.
            json!({ "bankReference": "another" })
        } else if action == Action::RefundUnapplied {
            // Which order the money is of, too.
            json!({ "orderId": null })
        } else {
            json!({ "orderId": another })
        };
        call.is_once(&bench.key(), input, other).await;
    }
}

async fn every_step_of_a_purchase_is_taken_once(app: &TestApp) {
    all_of(app, steps()).await;
}

async fn every_step_of_a_quarrel_is_taken_once(app: &TestApp) {
    all_of(app, QUARRELS).await;
}

async fn every_step_of_an_operator_is_taken_once(app: &TestApp) {
    all_of(app, OPERATORS).await;
}

async fn every_way_to_begin_an_order_does_so_once(app: &TestApp) {
    let product = first_product(app).await;
    let input = json!({ "productId": product["id"], "quantity": 20, "shippingAddress": address() });
    let call = Call { app, token: demo::BUYER, mutation: "buyNow" };
    call.is_once("buy", input, json!({ "quantity": 21 })).await;

    let input = json!({ "supplierId": product["supplier"]["id"], "currency": "USD", "message": "One",
        "shippingAddress": address() });
    let call = Call { app, token: demo::BUYER, mutation: "requestDraft" };
    call.is_once("ask", input, json!({ "message": "Two" })).await;

    let asked =
        "mutation($s: ID!) { contactSupplier(input: { supplierId: $s, text: \"Hello\" }) { conversation { id } } }";
    let data = app.data(demo::BUYER, asked, json!({ "s": product["supplier"]["id"] })).await;
    let mut input = draft(&Value::Null, "draft", "5.00");
    input["conversationId"] = data["contactSupplier"]["conversation"]["id"].clone();
    input["currency"] = json!("USD");
    input["shippingAddress"] = address();
    let call = Call { app, token: demo::SUPPLIER, mutation: "draftOrder" };
    call.is_once("draft", input, json!({ "shipWithinDays": 11 })).await;
}

async fn what_parties_make_is_made_once(app: &TestApp) {
    let price = |amount: &str| json!([{ "minimumQuantity": 5, "unitPrice": { "amount": amount, "currency": "USD" } }]);
    let input = json!({ "sku": "ONCE-1", "name": "Lamp", "description": "", "category": "Lighting", "unit": "piece",
        "minimumOrderQuantity": 5, "leadTimeDays": 3, "stock": 100, "priceTiers": price("2.50") });
    let call = Call { app, token: demo::SUPPLIER, mutation: "createProduct" };
    call.is_once("create", input, json!({ "sku": "ONCE-2" })).await;

    let found = app.data(None, "{ products(search: \"lamp\", first: 1) { nodes { id version } } }", json!({})).await;
    let product = found["products"]["nodes"][0]["id"].clone();
    let call = Call { app, token: demo::SUPPLIER, mutation: "updateProduct" };
    let input = json!({ "productId": product, "stock": 50, "expectedVersion": 1 });
    call.is_once("update", input, json!({ "stock": 51 })).await;
}

async fn what_is_said_is_said_once(app: &TestApp) {
    let order = crate::support::steps::buy_now(app, "talk", 20).await["id"].clone();
    let supplier = first_product(app).await["supplier"]["id"].clone();
    let call = |token, mutation| Call { app, token, mutation };
    let input = json!({ "supplierId": supplier, "text": "Hello" });
    call(demo::BUYER, "contactSupplier").is_once("contact", input, json!({ "text": "Hi" })).await;
    let input = json!({ "orderId": order, "text": "It is on its way" });
    call(demo::SUPPLIER, "contactBuyer").is_once("answer", input, json!({ "text": "It isn't" })).await;
    let data = app.data(demo::BUYER, "{ conversations(first: 1) { nodes { id } } }", json!({})).await;
    let input = json!({ "conversationId": data["conversations"]["nodes"][0]["id"], "text": "Thank you" });
    call(demo::BUYER, "sendMessage").is_once("say", input, json!({ "text": "Thanks" })).await;
}

async fn what_operators_and_storefronts_make_is_made_once(app: &TestApp) {
    let call = |token, mutation| Call { app, token, mutation };
    let input = json!({ "name": "Shop", "returnOrigins": ["https://once.example"] });
    call(demo::OPERATOR, "createStorefront").is_once("shop", input, json!({ "name": "Other" })).await;
    let input = json!({ "name": "Maker", "country": "DE", "city": "Ulm" });
    call(demo::OPERATOR, "createSupplier").is_once("maker", input, json!({ "city": "Kiel" })).await;
    let input = json!({ "accountHolder": "Maker", "country": "DE", "iban": "DE89370400440532013000" });
    call(demo::SUPPLIER, "setPayoutAccount").is_once("account", input, json!({ "accountHolder": "M" })).await;
    let input = json!({ "url": "http://127.0.0.1:9/once" });
    let other = json!({ "url": "http://127.0.0.1:9/other" });
    call(demo::STOREFRONT, "createWebhookEndpoint").is_once("endpoint", input, other).await;
}

async fn what_operators_book_by_hand_is_asked_and_answered_once(app: &TestApp) {
    let of = |token, mutation| Call { app, token, mutation };
    let one = json!({ "amount": "1.00", "currency": "USD" });
    let mut asked = Vec::new();
    for (number, answer) in [(1, "approveBooking"), (2, "rejectBooking")] {
        let id = unheard_of(app, &format!("e{number}"), &format!("m{number}")).await;
        let input = json!({ "notificationId": id, "as": "FEE", "amount": one, "reason": "a test" });
        of(demo::OPERATOR, "bookQuarantined").is_once(answer, input, json!({ "reason": "another" })).await;
        let open = "{ handBookings { nodes { id } } }";
        asked.push(app.data(demo::OPERATOR, open, json!({})).await["handBookings"]["nodes"][number - 1]["id"].take());
    }
    let input = json!({ "bookingId": asked[1], "reason": "no" });
    of(demo::SECOND_OPERATOR, "rejectBooking").is_once("no", input, json!({ "reason": "never" })).await;
    let input = json!({ "bookingId": asked[0] });
    of(demo::SECOND_OPERATOR, "approveBooking").is_once("yes", input, json!({ "bookingId": asked[1] })).await;
    let input = json!({ "notificationId": unheard_of(app, "e3", "m3").await, "reason": "a test" });
    of(demo::OPERATOR, "dismissQuarantined").is_once("dismiss", input, json!({ "reason": "another" })).await;
    state(app, vec![line(LineKind::OtherCredit, "interest", "3.00")]).await;
    let found = breaks(app).await.into_iter().find(|row| row["subject"].to_string().contains("interest"));
    let input = json!({ "breakId": found.expect("a break")["id"], "as": "OTHER_CREDIT", "reason": "interest" });
    of(demo::OPERATOR, "bookBreak").is_once("break", input, json!({ "reason": "another" })).await;
}

async fn a_key_is_kept_for_thirty_days(app: &TestApp) {
    let product = first_product(app).await;
    let input =
        json!({ "idempotencyKey": "k", "productId": product["id"], "quantity": 20, "shippingAddress": address() });
    let call = Call { app, token: demo::BUYER, mutation: "buyNow" };
    let first = call.send(&input).await["order"]["id"].take();
    let prune = async || secure_payment::idempotency::prune(app.db(), app.clock()).await.expect("prunes");
    app.clock().advance(TimeDelta::days(30) - TimeDelta::seconds(10));
    assert_eq!(prune().await, 0);
    assert_eq!(call.send(&input).await["order"]["id"], first);
    app.clock().advance(TimeDelta::seconds(20));
    assert_eq!(prune().await, 1);
    assert_ne!(call.send(&input).await["order"]["id"], first, "it is a fresh key again");
}

/// The first call takes the last of the stock: those that waited for it get its order, not OUT_OF_STOCK.
async fn a_repetition_does_not_stumble_over_what_the_first_call_took(app: &TestApp) {
    let price = json!([{ "minimumQuantity": 5, "unitPrice": { "amount": "2.50", "currency": "USD" } }]);
    let input = json!({ "sku": "LAST-5", "name": "Last of them", "description": "", "category": "Lighting",
        "unit": "piece", "minimumOrderQuantity": 5, "leadTimeDays": 3, "stock": 5, "priceTiers": price });
    let call = Call { app, token: demo::SUPPLIER, mutation: "createProduct" };
    let product = call.send(&input).await["product"]["id"].take();
    let input = json!({ "productId": product, "quantity": 5, "shippingAddress": address() });
    let call = Call { app, token: demo::BUYER, mutation: "buyNow" };
    call.is_once("the last", input, json!({ "quantity": 6 })).await;
}

async fn nothing_that_takes_a_key_is_forgotten_here(app: &TestApp) {
    let query = "{ __schema { mutationType { fields { name } } types { name inputFields { name } } } }";
    let schema = app.data(None, query, json!({})).await["__schema"].take();
    let inputs: BTreeSet<&str> = schema["types"]
        .as_array()
        .expect("types")
        .iter()
        .filter(|of| {
            of["inputFields"].as_array().is_some_and(|fields| fields.iter().any(|f| f["name"] == "idempotencyKey"))
        })
        .filter_map(|of| of["name"].as_str())
        .collect();
    let tried: BTreeSet<&str> =
        Action::ALL.iter().copied().filter(|action| by_people(*action)).map(Action::name).chain(OTHERS).collect();
    for field in schema["mutationType"]["fields"].as_array().expect("mutations") {
        let name = field["name"].as_str().expect("a name");
        let kind = format!("{}{}Input", name[..1].to_uppercase(), &name[1..]);
        if inputs.contains(kind.as_str()) {
            assert!(tried.contains(name), "{name} takes a key: try it here fifty times at once, or add it to OTHERS");
        }
    }
    // And of an order's mutations each takes the version that its caller has seen.
    for action in Action::ALL.iter().copied().filter(|action| by_people(*action)) {
        let kind = format!("{}{}Input", action.name()[..1].to_uppercase(), &action.name()[1..]);
        let of = schema["types"].as_array().expect("types").iter().find(|of| of["name"] == kind).expect("a type");
        let fields = of["inputFields"].as_array().expect("fields");
        for wanted in ["idempotencyKey", "expectedVersion"] {
            assert!(fields.iter().any(|field| field["name"] == wanted), "{kind} lacks {wanted}");
        }
    }
}
