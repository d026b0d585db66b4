//! Buyer and supplier talk: about a product, about an order, or before there is either.
//!
//! A buyer begins, both write, and nothing is ever changed. The buyer's storefront and operators read along.

use entity::credential::Role;
use entity::{
    BuyerId, ConversationId, MessageId, OrderId, ProductId, SupplierId, buyer, conversation, message, order, product,
    supplier,
};
use sea_orm::sea_query::{Expr, ExprTrait, Func, Order, Query, WindowStatement};
use sea_orm::{
    ActiveModelTrait, ColumnTrait, ConnectionTrait, DatabaseTransaction, EntityTrait, IntoActiveModel, QueryFilter,
    QueryOrder, QuerySelect, QueryTrait, Select,
};

use crate::app::App;
use crate::auth::Viewer;
use crate::db;
use crate::error::{Error, ErrorCode, Result};
use crate::validate::Checks;

pub const LONGEST_MESSAGE: usize = 4_000;

/// To whom a buyer writes, and about what.
#[derive(Clone, Debug)]
pub struct Contact {
    pub supplier_id: String,
    pub product_id: Option<String>,
    pub order_id: Option<String>,
    pub text: String,
}

#[derive(Clone, Copy)]
struct Thread {
    buyer_id: BuyerId,
    supplier_id: SupplierId,
    product_id: Option<ProductId>,
    order_id: Option<OrderId>,
}

/// The viewer, a buyer, writes to a supplier. Goes on with the conversation about the same thing, if there is one.
pub async fn contact_supplier(app: &App, viewer: Viewer, contact: &Contact) -> Result<conversation::Model> {
    let (_storefront, buyer_id) = viewer.require_buyer()?;
    let mut checks = Checks::input();
    let supplier_id = checks.id("supplierId", &contact.supplier_id);
    let product_id = contact.product_id.as_ref().and_then(|id| checks.id("productId", id));
    let order_id = contact.order_id.as_ref().and_then(|id| checks.id("orderId", id));
    let text = checks.text("text", &contact.text, LONGEST_MESSAGE);
    let supplier_id = checks.finish_with(supplier_id)?;
    let thread = Thread { buyer_id, supplier_id, product_id, order_id };
    db::retrying(|| async {
        let tx = app.db.begin_write().await?;
        require_subjects(&tx, thread).await?;
        // Two first messages at once make one conversation.
        buyer::Entity::find_by_id(buyer_id).lock_exclusive().one(&tx).await?;
        let conversation = match find_newest(&tx, thread).await? {
            Some(conversation) => conversation,
            None => begin(app, &tx, thread).await?,
        };
        let conversation = write(app, &tx, conversation, Role::Buyer, &text).await?.0;
        tx.commit().await?;
        Ok(conversation)
    })
    .await
}

/// The viewer, buyer or supplier of the conversation, writes.
pub async fn send_message(
    app: &App,
    viewer: Viewer,
    conversation_id: &str,
    text: &str,
) -> Result<(conversation::Model, message::Model)> {
    let sender = match viewer {
        Viewer::Buyer { .. } => Role::Buyer,
        Viewer::Supplier { .. } => Role::Supplier,
        Viewer::Storefront { .. } | Viewer::Operator { .. } => {
            let message = "only the buyer and the supplier write in a conversation";
            return Err(Error::refused(ErrorCode::NotPermitted, message));
        }
        // Says what is missing.
        Viewer::Anonymous => viewer.require_buyer().map(|_nobody| Role::Buyer)?,
    };
    let mut checks = Checks::input();
    let id = checks.id("conversationId", conversation_id);
    let text = checks.text("text", text, LONGEST_MESSAGE);
    let id: ConversationId = checks.finish_with(id)?;
    db::retrying(|| async {
        let tx = app.db.begin_write().await?;
        let conversation = seen_by(viewer)
            .filter(conversation::Column::Id.eq(id))
            .lock_exclusive()
            .one(&tx)
            .await?
            .ok_or_else(|| Error::not_found("conversation").at("conversationId"))?;
        let written = write(app, &tx, conversation, sender, &text).await?;
        tx.commit().await?;
        Ok(written)
    })
    .await
}

/// What the viewer may see of conversations: a buyer and a supplier their own, a storefront those of its buyers.
fn seen_by(viewer: Viewer) -> Select<conversation::Entity> {
    let all = conversation::Entity::find();
    match viewer {
        Viewer::Anonymous => all.filter(Expr::value(false)),
        Viewer::Buyer { buyer_id, .. } => all.filter(conversation::Column::BuyerId.eq(buyer_id)),
        Viewer::Supplier { supplier_id } => all.filter(conversation::Column::SupplierId.eq(supplier_id)),
        Viewer::Storefront { storefront_id } => {
            let buyers = Query::select()
                .column(buyer::Column::Id)
                .from(buyer::Entity)
                .and_where(buyer::Column::StorefrontId.eq(storefront_id))
                .to_owned();
            all.filter(conversation::Column::BuyerId.in_subquery(buyers))
        }
        Viewer::Operator { .. } => all,
    }
}

/// Which of the viewer's conversations are wanted.
#[derive(Clone, Copy, Debug, Default)]
pub struct ConversationQuery {
    pub supplier_id: Option<SupplierId>,
    pub order_id: Option<OrderId>,
}

/// The viewer's conversations after `after`, newest first, at most `limit`.
pub async fn find_conversations<C: ConnectionTrait>(
    db: &C,
    viewer: Viewer,
    query: ConversationQuery,
    after: Option<ConversationId>,
    limit: u64,
) -> Result<Vec<conversation::Model>> {
    let mut select = seen_by(viewer);
    if let Some(supplier_id) = query.supplier_id {
        select = select.filter(conversation::Column::SupplierId.eq(supplier_id));
    }
    if let Some(order_id) = query.order_id {
        select = select.filter(conversation::Column::OrderId.eq(order_id));
    }
    if let Some(after) = after {
        select = select.filter(conversation::Column::Id.lt(after));
    }
    Ok(select.order_by_desc(conversation::Column::Id).limit(limit).all(db).await?)
}

pub async fn find_conversation<C: ConnectionTrait>(
    db: &C,
    viewer: Viewer,
    id: ConversationId,
) -> Result<Option<conversation::Model>> {
    Ok(seen_by(viewer).filter(conversation::Column::Id.eq(id)).one(db).await?)
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
    let seen = seen_by(viewer)
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
        .and_where(message::Column::ConversationId.in_subquery(seen.into_query()));
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

/// The supplier is there, the product is listed by this supplier, the order is this buyer's with this supplier.
async fn require_subjects(tx: &DatabaseTransaction, thread: Thread) -> Result<()> {
    if supplier::Entity::find_by_id(thread.supplier_id).one(tx).await?.is_none() {
        return Err(Error::not_found("supplier").at("supplierId"));
    }
    if let Some(product_id) = thread.product_id {
        product::Entity::find_by_id(product_id)
            .filter(product::Column::SupplierId.eq(thread.supplier_id))
            .filter(product::Column::Active.eq(true))
            .one(tx)
            .await?
            .ok_or_else(|| Error::not_found("product of this supplier").at("productId"))?;
    }
    if let Some(order_id) = thread.order_id {
        order::Entity::find_by_id(order_id)
            .filter(order::Column::BuyerId.eq(thread.buyer_id))
            .filter(order::Column::SupplierId.eq(thread.supplier_id))
            .one(tx)
            .await?
            .ok_or_else(|| Error::not_found("order with this supplier").at("orderId"))?;
    }
    Ok(())
}

async fn find_newest(tx: &DatabaseTransaction, thread: Thread) -> Result<Option<conversation::Model>> {
    use conversation::Column;
    let about_product = match thread.product_id {
        Some(id) => Column::ProductId.eq(id),
        None => Column::ProductId.is_null(),
    };
    let about_order = match thread.order_id {
        Some(id) => Column::OrderId.eq(id),
        None => Column::OrderId.is_null(),
    };
    Ok(conversation::Entity::find()
        .filter(Column::BuyerId.eq(thread.buyer_id))
        .filter(Column::SupplierId.eq(thread.supplier_id))
        .filter(about_product)
        .filter(about_order)
        .order_by_desc(Column::Id)
        .limit(1)
        .one(tx)
        .await?)
}

async fn begin(app: &App, tx: &DatabaseTransaction, thread: Thread) -> Result<conversation::Model> {
    let now = app.clock.now();
    let row = conversation::Model {
        id: ConversationId(app.clock.new_id()),
        buyer_id: thread.buyer_id,
        supplier_id: thread.supplier_id,
        product_id: thread.product_id,
        order_id: thread.order_id,
        created_at: now,
        updated_at: now,
    };
    conversation::Entity::insert(row.clone().into_active_model().reset_all()).exec_without_returning(tx).await?;
    Ok(row)
}

async fn write(
    app: &App,
    tx: &DatabaseTransaction,
    mut conversation: conversation::Model,
    sender: Role,
    text: &str,
) -> Result<(conversation::Model, message::Model)> {
    let message = message::Model {
        id: MessageId(app.clock.new_id()),
        conversation_id: conversation.id,
        sender,
        text: text.to_owned(),
        created_at: app.clock.now(),
    };
    message::Entity::insert(message.clone().into_active_model().reset_all()).exec_without_returning(tx).await?;
    conversation.updated_at = message.created_at;
    conversation::Entity::update_many()
        .col_expr(conversation::Column::UpdatedAt, Expr::value(conversation.updated_at))
        .filter(conversation::Column::Id.eq(conversation.id))
        .exec(tx)
        .await?;
    Ok((conversation, message))
}
