//! How a refusal of the rules is answered.

use crate::error::{Error, ErrorCode};
use escrow::Rejection;

pub(super) fn refusal(rejection: Rejection) -> Error {
    let message = rejection.to_string();
    match rejection {
        Rejection::InvalidTransition { .. } => Error::refused(ErrorCode::InvalidTransition, message),
        Rejection::NotPermitted { .. } => Error::refused(ErrorCode::NotPermitted, message),
        Rejection::StaleContract { .. } => Error::refused(ErrorCode::StaleVersion, message).at("contractVersion"),
        Rejection::StaleProposal { .. } => Error::refused(ErrorCode::StaleVersion, message).at("proposalId"),
        Rejection::Frozen => Error::refused(ErrorCode::OrderFrozen, message),
        Rejection::FeedbackExists => Error::refused(ErrorCode::AlreadyExists, message),
        Rejection::AmountExceedsHeld { field, .. } => Error::refused(ErrorCode::AmountExceedsHeld, message).at(field),
        Rejection::Invalid { field, .. } => Error::refused(ErrorCode::InvalidInput, message).at(field),
        Rejection::NeedsAnotherOperator => Error::refused(ErrorCode::NotPermitted, message),
        Rejection::PayeeDetailsRequired => Error::refused(ErrorCode::PayeeDetailsRequired, message),
        Rejection::Contradiction(problem) => Error::Contradiction(problem),
        Rejection::Inconsistent(_) => Error::internal(message),
    }
}
