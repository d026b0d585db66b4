//! Alipay's notifications: forms, signed over all parameters but `sign` and `sign_type`.
//!
//! A notification is about a trade, not about what happened to it: one about a refund says that it was paid, too. So it
//! proves the payment, whichever notification comes first.

use chrono::TimeDelta;
use entity::{Money, Time};

use super::gateway::{checked, from_china, yuan};
use super::signed::{hides, joined};
use crate::fact::Fact;
use crate::webhook::{Verified, VerifyError};
use crate::wire::form::{self, Params};
use crate::wire::rsa::{self, VerifyingKey};
use crate::wire::{captured_once, hash};

/// Re-sent for 25 hours, and Alipay gives no window: an hour more, and our clock may be five minutes behind.
const OLDEST: TimeDelta = TimeDelta::hours(26);
const MOST_AHEAD: TimeDelta = TimeDelta::minutes(5);

/// All that is read of a notification.
const READ: [&str; 14] = [
    "app_id",
    "charset",
    "gmt_payment",
    "gmt_refund",
    "notify_id",
    "notify_time",
    "notify_type",
    "out_biz_no",
    "out_trade_no",
    "refund_fee",
    "seller_id",
    "total_amount",
    "trade_no",
    "trade_status",
];

pub(super) fn verify(keys: &[VerifyingKey], body: &[u8], wall_now: Time) -> Result<Verified, VerifyError> {
    let params = form::parse(body).map_err(VerifyError)?;
    let value = |name: &str| params.get(name).map(String::as_str);
    // Pinned: Alipay's "RSA" is SHA-1.
    if value("sign_type") != Some("RSA2") {
        return Err(VerifyError("sign_type is not RSA2"));
    }
    let sign = value("sign").ok_or(VerifyError("sign is missing"))?;
    let message = joined(&params, |name| matches!(name, "sign" | "sign_type"));
    if !rsa::any_verifies(keys, message.as_bytes(), sign) {
        return Err(VerifyError("the signature does not match"));
    }
    if hides(&params, &READ) {
        return Err(VerifyError("a parameter is hidden in the value of another one"));
    }
    let sent = value("notify_time").and_then(from_china).ok_or(VerifyError("notify_time is missing or malformed"))?;
    if sent > wall_now + MOST_AHEAD || sent < wall_now - OLDEST {
        return Err(VerifyError("notify_time is more than 26 hours old, or ahead"));
    }
    // Sent again it is the same, but for the time.
    let content = joined(&params, |name| matches!(name, "sign" | "notify_time"));
    let event_id = value("notify_id").and_then(checked).unwrap_or_else(|| hash(content.as_bytes()));
    Ok(Verified { event_id, content: content.into_bytes() })
}

/// `ours` are the ids of the app and of the seller.
pub(super) fn facts(body: &[u8], ours: (&str, &str)) -> Result<Vec<Fact>, String> {
    let params = form::parse(body).map_err(str::to_owned)?;
    let of = |name: &str| given(&params, name).unwrap_or_default();
    if (of("app_id"), of("seller_id")) != ours {
        return Err("it is of another app, or to another seller".to_owned());
    }
    if of("notify_type") != "trade_status_sync" || !of("charset").eq_ignore_ascii_case("utf-8") {
        return Err(format!("the type {:?} in {:?} is unknown", of("notify_type"), of("charset")));
    }
    let reference = id(&params, "out_trade_no")?;
    match of("trade_status") {
        "WAIT_BUYER_PAY" => Ok(vec![Fact::PaymentPending { reference }]),
        "TRADE_SUCCESS" | "TRADE_FINISHED" => paid(&params, reference),
        "TRADE_CLOSED" if was_paid(&params)? => paid(&params, reference),
        "TRADE_CLOSED" => Ok(vec![Fact::PaymentExpired { reference }]),
        other => Err(format!("the trade_status {other:?} is unknown")),
    }
}

/// Blank is not given.
fn given<'a>(params: &'a Params, name: &str) -> Option<&'a str> {
    params.get(name).map(String::as_str).filter(|value| !value.trim().is_empty())
}

fn id(params: &Params, name: &str) -> Result<String, String> {
    given(params, name).and_then(checked).ok_or_else(|| format!("it has no usable {name}"))
}

/// A closed trade was never paid, or all of it went back.
fn was_paid(params: &Params) -> Result<bool, String> {
    Ok(given(params, "gmt_payment").is_some() || given(params, "gmt_refund").is_some() || refunded(params)?.is_some())
}

/// What went back of the trade so far, all in all.
fn refunded(params: &Params) -> Result<Option<Money>, String> {
    match given(params, "refund_fee") {
        None | Some("0" | "0.0" | "0.00") => Ok(None),
        Some(amount) => yuan(amount).map(Some),
    }
}

fn paid(params: &Params, reference: String) -> Result<Vec<Fact>, String> {
    let trade_no = id(params, "trade_no")?;
    let refunded = refunded(params)?;
    let amount = yuan(given(params, "total_amount").unwrap_or_default())?;
    let mut facts = vec![captured_once(reference.clone(), trade_no, amount)];
    let is_closed = given(params, "trade_status") == Some("TRADE_CLOSED");
    match refunded {
        Some(total) => {
            let refund = given(params, "out_biz_no").map(str::to_owned);
            facts.push(Fact::RefundedInAll { payment: reference, refund, total });
        }
        None if is_closed || given(params, "gmt_refund").is_some() => {
            facts.push(Fact::NotUnderstood("money went back, and it does not say how much".to_owned()));
        }
        None => {}
    }
    Ok(facts)
}
