//! What a provider states, booked: one fact at a time, each by the file that knows its kind.

use entity::{Money, Time};
use futures_util::future::BoxFuture;

use super::by_hand::{is_settled_by_hand, movements_of};
use super::capture::{self, Captured};
use super::chargeback::{self, ClaimedBack, Disputed};
use super::hint::{self, Hinted};
use super::matching::Applied;
use super::payout_fact::Back;
use super::recount::{self, Recount};
use super::refund_fact::{Named, Returned};
use super::{bank_booking, payout_fact, reconcile, refund_fact, standing};
use crate::app::App;
use crate::error::{Error, Result};
use crate::ledger::movement_key;
use escrow::PaymentEnd;
use provider::{Fact, PaymentProvider, Standing};

/// Books one fact, as of when we heard it. The same fact again, by whichever way it comes, changes nothing.
pub fn apply_fact<'a>(
    app: &'a App,
    provider: &'a dyn PaymentProvider,
    fact: Fact,
    heard_at: Time,
) -> BoxFuture<'a, Result<Applied>> {
    Box::pin(async move {
        match book(app, provider, fact, heard_at).await {
            Err(Error::Contradiction(what)) => Ok(Applied::NotOurs(what)),
            other => other,
        }
    })
}

/// Books what a provider answered to a call of ours.
pub(super) async fn apply_facts(app: &App, provider: &dyn PaymentProvider, facts: Vec<Fact>) -> Result<()> {
    for fact in facts {
        apply_fact(app, provider, fact, app.clock.now()).await?.or_log(provider.name());
    }
    Ok(())
}

#[expect(clippy::too_many_lines, reason = "one exhaustive match: a fact that is not decided here does not compile")]
async fn book(app: &App, provider: &dyn PaymentProvider, fact: Fact, heard_at: Time) -> Result<Applied> {
    let movements = movements_of(provider.name(), &fact).into_iter().map(|stated| stated.key).collect();
    if is_settled_by_hand(&app.db.read, movements).await? {
        return Ok(Applied::Done);
    }
    match fact {
        Fact::PaymentPending { .. } => Ok(Applied::Done),
        Fact::PaymentNamed { reference, provider_reference } => {
            capture::name(app, provider, &reference, &provider_reference).await
        }
        Fact::PaymentCaptured { references, provider_reference, movement, amount, remitter } => {
            let movement = movement_key(provider.name(), "capture", &movement);
            let captured = Captured { references, provider_reference, movement, amount, remitter };
            capture::capture(app, provider, &captured, heard_at).await
        }
        Fact::PaymentFailed { reference, reason } => {
            let end = PaymentEnd::Failed { reason: clean(&reason) };
            capture::end(app, provider, &reference, end, heard_at).await
        }
        Fact::PaymentExpired { reference } => {
            capture::end(app, provider, &reference, PaymentEnd::Expired, heard_at).await
        }
        Fact::PaymentCancelled { reference } => {
            capture::end(app, provider, &reference, PaymentEnd::Cancelled, heard_at).await
        }
        Fact::RefundPending { reference, provider_reference } => {
            refund_fact::pending(app, provider, &reference, provider_reference.as_deref()).await
        }
        Fact::RefundSucceeded { reference, provider_reference, movement, amount } => {
            let named = Named { reference: &reference, provider_reference: provider_reference.as_deref() };
            let applied = refund_fact::succeeded(app, provider, named, &movement, amount, heard_at).await?;
            if let Some(provider_reference) = provider_reference.filter(|_| applied == Applied::Done) {
                refund_fact::name(app, provider, &reference, &provider_reference).await?;
            }
            Ok(applied)
        }
        Fact::RefundFailed { reference, provider_reference, movement, reason } => {
            let named = Named { reference: &reference, provider_reference: provider_reference.as_deref() };
            refund_fact::failed(app, provider, named, movement, clean(&reason), heard_at).await
        }
        Fact::RefundReturned { reference, provider_reference, movement, amount, reason } => {
            let named = Named { reference: &reference, provider_reference: provider_reference.as_deref() };
            let returned = Returned { named, movement, amount, reason: clean(&reason) };
            refund_fact::returned(app, provider, returned, heard_at).await
        }
        Fact::Standing(standing) => {
            let standing = Standing { reason: clean(&standing.reason), ..standing };
            standing::apply(app, provider, &standing, heard_at).await
        }
        Fact::RefundedInAll { payment, refund, total } => {
            let counted = recount::recount(app, provider, &payment, refund.as_deref(), total).await?;
            book_recount(app, provider, counted, total, heard_at).await
        }
        Fact::PayoutPending { reference, provider_reference } => {
            payout_fact::pending(app, provider.name(), &reference, provider_reference.as_deref()).await
        }
        Fact::PayoutPaid { reference, movement, amount, .. } => {
            let movement = movement_key(provider.name(), "payout", &movement);
            payout_fact::paid(app, provider, &reference, movement, amount).await
        }
        Fact::PayoutFailed { reference, movement, reason } => {
            payout_fact::failed(app, provider, &reference, movement.as_deref(), &clean(&reason)).await
        }
        Fact::PayoutReturned { reference, movement, amount, reason } => {
            let movement = movement_key(provider.name(), "payout_returned", &movement);
            let back = Back { movement, amount, reason: &clean(&reason) };
            payout_fact::returned(app, provider.name(), &reference, back).await
        }
        Fact::PaymentHint { references, provider_reference } => {
            let hinted = hint::payment(app, provider, &references, provider_reference.as_deref()).await?;
            book_hinted(app, provider, hinted, heard_at).await
        }
        Fact::RefundHint { reference } => {
            let hinted = hint::refund(app, provider, &reference).await?;
            book_hinted(app, provider, hinted, heard_at).await
        }
        Fact::Statement(statement) => reconcile::keep_statement(app, provider.name(), statement).await,
        Fact::AccountReport(report) => bank_booking::apply(app, provider, &report, heard_at).await,
        Fact::NotUnderstood(what) => Ok(Applied::NotOurs(what)),
        Fact::Chargeback { reference, chargeback, amount, stage, reason } => {
            let disputed = Disputed { reference: &reference, id: &chargeback, amount, reason: &clean(&reason) };
            chargeback::apply(app, provider, &disputed, stage, heard_at).await
        }
        Fact::PaymentReversed { reference, movement, amount, reason } => {
            let claimed = ClaimedBack { reference: &reference, id: &movement, amount, reason: &clean(&reason) };
            chargeback::reverse(app, provider, &claimed, heard_at).await
        }
    }
}

/// All that the provider answered; the first that doesn't fit is what became of the hint.
async fn book_hinted(app: &App, provider: &dyn PaymentProvider, hinted: Hinted, heard_at: Time) -> Result<Applied> {
    let facts = match hinted {
        Hinted::Answered(facts) => facts,
        Hinted::Unmatched(applied) => return Ok(applied),
    };
    let mut worst = Applied::Done;
    for fact in facts {
        let applied = if matches!(fact, Fact::PaymentHint { .. } | Fact::RefundHint { .. }) {
            Applied::NotOurs("the provider answered a question with a hint".to_owned())
        } else {
            Box::pin(book(app, provider, fact, heard_at)).await?
        };
        if worst == Applied::Done {
            worst = applied;
        }
    }
    Ok(worst)
}

async fn book_recount(
    app: &App,
    provider: &dyn PaymentProvider,
    counted: Recount,
    total: Money,
    heard_at: Time,
) -> Result<Applied> {
    match counted {
        Recount::Known(applied) => Ok(applied),
        Recount::Arrived(facts) => {
            for fact in facts {
                match apply_fact(app, provider, fact, heard_at).await? {
                    Applied::Done => {}
                    misfit @ (Applied::NotOurs(_) | Applied::NotYet(_)) => return Ok(misfit),
                }
            }
            Ok(Applied::Done)
        }
        Recount::Unclear { payment, refunds } => {
            // One at a time: how the next one is asked about depends on what is booked of the others.
            for refund in &refunds {
                for fact in recount::ask_about(app, provider, refund).await? {
                    apply_fact(app, provider, fact, heard_at).await?.or_log(provider.name());
                }
            }
            recount::explained(app, provider, &payment, total).await
        }
    }
}

/// A provider's own words go into the timeline and the database: without control characters, not too many, and without
/// numbers of cards or accounts.
fn clean(reason: &str) -> String {
    let text: String = reason.chars().map(|c| if c.is_control() { ' ' } else { c }).take(300).collect();
    let digits = |word: &str| word.chars().filter(char::is_ascii_digit).count();
    let words: Vec<&str> = text.split_whitespace().collect();
    // A number may be written in groups: of neighbours with digits each, the sum counts.
    let groups = words.chunk_by(|one, other| digits(one) > 0 && digits(other) > 0);
    let shown = groups.flat_map(|group| {
        let is_number = group.iter().map(|word| digits(word)).sum::<usize>() >= 6;
        if is_number { vec!["•••"] } else { group.to_vec() }
    });
    let text = shown.collect::<Vec<_>>().join(" ");
    if text.is_empty() { "the provider gave no reason".to_owned() } else { text }
}
