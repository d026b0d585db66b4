//! A payment order as a file: pain.001.001.09, one transfer each.
//!
//! The message, the transfer in it and our refund or payout have one name, so that the bank refuses the same order a second
//! time (`DUPL`), and says of which one it speaks whenever it speaks of one.

use std::fmt::Write;

use entity::{Money, Time};
use iban::{Iban, IbanLike};
use quick_xml::escape::escape;

use super::account::{OwnAccount, compact};
use super::reference::outgoing;
use super::words::in_latin;
use entity::BankAccount;

/// Max35Text, less what names the part of the message.
const LONGEST_NAME: usize = 33;
const LONGEST_HOLDER: usize = 70;
const LONGEST_TEXT: usize = 140;
/// Where SEPA credit transfers reach. Source: EPC409-09, list of SEPA scheme countries, version 5.0; territories have IBANs
/// of their countries.
const SEPA: [&str; 41] = [
    "AD", "AL", "AT", "BE", "BG", "CH", "CY", "CZ", "DE", "DK", "EE", "ES", "FI", "FR", "GB", "GI", "GR", "HR", "HU",
    "IE", "IS", "IT", "LI", "LT", "LU", "LV", "MC", "MD", "ME", "MK", "MT", "NL", "NO", "PL", "PT", "RO", "RS", "SE",
    "SI", "SK", "SM",
];
const VATICAN: &str = "VA";

pub(super) struct TransferOrder {
    pub(super) message_id: String,
    pub(super) amount: Money,
    pub(super) xml: String,
}

/// Whom it goes to, in the bank's own characters.
struct Creditor {
    name: String,
    account: CreditorAccount,
    bic: Option<String>,
}

enum CreditorAccount {
    Iban(String),
    Other { number: String, bank: String, country: String },
}

impl Creditor {
    /// Errors say what the owner of the account can change, and quote nothing of it.
    fn of(details: &str) -> Result<Self, &'static str> {
        let unreadable = "the bank account can't be read; send it again";
        let account: BankAccount = serde_json::from_str(details).map_err(|_would_quote_it| unreadable)?;
        let name = in_latin(&account.account_holder, LONGEST_HOLDER)
            .ok_or("the account holder's name has letters that banks don't carry; send it in Latin letters, as the bank has it")?;
        let to = match (account.iban, account.account_number) {
            (Some(iban), None) => {
                let iban: Iban =
                    compact(&iban).parse().map_err(|_would_quote_it| "the IBAN is wrong; send the account again")?;
                CreditorAccount::Iban(iban.electronic_str().to_owned())
            }
            (None, Some(number)) => {
                let bank = in_latin(&account.bank_name.unwrap_or_default(), LONGEST_TEXT);
                let bank =
                    bank.ok_or("the bank's name has letters that banks don't carry; send it in Latin letters")?;
                CreditorAccount::Other { number, bank, country: account.country }
            }
            (Some(_), Some(_)) | (None, None) => return Err(unreadable),
        };
        Ok(Self { name, account: to, bic: account.bic })
    }

    fn is_in_sepa(&self) -> bool {
        match &self.account {
            CreditorAccount::Iban(iban) => {
                iban.get(..2).is_some_and(|country| SEPA.contains(&country) || country == VATICAN)
            }
            CreditorAccount::Other { .. } => false,
        }
    }

    fn agent(&self) -> String {
        let bic = self.bic.as_deref().map(|bic| format!("<BICFI>{}</BICFI>", escape(bic))).unwrap_or_default();
        let bank = match &self.account {
            CreditorAccount::Iban(_) => String::new(),
            CreditorAccount::Other { bank, country, .. } => {
                format!(
                    "<Nm>{}</Nm><PstlAdr><Ctry>{}</Ctry></PstlAdr>",
                    escape(bank.as_str()),
                    escape(country.as_str())
                )
            }
        };
        match (bic.as_str(), bank.as_str()) {
            ("", "") => String::new(),
            (bic, bank) => format!("<CdtrAgt><FinInstnId>{bic}{bank}</FinInstnId></CdtrAgt>"),
        }
    }

    fn account(&self) -> String {
        match &self.account {
            CreditorAccount::Iban(iban) => format!("<IBAN>{}</IBAN>", escape(iban.as_str())),
            CreditorAccount::Other { number, .. } => format!("<Othr><Id>{}</Id></Othr>", escape(number.as_str())),
        }
    }
}

/// What is to be transferred, to whom.
pub(super) struct Transfer<'a> {
    pub(super) reference: &'a str,
    pub(super) amount: Money,
    /// What the payee reads.
    pub(super) purpose: &'a str,
    /// The payee's account, as [`entity::BankAccount`] is kept: JSON.
    pub(super) payee: &'a str,
}

/// `holder` is whose account ours is. Errors are final: the same would come of it the next time.
pub(super) fn order(
    transfer: &Transfer<'_>,
    account: &OwnAccount,
    holder: &str,
    now: Time,
) -> Result<TransferOrder, &'static str> {
    let Transfer { reference, amount, purpose, payee } = *transfer;
    let message_id = outgoing(reference);
    if message_id.len() > LONGEST_NAME || in_latin(&message_id, LONGEST_NAME).as_ref() != Some(&message_id) {
        return Err("its name is one that banks don't carry");
    }
    let to = Creditor::of(payee)?;
    let is_sepa = amount.currency.code() == "EUR" && to.is_in_sepa();
    // Otherwise banks on the way would take their charges out of what the payee is owed.
    let (service, charges) =
        if is_sepa { ("<PmtTpInf><SvcLvl><Cd>SEPA</Cd></SvcLvl></PmtTpInf>", "SLEV") } else { ("", "DEBT") };
    let sum = amount.decimal();
    let (id, name, purpose) = (escape(message_id.as_str()), escape(holder), in_latin(purpose, LONGEST_TEXT));
    let mut xml = String::from(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<Document xmlns=\"urn:iso:std:iso:20022:tech:xsd:pain.001.001.09\">",
    );
    let totals = format!("<NbOfTxs>1</NbOfTxs><CtrlSum>{sum}</CtrlSum>");
    let written = write!(
        xml,
        "<CstmrCdtTrfInitn><GrpHdr><MsgId>{id}</MsgId><CreDtTm>{created}</CreDtTm>{totals}<InitgPty><Nm>{name}</Nm></InitgPty></GrpHdr>\
         <PmtInf><PmtInfId>{id}-1</PmtInfId><PmtMtd>TRF</PmtMtd>{totals}{service}<ReqdExctnDt><Dt>{day}</Dt></ReqdExctnDt>\
         <Dbtr><Nm>{name}</Nm></Dbtr><DbtrAcct><Id><IBAN>{iban}</IBAN></Id><Ccy>{currency}</Ccy></DbtrAcct>\
         <DbtrAgt><FinInstnId><BICFI>{bic}</BICFI></FinInstnId></DbtrAgt><ChrgBr>{charges}</ChrgBr>\
         <CdtTrfTxInf><PmtId><EndToEndId>{id}</EndToEndId></PmtId><Amt><InstdAmt Ccy=\"{currency}\">{sum}</InstdAmt></Amt>\
         {agent}<Cdtr><Nm>{creditor}</Nm></Cdtr><CdtrAcct><Id>{to}</Id></CdtrAcct>\
         <RmtInf><Ustrd>{purpose}</Ustrd></RmtInf></CdtTrfTxInf></PmtInf></CstmrCdtTrfInitn></Document>",
        created = now.format("%Y-%m-%dT%H:%M:%SZ"),
        day = now.format("%Y-%m-%d"),
        iban = account.iban,
        bic = account.bic,
        currency = amount.currency,
        agent = to.agent(),
        creditor = escape(to.name.as_str()),
        to = to.account(),
        purpose = escape(purpose.as_deref().unwrap_or(message_id.as_str())),
    );
    written.map_err(|_source| "it could not be written")?;
    Ok(TransferOrder { message_id, amount, xml })
}

#[cfg(test)]
mod tests {
    use entity::{Currency, MinorUnits};
    use serde_json::{Value, json};

    use super::*;
    use crate::bank::document::BankMessage;

    fn account(code: &str) -> OwnAccount {
        let currency: Currency = code.parse().expect("known");
        OwnAccount { currency, iban: "NL41MOCK0000000001".to_owned(), bic: "MOCKNL2A".to_owned() }
    }

    fn written(code: &str, units: i64, payee: &Value) -> Result<BankMessage, &'static str> {
        let account = account(code);
        let amount = Money::new(MinorUnits(units), account.currency);
        let reference = format!("refund_{}", "0".repeat(26));
        let (purpose, payee) = ("Refund of <SP-7K3M9Q>", payee.to_string());
        let transfer = Transfer { reference: &reference, amount, purpose, payee: &payee };
        let order = order(&transfer, &account, "ACME Corporation", ground::clock::Clock::default().wall())?;
        Ok(BankMessage::read(order.xml.as_bytes()).expect("well-formed"))
    }

    const PATH: [&str; 3] = ["CstmrCdtTrfInitn", "PmtInf", "CdtTrfTxInf"];

    fn transfer<'a>(document: &'a BankMessage, path: &[&str]) -> Option<&'a str> {
        document.root.at(&PATH)?.text_at(path)
    }

    #[test]
    fn sepa_is_for_euros_to_an_iban_there_and_all_else_pays_its_charges_here() {
        let of = |code: &str, payee: Value| {
            let document = written(code, 34_500, &payee).expect("an order");
            let payment = document.root.at(&PATH[..2]).expect("one");
            let level = payment.text_at(&["PmtTpInf", "SvcLvl", "Cd"]).map(str::to_owned);
            (level, payment.text_at(&["ChrgBr"]).map(str::to_owned))
        };
        let german = json!({ "accountHolder": "Müller & Söhne", "country": "DE", "iban": "DE89370400440532013000" });
        let turkish = json!({ "accountHolder": "X", "country": "TR", "iban": "TR330006100519786457841326" });
        let chinese = json!({ "accountHolder": "X", "country": "CN", "accountNumber": "6222021234567890",
            "bankName": "Bank of China", "bic": "BKCHCNBJ" });
        let (sepa, ours) = ((Some("SEPA".to_owned()), Some("SLEV".to_owned())), (None, Some("DEBT".to_owned())));
        assert_eq!(of("EUR", german.clone()), sepa);
        assert_eq!(of("USD", german), ours);
        assert_eq!(of("EUR", turkish), ours);
        assert_eq!(of("EUR", chinese.clone()), ours);
        let document = written("JPY", 34_500, &chinese).expect("an order");
        assert_eq!(transfer(&document, &["Amt", "InstdAmt"]), Some("34500"));
        assert_eq!(transfer(&document, &["CdtrAcct", "Id", "Othr", "Id"]), Some("6222021234567890"));
        assert_eq!(transfer(&document, &["CdtrAgt", "FinInstnId", "Nm"]), Some("Bank of China"));
        assert_eq!(transfer(&document, &["CdtrAgt", "FinInstnId", "BICFI"]), Some("BKCHCNBJ"));
        assert_eq!(transfer(&document, &["RmtInf", "Ustrd"]), Some("Refund of SP-7K3M9Q"));
    }

    /// Elements with a text, in their order.
    fn paths(element: &str) -> Vec<String> {
        let (mut open, mut found): (Vec<&str>, Vec<String>) = (Vec::new(), Vec::new());
        for part in element.split('<').skip(1).filter(|part| !part.starts_with('?')) {
            match part.strip_prefix('/') {
                Some(_end) => drop(open.pop()),
                None => {
                    open.push(part.split(['>', ' ']).next().unwrap_or_default());
                    if part.split_once('>').is_some_and(|(_, text)| !text.trim().is_empty()) {
                        found.push(open.join("/"));
                    }
                }
            }
        }
        found
    }

    #[test]
    fn the_samples_orders_are_made_of_the_same_elements() {
        let file: Value =
            serde_json::from_str(include_str!("../../../tests/vectors/bank_iso20022.json")).expect("JSON");
        let vectors = file["vectors"].as_array().expect("a list");
        let mut seen = 0;
        for vector in vectors.iter().filter(|vector| vector["message"] == "pain.001.001.09") {
            let body = vector["body"].as_str().expect("a body");
            let payee = json!({ "accountHolder": "Buyer One GmbH", "country": "DE", "iban": "DE89370400440532013000",
                "bic": "COBADEFFXXX" });
            let amount = Money::new(MinorUnits(34_500), "EUR".parse().expect("known"));
            let payee = payee.to_string();
            let asked = Transfer { reference: "refund_1", amount, purpose: "Refund RF-rf01", payee: &payee };
            let now = ground::clock::Clock::default().wall();
            let order = order(&asked, &account("EUR"), "ACME Corporation", now).expect("an order");
            assert_eq!(paths(&order.xml), paths(body), "{}", vector["id"]);
            assert!(paths(body).len() > 20);
            seen += 1;
        }
        assert_eq!(seen, 4);
    }

    #[test]
    fn what_a_bank_can_not_carry_is_refused_without_quoting_it() {
        let german = "DE89370400440532013000";
        for payee in [
            json!({ "accountHolder": "深圳", "country": "DE", "iban": german }),
            json!({ "accountHolder": "X", "country": "DE", "iban": "DE89370400440532013001" }),
            json!({ "accountHolder": "X", "country": "DE" }),
            json!({ "accountHolder": "X", "country": "CN", "accountNumber": "1234", "bankName": "中国银行" }),
            json!("nothing"),
        ] {
            let problem = written("EUR", 1, &payee).expect_err("must refuse");
            assert!(!problem.contains("DE89") && !problem.contains('深'), "{problem}");
        }
        let (reference, amount) = ("x".repeat(34), Money::new(MinorUnits(1), Currency::USD));
        let long = Transfer { reference: &reference, amount, purpose: "x", payee: "{}" };
        assert!(order(&long, &account("USD"), "A", ground::clock::Clock::default().wall()).is_err());
    }
}
