//! Where a supplier is paid. The details are encrypted under the row's own id; only the mask is ever shown.
//!
//! The first account counts at once. A changed one counts [`HOURS_UNTIL_ACTIVE`] later, and not at all if yet another one was set
//! meanwhile: whoever gets hold of a supplier's credential can't divert money before the supplier can set it right.

use chrono::TimeDelta;
use entity::payout_account::{ActiveModel, Column, Entity, Model};
use entity::{Currency, PayoutAccountId, SupplierId, Time};
use sea_orm::{ActiveValue::Set, ColumnTrait, ConnectionTrait, EntityTrait, QueryFilter, QueryOrder};
use serde::{Deserialize, Serialize};

use super::{iban, supplier};
use crate::app::App;
use crate::auth::Viewer;
use crate::crypto::Cipher;
use crate::db;
use crate::error::{Error, ErrorCode, Result};
use crate::validate::Checks;

/// Three days, so that a change made on a Friday evening can still be noticed on Monday. Business time.
pub const HOURS_UNTIL_ACTIVE: i64 = 72;

/// As the supplier writes it: an IBAN, or an account number with the name of its bank.
#[derive(Clone, Default)]
pub struct PayoutAccountInput {
    pub account_holder: String,
    pub country: String,
    pub iban: Option<String>,
    pub account_number: Option<String>,
    pub bank_name: Option<String>,
    pub bic: Option<String>,
    pub currency: Option<String>,
}

/// The details as they are stored, encrypted, and sent to the provider that pays out: a JSON document.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PayoutDetails {
    pub account_holder: String,
    /// Of the bank, ISO 3166-1 alpha-2.
    pub country: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub iban: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub account_number: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bank_name: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bic: Option<String>,
    /// The account's own currency, if it takes only one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub currency: Option<Currency>,
}

impl std::fmt::Debug for PayoutAccountInput {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("PayoutAccountInput(***)")
    }
}

impl std::fmt::Debug for PayoutDetails {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "PayoutDetails({})", self.mask())
    }
}

impl PayoutDetails {
    /// Enough to recognise one's own account: `DE•• •••• 3000`.
    #[must_use]
    pub fn mask(&self) -> String {
        let number = self.iban.as_ref().or(self.account_number.as_ref()).map_or("", String::as_str);
        let length = number.chars().count();
        // Of a short number four characters would be most of it.
        let shown = if length >= 8 { 4 } else { 2 };
        let end: String = number.chars().skip(length.saturating_sub(shown)).collect();
        // Of an IBAN the country is the one that it begins with.
        let country = if self.iban.is_some() { number.get(..2).unwrap_or_default() } else { &self.country };
        format!("{country}•• •••• {end}")
    }

    /// Of a stored account.
    pub fn decrypt(cipher: &Cipher, account: &Model) -> Result<Self> {
        let json = cipher.decrypt(&account.id.to_string(), &account.encrypted_details)?;
        serde_json::from_str(&json).map_err(|error| {
            // The text of serde's error could quote the details.
            Error::internal(format!("{}: details that can't be read ({:?})", account.id, error.classify()))
        })
    }
}

/// Sets where the viewer, a supplier, is paid.
pub async fn set_payout_account(app: &App, viewer: Viewer, input: &PayoutAccountInput) -> Result<Model> {
    let supplier_id = viewer.require_supplier()?;
    let details = check(input)?;
    let now = app.clock.now();
    let account = db::retrying(|| async {
        let tx = app.db.begin_write().await?;
        // Two first accounts at once: the second one is a change of the first.
        supplier::require_locked(&tx, supplier_id).await?;
        let is_first = Entity::find().filter(Column::SupplierId.eq(supplier_id)).one(&tx).await?.is_none();
        let wait = if is_first { TimeDelta::zero() } else { TimeDelta::hours(HOURS_UNTIL_ACTIVE) };
        let account = sealed(app, PayoutAccountId(app.clock.new_id()), supplier_id, &details, now, now + wait)?;
        Entity::insert(active(&account)).exec_without_returning(&tx).await?;
        supplier::payouts_possible_from(&tx, &app.clock, supplier_id, account.active_from).await?;
        tx.commit().await?;
        Ok(account)
    })
    .await?;
    app.wake_worker();
    Ok(account)
}

/// The row of these details.
pub(crate) fn sealed(
    app: &App,
    id: PayoutAccountId,
    supplier_id: SupplierId,
    details: &PayoutDetails,
    created_at: Time,
    active_from: Time,
) -> Result<Model> {
    let json = serde_json::to_string(details).map_err(|error| Error::internal(error.to_string()))?;
    let encrypted_details = app.cipher.encrypt(&app.clock, &id.to_string(), &json)?;
    Ok(Model { id, supplier_id, encrypted_details, mask: details.mask(), active_from, created_at })
}

pub(crate) fn active(row: &Model) -> ActiveModel {
    ActiveModel {
        id: Set(row.id),
        supplier_id: Set(row.supplier_id),
        encrypted_details: Set(row.encrypted_details.clone()),
        mask: Set(row.mask.clone()),
        active_from: Set(row.active_from),
        created_at: Set(row.created_at),
    }
}

/// The account that money goes to now, if there is one. For the one that pays out: no viewer.
pub async fn find_active_payout_account<C: ConnectionTrait>(
    db: &C,
    supplier_id: SupplierId,
    now: Time,
) -> Result<Option<Model>> {
    let newest_first = of_supplier(db, supplier_id).await?;
    let mut set_next: Option<Time> = None;
    for account in newest_first {
        let overtaken = set_next.is_some_and(|next| next < account.active_from);
        if account.active_from <= now && !overtaken {
            return Ok(Some(account));
        }
        set_next = Some(account.created_at);
    }
    Ok(None)
}

/// All accounts of the viewer, a supplier; newest first.
pub async fn find_payout_accounts<C: ConnectionTrait>(db: &C, viewer: Viewer) -> Result<Vec<Model>> {
    of_supplier(db, viewer.require_supplier()?).await
}

async fn of_supplier<C: ConnectionTrait>(db: &C, supplier_id: SupplierId) -> Result<Vec<Model>> {
    Ok(Entity::find().filter(Column::SupplierId.eq(supplier_id)).order_by_desc(Column::Id).all(db).await?)
}

fn check(input: &PayoutAccountInput) -> Result<PayoutDetails> {
    let mut checks = Checks::input();
    let given =
        |text: &Option<String>| text.as_deref().map(str::trim).filter(|text| !text.is_empty()).map(str::to_owned);
    let (iban, account_number, bank_name) = (given(&input.iban), given(&input.account_number), given(&input.bank_name));
    let mut details = PayoutDetails {
        account_holder: checks.line("accountHolder", &input.account_holder, 140),
        country: checks.country("country", &input.country),
        iban: None,
        account_number: None,
        bank_name: None,
        bic: given(&input.bic).map(|bic| check_bic(&mut checks, &bic)),
        currency: input.currency.as_ref().map(|currency| checks.currency("currency", currency)),
    };
    match (iban, account_number) {
        (Some(iban), None) => match iban::parse(&iban) {
            Ok(iban) => details.iban = Some(iban),
            Err(error) => checks.problem("iban", ErrorCode::InvalidInput, error.to_string()),
        },
        (None, Some(number)) => {
            details.account_number = Some(check_account_number(&mut checks, &number));
            details.bank_name = Some(checks.line("bankName", bank_name.as_deref().unwrap_or_default(), 140));
        }
        (Some(_), Some(_)) => {
            let message = "send either an IBAN, or an account number with the name of its bank, not both";
            checks.problem("accountNumber", ErrorCode::InvalidInput, message);
        }
        (None, None) => {
            let message = "send an IBAN, or an account number with the name of its bank";
            checks.problem("iban", ErrorCode::InvalidInput, message);
        }
    }
    checks.finish()?;
    Ok(details)
}

fn check_account_number(checks: &mut Checks, text: &str) -> String {
    let number: String = text.chars().filter(|c| !matches!(c, ' ' | '-' | '.' | '/')).collect();
    if !(4..=34).contains(&number.len()) || !number.chars().all(|c| c.is_ascii_alphanumeric()) {
        checks.problem("accountNumber", ErrorCode::InvalidInput, "must have 4 to 34 digits and letters");
    }
    number
}

/// ISO 9362: bank (4 letters or digits), country (2 letters), place (2), and maybe branch (3).
fn check_bic(checks: &mut Checks, text: &str) -> String {
    let bic: String = text.chars().filter(|c| *c != ' ').map(|c| c.to_ascii_uppercase()).collect();
    let is_shaped = matches!(bic.len(), 8 | 11)
        && bic.chars().all(|c| c.is_ascii_alphanumeric())
        && bic[4..6].chars().all(|c| c.is_ascii_alphabetic());
    if !is_shaped {
        checks.problem("bic", ErrorCode::InvalidInput, "is not a BIC of 8 or 11 characters, such as COBADEFFXXX");
    }
    bic
}

#[cfg(test)]
mod tests {
    use super::*;

    fn details(iban: Option<&str>, number: Option<&str>) -> PayoutDetails {
        PayoutDetails {
            account_holder: "Eckbach GmbH".to_owned(),
            country: "CN".to_owned(),
            iban: iban.map(str::to_owned),
            account_number: number.map(str::to_owned),
            bank_name: None,
            bic: None,
            currency: None,
        }
    }

    #[test]
    fn a_mask_shows_the_country_and_the_end() {
        assert_eq!(details(Some("DE89370400440532013000"), None).mask(), "DE•• •••• 3000");
        assert_eq!(details(None, Some("6222021234567890")).mask(), "CN•• •••• 7890");
        assert_eq!(details(None, Some("1234")).mask(), "CN•• •••• 34");
        assert!(!format!("{:?}", details(Some("DE89370400440532013000"), None)).contains("89370400"));
    }

    #[test]
    fn exactly_one_kind_of_account_is_taken() {
        let input = |iban: Option<&str>, number: Option<&str>, bank: Option<&str>| PayoutAccountInput {
            account_holder: "Eckbach GmbH".to_owned(),
            country: "DE".to_owned(),
            iban: iban.map(str::to_owned),
            account_number: number.map(str::to_owned),
            bank_name: bank.map(str::to_owned),
            bic: Some("cobadeff".to_owned()),
            currency: Some("EUR".to_owned()),
        };
        let iban = Some("DE89 3704 0044 0532 0130 00");
        assert!(check(&input(iban, None, None)).is_ok());
        assert!(check(&input(None, Some("1234-5678"), Some("Bank"))).is_ok());
        assert!(check(&input(iban, Some(" "), None)).is_ok());
        assert!(check(&input(iban, Some("12345678"), Some("Bank"))).is_err());
        assert!(check(&input(None, None, None)).is_err());
        assert!(check(&input(None, Some("12345678"), None)).is_err());
        assert!(check(&input(None, Some("12"), Some("Bank"))).is_err());
        assert!(check(&PayoutAccountInput { bic: Some("COBA1".to_owned()), ..input(iban, None, None) }).is_err());
        assert!(check(&PayoutAccountInput { bic: Some("ÄÄÄÄ".to_owned()), ..input(iban, None, None) }).is_err());
        assert!(check(&PayoutAccountInput { currency: Some("DM".to_owned()), ..input(iban, None, None) }).is_err());
    }
}
