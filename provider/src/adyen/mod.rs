//! `adyen`: Visa, MasterCard and Maestro by Pay by Link, a page of Adyen's; refunds and disputes. The second card provider, to
//! which a route falls back.
//!
//! A link can be paid once, and is captured at once. What happens is told by standard webhooks only: Adyen's API has no question
//! for a payment or a refund. So its webhook is the truth, a link says just whether it was paid, and a call whose answer got lost
//! is made again under the same idempotency key.
//!
//! Sources: Adyen/adyen-openapi (CheckoutService-v72, Webhooks-v1), docs.adyen.com (Pay by Link, refunds, dispute webhooks).

use std::sync::Arc;

use chrono::{DateTime, NaiveDate, TimeDelta};
use entity::payment::{NextAction, PaymentMethod, RefundWay};
use entity::{Currency, Money, PaymentId, Time};
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use serde_json::json;

use super::wire::{LONGEST_ID, call, checked};
use super::{
    Acknowledgement, Fact, Incoming, MethodTerms, OpenedPayment, PaymentProvider, PaymentQuery, PaymentRequest,
    Payouts, ProviderError, RefundQuery, RefundRequest, Statement, Uninterpretable, VerifyError, WebhookRequest,
};
use crate::interface::Configured;
use crate::settlement::SettlementReports;
use ground::clock::Clock;
use ground::setting::{Installation, SettingError, check_base, is_given, required, required_list, wrong};

mod amount;
mod api;
mod notification;
mod settings;
mod settlement;

pub(super) use settings::AdyenSettings;
pub(super) use settlement::DAYS_LATE;

use amount::{AdyenAmount, to_wire};
use api::AdyenApi;
use notification::AdyenAccount;

pub(super) const NAME: &str = "adyen";

/// A link lives no longer; Adyen's own default.
const TIME_TO_PAY: TimeDelta = TimeDelta::hours(24);
/// "At least seven days", says Adyen; a call that is older may be a new one to it.
const KEYS_ARE_KEPT: TimeDelta = TimeDelta::days(6);
const LONGEST_DESCRIPTION: usize = 280;

/// Off until `ADYEN_API_KEY` is there.
pub(super) fn from_settings(own: &AdyenSettings, installation: &Installation, clock: &Clock) -> Configured {
    if !is_given(&own.api_key) {
        return Ok(None);
    }
    let key = SecretString::from(required("ADYEN_API_KEY", &own.api_key)?.expose_secret().trim());
    let account = required("ADYEN_MERCHANT_ACCOUNT", &own.merchant_account)?.trim().to_owned();
    if account.contains(':') {
        return Err(wrong("ADYEN_MERCHANT_ACCOUNT", "can't have a colon: what is signed is separated by colons"));
    }
    let base = check_base("ADYEN_API_BASE", &own.api_base, installation.mode)?;
    check_mode(&base, installation.is_sandbox())?;
    let secrets = required_list("ADYEN_WEBHOOK_SECRET", &own.webhook_secret)?;
    let keys: Option<Vec<_>> = secrets.iter().map(hmac_key).collect();
    let keys =
        keys.ok_or_else(|| wrong("ADYEN_WEBHOOK_SECRET", "must be the webhook's HMAC keys: 64 characters of hex"))?;
    let api = AdyenApi { client: call::client("ADYEN_API_BASE", &base)?, base, key };
    let details = settlement::SettlementDetails { account: account.clone() };
    let reports = SettlementReports::configured("ADYEN_REPORTS", &own.reports, details)?;
    let ours = AdyenAccount { account, live: !installation.is_sandbox() };
    Ok(Some(Arc::new(Adyen { api, ours, keys, reports, clock: clock.clone() })))
}

fn hmac_key(secret: &SecretString) -> Option<SecretKey> {
    hex::decode(secret.expose_secret().trim()).ok().filter(|key| key.len() == 32).map(SecretKey)
}

/// The test's API moves no money, and the live one does: neither may be booked as the other.
fn check_mode(base: &str, is_sandbox: bool) -> Result<(), SettingError> {
    let host = reqwest::Url::parse(base).ok().and_then(|url| url.host_str().map(str::to_owned)).unwrap_or_default();
    let is_test = host == "checkout-test.adyen.com";
    let is_live = host.ends_with(".adyenpayments.com") || host == "checkout-live.adyen.com";
    match (is_sandbox, is_test, is_live) {
        (true, _, true) => Err(wrong("ADYEN_API_BASE", "is Adyen's live API: SECURE_PAYMENT_MODE is sandbox")),
        (false, true, _) => Err(wrong("ADYEN_API_BASE", "is Adyen's test API: SECURE_PAYMENT_MODE is live")),
        (_, _, _) => Ok(()),
    }
}

/// The bytes that the setting writes in hex.
struct SecretKey(Vec<u8>);

impl std::fmt::Debug for SecretKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("SecretKey(***)")
    }
}

#[derive(Debug)]
struct Adyen {
    api: AdyenApi,
    ours: AdyenAccount,
    keys: Vec<SecretKey>,
    reports: Option<SettlementReports>,
    clock: Clock,
}

/// `PaymentLinkResponse`.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Link {
    id: String,
    status: String,
    url: String,
    reference: String,
    merchant_account: String,
    amount: AdyenAmount,
    expires_at: Option<DateTime<chrono::FixedOffset>>,
}

impl Link {
    /// Whether it was paid is for the webhook to say, which has the payment's own id.
    fn facts(&self) -> Result<Vec<Fact>, ProviderError> {
        let reference = self.reference.clone();
        Ok(vec![match self.status.as_str() {
            "active" | "paymentPending" | "completed" | "paid" => Fact::PaymentPending { reference },
            "expired" => Fact::PaymentExpired { reference },
            status => return Err(ProviderError::Unknown(format!("a link whose status is {status:?}"))),
        }])
    }
}

/// `PaymentRefundResponse`.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Received {
    psp_reference: String,
    payment_psp_reference: String,
    merchant_account: String,
    reference: String,
    status: String,
    amount: AdyenAmount,
}

impl Adyen {
    /// An answer must be about what we asked; any other leaves it unknown.
    fn about(&self, link: &Link, reference: &str, amount: Money) -> Result<(), ProviderError> {
        call::same("merchantAccount", link.merchant_account.as_str(), &self.ours.account)?;
        call::same("reference", link.reference.as_str(), reference)?;
        call::same("amount", link.amount.exact().map_err(ProviderError::Unknown)?, amount)
    }

    /// Of a payment that is not paid yet; a paid one is called by its PSP reference.
    fn link_of(payment: &PaymentQuery) -> Result<&str, ProviderError> {
        let id = payment.provider_reference.as_deref();
        id.ok_or(ProviderError::CannotBeAsked("Adyen has not told the link's id, so the buyer was never sent there"))
    }
}

#[async_trait::async_trait]
impl PaymentProvider for Adyen {
    fn name(&self) -> &'static str {
        NAME
    }

    fn terms(&self, method: PaymentMethod) -> Option<MethodTerms> {
        method.is_card().then(|| MethodTerms {
            flow: "You enter the card on a page of Adyen's, within 24 hours; your bank may ask you to confirm the payment.",
            fees: "None from us; your bank may charge you for a payment abroad or in another currency.",
            currencies: amount::currencies(),
            countries: &[],
            limits: Vec::new(),
            payer_fields: Vec::new(),
            arrival_days: (0, 0),
            expires_after: Some(TIME_TO_PAY),
            takes_parts: false,
            chargebacks: true,
            refund_way: RefundWay::ToOrigin,
            refund_days: (3, 40),
            refund_window_days: None,
        })
    }

    fn reference(&self, id: PaymentId, _random: [u8; 16]) -> String {
        id.to_string()
    }

    async fn create_payment(&self, request: &PaymentRequest) -> Result<OpenedPayment, ProviderError> {
        // The same request each time, so without an end of its own: Adyen's is TIME_TO_PAY.
        let mut body = json!({
            "merchantAccount": self.ours.account,
            "reference": request.reference,
            "amount": to_wire(request.amount).map_err(ProviderError::Refused)?,
            "description": request.description.chars().take(LONGEST_DESCRIPTION).collect::<String>(),
            "allowedPaymentMethods": ["scheme"],
            "captureDelayHours": 0,
            "reusable": false,
        });
        if let Some(url) = &request.return_url {
            body["returnUrl"] = json!(url);
        }
        let link: Link = self.api.post(&["paymentLinks"], &body, &request.reference).await?;
        self.about(&link, &request.reference, request.amount)?;
        let id = checked(&link.id, LONGEST_ID);
        let id = id.ok_or_else(|| ProviderError::Unknown("a link without a usable id".to_owned()))?;
        let facts = link.facts()?;
        let is_page = link.url.starts_with("https://") || link.url.starts_with("http://");
        let next_action = (link.status == "active" && is_page).then_some(NextAction::Redirect { url: link.url });
        if next_action.is_none() && matches!(facts.as_slice(), [Fact::PaymentPending { .. }]) && link.status == "active"
        {
            return Err(ProviderError::Unknown("a link without a page to pay on".to_owned()));
        }
        // Its time is told in wall time; what we say counts in the order's.
        let left = link.expires_at.map_or(TIME_TO_PAY, |at| at.to_utc() - self.clock.wall());
        let expires_at = Some(self.clock.now() + left.clamp(TimeDelta::zero(), TIME_TO_PAY));
        Ok(OpenedPayment { provider_reference: Some(id), next_action, expires_at, facts })
    }

    async fn query_payment(&self, payment: &PaymentQuery) -> Result<Vec<Fact>, ProviderError> {
        let link: Link = self.api.get(&["paymentLinks", Self::link_of(payment)?]).await?;
        self.about(&link, &payment.reference, payment.amount)?;
        link.facts()
    }

    /// A link that was paid meanwhile can't be expired any more, and says so.
    async fn cancel_payment(&self, payment: &PaymentQuery) -> Result<Vec<Fact>, ProviderError> {
        let path = ["paymentLinks", Self::link_of(payment)?];
        let link: Link = self.api.patch(&path, &json!({ "status": "expired" })).await?;
        self.about(&link, &payment.reference, payment.amount)?;
        match link.status.as_str() {
            "expired" => Ok(vec![Fact::PaymentCancelled { reference: link.reference }]),
            _too_late => link.facts(),
        }
    }

    /// Under one key Adyen does it once, and answers the same again; but it forgets keys, and can't be asked for a refund.
    async fn refund(&self, request: &RefundRequest) -> Result<Vec<Fact>, ProviderError> {
        let reference = request.reference.clone();
        let payment = request.payment.provider_reference.as_deref().filter(|id| !is_link(id));
        let payment =
            payment.ok_or_else(|| ProviderError::Unknown("Adyen has not told the payment's id yet".to_owned()))?;
        if request.asked_before.is_some_and(|at| self.clock.now() - at > KEYS_ARE_KEPT) {
            let reason = "it may have been asked for a week ago, without an answer: look for it at Adyen before it is paid again";
            return Ok(vec![Fact::RefundFailed {
                reference,
                provider_reference: None,
                movement: None,
                reason: reason.to_owned(),
            }]);
        }
        let body = json!({
            "merchantAccount": self.ours.account,
            "amount": to_wire(request.amount).map_err(ProviderError::Refused)?,
            "reference": reference,
        });
        let path = ["payments", payment, "refunds"];
        let received: Received = self.api.post(&path, &body, &request.reference).await?;
        call::same("merchantAccount", received.merchant_account.as_str(), &self.ours.account)?;
        call::same("reference", received.reference.as_str(), &reference)?;
        call::same("paymentPspReference", received.payment_psp_reference.as_str(), payment)?;
        call::same("amount", received.amount.exact().map_err(ProviderError::Unknown)?, request.amount)?;
        call::same("status", received.status.as_str(), "received")?;
        let provider_reference = checked(&received.psp_reference, LONGEST_ID);
        Ok(vec![Fact::RefundPending { reference, provider_reference }])
    }

    async fn query_refund(&self, _refund: &RefundQuery) -> Result<Vec<Fact>, ProviderError> {
        Err(ProviderError::CannotBeAsked("Adyen tells by its webhook what became of a refund"))
    }

    fn refunds_for_others(&self, _currency: Currency) -> bool {
        false
    }

    fn payouts(&self) -> Option<&dyn Payouts> {
        None
    }

    async fn statements(&self, _day: NaiveDate) -> Result<Option<Vec<Statement>>, ProviderError> {
        Ok(None)
    }

    fn settlement(&self) -> Option<&SettlementReports> {
        self.reports.as_ref()
    }

    fn verify(&self, request: &WebhookRequest<'_>, _wall_now: Time) -> Result<Incoming, VerifyError> {
        let keys: Vec<&[u8]> = self.keys.iter().map(|key| key.0.as_slice()).collect();
        notification::verify(&keys, request.body).map(Incoming::Notification)
    }

    fn interpret(&self, body: &[u8]) -> Result<Vec<Fact>, Uninterpretable> {
        notification::facts(body, &self.ours).map_err(Uninterpretable)
    }

    fn acknowledgement(&self) -> Acknowledgement {
        Acknowledgement { status: 200, content_type: "text/plain; charset=utf-8", body: "[accepted]" }
    }
}

/// Links' ids begin so, and PSP references, which have 16 characters, don't.
fn is_link(id: &str) -> bool {
    id.starts_with("PL") && id.len() > 16
}

#[cfg(test)]
mod tests;
