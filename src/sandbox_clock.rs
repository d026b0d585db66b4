//! The sandbox's business time, for the whole installation: how far it is ahead is kept in the database.
//!
//! So a restart doesn't turn it back, and every node sees it: the worker's loops read it at each look, and where there
//! may be other nodes each request reads it before it is handled. It only moves forward: of two nodes that set it at
//! once the further one wins, and a node that has not looked yet moves nothing back. In live mode nobody reads it.

use entity::Time;
use entity::sandbox_clock::{Column, Entity, ONLY};
use sea_orm::sea_query::Expr;
use sea_orm::{ColumnTrait, ConnectionTrait, EntityTrait, QueryFilter};

use crate::db::Db;
use crate::error::Result;
use ground::clock::Clock;

/// Brings a node's clock to where any node has set it.
pub async fn catch_up<C: ConnectionTrait>(db: &C, clock: &Clock) -> Result<()> {
    if let Some(row) = Entity::find_by_id(ONLY).one(db).await? {
        clock.be_ahead(row.offset_micros);
    }
    Ok(())
}

/// Sets every node's business time to `moment`; it stays where it is if that has passed already.
pub async fn set_forward(db: &Db, clock: &Clock, moment: Time) -> Result<()> {
    let ahead = clock.ahead_at(moment);
    let transaction = db.begin_write().await?;
    Entity::update_many()
        .col_expr(Column::OffsetMicros, Expr::value(ahead))
        .filter(Column::Id.eq(ONLY))
        .filter(Column::OffsetMicros.lt(ahead))
        .exec(&transaction)
        .await?;
    transaction.commit().await?;
    clock.be_ahead(ahead);
    catch_up(&db.read, clock).await
}
