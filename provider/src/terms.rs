//! What a buyer can expect of a method at a provider: said by the adapter, shown by `paymentMethods`, held to by `payOrder`.

use chrono::TimeDelta;
use entity::payment::RefundWay;
use entity::{Currency, MinorUnits, Money};

#[derive(Clone, Debug)]
pub struct MethodTerms {
    /// What the buyer does next, in words.
    pub flow: &'static str,
    /// What paying by it costs the buyer on top, in words.
    pub fees: &'static str,
    /// In which it can be paid; empty means in every one.
    pub currencies: Vec<Currency>,
    /// Where the payer has to be, ISO 3166-1 alpha-2; empty means anywhere.
    pub countries: &'static [&'static str],
    /// At most one per currency; a currency without one has none.
    pub limits: Vec<Limits>,
    /// What `payOrder` has to be told about the payer.
    pub payer_fields: Vec<PayerField>,
    /// Business days until the money is here, from and to; 0 is at once.
    pub arrival_days: (u32, u32),
    /// Until when it has to be paid; None if only the order sets an end.
    pub expires_after: Option<TimeDelta>,
    /// Whether several amounts may add up to one payment. If not, any other amount than the whole is set aside.
    pub takes_parts: bool,
    /// Whether money can be taken back by the buyer's bank.
    pub chargebacks: bool,
    pub refund_way: RefundWay,
    /// Business days until a refund usually arrives, from and to.
    pub refund_days: (u32, u32),
    /// Days after the payment within which the rail gives money back; None if there is no end.
    pub refund_window_days: Option<u32>,
}

/// The least and the most that can be paid at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    pub currency: Currency,
    pub least: MinorUnits,
    pub most: Option<MinorUnits>,
}

/// What a rail wants to know of whoever pays.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum PayerField {
    Name,
    Email,
    Phone,
    Country,
    /// The number of an identity document, such as a Brazilian CPF or CNPJ.
    Document,
}

impl PayerField {
    pub const ALL: [Self; 5] = [Self::Name, Self::Email, Self::Phone, Self::Country, Self::Document];

    /// As the API's input calls it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Name => "name",
            Self::Email => "email",
            Self::Phone => "phone",
            Self::Country => "country",
            Self::Document => "document",
        }
    }
}

impl MethodTerms {
    /// Whether the rail itself gives money back, if perhaps only once it knows where to.
    #[must_use]
    pub fn refundable(&self) -> bool {
        match self.refund_way {
            RefundWay::ToOrigin | RefundWay::ToAccount => true,
            RefundWay::ByHand => false,
        }
    }

    #[must_use]
    pub fn takes(&self, currency: Currency) -> bool {
        self.currencies.is_empty() || self.currencies.contains(&currency)
    }

    #[must_use]
    pub fn limits(&self, currency: Currency) -> Option<Limits> {
        self.limits.iter().copied().find(|limits| limits.currency == currency)
    }

    /// Why this amount can't be paid so, in words; None if it can.
    #[must_use]
    pub fn refuses(&self, amount: Money) -> Option<String> {
        if !self.takes(amount.currency) {
            let list = self.currencies.iter().map(|currency| currency.code()).collect::<Vec<_>>().join(", ");
            return Some(format!("it takes {list}, and the order is in {}", amount.currency));
        }
        let limits = self.limits(amount.currency)?;
        if amount.amount < limits.least {
            return Some(format!("it takes no less than {}", Money::new(limits.least, amount.currency)));
        }
        let most = limits.most.filter(|most| amount.amount > *most)?;
        Some(format!("it takes no more than {} at once", Money::new(most, amount.currency)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_amount_is_refused_with_what_would_do() {
        let euro = Money::exact("9", "EUR").expect("euros");
        let usd = |amount| Money::new(MinorUnits(amount), Currency::USD);
        let limits = vec![Limits { currency: Currency::USD, least: MinorUnits(50), most: Some(MinorUnits(1_000)) }];
        let terms = MethodTerms {
            flow: "",
            fees: "",
            currencies: vec![Currency::USD, euro.currency],
            countries: &[],
            limits,
            payer_fields: Vec::new(),
            arrival_days: (0, 0),
            expires_after: None,
            takes_parts: false,
            chargebacks: false,
            refund_way: RefundWay::ToOrigin,
            refund_days: (7, 10),
            refund_window_days: None,
        };
        assert_eq!(terms.refuses(usd(50)), None);
        assert_eq!(terms.refuses(usd(1_000)), None);
        assert_eq!(terms.refuses(usd(49)).as_deref(), Some("it takes no less than 0.50 USD"));
        assert_eq!(terms.refuses(usd(1_001)).as_deref(), Some("it takes no more than 10.00 USD at once"));
        let yen = Money::exact("9000", "JPY").expect("yen");
        assert_eq!(terms.refuses(yen).as_deref(), Some("it takes USD, EUR, and the order is in JPY"));
        assert_eq!(terms.refuses(euro), None);
    }
}
