//! QIWI's documents, read: bills (in answers and notifications), refunds, errors.
//!
//! It writes an amount as a number or as text, with or without its decimals, and a site's id as either: what counts is how it reads.

use entity::{Money, Time};
use reqwest::StatusCode;
use serde::Deserialize;
use serde_json::value::RawValue;

use crate::fact::Fact;
use crate::interface::ProviderError;
use crate::wire::{amount, call, checked, words};

/// A bill's id in QIWI's pay form has as many characters.
const LONGEST_ID: usize = 200;

/// A number, or text without escapes, as it stands there.
#[derive(Debug, Deserialize)]
#[serde(transparent)]
struct Plain(Box<RawValue>);

impl Plain {
    /// None if it is anything else, or could be read in two ways.
    fn text(&self) -> Option<&str> {
        let raw = self.0.get();
        let text = raw.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')).unwrap_or(raw);
        let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_');
        (!text.is_empty() && text.bytes().all(is_plain)).then_some(text)
    }
}

#[derive(Debug, Deserialize)]
struct QiwiAmount {
    value: Plain,
    currency: String,
}

impl QiwiAmount {
    /// With two digits behind the point, as QIWI signs it; None if it has more of them, or isn't plain.
    fn two_decimals(&self) -> Option<String> {
        let text = self.value.text()?;
        let (whole, part) = text.split_once('.').unwrap_or((text, "0"));
        let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        (digits(whole) && digits(part) && part.len() <= 2).then(|| format!("{whole}.{part:0<2}"))
    }

    fn exact(&self) -> Result<Money, String> {
        let text = self.two_decimals().ok_or("an amount that is not a plain number with two decimals")?;
        amount::from_text(&text, &self.currency)
    }
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Bill {
    site_id: Plain,
    bill_id: String,
    amount: QiwiAmount,
    status: BillStatus,
    pay_url: Option<String>,
    expiration_date_time: Option<String>,
}

#[derive(Debug, Deserialize)]
struct BillStatus {
    value: String,
}

/// A notification. Dates, customer and comment are in it, too, but not signed.
#[derive(Debug, Deserialize)]
pub(super) struct QiwiNotification {
    pub(super) bill: Bill,
}

impl Bill {
    /// `currency|value|billId|siteId|status`. None if a field could be mistaken for two.
    pub(super) fn string_to_sign(&self) -> Option<String> {
        let (value, site) = (self.amount.two_decimals()?, self.site_id.text()?);
        let fields = [self.amount.currency.as_str(), &value, &self.bill_id, site, &self.status.value];
        fields.iter().all(|field| !field.contains('|')).then(|| fields.join("|"))
    }

    /// QIWI gives its notifications no id. Each status comes to a bill once.
    pub(super) fn event_id(&self) -> String {
        format!("{}:{}", self.bill_id, self.status.value)
    }

    /// An answer must be about what we asked; any other leaves it unknown.
    pub(super) fn check(&self, site: &str, reference: &str, asked: Money) -> Result<(), ProviderError> {
        call::same("siteId", self.site_id.text().unwrap_or_default(), site)?;
        call::same("billId", self.bill_id.as_str(), reference)?;
        call::same("amount", self.amount.exact().map_err(ProviderError::Unknown)?, asked)
    }

    /// Of the fields that are signed, and of no other. QIWI names no movement: a bill is paid once, and stands for it.
    pub(super) fn fact(&self, site: &str) -> Result<Fact, String> {
        if self.site_id.text() != Some(site) {
            return Err("it is about another site than QIWI_SITE_ID".to_owned());
        }
        let reference = checked(&self.bill_id, LONGEST_ID).ok_or("its billId can't be used")?;
        Ok(match self.status.value.as_str() {
            "WAITING" => Fact::PaymentPending { reference },
            "PAID" => Fact::PaymentCaptured {
                references: vec![reference.clone()],
                provider_reference: None,
                movement: reference,
                amount: self.amount.exact()?,
                remitter: None,
            },
            "REJECTED" => Fact::PaymentFailed { reference, reason: "the bill was rejected".to_owned() },
            "EXPIRED" => Fact::PaymentExpired { reference },
            status => return Err(format!("a bill whose status is {status:?}")),
        })
    }

    pub(super) fn is_waiting(&self) -> bool {
        self.status.value == "WAITING"
    }

    /// Where the buyer pays, and comes back from.
    pub(super) fn page(&self, return_url: Option<&str>) -> Result<String, ProviderError> {
        let unknown = || ProviderError::Unknown("a bill without a page to pay on".to_owned());
        let url = self.pay_url.as_deref().and_then(|url| reqwest::Url::parse(url).ok());
        let mut url = url.filter(|url| matches!(url.scheme(), "http" | "https")).ok_or_else(unknown)?;
        if let Some(back) = return_url {
            url.query_pairs_mut().append_pair("successUrl", back);
        }
        Ok(url.into())
    }

    /// None if it has no time zone, as in some of QIWI's examples.
    pub(super) fn expires_at(&self) -> Option<Time> {
        let text = self.expiration_date_time.as_deref()?;
        chrono::DateTime::parse_from_rfc3339(text).ok().map(|time| time.to_utc())
    }
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct QiwiRefund {
    refund_id: String,
    amount: QiwiAmount,
    status: String,
}

impl QiwiRefund {
    /// `PARTIAL` and `FULL` say how much of the bill has been given back with it. There is no status for one that is on its way or failed.
    pub(super) fn fact(&self, reference: &str, asked: Money) -> Result<Fact, ProviderError> {
        call::same("refundId", self.refund_id.as_str(), reference)?;
        let amount = self.amount.exact().map_err(ProviderError::Unknown)?;
        call::same("amount", amount, asked)?;
        if !matches!(self.status.as_str(), "PARTIAL" | "FULL") {
            return Err(ProviderError::Unknown(format!("a refund whose status is {:?}", self.status)));
        }
        let (reference, movement) = (reference.to_owned(), reference.to_owned());
        Ok(Fact::RefundSucceeded { reference, provider_reference: None, movement, amount })
    }
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct QiwiFailure {
    service_name: String,
    error_code: String,
    description: Option<String>,
}

/// What an answer that is no success says. Codes about the key, QIWI's own trouble or the way to it may pass the next time.
pub(super) fn error_of(status: StatusCode, body: &[u8]) -> ProviderError {
    if call::says_nothing(status) {
        return call::bare(status);
    }
    let Ok(failure) = serde_json::from_slice::<QiwiFailure>(body) else { return call::bare(status) };
    // The codes stand with and without this in QIWI's documents.
    let code = failure.error_code.strip_prefix("error.code.").unwrap_or(&failure.error_code);
    let message = words(&format!("{code}: {} ({})", failure.description.unwrap_or_default(), failure.service_name));
    match code {
        "api.invoice.not.found" | "api.refund.not.found" => ProviderError::NotKnown(message),
        "default" => ProviderError::Unknown(message),
        code if ["auth.", "internal.", "http."].iter().any(|start| code.starts_with(start)) => {
            ProviderError::Unknown(message)
        }
        _refused => ProviderError::Refused(message),
    }
}
