//! Orders in every situation that there is, and a well-formed input for everything that people do with them.

use chrono::TimeDelta;
use escrow::{Action, Actor, table};
use secure_payment::party::demo;
use serde_json::{Value, json};

use super::TestApp;
use super::bank::{news, tell};
use super::events::applied;
use super::purchase::text;
use super::steps::{buy_now, confirmed, done, funded, mutate, order_step, pay, shipped};

/// Where an order can stand, in more detail than its status.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Situation {
    DraftRequested,
    AwaitingConfirmation,
    AwaitingPayment,
    Funded,
    Overdue,
    CancelRequestedUnshipped,
    Shipped,
    CancelRequested,
    CancelRefused,
    Disputed,
    Answered,
    DayFour,
    Escalated,
    WithdrawnTwice,
    ReturnPending,
    ReturnShipped,
    Completed,
    Rated,
    RatedTwiceAndAnswered,
    Cancelled,
    Refunded,
    Frozen,
    FrozenDispute,
    ChargebackOpen,
    ChargebackOfACompletedOrder,
    RefundNeedsAction,
    RefundWithAccount,
    RefundToApprove,
    RefundByHand,
    PaymentOpened,
    FundsSetAside,
    /// It came back with less than was sent.
    RefundShort,
    /// Banks have kept a little of a bank transfer.
    TransferShort,
}

use Situation::*;

/// What each person does with the order in the API.
pub(crate) struct Bench<'a> {
    pub(crate) app: &'a TestApp,
    keys: std::cell::Cell<u32>,
}

impl<'a> Bench<'a> {
    pub(crate) fn on(app: &'a TestApp) -> Self {
        Self { app, keys: std::cell::Cell::new(0) }
    }

    pub(crate) fn key(&self) -> String {
        self.keys.set(self.keys.get() + 1);
        format!("key {}", self.keys.get())
    }

    async fn step(&self, token: &str, name: &str, input: Value) {
        done(order_step(self.app, token, name, input).await);
    }

    /// A fresh order in this situation.
    #[expect(clippy::wildcard_enum_match_arm, reason = "the others begin with one of these")]
    pub(crate) async fn order(&self, situation: Situation) -> String {
        let (app, key) = (self.app, self.key());
        match situation {
            DraftRequested => {
                let product = super::steps::first_product(app).await;
                let input = json!({ "idempotencyKey": key, "supplierId": product["supplier"]["id"], "currency": "USD",
                    "message": "One", "shippingAddress": super::steps::address() });
                text(&done(order_step(app, demo::BUYER, "requestDraft", input).await)["id"])
            }
            AwaitingConfirmation => text(&buy_now(app, &key, 20).await["id"]),
            AwaitingPayment => confirmed(app, &key).await,
            Funded => funded(app, &key).await,
            Shipped => shipped(app, &key).await,
            _further => Box::pin(self.further(situation)).await,
        }
    }

    #[expect(clippy::too_many_lines, reason = "one arm a situation")]
    async fn further(&self, situation: Situation) -> String {
        let begin = async |from, token, name: &str, more: Value| self.and_then(from, token, name, more).await;
        match situation {
            Overdue => {
                let id = self.order(Funded).await;
                self.app.clock().advance(TimeDelta::days(13));
                id
            }
            CancelRequestedUnshipped => begin(Funded, demo::BUYER, "cancelRequest", json!({ "reason": "late" })).await,
            CancelRequested => begin(Shipped, demo::BUYER, "cancelRequest", json!({ "reason": "late" })).await,
            CancelRefused => {
                begin(CancelRequested, demo::SUPPLIER, "answerCancelRequest", json!({ "grant": false })).await
            }
            Disputed => begin(Shipped, demo::BUYER, "openDispute", opening()).await,
            Answered => begin(Disputed, demo::SUPPLIER, "proposeSettlement", offer(true)).await,
            DayFour => {
                let id = self.order(Answered).await;
                self.app.clock().advance(TimeDelta::days(4));
                id
            }
            Escalated => begin(DayFour, demo::BUYER, "escalateDispute", json!({})).await,
            WithdrawnTwice => {
                let id = begin(Disputed, demo::BUYER, "withdrawDispute", json!({})).await;
                for (name, more) in [("openDispute", opening()), ("withdrawDispute", json!({}))] {
                    self.then(&id, demo::BUYER, name, more).await;
                }
                id
            }
            ReturnPending => {
                let id = self.order(Answered).await;
                let proposal = self.latest(demo::BUYER, &id).await;
                self.then(&id, demo::BUYER, "acceptSettlement", json!({ "proposalId": proposal })).await;
                id
            }
            ReturnShipped => begin(ReturnPending, demo::BUYER, "shipReturn", parcel()).await,
            Completed => begin(Shipped, demo::BUYER, "confirmReceived", json!({})).await,
            Rated => {
                let id = self.order(Completed).await;
                self.rate(&id).await;
                id
            }
            RatedTwiceAndAnswered => {
                let id = self.order(Rated).await;
                self.rate(&id).await;
                let input = json!({ "orderId": id, "reply": "Thank you" });
                let answered = self.try_mutation(demo::SUPPLIER, "replyToFeedback", input).await;
                assert_eq!(answered, None);
                id
            }
            Cancelled => begin(AwaitingPayment, demo::BUYER, "cancelOrder", json!({})).await,
            Refunded => {
                let amount = json!({ "amount": "128.00", "idempotencyKey": self.key() });
                begin(Shipped, demo::SUPPLIER, "refundOrder", amount).await
            }
            Frozen => begin(Shipped, demo::OPERATOR, "freezeOrder", json!({ "reason": "COMPLIANCE" })).await,
            FrozenDispute => begin(Answered, demo::OPERATOR, "freezeOrder", json!({ "reason": "OTHER" })).await,
            ChargebackOpen => self.charged_back(Shipped).await,
            ChargebackOfACompletedOrder => self.charged_back(Rated).await,
            PaymentOpened => {
                let id = self.order(AwaitingPayment).await;
                pay(self.app, &id, &self.key(), "VISA").await;
                id
            }
            RefundShort => Box::pin(crate::stuck::came_back_short(self.app, self, &self.key())).await,
            TransferShort => Box::pin(crate::stuck::came_short(self.app, self, "127.00")).await.0,
            FundsSetAside => {
                let id = self.order(PaymentOpened).await;
                let stray = self.stray("200.00").await;
                self.then(&id, demo::OPERATOR, "applyFunds", json!({ "unappliedFundsId": stray })).await;
                id
            }
            RefundNeedsAction => self.refunded_in_vain().await,
            RefundWithAccount => {
                let id = self.order(RefundNeedsAction).await;
                self.then(&id, demo::BUYER, "provideRefundAccount", account()).await;
                id
            }
            RefundToApprove => {
                let id = self.order(RefundWithAccount).await;
                let refund = self.refund(&id).await;
                self.then(&id, demo::OPERATOR, "requestManualRefund", json!({ "refundId": refund })).await;
                id
            }
            RefundByHand => {
                let id = self.order(RefundToApprove).await;
                let refund = self.refund(&id).await;
                self.then(&id, demo::SECOND_OPERATOR, "approveManualRefund", json!({ "refundId": refund })).await;
                id
            }
            DraftRequested | AwaitingConfirmation | AwaitingPayment | Funded | Shipped => unreachable!("made above"),
        }
    }

    async fn and_then(&self, from: Situation, token: &str, name: &str, more: Value) -> String {
        let id = Box::pin(self.order(from)).await;
        self.then(&id, token, name, more).await;
        id
    }

    pub(crate) async fn then(&self, id: &str, token: &str, name: &str, mut input: Value) {
        input["orderId"] = json!(id);
        self.step(token, name, input).await;
    }

    async fn rate(&self, id: &str) {
        let input = json!({ "orderId": id, "productAsAgreed": 5, "communication": 4, "shippingTime": 3 });
        assert_eq!(self.try_mutation(demo::BUYER, "leaveFeedback", input).await, None);
    }

    async fn charged_back(&self, from: Situation) -> String {
        let id = Box::pin(self.order(from)).await;
        let query = "query($id: ID!) { order(id: $id) { payments { id } } }";
        let data = self.app.data(demo::BUYER, query, json!({ "id": id })).await;
        let payment = data["order"]["payments"][0]["id"].clone();
        applied(self.app, demo::BUYER, json!({ "type": "CHARGEBACK_OPENED", "paymentId": payment, "amount": "50.00" }))
            .await;
        id
    }

    /// The simulated bank declines what ends in 13: somebody has to pay it by hand.
    async fn refunded_in_vain(&self) -> String {
        let id = funded(self.app, &self.key()).await;
        let input = json!({ "orderId": id, "amount": "28.13", "idempotencyKey": self.key() });
        self.step(demo::SUPPLIER, "refundOrder", input).await;
        self.app.drain().await;
        id
    }

    async fn refund(&self, id: &str) -> Value {
        let query = "query($id: ID!) { order(id: $id) { refunds { id } } }";
        let data = self.app.data(demo::OPERATOR, query, json!({ "id": id })).await;
        data["order"]["refunds"].as_array().expect("a list").last().map_or(Value::Null, |refund| refund["id"].clone())
    }

    /// The other side's latest proposal.
    async fn latest(&self, token: &str, id: &str) -> Value {
        let query = "query($id: ID!) { order(id: $id) { dispute { proposals { id by } } } }";
        let data = self.app.data(token, query, json!({ "id": id })).await;
        let other = if token == demo::SUPPLIER { "BUYER" } else { "SUPPLIER" };
        let proposals = data["order"]["dispute"]["proposals"].as_array().cloned().unwrap_or_default();
        proposals.iter().rev().find(|proposal| proposal["by"] == other).map_or(Value::Null, |found| found["id"].clone())
    }

    /// A well-formed input of an action's mutation.
    #[expect(clippy::wildcard_enum_match_arm, reason = "the others take nothing but the order")]
    pub(crate) async fn input(&self, action: Action, token: &str, id: &str) -> Value {
        let mut input = match action {
            Action::DraftOrder => json!({ "idempotencyKey": self.key(), "shippingFee": "0", "shipWithinDays": 5,
                "lines": [{ "description": "One", "quantity": 1, "unit": "piece", "unitPrice": "5.00" }] }),
            Action::ConfirmOrder => json!({ "contractVersion": 1 }),
            Action::PayOrder => json!({ "idempotencyKey": self.key(), "method": "VISA" }),
            Action::ShipOrder | Action::UpdateShipment | Action::ShipReturn => parcel(),
            Action::ExtendDeadline => json!({ "days": 3 }),
            Action::CancelRequest | Action::ContestReturn => json!({ "reason": "no" }),
            Action::AnswerCancelRequest => json!({ "grant": true }),
            Action::OpenDispute => opening(),
            Action::ProposeSettlement => offer(false),
            Action::AcceptSettlement => {
                let latest = self.latest(token, id).await;
                let none = || json!("proposal_01kdvdna00e018000000000000");
                json!({ "proposalId": if latest.is_null() { none() } else { latest } })
            }
            Action::ResolveDispute => json!({ "refundAmount": "1.00", "goodsGoBack": false, "ruling": "So be it" }),
            Action::AddEvidence => json!({ "text": "look" }),
            Action::RefundOrder => json!({ "idempotencyKey": self.key(), "amount": "1.00" }),
            Action::FreezeOrder => json!({ "reason": "COMPLIANCE" }),
            Action::LeaveFeedback => json!({ "productAsAgreed": 5, "communication": 5, "shippingTime": 5 }),
            Action::ReplyToFeedback => json!({ "reply": "Thank you" }),
            Action::ProvideRefundAccount => account(),
            Action::RequestManualRefund | Action::ApproveManualRefund => {
                json!({ "refundId": self.any_refund(id).await })
            }
            Action::RejectManualRefund => json!({ "refundId": self.any_refund(id).await, "reason": "no" }),
            Action::ConfirmManualRefund => {
                json!({ "refundId": self.any_refund(id).await, "bankReference": self.key() })
            }
            Action::RetryRefund | Action::BearRefundCharge => json!({ "refundId": self.any_refund(id).await }),
            Action::ClosePayment => json!({ "paymentId": self.any_payment(id).await }),
            Action::ApplyFunds => json!({ "unappliedFundsId": self.stray("10.00").await }),
            Action::DecideChargeback => {
                json!({ "chargebackId": self.any_chargeback(id).await, "outcome": "WON" })
            }
            Action::RefundUnapplied => json!({ "unappliedFundsId": self.set_aside(id).await }),
            _no_more => json!({}),
        };
        input["orderId"] = json!(id);
        input
    }

    /// Money whose reference nobody knows.
    async fn stray(&self, amount: &str) -> String {
        let id = format!("m{}", self.key().replace(' ', "-"));
        tell(self.app, &id, &news("payment.succeeded", (&id, "nobody"), (amount, "USD"), None)).await;
        self.app.drain().await;
        let query = "{ unappliedFunds(first: 100) { nodes { id } } }";
        let data = self.app.data(demo::OPERATOR, query, json!({})).await;
        text(&data["unappliedFunds"]["nodes"].as_array().expect("a list").last().expect("one")["id"])
    }

    /// What is set aside of the order, or else of nobody.
    async fn set_aside(&self, id: &str) -> String {
        let query = "query($id: ID!) { order(id: $id) { unappliedFunds { id left { minorUnits } } } }";
        let data = self.app.data(demo::OPERATOR, query, json!({ "id": id })).await;
        let funds = data["order"]["unappliedFunds"].as_array().cloned().unwrap_or_default();
        let left = funds.iter().find(|one| one["left"]["minorUnits"] != "0").map(|one| text(&one["id"]));
        left.unwrap_or_else(|| "receipt_01kdvdna00e018000000000000".to_owned())
    }

    async fn any_chargeback(&self, id: &str) -> String {
        let rows = super::trouble::chargebacks(self.app, id).await;
        rows.first().map_or_else(|| "chargeback_01kdvdna00e018000000000000".to_owned(), |row| row.id.to_string())
    }

    async fn any_payment(&self, id: &str) -> Value {
        let query = "query($id: ID!) { order(id: $id) { payments { id status } } }";
        let data = self.app.data(demo::OPERATOR, query, json!({ "id": id })).await;
        let open = data["order"]["payments"].as_array().expect("a list").iter().find(|row| row["status"] == "PENDING");
        open.map_or_else(|| json!("payment_01kdvdna00e018000000000000"), |row| row["id"].clone())
    }

    async fn any_refund(&self, id: &str) -> Value {
        let refund = self.refund(id).await;
        if refund.is_null() { json!("refund_01kdvdna00e018000000000000") } else { refund }
    }

    /// The code of its refusal.
    pub(crate) async fn try_mutation(&self, token: &str, name: &str, input: Value) -> Option<String> {
        let kind = format!("{}{}Input", name[..1].to_uppercase(), &name[1..]);
        let answer = mutate(self.app, token, name, &kind, input, "errors { code message path }").await;
        answer["errors"].get(0).map(|error| text(&error["code"]))
    }

    pub(crate) async fn version(&self, id: &str) -> Value {
        let query = "query($id: ID!) { order(id: $id) { version } }";
        self.app.data(demo::OPERATOR, query, json!({ "id": id })).await["order"]["version"].take()
    }

    /// All that is listed for somebody, available or not.
    pub(crate) async fn listed(&self, token: &str, id: &str) -> Vec<(Action, bool, Value)> {
        let query = "query($id: ID!) { order(id: $id) { availableActions(includeUnavailable: true) {
            action available deadline consequence reason } } }";
        let data = self.app.data(token, query, json!({ "id": id })).await;
        let listed = data["order"]["availableActions"].as_array().expect("a list").clone();
        listed.into_iter().map(|row| (named(&row["action"]), row["available"] == true, row)).collect()
    }
}

/// Those of providers and clocks have no mutation, and those that begin an order have no order.
pub(crate) fn by_people(action: Action) -> bool {
    [Actor::Buyer, Actor::Supplier, Actor::Operator].into_iter().any(|actor| table::concerns(action, actor))
}

fn named(value: &Value) -> Action {
    let wanted = text(value).replace('_', "").to_lowercase();
    *Action::ALL.iter().find(|action| action.name().to_lowercase() == wanted).expect("a known action")
}

fn opening() -> Value {
    json!({ "reason": "DAMAGED", "description": "half of it is broken", "refundAmount": "64.00", "goodsGoBack": false })
}

fn offer(goods_go_back: bool) -> Value {
    json!({ "refundAmount": "32.00", "goodsGoBack": goods_go_back })
}

fn parcel() -> Value {
    json!({ "carrier": "DHL", "trackingNumber": "JD0147" })
}

fn account() -> Value {
    json!({ "account": { "accountHolder": "Loja Azul", "country": "DE", "iban": "DE89 3704 0044 0532 0130 00", "bic": "COBADEFFXXX" } })
}
