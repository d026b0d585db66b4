//! What the request carries: the application, and who asks.

use async_graphql::{Context, InputType};

use crate::app::App;
use crate::auth::{Caller, Viewer};
use crate::error::{Error, Result};
use crate::idempotency::IdempotencyKey;

/// The parts of the application.
pub(crate) fn app<'a>(ctx: &Context<'a>) -> &'a App {
    ctx.data_unchecked::<App>()
}

pub(crate) fn viewer(ctx: &Context<'_>) -> Viewer {
    ctx.data_opt::<Viewer>().copied().unwrap_or(Viewer::Anonymous)
}

/// With the credential that the request came with.
pub(crate) fn caller(ctx: &Context<'_>) -> Caller {
    ctx.data_opt::<Caller>().cloned().unwrap_or(Caller::ANONYMOUS)
}

/// The key of the mutation that runs, from all of its input; None if it came without one.
pub(crate) fn idempotency_key(ctx: &Context<'_>, input: &impl InputType) -> Option<IdempotencyKey> {
    IdempotencyKey::of(&app(ctx).cipher, &viewer(ctx), ctx.field().name(), input)
}

/// [`idempotency_key`], where the schema requires one.
pub(crate) fn required_idempotency_key(ctx: &Context<'_>, input: &impl InputType) -> Result<IdempotencyKey> {
    idempotency_key(ctx, input).ok_or_else(|| Error::internal("an input that requires a key came without one"))
}
