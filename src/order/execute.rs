//! One command on an order, from lock to commit.

use entity::{OrderId, Time};
use futures_util::future::BoxFuture;

use super::locked::LockedOrder;
use crate::app::App;
use crate::auth::Viewer;
use crate::db::retrying;
use crate::error::{Error, ErrorCode, Result};
use crate::idempotency::IdempotencyKey;
use escrow::{Actor, Command, Order};

/// One command of a viewer, from lock to commit; with a key, once.
///
/// A deadline that had passed stays decided even if the command is refused because of it.
pub fn execute<'a>(
    app: &'a App,
    viewer: &'a Viewer,
    order_id: OrderId,
    expected_version: Option<i64>,
    idempotency_key: Option<&'a IdempotencyKey>,
    command: &'a Command,
) -> BoxFuture<'a, Result<Order>> {
    Box::pin(retrying(move || async move {
        let actor = actor(viewer)?;
        let mut locked = LockedOrder::begin(app, viewer, order_id).await?;
        if let Some(idempotency_key) = idempotency_key
            && idempotency_key.find(locked.transaction()).await?.is_some()
        {
            return locked.commit().await;
        }
        let result = match locked.expect_version(expected_version) {
            Ok(()) => locked.command(actor, command).await,
            Err(error) => Err(error),
        };
        if let (Ok(()), Some(idempotency_key)) = (&result, idempotency_key) {
            idempotency_key.record(locked.transaction(), &app.clock, order_id.to_string()).await?;
        }
        locked.commit_or_refuse(result).await
    }))
}

/// What a provider says has happened to an order, decided as of when we received it: deadlines that passed since come after.
pub fn execute_as_provider<'a>(
    app: &'a App,
    order_id: OrderId,
    received_at: Time,
    command: &'a Command,
) -> BoxFuture<'a, Result<Order>> {
    Box::pin(retrying(move || async move {
        let mut locked = LockedOrder::begin_for_all(app, order_id, received_at).await?;
        if matches!(command, Command::CapturePayment { .. }) && locked.waits_for_earlier_notification(received_at) {
            return Err(Error::internal(format!("{order_id}: money that came late waits for earlier news")));
        }
        locked.command_at(Actor::Provider, command, received_at).await?;
        locked.pass_deadlines(app.clock.now()).await?;
        locked.commit().await
    }))
}

/// The same of a command that was decided by what the order was at this version: false, and nothing is done, if it has changed
/// since.
pub fn execute_as_decided<'a>(
    app: &'a App,
    order_id: OrderId,
    version: i64,
    received_at: Time,
    command: &'a Command,
) -> BoxFuture<'a, Result<bool>> {
    Box::pin(retrying(move || async move {
        let mut locked = LockedOrder::begin_for_all(app, order_id, received_at).await?;
        let is_as_decided = locked.expect_version(Some(version)).is_ok();
        if is_as_decided {
            locked.command_at(Actor::Provider, command, received_at).await?;
        }
        locked.pass_deadlines(app.clock.now()).await?;
        locked.commit().await?;
        Ok(is_as_decided)
    }))
}

/// As whom a viewer acts on orders; refuses those who only look on.
pub fn actor(viewer: &Viewer) -> Result<Actor> {
    match viewer {
        Viewer::Buyer { .. } => Ok(Actor::Buyer),
        Viewer::Supplier { .. } => Ok(Actor::Supplier),
        Viewer::Operator { .. } => Ok(Actor::Operator),
        Viewer::Storefront { .. } => Err(Error::refused(
            ErrorCode::NotPermitted,
            "a storefront sees its orders but acts on none; mint a buyer session with createBuyerSession",
        )),
        Viewer::Anonymous => Err(Error::refused(ErrorCode::Unauthenticated, "send Authorization: Bearer <token>")),
    }
}
