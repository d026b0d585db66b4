//! Calls to Alipay's gateway, and signatures both ways.
//!
//! A request is a form; signed are all its parameters but `sign`, so `sign_type` is. An answer is
//! `{"<method>_response":{…},"sign":"…"}`; signed is the raw text of the inner object. The gateway's own errors may come
//! unsigned: they say nothing.

use chrono::{FixedOffset, NaiveDateTime, TimeZone};
use entity::{Money, Time};
use reqwest::Url;
use reqwest::header::CONTENT_TYPE;
use serde_json::Value;

use super::node;
use super::signed::joined;
use crate::interface::ProviderError;
use crate::wire::amount::from_text;
use crate::wire::document::Document;
use crate::wire::form::Params;
use crate::wire::rsa::{self, SigningKey, VerifyingKey};
use crate::wire::{self, call, words};
use ground::clock::Clock;

pub(super) const LONGEST_ID: usize = 64;
const CHINA: Option<FixedOffset> = FixedOffset::east_opt(8 * 3600);
const TIME_FORMAT: &str = "%Y-%m-%d %H:%M:%S";

/// Business refusals that may pass the next time.
const NOT_ABOUT_THIS: [&str; 3] = ["ACQ.SYSTEM_ERROR", "AQC.SYSTEM_ERROR", "ACQ.ACCESS_FORBIDDEN"];

#[derive(Debug)]
pub(super) struct Gateway {
    pub(super) client: reqwest::Client,
    pub(super) base: String,
    pub(super) app_id: String,
    pub(super) key: SigningKey,
    pub(super) their_keys: Vec<VerifyingKey>,
    pub(super) clock: Clock,
}

/// Alipay's ids and ours have 64 characters at most.
pub(super) fn checked(id: &str) -> Option<String> {
    wire::checked(id, LONGEST_ID)
}

/// "123.45"
pub(super) fn yuan(text: &str) -> Result<Money, String> {
    from_text(text, "CNY")
}

/// Alipay's times are China's, without saying so.
pub(super) fn in_china(time: Time) -> String {
    CHINA.map(|china| time.with_timezone(&china).format(TIME_FORMAT).to_string()).unwrap_or_default()
}

pub(super) fn from_china(text: &str) -> Option<Time> {
    let local = NaiveDateTime::parse_from_str(text, TIME_FORMAT).ok()?;
    CHINA?.from_local_datetime(&local).single().map(|time| time.to_utc())
}

impl Gateway {
    /// A request as an address, for the buyer's browser.
    pub(super) fn page(
        &self,
        method: &str,
        content: &Value,
        notify_url: Option<&str>,
        return_url: Option<&str>,
    ) -> Result<Url, ProviderError> {
        let mut params = Params::new();
        let mut put = |name: &str, value: &str| drop(params.insert(name.to_owned(), value.to_owned()));
        put("app_id", &self.app_id);
        put("biz_content", &content.to_string());
        put("charset", "utf-8");
        put("format", "JSON");
        put("method", method);
        put("sign_type", "RSA2");
        put("timestamp", &in_china(self.clock.wall()));
        put("version", "1.0");
        if let Some(url) = notify_url {
            put("notify_url", url);
        }
        if let Some(url) = return_url {
            put("return_url", url);
        }
        let sign = self.key.sign(joined(&params, |name| name == "sign").as_bytes());
        let sign = sign.ok_or_else(|| ProviderError::Unknown("it could not be signed".to_owned()))?;
        params.insert("sign".to_owned(), sign);
        let mut url = call::url(&self.base, &[])?;
        url.query_pairs_mut().clear().extend_pairs(&params);
        Ok(url)
    }

    pub(super) async fn ask(
        &self,
        method: &str,
        content: &Value,
        notify_url: Option<&str>,
    ) -> Result<Document, ProviderError> {
        let mut url = self.page(method, content, notify_url, None)?;
        let form = url.query().unwrap_or_default().to_owned();
        url.set_query(None);
        let request = self.client.post(url).header(CONTENT_TYPE, "application/x-www-form-urlencoded;charset=utf-8");
        let answer = call::send(request.body(form)).await?;
        if !answer.status.is_success() {
            return Err(call::bare(answer.status));
        }
        let text = std::str::from_utf8(&answer.body);
        let text = text.map_err(|_source| ProviderError::Unknown("an answer that is not UTF-8".to_owned()))?;
        read(method, text, &self.their_keys)
    }
}

/// What an answer to a call that succeeded says, once its signature is checked.
pub(super) fn read(method: &str, text: &str, keys: &[VerifyingKey]) -> Result<Document, ProviderError> {
    let unknown = |problem: &str| ProviderError::Unknown(problem.to_owned());
    let name = format!("{}_response", method.replace('.', "_"));
    let inner = node::raw(text, &name).ok_or_else(|| unknown("the gateway answered something else"))?;
    let sign = node::raw(text, "sign").and_then(|sign| serde_json::from_str::<String>(sign).ok());
    let sign = sign.ok_or_else(|| unknown("an answer without a signature"))?;
    if !rsa::any_verifies(keys, inner.as_bytes(), &sign) {
        return Err(unknown("an answer whose signature does not match"));
    }
    let document =
        Document::of(serde_json::from_str(inner).map_err(|_source| unknown("an answer that can't be read"))?);
    let of = |field| document.text(field).unwrap_or_default();
    let (code, sub_code) = (of("code"), of("sub_code"));
    if code == "10000" {
        return Ok(document);
    }
    let message = words(&format!("{code} {sub_code}: {}", of("sub_msg")));
    // 40004 is a refusal of the business itself. The others are about our app, our key, the form or the moment.
    Err(match (code, sub_code) {
        ("40004", "ACQ.TRADE_NOT_EXIST") => ProviderError::NotKnown(message),
        ("40004", code) if code.starts_with("ACQ.") && !NOT_ABOUT_THIS.contains(&code) => {
            ProviderError::Refused(message)
        }
        (_, _) => ProviderError::Unknown(message),
    })
}
