//! Credentials and sessions, as whoever may see them does.

use async_graphql::connection::Connection;
use async_graphql::{Context, Enum, ID, Object, Result, SimpleObject};
use chrono::{DateTime, Utc};
use entity::credential;

use crate::auth::ends_at;
use crate::graphql::base::page::{Page, connection};
use crate::graphql::base::request::{app, viewer};
use crate::graphql::party::people::Buyer;
use crate::party::{self};

/// What a credential may be used for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum)]
#[graphql(remote = "credential::Role")]
pub enum Role {
    /// A shop's server: makes buyer sessions, sees its own orders, never acts on an order itself.
    Storefront,
    /// A buyer, in a session that ends.
    Buyer,
    /// A company that sells.
    Supplier,
    /// Whoever runs the escrow.
    Operator,
}

/// What a credential may be used for, within its role.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum)]
#[graphql(remote = "credential::Scope")]
pub enum Scope {
    /// Every query and subscription, and files.
    Read,
    /// What begins orders and brings them on without moving money: contracts, shipping, disputes, messages, listings,
    /// feedback, buyers' sessions.
    Orders,
    /// What pays, releases, refunds, rules, pays out, or says where money goes.
    Money,
    /// Webhook endpoints and what is delivered to them.
    Webhooks,
}

/// A bearer token's row: all but the token.
#[derive(Clone, Debug, SimpleObject)]
pub struct Credential {
    /// Begins with `credential_`.
    #[graphql(owned)]
    pub id: ID,
    /// What it may be used for.
    role: Role,
    /// What it is for, in its maker's words.
    label: String,
    /// What it may be used for, within its role.
    scopes: Vec<Scope>,
    /// The credential that it succeeds; null if it was not made by `rotateCredential`.
    rotated_from_id: Option<ID>,
    /// When it ends by itself; null: never.
    expires_at: Option<DateTime<Utc>>,
    /// When it was revoked, or will be; null: it is not.
    revoked_at: Option<DateTime<Utc>>,
    /// When it ends, or has ended, by either; null: never.
    ends_at: Option<DateTime<Utc>>,
    /// When it was last used, to the minute or so; null: not yet.
    last_used_at: Option<DateTime<Utc>>,
    /// When it was made.
    created_at: DateTime<Utc>,
}

impl From<credential::Model> for Credential {
    fn from(row: credential::Model) -> Self {
        Self {
            id: ID(row.id.to_string()),
            role: row.role.into(),
            ends_at: ends_at(&row),
            label: row.label,
            scopes: row.scopes.0.into_iter().map(Scope::from).collect(),
            rotated_from_id: row.rotated_from.map(|id| ID(id.to_string())),
            expires_at: row.expires_at,
            revoked_at: row.revoked_at,
            last_used_at: row.last_used_at,
            created_at: row.created_at,
        }
    }
}

/// A buyer's session.
#[derive(Clone, SimpleObject)]
pub struct Session {
    /// `Authorization: Bearer <token>`. Shown this once.
    token: String,
    /// When it ends.
    expires_at: DateTime<Utc>,
    /// Whose it is.
    buyer: Buyer,
    /// What it may be used for; its id is what `revokeBuyerSession` takes.
    credential: Credential,
}

impl From<party::Session> for Session {
    fn from(session: party::Session) -> Self {
        Self {
            token: session.token,
            expires_at: session.expires_at,
            buyer: session.buyer.into(),
            credential: session.credential.into(),
        }
    }
}

/// Which credentials there are.
#[derive(Default)]
pub struct CredentialQuery;

#[Object]
impl CredentialQuery {
    /// Storefront, supplier and operator: your credentials, the newest first, ended ones too. A storefront also sees the
    /// sessions of its buyers, an operator everybody's, by `subjectId`.
    async fn credentials(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "A storefront, a buyer, a supplier or an operator; yourself unless given.")]
        subject_id: Option<ID>,
        #[graphql(desc = "At most 100; 20 unless given.")] first: Option<i32>,
        #[graphql(desc = "The endCursor of the page before.")] after: Option<String>,
    ) -> Option<Result<Connection<String, Credential>>> {
        let find = async {
            let page = Page::parse(first, after.as_deref())?;
            let subject = subject_id.as_ref().map(|id| id.as_str());
            let rows = party::find_credentials(&app(ctx).db.read, &viewer(ctx), subject, &page).await?;
            Ok(connection(rows, &page, |row| row.id, Credential::from))
        };
        Some(find.await)
    }
}
