//! Into the inbox: a verified notification is written once, with the job that applies it.
//!
//! An event id that was seen before is a duplicate if the content is the same, and is quarantined under an id of its own if
//! not: whoever can sign two contents with one id is not to be believed silently. A file that can't be used is in quarantine
//! from the beginning, so that operators see it beside all else that waits for them.

use entity::NotificationId;
use entity::notification::{ActiveModel, Column, Entity, Model, NotificationStatus};
use futures_util::future::BoxFuture;
use sea_orm::sea_query::OnConflict;
use sea_orm::{ColumnTrait, DatabaseTransaction, EntityTrait, QueryFilter};
use sha2::{Digest, Sha256};

use super::apply::fit_reason;
use crate::app::App;
use crate::db::retrying;
use crate::error::{Error, Result};
use crate::job::{self, Job};
use provider::{Verified, report_name};

/// What became of a verified notification.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stored {
    Accepted,
    Duplicate,
    Quarantined,
}

impl Stored {
    /// Its name in the metrics.
    #[must_use]
    pub fn label(self) -> &'static str {
        match self {
            Self::Accepted => "accepted",
            Self::Duplicate => "duplicate",
            Self::Quarantined => "quarantined",
        }
    }
}

/// Writes it into the inbox with the job that applies it; or finds that it is there already.
pub fn store_notification<'a>(
    app: &'a App,
    provider: &'static str,
    verified: &'a Verified,
    body: &'a [u8],
) -> BoxFuture<'a, Result<Stored>> {
    Box::pin(async move { retrying(|| store(app, provider, verified, body)).await })
}

/// A file that came in by a way that is trusted, and can't be used.
#[derive(Clone, Debug)]
pub struct RefusedFile {
    event_id: String,
    content_hash: String,
    reason: String,
    body: Vec<u8>,
}

/// A longer one is not kept: it lies in the folder, and its row says what it was.
const LONGEST_KEPT: usize = 1024 * 1024;

impl RefusedFile {
    /// `bytes` may be its beginning only.
    #[must_use]
    pub fn new(name: &str, bytes: &[u8], length: u64, why: &str) -> Self {
        let is_all = u64::try_from(bytes.len()) == Ok(length);
        let mut hash = Sha256::new_with_prefix(bytes);
        if !is_all || bytes.is_empty() {
            // Of what is not there to be told apart by, the name has to do.
            hash.update(format!("\0{length}\0{name}\0{why}"));
        }
        let content_hash = hex::encode(hash.finalize());
        let reason = if name.is_empty() { format!("a file: {why}") } else { format!("the file {name}: {why}") };
        let body = if is_all && bytes.len() <= LONGEST_KEPT {
            bytes.to_vec()
        } else {
            format!("(not kept) {reason}; {length} bytes, known as {content_hash}").into_bytes()
        };
        // Apart from what would be read: once it can be, the same file is taken as if it were new.
        let event_id = format!("refused:{content_hash}");
        Self { event_id, content_hash, reason: fit_reason(&reason), body }
    }

    /// It came in as a report, and is read as one when it is driven again.
    #[must_use]
    pub fn as_report(mut self) -> Self {
        self.event_id = report_name(&self.event_id);
        self
    }
}

/// Shows it to operators. They may drive it again, like all that is in quarantine.
///
/// # Errors
///
/// If it can't be written; nothing is lost then, as the file is still where it was.
pub async fn store_refused(app: &App, provider: &'static str, file: &RefusedFile) -> Result<Stored> {
    let row = || Model {
        id: NotificationId(app.clock.new_id()),
        provider: provider.to_owned(),
        event_id: file.event_id.clone(),
        body: file.body.clone(),
        content_hash: file.content_hash.clone(),
        status: NotificationStatus::Quarantined,
        reason: Some(file.reason.clone()),
        received_at: app.clock.wall(),
        heard_at: app.clock.now(),
        failures: 0,
        applied_at: None,
        settled: None,
        settled_reason: None,
        settled_by: None,
        settled_at: None,
    };
    let write = || async {
        let transaction = app.db.begin_write().await?;
        let is_new = insert_once(&transaction, &row()).await?;
        transaction.commit().await?;
        Ok(is_new)
    };
    let is_new = retrying(write).await?;
    tracing::error!(provider, event_id = file.event_id, reason = file.reason, is_new, "a file is refused");
    Ok(if is_new { Stored::Quarantined } else { Stored::Duplicate })
}

async fn store(app: &App, provider: &'static str, verified: &Verified, body: &[u8]) -> Result<Stored> {
    let event_id = verified.event_id.as_str();
    let notification = Model {
        id: NotificationId(app.clock.new_id()),
        provider: provider.to_owned(),
        event_id: event_id.to_owned(),
        body: body.to_vec(),
        content_hash: hex::encode(Sha256::digest(&verified.content)),
        status: NotificationStatus::Received,
        reason: None,
        received_at: app.clock.wall(),
        heard_at: app.clock.now(),
        failures: 0,
        applied_at: None,
        settled: None,
        settled_reason: None,
        settled_by: None,
        settled_at: None,
    };
    let transaction = app.db.begin_write().await?;
    if insert_once(&transaction, &notification).await? {
        let job = Job::ApplyNotification { notification_id: notification.id };
        job::enqueue(&transaction, &app.clock, &job, app.clock.now()).await?;
        transaction.commit().await?;
        app.wake_worker();
        return Ok(Stored::Accepted);
    }
    let known = Entity::find()
        .filter(Column::Provider.eq(provider))
        .filter(Column::EventId.eq(event_id))
        .one(&transaction)
        .await?
        .ok_or_else(|| Error::internal(format!("{provider} {event_id}: neither new nor there")))?;
    if known.content_hash == notification.content_hash {
        return Ok(Stored::Duplicate);
    }
    let other = Model {
        event_id: format!("{event_id}#{}", notification.content_hash),
        status: NotificationStatus::Quarantined,
        reason: Some(format!("{event_id} was notified before, with another body; that one is {}", known.id)),
        ..notification
    };
    let is_new = insert_once(&transaction, &other).await?;
    transaction.commit().await?;
    if !is_new {
        return Ok(Stored::Duplicate);
    }
    tracing::error!(provider, event_id, notification = %other.id, "the same event id with another body: quarantined");
    Ok(Stored::Quarantined)
}

/// False if a row with this (provider, event id) is there. Waits for whoever is just writing it; never fails on it,
/// because on PostgreSQL that would end the transaction.
async fn insert_once(transaction: &DatabaseTransaction, notification: &Model) -> Result<bool> {
    let inserted = Entity::insert(ActiveModel::from(notification.clone()))
        .on_conflict(OnConflict::columns([Column::Provider, Column::EventId]).do_nothing().to_owned())
        .exec_without_returning(transaction)
        .await?;
    Ok(inserted == 1)
}
