//! The API. One folder per family of types; a newtype over each row, so that columns don't leak.
//!
//! Conventions: Relay ids and connections, `first` at most 100; money as `Money`; one `input` per mutation; a payload is the
//! thing changed and `errors`. A resolver decides nothing: it checks the shape of what came in, calls, and shows what came out.

use async_graphql::connection::Connection;
use async_graphql::{
    EmptyMutation, ID, MergedObject, MergedSubscription, ObjectType, Request, Response, SDLExportOptions, SchemaBuilder,
};
use chrono::{DateTime, Utc};
use futures_util::stream::BoxStream;

pub mod base;
pub mod catalog;
pub mod dispute;
pub mod error_reference;
pub mod file;
#[cfg(test)]
mod keyed_inputs;
pub mod limits;
pub mod live;
pub mod loader;
pub mod messaging;
pub mod node;
pub mod operator;
pub mod order;
pub mod party;
pub mod payment;
pub mod payout;
pub mod refund;
pub mod sandbox;
pub mod scope;
pub mod webhook;

use crate::app::App;
use crate::auth::Viewer;
use ground::setting::Mode;

/// Everything that can be read. What is not the viewer's is null, or not in the list.
#[derive(Default, MergedObject)]
pub struct Query<More: ObjectType>(
    catalog::query::CatalogQuery,
    messaging::conversation::ConversationQuery,
    party::object::PartyQuery,
    party::credential::CredentialQuery,
    party::bank_account_form::BankAccountFormQuery,
    order::query::OrderQuery,
    order::process::ProcessQuery,
    payment::object::PaymentQuery,
    refund::object::RefundQuery,
    dispute::object::DisputeQuery,
    operator::ledger::LedgerQuery,
    operator::notification::OperatorQuery,
    operator::booking::BookingQuery,
    payout::object::PayoutQuery,
    operator::reconciliation::ReconciliationQuery,
    operator::order::OperatorOrderQuery,
    webhook::endpoint::WebhookQuery,
    node::NodeQuery,
    More,
);

/// Everything that can be done. A payload is the thing changed and `errors`: what has to change in the input.
#[derive(Default, MergedObject)]
pub struct Mutation<More: ObjectType>(
    catalog::mutation::CatalogMutation,
    messaging::conversation::ConversationMutation,
    party::mutation::PartyMutation,
    party::credential_mutation::CredentialMutation,
    order::mutation::OrderMutation,
    order::shipping::ShippingMutation,
    order::feedback::FeedbackMutation,
    order::cancel::CancelMutation,
    dispute::mutation::DisputeMutation,
    refund::mutation::RefundMutation,
    dispute::evidence::EvidenceMutation,
    file::FileMutation,
    operator::notification::OperatorMutation,
    operator::booking::BookingMutation,
    operator::ways_out::WaysOutMutation,
    refund::unapplied::UnappliedMutation,
    payout::object::PayoutMutation,
    operator::reconciliation::ReconciliationMutation,
    operator::order::OperatorOrderMutation,
    webhook::mutation::WebhookMutation,
    More,
);

/// What only the sandbox can do. Each says so in its description.
#[derive(Default, MergedObject)]
pub struct SandboxMutation(sandbox::clock::ClockMutation, sandbox::event::SandboxEventMutation);

/// What happens, as it happens.
#[derive(Default, MergedSubscription)]
pub struct Subscription(order::event::EventSubscription, live::LiveSubscription);

type SchemaWith<MoreQuery, MoreMutation> =
    async_graphql::Schema<Query<MoreQuery>, Mutation<MoreMutation>, Subscription>;
type BuilderWith<MoreQuery, MoreMutation> = SchemaBuilder<Query<MoreQuery>, Mutation<MoreMutation>, Subscription>;

/// The schema of a mode. What only the sandbox has is not hidden in live mode: it isn't there, so nothing can run it.
#[derive(Clone)]
pub enum Schema {
    Sandbox(SchemaWith<sandbox::clock::ClockQuery, SandboxMutation>),
    /// With nothing more: an `EmptyMutation` is an object without fields.
    Live(SchemaWith<EmptyMutation, EmptyMutation>),
}

impl Schema {
    /// Runs a query or a mutation.
    pub async fn execute(&self, request: impl Into<Request>) -> Response {
        match self {
            Self::Sandbox(schema) => schema.execute(request).await,
            Self::Live(schema) => schema.execute(request).await,
        }
    }

    /// Runs any operation; a query or a mutation gives one response.
    pub fn execute_stream(&self, request: impl Into<Request>) -> BoxStream<'static, Response> {
        match self {
            Self::Sandbox(schema) => schema.execute_stream(request),
            Self::Live(schema) => schema.execute_stream(request),
        }
    }
}

/// The schema. It needs no database: what a resolver works on comes with the request.
#[must_use]
pub fn build(mode: Mode) -> Schema {
    match mode {
        Mode::Sandbox => Schema::Sandbox(described().finish()),
        Mode::Live => Schema::Live(described().disable_suggestions().finish()),
    }
}

/// Says what the library's own types are to a reader of the schema.
fn described<MoreQuery, MoreMutation>() -> BuilderWith<MoreQuery, MoreMutation>
where
    MoreQuery: ObjectType + Default + 'static,
    MoreMutation: ObjectType + Default + 'static,
{
    let schema = async_graphql::Schema::build(Query::default(), Mutation::default(), Subscription::default());
    schema
        .override_output_type_description::<DateTime<Utc>>(
            "A moment, as RFC 3339 has it: \"2026-03-01T12:00:00.123456Z\". Answers are in UTC; any offset may be sent.",
        )
        .override_output_type_description::<ID>(
            "The name of a type and a unique part: \"order_01h455vb4pex5vsknk084sn02q\".",
        )
        .override_output_type_description::<Connection<String, messaging::conversation::Conversation>>("A page of conversations.")
        .override_output_type_description::<Connection<String, messaging::conversation::Message>>("A page of messages.")
        .override_output_type_description::<Connection<String, party::credential::Credential>>("A page of credentials.")
        .override_output_type_description::<Connection<String, payment::chargeback::Chargeback>>("A page of chargebacks.")
        .override_output_type_description::<Connection<String, order::contract::Contract>>("A page of versions of a contract.")
        .override_output_type_description::<Connection<String, dispute::object::Dispute>>("A page of disputes.")
        .override_output_type_description::<Connection<String, order::event::OrderEvent>>("A page of events.")
        .override_output_type_description::<Connection<String, operator::ledger::Transfer>>("A page of transfers.")
        .override_output_type_description::<Connection<String, operator::notification::Notification>>("A page of notifications.")
        .override_output_type_description::<Connection<String, payout::object::Payout>>("A page of payouts.")
        .override_output_type_description::<Connection<String, operator::reconciliation::ReconciliationBreak>>("A page of breaks.")
        .override_output_type_description::<Connection<String, operator::booking::HandBooking>>("A page of bookings by hand.")
        .override_output_type_description::<Connection<String, order::object::Order>>("A page of orders.")
        .override_output_type_description::<Connection<String, refund::unapplied::UnappliedFunds>>(
            "A page of money that could not be applied.",
        )
        .override_output_type_description::<Connection<String, catalog::product::Product>>("A page of products.")
        .override_output_type_description::<Connection<String, refund::object::Refund>>("A page of refunds.")
        .override_output_type_description::<Connection<String, catalog::supplier::Supplier>>("A page of suppliers.")
        .override_output_type_description::<Connection<String, webhook::endpoint::WebhookEndpoint>>("A page of webhook endpoints.")
        .override_output_type_description::<Connection<String, webhook::endpoint::WebhookDelivery>>("A page of deliveries.")
}

/// As `schema.graphql` has it: sorted, so that a change of order is no change.
#[must_use]
pub fn sdl(schema: &Schema) -> String {
    let options = SDLExportOptions::new().sorted_fields().sorted_arguments().sorted_enum_items().include_specified_by();
    match schema {
        Schema::Sandbox(schema) => schema.sdl_with_options(options),
        Schema::Live(schema) => schema.sdl_with_options(options),
    }
}

/// Adds what the resolvers of one request need: loaders that batch, and forget.
#[must_use]
pub fn request_data(request: Request, app: &App, viewer: Viewer) -> Request {
    let request = loader::webhook::attach(request, app);
    loader::catalog::attach(loader::order::attach(request, app, viewer), app, viewer)
}
