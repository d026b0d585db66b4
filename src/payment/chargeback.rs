//! Money that is taken back: by a card company that a buyer complained to, or because a transfer bounced.

use entity::{ChargebackId, Money, Time};

use super::matching::{Applied, find_payment, unknown_payment};
use crate::app::App;
use crate::error::Result;
use crate::ledger::movement_key;
use crate::order::execute_as_provider;
use escrow::{self, Command};
use provider::{ChargebackStage, PaymentProvider};

/// Money that is taken back, or may be.
pub(super) struct ClaimedBack<'a> {
    /// Of the payment, ours.
    pub(super) reference: &'a str,
    /// The provider's, of the chargeback or of the movement.
    pub(super) id: &'a str,
    pub(super) amount: Money,
    pub(super) reason: &'a str,
}

pub(super) async fn apply(
    app: &App,
    provider: &dyn PaymentProvider,
    claimed: &ClaimedBack<'_>,
    stage: ChargebackStage,
    heard_at: Time,
) -> Result<Applied> {
    let key = |kind, movement: &str| movement_key(provider.name(), kind, movement);
    let stage = match stage {
        ChargebackStage::Opened => escrow::ChargebackStage::Opened,
        ChargebackStage::Debited { movement } => {
            escrow::ChargebackStage::Debited { movement: key("chargeback", &movement) }
        }
        ChargebackStage::Won { movement } => {
            escrow::ChargebackStage::Won { movement: movement.map(|movement| key("chargeback_won", &movement)) }
        }
        ChargebackStage::Lost => escrow::ChargebackStage::Lost,
    };
    let Some(payment) = find_payment(app, provider, claimed.reference).await? else {
        return unknown_payment(app, provider, claimed.reference).await;
    };
    if !claimed.amount.amount.is_positive() {
        return Ok(Applied::NotOurs(format!("a chargeback of {}", claimed.amount)));
    }
    let command = Command::Chargeback {
        chargeback_id: ChargebackId(app.clock.new_id()),
        payment_id: payment.id,
        reference: claimed.id.to_owned(),
        amount: claimed.amount,
        stage,
        reason: claimed.reason.to_owned(),
    };
    execute_as_provider(app, payment.order_id, heard_at, &command).await?;
    Ok(Applied::Done)
}

pub(super) async fn reverse(
    app: &App,
    provider: &dyn PaymentProvider,
    claimed: &ClaimedBack<'_>,
    heard_at: Time,
) -> Result<Applied> {
    let Some(payment) = find_payment(app, provider, claimed.reference).await? else {
        return unknown_payment(app, provider, claimed.reference).await;
    };
    if !claimed.amount.amount.is_positive() {
        return Ok(Applied::NotOurs(format!("a reversal of {}", claimed.amount)));
    }
    let command = Command::ReversePayment {
        chargeback_id: ChargebackId(app.clock.new_id()),
        payment_id: payment.id,
        amount: claimed.amount,
        movement: movement_key(provider.name(), "reversal", claimed.id),
        reason: claimed.reason.to_owned(),
    };
    execute_as_provider(app, payment.order_id, heard_at, &command).await?;
    Ok(Applied::Done)
}
