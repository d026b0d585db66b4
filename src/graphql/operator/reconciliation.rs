//! The daily reconciliation, for operators: where our books and a provider's don't agree.

use async_graphql::connection::Connection;
use async_graphql::{Context, Enum, ID, InputObject, Object, Result};
use chrono::{DateTime, NaiveDate, Utc};
use entity::{MinorUnits, reconciliation_break};

use crate::error::ErrorCode;
use crate::graphql::base::page::{Page, connection};
use crate::graphql::base::payload::{UserError, answer};
use crate::graphql::base::request::{app, viewer};
use crate::graphql::base::scalars::Money;
use crate::payment as payments;
use crate::validate::Checks;

/// What doesn't agree.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum)]
#[graphql(remote = "entity::reconciliation_break::BreakKind")]
pub enum BreakKind {
    /// The provider has booked it, and we have not.
    MissingHere,
    /// We have booked it, and the provider has not.
    MissingThere,
    /// Both have, but not the same amount.
    AmountDiffers,
    /// The provider sends statements, but has sent none for a day on which we booked something.
    NoStatement,
    /// An order, or another balance of ours, is not what the ledger says.
    BooksDiffer,
}

pub struct ReconciliationBreak(pub(crate) reconciliation_break::Model);

impl ReconciliationBreak {
    fn money(&self, amount: Option<MinorUnits>) -> Option<Money> {
        Some(entity::Money::new(amount?, self.0.currency?).into())
    }
}

/// Where our books and a provider's don't agree, or ours among themselves.
#[Object]
impl ReconciliationBreak {
    /// Begins with `break_`.
    pub async fn id(&self) -> ID {
        ID(self.0.id.to_string())
    }

    /// Whose books, by name; null for ours among themselves.
    async fn provider(&self) -> Option<&str> {
        Some(self.0.provider.as_str()).filter(|name| !name.is_empty())
    }

    /// The day, in UTC, that was looked at when it was found: `2026-11-22`.
    async fn day(&self) -> &str {
        &self.0.day
    }

    /// What doesn't agree.
    async fn kind(&self) -> BreakKind {
        self.0.kind.into()
    }

    /// What it is about: the movement, as `Transfer.movement` has it, or what is not as it should be.
    async fn subject(&self) -> &str {
        &self.0.subject
    }

    /// What we have booked; null if nothing.
    async fn ours(&self) -> Option<Money> {
        self.money(self.0.ours)
    }

    /// What the provider has booked; null if nothing.
    async fn theirs(&self) -> Option<Money> {
        self.money(self.0.theirs)
    }

    /// In words.
    async fn detail(&self) -> &str {
        &self.0.detail
    }

    /// What two operators decided about it; null if nobody has.
    async fn settled_by_id(&self) -> Option<ID> {
        self.0.settled_by.map(|id| ID(id.to_string()))
    }

    /// The mutations that end it; none once it is resolved.
    async fn available_actions(&self) -> Vec<&'static str> {
        if self.0.resolved_at.is_none() { vec!["bookBreak"] } else { Vec::new() }
    }

    /// When it was found first.
    async fn found_at(&self) -> DateTime<Utc> {
        self.0.found_at
    }

    /// Since when it is no more; null as long as it is.
    async fn resolved_at(&self) -> Option<DateTime<Utc>> {
        self.0.resolved_at
    }
}

#[derive(Default)]
pub struct ReconciliationQuery;

#[Object]
impl ReconciliationQuery {
    /// Operator: where our books and the providers' don't agree, newest first. Every day of yesterday; see `reconcile`.
    async fn reconciliation_breaks(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Also those that are no more.", default)] include_resolved: bool,
        #[graphql(desc = "At most 100; 20 unless given.")] first: Option<i32>,
        #[graphql(desc = "The endCursor of the page before.")] after: Option<String>,
    ) -> Option<Result<Connection<String, ReconciliationBreak>>> {
        let find = async {
            let page = Page::parse(first, after.as_deref())?;
            let rows = payments::find_breaks(&app(ctx).db.read, &viewer(ctx), include_resolved, &page).await?;
            Ok(connection(rows, &page, |row| row.id, ReconciliationBreak))
        };
        Some(find.await)
    }
}

/// Which day.
#[derive(InputObject)]
pub struct ReconcileInput {
    /// In UTC: `2026-11-22`; today at the latest.
    day: String,
}

/// What `reconcile` began.
#[derive(async_graphql::SimpleObject)]
pub struct ReconcilePayload {
    /// The day that is compared now; null if nothing was begun. `reconciliationBreaks` shows what is found.
    day: Option<String>,
    /// What has to change; empty when it was begun.
    errors: Vec<UserError>,
}

impl crate::graphql::base::payload::Payload for ReconcilePayload {
    type Thing = NaiveDate;
    fn done(day: NaiveDate) -> Self {
        Self { day: Some(day.to_string()), errors: Vec::new() }
    }
    fn refused(errors: Vec<UserError>) -> Self {
        Self { day: None, errors }
    }
}

#[derive(Default)]
pub struct ReconciliationMutation;

#[Object]
impl ReconciliationMutation {
    /// Operator: compare a day with all providers now, also if it was done before.
    async fn reconcile(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Which day.")] input: ReconcileInput,
    ) -> Result<ReconcilePayload> {
        let reconcile = async {
            let mut checks = Checks::input();
            let today = app(ctx).clock.now().date_naive();
            let day = input.day.parse::<NaiveDate>().ok().filter(|day| *day <= today);
            if day.is_none() {
                let message = format!("must be a day such as 2026-11-22, {today} at the latest");
                checks.problem("day", ErrorCode::InvalidInput, message);
            }
            let day = checks.finish_with(day)?;
            payments::begin_reconciliation(app(ctx), &viewer(ctx), day).await?;
            Ok(day)
        };
        answer(reconcile.await)
    }
}
