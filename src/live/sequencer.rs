//! The sequencer: gives committed rows their position in a feed.
//!
//! A sequence, a UUIDv7 or a time would be given before the commit, and a reader who was past it would never see the
//! row of a transaction that committed late. Positions are given one batch at a time, by one node at a time: whoever
//! sees a position sees every position before it. With its position a row gets who may see it, so that nobody's feed is
//! looked for among others' rows.

use sea_orm::{ConnectionTrait, Statement};

use crate::db::{Db, Turn};
use crate::error::Result;

/// Most rows that get their position in one go.
const BATCH: u32 = 1_000;

/// A table whose rows are sequenced.
#[derive(Clone, Copy, Debug)]
pub struct SequencedTable {
    table: &'static str,
    /// The joins that lead to who may see a row.
    owners: &'static str,
    /// Storefront, buyer and supplier.
    parties: [&'static str; 3],
    /// Rows of a batch.
    order: &'static str,
}

/// Events of one order keep their sequence; between orders the order of a batch is that of time.
pub const EVENTS: SequencedTable = SequencedTable {
    table: "event",
    owners: "join orders on orders.id = event.order_id",
    parties: ["orders.storefront_id", "orders.buyer_id", "orders.supplier_id"],
    order: "event.occurred_at, event.order_id, event.sequence",
};

pub const MESSAGES: SequencedTable = SequencedTable {
    table: "message",
    owners: "join conversation on conversation.id = message.conversation_id join buyer on buyer.id = conversation.buyer_id",
    parties: ["buyer.storefront_id", "conversation.buyer_id", "conversation.supplier_id"],
    order: "message.id",
};

impl SequencedTable {
    /// Gives every committed row its position. Cheap when there is nothing to do.
    pub async fn sequence(self, db: &Db) -> Result<()> {
        let Self { table, .. } = self;
        let waiting = format!("select 1 as waiting from {table} where feed_position is null limit 1");
        loop {
            let waiting = Statement::from_string(db.read.get_database_backend(), waiting.clone());
            if db.read.query_one_raw(waiting).await?.is_none() {
                return Ok(());
            }
            let transaction = db.begin_write().await?;
            Turn::Sequencing.take(&transaction).await?;
            transaction.execute_unprepared(&self.statement()).await?;
            transaction.commit().await?;
        }
    }

    fn statement(self) -> String {
        let Self { table, owners, parties: [storefront, buyer, supplier], order } = self;
        format!(
            "update {table} set feed_position = placed.position, storefront_id = placed.storefront_id, \
             buyer_id = placed.buyer_id, supplier_id = placed.supplier_id from (\
             select {table}.id as id, (select coalesce(max(feed_position), 0) from {table}) \
             + row_number() over (order by {order}) as position, \
             {storefront} as storefront_id, {buyer} as buyer_id, {supplier} as supplier_id \
             from {table} {owners} where {table}.feed_position is null order by {order} limit {BATCH}) as placed \
             where {table}.id = placed.id"
        )
    }
}
