//! Notifications that can't be trusted to state a fact: the provider is asked, and what it answers is to be booked.

use entity::refund;
use entity::refund::RefundStatus;
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter};

use super::matching::{Applied, find_payment_by_any, find_refund, unknown, unknown_payment};
use super::query::{payment_query, refund_query, unanswered};
use crate::app::App;
use crate::error::Result;
use provider::{Fact, PaymentProvider, ProviderError};

/// What came of a hint.
pub(super) enum Hinted {
    /// What the provider answered: to be booked.
    Answered(Vec<Fact>),
    /// There was nobody to ask, or nothing to ask about.
    Unmatched(Applied),
}

/// The payment that is spoken of, asked about. An id of the provider's that we don't know yet is tried, too: the answer
/// must name our reference and amount, or it isn't one.
pub(super) async fn payment(
    app: &App,
    provider: &dyn PaymentProvider,
    references: &[String],
    provider_reference: Option<&str>,
) -> Result<Hinted> {
    let named = provider_reference.into_iter().chain(references.iter().map(String::as_str));
    let Some(payment) = find_payment_by_any(app, provider, named).await? else {
        let named = references.first().map(String::as_str).or(provider_reference).unwrap_or_default();
        return unknown_payment(app, provider, named).await.map(Hinted::Unmatched);
    };
    let mut query = payment_query(app, &payment);
    query.provider_reference = query.provider_reference.or_else(|| provider_reference.map(str::to_owned));
    answered(provider, provider.query_payment(&query).await)
}

pub(super) async fn refund(app: &App, provider: &dyn PaymentProvider, reference: &str) -> Result<Hinted> {
    let found = find_refund(app, provider, reference, None).await?;
    let Some(refund) = found.filter(|refund| refund.payment_id.is_some()) else {
        let unanswered = of_provider(provider)
            .filter(refund::Column::Status.is_in([RefundStatus::Requested, RefundStatus::Pending]))
            .filter(refund::Column::ProviderReference.is_null())
            .one(&app.db.read)
            .await?;
        return Ok(Hinted::Unmatched(match (unknown("refund", reference), unanswered) {
            (Applied::NotOurs(reason), Some(_)) => Applied::NotYet(reason),
            (other, _) => other,
        }));
    };
    let answer = provider.query_refund(&refund_query(app, &refund).await?).await;
    answered(provider, answer)
}

fn of_provider(provider: &dyn PaymentProvider) -> sea_orm::Select<refund::Entity> {
    refund::Entity::find().filter(refund::Column::Provider.eq(provider.name()))
}

fn answered(provider: &dyn PaymentProvider, answer: std::result::Result<Vec<Fact>, ProviderError>) -> Result<Hinted> {
    match answer {
        Ok(facts) => Ok(Hinted::Answered(facts)),
        Err(error @ (ProviderError::Unknown(_) | ProviderError::Busy(_))) => Err(unanswered(provider.name(), &error)),
        Err(error) => Ok(Hinted::Unmatched(Applied::NotOurs(format!("the provider was asked about it: {error}")))),
    }
}
