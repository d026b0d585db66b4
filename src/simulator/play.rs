//! What the buyer does on the checkout page, or the developer in the place of the buyer and of the buyer's bank. Each is
//! one transaction, with the notification about it; what can't be done by such a method is refused, with what can.

use entity::sandbox_movement::{Column, Entity, Model, MovementKind, MovementStatus};
use entity::{MinorUnits, Money, SandboxMovementId};
use sea_orm::{ColumnTrait, DatabaseTransaction, EntityTrait, QueryFilter, QuerySelect};
use serde::Deserialize;

use super::books;
use super::claim::take_back;
use super::collected::{self, Collected};
use super::event::{SimulatedEvent, capture, notify_of, transfer_unmatched};
use super::method_kind::{self, MethodKind};
use crate::app::App;
use crate::error::{Error, ErrorCode, Result};

/// The longest text that a payer can write, as in SEPA and SWIFT.
pub(super) const LONGEST_REFERENCE: usize = 140;
/// No transfer is larger than so many times the payment: the sums have to stay sums.
const LARGEST: i64 = 10;

/// The page's form. Only `decision` is needed; what the other fields are for, the page says.
#[derive(Debug, Deserialize)]
pub(super) struct Form {
    pub(super) decision: Decision,
    pub(super) amount: Option<String>,
    /// What the payer writes; without it, the right one.
    pub(super) reference: Option<String>,
    /// [`seen`], as it was on the page: what has changed since is looked at before more is sent. Without it, it isn't.
    pub(super) seen: Option<usize>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Decision {
    /// Pays all that is missing.
    Approve,
    Decline,
    /// Pays; the money takes its time.
    ApproveLater,
    /// The money arrives now.
    Settle,
    /// The voucher's time passes.
    Expire,
    /// Sends an amount of the buyer's choice.
    Transfer,
    /// The sending bank calls money back.
    Bounce,
}

/// What became of it, and how the payment stands then.
pub(super) enum Played {
    /// As it was decided, now or by an earlier click.
    Done(Model),
    /// Nothing, because the payment stands otherwise.
    Nothing(Model),
    Refused(Model, Problem),
}

pub(super) struct Problem {
    /// Of the form; the whole if it is none of its fields.
    pub(super) field: Option<&'static str>,
    pub(super) words: String,
}

impl Problem {
    fn of(field: &'static str, words: impl Into<String>) -> Self {
        Self { field: Some(field), words: words.into() }
    }

    fn whole(words: impl Into<String>) -> Self {
        Self { field: None, words: words.into() }
    }
}

/// How many things have come or were taken back: two pages that show the same have the same.
pub(super) fn seen(payment: &Model, behind: &[Model]) -> usize {
    let counted = |row: &&Model| match row.kind {
        MovementKind::Transfer | MovementKind::Unmatched | MovementKind::Reversal => true,
        MovementKind::Payment | MovementKind::Refund | MovementKind::Payout | MovementKind::Chargeback => false,
    };
    behind.iter().filter(counted).count().saturating_add(usize::from(payment.status == MovementStatus::Succeeded))
}

/// None if there is no such payment.
pub(super) async fn play(app: &App, id: SandboxMovementId, form: &Form) -> Result<Option<Played>> {
    let tx = app.db.begin_write().await?;
    let found = Entity::find_by_id(id).filter(Column::Kind.eq(MovementKind::Payment)).lock_exclusive().one(&tx).await?;
    let Some(payment) = found else { return Ok(None) };
    let before = payment.clone();
    let step = match MethodKind::of(&payment) {
        MethodKind::Redirect => consent(app, &tx, payment, form.decision).await,
        MethodKind::Voucher => at_the_counter(app, &tx, payment, form.decision).await,
        MethodKind::Transfer => by_bank(app, &tx, payment, form).await,
    };
    match step {
        Ok(Step::Done(payment)) => {
            tx.commit().await?;
            app.wake_worker();
            Ok(Some(Played::Done(payment)))
        }
        Ok(Step::Nothing) => Ok(Some(Played::Nothing(before))),
        Ok(Step::Refused(problem)) => Ok(Some(Played::Refused(before, problem))),
        Err(error) => match error.public() {
            (ErrorCode::InvalidInput | ErrorCode::InvalidAmount, words) => {
                Ok(Some(Played::Refused(before, Problem::whole(words))))
            }
            _failure => Err(error),
        },
    }
}

enum Step {
    Done(Model),
    Nothing,
    Refused(Problem),
}

fn not_here(words: &str) -> Result<Step> {
    Ok(Step::Refused(Problem::whole(words)))
}

async fn to(app: &App, tx: &DatabaseTransaction, payment: Model, status: MovementStatus) -> Result<Step> {
    books::advance(app, tx, payment, status).await.map(Step::Done)
}

async fn consent(app: &App, tx: &DatabaseTransaction, payment: Model, decision: Decision) -> Result<Step> {
    let status = payment.status;
    let (from, wanted) = match decision {
        Decision::Approve => (MovementStatus::Open, MovementStatus::Succeeded),
        Decision::Decline => (MovementStatus::Open, MovementStatus::Declined),
        Decision::ApproveLater => (MovementStatus::Open, MovementStatus::Settling),
        Decision::Settle => (MovementStatus::Settling, MovementStatus::Succeeded),
        Decision::Expire | Decision::Transfer | Decision::Bounce => {
            return not_here("Such a payment is approved or declined, as a whole: nothing else can be done here.");
        }
    };
    if status == from {
        return to(app, tx, payment, wanted).await;
    }
    // A double click decided it already; what was to settle later may have settled.
    let is_so = status == wanted || (decision == Decision::ApproveLater && status == MovementStatus::Succeeded);
    Ok(if is_so { Step::Done(payment) } else { Step::Nothing })
}

async fn at_the_counter(app: &App, tx: &DatabaseTransaction, payment: Model, decision: Decision) -> Result<Step> {
    let (status, is_over) = (payment.status, books::is_over(app, &payment));
    let wanted = match decision {
        Decision::Approve if is_over => MovementStatus::Expired,
        Decision::Approve => MovementStatus::Succeeded,
        Decision::Expire => MovementStatus::Expired,
        Decision::Decline | Decision::ApproveLater | Decision::Settle | Decision::Transfer | Decision::Bounce => {
            return not_here(
                "A voucher is paid at the counter, as a whole, or it expires: nothing else can be done here.",
            );
        }
    };
    if status == MovementStatus::Open {
        return to(app, tx, payment, wanted).await;
    }
    Ok(Step::Nothing)
}

async fn by_bank(app: &App, tx: &DatabaseTransaction, payment: Model, form: &Form) -> Result<Step> {
    let behind = collected::behind(tx, payment.id).await?;
    let sums = Collected::sum(&payment, &behind, payment.currency)?;
    let missing = sums.missing(payment.amount).ok_or_else(|| Error::internal("the bank's sums overflow"))?;
    match form.decision {
        Decision::Approve if missing.is_positive() => {
            let missing = Money::new(missing, payment.currency);
            notified(app, tx, &payment, capture(app, tx, payment.clone(), Some(missing)).await?).await
        }
        Decision::ApproveLater if payment.status == MovementStatus::Open && sums.arrived.is_zero() => {
            to(app, tx, payment, MovementStatus::Settling).await
        }
        Decision::Settle if payment.status == MovementStatus::Settling => {
            to(app, tx, payment, MovementStatus::Succeeded).await
        }
        Decision::Approve | Decision::ApproveLater | Decision::Settle => Ok(Step::Nothing),
        Decision::Decline | Decision::Expire => {
            not_here("A transfer is not declined and does not expire: it is sent, or it is not.")
        }
        Decision::Transfer | Decision::Bounce if form.seen.is_some_and(|shown| shown != seen(&payment, &behind)) => {
            not_here(
                "Nothing was done this time: money has arrived or was called back since the page was shown, perhaps by a \
                 double click. Look at what has happened; if you want it once more, do it again.",
            )
        }
        Decision::Transfer => send(app, tx, payment, form).await,
        Decision::Bounce => call_back(app, tx, payment, form).await,
    }
}

/// The payment as it stands after something happened to it, of which the shop is notified.
async fn notified(app: &App, tx: &DatabaseTransaction, payment: &Model, event: SimulatedEvent) -> Result<Step> {
    notify_of(app, tx, &event, 1).await?;
    let movement = event.movement;
    Ok(Step::Done(if movement.id == payment.id { movement } else { payment.clone() }))
}

async fn send(app: &App, tx: &DatabaseTransaction, payment: Model, form: &Form) -> Result<Step> {
    let (amount, written) = match (read_amount(&payment, form), read_reference(form)) {
        (Ok(Some(amount)), Ok(written)) => (amount, written),
        (Ok(None), _) => return Ok(Step::Refused(Problem::of("amount", "Say how much is to be sent."))),
        (Err(problem), _) | (_, Err(problem)) => return Ok(Step::Refused(problem)),
    };
    let most = payment.amount.0.checked_mul(LARGEST).map_or(payment.amount, MinorUnits);
    if amount.amount > most {
        let most = Money::new(most, payment.currency);
        let words = format!("{amount} is too large: this bank sends at most {most} at once for this payment.");
        return Ok(Step::Refused(Problem::of("amount", words)));
    }
    let event = match written {
        Some(written) if !method_kind::names(written, &payment) => {
            transfer_unmatched(app, tx, &payment, amount, written).await?
        }
        Some(_) | None => capture(app, tx, payment.clone(), Some(amount)).await?,
    };
    notified(app, tx, &payment, event).await
}

async fn call_back(app: &App, tx: &DatabaseTransaction, payment: Model, form: &Form) -> Result<Step> {
    let amount = match read_amount(&payment, form) {
        Ok(amount) => amount,
        Err(problem) => return Ok(Step::Refused(problem)),
    };
    let event = take_back(app, tx, &payment.reference, MovementKind::Reversal, amount, None).await?;
    notified(app, tx, &payment, event).await
}

/// None if the field was left empty.
fn read_amount(payment: &Model, form: &Form) -> Result<Option<Money>, Problem> {
    let text = form.amount.as_deref().map_or("", str::trim);
    if text.is_empty() {
        return Ok(None);
    }
    let unsigned = text.trim_start_matches(['-', '\u{2212}']);
    if unsigned.len() < text.len() {
        return Err(Problem::of("amount", "The amount must be more than zero."));
    }
    let is_plain = text.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.');
    if is_plain && text.len() > 25 {
        return Err(Problem::of("amount", "The amount has too many digits."));
    }
    Money::exact(text, payment.currency.code()).map(Some).map_err(|error| {
        let shown: String = text.chars().take(30).collect();
        Problem::of("amount", format!("“{shown}” can't be sent: {error}."))
    })
}

/// None for the right one.
fn read_reference(form: &Form) -> Result<Option<&str>, Problem> {
    let Some(text) = form.reference.as_deref().map(str::trim) else { return Ok(None) };
    if text.chars().count() > LONGEST_REFERENCE || text.chars().any(char::is_control) {
        let words = format!("The reference must be one line of at most {LONGEST_REFERENCE} characters.");
        return Err(Problem::of("reference", words));
    }
    Ok(Some(text))
}
