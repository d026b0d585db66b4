//! A file: staged, then sent, then attached, to its order as evidence or to a message.

use sea_orm::entity::prelude::*;

use crate::{ConversationId, FileId, MessageId, OrderId, StorefrontId, SupplierId, Time};

/// What a file may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, EnumIter, DeriveActiveEnum)]
#[sea_orm(rs_type = "String", db_type = "String(StringLen::N(40))")]
pub enum MediaType {
    #[sea_orm(string_value = "image/jpeg")]
    Jpeg,
    #[sea_orm(string_value = "image/png")]
    Png,
    #[sea_orm(string_value = "image/webp")]
    Webp,
    #[sea_orm(string_value = "application/pdf")]
    Pdf,
    /// In UTF-8.
    #[sea_orm(string_value = "text/plain")]
    Text,
}

impl MediaType {
    pub const ALL: [Self; 5] = [Self::Jpeg, Self::Png, Self::Webp, Self::Pdf, Self::Text];

    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Jpeg => "image/jpeg",
            Self::Png => "image/png",
            Self::Webp => "image/webp",
            Self::Pdf => "application/pdf",
            Self::Text => "text/plain",
        }
    }
}

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "file")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: FileId,
    /// What it was staged for: one of an order, a conversation, and a first message to a supplier.
    pub order_id: Option<OrderId>,
    pub conversation_id: Option<ConversationId>,
    pub supplier_id: Option<SupplierId>,
    /// Whose it is, whatever token they came with: the id of a buyer, a supplier or an operator.
    pub uploader: String,
    /// Whose buyer that is; none for others.
    pub storefront_id: Option<StorefrontId>,
    /// SHA-256 of the upload URL's token, in hex.
    #[sea_orm(unique)]
    pub token_hash: String,
    /// One line without a path.
    pub file_name: String,
    pub media_type: MediaType,
    /// As declared; what is sent must have exactly this many.
    pub byte_size: i32,
    /// Of the bytes, in hex. None until they were sent.
    pub sha256: Option<String>,
    /// Until when it can be sent. Wall time.
    pub expires_at: Time,
    /// Since when it is evidence, or part of a message. Business time.
    pub attached_at: Option<Time>,
    /// The message that it is part of. None: it is evidence about its order, or not attached.
    pub message_id: Option<MessageId>,
    /// Its place among the files of the message.
    pub position: Option<i32>,
    /// Wall time.
    pub created_at: Time,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

#[cfg(test)]
mod tests {
    use sea_orm::{ActiveEnum, Iterable};

    use super::*;

    #[test]
    fn a_media_type_is_stored_under_its_name() {
        assert!(MediaType::ALL.into_iter().eq(MediaType::iter()));
        for media_type in MediaType::ALL {
            assert_eq!(media_type.to_value(), media_type.name());
        }
    }
}
