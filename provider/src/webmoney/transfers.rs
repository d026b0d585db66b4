//! X3, the history of a purse, and X14, which gives a payment back. Both for whoever shows the WMID's certificate.
//!
//! X14 has no room for a name of ours: the same request again is another refund. So whoever asks for one reads the history
//! first ([`RefundSearch::is_done`]), and sends only what is not there yet. What is so young that the history might not have it,
//! WebMoney itself refuses to do twice: the same amount of the same payment within half an hour.

use std::sync::atomic::{AtomicI64, Ordering};

use chrono::{FixedOffset, NaiveDateTime, TimeDelta};
use entity::{Money, Time};

use super::purse::{Purse, is_number};
use super::xml::{self, XmlElement};
use crate::interface::ProviderError;
use crate::wire::{amount, call, words};
use ground::clock::Clock;

/// X3 looks back three months, the shortest of which have 89 days; and X14 refunds for 90.
const LOOKS_BACK: TimeDelta = TimeDelta::days(89);
const DATE: &str = "%Y%m%d %H:%M:%S";
/// What WebMoney writes in the description of a return, before the number of the transfer that it returns.
const RETURN_OF: &str = "Moneyback transaction WMTranId:";
/// Finished, and without a code of protection.
const SIMPLE: &str = "0";

#[derive(Debug)]
pub(super) struct Transfers {
    client: reqwest::Client,
    base: String,
    clock: Clock,
    last_number: AtomicI64,
}

/// One transfer from or to a purse of ours.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Operation {
    pub(super) id: String,
    pub(super) from: String,
    pub(super) to: String,
    pub(super) amount: Money,
    pub(super) kind: String,
    /// The transfer that this one returns, if it says so.
    pub(super) returns: Option<String>,
    /// As WebMoney writes it.
    pub(super) created: String,
}

/// A refund, as far as the history can know it.
#[derive(Clone, Copy, Debug)]
pub(super) struct RefundSearch<'a> {
    pub(super) purse: &'a Purse,
    /// The transfer that is to be given back.
    pub(super) transaction: &'a str,
    pub(super) amount: Money,
    /// Returns that are other refunds of ours.
    pub(super) others: &'a [String],
    /// Whether an earlier request of ours may have arrived.
    pub(super) was_asked: bool,
}

impl Transfers {
    pub(super) fn new(client: reqwest::Client, base: String, clock: Clock) -> Self {
        Self { client, base, clock, last_number: AtomicI64::new(0) }
    }

    /// The return that is this refund, if it was made. What the history leaves open is refused: it is for a person to look at.
    pub(super) async fn find_return(&self, asked: RefundSearch<'_>) -> Result<Option<String>, ProviderError> {
        let listed = self.history(asked.purse, Some(asked.transaction), &self.wall(-LOOKS_BACK)).await?;
        // Of longer ago, or to a purse that we have replaced since: then its returns can't be seen either.
        let is_it = |operation: &&Operation| operation.id == asked.transaction && operation.to == asked.purse.number;
        let paid = listed.iter().find(is_it).ok_or_else(|| unclear("the purse's history doesn't list the payment"))?;
        let history = self.history(asked.purse, None, &paid.created).await?;
        asked.is_done(&history, &paid.from)
    }

    /// The number of the return. Gives money back each time that it is asked.
    pub(super) async fn give_back(&self, asked: RefundSearch<'_>) -> Result<String, ProviderError> {
        let (transaction, amount) = (asked.transaction, amount::to_text(asked.amount));
        let trans = format!("<trans><inwmtranid>{transaction}</inwmtranid><amount>{amount}</amount></trans>");
        let answer = self.ask("XMLTransMoneybackCert.asp", &trans).await?;
        match answer.text("retval")? {
            "0" => {}
            // 17 too little in our purse; 50 to 53 no such transfer, not a simple one, less than that, too long ago; 54 and
            // 55 paid without a purse, so that it can go to a phone number only; 56 more than is left of it.
            // An earlier request of ours may have made them so.
            "52" | "56" if asked.was_asked => return Err(unclear("less is left of the payment than this refund")),
            code @ ("17" | "50" | "51" | "52" | "53" | "54" | "55" | "56") => {
                let message = words(answer.text("retdesc").unwrap_or_default());
                return Err(ProviderError::Refused(format!("{message} (WebMoney {code})")));
            }
            // Among them 103 and 104, "was done a moment ago": the history will say whether this was it.
            code => return Err(unexpected(code, &answer)),
        }
        let operation = answer.the_only("operation")?;
        let returned = amount::from_text(operation.text("amount")?, asked.amount.currency.code());
        call::same("amount", returned.map_err(ProviderError::Unknown)?, asked.amount)?;
        call::same("inwmtranid", operation.text("inwmtranid")?, transaction)?;
        call::same("pursesrc", operation.text("pursesrc")?, &asked.purse.number)?;
        number(operation.attribute("id")?)
    }

    /// What moved in a purse, or of it this transfer only.
    async fn history(
        &self,
        purse: &Purse,
        transaction: Option<&str>,
        since: &str,
    ) -> Result<Vec<Operation>, ProviderError> {
        let (of, until) = (transaction.unwrap_or("0"), self.wall(TimeDelta::zero()));
        let asked = format!(
            "<getoperations><purse>{}</purse><wmtranid>{of}</wmtranid><tranid>0</tranid><wminvid>0</wminvid>\
             <orderid>0</orderid><datestart>{since}</datestart><datefinish>{until}</datefinish></getoperations>",
            purse.number
        );
        let answer = self.ask("XMLOperationsCert.asp", &asked).await?;
        match answer.text("retval")? {
            "0" => read_history(&answer, purse),
            code => Err(unexpected(code, &answer)),
        }
    }

    async fn ask(&self, interface: &str, inside: &str) -> Result<XmlElement, ProviderError> {
        let number = self.next_number().to_string();
        let body = format!("<w3s.request><reqn>{number}</reqn>{inside}</w3s.request>");
        let url = call::url(&self.base, &["asp", interface])?;
        let request = self.client.post(url).header("content-type", xml::CONTENT_TYPE).body(body);
        let answer = call::send(request).await?;
        if !answer.status.is_success() {
            return Err(call::bare(answer.status));
        }
        let answer = XmlElement::read("w3s.response", &answer.body)?;
        call::same("reqn", answer.text("reqn")?, &number)?;
        Ok(answer)
    }

    /// Of each request a larger one than of the last, in at most 15 digits: hundred thousandths of a second.
    fn next_number(&self) -> i64 {
        const MICROS: i64 = 10;
        let now = self.clock.wall().timestamp_micros() / MICROS;
        let after = |last: i64| now.max(last.saturating_add(1));
        match self.last_number.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |last| Some(after(last))) {
            Ok(last) | Err(last) => after(last),
        }
    }

    fn wall(&self, off: TimeDelta) -> String {
        in_moscow(self.clock.wall() + off)
    }
}

/// WebMoney's time. Moscow has kept no summer time since 2014.
fn in_moscow(time: Time) -> String {
    const AHEAD_SECONDS: i32 = 3 * 3600;
    match FixedOffset::east_opt(AHEAD_SECONDS) {
        Some(offset) => time.with_timezone(&offset).format(DATE).to_string(),
        None => time.format(DATE).to_string(),
    }
}

fn unexpected(code: &str, answer: &XmlElement) -> ProviderError {
    ProviderError::Unknown(format!("WebMoney said {code:?}: {}", words(answer.text("retdesc").unwrap_or_default())))
}

/// For a person: nothing is sent.
pub(super) fn unclear(what: &str) -> ProviderError {
    ProviderError::Refused(format!("{what}: look for it in Keeper before it is paid again"))
}

fn number(text: &str) -> Result<String, ProviderError> {
    if is_number(text) {
        Ok(text.to_owned())
    } else {
        Err(ProviderError::Unknown("a transfer without a number".to_owned()))
    }
}

/// All of it or nothing: an operation that can't be read might be the one.
fn read_history(answer: &XmlElement, purse: &Purse) -> Result<Vec<Operation>, ProviderError> {
    let operations = answer.the_only("operations")?;
    let listed: Result<Vec<Operation>, ProviderError> =
        operations.all("operation").map(|operation| read_operation(operation, purse)).collect();
    let listed = listed?;
    call::same("cnt", operations.attribute("cnt")?, &listed.len().to_string())?;
    Ok(listed)
}

fn read_operation(operation: &XmlElement, purse: &Purse) -> Result<Operation, ProviderError> {
    let created = operation.text("datecrt")?;
    if NaiveDateTime::parse_from_str(created, DATE).is_err() {
        return Err(ProviderError::Unknown("a transfer without a date".to_owned()));
    }
    let amount = amount::from_text(operation.text("amount")?, purse.currency.code());
    Ok(Operation {
        id: number(operation.attribute("id")?)?,
        from: operation.text("pursesrc")?.to_owned(),
        to: operation.text("pursedest")?.to_owned(),
        amount: amount.map_err(ProviderError::Unknown)?,
        kind: operation.text("opertype")?.to_owned(),
        returns: returned_by(operation.text("desc")?),
        created: created.to_owned(),
    })
}

fn returned_by(description: &str) -> Option<String> {
    let rest = description.strip_prefix(RETURN_OF)?.trim_start();
    let digits: String = rest.chars().take_while(char::is_ascii_digit).collect();
    is_number(&digits).then_some(digits)
}

impl RefundSearch<'_> {
    /// The oldest return of the same amount that is none of our other refunds: this one. Which of two equal refunds a return
    /// is makes no difference, as long as each return is one refund.
    ///
    /// A transfer of the same amount to `payer` that doesn't say of what it is may be one, too: then nothing is known.
    fn is_done(&self, history: &[Operation], payer: &str) -> Result<Option<String>, ProviderError> {
        let mut returns = Vec::new();
        for operation in history {
            let may_be = operation.from == self.purse.number
                && operation.amount == self.amount
                && !self.others.contains(&operation.id);
            match operation.returns.as_deref().filter(|_| may_be) {
                Some(of) if of != self.transaction => {}
                Some(_) if operation.kind == SIMPLE => returns.push(&operation.id),
                None if !may_be || payer != operation.to => {}
                Some(_) | None => {
                    return Err(unclear("there is a transfer of the same amount, which may be this refund"));
                }
            }
        }
        Ok(returns.into_iter().min_by_key(|id| (id.len(), id.as_str())).cloned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PAYER: &str = "Z366393600555";

    fn purse() -> Purse {
        Purse::parse("Z123456789012").expect("a purse")
    }

    fn usd(amount: &str) -> Money {
        Money::exact(amount, "USD").expect("money")
    }

    fn operation(id: &str, to: &str, amount: &str, description: &str) -> Operation {
        Operation {
            id: id.to_owned(),
            from: purse().number,
            to: to.to_owned(),
            amount: usd(amount),
            kind: SIMPLE.to_owned(),
            returns: returned_by(description),
            created: "20251101 12:00:00".to_owned(),
        }
    }

    fn done(history: &[Operation], others: &[&str], payer: &str) -> Result<Option<String>, ()> {
        let others: Vec<String> = others.iter().map(|id| (*id).to_owned()).collect();
        let asked = RefundSearch {
            purse: &purse(),
            transaction: "558",
            amount: usd("3.45"),
            others: &others,
            was_asked: false,
        };
        asked.is_done(history, payer).map_err(|_unknown| ())
    }

    #[test]
    fn a_return_is_one_refund_and_no_other() {
        let of = |id, transaction| operation(id, PAYER, "3.45", &format!("{RETURN_OF} {transaction}. (goods)"));
        let history = [of("1000", "558"), of("999", "558"), of("1001", "557")];
        assert_eq!(done(&history, &[], PAYER), Ok(Some("999".to_owned())), "the oldest");
        assert_eq!(done(&history, &["999"], PAYER), Ok(Some("1000".to_owned())));
        assert_eq!(done(&history, &["999", "1000"], PAYER), Ok(None), "that of another payment is none");
        let other = [operation("5", PAYER, "3.46", &format!("{RETURN_OF} 558. ("))];
        assert_eq!(done(&other, &[], PAYER), Ok(None), "another amount");
        let mut came = of("6", "558");
        (came.from, came.to) = (came.to, came.from);
        assert_eq!(done(&[came], &[], PAYER), Ok(None), "money that came");
    }

    #[test]
    fn what_may_be_a_return_is_left_to_a_person() {
        let unnamed = operation("7", PAYER, "3.45", "for you");
        assert_eq!(done(std::slice::from_ref(&unnamed), &[], PAYER), Err(()));
        assert_eq!(done(std::slice::from_ref(&unnamed), &["7"], PAYER), Ok(None), "it is another refund of ours");
        assert_eq!(done(&[operation("7", "Z1", "3.45", "for you")], &[], PAYER), Ok(None), "somebody else's");
        let mut protected = operation("8", PAYER, "3.45", &format!("{RETURN_OF} 558. ("));
        protected.kind = "4".to_owned();
        assert_eq!(done(&[protected], &[], PAYER), Err(()));
    }

    #[test]
    fn a_return_says_what_it_returns() {
        assert_eq!(returned_by("Moneyback transaction WMTranId: 558. (Order 1)").as_deref(), Some("558"));
        for text in ["", "WMTranId: 558", "Moneyback transaction WMTranId: x", " Moneyback transaction WMTranId: 558"] {
            assert_eq!(returned_by(text), None, "{text}");
        }
    }

    #[test]
    fn numbers_of_requests_grow_and_have_fifteen_digits() {
        let clock = Clock::default();
        let transfers =
            Transfers::new(ground::client::build("http://x").expect("a client"), String::new(), clock.clone());
        let first = transfers.next_number();
        clock.shift_wall(TimeDelta::hours(-1));
        let second = transfers.next_number();
        assert!(second > first, "also when the clock is set back");
        assert_eq!(second.to_string().len(), 15);
    }
}
