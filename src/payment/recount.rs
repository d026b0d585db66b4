//! What was refunded in all, from providers that say the sum only: turned into which refund of ours that was.

use entity::refund::{Column, Entity, Model, RefundStatus};
use entity::{Money, Time, payment};
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter, QueryOrder};

use super::fact::{Applied, apply_fact, find_payment, sent, unknown_payment};
use super::refund::query;
use super::unanswered;
use crate::app::App;
use crate::error::Result;
use provider::{Fact, PaymentProvider, ProviderError};

/// The sum less what we know to have gone back is what is new. It is of the refund that was named, or of the only one, or
/// of all that are on their way, that make it up; if that is not clear, the provider is asked about each.
pub(super) async fn refunded_in_all(
    app: &App,
    provider: &dyn PaymentProvider,
    (payment, named): (&str, Option<&str>),
    total: Money,
    heard_at: Time,
) -> Result<Applied> {
    let Some(payment) = find_payment(app, provider, payment).await? else {
        return unknown_payment(app, provider, payment).await;
    };
    if total.currency != payment.currency {
        return Ok(Applied::NotOurs(format!(
            "{}: {total} is said to have been refunded, which is another currency",
            payment.id
        )));
    }
    let refunds = of_payment(app, provider, &payment).await?;
    let known: i64 = refunds
        .iter()
        .filter(|refund| refund.status == RefundStatus::Succeeded)
        .map(|refund| sent(refund).amount.0)
        .sum();
    let new = total.amount.0.saturating_sub(known);
    if new <= 0 {
        return Ok(Applied::Done);
    }
    let open: Vec<&Model> = refunds.iter().filter(|refund| is_open(refund)).collect();
    let amounts = |refunds: &[&Model]| refunds.iter().map(|refund| sent(refund).amount.0).sum::<i64>();
    let named: Vec<&Model> = open.iter().copied().filter(|refund| Some(refund.reference.as_str()) == named).collect();
    let alone: Vec<&Model> = open.iter().copied().filter(|refund| sent(refund).amount.0 == new).collect();
    let these = if !named.is_empty() && amounts(&named) <= new {
        named
    } else if alone.len() == 1 {
        alone
    } else if !open.is_empty() && amounts(&open) == new {
        open
    } else {
        return ask_about_each(app, provider, &open, (&payment, total), heard_at).await;
    };
    for refund in these {
        let fact = Fact::RefundSucceeded {
            reference: refund.reference.clone(),
            provider_reference: None,
            movement: refund.reference.clone(),
            amount: sent(refund),
        };
        match Box::pin(apply_fact(app, provider, fact, heard_at)).await? {
            Applied::Done => {}
            misfit @ (Applied::NotOurs(_) | Applied::NotYet(_)) => return Ok(misfit),
        }
    }
    Ok(Applied::Done)
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

async fn ask_about_each(
    app: &App,
    provider: &dyn PaymentProvider,
    open: &[&Model],
    (payment, total): (&payment::Model, Money),
    heard_at: Time,
) -> Result<Applied> {
    for refund in open {
        match provider.query_refund(&query(app, refund).await?).await {
            Ok(facts) => {
                for fact in facts {
                    Box::pin(apply_fact(app, provider, fact, heard_at)).await?.or_log(provider.name());
                }
            }
            Err(ProviderError::NotKnown(_) | ProviderError::CannotBeAsked(_)) => {}
            Err(error) => return Err(unanswered(provider.name(), &error)),
        }
    }
    let after = of_payment(app, provider, payment).await?;
    // It may be old news: what had gone back by then may have come back since.
    let sent_ever: i64 =
        after.iter().filter(|refund| refund.started_at.is_some()).map(|refund| sent(refund).amount.0).sum();
    if sent_ever >= total.amount.0 {
        return Ok(Applied::Done);
    }
    let problem =
        format!("{}: {total} is said to have been refunded in all, which is more than we know of", payment.id);
    Ok(Applied::NotOurs(problem))
}
