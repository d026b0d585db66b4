//! `node` and `nodes`: any object by its id, if it exists for the viewer. Of many of one kind all are read with one statement.
//!
//! A type with an `id` gets a line here, and one in [`super::loader::found_by_id`]; a test looks that none is missing.

use async_graphql::{Context, ID, Interface, Object, Result};
use entity::{
    BookingId, BreakId, BuyerId, CancelRequestId, ChargebackId, ContractId, ConversationId, CredentialId, DisputeId,
    EventId, EvidenceId, FeedbackId, FileId, MessageId, NotificationId, OperatorId, OrderId, PaymentId,
    PayoutAccountId, PayoutId, ProductId, ProposalId, ReceiptId, RefundAccountId, RefundId, ShipmentId, StorefrontId,
    SupplierId, TransferId, WebhookDeliveryId, WebhookEndpointId,
};

use crate::error::{Error, ErrorCode};
use crate::graphql::catalog::product::Product;
use crate::graphql::catalog::supplier::Supplier;
use crate::graphql::dispute::evidence::Evidence;
use crate::graphql::dispute::object::{Dispute, Proposal};
use crate::graphql::file::File;
use crate::graphql::loader::order::loader;
use crate::graphql::messaging::conversation::{Conversation, Message};
use crate::graphql::operator::booking::HandBooking;
use crate::graphql::operator::ledger::Transfer;
use crate::graphql::operator::notification::Notification;
use crate::graphql::operator::reconciliation::ReconciliationBreak;
use crate::graphql::order::cancel::CancelRequest;
use crate::graphql::order::contract::Contract;
use crate::graphql::order::event::OrderEvent;
use crate::graphql::order::feedback::Feedback;
use crate::graphql::order::object::Order;
use crate::graphql::order::parts::Shipment;
use crate::graphql::party::credential::Credential;
use crate::graphql::party::object::PayoutAccount;
use crate::graphql::party::people::{Buyer, Operator, Storefront};
use crate::graphql::payment::chargeback::Chargeback;
use crate::graphql::payment::object::Payment;
use crate::graphql::payout::object::Payout;
use crate::graphql::refund::object::{Refund, RefundAccount};
use crate::graphql::refund::unapplied::UnappliedFunds;
use crate::graphql::webhook::endpoint::{WebhookDelivery, WebhookEndpoint};

/// `Type: TypeId, of Type::from;` for what is just its row, `by Type::find;` for what needs more.
macro_rules! nodes {
    ($($node:ident: $id:ty, $how:ident $find:path;)+) => {
        /// Anything with an id of its own.
        #[derive(Interface)]
        #[graphql(field(name = "id", ty = "ID", desc = "The type's name and a unique part: \"order_01h…\"."))]
        pub enum Node {
            $($node($node),)+
        }

        async fn find(ctx: &Context<'_>, id: &str) -> Result<Option<Node>> {
            $(if let Ok(id) = id.parse::<$id>() {
                let found: Option<$node> = found!($how, $find, ctx, id);
                return Ok(found.map(Node::$node));
            })+
            Ok(None)
        }
    };
}

macro_rules! found {
    (of, $from:path, $ctx:ident, $id:ident) => {
        loader($ctx).load_one($id).await?.map($from)
    };
    (by, $find:path, $ctx:ident, $id:ident) => {
        $find($ctx, $id).await?
    };
}

nodes! {
    Buyer: BuyerId, of Buyer::from;
    CancelRequest: CancelRequestId, of CancelRequest::from;
    Chargeback: ChargebackId, of Chargeback;
    Contract: ContractId, of Contract;
    Conversation: ConversationId, by Conversation::find;
    Credential: CredentialId, of Credential::from;
    Dispute: DisputeId, by Dispute::find;
    Evidence: EvidenceId, by Evidence::find;
    Feedback: FeedbackId, of Feedback::from;
    File: FileId, by File::find;
    HandBooking: BookingId, of HandBooking;
    Message: MessageId, by Message::find;
    Notification: NotificationId, of Notification;
    Operator: OperatorId, of Operator::from;
    Order: OrderId, by Order::find;
    OrderEvent: EventId, by OrderEvent::find;
    Payment: PaymentId, by Payment::find;
    Payout: PayoutId, of Payout;
    PayoutAccount: PayoutAccountId, by PayoutAccount::find;
    Product: ProductId, by Product::load;
    Proposal: ProposalId, by Proposal::find;
    ReconciliationBreak: BreakId, of ReconciliationBreak;
    Refund: RefundId, by Refund::find;
    RefundAccount: RefundAccountId, of RefundAccount::from;
    Shipment: ShipmentId, of Shipment::from;
    Storefront: StorefrontId, of Storefront::from;
    Supplier: SupplierId, by Supplier::find;
    Transfer: TransferId, of Transfer;
    UnappliedFunds: ReceiptId, of UnappliedFunds;
    WebhookDelivery: WebhookDeliveryId, of WebhookDelivery;
    WebhookEndpoint: WebhookEndpointId, of WebhookEndpoint;
}

const MOST_NODES: usize = 100;

#[derive(Default)]
pub struct NodeQuery;

#[Object]
impl NodeQuery {
    /// The object with this id; null if there is none for this viewer.
    async fn node(&self, ctx: &Context<'_>, #[graphql(desc = "The object's.")] id: ID) -> Option<Result<Node>> {
        find(ctx, &id).await.transpose()
    }

    /// The objects with these ids, at most 100, in the same order; null where there is none for this viewer.
    async fn nodes(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The objects'; at most 100.")] ids: Vec<ID>,
    ) -> Option<Result<Vec<Option<Node>>>> {
        if ids.len() > MOST_NODES {
            let message = format!("{} ids; at most {MOST_NODES} are allowed", ids.len());
            return Some(Err(Error::refused(ErrorCode::InvalidInput, message).into()));
        }
        // On the heap: the search for any kind of node is large.
        Some(futures_util::future::try_join_all(ids.iter().map(|id| Box::pin(find(ctx, id)))).await)
    }
}
