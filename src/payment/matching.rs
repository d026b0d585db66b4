//! What a fact is about, found by our own reference or by the provider's.

use entity::payment::PaymentStatus;
use entity::{payment, refund, refund_attempt};
use sea_orm::sea_query::SimpleExpr;
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

/// By the provider's own id of it first, then by ours: what is repeated as ours may be the payment's, or an earlier attempt's.
/// Also one that is paid by hand by now, if its payment is of this provider.
pub(super) async fn find_refund(
    app: &App,
    provider: &dyn PaymentProvider,
    reference: &str,
    provider_reference: Option<&str>,
) -> Result<Option<refund::Model>> {
    let theirs = provider_reference.map(|theirs| refund::Column::ProviderReference.eq(theirs));
    let ours = [refund::Column::Reference.eq(reference), refund::Column::ProviderReference.eq(reference)];
    for filter in theirs.into_iter().chain(ours) {
        if let [found] = of_provider(app, provider, filter).await?.as_slice() {
            return Ok(Some(found.clone()));
        }
    }
    // An earlier attempt's?
    let Some(earlier) = refund_attempt::Entity::find_by_id(reference.to_owned()).one(&app.db.read).await? else {
        return Ok(None);
    };
    Ok(of_provider(app, provider, refund::Column::Id.eq(earlier.refund_id)).await?.pop())
}

/// Sent by this provider, or of a payment whose money it gives back.
pub(super) async fn of_provider(
    app: &App,
    provider: &dyn PaymentProvider,
    filter: SimpleExpr,
) -> Result<Vec<refund::Model>> {
    let mut found = Vec::new();
    for row in refund::Entity::find().filter(filter).all(&app.db.read).await? {
        let payment = match row.payment_id {
            Some(id) if row.provider != provider.name() => payment::Entity::find_by_id(id).one(&app.db.read).await?,
            Some(_) | None => None,
        };
        if row.provider == provider.name() || payment.is_some_and(|payment| payment.refund_by == provider.name()) {
            found.push(row);
        }
    }
    Ok(found)
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
