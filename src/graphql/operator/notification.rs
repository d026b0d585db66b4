//! What operators look after: money and news that matched nothing.

use async_graphql::connection::Connection;
use async_graphql::{Context, Enum, ID, InputObject, Object, Result};
use chrono::{DateTime, Utc};
use entity::notification;

use crate::graphql::base::page::{Page, connection};
use crate::graphql::base::payload::{answer, payloads};
use crate::graphql::base::request::{app, viewer};
use crate::graphql::refund::unapplied::UnappliedFunds;
use crate::payment as payments;
use crate::validate::Checks;

/// What became of a notification.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum)]
pub enum NotificationStatus {
    /// In the inbox; it is applied in a moment.
    Received,
    /// Booked.
    Applied,
    /// Verified, but not understood, or it doesn't fit what we know. Nothing was booked.
    Quarantined,
    /// It was quarantined, and two operators booked what it states.
    BookedByHand,
    /// It was quarantined, and an operator said that there is nothing to book.
    Dismissed,
}

pub struct Notification(pub(crate) notification::Model);

/// Something that a payment provider told us.
#[Object]
impl Notification {
    /// Begins with `notification_`.
    pub async fn id(&self) -> ID {
        ID(self.0.id.to_string())
    }

    /// Who told us, by name.
    async fn provider(&self) -> &str {
        &self.0.provider
    }

    /// The provider's own id of it.
    async fn event_id(&self) -> &str {
        &self.0.event_id
    }

    /// What became of it.
    async fn status(&self) -> NotificationStatus {
        use entity::notification::{NotificationStatus as Status, SettledAs};
        match (self.0.settled, self.0.status) {
            (Some(SettledAs::Booked), _) => NotificationStatus::BookedByHand,
            (Some(SettledAs::Dismissed), _) => NotificationStatus::Dismissed,
            (None, Status::Received) => NotificationStatus::Received,
            (None, Status::Applied) => NotificationStatus::Applied,
            (None, Status::Quarantined) => NotificationStatus::Quarantined,
        }
    }

    /// Why it was quarantined, or could not be applied the last time; null otherwise.
    async fn reason(&self) -> Option<&str> {
        self.0.reason.as_deref()
    }

    /// How often applying it has failed: after ten times it stands in `quarantine`, too, and goes on being tried.
    async fn failures(&self) -> i32 {
        self.0.failures
    }

    /// Why an operator booked it by hand, or dismissed it; null otherwise.
    async fn settled_reason(&self) -> Option<&str> {
        self.0.settled_reason.as_deref()
    }

    /// The operator who settled it by hand; null if nobody has.
    async fn settled_by_id(&self) -> Option<ID> {
        self.0.settled_by.map(|id| ID(id.to_string()))
    }

    /// When it was settled by hand; null if it was not.
    async fn settled_at(&self) -> Option<DateTime<Utc>> {
        self.0.settled_at
    }

    /// The mutations that end its waiting; none if it does not wait.
    async fn available_actions(&self) -> Vec<&'static str> {
        use entity::notification::NotificationStatus as Status;
        match self.0.status {
            Status::Quarantined => vec!["bookQuarantined", "dismissQuarantined", "redriveNotification"],
            Status::Received if self.0.needs_somebody() => vec!["bookQuarantined", "dismissQuarantined"],
            Status::Received | Status::Applied => Vec::new(),
        }
    }

    /// As it came in; what isn't text is shown as U+FFFD.
    async fn body(&self) -> String {
        String::from_utf8_lossy(&self.0.body).into_owned()
    }

    /// When it came in.
    async fn received_at(&self) -> DateTime<Utc> {
        self.0.received_at
    }
}

#[derive(Default)]
pub struct OperatorQuery;

#[Object]
impl OperatorQuery {
    /// Operator: notifications that matched nothing, or keep failing, oldest first.
    async fn quarantine(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "At most 100; 20 unless given.")] first: Option<i32>,
        #[graphql(desc = "The endCursor of the page before.")] after: Option<String>,
    ) -> Option<Result<Connection<String, Notification>>> {
        let find = async {
            let page = Page::parse(first, after.as_deref())?;
            let rows = payments::find_quarantined(&app(ctx).db.read, &viewer(ctx), &page).await?;
            Ok(connection(rows, &page, |row| row.id, Notification))
        };
        Some(find.await)
    }

    /// Operator: money that arrived, belongs to no open order, and has not gone back; oldest first.
    async fn unapplied_funds(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "At most 100; 20 unless given.")] first: Option<i32>,
        #[graphql(desc = "The endCursor of the page before.")] after: Option<String>,
    ) -> Option<Result<Connection<String, UnappliedFunds>>> {
        let find = async {
            let page = Page::parse(first, after.as_deref())?;
            let rows = payments::find_unapplied(&app(ctx).db.read, &viewer(ctx), &page).await?;
            Ok(connection(rows, &page, |row| row.id, UnappliedFunds))
        };
        Some(find.await)
    }
}

payloads! {
    /// What `redriveNotification` answers.
    RedriveNotificationPayload {
        /// The notification, as it is now.
        notification: Notification
    }
}

/// Which notification.
#[derive(InputObject)]
pub struct RedriveNotificationInput {
    /// The notification's; it must be QUARANTINED.
    notification_id: ID,
}

#[derive(Default)]
pub struct OperatorMutation;

#[Object]
impl OperatorMutation {
    /// Operator: apply a quarantined notification once more. What it says is booked once, however often it is driven.
    async fn redrive_notification(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Which notification.")] input: RedriveNotificationInput,
    ) -> Result<RedriveNotificationPayload> {
        let redrive = async {
            let mut checks = Checks::input();
            let id = checks.required_id("notificationId", &input.notification_id);
            checks.finish()?;
            Ok(Notification(payments::redrive_notification(app(ctx), &viewer(ctx), id).await?))
        };
        answer(redrive.await)
    }
}
