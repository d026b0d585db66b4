//! How a credential ends, or gives way to its successor.
//!
//! A rotation makes a credential with the same role, subject, scopes and label, and lets the old one go on for a while.
//! At most two of such a line are valid at once: who rotates again first lets the older one end. A successor ends no
//! later than what it succeeds would have. What has ended stays ended.

use chrono::TimeDelta;
use entity::credential::{ActiveModel, Column, Entity, Model, Role};
use entity::{BuyerId, CredentialId, OperatorId, StorefrontId, Time, buyer, operator};
use futures_util::future::BoxFuture;
use sea_orm::sea_query::Expr;
use sea_orm::{
    ActiveValue::Set, ColumnTrait, Condition, ConnectionTrait, EntityTrait, PaginatorTrait, QueryFilter, QuerySelect,
};

use super::credential::{CreatedCredential, insert, new_token};
use crate::app::App;
use crate::auth::{Caller, Viewer, ends_at, scopes_of};
use crate::db::{self, Db};
use crate::error::{Error, ErrorCode, Result};
use crate::validate::Checks;
use crate::visibility::own_credentials;

const USUAL_HOURS: i32 = 24;
const MOST_HOURS: i32 = 720;
const KEPT_DAYS: i64 = 30;

/// A successor of the credential that asks for it, or of another of the viewer's: who rotates another decides when that
/// one ends, and holds what lasts as long, which takes all scopes as revoking it does.
pub fn rotate_credential<'a>(
    app: &'a App,
    caller: &'a Caller,
    id: &'a str,
    old_valid_for_hours: Option<i32>,
) -> BoxFuture<'a, Result<CreatedCredential>> {
    Box::pin(async move {
        require_lasting(&caller.viewer)?;
        let mut checks = Checks::input();
        let id = checks.required_id::<CredentialId>("credentialId", id);
        let hours = checks.within("oldValidForHours", old_valid_for_hours.unwrap_or(USUAL_HOURS), 0..=MOST_HOURS);
        checks.finish()?;
        let wall = app.clock.wall();
        let until = wall + TimeDelta::hours(i64::from(hours));
        let created = db::retrying(|| async {
            let tx = app.db.begin_write().await?;
            let old = require_locked(&tx, own_credentials(&caller.viewer), id).await?;
            require_valid(&old, wall)?;
            if caller.lacked().is_some() && caller.credential.as_ref().is_none_or(|held| held.id != old.id) {
                let message = "is not the credential of this request, which has not all scopes; rotate it with itself";
                return Err(Error::refused(ErrorCode::NotPermitted, message).at("credentialId"));
            }
            require_at_most_one(&tx, &old, wall).await?;
            let token = new_token(&app.clock, old.role);
            let successor = Model {
                id: CredentialId(app.clock.new_id()),
                token_hash: crate::auth::hash_token(&token),
                rotated_from: Some(old.id),
                expires_at: ends_at(&old),
                revoked_at: None,
                last_used_at: None,
                created_at: wall,
                ..old.clone()
            };
            insert(&tx, successor.clone()).await?;
            if ends_at(&old).is_none_or(|end| end > until) {
                let ending = ActiveModel { id: Set(old.id), expires_at: Set(Some(until)), ..Default::default() };
                Entity::update(ending).exec(&tx).await?;
            }
            tx.commit().await?;
            Ok(CreatedCredential { credential: successor, token })
        })
        .await?;
        if until <= wall {
            announce_revoked(app, [id]);
        }
        Ok(created)
    })
}

/// Neither what it succeeds nor what succeeds it is valid: with its successor there will be two.
async fn require_at_most_one<C: ConnectionTrait>(tx: &C, old: &Model, wall: Time) -> Result<()> {
    let mut relatives = Condition::any().add(Column::RotatedFrom.eq(old.id));
    if let Some(before) = old.rotated_from {
        relatives = relatives.add(Column::Id.eq(before));
    }
    let relatives = Entity::find().filter(relatives).all(tx).await?;
    let valid = |row: &&Model| ends_at(row).is_none_or(|end| end > wall);
    let Some(other) = relatives.iter().find(valid) else { return Ok(()) };
    let message = if other.rotated_from == Some(old.id) {
        format!(
            "was rotated already: {} succeeds it, and at most two are valid at once. Use that one, or revoke it",
            other.id
        )
    } else {
        format!("succeeds {}, which is still valid; at most two are valid at once. Revoke that one first", other.id)
    };
    Err(Error::refused(ErrorCode::LimitReached, message).at("credentialId"))
}

/// Ends a credential, at a time or at once. Operators end any but their own last one; others their own.
pub fn revoke_credential<'a>(
    app: &'a App,
    viewer: Viewer,
    id: &'a str,
    at: Option<Time>,
) -> BoxFuture<'a, Result<Model>> {
    Box::pin(async move {
        require_lasting(&viewer)?;
        let wall = app.clock.wall();
        let mut checks = Checks::input();
        let id = checks.required_id::<CredentialId>("credentialId", id);
        if at.is_some_and(|at| at < wall) {
            checks.problem("at", ErrorCode::InvalidInput, "has passed; leave it out to revoke at once");
        }
        checks.finish()?;
        let at = at.unwrap_or(wall);
        let whose = match viewer {
            Viewer::Operator { .. } => Condition::all(),
            Viewer::Anonymous | Viewer::Storefront { .. } | Viewer::Buyer { .. } | Viewer::Supplier { .. } => {
                own_credentials(&viewer)
            }
        };
        let revoked = db::retrying(|| async {
            let tx = app.db.begin_write().await?;
            let mut row = require_locked(&tx, whose.clone(), id).await?;
            if ends_at(&row).is_some_and(|end| end <= wall) {
                return Ok(row);
            }
            if let Viewer::Operator { operator_id } = viewer
                && row.operator_id == Some(operator_id)
            {
                require_another(&tx, operator_id, id).await?;
            }
            row.revoked_at = Some(at);
            let ending = ActiveModel { id: Set(id), revoked_at: Set(Some(at)), ..Default::default() };
            Entity::update(ending).exec(&tx).await?;
            tx.commit().await?;
            Ok(row)
        })
        .await?;
        if at <= wall {
            announce_revoked(app, [id]);
        }
        Ok(revoked)
    })
}

/// What these credentials began on this node ends at once.
fn announce_revoked(app: &App, revoked: impl IntoIterator<Item = CredentialId>) {
    for id in revoked {
        app.announce_revoked(id);
    }
}

/// An operator keeps a credential that has no end and lacks no scope: nobody but whoever can run the program could let
/// them in again.
async fn require_another<C: ConnectionTrait>(tx: &C, operator_id: OperatorId, but: CredentialId) -> Result<()> {
    // Two that revoke each other take turns.
    operator::Entity::find_by_id(operator_id).lock_exclusive().one(tx).await?;
    let others = Entity::find()
        .filter(Column::OperatorId.eq(operator_id))
        .filter(Column::Id.ne(but))
        .filter(Column::ExpiresAt.is_null())
        .filter(Column::RevokedAt.is_null())
        .all(tx)
        .await?;
    let all = scopes_of(Role::Operator);
    if others.iter().any(|other| all.0.is_subset(&other.scopes.0)) {
        return Ok(());
    }
    let message = "is your last one without an end and with all scopes; make another with createCredential or rotateCredential first";
    Err(Error::refused(ErrorCode::NotPermitted, message).at("credentialId"))
}

/// Which sessions a storefront ends.
#[derive(Clone, Debug)]
pub enum Sessions {
    One(String),
    OfBuyer(String),
    OfReference(String),
}

/// Ends sessions of the storefront's buyers at once: how many were still valid.
pub fn revoke_buyer_sessions<'a>(app: &'a App, viewer: Viewer, which: &'a Sessions) -> BoxFuture<'a, Result<u64>> {
    Box::pin(async move {
        let storefront_id = viewer.require_storefront()?;
        let mut checks = Checks::input();
        let mut these = Condition::all().add(Column::StorefrontId.eq(storefront_id)).add(Column::Role.eq(Role::Buyer));
        let mut of_buyer = None;
        match which {
            Sessions::One(id) => {
                let id = checks.required_id::<CredentialId>("credentialId", id);
                these = these.add(Column::Id.eq(id));
            }
            Sessions::OfBuyer(id) => {
                let id = checks.required_id::<BuyerId>("buyerId", id);
                of_buyer = Some(("buyerId", buyer::Column::Id.eq(id)));
            }
            Sessions::OfReference(reference) => {
                let reference = checks.line("buyerReference", reference, 200);
                of_buyer = Some(("buyerReference", buyer::Column::Reference.eq(reference)));
            }
        }
        checks.finish()?;
        if let Some((field, wanted)) = of_buyer {
            let found = find_buyer_of(&app.db.read, storefront_id, wanted).await?;
            let Some(buyer) = found else { return Err(Error::not_found("buyer").at(field)) };
            these = these.add(Column::BuyerId.eq(buyer.id));
        } else if Entity::find().filter(these.clone()).count(&app.db.read).await? == 0 {
            return Err(Error::not_found("session").at("credentialId"));
        }
        end(app, these).await
    })
}

async fn find_buyer_of<C: ConnectionTrait>(
    db: &C,
    storefront_id: StorefrontId,
    wanted: sea_orm::sea_query::SimpleExpr,
) -> Result<Option<buyer::Model>> {
    let of_storefront = buyer::Column::StorefrontId.eq(storefront_id);
    Ok(buyer::Entity::find().filter(of_storefront).filter(wanted).one(db).await?)
}

/// A buyer ends the session of this request, or all of them.
pub async fn end_session(app: &App, caller: &Caller, everywhere: bool) -> Result<u64> {
    let (_storefront_id, buyer_id) = caller.viewer.require_buyer()?;
    let mut these = Condition::all().add(Column::BuyerId.eq(buyer_id));
    if !everywhere {
        these = these.add(Column::Id.eq(caller.credential.as_ref().map(|held| held.id)));
    }
    end(app, these).await
}

async fn end(app: &App, these: Condition) -> Result<u64> {
    let wall = app.clock.wall();
    let ended = db::retrying(|| async {
        let tx = app.db.begin_write().await?;
        let ended = Entity::update_many()
            .col_expr(Column::RevokedAt, Expr::value(wall))
            .filter(these.clone())
            .filter(Condition::any().add(Column::ExpiresAt.is_null()).add(Column::ExpiresAt.gt(wall)))
            .filter(Condition::any().add(Column::RevokedAt.is_null()).add(Column::RevokedAt.gt(wall)))
            .exec_with_returning(&tx)
            .await?;
        tx.commit().await?;
        Ok(ended)
    })
    .await?;
    announce_revoked(app, ended.iter().map(|row| row.id));
    u64::try_from(ended.len()).map_err(|cause| Error::internal(cause.to_string()))
}

/// Forgets sessions that ended more than 30 days ago.
pub async fn prune_sessions(db: &Db, wall: Time) -> Result<u64> {
    let long_ago = wall - TimeDelta::days(KEPT_DAYS);
    let tx = db.begin_write().await?;
    let ended = Condition::any().add(Column::ExpiresAt.lt(long_ago)).add(Column::RevokedAt.lt(long_ago));
    let pruned =
        Entity::delete_many().filter(Column::BuyerId.is_not_null()).filter(ended).exec(&tx).await?.rows_affected;
    tx.commit().await?;
    Ok(pruned)
}

fn require_lasting(viewer: &Viewer) -> Result<()> {
    match viewer {
        Viewer::Storefront { .. } | Viewer::Supplier { .. } | Viewer::Operator { .. } => Ok(()),
        Viewer::Anonymous | Viewer::Buyer { .. } => Err(viewer.refuse("a storefront, a supplier or an operator")),
    }
}

async fn require_locked<C: ConnectionTrait>(tx: &C, whose: Condition, id: CredentialId) -> Result<Model> {
    let row = Entity::find_by_id(id).filter(whose).lock_exclusive().one(tx).await?;
    row.ok_or_else(|| Error::not_found("credential").at("credentialId"))
}

fn require_valid(row: &Model, wall: Time) -> Result<()> {
    if ends_at(row).is_some_and(|end| end <= wall) {
        let message = "has ended; let an operator make a new one";
        return Err(Error::refused(ErrorCode::InvalidInput, message).at("credentialId"));
    }
    Ok(())
}
