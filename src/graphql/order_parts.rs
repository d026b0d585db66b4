//! What an order is made of, in the API's words.

use async_graphql::{ID, SimpleObject};
use chrono::{DateTime, Utc};
use entity::{feedback, receipt, shipment};

use super::contract::AddressObject;
use super::scalars::Money;
use crate::escrow::Action;

/// Where an order stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, async_graphql::Enum)]
#[graphql(remote = "entity::order::OrderStatus")]
pub enum OrderStatus {
    /// The buyer asked the supplier for a draft.
    DraftRequested,
    /// A contract is on the table; the buyer has to confirm exactly this version.
    AwaitingConfirmation,
    /// Both sides agreed; the money is not all here yet.
    AwaitingPayment,
    /// The whole amount is held.
    Funded,
    /// The supplier shipped; the buyer inspects.
    Shipped,
    /// The buyer asked to cancel; the supplier has to answer.
    CancelRequested,
    /// The two sides disagree about what was delivered.
    Disputed,
    /// Settled, and the goods go back first.
    ReturnPending,
    /// The held money was released to the supplier.
    Completed,
    /// Ended without ever being funded.
    Cancelled,
    /// Everything went back to the buyer.
    Refunded,
}

/// The money of one order. `captured` is always the sum of `held`, `released`, `refunded` and `chargedBack`.
#[derive(SimpleObject)]
pub struct Escrow {
    /// What has arrived and was applied to the order.
    pub(super) captured: Money,
    /// What is held for it now.
    pub(super) held: Money,
    /// What went to the supplier, our fee included.
    pub(super) released: Money,
    /// What went, or is going, back to the buyer.
    pub(super) refunded: Money,
    /// What card companies took back.
    pub(super) charged_back: Money,
    /// What is still missing of the contract's total.
    pub(super) due: Money,
}

/// Something that this viewer can, or can't, do now. Storefronts draw their buttons from these.
#[derive(SimpleObject)]
pub struct AvailableAction {
    /// The mutation.
    pub(super) action: Action,
    /// Whether it would be accepted now.
    pub(super) available: bool,
    /// When the order's present status ends by itself.
    pub(super) deadline: Option<DateTime<Utc>>,
    /// What would follow, in words: "releases 124.80 USD to the supplier (128.00 USD less 3.20 USD fee)".
    pub(super) consequence: Option<String>,
    /// Why not, if it is not available.
    pub(super) reason: Option<String>,
}

/// What the supplier sent.
#[derive(SimpleObject)]
pub struct Shipment {
    id: ID,
    carrier: String,
    tracking_number: String,
    shipped_at: DateTime<Utc>,
}

impl From<shipment::Model> for Shipment {
    fn from(row: shipment::Model) -> Self {
        Self {
            id: ID(row.id.to_string()),
            carrier: row.carrier,
            tracking_number: row.tracking_number,
            shipped_at: row.shipped_at,
        }
    }
}

/// What the buyer thought of a completed order; stars from 1 to 5.
#[derive(SimpleObject)]
pub struct Feedback {
    id: ID,
    product_as_agreed: i32,
    communication: i32,
    shipping_time: i32,
    comment: Option<String>,
    created_at: DateTime<Utc>,
}

impl From<feedback::Model> for Feedback {
    fn from(row: feedback::Model) -> Self {
        Self {
            id: ID(row.id.to_string()),
            product_as_agreed: row.product_as_agreed,
            communication: row.communication,
            shipping_time: row.shipping_time,
            comment: row.comment,
            created_at: row.created_at,
        }
    }
}

/// Money that arrived but could not be applied: late, too much, or in another currency. It goes back to the buyer.
#[derive(SimpleObject)]
pub struct UnappliedFunds {
    id: ID,
    amount: Money,
    /// What of it has been sent back, or is on its way.
    refunded: Money,
    reason: UnappliedReason,
    created_at: DateTime<Utc>,
}

/// Why money could not be applied.
#[derive(Clone, Copy, Debug, PartialEq, Eq, async_graphql::Enum)]
#[graphql(remote = "entity::receipt::ReceiptReason")]
pub enum UnappliedReason {
    /// The order was not, or no longer, waiting for money.
    OrderNotOpen,
    /// More than what was still due.
    Overpaid,
    /// Another currency than the order's.
    WrongCurrency,
    /// No payment of ours has this reference.
    UnknownReference,
}

impl From<receipt::Model> for UnappliedFunds {
    fn from(row: receipt::Model) -> Self {
        let money = |amount| entity::Money::new(amount, row.currency).into();
        Self {
            id: ID(row.id.to_string()),
            amount: money(row.amount),
            refunded: money(row.refunded),
            reason: row.reason.into(),
            created_at: row.created_at,
        }
    }
}

/// What the buyer asked the supplier to draft.
#[derive(SimpleObject)]
pub struct DraftRequest {
    pub(super) product_id: Option<ID>,
    pub(super) quantity: Option<i32>,
    pub(super) message: String,
    pub(super) shipping_address: AddressObject,
}

/// A key and a value of the storefront's own.
#[derive(SimpleObject)]
pub struct MetadataEntry {
    pub(super) key: String,
    pub(super) value: String,
}
