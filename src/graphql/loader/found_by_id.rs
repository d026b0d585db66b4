//! What is found by its own id for the viewer: one line for each type, one statement for all of a request.

use std::collections::HashMap;

use async_graphql::dataloader::Loader;
use entity::{
    BookingId, BreakId, BuyerId, CancelRequestId, ChargebackId, ContractId, CredentialId, DisputeId, EventId,
    EvidenceId, FeedbackId, FileId, NotificationId, OperatorId, OrderId, PaymentId, PayoutAccountId, PayoutId,
    ProposalId, ReceiptId, RefundAccountId, RefundId, ShipmentId, StorefrontId, TransferId, WebhookDeliveryId,
    WebhookEndpointId, buyer, cancel_request, chargeback, contract, credential, dispute, event, evidence, feedback,
    file, hand_booking, notification, operator, order, payment, payout, payout_account, proposal, receipt,
    reconciliation_break, refund, refund_account, shipment, transfer, webhook_delivery, webhook_endpoint,
};

use crate::error::Error;
use crate::graphql::loader::order::OrderLoader;
use crate::{delivery, file as files, order as orders, party, payment as payments};

macro_rules! found_by_id {
    ($($id:ident => $entity:ident, $find:path;)+) => {$(
        impl Loader<$id> for OrderLoader {
            type Value = $entity::Model;
            type Error = Error;

            async fn load(&self, keys: &[$id]) -> Result<HashMap<$id, $entity::Model>, Error> {
                let rows = $find(&self.db, &self.viewer, keys).await?;
                Ok(rows.into_iter().map(|row| (row.id, row)).collect())
            }
        }
    )+};
}

found_by_id! {
    BookingId => hand_booking, payments::find_bookings_by_id;
    BreakId => reconciliation_break, payments::find_breaks_by_id;
    BuyerId => buyer, party::find_buyers_by_id;
    CancelRequestId => cancel_request, orders::find_cancel_requests_by_id;
    ChargebackId => chargeback, orders::find_chargebacks_by_id;
    ContractId => contract, orders::find_contracts_by_id;
    CredentialId => credential, party::find_credentials_by_id;
    DisputeId => dispute, orders::find_disputes_by_id;
    EventId => event, orders::find_events_by_id;
    EvidenceId => evidence, orders::find_evidence_by_id;
    FeedbackId => feedback, orders::find_feedback_by_id;
    FileId => file, files::find_files;
    NotificationId => notification, payments::find_notifications_by_id;
    OperatorId => operator, party::find_operators_by_id;
    OrderId => order, orders::find_orders_by_id;
    PaymentId => payment, orders::find_payments_by_id;
    PayoutAccountId => payout_account, party::find_payout_accounts_by_id;
    PayoutId => payout, payments::find_payouts_by_id;
    ProposalId => proposal, orders::find_proposals_by_id;
    ReceiptId => receipt, payments::find_receipts_by_id;
    RefundAccountId => refund_account, orders::find_refund_accounts_by_id;
    RefundId => refund, orders::find_refunds_by_id;
    ShipmentId => shipment, orders::find_shipments_by_id;
    TransferId => transfer, orders::find_transfers_by_id;
    WebhookDeliveryId => webhook_delivery, delivery::find_deliveries_by_id;
    WebhookEndpointId => webhook_endpoint, delivery::find_endpoints_by_id;
}

impl Loader<StorefrontId> for OrderLoader {
    type Value = party::Shop;
    type Error = Error;

    async fn load(&self, keys: &[StorefrontId]) -> Result<HashMap<StorefrontId, party::Shop>, Error> {
        let shops = party::find_storefronts_by_id(&self.db, &self.viewer, keys).await?;
        Ok(shops.into_iter().map(|shop| (shop.row.id, shop)).collect())
    }
}
