//! Evidence: what is put forward, and how it is shown.

use async_graphql::{Context, ID, Object, Result};
use chrono::{DateTime, Utc};
use entity::{EvidenceId, FileId, MessageId, evidence as pieces};

use crate::error::{ErrorCode, Result as Outcome};
use crate::graphql::base::payload::answer;
use crate::graphql::file::File;
use crate::graphql::loader::order::{CitedBy, loader};
use crate::graphql::messaging::conversation::Message;
use crate::graphql::order::command::{order_inputs, order_payloads};
use crate::graphql::order::object::Order;
use crate::idempotency::IdempotencyKey;
use crate::order::{self, MOST_CITED, NewEvidence};
use crate::validate::Checks;

/// Who put a piece of evidence forward.
#[derive(Clone, Copy, Debug, PartialEq, Eq, async_graphql::Enum)]
#[graphql(remote = "entity::evidence::EvidenceAuthor")]
pub enum EvidenceAuthor {
    /// Who pays.
    Buyer,
    /// Who ships and is paid.
    Supplier,
    /// Who runs the escrow.
    Operator,
}

pub struct Evidence(pub pieces::Model);

impl Evidence {
    /// None if it isn't about one of the viewer's orders.
    pub(crate) async fn find(ctx: &Context<'_>, id: EvidenceId) -> Result<Option<Self>> {
        Ok(loader(ctx).load_one(id).await?.map(Self))
    }
}

/// What somebody put forward in a dispute, or against a chargeback: a text, a file, messages, or several of them. It never
/// changes.
#[Object]
impl Evidence {
    /// Begins with `evidence_`.
    pub async fn id(&self) -> ID {
        ID(self.0.id.to_string())
    }

    /// Who put it forward.
    async fn author(&self) -> EvidenceAuthor {
        self.0.author.into()
    }

    /// In the author's words; null if there are none.
    async fn text(&self) -> Option<&str> {
        self.0.text.as_deref()
    }

    /// Null if there is none.
    async fn file(&self, ctx: &Context<'_>) -> Option<Result<File>> {
        File::find(ctx, self.0.file_id?).await.transpose()
    }

    /// The messages of buyer and supplier that it cites, as they were written, with their attachments; at most 20.
    async fn messages(&self, ctx: &Context<'_>) -> Result<Vec<Message>> {
        if self.0.messages == 0 {
            return Ok(Vec::new());
        }
        let rows = loader(ctx).load_one(CitedBy(self.0.id)).await?.unwrap_or_default();
        crate::graphql::loader::catalog::loader(ctx)
            .loader()
            .take_rows(u64::try_from(rows.len()).unwrap_or(u64::MAX))?;
        Ok(rows.into_iter().map(Message).collect())
    }

    /// When it was put forward.
    async fn created_at(&self) -> DateTime<Utc> {
        self.0.created_at
    }
}

order_inputs! {
    /// Put a text, a file or messages forward, or several of them.
    AddEvidenceInput {
        /// At most 4,000 characters; may be left out if there is a file or a message.
        text: Option<String>,
        /// A file of yours that was staged for this order, and sent to the URL of `createUpload`.
        file_id: Option<ID>,
        /// Messages between this order's buyer and supplier, in any of their conversations; at most 20. They are shown as
        /// they are, with their attachments.
        message_ids: Option<Vec<ID>>,
    }
}

order_payloads! {
    /// What `addEvidence` left.
    AddEvidencePayload,
}

/// Sending files, and putting forward.
#[derive(Default)]
pub struct EvidenceMutation;

#[Object]
impl EvidenceMutation {
    /// Buyer, supplier or operator: put a text, a file or messages forward in a dispute or against a chargeback. Both sides
    /// and the operator see it, and nobody can change it. At most 50 pieces a side.
    async fn add_evidence(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "What to do, and to what.")] input: AddEvidenceInput,
    ) -> Result<AddEvidencePayload> {
        answer(add_evidence(ctx, input).await)
    }
}

async fn add_evidence(ctx: &Context<'_>, input: AddEvidenceInput) -> Outcome<Order> {
    let mut call = input.call(ctx);
    let text = call.checks.optional_text("text", input.text.as_deref(), 4_000);
    let message_ids = cited(&mut call.checks, input.message_ids.as_deref().unwrap_or_default());
    if text.is_none() && input.file_id.is_none() && message_ids.is_empty() {
        let message = "send a text, the fileId of a file that was sent, or messageIds; or several of them";
        call.checks.problem("text", ErrorCode::InvalidInput, message);
    }
    let file_id: Option<FileId> = input.file_id.as_deref().and_then(|id| call.checks.id("fileId", id));
    IdempotencyKey::check_in(call.idempotency_key.as_ref(), &mut call.checks);
    call.checks.finish()?;
    let (version, key) = (call.expected_version, call.idempotency_key.as_ref());
    let new = NewEvidence { text, file_id, message_ids };
    let added = order::add_evidence(call.app, &call.viewer, call.order_id, version, key, &new).await?;
    Ok(Order(added.row))
}

fn cited(checks: &mut Checks, ids: &[ID]) -> Vec<MessageId> {
    if ids.len() > MOST_CITED {
        let message = format!("has {} messages; at most {MOST_CITED} are allowed", ids.len());
        checks.problem("messageIds", ErrorCode::InvalidInput, message);
    }
    let mut known: Vec<MessageId> = Vec::new();
    checks.under("messageIds", |checks| {
        for (index, id) in ids.iter().take(MOST_CITED).enumerate() {
            let Some(id) = checks.id(&index.to_string(), id) else { continue };
            if known.contains(&id) {
                checks.problem(&index.to_string(), ErrorCode::InvalidInput, "is in the list already");
            }
            known.push(id);
        }
    });
    known
}
