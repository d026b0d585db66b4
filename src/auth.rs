//! Who is asking. A bearer token is opaque and random; the database keeps its SHA-256 only.
//!
//! Every finder takes the [`Viewer`]: what isn't the viewer's doesn't exist for them.

use entity::credential::{self, Role};
use entity::{BuyerId, CredentialId, OperatorId, StorefrontId, SupplierId, Time};
use sea_orm::{ColumnTrait, ConnectionTrait, EntityTrait, QueryFilter};
use sha2::{Digest, Sha256};

use crate::error::{Error, ErrorCode, Result};

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Viewer {
    /// No token: the public catalogue only.
    Anonymous,
    Storefront {
        storefront_id: StorefrontId,
    },
    Buyer {
        storefront_id: StorefrontId,
        buyer_id: BuyerId,
    },
    Supplier {
        supplier_id: SupplierId,
    },
    Operator {
        operator_id: OperatorId,
    },
}

impl Viewer {
    /// Whose idempotency keys and limits these are, whatever token they came with.
    #[must_use]
    pub fn principal(&self) -> String {
        match self {
            Self::Anonymous => "anonymous".to_owned(),
            Self::Storefront { storefront_id } => storefront_id.to_string(),
            Self::Buyer { buyer_id, .. } => buyer_id.to_string(),
            Self::Supplier { supplier_id } => supplier_id.to_string(),
            Self::Operator { operator_id } => operator_id.to_string(),
        }
    }

    #[must_use]
    pub fn role_name(&self) -> &'static str {
        match self {
            Self::Anonymous => "anonymous",
            Self::Storefront { .. } => "storefront",
            Self::Buyer { .. } => "buyer",
            Self::Supplier { .. } => "supplier",
            Self::Operator { .. } => "operator",
        }
    }

    pub fn require_operator(&self) -> Result<OperatorId> {
        match self {
            Self::Operator { operator_id } => Ok(*operator_id),
            Self::Anonymous | Self::Storefront { .. } | Self::Buyer { .. } | Self::Supplier { .. } => {
                Err(self.refuse("an operator"))
            }
        }
    }

    pub fn require_storefront(&self) -> Result<StorefrontId> {
        match self {
            Self::Storefront { storefront_id } => Ok(*storefront_id),
            Self::Anonymous | Self::Operator { .. } | Self::Buyer { .. } | Self::Supplier { .. } => {
                Err(self.refuse("a storefront"))
            }
        }
    }

    pub fn require_buyer(&self) -> Result<(StorefrontId, BuyerId)> {
        match self {
            Self::Buyer { storefront_id, buyer_id } => Ok((*storefront_id, *buyer_id)),
            Self::Anonymous | Self::Operator { .. } | Self::Storefront { .. } | Self::Supplier { .. } => {
                Err(self.refuse("a buyer"))
            }
        }
    }

    pub fn require_supplier(&self) -> Result<SupplierId> {
        match self {
            Self::Supplier { supplier_id } => Ok(*supplier_id),
            Self::Anonymous | Self::Operator { .. } | Self::Storefront { .. } | Self::Buyer { .. } => {
                Err(self.refuse("a supplier"))
            }
        }
    }

    pub(crate) fn refuse(&self, wanted: &str) -> Error {
        let have = self.role_name();
        match self {
            Self::Anonymous => Error::refused(
                ErrorCode::Unauthenticated,
                format!("only {wanted} may do this; send Authorization: Bearer <token>"),
            ),
            Self::Storefront { .. } | Self::Buyer { .. } | Self::Supplier { .. } | Self::Operator { .. } => {
                Error::refused(
                    ErrorCode::NotPermitted,
                    format!("only {wanted} may do this; this credential is a {have}'s"),
                )
            }
        }
    }
}

/// Who sends a request, and with which credential.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Caller {
    pub viewer: Viewer,
    /// None: it came without a token.
    pub credential: Option<HeldCredential>,
}

/// What is known of the credential that a request came with. It was good when the request began.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HeldCredential {
    pub id: CredentialId,
    /// Wall time. None: never.
    pub expires_at: Option<Time>,
}

impl Caller {
    pub const ANONYMOUS: Self = Self { viewer: Viewer::Anonymous, credential: None };

    /// What began with a credential that has ended since must end too: subscriptions ask before each event.
    #[must_use]
    pub fn has_expired(&self, wall_now: Time) -> bool {
        self.credential.as_ref().and_then(|held| held.expires_at).is_some_and(|at| at <= wall_now)
    }
}

/// SHA-256 of a token, in hex: what the database keeps.
#[must_use]
pub fn hash_token(token: &str) -> String {
    hex::encode(Sha256::digest(token.as_bytes()))
}

/// Who holds this token. None: it is unknown, expired or revoked.
pub async fn find_caller<C: ConnectionTrait>(db: &C, token: &str, wall_now: Time) -> Result<Option<Caller>> {
    let Some(row) =
        credential::Entity::find().filter(credential::Column::TokenHash.eq(hash_token(token))).one(db).await?
    else {
        return Ok(None);
    };
    let expired = row.expires_at.is_some_and(|at| at <= wall_now);
    let revoked = row.revoked_at.is_some_and(|at| at <= wall_now);
    if expired || revoked {
        return Ok(None);
    }
    let held = HeldCredential { id: row.id, expires_at: row.expires_at };
    Ok(viewer_of(&row).map(|viewer| Caller { viewer, credential: Some(held) }))
}

fn viewer_of(row: &credential::Model) -> Option<Viewer> {
    Some(match row.role {
        Role::Storefront => Viewer::Storefront { storefront_id: row.storefront_id? },
        Role::Buyer => Viewer::Buyer { storefront_id: row.storefront_id?, buyer_id: row.buyer_id? },
        Role::Supplier => Viewer::Supplier { supplier_id: row.supplier_id? },
        Role::Operator => Viewer::Operator { operator_id: row.operator_id? },
    })
}
