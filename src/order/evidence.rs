//! Evidence: a text, or a file that becomes evidence in the transaction of the command that presents it.

use entity::evidence::{Column, Entity, EvidenceAuthor};
use entity::{EvidenceFileId, EvidenceId, OrderId};
use sea_orm::{ColumnTrait, EntityTrait, PaginatorTrait, QueryFilter};

use super::write::{Writing, actor, refusal, settle};
use crate::app::App;
use crate::auth::Viewer;
use crate::db::retrying;
use crate::error::{Error, ErrorCode, Result};
use crate::escrow::{Action, Actor, AttachedFile, Command, Order, permitted};
use crate::evidence;
use crate::idempotency::Once;

/// Pieces that one side may put forward about one order.
const MOST_PIECES: u64 = 50;

/// What somebody puts forward: a text, a file that was sent, or both.
#[derive(Clone, Debug)]
pub struct NewEvidence {
    pub text: Option<String>,
    pub file_id: Option<EvidenceFileId>,
}

/// `AddEvidence` of a viewer, as [`super::execute`] does other commands; the file becomes evidence with it, or not at all.
pub async fn add_evidence(
    app: &App,
    viewer: &Viewer,
    order_id: OrderId,
    (expected_version, once): (Option<i64>, Option<&Once>),
    new: &NewEvidence,
) -> Result<Order> {
    let actor = actor(viewer)?;
    retrying(|| async {
        let mut writing = Writing::begin(app, viewer, order_id).await?;
        if let Some(once) = once
            && once.find(writing.transaction()).await?.is_some()
        {
            return writing.commit().await;
        }
        let file = match prepare(&writing, viewer, actor, expected_version, new).await {
            Ok(file) => file,
            // So far nothing was written for the command.
            Err(error) => return settle(writing, Err(error)).await,
        };
        let evidence_id = EvidenceId(app.clock.new_id());
        // A refusal from here on commits nothing: no file stays attached that no evidence presents.
        writing.command(actor, &Command::AddEvidence { evidence_id, text: new.text.clone(), file }).await?;
        if let Some(once) = once {
            once.record(writing.transaction(), &app.clock, order_id.to_string()).await?;
        }
        writing.commit().await
    })
    .await
}

/// Refuses what can be refused; then attaches the file.
async fn prepare(
    writing: &Writing<'_>,
    viewer: &Viewer,
    actor: Actor,
    expected_version: Option<i64>,
    new: &NewEvidence,
) -> Result<Option<AttachedFile>> {
    writing.expect_version(expected_version)?;
    let now = writing.app.clock.now().max(writing.order.row.updated_at);
    permitted(&writing.order, actor, Action::AddEvidence, now, &writing.policy).map_err(refusal)?;
    require_room(writing, actor).await?;
    let Some(file_id) = new.file_id else { return Ok(None) };
    let order_id = writing.order.row.id;
    let file = evidence::attach(writing.transaction(), &viewer.principal(), order_id, file_id, now).await?;
    Ok(Some(AttachedFile {
        file_id,
        media_type: file.media_type.name().to_owned(),
        byte_size: i64::from(file.byte_size),
        sha256: file.sha256.unwrap_or_default(),
    }))
}

/// Counted under the order's lock.
async fn require_room(writing: &Writing<'_>, actor: Actor) -> Result<()> {
    let author = match actor {
        Actor::Buyer => EvidenceAuthor::Buyer,
        Actor::Supplier => EvidenceAuthor::Supplier,
        Actor::Operator | Actor::Provider | Actor::Timer => EvidenceAuthor::Operator,
    };
    let own = Entity::find().filter(Column::OrderId.eq(writing.order.row.id)).filter(Column::Author.eq(author));
    if own.count(writing.transaction()).await? < MOST_PIECES {
        return Ok(());
    }
    let message = format!("your side has put {MOST_PIECES} pieces of evidence forward, and may add no more");
    Err(Error::refused(ErrorCode::InvalidInput, message).at("orderId"))
}
