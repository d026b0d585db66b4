//! Payouts that no provider makes: paid by hand, one operator asking and another approving.

use entity::payout::{Entity, Model, PayoutStatus};
use entity::{LedgerAccount, MinorUnits, Money, PayoutId};
use sea_orm::{ActiveModelTrait, DatabaseTransaction, EntityTrait, IntoActiveModel, QuerySelect};

use super::unapplied::{by_hand_movement, require_unbooked};
use crate::app::App;
use crate::auth::Viewer;
use crate::db::retrying;
use crate::error::{Error, ErrorCode, Result};
use crate::idempotency::IdempotencyKey;
use crate::ledger::{self, NewTransfer};
use escrow::BY_HAND;

/// What an operator does about it.
pub enum ManualPayout<'a> {
    Request,
    Approve,
    /// Not approved, could not be paid, or came back after it had been: it is the supplier's balance again.
    Reject {
        reason: &'a str,
    },
    Confirm {
        bank_reference: &'a str,
    },
}

pub async fn settle_manual_payout(
    app: &App,
    viewer: &Viewer,
    idempotency_key: Option<&IdempotencyKey>,
    (payout_id, act): (PayoutId, ManualPayout<'_>),
) -> Result<Model> {
    viewer.require_operator()?;
    retrying(|| settle(app, viewer, idempotency_key, (payout_id, &act))).await
}

async fn settle(
    app: &App,
    viewer: &Viewer,
    idempotency_key: Option<&IdempotencyKey>,
    (payout_id, act): (PayoutId, &ManualPayout<'_>),
) -> Result<Model> {
    let operator_id = viewer.require_operator()?;
    let transaction = app.db.begin_write().await?;
    let found = Entity::find_by_id(payout_id).lock_exclusive().one(&transaction).await?;
    let mut row = found.ok_or_else(|| Error::not_found("payout").at("payoutId"))?;
    if let Some(idempotency_key) = idempotency_key
        && idempotency_key.find(&transaction).await?.is_some()
    {
        return Ok(row);
    }
    let wrong = |message: &str| Err(Error::refused(ErrorCode::InvalidTransition, message).at("payoutId"));
    if row.provider != BY_HAND {
        return wrong("this payout is a provider's, and not paid by hand");
    }
    let before = row.status;
    let (own, supplier) = (LedgerAccount::Payout(payout_id), LedgerAccount::Supplier(row.supplier_id));
    let bank = || LedgerAccount::Provider(BY_HAND.to_owned());
    let move_it = async |(debit, credit, cause): (LedgerAccount, LedgerAccount, &'static str), movement| {
        let amount = Money::new(row.amount, row.currency);
        let transfer = NewTransfer { debit, credit, amount, cause, order_id: None, movement };
        ledger::post(&transaction, &app.clock, app.clock.now(), vec![transfer]).await
    };
    match (act, before) {
        (ManualPayout::Request, PayoutStatus::ActionRequired) => {
            row.status = PayoutStatus::ApprovalRequired;
            (row.requested_by, row.approved_by) = (Some(operator_id), None);
        }
        (ManualPayout::Approve, PayoutStatus::ApprovalRequired) if row.requested_by == Some(operator_id) => {
            let message = "another operator than the one who asked has to approve";
            return Err(Error::refused(ErrorCode::NotPermitted, message));
        }
        (ManualPayout::Approve, PayoutStatus::ApprovalRequired) => {
            row.status = PayoutStatus::Pending;
            row.approved_by = Some(operator_id);
        }
        (
            ManualPayout::Reject { reason },
            PayoutStatus::ActionRequired | PayoutStatus::ApprovalRequired | PayoutStatus::Pending,
        ) => {
            move_it((own, supplier, "payout.failed"), None).await?;
            (row.status, row.balance) = (PayoutStatus::Failed, MinorUnits::ZERO);
            row.failure = Some((*reason).to_owned());
        }
        (ManualPayout::Reject { reason }, PayoutStatus::Paid) => {
            move_it((bank(), supplier, "payout.returned"), None).await?;
            row.status = PayoutStatus::Returned;
            row.failure = Some((*reason).to_owned());
        }
        (ManualPayout::Confirm { bank_reference }, PayoutStatus::Pending) => {
            let movement = by_hand_movement("payout", bank_reference);
            require_unbooked(&transaction, &movement).await?;
            move_it((own, bank(), "payout.paid"), Some((movement, 0))).await?;
            (row.status, row.balance) = (PayoutStatus::Paid, MinorUnits::ZERO);
        }
        (ManualPayout::Request, _) => return wrong("this payout does not wait for somebody to act"),
        (ManualPayout::Approve, _) => return wrong("this payout does not wait to be approved"),
        (ManualPayout::Reject { .. }, _) => return wrong("this payout is over"),
        (ManualPayout::Confirm { .. }, _) => {
            return wrong("this payout is not being paid: it has to be approved first");
        }
    }
    let row = save(app, &transaction, row).await?;
    if let Some(idempotency_key) = idempotency_key {
        idempotency_key.record(&transaction, &app.clock, payout_id.to_string()).await?;
    }
    transaction.commit().await?;
    tracing::info!(%operator_id, payout = %payout_id, from = ?before, to = ?row.status, "a payout by hand");
    Ok(row)
}

async fn save(app: &App, transaction: &DatabaseTransaction, mut row: Model) -> Result<Model> {
    row.updated_at = app.clock.now();
    Ok(row.into_active_model().reset_all().update(transaction).await?)
}
