//! Who takes part: who the viewer is, and how storefronts and suppliers come to be.

use async_graphql::{Context, ID, InputObject, Object, Result, SimpleObject};
use chrono::{DateTime, Utc};
use entity::{PayoutAccountId, buyer, operator, payout_account};

use crate::app::App;
use crate::auth::Viewer;
use crate::bank_account::{self, BankAccountInput};
use crate::graphql::base::payload::{answer, payloads};
use crate::graphql::base::request::{app, caller, idempotency_key, viewer};
use crate::graphql::base::scalars::{CountryCode, CurrencyCode};
use crate::graphql::catalog::supplier::Supplier;
use crate::graphql::loader::order::{ActiveAccountOf, loader};
use crate::graphql::party::credential::{Credential, Role};
use crate::party::{self, Shop, StorefrontChanges, StorefrontInput, SupplierInput};

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
    /// The origins whose pages may call the API with a credential of the storefront or its buyers.
    browser_origins: Vec<String>,
    /// When it came here.
    created_at: DateTime<Utc>,
}

impl From<Shop> for Storefront {
    fn from(Shop { row, browser_origins }: Shop) -> Self {
        Self {
            id: ID(row.id.to_string()),
            name: row.name,
            return_origins: row.return_origins.0,
            browser_origins,
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
    pub(crate) async fn find(ctx: &Context<'_>, id: PayoutAccountId) -> Result<Option<Self>> {
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

    /// The credential that this request came with.
    async fn credential(&self, ctx: &Context<'_>) -> Option<Result<Credential>> {
        let row = party::find_own_credential(&app(ctx).db.read, &caller(ctx)).await;
        row.map(|row| row.map(Credential::from)).map_err(Into::into).transpose()
    }

    /// The storefront, for a storefront and its buyers.
    async fn storefront(&self, ctx: &Context<'_>) -> Option<Result<Storefront>> {
        let (Viewer::Storefront { storefront_id } | Viewer::Buyer { storefront_id, .. }) = self.0 else { return None };
        let shop = party::find_shop(&app(ctx).db.read, storefront_id).await;
        shop.map(|shop| shop.map(Storefront::from)).map_err(Into::into).transpose()
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

/// A storefront to be.
#[derive(Clone, Debug, InputObject)]
pub struct CreateStorefrontInput {
    /// Makes the call once: the same key again answers the same. Fresh for each new request.
    pub idempotency_key: Option<String>,
    /// Up to 200 characters.
    pub name: String,
    /// Origins such as "https://shop.example"; http only for localhost, 127.0.0.1 and [::1].
    #[graphql(default)]
    pub return_origins: Vec<String>,
    /// Origins whose pages may call the API with a credential of the storefront or its buyers; written as the others.
    #[graphql(default)]
    pub browser_origins: Vec<String>,
}

/// What is to change of a storefront. What is not given stays as it is.
#[derive(Clone, Debug, InputObject)]
pub struct UpdateStorefrontInput {
    /// Which one.
    pub storefront_id: ID,
    /// Up to 200 characters.
    pub name: Option<String>,
    /// All of them.
    pub return_origins: Option<Vec<String>>,
    /// All of them.
    pub browser_origins: Option<Vec<String>>,
}

/// A supplier to be.
#[derive(Clone, Debug, InputObject)]
pub struct CreateSupplierInput {
    /// Makes the call once: the same key again answers the same. Fresh for each new request.
    pub idempotency_key: Option<String>,
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

/// Where a supplier wants to be paid: an IBAN, or an account number with the name of its bank.
#[derive(Clone, InputObject)]
pub struct SetPayoutAccountInput {
    /// Makes the call once: the same key again answers the same. Fresh for each new request.
    pub idempotency_key: Option<String>,
    /// In whose name the account is; up to 140 characters.
    pub account_holder: String,
    /// Where the bank is.
    pub country: CountryCode,
    /// With or without blanks; of the bank's country.
    #[graphql(process_with = "bank_account::tidy_code")]
    pub iban: Option<String>,
    /// 4 to 34 digits and letters.
    #[graphql(process_with = "bank_account::tidy_account_number")]
    pub account_number: Option<String>,
    /// Up to 140 characters.
    pub bank_name: Option<String>,
    /// 8 or 11 characters; of the bank's country.
    #[graphql(process_with = "bank_account::tidy_code")]
    pub bic: Option<String>,
    /// The account's own currency, if it takes only one.
    pub currency: Option<CurrencyCode>,
}

payloads! {
    /// What `createStorefront` answers.
    CreateStorefrontPayload {
        /// The new storefront.
        storefront: Storefront
    }
    /// What `updateStorefront` answers.
    UpdateStorefrontPayload {
        /// The storefront as it is now.
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

/// How those who take part come to be.
#[derive(Default)]
pub struct PartyMutation;

#[Object]
impl PartyMutation {
    /// A new storefront. It needs a credential next. For operators.
    async fn create_storefront(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The storefront.")] input: CreateStorefrontInput,
    ) -> Result<CreateStorefrontPayload> {
        let key = idempotency_key(ctx, &input);
        let shop = StorefrontInput {
            name: input.name,
            return_origins: input.return_origins,
            browser_origins: input.browser_origins,
        };
        answer(party::create_storefront(app(ctx), viewer(ctx), key.as_ref(), &shop).await.map(Storefront::from))
    }

    /// Change a storefront's name or origins. For operators.
    async fn update_storefront(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Which one, and what is to change.")] input: UpdateStorefrontInput,
    ) -> Result<UpdateStorefrontPayload> {
        let changes = StorefrontChanges {
            name: input.name,
            return_origins: input.return_origins,
            browser_origins: input.browser_origins,
        };
        let changed = party::update_storefront(app(ctx), viewer(ctx), &input.storefront_id, &changes).await;
        answer(changed.map(Storefront::from))
    }

    /// A new supplier, not verified yet. It needs a credential next. For operators.
    async fn create_supplier(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The supplier.")] input: CreateSupplierInput,
    ) -> Result<CreateSupplierPayload> {
        let key = idempotency_key(ctx, &input);
        let input = SupplierInput {
            name: input.name,
            country: input.country.0,
            city: input.city,
            description: input.description,
            established_year: input.established_year,
            fee_basis_points: input.fee_basis_points,
        };
        answer(party::create_supplier(app(ctx), viewer(ctx), key.as_ref(), &input).await.map(Supplier))
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

    /// Where you want to be paid. The first account counts at once, a changed one 72 hours later. For suppliers.
    async fn set_payout_account(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The account.")] input: SetPayoutAccountInput,
    ) -> Result<SetPayoutAccountPayload> {
        let key = idempotency_key(ctx, &input);
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
        let set = party::set_payout_account(app(ctx), viewer(ctx), key.as_ref(), &input).await;
        let shown = |row: payout_account::Model| {
            let active = row.active_from <= clock.now();
            PayoutAccount::new(row, active)
        };
        answer(set.map(shown))
    }
}
