//! The API. One file per family of types; a newtype over each row, so that columns don't leak.
//!
//! Conventions: Relay ids and connections, `first` at most 100; money as `Money`; one `input` per mutation; a payload is the
//! thing changed and `errors`. A resolver decides nothing: it checks the shape of what came in, calls, and shows what came out.

use async_graphql::Context;

pub mod page;
pub mod payload;
pub mod scalars;

use crate::app::App;
use crate::auth::Viewer;

/// The parts that the request carries.
pub(crate) fn app<'a>(ctx: &Context<'a>) -> &'a App {
    ctx.data_unchecked::<App>()
}

pub(crate) fn viewer(ctx: &Context<'_>) -> Viewer {
    ctx.data_opt::<Viewer>().copied().unwrap_or(Viewer::Anonymous)
}
