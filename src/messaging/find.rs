//! What the viewer sees of conversations and their messages.

use entity::{BuyerId, ConversationId, MessageId, OrderId, ProductId, SupplierId, conversation, message};
use sea_orm::sea_query::{Expr, ExprTrait, Func, Order, Query, WindowStatement};
use sea_orm::{ColumnTrait, ConnectionTrait, EntityTrait, QueryFilter, QueryOrder, QuerySelect, QueryTrait, Select};

use crate::auth::Viewer;
use crate::error::{Error, Result};
use crate::visibility;

/// One about the order itself, and one for each product besides.
pub const MOST_OF_AN_ORDER: i32 = 20;

/// The viewer's conversations.
pub(super) fn seen_by(viewer: &Viewer) -> Select<conversation::Entity> {
    conversation::Entity::find().filter(visibility::conversations(viewer))
}

/// Which of the viewer's conversations are wanted.
#[derive(Clone, Copy, Debug, Default)]
pub struct ConversationQuery {
    pub supplier_id: Option<SupplierId>,
    pub product_id: Option<ProductId>,
    pub order_id: Option<OrderId>,
    /// Only with messages that the viewer, a buyer or a supplier, has not read.
    pub unread_only: bool,
}

/// The viewer's conversations whose last message is older than `before`, the one written in last first, at most
/// `limit`.
pub async fn find_conversations<C: ConnectionTrait>(
    db: &C,
    viewer: Viewer,
    query: ConversationQuery,
    before: Option<MessageId>,
    limit: u64,
) -> Result<Vec<conversation::Model>> {
    use conversation::Column;
    let mut select = seen_by(&viewer)
        .apply_if(query.supplier_id, |select, id| select.filter(Column::SupplierId.eq(id)))
        .apply_if(query.product_id, |select, id| select.filter(Column::ProductId.eq(id)))
        .apply_if(query.order_id, |select, id| select.filter(Column::OrderId.eq(id)))
        .apply_if(before, |select, id| select.filter(Column::LastMessageId.lt(id)));
    if query.unread_only {
        select = select.filter(match viewer {
            Viewer::Buyer { .. } => Column::BuyerUnread.gt(0),
            Viewer::Supplier { .. } => Column::SupplierUnread.gt(0),
            // Who only reads along has no marker.
            Viewer::Anonymous | Viewer::Storefront { .. } | Viewer::Operator { .. } => Expr::value(false),
        });
    }
    Ok(select.order_by_desc(Column::LastMessageId).limit(limit).all(db).await?)
}

/// Those of the viewer's conversations that are about these orders, the one written in last first; of each order at
/// most [`MOST_OF_AN_ORDER`].
pub async fn find_conversations_of_orders<C: ConnectionTrait>(
    db: &C,
    viewer: Viewer,
    orders: impl IntoIterator<Item = OrderId> + Send,
) -> Result<Vec<conversation::Model>> {
    use conversation::Column;
    let place = WindowStatement::partition_by(Column::OrderId).order_by(Column::LastMessageId, Order::Desc).to_owned();
    let places = Query::select()
        .column(Column::Id)
        .expr_window_as(Func::cust("row_number"), place, "place")
        .from(conversation::Entity)
        .and_where(Column::OrderId.is_in(orders))
        .to_owned();
    let newest = Query::select()
        .column(Column::Id)
        .from_subquery(places, "numbered")
        .and_where(Expr::col("place").lte(MOST_OF_AN_ORDER))
        .to_owned();
    let these = seen_by(&viewer).filter(Column::Id.in_subquery(newest));
    Ok(these.order_by_desc(Column::LastMessageId).all(db).await?)
}

pub async fn find_conversation<C: ConnectionTrait>(
    db: &C,
    viewer: Viewer,
    id: ConversationId,
) -> Result<Option<conversation::Model>> {
    Ok(seen_by(&viewer).filter(conversation::Column::Id.eq(id)).one(db).await?)
}

/// As [`find_conversation`], in the transaction that writes about it.
pub async fn require_conversation<C: ConnectionTrait>(
    db: &C,
    viewer: &Viewer,
    id: ConversationId,
) -> Result<conversation::Model> {
    find_conversation(db, *viewer, id).await?.ok_or_else(|| Error::not_found("conversation"))
}

/// For each of several conversations of the viewer's the messages after `after`, oldest first, at most `limit`: one
/// statement for all.
pub async fn find_messages<C: ConnectionTrait>(
    db: &C,
    viewer: Viewer,
    conversations: impl IntoIterator<Item = ConversationId> + Send,
    after: Option<MessageId>,
    limit: u64,
) -> Result<Vec<message::Model>> {
    let wanted = seen_by(&viewer)
        .select_only()
        .column(conversation::Column::Id)
        .filter(conversation::Column::Id.is_in(conversations));
    let place = WindowStatement::partition_by(message::Column::ConversationId)
        .order_by(message::Column::Id, Order::Asc)
        .to_owned();
    let mut places = Query::select();
    places
        .column(message::Column::Id)
        .expr_window_as(Func::cust("row_number"), place, "place")
        .from(message::Entity)
        .and_where(message::Column::ConversationId.in_subquery(wanted.into_query()));
    if let Some(after) = after {
        places.and_where(message::Column::Id.gt(after));
    }
    let first = Query::select()
        .column(message::Column::Id)
        .from_subquery(places, "numbered")
        .and_where(Expr::col("place").lte(i64::try_from(limit).unwrap_or(i64::MAX)))
        .to_owned();
    Ok(message::Entity::find()
        .filter(message::Column::Id.in_subquery(first))
        .order_by_asc(message::Column::Id)
        .all(db)
        .await?)
}

/// Those of these messages that the viewer sees.
pub async fn find_messages_by_id<C: ConnectionTrait>(
    db: &C,
    viewer: Viewer,
    ids: &[MessageId],
) -> Result<Vec<message::Model>> {
    let these = message::Entity::find().filter(message::Column::Id.is_in(ids.iter().copied()));
    Ok(these.filter(visibility::messages(&viewer)).all(db).await?)
}

/// Those of these conversations that the viewer sees.
pub async fn find_conversations_by_id<C: ConnectionTrait>(
    db: &C,
    viewer: Viewer,
    ids: &[ConversationId],
) -> Result<Vec<conversation::Model>> {
    Ok(seen_by(&viewer).filter(conversation::Column::Id.is_in(ids.iter().copied())).all(db).await?)
}

/// Those of these messages that can be evidence about an order of this buyer and this supplier: what the two wrote each
/// other.
pub async fn find_citable<C: ConnectionTrait>(
    db: &C,
    buyer_id: BuyerId,
    supplier_id: SupplierId,
    ids: &[MessageId],
) -> Result<Vec<MessageId>> {
    let between = Query::select()
        .column(conversation::Column::Id)
        .from(conversation::Entity)
        .and_where(conversation::Column::BuyerId.eq(buyer_id))
        .and_where(conversation::Column::SupplierId.eq(supplier_id))
        .to_owned();
    Ok(message::Entity::find()
        .select_only()
        .column(message::Column::Id)
        .filter(message::Column::Id.is_in(ids.iter().copied()))
        .filter(message::Column::ConversationId.in_subquery(between))
        .into_tuple()
        .all(db)
        .await?)
}
