//! What a provider says, matched to what it is about, by our own reference.

use entity::receipt::ReceiptReason;
use entity::refund::RefundStatus;
use entity::{
    LedgerAccount, MinorUnits, Money, PaymentId, PayoutId, ReceiptId, RefundId, Time, payment, receipt, refund,
};
use sea_orm::ActiveValue::Set;
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter};

use super::payout;
use crate::app::App;
use crate::db::retrying;
use crate::error::Result;
use crate::escrow::calendar::after_business_days;
use crate::escrow::{Command, PaymentEnd};
use crate::ledger::{self, NewTransfer, movement_key};
use crate::order::execute_as_provider;
use crate::payment::{Fact, PaymentProvider};

/// What became of a fact.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Applied {
    /// Booked now, booked before, or nothing to book.
    Done,
    /// Not ours, or not as we asked: a person has to look at it. Nothing was booked.
    NotOurs(String),
}

impl Applied {
    /// For facts that came as an answer, and so have no row in the inbox to be quarantined in.
    pub(super) fn or_log(self, provider: &str) {
        if let Self::NotOurs(reason) = self {
            tracing::error!(provider, reason, "a provider's answer doesn't fit what we asked");
        }
    }
}

/// Books one fact. The same fact again, by whichever way it comes, changes nothing.
pub async fn apply_fact(app: &App, provider: &dyn PaymentProvider, fact: Fact) -> Result<Applied> {
    match fact {
        Fact::PaymentPending { .. } => Ok(Applied::Done),
        Fact::PaymentCaptured { reference, provider_reference, movement, amount } => {
            capture(app, provider, &reference, &provider_reference, (&movement, amount)).await
        }
        Fact::PaymentFailed { reference, reason } => {
            end(app, provider, &reference, PaymentEnd::Failed { reason }).await
        }
        Fact::PaymentExpired { reference } => end(app, provider, &reference, PaymentEnd::Expired).await,
        Fact::PaymentCancelled { reference } => end(app, provider, &reference, PaymentEnd::Cancelled).await,
        Fact::RefundPending { reference, provider_reference } => {
            refund_pending(app, provider, &reference, &provider_reference).await
        }
        Fact::RefundSucceeded { reference, movement, amount, .. } => {
            let Some(refund) = find_refund(app, provider, &reference).await? else {
                return Ok(unknown("refund", &reference));
            };
            let asked = Money::new(refund.amount, refund.currency);
            if amount != asked {
                return Ok(Applied::NotOurs(format!(
                    "{}: the provider refunded {amount}, we asked for {asked}",
                    refund.id
                )));
            }
            let movement = movement_key(provider.name(), "refund", &movement);
            refund_command(app, &refund, &Command::SettleRefund { refund_id: refund.id, movement }).await
        }
        Fact::RefundFailed { reference, reason } => {
            let Some(refund) = find_refund(app, provider, &reference).await? else {
                return Ok(unknown("refund", &reference));
            };
            refund_command(app, &refund, &Command::FailRefund { refund_id: refund.id, reason }).await
        }
        Fact::PayoutPending { reference, provider_reference } => match reference.parse::<PayoutId>() {
            Ok(id) => payout::pending(app, provider.name(), id, &provider_reference).await,
            Err(_) => Ok(unknown("payout", &reference)),
        },
        Fact::PayoutPaid { reference, movement, amount, .. } => match reference.parse::<PayoutId>() {
            Ok(id) => payout::paid(app, provider.name(), id, (&movement, amount)).await,
            Err(_) => Ok(unknown("payout", &reference)),
        },
        Fact::PayoutFailed { reference, reason } => match reference.parse::<PayoutId>() {
            Ok(id) => payout::failed(app, provider.name(), id, &reason).await,
            Err(_) => Ok(unknown("payout", &reference)),
        },
    }
}

pub(super) fn unknown(what: &str, reference: &str) -> Applied {
    let shown: String = reference.chars().take(80).collect();
    Applied::NotOurs(format!("no {what} of ours at this provider has the reference \"{shown}\""))
}

async fn find_payment(app: &App, provider: &dyn PaymentProvider, reference: &str) -> Result<Option<payment::Model>> {
    let Ok(id) = reference.parse::<PaymentId>() else { return Ok(None) };
    let found = payment::Entity::find_by_id(id).filter(payment::Column::Provider.eq(provider.name()));
    Ok(found.one(&app.db.read).await?)
}

async fn find_refund(app: &App, provider: &dyn PaymentProvider, reference: &str) -> Result<Option<refund::Model>> {
    let Ok(id) = reference.parse::<RefundId>() else { return Ok(None) };
    let found = refund::Entity::find_by_id(id).filter(refund::Column::Provider.eq(provider.name()));
    Ok(found.one(&app.db.read).await?)
}

async fn capture(
    app: &App,
    provider: &dyn PaymentProvider,
    reference: &str,
    provider_reference: &str,
    (movement, amount): (&str, Money),
) -> Result<Applied> {
    let movement = movement_key(provider.name(), "capture", movement);
    if !amount.amount.is_positive() {
        return Ok(Applied::NotOurs(format!("a capture of {amount}")));
    }
    let Some(payment) = find_payment(app, provider, reference).await? else {
        set_aside_unmatched(app, provider.name(), &movement, amount).await?;
        return Ok(Applied::Done);
    };
    if payment.provider_reference.is_none() {
        remember_reference(app, payment.id, provider_reference).await?;
    }
    let refundable = provider.terms(payment.method).is_some_and(|terms| terms.refundable);
    let command = Command::CapturePayment { payment_id: payment.id, amount, movement, refundable };
    execute_as_provider(app, payment.order_id, &command).await?;
    Ok(Applied::Done)
}

/// The notification overtook the answer to our own request: a refund will need the provider's id.
async fn remember_reference(app: &App, id: PaymentId, provider_reference: &str) -> Result<()> {
    let transaction = app.db.begin_write().await?;
    let row =
        payment::ActiveModel { provider_reference: Set(Some(provider_reference.to_owned())), ..Default::default() };
    payment::Entity::update_many()
        .set(row)
        .filter(payment::Column::Id.eq(id))
        .filter(payment::Column::ProviderReference.is_null())
        .exec(&transaction)
        .await?;
    transaction.commit().await?;
    Ok(())
}

/// Verified money with a reference that we don't know: held aside, in its own currency, for an operator to settle.
async fn set_aside_unmatched(app: &App, provider: &str, movement: &str, amount: Money) -> Result<()> {
    retrying(|| async {
        let transaction = app.db.begin_write().await?;
        if ledger::is_posted(&transaction, movement).await? {
            return Ok(());
        }
        let (id, now) = (ReceiptId(app.clock.new_id()), app.clock.now());
        let row = receipt::ActiveModel {
            id: Set(id),
            provider: Set(provider.to_owned()),
            movement: Set(movement.to_owned()),
            order_id: Set(None),
            payment_id: Set(None),
            reason: Set(ReceiptReason::UnknownReference),
            amount: Set(amount.amount),
            currency: Set(amount.currency),
            refunded: Set(MinorUnits::ZERO),
            created_at: Set(now),
        };
        receipt::Entity::insert(row).exec_without_returning(&transaction).await?;
        let transfer = NewTransfer {
            debit: LedgerAccount::Provider(provider.to_owned()),
            credit: LedgerAccount::Unapplied(id),
            amount,
            cause: "funds.unapplied",
            order_id: None,
            movement: Some((movement.to_owned(), 0)),
        };
        ledger::post(&transaction, &app.clock, now, vec![transfer]).await?;
        transaction.commit().await?;
        tracing::warn!(provider, %id, %amount, "money arrived with a reference that is not ours; it is set aside");
        Ok(())
    })
    .await
}

async fn end(app: &App, provider: &dyn PaymentProvider, reference: &str, end: PaymentEnd) -> Result<Applied> {
    let Some(payment) = find_payment(app, provider, reference).await? else { return Ok(unknown("payment", reference)) };
    execute_as_provider(app, payment.order_id, &Command::EndPayment { payment_id: payment.id, end }).await?;
    Ok(Applied::Done)
}

async fn refund_command(app: &App, refund: &refund::Model, command: &Command) -> Result<Applied> {
    match refund.order_id {
        Some(order_id) => {
            execute_as_provider(app, order_id, command).await?;
            Ok(Applied::Done)
        }
        None => Ok(Applied::NotOurs(format!("{} belongs to no order, and is settled by hand", refund.id))),
    }
}

/// The provider has the refund. States only move forward: one that is settled stays settled.
async fn refund_pending(
    app: &App,
    provider: &dyn PaymentProvider,
    reference: &str,
    provider_reference: &str,
) -> Result<Applied> {
    let Some(refund) = find_refund(app, provider, reference).await? else { return Ok(unknown("refund", reference)) };
    let days = match refund.payment_id {
        Some(id) => {
            payment::Entity::find_by_id(id).one(&app.db.read).await?.and_then(|payment| provider.terms(payment.method))
        }
        None => None,
    };
    let now = app.clock.now();
    let expected_by: Option<Time> = days.map(|terms| after_business_days(now, terms.refund_days.1, &[]));
    let transaction = app.db.begin_write().await?;
    let row = refund::ActiveModel {
        status: Set(RefundStatus::Pending),
        provider_reference: Set(Some(provider_reference.to_owned())),
        expected_by: Set(expected_by),
        updated_at: Set(now),
        ..Default::default()
    };
    refund::Entity::update_many()
        .set(row)
        .filter(refund::Column::Id.eq(refund.id))
        .filter(refund::Column::Status.eq(RefundStatus::Requested))
        .exec(&transaction)
        .await?;
    transaction.commit().await?;
    Ok(Applied::Done)
}
