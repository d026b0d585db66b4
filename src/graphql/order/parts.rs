//! What an order is made of, in the API's words.

use async_graphql::{ID, SimpleObject};
use chrono::{DateTime, Utc};
use entity::shipment;

use crate::graphql::base::scalars::Money;
use crate::graphql::order::contract::AddressObject;
use escrow::Action;

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

/// Who stopped an order's money and clocks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, async_graphql::Enum)]
pub enum FrozenBy {
    /// An operator, who has to thaw it; there may be an open chargeback besides.
    Operator,
    /// A chargeback that is not decided.
    Chargeback,
}

/// The money of one order. `captured` is always the sum of `held`, `released`, `refunded` and `chargedBack`.
#[derive(SimpleObject)]
pub struct Escrow {
    /// What has arrived and was applied to the order.
    pub(crate) captured: Money,
    /// What is held for it now.
    pub(crate) held: Money,
    /// What went to the supplier, our fee included.
    pub(crate) released: Money,
    /// What went, or is going, back to the buyer.
    pub(crate) refunded: Money,
    /// What card companies took back.
    pub(crate) charged_back: Money,
    /// What the buyer still has to pay of the contract's total. Zero unless the order waits for its money, or has a contract
    /// that waits to be confirmed: an order that is funded, or has ended, owes nothing.
    pub(crate) due: Money,
}

/// Something that this viewer can, or can't, do now. Storefronts draw their buttons from these.
#[derive(SimpleObject)]
pub struct AvailableAction {
    /// The mutation, by its name in capitals. Other actions, those of providers and timers, are never listed here.
    pub(crate) action: Action,
    /// Whether it would be accepted now.
    pub(crate) available: bool,
    /// Until when: of LEAVE_FEEDBACK, the end of the days in which feedback may be left; of what an order's status allows,
    /// the order's `deadline`. Null if there is no end, as of REPLY_TO_FEEDBACK, PROVIDE_REFUND_ACCOUNT, refunds by hand,
    /// freezing and thawing; while the order is frozen; and if it is not available.
    pub(crate) deadline: Option<DateTime<Utc>>,
    /// What would follow, in words: "releases 124.80 USD to the supplier (128.00 USD less 3.20 USD fee)".
    /// Null if it is not available.
    pub(crate) consequence: Option<String>,
    /// Why not, in words; null if it is available.
    pub(crate) reason: Option<String>,
}

/// What the supplier sent.
#[derive(SimpleObject)]
pub struct Shipment {
    /// Begins with `shipment_`.
    #[graphql(owned)]
    pub id: ID,
    /// Who carries it, in the supplier's words.
    carrier: String,
    /// The carrier's own number of it.
    tracking_number: String,
    /// When the supplier said that it was shipped.
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

/// What the buyer asked the supplier to draft.
#[derive(SimpleObject)]
pub struct DraftRequest {
    /// The listing that it is about; null if it is about none.
    pub(crate) product_id: Option<ID>,
    /// How many units; null if the buyer left it open.
    pub(crate) quantity: Option<i32>,
    /// What the buyer wants, in the buyer's words.
    pub(crate) message: String,
    /// Where the goods are to go.
    pub(crate) shipping_address: AddressObject,
}

/// A key and a value of the storefront's own.
#[derive(SimpleObject)]
pub struct MetadataEntry {
    /// Up to 40 characters.
    pub(crate) key: String,
    /// Up to 500 characters.
    pub(crate) value: String,
}
