//! What the played Stripe has in its books, and what it says of it.

use serde_json::{Value, json};

use super::fake::{Asked, IdempotencyKey, Pairs, event};
use crate::support::rail::Claim;

/// A status and a document.
pub(crate) type Said = (u16, Value);

/// 2025-11-01 in the morning; every object is a second younger than the one before.
pub(crate) const OPENING: i64 = 1_761_955_200;

/// However many are asked for: so that pages are turned.
const LONGEST_PAGE: usize = 2;

#[derive(Default)]
pub(crate) struct Books {
    serial: i64,
    pub(crate) intents: Vec<Value>,
    pub(crate) refunds: Vec<Value>,
    pub(crate) charges: Vec<Value>,
    pub(crate) disputes: Vec<Value>,
    pub(crate) transactions: Vec<Value>,
    /// Not sent yet.
    pub(crate) events: Vec<Value>,
    /// At the next new payment; and it says the same as long as it is asked with the same key.
    pub(crate) breaks_down: bool,
    once: IdempotencyKey,
}

pub(crate) fn refusal(status: u16, kind: &str, code: &str, message: &str) -> Said {
    let mut error = json!({ "type": kind, "message": message });
    if !code.is_empty() {
        error["code"] = json!(code);
    }
    (status, json!({ "error": error }))
}

fn invalid(code: &str, message: &str) -> Said {
    refusal(400, "invalid_request_error", code, message)
}

fn missing(what: &str, id: &str) -> Said {
    refusal(404, "invalid_request_error", "resource_missing", &format!("No such {what}: '{id}'"))
}

/// Only these, and of these all.
fn check(pairs: &Pairs, known: &[&str], required: &[&str]) -> Result<(), Said> {
    if let Some(name) = pairs.keys().find(|name| !known.contains(&name.as_str()) && !required.contains(&name.as_str()))
    {
        return Err(invalid("parameter_unknown", &format!("Received unknown parameter: {name}")));
    }
    match required.iter().find(|name| pairs.get(**name).is_none_or(|value| value.is_empty())) {
        Some(name) => Err(invalid("parameter_missing", &format!("Missing required param: {name}."))),
        None => Ok(()),
    }
}

fn whole(pairs: &Pairs, name: &str) -> Result<i64, Said> {
    let text = &pairs[name];
    let plain = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    text.parse().ok().filter(|_| plain).ok_or_else(|| invalid("parameter_invalid_integer", "Invalid integer"))
}

impl Books {
    fn next(&mut self) -> i64 {
        self.serial += 1;
        self.serial
    }

    pub(crate) fn tell(&mut self, kind: &str, object: &Value) {
        let id = format!("evt_{}", self.next());
        self.events.push(event(&id, kind, object));
    }

    /// Calls things otherwise, as in somebody's samples.
    pub(crate) fn rename(&mut self, from: &str, to: &str) {
        for objects in
            [&mut self.intents, &mut self.refunds, &mut self.charges, &mut self.disputes, &mut self.transactions]
        {
            let text = Value::from(std::mem::take(objects)).to_string().replace(from, to);
            *objects = serde_json::from_str(&text).expect("JSON");
        }
    }

    /// Whether the answer to this key will be the one that was given before.
    pub(crate) fn repeats(&self, once: Option<&str>) -> bool {
        once.is_some_and(|once| self.once.contains_key(once))
    }

    /// Stripe keeps them for a day.
    pub(crate) fn forget_keys(&mut self) {
        self.once.clear();
    }

    pub(crate) fn said(&mut self, (method, path): Asked<'_>, pairs: &Pairs, once: Option<&str>) -> Said {
        if let Some(key) = once.filter(|_| method == "POST") {
            match self.once.get(key) {
                Some((known, with, said)) if *known == path.join("/") && with == pairs => return said.clone(),
                Some(_) => {
                    let message = "Keys for idempotent requests can only be used with the same parameters they were first used with.";
                    return refusal(400, "idempotency_error", "", message);
                }
                None => {}
            }
        }
        if (method, path) == ("POST", &["v1", "payment_intents"]) && std::mem::take(&mut self.breaks_down) {
            let said = refusal(500, "api_error", "", "An unknown error occurred");
            self.once.insert(once.unwrap_or_default().to_owned(), (path.join("/"), pairs.clone(), said.clone()));
            return said;
        }
        let said = match (method, path) {
            ("POST", ["v1", "payment_intents"]) => self.create(pairs, once),
            ("GET", ["v1", "payment_intents", "search"]) => self.search(pairs),
            ("GET", ["v1", "payment_intents", id]) => check(pairs, &[], &[])
                .and_then(|()| self.intent_by_id(id).cloned().ok_or_else(|| missing("payment_intent", id))),
            ("POST", ["v1", "payment_intents", id, "cancel"]) => self.cancel(id, pairs),
            ("POST", ["v1", "refunds"]) => self.refund(pairs, once),
            ("GET", ["v1", "refunds"]) => self.list_refunds(pairs),
            ("GET", ["v1", "refunds", id]) => {
                let found = self.refunds.iter().find(|refund| refund["id"] == *id).cloned();
                check(pairs, &[], &[]).and_then(|()| found.ok_or_else(|| missing("refund", id)))
            }
            ("GET", ["v1", "balance_transactions"]) => self.list_transactions(pairs),
            (method, path) => Err(invalid("", &format!("Unrecognized request URL ({method}: /{})", path.join("/")))),
        };
        let (said, was_done) = match said {
            Ok(document) => ((200, document), true),
            Err(error) => (error, false),
        };
        if let Some(key) = once.filter(|_| method == "POST" && was_done) {
            self.once.insert(key.to_owned(), (path.join("/"), pairs.clone(), said.clone()));
        }
        said
    }

    fn create(&mut self, pairs: &Pairs, once: Option<&str>) -> Result<Value, Said> {
        let required = [
            "amount",
            "currency",
            "capture_method",
            "payment_method_types[0]",
            "description",
            "metadata[payment_id]",
            "metadata[escrow_id]",
        ];
        check(pairs, &[], &required)?;
        let amount = whole(pairs, "amount")?;
        if !once.is_some_and(|once| once.starts_with(&format!("{}:create", pairs["metadata[payment_id]"]))) {
            return Err(invalid("", "this fake wants an Idempotency-Key that is of the payment"));
        }
        if (pairs["capture_method"].as_str(), pairs["payment_method_types[0]"].as_str()) != ("automatic", "card") {
            return Err(invalid("", "this fake knows cards that are captured at once"));
        }
        if pairs["currency"] != "eur" {
            return Err(invalid("", &format!("Invalid currency: {}", pairs["currency"])));
        }
        match amount {
            0..50 => return Err(invalid("amount_too_small", "Amount must be at least €0.50 eur")),
            50..=99_999_999 => {}
            _more => return Err(invalid("amount_too_large", "Amount must be no more than €999,999.99")),
        }
        let serial = self.next();
        let id = format!("pi_3Fake{serial:04}");
        let intent = json!({ "id": id, "object": "payment_intent", "amount": amount, "amount_capturable": 0,
            "amount_received": 0, "cancellation_reason": null, "capture_method": "automatic",
            "client_secret": format!("{id}_secret_{serial}"), "created": OPENING + serial, "currency": "eur",
            "description": pairs["description"], "last_payment_error": null, "latest_charge": null, "livemode": false,
            "metadata": { "payment_id": pairs["metadata[payment_id]"], "escrow_id": pairs["metadata[escrow_id]"] },
            "payment_method_types": ["card"], "status": "requires_payment_method" });
        self.intents.push(intent.clone());
        Ok(intent)
    }

    fn intent_by_id(&self, id: &str) -> Option<&Value> {
        self.intents.iter().find(|intent| intent["id"] == id)
    }

    /// By our reference.
    pub(crate) fn intent(&self, payment: &str) -> &Value {
        let mut found = self.intents.iter().filter(|intent| intent["metadata"]["payment_id"] == payment);
        found.next().unwrap_or_else(|| panic!("Stripe has no payment {payment}"))
    }

    fn change(&mut self, payment: &str, changed: &Value) -> Value {
        let id = self.intent(payment)["id"].clone();
        let intent = self.intents.iter_mut().find(|intent| intent["id"] == id).expect("found just now");
        merge(intent, changed)
    }

    fn search(&self, pairs: &Pairs) -> Result<Value, Said> {
        check(pairs, &[], &["query"])?;
        let wanted = pairs["query"].strip_prefix("metadata['payment_id']:'").and_then(|rest| rest.strip_suffix('\''));
        let wanted = wanted.ok_or_else(|| invalid("", "We were unable to parse your search query."))?;
        let found: Vec<&Value> = self.intents.iter().filter(|one| one["metadata"]["payment_id"] == wanted).collect();
        Ok(json!({ "object": "search_result", "url": "/v1/payment_intents/search", "has_more": false, "data": found }))
    }

    fn cancel(&mut self, id: &str, pairs: &Pairs) -> Result<Value, Said> {
        check(pairs, &["cancellation_reason"], &[])?;
        let intent =
            self.intents.iter_mut().find(|intent| intent["id"] == id).ok_or_else(|| missing("payment_intent", id))?;
        let status = intent["status"].as_str().expect("a status");
        if ["succeeded", "canceled"].contains(&status) {
            let message = format!("You cannot cancel this PaymentIntent because it has a status of {status}.");
            let (status, mut document) = invalid("payment_intent_unexpected_state", &message);
            document["error"]["payment_intent"] = intent.clone();
            return Err((status, document));
        }
        let changed =
            merge(intent, &json!({ "status": "canceled", "cancellation_reason": pairs.get("cancellation_reason") }));
        self.tell("payment_intent.canceled", &changed);
        Ok(changed)
    }

    pub(crate) fn refunded(&self, intent: &Value) -> i64 {
        let of_it =
            self.refunds.iter().filter(|refund| refund["payment_intent"] == *intent && refund["status"] != "failed");
        of_it.map(|refund| refund["amount"].as_i64().expect("a number")).sum()
    }

    fn refund(&mut self, pairs: &Pairs, once: Option<&str>) -> Result<Value, Said> {
        check(pairs, &[], &["payment_intent", "amount", "metadata[refund_id]", "metadata[payment_id]"])?;
        let (id, amount) = (&pairs["payment_intent"], whole(pairs, "amount")?);
        if once != Some(pairs["metadata[refund_id]"].as_str()) {
            return Err(invalid("", "this fake wants an Idempotency-Key that is the refund's"));
        }
        let intent = self.intent_by_id(id).ok_or_else(|| missing("payment_intent", id))?.clone();
        if intent["status"] != "succeeded" {
            return Err(invalid("", "This PaymentIntent does not have a successful charge to refund."));
        }
        let left = intent["amount_received"].as_i64().expect("a number") - self.refunded(&intent["id"]);
        if left == 0 {
            return Err(invalid("charge_already_refunded", "The charge has already been refunded."));
        }
        if amount < 1 || amount > left {
            let message = format!("Refund amount ({amount}) is greater than unrefunded amount on charge ({left})");
            return Err(invalid("", &message));
        }
        let serial = self.next();
        let refund = json!({ "id": format!("re_3Fake{serial:04}"), "object": "refund", "amount": amount,
            "charge": intent["latest_charge"], "created": OPENING + serial, "currency": "eur", "failure_reason": null,
            "metadata": { "refund_id": pairs["metadata[refund_id]"], "payment_id": pairs["metadata[payment_id]"] },
            "payment_intent": id, "pending_reason": "processing", "reason": null, "status": "pending" });
        self.refunds.push(refund.clone());
        self.tell("refund.created", &refund);
        Ok(refund)
    }

    fn list_refunds(&self, pairs: &Pairs) -> Result<Value, Said> {
        check(pairs, &["limit", "starting_after"], &["payment_intent"])?;
        let id = &pairs["payment_intent"];
        self.intent_by_id(id).ok_or_else(|| missing("payment_intent", id))?;
        page(self.refunds.iter().rev().filter(|refund| refund["payment_intent"] == id.as_str()), pairs)
    }

    fn list_transactions(&self, pairs: &Pairs) -> Result<Value, Said> {
        check(pairs, &["limit", "starting_after"], &["created[gte]", "created[lt]", "expand[0]"])?;
        assert_eq!(pairs["expand[0]"], "data.source");
        let day = whole(pairs, "created[gte]")?..whole(pairs, "created[lt]")?;
        let of_day = |one: &&Value| day.contains(&one["created"].as_i64().expect("a number"));
        let mut page = page(self.transactions.iter().rev().filter(of_day), pairs)?;
        for one in page["data"].as_array_mut().expect("a list") {
            let objects = [&self.charges, &self.refunds, &self.disputes];
            let source = objects.into_iter().flatten().find(|object| object["id"] == one["source"]);
            one["source"] = source.cloned().unwrap_or_else(|| one["source"].clone());
        }
        Ok(page)
    }

    /// A movement of our balance.
    pub(crate) fn move_money(&mut self, kind: &str, amount: i64, fee: i64, source: &Value) -> Value {
        let serial = self.next();
        let moved = json!({ "id": format!("txn_3Fake{serial:04}"), "object": "balance_transaction", "amount": amount,
            "created": OPENING + serial, "currency": "eur", "exchange_rate": 1.5, "fee": fee, "net": amount - fee,
            "source": source, "status": "pending", "type": kind });
        self.transactions.push(moved.clone());
        moved
    }

    pub(crate) fn pay(&mut self, payment: &str) {
        let serial = self.next();
        let intent = self.intent(payment).clone();
        assert!(intent["status"] != "canceled" && intent["status"] != "succeeded", "nobody can pay {intent}");
        let (amount, charge) = (intent["amount"].clone(), format!("ch_3Fake{serial:04}"));
        self.charges.push(json!({ "id": charge, "object": "charge", "amount": amount, "amount_captured": amount,
            "amount_refunded": 0, "currency": "eur", "metadata": intent["metadata"], "payment_intent": intent["id"],
            "refunded": false, "status": "succeeded" }));
        self.move_money("charge", amount.as_i64().expect("a number"), 65, &json!(charge));
        let paid = json!({ "status": "succeeded", "amount_received": amount, "latest_charge": charge, "last_payment_error": null });
        let paid = self.change(payment, &paid);
        self.tell("payment_intent.succeeded", &paid);
    }

    pub(crate) fn decline(&mut self, payment: &str) {
        let error = json!({ "type": "card_error", "code": "card_declined", "decline_code": "insufficient_funds",
            "message": "Your card has insufficient funds." });
        let declined =
            self.change(payment, &json!({ "status": "requires_payment_method", "last_payment_error": error }));
        self.tell("payment_intent.payment_failed", &declined);
    }

    pub(crate) fn expire(&mut self, payment: &str) {
        let expired = self.change(payment, &json!({ "status": "canceled", "cancellation_reason": "automatic" }));
        self.tell("payment_intent.canceled", &expired);
    }

    fn change_refund(&mut self, name: &str, changed: &Value) -> (Value, Value) {
        let refund = self.refunds.iter_mut().find(|refund| refund["metadata"]["refund_id"] == name);
        let refund = refund.unwrap_or_else(|| panic!("Stripe has no refund {name}"));
        let before = refund.clone();
        (before, merge(refund, changed))
    }

    fn count_on_charge(&mut self, refund: &Value, sign: i64) -> Value {
        let charge = self.charges.iter_mut().find(|charge| charge["id"] == refund["charge"]).expect("a charge");
        let more = sign * refund["amount"].as_i64().expect("a number");
        let sum = charge["amount_refunded"].as_i64().expect("a number") + more;
        merge(charge, &json!({ "amount_refunded": sum }))
    }

    pub(crate) fn settle_refund(&mut self, name: &str) {
        let (before, refund) = self.change_refund(name, &json!({ "status": "succeeded", "pending_reason": null }));
        assert_eq!(before["status"], "pending");
        self.move_money("refund", -refund["amount"].as_i64().expect("a number"), 0, &refund["id"]);
        let charge = self.count_on_charge(&refund, 1);
        self.tell("refund.updated", &refund);
        self.tell("charge.refunded", &charge);
    }

    pub(crate) fn fail_refund(&mut self, name: &str) {
        let failed =
            json!({ "status": "failed", "failure_reason": "expired_or_canceled_card", "pending_reason": null });
        let (before, refund) = self.change_refund(name, &failed);
        if before["status"] == "succeeded" {
            self.move_money("refund_failure", refund["amount"].as_i64().expect("a number"), 0, &refund["id"]);
            self.count_on_charge(&refund, -1);
        }
        self.tell("charge.refund.updated", &refund);
        self.tell("refund.failed", &refund);
    }

    pub(crate) fn claim(&mut self, payment: &str, claim: Claim) {
        let intent = self.intent(payment).clone();
        if !self.disputes.iter().any(|dispute| dispute["payment_intent"] == intent["id"]) {
            let serial = self.next();
            self.disputes.push(json!({ "id": format!("dp_3Fake{serial:04}"), "object": "dispute",
                "amount": intent["amount_received"], "balance_transactions": [], "charge": intent["latest_charge"],
                "currency": "eur", "livemode": false, "metadata": {}, "payment_intent": intent["id"],
                "reason": "product_not_received", "status": "needs_response" }));
        }
        let amount = intent["amount_received"].as_i64().expect("a number");
        let was_debited = self.dispute(&intent)["balance_transactions"] != json!([]);
        match claim {
            Claim::Open => self.tell_of_dispute(&intent, "created", &json!({})),
            Claim::Debit => self.move_disputed(&intent, -amount, "funds_withdrawn"),
            Claim::Win => {
                self.tell_of_dispute(&intent, "closed", &json!({ "status": "won" }));
                if was_debited {
                    self.move_disputed(&intent, amount, "funds_reinstated");
                }
            }
            Claim::Lose => self.tell_of_dispute(&intent, "closed", &json!({ "status": "lost" })),
        }
    }

    fn dispute(&mut self, intent: &Value) -> &mut Value {
        self.disputes.iter_mut().find(|dispute| dispute["payment_intent"] == intent["id"]).expect("a dispute")
    }

    pub(crate) fn tell_of_dispute(&mut self, intent: &Value, kind: &str, changed: &Value) {
        let dispute = merge(self.dispute(intent), changed);
        self.tell(&format!("charge.dispute.{kind}"), &dispute);
    }

    fn move_disputed(&mut self, intent: &Value, amount: i64, kind: &str) {
        let id = self.dispute(intent)["id"].clone();
        let fee = if amount < 0 { 1_500 } else { 0 };
        let moved = self.move_money("adjustment", amount, fee, &id);
        let dispute = self.dispute(intent);
        dispute["balance_transactions"].as_array_mut().expect("a list").push(moved);
        self.tell_of_dispute(intent, kind, &json!({}));
    }
}

fn merge(object: &mut Value, changed: &Value) -> Value {
    for (name, value) in changed.as_object().expect("an object") {
        object[name] = value.clone();
    }
    object.clone()
}

fn page<'a>(all: impl Iterator<Item = &'a Value>, pairs: &Pairs) -> Result<Value, Said> {
    let limit = whole(pairs, "limit")?;
    if !(1..=100).contains(&limit) {
        return Err(invalid("", "This value must be between 1 and 100"));
    }
    let all: Vec<&Value> = all.collect();
    let from = match pairs.get("starting_after") {
        Some(id) => 1 + all.iter().position(|one| one["id"] == id.as_str()).ok_or_else(|| missing("object", id))?,
        None => 0,
    };
    let data: Vec<_> = all.iter().skip(from).take(LONGEST_PAGE).collect();
    Ok(json!({ "object": "list", "has_more": from + data.len() < all.len(), "data": data }))
}
