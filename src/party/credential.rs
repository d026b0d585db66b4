//! Bearer tokens: made here, returned once, kept as a hash only. Nothing that holds one prints it.

use chrono::TimeDelta;
use entity::credential::{ActiveModel, Entity, Model, Role, Scope, Scopes};
use entity::{BuyerId, CredentialId, OperatorId, StorefrontId, SupplierId, Time, buyer, operator};
use futures_util::future::BoxFuture;
use sea_orm::{ActiveModelTrait, ColumnTrait, ConnectionTrait, EntityTrait, IntoActiveModel, QueryFilter};

use super::storefront;
use crate::app::App;
use crate::auth::{Caller, Viewer, hash_token, scopes_of};
use crate::catalog;
use crate::db;
use crate::error::{Error, ErrorCode, Result};
use crate::validate::Checks;
use ground::clock::Clock;

/// A buyer session lasts at most 30 days.
pub const MOST_SESSION_HOURS: i32 = 720;

/// Whose a credential is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Subject {
    Storefront(StorefrontId),
    Buyer(StorefrontId, BuyerId),
    Supplier(SupplierId),
    Operator(OperatorId),
}

impl Subject {
    #[must_use]
    pub fn role(self) -> Role {
        match self {
            Self::Storefront(_) => Role::Storefront,
            Self::Buyer(..) => Role::Buyer,
            Self::Supplier(_) => Role::Supplier,
            Self::Operator(_) => Role::Operator,
        }
    }
}

#[derive(Clone, Debug)]
pub struct CredentialInput {
    pub role: Role,
    pub subject_id: String,
    pub label: String,
    /// None: all that fit the role.
    pub scopes: Option<Vec<Scope>>,
    /// Wall time. None: never.
    pub expires_at: Option<Time>,
}

/// The only time that the token can be read.
#[derive(Clone)]
pub struct CreatedCredential {
    pub credential: Model,
    pub token: String,
}

impl std::fmt::Debug for CreatedCredential {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "CreatedCredential({}, ***)", self.credential.id)
    }
}

#[derive(Clone)]
pub struct Session {
    pub token: String,
    pub buyer: buyer::Model,
    pub credential: Model,
    /// Wall time.
    pub expires_at: Time,
}

impl std::fmt::Debug for Session {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Session({}, ***)", self.credential.id)
    }
}

#[derive(Clone, Debug)]
pub struct SessionInput {
    /// The storefront's own id of the buyer.
    pub buyer_reference: String,
    pub expires_in_hours: Option<i32>,
    /// None: all that the storefront's credential and a buyer have in common.
    pub scopes: Option<Vec<Scope>>,
}

/// A credential for a storefront, a supplier or the operator who asks. Buyers get sessions, from their storefront.
pub fn create_credential<'a>(
    app: &'a App,
    viewer: Viewer,
    input: &'a CredentialInput,
) -> BoxFuture<'a, Result<CreatedCredential>> {
    Box::pin(async move {
        let operator_id = viewer.require_operator()?;
        let wall = app.clock.wall();
        let mut checks = Checks::input();
        let label = checks.line("label", &input.label, 200);
        if input.expires_at.is_some_and(|at| at <= wall) {
            checks.problem("expiresAt", ErrorCode::InvalidInput, "must be in the future");
        }
        let subject = subject(&mut checks, input.role, &input.subject_id);
        let scopes = check_scopes(&mut checks, input.scopes.as_deref(), &scopes_of(input.role), "this role has");
        let subject = checks.finish_with(subject)?;
        // What two operators have to do, one asking and another approving, nobody may do alone.
        if matches!(subject, Subject::Operator(id) if id != operator_id) {
            let message =
                "is another operator, who makes credentials alone; new operators are made at the command line";
            return Err(Error::refused(ErrorCode::NotPermitted, message).at("subjectId"));
        }
        let token = new_token(&app.clock, subject.role());
        let id = CredentialId(app.clock.new_id());
        let credential = row(id, &token, subject, label, scopes, input.expires_at, wall);
        db::retrying(|| async {
            let tx = app.db.begin_write().await?;
            let exists = match subject {
                Subject::Storefront(id) => storefront::find_storefront(&tx, id).await?.is_some(),
                Subject::Buyer(_storefront, id) => storefront::find_buyer(&tx, id).await?.is_some(),
                Subject::Supplier(id) => catalog::find_supplier(&tx, id).await?.is_some(),
                Subject::Operator(id) => storefront::find_operator(&tx, id).await?.is_some(),
            };
            if !exists {
                return Err(Error::not_found(role_name(subject.role())).at("subjectId"));
            }
            insert(&tx, credential.clone()).await?;
            tx.commit().await?;
            Ok(())
        })
        .await?;
        Ok(CreatedCredential { credential, token })
    })
}

/// Some of `most`; all of it unless given.
fn check_scopes(checks: &mut Checks, wanted: Option<&[Scope]>, most: &Scopes, whose: &str) -> Scopes {
    let Some(wanted) = wanted else { return most.clone() };
    if wanted.is_empty() {
        checks.problem("scopes", ErrorCode::InvalidInput, "is empty; name what it may be used for, or leave it out");
    }
    for (index, scope) in wanted.iter().enumerate().filter(|(_index, scope)| !most.0.contains(scope)) {
        let message = format!("{} is more than {whose}", scope_name(*scope));
        checks.under("scopes", |checks| checks.problem(&index.to_string(), ErrorCode::InvalidInput, message));
    }
    Scopes(wanted.iter().copied().collect())
}

/// As GraphQL prints it.
#[must_use]
pub fn scope_name(scope: Scope) -> &'static str {
    match scope {
        Scope::Read => "READ",
        Scope::Orders => "ORDERS",
        Scope::Money => "MONEY",
        Scope::Webhooks => "WEBHOOKS",
    }
}

fn subject(checks: &mut Checks, role: Role, id: &str) -> Option<Subject> {
    match role {
        Role::Storefront => checks.id("subjectId", id).map(Subject::Storefront),
        Role::Supplier => checks.id("subjectId", id).map(Subject::Supplier),
        Role::Operator => checks.id("subjectId", id).map(Subject::Operator),
        Role::Buyer => {
            let message = "buyers have sessions that end; their storefront makes them with createBuyerSession";
            checks.problem("role", ErrorCode::InvalidInput, message);
            None
        }
    }
}

/// A session of the storefront's buyer with this reference, who comes into being with the first one. It can do no more
/// than the credential that it is made with.
pub fn create_buyer_session<'a>(
    app: &'a App,
    caller: &'a Caller,
    input: &'a SessionInput,
) -> BoxFuture<'a, Result<Session>> {
    Box::pin(async move {
        let storefront_id = caller.viewer.require_storefront()?;
        let usual = i32::try_from(app.settings.session_hours).unwrap_or(MOST_SESSION_HOURS);
        let mut checks = Checks::input();
        let reference = checks.line("buyerReference", &input.buyer_reference, 200);
        let hours = checks.within("expiresInHours", input.expires_in_hours.unwrap_or(usual), 1..=MOST_SESSION_HOURS);
        let own = caller.credential.as_ref().map(|held| held.scopes.clone()).unwrap_or_default();
        let most = Scopes(scopes_of(Role::Buyer).0.intersection(&own.0).copied().collect());
        let whose = "a session has that is made with this credential";
        let scopes = check_scopes(&mut checks, input.scopes.as_deref(), &most, whose);
        checks.finish()?;
        let (now, wall) = (app.clock.now(), app.clock.wall());
        let expires_at = wall + TimeDelta::hours(i64::from(hours));
        let token = new_token(&app.clock, Role::Buyer);
        let id = CredentialId(app.clock.new_id());
        let (buyer, credential) = db::retrying(|| async {
            let tx = app.db.begin_write().await?;
            let known = buyer::Entity::find()
                .filter(buyer::Column::StorefrontId.eq(storefront_id))
                .filter(buyer::Column::Reference.eq(&reference))
                .one(&tx)
                .await?;
            let buyer = match known {
                Some(buyer) => buyer,
                None => {
                    let id = BuyerId(app.clock.new_id());
                    let buyer = buyer::Model { id, storefront_id, reference: reference.clone(), created_at: now };
                    // If another session of this buyer is first, the unique key refuses this one and it begins again.
                    let row = buyer.clone().into_active_model().reset_all();
                    buyer::Entity::insert(row).exec_without_returning(&tx).await?;
                    buyer
                }
            };
            let subject = Subject::Buyer(storefront_id, buyer.id);
            let label = "session".to_owned();
            let credential = row(id, &token, subject, label, scopes.clone(), Some(expires_at), wall);
            insert(&tx, credential.clone()).await?;
            tx.commit().await?;
            Ok((buyer, credential))
        })
        .await?;
        Ok(Session { token, buyer, credential, expires_at })
    })
}

/// An operator with a credential that doesn't expire: how the first one of an installation comes to be. No viewer:
/// whoever can run the program on the database may do this.
pub fn create_operator<'a>(app: &'a App, name: &'a str) -> BoxFuture<'a, Result<String>> {
    Box::pin(async move {
        let mut checks = Checks::arguments();
        let name = checks.line("name", name, 200);
        checks.finish()?;
        let operator = operator::Model { id: OperatorId(app.clock.new_id()), name, created_at: app.clock.now() };
        let token = new_token(&app.clock, Role::Operator);
        let subject = Subject::Operator(operator.id);
        let label = "made at the command line".to_owned();
        let (id, scopes) = (CredentialId(app.clock.new_id()), scopes_of(Role::Operator));
        let credential = row(id, &token, subject, label, scopes, None, app.clock.wall());
        db::retrying(|| async {
            let tx = app.db.begin_write().await?;
            let row = operator.clone().into_active_model().reset_all();
            operator::Entity::insert(row).exec_without_returning(&tx).await?;
            insert(&tx, credential.clone()).await?;
            tx.commit().await?;
            Ok(())
        })
        .await?;
        Ok(token)
    })
}

/// `sp_operator_` and 256 random bits.
pub(super) fn new_token(clock: &Clock, role: Role) -> String {
    let random = [clock.random_bytes(), clock.random_bytes()].concat();
    format!("sp_{}_{}", role_name(role), hex::encode(random))
}

fn role_name(role: Role) -> &'static str {
    match role {
        Role::Storefront => "storefront",
        Role::Buyer => "buyer",
        Role::Supplier => "supplier",
        Role::Operator => "operator",
    }
}

pub(crate) fn row(
    id: CredentialId,
    token: &str,
    subject: Subject,
    label: String,
    scopes: Scopes,
    expires_at: Option<Time>,
    created_at: Time,
) -> Model {
    let (storefront_id, buyer_id, supplier_id, operator_id) = match subject {
        Subject::Storefront(storefront) => (Some(storefront), None, None, None),
        Subject::Buyer(storefront, buyer) => (Some(storefront), Some(buyer), None, None),
        Subject::Supplier(supplier) => (None, None, Some(supplier), None),
        Subject::Operator(operator) => (None, None, None, Some(operator)),
    };
    Model {
        id,
        token_hash: hash_token(token),
        role: subject.role(),
        storefront_id,
        buyer_id,
        supplier_id,
        operator_id,
        label,
        scopes,
        rotated_from: None,
        expires_at,
        revoked_at: None,
        last_used_at: None,
        created_at,
    }
}

pub(crate) async fn insert<C: ConnectionTrait>(tx: &C, row: Model) -> Result<()> {
    let row: ActiveModel = row.into_active_model();
    Entity::insert(row.reset_all()).exec_without_returning(tx).await?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_names_its_role_and_is_never_the_same() {
        let clock = Clock::default();
        let (one, two) = (new_token(&clock, Role::Supplier), new_token(&clock, Role::Supplier));
        assert!(one.starts_with("sp_supplier_") && one.len() == "sp_supplier_".len() + 64);
        assert_ne!(one, two);
    }
}
