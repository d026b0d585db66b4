//! News that can't be trusted to say what happened: the provider is asked, and what it answers is booked.

use entity::refund::RefundStatus;
use entity::{Time, payment, refund};
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter};

use super::fact::{Applied, book, find_payment, find_refund, unknown, unknown_payment};
use super::refund::query as refund_query;
use super::{payment_query, unanswered};
use crate::app::App;
use crate::error::Result;
use provider::{Fact, PaymentProvider, ProviderError};

/// The payment that is spoken of, asked about. An id of the provider's that we haven't been told yet is tried, too: the answer
/// must name our reference and amount, or it isn't one.
pub(super) async fn payment(
    app: &App,
    provider: &dyn PaymentProvider,
    (references, provider_reference): (&[String], Option<&str>),
    heard_at: Time,
) -> Result<Applied> {
    let mut found: Option<payment::Model> = None;
    for reference in provider_reference.into_iter().chain(references.iter().map(String::as_str)) {
        found = find_payment(app, provider, reference).await?;
        if found.is_some() {
            break;
        }
    }
    let Some(payment) = found else {
        let named = references.first().map(String::as_str).or(provider_reference).unwrap_or_default();
        return unknown_payment(app, provider, named).await;
    };
    let mut query = payment_query(app, &payment);
    query.provider_reference = query.provider_reference.or_else(|| provider_reference.map(str::to_owned));
    answered(app, provider, provider.query_payment(&query).await, heard_at).await
}

pub(super) async fn refund(
    app: &App,
    provider: &dyn PaymentProvider,
    reference: &str,
    heard_at: Time,
) -> Result<Applied> {
    let found = match find_refund(app, provider, reference).await? {
        Some(refund) => Some(refund),
        None => of_provider(provider).filter(refund::Column::ProviderReference.eq(reference)).one(&app.db.read).await?,
    };
    let Some(refund) = found else {
        let unanswered = of_provider(provider)
            .filter(refund::Column::Status.is_in([RefundStatus::Requested, RefundStatus::Pending]))
            .filter(refund::Column::ProviderReference.is_null())
            .one(&app.db.read)
            .await?;
        return Ok(match (unknown("refund", reference), unanswered) {
            (Applied::NotOurs(reason), Some(_)) => Applied::NotYet(reason),
            (other, _) => other,
        });
    };
    let answer = provider.query_refund(&refund_query(app, &refund).await?).await;
    answered(app, provider, answer, heard_at).await
}

fn of_provider(provider: &dyn PaymentProvider) -> sea_orm::Select<refund::Entity> {
    refund::Entity::find().filter(refund::Column::Provider.eq(provider.name()))
}

async fn answered(
    app: &App,
    provider: &dyn PaymentProvider,
    answer: std::result::Result<Vec<Fact>, ProviderError>,
    heard_at: Time,
) -> Result<Applied> {
    let facts = match answer {
        Ok(facts) => facts,
        Err(error @ (ProviderError::Unknown(_) | ProviderError::Busy(_))) => {
            return Err(unanswered(provider.name(), &error));
        }
        Err(error) => return Ok(Applied::NotOurs(format!("the provider was asked about it: {error}"))),
    };
    let mut worst = Applied::Done;
    for fact in facts {
        let applied = if matches!(fact, Fact::PaymentHint { .. } | Fact::RefundHint { .. }) {
            Applied::NotOurs("the provider answered a question with a hint".to_owned())
        } else {
            Box::pin(book(app, provider, fact, heard_at)).await?
        };
        if worst == Applied::Done {
            worst = applied;
        }
    }
    Ok(worst)
}
