//! The daily reconciliation, three ways: orders with the ledger, the ledger with what providers have booked, and each
//! provider's statement with what it stated before.
//!
//! A provider's statement comes by itself (a bank's camt.053, a settlement report in a folder), or is fetched once a day, or there
//! is none: then the provider is asked about every payment and refund that moved that day. Lines are kept, and compared with the transfers of the same
//! movement. Whatever doesn't agree is a *break*, kept until it is found no more: a line that comes a day later resolves it.

use std::collections::BTreeSet;

use chrono::{Days, NaiveDate, NaiveTime, TimeDelta};
use entity::reconciliation_break::{self, BreakKind};
use entity::{BreakId, Currency, LedgerAccount, MinorUnits, Money, Time, reconciliation, statement_line};
use sea_orm::ActiveValue::Set;
use sea_orm::sea_query::OnConflict;
use sea_orm::{
    ActiveModelTrait, ColumnTrait, Condition, ConnectionTrait, EntityTrait, IntoActiveModel, QueryFilter, QueryOrder,
    QuerySelect,
};

use super::by_hand::settled_breaks;
use super::doubt::freeze_named;
use super::matching::Applied;
use super::query::{require_provider, unanswered};
use super::verify::verify_books;
use crate::app::App;
use crate::auth::Viewer;
use crate::db::retrying;
use crate::error::Result;
use crate::job::{self, Job, JobOutcome};
use crate::ledger::{self, NewTransfer, movement_key};
use crate::page::Page;
use provider::{LineKind, PaymentProvider, Statement};

mod ask;
mod balances;
mod compare;

/// The name under which our own books are reconciled.
const OURS: &str = "";

/// One thing that doesn't agree.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Found {
    /// Of the line, or of our booking.
    day: NaiveDate,
    kind: BreakKind,
    subject: String,
    ours: Option<MinorUnits>,
    theirs: Option<MinorUnits>,
    currency: Option<Currency>,
    detail: String,
}

/// Begins the reconciliation of yesterday (UTC, business time), once for each provider and for our own books.
pub async fn begin_daily_reconciliation(app: &App) -> Result<()> {
    let Some(yesterday) = app.clock.now().date_naive().checked_sub_days(Days::new(1)) else { return Ok(()) };
    let names: Vec<String> = app.providers.iter().map(|provider| provider.name().to_owned()).collect();
    for name in names.into_iter().chain([OURS.to_owned()]) {
        begin(app, name, yesterday, false).await?;
    }
    app.wake_worker();
    Ok(())
}

/// Begins it for a day, also if it was done before.
pub async fn begin_reconciliation(app: &App, viewer: &Viewer, day: NaiveDate) -> Result<()> {
    viewer.require_operator()?;
    let names: Vec<String> = app.providers.iter().map(|provider| provider.name().to_owned()).collect();
    for name in names.into_iter().chain([OURS.to_owned()]) {
        begin(app, name, day, true).await?;
    }
    app.wake_worker();
    Ok(())
}

async fn begin(app: &App, provider: String, day: NaiveDate, again: bool) -> Result<()> {
    let key = (provider.clone(), day.to_string());
    if !again && reconciliation::Entity::find_by_id(key).one(&app.db.read).await?.is_some() {
        return Ok(());
    }
    let transaction = app.db.begin_write().await?;
    let row = reconciliation::ActiveModel {
        provider: Set(provider.clone()),
        day: Set(day.to_string()),
        created_at: Set(app.clock.now()),
    };
    let idempotency_key = [reconciliation::Column::Provider, reconciliation::Column::Day];
    let inserted = reconciliation::Entity::insert(row)
        .on_conflict(OnConflict::columns(idempotency_key).do_nothing().to_owned())
        .exec_without_returning(&transaction)
        .await?;
    if inserted == 1 || again {
        job::enqueue(&transaction, &app.clock, &Job::Reconcile { provider, day }, app.clock.now()).await?;
    }
    transaction.commit().await?;
    Ok(())
}

/// The job: fetches or asks what there is to know of that day, compares, and writes down what doesn't agree.
pub async fn reconcile(app: &App, provider: &str, day: NaiveDate) -> Result<JobOutcome> {
    if provider == OURS {
        let differences = verify_books(&app.db.read).await?;
        let found = differences.into_iter().map(|difference| Found {
            day,
            kind: BreakKind::BooksDiffer,
            subject: difference.chars().take(200).collect(),
            ours: None,
            theirs: None,
            currency: None,
            detail: difference,
        });
        write_down(app, OURS, &Compared::Ours, found.collect()).await?;
        return Ok(JobOutcome::Done);
    }
    // One that is configured no more has nothing to say.
    let Ok(adapter) = require_provider(app, provider) else { return Ok(JobOutcome::Done) };
    match adapter.statements(day).await.map_err(|error| unanswered(provider, &error))? {
        Some(statements) => {
            for statement in statements {
                keep_lines(app, provider, &statement).await?;
            }
        }
        None => ask_or_wait(app, adapter.as_ref(), day).await?,
    }
    for currency in compare::currencies(&app.db.read, provider).await? {
        let mut found = compare::differences(&app.db.read, provider, currency, day).await?;
        found.extend(balances::differences(&app.db.read, provider, currency, day).await?);
        write_down(app, provider, &Compared::Lines { currency, day }, found).await?;
    }
    Ok(JobOutcome::Done)
}

/// A provider that has never sent a statement is asked about each movement; one that sends them has to have done so.
async fn ask_or_wait(app: &App, provider: &dyn PaymentProvider, day: NaiveDate) -> Result<()> {
    if compare::currencies(&app.db.read, provider.name()).await?.is_empty() {
        let found = ask::differences(app, provider, day).await?.unwrap_or_default();
        return write_down(app, provider.name(), &Compared::Asked { day }, found).await;
    }
    let db = &app.db.read;
    let mut found = compare::days_without_a_statement(db, provider.name(), day).await?;
    for currency in compare::currencies(db, provider.name()).await? {
        found.extend(balances::gaps(db, provider.name(), currency, day).await?);
    }
    write_down(app, provider.name(), &Compared::Statements, found).await
}

/// A statement that came by itself: its lines are kept, and compared by a job once its facts are booked.
pub(super) async fn keep_statement(app: &App, provider: &str, statement: Statement) -> Result<Applied> {
    keep_lines(app, provider, &statement).await?;
    let job = Job::Reconcile { provider: provider.to_owned(), day: statement.day };
    let transaction = app.db.begin_write().await?;
    job::enqueue(&transaction, &app.clock, &job, app.clock.now()).await?;
    transaction.commit().await?;
    app.wake_worker();
    Ok(Applied::Done)
}

/// Each line once: one that is stated again counts as it was stated last, on the day that was stated first. What the provider
/// keeps for itself is booked here: nothing else tells us of it.
async fn keep_lines(app: &App, provider: &str, statement: &Statement) -> Result<()> {
    retrying(|| async {
        let transaction = app.db.begin_write().await?;
        for line in statement.lines.iter().filter(|line| line.amount.amount.is_positive()) {
            let row = statement_line::ActiveModel {
                provider: Set(provider.to_owned()),
                kind: Set(line.kind.name().to_owned()),
                movement: Set(line.movement.clone()),
                reference: Set(line.reference.clone()),
                amount: Set(line.amount.amount),
                currency: Set(line.amount.currency),
                day: Set(statement.day.to_string()),
                created_at: Set(app.clock.now()),
            };
            let idempotency_key =
                [statement_line::Column::Provider, statement_line::Column::Kind, statement_line::Column::Movement];
            let stated =
                [statement_line::Column::Reference, statement_line::Column::Amount, statement_line::Column::Currency];
            statement_line::Entity::insert(row)
                .on_conflict(OnConflict::columns(idempotency_key).update_columns(stated).to_owned())
                .exec_without_returning(&transaction)
                .await?;
            if line.kind == LineKind::Fee {
                book_fee(app, &transaction, provider, &line.movement, line.amount).await?;
            }
        }
        transaction.commit().await?;
        Ok(())
    })
    .await
}

/// provider_fees → provider: what it charged us.
pub(super) async fn book_fee<C: ConnectionTrait>(
    app: &App,
    transaction: &C,
    provider: &str,
    movement: &str,
    amount: Money,
) -> Result<()> {
    let movement = movement_key(provider, LineKind::Fee.name(), movement);
    if !ledger::posted(transaction, &movement).await?.is_empty() {
        return Ok(());
    }
    let transfer = NewTransfer {
        debit: LedgerAccount::ProviderFees,
        credit: LedgerAccount::Provider(provider.to_owned()),
        amount,
        cause: "provider.fee",
        order_id: None,
        movement: Some((movement, 0)),
    };
    ledger::post(transaction, &app.clock, app.clock.now(), vec![transfer]).await
}

/// What was compared: of this, what is found no more is mended. Anything else stays as it is, however old.
enum Compared {
    /// Our own books.
    Ours,
    /// The answers about what moved on this day.
    Asked { day: NaiveDate },
    /// Whether there are statements at all.
    Statements,
    /// The lines of the weeks up to this day.
    Lines { currency: Currency, day: NaiveDate },
}

impl Compared {
    fn breaks(&self) -> Condition {
        use reconciliation_break::Column;
        let all = Condition::all();
        match self {
            Self::Ours => all,
            Self::Asked { day } => all.add(Column::Day.eq(day.to_string())),
            Self::Statements => all.add(Column::Kind.eq(BreakKind::NoStatement)),
            Self::Lines { currency, day } => all
                .add(Column::Kind.ne(BreakKind::NoStatement))
                .add(Column::Currency.eq(*currency))
                .add(Column::Day.gte(compare::since(*day).to_string()))
                .add(Column::Day.lte(day.to_string())),
        }
    }
}

/// What of it was not known, and is about one movement, which may be an order's.
async fn newly_found(app: &App, provider: &str, found: &[Found]) -> Result<Vec<String>> {
    use reconciliation_break::Column;
    let of_movement = |one: &&Found| match one.kind {
        BreakKind::MissingHere | BreakKind::MissingThere | BreakKind::AmountDiffers => true,
        BreakKind::NoStatement | BreakKind::BooksDiffer => false,
    };
    let mut new: Vec<&Found> = found.iter().filter(of_movement).collect();
    if !new.is_empty() {
        let known =
            reconciliation_break::Entity::find().filter(Column::Provider.eq(provider)).all(&app.db.read).await?;
        // Also one that operators have settled, or that was there before.
        new.retain(|one| !known.iter().any(|row| row.kind == one.kind && row.subject == one.subject));
    }
    Ok(new.into_iter().map(|one| format!("{} {}", one.subject, one.detail)).collect())
}

/// What is new is written, what is found no more is resolved.
async fn write_down(app: &App, provider: &str, compared: &Compared, found: Vec<Found>) -> Result<()> {
    use reconciliation_break::Column;
    let now = app.clock.now();
    freeze_named(app, provider, &newly_found(app, provider, &found).await?).await?;
    retrying(|| async {
        let transaction = app.db.begin_write().await?;
        let known = reconciliation_break::Entity::find()
            .filter(Column::Provider.eq(provider))
            .filter(Column::ResolvedAt.is_null())
            .filter(compared.breaks());
        let known = known.all(&transaction).await?;
        let settled = Settled::load(&transaction, provider).await?;
        let mut still = BTreeSet::new();
        for one in found.iter().filter(|one| !settled.holds(one)) {
            if let Some(row) = known.iter().find(|row| row.kind == one.kind && row.subject == one.subject) {
                still.insert(row.id);
                continue;
            }
            let row = reconciliation_break::Model {
                id: BreakId(app.clock.new_id()),
                provider: provider.to_owned(),
                day: one.day.to_string(),
                kind: one.kind,
                subject: one.subject.clone(),
                ours: one.ours,
                theirs: one.theirs,
                currency: one.currency,
                detail: one.detail.clone(),
                found_at: now,
                resolved_at: None,
                settled_by: None,
            };
            tracing::error!(provider, kind = ?one.kind, subject = one.subject, detail = one.detail, "a break in the books");
            let row = row.into_active_model().reset_all();
            let again = OnConflict::columns([Column::Provider, Column::Kind, Column::Subject])
                .update_columns([Column::Day, Column::Ours, Column::Theirs, Column::Currency, Column::Detail, Column::ResolvedAt, Column::SettledBy])
                .to_owned();
            reconciliation_break::Entity::insert(row).on_conflict(again).exec_without_returning(&transaction).await?;
        }
        for row in known.iter().filter(|row| !still.contains(&row.id)) {
            let resolved =
                reconciliation_break::ActiveModel { id: Set(row.id), resolved_at: Set(Some(now)), ..Default::default() };
            resolved.update(&transaction).await?;
        }
        transaction.commit().await?;
        Ok(())
    })
    .await
}

/// What operators have decided: it is found no more.
struct Settled {
    breaks: Vec<reconciliation_break::Model>,
    /// Movements that they booked themselves, to undo one of ours.
    own_movements: Vec<String>,
}

impl Settled {
    async fn load<C: ConnectionTrait>(db: &C, provider: &str) -> Result<Self> {
        let (breaks, own_movements) = settled_breaks(db, provider).await?;
        Ok(Self { breaks, own_movements })
    }

    fn holds(&self, one: &Found) -> bool {
        let same = |row: &reconciliation_break::Model| {
            (row.kind, &row.subject, row.ours, row.theirs) == (one.kind, &one.subject, one.ours, one.theirs)
        };
        self.own_movements.contains(&one.subject) || self.breaks.iter().any(same)
    }
}

/// For `secure-payment verify`: the breaks that are open, and those that nobody has looked for since the last statement.
pub(super) async fn disagreements<C: ConnectionTrait>(db: &C) -> Result<Vec<String>> {
    use reconciliation_break::Column;
    let open = reconciliation_break::Entity::find()
        .filter(Column::ResolvedAt.is_null())
        .filter(Column::Provider.ne(OURS))
        .order_by_asc(Column::Id);
    let mut named: BTreeSet<(String, BreakKind, String)> = BTreeSet::new();
    let mut words = Vec::new();
    for row in open.all(db).await? {
        words.push(format!("{}: {} ({})", row.provider, row.detail, row.id));
        named.insert((row.provider, row.kind, row.subject));
    }
    for provider in compare::providers(db).await? {
        let settled = Settled::load(db, &provider).await?;
        for currency in compare::currencies(db, &provider).await? {
            let Some(day) = compare::last_day(db, &provider, currency).await? else { continue };
            let mut found = compare::differences(db, &provider, currency, day).await?;
            found.extend(balances::differences(db, &provider, currency, day).await?);
            found.extend(balances::gaps(db, &provider, currency, day).await?);
            for one in found.into_iter().filter(|one| !settled.holds(one)) {
                if named.insert((provider.clone(), one.kind, one.subject.clone())) {
                    words.push(format!("{provider}: {} ({})", one.detail, one.subject));
                }
            }
        }
    }
    Ok(words)
}

/// The breaks, newest first; those that are not resolved unless all are wanted.
pub async fn find_breaks<C: ConnectionTrait>(
    db: &C,
    viewer: &Viewer,
    also_resolved: bool,
    page: &Page<BreakId>,
) -> Result<Vec<reconciliation_break::Model>> {
    viewer.require_operator()?;
    use reconciliation_break::{Column, Entity};
    let mut query = Entity::find().order_by_desc(Column::Id).limit(page.fetch());
    if !also_resolved {
        query = query.filter(Column::ResolvedAt.is_null());
    }
    if let Some(after) = page.after {
        query = query.filter(Column::Id.lt(after));
    }
    Ok(query.all(db).await?)
}

/// When the day begins, and when it has ended.
fn bounds(day: NaiveDate) -> (Time, Time) {
    let begins = day.and_time(NaiveTime::MIN).and_utc();
    (begins, begins + TimeDelta::days(1))
}
