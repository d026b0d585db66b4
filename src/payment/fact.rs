//! What a provider says, matched to what it is about, by our own reference.

use entity::payment::PaymentStatus;
use entity::receipt::ReceiptReason;
use entity::refund::RefundStatus;
use entity::{LedgerAccount, MinorUnits, Money, ReceiptId, Time, payment, receipt, refund, transfer};
use sea_orm::ActiveValue::Set;
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter};

use super::refund::query as refund_query;
use super::{chargeback, hint, payout, reconcile, recount, unanswered};
use crate::app::App;
use crate::db::retrying;
use crate::error::{Error, Result};
use crate::ledger::{self, NewTransfer, movement_key};
use crate::order::execute_as_provider;
use escrow::calendar::after_business_days;
use escrow::{Command, PaymentEnd};
use provider::{Fact, PaymentProvider, ProviderError, Remitter};

/// What became of a fact.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Applied {
    /// Booked now, booked before, or nothing to book.
    Done,
    /// Not ours, or not as we asked: a person has to look at it. Nothing was booked.
    NotOurs(String),
    /// It may be about something that we are just being told of: to be tried again in a moment.
    NotYet(String),
}

impl Applied {
    /// For facts that came as an answer, and so have no row in the inbox to be quarantined in.
    pub(super) fn or_log(self, provider: &str) {
        if let Self::NotOurs(reason) | Self::NotYet(reason) = self {
            tracing::error!(provider, reason, "a provider's answer doesn't fit what we asked");
        }
    }
}

/// Books one fact, as of when we heard it. The same fact again, by whichever way it comes, changes nothing.
pub async fn apply_fact(app: &App, provider: &dyn PaymentProvider, fact: Fact, heard_at: Time) -> Result<Applied> {
    match book(app, provider, fact, heard_at).await {
        Err(Error::Contradiction(what)) => Ok(Applied::NotOurs(what)),
        other => other,
    }
}

pub(super) async fn book(app: &App, provider: &dyn PaymentProvider, fact: Fact, heard_at: Time) -> Result<Applied> {
    match fact {
        Fact::PaymentPending { .. } => Ok(Applied::Done),
        Fact::PaymentNamed { reference, provider_reference } => {
            let payment = find_payment(app, provider, &reference).await?;
            if let Some(payment) = payment.filter(|payment| payment.captured.is_zero()) {
                let named = Some(provider_reference.as_str());
                retrying(|| remember_reference(app, &payment, named)).await?;
            }
            Ok(Applied::Done)
        }
        Fact::PaymentCaptured { references, provider_reference, movement, amount, remitter } => {
            let arrived = Arrived { movement: movement_key(provider.name(), "capture", &movement), amount, remitter };
            capture(app, provider, (&references, provider_reference.as_deref()), &arrived, heard_at).await
        }
        Fact::PaymentFailed { reference, reason } => {
            end(app, provider, &reference, PaymentEnd::Failed { reason: clean(&reason) }, heard_at).await
        }
        Fact::PaymentExpired { reference } => end(app, provider, &reference, PaymentEnd::Expired, heard_at).await,
        Fact::PaymentCancelled { reference } => end(app, provider, &reference, PaymentEnd::Cancelled, heard_at).await,
        Fact::RefundPending { reference, provider_reference } => {
            refund_pending(app, provider, &reference, provider_reference.as_deref()).await
        }
        Fact::RefundSucceeded { reference, provider_reference, movement, amount } => {
            let applied = refund_succeeded(app, provider, &reference, (&movement, amount), heard_at).await?;
            if let Some(provider_reference) = provider_reference.filter(|_| applied == Applied::Done) {
                name_refund(app, provider, &reference, &provider_reference).await?;
            }
            Ok(applied)
        }
        Fact::RefundFailed { reference, movement, reason } => {
            refund_failed(app, provider, &reference, (movement, clean(&reason)), heard_at).await
        }
        Fact::RefundReturned { reference, movement, amount, reason } => {
            refund_returned(app, provider, &reference, (movement, amount, clean(&reason)), heard_at).await
        }
        Fact::RefundedInAll { payment, refund, total } => {
            recount::refunded_in_all(app, provider, (&payment, refund.as_deref()), total, heard_at).await
        }
        Fact::PayoutPending { reference, provider_reference } => {
            payout::pending(app, provider.name(), &reference, provider_reference.as_deref()).await
        }
        Fact::PayoutPaid { reference, movement, amount, .. } => {
            payout::paid(app, provider.name(), &reference, (&movement, amount)).await
        }
        Fact::PayoutFailed { reference, reason } => {
            payout::failed(app, provider.name(), &reference, &clean(&reason)).await
        }
        Fact::PayoutReturned { reference, movement, amount, reason } => {
            payout::returned(app, provider.name(), &reference, (&movement, amount), &clean(&reason)).await
        }
        Fact::PaymentHint { references, provider_reference } => {
            hint::payment(app, provider, (&references, provider_reference.as_deref()), heard_at).await
        }
        Fact::RefundHint { reference } => hint::refund(app, provider, &reference, heard_at).await,
        Fact::Statement(statement) => reconcile::keep_statement(app, provider.name(), statement).await,
        Fact::NotUnderstood(what) => Ok(Applied::NotOurs(what)),
        Fact::Chargeback { reference, chargeback, amount, stage, reason } => {
            let told = chargeback::Told { reference: &reference, id: &chargeback, amount, reason: &clean(&reason) };
            chargeback::apply(app, provider, &told, stage, heard_at).await
        }
        Fact::PaymentReversed { reference, movement, amount, reason } => {
            let told = chargeback::Told { reference: &reference, id: &movement, amount, reason: &clean(&reason) };
            chargeback::reverse(app, provider, &told, heard_at).await
        }
    }
}

pub(super) fn unknown(what: &str, reference: &str) -> Applied {
    let shown: String = reference.chars().take(80).collect();
    Applied::NotOurs(format!("no {what} of ours at this provider has the reference \"{shown}\""))
}

pub(super) async fn find_payment(
    app: &App,
    provider: &dyn PaymentProvider,
    reference: &str,
) -> Result<Option<payment::Model>> {
    let by = |column: payment::Column| {
        let of_provider = payment::Entity::find().filter(payment::Column::Provider.eq(provider.name()));
        of_provider.filter(column.eq(reference)).one(&app.db.read)
    };
    match by(payment::Column::Reference).await? {
        Some(payment) => Ok(Some(payment)),
        None => Ok(by(payment::Column::ProviderReference).await?),
    }
}

pub(super) async fn find_refund(
    app: &App,
    provider: &dyn PaymentProvider,
    reference: &str,
) -> Result<Option<refund::Model>> {
    let found = refund::Entity::find().filter(refund::Column::Provider.eq(provider.name()));
    Ok(found.filter(refund::Column::Reference.eq(reference)).one(&app.db.read).await?)
}

/// A payment that a provider speaks of by an id of its own may be one whose id we have not been told yet: what it says
/// overtook its answer to our own call.
pub(super) async fn unknown_payment(app: &App, provider: &dyn PaymentProvider, reference: &str) -> Result<Applied> {
    let unanswered = payment::Entity::find()
        .filter(payment::Column::Provider.eq(provider.name()))
        .filter(payment::Column::Status.eq(PaymentStatus::Pending))
        .filter(payment::Column::ProviderReference.is_null())
        .one(&app.db.read)
        .await?;
    Ok(match (unknown("payment", reference), unanswered) {
        (Applied::NotOurs(reason), Some(_)) => Applied::NotYet(reason),
        (other, _) => other,
    })
}

/// Money that came in.
struct Arrived {
    movement: String,
    amount: Money,
    remitter: Option<Remitter>,
}

async fn capture(
    app: &App,
    provider: &dyn PaymentProvider,
    (references, provider_reference): (&[String], Option<&str>),
    arrived: &Arrived,
    heard_at: Time,
) -> Result<Applied> {
    let (movement, amount) = (arrived.movement.clone(), arrived.amount);
    if !amount.amount.is_positive() {
        return Ok(Applied::NotOurs(format!("a capture of {amount}")));
    }
    let mut found = None;
    for reference in references.iter().map(String::as_str).chain(provider_reference) {
        found = find_payment(app, provider, reference).await?;
        if found.is_some() {
            break;
        }
    }
    let Some(payment) = found else {
        set_aside_unmatched(app, provider.name(), arrived, !references.is_empty()).await?;
        return Ok(Applied::Done);
    };
    if is_settled_otherwise(app, &payment, &movement).await? {
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
async fn set_aside_unmatched(app: &App, provider: &str, arrived: &Arrived, names_something: bool) -> Result<()> {
    let Arrived { movement, amount, remitter } = arrived;
    let amount = *amount;
    retrying(|| async {
        let transaction = app.db.begin_write().await?;
        if !names_something && is_booked(&ledger::posted(&transaction, movement).await?, amount) {
            // Also for an order: that this time it came without its reference is no news. Another one would be.
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

fn seal_remitter(app: &App, id: ReceiptId, remitter: Option<&Remitter>) -> Result<Option<String>> {
    let Some(remitter) = remitter else { return Ok(None) };
    let json = serde_json::to_string(remitter).map_err(|error| Error::internal(error.to_string()))?;
    app.cipher.encrypt(&app.clock, &id.to_string(), &json).map(Some)
}

/// Whether this movement is booked for something else than this payment already: set aside when its reference was unknown.
async fn is_settled_otherwise(app: &App, payment: &payment::Model, movement: &str) -> Result<bool> {
    let receipt = receipt::Entity::find().filter(receipt::Column::Movement.eq(movement)).one(&app.db.read).await?;
    let is_otherwise = |receipt: receipt::Model| {
        receipt.payment_id != Some(payment.id) || receipt.reason == ReceiptReason::UnknownReference
    };
    Ok(receipt.is_some_and(is_otherwise))
}

async fn end(
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

pub(super) async fn refund_succeeded(
    app: &App,
    provider: &dyn PaymentProvider,
    reference: &str,
    (movement, amount): (&str, Money),
    heard_at: Time,
) -> Result<Applied> {
    let Some(refund) = find_refund(app, provider, reference).await? else {
        return Ok(unknown("refund", reference));
    };
    let asked = sent(&refund);
    if amount != asked {
        return Ok(Applied::NotOurs(format!("{}: the provider refunded {amount}, we asked for {asked}", refund.id)));
    }
    let movement = movement_key(provider.name(), "refund", movement);
    let contradicts = matches!(
        refund.status,
        RefundStatus::ActionRequired | RefundStatus::ApprovalRequired | RefundStatus::PayeeDetailsRequired
    );
    if contradicts {
        let standing = stands(app, provider, &refund, |fact| matches!(fact, Fact::RefundSucceeded { .. })).await?;
        let is_old = match standing {
            Some(stands) => !stands,
            // It was sent once, and came back: news of that one time, by another way or after what came later.
            None => {
                let (from, to) =
                    (LedgerAccount::Refund(refund.id), LedgerAccount::Provider(provider.name().to_owned()));
                ledger::has_moved(&app.db.read, &from, &to).await?
            }
        };
        if is_old {
            // News of before the failure that we know of already.
            return Ok(Applied::Done);
        }
        if !ledger::posted(&app.db.read, &movement).await?.is_empty() {
            return Ok(Applied::NotOurs(format!("{}: sent a second time by the same movement", refund.id)));
        }
    }
    let command = Command::SettleRefund { refund_id: refund.id, amount, movement, confirmed: contradicts };
    refund_command(app, &refund, &command, heard_at).await
}

async fn refund_failed(
    app: &App,
    provider: &dyn PaymentProvider,
    reference: &str,
    (movement, reason): (Option<String>, String),
    heard_at: Time,
) -> Result<Applied> {
    let Some(refund) = find_refund(app, provider, reference).await? else {
        return Ok(unknown("refund", reference));
    };
    let contradicts = refund.status == RefundStatus::Succeeded;
    if contradicts {
        if movement.is_none() {
            return Ok(Applied::NotOurs(format!(
                "{}: said to have failed after it was sent, without money coming back",
                refund.id
            )));
        }
        let standing = stands(app, provider, &refund, |fact| matches!(fact, Fact::RefundFailed { .. })).await?;
        if standing == Some(false) {
            // News of before the success that we know of already.
            return Ok(Applied::Done);
        }
    }
    let movement = movement_key(provider.name(), "refund_failed", &movement.unwrap_or_else(|| reference.to_owned()));
    let amount = sent(&refund);
    let command = Command::FailRefund { refund_id: refund.id, amount, movement, reason, confirmed: contradicts };
    refund_command(app, &refund, &command, heard_at).await
}

/// What comes back had left: where that is still on its way to us, this says it too. All of it, or nothing is booked: banks
/// on the way may have kept a part, and who bears that is for a person to say.
async fn refund_returned(
    app: &App,
    provider: &dyn PaymentProvider,
    reference: &str,
    (movement, amount, reason): (String, Money, String),
    heard_at: Time,
) -> Result<Applied> {
    let Some(refund) = find_refund(app, provider, reference).await? else {
        return Ok(unknown("refund", reference));
    };
    let asked = sent(&refund);
    if amount != asked {
        return Ok(Applied::NotOurs(format!("{}: {amount} is said to have come back of {asked}", refund.id)));
    }
    let left = format!("{movement}:sent");
    match refund_succeeded(app, provider, reference, (&left, amount), heard_at).await? {
        Applied::Done => refund_failed(app, provider, reference, (Some(movement), reason), heard_at).await,
        misfit @ (Applied::NotOurs(_) | Applied::NotYet(_)) => Ok(misfit),
    }
}

/// What the provider was asked for: what chargebacks had not taken.
pub(super) fn sent(refund: &refund::Model) -> Money {
    Money::new(MinorUnits(refund.amount.0.saturating_sub(refund.charged_back.0)), refund.currency)
}

/// News that contradicts what we know: disorder, a repetition, or a change of mind? Only the provider can say how it stands;
/// None if it can't be asked.
async fn stands(
    app: &App,
    provider: &dyn PaymentProvider,
    refund: &refund::Model,
    so: impl Fn(&Fact) -> bool,
) -> Result<Option<bool>> {
    let facts = match provider.query_refund(&refund_query(app, refund).await?).await {
        Ok(facts) => facts,
        Err(ProviderError::CannotBeAsked(_)) => return Ok(None),
        Err(error) => return Err(unanswered(provider.name(), &error)),
    };
    tracing::warn!(refund = %refund.id, at = %app.clock.now(), ?facts, "asked about a refund because its news contradict each other");
    Ok(Some(facts.iter().any(so)))
}

async fn refund_command(app: &App, refund: &refund::Model, command: &Command, heard_at: Time) -> Result<Applied> {
    match refund.order_id {
        Some(order_id) => {
            execute_as_provider(app, order_id, heard_at, command).await?;
            Ok(Applied::Done)
        }
        None => Ok(Applied::NotOurs(format!("{} belongs to no order, and is settled by hand", refund.id))),
    }
}

/// A provider's own words go into the timeline and the database: without control characters, not too many, and without
/// numbers of cards or accounts.
fn clean(reason: &str) -> String {
    let text: String = reason.chars().map(|c| if c.is_control() { ' ' } else { c }).take(300).collect();
    let digits = |word: &str| word.chars().filter(char::is_ascii_digit).count();
    let words: Vec<&str> = text.split_whitespace().collect();
    // A number may be written in groups: of neighbours with digits each, the sum counts.
    let groups = words.chunk_by(|one, other| digits(one) > 0 && digits(other) > 0);
    let shown = groups.flat_map(|group| {
        let is_number = group.iter().map(|word| digits(word)).sum::<usize>() >= 6;
        if is_number { vec!["•••"] } else { group.to_vec() }
    });
    let text = shown.collect::<Vec<_>>().join(" ");
    if text.is_empty() { "the provider gave no reason".to_owned() } else { text }
}

/// The provider has the refund. States only move forward: one that is settled stays settled.
/// FollowUp news may name it by the provider's id only.
async fn name_refund(app: &App, provider: &dyn PaymentProvider, reference: &str, id: &str) -> Result<()> {
    let Some(refund) = find_refund(app, provider, reference).await? else { return Ok(()) };
    if refund.provider_reference.is_some() {
        return Ok(());
    }
    retrying(|| async {
        let transaction = app.db.begin_write().await?;
        let row = refund::ActiveModel { provider_reference: Set(Some(id.to_owned())), ..Default::default() };
        refund::Entity::update_many()
            .set(row)
            .filter(refund::Column::Id.eq(refund.id))
            .filter(refund::Column::ProviderReference.is_null())
            .exec(&transaction)
            .await?;
        transaction.commit().await?;
        Ok(())
    })
    .await
}

async fn refund_pending(
    app: &App,
    provider: &dyn PaymentProvider,
    reference: &str,
    provider_reference: Option<&str>,
) -> Result<Applied> {
    let Some(refund) = find_refund(app, provider, reference).await? else { return Ok(unknown("refund", reference)) };
    let days = match refund.payment_id {
        Some(id) => {
            payment::Entity::find_by_id(id).one(&app.db.read).await?.and_then(|payment| provider.terms(payment.method))
        }
        None => None,
    };
    let now = app.clock.now();
    let expected_by: Option<Time> =
        days.map(|terms| after_business_days(now, terms.refund_days.1, &app.settings.holidays));
    let transaction = app.db.begin_write().await?;
    let row = refund::ActiveModel {
        status: Set(RefundStatus::Pending),
        provider_reference: provider_reference.map_or(sea_orm::ActiveValue::NotSet, |id| Set(Some(id.to_owned()))),
        expected_by: expected_by.map_or(sea_orm::ActiveValue::NotSet, |at| Set(Some(at))),
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
