//! Orders that get into trouble: commands as `order::execute` takes them, and what the rows say afterwards.
//!
//! ```ignore
//! done(app, demo::OPERATOR, &order, Command::RefundOrder { amount: MinorUnits(2_800) }).await;
//! assert_eq!(refused(app, demo::BUYER, &order, Command::ConfirmReceived).await, ErrorCode::OrderFrozen);
//! assert_eq!(amounts(app, &order).await, (12_800, 10_000, 0, 2_800, 0));
//! ```

use entity::BankAccount;
use entity::{Currency, LedgerAccount, OperatorId, OrderId, RefundAccountId, chargeback, event, order, refund};
use escrow::{Command, Order};
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter, QueryOrder};
use secure_payment::app::App;
use secure_payment::auth::{Viewer, find_caller};
use secure_payment::bank_account;
use secure_payment::error::{Error, ErrorCode, Result};
use secure_payment::ledger;
use secure_payment::order::execute;
use secure_payment::party::demo;

use super::TestApp;
use super::purchase::{Shop, text};

pub(crate) fn order_id(id: &str) -> OrderId {
    id.parse().expect("an id")
}

pub(crate) async fn viewer(app: &App, token: &str) -> Viewer {
    let found = find_caller(&app.db.read, token, app.clock.wall()).await.expect("reads");
    found.expect("knows the token").viewer
}

/// One command, in the shortest way there is.
pub(crate) async fn command(app: &App, token: &str, order: &str, command: &Command) -> Result<Order> {
    execute(app, &viewer(app, token).await, order_id(order), None, None, command).await
}

pub(crate) async fn done(app: &TestApp, token: &str, order: &str, asked: Command) -> Order {
    command(app.app(), token, order, &asked).await.unwrap_or_else(|error| panic!("{asked:?}: {error}"))
}

/// The one code with which it must be refused.
pub(crate) async fn refused(app: &TestApp, token: &str, order: &str, asked: Command) -> ErrorCode {
    code_of(&command(app.app(), token, order, &asked).await.map(drop).expect_err("it is refused"))
}

pub(crate) fn code_of(error: &Error) -> ErrorCode {
    if let Error::Refused(problems) = error
        && let [problem] = &problems[..]
    {
        return problem.code;
    }
    panic!("not one refusal: {error}")
}

pub(crate) async fn row(app: &TestApp, order: &str) -> order::Model {
    order::Entity::find_by_id(order_id(order)).one(&app.db().read).await.expect("reads").expect("is there")
}

/// Captured, held, released, refunded, charged back; in minor units.
pub(crate) async fn amounts(app: &TestApp, order: &str) -> (i64, i64, i64, i64, i64) {
    let row = row(app, order).await;
    (row.captured.0, row.held.0, row.released.0, row.refunded.0, row.charged_back.0)
}

pub(crate) async fn refunds(app: &TestApp, order: &str) -> Vec<refund::Model> {
    let found = refund::Entity::find().filter(refund::Column::OrderId.eq(order_id(order)));
    found.order_by_asc(refund::Column::Id).all(&app.db().read).await.expect("reads")
}

pub(crate) async fn refund(app: &TestApp, order: &str) -> refund::Model {
    let mut rows = refunds(app, order).await;
    assert_eq!(rows.len(), 1, "{rows:#?}");
    rows.remove(0)
}

pub(crate) async fn chargebacks(app: &TestApp, order: &str) -> Vec<chargeback::Model> {
    let found = chargeback::Entity::find().filter(chargeback::Column::OrderId.eq(order_id(order)));
    found.order_by_asc(chargeback::Column::Id).all(&app.db().read).await.expect("reads")
}

/// In USD.
pub(crate) async fn balance(app: &TestApp, account: &LedgerAccount) -> i64 {
    ledger::balance(&app.db().read, account, Currency::USD).await.expect("reads").0
}

/// The timeline, which must have no gap.
pub(crate) async fn timeline(app: &TestApp, order: &str) -> Vec<event::Model> {
    let found = event::Entity::find().filter(event::Column::OrderId.eq(order_id(order)));
    let events = found.order_by_asc(event::Column::Sequence).all(&app.db().read).await.expect("reads");
    for (event, number) in events.iter().zip(1..) {
        assert_eq!(event.sequence, number, "the timeline has no gap: {events:#?}");
    }
    events
}

pub(crate) async fn kinds(app: &TestApp, order: &str) -> Vec<String> {
    timeline(app, order).await.into_iter().map(|event| event.kind).collect()
}

pub(crate) fn count(kinds: &[String], kind: &str) -> usize {
    kinds.iter().filter(|known| *known == kind).count()
}

/// The order's newest payment.
pub(crate) async fn payment_of(shop: &Shop, order: &str) -> String {
    let payments = shop.order(order).await["payments"].take();
    text(&payments.as_array().expect("payments").last().expect("one")["id"])
}

pub(crate) const IBAN: &str = "DE89370400440532013000";

/// The buyer says where refunds may be sent.
pub(crate) async fn provide_account(app: &TestApp, order: &str) {
    let account = BankAccount {
        account_holder: "Ana Souza".to_owned(),
        country: "DE".to_owned(),
        iban: Some(IBAN.to_owned()),
        account_number: None,
        bank_name: None,
        bic: None,
        clearing_code: None,
        holder_address: None,
        currency: None,
    };
    let id = RefundAccountId(app.clock().new_id());
    let sealed = bank_account::encrypt(&account, &app.app().cipher, app.clock(), &id.to_string()).expect("encrypts");
    let (encrypted_details, mask) = (sealed, account.mask());
    done(app, demo::BUYER, order, Command::ProvideRefundAccount { refund_account_id: id, encrypted_details, mask })
        .await;
}

/// The two of the sandbox.
pub(crate) async fn operators(app: &TestApp) -> (OperatorId, OperatorId) {
    let id = async |token| viewer(app.app(), token).await.require_operator().expect("an operator");
    (id(demo::OPERATOR).await, id(demo::SECOND_OPERATOR).await)
}
