//! `sandbox`: the simulated bank's adapter. Everything but the bank is real: a hosted checkout page, an HTTP API with a key, and
//! signed notifications over HTTP. It is there in sandbox mode only, and offers every method, with the next action that the
//! real rail has: an account for BANK_TRANSFER, a code for WESTERN_UNION, the page for the others.
//!
//! The bank answers and notifies with the same document, a *movement* of money, which becomes facts in one place
//! ([`movement::facts`]). Nothing but `SUCCEEDED` means money.

use std::sync::Arc;

use chrono::{NaiveDate, TimeDelta};
use clap::Args;
use entity::payment::{PaymentMethod, RefundWay};
use entity::{Currency, Money, PaymentId, Time};
use reqwest::{Method, StatusCode, Url};
use secrecy::{ExposeSecret, SecretString};
use serde_json::{Value, json};

use super::wire::amount::to_text;
use super::wire::{RECEIVED, call, standard};
use super::{
    Acknowledgement, Fact, Incoming, MethodTerms, OpenedPayment, PaymentProvider, PaymentQuery, PaymentRequest,
    PayoutQuery, PayoutRequest, Payouts, ProviderError, RefundQuery, RefundRequest, Statement, Uninterpretable,
    VerifyError, WebhookRequest,
};
use crate::interface::Configured;
use crate::settlement::SettlementReports;
use ground::clock::Clock;
use ground::setting::{
    Installation, SANDBOX_API_KEY, SANDBOX_WEBHOOK_SECRET, check_base, check_webhook_secrets, is_given, required_list,
    wrong,
};

mod movement;

use movement::{Movement, facts, next_action, notified};

pub const NAME: &str = "sandbox";

/// As the bank does; what it says of one voucher counts.
const VOUCHER_LASTS: TimeDelta = TimeDelta::days(3);

#[derive(Args, Clone, Debug)]
#[group(skip)]
pub struct SandboxSettings {
    /// Where the simulated bank's API is; this server's own if not set. Sandbox mode only
    #[arg(id = "sandbox_api_base", long = "sandbox-api-base", env = "SANDBOX_API_BASE", global = true)]
    pub api_base: Option<String>,

    /// Key of the simulated bank's API. Sandbox mode only
    #[arg(
        id = "sandbox_api_key",
        long = "sandbox-api-key",
        env = "SANDBOX_API_KEY",
        default_value = SANDBOX_API_KEY,
        hide_env_values = true,
        global = true
    )]
    pub api_key: SecretString,

    /// Secrets that sign the simulated bank's notifications (whsec_ and base 64), several for rotation. Sandbox mode only
    #[arg(
        id = "sandbox_webhook_secret",
        long = "sandbox-webhook-secret",
        env = "SANDBOX_WEBHOOK_SECRET",
        default_value = SANDBOX_WEBHOOK_SECRET,
        value_delimiter = ',',
        hide_env_values = true,
        global = true
    )]
    pub webhook_secret: Vec<SecretString>,
}

/// The provider, in sandbox mode.
pub(super) fn from_settings(own: &SandboxSettings, installation: &Installation, _clock: &Clock) -> Configured {
    if !installation.is_sandbox() {
        return match is_given(&own.api_base) {
            true => Err(wrong("SANDBOX_API_BASE", "is set, but live mode has no sandbox provider; remove it")),
            false => Ok(None),
        };
    }
    let base = match own.api_base.as_deref().filter(|base| !base.trim().is_empty()) {
        Some(base) => check_base("SANDBOX_API_BASE", base, installation.mode)?,
        None => format!("{}/sandbox", installation.own_url),
    };
    let webhook_secrets = required_list("SANDBOX_WEBHOOK_SECRET", &own.webhook_secret)?;
    check_webhook_secrets("SANDBOX_WEBHOOK_SECRET", &webhook_secrets, installation.mode)?;
    let client = call::client("SANDBOX_API_BASE", &base)?;
    Ok(Some(Arc::new(Sandbox { client, base, api_key: own.api_key.clone(), webhook_secrets })))
}

#[derive(Debug)]
struct Sandbox {
    client: reqwest::Client,
    base: String,
    api_key: SecretString,
    webhook_secrets: Vec<SecretString>,
}

impl Sandbox {
    async fn get(&self, path: [&str; 2]) -> Result<Movement, ProviderError> {
        self.answer(self.client.request(Method::GET, self.url(&path)?)).await
    }

    async fn post(&self, path: &[&str], body: &Value) -> Result<Movement, ProviderError> {
        self.answer(self.client.request(Method::POST, self.url(path)?).json(body)).await
    }

    fn url(&self, segments: &[&str]) -> Result<Url, ProviderError> {
        call::url(&self.base, segments)
    }

    async fn answer(&self, request: reqwest::RequestBuilder) -> Result<Movement, ProviderError> {
        let answer = call::send(request.bearer_auth(self.api_key.expose_secret())).await?;
        if answer.status.is_success() { call::document(&answer) } else { Err(error_of(answer.status, &answer.body)) }
    }
}

/// Refused is what the bank says itself, in its own error document. A bare status (of a gateway, say), a wrong key, and
/// whatever may pass the next time leave it unknown.
fn error_of(status: StatusCode, body: &[u8]) -> ProviderError {
    let (code, message) = match call::refusal(status, body) {
        Ok(said) => said,
        Err(unknown) => return unknown,
    };
    match code.as_str() {
        "not_found" => ProviderError::NotKnown(message),
        "payee_details_required" => ProviderError::PayeeDetailsRequired(message),
        _any_other => ProviderError::Refused(message),
    }
}

/// An answer must be about what we asked; any other leaves it unknown.
fn about(movement: &Movement, kind: &str, reference: &str) -> Result<Vec<Fact>, ProviderError> {
    if movement.kind != kind || movement.reference != reference {
        return Err(ProviderError::Unknown("the answer is about another movement".to_owned()));
    }
    facts(movement).map_err(ProviderError::Unknown)
}

fn wire(money: Money) -> Value {
    json!({ "amount": to_text(money), "currency": money.currency.code() })
}

#[async_trait::async_trait]
impl PaymentProvider for Sandbox {
    fn name(&self) -> &'static str {
        NAME
    }

    fn terms(&self, method: PaymentMethod) -> Option<MethodTerms> {
        let flow = match method {
            PaymentMethod::Visa | PaymentMethod::Mastercard | PaymentMethod::Maestro => {
                "You go to the simulated bank's page and approve the card payment there."
            }
            PaymentMethod::BankTransfer => {
                "You send the money to the simulated bank's account with the reference that you are told, in one transfer or several; on the payment's page you play your own bank."
            }
            PaymentMethod::WesternUnion => {
                "You get a code, and pay the whole amount with it at the simulated counter before it expires."
            }
            PaymentMethod::Tef => {
                "You go to the simulated bank's page and approve the transfer there; it can settle at once or later."
            }
            PaymentMethod::Qiwi | PaymentMethod::Webmoney | PaymentMethod::Yandex | PaymentMethod::Alipay => {
                "You go to the simulated bank's page and approve the wallet payment there."
            }
        };
        let refund_way = match method {
            PaymentMethod::BankTransfer => RefundWay::ToAccount,
            PaymentMethod::WesternUnion => RefundWay::ByHand,
            PaymentMethod::Visa
            | PaymentMethod::Mastercard
            | PaymentMethod::Maestro
            | PaymentMethod::Tef
            | PaymentMethod::Qiwi
            | PaymentMethod::Webmoney
            | PaymentMethod::Yandex
            | PaymentMethod::Alipay => RefundWay::ToOrigin,
        };
        Some(MethodTerms {
            flow,
            fees: "None: the money is simulated.",
            currencies: Vec::new(),
            countries: &[],
            limits: Vec::new(),
            payer_fields: Vec::new(),
            arrival_days: (0, 0),
            expires_after: (method == PaymentMethod::WesternUnion).then_some(VOUCHER_LASTS),
            // A counter takes the whole or nothing. On its page only a transfer comes in parts; but `sandboxProviderEvent`
            // makes the bank collect any part by any other method, and then they add up.
            takes_parts: method != PaymentMethod::WesternUnion,
            chargebacks: method.is_card(),
            refund_way,
            refund_days: (7, 10),
            refund_window_days: None,
        })
    }

    fn reference(&self, id: PaymentId, _random: [u8; 16]) -> String {
        id.to_string()
    }

    async fn create_payment(&self, request: &PaymentRequest) -> Result<OpenedPayment, ProviderError> {
        let body = json!({
            "reference": request.reference,
            "method": request.method,
            "amount": wire(request.amount),
            "description": request.description,
            "notification_url": request.notification_url,
            "return_url": request.return_url,
        });
        let movement = self.post(&["payments"], &body).await?;
        let facts = about(&movement, "PAYMENT", &request.reference)?;
        let is_open = movement.status == "OPEN";
        let next_action = is_open.then(|| next_action(&movement)).transpose().map_err(ProviderError::Unknown)?;
        let expires_at = movement.voucher.map(|voucher| voucher.expires_at);
        Ok(OpenedPayment { provider_reference: Some(movement.id), next_action, expires_at, facts })
    }

    async fn query_payment(&self, payment: &PaymentQuery) -> Result<Vec<Fact>, ProviderError> {
        about(&self.get(["payments", &payment.reference]).await?, "PAYMENT", &payment.reference)
    }

    async fn cancel_payment(&self, payment: &PaymentQuery) -> Result<Vec<Fact>, ProviderError> {
        let movement = self.post(&["payments", &payment.reference, "cancel"], &json!({})).await?;
        about(&movement, "PAYMENT", &payment.reference)
    }

    async fn refund(&self, request: &RefundRequest) -> Result<Vec<Fact>, ProviderError> {
        let body = json!({
            "reference": request.reference,
            "payment": request.payment.reference,
            "amount": wire(request.amount),
            "payee_account": request.payee.as_ref().map(ExposeSecret::expose_secret),
            "notification_url": request.notification_url,
        });
        about(&self.post(&["refunds"], &body).await?, "REFUND", &request.reference)
    }

    async fn query_refund(&self, refund: &RefundQuery) -> Result<Vec<Fact>, ProviderError> {
        about(&self.get(["refunds", &refund.reference]).await?, "REFUND", &refund.reference)
    }

    /// Also for other providers' payments: it is only told an account to send to.
    fn refunds_for_others(&self, _currency: Currency) -> bool {
        true
    }

    fn payouts(&self) -> Option<&dyn Payouts> {
        Some(self)
    }

    async fn statements(&self, _day: NaiveDate) -> Result<Option<Vec<Statement>>, ProviderError> {
        Ok(None)
    }

    fn settlement(&self) -> Option<&SettlementReports> {
        None
    }

    fn verify(&self, request: &WebhookRequest<'_>, wall_now: Time) -> Result<Incoming, VerifyError> {
        standard::verify(&self.webhook_secrets, request, wall_now).map(Incoming::Notification)
    }

    fn interpret(&self, body: &[u8]) -> Result<Vec<Fact>, Uninterpretable> {
        notified(body).map_err(Uninterpretable)
    }

    fn acknowledgement(&self) -> Acknowledgement {
        RECEIVED
    }
}

#[async_trait::async_trait]
impl Payouts for Sandbox {
    async fn pay_out(&self, request: &PayoutRequest) -> Result<Vec<Fact>, ProviderError> {
        let body = json!({
            "reference": request.reference,
            "amount": wire(request.amount),
            "account": request.account.expose_secret(),
            "notification_url": request.notification_url,
        });
        about(&self.post(&["payouts"], &body).await?, "PAYOUT", &request.reference)
    }

    async fn query_payout(&self, payout: &PayoutQuery) -> Result<Vec<Fact>, ProviderError> {
        about(&self.get(["payouts", &payout.reference]).await?, "PAYOUT", &payout.reference)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_may_pass_the_next_time_is_unknown_and_the_rest_is_refused_with_the_banks_words() {
        let said = br#"{"error":{"code":"conflict","message":"too late"}}"#;
        assert_eq!(error_of(StatusCode::CONFLICT, said), ProviderError::Refused("too late".to_owned()));
        let unknown = br#"{"error":{"code":"not_found","message":"never heard of it"}}"#;
        assert_eq!(error_of(StatusCode::NOT_FOUND, unknown), ProviderError::NotKnown("never heard of it".to_owned()));
        let payee = br#"{"error":{"code":"payee_details_required","message":"send payee_account"}}"#;
        assert_eq!(
            error_of(StatusCode::UNPROCESSABLE_ENTITY, payee),
            ProviderError::PayeeDetailsRequired("send payee_account".to_owned())
        );
        assert!(matches!(error_of(StatusCode::NOT_FOUND, b"?"), ProviderError::Unknown(_)), "a gateway's");
        assert!(matches!(error_of(StatusCode::UNAUTHORIZED, said), ProviderError::Unknown(_)), "a rotated key");
        for status in [301, 408, 429, 500, 502, 503] {
            let status = StatusCode::from_u16(status).expect("a status");
            assert!(matches!(error_of(status, said), ProviderError::Unknown(_)), "{status}");
        }
    }
}
