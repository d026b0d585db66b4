//! How our payments and refunds are spoken of to their provider.

use std::sync::Arc;

use entity::refund::{Column, Entity, Model};
use entity::{LedgerAccount, Money, PaymentId, payment, transfer};
use sea_orm::{ColumnTrait, ConnectionTrait, EntityTrait, QueryFilter};

use crate::app::App;
use crate::error::{Error, Result};
use crate::ledger::movement_key;
use escrow::BY_HAND;
use provider::{PaymentProvider, PaymentQuery, ProviderError, RefundQuery};

pub(super) fn require_provider(app: &App, name: &str) -> Result<Arc<dyn PaymentProvider>> {
    app.providers
        .find(name)
        .ok_or_else(|| Error::internal(format!("the provider {name} is not configured here any more")))
}

pub(super) async fn require_payment<C: ConnectionTrait>(db: &C, id: PaymentId) -> Result<payment::Model> {
    payment::Entity::find_by_id(id).one(db).await?.ok_or_else(|| Error::internal(format!("{id} is gone")))
}

/// How a payment is spoken of to its provider.
pub(super) fn payment_query(app: &App, payment: &payment::Model) -> PaymentQuery {
    PaymentQuery {
        reference: payment.reference.clone(),
        provider_reference: payment.provider_reference.clone(),
        method: payment.method,
        amount: Money::new(payment.amount, payment.currency),
        has_expired: payment.expires_at.is_some_and(|at| at <= app.clock.now()),
    }
}

pub(super) async fn refund_query(app: &App, refund: &Model) -> Result<RefundQuery> {
    let payment_id = refund.payment_id.ok_or_else(|| Error::internal(format!("{} is of no payment", refund.id)))?;
    let payment = require_payment(&app.db.read, payment_id).await?;
    Ok(RefundQuery {
        reference: refund.reference.clone(),
        provider_reference: refund.provider_reference.clone(),
        payment: payment_query(app, &payment),
        amount: amount_sent(refund),
        others: booked_of_others(app, refund).await?,
    })
}

/// What the provider was asked for: what chargebacks had not taken, and what was not lost when it came back.
pub(super) fn amount_sent(refund: &Model) -> Money {
    Money::new(refund.to_send(), refund.currency)
}

/// By which movements the payment's other refunds left this provider; of those that were paid by hand, by what the operators
/// named as the transfer.
pub(super) async fn booked_of_others(app: &App, refund: &Model) -> Result<Vec<String>> {
    let others = Entity::find().filter(Column::PaymentId.eq(refund.payment_id)).filter(Column::Id.ne(refund.id));
    let accounts: Vec<LedgerAccount> =
        others.all(&app.db.read).await?.into_iter().map(|other| LedgerAccount::Refund(other.id)).collect();
    let sent = transfer::Entity::find().filter(transfer::Column::Debit.is_in(accounts)).filter(
        transfer::Column::Credit
            .is_in([refund.provider.as_str(), BY_HAND].map(|name| LedgerAccount::Provider(name.to_owned()))),
    );
    let prefixes = [refund.provider.as_str(), BY_HAND].map(|name| movement_key(name, "refund", ""));
    let movements = sent.all(&app.db.read).await?.into_iter().filter_map(|row| row.movement);
    let name = |movement: String| prefixes.iter().find_map(|prefix| movement.strip_prefix(prefix).map(str::to_owned));
    Ok(movements.filter_map(name).collect())
}

/// A question without an answer is asked again, by the job that asked it.
pub(super) fn unanswered(provider: &str, error: &ProviderError) -> Error {
    Error::internal(format!("{provider}: {error}"))
}
