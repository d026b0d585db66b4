//! The API. One file per family of types; a newtype over each row, so that columns don't leak.
//!
//! Conventions: Relay ids and connections, `first` at most 100; money as `Money`; one `input` per mutation; a payload is the
//! thing changed and `errors`. A resolver decides nothing: it checks the shape of what came in, calls, and shows what came out.

use async_graphql::connection::Connection;
use async_graphql::{Context, ID, MergedObject, MergedSubscription, SDLExportOptions, SchemaBuilder};
use chrono::{DateTime, Utc};

pub mod batch;
pub mod contract;
pub mod event;
pub mod ledger;
pub mod limits;
pub mod node;
pub mod operator;
pub mod order;
pub mod order_input;
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

/// Everything that can be read. What is not the viewer's is null, or not in the list.
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

/// Everything that can be done. A payload is the thing changed and `errors`: what has to change in the input.
#[derive(Default, MergedObject)]
pub struct Mutation(
    product::CatalogMutation,
    conversation::ConversationMutation,
    party::PartyMutation,
    order_mutation::OrderMutation,
    operator::OperatorMutation,
);

/// What happens, as it happens.
#[derive(Default, MergedSubscription)]
pub struct Subscription(event::EventSubscription);

pub type Schema = async_graphql::Schema<Query, Mutation, Subscription>;

/// The schema. It needs no database: what a resolver works on comes with the request.
#[must_use]
pub fn build(mode: Mode) -> Schema {
    let schema = described(Schema::build(Query::default(), Mutation::default(), Subscription::default()));
    match mode {
        Mode::Sandbox => schema.finish(),
        Mode::Live => schema.disable_suggestions().finish(),
    }
}

/// Says what the library's own types are to a reader of the schema.
fn described(schema: SchemaBuilder<Query, Mutation, Subscription>) -> SchemaBuilder<Query, Mutation, Subscription> {
    schema
        .override_output_type_description::<DateTime<Utc>>(
            "A moment, as RFC 3339 has it: \"2026-03-01T12:00:00.123456Z\". Answers are in UTC; any offset may be sent.",
        )
        .override_output_type_description::<ID>(
            "The name of a type and a unique part: \"order_01h455vb4pex5vsknk084sn02q\".",
        )
        .override_output_type_description::<Connection<String, conversation::Conversation>>("A page of conversations.")
        .override_output_type_description::<Connection<String, conversation::Message>>("A page of messages.")
        .override_output_type_description::<Connection<String, event::OrderEvent>>("A page of events.")
        .override_output_type_description::<Connection<String, ledger::Transfer>>("A page of transfers.")
        .override_output_type_description::<Connection<String, operator::Notification>>("A page of notifications.")
        .override_output_type_description::<Connection<String, operator::Payout>>("A page of payouts.")
        .override_output_type_description::<Connection<String, order::Order>>("A page of orders.")
        .override_output_type_description::<Connection<String, order_parts::UnappliedFunds>>(
            "A page of money that could not be applied.",
        )
        .override_output_type_description::<Connection<String, product::Product>>("A page of products.")
        .override_output_type_description::<Connection<String, supplier::Supplier>>("A page of suppliers.")
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
