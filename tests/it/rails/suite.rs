//! What every provider has to do alike, through the front door: `rails::suite::<provider>::<scenario>::<database>`.
//!
//! A rail that doesn't have something (a bank declines nothing) says so by its fake, and the scenario ends there.

use std::sync::Arc;

use chrono::TimeDelta;
use entity::payment::{PaymentStatus, RefundWay};
use entity::refund::RefundStatus;
use entity::{MinorUnits, Money, RefundId, order, payment, refund};
use provider::{PaymentQuery, RefundRequest};
use secure_payment::party::demo;
use serde_json::{Value, json};

use crate::support::purchase::{Shop, Step, codes, text};
use crate::support::rail::{Fake, Rail};
use crate::support::{TestApp, trouble};

mod disputes;
mod forgery;
mod mending;
mod news;
mod order_of_news;
mod refunds;
mod timeout;

/// A test of its own for each provider, scenario and database.
macro_rules! play {
    ($($provider:ident: $vectors:tt,)+) => {$(
        mod $provider {
            use crate::support::{Engine, TestApp, run};

            async fn fake() -> std::sync::Arc<dyn crate::support::rail::Fake> {
                crate::rails::$provider::start().await
            }

            scenarios! {
                news: pay, decline, expire, chargeback_won, chargeback_lost;
                disputes: before_its_money, ends_without_amounts;
                refunds: refund_in_parts, over_refund, refund_fails_late, refund_fails_before_it_arrived;
                mending: capture_fails_then_comes_good, refund_fails_then_comes_good, payout_back_after_paid,
                    payout_back_is_heard_first;
                timeout: answer_to_create_is_lost, answer_to_refund_is_lost, bare_status_is_no_failure,
                    money_overtakes_our_own_call;
                forgery: forgeries;
                order_of_news: paid_and_refunded_in_every_order, news_of_what_is_known, refund_news_in_any_order,
                    chargeback_news_in_any_order;
            }
        }
    )+};
}

macro_rules! scenarios {
    ($($file:ident: $($scenario:ident),+;)+) => {$($(
        mod $scenario {
            use super::{Engine, TestApp, fake, run};

            async fn test(app: &TestApp) {
                crate::rails::suite::$file::$scenario(app, fake().await).await;
            }

            #[test]
            fn sqlite() {
                run(Engine::Sqlite, test);
            }

            #[test]
            fn postgres() {
                run(Engine::Postgres, test);
            }
        }
    )+)+};
}

crate::rails::for_every_fake!(play);

/// What every order here costs.
const TOTAL: &str = "123.45";
const TOTAL_UNITS: i64 = 12_345;

async fn rail_of(app: &TestApp, fake: Arc<dyn Fake>) -> Rail<'_> {
    Rail::of(app, fake).await
}

impl Rail<'_> {
    /// An order that waits to be paid, and its open payment. The buyer has said where refunds may go, if the rail wants to know.
    async fn opened(&self) -> (String, payment::Model) {
        let order = self.order(TOTAL).await;
        let payment = self.pay(&order).await;
        assert_eq!((payment.status, payment.amount.0), (PaymentStatus::Pending, TOTAL_UNITS));
        match payment.refund_way {
            RefundWay::ToOrigin => {}
            RefundWay::ToAccount => self.provide_account(&order).await,
            RefundWay::ByHand => panic!("a rail that can't refund needs scenarios of its own"),
        }
        (order, payment)
    }

    async fn funded(&self) -> (String, payment::Model) {
        let (order, payment) = self.opened().await;
        self.fake.pay(&payment.reference).await;
        self.deliver().await;
        assert_eq!(self.status(&order).await, "FUNDED");
        (order, self.payment(&payment.id.to_string()).await)
    }

    async fn provide_account(&self, order: &str) {
        let account = json!({ "accountHolder": "Ana Souza", "country": "DE", "iban": trouble::IBAN });
        let input = json!({ "orderId": order, "account": account });
        self.shop.done(&Step { token: demo::BUYER, mutation: "provideRefundAccount", input }).await;
    }

    fn refund_step(&self, order: &str, amount: &str) -> Step {
        let key = self.app.clock.new_id().to_string();
        let input = json!({ "orderId": order, "amount": amount, "idempotencyKey": key });
        Step { token: demo::SUPPLIER, mutation: "refundOrder", input }
    }

    /// The supplier gives a part back; no job of it has run yet. The refund as it is then.
    async fn refund(&self, order: &str, amount: &str) -> refund::Model {
        let before = trouble::refunds(self.test, order).await.len();
        self.shop.done(&self.refund_step(order, amount)).await;
        let mut rows = trouble::refunds(self.test, order).await;
        assert_eq!(rows.len(), before + 1, "{rows:#?}");
        rows.pop().expect("one more")
    }

    /// Asked for, and with the provider.
    async fn sent_refund(&self, order: &str, amount: &str) -> refund::Model {
        let refund = self.refund(order, amount).await;
        assert_eq!(refund.status, RefundStatus::Requested);
        self.drain().await;
        let refund = self.reread(&refund).await;
        let is_there = matches!(refund.status, RefundStatus::Pending | RefundStatus::Succeeded);
        assert!(is_there, "{refund:#?}");
        refund
    }

    async fn reread(&self, refund: &refund::Model) -> refund::Model {
        let rows = trouble::refunds(self.test, &refund.order_id.expect("of an order").to_string()).await;
        rows.into_iter().find(|row| row.id == refund.id).expect("is there")
    }

    /// What the provider sent, posted; and what it says when it is asked a while later.
    async fn hear(&self) {
        self.deliver().await;
        self.ask().await;
    }

    /// The pollers' turn.
    async fn ask(&self) {
        self.app.clock.advance(TimeDelta::hours(1));
        self.drain().await;
    }

    async fn status(&self, order: &str) -> String {
        text(&self.shop.order(order).await["status"])
    }

    async fn row(&self, order: &str) -> order::Model {
        trouble::row(self.test, order).await
    }

    /// Whoever is asked, it is the same.
    async fn assert_nodes_agree(&self, order: &str) {
        let (here, there) = (self.shop.order(order).await, Shop::of(self.test).order(order).await);
        assert_eq!(here, there, "two nodes");
    }

    /// The order's transfers since some were there, in the order in which they were posted, as (cause, from, to, amount).
    async fn assert_ledger(&self, order: &str, expected: &[(&str, String, String, &str)]) {
        let expected: Vec<_> = expected
            .iter()
            .map(|(cause, debit, credit, amount)| {
                ((*cause).to_owned(), debit.clone(), credit.clone(), (*amount).to_owned())
            })
            .collect();
        assert_eq!(self.shop.transfers(Some(order)).await, expected);
        self.assert_nodes_agree(order).await;
    }

    fn provider(&self) -> String {
        format!("provider/{}", self.fake.name())
    }

    /// The account that refunds are paid from.
    fn refunder(&self) -> String {
        format!("provider/{}", self.fake.refunds_by())
    }

    /// Whether the adapter has asked the provider anything since: a rail may open a payment by itself.
    fn asked_since(&self, calls: usize) -> bool {
        self.fake.way().calls().len() > calls
    }

    fn calls(&self) -> usize {
        self.fake.way().calls().len()
    }

    async fn next_action(&self, payment: &payment::Model) -> Value {
        let query = "query($id: ID!) { payment(id: $id) { status nextAction { __typename } } }";
        let data = self.shop.read(demo::BUYER, query, json!({ "id": payment.id.to_string() })).await;
        data["payment"]["nextAction"].clone()
    }
}

fn escrow(order: &str) -> String {
    format!("escrow/{order}")
}

fn account_of(refund: &refund::Model) -> String {
    format!("refund/{}", refund.id)
}
