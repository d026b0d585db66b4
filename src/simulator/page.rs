//! The checkout page as HTML: pure, no script, every text from outside escaped.

use entity::Money;
use entity::sandbox_movement::{Model, MovementStatus};

use super::books::SETTLES_AFTER;
use super::collected::Collected;
use super::method_kind::{MethodKind, method_of};
use crate::error::Result;

mod forms;
mod history;
mod html;
mod shown;

use html::{document, escape};
use shown::overflow;
pub(super) use shown::{Shown, path};

/// What the buyer knows a method as; None if the bank doesn't.
pub(super) fn method_label(method: &str) -> Option<&'static str> {
    Some(match method {
        "VISA" => "Visa",
        "MASTERCARD" => "MasterCard",
        "MAESTRO" => "Maestro",
        "BANK_TRANSFER" => "T/T (bank transfer)",
        "WESTERN_UNION" => "Western Union",
        "QIWI" => "QIWI",
        "WEBMONEY" => "WebMoney",
        "YANDEX" => "Yandex",
        "TEF" => "TEF (Transferência Bancária, Brazil)",
        "ALIPAY" => "Alipay",
        _unknown => return None,
    })
}

/// The page of one payment, as it stands.
pub(super) fn payment(shown: &Shown<'_>) -> Result<String> {
    let (payment, behind) = (shown.payment, shown.behind);
    let sums = Collected::sum(payment, behind, payment.currency)?;
    let amount = Money::new(payment.amount, payment.currency).to_string();
    let method = method_of(payment);
    let description = payment.description.split_once('\n').map_or("", |(_method, description)| description);
    let (badge, status, words) = standing(payment, &sums)?;
    let body = format!(
        r#"<p class="what">{description}</p>
<h1>{amount}</h1>
{problem}{latest}<dl>
<div><dt>Method</dt><dd>{method}</dd></div>
<div><dt>Plays</dt><dd>{plays}</dd></div>
<div><dt>Payment</dt><dd class="reference">{reference}</dd></div>
{collected}<div><dt>Status</dt><dd><span class="badge {badge}">{status}</span></dd></div>
</dl>
<p class="words">{words}</p>
{forms}{back}{history}"#,
        description = escape(description),
        amount = escape(&amount),
        problem = problem(shown),
        latest = history::latest(payment, behind),
        method = escape(method_label(method).unwrap_or(method)),
        plays = plays(MethodKind::of(payment)),
        reference = escape(&payment.reference),
        collected = collected(payment, &sums)?,
        words = escape(&words),
        forms = forms::of(shown, &sums)?,
        back = back(payment),
        history = history::of(payment, behind)?,
    );
    Ok(document(&format!("Pay {amount}"), &body))
}

/// A page that only says something.
pub(super) fn message(title: &str, words: &str) -> String {
    document(title, &format!("<h1 class=\"small\">{}</h1>\n<p class=\"words\">{}</p>\n", escape(title), escape(words)))
}

fn plays(kind: MethodKind) -> &'static str {
    match kind {
        MethodKind::Redirect => "a page to approve on",
        MethodKind::Transfer => "an account to send money to",
        MethodKind::Voucher => "a code to pay with at a counter",
    }
}

fn problem(shown: &Shown<'_>) -> String {
    shown.refused.map_or_else(String::new, |(_form, problem)| {
        format!("<p class=\"problem\" id=\"problem\" role=\"alert\">{}</p>\n", escape(&problem.words))
    })
}

/// Where several amounts add up: what has come, and what has not.
fn collected(payment: &Model, sums: &Collected) -> Result<String> {
    if MethodKind::of(payment) != MethodKind::Transfer {
        return Ok(String::new());
    }
    let missing = sums.missing(payment.amount).ok_or_else(overflow)?;
    let mut rows = vec![("Arrived", "arrived", sums.arrived)];
    if sums.reversed.is_positive() {
        rows.push(("Called back", "reversed", sums.reversed));
    }
    rows.push(("Still due", "due", missing));
    let row = |(name, class, amount)| {
        let amount = escape(&Money::new(amount, payment.currency).to_string());
        format!("<div><dt>{name}</dt><dd class=\"{class}\">{amount}</dd></div>\n")
    };
    Ok(rows.into_iter().map(row).collect())
}

type Standing = (&'static str, &'static str, String);

/// Class and text of the badge, and what it means.
fn standing(payment: &Model, sums: &Collected) -> Result<Standing> {
    let kind = MethodKind::of(payment);
    let said = |class, label, words: &str| Ok((class, label, words.to_owned()));
    match payment.status {
        MovementStatus::Open | MovementStatus::Succeeded if kind == MethodKind::Transfer => by_bank(payment, sums),
        MovementStatus::Open if kind == MethodKind::Voucher => {
            said("open", "Waiting at the counter", "The shop hears of it as soon as the counter has the money.")
        }
        MovementStatus::Open => {
            said("open", "Waiting for you", "Decide as the buyer would. The shop hears of it at once.")
        }
        MovementStatus::Settling => {
            let at = (payment.updated_at + SETTLES_AFTER).format("%H:%M:%S");
            let words = format!(
                "Approved; the money is on its way. It arrives by itself at {at} UTC of the server's clock, or now, if you \
                 like. The shop can't withdraw it any more."
            );
            Ok(("settling", "On its way", words))
        }
        MovementStatus::Succeeded => said("succeeded", "Paid", "Thank you. The shop is told at once."),
        MovementStatus::Declined => {
            said("declined", "Declined", "This payment was declined; nothing was paid. The shop is told at once.")
        }
        MovementStatus::Expired => said(
            "cancelled",
            "Expired",
            "Nobody paid in time; the counter takes this code no longer. The shop is told at once.",
        ),
        // The last three are never a payment's.
        MovementStatus::Cancelled | MovementStatus::Debited | MovementStatus::Won | MovementStatus::Lost => {
            let words = match kind {
                MethodKind::Transfer => {
                    "The shop has withdrawn this payment, or its order is over. A bank doesn't know that: what is sent \
                     now arrives too late, and the shop has to send it back."
                }
                MethodKind::Redirect | MethodKind::Voucher => {
                    "The shop has withdrawn this payment; there is nothing to pay here."
                }
            };
            said("cancelled", "Cancelled", words)
        }
    }
}

/// A transfer that is waited for, or has come: in parts, perhaps, or too much.
fn by_bank(payment: &Model, sums: &Collected) -> Result<Standing> {
    let shown = |amount| Money::new(amount, payment.currency).to_string();
    let missing = sums.missing(payment.amount).ok_or_else(overflow)?;
    let over = sums.over(payment.amount).ok_or_else(overflow)?;
    Ok(if !sums.arrived.is_positive() {
        let words =
            "Send the money as the buyer would: all of it, a part, or too much. The shop hears of all that arrives.";
        ("open", "Waiting for the transfer", words.to_owned())
    } else if missing == payment.amount {
        let words = "All that had arrived was called back. Perhaps it is sent again.";
        ("declined", "Bounced", words.to_owned())
    } else if missing.is_positive() {
        (
            "settling",
            "Partly paid",
            format!("{} is missing: send the rest, in as many parts as you like.", shown(missing)),
        )
    } else if over.is_positive() {
        let words = format!("{} more has arrived than was asked for; the shop sends it back.", shown(over));
        ("succeeded", "Paid, and too much", words)
    } else {
        ("succeeded", "Paid", "All of it has arrived. The shop is told at once.".to_owned())
    })
}

fn back(payment: &Model) -> String {
    let label = match payment.status {
        MovementStatus::Open => "Back to the shop without paying",
        MovementStatus::Settling
        | MovementStatus::Succeeded
        | MovementStatus::Declined
        | MovementStatus::Cancelled
        | MovementStatus::Expired
        | MovementStatus::Debited
        | MovementStatus::Won
        | MovementStatus::Lost => "Back to the shop",
    };
    let label = if MethodKind::of(payment) == MethodKind::Redirect { label } else { "Back to the shop" };
    payment.return_url.as_ref().map_or_else(String::new, |url| {
        format!("<p class=\"back\"><a href=\"{}\" rel=\"noreferrer\">{label}</a></p>\n", escape(url))
    })
}

/// An open payment of 1,200.00 USD.
#[cfg(test)]
pub(super) fn movement_for_tests(method: &str) -> Model {
    Model {
        id: entity::SandboxMovementId(uuid::Uuid::from_u128(7)),
        kind: entity::sandbox_movement::MovementKind::Payment,
        reference: "payment_1".to_owned(),
        status: MovementStatus::Open,
        amount: entity::MinorUnits(120_000),
        currency: entity::Currency::USD,
        original_id: None,
        reason: None,
        debited: false,
        description: format!("{method}\nOrder <script>alert('1')</script> & \"co\""),
        notification_url: "http://127.0.0.1:1/".to_owned(),
        return_url: Some("https://shop.example/back?a=1&b=\"><script>".to_owned()),
        created_at: chrono::DateTime::UNIX_EPOCH,
        updated_at: chrono::DateTime::UNIX_EPOCH,
    }
}

#[cfg(test)]
mod tests;
