//! What the rows of a list need of suppliers, products and conversations, read with one statement per kind. Each request
//! has its own, made for its viewer: what one viewer read is never another's.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use async_graphql::dataloader::{DataLoader, Loader, NoCache};
use async_graphql::{Context, Request};
use entity::{
    ConversationId, Currency, MessageId, OrderId, ProductId, SupplierId, conversation, file, message, price_tier,
    product, supplier,
};
use sea_orm::{ColumnTrait, DatabaseConnection, EntityTrait, QueryFilter, QueryOrder, QueryTrait};

use crate::app::App;
use crate::auth::Viewer;
use crate::catalog::{self, Rating};
use crate::error::{Error, ErrorCode};
use crate::graphql::loader::batch::{self, grouped};
use crate::{file as files, messaging};

/// Rows of lists within lists that one request may ask for, counted as `first` says. A product has a supplier, that has products, each with a
/// supplier …: without a bound a short document asks for millions.
const MOST_NESTED_ROWS: u64 = 10_000;

pub(crate) struct CatalogLoader {
    db: DatabaseConnection,
    viewer: Viewer,
    nested_rows: NestedRows,
}

/// Rows of lists within lists that the request has asked for.
#[derive(Clone, Default)]
pub(crate) struct NestedRows(Arc<AtomicU64>);

impl NestedRows {
    /// A subscription's next answer has a bound of its own: its request may last for days.
    pub(crate) fn begin_again(&self) {
        self.0.store(0, Ordering::Relaxed);
    }
}

pub(crate) fn nested_rows(ctx: &Context<'_>) -> NestedRows {
    loader(ctx).loader().nested_rows.clone()
}

impl CatalogLoader {
    /// Before a list within a list is read: counts the rows that it may have, and refuses when the request has had enough.
    pub(crate) fn take_rows(&self, rows: u64) -> Result<(), Error> {
        if self.nested_rows.0.fetch_add(rows, Ordering::Relaxed).saturating_add(rows) <= MOST_NESTED_ROWS {
            return Ok(());
        }
        let message =
            format!("more than {MOST_NESTED_ROWS} rows in lists within lists; ask for less, or in several requests");
        Err(Error::refused(ErrorCode::QueryTooComplex, message))
    }
}

/// The prices of a product: in all currencies, or in one.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct TiersOf(pub ProductId, pub Option<Currency>);
/// What buyers thought of a supplier.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct RatingOf(pub SupplierId);
/// A part of a supplier's listed products.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct ProductsOf(pub SupplierId, pub Part<ProductId>);
/// A part of a conversation's messages.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct MessagesOf(pub ConversationId, pub Part<MessageId>);

/// The files of a message.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct AttachmentsOf(pub MessageId);
/// The conversations about an order.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct ConversationsOf(pub OrderId);

/// Which part of a list within a row: the same for every row, so one statement reads it for all.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Part<Id> {
    pub after: Option<Id>,
    pub limit: u64,
}

/// Gives the request's resolvers what they load with.
pub fn attach(request: Request, app: &App, viewer: Viewer) -> Request {
    request.data(batch::loader(CatalogLoader { db: app.db.read.clone(), viewer, nested_rows: NestedRows::default() }))
}

pub(crate) fn loader<'a>(ctx: &Context<'a>) -> &'a DataLoader<CatalogLoader, NoCache> {
    ctx.data_unchecked()
}

impl Loader<SupplierId> for CatalogLoader {
    type Value = supplier::Model;
    type Error = Error;

    async fn load(&self, keys: &[SupplierId]) -> Result<HashMap<SupplierId, supplier::Model>, Error> {
        let rows = catalog::find_suppliers_by_id(&self.db, keys.iter().copied()).await?;
        Ok(rows.into_iter().map(|row| (row.id, row)).collect())
    }
}

impl Loader<ProductId> for CatalogLoader {
    type Value = product::Model;
    type Error = Error;

    async fn load(&self, keys: &[ProductId]) -> Result<HashMap<ProductId, product::Model>, Error> {
        let rows = catalog::find_products_by_id(&self.db, self.viewer, keys.iter().copied()).await?;
        Ok(rows.into_iter().map(|row| (row.id, row)).collect())
    }
}

impl Loader<TiersOf> for CatalogLoader {
    type Value = Vec<price_tier::Model>;
    type Error = Error;

    async fn load(&self, keys: &[TiersOf]) -> Result<HashMap<TiersOf, Vec<price_tier::Model>>, Error> {
        let mut loaded = HashMap::new();
        for (currency, products) in grouped(keys.iter().map(|key| (key.1, key.0))) {
            let rows = price_tier::Entity::find()
                .filter(price_tier::Column::ProductId.is_in(products))
                .apply_if(currency, |query, currency| query.filter(price_tier::Column::Currency.eq(currency)))
                .order_by_asc(price_tier::Column::Currency)
                .order_by_asc(price_tier::Column::Position)
                .all(&self.db)
                .await?;
            loaded.extend(grouped(rows.into_iter().map(|row| (TiersOf(row.product_id, currency), row))));
        }
        Ok(loaded)
    }
}

impl Loader<RatingOf> for CatalogLoader {
    type Value = Rating;
    type Error = Error;

    async fn load(&self, keys: &[RatingOf]) -> Result<HashMap<RatingOf, Rating>, Error> {
        let rows = catalog::find_ratings(&self.db, keys.iter().map(|key| key.0)).await?;
        Ok(rows.into_iter().map(|row| (RatingOf(row.supplier_id), row)).collect())
    }
}

impl Loader<ProductsOf> for CatalogLoader {
    type Value = Vec<product::Model>;
    type Error = Error;

    async fn load(&self, keys: &[ProductsOf]) -> Result<HashMap<ProductsOf, Vec<product::Model>>, Error> {
        let mut loaded = HashMap::new();
        for (part, suppliers) in grouped(keys.iter().map(|key| (key.1, key.0))) {
            let rows = catalog::find_products_of_suppliers(&self.db, suppliers, part.after, part.limit).await?;
            loaded.extend(grouped(rows.into_iter().map(|row| (ProductsOf(row.supplier_id, part), row))));
        }
        Ok(loaded)
    }
}

impl Loader<MessagesOf> for CatalogLoader {
    type Value = Vec<message::Model>;
    type Error = Error;

    async fn load(&self, keys: &[MessagesOf]) -> Result<HashMap<MessagesOf, Vec<message::Model>>, Error> {
        let mut loaded = HashMap::new();
        for (part, conversations) in grouped(keys.iter().map(|key| (key.1, key.0))) {
            let rows = messaging::find_messages(&self.db, self.viewer, conversations, part.after, part.limit).await?;
            loaded.extend(grouped(rows.into_iter().map(|row| (MessagesOf(row.conversation_id, part), row))));
        }
        Ok(loaded)
    }
}

impl Loader<AttachmentsOf> for CatalogLoader {
    type Value = Vec<file::Model>;
    type Error = Error;

    async fn load(&self, keys: &[AttachmentsOf]) -> Result<HashMap<AttachmentsOf, Vec<file::Model>>, Error> {
        let rows = files::find_attachments(&self.db, keys.iter().map(|key| key.0)).await?;
        Ok(grouped(rows.into_iter().filter_map(|row| row.message_id.map(|id| (AttachmentsOf(id), row)))))
    }
}

impl Loader<ConversationsOf> for CatalogLoader {
    type Value = Vec<conversation::Model>;
    type Error = Error;

    async fn load(
        &self,
        keys: &[ConversationsOf],
    ) -> Result<HashMap<ConversationsOf, Vec<conversation::Model>>, Error> {
        let orders = keys.iter().map(|key| key.0);
        let rows = messaging::find_conversations_of_orders(&self.db, self.viewer, orders).await?;
        Ok(grouped(rows.into_iter().filter_map(|row| row.order_id.map(|id| (ConversationsOf(id), row)))))
    }
}

impl Loader<ConversationId> for CatalogLoader {
    type Value = conversation::Model;
    type Error = Error;

    async fn load(&self, keys: &[ConversationId]) -> Result<HashMap<ConversationId, conversation::Model>, Error> {
        let rows = messaging::find_conversations_by_id(&self.db, self.viewer, keys).await?;
        Ok(rows.into_iter().map(|row| (row.id, row)).collect())
    }
}

impl Loader<MessageId> for CatalogLoader {
    type Value = message::Model;
    type Error = Error;

    async fn load(&self, keys: &[MessageId]) -> Result<HashMap<MessageId, message::Model>, Error> {
        let rows = messaging::find_messages_by_id(&self.db, self.viewer, keys).await?;
        Ok(rows.into_iter().map(|row| (row.id, row)).collect())
    }
}
