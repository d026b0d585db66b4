//! A payment that its provider did not open: the next provider of the method's route gets its turn, with a payment of its
//! own that takes the first one's place.

use std::sync::Arc;

use entity::payment::{Model, PaymentStatus};
use entity::{Money, OrderId, OrderStatus, PaymentId, payment};
use sea_orm::{EntityTrait, QuerySelect};

use super::attempt::{Attempt, new_payment};
use crate::app::App;
use crate::db::retrying;
use crate::error::{Error, Result};
use crate::order::LockedOrder;
use escrow::{Actor, Command, NewPayment};
use provider::{MethodTerms, Payer, PaymentProvider};

/// A payment that its provider did not open: the next provider of the method's route that can take what is due gets one in
/// its place. None if there is none, or nothing has to be paid so any more.
///
/// Whether the first provider has opened it may be unknown. But the buyer was shown no way to pay it, and it is withdrawn;
/// money that comes by it all the same is the order's, or set aside.
pub(super) async fn fall_back(app: &App, payment: &Model, payer: &Payer) -> Result<Option<PaymentId>> {
    if !is_unopened(payment) || behind(app, payment).next().is_none() {
        return Ok(payment.replaced_by);
    }
    retrying(|| fall_back_once(app, payment.id, payment.order_id, payer)).await
}

fn is_unopened(payment: &Model) -> bool {
    let is_lost = matches!(payment.status, PaymentStatus::Pending | PaymentStatus::Failed);
    payment.opened_at.is_none() && payment.captured.0 == 0 && is_lost
}

/// The providers of the method's route that come after this payment's.
fn behind(app: &App, payment: &Model) -> impl Iterator<Item = (Arc<dyn PaymentProvider>, MethodTerms)> {
    let routed = app.providers.for_method(payment.method).into_iter();
    let behind = routed.skip_while(|(provider, _)| provider.name() != payment.provider).skip(1);
    behind.filter(|(provider, _)| app.providers.may_replace(provider.name(), payment.method))
}

async fn fall_back_once(app: &App, id: PaymentId, order_id: OrderId, payer: &Payer) -> Result<Option<PaymentId>> {
    let mut locked = LockedOrder::begin_for_all(app, order_id, app.clock.now()).await?;
    // Locked: an answer that is just being written down has to see that it is replaced, or we that it is opened.
    let failed = payment::Entity::find_by_id(id).lock_exclusive().one(locked.transaction()).await?;
    let failed = failed.ok_or_else(|| Error::internal(format!("{id} is gone")))?;
    if failed.replaced_by.is_some() {
        return Ok(failed.replaced_by);
    }
    let same = |payment: &&Model| {
        payment.id != id && payment.method == failed.method && payment.status == PaymentStatus::Pending
    };
    if !is_unopened(&failed)
        || locked.order().status() != OrderStatus::AwaitingPayment
        || locked.order().payments.iter().filter(same).any(|payment| payment.replaced_by.is_none())
    {
        return Ok(None);
    }
    let due = Money::new(locked.order().due(), locked.order().row.currency);
    let can = |terms: &MethodTerms| terms.refuses(due).is_none() && knows(terms, payer);
    let Some((provider, terms)) = behind(app, &failed).find(|(_, terms)| can(terms)) else { return Ok(None) };
    let payment_id = PaymentId(app.clock.new_id());
    let attempt = Attempt {
        provider: provider.as_ref(),
        terms: &terms,
        payment_id,
        method: failed.method,
        payer,
        return_url: failed.return_url.clone(),
    };
    let new = new_payment(&locked, attempt).await?;
    let command = Command::PayOrder(NewPayment { replaces: Some(id), ..new });
    locked.command(Actor::Buyer, &command).await?;
    locked.commit().await?;
    tracing::warn!(payment = %id, provider = failed.provider, instead = %payment_id, by = provider.name(), "a payment was not opened; the next provider of its route is asked");
    Ok(Some(payment_id))
}

/// Whether all is there that it wants to know of the payer.
fn knows(terms: &MethodTerms, payer: &Payer) -> bool {
    let is_elsewhere = |country: &str| !terms.countries.is_empty() && !terms.countries.contains(&country);
    terms.payer_fields.iter().all(|field| payer.field(*field).is_some())
        && !payer.country.as_deref().is_some_and(is_elsewhere)
}
