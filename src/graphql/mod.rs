//! The API. One file per family of types; a newtype over each row, so that columns don't leak.
//!
//! Conventions: Relay ids and connections, `first` at most 100; money as `Money`; one `input` per mutation; a payload is the
//! thing changed and `errors`. A resolver decides nothing: it checks the shape of what came in, calls, and shows what came out.

use async_graphql::{Context, MergedObject, MergedSubscription, SDLExportOptions};

pub mod batch;
pub mod contract;
pub mod event;
pub mod ledger;
pub mod limits;
pub mod node;
pub mod operator;
pub mod order;
pub mod order_loaders;
pub mod order_mutation;
pub mod order_parts;
pub mod order_query;
pub mod page;
pub mod payload;
pub mod payment;
pub mod scalars;

pub mod conversation;
pub mod loaders;
pub mod party;
pub mod product;
pub mod supplier;

use crate::app::App;
use crate::auth::Viewer;
use crate::config::Mode;

#[derive(Default, MergedObject)]
pub struct Query(
    product::CatalogQuery,
    conversation::ConversationQuery,
    party::PartyQuery,
    order_query::OrderQuery,
    payment::PaymentQuery,
    ledger::LedgerQuery,
    operator::OperatorQuery,
    node::NodeQuery,
);

#[derive(Default, MergedObject)]
pub struct Mutation(
    product::CatalogMutation,
    conversation::ConversationMutation,
    party::PartyMutation,
    order_mutation::OrderMutation,
    operator::OperatorMutation,
);

#[derive(Default, MergedSubscription)]
pub struct Subscription(event::EventSubscription);

pub type Schema = async_graphql::Schema<Query, Mutation, Subscription>;

/// The schema. It needs no database: what a resolver works on comes with the request.
#[must_use]
pub fn build(mode: Mode) -> Schema {
    let schema = Schema::build(Query::default(), Mutation::default(), Subscription::default());
    match mode {
        Mode::Sandbox => schema.finish(),
        Mode::Live => schema.disable_suggestions().finish(),
    }
}

/// As `schema.graphql` has it: sorted, so that a change of order is no change.
#[must_use]
pub fn sdl(schema: &Schema) -> String {
    let options = SDLExportOptions::new().sorted_fields().sorted_arguments().sorted_enum_items().include_specified_by();
    schema.sdl_with_options(options)
}

/// Adds what the resolvers of one request need: loaders that batch, and forget.
#[must_use]
pub fn request_data(request: async_graphql::Request, app: &App, viewer: Viewer) -> async_graphql::Request {
    loaders::attach(order_loaders::attach(request, app, viewer), app, viewer)
}

/// The parts that the request carries.
pub(crate) fn app<'a>(ctx: &Context<'a>) -> &'a App {
    ctx.data_unchecked::<App>()
}

pub(crate) fn viewer(ctx: &Context<'_>) -> Viewer {
    ctx.data_opt::<Viewer>().copied().unwrap_or(Viewer::Anonymous)
}
