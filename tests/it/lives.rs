//! Random lives of orders, through the database: buyer, supplier, operators, provider and clock in any order.
//!
//! The pure rules have a test of this kind with many more lives (`escrow::tests::lives`); this one is about what they don't
//! show: that the rows, the timeline and the ledger say what was decided, and that what is refused leaves nothing behind.

use std::cell::{Cell, RefCell};
use std::collections::HashSet;

use chrono::TimeDelta;
use entity::contract::{Address, Terms};
use entity::dispute::DisputeReason;
use entity::payment::{PaymentMethod, PaymentStatus, RefundWay};
use entity::proposal::Side;
use entity::refund::{self, RefundStatus};
use entity::{
    CancelRequestId, ChargebackId, ConversationId, Currency, DisputeId, EvidenceId, FeedbackId, MinorUnits, Money,
    OperatorId, OrderStatus, PaymentId, ProductId, ProposalId, ReceiptId, RefundAccountId, RefundId, SupplierId, Time,
    chargeback, event, order as order_row, payment, product, receipt,
};
use escrow::table::{self, TABLE};
use escrow::{
    Action, Actor, BY_HAND, Balances, ChargebackStage, Command, FreezeReason, NewPayment, Order, PaymentEnd, Proposal,
    Sending, StatusAfter, decide, permitted, status_after,
};
use proptest::prelude::*;
use proptest::test_runner::{TestCaseResult, TestRng, TestRunner};
use provider::{ChargebackStage as Stage, Fact};
use sea_orm::{ColumnTrait, EntityTrait, Iterable, QueryFilter, QueryOrder};
use secure_payment::app::App;
use secure_payment::auth::{Viewer, find_caller};
use secure_payment::error::Error;
use secure_payment::idempotency::IdempotencyKey;
use secure_payment::ledger;
use secure_payment::order::{
    BuyNow, DraftDeadlines, DraftLine, DraftOrder, DraftTerms, NewOrderDetails, RequestDraft, buy_now, draft_order,
    execute, execute_as_provider, load, pass_deadlines, request_draft, start_refund,
};
use secure_payment::party::demo;
use secure_payment::payment::{Applied, apply_fact};
use secure_payment::validate::Checks;
use serde_json::json;

use crate::support::purchase::{QUANTITY, Shop};
use crate::support::{TestApp, on_each_database};

on_each_database!(in_any_order_of_things_the_promises_hold);

const LIVES: u32 = 300;
/// Looking at all the books takes the longer the more lives there were.
const LIVES_PER_AUDIT: u32 = 20;
/// Of [`Life::paying`].
const BY_HAND_WAY: usize = 2;
const STOCK: i64 = 1_000_000;

#[derive(Clone, Debug)]
struct Step {
    who: Who,
    /// Of what is possible, the how many-th.
    choice: usize,
    /// Now and then something that is not possible.
    whatever: bool,
    amount: i64,
    target: usize,
    hours: i64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Who {
    One(Actor),
    /// What the job does with refunds that may be sent.
    Sender,
}

/// Where a life begins to be random.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Start {
    Asked,
    Drafted,
    Bought,
    Confirmed,
    /// A payment is open.
    Paying,
    Paid,
    Shipped,
    CancelAsked,
    Disputed,
    /// Both sides have proposed, and it may be escalated.
    Argued,
    ReturnPending,
    Refunding,
    /// Two operators have agreed to pay the refund by hand.
    ByHand,
    Completed,
}

#[derive(Clone, Debug)]
struct Plan {
    start: Start,
    way: usize,
    steps: Vec<Step>,
}

fn plans() -> impl Strategy<Value = Plan> {
    use Start::{
        Argued, Asked, Bought, ByHand, CancelAsked, Completed, Confirmed, Disputed, Drafted, Paid, Paying, Refunding,
        ReturnPending, Shipped,
    };
    let who = prop_oneof![
        4 => Just(Who::One(Actor::Buyer)),
        4 => Just(Who::One(Actor::Supplier)),
        3 => Just(Who::One(Actor::Operator)),
        4 => Just(Who::One(Actor::Provider)),
        1 => Just(Who::One(Actor::Timer)),
        1 => Just(Who::Sender),
    ];
    let hours = prop_oneof![3 => Just(0_i64), 3 => 1_i64..30, 1 => 30_i64..1_000];
    let step = (who, 0_usize..1_000, prop::bool::weighted(0.1), 1_i64..20_000, 0_usize..8, hours).prop_map(
        |(who, choice, whatever, amount, target, hours)| Step { who, choice, whatever, amount, target, hours },
    );
    let start = prop_oneof![
        1 => prop::sample::select(vec![Asked, Drafted, Bought, Confirmed]),
        3 => prop::sample::select(vec![Paid, Shipped, CancelAsked, Disputed, Argued, Argued, ReturnPending, ReturnPending, Refunding, ByHand]),
        1 => prop::sample::select(vec![Paying, Completed]),
    ];
    (start, 0_usize..3, prop::collection::vec(step, 4..16)).prop_map(|(start, way, steps)| Plan { start, way, steps })
}

/// Who and what all lives have in common, and what they have shown.
struct Scene<'a> {
    app: &'a App,
    buyer: Viewer,
    supplier: Viewer,
    operators: [Viewer; 2],
    product_id: ProductId,
    conversation_id: ConversationId,
    supplier_id: SupplierId,
    /// Of a listing.
    terms: Option<Terms>,
    done: RefCell<HashSet<(Actor, Action)>>,
    been: RefCell<HashSet<OrderStatus>>,
    lives: Cell<u32>,
    /// Since the last audit: the order's number, and how it came about.
    recent: RefCell<Vec<(String, Plan)>>,
    /// What an audit has found. From then on nothing is tried: it would be found again, whatever the life.
    found: RefCell<Option<String>>,
}

fn address() -> Address {
    Address {
        name: "Ana Souza".to_owned(),
        line1: "Rua Augusta 100".to_owned(),
        line2: None,
        city: "São Paulo".to_owned(),
        region: None,
        postal_code: "01304-000".to_owned(),
        country: "BR".to_owned(),
        phone: None,
    }
}

/// What went wrong where nothing may: a fault of ours, which fails the life.
fn fault(error: impl std::fmt::Display) -> TestCaseError {
    TestCaseError::fail(error.to_string())
}

/// As a mutation's input carries it.
#[derive(async_graphql::InputObject)]
struct KeyedInput {
    idempotency_key: String,
    input: String,
}

impl<'a> Scene<'a> {
    async fn set(app: &'a TestApp) -> Self {
        let shop = Shop::of(app);
        let product_id: ProductId = shop.product().await.parse().expect("an id");
        let update = "mutation($id: ID!, $stock: Int!) {
            updateProduct(input: { productId: $id, stock: $stock }) { errors { message } } }";
        let answer = shop.read(demo::SUPPLIER, update, json!({ "id": product_id, "stock": STOCK })).await;
        assert_eq!(answer["updateProduct"]["errors"], json!([]));
        let viewer = async |token| {
            let found = find_caller(&app.db().read, token, app.clock().wall()).await.expect("reads");
            found.expect("knows the token").viewer
        };
        let (buyer, supplier) = (viewer(demo::BUYER).await, viewer(demo::SUPPLIER).await);
        let supplier_id = supplier.require_supplier().expect("is one");
        let contact = "mutation($id: ID!) { contactSupplier(input: { supplierId: $id, text: \"Hello\" }) {
            conversation { id } errors { message } } }";
        let answer = shop.read(demo::BUYER, contact, json!({ "id": supplier_id })).await;
        let conversation_id = answer["contactSupplier"]["conversation"]["id"].as_str().expect("an id").parse();
        let operators = [viewer(demo::OPERATOR).await, viewer(demo::SECOND_OPERATOR).await];
        let mut scene = Self {
            app: app.app(),
            buyer,
            supplier,
            operators,
            product_id,
            conversation_id: conversation_id.expect("an id"),
            supplier_id,
            terms: None,
            done: RefCell::default(),
            been: RefCell::default(),
            lives: Cell::new(0),
            recent: RefCell::default(),
            found: RefCell::default(),
        };
        scene.terms = scene.buy().await.expect("begins").terms;
        scene
    }

    fn key<T: serde::Serialize>(&self, viewer: &Viewer, mutation: &str, input: &T) -> IdempotencyKey {
        let key = self.app.clock.new_id().to_string();
        let input = KeyedInput { idempotency_key: key, input: serde_json::to_string(input).expect("JSON") };
        IdempotencyKey::of(&self.app.cipher, viewer, mutation, &input).expect("a key")
    }

    async fn ask(&self) -> Result<Order, Error> {
        let input = RequestDraft {
            supplier_id: self.supplier_id,
            product_id: Some(self.product_id),
            quantity: Some(QUANTITY),
            currency: "USD".to_owned(),
            message: "Twenty, please".to_owned(),
            shipping_address: address(),
            details: NewOrderDetails::default(),
        };
        let key = self.key(&self.buyer, "requestDraft", &input);
        request_draft(self.app, &self.buyer, &key, &input, Checks::input()).await
    }

    async fn draft(&self) -> Result<Order, Error> {
        let line = DraftLine {
            product_id: Some(self.product_id),
            description: "LED strip".to_owned(),
            quantity: QUANTITY,
            unit: "reel".to_owned(),
            price: "6.40".to_owned(),
            price_per_units: 1,
        };
        let terms = DraftTerms {
            currency: Some("USD".to_owned()),
            lines: vec![line],
            shipping_fee: "0.00".to_owned(),
            incoterm: None,
            ship_within_days: 12,
            transit_days: None,
            inspection_days: None,
            deadlines: DraftDeadlines::default(),
            shipping_address: Some(address()),
        };
        let conversation_id = Some(self.conversation_id);
        let input = DraftOrder { order_id: None, conversation_id, expected_version: None, terms };
        let key = self.key(&self.supplier, "draftOrder", &input);
        draft_order(self.app, &self.supplier, &key, &input, Checks::input()).await
    }

    async fn buy(&self) -> Result<Order, Error> {
        let input = BuyNow {
            product_id: self.product_id,
            quantity: QUANTITY,
            currency: Some("USD".to_owned()),
            shipping_address: address(),
            incoterm: None,
            details: NewOrderDetails::default(),
        };
        let key = self.key(&self.buyer, "buyNow", &input);
        buy_now(self.app, &self.buyer, &key, &input, Checks::input()).await
    }

    async fn begin(&self, start: Start) -> Result<Order, TestCaseError> {
        let (order, by) = match start {
            Start::Asked => (self.ask().await, (Actor::Buyer, Action::RequestDraft)),
            Start::Drafted => (self.draft().await, (Actor::Supplier, Action::DraftOrder)),
            Start::Bought
            | Start::Confirmed
            | Start::Paying
            | Start::Paid
            | Start::Shipped
            | Start::CancelAsked
            | Start::Disputed
            | Start::Argued
            | Start::ReturnPending
            | Start::Refunding
            | Start::ByHand
            | Start::Completed => (self.buy().await, (Actor::Buyer, Action::BuyNow)),
        };
        let order = order.map_err(fault)?;
        self.done.borrow_mut().insert(by);
        self.been.borrow_mut().insert(order.status());
        Ok(order)
    }

    async fn live(&self, plan: &Plan) -> TestCaseResult {
        if self.found.borrow().is_some() {
            return Ok(());
        }
        let order = self.begin(plan.start).await?;
        self.recent.borrow_mut().push((order.row.number.clone(), plan.clone()));
        let mut life = Life { scene: self, order };
        life.lead_to(plan).await?;
        for step in &plan.steps {
            life.take(step).await?;
        }
        self.lives.set(self.lives.get() + 1);
        if self.lives.get().is_multiple_of(LIVES_PER_AUDIT) { self.audit().await } else { Ok(()) }
    }

    async fn audit(&self) -> TestCaseResult {
        if self.found.borrow().is_some() {
            return Ok(());
        }
        let differences = ledger::verify(&self.app.db.read).await.map_err(fault)?;
        let mut recent = self.recent.take();
        if !differences.is_empty() {
            recent.retain(|(number, _plan)| differences.iter().any(|difference| difference.contains(number)));
            self.found.replace(Some(format!("{differences:#?} after {recent:#?}")));
        }
        Ok(())
    }

    /// What was reserved is either sold or still reserved; what was given back can be sold again.
    async fn count_stock(&self) {
        let read = &self.app.db.read;
        let product = product::Entity::find_by_id(self.product_id).one(read).await.expect("reads").expect("is there");
        let reserved = order_row::Entity::find().filter(order_row::Column::StockReserved.eq(true));
        let reserved = reserved.all(read).await.expect("reads").len();
        assert_eq!(product.stock + QUANTITY * i64::try_from(reserved).expect("a count"), STOCK);
    }

    /// The lives were worth something: everything has been done by somebody (the pure lives are asked for everybody), and
    /// orders have been everywhere.
    fn must_have_seen_everything(&self) {
        let (done, been) = (self.done.borrow(), self.been.borrow());
        // A provider is asked first, or money came short: tests/it/stuck.rs.
        let elsewhere = [Action::RetryRefund, Action::ClosePayment, Action::BearRefundCharge, Action::AcceptShortfall];
        let is_seen = |action: &Action| elsewhere.contains(action) || done.iter().any(|(_, seen)| seen == action);
        let never: Vec<_> = TABLE.iter().map(|row| row.action).filter(|action| !is_seen(action)).collect();
        assert!(never.is_empty(), "these were never accepted: {never:?}");
        let nowhere: Vec<_> = OrderStatus::iter().filter(|status| !been.contains(status)).collect();
        assert!(nowhere.is_empty(), "no order was ever {nowhere:?}");
    }
}

/// What became of a command.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Outcome {
    Accepted,
    /// By the rules, or as something that doesn't fit what is known.
    Refused,
}

struct Life<'a> {
    scene: &'a Scene<'a>,
    /// As last read.
    order: Order,
}

impl Life<'_> {
    fn new_id(&self) -> sea_orm::prelude::Uuid {
        self.scene.app.clock.new_id()
    }

    fn money(&self, amount: i64) -> Money {
        Money::new(MinorUnits(amount), self.order.row.currency)
    }

    async fn lead_to(&mut self, plan: &Plan) -> TestCaseResult {
        let start = plan.start;
        if [Start::Asked, Start::Drafted, Start::Bought].contains(&start) {
            return Ok(());
        }
        self.must(Actor::Buyer, Command::ConfirmOrder { contract_version: 1 }).await?;
        if start == Start::Confirmed {
            return Ok(());
        }
        let pay = self.paying(if start == Start::ByHand { BY_HAND_WAY } else { plan.way });
        self.must(Actor::Buyer, pay).await?;
        if start == Start::Paying {
            return Ok(());
        }
        let capture = self.capturing(self.order.payments[0].id, self.order.money(self.order.row.total));
        self.must(Actor::Provider, capture).await?;
        if [Start::Refunding, Start::ByHand].contains(&start) {
            self.must(Actor::Supplier, Command::RefundOrder { amount: self.order.row.held }).await?;
            return if start == Start::ByHand { self.agree_to_pay_by_hand().await } else { Ok(()) };
        }
        if start == Start::Paid {
            return Ok(());
        }
        if start == Start::CancelAsked {
            let ask = self.asking_to_cancel();
            return self.must(Actor::Buyer, ask).await;
        }
        self.must(Actor::Supplier, shipping()).await?;
        if start == Start::Completed {
            return self.must(Actor::Buyer, Command::ConfirmReceived).await;
        }
        if start == Start::Shipped {
            return Ok(());
        }
        let dispute = self.disputing(6_400, start == Start::ReturnPending);
        self.must(Actor::Buyer, dispute).await?;
        if start == Start::Disputed {
            return Ok(());
        }
        if start == Start::Argued {
            let proposal = self.proposing(3_200, false);
            self.must(Actor::Supplier, Command::ProposeSettlement(proposal)).await?;
            self.scene.app.clock.advance(TimeDelta::hours(100));
            return if plan.way == 0 { self.must(Actor::Buyer, Command::EscalateDispute).await } else { Ok(()) };
        }
        let proposal_id = self.order.proposals[0].id;
        self.must(Actor::Supplier, Command::AcceptSettlement { proposal_id }).await?;
        if plan.way == 0 { Ok(()) } else { self.must(Actor::Buyer, shipping_back()).await }
    }

    async fn agree_to_pay_by_hand(&mut self) -> TestCaseResult {
        let step = Step { who: Who::Sender, choice: 0, whatever: true, amount: 1, target: 0, hours: 0 };
        let account = self.aimed(Actor::Buyer, Action::ProvideRefundAccount, &step);
        self.must(Actor::Buyer, account).await?;
        let request = self.aimed(Actor::Operator, Action::RequestManualRefund, &step);
        self.must(Actor::Operator, request).await?;
        let approve = self.aimed(Actor::Operator, Action::ApproveManualRefund, &step);
        let now = self.scene.app.clock.now();
        let (outcome, _acted) = self.try_command(Actor::Operator, 0, &approve, now).await?;
        prop_assert_eq!(outcome, Outcome::Refused, "one operator alone");
        let approve = self.aimed(Actor::Operator, Action::ApproveManualRefund, &Step { target: 1, ..step });
        prop_assert_eq!(self.try_command(Actor::Operator, 1, &approve, now).await?, (Outcome::Accepted, true));
        Ok(())
    }

    async fn must(&mut self, actor: Actor, command: Command) -> TestCaseResult {
        let (outcome, acted) = self.try_command(actor, 0, &command, self.scene.app.clock.now()).await?;
        prop_assert!(outcome == Outcome::Accepted && acted, "{:?} of {:?}", command, self.order.row);
        Ok(())
    }

    async fn take(&mut self, step: &Step) -> TestCaseResult {
        let clock = &self.scene.app.clock;
        let heard_at = clock.now();
        clock.advance(TimeDelta::hours(step.hours));
        // Sometimes what was heard before the clock moved is applied only now.
        let heard_at = if step.target == 5 { heard_at } else { clock.now() };
        match step.who {
            Who::Sender => self.send_refund(step).await,
            Who::One(Actor::Timer) => self.pass_time().await,
            Who::One(Actor::Provider) => {
                let Some(command) = self.news(step) else { return Ok(()) };
                let (outcome, acted) = self.try_command(Actor::Provider, 0, &command, heard_at).await?;
                if outcome == Outcome::Accepted && acted && step.target > 5 {
                    let (again, acted) = self.try_command(Actor::Provider, 0, &command, clock.now()).await?;
                    prop_assert!(again == Outcome::Accepted && !acted, "booked twice: {:?}", command);
                }
                Ok(())
            }
            Who::One(actor @ (Actor::Buyer | Actor::Supplier | Actor::Operator)) => {
                let of_order = receipt::Entity::find().filter(receipt::Column::OrderId.eq(self.order.row.id));
                self.order.receipts = of_order.all(&self.scene.app.db.read).await.map_err(fault)?;
                let Some(mut command) = self.choice(actor, step) else { return Ok(()) };
                if let Command::ApplyFunds { receipt, .. } = &mut command {
                    **receipt = self.stray(step).await?;
                }
                self.try_command(actor, step.target % 2, &command, clock.now()).await.map(drop)
            }
        }
    }

    /// Money of nobody's, which an operator then applies.
    async fn stray(&self, step: &Step) -> Result<receipt::Model, TestCaseError> {
        let app = self.scene.app;
        let provider = app.providers.find("sandbox").ok_or_else(|| fault("no sandbox"))?;
        let movement = self.new_id().to_string();
        let fact = Fact::PaymentCaptured {
            references: Vec::new(),
            provider_reference: None,
            movement: movement.clone(),
            amount: self.money(step.amount.max(1)),
            remitter: None,
        };
        apply_fact(app, provider.as_ref(), fact, app.clock.now()).await.map_err(fault)?;
        let found = receipt::Entity::find().filter(receipt::Column::Movement.ends_with(movement));
        found.one(&app.db.read).await.map_err(fault)?.ok_or_else(|| fault("money is gone"))
    }

    /// The timeline's part for this step must explain the order as it now is; nothing else may have changed it.
    async fn try_command(
        &mut self,
        actor: Actor,
        operator: usize,
        command: &Command,
        heard_at: Time,
    ) -> Result<(Outcome, bool), TestCaseError> {
        let scene = self.scene;
        let id = self.order.row.id;
        let predicted = self.predict(actor, command);
        let result = match actor {
            Actor::Buyer => execute(scene.app, &scene.buyer, id, None, None, command).await.map(Some),
            Actor::Supplier => execute(scene.app, &scene.supplier, id, None, None, command).await.map(Some),
            Actor::Operator => execute(scene.app, &scene.operators[operator], id, None, None, command).await.map(Some),
            Actor::Provider => self.tell(command, heard_at).await,
            Actor::Timer => return Err(fault("not a command")),
        };
        let outcome = match &result {
            Ok(_) => Outcome::Accepted,
            Err(Error::Refused(_) | Error::Contradiction(_)) => Outcome::Refused,
            // News that is early: it is told again.
            Err(Error::Internal(why)) if why.ends_with("money is taken back that has not arrived yet") => {
                Outcome::Refused
            }
            Err(error @ (Error::Internal(_) | Error::Database(_))) => {
                return Err(fault(format!("{actor} {command:?} of {:?}: {error}", self.order.row)));
            }
        };
        let acted = self.look(Some((actor, command.action())), result.ok().flatten()).await?;
        prop_assert!(outcome == Outcome::Accepted || !acted, "refused, and yet done: {:?}", command);
        if let Some(decided) = predicted {
            let is = (outcome == Outcome::Accepted).then(|| (self.order.status(), Balances::from(&self.order.row)));
            prop_assert_eq!(is, decided, "the rules alone decide otherwise: {:?}", command);
        }
        if acted {
            scene.done.borrow_mut().insert((actor, command.action()));
        }
        Ok((outcome, acted))
    }

    /// What the rules alone make of a command, where nothing else is due: the status and the amounts; none if it is refused.
    fn predict(&self, actor: Actor, command: &Command) -> Option<Option<(OrderStatus, Balances)>> {
        let (now, policy) = (self.scene.app.clock.now(), self.scene.app.settings.policy());
        let is_due = self.order.row.timer_at.is_some_and(|at| at <= now);
        // These look at what is read only with them.
        let reads_more = matches!(command, Command::ApproveManualRefund { .. } | Command::RefundUnapplied { .. });
        if is_due || actor == Actor::Provider || reads_more {
            return None;
        }
        let decided = decide(&self.order, actor, command, now, &policy).ok();
        Some(decided.map(|decision| (decision.status, decision.balances)))
    }

    /// As the provider's notifications come, where they say such things; else as its answers to questions would.
    async fn tell(&self, command: &Command, heard_at: Time) -> Result<Option<Order>, Error> {
        let app = self.scene.app;
        let Some(fact) = self.fact(command) else {
            return execute_as_provider(app, self.order.row.id, heard_at, command).await.map(Some);
        };
        let provider = app.providers.find("sandbox").ok_or_else(|| Error::internal("no sandbox"))?;
        match apply_fact(app, provider.as_ref(), fact, heard_at).await? {
            Applied::Done => Ok(None),
            Applied::NotOurs(why) | Applied::NotYet(why) => Err(Error::Contradiction(why)),
        }
    }

    #[expect(clippy::wildcard_enum_match_arm, reason = "the others are told in another way")]
    fn fact(&self, command: &Command) -> Option<Fact> {
        let own = |movement: &str| movement.rsplit(':').next().unwrap_or_default().to_owned();
        let on_its_way = |id: &RefundId| {
            let waits = |refund: &refund::Model| {
                matches!(refund.status, RefundStatus::Requested | RefundStatus::Pending) && refund.provider != BY_HAND
            };
            self.order.refunds.iter().any(|refund| refund.id == *id && waits(refund))
        };
        Some(match command {
            Command::CapturePayment { payment_id, amount, movement } => Fact::PaymentCaptured {
                references: vec![payment_id.to_string()],
                provider_reference: Some(format!("at the bank {payment_id}")),
                movement: own(movement),
                amount: *amount,
                remitter: None,
            },
            Command::EndPayment { payment_id, end } => {
                let reference = payment_id.to_string();
                match end {
                    PaymentEnd::Failed { reason } => Fact::PaymentFailed { reference, reason: reason.clone() },
                    PaymentEnd::Expired => Fact::PaymentExpired { reference },
                    PaymentEnd::Cancelled => Fact::PaymentCancelled { reference },
                }
            }
            Command::SettleRefund { refund_id, amount, movement, .. } if on_its_way(refund_id) => {
                Fact::RefundSucceeded {
                    reference: refund_id.to_string(),
                    provider_reference: Some(format!("at the bank {refund_id}")),
                    movement: own(movement),
                    amount: *amount,
                }
            }
            Command::FailRefund { refund_id, movement, reason, .. } if on_its_way(refund_id) => Fact::RefundFailed {
                reference: refund_id.to_string(),
                provider_reference: None,
                movement: Some(own(movement)),
                reason: reason.clone(),
            },
            Command::Chargeback { payment_id, reference, amount, stage, reason, .. } => Fact::Chargeback {
                reference: payment_id.to_string(),
                chargeback: reference.clone(),
                amount: *amount,
                stage: match stage {
                    ChargebackStage::Opened => Stage::Opened,
                    ChargebackStage::Debited { movement } => Stage::Debited { movement: own(movement) },
                    ChargebackStage::Won { movement } => Stage::Won { movement: movement.as_deref().map(own) },
                    ChargebackStage::Lost => Stage::Lost,
                    ChargebackStage::Inquiry => Stage::Inquiry,
                    ChargebackStage::Unclear { what } => Stage::Unclear { what: what.clone() },
                    ChargebackStage::Again => return None,
                },
                reason: reason.clone(),
            },
            Command::ReversePayment { payment_id, amount, movement, reason, .. } => Fact::PaymentReversed {
                reference: payment_id.to_string(),
                movement: own(movement),
                amount: *amount,
                reason: reason.clone(),
            },
            _other => return None,
        })
    }

    /// Reads the order again; true if anybody but the clock has done something to it.
    async fn look(&mut self, by: Option<(Actor, Action)>, answered: Option<Order>) -> Result<bool, TestCaseError> {
        let (read, before) = (&self.scene.app.db.read, &self.order.row);
        let row = order_row::Entity::find_by_id(before.id).one(read).await.map_err(fault)?;
        let row = row.ok_or_else(|| fault("an order is gone"))?;
        if row.version == before.version {
            prop_assert_eq!(&row, before, "a change without a version");
            if by.is_some() {
                return Ok(false);
            }
        }
        let events = event::Entity::find().filter(event::Column::OrderId.eq(before.id));
        let events = events.filter(event::Column::Sequence.gt(before.event_sequence));
        let events = events.order_by_asc(event::Column::Sequence).all(read).await.map_err(fault)?;
        prop_assert_eq!(row.event_sequence, before.event_sequence + i64::try_from(events.len()).map_err(fault)?);
        self.explain(&events, by, row.status)?;
        check_row(&row)?;
        let acted = events.iter().any(|event| event.actor != Actor::Timer.name());
        self.order = match answered {
            Some(answered) => {
                prop_assert_eq!(&answered.row, &row, "what was answered is what is written");
                answered
            }
            // Also what belongs to it, which may change without the order: a refund that was started.
            None => load(read, row).await.map_err(fault)?,
        };
        Ok(acted)
    }

    /// Every change of the status is listed in the table for whoever the timeline says has caused it.
    fn explain(&self, events: &[event::Model], by: Option<(Actor, Action)>, status: OrderStatus) -> TestCaseResult {
        let mut now = self.order.status();
        for decision in events.chunk_by(|one, other| one.actor == other.actor && one.occurred_at == other.occurred_at) {
            let from = now;
            for event in decision {
                now = match status_after(&event.kind) {
                    StatusAfter::Is(next) => next,
                    StatusAfter::AsStated => serde_json::from_value(event.data["status"].clone()).map_err(fault)?,
                    StatusAfter::Same | StatusAfter::Freezes | StatusAfter::Thaws => now,
                };
            }
            let actor = decision[0].actor.as_str();
            let timer = (Actor::Timer, Action::PassDeadline);
            let (who, action) = if actor == Actor::Timer.name() { timer } else { by.unwrap_or(timer) };
            prop_assert_eq!(actor, who.name(), "{:?}", decision);
            let rows = || table::rows(action, from).filter(|row| row.by.contains(&who));
            prop_assert!(rows().next().is_some(), "{} × {} × {}", from, action, who);
            let mut listed = rows().any(|row| row.to.contains(&now));
            // Two deadlines of one moment.
            listed |= who == Actor::Timer && {
                let mut steps = rows().flat_map(|row| row.to);
                steps.any(|via| table::rows(action, *via).any(|row| row.to.contains(&now)))
            };
            prop_assert!(now == from || listed, "{} → {} by {} {}", from, now, who, action);
            prop_assert!(now == from || !from.is_end(), "{} is an end, and yet became {}", from, now);
            self.scene.been.borrow_mut().insert(now);
            if who == Actor::Timer {
                self.scene.done.borrow_mut().insert(timer);
            }
        }
        prop_assert_eq!(now, status, "the timeline says another status");
        Ok(())
    }

    async fn pass_time(&mut self) -> TestCaseResult {
        let is_due = self.order.row.timer_at.is_some_and(|at| at <= self.scene.app.clock.now());
        let changed = pass_deadlines(self.scene.app, self.order.row.id).await.map_err(fault)?;
        prop_assert_eq!(changed, is_due);
        let acted = self.look(None, None).await?;
        prop_assert!(!acted);
        Ok(())
    }

    /// What the job does before it asks the provider, and what the provider may answer at once.
    async fn send_refund(&mut self, step: &Step) -> TestCaseResult {
        let app = self.scene.app;
        let waiting = |refund: &&refund::Model| refund.status == RefundStatus::Requested;
        let waiting: Vec<_> = self.order.refunds.iter().filter(waiting).map(|refund| refund.id).collect();
        let Some(refund_id) = pick(&waiting, step.target).copied() else { return Ok(()) };
        let sending = start_refund(app, self.order.row.id, refund_id).await.map_err(fault)?;
        prop_assert!(!self.look(None, None).await?);
        match sending {
            Sending::Waits => prop_assert!(self.order.row.is_frozen(), "{:?}", self.order),
            Sending::Never => {
                let reason = "more than was paid".to_owned();
                let fail = self.failing(refund_id, reason);
                return self.must(Actor::Provider, fail).await;
            }
            Sending::Now if step.choice.is_multiple_of(2) => {
                let (reference, provider_reference) = (refund_id.to_string(), Some(format!("at the bank {refund_id}")));
                let provider = app.providers.find("sandbox").ok_or_else(|| fault("no sandbox"))?;
                let fact = Fact::RefundPending { reference, provider_reference };
                let applied = apply_fact(app, provider.as_ref(), fact, app.clock.now()).await.map_err(fault)?;
                prop_assert_eq!(applied, Applied::Done);
                prop_assert!(!self.look(None, None).await?);
            }
            Sending::Now => {}
        }
        Ok(())
    }

    /// Something that this one may do now, or now and then anything.
    fn choice(&self, actor: Actor, step: &Step) -> Option<Command> {
        let (now, policy) = (self.scene.app.clock.now(), self.scene.app.settings.policy());
        let may = |action: &&Action| {
            let allowed = step.whatever || permitted(&self.order, actor, **action, now, &policy).is_ok();
            // That is always possible, and would be most of what buyers do.
            let again = **action == Action::ProvideRefundAccount && self.order.row.has_refund_account;
            table::concerns(**action, actor) && allowed && (!again || step.target == 0)
        };
        let actions: Vec<_> = Action::ALL.iter().filter(may).collect();
        let action = **pick(&actions, step.choice)?;
        Some(self.aimed(actor, action, step))
    }

    #[expect(clippy::too_many_lines, reason = "one arm a command")]
    fn aimed(&self, actor: Actor, action: Action, step: &Step) -> Command {
        let row = &self.order.row;
        // Now and then exactly what is held.
        let amount = MinorUnits(if step.target > 5 { row.held.0.max(1) } else { step.amount });
        let goes_back = step.target.is_multiple_of(3);
        let (carrier, tracking_number) = ("DHL".to_owned(), step.amount.to_string());
        let operator = self.scene.operators[step.target % 2].require_operator();
        let operator_id = operator.unwrap_or(OperatorId(self.new_id()));
        let refund = self.refund_for(action, step);
        let refund_id = refund.map_or_else(|| RefundId(self.new_id()), |refund| refund.id);
        match action {
            Action::DraftOrder => {
                let ship_within_days = i32::try_from(step.target).unwrap_or_default() + 1;
                let terms = self.scene.terms.clone().expect("there was an order");
                Command::DraftOrder { terms: Terms { ship_within_days, ..terms } }
            }
            Action::DecideChargeback => self.deciding(step, operator_id),
            Action::ConfirmOrder => Command::ConfirmOrder { contract_version: row.contract_version },
            Action::CancelOrder => Command::CancelOrder,
            Action::PayOrder => self.paying(step.target),
            Action::ShipOrder => shipping(),
            Action::UpdateShipment => Command::UpdateShipment { carrier, tracking_number },
            Action::ExtendDeadline => Command::ExtendDeadline { days: 3 },
            Action::ConfirmReceived => Command::ConfirmReceived,
            Action::CancelRequest => self.asking_to_cancel(),
            Action::WithdrawCancelRequest => Command::WithdrawCancelRequest,
            Action::AnswerCancelRequest => {
                Command::AnswerCancelRequest { grant: step.target.is_multiple_of(2), answer: None }
            }
            Action::OpenDispute => self.disputing(amount.0, goes_back),
            Action::ProposeSettlement => Command::ProposeSettlement(self.proposing(amount.0, goes_back)),
            Action::AcceptSettlement => {
                let other = if actor == Actor::Buyer { Side::Supplier } else { Side::Buyer };
                let proposal = self.order.proposal_of(other);
                let proposal_id = proposal.map_or_else(|| ProposalId(self.new_id()), |proposal| proposal.id);
                Command::AcceptSettlement { proposal_id }
            }
            Action::WithdrawDispute => Command::WithdrawDispute,
            Action::EscalateDispute => Command::EscalateDispute,
            Action::ResolveDispute => {
                Command::ResolveDispute { refund: amount, goods_go_back: goes_back, ruling: "so be it".to_owned() }
            }
            Action::ShipReturn => shipping_back(),
            Action::ConfirmReturn => Command::ConfirmReturn,
            Action::ContestReturn => Command::ContestReturn { reason: "an empty box".to_owned() },
            Action::RefundOrder => Command::RefundOrder { amount },
            Action::FreezeOrder => Command::FreezeOrder { reason: FreezeReason::Compliance },
            Action::UnfreezeOrder => Command::UnfreezeOrder,
            Action::LeaveFeedback => Command::LeaveFeedback {
                product_as_agreed: 5,
                communication: 4,
                shipping_time: 3,
                comment: None,
                feedback_id: FeedbackId(self.new_id()),
            },
            Action::ReplyToFeedback => Command::ReplyToFeedback { reply: "thank you".to_owned() },
            Action::AddEvidence => Command::AddEvidence {
                evidence_id: EvidenceId(self.new_id()),
                text: Some("look".to_owned()),
                file: None,
                messages: 0,
            },
            Action::ProvideRefundAccount => Command::ProvideRefundAccount {
                refund_account_id: RefundAccountId(self.new_id()),
                encrypted_details: "not read here".to_owned(),
                mask: "BR 1234".to_owned(),
            },
            Action::RequestManualRefund => Command::RequestManualRefund { refund_id, operator_id },
            Action::ApproveManualRefund => Command::ApproveManualRefund { refund_id, operator_id },
            Action::RejectManualRefund => Command::RejectManualRefund { refund_id, reason: "not so".to_owned() },
            Action::ConfirmManualRefund => Command::ConfirmManualRefund {
                refund_id,
                movement: format!("manual:refund:{}", self.new_id()),
                amount: refund.map_or(self.money(1), |refund| Money::new(refund.balance, refund.currency)),
            },
            Action::ApplyFunds => {
                let payment_id = pick(&self.order.payments, step.target).map(|payment| payment.id);
                Command::ApplyFunds {
                    receipt: Box::new(nothing()),
                    payment_id: payment_id.unwrap_or_else(|| PaymentId(self.new_id())),
                }
            }
            Action::RefundUnapplied => {
                let receipt = pick(&self.order.receipts, step.target);
                let receipt_id = receipt.map_or_else(|| ReceiptId(self.new_id()), |receipt| receipt.id);
                Command::RefundUnapplied { receipt_id }
            }
            Action::BearRefundCharge => Command::BearRefundCharge { refund_id },
            Action::AcceptShortfall => Command::AcceptShortfall,
            // Of these some begin orders, and the others are not theirs, or ask a provider first.
            Action::RequestDraft
            | Action::BuyNow
            | Action::RetryRefund
            | Action::ClosePayment
            | Action::CapturePayment
            | Action::EndPayment
            | Action::SettleRefund
            | Action::FailRefund
            | Action::Chargeback
            | Action::ReversePayment
            | Action::PassDeadline => Command::PassDeadline,
        }
    }

    fn refund_for(&self, action: Action, step: &Step) -> Option<&refund::Model> {
        let is_fit = |refund: &&refund::Model| {
            let by_hand = refund.status == RefundStatus::Pending && refund.provider == BY_HAND;
            match (action, refund.status) {
                (Action::RequestManualRefund, RefundStatus::ActionRequired | RefundStatus::PayeeDetailsRequired)
                | (Action::ApproveManualRefund | Action::RejectManualRefund, RefundStatus::ApprovalRequired) => true,
                (Action::ConfirmManualRefund | Action::RejectManualRefund, _) => by_hand,
                (_other, _) => step.whatever,
            }
        };
        let fit: Vec<_> = self.order.refunds.iter().filter(is_fit).collect();
        pick(&fit, step.target).copied()
    }

    fn paying(&self, target: usize) -> Command {
        // `payOrder` opens one payment for each method at a time.
        let is_open = |method: &PaymentMethod| {
            let same = |payment: &payment::Model| payment.method == *method;
            self.order.payments.iter().any(|payment| same(payment) && payment.status == PaymentStatus::Pending)
        };
        let free: Vec<_> = PaymentMethod::iter().filter(|method| !is_open(method)).collect();
        let method = pick(&free, target).copied().unwrap_or(PaymentMethod::Visa);
        let payment_id = PaymentId(self.new_id());
        Command::PayOrder(NewPayment {
            payment_id,
            provider: "sandbox".to_owned(),
            reference: payment_id.to_string(),
            method,
            refund_by: "sandbox".to_owned(),
            refund_way: [RefundWay::ToOrigin, RefundWay::ToAccount, RefundWay::ByHand][target % 3],
            refund_days: 10,
            takes_parts: true,
            encrypted_payer: None,
            return_url: None,
            replaces: None,
        })
    }

    fn asking_to_cancel(&self) -> Command {
        let cancel_request_id = CancelRequestId(self.new_id());
        Command::CancelRequest { cancel_request_id, reason: "no longer needed".to_owned() }
    }

    fn proposing(&self, amount: i64, goods_go_back: bool) -> Proposal {
        let proposal_id = ProposalId(self.new_id());
        Proposal { proposal_id, amount: MinorUnits(amount), goods_go_back, message: None }
    }

    fn disputing(&self, amount: i64, goods_go_back: bool) -> Command {
        Command::OpenDispute {
            dispute_id: DisputeId(self.new_id()),
            reason: DisputeReason::Damaged,
            description: "broken".to_owned(),
            proposal: self.proposing(amount, goods_go_back),
        }
    }

    fn capturing(&self, payment_id: PaymentId, amount: Money) -> Command {
        Command::CapturePayment { payment_id, amount, movement: format!("sandbox:capture:{}", self.new_id()) }
    }

    fn settling(&self, refund: &refund::Model) -> Command {
        let movement = format!("sandbox:refund:{}", self.new_id());
        Command::SettleRefund { refund_id: refund.id, amount: sent(refund), movement, confirmed: true }
    }

    fn failing(&self, refund_id: RefundId, reason: String) -> Command {
        let refund = self.order.refunds.iter().find(|refund| refund.id == refund_id);
        let movement = format!("sandbox:refund_failed:{}", self.new_id());
        Command::FailRefund { refund_id, amount: refund.map_or(self.money(1), sent), movement, reason, confirmed: true }
    }

    /// What is most likely to be heard of this order, or anything.
    fn news(&self, step: &Step) -> Option<Command> {
        let order = &self.order;
        let kind = step.choice % 20;
        let open = order.payments.iter().find(|payment| payment.status == PaymentStatus::Pending);
        if let Some(payment) = open.filter(|_| order.status() == OrderStatus::AwaitingPayment && kind < 9) {
            let amount = if kind < 7 { order.due().0.max(1) } else { step.amount };
            return Some(self.capturing(payment.id, self.money(amount)));
        }
        if let Some(payment) = open.filter(|_| kind == 9 || kind == 10) {
            return Some(ending(payment.id, step.target));
        }
        let is_open = |row: &&chargeback::Model| row.status == chargeback::ChargebackStatus::Open;
        if let Some(row) = order.chargebacks.iter().find(is_open).filter(|_| kind < 12) {
            return Some(self.taking_back(row.payment_id, &row.reference, row.amount.0, step.choice / 20 + 1));
        }
        let on_its_way = |refund: &&refund::Model| match refund.status {
            RefundStatus::Requested => refund.started_at.is_some(),
            RefundStatus::Pending => refund.provider != BY_HAND,
            RefundStatus::PayeeDetailsRequired
            | RefundStatus::Succeeded
            | RefundStatus::ActionRequired
            | RefundStatus::ApprovalRequired
            | RefundStatus::ChargedBack => false,
        };
        if let Some(refund) = order.refunds.iter().find(on_its_way).filter(|_| kind < 14) {
            let fails = kind > 9;
            let reason = "closed account".to_owned();
            return Some(if fails { self.failing(refund.id, reason) } else { self.settling(refund) });
        }
        self.anything(step)
    }

    fn anything(&self, step: &Step) -> Option<Command> {
        let order = &self.order;
        let payment = pick(&order.payments, step.target)?;
        let refund = pick(&order.refunds, step.target);
        let amount = if step.target > 3 { payment.captured.0.max(1) } else { step.amount };
        let reference = format!("{}-{}", order.row.number, step.target % 3);
        Some(match step.choice % 8 {
            0 => ending(payment.id, step.target),
            1 => {
                let euros = "EUR".parse().unwrap_or(order.row.currency);
                let currency = if step.target == 0 { euros } else { order.row.currency };
                self.capturing(payment.id, Money::new(MinorUnits(amount), currency))
            }
            2 => self.settling(refund?),
            3 => self.failing(refund?.id, "it came back".to_owned()),
            4 => Command::HoldRefund {
                refund_id: refund?.id,
                reason: "where to?".to_owned(),
                needs_another_account: step.target % 2 == 1,
            },
            5 => Command::ReversePayment {
                chargeback_id: ChargebackId(self.new_id()),
                payment_id: payment.id,
                amount: self.money(amount),
                movement: format!("sandbox:reversal:{}", self.new_id()),
                reason: "bounced".to_owned(),
            },
            _chargeback => {
                let known = order.chargebacks.iter().find(|row| row.reference == reference);
                let (payment_id, amount) = known.map_or((payment.id, amount), |row| (row.payment_id, row.amount.0));
                self.taking_back(payment_id, &reference, amount, step.choice / 8)
            }
        })
    }

    fn deciding(&self, step: &Step, operator_id: OperatorId) -> Command {
        let unsettled = |row: &&chargeback::Model| row.is_unsettled();
        let row = self.order.chargebacks.iter().find(unsettled);
        let asked = row.and_then(|row| row.decision.clone()).filter(|asked| asked.approved_by.is_none());
        let is_won = step.choice.is_multiple_of(2);
        let outcome = if is_won { chargeback::ChargebackStatus::Won } else { chargeback::ChargebackStatus::Lost };
        Command::DecideChargeback {
            chargeback_id: row.map_or_else(|| ChargebackId(self.new_id()), |row| row.id),
            operator_id,
            outcome: asked.map_or(outcome, |asked| asked.outcome),
            amount: None,
        }
    }

    fn taking_back(&self, payment_id: PaymentId, reference: &str, amount: i64, stage: usize) -> Command {
        let stage = match stage % 7 {
            5 => ChargebackStage::Inquiry,
            6 => ChargebackStage::Unclear { what: "arbitration".to_owned() },
            0 => ChargebackStage::Opened,
            1 => ChargebackStage::Debited { movement: format!("sandbox:chargeback:{reference}") },
            2 => ChargebackStage::Won { movement: Some(format!("sandbox:chargeback_won:{reference}")) },
            3 => ChargebackStage::Won { movement: None },
            _lost => ChargebackStage::Lost,
        };
        Command::Chargeback {
            chargeback_id: ChargebackId(self.new_id()),
            payment_id,
            reference: reference.to_owned(),
            amount: Some(self.money(amount)),
            cause: escrow::ClaimCause::Dispute,
            stage,
            reason: "fraudulent".to_owned(),
        }
    }
}

fn shipping() -> Command {
    Command::ShipOrder { carrier: "DHL".to_owned(), tracking_number: "1Z999".to_owned() }
}

fn shipping_back() -> Command {
    Command::ShipReturn { carrier: "Correios".to_owned(), tracking_number: "BR1".to_owned() }
}

fn ending(payment_id: PaymentId, target: usize) -> Command {
    let end = match target % 3 {
        0 => PaymentEnd::Failed { reason: "declined".to_owned() },
        1 => PaymentEnd::Expired,
        _cancelled => PaymentEnd::Cancelled,
    };
    Command::EndPayment { payment_id, end }
}

fn sent(refund: &refund::Model) -> Money {
    Money::new(MinorUnits(refund.amount.0 - refund.charged_back.0), refund.currency)
}

/// Of what there is, something.
fn pick<T>(list: &[T], target: usize) -> Option<&T> {
    list.get(target % list.len().max(1))
}

/// What is true of an order's row after every step.
fn check_row(row: &order_row::Model) -> TestCaseResult {
    let gone = row.released.0 + row.refunded.0 + row.charged_back.0;
    prop_assert!(row.held.0 >= 0, "{:?}", row);
    prop_assert_eq!(row.captured.0, row.held.0 + gone, "{:?}", row);
    prop_assert!(row.captured.0 - row.charged_back.0 <= row.total.0, "{:?}", row);
    if row.status.is_end() {
        prop_assert!(row.held.is_zero() && row.timer_at.is_none() && row.paused_status.is_none(), "{:?}", row);
    }
    Ok(())
}

async fn in_any_order_of_things_the_promises_hold(app: &TestApp) {
    let scene = Scene::set(app).await;
    let config =
        ProptestConfig { cases: LIVES, failure_persistence: None, max_shrink_iters: 200, ..ProptestConfig::default() };
    let rng = TestRng::deterministic_rng(config.rng_algorithm);
    let mut runner = TestRunner::new_with_rng(config, rng);
    let runtime = tokio::runtime::Handle::current();
    let lived = tokio::task::block_in_place(|| runner.run(&plans(), |plan| runtime.block_on(scene.live(&plan))));
    if let Err(error) = lived {
        panic!("{error}");
    }
    scene.audit().await.expect("looks");
    if let Some(found) = scene.found.take() {
        panic!("{found}");
    }
    scene.count_stock().await;
    scene.must_have_seen_everything();
}

/// Stands in for money that is about to come.
fn nothing() -> receipt::Model {
    receipt::Model {
        id: ReceiptId(uuid::Uuid::nil()),
        provider: "sandbox".to_owned(),
        movement: String::new(),
        order_id: None,
        payment_id: None,
        reason: receipt::ReceiptReason::UnknownReference,
        amount: MinorUnits::ZERO,
        currency: Currency::USD,
        refunded: MinorUnits::ZERO,
        charged_back: MinorUnits::ZERO,
        applied: MinorUnits::ZERO,
        encrypted_remitter: None,
        created_at: Time::default(),
    }
}
