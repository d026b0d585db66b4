//! What operators look after: money and news that matched nothing; and payouts, which suppliers see too.

use async_graphql::connection::Connection;
use async_graphql::{Context, Enum, ID, InputObject, Object, Result};
use chrono::{DateTime, Utc};
use entity::{notification, payout};

use super::order_parts::UnappliedFunds;
use super::page::{Page, connection};
use super::payload::{answer, payloads};
use super::scalars::Money;
use super::supplier::Supplier;
use super::{app, viewer};
use crate::rail;
use crate::validate::Checks;

/// What became of a notification.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum)]
#[graphql(remote = "entity::notification::NotificationStatus")]
pub enum NotificationStatus {
    /// In the inbox; it is applied in a moment.
    Received,
    /// Booked.
    Applied,
    /// Verified, but not understood, or it doesn't fit what we know. Nothing was booked.
    Quarantined,
}

pub struct Notification(notification::Model);

/// Something that a payment provider told us.
#[Object]
impl Notification {
    /// Begins with `notification_`.
    async fn id(&self) -> ID {
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
        self.0.status.into()
    }

    /// Why it was quarantined; null if it was not.
    async fn reason(&self) -> Option<&str> {
        self.0.reason.as_deref()
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

/// How far a payout has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum)]
#[graphql(remote = "entity::payout::PayoutStatus")]
pub enum PayoutStatus {
    /// In our books; the provider has not been asked yet.
    Requested,
    /// With the provider.
    Pending,
    /// It is in the bank, or the provider says so.
    Paid,
    /// It went back to the supplier's balance.
    Failed,
    /// It came back after it had been paid, and went back to the supplier's balance.
    Returned,
    /// No provider pays it: an operator has to, by hand.
    ActionRequired,
    /// One operator asked to pay it by hand; another has to approve.
    ApprovalRequired,
}

pub struct Payout(payout::Model);

/// Released money on its way to a supplier's bank.
#[Object]
impl Payout {
    /// Begins with `payout_`.
    async fn id(&self) -> ID {
        ID(self.0.id.to_string())
    }

    /// Whose money it is.
    async fn supplier(&self, ctx: &Context<'_>) -> Result<Supplier> {
        Supplier::load(ctx, self.0.supplier_id).await
    }

    /// How far it has come.
    async fn status(&self) -> PayoutStatus {
        self.0.status.into()
    }

    /// What is paid out: what was released, our fee deducted.
    async fn amount(&self) -> Money {
        entity::Money::new(self.0.amount, self.0.currency).into()
    }

    /// Why it failed; null if it has not.
    async fn failure(&self) -> Option<&str> {
        self.0.failure.as_deref()
    }

    /// When it was booked.
    async fn created_at(&self) -> DateTime<Utc> {
        self.0.created_at
    }
}

#[derive(Default)]
pub struct OperatorQuery;

#[Object]
impl OperatorQuery {
    /// Operator: notifications that matched nothing, oldest first.
    async fn quarantine(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "At most 100; 20 unless given.")] first: Option<i32>,
        #[graphql(desc = "The endCursor of the page before.")] after: Option<String>,
    ) -> Option<Result<Connection<String, Notification>>> {
        let find = async {
            let page = Page::parse(first, after.as_deref())?;
            let rows = rail::find_quarantined(&app(ctx).db.read, &viewer(ctx), &page).await?;
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
            let rows = rail::find_unapplied(&app(ctx).db.read, &viewer(ctx), &page).await?;
            Ok(connection(rows, &page, |row| row.id, UnappliedFunds))
        };
        Some(find.await)
    }

    /// Supplier: your payouts, newest first. Operator: everybody's.
    async fn payouts(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "At most 100; 20 unless given.")] first: Option<i32>,
        #[graphql(desc = "The endCursor of the page before.")] after: Option<String>,
    ) -> Option<Result<Connection<String, Payout>>> {
        let find = async {
            let page = Page::parse(first, after.as_deref())?;
            let rows = rail::find_payouts(&app(ctx).db.read, &viewer(ctx), &page).await?;
            Ok(connection(rows, &page, |row| row.id, Payout))
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
            Ok(Notification(rail::redrive_notification(app(ctx), &viewer(ctx), id).await?))
        };
        answer(redrive.await)
    }
}
