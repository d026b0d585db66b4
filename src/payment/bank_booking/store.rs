//! The lines of a report among those of earlier ones: placed once, under the lock of their account.

use std::collections::{BTreeMap, BTreeSet};

use entity::{
    BankBookingId, BankLineId, BankStatementId, MinorUnits, bank_book, bank_booking, bank_line, bank_line_booking,
    bank_statement,
};
use provider::{AccountReport, ReportedEntry, ReportedPart, StatedBalances};
use sea_orm::ActiveValue::Set;
use sea_orm::sea_query::OnConflict;
use sea_orm::{
    ActiveModelTrait, ColumnTrait, DatabaseTransaction, EntityTrait, IntoActiveModel, QueryFilter, QuerySelect,
};

use super::assign::{Is, assign, is_money_in, is_sum, line};
use super::known::Past;
use super::load::{AT_ONCE, Before, Loading};
use crate::app::App;
use crate::db::retrying;
use crate::error::{Error, Result};

/// How often a reference is numbered that stands for several bookings.
const MOST_NUMBERED: i32 = 9;

/// A line in its place.
pub(super) struct Placed {
    pub(super) entry: usize,
    pub(super) part: usize,
    pub(super) is: String,
    /// One; several if it is their sum; none if it isn't clear.
    pub(super) bookings: Vec<bank_booking::Model>,
}

/// A report with every line in its place.
pub(super) struct Kept {
    pub(super) statement: Option<bank_statement::Model>,
    pub(super) lines: Vec<Placed>,
}

/// Once: a report that was placed before has its lines where they are.
pub(super) async fn keep(app: &App, provider: &str, report: &AccountReport) -> Result<Kept> {
    retrying(|| async {
        let transaction = app.db.begin_write().await?;
        let keeping = Keeping { app, transaction: &transaction, provider, report };
        keeping.lock().await?;
        if let Some(kept) = keeping.kept_before().await? {
            return Ok(kept);
        }
        let kept = keeping.place().await?;
        transaction.commit().await?;
        Ok(kept)
    })
    .await
}

struct Keeping<'a> {
    app: &'a App,
    transaction: &'a DatabaseTransaction,
    provider: &'a str,
    report: &'a AccountReport,
}

impl Keeping<'_> {
    /// Two nodes may have two files of one account at the same time.
    async fn lock(&self) -> Result<()> {
        use bank_book::{ActiveModel, Column, Entity};
        let (provider, account) = (self.provider.to_owned(), self.report.account.clone());
        let row = ActiveModel {
            provider: Set(provider.clone()),
            account: Set(account.clone()),
            currency: Set(self.report.currency),
            created_at: Set(self.app.clock.now()),
        };
        let known = OnConflict::columns([Column::Provider, Column::Account, Column::Currency]).do_nothing().to_owned();
        Entity::insert(row).on_conflict(known).exec_without_returning(self.transaction).await?;
        let key = (provider, account, self.report.currency);
        Entity::find_by_id(key).lock_exclusive().one(self.transaction).await?;
        Ok(())
    }

    async fn kept_before(&self) -> Result<Option<Kept>> {
        use bank_line::{Column, Entity};
        let position = i32::try_from(self.report.position).unwrap_or(i32::MAX);
        let lines = Entity::find()
            .filter(Column::Provider.eq(self.provider))
            .filter(Column::File.eq(&self.report.file))
            .filter(Column::Report.eq(position))
            .all(self.transaction)
            .await?;
        let Some(first) = lines.first() else { return Ok(None) };
        let statement = match first.statement_id {
            Some(id) => bank_statement::Entity::find_by_id(id).one(self.transaction).await?,
            None => None,
        };
        let mut bookings = self.bookings_of(lines.iter().map(|line| line.id).collect()).await?;
        let lines = lines.iter().map(|line| Placed {
            entry: usize::try_from(line.entry).unwrap_or_default(),
            part: usize::try_from(line.part).unwrap_or_default(),
            is: line.placed.clone(),
            bookings: bookings.remove(&line.id).unwrap_or_default(),
        });
        Ok(Some(Kept { statement, lines: lines.collect() }))
    }

    async fn bookings_of(&self, lines: Vec<BankLineId>) -> Result<BTreeMap<BankLineId, Vec<bank_booking::Model>>> {
        let mut found: BTreeMap<BankLineId, Vec<bank_booking::Model>> = BTreeMap::new();
        for lines in lines.chunks(AT_ONCE) {
            let pairs = bank_line_booking::Entity::find()
                .filter(bank_line_booking::Column::LineId.is_in(lines.iter().copied()))
                .all(self.transaction)
                .await?;
            let ids: BTreeSet<BankBookingId> = pairs.iter().map(|pair| pair.booking_id).collect();
            let rows =
                bank_booking::Entity::find().filter(bank_booking::Column::Id.is_in(ids)).all(self.transaction).await?;
            let rows: BTreeMap<BankBookingId, bank_booking::Model> =
                rows.into_iter().map(|row| (row.id, row)).collect();
            for pair in pairs {
                found.entry(pair.line_id).or_default().extend(rows.get(&pair.booking_id).cloned());
            }
        }
        Ok(found)
    }

    async fn place(&self) -> Result<Kept> {
        let statement = match &self.report.statement {
            Some(balances) => Some(self.keep_statement(balances).await?),
            None => None,
        };
        let loading =
            Loading { app: self.app, transaction: self.transaction, provider: self.provider, report: self.report };
        let Before { mut rows, bookings, sums, stated_days } = loading.load(statement.as_ref()).await?;
        let identity = statement.as_ref().map(|statement| statement.id.to_string());
        let past = Past { bookings: &bookings, sums: &sums, stated_days: &stated_days };
        let assigned = assign(self.report, identity.as_deref(), &past);
        let mut lines: Vec<Placed> = Vec::new();
        for (number, parts) in assigned.into_iter().enumerate() {
            let entry = self.entry(number)?;
            for (of_entry, is) in parts.into_iter().enumerate() {
                let place = Place { number, of_entry, entry, statement: statement.as_ref() };
                let bookings = self.booking(&place, &is, &mut rows, &lines).await?;
                self.keep_line(&place, &is, &bookings).await?;
                lines.push(Placed { entry: number, part: of_entry, is: name(&is).to_owned(), bookings });
            }
        }
        Ok(Kept { statement, lines })
    }

    fn entry(&self, number: usize) -> Result<&ReportedEntry> {
        self.report.entries.get(number).ok_or_else(|| Error::internal("an entry that is not in its report"))
    }

    /// The same statement sent again, under another id or in another file, is the same.
    async fn keep_statement(&self, balances: &StatedBalances) -> Result<bank_statement::Model> {
        use bank_statement::{Column, Entity, Model};
        let report = self.report;
        let opening = balances.opening.map_or_else(String::new, |opening| opening.to_string());
        let identity = [
            report.account.as_str(),
            report.currency.code(),
            &balances.name,
            &balances.day.to_string(),
            &opening,
            &balances.closing.to_string(),
        ]
        .join("|");
        let known = Entity::find().filter(Column::Provider.eq(self.provider)).filter(Column::Identity.eq(&identity));
        if let Some(known) = known.one(self.transaction).await? {
            return Ok(known);
        }
        let row = Model {
            id: BankStatementId(self.app.clock.new_id()),
            provider: self.provider.to_owned(),
            account: report.account.clone(),
            currency: report.currency,
            name: balances.name.clone(),
            day: balances.day.to_string(),
            opening: balances.opening,
            closing: balances.closing,
            moved: balances.moved,
            identity,
            created_at: self.app.clock.now(),
        };
        Entity::insert(row.clone().into_active_model().reset_all()).exec_without_returning(self.transaction).await?;
        Ok(row)
    }

    /// The bookings that a line is; new ones are made.
    async fn booking(
        &self,
        place: &Place<'_>,
        is: &Is,
        rows: &mut BTreeMap<BankBookingId, bank_booking::Model>,
        before: &[Placed],
    ) -> Result<Vec<bank_booking::Model>> {
        let ids = match is {
            Is::Unclear => return Ok(Vec::new()),
            Is::Repeated(entry, part) => {
                let first = before.iter().find(|placed| (placed.entry, placed.part) == (*entry, *part));
                return Ok(first.map(|placed| placed.bookings.clone()).unwrap_or_default());
            }
            Is::New => vec![self.new_booking(place, place.part()?.amount, None, rows).await?],
            Is::PartOf(parent) => vec![self.new_booking(place, place.part()?.amount, Some(*parent), rows).await?],
            Is::Known(id) | Is::Differs(id) => vec![*id],
            Is::SumOf { known, rest } if rest.is_positive() => {
                let rest = self.new_booking(place, *rest, None, rows).await?;
                known.iter().copied().chain([rest]).collect()
            }
            Is::SumOf { known, .. } => known.clone(),
        };
        if let Some(statement) = place.statement {
            for id in &ids {
                self.confirm(*id, statement.id, rows).await?;
            }
        }
        Ok(ids.iter().filter_map(|id| rows.get(id).cloned()).collect())
    }

    /// The statement has it, and the sum that it is a part of.
    async fn confirm(
        &self,
        id: BankBookingId,
        statement: BankStatementId,
        rows: &mut BTreeMap<BankBookingId, bank_booking::Model>,
    ) -> Result<()> {
        let parent = rows.get(&id).and_then(|row| row.parent_id);
        for id in std::iter::once(id).chain(parent) {
            let Some(row) = rows.get_mut(&id).filter(|row| row.statement_id.is_none()) else { continue };
            row.statement_id = Some(statement);
            let change =
                bank_booking::ActiveModel { id: Set(id), statement_id: Set(Some(statement)), ..Default::default() };
            change.update(self.transaction).await?;
        }
        Ok(())
    }

    async fn new_booking(
        &self,
        place: &Place<'_>,
        amount: MinorUnits,
        parent: Option<BankBookingId>,
        rows: &mut BTreeMap<BankBookingId, bank_booking::Model>,
    ) -> Result<BankBookingId> {
        let (entry, part) = (place.entry, place.part()?);
        if let Some(parent) = parent.and_then(|parent| rows.get_mut(&parent)) {
            let untold = parent.untold.checked_sub(amount).filter(|untold| !untold.0.is_negative());
            parent.untold = untold.ok_or_else(|| Error::internal("more was told of a sum than is in it"))?;
            let change =
                bank_booking::ActiveModel { id: Set(parent.id), untold: Set(parent.untold), ..Default::default() };
            change.update(self.transaction).await?;
        }
        let of_parent = parent.and_then(|parent| rows.get(&parent)).and_then(|parent| parent.statement_id);
        let id = BankBookingId(self.app.clock.new_id());
        let is_sum = is_sum(entry, part) && is_money_in(&part.meaning) && parent.is_none();
        let stated = place.statement.and_then(|statement| statement.day.parse().ok());
        let today = self.app.clock.now().date_naive();
        let row = bank_booking::Model {
            id,
            provider: self.provider.to_owned(),
            account: self.report.account.clone(),
            currency: self.report.currency,
            is_credit: entry.is_credit,
            is_reversal: entry.is_reversal,
            amount,
            charges: MinorUnits::ZERO,
            kind: part.meaning.line_kind(entry.is_credit).name().to_owned(),
            movement: self.unused_movement(place, id).await?,
            parent_id: parent,
            is_sum,
            untold: if is_sum { amount } else { MinorUnits::ZERO },
            statement_id: of_parent,
            day: entry.at.map(provider::BookedAt::day).or(stated).unwrap_or(today).to_string(),
            created_at: self.app.clock.now(),
        };
        let insert = row.clone().into_active_model().reset_all();
        bank_booking::Entity::insert(insert).exec_without_returning(self.transaction).await?;
        rows.insert(id, row);
        Ok(id)
    }

    /// The bank's reference, as far as it is one; numbered where it stands for several bookings.
    async fn unused_movement(&self, place: &Place<'_>, id: BankBookingId) -> Result<String> {
        use bank_booking::{Column, Entity};
        let (entry, part) = (place.entry, place.part()?);
        let own = entry.reference.as_deref();
        let inner = part.marks.reference.as_deref().filter(|inner| Some(*inner) != own);
        let name = match (own, inner) {
            (Some(own), _) if entry.parts.len() == 1 => own.to_owned(),
            (_, Some(inner)) => inner.to_owned(),
            (Some(own), None) => format!("{own}#{}", place.of_entry + 1),
            (None, None) => format!("~{}", id.0.simple()),
        };
        let mut movement = format!("{}/{name}", self.report.currency);
        for number in 2..=MOST_NUMBERED {
            let known =
                Entity::find().filter(Column::Provider.eq(self.provider)).filter(Column::Movement.eq(&movement));
            if known.one(self.transaction).await?.is_none() {
                return Ok(movement);
            }
            movement = format!("{}/{name}~{number}", self.report.currency);
        }
        // Some banks give all bookings the same reference.
        Ok(format!("{}/{name}~{}", self.report.currency, id.0.simple()))
    }

    async fn keep_line(&self, place: &Place<'_>, is: &Is, bookings: &[bank_booking::Model]) -> Result<()> {
        let (id, part) = (BankLineId(self.app.clock.new_id()), place.part()?);
        let line = line(place.entry, part, self.report.statement.is_some());
        let json = serde_json::to_string(&line).map_err(|error| Error::internal(error.to_string()))?;
        let number = |number: usize| i32::try_from(number).unwrap_or(i32::MAX);
        let row = bank_line::ActiveModel {
            id: Set(id),
            provider: Set(self.provider.to_owned()),
            account: Set(self.report.account.clone()),
            currency: Set(self.report.currency),
            file: Set(self.report.file.clone()),
            report: Set(number(self.report.position)),
            entry: Set(number(place.number)),
            part: Set(number(place.of_entry)),
            is_transfer: Set(place.entry.parts.len() > 1),
            statement_id: Set(place.statement.map(|statement| statement.id)),
            is_credit: Set(place.entry.is_credit),
            amount: Set(part.amount),
            charges: Set(part.charges),
            placed: Set(name(is).to_owned()),
            encrypted_marks: Set(self.app.cipher.encrypt(&self.app.clock, &id.to_string(), &json)?),
            created_at: Set(self.app.clock.now()),
        };
        bank_line::Entity::insert(row).exec_without_returning(self.transaction).await?;
        if bookings.is_empty() {
            return Ok(());
        }
        let pairs = bookings
            .iter()
            .map(|booking| bank_line_booking::ActiveModel { line_id: Set(id), booking_id: Set(booking.id) });
        bank_line_booking::Entity::insert_many(pairs).exec_without_returning(self.transaction).await?;
        Ok(())
    }
}

/// A line's place in its report.
struct Place<'a> {
    number: usize,
    of_entry: usize,
    entry: &'a ReportedEntry,
    statement: Option<&'a bank_statement::Model>,
}

impl Place<'_> {
    fn part(&self) -> Result<&ReportedPart> {
        self.entry.parts.get(self.of_entry).ok_or_else(|| Error::internal("a part that is not in its entry"))
    }
}

fn name(is: &Is) -> &'static str {
    match is {
        Is::Known(_) => "KNOWN",
        Is::New => "NEW",
        Is::PartOf(_) => "PART_OF",
        Is::SumOf { .. } => "SUM_OF",
        Is::Differs(_) => "DIFFERS",
        Is::Repeated(..) => "REPEATED",
        Is::Unclear => "UNCLEAR",
    }
}
