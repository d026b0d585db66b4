//! A payment order as a file: pain.001.001.09, one transfer each.
//!
//! The message, the transfer in it and our refund or payout have one name, so that the bank refuses the same order a second
//! time (`DUPL`), and says of which one it speaks whenever it speaks of one.

use std::fmt::Write;

use entity::{Money, Time};
use quick_xml::escape::escape;

use super::account::OwnAccount;
use super::creditor::Creditor;
use super::reference::outgoing;
use super::words::in_latin;

/// Max35Text, less what names the part of the message.
const LONGEST_NAME: usize = 33;
const LONGEST_TEXT: usize = 140;

pub(super) struct TransferOrder {
    pub(super) message_id: String,
    pub(super) amount: Money,
    pub(super) xml: String,
}

/// Why there is no order.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum OrderProblem {
    /// What the owner of the account can change, in words for them.
    Payee(String),
    /// Its own name can't be carried.
    Name,
}

/// Who sends it: in whose name our accounts are, and the `PstlAdr` of it, or nothing.
pub(super) struct Debtor {
    pub(super) name: String,
    pub(super) address: String,
}

/// The country of an account of ours.
pub(super) fn country(account: &OwnAccount) -> &str {
    account.iban.get(..2).unwrap_or_default()
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

/// Errors are final: the same would come of it the next time.
pub(super) fn order(
    transfer: &Transfer<'_>,
    account: &OwnAccount,
    debtor: &Debtor,
    now: Time,
) -> Result<TransferOrder, OrderProblem> {
    let Transfer { reference, amount, purpose, payee } = *transfer;
    let message_id = outgoing(reference);
    if message_id.len() > LONGEST_NAME || in_latin(&message_id, LONGEST_NAME).as_ref() != Some(&message_id) {
        return Err(OrderProblem::Name);
    }
    let ours = country(account);
    let to = Creditor::of(payee, amount.currency, ours).map_err(OrderProblem::Payee)?;
    let is_sepa = amount.currency.code() == "EUR" && to.is_in_sepa();
    // Otherwise banks on the way would take their charges out of what the payee is owed.
    let (service, charges) =
        if is_sepa { ("<PmtTpInf><SvcLvl><Cd>SEPA</Cd></SvcLvl></PmtTpInf>", "SLEV") } else { ("", "DEBT") };
    let sum = amount.decimal();
    let (id, name, purpose) =
        (escape(message_id.as_str()), escape(debtor.name.as_str()), in_latin(purpose, LONGEST_TEXT));
    let mut xml = String::from(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<Document xmlns=\"urn:iso:std:iso:20022:tech:xsd:pain.001.001.09\">",
    );
    let totals = format!("<NbOfTxs>1</NbOfTxs><CtrlSum>{sum}</CtrlSum>");
    let written = write!(
        xml,
        "<CstmrCdtTrfInitn><GrpHdr><MsgId>{id}</MsgId><CreDtTm>{created}</CreDtTm>{totals}<InitgPty><Nm>{name}</Nm></InitgPty></GrpHdr>\
         <PmtInf><PmtInfId>{id}-1</PmtInfId><PmtMtd>TRF</PmtMtd><BtchBookg>false</BtchBookg>{totals}{service}<ReqdExctnDt><Dt>{day}</Dt></ReqdExctnDt>\
         <Dbtr><Nm>{name}</Nm>{address}</Dbtr><DbtrAcct><Id>{debtor_account}</Id><Ccy>{currency}</Ccy></DbtrAcct>\
         <DbtrAgt><FinInstnId><BICFI>{bic}</BICFI></FinInstnId></DbtrAgt><ChrgBr>{charges}</ChrgBr>\
         <CdtTrfTxInf><PmtId><EndToEndId>{id}</EndToEndId></PmtId><Amt><InstdAmt Ccy=\"{currency}\">{sum}</InstdAmt></Amt>\
         {agent}{creditor}<CdtrAcct><Id>{to}</Id></CdtrAcct>\
         <RmtInf><Ustrd>{purpose}</Ustrd></RmtInf></CdtTrfTxInf></PmtInf></CstmrCdtTrfInitn></Document>",
        created = now.format("%Y-%m-%dT%H:%M:%SZ"),
        day = now.format("%Y-%m-%d"),
        debtor_account = match &account.local {
            None => format!("<IBAN>{}</IBAN>", account.iban),
            Some(local) => format!("<Othr><Id>{}</Id></Othr>", local.number),
        },
        bic = account.bic,
        currency = amount.currency,
        address = debtor.address,
        agent = to.agent(ours),
        creditor = to.party(),
        to = to.account(),
        purpose = escape(purpose.as_deref().unwrap_or(message_id.as_str())),
    );
    written.map_err(|_source| OrderProblem::Name)?;
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
        OwnAccount { currency, iban: "NL41MOCK0000000001".to_owned(), bic: "MOCKNL2A".to_owned(), local: None }
    }

    fn debtor() -> Debtor {
        Debtor { name: "ACME Corporation".to_owned(), address: String::new() }
    }

    fn written(code: &str, units: i64, payee: &Value) -> Result<BankMessage, OrderProblem> {
        written_from(&account(code), units, payee)
    }

    fn written_from(account: &OwnAccount, units: i64, payee: &Value) -> Result<BankMessage, OrderProblem> {
        let amount = Money::new(MinorUnits(units), account.currency);
        let reference = format!("refund_{}", "0".repeat(26));
        let (purpose, payee) = ("Refund of <SP-7K3M9Q>", payee.to_string());
        let transfer = Transfer { reference: &reference, amount, purpose, payee: &payee };
        let order = order(&transfer, account, &debtor(), ground::clock::Clock::default().wall())?;
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
        let address = json!({ "town": "Ürümqi", "country": "CN", "street": "Main <1>", "postcode": "830000" });
        let turkish = json!({ "accountHolder": "X", "country": "TR", "iban": "TR330006100519786457841326",
            "holderAddress": { "town": "Bursa", "country": "TR" } });
        let chinese = json!({ "accountHolder": "X", "country": "CN", "accountNumber": "6222021234567890",
            "bankName": "Bank of China", "bic": "BKCHCNBJ", "holderAddress": address });
        let (sepa, ours) = ((Some("SEPA".to_owned()), Some("SLEV".to_owned())), (None, Some("DEBT".to_owned())));
        assert_eq!(of("EUR", german.clone()), sepa);
        let mut abroad = german;
        abroad["holderAddress"] = json!({ "town": "Köln", "country": "DE" });
        assert_eq!(of("USD", abroad), ours);
        assert_eq!(of("EUR", turkish), ours);
        assert_eq!(of("EUR", chinese.clone()), ours);
        let document = written("JPY", 34_500, &chinese).expect("an order");
        assert_eq!(transfer(&document, &["Amt", "InstdAmt"]), Some("34500"));
        assert_eq!(transfer(&document, &["CdtrAcct", "Id", "Othr", "Id"]), Some("6222021234567890"));
        assert_eq!(transfer(&document, &["CdtrAgt", "FinInstnId", "Nm"]), None, "never beside a BIC");
        assert_eq!(transfer(&document, &["Cdtr", "PstlAdr", "TwnNm"]), Some("Ueruemqi"));
        assert_eq!(transfer(&document, &["Cdtr", "PstlAdr", "StrtNm"]), Some("Main 1"));
        assert_eq!(transfer(&document, &["Cdtr", "PstlAdr", "PstCd"]), Some("830000"));
        assert_eq!(transfer(&document, &["CdtrAgt", "FinInstnId", "BICFI"]), Some("BKCHCNBJ"));
        assert_eq!(transfer(&document, &["RmtInf", "Ustrd"]), Some("Refund of SP-7K3M9Q"));
    }

    #[test]
    fn banks_without_ibans_are_named_by_their_clearing_codes() {
        let american = |bic: Option<&str>| {
            json!({ "accountHolder": "Acme Import LLC", "country": "US", "accountNumber": "000123456789", "bic": bic,
                "bankName": "JPMorgan Chase Bank N.A.", "clearingCode": "021000021",
                "holderAddress": { "town": "New York", "country": "US" } })
        };
        let agent = |document: &BankMessage| {
            let at =
                |path: &[&str]| transfer(document, &[&["CdtrAgt", "FinInstnId"], path].concat()).map(str::to_owned);
            [at(&["BICFI"]), at(&["ClrSysMmbId", "ClrSysId", "Cd"]), at(&["ClrSysMmbId", "MmbId"]), at(&["Nm"])]
        };
        let some = |text: &str| Some(text.to_owned());
        let both = agent(&written("USD", 6_000, &american(Some("CHASUS33"))).expect("an order"));
        assert_eq!(both, [some("CHASUS33"), some("USABA"), some("021000021"), None]);
        let code = agent(&written("USD", 6_000, &american(None)).expect("an order"));
        assert_eq!(code, [None, some("USABA"), some("021000021"), None]);
        let iban = "CH9300762011623852957".to_owned();
        let swiss = OwnAccount { iban, ..account("USD") };
        let alone = agent(&written_from(&swiss, 6_000, &american(Some("CHASUS33"))).expect("an order"));
        assert_eq!(alone, [some("CHASUS33"), None, None, None], "Swiss banks take nothing beside the BIC");
        let indian = json!({ "accountHolder": "X", "country": "IN", "accountNumber": "50100012345678",
            "clearingCode": "HDFC0000001", "holderAddress": { "town": "Pune", "country": "IN" } });
        let code = agent(&written("USD", 6_000, &indian).expect("an order"));
        assert_eq!(code, [None, some("INFSC"), some("HDFC0000001"), None]);
    }

    /// As accounts were kept before this was asked for.
    #[test]
    fn an_account_that_lacks_something_is_not_sent_to_the_bank() {
        for (code, payee, lacks) in [
            (
                "USD",
                json!({ "accountHolder": "X", "country": "US", "accountNumber": "000123456789", "bankName": "B", "bic": "CHASUS33" }),
                "ABA routing number, the town",
            ),
            (
                "EUR",
                json!({ "accountHolder": "X", "country": "EC", "accountNumber": "12345678", "bankName": "B" }),
                "the bank's BIC, the town",
            ),
            ("EUR", json!({ "accountHolder": "X", "country": "TR", "iban": "TR330006100519786457841326" }), "the town"),
            (
                "EUR",
                json!({ "accountHolder": "X", "country": "DE", "accountNumber": "12345678", "bankName": "B" }),
                "the IBAN",
            ),
        ] {
            let Err(OrderProblem::Payee(problem)) = written(code, 1, &payee) else { panic!("must refuse {payee}") };
            assert!(problem.contains(lacks), "{problem}");
        }
        let turkish = json!({ "accountHolder": "X", "country": "TR", "iban": "TR330006100519786457841326" });
        let ours = OwnAccount { iban: "TR330006100519786457841326".to_owned(), ..account("USD") };
        assert!(written_from(&ours, 1, &turkish).is_ok(), "within one country no address is needed");
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
            let order = order(&asked, &account("EUR"), &debtor(), now).expect("an order");
            let ours: Vec<_> = paths(&order.xml).into_iter().filter(|path| !path.ends_with("/BtchBookg")).collect();
            assert_eq!(ours, paths(body), "{}", vector["id"]);
            assert!(
                order.xml.contains("<PmtMtd>TRF</PmtMtd><BtchBookg>false</BtchBookg><NbOfTxs>"),
                "booked one by one"
            );
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
            json!({ "accountHolder": "X", "country": "DE", "iban": german, "currency": "USD" }),
            json!({ "accountHolder": "X", "country": "DE", "iban": german, "holderAddress": { "town": "深圳", "country": "DE" } }),
            json!("nothing"),
        ] {
            let Err(OrderProblem::Payee(problem)) = written("EUR", 1, &payee) else { panic!("must refuse {payee}") };
            assert!(!problem.contains("DE89") && !problem.contains('深'), "{problem}");
        }
        let (reference, amount) = ("x".repeat(34), Money::new(MinorUnits(1), Currency::USD));
        let long = Transfer { reference: &reference, amount, purpose: "x", payee: "{}" };
        assert!(order(&long, &account("USD"), &debtor(), ground::clock::Clock::default().wall()).is_err());
    }
}
