//! What an account of a country needs, before anybody is asked for one.

use async_graphql::{Context, Object, Result, SimpleObject};
use entity::bank_country::{self, AccountField};

use crate::error::Result as Outcome;
use crate::graphql::base::scalars::{CountryCode, CurrencyCode};
use crate::validate::Checks;

/// One way to name a bank account of a country: `setPayoutAccount` and `provideRefundAccount` take any of them.
#[derive(SimpleObject)]
pub struct BankAccountForm {
    /// What has to be there, and what may be.
    fields: Vec<BankAccountField>,
}

/// A field of a bank account.
#[derive(SimpleObject)]
pub struct BankAccountField {
    /// Where it stands in the input: "iban", or "holderAddress.town".
    path: String,
    /// What it is, in words.
    label: &'static str,
    /// Whether an account is refused without it.
    required: bool,
    /// How it is written in this country.
    format: &'static str,
    /// How it may look; nobody's account.
    example: String,
}

impl BankAccountField {
    fn new(field: AccountField, country: &str, required: bool) -> Self {
        Self {
            path: field.path().join("."),
            label: field.name(country),
            required,
            format: field.format(country),
            example: field.example(country),
        }
    }
}

#[derive(Default)]
pub struct BankAccountFormQuery;

#[Object]
impl BankAccountFormQuery {
    /// What an account in this country needs, the usual way first: to build a form from, before `setPayoutAccount` and
    /// `provideRefundAccount`. Besides it, every account has its holder's name and its country.
    async fn bank_account_forms(
        &self,
        _ctx: &Context<'_>,
        #[graphql(desc = "Where the bank is.")] country: CountryCode,
        #[graphql(desc = "What is to be sent there; without it, what every transfer needs.")] currency: Option<
            CurrencyCode,
        >,
    ) -> Result<Vec<BankAccountForm>> {
        Ok(forms(&country.0, currency.as_ref())?)
    }
}

fn forms(country: &str, currency: Option<&CurrencyCode>) -> Outcome<Vec<BankAccountForm>> {
    let mut checks = Checks::arguments();
    let country = if country == "XK" { country.to_owned() } else { checks.country("country", country) };
    let currency = currency.map(|currency| checks.currency("currency", &currency.0));
    checks.finish()?;
    let all = bank_country::AccountForm::all(&country, currency);
    let form = |form: bank_country::AccountForm| {
        let required = form.required.iter().map(|field| BankAccountField::new(*field, &country, true));
        let optional = form.optional.iter().map(|field| BankAccountField::new(*field, &country, false));
        BankAccountForm { fields: required.chain(optional).collect() }
    };
    Ok(all.into_iter().map(form).collect())
}
