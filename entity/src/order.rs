//! An order and the money held for it. The four amounts always sum: captured = held + released + refunded + charged back.

use sea_orm::FromJsonQueryResult;
use sea_orm::entity::prelude::*;
use serde::{Deserialize, Serialize};

use crate::contract::Address;
use crate::{BuyerId, Currency, MinorUnits, OrderId, ProductId, StorefrontId, SupplierId, Time};

/// Where an order stands. What each means, and what leads where, is the table in `escrow`.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, EnumIter, DeriveActiveEnum, Serialize, Deserialize,
)]
#[sea_orm(rs_type = "String", db_type = "String(StringLen::N(40))", rename_all = "SCREAMING_SNAKE_CASE")]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
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

impl OrderStatus {
    pub fn all() -> impl Iterator<Item = Self> {
        <Self as sea_orm::Iterable>::iter()
    }

    #[must_use]
    pub fn is_end(self) -> bool {
        matches!(self, Self::Completed | Self::Cancelled | Self::Refunded)
    }

    /// As the API and the database write it: `AWAITING_PAYMENT`.
    #[must_use]
    pub fn name(self) -> String {
        ActiveEnum::to_value(&self)
    }
}

impl std::fmt::Display for OrderStatus {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.name())
    }
}

/// What the buyer asked the supplier to draft.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, FromJsonQueryResult)]
pub struct DraftRequest {
    pub product_id: Option<ProductId>,
    pub quantity: Option<i64>,
    pub currency: Currency,
    pub message: String,
    pub shipping_address: Address,
}

/// The storefront's own keys and values on an order.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, FromJsonQueryResult)]
pub struct Metadata(pub std::collections::BTreeMap<String, String>);

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "orders")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: OrderId,
    /// What people read to each other: `SP-` and eight characters of Crockford base 32, the last a check character.
    #[sea_orm(unique)]
    pub number: String,
    pub storefront_id: StorefrontId,
    pub buyer_id: BuyerId,
    pub supplier_id: SupplierId,
    pub status: OrderStatus,
    /// Grows by one with every change; `expectedVersion` compares with it.
    pub version: i64,
    pub currency: Currency,
    /// 0 while there is no contract yet.
    pub contract_version: i32,
    /// The contract's total; 0 while there is none.
    pub total: MinorUnits,
    pub captured: MinorUnits,
    pub held: MinorUnits,
    /// To the supplier, our fee included.
    pub released: MinorUnits,
    pub refunded: MinorUnits,
    pub charged_back: MinorUnits,
    /// Since when an operator or a chargeback stops all money and all clocks. The clocks stand as they were then.
    pub frozen_at: Option<Time>,
    /// By an operator: it stays frozen when the last chargeback is settled.
    pub frozen_by_operator: bool,
    /// Whether the contract's quantities are taken out of the products' stock.
    pub stock_reserved: bool,
    /// When something happens by itself in the present status: usually its end. Business time.
    pub deadline_at: Option<Time>,
    /// When the reminder of that deadline is due; none once it was sent.
    pub remind_at: Option<Time>,
    /// The earlier of the two, and none while the order is frozen: what the worker looks for.
    pub timer_at: Option<Time>,
    /// Where a cancel request or a dispute leads back to …
    pub paused_status: Option<OrderStatus>,
    /// … since when that status's clock stands still …
    pub paused_at: Option<Time>,
    /// … and what it was.
    pub paused_deadline_at: Option<Time>,
    /// The buyer may ask once while FUNDED, and once while SHIPPED.
    pub cancel_asked_funded: bool,
    pub cancel_asked_shipped: bool,
    /// How often a dispute was opened.
    pub disputes: i32,
    /// How many chargebacks there were; none means that there is nothing to load.
    pub chargebacks: i32,
    /// The buyer has said where a refund may be sent.
    pub has_refund_account: bool,
    /// Set when the order is funded.
    pub ship_by: Option<Time>,
    /// Sequence of the newest event of the timeline.
    pub event_sequence: i64,
    #[sea_orm(column_type = "JsonBinary", nullable)]
    pub draft_request: Option<DraftRequest>,
    pub client_reference: Option<String>,
    #[sea_orm(column_type = "JsonBinary")]
    pub metadata: Metadata,
    pub completed_at: Option<Time>,
    pub created_at: Time,
    pub updated_at: Time,
}

impl Model {
    #[must_use]
    pub fn is_frozen(&self) -> bool {
        self.frozen_at.is_some()
    }

    /// Nothing more happens to it by a command that moves it.
    #[must_use]
    pub fn has_ended(&self) -> bool {
        self.status.is_end()
    }

    /// The goods have not left the supplier: also while a cancel request or a dispute of that time is open.
    #[must_use]
    pub fn is_unshipped(&self) -> bool {
        use OrderStatus::{AwaitingConfirmation, AwaitingPayment, DraftRequested, Funded};
        let status = self.paused_status.unwrap_or(self.status);
        matches!(status, DraftRequested | AwaitingConfirmation | AwaitingPayment | Funded)
    }
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
