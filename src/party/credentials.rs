//! Which credentials there are, and when each was last used.
//!
//! A use is noted in memory and written down about once a minute, so that no request waits for it. What was noted on a
//! node that is killed is lost: it is for people who ask whether a credential can go, not for accounts.

use std::collections::{BTreeMap, BTreeSet};

use entity::credential::{Column, Entity, Model};
use entity::{BuyerId, CredentialId, OperatorId, StorefrontId, SupplierId, Time, buyer};
use futures_util::future::BoxFuture;
use sea_orm::sea_query::Expr;
use sea_orm::{ColumnTrait, Condition, ConnectionTrait, EntityTrait, ExprTrait, QueryFilter, QueryOrder, QuerySelect};

use crate::app::App;
use crate::auth::{Caller, Viewer};
use crate::db;
use crate::error::{ErrorCode, Result};
use crate::page::Page;
use crate::validate::Checks;
use crate::visibility::own_credentials;

/// The viewer's credentials, or of a subject that is the viewer's to see; newest first. Ended ones too.
pub async fn find_credentials<C: ConnectionTrait>(
    db: &C,
    viewer: &Viewer,
    subject: Option<&str>,
    page: &Page<CredentialId>,
) -> Result<Vec<Model>> {
    match viewer {
        Viewer::Storefront { .. } | Viewer::Supplier { .. } | Viewer::Operator { .. } => {}
        Viewer::Anonymous | Viewer::Buyer { .. } => {
            return Err(viewer.refuse("a storefront, a supplier or an operator"));
        }
    }
    let mut these = match subject {
        None => own_credentials(viewer),
        Some(subject) => of_subject(db, viewer, subject).await?,
    };
    if let Some(after) = page.after {
        these = these.add(Column::Id.lt(after));
    }
    Ok(Entity::find().filter(these).order_by_desc(Column::Id).limit(page.fetch()).all(db).await?)
}

async fn of_subject<C: ConnectionTrait>(db: &C, viewer: &Viewer, subject: &str) -> Result<Condition> {
    let mut checks = Checks::arguments();
    let (these, is_own) = if let Ok(id) = subject.parse::<StorefrontId>() {
        let these = Column::StorefrontId.eq(id).and(Column::BuyerId.is_null());
        (these, *viewer == Viewer::Storefront { storefront_id: id })
    } else if let Ok(id) = subject.parse::<SupplierId>() {
        (Column::SupplierId.eq(id), *viewer == Viewer::Supplier { supplier_id: id })
    } else if let Ok(id) = subject.parse::<OperatorId>() {
        (Column::OperatorId.eq(id), *viewer == Viewer::Operator { operator_id: id })
    } else if let Ok(id) = subject.parse::<BuyerId>() {
        let storefront = buyer::Entity::find_by_id(id).one(db).await?.map(|row| row.storefront_id);
        let is_own = storefront.is_some_and(|id| *viewer == Viewer::Storefront { storefront_id: id });
        (Column::BuyerId.eq(id), is_own)
    } else {
        let message = "is not the id of a storefront, a buyer, a supplier or an operator";
        checks.problem("subjectId", ErrorCode::InvalidInput, message);
        (Column::Id.is_null(), false)
    };
    checks.finish()?;
    let may_see = is_own || matches!(viewer, Viewer::Operator { .. });
    Ok(Condition::all().add(if may_see { these } else { Column::Id.is_null() }))
}

/// The credential that a request came with.
pub async fn find_own_credential<C: ConnectionTrait>(db: &C, caller: &Caller) -> Result<Option<Model>> {
    let Some(held) = &caller.credential else { return Ok(None) };
    Ok(Entity::find_by_id(held.id).filter(own_credentials(&caller.viewer)).one(db).await?)
}

/// Ids in one statement; far below what a database takes as variables.
const MOST_AT_ONCE: usize = 500;

/// Writes down what was noted: one statement for all that were last used in the same minute.
pub fn write_uses<'a>(app: &'a App) -> BoxFuture<'a, Result<()>> {
    Box::pin(async move {
        let mut by_minute: BTreeMap<i64, (Time, BTreeSet<CredentialId>)> = BTreeMap::new();
        for (id, at) in app.uses.take() {
            let (latest, ids) = by_minute.entry(at.timestamp().div_euclid(60)).or_insert((at, BTreeSet::new()));
            *latest = Ord::max(at, *latest);
            ids.insert(id);
        }
        for (at, ids) in by_minute.into_values() {
            let ids: Vec<CredentialId> = ids.into_iter().collect();
            for ids in ids.chunks(MOST_AT_ONCE) {
                db::retrying(|| async {
                    let tx = app.db.begin_write().await?;
                    let earlier = Condition::any().add(Column::LastUsedAt.is_null()).add(Column::LastUsedAt.lt(at));
                    Entity::update_many()
                        .col_expr(Column::LastUsedAt, Expr::value(at))
                        .filter(Column::Id.is_in(ids.iter().copied()))
                        .filter(earlier)
                        .exec(&tx)
                        .await?;
                    tx.commit().await?;
                    Ok(())
                })
                .await?;
            }
        }
        Ok(())
    })
}
