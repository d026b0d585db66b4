//! Evidence in a dispute or against a chargeback.

use entity::evidence::{self, EvidenceAuthor};
use entity::{EvidenceId, Time};

use crate::command::AttachedFile;
use crate::decision::Decision;
use crate::event::Event;
use crate::order::Order;
use crate::rejection::Rejection;
use crate::table::Actor;

pub(crate) fn add_evidence(
    order: &Order,
    actor: Actor,
    evidence_id: EvidenceId,
    text: Option<&str>,
    file: Option<&AttachedFile>,
    messages: i32,
    now: Time,
) -> Result<Decision, Rejection> {
    if text.is_none() && file.is_none() && messages == 0 {
        return Err(Rejection::Invalid {
            field: "text",
            problem: "send a text, the fileId of a file that was sent, or messageIds; or several of them",
        });
    }
    let author = match actor {
        Actor::Buyer => EvidenceAuthor::Buyer,
        Actor::Supplier => EvidenceAuthor::Supplier,
        Actor::Operator => EvidenceAuthor::Operator,
        Actor::Provider | Actor::Timer => return Err(Rejection::Inconsistent("nobody's evidence")),
    };
    let mut decision = Decision::unchanged(order);
    decision.events.push(Event::EvidenceAdded {
        evidence_id,
        by: author,
        media_type: file.map(|file| file.media_type.clone()),
        byte_size: file.map(|file| file.byte_size),
        sha256: file.map(|file| file.sha256.clone()),
        messages: (messages > 0).then_some(messages),
    });
    decision.evidence = Some(evidence::Model {
        id: evidence_id,
        order_id: order.row.id,
        author,
        text: text.map(ToOwned::to_owned),
        file_id: file.map(|file| file.file_id),
        messages,
        created_at: now,
    });
    Ok(decision)
}
