//! Refunds: one that comes good after it came back is settled again; if it was sent otherwise meanwhile, the buyer has it twice,
//! which is booked as it moved, as a loss, until somebody decides.

use entity::refund::{self, RefundStatus};
use entity::standing::{self, Model};
use entity::{RefundId, Time, chargeback, payment};
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter};

use super::capture::moved;
use super::course::{Attempt, attempts};
use super::history::{MOST_STEPS, Subject, history, keep, stands};
use crate::app::App;
use crate::error::{Error, Result};
use crate::ledger::{self, movement_key};
use crate::order::{execute_as_decided, find_version};
use crate::payment::matching::{Applied, find_payment_by_any, of_provider, unknown};
use crate::payment::query::amount_sent;
use crate::payment::refund_fact::{self, Failure, SentAgain};
use escrow::{ChargebackStage, Command};
use provider::{PaymentProvider, Standing};

pub(super) async fn apply(
    app: &App,
    provider: &dyn PaymentProvider,
    reference: Option<&str>,
    standing: &Standing,
    heard_at: Time,
) -> Result<Applied> {
    let refund = match find(app, provider, reference, standing).await? {
        Ok(refund) => refund,
        Err(misfit) => return Ok(misfit),
    };
    let (Some(order_id), Some(payment_id)) = (refund.order_id, refund.payment_id) else {
        return Ok(Applied::NotOurs(format!("{} belongs to no order, and is settled by hand", refund.id)));
    };
    let asked = amount_sent(&refund);
    if standing.amount != asked {
        let problem = format!("{}: it is stated of {}, we asked for {asked}", refund.id, standing.amount);
        return Ok(Applied::NotOurs(problem));
    }
    keep(app, Subject { payment_id, refund_id: Some(refund.id) }, standing, heard_at).await?;
    if stands(standing.stands) == standing::Stands::Refused {
        let is_another = refund.provider_reference.as_ref().is_some_and(|id| *id != standing.id);
        if refund.provider != provider.name() || is_another {
            // Of an earlier attempt.
            return Ok(Applied::Done);
        }
        let failure = Failure { movement: None, amount: None, reason: standing.reason.clone() };
        return refund_fact::fail(app, provider, &refund, failure, heard_at).await;
    }
    for _step in 0..MOST_STEPS {
        let version = find_version(&app.db.read, order_id).await?;
        let refund = require(app, refund.id).await?;
        let rows = history(&app.db.read, Subject { payment_id, refund_id: Some(refund.id) }).await?;
        let Some(command) = next(app, provider.name(), &refund, &rows).await? else { break };
        // Another notification of it may be applied at the same time: then it is decided anew.
        execute_as_decided(app, order_id, version, heard_at, &command).await?;
    }
    Ok(Applied::Done)
}

async fn require(app: &App, id: RefundId) -> Result<refund::Model> {
    let row = refund::Entity::find_by_id(id).one(&app.db.read).await?;
    row.ok_or_else(|| Error::internal(format!("{id} is gone")))
}

/// By the provider's id of it; then by ours. A payment's reference names no refund of it: that would be a guess.
async fn find(
    app: &App,
    provider: &dyn PaymentProvider,
    reference: Option<&str>,
    standing: &Standing,
) -> Result<std::result::Result<refund::Model, Applied>> {
    let ours = match reference {
        Some(reference) => of_provider(app, provider, refund::Column::Reference.eq(reference)).await?,
        None => Vec::new(),
    };
    let mut theirs = of_provider(app, provider, refund::Column::ProviderReference.eq(&standing.id)).await?;
    if theirs.is_empty() {
        // Of an earlier attempt.
        let known = standing::Entity::find()
            .filter(standing::Column::Reference.eq(&standing.id))
            .filter(standing::Column::RefundId.is_not_null());
        let ids: Vec<RefundId> = known.all(&app.db.read).await?.into_iter().filter_map(|row| row.refund_id).collect();
        theirs = of_provider(app, provider, refund::Column::Id.is_in(ids)).await?;
    }
    let found = match (theirs.as_slice(), ours.as_slice()) {
        ([theirs], [ours]) if theirs.id != ours.id => {
            let (id, named) = (&standing.id, theirs.id);
            return Ok(Err(Applied::NotOurs(format!("{id} is {named}, and it is stated of {}", ours.id))));
        }
        ([found], _) | ([], [found]) => found.clone(),
        ([], []) => return Ok(Err(of_payment(app, provider, reference, standing).await?)),
        (_several, _) => return Ok(Err(Applied::NotOurs(format!("several refunds are called {}", standing.id)))),
    };
    let payment = match found.payment_id {
        Some(id) => payment::Entity::find_by_id(id).one(&app.db.read).await?,
        None => None,
    };
    let known = payment.and_then(|payment| payment.provider_reference);
    match (&standing.original, known) {
        (Some(stated), Some(known)) if *stated != known => {
            Ok(Err(Applied::NotOurs(format!("{} is of the payment {known}, and it is stated of {stated}", found.id))))
        }
        (Some(_) | None, _) => Ok(Ok(found)),
    }
}

/// It names a payment only, and an id that we don't know: that of a refund whose answer is still on its way, or of one that
/// somebody made at the provider.
async fn of_payment(
    app: &App,
    provider: &dyn PaymentProvider,
    reference: Option<&str>,
    standing: &Standing,
) -> Result<Applied> {
    let named = reference.into_iter().chain(standing.original.as_deref());
    let Some(payment) = find_payment_by_any(app, provider, named).await? else {
        return Ok(unknown("refund", reference.unwrap_or(&standing.id)));
    };
    let refunds = refund::Entity::find().filter(refund::Column::PaymentId.eq(payment.id));
    let refunds = refunds.filter(refund::Column::ProviderReference.is_null()).all(&app.db.read).await?;
    let (id, amount) = (&standing.id, standing.amount);
    let unanswered: Vec<String> = refunds
        .iter()
        .filter(|row| row.started_at.is_some() && amount_sent(row) == amount)
        .map(|row| row.id.to_string())
        .collect();
    let what = format!("{id}: {amount} of {} is stated to have been given back", payment.id);
    Ok(if unanswered.is_empty() {
        Applied::NotOurs(format!("{what}, and no refund of ours has that id"))
    } else {
        // Whose answer brings the id, may be any moment.
        Applied::NotYet(format!("{what}; the provider has not answered with its id of {}", unanswered.join(", ")))
    })
}

/// The next step from where the books are to where they have to be.
async fn next(app: &App, name: &str, refund: &refund::Model, rows: &[Model]) -> Result<Option<Command>> {
    let again = chargeback::Entity::find().filter(chargeback::Column::RefundId.eq(refund.id));
    let again: Vec<_> = again.all(&app.db.read).await?.into_iter().filter(|row| !row.returned).collect();
    let attempts = attempts(rows);
    let out = attempts.iter().filter(|attempt| attempt.is_out).count();
    let is_settled = refund.status == RefundStatus::Succeeded && refund.provider == name;
    let booked = again.len().saturating_add(usize::from(is_settled));
    let amount = amount_sent(refund);
    if booked < out {
        let mut sent = attempts.iter().filter(|attempt| attempt.is_out).filter_map(|it| Some((it, it.sent?)));
        let unbooked = find_unbooked(app, name, "refund", &mut sent).await?;
        return Ok(unbooked.map(|(attempt, movement, row)| {
            if may_settle(refund, name, &attempt) {
                Command::SettleRefund { refund_id: refund.id, amount, movement, confirmed: true }
            } else {
                SentAgain { refund, payment_id: row.payment_id, amount, movement }.command(app)
            }
        }));
    }
    let mut failed = attempts.iter().filter(|attempt| !attempt.is_out).filter_map(|it| Some((it, it.failed?)));
    let Some((attempt, movement, row)) = find_unbooked(app, name, "refund_failed", &mut failed).await? else {
        return Ok(None);
    };
    let fail = |movement| {
        let reason = row.reason.clone();
        Command::FailRefund { refund_id: refund.id, amount, movement, reason, confirmed: true }
    };
    if booked > out {
        let won = |row: &chargeback::Model, movement| moved(row, ChargebackStage::Won { movement: Some(movement) });
        return Ok(Some(match again.first() {
            Some(row) => won(row, movement),
            None => fail(movement),
        }));
    }
    // It failed, and we have not heard yet that it had been sent, or not yet booked it: then both are booked now.
    let waits = matches!(refund.status, RefundStatus::Requested | RefundStatus::Pending | RefundStatus::ActionRequired);
    if !waits || refund.provider != name {
        return Ok(None);
    }
    let left = attempt.sent.map_or_else(|| format!("{}:sent", row.movement), |sent| sent.movement.clone());
    let left = movement_key(name, "refund", &left);
    if !ledger::posted(&app.db.read, &left).await?.is_empty() {
        return Ok(None);
    }
    Ok(Some(Command::SettleRefund { refund_id: refund.id, amount, movement: left, confirmed: true }))
}

type Unbooked<'a> = (Attempt<'a>, String, &'a Model);

/// The first of these that is in no transfer yet, and the key under which it will be.
async fn find_unbooked<'a>(
    app: &App,
    name: &str,
    kind: &str,
    rows: &mut (dyn Iterator<Item = (&Attempt<'a>, &'a Model)> + Send),
) -> Result<Option<Unbooked<'a>>> {
    for (attempt, row) in rows {
        let movement = movement_key(name, kind, &row.movement);
        if ledger::posted(&app.db.read, &movement).await?.is_empty() {
            return Ok(Some((*attempt, movement, row)));
        }
    }
    Ok(None)
}

/// Whether what left is this refund's own money: it waits here, or is on its way by this very attempt. Else it is being sent,
/// or was sent, otherwise.
fn may_settle(refund: &refund::Model, name: &str, attempt: &Attempt<'_>) -> bool {
    let had_failed = attempt.failed.is_some();
    refund.provider == name
        && match refund.status {
            RefundStatus::ActionRequired | RefundStatus::ApprovalRequired | RefundStatus::PayeeDetailsRequired => true,
            RefundStatus::Requested if refund.started_at.is_none() => true,
            // After a failure it was asked for anew.
            RefundStatus::Requested | RefundStatus::Pending => !had_failed,
            RefundStatus::Succeeded | RefundStatus::ChargedBack => false,
        }
}
