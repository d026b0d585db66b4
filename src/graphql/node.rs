//! `node` and `nodes`: any object by its id, if it exists for the viewer.

use async_graphql::{Context, ID, Interface, Object, Result};

use super::conversation::Conversation;
use super::dispute::Dispute;
use super::order::Order;
use super::payment::Payment;
use super::product::Product;
use super::refund::Refund;
use super::supplier::Supplier;
use crate::error::{Error, ErrorCode};

/// Anything with an id of its own.
#[derive(Interface)]
#[graphql(field(name = "id", ty = "ID", desc = "The type's name and a unique part: \"order_01h…\"."))]
pub enum Node {
    Order(Order),
    Payment(Payment),
    Refund(Refund),
    Dispute(Dispute),
    Product(Product),
    Supplier(Supplier),
    Conversation(Conversation),
}

const MOST_NODES: usize = 100;

#[derive(Default)]
pub struct NodeQuery;

#[Object]
impl NodeQuery {
    /// The object with this id; null if there is none for this viewer.
    async fn node(&self, ctx: &Context<'_>, #[graphql(desc = "The object's.")] id: ID) -> Option<Result<Node>> {
        find(ctx, &id).await.transpose()
    }

    /// The objects with these ids, at most 100, in the same order; null where there is none for this viewer.
    async fn nodes(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The objects'; at most 100.")] ids: Vec<ID>,
    ) -> Option<Result<Vec<Option<Node>>>> {
        if ids.len() > MOST_NODES {
            let message = format!("{} ids; at most {MOST_NODES} are allowed", ids.len());
            return Some(Err(Error::refused(ErrorCode::InvalidInput, message).into()));
        }
        Some(futures_util::future::try_join_all(ids.iter().map(|id| find(ctx, id))).await)
    }
}

async fn find(ctx: &Context<'_>, id: &str) -> Result<Option<Node>> {
    if let Ok(id) = id.parse() {
        return Ok(Order::find(ctx, id).await?.map(Node::Order));
    }
    if let Ok(id) = id.parse() {
        return Ok(Payment::find(ctx, id).await?.map(Node::Payment));
    }
    if let Ok(id) = id.parse() {
        return Ok(Refund::find(ctx, id).await?.map(Node::Refund));
    }
    if let Ok(id) = id.parse() {
        return Ok(Dispute::find(ctx, id).await?.map(Node::Dispute));
    }
    if let Ok(id) = id.parse() {
        return Ok(Product::load(ctx, id).await?.map(Node::Product));
    }
    if let Ok(id) = id.parse() {
        return Ok(Supplier::find(ctx, id).await?.map(Node::Supplier));
    }
    if let Ok(id) = id.parse() {
        return Ok(Conversation::find(ctx, id).await?.map(Node::Conversation));
    }
    Ok(None)
}
