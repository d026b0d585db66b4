//! What the rows of a list need of suppliers, products and conversations, read with one statement per kind. Each request
//! has its own, made for its viewer: what one viewer read is never another's.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::atomic::{AtomicU64, Ordering};

use async_graphql::dataloader::{DataLoader, Loader, NoCache};
use async_graphql::{Context, Request};
use entity::{ConversationId, MessageId, ProductId, SupplierId, message, price_tier, product, supplier};
use sea_orm::DatabaseConnection;

use super::batch;
use crate::app::App;
use crate::auth::Viewer;
use crate::catalog::{self, Rating};
use crate::error::{Error, ErrorCode};
use crate::messaging;

/// Rows of lists within lists that one request may ask for, counted as `first` says. A product has a supplier, that has products, each with a
/// supplier …: without a bound a short document asks for millions.
const MOST_NESTED_ROWS: u64 = 10_000;

pub(crate) struct CatalogLoader {
    db: DatabaseConnection,
    viewer: Viewer,
    nested_rows: AtomicU64,
}

impl CatalogLoader {
    /// Before a list within a list is read: counts the rows that it may have, and refuses when the request has had enough.
    pub(crate) fn take_rows(&self, rows: u64) -> Result<(), Error> {
        if self.nested_rows.fetch_add(rows, Ordering::Relaxed).saturating_add(rows) <= MOST_NESTED_ROWS {
            return Ok(());
        }
        let message =
            format!("more than {MOST_NESTED_ROWS} rows in lists within lists; ask for less, or in several requests");
        Err(Error::refused(ErrorCode::QueryTooComplex, message))
    }
}

/// All prices of a product.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct TiersOf(pub ProductId);
/// What buyers thought of a supplier.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct RatingOf(pub SupplierId);
/// A part of a supplier's listed products.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct ProductsOf(pub SupplierId, pub Part<ProductId>);
/// A part of a conversation's messages.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct MessagesOf(pub ConversationId, pub Part<MessageId>);

/// Which part of a list within a row: the same for every row, so one statement reads it for all.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Part<Id> {
    pub after: Option<Id>,
    pub limit: u64,
}

/// Gives the request's resolvers what they load with.
pub fn attach(request: Request, app: &App, viewer: Viewer) -> Request {
    request.data(batch::loader(CatalogLoader { db: app.db.read.clone(), viewer, nested_rows: AtomicU64::new(0) }))
}

pub(crate) fn loader<'a>(ctx: &Context<'a>) -> &'a DataLoader<CatalogLoader, NoCache> {
    ctx.data_unchecked()
}

fn grouped<K: Hash + Eq, R>(rows: Vec<R>, key: impl Fn(&R) -> K) -> HashMap<K, Vec<R>> {
    let mut groups: HashMap<K, Vec<R>> = HashMap::new();
    for row in rows {
        groups.entry(key(&row)).or_default().push(row);
    }
    groups
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
        let rows = catalog::find_tiers(&self.db, keys.iter().map(|key| key.0)).await?;
        Ok(grouped(rows, |row| TiersOf(row.product_id)))
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
        for (part, keys) in grouped(keys.to_vec(), |key| key.1) {
            let suppliers = keys.iter().map(|key| key.0);
            let rows = catalog::find_products_of_suppliers(&self.db, suppliers, part.after, part.limit).await?;
            loaded.extend(grouped(rows, |row| ProductsOf(row.supplier_id, part)));
        }
        Ok(loaded)
    }
}

impl Loader<MessagesOf> for CatalogLoader {
    type Value = Vec<message::Model>;
    type Error = Error;

    async fn load(&self, keys: &[MessagesOf]) -> Result<HashMap<MessagesOf, Vec<message::Model>>, Error> {
        let mut loaded = HashMap::new();
        for (part, keys) in grouped(keys.to_vec(), |key| key.1) {
            let conversations = keys.iter().map(|key| key.0);
            let rows = messaging::find_messages(&self.db, self.viewer, conversations, part.after, part.limit).await?;
            loaded.extend(grouped(rows, |row| MessagesOf(row.conversation_id, part)));
        }
        Ok(loaded)
    }
}
