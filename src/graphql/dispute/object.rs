//! A dispute, what each side offered, and how it was settled.

use async_graphql::{Context, ID, Object, Result, SimpleObject};
use chrono::{DateTime, Utc};
use entity::{DisputeId, ProposalId, dispute, order, proposal};

use crate::error::Error;
use crate::graphql::base::scalars::Money;
use crate::graphql::loader::order::{ProposalsOf, loader};
use crate::graphql::order::object::Order;

/// What is wrong, in the buyer's view.
#[derive(Clone, Copy, Debug, PartialEq, Eq, async_graphql::Enum)]
#[graphql(remote = "entity::dispute::DisputeReason")]
pub enum DisputeReason {
    /// Nothing arrived.
    NotReceived,
    /// It is not what was agreed.
    NotAsDescribed,
    /// It arrived broken.
    Damaged,
    /// Too few, or too many.
    WrongQuantity,
    /// It came, or would come, too late.
    Late,
    /// Anything else; the description says what.
    Other,
}

/// Whether a dispute is still open.
#[derive(Clone, Copy, Debug, PartialEq, Eq, async_graphql::Enum)]
#[graphql(remote = "entity::dispute::DisputeStatus")]
pub enum DisputeStatus {
    /// The two sides, or the operator, have to settle it.
    Open,
    /// The buyer took it back.
    Withdrawn,
    /// Agreed, decided by silence, or ruled. The goods may still have to go back.
    Settled,
    /// Overtaken: the money was taken back.
    Closed,
}

/// How a dispute came to its settlement.
#[derive(Clone, Copy, Debug, PartialEq, Eq, async_graphql::Enum)]
#[graphql(remote = "entity::dispute::SettledBy")]
pub enum SettledBy {
    /// One side accepted the other's offer.
    Agreement,
    /// The supplier did not answer: as the buyer proposed.
    Silence,
    /// The operator ruled.
    Ruling,
}

/// One of the two sides.
#[derive(Clone, Copy, Debug, PartialEq, Eq, async_graphql::Enum)]
#[graphql(remote = "entity::proposal::Side")]
pub enum Side {
    /// Who pays.
    Buyer,
    /// Who ships and is paid.
    Supplier,
}

pub struct Proposal {
    row: proposal::Model,
    currency: entity::Currency,
}

impl Proposal {
    /// None if it isn't about one of the viewer's orders.
    pub(crate) async fn find(ctx: &Context<'_>, id: ProposalId) -> Result<Option<Self>> {
        let Some(row) = loader(ctx).load_one(id).await? else { return Ok(None) };
        let order = loader(ctx).load_one(row.order_id).await?;
        let order = order.ok_or_else(|| Error::internal(format!("the order of {} is gone", row.id)))?;
        Ok(Some(Self { row, currency: order.currency }))
    }
}

/// An offer to settle a dispute. It never changes; a further one of the same side replaces it.
#[Object]
impl Proposal {
    /// Begins with `proposal_`. `acceptSettlement` names it.
    pub async fn id(&self) -> ID {
        ID(self.row.id.to_string())
    }

    /// Whose offer it is.
    async fn by(&self) -> Side {
        self.row.side.into()
    }

    /// What is to go back to the buyer; the rest is released.
    async fn refund(&self) -> Money {
        entity::Money::new(self.row.amount, self.currency).into()
    }

    /// Whether the goods go back first.
    async fn goods_go_back(&self) -> bool {
        self.row.goods_go_back
    }

    /// In the words of who offers; null if there are none.
    async fn message(&self) -> Option<&str> {
        self.row.message.as_deref()
    }

    /// When it was offered.
    async fn created_at(&self) -> DateTime<Utc> {
        self.row.created_at
    }
}

/// How a dispute ends.
#[derive(SimpleObject)]
pub struct Settlement {
    /// How it came to it.
    by: SettledBy,
    /// What goes back to the buyer, at most; the rest is released.
    refund: Money,
    /// Whether the goods go back first.
    goods_go_back: bool,
    /// Why, in the operator's words; null if the operator did not rule.
    ruling: Option<String>,
}

/// Goods on their way back to the supplier.
#[derive(SimpleObject)]
pub struct GoodsReturn {
    /// Who carries them, in the buyer's words.
    carrier: String,
    /// The carrier's own number of it.
    tracking_number: String,
    /// When the buyer said that they were shipped.
    shipped_at: DateTime<Utc>,
    /// Why the supplier contests what came back, in the supplier's words; null if it does not.
    contested_because: Option<String>,
}

pub struct Dispute {
    row: dispute::Model,
    currency: entity::Currency,
}

impl Dispute {
    pub(crate) fn of(order: &order::Model, row: dispute::Model) -> Self {
        Self { row, currency: order.currency }
    }

    /// None if it isn't of one of the viewer's orders.
    pub(crate) async fn find(ctx: &Context<'_>, id: DisputeId) -> Result<Option<Self>> {
        match loader(ctx).load_one(id).await? {
            Some(row) => Ok(Some(Self::load(ctx, row).await?)),
            None => Ok(None),
        }
    }

    /// For the viewer's own, with the currency of its order.
    pub(crate) async fn load(ctx: &Context<'_>, row: dispute::Model) -> Result<Self> {
        let order = loader(ctx).load_one(row.order_id).await?;
        let order = order.ok_or_else(|| Error::internal(format!("the order of {} is gone", row.id)))?;
        Ok(Self::of(&order, row))
    }

    async fn offers(&self, ctx: &Context<'_>) -> Result<Vec<Proposal>> {
        let of_order = loader(ctx).load_one(ProposalsOf(self.row.order_id)).await?.unwrap_or_default();
        crate::graphql::loader::catalog::loader(ctx)
            .loader()
            .take_rows(u64::try_from(of_order.len()).unwrap_or(u64::MAX))?;
        let own = of_order.into_iter().filter(|row| row.dispute_id == self.row.id);
        Ok(own.map(|row| Proposal { row, currency: self.currency }).collect())
    }

    async fn latest_of(&self, ctx: &Context<'_>, side: proposal::Side) -> Result<Option<Proposal>> {
        Ok(self.offers(ctx).await?.into_iter().rev().find(|offer| offer.row.side == side))
    }
}

/// Buyer and supplier disagree about what was delivered. At most one of an order is open.
#[Object]
impl Dispute {
    /// Begins with `dispute_`.
    pub async fn id(&self) -> ID {
        ID(self.row.id.to_string())
    }

    /// The order that it is about.
    async fn order_id(&self) -> ID {
        ID(self.row.order_id.to_string())
    }

    /// The order that it is about.
    async fn order(&self, ctx: &Context<'_>) -> Option<Result<Order>> {
        Order::find(ctx, self.row.order_id).await.transpose()
    }

    /// Whether it is still open.
    async fn status(&self) -> DisputeStatus {
        self.row.status.into()
    }

    /// What is wrong, in the buyer's view.
    async fn reason(&self) -> DisputeReason {
        self.row.reason.into()
    }

    /// In the buyer's words.
    async fn description(&self) -> &str {
        &self.row.description
    }

    /// When the buyer opened it.
    async fn opened_at(&self) -> DateTime<Utc> {
        self.row.opened_at
    }

    /// Silence of the supplier until then does as the buyer proposed; null once the supplier has answered, or it is escalated.
    async fn answer_by(&self) -> Option<DateTime<Utc>> {
        self.row.answer_by
    }

    /// From then on either side may escalate it.
    async fn escalation_from(&self) -> DateTime<Utc> {
        self.row.escalation_from
    }

    /// When it escalates by itself; null once it has.
    async fn escalates_at(&self) -> Option<DateTime<Utc>> {
        self.row.escalates_at
    }

    /// Since when the operator has to rule; null if it was not escalated.
    async fn escalated_at(&self) -> Option<DateTime<Utc>> {
        self.row.escalated_at
    }

    /// All offers of both sides, oldest first. The buyer's first is what the dispute was opened with.
    async fn proposals(&self, ctx: &Context<'_>) -> Result<Vec<Proposal>> {
        self.offers(ctx).await
    }

    /// What the buyer wants now; the supplier may accept it.
    async fn latest_by_buyer(&self, ctx: &Context<'_>) -> Option<Result<Proposal>> {
        self.latest_of(ctx, proposal::Side::Buyer).await.transpose()
    }

    /// What the supplier offers now; the buyer may accept it. Null while it has offered nothing.
    async fn latest_by_supplier(&self, ctx: &Context<'_>) -> Option<Result<Proposal>> {
        self.latest_of(ctx, proposal::Side::Supplier).await.transpose()
    }

    /// How it was settled; null while it is not.
    async fn settlement(&self) -> Option<Settlement> {
        let row = &self.row;
        Some(Settlement {
            by: row.settled_by?.into(),
            refund: entity::Money::new(row.settled_amount?, self.currency).into(),
            goods_go_back: row.goods_go_back?,
            ruling: row.ruling.clone(),
        })
    }

    /// The goods on their way back; null until the buyer has shipped them.
    #[graphql(name = "return")]
    async fn goods_return(&self) -> Option<GoodsReturn> {
        let row = &self.row;
        Some(GoodsReturn {
            carrier: row.return_carrier.clone()?,
            tracking_number: row.return_tracking_number.clone()?,
            shipped_at: row.return_shipped_at?,
            contested_because: row.contested_because.clone(),
        })
    }

    /// When it was withdrawn, settled or overtaken; null while it is open.
    async fn closed_at(&self) -> Option<DateTime<Utc>> {
        self.row.closed_at
    }
}

#[derive(Default)]
pub struct DisputeQuery;

#[Object]
impl DisputeQuery {
    /// A dispute of one of the viewer's orders; null if there is none with this id.
    async fn dispute(&self, ctx: &Context<'_>, #[graphql(desc = "The dispute's.")] id: ID) -> Option<Result<Dispute>> {
        let id: DisputeId = id.parse().ok()?;
        Dispute::find(ctx, id).await.transpose()
    }
}
