//! What the request carries: the application, and who asks.

use async_graphql::Context;

use crate::app::App;
use crate::auth::{Caller, Viewer};

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
