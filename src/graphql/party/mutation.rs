//! How storefronts and suppliers come to be, and where suppliers are paid.
#![cfg_attr(doc, allow(rustdoc::broken_intra_doc_links, reason = "brackets in a description of the API are no link"))]

use async_graphql::{Context, ID, InputObject, Object, Result};
use entity::payout_account;

use crate::app::App;
use crate::bank_account::{self, BankAccountInput};
use crate::graphql::base::payload::{answer, payloads};
use crate::graphql::base::request::{app, idempotency_key, viewer};
use crate::graphql::base::scalars::{CountryCode, CurrencyCode};
use crate::graphql::catalog::supplier::Supplier;
use crate::graphql::party::object::PayoutAccount;
use crate::graphql::party::people::Storefront;
use crate::graphql::refund::mutation::HolderAddressObject;
use crate::party::{self, StorefrontChanges, StorefrontInput, SupplierInput};

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

/// Where a supplier wants to be paid: an IBAN, or an account number with what names its bank there. `bankAccountForms` says what
/// each country needs.
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
    /// Mostly 4 to 34 digits and letters.
    #[graphql(process_with = "bank_account::tidy_account_number")]
    pub account_number: Option<String>,
    /// Up to 140 characters.
    pub bank_name: Option<String>,
    /// 8 or 11 characters; of the bank's country.
    #[graphql(process_with = "bank_account::tidy_code")]
    pub bic: Option<String>,
    /// The bank's code in its country's clearing, where accounts have no IBANs: `bankAccountForms` says which countries need one.
    #[graphql(process_with = "bank_account::tidy_clearing_code")]
    pub clearing_code: Option<String>,
    /// Where the account holder lives; needed for transfers outside of SEPA.
    pub holder_address: Option<HolderAddressObject>,
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
            clearing_code: input.clearing_code,
            holder_address: input.holder_address.map(Into::into),
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
