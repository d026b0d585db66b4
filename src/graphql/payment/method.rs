//! How an order can be paid.

use async_graphql::{Enum, InputObject, SimpleObject};
use entity::Money as Amount;

use crate::error::ErrorCode;
use crate::graphql::base::scalars::{CountryCode, CurrencyCode, Money};
use crate::graphql::payment::object::{PaymentMethod, RefundWay};
use crate::payment::MethodOption;
use crate::validate::{Checks, is_country};
use provider::{MethodTerms, Payer, PayerField};

/// What a payment method wants to know of whoever pays; named as in `PayerInput`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum)]
#[graphql(name = "PayerField", remote = "provider::PayerField")]
pub enum PayerFieldName {
    /// `name`.
    Name,
    /// `email`.
    Email,
    /// `phone`.
    Phone,
    /// `country`.
    Country,
    /// `document`.
    Document,
}

/// Who pays. `paymentMethods` says which fields a method needs; it is passed on to the provider, and not kept.
#[derive(Clone, Default, InputObject)]
pub struct PayerInput {
    /// Full name of a person or a company; a single line of at most 140 characters.
    name: Option<String>,
    /// E-mail address.
    email: Option<String>,
    /// With country code: `+5511987654321`.
    phone: Option<String>,
    /// Where the payer is.
    country: Option<CountryCode>,
    /// Number of an identity document, such as a Brazilian CPF or CNPJ; at most 40 characters.
    document: Option<String>,
}

impl PayerInput {
    pub(crate) fn check(self, checks: &mut Checks) -> Payer {
        checks.under("payer", |checks| {
            let name = self.name.map(|name| checks.line(PayerField::Name.name(), &name, 140));
            let email = self.email.map(|email| checks.line(PayerField::Email.name(), &email, 254));
            let is_address =
                |email: &String| email.split_once('@').is_some_and(|(who, host)| !who.is_empty() && host.contains('.'));
            if email.as_ref().is_some_and(|email| !is_address(email)) {
                checks.problem(PayerField::Email.name(), ErrorCode::InvalidInput, "must be an e-mail address");
            }
            let phone = self.phone.map(|phone| checks.line(PayerField::Phone.name(), &phone, 20));
            let digits = |phone: &str| {
                phone.strip_prefix('+').is_some_and(|rest| {
                    (6..=15).contains(&rest.len()) && rest.bytes().all(|byte| byte.is_ascii_digit())
                })
            };
            if phone.as_ref().is_some_and(|phone| !digits(phone)) {
                checks.problem(PayerField::Phone.name(), ErrorCode::InvalidInput, "must be + and 6 to 15 digits");
            }
            let country = self.country.map(|country| country.0);
            if country.as_ref().is_some_and(|country| !is_country(country)) {
                let message = "must be an ISO 3166-1 alpha-2 code, such as BR";
                checks.problem(PayerField::Country.name(), ErrorCode::InvalidInput, message);
            }
            let document = self.document.map(|document| checks.line(PayerField::Document.name(), &document, 40));
            Payer { name, email, phone, country, document }
        })
    }
}

/// The least and the most that a method takes at once, in the order's currency.
#[derive(SimpleObject)]
pub struct PaymentLimits {
    /// No less than this.
    least: Money,
    /// No more than this; null if there is no upper limit.
    most: Option<Money>,
}

/// A way to pay an order, or why it is none. What follows `reason` is what the method can do here; of a method that no provider
/// offers nothing is known.
#[derive(SimpleObject)]
pub struct PaymentMethodOption {
    /// Which way.
    method: PaymentMethod,
    /// Whether this order can be paid so now.
    available: bool,
    /// Why it is not available; null if it is.
    reason: Option<String>,
    /// Who takes the payment, by name; null if no provider offers the method.
    provider: Option<String>,
    /// What the buyer does next, in words; null if no provider offers the method.
    flow: Option<String>,
    /// What paying by it costs the buyer on top, in words; null if no provider offers the method.
    fees: Option<String>,
    /// The currencies that it takes; null if it takes every one, or no provider offers it.
    currencies: Option<Vec<CurrencyCode>>,
    /// Where the payer has to be; null if that doesn't matter, or no provider offers it.
    countries: Option<Vec<CountryCode>>,
    /// What it takes at once; null if there are no limits in the order's currency.
    limits: Option<PaymentLimits>,
    /// What `payOrder` has to be told in `payer`.
    payer_fields: Vec<PayerFieldName>,
    /// Business days until the money is here, at best; 0 is at once. Null if no provider offers the method.
    arrival_days_from: Option<i32>,
    /// Business days until the money is here, at worst. Null if no provider offers the method.
    arrival_days_to: Option<i32>,
    /// Minutes within which it has to be paid once it is opened; null if only the order sets an end.
    expires_after_minutes: Option<i32>,
    /// Whether several amounts may add up; null if no provider offers the method.
    takes_parts: Option<bool>,
    /// Whether the buyer's bank can take the money back; null if no provider offers the method.
    chargebacks: Option<bool>,
    /// Whether the rail itself gives money back, if perhaps only once it knows where to; if not, it goes back by another rail
    /// (`refundWay`). Null if no provider offers the method.
    refundable: Option<bool>,
    /// How money goes back; null if no provider offers the method.
    refund_way: Option<RefundWay>,
    /// Business days until a refund usually arrives, at best; null if no provider offers the method.
    refund_days_from: Option<i32>,
    /// Business days until a refund usually arrives, at worst; null if no provider offers the method.
    refund_days_to: Option<i32>,
    /// Days after the payment within which the rail gives money back; later an operator pays it by hand. Null if there is no end.
    refund_window_days: Option<i32>,
}

impl PaymentMethodOption {
    pub(crate) fn new(option: MethodOption, currency: entity::Currency) -> Self {
        let terms = option.terms.as_ref();
        let days = |pick: fn(&MethodTerms) -> u32| terms.and_then(|terms| i32::try_from(pick(terms)).ok());
        let money = |amount| Money::from(Amount::new(amount, currency));
        let limits = terms.and_then(|terms| terms.limits(currency));
        Self {
            method: option.method.into(),
            available: option.unavailable_because.is_none(),
            reason: option.unavailable_because,
            provider: option.provider.map(str::to_owned),
            flow: terms.map(|terms| terms.flow.to_owned()),
            fees: terms.map(|terms| terms.fees.to_owned()),
            currencies: terms
                .filter(|terms| !terms.currencies.is_empty())
                .map(|terms| terms.currencies.iter().map(|code| CurrencyCode(code.code().to_owned())).collect()),
            countries: terms
                .filter(|terms| !terms.countries.is_empty())
                .map(|terms| terms.countries.iter().map(|code| CountryCode((*code).to_owned())).collect()),
            limits: limits.map(|limits| PaymentLimits { least: money(limits.least), most: limits.most.map(money) }),
            payer_fields: terms
                .map_or_else(Vec::new, |terms| terms.payer_fields.iter().map(|field| (*field).into()).collect()),
            arrival_days_from: days(|terms| terms.arrival_days.0),
            arrival_days_to: days(|terms| terms.arrival_days.1),
            expires_after_minutes: terms
                .and_then(|terms| terms.expires_after)
                .and_then(|after| i32::try_from(after.num_minutes()).ok()),
            takes_parts: terms.map(|terms| terms.takes_parts),
            chargebacks: terms.map(|terms| terms.chargebacks),
            refundable: terms.map(MethodTerms::refundable),
            refund_way: option.refund_way.map(Into::into),
            refund_days_from: days(|terms| terms.refund_days.0),
            refund_days_to: days(|terms| terms.refund_days.1),
            refund_window_days: terms
                .and_then(|terms| terms.refund_window_days)
                .and_then(|days| i32::try_from(days).ok()),
        }
    }
}
