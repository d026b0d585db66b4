//! What a bank takes: pain.001.001.09, element by element in the order of its schema, with the values that it demands.

use std::collections::BTreeMap;

use entity::Money;
use iban::{Iban, IbanLike};
use quick_xml::XmlVersion;
use quick_xml::events::Event;
use quick_xml::reader::Reader;

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Order {
    pub(super) message_id: String,
    pub(super) amount: Money,
    /// The creditor's IBAN, or another number.
    pub(super) to: String,
    pub(super) creditor: String,
    pub(super) text: String,
    pub(super) service: String,
    /// Where the creditor lives.
    pub(super) town: String,
    /// What names its bank: the BIC, then its clearing code.
    pub(super) agent: String,
}

/// Every element with a text that may be there, in the schema's order; `!` means that it must.
const ELEMENTS: &str = "GrpHdr/MsgId! GrpHdr/CreDtTm! GrpHdr/NbOfTxs! GrpHdr/CtrlSum! GrpHdr/InitgPty/Nm! PmtInf/PmtInfId! \
    PmtInf/PmtMtd! PmtInf/BtchBookg! PmtInf/NbOfTxs! PmtInf/CtrlSum! PmtInf/PmtTpInf/SvcLvl/Cd PmtInf/ReqdExctnDt/Dt! \
    PmtInf/Dbtr/Nm! PmtInf/Dbtr/PstlAdr/StrtNm PmtInf/Dbtr/PstlAdr/BldgNb PmtInf/Dbtr/PstlAdr/PstCd PmtInf/Dbtr/PstlAdr/TwnNm \
    PmtInf/Dbtr/PstlAdr/CtrySubDvsn PmtInf/Dbtr/PstlAdr/Ctry PmtInf/DbtrAcct/Id/IBAN! PmtInf/DbtrAcct/Ccy! PmtInf/DbtrAgt/FinInstnId/BICFI! PmtInf/ChrgBr! \
    PmtInf/CdtTrfTxInf/PmtId/EndToEndId! PmtInf/CdtTrfTxInf/Amt/InstdAmt! PmtInf/CdtTrfTxInf/CdtrAgt/FinInstnId/BICFI \
    PmtInf/CdtTrfTxInf/CdtrAgt/FinInstnId/ClrSysMmbId/ClrSysId/Cd PmtInf/CdtTrfTxInf/CdtrAgt/FinInstnId/ClrSysMmbId/MmbId \
    PmtInf/CdtTrfTxInf/CdtrAgt/FinInstnId/Nm PmtInf/CdtTrfTxInf/Cdtr/Nm! PmtInf/CdtTrfTxInf/Cdtr/PstlAdr/StrtNm \
    PmtInf/CdtTrfTxInf/Cdtr/PstlAdr/BldgNb PmtInf/CdtTrfTxInf/Cdtr/PstlAdr/PstCd PmtInf/CdtTrfTxInf/Cdtr/PstlAdr/TwnNm \
    PmtInf/CdtTrfTxInf/Cdtr/PstlAdr/CtrySubDvsn PmtInf/CdtTrfTxInf/Cdtr/PstlAdr/Ctry \
    PmtInf/CdtTrfTxInf/CdtrAcct/Id/IBAN PmtInf/CdtTrfTxInf/CdtrAcct/Id/Othr/Id PmtInf/CdtTrfTxInf/RmtInf/Ustrd!";

/// A transfer of ours, or what a bank would say against it.
pub(super) fn read(body: &[u8], accounts: &[(&str, &str)]) -> Result<Order, String> {
    let leaves = leaves(std::str::from_utf8(body).map_err(|error| error.to_string())?)?;
    in_order(&leaves)?;
    let values: BTreeMap<&str, &str> = leaves.iter().map(|(path, text, _)| (path.as_str(), text.as_str())).collect();
    let get = |path: &str| values.get(path).copied().unwrap_or_default();
    let must = |holds: bool, what: &str| if holds { Ok(()) } else { Err(what.to_owned()) };
    for (path, text) in &values {
        must(text.chars().all(is_carried), &format!("{path} has characters that no bank carries"))?;
        must(!text.is_empty() && text.trim() == *text, &format!("{path} is blank"))?;
    }
    let tx = |path: &str| get(&format!("PmtInf/CdtTrfTxInf/{path}")).to_owned();
    let id = get("GrpHdr/MsgId");
    must(id.len() <= 35 && !id.starts_with('/'), "MsgId")?;
    must(get("PmtInf/PmtInfId").len() <= 35 && get("PmtInf/PmtInfId") == format!("{id}-1"), "PmtInfId")?;
    must(tx("PmtId/EndToEndId") == id, "EndToEndId")?;
    must(get("PmtInf/PmtMtd") == "TRF", "PmtMtd")?;
    must(get("PmtInf/BtchBookg") == "false", "BtchBookg")?;
    for place in ["PmtInf/Dbtr", "PmtInf/CdtTrfTxInf/Cdtr"] {
        address(&|name| get(&format!("{place}/PstlAdr/{name}")).to_owned())?;
    }
    agent(&|name| tx(&format!("CdtrAgt/FinInstnId/{name}")), &tx("CdtrAcct/Id/IBAN"))?;
    let currency = leaves.iter().find_map(|(_, _, currency)| currency.clone()).ok_or("InstdAmt has no currency")?;
    let amount = Money::exact(&tx("Amt/InstdAmt"), &currency).map_err(|error| error.to_string())?;
    for place in ["GrpHdr", "PmtInf"] {
        must(get(&format!("{place}/NbOfTxs")) == "1", "NbOfTxs")?;
        must(get(&format!("{place}/CtrlSum")) == tx("Amt/InstdAmt"), "CtrlSum")?;
    }
    let of_debtor = (get("PmtInf/DbtrAcct/Ccy"), get("PmtInf/DbtrAcct/Id/IBAN"));
    must(
        of_debtor.0 == currency && accounts.contains(&of_debtor),
        "the account is none of the customer's in this currency",
    )?;
    let day = get("PmtInf/ReqdExctnDt/Dt").parse::<chrono::NaiveDate>().map_err(|error| error.to_string())?;
    let created = chrono::DateTime::parse_from_rfc3339(get("GrpHdr/CreDtTm")).map_err(|error| error.to_string())?;
    must(created.date_naive() == day, "ReqdExctnDt is not today")?;
    let (iban, other) = (tx("CdtrAcct/Id/IBAN"), tx("CdtrAcct/Id/Othr/Id"));
    must(iban.is_empty() != other.is_empty(), "one account of the creditor")?;
    if !iban.is_empty() {
        let parsed: Iban = iban.parse().map_err(|_error| "AC01: the IBAN")?;
        must(parsed.electronic_str() == iban, "the IBAN has blanks")?;
    }
    let service = get("PmtInf/PmtTpInf/SvcLvl/Cd");
    let charges = if service == "SEPA" { "SLEV" } else { "DEBT" };
    must(service.is_empty() || (service == "SEPA" && currency == "EUR" && !iban.is_empty()), "SEPA")?;
    must(get("PmtInf/ChrgBr") == charges, "ChrgBr")?;
    must(tx("Cdtr/Nm").len() <= 70 && tx("RmtInf/Ustrd").len() <= 140, "a text is too long")?;
    let (creditor, text) = (tx("Cdtr/Nm"), tx("RmtInf/Ustrd"));
    let is_abroad = !iban.starts_with("DE") && (iban.is_empty() || iban.get(..2) != of_debtor.1.get(..2));
    let town = tx("Cdtr/PstlAdr/TwnNm");
    must(!is_abroad || !town.is_empty(), "outside of SEPA the creditor's town is missing")?;
    let agent = tx("CdtrAgt/FinInstnId/BICFI") + &tx("CdtrAgt/FinInstnId/ClrSysMmbId/MmbId");
    let to = if iban.is_empty() { other } else { iban };
    Ok(Order { message_id: id.to_owned(), amount, to, creditor, text, service: service.to_owned(), town, agent })
}

/// The parts of an address and their lengths (ISO 20022, `PostalAddress24`); the Swiss rule CH21: town and country, or none.
fn address(part: &dyn Fn(&str) -> String) -> Result<(), String> {
    for (name, longest) in
        [("StrtNm", 70), ("BldgNb", 16), ("PstCd", 16), ("TwnNm", 35), ("CtrySubDvsn", 35), ("Ctry", 2)]
    {
        if part(name).len() > longest {
            return Err(format!("{name} is too long"));
        }
    }
    let any = ["StrtNm", "BldgNb", "PstCd", "CtrySubDvsn"].iter().any(|name| !part(name).is_empty());
    match (part("TwnNm").is_empty(), part("Ctry").is_empty()) {
        (false, false) => Ok(()),
        (true, true) if !any => Ok(()),
        _half => Err("CH21: an address has its town and its country".to_owned()),
    }
}

/// How the creditor's bank is named: the Swiss rule CH17, and a code where there is no IBAN.
fn agent(part: &dyn Fn(&str) -> String, iban: &str) -> Result<(), String> {
    let (bic, code) = (part("BICFI"), part("ClrSysMmbId/MmbId"));
    if !bic.is_empty() && !part("Nm").is_empty() {
        return Err("CH17: a BIC stands without a name".to_owned());
    }
    if code.is_empty() != part("ClrSysMmbId/ClrSysId/Cd").is_empty() {
        return Err("a clearing code has its system".to_owned());
    }
    if iban.is_empty() && bic.is_empty() && code.is_empty() {
        return Err("RC04: nothing names the creditor's bank".to_owned());
    }
    Ok(())
}

fn is_carried(character: char) -> bool {
    character.is_ascii_alphanumeric() || " /-?:().,'+".contains(character)
}

fn in_order(leaves: &[Leaf]) -> Result<(), String> {
    let known: Vec<&str> = ELEMENTS.split_whitespace().collect();
    let mut next = 0;
    for (path, _, _) in leaves {
        let found = known[next..].iter().position(|known| known.trim_end_matches('!') == path);
        let found = next + found.ok_or_else(|| format!("{path} is not expected here"))?;
        if let Some(missing) = known[next..found].iter().find(|known| known.ends_with('!')) {
            return Err(format!("{missing} is missing"));
        }
        next = found + 1;
    }
    match known[next..].iter().find(|known| known.ends_with('!')) {
        Some(missing) => Err(format!("{missing} is missing")),
        None => Ok(()),
    }
}

/// A path, its text, and its currency.
type Leaf = (String, String, Option<String>);

/// Elements with text only: their paths below the body, their texts, their currencies.
fn leaves(text: &str) -> Result<Vec<Leaf>, String> {
    let mut reader = Reader::from_str(text);
    let (mut open, mut found): (Vec<String>, Vec<Leaf>) = Default::default();
    let (mut content, mut currency, mut is_leaf) = (String::new(), None, false);
    loop {
        match reader.read_event().map_err(|error| error.to_string())? {
            Event::Start(start) => {
                let name = start.name().as_ref().to_owned();
                let attributes: Vec<(String, String)> = start
                    .attributes()
                    .map(|one| one.map(|one| (one.key.as_ref().to_owned(), one.value.to_string())))
                    .collect::<Result<_, _>>()
                    .map_err(|error| error.to_string())?;
                currency = match (name.as_str(), attributes.as_slice()) {
                    ("Document", [(key, space)]) if open.is_empty() && key == "xmlns" => {
                        if space != "urn:iso:std:iso:20022:tech:xsd:pain.001.001.09" {
                            return Err("another message".to_owned());
                        }
                        None
                    }
                    ("InstdAmt", [(key, code)]) if key == "Ccy" => Some(code.clone()),
                    (_, []) if !open.is_empty() => None,
                    (name, attributes) => return Err(format!("{name} has {attributes:?}")),
                };
                open.push(name);
                content.clear();
                is_leaf = true;
            }
            Event::End(_) => {
                if is_leaf {
                    let path = open.get(2..).unwrap_or_default().join("/");
                    found.push((path, content.clone(), currency.take()));
                }
                is_leaf = false;
                open.pop();
            }
            Event::Text(inside) => content.push_str(&inside.xml_content(XmlVersion::Implicit1_0)),
            Event::GeneralRef(reference) => match &*reference {
                "apos" => content.push('\''),
                other => return Err(format!("&{other};")),
            },
            Event::Decl(_) => {}
            Event::Eof => return Ok(found),
            Event::Empty(_) | Event::CData(_) | Event::Comment(_) | Event::PI(_) | Event::DocType(_) => {
                return Err("it is written in a way that this bank doesn't read".to_owned());
            }
        }
    }
}
