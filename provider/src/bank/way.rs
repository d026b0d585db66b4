//! How a payment order gets to the bank: as a file in a folder, or posted.

use std::fs::{self, File, OpenOptions};
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};

use reqwest::StatusCode;
use reqwest::header::CONTENT_TYPE;
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use uuid::Uuid;

use super::document::BankMessage;
use super::order::TransferOrder;
use super::report::{StatusReport, Verdict};
use crate::interface::ProviderError;
use crate::wire::call;

#[derive(Debug)]
pub(super) enum OrderChannel {
    Folder(PathBuf),
    Api { client: reqwest::Client, base: String, key: SecretString },
}

impl OrderChannel {
    /// Gives the bank an order; what it says of it at once. `unique` names what is only half written.
    pub(super) async fn send(&self, order: TransferOrder, unique: Uuid) -> Result<Verdict, ProviderError> {
        match self {
            Self::Folder(folder) => {
                let folder = folder.clone();
                let writing = tokio::task::spawn_blocking(move || put(&folder, &order, unique));
                let written = writing.await.map_err(|error| ProviderError::Unknown(error.to_string()))?;
                let problem = |error| ProviderError::Unknown(format!("the order could not be written: {error}"));
                written.map(|()| Verdict::Taken).map_err(problem)
            }
            Self::Api { client, base, key } => {
                let request = client.post(call::url(base, &[])?).bearer_auth(key.expose_secret());
                let request = request.header(CONTENT_TYPE, "application/xml").body(order.xml.clone());
                let answer = call::send(request).await?;
                understand(answer.status, &answer.body, &order)
            }
        }
    }
}

/// All of it or nothing, under its own name; what is there under that name was given to the bank before and stays as it is.
fn put(folder: &Path, order: &TransferOrder, unique: Uuid) -> std::io::Result<()> {
    let path = folder.join(format!("{}.xml", order.message_id));
    let half = folder.join(format!(".{}.{unique}.tmp", order.message_id));
    let mut file = OpenOptions::new().write(true).create_new(true).open(&half)?;
    let written = file.write_all(order.xml.as_bytes()).and_then(|()| file.sync_all());
    // A link, because a rename would replace what is there.
    let linked = written.and_then(|()| match fs::hard_link(&half, &path) {
        Err(error) if error.kind() == ErrorKind::AlreadyExists => Ok(()),
        other => other,
    });
    let removed = fs::remove_file(&half);
    linked.and(removed)?;
    File::open(folder)?.sync_all()
}

/// What banks' gateways answer: a document of their own, or a pain.002.
#[derive(Deserialize)]
struct GatewayAnswer {
    format: String,
    msg_id: String,
    status: String,
    reason: Option<String>,
    #[serde(default)]
    payments: Vec<GatewayPayment>,
}

#[derive(Deserialize)]
struct GatewayPayment {
    end_to_end_id: String,
    outcome: String,
    reason: Option<String>,
    amount: i64,
    currency: String,
}

/// Only what the bank itself says of this order counts; a gateway's status, a wrong key, an answer about something else
/// leave it unknown, and the same order is sent again under the same name.
fn understand(status: StatusCode, body: &[u8], order: &TransferOrder) -> Result<Verdict, ProviderError> {
    let unknown = |what: &str| ProviderError::Unknown(format!("HTTP {}: {what}", status.as_u16()));
    if !status.is_success() && call::says_nothing(status) {
        return Err(unknown("no answer of the bank's"));
    }
    let verdict =
        if body.trim_ascii_start().starts_with(b"<") { said_in_xml(body, order) } else { said_in_json(body, order) };
    match verdict.map_err(unknown)? {
        Verdict::Taken if !status.is_success() => Err(unknown("an error that says that the order was taken")),
        verdict @ (Verdict::Taken | Verdict::Duplicate | Verdict::Rejected { .. }) => Ok(verdict),
    }
}

fn said_in_xml(body: &[u8], order: &TransferOrder) -> Result<Verdict, &'static str> {
    let unreadable = "an answer that can't be read";
    let document = BankMessage::read(body).map_err(|_problem| unreadable)?;
    if document.kind() != "pain.002" {
        return Err(unreadable);
    }
    let report = StatusReport::read(&document).map_err(|_problem| unreadable)?;
    if report.message != order.message_id {
        return Err("an answer about another order");
    }
    let mut verdicts = report.verdicts.into_iter().filter(|(id, _verdict)| *id == order.message_id);
    match (verdicts.next(), verdicts.next()) {
        (Some((_id, Ok(verdict))), None) => Ok(verdict),
        (Some(_) | None, _) => Err("an answer that doesn't say what became of the order"),
    }
}

fn said_in_json(body: &[u8], order: &TransferOrder) -> Result<Verdict, &'static str> {
    let answer: GatewayAnswer = serde_json::from_slice(body).map_err(|_source| "an answer that can't be read")?;
    if answer.format != "iso20022" || answer.msg_id != order.message_id {
        return Err("an answer about another order");
    }
    let unclear = "an answer that doesn't say what became of the order";
    let payment = match answer.payments.as_slice() {
        [] => None,
        [payment] => Some(payment),
        _several => return Err(unclear),
    };
    if payment.is_some_and(|payment| {
        payment.end_to_end_id != order.message_id
            || payment.amount != order.amount.amount.0
            || payment.currency != order.amount.currency.code()
    }) {
        return Err("an answer about another transfer");
    }
    let reason = payment.and_then(|payment| payment.reason.as_deref()).or(answer.reason.as_deref());
    match (answer.status.as_str(), payment.map(|payment| payment.outcome.as_str())) {
        ("RJCT", None | Some("rejected")) if reason.is_some() => Verdict::of("RJCT", reason).ok_or(unclear),
        ("RJCT", _) | (_, Some("rejected")) => Err(unclear),
        (status, None | Some("accepted")) => Verdict::of(status, None).ok_or(unclear),
        (_, Some(_)) => Err(unclear),
    }
}

#[cfg(test)]
mod tests {
    use entity::Money;

    use super::*;

    const VECTORS: &str = include_str!("../../../tests/vectors/bank_iso20022.json");

    fn order(id: &str, amount: &str) -> TransferOrder {
        let amount = Money::exact(amount, "EUR").expect("euros");
        TransferOrder { message_id: id.to_owned(), amount, xml: "<x/>".to_owned() }
    }

    fn answer(changed: &[(&str, &str)]) -> Vec<u8> {
        let mut text =
            r#"{"format":"iso20022","msg_id":"M1","status":"ACCP","reason":null,"payments":[{"end_to_end_id":"M1",
            "outcome":"accepted","reason":null,"amount":34500,"currency":"EUR"}]}"#
                .to_owned();
        for (from, to) in changed {
            assert!(text.contains(from), "{from}");
            text = text.replacen(from, to, 1);
        }
        text.into_bytes()
    }

    #[test]
    fn the_samples_answers_are_understood() {
        let file: serde_json::Value = serde_json::from_str(VECTORS).expect("JSON");
        let vectors = file["vectors"].as_array().expect("a list");
        let mut seen = 0;
        for vector in vectors.iter().filter(|vector| vector["expect"].get("answer").is_some()) {
            let id = vector["id"].as_str().expect("an id");
            let status = vector["expect"]["http"].as_u64().and_then(|code| u16::try_from(code).ok()).expect("a status");
            let status = StatusCode::from_u16(status).expect("a status");
            let mut answer = vector["expect"]["answer"].clone();
            let message = answer["msg_id"].as_str().expect("an id").to_owned();
            let amount = if id.contains("closed") {
                "10.00"
            } else if id.contains("returned") {
                "20.00"
            } else {
                "345.00"
            };
            for payment in answer["payments"].as_array_mut().expect("a list") {
                // Ours have one name for the message and for the transfer in it.
                payment["end_to_end_id"] = message.clone().into();
            }
            let understood = understand(status, answer.to_string().as_bytes(), &order(&message, amount));
            let expected = match id {
                "refund_ok_request" | "refund_returned_request" => Verdict::Taken,
                "refund_duplicate_msgid_request" => Verdict::Duplicate,
                "refund_closed_account_request" => {
                    Verdict::Rejected { reason: "the account is closed (AC04)".to_owned() }
                }
                other => panic!("{other}: nothing is expected of it"),
            };
            assert_eq!(understood, Ok(expected), "{id}");
            seen += 1;
        }
        assert_eq!(seen, 4);
    }

    #[test]
    fn only_the_banks_own_word_about_this_order_counts() {
        let answered = |status: u16, body: &[u8]| {
            understand(StatusCode::from_u16(status).expect("a status"), body, &order("M1", "345.00"))
        };
        assert_eq!(answered(202, &answer(&[])), Ok(Verdict::Taken));
        for changed in [
            ("iso20022", "other"),
            ("\"msg_id\":\"M1\"", "\"msg_id\":\"M2\""),
            ("\"end_to_end_id\":\"M1\"", "\"end_to_end_id\":\"M2\""),
            ("34500", "34501"),
            ("EUR", "USD"),
            ("accepted", "rejected"),
            ("accepted", "?"),
            ("ACCP", "?"),
            ("ACCP", "RJCT"),
            ("{", "["),
        ] {
            assert!(matches!(answered(202, &answer(&[changed])), Err(ProviderError::Unknown(_))), "{changed:?}");
        }
        let rejected = [
            ("ACCP", "RJCT"),
            ("accepted", "rejected"),
            ("\"reason\":null,\"amount\"", "\"reason\":\"AM04\",\"amount\""),
        ];
        let reason = "our account did not have enough money (AM04)".to_owned();
        assert_eq!(answered(422, &answer(&rejected)), Ok(Verdict::Rejected { reason }));
        let no_reason = [("ACCP", "RJCT"), ("accepted", "rejected")];
        for (status, body) in [
            (500, answer(&rejected)),
            (401, answer(&rejected)),
            (429, answer(&rejected)),
            (422, answer(&[])),
            (422, answer(&no_reason)),
            (202, Vec::new()),
            (200, b"OK".to_vec()),
            (404, b"<html>not found</html>".to_vec()),
            (301, answer(&[])),
        ] {
            assert!(matches!(answered(status, &body), Err(ProviderError::Unknown(_))), "{status} {body:?}");
        }
    }

    #[test]
    fn an_answer_can_be_a_pain_002() {
        let pain = |id: &str, status: &str| {
            format!(
                "<Document xmlns=\"urn:iso:std:iso:20022:tech:xsd:pain.002.001.10\"><CstmrPmtStsRpt><OrgnlGrpInfAndSts>
                <OrgnlMsgId>{id}</OrgnlMsgId><OrgnlMsgNmId>pain.001.001.09</OrgnlMsgNmId><GrpSts>{status}</GrpSts>
                <StsRsnInf><Rsn><Cd>DUPL</Cd></Rsn></StsRsnInf></OrgnlGrpInfAndSts></CstmrPmtStsRpt></Document>"
            )
        };
        let answered = |body: String| understand(StatusCode::OK, body.as_bytes(), &order("M1", "345.00"));
        assert_eq!(answered(pain("M1", "ACCP")), Ok(Verdict::Taken));
        assert_eq!(answered(pain("M1", "RJCT")), Ok(Verdict::Duplicate));
        assert!(answered(pain("M2", "ACCP")).is_err() && answered(pain("M1", "PART")).is_err());
    }

    #[test]
    fn a_file_is_put_there_once_and_never_replaced() {
        let folder = tempfile::tempdir().expect("a folder");
        let clock = ground::clock::Clock::default();
        put(folder.path(), &order("M1", "1.00"), clock.new_id()).expect("written");
        let again = TransferOrder { xml: "<other/>".to_owned(), ..order("M1", "1.00") };
        put(folder.path(), &again, clock.new_id()).expect("there already");
        let names: Vec<_> =
            fs::read_dir(folder.path()).expect("reads").map(|entry| entry.expect("one").file_name()).collect();
        assert_eq!(names, ["M1.xml"]);
        assert_eq!(fs::read_to_string(folder.path().join("M1.xml")).expect("reads"), "<x/>");
        assert!(put(&folder.path().join("none"), &order("M2", "1.00"), clock.new_id()).is_err());
    }
}
