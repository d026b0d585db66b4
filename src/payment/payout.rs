//! Released money leaving for the supplier's bank.
//!
//! What is payable is the balance of `supplier/<id>`; a payout takes all of it, so that a debt is set off by itself. Only a
//! verified supplier with an active payout account is paid; until then the money waits where it is.

use chrono::TimeDelta;
use entity::payout::{ActiveModel, Column, Entity, Model, PayoutStatus};
use entity::{Currency, LedgerAccount, MinorUnits, Money, PayoutId, SupplierId, Time, payout_account, supplier};
use sea_orm::ActiveValue::Set;
use sea_orm::{ColumnTrait, DatabaseTransaction, EntityTrait, QueryFilter, QueryOrder, QuerySelect};
use secrecy::SecretString;

use super::fact::apply_facts;
use super::query::{require_provider, unanswered};
use crate::app::App;
use crate::db::retrying;
use crate::error::{Error, Result};
use crate::job::{self, Job, JobOutcome};
use crate::ledger::{self, NewTransfer};
use crate::party;
use escrow::BY_HAND;
use provider::{Fact, PayoutQuery, PayoutRequest, ProviderError};

const ASK_AFTER: TimeDelta = TimeDelta::minutes(30);

/// Turns what a supplier is owed into a payout, if there is anything and somewhere to send it.
pub async fn request_payout(app: &App, supplier_id: SupplierId, currency: Currency) -> Result<JobOutcome> {
    retrying(|| async {
        let transaction = app.db.begin_write().await?;
        let owed_to = supplier::Entity::find_by_id(supplier_id).lock_exclusive().one(&transaction).await?;
        let verified_at = owed_to.and_then(|row| row.verified_at);
        let is_verified = verified_at.is_some();
        let account = party::find_active_payout_account(&transaction, supplier_id, app.clock.now()).await?;
        let amount = ledger::balance(&transaction, &LedgerAccount::Supplier(supplier_id), currency).await?;
        let (Some(account), true, true) = (account, is_verified, amount.is_positive()) else {
            return Ok(JobOutcome::Done);
        };
        if came_back(&transaction, &account, verified_at).await? {
            // The bank has said that the account can't be paid: another one, or an operator's word, ends the waiting.
            return Ok(JobOutcome::Done);
        }
        let provider = app.providers.for_payouts().map_or(BY_HAND, |provider| provider.name());
        let details = party::decrypt_payout_account(app, &account)?;
        if details.currency.is_some_and(|only| only != currency) {
            // The account takes another currency only: the money waits for one that takes this.
            return Ok(JobOutcome::Done);
        }
        let (id, now) = (PayoutId(app.clock.new_id()), app.clock.now());
        let row = ActiveModel {
            id: Set(id),
            supplier_id: Set(supplier_id),
            payout_account_id: Set(account.id),
            provider: Set(provider.to_owned()),
            reference: Set(id.to_string()),
            status: Set(if provider == BY_HAND { PayoutStatus::ActionRequired } else { PayoutStatus::Requested }),
            amount: Set(amount),
            currency: Set(currency),
            lost: Set(MinorUnits::ZERO),
            balance: Set(amount),
            provider_reference: Set(None),
            failure: Set(None),
            requested_by: Set(None),
            approved_by: Set(None),
            created_at: Set(now),
            updated_at: Set(now),
        };
        Entity::insert(row).exec_without_returning(&transaction).await?;
        let transfer = NewTransfer {
            debit: LedgerAccount::Supplier(supplier_id),
            credit: LedgerAccount::Payout(id),
            amount: Money::new(amount, currency),
            cause: "payout.requested",
            order_id: None,
            movement: None,
        };
        ledger::post(&transaction, &app.clock, now, vec![transfer]).await?;
        if provider != BY_HAND {
            job::enqueue(&transaction, &app.clock, &Job::SendPayout { payout_id: id }, now).await?;
        }
        transaction.commit().await?;
        app.wake_worker();
        Ok(JobOutcome::Done)
    })
    .await
}

/// The latest payout to this account came back, and no operator has said since that the supplier can be paid.
async fn came_back(
    transaction: &DatabaseTransaction,
    account: &payout_account::Model,
    verified_at: Option<Time>,
) -> Result<bool> {
    let latest = Entity::find().filter(Column::PayoutAccountId.eq(account.id)).order_by_desc(Column::Id);
    let latest = latest.one(transaction).await?.filter(|row| row.status == PayoutStatus::Returned);
    Ok(latest.is_some_and(|row| verified_at.is_none_or(|at| at <= row.updated_at)))
}

pub async fn send_payout(app: &App, payout_id: PayoutId) -> Result<JobOutcome> {
    let payout = Entity::find_by_id(payout_id).one(&app.db.read).await?.ok_or_else(|| gone(payout_id))?;
    let provider = require_provider(app, &payout.provider)?;
    let payouts = provider
        .payouts()
        .ok_or_else(|| Error::internal(format!("the provider {} doesn't pay out any more", provider.name())))?;
    let reference = payout.reference.clone();
    let query = PayoutQuery {
        reference: reference.clone(),
        provider_reference: payout.provider_reference.clone(),
        amount: Money::new(payout.amount, payout.currency),
    };
    let answer = match payout.status {
        PayoutStatus::Paid
        | PayoutStatus::Failed
        | PayoutStatus::Returned
        | PayoutStatus::ActionRequired
        | PayoutStatus::ApprovalRequired => return Ok(JobOutcome::Done),
        // A refused question says nothing about the payout: it is asked again.
        PayoutStatus::Pending => payouts.query_payout(&query).await,
        PayoutStatus::Requested => match payouts.pay_out(&request(app, &payout, provider.name()).await?).await {
            // An earlier request may have been accepted, and its answer lost: only "never heard of it" makes it a failure.
            Err(
                ProviderError::Refused(reason)
                | ProviderError::NotKnown(reason)
                | ProviderError::PayeeDetailsRequired(reason),
            ) => match payouts.query_payout(&query).await {
                Err(ProviderError::NotKnown(_)) => Ok(vec![Fact::PayoutFailed { reference, movement: None, reason }]),
                other => other,
            },
            // Nothing was sent: it is owed again, and the reason says what the account lacks.
            Err(ProviderError::PayeeDetailsUnusable(reason)) => {
                Ok(vec![Fact::PayoutFailed { reference, movement: None, reason }])
            }
            other => other,
        },
    };
    if let Err(ProviderError::CannotBeAsked(_)) = &answer {
        // What it has to say, it says by itself.
        return Ok(JobOutcome::Done);
    }
    apply_facts(app, provider.as_ref(), answer.map_err(|error| unanswered(provider.name(), &error))?).await?;
    let after = Entity::find_by_id(payout_id).one(&app.db.read).await?.ok_or_else(|| gone(payout_id))?;
    match after.status {
        PayoutStatus::Requested | PayoutStatus::Pending => Ok(JobOutcome::Again(app.clock.now() + ASK_AFTER)),
        PayoutStatus::Paid
        | PayoutStatus::Failed
        | PayoutStatus::Returned
        | PayoutStatus::ActionRequired
        | PayoutStatus::ApprovalRequired => Ok(JobOutcome::Done),
    }
}

async fn request(app: &App, payout: &Model, provider: &str) -> Result<PayoutRequest> {
    let account = payout_account::Entity::find_by_id(payout.payout_account_id).one(&app.db.read).await?;
    let account = account.ok_or_else(|| Error::internal(format!("{} has no account", payout.id)))?;
    let details = app.cipher.decrypt(&account.id.to_string(), &account.encrypted_details)?;
    Ok(PayoutRequest {
        reference: payout.reference.clone(),
        amount: Money::new(payout.amount, payout.currency),
        account: SecretString::from(details),
        notification_url: app.settings.notification_url(provider),
    })
}

fn gone(id: PayoutId) -> Error {
    Error::internal(format!("{id} is gone"))
}
