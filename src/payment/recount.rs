//! What was refunded in all, from providers that state the sum only: turned into which refund of ours that was.

use entity::refund::{Column, Entity, Model, RefundStatus};
use entity::{Money, payment};
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter, QueryOrder};

use super::matching::{Applied, find_payment, unknown_payment};
use super::query::{amount_sent, refund_query, unanswered};
use crate::app::App;
use crate::error::Result;
use provider::{Fact, PaymentProvider, ProviderError};

/// What a sum comes to.
pub(super) enum Recount {
    /// It is clear without booking anything.
    Known(Applied),
    /// These refunds arrived: to be booked, up to the first that can't be.
    Arrived(Vec<Fact>),
    /// Which refunds it is made of isn't clear: the provider has to be asked about each.
    Unclear { payment: Box<payment::Model>, refunds: Vec<Model> },
}

/// The sum less what we know to have gone back is what is new. It is of the refund that was named, or of the only one, or
/// of all that are on their way, that make it up; if that is not clear, the provider is asked about each.
pub(super) async fn recount(
    app: &App,
    provider: &dyn PaymentProvider,
    payment: &str,
    named: Option<&str>,
    total: Money,
) -> Result<Recount> {
    let Some(payment) = find_payment(app, provider, payment).await? else {
        return unknown_payment(app, provider, payment).await.map(Recount::Known);
    };
    if total.currency != payment.currency {
        let problem = format!("{}: {total} is said to have been refunded, which is another currency", payment.id);
        return Ok(Recount::Known(Applied::NotOurs(problem)));
    }
    let refunds = of_payment(app, provider, &payment).await?;
    let known: i64 = refunds
        .iter()
        .filter(|refund| refund.status == RefundStatus::Succeeded)
        .map(|refund| amount_sent(refund).amount.0)
        .sum();
    let new = total.amount.0.saturating_sub(known);
    if new <= 0 {
        return Ok(Recount::Known(Applied::Done));
    }
    let open: Vec<&Model> = refunds.iter().filter(|refund| is_open(refund)).collect();
    let amounts = |refunds: &[&Model]| refunds.iter().map(|refund| amount_sent(refund).amount.0).sum::<i64>();
    let named: Vec<&Model> = open.iter().copied().filter(|refund| Some(refund.reference.as_str()) == named).collect();
    let alone: Vec<&Model> = open.iter().copied().filter(|refund| amount_sent(refund).amount.0 == new).collect();
    let these = if !named.is_empty() && amounts(&named) <= new {
        named
    } else if alone.len() == 1 {
        alone
    } else if !open.is_empty() && amounts(&open) == new {
        open
    } else {
        let refunds = open.into_iter().cloned().collect();
        return Ok(Recount::Unclear { payment: Box::new(payment), refunds });
    };
    let arrived = these.into_iter().map(|refund| Fact::RefundSucceeded {
        reference: refund.reference.clone(),
        provider_reference: None,
        movement: refund.reference.clone(),
        amount: amount_sent(refund),
    });
    Ok(Recount::Arrived(arrived.collect()))
}

/// Whether it may turn out to have gone back: what failed may have, too.
fn is_open(refund: &Model) -> bool {
    refund.started_at.is_some() && !matches!(refund.status, RefundStatus::Succeeded | RefundStatus::ChargedBack)
}

async fn of_payment(app: &App, provider: &dyn PaymentProvider, payment: &payment::Model) -> Result<Vec<Model>> {
    let of_payment =
        Entity::find().filter(Column::PaymentId.eq(payment.id)).filter(Column::Provider.eq(provider.name()));
    Ok(of_payment.order_by_asc(Column::Id).all(&app.db.read).await?)
}

/// What the provider answers about one refund; nothing, if it doesn't know it or can't be asked.
pub(super) async fn ask_about(app: &App, provider: &dyn PaymentProvider, refund: &Model) -> Result<Vec<Fact>> {
    match provider.query_refund(&refund_query(app, refund).await?).await {
        Ok(facts) => Ok(facts),
        Err(ProviderError::NotKnown(_) | ProviderError::CannotBeAsked(_)) => Ok(Vec::new()),
        Err(error) => Err(unanswered(provider.name(), &error)),
    }
}

/// After all were asked about: whether what we have ever sent explains the sum.
pub(super) async fn explained(
    app: &App,
    provider: &dyn PaymentProvider,
    payment: &payment::Model,
    total: Money,
) -> Result<Applied> {
    let after = of_payment(app, provider, payment).await?;
    // The sum may be an old one: what had gone back by then may have come back since.
    let sent_ever: i64 =
        after.iter().filter(|refund| refund.started_at.is_some()).map(|refund| amount_sent(refund).amount.0).sum();
    if sent_ever >= total.amount.0 {
        return Ok(Applied::Done);
    }
    let problem =
        format!("{}: {total} is said to have been refunded in all, which is more than we know of", payment.id);
    Ok(Applied::NotOurs(problem))
}
