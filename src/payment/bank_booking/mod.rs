//! Bookings on our accounts at banks: each is booked once, however often, on whatever level and in whatever order it is
//! reported.
//!
//! A report names no movements. Its lines are kept (`store`), each is found among the bookings that are known, or is a new one
//! (`assign`, by `likeness`), and only then is it a fact with a movement, which goes the way of all facts. A sum that the
//! bank explains later is taken apart (`sum`). A statement is the bank's last word: it confirms bookings, shows what is on one
//! side only, and lets go what was kept back until then.

use chrono::NaiveDate;
use entity::refund::RefundStatus;
use entity::{
    MinorUnits, Money, PayoutId, RefundId, Time, bank_booking, bank_statement, payment, payout, receipt, refund,
};
use sea_orm::ActiveValue::Set;
use sea_orm::sea_query::{Expr, ExprTrait};
use sea_orm::{ActiveModelTrait, ColumnTrait, EntityTrait, QueryFilter};

use super::by_hand::is_settled_by_hand;
use super::capture::{self, Captured};
use super::chargeback::{self, ClaimedBack};
use super::matching::{Applied, find_payment, find_refund};
use super::payout_fact::Back;
use super::query::amount_sent;
use super::refund_fact::{Named, Returned};
use super::{payout_fact, reconcile, refund_fact};
use crate::app::App;
use crate::db::retrying;
use crate::error::{Error, Result};
use crate::job::{self, Job};
use crate::ledger::{self, movement_key};
use provider::{AccountReport, LineKind, Meaning, PaymentProvider, Remitter, ReportedPart, Statement, StatementLine};
use store::{Kept, Placed, keep};

mod assign;
mod known;
mod likeness;
mod load;
mod lookup;
mod store;
mod sum;
#[cfg(test)]
mod tests;

/// What a bank may take for a transfer without saying so: 60.00, or 2 % of it.
const MOST_UNSTATED_CHARGES: i64 = 6_000;
const MOST_UNSTATED_SHARE: i64 = 50;

/// Places every line, books what is new, and compares a statement. Run twice, it changes nothing the second time.
pub(super) async fn apply(
    app: &App,
    provider: &dyn PaymentProvider,
    report: &AccountReport,
    heard_at: Time,
) -> Result<Applied> {
    let kept = keep(app, provider.name(), report).await?;
    let (mut misfits, mut failed) = (Vec::new(), None);
    for placed in &kept.lines {
        let Some(part) = report.entries.get(placed.entry).and_then(|entry| entry.parts.get(placed.part)) else {
            return Err(Error::internal("a line that is not in its report"));
        };
        let booking = Booking { app, provider, report, placed, part, heard_at };
        // One that can't be booked now doesn't hold up those behind it.
        match booking.book().await {
            Ok(Applied::Done) => {}
            Ok(Applied::NotOurs(reason) | Applied::NotYet(reason)) => misfits.push(reason),
            Err(Error::Contradiction(reason)) => misfits.push(reason),
            Err(error) => failed = Some(error),
        }
    }
    if let Some(error) = failed {
        return Err(error);
    }
    if let Some(statement) = &kept.statement {
        state(app, provider, report, &kept, statement).await?;
    }
    Ok(if misfits.is_empty() { Applied::Done } else { Applied::NotOurs(misfits.join("; ")) })
}

/// One line, on its way into the books.
struct Booking<'a> {
    app: &'a App,
    provider: &'a dyn PaymentProvider,
    report: &'a AccountReport,
    placed: &'a Placed,
    part: &'a ReportedPart,
    heard_at: Time,
}

impl Booking<'_> {
    async fn book(&self) -> Result<Applied> {
        match (self.placed.is.as_str(), self.placed.bookings.as_slice()) {
            ("NEW" | "KNOWN" | "PART_OF", [booking]) => {
                if let Meaning::Captured { references, .. } = &self.part.meaning
                    && booking.parent_id.is_some()
                {
                    let payment = self.named_payment(references).await?;
                    self.count_charges(booking, payment.as_ref()).await?;
                    return sum::take_out(self.app, booking, self.remitter().as_ref(), payment.as_ref()).await;
                }
                self.book_one(booking).await
            }
            ("UNCLEAR", _none) => {
                let amount = self.report.money(self.part.amount);
                Ok(Applied::NotOurs(format!(
                    "a collective booking of {amount} may be several of the transfers of its day: it is not booked; say which with bookBreak"
                )))
            }
            // A sum has been booked by its parts, but for what nobody has told of; that is set aside.
            ("SUM_OF", bookings) => {
                let mut applied = Applied::Done;
                for booking in bookings.iter().filter(|booking| booking.is_sum) {
                    let one = self.capture(booking, &[]).await?;
                    applied = if applied == Applied::Done { one } else { applied };
                }
                Ok(applied)
            }
            // Another amount is for the comparison to show.
            _booked => Ok(Applied::Done),
        }
    }

    async fn book_one(&self, booking: &bank_booking::Model) -> Result<Applied> {
        let (app, name) = (self.app, self.provider.name());
        let amount = self.report.money(booking.amount);
        let key = |kind: LineKind| movement_key(name, kind.name(), &booking.movement);
        if is_settled_by_hand(&app.db.read, LineKind::ALL.map(key).to_vec()).await? {
            return Ok(Applied::Done);
        }
        match &self.part.meaning {
            Meaning::Captured { references, .. } => self.capture(booking, references).await,
            Meaning::RefundSent { reference } => {
                let Some(refund) = find_refund(app, self.provider, reference, None).await? else {
                    return self.of_nobody::<RefundId>(booking, "refund", reference).await;
                };
                let sent = self.without_charges(booking, amount, amount_sent(&refund)).await?;
                self.is(booking, LineKind::Refund).await?;
                let named = Named { reference, provider_reference: None };
                refund_fact::succeeded(app, self.provider, named, &booking.movement, sent, self.heard_at).await
            }
            Meaning::PayoutSent { reference } => {
                let Some(payout) = self.payout(reference).await? else {
                    return self.of_nobody::<PayoutId>(booking, "payout", reference).await;
                };
                let asked = Money::new(payout.amount, payout.currency);
                let sent = self.without_charges(booking, amount, asked).await?;
                self.is(booking, LineKind::Payout).await?;
                payout_fact::paid(app, self.provider, reference, key(LineKind::Payout), sent).await
            }
            Meaning::RefundReturned { reference, reason } => {
                if find_refund(app, self.provider, reference, None).await?.is_none() {
                    return self.set_aside(booking, reason).await;
                }
                let named = Named { reference, provider_reference: None };
                let returned = Returned { named, movement: booking.movement.clone(), amount, reason: reason.clone() };
                refund_fact::returned(app, self.provider, returned, self.heard_at).await
            }
            Meaning::PayoutReturned { reference, reason } => {
                if self.payout(reference).await?.is_none() {
                    return self.set_aside(booking, reason).await;
                }
                let back = Back { movement: key(LineKind::PayoutReturned), amount, reason };
                payout_fact::returned(app, name, reference, back).await
            }
            Meaning::Reversed { reference, reason } => {
                let claimed = ClaimedBack { reference, id: &booking.movement, amount, reason };
                chargeback::reverse(app, self.provider, &claimed, self.heard_at).await
            }
            Meaning::Fee => {
                self.is(booking, LineKind::Fee).await?;
                self.book_fee(&booking.movement, amount).await?;
                Ok(Applied::Done)
            }
            Meaning::Foreign | Meaning::BankOwn => Ok(Applied::Done),
            // What a line before has made clear is clear.
            Meaning::Unclear(_) if self.is_booked(booking).await? => Ok(Applied::Done),
            Meaning::Unclear(problem) => Ok(Applied::NotOurs(format!("{amount} ({}): {problem}", booking.movement))),
        }
    }

    async fn capture(&self, booking: &bank_booking::Model, references: &[Vec<String>]) -> Result<Applied> {
        let payment = self.named_payment(references).await?;
        self.is(booking, LineKind::Capture).await?;
        self.count_charges(booking, payment.as_ref()).await?;
        let captured = Captured {
            references: payment.iter().map(|payment| payment.reference.clone()).collect(),
            provider_reference: None,
            movement: movement_key(self.provider.name(), LineKind::Capture.name(), &booking.movement),
            amount: self.report.money(booking.amount),
            remitter: self.remitter(),
        };
        let applied = capture::capture(self.app, self.provider, &captured, self.heard_at).await?;
        match payment {
            // What was set aside because an earlier line named nothing: this one does.
            Some(payment) if applied == Applied::Done => {
                sum::claim(self.app, &captured.movement, &payment).await?;
                Ok(applied)
            }
            Some(_) | None => Ok(applied),
        }
    }

    /// The first place that names a payment of ours counts, if it names no other beside it.
    async fn named_payment(&self, references: &[Vec<String>]) -> Result<Option<payment::Model>> {
        for place in references {
            let mut found: Vec<payment::Model> = Vec::new();
            for reference in place {
                let payment = find_payment(self.app, self.provider, reference).await?;
                found.extend(payment.filter(|payment| found.iter().all(|known| known.id != payment.id)));
            }
            match found.as_slice() {
                [] => {}
                [only] => return Ok(Some(only.clone())),
                [_, _, ..] => return Ok(None),
            }
        }
        Ok(None)
    }

    fn remitter(&self) -> Option<Remitter> {
        match &self.part.meaning {
            Meaning::Captured { remitter, .. } => remitter.clone(),
            Meaning::RefundSent { .. }
            | Meaning::PayoutSent { .. }
            | Meaning::RefundReturned { .. }
            | Meaning::PayoutReturned { .. }
            | Meaning::Reversed { .. }
            | Meaning::Fee
            | Meaning::Foreign
            | Meaning::BankOwn
            | Meaning::Unclear(_) => {
                let marks = self.part.marks.clone();
                Some(Remitter { name: marks.party_name, account: marks.party_account, text: Some(marks.text) })
            }
        }
    }

    async fn payout(&self, reference: &str) -> Result<Option<payout::Model>> {
        let found = payout::Entity::find()
            .filter(payout::Column::Provider.eq(self.provider.name()))
            .filter(payout::Column::Reference.eq(reference));
        Ok(found.one(&self.app.db.read).await?)
    }

    /// An id that is written as ours are and isn't is an alarm; any other is somebody else's.
    async fn of_nobody<I: std::str::FromStr>(
        &self,
        booking: &bank_booking::Model,
        what: &str,
        reference: &str,
    ) -> Result<Applied> {
        if reference.parse::<I>().is_ok() {
            return Ok(super::matching::unknown(what, reference));
        }
        self.is(booking, LineKind::Foreign).await?;
        Ok(Applied::Done)
    }

    /// It came back of something that we don't know: the money is here, and a person has to say whose it is.
    async fn set_aside(&self, booking: &bank_booking::Model, reason: &str) -> Result<Applied> {
        self.is(booking, LineKind::Capture).await?;
        let remitter = self.remitter().unwrap_or_default();
        let text = format!("came back ({reason}) {}", remitter.text.unwrap_or_default());
        let captured = Captured {
            references: Vec::new(),
            provider_reference: None,
            movement: movement_key(self.provider.name(), LineKind::Capture.name(), &booking.movement),
            amount: self.report.money(booking.amount),
            remitter: Some(Remitter { text: Some(text), ..remitter }),
        };
        capture::capture(self.app, self.provider, &captured, self.heard_at).await
    }

    /// What the payee was sent of a debit. The charges are booked as a fee: as the bank states them, or what is more than the
    /// order was for, as far as that can be charges.
    async fn without_charges(&self, booking: &bank_booking::Model, amount: Money, asked: Money) -> Result<Money> {
        let more = amount.amount.0.saturating_sub(asked.amount.0);
        if amount.currency != asked.currency || more <= 0 {
            return Ok(amount);
        }
        let is_stated = self.part.charges.0 == more;
        if !is_stated && more > Ord::max(MOST_UNSTATED_CHARGES, asked.amount.0 / MOST_UNSTATED_SHARE) {
            return Ok(amount);
        }
        self.book_fee(&charges_of(&booking.movement), Money::new(MinorUnits(more), amount.currency)).await?;
        Ok(asked)
    }

    async fn book_fee(&self, movement: &str, amount: Money) -> Result<()> {
        retrying(|| async {
            let transaction = self.app.db.begin_write().await?;
            reconcile::book_fee(self.app, &transaction, self.provider.name(), movement, amount).await?;
            transaction.commit().await?;
            Ok(())
        })
        .await
    }

    /// What the booking turned out to be, where an earlier line didn't say.
    async fn is(&self, booking: &bank_booking::Model, kind: LineKind) -> Result<()> {
        if booking.kind == kind.name() || self.is_booked(booking).await? {
            return Ok(());
        }
        retrying(|| async {
            let transaction = self.app.db.begin_write().await?;
            let change = bank_booking::ActiveModel {
                id: Set(booking.id),
                kind: Set(kind.name().to_owned()),
                ..Default::default()
            };
            change.update(&transaction).await?;
            transaction.commit().await?;
            Ok(())
        })
        .await
    }

    /// What banks kept of it explains to its buyer why something is still due. Counted once, however often it is reported.
    async fn count_charges(&self, booking: &bank_booking::Model, payment: Option<&payment::Model>) -> Result<()> {
        let Some(payment) = payment.filter(|payment| payment.currency == booking.currency) else { return Ok(()) };
        let charges = self.part.charges;
        if charges <= booking.charges {
            return Ok(());
        }
        retrying(|| async {
            use bank_booking::{Column, Entity};
            let transaction = self.app.db.begin_write().await?;
            let counted = bank_booking::ActiveModel { charges: Set(charges), ..Default::default() };
            let not_yet = Entity::update_many()
                .set(counted)
                .filter(Column::Id.eq(booking.id))
                .filter(Column::Charges.eq(booking.charges));
            if not_yet.exec(&transaction).await?.rows_affected == 1 {
                let more = charges.0.saturating_sub(booking.charges.0);
                payment::Entity::update_many()
                    .col_expr(payment::Column::BankCharges, Expr::col(payment::Column::BankCharges).add(more))
                    .filter(payment::Column::Id.eq(payment.id))
                    .exec(&transaction)
                    .await?;
            }
            transaction.commit().await?;
            Ok(())
        })
        .await
    }

    async fn is_booked(&self, booking: &bank_booking::Model) -> Result<bool> {
        let key = movement_key(self.provider.name(), &booking.kind, &booking.movement);
        Ok(!ledger::posted(&self.app.db.read, &key).await?.is_empty())
    }
}

fn charges_of(movement: &str) -> String {
    format!("{movement}#charges")
}

/// A statement: its lines by the names of their bookings, compared with our books once they are booked; and whatever waited
/// for it goes on.
async fn state(
    app: &App,
    provider: &dyn PaymentProvider,
    report: &AccountReport,
    kept: &Kept,
    statement: &bank_statement::Model,
) -> Result<()> {
    let day: NaiveDate = statement.day.parse().map_err(|_source| Error::internal("a day that is none"))?;
    let mut lines: Vec<StatementLine> = Vec::new();
    for placed in &kept.lines {
        let Some(entry) = report.entries.get(placed.entry) else { continue };
        let Some(part) = entry.parts.get(placed.part) else { continue };
        if placed.bookings.is_empty() {
            let movement = format!("{}/{}.{}.{}", report.currency, statement.id, placed.entry, placed.part);
            let kind = if entry.is_credit { LineKind::OtherCredit } else { LineKind::OtherDebit };
            lines.push(StatementLine { kind, movement, reference: None, amount: report.money(part.amount) });
        }
        for booking in &placed.bookings {
            let Some(booking) = root(app, booking).await? else { continue };
            let amount = if placed.is == "DIFFERS" { part.amount } else { booking.amount };
            let line = Line { booking: &booking, amount: report.money(amount), part };
            lines.extend(line.stated(app, provider.name()).await?);
        }
    }
    let mut seen = std::collections::BTreeSet::new();
    lines.retain(|line| seen.insert((line.kind, line.movement.clone())));
    let stated = Statement { currency: report.currency, day, lines };
    reconcile::keep_statement(app, provider.name(), stated).await?;
    let confirmed: Vec<&bank_booking::Model> = kept.lines.iter().flat_map(|placed| &placed.bookings).collect();
    if statement.adds_up() != Some(false) {
        let_go(app, provider.name(), &confirmed).await?;
    }
    Ok(())
}

/// As it is now: what was taken out of a sum stands on the statement as that sum.
async fn root(app: &App, booking: &bank_booking::Model) -> Result<Option<bank_booking::Model>> {
    let id = booking.parent_id.unwrap_or(booking.id);
    Ok(bank_booking::Entity::find_by_id(id).one(&app.db.read).await?)
}

struct Line<'a> {
    booking: &'a bank_booking::Model,
    amount: Money,
    part: &'a ReportedPart,
}

impl Line<'_> {
    /// Of a debit with charges in it: what was sent, and what the bank took.
    async fn stated(&self, app: &App, provider: &str) -> Result<Vec<StatementLine>> {
        let kind = LineKind::from_name(&self.booking.kind).unwrap_or(LineKind::OtherDebit);
        let line = |kind: LineKind, movement: &str, amount: Money| StatementLine {
            kind,
            movement: movement.to_owned(),
            reference: self.part.meaning.reference().map(str::to_owned),
            amount,
        };
        let charges = charges_of(&self.booking.movement);
        let booked = ledger::posted(&app.db.read, &movement_key(provider, LineKind::Fee.name(), &charges)).await?;
        let taken: i64 = booked.iter().map(|row| row.amount.0).sum();
        if taken <= 0 || taken >= self.amount.amount.0 {
            return Ok(vec![line(kind, &self.booking.movement, self.amount)]);
        }
        let sent = Money::new(MinorUnits(self.amount.amount.0 - taken), self.amount.currency);
        let taken = Money::new(MinorUnits(taken), self.amount.currency);
        Ok(vec![line(kind, &self.booking.movement, sent), line(LineKind::Fee, &charges, taken)])
    }
}

/// Refunds of money that nobody expected, kept back until a statement had it.
async fn let_go(app: &App, provider: &str, confirmed: &[&bank_booking::Model]) -> Result<()> {
    let keys: Vec<String> =
        confirmed.iter().map(|booking| movement_key(provider, LineKind::Capture.name(), &booking.movement)).collect();
    for keys in keys.chunks(500) {
        let receipts = receipt::Entity::find().filter(receipt::Column::Movement.is_in(keys.iter().cloned()));
        let receipts: Vec<_> = receipts.all(&app.db.read).await?.into_iter().map(|receipt| receipt.id).collect();
        let waiting = refund::Entity::find()
            .filter(refund::Column::ReceiptId.is_in(receipts))
            .filter(refund::Column::Status.eq(RefundStatus::Requested));
        for refund in waiting.all(&app.db.read).await? {
            retrying(|| async {
                let transaction = app.db.begin_write().await?;
                let job = Job::SendRefund { refund_id: refund.id };
                job::enqueue(&transaction, &app.clock, &job, app.clock.now()).await?;
                transaction.commit().await?;
                Ok(())
            })
            .await?;
        }
    }
    app.wake_worker();
    Ok(())
}

/// Whether money that nobody expected may go back: where a provider sends statements, once one that adds up has it. Until
/// then a notification may be wrong, or tell of the same money again.
pub(super) async fn may_go_back(app: &App, provider: &dyn PaymentProvider, refund: &refund::Model) -> Result<bool> {
    let (true, Some(receipt)) = (provider.confirms_by_statement(), refund.receipt_id) else { return Ok(true) };
    let Some(receipt) = receipt::Entity::find_by_id(receipt).one(&app.db.read).await? else { return Ok(true) };
    let prefix = movement_key(provider.name(), LineKind::Capture.name(), "");
    let Some(movement) = receipt.movement.strip_prefix(&prefix) else { return Ok(true) };
    let found = bank_booking::Entity::find()
        .filter(bank_booking::Column::Provider.eq(provider.name()))
        .filter(bank_booking::Column::Movement.eq(movement));
    let Some(statement) = found.one(&app.db.read).await?.and_then(|booking| booking.statement_id) else {
        return Ok(false);
    };
    let statement = bank_statement::Entity::find_by_id(statement).one(&app.db.read).await?;
    Ok(statement.is_some_and(|statement| statement.adds_up() != Some(false)))
}
