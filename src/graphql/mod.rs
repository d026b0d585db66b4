//! The API. One file per family of types; a newtype over each row, so that columns don't leak.
//!
//! Conventions: Relay ids and connections, `first` at most 100; money as `Money`; one `input` per mutation; a payload is the
//! thing changed and `errors`. A resolver decides nothing: it checks the shape of what came in, calls, and shows what came out.

use async_graphql::connection::Connection;
use async_graphql::{
    Context, EmptyMutation, ID, MergedObject, MergedSubscription, ObjectType, Request, Response, SDLExportOptions,
    SchemaBuilder,
};
use chrono::{DateTime, Utc};
use futures_util::stream::BoxStream;

pub mod batch;
pub(crate) mod call;
pub mod cancel;
pub mod chargeback;
pub mod contract;
pub mod credential;
pub mod dispute;
pub mod dispute_mutation;
pub mod error_reference;
pub mod escrow_process;
pub mod event;
pub mod evidence;
pub mod feedback;
pub mod file;
mod found_by_id;
pub mod ledger;
pub mod limits;
pub mod live;
pub mod node;
pub mod operator;
pub mod operator_order;
pub mod order;
mod order_actions;
pub mod order_input;
pub mod order_loaders;
pub mod order_mutation;
pub mod order_parts;
pub mod order_query;
pub mod page;
pub mod payload;
pub mod payment;
pub mod payment_method;
pub mod payout;
pub mod reconciliation;
pub mod refund;
pub mod refund_mutation;
pub mod sandbox;
pub mod sandbox_event;
pub mod scalars;
pub mod scope;
pub mod shipping_mutation;

pub mod conversation;
pub mod loaders;
pub mod party;
pub mod product;
pub mod supplier;
pub mod unapplied;
pub mod webhook;
pub(crate) mod webhook_loader;
pub mod webhook_mutation;

use crate::app::App;
use crate::auth::{Caller, Viewer};
use ground::setting::Mode;

/// Everything that can be read. What is not the viewer's is null, or not in the list.
#[derive(Default, MergedObject)]
pub struct Query<More: ObjectType>(
    product::CatalogQuery,
    conversation::ConversationQuery,
    party::PartyQuery,
    credential::CredentialQuery,
    order_query::OrderQuery,
    escrow_process::ProcessQuery,
    payment::PaymentQuery,
    refund::RefundQuery,
    dispute::DisputeQuery,
    ledger::LedgerQuery,
    operator::OperatorQuery,
    payout::PayoutQuery,
    reconciliation::ReconciliationQuery,
    operator_order::OperatorOrderQuery,
    webhook::WebhookQuery,
    node::NodeQuery,
    More,
);

/// Everything that can be done. A payload is the thing changed and `errors`: what has to change in the input.
#[derive(Default, MergedObject)]
pub struct Mutation<More: ObjectType>(
    product::CatalogMutation,
    conversation::ConversationMutation,
    party::PartyMutation,
    credential::CredentialMutation,
    order_mutation::OrderMutation,
    shipping_mutation::ShippingMutation,
    feedback::FeedbackMutation,
    cancel::CancelMutation,
    dispute_mutation::DisputeMutation,
    refund_mutation::RefundMutation,
    evidence::EvidenceMutation,
    file::FileMutation,
    operator::OperatorMutation,
    unapplied::UnappliedMutation,
    payout::PayoutMutation,
    reconciliation::ReconciliationMutation,
    operator_order::OperatorOrderMutation,
    webhook_mutation::WebhookMutation,
    More,
);

/// What only the sandbox can do. Each says so in its description.
#[derive(Default, MergedObject)]
pub struct SandboxMutation(sandbox::ClockMutation, sandbox_event::SandboxEventMutation);

/// What happens, as it happens.
#[derive(Default, MergedSubscription)]
pub struct Subscription(event::EventSubscription, live::LiveSubscription);

type SchemaWith<MoreQuery, MoreMutation> =
    async_graphql::Schema<Query<MoreQuery>, Mutation<MoreMutation>, Subscription>;
type BuilderWith<MoreQuery, MoreMutation> = SchemaBuilder<Query<MoreQuery>, Mutation<MoreMutation>, Subscription>;

/// The schema of a mode. What only the sandbox has is not hidden in live mode: it isn't there, so nothing can run it.
#[derive(Clone)]
pub enum Schema {
    Sandbox(SchemaWith<sandbox::ClockQuery, SandboxMutation>),
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
        .override_output_type_description::<Connection<String, conversation::Conversation>>("A page of conversations.")
        .override_output_type_description::<Connection<String, conversation::Message>>("A page of messages.")
        .override_output_type_description::<Connection<String, credential::Credential>>("A page of credentials.")
        .override_output_type_description::<Connection<String, chargeback::Chargeback>>("A page of chargebacks.")
        .override_output_type_description::<Connection<String, contract::Contract>>("A page of versions of a contract.")
        .override_output_type_description::<Connection<String, dispute::Dispute>>("A page of disputes.")
        .override_output_type_description::<Connection<String, event::OrderEvent>>("A page of events.")
        .override_output_type_description::<Connection<String, ledger::Transfer>>("A page of transfers.")
        .override_output_type_description::<Connection<String, operator::Notification>>("A page of notifications.")
        .override_output_type_description::<Connection<String, payout::Payout>>("A page of payouts.")
        .override_output_type_description::<Connection<String, reconciliation::ReconciliationBreak>>("A page of breaks.")
        .override_output_type_description::<Connection<String, order::Order>>("A page of orders.")
        .override_output_type_description::<Connection<String, unapplied::UnappliedFunds>>(
            "A page of money that could not be applied.",
        )
        .override_output_type_description::<Connection<String, product::Product>>("A page of products.")
        .override_output_type_description::<Connection<String, refund::Refund>>("A page of refunds.")
        .override_output_type_description::<Connection<String, supplier::Supplier>>("A page of suppliers.")
        .override_output_type_description::<Connection<String, webhook::WebhookEndpoint>>("A page of webhook endpoints.")
        .override_output_type_description::<Connection<String, webhook::WebhookDelivery>>("A page of deliveries.")
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
    let request = webhook_loader::attach(request, app);
    loaders::attach(order_loaders::attach(request, app, viewer), app, viewer)
}

/// The parts that the request carries.
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
