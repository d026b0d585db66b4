//! What a fact is about, found by our own reference or by the provider's.

use entity::payment::PaymentStatus;
use entity::{payment, refund};
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter};

use crate::app::App;
use crate::error::Result;
use provider::PaymentProvider;

/// What became of a fact.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Applied {
    /// Booked now, booked before, or nothing to book.
    Done,
    /// Not ours, or not as we asked: a person has to look at it. Nothing was booked.
    NotOurs(String),
    /// It may be about something that we are just being notified of: to be tried again in a moment.
    NotYet(String),
}

impl Applied {
    /// For facts that came as an answer, and so have no row in the inbox to be quarantined in.
    pub(super) fn or_log(self, provider: &str) {
        if let Self::NotOurs(reason) | Self::NotYet(reason) = self {
            tracing::error!(provider, reason, "a provider's answer doesn't fit what we asked");
        }
    }
}

pub(super) fn unknown(what: &str, reference: &str) -> Applied {
    let shown: String = reference.chars().take(80).collect();
    Applied::NotOurs(format!("no {what} of ours at this provider has the reference \"{shown}\""))
}

pub(super) async fn find_payment(
    app: &App,
    provider: &dyn PaymentProvider,
    reference: &str,
) -> Result<Option<payment::Model>> {
    let by = |column: payment::Column| {
        let of_provider = payment::Entity::find().filter(payment::Column::Provider.eq(provider.name()));
        of_provider.filter(column.eq(reference)).one(&app.db.read)
    };
    match by(payment::Column::Reference).await? {
        Some(payment) => Ok(Some(payment)),
        None => Ok(by(payment::Column::ProviderReference).await?),
    }
}

/// By the first of these references that names one.
pub(super) async fn find_payment_by_any<'a>(
    app: &App,
    provider: &dyn PaymentProvider,
    references: impl Iterator<Item = &'a str> + Send,
) -> Result<Option<payment::Model>> {
    for reference in references {
        let found = find_payment(app, provider, reference).await?;
        if found.is_some() {
            return Ok(found);
        }
    }
    Ok(None)
}

pub(super) async fn find_refund(
    app: &App,
    provider: &dyn PaymentProvider,
    reference: &str,
) -> Result<Option<refund::Model>> {
    let found = refund::Entity::find().filter(refund::Column::Provider.eq(provider.name()));
    Ok(found.filter(refund::Column::Reference.eq(reference)).one(&app.db.read).await?)
}

/// A payment that a provider speaks of by an id of its own may be one whose id we do not know yet: this fact
/// overtook its answer to our own call.
pub(super) async fn unknown_payment(app: &App, provider: &dyn PaymentProvider, reference: &str) -> Result<Applied> {
    let unanswered = payment::Entity::find()
        .filter(payment::Column::Provider.eq(provider.name()))
        .filter(payment::Column::Status.eq(PaymentStatus::Pending))
        .filter(payment::Column::ProviderReference.is_null())
        .one(&app.db.read)
        .await?;
    Ok(match (unknown("payment", reference), unanswered) {
        (Applied::NotOurs(reason), Some(_)) => Applied::NotYet(reason),
        (other, _) => other,
    })
}
