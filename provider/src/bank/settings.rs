//! The accounts and ways of the bank, parsed once at the start.

use std::path::{Path, PathBuf};

use clap::Args;
use entity::HolderAddress;
use secrecy::SecretString;

use crate::wire::call;
use ground::setting::{Mode, SettingError, check_base, check_webhook_secrets, is_given, required, wrong};

use super::account::{OwnAccount, parse_accounts};
use super::creditor::postal_address;
use super::order::Debtor;
use super::way::OrderChannel;
use super::words::in_latin;

/// T/T by ISO 20022.
#[derive(Args, Clone, Debug)]
#[group(skip)]
pub struct BankSettings {
    /// Bank transfers: our accounts, one per currency, as EUR=IBAN/BIC or USD=US:BANK CODE:NUMBER/BIC; setting them turns bank transfers on
    #[arg(id = "bank_accounts", long = "bank-accounts", env = "BANK_ACCOUNTS", value_delimiter = ',', global = true)]
    pub accounts: Vec<String>,

    /// Bank transfers: in whose name the accounts are
    #[arg(id = "bank_account_holder", long = "bank-account-holder", env = "BANK_ACCOUNT_HOLDER", global = true)]
    pub account_holder: Option<String>,

    /// Bank transfers: our own address, written into payment orders; BANK_HOLDER_TOWN and BANK_HOLDER_COUNTRY are what makes one
    #[arg(id = "bank_holder_street", long = "bank-holder-street", env = "BANK_HOLDER_STREET", global = true)]
    pub holder_street: Option<String>,

    /// Bank transfers: our own address, the number of the house
    #[arg(id = "bank_holder_building", long = "bank-holder-building", env = "BANK_HOLDER_BUILDING", global = true)]
    pub holder_building: Option<String>,

    /// Bank transfers: our own address, the postcode
    #[arg(id = "bank_holder_postcode", long = "bank-holder-postcode", env = "BANK_HOLDER_POSTCODE", global = true)]
    pub holder_postcode: Option<String>,

    /// Bank transfers: our own address, the town; without it banks may refuse transfers outside of SEPA
    #[arg(id = "bank_holder_town", long = "bank-holder-town", env = "BANK_HOLDER_TOWN", global = true)]
    pub holder_town: Option<String>,

    /// Bank transfers: our own address, the country as two letters
    #[arg(id = "bank_holder_country", long = "bank-holder-country", env = "BANK_HOLDER_COUNTRY", global = true)]
    pub holder_country: Option<String>,

    /// Bank transfers: secrets (`whsec_` and base 64) that sign what is posted to /webhooks/bank, several for rotation
    #[arg(
        id = "bank_webhook_secret",
        long = "bank-webhook-secret",
        env = "BANK_WEBHOOK_SECRET",
        value_delimiter = ',',
        hide_env_values = true,
        global = true
    )]
    pub webhook_secret: Vec<SecretString>,

    /// Bank transfers: folder where the bank's files (camt.053, camt.054, pain.002, pacs.004) are put
    #[arg(id = "bank_inbox", long = "bank-inbox", env = "BANK_INBOX", global = true)]
    pub inbox: Option<String>,

    /// Bank transfers: folder where our payment orders (pain.001) are put; instead of BANK_API_BASE
    #[arg(id = "bank_outbox", long = "bank-outbox", env = "BANK_OUTBOX", global = true)]
    pub outbox: Option<String>,

    /// Bank transfers: URL that our payment orders (pain.001) are posted to; instead of BANK_OUTBOX
    #[arg(id = "bank_api_base", long = "bank-api-base", env = "BANK_API_BASE", global = true)]
    pub api_base: Option<String>,

    /// Bank transfers: bearer token for BANK_API_BASE
    #[arg(id = "bank_api_key", long = "bank-api-key", env = "BANK_API_KEY", hide_env_values = true, global = true)]
    pub api_key: Option<SecretString>,
}

impl BankSettings {
    /// What is to be logged at the start: it works, but not with every bank.
    #[must_use]
    pub fn warning(&self) -> Option<&'static str> {
        let is_on = self.accounts.iter().any(|account| !account.trim().is_empty());
        (is_on && !is_given(&self.holder_town)).then_some(
            "BANK_HOLDER_TOWN and BANK_HOLDER_COUNTRY are not set: payment orders are written without our address, and banks may \
             refuse those that leave the SEPA area",
        )
    }
}

/// What the settings come to.
pub(super) struct BankParts {
    pub(super) accounts: Vec<OwnAccount>,
    /// As buyers read it.
    pub(super) holder: String,
    pub(super) debtor: Debtor,
    pub(super) secrets: Vec<SecretString>,
    pub(super) way: OrderChannel,
}

/// None: it is off.
pub(super) fn bank(settings: &BankSettings, mode: Mode) -> Result<Option<BankParts>, SettingError> {
    let accounts: Vec<&str> =
        settings.accounts.iter().map(|text| text.trim()).filter(|text| !text.is_empty()).collect();
    if accounts.is_empty() {
        return Ok(None);
    }
    let accounts = parse_accounts(&accounts).map_err(|problem| wrong("BANK_ACCOUNTS", problem))?;
    let holder = required("BANK_ACCOUNT_HOLDER", &settings.account_holder)?.trim().to_owned();
    let holder_in_latin = in_latin(&holder, 70).ok_or_else(|| {
        wrong("BANK_ACCOUNT_HOLDER", "has letters that banks can't carry; write it as your bank does, in Latin letters")
    })?;
    let secrets: Vec<_> =
        settings.webhook_secret.iter().filter(|secret| is_given(&Some((*secret).clone()))).cloned().collect();
    if secrets.is_empty() && !is_given(&settings.inbox) {
        let problem = "is required by the bank, unless its files are put into BANK_INBOX";
        return Err(wrong("BANK_WEBHOOK_SECRET", problem));
    }
    check_webhook_secrets("BANK_WEBHOOK_SECRET", &secrets, mode)?;
    if is_given(&settings.inbox) {
        folder("BANK_INBOX", &settings.inbox)?;
    }
    let way = match (is_given(&settings.outbox), is_given(&settings.api_base)) {
        (true, false) => OrderChannel::Folder(folder("BANK_OUTBOX", &settings.outbox)?),
        (false, true) => {
            let base = check_base("BANK_API_BASE", required("BANK_API_BASE", &settings.api_base)?, mode)?;
            let key = required("BANK_API_KEY", &settings.api_key)?.clone();
            OrderChannel::Api { client: call::client("BANK_API_BASE", &base)?, base, key }
        }
        (true, true) => return Err(wrong("BANK_OUTBOX", "and BANK_API_BASE are both set; payment orders go one way")),
        (false, false) => return Err(wrong("BANK_OUTBOX", "or BANK_API_BASE is required: payment orders go there")),
    };
    let debtor = Debtor { name: holder_in_latin, address: own_address(settings)? };
    Ok(Some(BankParts { accounts, holder, debtor, secrets, way }))
}

/// As it stands in an order. Installations from before this was asked for have none: orders are written without it then.
fn own_address(settings: &BankSettings) -> Result<String, SettingError> {
    let of = |text: &Option<String>| text.as_deref().map(str::trim).filter(|text| !text.is_empty()).map(str::to_owned);
    let parts = [&settings.holder_street, &settings.holder_building, &settings.holder_postcode];
    match (of(&settings.holder_town), of(&settings.holder_country)) {
        (None, None) if parts.iter().all(|part| of(part).is_none()) => Ok(String::new()),
        (None, _) => Err(wrong("BANK_HOLDER_TOWN", "is required where another part of the address is set")),
        (_, None) => Err(wrong("BANK_HOLDER_COUNTRY", "is required where another part of the address is set")),
        (Some(town), Some(country)) => {
            let country = country.to_ascii_uppercase();
            if country.len() != 2 || !country.bytes().all(|byte| byte.is_ascii_uppercase()) {
                return Err(wrong("BANK_HOLDER_COUNTRY", "must be two letters, such as NL"));
            }
            let (street, building) = (of(&settings.holder_street), of(&settings.holder_building));
            let postcode = of(&settings.holder_postcode);
            let address = HolderAddress { street, building, postcode, town, subdivision: None, country };
            let problem =
                "or another part of the address has letters that banks can't carry; write it in Latin letters";
            postal_address(&address).map_err(|_of_a_payee| wrong("BANK_HOLDER_TOWN", problem))
        }
    }
}

fn folder(variable: &'static str, path: &Option<String>) -> Result<PathBuf, SettingError> {
    let path = Path::new(required(variable, path)?.trim());
    if path.is_dir() { Ok(path.to_owned()) } else { Err(wrong(variable, "must be a folder that is there")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings() -> BankSettings {
        BankSettings {
            accounts: vec![
                "EUR=NL91 ABNA 0417 1643 00/abnanl2a".to_owned(),
                " USD=GB29NWBK60161331926819/NWBKGB2L".to_owned(),
                "CNY=CN:102100099996:622202123456/ICBKCNBJ".to_owned(),
            ],
            account_holder: Some("Secure Payment B.V.".to_owned()),
            holder_street: None,
            holder_building: None,
            holder_postcode: None,
            holder_town: Some("Amsterdam".to_owned()),
            holder_country: Some("NL".to_owned()),
            webhook_secret: vec!["whsec_c2FuZGJveC1vbmx5LXdlYmhvb2stc2VjcmV0LTMyYiE=".to_owned().into()],
            inbox: None,
            outbox: None,
            api_base: Some("http://127.0.0.1:9/pain".to_owned()),
            api_key: Some("key".to_owned().into()),
        }
    }

    fn named(settings: &BankSettings) -> Option<&'static str> {
        configured(settings).err().map(|error| error.variable)
    }

    fn configured(own: &BankSettings) -> Result<Option<BankParts>, SettingError> {
        bank(own, Mode::Sandbox)
    }

    #[test]
    fn every_setting_is_parsed_at_once_and_named_if_it_is_wrong() {
        let is_on = |settings| configured(&settings).expect("settings that can be used").is_some();
        assert!(is_on(settings()));
        assert!(!is_on(BankSettings { accounts: Vec::new(), ..settings() }));
        assert!(!is_on(BankSettings { accounts: vec![String::new()], ..settings() }));
        for accounts in [
            "EUR",
            "EUR=NL91ABNA0417164300",
            "DM=NL91ABNA0417164300/ABNANL2A",
            "EUR=NL92ABNA0417164300/ABNANL2A",
            "EUR=NL91ABNA0417164300/ABNA",
            "EUR=US:021000021/CHASUS33",
        ] {
            assert_eq!(
                named(&BankSettings { accounts: vec![accounts.to_owned()], ..settings() }),
                Some("BANK_ACCOUNTS")
            );
        }
        let twice = vec![settings().accounts[0].clone(), settings().accounts[0].clone()];
        assert_eq!(named(&BankSettings { accounts: twice, ..settings() }), Some("BANK_ACCOUNTS"));
        let holder = |holder: &str| BankSettings { account_holder: Some(holder.to_owned()), ..settings() };
        assert_eq!(named(&holder(" ")), Some("BANK_ACCOUNT_HOLDER"));
        assert_eq!(named(&holder("深圳")), Some("BANK_ACCOUNT_HOLDER"));
        assert!(is_on(BankSettings { holder_town: None, holder_country: None, ..settings() }), "as it was before");
        for (town, country, setting) in [
            (None, Some("NL"), "BANK_HOLDER_TOWN"),
            (Some("Amsterdam"), None, "BANK_HOLDER_COUNTRY"),
            (Some("Amsterdam"), Some("Holland"), "BANK_HOLDER_COUNTRY"),
            (Some("北京"), Some("CN"), "BANK_HOLDER_TOWN"),
        ] {
            let (holder_town, holder_country) = (town.map(str::to_owned), country.map(str::to_owned));
            assert_eq!(named(&BankSettings { holder_town, holder_country, ..settings() }), Some(setting));
        }
        let secrets = |webhook_secret| BankSettings { webhook_secret, ..settings() };
        assert_eq!(named(&secrets(Vec::new())), Some("BANK_WEBHOOK_SECRET"));
        assert_eq!(named(&secrets(vec!["short".to_owned().into()])), Some("BANK_WEBHOOK_SECRET"));
        let here = Some(env!("CARGO_MANIFEST_DIR").to_owned());
        assert_eq!(named(&BankSettings { inbox: here.clone(), ..secrets(Vec::new()) }), None);
        assert_eq!(named(&BankSettings { inbox: Some("/none/such".to_owned()), ..settings() }), Some("BANK_INBOX"));
        assert_eq!(named(&BankSettings { outbox: here.clone(), ..settings() }), Some("BANK_OUTBOX"));
        assert_eq!(named(&BankSettings { outbox: here, api_base: None, ..settings() }), None);
        assert_eq!(named(&BankSettings { api_base: None, ..settings() }), Some("BANK_OUTBOX"));
        assert_eq!(named(&BankSettings { api_base: Some("bank".to_owned()), ..settings() }), Some("BANK_API_BASE"));
        assert_eq!(named(&BankSettings { api_key: None, ..settings() }), Some("BANK_API_KEY"));
    }
}
