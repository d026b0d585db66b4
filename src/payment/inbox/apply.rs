//! From the inbox to the books: interpret, match, one command, the one write path.

use entity::notification::{ActiveModel, Column, Entity, MOST_FAILURES, Model, NotificationStatus};
use entity::{NotificationId, Time};
use sea_orm::ActiveValue::Set;
use sea_orm::sea_query::{Expr, ExprTrait};
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter};

use crate::app::App;
use crate::error::{Error, Result};
use crate::job::JobOutcome;
use crate::payment::doubt::freeze_named;
use crate::payment::fact::apply_fact;
use crate::payment::matching::Applied;
use crate::payment::query::require_provider;
use provider::{Fact, PaymentProvider, Uninterpretable, is_report};

const LONGEST_REASON: usize = 1_000;
/// Of a message that can't be read at all.
const LONGEST_SEARCHED: usize = 64 * 1024;

/// Applies a notification. Run twice, it changes nothing the second time: each fact is booked once.
pub async fn apply_notification(app: &App, id: NotificationId) -> Result<JobOutcome> {
    let result = apply(app, id).await;
    if let Err(error) = &result {
        count_failure(app, id, error).await?;
    }
    result
}

/// With why: one that keeps failing stands beside those in quarantine.
async fn count_failure(app: &App, id: NotificationId, error: &Error) -> Result<()> {
    let transaction = app.db.begin_write().await?;
    Entity::update_many()
        .col_expr(Column::Failures, Expr::col(Column::Failures).add(1))
        .col_expr(Column::Reason, Expr::value(fit_reason(&error.to_string())))
        .filter(Column::Id.eq(id))
        .filter(Column::Status.eq(NotificationStatus::Received))
        .exec(&transaction)
        .await?;
    transaction.commit().await?;
    Ok(())
}

async fn apply(app: &App, id: NotificationId) -> Result<JobOutcome> {
    let row =
        Entity::find_by_id(id).one(&app.db.read).await?.ok_or_else(|| Error::internal(format!("{id} is gone")))?;
    if row.status != NotificationStatus::Received {
        return Ok(JobOutcome::Done);
    }
    let provider = require_provider(app, &row.provider)?;
    let facts = match facts_of(provider.as_ref(), &row) {
        Ok(facts) => facts,
        Err(error) => {
            let body = if row.body.len() <= LONGEST_SEARCHED { row.body.as_slice() } else { &[] };
            freeze_named(app, provider.name(), &[String::from_utf8_lossy(body).into_owned()]).await?;
            return mark(app, id, NotificationStatus::Quarantined, Some(error.to_string())).await;
        }
    };
    let (mut misfits, mut named, mut again) = (Vec::new(), Vec::new(), None);
    for fact in facts {
        let said = format!("{fact:?}");
        // A fact that can't be booked now doesn't hold up those behind it: a bank's file tells of hundreds of orders.
        match apply_fact(app, provider.as_ref(), fact, row.heard_at).await {
            Ok(Applied::Done) => {}
            Ok(Applied::NotOurs(reason)) => {
                named.push(format!("{said} {reason}"));
                misfits.push(reason);
            }
            Ok(Applied::NotYet(reason)) if row.failures < MOST_FAILURES => again = Some(Error::internal(reason)),
            Ok(Applied::NotYet(reason)) => {
                named.push(format!("{said} {reason}"));
                misfits.push(reason);
            }
            Err(error) => again = Some(error),
        }
    }
    if let Some(error) = again {
        return Err(error);
    }
    if misfits.is_empty() {
        mark(app, id, NotificationStatus::Applied, None).await
    } else {
        freeze_named(app, provider.name(), &named).await?;
        mark(app, id, NotificationStatus::Quarantined, Some(misfits.join("; "))).await
    }
}

/// What one says: a notification, or a report that came in by a folder.
pub(in crate::payment) fn facts_of(
    provider: &dyn PaymentProvider,
    row: &Model,
) -> std::result::Result<Vec<Fact>, Uninterpretable> {
    if !is_report(&row.event_id) {
        return provider.interpret(&row.body);
    }
    let reports = provider.settlement();
    let reports =
        reports.ok_or_else(|| Uninterpretable("a report, and there is no folder for reports any more".to_owned()))?;
    reports.interpret(&row.body)
}

/// As it is kept: the provider's own words may be in it.
pub(super) fn fit_reason(text: &str) -> String {
    text.chars().filter(|c| !c.is_control()).take(LONGEST_REASON).collect()
}

async fn mark(app: &App, id: NotificationId, status: NotificationStatus, reason: Option<String>) -> Result<JobOutcome> {
    let reason = reason.map(|text| fit_reason(&text));
    if let Some(reason) = &reason {
        tracing::warn!(notification = %id, reason, "quarantined");
    }
    let applied_at: Option<Time> = (status == NotificationStatus::Applied).then(|| app.clock.wall());
    let transaction = app.db.begin_write().await?;
    let row =
        ActiveModel { status: Set(status), reason: Set(reason), applied_at: Set(applied_at), ..Default::default() };
    // Operators may have settled it meanwhile.
    let this = Entity::update_many().set(row).filter(Column::Id.eq(id));
    this.filter(Column::Status.eq(NotificationStatus::Received)).exec(&transaction).await?;
    transaction.commit().await?;
    Ok(JobOutcome::Done)
}
