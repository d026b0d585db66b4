//! Who talks with whom about what, and how a conversation begins.

use entity::{
    BuyerId, ConversationId, MessageId, OrderId, ProductId, SupplierId, buyer, conversation, order, product, supplier,
};
use sea_orm::sea_query::LockType;
use sea_orm::{
    ActiveModelTrait, ColumnTrait, DatabaseTransaction, EntityTrait, IntoActiveModel, QueryFilter, QueryOrder,
    QuerySelect,
};

use crate::app::App;
use crate::error::{Error, Result};

#[derive(Clone, Copy)]
pub(super) struct Thread {
    pub(super) buyer_id: BuyerId,
    pub(super) supplier_id: SupplierId,
    pub(super) product_id: Option<ProductId>,
    pub(super) order_id: Option<OrderId>,
}

/// The conversation about this, locked; a fresh one if there is none.
pub(super) async fn open(app: &App, tx: &DatabaseTransaction, thread: Thread) -> Result<conversation::Model> {
    // Two first messages at once make one conversation.
    buyer::Entity::find_by_id(thread.buyer_id).lock(LockType::NoKeyUpdate).one(tx).await?;
    match find_newest(tx, thread).await? {
        Some(conversation) => Ok(conversation),
        None => begin(app, tx, thread).await,
    }
}

/// The supplier is there, the product is listed by this supplier, the order is this buyer's with this supplier.
pub(super) async fn require_subjects(tx: &DatabaseTransaction, thread: Thread) -> Result<()> {
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
        .lock_exclusive()
        .one(tx)
        .await?)
}

async fn begin(app: &App, tx: &DatabaseTransaction, thread: Thread) -> Result<conversation::Model> {
    let (id, now) = (app.clock.new_id(), app.clock.now());
    let row = conversation::Model {
        id: ConversationId(id),
        buyer_id: thread.buyer_id,
        supplier_id: thread.supplier_id,
        product_id: thread.product_id,
        order_id: thread.order_id,
        // Before the first message, which comes in the same transaction.
        last_message_id: MessageId(id),
        buyer_read_id: None,
        supplier_read_id: None,
        buyer_unread: 0,
        supplier_unread: 0,
        created_at: now,
        updated_at: now,
    };
    conversation::Entity::insert(row.clone().into_active_model().reset_all()).exec_without_returning(tx).await?;
    Ok(row)
}
