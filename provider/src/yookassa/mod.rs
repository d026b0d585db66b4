//! `yookassa`: the YooMoney wallet, once Yandex.Money, by YooKassa's API v3, in roubles.
//!
//! The buyer pays on YooKassa's page; the money is captured at once, because an escrow is longer than an authorisation.
//! Notifications are not signed: they are hints, and what the API answers is booked. The page `docs/providers/yookassa.md` says
//! what to set up, and what could not be confirmed.
//!
//! Sources: yookassa.ru/developers, yookassa-sdk-python 3.13.0, and clients that are made from the vendor's API description.

use std::sync::Arc;

use chrono::{NaiveDate, SecondsFormat, TimeDelta};
use entity::payment::{NextAction, PaymentMethod, RefundWay};
use entity::{Currency, MinorUnits, Money, PaymentId, Time};
use ipnet::IpNet;
use secrecy::{ExposeSecret, SecretString};
use serde_json::{Value, json};

use super::wire::{amount, call};
use super::{
    Acknowledgement, Fact, Incoming, Limits, MethodTerms, OpenedPayment, PaymentProvider, PaymentQuery, PaymentRequest,
    Payouts, ProviderError, RefundQuery, RefundRequest, Statement, Uninterpretable, VerifyError, WebhookRequest,
};
use crate::interface::Configured;
use crate::settlement::SettlementReports;
use ground::clock::Clock;
use ground::setting::{Installation, Mode, SettingError, check_base, is_given, required, required_list, wrong};

mod api;
mod notification;
mod object;
mod settings;
mod settlement;

pub(super) use settings::YookassaSettings;
pub(super) use settlement::DAYS_LATE;

use api::{YookassaApi, not_about_that};
use object::{YookassaPayment, YookassaRefund, checked};

pub(super) const NAME: &str = "yookassa";

/// Then YooKassa cancels the payment, whichever way it would have been paid.
const TIME_TO_PAY: TimeDelta = TimeDelta::hours(1);
/// How long YooKassa knows an idempotence key, and we look back for a payment whose answer got lost. An older one is over.
const KEY_LIVES: TimeDelta = TimeDelta::hours(24);
/// Of a payment's description and of a refund's, in characters.
const LONGEST_DESCRIPTION: usize = 128;
const LONGEST_REASON: usize = 250;
const LEAST: MinorUnits = MinorUnits(100);

/// How the buyer pays on YooKassa's page, and what its documents say of that.
#[derive(Debug)]
struct MethodPlan {
    kind: &'static str,
    flow: &'static str,
    most: MinorUnits,
    /// By the buyer's bank; YooKassa doesn't tell of them.
    chargebacks: bool,
    refund_days: (u32, u32),
}

const WAYS: [MethodPlan; 3] = [
    MethodPlan {
        kind: "yoo_money",
        flow: "You go to YooKassa's page and pay there from your YooMoney wallet, within an hour.",
        most: MinorUnits(25_000_000),
        chargebacks: false,
        refund_days: (0, 1),
    },
    MethodPlan {
        kind: "bank_card",
        flow: "You go to YooKassa's page and enter a card there, within an hour.",
        most: MinorUnits(35_000_000),
        chargebacks: true,
        refund_days: (0, 3),
    },
    MethodPlan {
        kind: "sbp",
        flow: "You go to YooKassa's page and confirm the payment in your bank's app (SBP), within an hour.",
        most: MinorUnits(70_000_000),
        chargebacks: false,
        refund_days: (0, 1),
    },
];

/// Off until `YOOKASSA_SHOP_ID` is there.
pub(super) fn from_settings(own: &YookassaSettings, installation: &Installation, clock: &Clock) -> Configured {
    if !is_given(&own.shop_id) {
        return Ok(None);
    }
    Ok(Some(Arc::new(YooKassa::new(own, installation.mode, installation.public_url.clone(), clock)?)))
}

#[derive(Debug)]
struct YooKassa {
    api: YookassaApi,
    /// Whether the shop is a real one: payments of a test shop are no money.
    live: bool,
    rouble: Currency,
    way: &'static MethodPlan,
    addresses: Vec<IpNet>,
    /// YooKassa wants to know where to send the buyer back to, also if the storefront doesn't care.
    public_url: String,
    reports: Option<SettlementReports>,
    clock: Clock,
}

impl YooKassa {
    fn new(own: &YookassaSettings, mode: Mode, public_url: String, clock: &Clock) -> Result<Self, SettingError> {
        let shop_id = required("YOOKASSA_SHOP_ID", &own.shop_id)?.trim();
        if !shop_id.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err(wrong("YOOKASSA_SHOP_ID", "must be the shop's number (shopId)"));
        }
        let key = required("YOOKASSA_SECRET_KEY", &own.secret_key)?.expose_secret().trim();
        let live = mode == Mode::Live;
        check_key(key, live)?;
        let way = WAYS.iter().find(|way| way.kind == own.payment_method.trim());
        let way = way.ok_or_else(|| wrong("YOOKASSA_PAYMENT_METHOD", "must be yoo_money, bank_card or sbp"))?;
        let mut addresses = Vec::new();
        for text in required_list("YOOKASSA_ADDRESSES", &own.addresses)? {
            let network = notification::network(&text);
            addresses.push(network.ok_or_else(|| {
                wrong("YOOKASSA_ADDRESSES", format!("has {text:?}, which is neither an address nor a network"))
            })?);
        }
        let rouble = "RUB".parse().map_err(|error| wrong("YOOKASSA_SHOP_ID", format!("needs roubles: {error}")))?;
        let base = check_base("YOOKASSA_API_BASE", &own.api_base, mode)?;
        let client = call::client("YOOKASSA_API_BASE", &base)?;
        let api = YookassaApi { client, base, shop_id: shop_id.to_owned(), key: SecretString::from(key) };
        let reports = SettlementReports::configured("YOOKASSA_REPORTS", &own.reports, settlement::Registers)?;
        Ok(Self { api, live, rouble, way, addresses, public_url, reports, clock: clock.clone() })
    }

    /// An answer must be about what we asked; any other leaves it unknown.
    fn about(&self, payment: &YookassaPayment, reference: &str, asked: Money) -> Result<(), ProviderError> {
        if checked(&payment.id).is_none() {
            return Err(ProviderError::Unknown("the answer's id is none".to_owned()));
        }
        call::same("payment_id", payment.metadata.get("payment_id").unwrap_or_default(), reference)?;
        call::same("amount", payment.amount.exact()?, asked)?;
        call::same("recipient", payment.recipient.account_id.as_str(), self.api.shop_id.as_str())?;
        call::same("test", payment.test, !self.live)
    }

    /// As it stands now. Without YooKassa's id, its list of the last day is looked through: a payment that isn't in it is
    /// over, if there ever was one, and nobody has been shown its page.
    async fn find(&self, query: &PaymentQuery) -> Result<YookassaPayment, ProviderError> {
        let reference = query.reference.as_str();
        let payment: YookassaPayment = match &query.provider_reference {
            Some(id) => {
                let payment: YookassaPayment = self.api.get(&["payments", id], &[]).await?;
                call::same("id", &payment.id, id)?;
                payment
            }
            None => {
                let since = (self.clock.wall() - KEY_LIVES).to_rfc3339_opts(SecondsFormat::Millis, true);
                let listed: Vec<YookassaPayment> =
                    self.api.list(&["payments"], &[("created_at.gte", &since)]).await.map_err(not_about_that)?;
                let ours = listed.into_iter().find(|payment| payment.metadata.get("payment_id") == Some(reference));
                ours.ok_or_else(|| ProviderError::NotKnown(format!("no payment of the last day is {reference}")))?
            }
        };
        self.about(&payment, reference, query.amount)?;
        Ok(payment)
    }

    /// A refund is of a payment that YooKassa knows: that it doesn't know says nothing about the refund.
    async fn payment_id(&self, query: &PaymentQuery) -> Result<String, ProviderError> {
        match &query.provider_reference {
            Some(id) => Ok(id.clone()),
            None => Ok(self.find(query).await.map_err(not_about_that)?.id),
        }
    }

    async fn find_refund(&self, payment: &str, reference: &str) -> Result<Option<YookassaRefund>, ProviderError> {
        let listed: Vec<YookassaRefund> =
            self.api.list(&["refunds"], &[("payment_id", payment)]).await.map_err(not_about_that)?;
        Ok(listed.into_iter().find(|refund| refund.metadata.get("refund_id") == Some(reference)))
    }
}

fn refunded(refund: &YookassaRefund, payment: &str, reference: &str, asked: Money) -> Result<Vec<Fact>, ProviderError> {
    if checked(&refund.id).is_none() {
        return Err(ProviderError::Unknown("the answer's id is none".to_owned()));
    }
    call::same("refund_id", refund.metadata.get("refund_id").unwrap_or_default(), reference)?;
    call::same("payment_id", refund.payment_id.as_str(), payment)?;
    call::same("amount", refund.amount.exact()?, asked)?;
    Ok(vec![refund.fact(reference, asked)?])
}

fn to_wire(money: Money) -> Value {
    json!({ "value": amount::to_text(money), "currency": money.currency.code() })
}

fn cut(text: &str, longest: usize) -> String {
    text.chars().take(longest).collect()
}

/// The error never quotes the key.
fn check_key(key: &str, live: bool) -> Result<(), SettingError> {
    let (mode, problem) = if live {
        ("live_", "must be the key of a real shop (live_…): SECURE_PAYMENT_MODE is live")
    } else {
        ("test_", "must be the key of a test shop (test_…): SECURE_PAYMENT_MODE is sandbox, which moves no real money")
    };
    let is_one = key.strip_prefix(mode).is_some_and(|secret| !secret.is_empty());
    if is_one { Ok(()) } else { Err(wrong("YOOKASSA_SECRET_KEY", problem)) }
}

#[async_trait::async_trait]
impl PaymentProvider for YooKassa {
    fn name(&self) -> &'static str {
        NAME
    }

    fn terms(&self, method: PaymentMethod) -> Option<MethodTerms> {
        if method != PaymentMethod::Yandex {
            return None;
        }
        Some(MethodTerms {
            flow: self.way.flow,
            fees: "None from us or YooKassa; your wallet or bank may charge you.",
            currencies: vec![self.rouble],
            countries: &[],
            limits: vec![Limits { currency: self.rouble, least: LEAST, most: Some(self.way.most) }],
            payer_fields: Vec::new(),
            arrival_days: (0, 0),
            expires_after: Some(TIME_TO_PAY),
            takes_parts: false,
            chargebacks: self.way.chargebacks,
            refund_way: RefundWay::ToOrigin,
            refund_days: self.way.refund_days,
            refund_window_days: Some(1_095),
        })
    }

    fn reference(&self, id: PaymentId, _random: [u8; 16]) -> String {
        id.to_string()
    }

    async fn create_payment(&self, request: &PaymentRequest) -> Result<OpenedPayment, ProviderError> {
        let back = request.return_url.as_ref().unwrap_or(&self.public_url);
        let body = json!({
            "amount": to_wire(request.amount),
            "capture": true,
            "confirmation": { "type": "redirect", "return_url": back },
            "payment_method_data": { "type": self.way.kind },
            "description": cut(&request.description, LONGEST_DESCRIPTION),
            "metadata": { "payment_id": request.reference },
        });
        let answer = self.api.post(&["payments"], &body, &request.reference).await;
        let payment: YookassaPayment = answer.map_err(not_about_that)?;
        self.about(&payment, &request.reference, request.amount)?;
        let fact = payment.fact(&request.reference, request.amount)?;
        let next_action = match (payment.status.as_str(), payment.page()) {
            ("pending", Some(page)) => Some(NextAction::Redirect { url: page.to_owned() }),
            ("pending", None) => {
                return Err(ProviderError::Unknown("a payment without a page to pay on".to_owned()));
            }
            _nothing_to_do => None,
        };
        let expires_at = Some(self.clock.now() + TIME_TO_PAY);
        Ok(OpenedPayment { provider_reference: Some(payment.id), next_action, expires_at, facts: vec![fact] })
    }

    async fn query_payment(&self, payment: &PaymentQuery) -> Result<Vec<Fact>, ProviderError> {
        Ok(vec![self.find(payment).await?.fact(&payment.reference, payment.amount)?])
    }

    /// YooKassa only lets a payment be cancelled that is authorised and not captured, which ours never are. One that waits for
    /// the buyer waits until its hour is over.
    async fn cancel_payment(&self, payment: &PaymentQuery) -> Result<Vec<Fact>, ProviderError> {
        self.query_payment(payment).await
    }

    /// Our question may be older than YooKassa knows a key: what is there already is looked for first.
    async fn refund(&self, request: &RefundRequest) -> Result<Vec<Fact>, ProviderError> {
        let (reference, amount) = (request.reference.as_str(), request.amount);
        let payment = self.payment_id(&request.payment).await?;
        if let Some(refund) = self.find_refund(&payment, &request.reference).await? {
            return refunded(&refund, &payment, reference, amount);
        }
        let body = json!({
            "payment_id": payment,
            "amount": to_wire(request.amount),
            "description": cut(&request.reason, LONGEST_REASON),
            "metadata": { "refund_id": request.reference },
        });
        let answer = self.api.post(&["refunds"], &body, &request.reference).await;
        refunded(&answer.map_err(not_about_that)?, &payment, reference, amount)
    }

    async fn query_refund(&self, refund: &RefundQuery) -> Result<Vec<Fact>, ProviderError> {
        let (reference, amount) = (refund.reference.as_str(), refund.amount);
        let payment = self.payment_id(&refund.payment).await?;
        let found = match &refund.provider_reference {
            Some(id) => {
                let found: YookassaRefund = self.api.get(&["refunds", id], &[]).await?;
                call::same("id", &found.id, id)?;
                Some(found)
            }
            None => self.find_refund(&payment, &refund.reference).await?,
        };
        match found {
            Some(found) => refunded(&found, &payment, reference, amount),
            None => Err(ProviderError::NotKnown(format!("{payment} has no refund that is {}", refund.reference))),
        }
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
        notification::verify(&self.addresses, request).map(Incoming::Notification)
    }

    fn interpret(&self, body: &[u8]) -> Result<Vec<Fact>, Uninterpretable> {
        notification::interpret(body).map_err(Uninterpretable)
    }

    fn acknowledgement(&self) -> Acknowledgement {
        Acknowledgement { status: 200, content_type: "text/plain", body: "" }
    }
}

#[cfg(test)]
mod tests;
