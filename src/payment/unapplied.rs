//! Money that was set aside, settled by operators: applied to an order, or sent back.
//!
//! Money of an order goes back as its payment's rail gives money back. Money whose reference nobody knew has no payment, so
//! that it is sent back by hand: one operator says where to, another approves, and the bank's reference books it.

use entity::refund::{self, RefundStatus};
use entity::{LedgerAccount, MinorUnits, Money, OrderId, PaymentId, ReceiptId, RefundId, payment, receipt};
use sea_orm::ActiveValue::Set;
use sea_orm::{ActiveModelTrait, DatabaseTransaction, EntityTrait, IntoActiveModel, QuerySelect};

use crate::app::App;
use crate::auth::Viewer;
use crate::bank_account;
use crate::db::retrying;
use crate::error::{Error, ErrorCode, Result};
use crate::idempotency::IdempotencyKey;
use crate::ledger::{self, NewTransfer, movement_key};
use crate::order::{LockedOrder, execute};
use entity::BankAccount;
use escrow::{Actor, BY_HAND, Command, Order};

/// unapplied → escrow. The payment is the one that the money came with; of money that came with none, the order's newest one
/// by the provider that holds it, unless one is named.
pub async fn apply_funds(
    app: &App,
    viewer: &Viewer,
    (expected_version, idempotency_key): (Option<i64>, Option<&IdempotencyKey>),
    (receipt_id, order_id, payment_id): (ReceiptId, OrderId, Option<PaymentId>),
) -> Result<Order> {
    viewer.require_operator()?;
    retrying(|| async {
        let mut locked = LockedOrder::begin(app, viewer, order_id).await?;
        if let Some(idempotency_key) = idempotency_key
            && idempotency_key.find(locked.transaction()).await?.is_some()
        {
            return locked.commit().await;
        }
        locked.expect_version(expected_version)?;
        let receipt = lock_receipt(locked.transaction(), receipt_id).await?;
        let fits = |payment: &&payment::Model| payment.provider == receipt.provider;
        let came_with = receipt.payment_id.filter(|_| receipt.order_id == Some(order_id));
        let newest = locked.order().payments.iter().rfind(fits).map(|payment| payment.id);
        let payment_id = match payment_id.or(came_with).or(newest) {
            Some(id) => id,
            // The rules say what is wrong with that.
            None if locked.order().payments.is_empty() => PaymentId(uuid::Uuid::nil()),
            None => {
                let message = format!("has no payment by {}, which holds the money", receipt.provider);
                return Err(Error::refused(ErrorCode::InvalidInput, message).at("orderId"));
            }
        };
        let command = Command::ApplyFunds { receipt: Box::new(receipt), payment_id };
        locked.command(Actor::Operator, &command).await?;
        if let Some(idempotency_key) = idempotency_key {
            idempotency_key.record(locked.transaction(), &app.clock, order_id.to_string()).await?;
        }
        locked.commit().await
    })
    .await
}

/// What `refundUnapplied` began.
pub enum SentBack {
    /// By the rail of the payment that it came with.
    OfOrder(Box<Order>),
    /// By hand: another operator has to approve.
    OfNobody(Box<refund::Model>),
}

/// unapplied → refund. `account` is needed where nobody knows whose money it is.
pub async fn refund_unapplied(
    app: &App,
    viewer: &Viewer,
    (expected_version, idempotency_key): (Option<i64>, Option<&IdempotencyKey>),
    (receipt_id, order_id, account): (ReceiptId, Option<OrderId>, Option<&BankAccount>),
) -> Result<SentBack> {
    viewer.require_operator()?;
    let found = receipt::Entity::find_by_id(receipt_id).one(&app.db.read).await?;
    let found = found.ok_or_else(|| Error::not_found("money that was set aside").at("unappliedFundsId"))?;
    if order_id.is_some() && order_id != found.order_id {
        let message = "this money is of another order, or of none";
        return Err(Error::refused(ErrorCode::NotFound, message).at("orderId"));
    }
    if let Some(order_id) = found.order_id {
        let command = Command::RefundUnapplied { receipt_id };
        let order = execute(app, viewer, order_id, expected_version, idempotency_key, &command).await?;
        return Ok(SentBack::OfOrder(Box::new(order)));
    }
    let Some(account) = account else {
        let message = "is required: nobody knows whose money this is, so say where it goes";
        return Err(Error::refused(ErrorCode::PayeeDetailsRequired, message).at("account"));
    };
    IdempotencyKey::retrying(idempotency_key, &app.db, || {
        send_back(app, viewer, idempotency_key, (receipt_id, account))
    })
    .await
    .map(|refund| SentBack::OfNobody(Box::new(refund)))
}

async fn send_back(
    app: &App,
    viewer: &Viewer,
    idempotency_key: Option<&IdempotencyKey>,
    (receipt_id, account): (ReceiptId, &BankAccount),
) -> Result<refund::Model> {
    let operator_id = viewer.require_operator()?;
    let transaction = app.db.begin_write().await?;
    if let Some(made) = found_before(&transaction, idempotency_key).await? {
        return Ok(made);
    }
    let receipt = lock_receipt(&transaction, receipt_id).await?;
    let left = receipt.left();
    if receipt.order_id.is_some() || !left.is_positive() {
        return Err(Error::refused(ErrorCode::InvalidInput, "nothing of it is left").at("unappliedFundsId"));
    }
    let (id, now) = (RefundId(app.clock.new_id()), app.clock.now());
    let refunded = receipt.refunded.checked_add(left).ok_or_else(|| Error::internal("an amount is too large"))?;
    let row = receipt::ActiveModel { id: Set(receipt_id), refunded: Set(refunded), ..Default::default() };
    row.update(&transaction).await?;
    let row = refund::Model {
        id,
        order_id: None,
        payment_id: None,
        receipt_id: Some(receipt_id),
        provider: BY_HAND.to_owned(),
        reference: id.to_string(),
        status: RefundStatus::ApprovalRequired,
        amount: left,
        currency: receipt.currency,
        charged_back: MinorUnits::ZERO,
        lost: MinorUnits::ZERO,
        balance: left,
        provider_reference: None,
        encrypted_payee: Some(bank_account::encrypt(account, &app.cipher, &app.clock, &id.to_string())?),
        reason: "nobody knows what it was for".to_owned(),
        failure: None,
        started_at: None,
        requested_by: Some(operator_id),
        approved_by: None,
        expected_by: None,
        created_at: now,
        updated_at: now,
    };
    refund::Entity::insert(row.clone().into_active_model().reset_all()).exec_without_returning(&transaction).await?;
    let (debit, credit) = (LedgerAccount::Unapplied(receipt_id), LedgerAccount::Refund(id));
    post(app, &transaction, &row, (debit, credit, "refund.requested"), None).await?;
    record(app, &transaction, idempotency_key, &row).await?;
    transaction.commit().await?;
    Ok(row)
}

/// What an operator does about a refund of money that belongs to no order.
pub enum ByHand<'a> {
    /// IdempotencyKey more, perhaps to another account.
    Request {
        account: Option<&'a BankAccount>,
    },
    /// The IBAN or account number, as the approving operator has read it: nobody approves what was changed meanwhile.
    Approve {
        account: &'a str,
    },
    Reject {
        reason: &'a str,
    },
    Confirm {
        bank_reference: &'a str,
    },
}

pub async fn settle_by_hand(
    app: &App,
    viewer: &Viewer,
    idempotency_key: Option<&IdempotencyKey>,
    (refund_id, act): (RefundId, ByHand<'_>),
) -> Result<refund::Model> {
    viewer.require_operator()?;
    IdempotencyKey::retrying(idempotency_key, &app.db, || settle(app, viewer, idempotency_key, (refund_id, &act))).await
}

async fn settle(
    app: &App,
    viewer: &Viewer,
    idempotency_key: Option<&IdempotencyKey>,
    (refund_id, act): (RefundId, &ByHand<'_>),
) -> Result<refund::Model> {
    let operator_id = viewer.require_operator()?;
    let transaction = app.db.begin_write().await?;
    if let Some(made) = found_before(&transaction, idempotency_key).await? {
        return Ok(made);
    }
    let found = refund::Entity::find_by_id(refund_id).lock_exclusive().one(&transaction).await?;
    let mut row = found.filter(|row| row.order_id.is_none()).ok_or_else(|| {
        Error::not_found("refund of money that belongs to no order; a refund of an order needs its orderId")
            .at("refundId")
    })?;
    let before = row.status;
    let wrong = |message: &str| Err(Error::refused(ErrorCode::InvalidTransition, message).at("refundId"));
    let money = (LedgerAccount::Refund(refund_id), LedgerAccount::Provider(BY_HAND.to_owned()));
    match (act, before) {
        (ByHand::Request { account }, RefundStatus::ActionRequired) => {
            if let Some(account) = account {
                row.encrypted_payee =
                    Some(bank_account::encrypt(account, &app.cipher, &app.clock, &refund_id.to_string())?);
            }
            row.status = RefundStatus::ApprovalRequired;
            (row.requested_by, row.approved_by) = (Some(operator_id), None);
        }
        (ByHand::Approve { .. }, RefundStatus::ApprovalRequired) if row.requested_by == Some(operator_id) => {
            let message = "another operator than the one who asked has to approve";
            return Err(Error::refused(ErrorCode::NotPermitted, message));
        }
        (ByHand::Approve { account }, RefundStatus::ApprovalRequired) => {
            require_same_account(app, &row, account)?;
            row.status = RefundStatus::Pending;
            (row.approved_by, row.started_at) = (Some(operator_id), Some(app.clock.now()));
            row.failure = None;
        }
        (
            ByHand::Reject { reason },
            RefundStatus::ApprovalRequired | RefundStatus::Pending | RefundStatus::Succeeded,
        ) => {
            if before == RefundStatus::Succeeded {
                row.balance = row.amount;
                post(app, &transaction, &row, (money.1, money.0, "refund.failed"), None).await?;
            }
            row.status = RefundStatus::ActionRequired;
            row.failure = Some((*reason).to_owned());
            (row.requested_by, row.approved_by, row.started_at) = (None, None, None);
        }
        (ByHand::Confirm { bank_reference }, RefundStatus::Pending) => {
            let movement = by_hand_movement("refund", bank_reference);
            require_unbooked(&transaction, &movement).await?;
            post(app, &transaction, &row, (money.0, money.1, "refund.succeeded"), Some((movement, 0))).await?;
            (row.status, row.balance) = (RefundStatus::Succeeded, MinorUnits::ZERO);
        }
        (ByHand::Request { .. }, _) => return wrong("this refund does not wait for somebody to act"),
        (ByHand::Approve { .. }, _) => return wrong("this refund does not wait to be approved"),
        (ByHand::Reject { .. }, _) => return wrong("this refund was not to be paid by hand"),
        (ByHand::Confirm { .. }, _) => return wrong("this refund is not being paid by hand"),
    }
    row.updated_at = app.clock.now();
    let row = row.into_active_model().reset_all().update(&transaction).await?;
    record(app, &transaction, idempotency_key, &row).await?;
    transaction.commit().await?;
    tracing::info!(%operator_id, refund = %refund_id, from = ?before, to = ?row.status, "money of no order, by hand");
    Ok(row)
}

/// What is approved is the account that the approving operator has seen.
fn require_same_account(app: &App, row: &refund::Model, seen: &str) -> Result<()> {
    let sealed = row.encrypted_payee.as_deref().unwrap_or_default();
    let known = bank_account::decrypt(&app.cipher, &row.id.to_string(), sealed)?;
    let plain = |text: &str| text.split_whitespace().collect::<String>().to_uppercase();
    if [&known.iban, &known.account_number].into_iter().flatten().any(|number| plain(number) == plain(seen)) {
        return Ok(());
    }
    let message = "is not the account that this refund is to be paid to; read its payTo, and approve that or reject it";
    Err(Error::refused(ErrorCode::InvalidInput, message).at("account"))
}

async fn post(
    app: &App,
    transaction: &DatabaseTransaction,
    refund: &refund::Model,
    (debit, credit, cause): (LedgerAccount, LedgerAccount, &'static str),
    movement: Option<(String, i32)>,
) -> Result<()> {
    let amount = Money::new(refund.balance, refund.currency);
    let transfer = NewTransfer { debit, credit, amount, cause, order_id: None, movement };
    ledger::post(transaction, &app.clock, app.clock.now(), vec![transfer]).await
}

async fn found_before(
    transaction: &DatabaseTransaction,
    idempotency_key: Option<&IdempotencyKey>,
) -> Result<Option<refund::Model>> {
    let Some(idempotency_key) = idempotency_key else { return Ok(None) };
    let Some(made) = idempotency_key.find(transaction).await? else { return Ok(None) };
    let id: RefundId = made.parse().map_err(|error: entity::IdError| Error::internal(error.to_string()))?;
    Ok(refund::Entity::find_by_id(id).one(transaction).await?)
}

async fn record(
    app: &App,
    transaction: &DatabaseTransaction,
    idempotency_key: Option<&IdempotencyKey>,
    row: &refund::Model,
) -> Result<()> {
    match idempotency_key {
        Some(idempotency_key) => idempotency_key.record(transaction, &app.clock, row.id.to_string()).await,
        None => Ok(()),
    }
}

/// Nobody else settles this money until the transaction ends.
async fn lock_receipt(transaction: &DatabaseTransaction, id: ReceiptId) -> Result<receipt::Model> {
    let found = receipt::Entity::find_by_id(id).lock_exclusive().one(transaction).await?;
    found.ok_or_else(|| Error::not_found("money that was set aside").at("unappliedFundsId"))
}

/// The same reference however somebody writes it.
pub fn by_hand_movement(kind: &str, bank_reference: &str) -> String {
    let plain = bank_reference.split_whitespace().collect::<String>().to_uppercase();
    movement_key(BY_HAND, kind, &plain)
}

pub(super) async fn require_unbooked(transaction: &DatabaseTransaction, movement: &str) -> Result<()> {
    if ledger::posted(transaction, movement).await?.is_empty() {
        return Ok(());
    }
    let message = "was booked for another transfer already; give the reference of this one's own";
    Err(Error::refused(ErrorCode::AlreadyExists, message).at("bankReference"))
}
