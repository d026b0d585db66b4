//! The keys of the movements of real money that facts state.

use entity::hand_booking::BookingKind;

use crate::ledger::movement_key;
use provider::{ChargebackStage, Fact, LineKind, Standing, StandingOf, Stands};

/// The provider's id of a movement, and our key of it.
pub(in crate::payment) struct Stated {
    pub(super) id: String,
    pub(in crate::payment) key: String,
}

/// Of one fact; none if it moves no money, or says of none by which movement.
pub(in crate::payment) fn movements_of(provider: &str, fact: &Fact) -> Vec<Stated> {
    let one =
        |kind: LineKind, id: &str| vec![Stated { id: id.to_owned(), key: movement_key(provider, kind.name(), id) }];
    match fact {
        Fact::PaymentCaptured { movement, .. } => one(LineKind::Capture, movement),
        Fact::RefundSucceeded { movement, .. } => one(LineKind::Refund, movement),
        Fact::RefundFailed { movement: Some(movement), .. } | Fact::RefundReturned { movement, .. } => {
            one(LineKind::RefundReturned, movement)
        }
        Fact::PayoutPaid { movement, .. } => one(LineKind::Payout, movement),
        Fact::PayoutReturned { movement, .. } | Fact::PayoutFailed { movement: Some(movement), .. } => {
            one(LineKind::PayoutReturned, movement)
        }
        Fact::Standing(standing) => {
            standing_movements(standing).into_iter().flat_map(|kind| one(kind, &standing.id)).collect()
        }
        Fact::PaymentReversed { movement, .. } => one(LineKind::Reversal, movement),
        Fact::Chargeback { stage, .. } => match stage {
            ChargebackStage::Debited { movement } => one(LineKind::Chargeback, movement),
            ChargebackStage::Won { movement: Some(movement) } => one(LineKind::ChargebackWon, movement),
            ChargebackStage::Inquiry
            | ChargebackStage::Opened
            | ChargebackStage::Won { movement: None }
            | ChargebackStage::Lost
            | ChargebackStage::Unclear { .. } => Vec::new(),
        },
        Fact::PaymentPending { .. }
        | Fact::PaymentNamed { .. }
        | Fact::PaymentFailed { .. }
        | Fact::PaymentExpired { .. }
        | Fact::PaymentCancelled { .. }
        | Fact::RefundPending { .. }
        | Fact::RefundedInAll { .. }
        | Fact::RefundFailed { movement: None, .. }
        | Fact::PayoutPending { .. }
        | Fact::PayoutFailed { movement: None, .. }
        | Fact::PaymentHint { .. }
        | Fact::RefundHint { .. }
        // Which bookings its lines are is decided beside those of earlier reports.
        | Fact::AccountReport(_)
        | Fact::Statement(_)
        | Fact::NotUnderstood(_) => Vec::new(),
    }
}

/// Of one that may change again: by its first name only, which is all that an operator can have settled.
fn standing_movements(standing: &Standing) -> Option<LineKind> {
    match (&standing.of, standing.stands) {
        (StandingOf::Refund { .. }, Stands::Good) => Some(LineKind::Refund),
        (StandingOf::Refund { .. }, Stands::Failed { .. }) => Some(LineKind::RefundReturned),
        (StandingOf::Refund { .. }, Stands::Refused | Stands::Withdrawn) | (StandingOf::Capture { .. }, _) => None,
    }
}

/// As what such a booking's movement would come from the provider itself; none if no money moves at the provider.
pub(super) fn line_kind(kind: BookingKind) -> Option<LineKind> {
    match kind {
        BookingKind::Capture | BookingKind::SetAside => Some(LineKind::Capture),
        BookingKind::RefundSucceeded => Some(LineKind::Refund),
        BookingKind::RefundReturned => Some(LineKind::RefundReturned),
        BookingKind::PayoutPaid => Some(LineKind::Payout),
        BookingKind::PayoutReturned => Some(LineKind::PayoutReturned),
        BookingKind::ChargebackDebited => Some(LineKind::Chargeback),
        BookingKind::ChargebackWon => Some(LineKind::ChargebackWon),
        BookingKind::PaymentReversed => Some(LineKind::Reversal),
        BookingKind::Fee => Some(LineKind::Fee),
        BookingKind::OtherCredit => Some(LineKind::OtherCredit),
        BookingKind::OtherDebit => Some(LineKind::OtherDebit),
        BookingKind::RefundFailed
        | BookingKind::PayoutFailed
        | BookingKind::ChargebackOpened
        | BookingKind::ChargebackLost
        | BookingKind::Reversed
        | BookingKind::AdjustedAsFee
        | BookingKind::AdjustedAsOther
        | BookingKind::Accepted => None,
    }
}
