//! Who is asking. A bearer token is opaque and random; the database keeps its SHA-256 only.
//!
//! A token is found by its hash, which the database compares as it compares any key; then the whole hash is compared
//! once more, in constant time. What the first look-up takes tells at most how much of a *hash* somebody has guessed.
//! That is worth nothing: nobody can choose a token for its hash's beginning, and 256 random bits are not guessed
//! either way.
//!
//! Every finder takes the [`Viewer`]: what isn't the viewer's doesn't exist for them.

use entity::credential::{self, Role, Scope, Scopes};
use entity::{BuyerId, CredentialId, OperatorId, StorefrontId, SupplierId, Time};
use sea_orm::{ColumnTrait, ConnectionTrait, EntityTrait, QueryFilter};
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

use crate::error::{Error, ErrorCode, Result};

mod uses;

pub use uses::CredentialUses;

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

    /// Whose sales this viewer takes part in, as the storefront or one of its buyers.
    #[must_use]
    pub fn storefront(&self) -> Option<StorefrontId> {
        match self {
            Self::Storefront { storefront_id } | Self::Buyer { storefront_id, .. } => Some(*storefront_id),
            Self::Anonymous | Self::Supplier { .. } | Self::Operator { .. } => None,
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
    /// When it ends, by expiry or because it is revoked then. Wall time. None: never.
    pub expires_at: Option<Time>,
    pub scopes: Scopes,
}

impl Caller {
    pub const ANONYMOUS: Self = Self { viewer: Viewer::Anonymous, credential: None };

    /// What began with a credential that has ended since must end too: subscriptions ask before each event.
    #[must_use]
    pub fn has_expired(&self, wall_now: Time) -> bool {
        self.credential.as_ref().and_then(|held| held.expires_at).is_some_and(|at| at <= wall_now)
    }

    /// Who came without a token has no scopes to lack: the finders show the public catalogue only.
    #[must_use]
    pub fn lacks(&self, scope: Scope) -> bool {
        self.credential.as_ref().is_some_and(|held| !held.scopes.0.contains(&scope))
    }
}

impl Caller {
    /// A scope that fits the role and that the credential lacks.
    #[must_use]
    pub fn lacked(&self) -> Option<Scope> {
        let role = match self.viewer {
            Viewer::Anonymous => return None,
            Viewer::Storefront { .. } => Role::Storefront,
            Viewer::Buyer { .. } => Role::Buyer,
            Viewer::Supplier { .. } => Role::Supplier,
            Viewer::Operator { .. } => Role::Operator,
        };
        scopes_of(role).0.into_iter().find(|scope| self.lacks(*scope))
    }
}

/// SHA-256 of a token, in hex: what the database keeps.
#[must_use]
pub fn hash_token(token: &str) -> String {
    hex::encode(Sha256::digest(token.as_bytes()))
}

/// Who holds this token. None: it is unknown, expired or revoked.
pub async fn find_caller<C: ConnectionTrait>(db: &C, token: &str, wall_now: Time) -> Result<Option<Caller>> {
    let hash = hash_token(token);
    let Some(row) = credential::Entity::find().filter(credential::Column::TokenHash.eq(&hash)).one(db).await? else {
        return Ok(None);
    };
    let same: bool = row.token_hash.as_bytes().ct_eq(hash.as_bytes()).into();
    let expires_at = ends_at(&row);
    if !same || expires_at.is_some_and(|at| at <= wall_now) {
        return Ok(None);
    }
    let Some(viewer) = viewer_of(&row) else { return Ok(None) };
    Ok(Some(Caller { viewer, credential: Some(HeldCredential { id: row.id, expires_at, scopes: row.scopes }) }))
}

/// When a credential ends: when it expires or is revoked, whichever is first. None: never.
#[must_use]
pub fn ends_at(row: &credential::Model) -> Option<Time> {
    [row.expires_at, row.revoked_at].into_iter().flatten().min()
}

/// What a role can use. Nobody gets more than that, and a credential gets all of it unless its maker says less.
#[must_use]
pub fn scopes_of(role: Role) -> Scopes {
    let all: &[Scope] = match role {
        Role::Storefront | Role::Operator => &[Scope::Read, Scope::Orders, Scope::Money, Scope::Webhooks],
        Role::Buyer | Role::Supplier => &[Scope::Read, Scope::Orders, Scope::Money],
    };
    Scopes(all.iter().copied().collect())
}

fn viewer_of(row: &credential::Model) -> Option<Viewer> {
    Some(match row.role {
        Role::Storefront => Viewer::Storefront { storefront_id: row.storefront_id? },
        Role::Buyer => Viewer::Buyer { storefront_id: row.storefront_id?, buyer_id: row.buyer_id? },
        Role::Supplier => Viewer::Supplier { supplier_id: row.supplier_id? },
        Role::Operator => Viewer::Operator { operator_id: row.operator_id? },
    })
}
