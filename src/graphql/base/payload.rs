//! What a mutation answers: the thing changed, or the problems of the input. A refusal is data; a failure is a GraphQL error.

use async_graphql::SimpleObject;

use crate::error::{Error, ErrorCode, Problem, Result};

/// One thing about the input that has to change.
#[derive(Clone, Debug, SimpleObject)]
pub struct UserError {
    /// For programs.
    pub code: ErrorCode,
    /// For people: what to change.
    pub message: String,
    /// Where in the arguments, from the top: ["input", "shippingAddress", "country"]. Empty if it is about the whole.
    pub path: Vec<String>,
}

impl From<Problem> for UserError {
    fn from(problem: Problem) -> Self {
        Self { code: problem.code, message: problem.message, path: problem.path }
    }
}

pub(crate) trait Payload: Sized {
    type Thing;
    fn done(thing: Self::Thing) -> Self;
    fn refused(errors: Vec<UserError>) -> Self;
}

/// A refusal goes into the payload's `errors`; being nobody, and our own failures, are errors of the request.
pub(crate) fn answer<P: Payload>(result: Result<P::Thing>) -> async_graphql::Result<P> {
    match result {
        Ok(thing) => Ok(P::done(thing)),
        Err(Error::Refused(problems)) if problems.iter().all(|problem| problem.code != ErrorCode::Unauthenticated) => {
            Ok(P::refused(problems.into_iter().map(UserError::from).collect()))
        }
        Err(error) => Err(async_graphql::Error::new_with_source(error)),
    }
}

/// Declares payload types: `payloads! { /// Doc. BuyNowPayload { order: Order } }`.
macro_rules! payloads {
    ($($(#[$doc:meta])* $name:ident { $(#[$field_doc:meta])* $field:ident: $type:ty })+) => {$(
        $(#[$doc])*
        #[derive(async_graphql::SimpleObject)]
        pub struct $name {
            $(#[$field_doc])*
            pub $field: Option<$type>,
            /// What has to change; empty when it was done.
            pub errors: Vec<$crate::graphql::base::payload::UserError>,
        }

        impl $crate::graphql::base::payload::Payload for $name {
            type Thing = $type;
            fn done(thing: $type) -> Self {
                Self { $field: Some(thing), errors: Vec::new() }
            }
            fn refused(errors: Vec<$crate::graphql::base::payload::UserError>) -> Self {
                Self { $field: None, errors }
            }
        }
    )+};
}
pub(crate) use payloads;
