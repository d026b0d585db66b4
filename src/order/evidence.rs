//! Evidence: a text, messages that are cited, or a file that becomes evidence in the transaction of the command that presents
//! it.

use std::collections::HashMap;

use entity::evidence::{Column, Entity, EvidenceAuthor, Model};
use entity::{EvidenceId, FileId, MessageId, OrderId, evidence_message, message};
use futures_util::future::BoxFuture;
use sea_orm::ActiveValue::Set;
use sea_orm::{ColumnTrait, ConnectionTrait, EntityTrait, PaginatorTrait, QueryFilter, QueryOrder};

use super::execute::actor;
use super::locked::LockedOrder;
use super::refusal::refusal;
use crate::app::App;
use crate::auth::Viewer;
use crate::db::retrying;
use crate::error::{Error, ErrorCode, Problem, Result};
use crate::file;
use crate::idempotency::IdempotencyKey;
use crate::messaging;
use crate::visibility;
use escrow::{Action, Actor, AttachedFile, Command, Order, permitted};

/// Pieces that one side may put forward about one order.
const MOST_PIECES: u64 = 50;

/// Messages that one piece of evidence may cite.
pub const MOST_CITED: usize = 20;

/// What somebody puts forward: a text, a file that was sent, messages of the order's buyer and supplier, or several of them.
#[derive(Clone, Debug)]
pub struct NewEvidence {
    pub text: Option<String>,
    pub file_id: Option<FileId>,
    pub message_ids: Vec<MessageId>,
}

/// `AddEvidence` of a viewer, as [`super::execute()`] does other commands; the file becomes evidence with it, or not at all.
pub fn add_evidence<'a>(
    app: &'a App,
    viewer: &'a Viewer,
    order_id: OrderId,
    expected_version: Option<i64>,
    idempotency_key: Option<&'a IdempotencyKey>,
    new: &'a NewEvidence,
) -> BoxFuture<'a, Result<Order>> {
    Box::pin(retrying(move || async move {
        let actor = actor(viewer)?;
        let mut locked = LockedOrder::begin(app, viewer, order_id).await?;
        if let Some(idempotency_key) = idempotency_key
            && idempotency_key.find(locked.transaction()).await?.is_some()
        {
            return locked.commit().await;
        }
        let file = match prepare(&locked, viewer, actor, expected_version, new).await {
            Ok(file) => file,
            // So far nothing was written for the command.
            Err(error) => return locked.commit_or_refuse(Err(error)).await,
        };
        let evidence_id = EvidenceId(app.clock.new_id());
        // A refusal from here on commits nothing: no file stays attached that no evidence presents.
        let messages = i32::try_from(new.message_ids.len()).unwrap_or(i32::MAX);
        locked.command(actor, &Command::AddEvidence { evidence_id, text: new.text.clone(), file, messages }).await?;
        cite(&locked, evidence_id, &new.message_ids).await?;
        if let Some(idempotency_key) = idempotency_key {
            idempotency_key.record(locked.transaction(), &app.clock, order_id.to_string()).await?;
        }
        locked.commit().await
    }))
}

/// Refuses what can be refused; then attaches the file.
async fn prepare(
    locked: &LockedOrder<'_>,
    viewer: &Viewer,
    actor: Actor,
    expected_version: Option<i64>,
    new: &NewEvidence,
) -> Result<Option<AttachedFile>> {
    locked.expect_version(expected_version)?;
    let now = locked.app.clock.now().max(locked.order.row.updated_at);
    permitted(&locked.order, actor, Action::AddEvidence, now, &locked.policy).map_err(refusal)?;
    require_room(locked, actor).await?;
    require_citable(locked, &new.message_ids).await?;
    let Some(file_id) = new.file_id else { return Ok(None) };
    let order_id = locked.order.row.id;
    let file = file::attach_as_evidence(locked.transaction(), &viewer.principal(), order_id, file_id, now).await?;
    Ok(Some(AttachedFile {
        file_id,
        media_type: file.media_type.name().to_owned(),
        byte_size: i64::from(file.byte_size),
        sha256: file.sha256.unwrap_or_default(),
    }))
}

/// They were written by this order's buyer and supplier to each other; others don't exist here, also for an operator.
async fn require_citable(locked: &LockedOrder<'_>, ids: &[MessageId]) -> Result<()> {
    if ids.is_empty() {
        return Ok(());
    }
    let row = &locked.order.row;
    let citable = messaging::find_citable(locked.transaction(), row.buyer_id, row.supplier_id, ids).await?;
    let strange = ids.iter().enumerate().filter(|(_index, id)| !citable.contains(id));
    let problems: Vec<Problem> = strange
        .map(|(index, _id)| Problem {
            path: vec!["input".to_owned(), "messageIds".to_owned(), index.to_string()],
            ..Problem::new(ErrorCode::NotFound, "there is no such message between this order's buyer and supplier")
        })
        .collect();
    if problems.is_empty() { Ok(()) } else { Err(problems.into()) }
}

/// The messages stay as they are; which ones were cited does too.
async fn cite(locked: &LockedOrder<'_>, evidence_id: EvidenceId, ids: &[MessageId]) -> Result<()> {
    if ids.is_empty() {
        return Ok(());
    }
    let cited = (0..).zip(ids).map(|(position, id)| evidence_message::ActiveModel {
        evidence_id: Set(evidence_id),
        position: Set(position),
        message_id: Set(*id),
    });
    evidence_message::Entity::insert_many(cited).exec_without_returning(locked.transaction()).await?;
    Ok(())
}

/// Counted under the order's lock.
async fn require_room(locked: &LockedOrder<'_>, actor: Actor) -> Result<()> {
    let author = match actor {
        Actor::Buyer => EvidenceAuthor::Buyer,
        Actor::Supplier => EvidenceAuthor::Supplier,
        Actor::Operator | Actor::Provider | Actor::Timer => EvidenceAuthor::Operator,
    };
    let own = Entity::find().filter(Column::OrderId.eq(locked.order.row.id)).filter(Column::Author.eq(author));
    if own.count(locked.transaction()).await? < MOST_PIECES {
        return Ok(());
    }
    let message = format!("your side has put {MOST_PIECES} pieces of evidence forward, and may add no more");
    Err(Error::refused(ErrorCode::InvalidInput, message).at("orderId"))
}

/// The messages that these pieces of evidence cite, each piece's in their order; the caller has found the pieces for the
/// viewer.
pub async fn find_cited<C: ConnectionTrait>(
    db: &C,
    pieces: impl IntoIterator<Item = EvidenceId> + Send,
) -> Result<Vec<(EvidenceId, message::Model)>> {
    use evidence_message::{Column as Cited, Entity as Citations};
    let cited = Citations::find().filter(Cited::EvidenceId.is_in(pieces)).order_by_asc(Cited::Position).all(db).await?;
    let ids = cited.iter().map(|citation| citation.message_id);
    let messages = message::Entity::find().filter(message::Column::Id.is_in(ids)).all(db).await?;
    let messages: HashMap<MessageId, message::Model> = messages.into_iter().map(|row| (row.id, row)).collect();
    Ok(cited
        .into_iter()
        .filter_map(|citation| Some((citation.evidence_id, messages.get(&citation.message_id)?.clone())))
        .collect())
}

/// Those of these pieces that are about orders that the viewer sees.
pub async fn find_evidence_by_id<C: ConnectionTrait>(
    db: &C,
    viewer: &Viewer,
    ids: &[EvidenceId],
) -> Result<Vec<Model>> {
    let these = Entity::find().filter(Column::Id.is_in(ids.iter().copied()));
    Ok(these.filter(visibility::of_orders(viewer, Column::OrderId)).all(db).await?)
}
