//! What the played YooKassa has in its books, and what it says of it.

use std::collections::BTreeMap;

use chrono::SecondsFormat;
use ground::clock::Clock;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use super::{SHOP, news};

/// A status and a document; none if there is only a status.
pub(super) type Said = (u16, Value);

pub(super) struct Asked<'a> {
    pub(super) path: &'a [&'a str],
    pub(super) query: &'a BTreeMap<String, String>,
    pub(super) body: &'a [u8],
    pub(super) key: &'a str,
}

/// However many are asked for: so that pages are turned.
const LONGEST_PAGE: usize = 2;

#[derive(Default)]
pub(super) struct Books {
    serial: u32,
    pub(super) payments: Vec<Value>,
    pub(super) refunds: Vec<Value>,
    /// Not sent yet.
    pub(super) news: Vec<Value>,
    /// The next posts are done, but answered by "still processing".
    pub(super) slow: u32,
    /// Refunds are there when they are asked for.
    pub(super) refunds_at_once: bool,
    /// Payments are shown with this in this place.
    pub(super) misdeed: Option<(&'static str, Value)>,
    /// Notifications would have to come from the other end of the connection.
    pub(super) is_behind_no_proxy: bool,
    once: BTreeMap<String, (String, Value, Said)>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Money {
    value: String,
    currency: String,
}

impl Money {
    /// Kopecks.
    fn units(&self) -> Result<i64, Said> {
        let wrong = || invalid("Incorrect amount", "amount.value");
        if self.currency != "RUB" {
            return Err(invalid("Incorrect currency", "amount.currency"));
        }
        let (roubles, kopecks) = self.value.split_once('.').ok_or_else(wrong)?;
        let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        if !digits(roubles) || !digits(kopecks) || kopecks.len() != 2 || (roubles.len() > 1 && roubles.starts_with('0'))
        {
            return Err(wrong());
        }
        format!("{roubles}{kopecks}").parse().map_err(|_error| wrong())
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Pay {
    amount: Money,
    capture: bool,
    confirmation: Confirmation,
    payment_method_data: Kind,
    description: String,
    metadata: BTreeMap<String, String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Confirmation {
    #[serde(rename = "type")]
    kind: String,
    return_url: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Kind {
    #[serde(rename = "type")]
    kind: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Back {
    payment_id: String,
    amount: Money,
    description: String,
    metadata: BTreeMap<String, String>,
}

pub(super) fn error(status: u16, code: &str, description: &str, parameter: Option<&str>) -> Said {
    let mut document = json!({ "type": "error", "id": "ab5a11cd-13cc-4e33-af8b-75a74e18dd09", "code": code,
        "description": description });
    if let Some(parameter) = parameter {
        document["parameter"] = json!(parameter);
    }
    (status, document)
}

fn invalid(description: &str, parameter: &str) -> Said {
    error(400, "invalid_request", description, Some(parameter))
}

fn read<T: DeserializeOwned>(body: &[u8]) -> Result<T, Said> {
    serde_json::from_slice(body).map_err(|error| invalid(&format!("JSON parse error: {error}"), "body"))
}

fn check(query: &BTreeMap<String, String>, known: &[&str]) -> Result<(), Said> {
    match query.keys().find(|name| !known.contains(&name.as_str())) {
        Some(unknown) => Err(invalid("Unknown parameter", unknown)),
        None => Ok(()),
    }
}

fn check_metadata(metadata: &BTreeMap<String, String>) -> Result<(), Said> {
    let fits = metadata.len() <= 16 && metadata.iter().all(|(name, value)| name.len() <= 32 && value.len() <= 512);
    if fits { Ok(()) } else { Err(invalid("Too much", "metadata")) }
}

fn now() -> String {
    Clock::default().wall().to_rfc3339_opts(SecondsFormat::Millis, true)
}

fn found(objects: &[Value], id: &str) -> Result<Value, Said> {
    let known = objects.iter().find(|object| object["id"] == id).cloned();
    known.ok_or_else(|| error(404, "not_found", "It doesn't exist or access denied", Some("id")))
}

/// The newest first.
fn page(objects: Vec<Value>, query: &BTreeMap<String, String>) -> Result<Value, Said> {
    if query.get("limit").is_some_and(|limit| !limit.parse::<u8>().is_ok_and(|limit| (1..=100).contains(&limit))) {
        return Err(invalid("From 1 to 100", "limit"));
    }
    let from: usize = match query.get("cursor") {
        Some(cursor) => cursor.parse().map_err(|_error| invalid("No such cursor", "cursor"))?,
        None => 0,
    };
    let items: Vec<&Value> = objects.iter().rev().skip(from).take(LONGEST_PAGE).collect();
    let mut document = json!({ "type": "list", "items": items });
    if from + LONGEST_PAGE < objects.len() {
        document["next_cursor"] = json!((from + LONGEST_PAGE).to_string());
    }
    Ok(document)
}

fn units(object: &Value) -> i64 {
    let amount: Money = serde_json::from_value(object["amount"].clone()).expect("an amount");
    amount.units().expect("kopecks")
}

impl Books {
    fn next_id(&mut self) -> String {
        self.serial += 1;
        format!("{:08x}-000f-5000-9000-{:012x}", 0x22d6_d597 + self.serial, self.serial)
    }

    /// YooKassa keeps them for 24 hours.
    pub(super) fn forget_keys(&mut self) {
        self.once.clear();
    }

    pub(super) fn get(&self, asked: &Asked<'_>) -> Said {
        let said = match asked.path {
            ["v3", "payments"] => check(asked.query, &["created_at.gte", "limit", "cursor"]).and_then(|()| {
                let since = asked.query.get("created_at.gte").cloned().unwrap_or_default();
                let is_recent = |payment: &&Value| payment["created_at"].as_str().expect("a time") >= since.as_str();
                page(self.payments.iter().filter(is_recent).cloned().collect(), asked.query)
            }),
            ["v3", "payments", id] => {
                check(asked.query, &[]).and_then(|()| found(&self.payments, id)).map(|payment| self.shown(payment))
            }
            ["v3", "refunds"] => check(asked.query, &["payment_id", "limit", "cursor"]).and_then(|()| {
                let of = |refund: &&Value| asked.query.get("payment_id").is_none_or(|id| refund["payment_id"] == **id);
                page(self.refunds.iter().filter(of).cloned().collect(), asked.query)
            }),
            ["v3", "refunds", id] => check(asked.query, &[]).and_then(|()| found(&self.refunds, id)),
            _nothing_there => return (404, Value::Null),
        };
        said.map_or_else(|said| said, |document| (200, document))
    }

    fn shown(&self, mut payment: Value) -> Value {
        if let Some((place, value)) = &self.misdeed {
            *payment.pointer_mut(place).expect("a place") = value.clone();
        }
        payment
    }

    pub(super) fn post(&mut self, asked: &Asked<'_>) -> Said {
        let path = asked.path.join("/");
        if !(1..=64).contains(&asked.key.len()) {
            return invalid("Idempotence key is missing or too long", "Idempotence-Key");
        }
        let body: Value = match read(asked.body) {
            Ok(body) => body,
            Err(said) => return said,
        };
        let said = match self.once.get(asked.key) {
            Some((known, with, said)) if *known == path && *with == body => said.clone(),
            Some(_) => return invalid("Idempotence key duplicated", "Idempotence-Key"),
            None => {
                let done = match asked.path {
                    ["v3", "payments"] => read(asked.body).and_then(|pay| self.create(pay)),
                    ["v3", "refunds"] => read(asked.body).and_then(|back| self.give_back(back)),
                    _nothing_there => return (405, Value::Null),
                };
                let said = match done {
                    Ok(document) => (200, document),
                    Err(said) => return said,
                };
                self.once.insert(asked.key.to_owned(), (path, body, said.clone()));
                said
            }
        };
        if self.slow > 0 {
            self.slow -= 1;
            let document = json!({ "type": "processing", "description": "Request accepted, but not processed yet.",
                "retry_after": 1_800 });
            return (202, document);
        }
        said
    }

    fn create(&mut self, pay: Pay) -> Result<Value, Said> {
        if pay.amount.units()? < 100 {
            return Err(invalid("Amount is too small", "amount.value"));
        }
        check_metadata(&pay.metadata)?;
        if !pay.capture || pay.confirmation.kind != "redirect" || !pay.confirmation.return_url.starts_with("http") {
            return Err(invalid("This fake knows payments on a page of its own, captured at once", "confirmation"));
        }
        if pay.description.is_empty() || pay.description.chars().count() > 128 {
            return Err(invalid("1 to 128 characters", "description"));
        }
        if pay.payment_method_data.kind != "yoo_money" {
            return Err(invalid("Payment method is not available", "payment_method_data.type"));
        }
        let id = self.next_id();
        let page = format!("https://yoomoney.ru/checkout/payments/v2/contract?orderId={id}");
        let payment = json!({ "id": id, "status": "pending", "paid": false,
            "amount": { "value": pay.amount.value, "currency": pay.amount.currency },
            "confirmation": { "type": "redirect", "confirmation_url": page }, "created_at": now(),
            "description": pay.description, "metadata": pay.metadata,
            "payment_method": { "type": "yoo_money", "id": id, "saved": false },
            "recipient": { "account_id": SHOP, "gateway_id": "100700" }, "refundable": false, "test": true });
        self.payments.push(payment.clone());
        Ok(payment)
    }

    fn give_back(&mut self, back: Back) -> Result<Value, Said> {
        let payment = found(&self.payments, &back.payment_id)?;
        check_metadata(&back.metadata)?;
        if back.description.is_empty() || back.description.chars().count() > 250 {
            return Err(invalid("1 to 250 characters", "description"));
        }
        if payment["status"] != "succeeded" {
            return Err(invalid("Payment is not succeeded", "payment_id"));
        }
        let amount = back.amount.units()?;
        if amount < 1 || amount + self.refunded(&payment["id"]) > units(&payment) {
            return Err(invalid("Amount is more than what is left to be refunded", "amount.value"));
        }
        let status = if self.refunds_at_once { "succeeded" } else { "pending" };
        let refund = json!({ "id": self.next_id(), "payment_id": back.payment_id, "status": status,
            "amount": { "value": back.amount.value, "currency": back.amount.currency }, "created_at": now(),
            "description": back.description, "metadata": back.metadata });
        self.refunds.push(refund.clone());
        if self.refunds_at_once {
            self.news.push(news("refund.succeeded", &refund));
        }
        Ok(refund)
    }

    /// By our reference.
    pub(super) fn payment(&self, payment: &str) -> &Value {
        let found = self.payments.iter().find(|known| known["metadata"]["payment_id"] == payment);
        found.unwrap_or_else(|| panic!("YooKassa has no payment {payment}"))
    }

    fn end(&mut self, payment: &str, event: &str, change: &Value) {
        let id = self.payment(payment)["id"].clone();
        let known = self.payments.iter_mut().find(|known| known["id"] == id).expect("found just now");
        assert_eq!(known["status"], "pending", "{known}");
        let object = known.as_object_mut().expect("an object");
        object.remove("confirmation");
        object.extend(change.as_object().expect("an object").clone());
        self.news.push(news(event, known));
    }

    pub(super) fn pay(&mut self, payment: &str) {
        let change = json!({ "status": "succeeded", "paid": true, "refundable": true, "captured_at": now() });
        self.end(payment, "payment.succeeded", &change);
    }

    pub(super) fn cancel(&mut self, payment: &str, party: &str, reason: &str) {
        let change = json!({ "status": "canceled", "cancellation_details": { "party": party, "reason": reason } });
        self.end(payment, "payment.canceled", &change);
    }

    fn pending_refund(&mut self, refund: &str) -> Option<&mut Value> {
        let mut known = self.refunds.iter_mut().filter(|known| known["metadata"]["refund_id"] == refund);
        known.find(|known| known["status"] == "pending")
    }

    pub(super) fn settle_refund(&mut self, refund: &str) {
        if let Some(known) = self.pending_refund(refund) {
            known["status"] = json!("succeeded");
            let told = news("refund.succeeded", known);
            self.news.push(told);
        }
    }

    /// Nobody is told.
    pub(super) fn fail_refund(&mut self, refund: &str) -> bool {
        let Some(known) = self.pending_refund(refund) else { return false };
        known["status"] = json!("canceled");
        known["cancellation_details"] = json!({ "party": "yoo_money", "reason": "yoo_money_account_closed" });
        true
    }

    pub(super) fn refunded(&self, payment: &Value) -> i64 {
        let of = self.refunds.iter().filter(|refund| refund["payment_id"] == *payment);
        of.filter(|refund| refund["status"] != "canceled").map(units).sum()
    }

    /// Calls things otherwise, as in somebody's samples.
    pub(super) fn rename(&mut self, from: &str, to: &str) {
        for objects in [&mut self.payments, &mut self.refunds] {
            let text = Value::from(std::mem::take(objects)).to_string().replace(from, to);
            *objects = serde_json::from_str(&text).expect("JSON");
        }
    }
}
