//! Money that is taken back: by a card company that a buyer complained to, or because a transfer bounced.

use entity::{ChargebackId, Money, Time, chargeback, payment};
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter};

use super::matching::{Applied, find_payment, unknown_payment};
use crate::app::App;
use crate::error::Result;
use crate::ledger::movement_key;
use crate::order::execute_as_provider;
use escrow::{self, Command};
use provider::{ChargebackStage, PaymentProvider};

/// Money that is taken back.
pub(super) struct ClaimedBack<'a> {
    /// Of the payment, ours.
    pub(super) reference: &'a str,
    /// The provider's, of the movement.
    pub(super) id: &'a str,
    pub(super) amount: Money,
    pub(super) reason: &'a str,
}

/// What was notified of a chargeback.
pub(super) struct Disputed<'a> {
    /// Of the payment, ours or the provider's.
    pub(super) reference: &'a str,
    /// The provider's, of the chargeback.
    pub(super) id: &'a str,
    /// Where the provider says it.
    pub(super) amount: Option<Money>,
    pub(super) reason: &'a str,
}

pub(super) async fn apply(
    app: &App,
    provider: &dyn PaymentProvider,
    disputed: &Disputed<'_>,
    stage: ChargebackStage,
    heard_at: Time,
) -> Result<Applied> {
    let key = |kind, movement: &str| movement_key(provider.name(), kind, movement);
    let stage = match stage {
        ChargebackStage::Inquiry => escrow::ChargebackStage::Inquiry,
        ChargebackStage::Opened => escrow::ChargebackStage::Opened,
        ChargebackStage::Debited { movement } => {
            escrow::ChargebackStage::Debited { movement: key("chargeback", &movement) }
        }
        ChargebackStage::Won { movement } => {
            escrow::ChargebackStage::Won { movement: movement.map(|movement| key("chargeback_won", &movement)) }
        }
        ChargebackStage::Lost => escrow::ChargebackStage::Lost,
        ChargebackStage::Unclear { what } => escrow::ChargebackStage::Unclear { what },
    };
    // The dispute's own id is the surest: a later stage may name it only, or the payment by another reference.
    let payment = match find_disputed(app, provider, disputed.id).await? {
        Some(payment) => payment,
        None => match find_payment(app, provider, disputed.reference).await? {
            Some(payment) => payment,
            None => return unknown_payment(app, provider, disputed.reference).await,
        },
    };
    // Where nothing is said about money, some providers write a zero.
    let amount = disputed.amount.filter(|amount| !amount.amount.is_zero());
    if let Some(amount) = amount.filter(|amount| !amount.amount.is_positive()) {
        return Ok(Applied::NotOurs(format!("a chargeback of {amount}")));
    }
    let command = Command::Chargeback {
        chargeback_id: ChargebackId(app.clock.new_id()),
        payment_id: payment.id,
        reference: disputed.id.to_owned(),
        amount,
        cause: escrow::ClaimCause::Dispute,
        stage,
        reason: disputed.reason.to_owned(),
    };
    execute_as_provider(app, payment.order_id, heard_at, &command).await?;
    Ok(Applied::Done)
}

/// The payment of a dispute that we hold.
async fn find_disputed(app: &App, provider: &dyn PaymentProvider, dispute: &str) -> Result<Option<payment::Model>> {
    let of_provider = chargeback::Entity::find().filter(chargeback::Column::Provider.eq(provider.name()));
    let known = of_provider.filter(chargeback::Column::Reference.eq(dispute)).one(&app.db.read).await?;
    match known {
        Some(row) => Ok(payment::Entity::find_by_id(row.payment_id).one(&app.db.read).await?),
        None => Ok(None),
    }
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
