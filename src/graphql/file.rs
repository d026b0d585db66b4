//! Files: where to send one, and how it is shown once it is evidence or part of a message.

use async_graphql::{Context, ID, InputObject, Object, OneofObject, Result, SimpleObject};
use chrono::{DateTime, Utc};
use entity::FileId;

use crate::error::Result as Outcome;
use crate::file::{self, FileSubject, NewUpload};
use crate::graphql::base::payload::{answer, payloads};
use crate::graphql::base::request::{app, viewer};
use crate::graphql::loader::order::loader;
use crate::validate::Checks;

#[derive(Clone)]
pub struct File(pub entity::file::Model);

impl File {
    /// None if it is attached to nothing that the viewer sees.
    pub(crate) async fn find(ctx: &Context<'_>, id: FileId) -> Result<Option<Self>> {
        Ok(loader(ctx).load_one(id).await?.map(Self))
    }
}

/// A file that was added as evidence, or sent with a message. It never changes.
#[Object]
impl File {
    /// Begins with `file_`.
    pub async fn id(&self) -> ID {
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

    /// Where it can be read with `GET`, with the bearer token of who sees the order or the conversation.
    async fn url(&self, ctx: &Context<'_>) -> String {
        format!("{}/files/{}", app(ctx).settings.public_url(), self.0.id)
    }
}

/// Where to send a file. Whoever has the URL can send it, once.
#[derive(Clone, SimpleObject)]
pub struct FileUpload {
    /// For `addEvidence`, or among the `attachmentIds` of a message, once the file was sent.
    file_id: ID,
    /// Secret until then; needs no bearer token. It is not shown again.
    url: String,
    /// PUT, with the file's bytes as the whole body.
    method: String,
    /// To send along.
    headers: Vec<UploadHeader>,
    /// Until when the file must be there: an hour. What is not used within a day is forgotten.
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

impl From<file::Upload> for FileUpload {
    fn from(upload: file::Upload) -> Self {
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

/// What a file is for: exactly one of these.
#[derive(Clone, Debug, OneofObject)]
pub enum UploadSubject {
    /// An order of yours, as its buyer, its supplier or an operator: for `addEvidence`, or for a message about it.
    OrderId(ID),
    /// A conversation of yours: for a further message.
    ConversationId(ID),
    /// A supplier, if you are a buyer: for a first message.
    SupplierId(ID),
}

impl UploadSubject {
    fn check(&self, checks: &mut Checks) -> Option<FileSubject> {
        checks.under("about", |checks| match self {
            Self::OrderId(id) => checks.id("orderId", id).map(FileSubject::Order),
            Self::ConversationId(id) => checks.id("conversationId", id).map(FileSubject::Conversation),
            Self::SupplierId(id) => checks.id("supplierId", id).map(FileSubject::Supplier),
        })
    }
}

/// A file that you are about to send.
#[derive(Clone, Debug, InputObject)]
pub struct CreateUploadInput {
    /// What it is for.
    pub about: UploadSubject,
    /// Up to 200 characters; of a path the last part is kept.
    pub file_name: String,
    /// `image/jpeg`, `image/png`, `image/webp`, `application/pdf`, or `text/plain` in UTF-8. The content must fit.
    pub media_type: String,
    /// How many bytes it has: 1 to 10485760 (10 MiB).
    pub byte_size: i32,
}

payloads! {
    /// What `createUpload` answers.
    CreateUploadPayload {
        /// Where to send the file; null if it can't be sent.
        upload: FileUpload
    }
}

/// Sending files.
#[derive(Default)]
pub struct FileMutation;

#[Object]
impl FileMutation {
    /// Buyer, supplier or operator: get a URL to send one file to, so that it can be added as evidence or sent with a
    /// message. At most 20 files for one order, conversation or supplier may wait to be used, and 100 in all.
    async fn create_upload(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The file, and what it is for.")] input: CreateUploadInput,
    ) -> Result<CreateUploadPayload> {
        answer(create_upload(ctx, input).await)
    }
}

async fn create_upload(ctx: &Context<'_>, input: CreateUploadInput) -> Outcome<FileUpload> {
    let mut checks = Checks::input();
    let new = NewUpload {
        subject: input.about.check(&mut checks),
        file_name: input.file_name,
        media_type: input.media_type,
        byte_size: input.byte_size,
    };
    Ok(file::create_upload(app(ctx), &viewer(ctx), checks, &new).await?.into())
}
