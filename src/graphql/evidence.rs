//! Files as evidence: where to send one, and how it is shown once it was added.

use async_graphql::{Context, ID, InputObject, Object, Result, SimpleObject};
use chrono::{DateTime, Utc};
use entity::{EvidenceFileId, evidence as pieces, evidence_file};
use serde_json::json;

use super::call::{order_inputs, order_payloads};
use super::order::Order;
use super::order_loaders::loader;
use super::payload::{answer, payloads};
use super::{app, viewer};
use crate::error::{ErrorCode, Result as Outcome};
use crate::evidence::{self, NewUpload};
use crate::order::{self, NewEvidence};
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

/// What somebody put forward in a dispute, or against a chargeback: a text, a file, or both. It never changes.
#[Object]
impl Evidence {
    /// Begins with `evidence_`.
    async fn id(&self) -> ID {
        ID(self.0.id.to_string())
    }

    /// Who put it forward.
    async fn author(&self) -> EvidenceAuthor {
        self.0.author.into()
    }

    /// In the author's words; null if it is a file only.
    async fn text(&self) -> Option<&str> {
        self.0.text.as_deref()
    }

    /// Null if it is a text only.
    async fn file(&self, ctx: &Context<'_>) -> Option<Result<EvidenceFile>> {
        let row = loader(ctx).load_one(self.0.file_id?).await;
        row.map(|row| row.map(EvidenceFile)).map_err(Into::into).transpose()
    }

    /// When it was put forward.
    async fn created_at(&self) -> DateTime<Utc> {
        self.0.created_at
    }
}

/// A file that a party added as evidence.
#[derive(Clone)]
pub struct EvidenceFile(pub evidence_file::Model);

/// A file that was added as evidence. It never changes.
#[Object]
impl EvidenceFile {
    /// Begins with `file_`.
    async fn id(&self) -> ID {
        ID(self.0.id.to_string())
    }

    /// Without a path; for people, and for saving it.
    async fn file_name(&self) -> &str {
        &self.0.file_name
    }

    /// Such as `image/jpeg`.
    async fn media_type(&self) -> &'static str {
        self.0.media_type.name()
    }

    /// At most 10 MiB.
    async fn byte_size(&self) -> i32 {
        self.0.byte_size
    }

    /// Of its bytes, in hex: what was sent is what is read.
    async fn sha256(&self) -> &str {
        self.0.sha256.as_deref().unwrap_or_default()
    }

    /// Where it can be read with `GET`, with the bearer token of who sees the order.
    async fn url(&self, ctx: &Context<'_>) -> String {
        format!("{}/files/{}", app(ctx).settings.public_url(), self.0.id)
    }
}

/// Where to send a file. Whoever has the URL can send it, once.
#[derive(Clone, SimpleObject)]
pub struct EvidenceUpload {
    /// For `addEvidence`, once the file was sent.
    file_id: ID,
    /// Secret until then; needs no bearer token. It is not shown again.
    url: String,
    /// PUT, with the file's bytes as the whole body.
    method: String,
    /// To send along.
    headers: Vec<UploadHeader>,
    /// Until when the file must be there: an hour. What is not added as evidence within a day is forgotten.
    expires_at: DateTime<Utc>,
}

/// A header of the request that sends a file.
#[derive(Clone, SimpleObject)]
pub struct UploadHeader {
    /// Such as `content-type`.
    name: String,
    /// As it must be sent.
    value: String,
}

impl From<evidence::Upload> for EvidenceUpload {
    fn from(upload: evidence::Upload) -> Self {
        let value = upload.file.media_type.name().to_owned();
        Self {
            file_id: ID(upload.file.id.to_string()),
            url: upload.url,
            method: "PUT".to_owned(),
            headers: vec![UploadHeader { name: "content-type".to_owned(), value }],
            expires_at: upload.file.expires_at,
        }
    }
}

/// A file that you are about to send.
#[derive(Clone, Debug, InputObject)]
pub struct CreateEvidenceUploadInput {
    /// The order that it is about.
    pub order_id: ID,
    /// Up to 200 characters; of a path the last part is kept.
    pub file_name: String,
    /// `image/jpeg`, `image/png`, `image/webp`, `application/pdf`, or `text/plain` in UTF-8. The content must fit.
    pub media_type: String,
    /// How many bytes it has: 1 to 10485760 (10 MiB).
    pub byte_size: i32,
}

payloads! {
    /// What `createEvidenceUpload` answers.
    CreateEvidenceUploadPayload {
        /// Where to send the file; null if it can't be sent.
        upload: EvidenceUpload
    }
}

order_inputs! {
    /// Put a text or a file forward, or both.
    AddEvidenceInput {
        /// At most 4,000 characters; may be left out if there is a file.
        text: Option<String>,
        /// A file of yours about this order that was sent to the URL of `createEvidenceUpload`; may be left out if there is a
        /// text.
        file_id: Option<ID>,
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
    /// Buyer, supplier or operator: get a URL to send one file to, so that it can be added as evidence. At most 20 files
    /// about an order may wait to be added.
    async fn create_evidence_upload(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The file, and the order that it is about.")] input: CreateEvidenceUploadInput,
    ) -> Result<CreateEvidenceUploadPayload> {
        answer(create_evidence_upload(ctx, input).await)
    }

    /// Buyer, supplier or operator: put a text or a file forward in a dispute or against a chargeback. Both sides and the
    /// operator see it, and nobody can change it. At most 50 pieces a side.
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
    if text.is_none() && input.file_id.is_none() {
        let message = "send a text, or the fileId of a file that was sent, or both";
        call.checks.problem("text", ErrorCode::InvalidInput, message);
    }
    let file_id: Option<EvidenceFileId> = input.file_id.as_deref().and_then(|id| call.checks.id("fileId", id));
    let once = call.once("addEvidence", &json!([text, file_id]))?;
    call.checks.finish()?;
    let how = (call.expected_version, once.as_ref());
    let new = NewEvidence { text, file_id };
    // On the heap, as in `Call::execute`.
    let added = Box::pin(order::add_evidence(call.app, &call.viewer, call.order_id, how, &new)).await?;
    Ok(Order(added.row))
}

async fn create_evidence_upload(ctx: &Context<'_>, input: CreateEvidenceUploadInput) -> Outcome<EvidenceUpload> {
    let mut checks = Checks::input();
    let file = NewUpload {
        order_id: checks.required_id("orderId", &input.order_id),
        file_name: input.file_name,
        media_type: input.media_type,
        byte_size: input.byte_size,
    };
    Ok(evidence::create_upload(app(ctx), &viewer(ctx), checks, &file).await?.into())
}
