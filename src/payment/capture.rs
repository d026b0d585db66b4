//! Facts about payments: money that came in, and payments that ended without it.

use entity::receipt::ReceiptReason;
use entity::{LedgerAccount, MinorUnits, Money, ReceiptId, Time, payment, receipt, transfer};
use sea_orm::ActiveValue::Set;
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter};

use super::matching::{Applied, find_payment, find_payment_by_any, unknown_payment};
use super::standing::settle_captures;
use crate::app::App;
use crate::db::retrying;
use crate::error::{Error, Result};
use crate::ledger::{self, NewTransfer};
use crate::order::execute_as_provider;
use escrow::{Command, PaymentEnd};
use provider::{PaymentProvider, Remitter};

/// Money that came in, with the references that it names.
pub(super) struct Captured {
    /// Ours.
    pub(super) references: Vec<String>,
    pub(super) provider_reference: Option<String>,
    pub(super) movement: String,
    pub(super) amount: Money,
    pub(super) remitter: Option<Remitter>,
}

/// What its provider calls the payment, stated before any money came.
pub(super) async fn name(
    app: &App,
    provider: &dyn PaymentProvider,
    reference: &str,
    provider_reference: &str,
) -> Result<Applied> {
    let payment = find_payment(app, provider, reference).await?;
    if let Some(payment) = payment.filter(|payment| payment.captured.is_zero()) {
        retrying(|| remember_reference(app, &payment, Some(provider_reference))).await?;
    }
    Ok(Applied::Done)
}

pub(super) async fn capture(
    app: &App,
    provider: &dyn PaymentProvider,
    captured: &Captured,
    heard_at: Time,
) -> Result<Applied> {
    let (movement, amount) = (captured.movement.clone(), captured.amount);
    if !amount.amount.is_positive() {
        return Ok(Applied::NotOurs(format!("a capture of {amount}")));
    }
    let provider_reference = captured.provider_reference.as_deref();
    let references = captured.references.iter().map(String::as_str).chain(provider_reference);
    let Some(payment) = find_payment_by_any(app, provider, references).await? else {
        set_aside_unmatched(app, provider.name(), captured).await?;
        return Ok(Applied::Done);
    };
    if is_booked_otherwise(app, &payment, &movement).await? {
        // An operator has put it where it belongs.
        return Ok(Applied::Done);
    }
    if payment.provider_reference.is_none()
        && let Err(error) = retrying(|| remember_reference(app, &payment, provider_reference)).await
    {
        // A convenience for later calls, never a reason to leave money unbooked.
        tracing::error!(payment = %payment.id, %error, "the provider's reference could not be written down");
    }
    let command = Command::CapturePayment { payment_id: payment.id, amount, movement };
    execute_as_provider(app, payment.order_id, heard_at, &command).await?;
    // That it failed may have been said before.
    settle_captures(app, payment.id, heard_at).await?;
    Ok(Applied::Done)
}

/// What the provider calls it: a refund will need that. Written unless it has changed since it was read.
async fn remember_reference(app: &App, payment: &payment::Model, named: Option<&str>) -> Result<()> {
    let Some(named) = named.filter(|named| payment.provider_reference.as_deref() != Some(*named)) else {
        return Ok(());
    };
    let before = match &payment.provider_reference {
        Some(before) => payment::Column::ProviderReference.eq(before),
        None => payment::Column::ProviderReference.is_null(),
    };
    let transaction = app.db.begin_write().await?;
    let row = payment::ActiveModel { provider_reference: Set(Some(named.to_owned())), ..Default::default() };
    let this = payment::Entity::update_many().set(row).filter(payment::Column::Id.eq(payment.id));
    this.filter(before).exec(&transaction).await?;
    transaction.commit().await?;
    Ok(())
}

/// Verified money with a reference that we don't know: held aside, in its own currency, for an operator to settle.
pub(super) async fn set_aside_unmatched(app: &App, provider: &str, captured: &Captured) -> Result<()> {
    let Captured { references, movement, remitter, .. } = captured;
    let amount = captured.amount;
    retrying(|| async {
        let transaction = app.db.begin_write().await?;
        if references.is_empty() && is_booked(&ledger::posted(&transaction, movement).await?, amount) {
            // Also for an order: that it came without its reference this time changes nothing. Another one would.
            return Ok(());
        }
        if ledger::is_posted(&transaction, movement, None, amount).await? {
            return Ok(());
        }
        let (id, now) = (ReceiptId(app.clock.new_id()), app.clock.now());
        let row = receipt::ActiveModel {
            id: Set(id),
            provider: Set(provider.to_owned()),
            movement: Set(movement.clone()),
            order_id: Set(None),
            payment_id: Set(None),
            reason: Set(ReceiptReason::UnknownReference),
            amount: Set(amount.amount),
            currency: Set(amount.currency),
            refunded: Set(MinorUnits::ZERO),
            charged_back: Set(MinorUnits::ZERO),
            applied: Set(MinorUnits::ZERO),
            encrypted_remitter: Set(seal_remitter(app, id, remitter.as_ref())?),
            created_at: Set(now),
        };
        receipt::Entity::insert(row).exec_without_returning(&transaction).await?;
        let transfer = NewTransfer {
            debit: LedgerAccount::Provider(provider.to_owned()),
            credit: LedgerAccount::Unapplied(id),
            amount,
            cause: "funds.unapplied",
            order_id: None,
            movement: Some((movement.clone(), 0)),
        };
        ledger::post(&transaction, &app.clock, now, vec![transfer]).await?;
        transaction.commit().await?;
        tracing::warn!(provider, %id, %amount, "money arrived with a reference that is not ours; it is set aside");
        Ok(())
    })
    .await
}

fn is_booked(transfers: &[transfer::Model], amount: Money) -> bool {
    let sum = transfers.iter().try_fold(MinorUnits::ZERO, |sum, row| sum.checked_add(row.amount));
    !transfers.is_empty() && sum == Some(amount.amount) && transfers.iter().all(|row| row.currency == amount.currency)
}

pub(super) fn seal_remitter(app: &App, id: ReceiptId, remitter: Option<&Remitter>) -> Result<Option<String>> {
    let Some(remitter) = remitter else { return Ok(None) };
    let json = serde_json::to_string(remitter).map_err(|error| Error::internal(error.to_string()))?;
    app.cipher.encrypt(&app.clock, &id.to_string(), &json).map(Some)
}

/// Whether this movement is booked for something else than this payment already: set aside when its reference was unknown.
async fn is_booked_otherwise(app: &App, payment: &payment::Model, movement: &str) -> Result<bool> {
    let receipt = receipt::Entity::find().filter(receipt::Column::Movement.eq(movement)).one(&app.db.read).await?;
    let is_otherwise = |receipt: receipt::Model| {
        receipt.payment_id != Some(payment.id) || receipt.reason == ReceiptReason::UnknownReference
    };
    Ok(receipt.is_some_and(is_otherwise))
}

pub(super) async fn end(
    app: &App,
    provider: &dyn PaymentProvider,
    reference: &str,
    end: PaymentEnd,
    heard_at: Time,
) -> Result<Applied> {
    let Some(payment) = find_payment(app, provider, reference).await? else {
        return unknown_payment(app, provider, reference).await;
    };
    let command = Command::EndPayment { payment_id: payment.id, end };
    execute_as_provider(app, payment.order_id, heard_at, &command).await?;
    Ok(Applied::Done)
}
