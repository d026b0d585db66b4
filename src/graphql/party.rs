//! Who takes part: who the viewer is, and how storefronts, suppliers, credentials and sessions come to be.

use async_graphql::{Context, Enum, ID, InputObject, Object, Result, SimpleObject};
use chrono::{DateTime, Utc};
use entity::{PayoutAccountId, buyer, credential, operator, payout_account, storefront};

use super::order_loaders::{ActiveAccountOf, loader};
use super::payload::{Payload, UserError, answer, payloads};
use super::scalars::{CountryCode, CurrencyCode};
use super::supplier::Supplier;
use super::{app, viewer};
use crate::app::App;
use crate::auth::Viewer;
use crate::party::{self, BankAccountInput, CreatedCredential, CredentialInput, SupplierInput};

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

/// A company whose shop sends buyers here.
#[derive(Clone, Debug, SimpleObject)]
pub struct Storefront {
    /// Begins with `storefront_`.
    #[graphql(owned)]
    pub id: ID,
    /// Its name.
    name: String,
    /// Where a buyer may be sent back to after paying: origins such as "https://shop.example".
    return_origins: Vec<String>,
    /// When it came here.
    created_at: DateTime<Utc>,
}

impl From<storefront::Model> for Storefront {
    fn from(row: storefront::Model) -> Self {
        Self {
            id: ID(row.id.to_string()),
            name: row.name,
            return_origins: row.return_origins.0,
            created_at: row.created_at,
        }
    }
}

/// A buyer of one storefront.
#[derive(Clone, Debug, SimpleObject)]
pub struct Buyer {
    /// Begins with `buyer_`.
    #[graphql(owned)]
    pub id: ID,
    /// The storefront's own id of this buyer.
    reference: String,
    /// When the first session was made.
    created_at: DateTime<Utc>,
}

impl From<buyer::Model> for Buyer {
    fn from(row: buyer::Model) -> Self {
        Self { id: ID(row.id.to_string()), reference: row.reference, created_at: row.created_at }
    }
}

/// A person who runs the escrow.
#[derive(Clone, Debug, SimpleObject)]
pub struct Operator {
    /// Begins with `operator_`.
    #[graphql(owned)]
    pub id: ID,
    /// Who it is.
    name: String,
    /// When the operator came here.
    created_at: DateTime<Utc>,
}

impl From<operator::Model> for Operator {
    fn from(row: operator::Model) -> Self {
        Self { id: ID(row.id.to_string()), name: row.name, created_at: row.created_at }
    }
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
    /// When it ends; null: never.
    expires_at: Option<DateTime<Utc>>,
    /// When it was made.
    created_at: DateTime<Utc>,
}

impl From<credential::Model> for Credential {
    fn from(row: credential::Model) -> Self {
        Self {
            id: ID(row.id.to_string()),
            role: row.role.into(),
            label: row.label,
            expires_at: row.expires_at,
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
}

impl From<party::Session> for Session {
    fn from(session: party::Session) -> Self {
        Self { token: session.token, expires_at: session.expires_at, buyer: session.buyer.into() }
    }
}

/// Where a supplier is paid. The details are kept encrypted and are never shown.
#[derive(Clone, Debug, SimpleObject)]
pub struct PayoutAccount {
    /// Begins with `payout_account_`.
    #[graphql(owned)]
    pub id: ID,
    /// Enough to recognise it: "DE•• •••• 3000".
    mask: String,
    /// Whether payouts go to it now.
    active: bool,
    /// From then on payouts go to it, unless another account is set before.
    active_from: DateTime<Utc>,
    /// When it was set.
    created_at: DateTime<Utc>,
}

impl PayoutAccount {
    /// None if it isn't the viewer's.
    pub(super) async fn find(ctx: &Context<'_>, id: PayoutAccountId) -> Result<Option<Self>> {
        let Some(row) = loader(ctx).load_one(id).await? else { return Ok(None) };
        let active = loader(ctx).load_one(ActiveAccountOf(row.supplier_id)).await?;
        let active = active.is_some_and(|active| active.id == row.id);
        Ok(Some(Self::new(row, active)))
    }

    fn new(row: payout_account::Model, active: bool) -> Self {
        Self {
            id: ID(row.id.to_string()),
            mask: row.mask,
            active,
            active_from: row.active_from,
            created_at: row.created_at,
        }
    }
}

pub struct ViewerObject(Viewer);

/// Whoever holds the credential of this request.
#[Object(name = "Viewer")]
impl ViewerObject {
    /// What the credential may be used for.
    async fn role(&self) -> Role {
        match self.0 {
            Viewer::Storefront { .. } => Role::Storefront,
            Viewer::Buyer { .. } => Role::Buyer,
            Viewer::Supplier { .. } => Role::Supplier,
            // Nobody is no viewer.
            Viewer::Operator { .. } | Viewer::Anonymous => Role::Operator,
        }
    }

    /// The storefront, for a storefront and its buyers.
    async fn storefront(&self, ctx: &Context<'_>) -> Option<Result<Storefront>> {
        let (Viewer::Storefront { storefront_id } | Viewer::Buyer { storefront_id, .. }) = self.0 else { return None };
        let row = party::find_storefront(&app(ctx).db.read, storefront_id).await;
        row.map(|row| row.map(Storefront::from)).map_err(Into::into).transpose()
    }

    /// The buyer, for a buyer.
    async fn buyer(&self, ctx: &Context<'_>) -> Option<Result<Buyer>> {
        let Viewer::Buyer { buyer_id, .. } = self.0 else { return None };
        let row = party::find_buyer(&app(ctx).db.read, buyer_id).await;
        row.map(|row| row.map(Buyer::from)).map_err(Into::into).transpose()
    }

    /// The supplier, for a supplier.
    async fn supplier(&self, ctx: &Context<'_>) -> Option<Result<Supplier>> {
        let Viewer::Supplier { supplier_id } = self.0 else { return None };
        Some(Supplier::load(ctx, supplier_id).await)
    }

    /// The operator, for an operator.
    async fn operator(&self, ctx: &Context<'_>) -> Option<Result<Operator>> {
        let Viewer::Operator { operator_id } = self.0 else { return None };
        let row = party::find_operator(&app(ctx).db.read, operator_id).await;
        row.map(|row| row.map(Operator::from)).map_err(Into::into).transpose()
    }

    /// A supplier's own payout accounts, the newest first; null for others.
    async fn payout_accounts(&self, ctx: &Context<'_>) -> Option<Result<Vec<PayoutAccount>>> {
        let Viewer::Supplier { supplier_id } = self.0 else { return None };
        let App { db, clock, .. } = app(ctx);
        let find = async {
            let active = party::find_active_payout_account(&db.read, supplier_id, clock.now()).await?;
            let rows = party::find_payout_accounts(&db.read, self.0).await?;
            let is_active = |row: &payout_account::Model| active.as_ref().is_some_and(|active| active.id == row.id);
            Ok(rows
                .into_iter()
                .map(|row| {
                    let active = is_active(&row);
                    PayoutAccount::new(row, active)
                })
                .collect())
        };
        Some(find.await)
    }
}

/// Who the viewer is.
#[derive(Default)]
pub struct PartyQuery;

#[Object]
impl PartyQuery {
    /// Whoever holds the credential of this request; null without one.
    async fn viewer(&self, ctx: &Context<'_>) -> Option<ViewerObject> {
        match viewer(ctx) {
            Viewer::Anonymous => None,
            viewer @ (Viewer::Storefront { .. }
            | Viewer::Buyer { .. }
            | Viewer::Supplier { .. }
            | Viewer::Operator { .. }) => Some(ViewerObject(viewer)),
        }
    }
}

/// A session for a buyer of the storefront.
#[derive(Clone, Debug, InputObject)]
pub struct CreateBuyerSessionInput {
    /// Your own id of this buyer; up to 200 characters. The same reference is the same buyer.
    pub buyer_reference: String,
    /// From 1 to 720; what the operator has set unless given.
    pub expires_in_hours: Option<i32>,
}

/// A storefront to be.
#[derive(Clone, Debug, InputObject)]
pub struct CreateStorefrontInput {
    /// Up to 200 characters.
    pub name: String,
    /// Origins such as "https://shop.example"; http only for localhost, 127.0.0.1 and [::1].
    #[graphql(default)]
    pub return_origins: Vec<String>,
}

/// A supplier to be.
#[derive(Clone, Debug, InputObject)]
pub struct CreateSupplierInput {
    /// Up to 200 characters.
    pub name: String,
    /// Where it is.
    pub country: CountryCode,
    /// Up to 100 characters.
    pub city: String,
    /// Up to 4,000 characters.
    #[graphql(default)]
    pub description: String,
    /// The year it was founded.
    pub established_year: Option<i32>,
    /// The fee on what is released to it, in hundredths of a percent; 250 unless given.
    pub fee_basis_points: Option<i32>,
}

/// The supplier that was checked.
#[derive(Clone, Debug, InputObject)]
pub struct VerifySupplierInput {
    /// The supplier's.
    pub supplier_id: ID,
}

/// A credential to be.
#[derive(Clone, Debug, InputObject)]
pub struct CreateCredentialInput {
    /// STOREFRONT, SUPPLIER or OPERATOR; buyers get sessions from their storefront.
    pub role: Role,
    /// The id of the storefront, supplier or operator.
    pub subject_id: ID,
    /// What it is for; up to 200 characters.
    pub label: String,
    /// When it ends; never unless given.
    pub expires_at: Option<DateTime<Utc>>,
}

/// Where a supplier wants to be paid: an IBAN, or an account number with the name of its bank.
#[derive(Clone, InputObject)]
pub struct SetPayoutAccountInput {
    /// In whose name the account is; up to 140 characters.
    pub account_holder: String,
    /// Where the bank is.
    pub country: CountryCode,
    /// With or without blanks; of the bank's country.
    pub iban: Option<String>,
    /// 4 to 34 digits and letters.
    pub account_number: Option<String>,
    /// Up to 140 characters.
    pub bank_name: Option<String>,
    /// 8 or 11 characters; of the bank's country.
    pub bic: Option<String>,
    /// The account's own currency, if it takes only one.
    pub currency: Option<CurrencyCode>,
}

payloads! {
    /// What `createBuyerSession` answers.
    CreateBuyerSessionPayload {
        /// The session, with its token.
        session: Session
    }
    /// What `createStorefront` answers.
    CreateStorefrontPayload {
        /// The new storefront.
        storefront: Storefront
    }
    /// What `createSupplier` answers.
    CreateSupplierPayload {
        /// The new supplier, not verified yet.
        supplier: Supplier
    }
    /// What `verifySupplier` answers.
    VerifySupplierPayload {
        /// The supplier, verified.
        supplier: Supplier
    }
    /// What `setPayoutAccount` answers.
    SetPayoutAccountPayload {
        /// The account, and from when on it counts.
        payout_account: PayoutAccount
    }
}

/// What `createCredential` answers.
#[derive(SimpleObject)]
pub struct CreateCredentialPayload {
    /// The new credential.
    credential: Option<Credential>,
    /// `Authorization: Bearer <token>`. Shown this once.
    token: Option<String>,
    /// What has to change; empty when it was done.
    errors: Vec<UserError>,
}

impl Payload for CreateCredentialPayload {
    type Thing = CreatedCredential;

    fn done(created: CreatedCredential) -> Self {
        Self { credential: Some(created.credential.into()), token: Some(created.token), errors: Vec::new() }
    }

    fn refused(errors: Vec<UserError>) -> Self {
        Self { credential: None, token: None, errors }
    }
}

/// How those who take part come to be.
#[derive(Default)]
pub struct PartyMutation;

#[Object]
impl PartyMutation {
    /// A session for one of your buyers, to hand to the buyer's browser. For storefronts.
    async fn create_buyer_session(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Whose, and for how long.")] input: CreateBuyerSessionInput,
    ) -> Result<CreateBuyerSessionPayload> {
        let session =
            party::create_buyer_session(app(ctx), viewer(ctx), &input.buyer_reference, input.expires_in_hours).await;
        answer(session.map(Session::from))
    }

    /// A new storefront. It needs a credential next. For operators.
    async fn create_storefront(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The storefront.")] input: CreateStorefrontInput,
    ) -> Result<CreateStorefrontPayload> {
        let created = party::create_storefront(app(ctx), viewer(ctx), &input.name, &input.return_origins).await;
        answer(created.map(Storefront::from))
    }

    /// A new supplier, not verified yet. It needs a credential next. For operators.
    async fn create_supplier(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The supplier.")] input: CreateSupplierInput,
    ) -> Result<CreateSupplierPayload> {
        let input = SupplierInput {
            name: input.name,
            country: input.country.0,
            city: input.city,
            description: input.description,
            established_year: input.established_year,
            fee_basis_points: input.fee_basis_points,
        };
        answer(party::create_supplier(app(ctx), viewer(ctx), &input).await.map(Supplier))
    }

    /// The supplier was checked: from now on it is paid out, also what has waited. For operators.
    async fn verify_supplier(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Which supplier.")] input: VerifySupplierInput,
    ) -> Result<VerifySupplierPayload> {
        let verified = party::verify_supplier(app(ctx), viewer(ctx), &input.supplier_id).await;
        answer(verified.map(Supplier))
    }

    /// A bearer token for a storefront, a supplier or an operator, shown this once. For operators.
    async fn create_credential(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "For whom, and until when.")] input: CreateCredentialInput,
    ) -> Result<CreateCredentialPayload> {
        let input = CredentialInput {
            role: input.role.into(),
            subject_id: input.subject_id.0,
            label: input.label,
            expires_at: input.expires_at,
        };
        answer(party::create_credential(app(ctx), viewer(ctx), &input).await)
    }

    /// Where you want to be paid. The first account counts at once, a changed one 72 hours later. For suppliers.
    async fn set_payout_account(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The account.")] input: SetPayoutAccountInput,
    ) -> Result<SetPayoutAccountPayload> {
        let input = BankAccountInput {
            account_holder: input.account_holder,
            country: input.country.0,
            iban: input.iban,
            account_number: input.account_number,
            bank_name: input.bank_name,
            bic: input.bic,
            currency: input.currency.map(|code| code.0),
        };
        let App { clock, .. } = app(ctx);
        let set = party::set_payout_account(app(ctx), viewer(ctx), &input).await;
        let shown = |row: payout_account::Model| {
            let active = row.active_from <= clock.now();
            PayoutAccount::new(row, active)
        };
        answer(set.map(shown))
    }
}
