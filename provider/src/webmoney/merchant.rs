//! X18: what has become of a payment, by our number of it. Authorised by the purse's secret.

use entity::Money;
use secrecy::{ExposeSecret, SecretString};
use sha2::{Digest, Sha256};

use super::purse::{Purse, is_number};
use super::xml::{self, XmlElement};
use crate::interface::ProviderError;
use crate::request::PaymentQuery;
use crate::wire::{amount, call, words};

/// `lmi_payment_no` is the number that the merchant gave, and not one of WebMoney's invoices or transfers.
const OUR_NUMBER: &str = "1";

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum TransactionStanding {
    /// By this transfer.
    Paid(String),
    /// Nobody has come to pay it, or whoever came has not confirmed yet.
    NotPaid,
    /// Whoever came said no.
    Rejected,
}

#[derive(Debug)]
pub(super) struct MerchantApi {
    pub(super) client: reqwest::Client,
    pub(super) base: String,
    pub(super) wmid: String,
    pub(super) secret: SecretString,
}

impl MerchantApi {
    pub(super) async fn standing(
        &self,
        purse: &Purse,
        payment: &PaymentQuery,
    ) -> Result<TransactionStanding, ProviderError> {
        let number = &payment.reference;
        if !is_number(number) {
            return Err(ProviderError::Unknown("a payment that has no number".to_owned()));
        }
        let signed = [self.wmid.as_str(), &purse.number, number, self.secret.expose_secret()].concat();
        let body = format!(
            "<merchant.request><wmid>{}</wmid><lmi_payee_purse>{}</lmi_payee_purse>\
             <lmi_payment_no>{number}</lmi_payment_no><lmi_payment_no_type>{OUR_NUMBER}</lmi_payment_no_type>\
             <sha256>{}</sha256></merchant.request>",
            self.wmid,
            purse.number,
            hex::encode(Sha256::digest(signed)),
        );
        let url = call::url(&self.base, &["conf", "xml", "XMLTransGet.asp"])?;
        let request = self.client.post(url).header("content-type", xml::CONTENT_TYPE).body(body);
        let answer = call::send(request).await?;
        if !answer.status.is_success() {
            return Err(call::bare(answer.status));
        }
        standing(&XmlElement::read("merchant.response", &answer.body)?, payment.amount)
    }
}

/// The codes of errors are the vendor's: 8 "not found for this purse", 9 "found, but not paid yet", 13 "found, but it
/// already reject". All the others are about the question.
fn standing(answer: &XmlElement, asked: Money) -> Result<TransactionStanding, ProviderError> {
    match answer.text("retval")? {
        "0" => {}
        "8" | "9" => return Ok(TransactionStanding::NotPaid),
        "13" => return Ok(TransactionStanding::Rejected),
        code => {
            let stated = words(answer.text("retdesc").unwrap_or_default());
            return Err(ProviderError::Unknown(format!("WebMoney said {code:?}: {stated}")));
        }
    }
    let operation = answer.the_only("operation")?;
    for held in ["hold_period", "hold_state"] {
        if operation.text(held).is_ok_and(|days| !days.is_empty() && days != "0") {
            return Err(ProviderError::Unknown(format!("WebMoney holds the money back: {held}")));
        }
    }
    let stated = amount::from_text(operation.text("amount")?, asked.currency.code()).map_err(ProviderError::Unknown)?;
    call::same("amount", stated, asked)?;
    let transaction = operation.attribute("wmtransid")?;
    if !is_number(transaction) {
        return Err(ProviderError::Unknown("a payment whose transfer has no number".to_owned()));
    }
    Ok(TransactionStanding::Paid(transaction.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stands(inside: &str) -> Result<TransactionStanding, ProviderError> {
        let text = format!("<merchant.response>{inside}</merchant.response>");
        let asked = Money::exact("12.30", "USD").expect("money");
        standing(&XmlElement::read("merchant.response", text.as_bytes()).expect("reads"), asked)
    }

    #[test]
    fn only_a_whole_payment_that_is_not_held_is_paid() {
        let paid = |amount: &str, more: &str| {
            stands(&format!(
                "<operation wmtransid=\"7\" wminvoiceid=\"8\"><amount>{amount}</amount>{more}</operation><retval>0</retval>"
            ))
        };
        assert_eq!(paid("12.30", ""), Ok(TransactionStanding::Paid("7".to_owned())));
        assert_eq!(paid("12.3", "<hold_period>0</hold_period>"), Ok(TransactionStanding::Paid("7".to_owned())));
        for (amount, more) in
            [("12.31", ""), ("12.301", ""), ("1.23e1", ""), ("", ""), ("12.30", "<hold_period>3</hold_period>")]
        {
            assert!(matches!(paid(amount, more), Err(ProviderError::Unknown(_))), "{amount} {more}");
        }
        assert!(stands("<retval>0</retval>").is_err());
        assert!(stands("<operation wmtransid=\"x\"><amount>12.30</amount></operation><retval>0</retval>").is_err());
    }

    #[test]
    fn what_is_not_known_to_be_unpaid_is_unknown() {
        for code in ["8", "9"] {
            assert_eq!(stands(&format!("<retval>{code}</retval>")), Ok(TransactionStanding::NotPaid));
        }
        assert_eq!(stands("<retval>13</retval>"), Ok(TransactionStanding::Rejected));
        for code in ["-100", "-7", "-8", "1", "3", "6", "7", "12", "", "00"] {
            let answer = stands(&format!("<retval>{code}</retval><retdesc>no</retdesc>"));
            assert!(matches!(answer, Err(ProviderError::Unknown(_))), "{code}: {answer:?}");
        }
    }
}
