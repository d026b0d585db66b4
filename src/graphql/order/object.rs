//! An order as its viewer sees it.

use async_graphql::{Context, Result};
use entity::{OrderId, order};

use crate::graphql::loader::order::loader;

#[derive(Clone)]
pub struct Order(pub order::Model);

impl Order {
    /// None if it isn't the viewer's.
    pub(crate) async fn find(ctx: &Context<'_>, id: OrderId) -> Result<Option<Self>> {
        Ok(loader(ctx).load_one(id).await?.map(Self))
    }
}
