//! dLocal payins, for Brazil: TEF, which banks have replaced by Pix.
//!
//! The buyer pays on dLocal's page, with Pix or at the bank that the setting names. A payment is `order_id`, a refund
//! `order_refund_id`: both are our references. Source: docs.dlocal.com (`pix-payments`, `receive-notifications`,
//! `make-a-refund`, `the-order-object`, `http-errors-payments`, `http-errors-refunds`).

use std::sync::Arc;

use chrono::NaiveDate;
use entity::payment::{NextAction, PaymentMethod, RefundWay};
use entity::{Currency, PaymentId, Time};
use serde::Serialize;

use super::wire::amount::Number;
use super::wire::call;
use super::{
    Acknowledgement, Fact, Incoming, MethodTerms, OpenedPayment, PayerField, PaymentProvider, PaymentQuery,
    PaymentRequest, Payouts, ProviderError, RefundQuery, RefundRequest, Statement, Uninterpretable, Verified,
    VerifyError, WebhookRequest,
};
use crate::interface::Configured;
use crate::settlement::SettlementReports;
use ground::clock::Clock;
use ground::setting::{Installation, check_base, is_given, required, required_list, wrong};

mod api;
mod document;
mod settings;
mod settlement;
mod taxpayer;

pub(super) use settings::DlocalSettings;
pub(super) use settlement::DAYS_LATE;

use api::DlocalApi;
use document::{DlocalOrder, DlocalPayment, DlocalRefund};

pub(super) const NAME: &str = "dlocal";

/// Pix; and online transfers at Itaú, Bradesco, Banco do Brasil and Caixa.
const METHODS: [&str; 5] = ["PQ", "I", "B", "BB", "CA"];
const SANDBOX_HOST: &str = "sandbox.dlocal.com";
const LONGEST_DESCRIPTION: usize = 100;
const LONGEST_REASON: usize = 200;
/// "Duplicate refund id", as [`document::error_of`] begins.
const DUPLICATE: &str = "5011:";

/// Off until it is configured.
pub(super) fn from_settings(own: &DlocalSettings, installation: &Installation, clock: &Clock) -> Configured {
    if !is_given(&own.login) {
        return Ok(None);
    }
    let base = check_base("DLOCAL_API_BASE", &own.api_base, installation.mode)?;
    check_mode(&base, installation.is_sandbox()).map_err(|problem| wrong("DLOCAL_API_BASE", problem))?;
    let method = own.payment_method.trim();
    let Some(method) = METHODS.into_iter().find(|known| *known == method) else {
        return Err(wrong("DLOCAL_PAYMENT_METHOD", format!("must be one of {}", METHODS.join(", "))));
    };
    let reais = "BRL".parse().map_err(|error: entity::MoneyError| wrong("DLOCAL_LOGIN", error.to_string()))?;
    let api = DlocalApi {
        client: call::client("DLOCAL_API_BASE", &base)?,
        base,
        login: required("DLOCAL_LOGIN", &own.login)?.trim().to_owned(),
        trans_key: required("DLOCAL_TRANS_KEY", &own.trans_key)?.clone(),
        secrets: required_list("DLOCAL_SECRET_KEY", &own.secret_key)?,
        clock: clock.clone(),
    };
    let reports = SettlementReports::configured("DLOCAL_REPORTS", &own.reports, settlement::Settlement)?;
    Ok(Some(Arc::new(Dlocal { api, method, reais, reports })))
}

/// A payment in the sandbox is no money, and one at the real API is: neither may be booked as the other.
fn check_mode(base: &str, is_sandbox: bool) -> Result<(), &'static str> {
    let host = reqwest::Url::parse(base).ok().and_then(|url| url.host_str().map(str::to_owned)).unwrap_or_default();
    let is_dlocals = host == "dlocal.com" || host.ends_with(".dlocal.com");
    match (is_sandbox, host == SANDBOX_HOST) {
        (false, true) => Err("is dLocal's sandbox: SECURE_PAYMENT_MODE is live"),
        (true, false) if is_dlocals => Err(
            "is dLocal's real API: set https://sandbox.dlocal.com, because SECURE_PAYMENT_MODE is sandbox, which moves no real money",
        ),
        (true, true | false) | (false, false) => Ok(()),
    }
}

#[derive(Debug)]
struct Dlocal {
    api: DlocalApi,
    method: &'static str,
    reais: Currency,
    reports: Option<SettlementReports>,
}

#[derive(Serialize)]
struct NewDlocalPayment<'a> {
    amount: Number,
    currency: Currency,
    country: &'static str,
    payment_method_id: &'static str,
    payment_method_flow: &'static str,
    payer: NewPayer<'a>,
    order_id: &'a str,
    description: String,
    notification_url: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    callback_url: Option<&'a str>,
}

#[derive(Serialize)]
struct NewPayer<'a> {
    name: &'a str,
    email: &'a str,
    document: String,
}

#[derive(Serialize)]
struct NewRefund<'a> {
    payment_id: &'a str,
    amount: Number,
    currency: Currency,
    order_refund_id: &'a str,
    description: String,
    notification_url: &'a str,
}

fn number(money: entity::Money) -> Result<Number, ProviderError> {
    Number::of(money).ok_or_else(|| ProviderError::Refused(format!("dLocal can't be told {money}")))
}

impl Dlocal {
    fn new_payment<'a>(&self, request: &'a PaymentRequest) -> Result<NewDlocalPayment<'a>, ProviderError> {
        let stated = |field: PayerField| {
            let missing = || ProviderError::Refused(format!("dLocal wants to know the payer's {}", field.name()));
            request.payer.field(field).filter(|text| !text.trim().is_empty()).ok_or_else(missing)
        };
        let wrong = "the payer's document is not a CPF or CNPJ: its length or its check digits are wrong";
        let document = taxpayer::number(stated(PayerField::Document)?);
        Ok(NewDlocalPayment {
            amount: number(request.amount)?,
            currency: request.amount.currency,
            country: "BR",
            payment_method_id: self.method,
            payment_method_flow: "REDIRECT",
            payer: NewPayer {
                name: stated(PayerField::Name)?,
                email: stated(PayerField::Email)?,
                document: document.ok_or_else(|| ProviderError::Refused(wrong.to_owned()))?,
            },
            order_id: &request.reference,
            description: request.description.chars().take(LONGEST_DESCRIPTION).collect(),
            notification_url: &request.notification_url,
            callback_url: request.return_url.as_deref(),
        })
    }

    /// By our reference, which every payment of ours has there.
    async fn id_of(&self, reference: &str) -> Result<String, ProviderError> {
        let order: DlocalOrder = self.api.get(&["orders", reference]).await?;
        call::same("order_id", order.order_id.as_str(), reference)?;
        Ok(order.payment_id)
    }

    async fn payment_id(&self, payment: &PaymentQuery) -> Result<String, ProviderError> {
        match &payment.provider_reference {
            Some(id) => Ok(id.clone()),
            None => self.id_of(&payment.reference).await,
        }
    }

    async fn payment(&self, id: &str) -> Result<DlocalPayment, ProviderError> {
        let payment: DlocalPayment = self.api.get(&["payments", id]).await?;
        call::same("id", payment.id()?.as_str(), id)?;
        Ok(payment)
    }

    /// A refund whose id dLocal hasn't told us yet, among those of its payment.
    async fn refund_of(&self, refund: &RefundQuery, payment: &str) -> Result<DlocalRefund, ProviderError> {
        let listed: Vec<DlocalRefund> = match self.api.get(&["payments", payment, "refunds"]).await {
            // It was paid, so it is known there: only a list can say what is not on it.
            Err(ProviderError::NotKnown(document)) => return Err(ProviderError::Unknown(document)),
            answer => answer?,
        };
        let all_named = listed.iter().all(|one| one.order_refund_id.is_some());
        let is_it = |one: &DlocalRefund| one.order_refund_id.as_deref() == Some(refund.reference.as_str());
        match listed.into_iter().find(is_it) {
            Some(found) => Ok(found),
            None if all_named => Err(ProviderError::NotKnown("it is not among the refunds of its payment".to_owned())),
            None => Err(ProviderError::Unknown("a refund of its payment doesn't say which one it is".to_owned())),
        }
    }
}

#[async_trait::async_trait]
impl PaymentProvider for Dlocal {
    fn name(&self) -> &'static str {
        NAME
    }

    fn terms(&self, method: PaymentMethod) -> Option<MethodTerms> {
        (method == PaymentMethod::Tef).then(|| MethodTerms {
            flow: "You go to dLocal's page and pay there with Pix, or at your bank if TEF is still offered.",
            fees: "dLocal takes none from you.",
            currencies: vec![self.reais],
            countries: &["BR"],
            limits: Vec::new(),
            payer_fields: vec![PayerField::Name, PayerField::Email, PayerField::Document],
            arrival_days: (0, 1),
            expires_after: None,
            takes_parts: false,
            chargebacks: false,
            refund_way: RefundWay::ToOrigin,
            refund_days: (0, 10),
            // The central bank's for Pix.
            refund_window_days: Some(90),
        })
    }

    fn reference(&self, id: PaymentId, _random: [u8; 16]) -> String {
        id.to_string()
    }

    async fn create_payment(&self, request: &PaymentRequest) -> Result<OpenedPayment, ProviderError> {
        let body = self.new_payment(request)?;
        let payment = match self.api.post::<DlocalPayment>("payments", &request.reference, &body).await {
            // A payment of this reference may be there, whose idempotency key dLocal has forgotten.
            Err(ProviderError::Refused(reason)) => match self.id_of(&request.reference).await {
                Ok(id) => self.payment(&id).await?,
                Err(ProviderError::NotKnown(_)) => return Err(ProviderError::Refused(reason)),
                Err(error) => return Err(error),
            },
            answer => answer?,
        };
        payment.check(&request.reference, request.amount)?;
        let next_action = if payment.is_pending() { Some(NextAction::Redirect { url: payment.page()? }) } else { None };
        let facts = vec![payment.fact().map_err(ProviderError::Unknown)?];
        Ok(OpenedPayment { provider_reference: Some(payment.id()?), next_action, expires_at: None, facts })
    }

    async fn query_payment(&self, payment: &PaymentQuery) -> Result<Vec<Fact>, ProviderError> {
        let document = self.payment(&self.payment_id(payment).await?).await?;
        document.check(&payment.reference, payment.amount)?;
        Ok(vec![document.fact().map_err(ProviderError::Unknown)?])
    }

    /// dLocal withdraws card authorisations only: it says how it stands, and what is paid nevertheless goes back.
    async fn cancel_payment(&self, payment: &PaymentQuery) -> Result<Vec<Fact>, ProviderError> {
        self.query_payment(payment).await
    }

    /// Without bank details: Pix goes back where it came from, and for a bank's transfer dLocal asks the buyer by e-mail.
    async fn refund(&self, request: &RefundRequest) -> Result<Vec<Fact>, ProviderError> {
        let payment_id = self.payment_id(&request.payment).await?;
        let body = NewRefund {
            payment_id: &payment_id,
            amount: number(request.amount)?,
            currency: request.amount.currency,
            order_refund_id: &request.reference,
            description: request.reason.chars().take(LONGEST_REASON).collect(),
            notification_url: &request.notification_url,
        };
        let refund: DlocalRefund = match self.api.post("refunds", &request.reference, &body).await {
            // An earlier one of ours may be there, whose idempotency key dLocal has forgotten: then this one is refused as a
            // second one, as too much, or because all has gone back. Only the list can say that it is not there.
            Err(ProviderError::Refused(reason)) if request.asked_before.is_some() || reason.starts_with(DUPLICATE) => {
                let asked = RefundQuery {
                    reference: request.reference.clone(),
                    provider_reference: None,
                    payment: request.payment.clone(),
                    amount: request.amount,
                    others: Vec::new(),
                };
                match self.refund_of(&asked, &payment_id).await {
                    Err(ProviderError::NotKnown(_)) if reason.starts_with(DUPLICATE) => {
                        return Err(ProviderError::Unknown(reason));
                    }
                    Err(ProviderError::NotKnown(_)) => return Err(ProviderError::Refused(reason)),
                    listed => listed?,
                }
            }
            answer => answer?,
        };
        refund.check(&request.reference, &payment_id, request.amount)?;
        Ok(vec![refund.fact(&request.reference).map_err(ProviderError::Unknown)?])
    }

    async fn query_refund(&self, refund: &RefundQuery) -> Result<Vec<Fact>, ProviderError> {
        let payment_id = self.payment_id(&refund.payment).await?;
        let document = match &refund.provider_reference {
            Some(id) => {
                let document: DlocalRefund = self.api.get(&["refunds", id]).await?;
                document.check_id(id)?;
                document
            }
            None => self.refund_of(refund, &payment_id).await?,
        };
        document.check(&refund.reference, &payment_id, refund.amount)?;
        Ok(vec![document.fact(&refund.reference).map_err(ProviderError::Unknown)?])
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

    fn verify(&self, request: &WebhookRequest<'_>, wall_now: Time) -> Result<Incoming, VerifyError> {
        self.api.verify(request, wall_now)?;
        let event_id = document::event_id(request.body).ok_or(VerifyError("it says nothing about a payment"))?;
        Ok(Incoming::Notification(Verified { event_id, content: request.body.to_vec() }))
    }

    fn interpret(&self, body: &[u8]) -> Result<Vec<Fact>, Uninterpretable> {
        document::notification(body).map(|fact| vec![fact]).map_err(Uninterpretable)
    }

    fn acknowledgement(&self) -> Acknowledgement {
        Acknowledgement { status: 200, content_type: "application/json", body: r#"{"received":true}"# }
    }
}

#[cfg(test)]
mod tests;
