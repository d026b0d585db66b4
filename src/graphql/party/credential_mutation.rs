//! Credentials and sessions: made, rotated, ended. A token is shown by the mutation that made it, and never again.
//!
//! What answers a token takes no `idempotencyKey`: an answer that can be had again would have to be kept, and with it the
//! token. Call again, and revoke what is not used.

use async_graphql::{Context, ID, InputObject, Object, OneofObject, Result, SimpleObject};
use chrono::{DateTime, Utc};
use entity::credential;

use crate::graphql::base::payload::{Payload, UserError, answer, payloads};
use crate::graphql::base::request::{app, caller, viewer};
use crate::graphql::party::credential::{Credential, Role, Scope, Session};
use crate::party::{self, CreatedCredential, CredentialInput, SessionInput, Sessions};

/// A session for a buyer of the storefront.
#[derive(Clone, Debug, InputObject)]
pub struct CreateBuyerSessionInput {
    /// Your own id of this buyer; up to 200 characters. The same reference is the same buyer.
    pub buyer_reference: String,
    /// From 1 to 720; what the operator has set unless given.
    pub expires_in_hours: Option<i32>,
    /// READ, ORDERS, MONEY, as far as your own credential has them; all of these unless given.
    pub scopes: Option<Vec<Scope>>,
}

/// A credential to be.
#[derive(Clone, Debug, InputObject)]
pub struct CreateCredentialInput {
    /// STOREFRONT, SUPPLIER or OPERATOR; buyers get sessions from their storefront.
    pub role: Role,
    /// The id of the storefront or the supplier, or your own: of other operators nobody makes one.
    pub subject_id: ID,
    /// What it is for; up to 200 characters.
    pub label: String,
    /// What it may be used for; everything that fits the role unless given. Suppliers have no WEBHOOKS.
    pub scopes: Option<Vec<Scope>>,
    /// When it ends; never unless given.
    pub expires_at: Option<DateTime<Utc>>,
}

/// The credential that gets a successor.
#[derive(Clone, Debug, InputObject)]
pub struct RotateCredentialInput {
    /// The one of this request; or another of yours, if that of this request has every scope that fits its role.
    pub credential_id: ID,
    /// For how long the old one goes on, unless it ends earlier: from 0 to 720; 24 unless given.
    pub old_valid_for_hours: Option<i32>,
}

/// The credential that ends.
#[derive(Clone, Debug, InputObject)]
pub struct RevokeCredentialInput {
    /// Yours; for operators anybody's.
    pub credential_id: ID,
    /// When, if not at once.
    pub at: Option<DateTime<Utc>>,
}

/// Which sessions end.
#[derive(Clone, Debug, OneofObject)]
pub enum RevokeBuyerSessionInput {
    /// This one, by the `credential.id` of the session.
    CredentialId(ID),
    /// All of this buyer.
    BuyerId(ID),
    /// All of the buyer with your own id.
    BuyerReference(String),
}

/// Which sessions end.
#[derive(Clone, Debug, InputObject)]
pub struct EndSessionInput {
    /// Not only the one of this request but all of yours, on whatever device.
    #[graphql(default)]
    pub everywhere: bool,
}

payloads! {
    /// What `createBuyerSession` answers.
    CreateBuyerSessionPayload {
        /// The session, with its token.
        session: Session
    }
    /// What `revokeCredential` answers.
    RevokeCredentialPayload {
        /// The credential, ended or with an end.
        credential: Credential
    }
    /// What `revokeBuyerSession` answers.
    RevokeBuyerSessionPayload {
        /// How many sessions ended; none if they had ended before.
        ended_count: i32
    }
    /// What `endSession` answers.
    EndSessionPayload {
        /// How many sessions ended.
        ended_count: i32
    }
}

/// Declares payloads that show a token.
macro_rules! token_payloads {
    ($($(#[$doc:meta])* $name:ident,)+) => {$(
        $(#[$doc])*
        #[derive(SimpleObject)]
        pub struct $name {
            /// The new credential.
            credential: Option<Credential>,
            /// `Authorization: Bearer <token>`. Shown this once.
            token: Option<String>,
            /// What has to change; empty when it was done.
            errors: Vec<UserError>,
        }

        impl Payload for $name {
            type Thing = CreatedCredential;

            fn done(created: CreatedCredential) -> Self {
                Self { credential: Some(created.credential.into()), token: Some(created.token), errors: Vec::new() }
            }

            fn refused(errors: Vec<UserError>) -> Self {
                Self { credential: None, token: None, errors }
            }
        }
    )+};
}

token_payloads! {
    /// What `createCredential` answers.
    CreateCredentialPayload,
    /// What `rotateCredential` answers.
    RotateCredentialPayload,
}

/// How credentials come and go.
#[derive(Default)]
pub struct CredentialMutation;

#[Object]
impl CredentialMutation {
    /// A session for one of your buyers, to hand to the buyer's browser. For storefronts. There is no idempotencyKey, because
    /// the token is kept nowhere: each call makes another session.
    async fn create_buyer_session(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Whose, for how long, and what for.")] input: CreateBuyerSessionInput,
    ) -> Result<CreateBuyerSessionPayload> {
        let input = SessionInput {
            buyer_reference: input.buyer_reference,
            expires_in_hours: input.expires_in_hours,
            scopes: scopes(input.scopes),
        };
        answer(party::create_buyer_session(app(ctx), &caller(ctx), &input).await.map(Session::from))
    }

    /// A bearer token for a storefront, a supplier or yourself, shown this once. For operators. There is no
    /// idempotencyKey, because the token is kept nowhere: each call makes another credential.
    async fn create_credential(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "For whom, what for, and until when.")] input: CreateCredentialInput,
    ) -> Result<CreateCredentialPayload> {
        let input = CredentialInput {
            role: input.role.into(),
            subject_id: input.subject_id.0,
            label: input.label,
            scopes: scopes(input.scopes),
            expires_at: input.expires_at,
        };
        answer(party::create_credential(app(ctx), viewer(ctx), &input).await)
    }

    /// A successor of a credential of yours, with the same role, scopes and label, shown this once; the old one goes on for a
    /// while. At most two of a line are valid at once. For storefronts, suppliers and operators. There is no idempotencyKey,
    /// because the token is kept nowhere: if the answer is lost, revoke the successor and rotate again.
    async fn rotate_credential(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Which one, and for how long it goes on.")] input: RotateCredentialInput,
    ) -> Result<RotateCredentialPayload> {
        let hours = input.old_valid_for_hours;
        answer(party::rotate_credential(app(ctx), &caller(ctx), &input.credential_id, hours).await)
    }

    /// End a credential, at once or later. Storefront and supplier: one of yours. Operator: anybody's, but your own last one.
    async fn revoke_credential(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Which one, and when.")] input: RevokeCredentialInput,
    ) -> Result<RevokeCredentialPayload> {
        let revoked = party::revoke_credential(app(ctx), viewer(ctx), &input.credential_id, input.at).await;
        answer(revoked.map(Credential::from))
    }

    /// End a session of one of your buyers, or all of a buyer, at once. For storefronts.
    async fn revoke_buyer_session(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Which ones.")] input: RevokeBuyerSessionInput,
    ) -> Result<RevokeBuyerSessionPayload> {
        let which = match input {
            RevokeBuyerSessionInput::CredentialId(id) => Sessions::One(id.0),
            RevokeBuyerSessionInput::BuyerId(id) => Sessions::OfBuyer(id.0),
            RevokeBuyerSessionInput::BuyerReference(reference) => Sessions::OfReference(reference),
        };
        answer(party::revoke_buyer_sessions(app(ctx), viewer(ctx), &which).await.map(count))
    }

    /// End the session of this request: log out. For buyers.
    async fn end_session(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Which ones.")] input: EndSessionInput,
    ) -> Result<EndSessionPayload> {
        answer(party::end_session(app(ctx), &caller(ctx), input.everywhere).await.map(count))
    }
}

fn scopes(scopes: Option<Vec<Scope>>) -> Option<Vec<credential::Scope>> {
    scopes.map(|scopes| scopes.into_iter().map(Into::into).collect())
}

fn count(ended: u64) -> i32 {
    i32::try_from(ended).unwrap_or(i32::MAX)
}
