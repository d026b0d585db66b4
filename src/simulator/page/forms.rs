//! What can be done on the page: by kind of method, and as the payment stands.

use entity::sandbox_movement::{Model, MovementStatus};
use entity::{MinorUnits, Money};

use super::html::escape;
use super::shown::{Shown, overflow, path};
use crate::error::Result;
use crate::simulator::collected::Collected;
use crate::simulator::method_kind::{Account, MethodKind, Voucher};
use crate::simulator::play::{Decision, LONGEST_REFERENCE, seen};

pub(super) fn of(shown: &Shown<'_>, sums: &Collected) -> Result<String> {
    let payment = shown.payment;
    match MethodKind::of(payment) {
        MethodKind::Redirect => Ok(consent(payment)),
        MethodKind::Voucher => Ok(counter(shown)),
        MethodKind::Transfer => bank(shown, sums),
    }
}

/// Value, class and label.
type Button<'a> = (&'a str, &'a str, &'a str);

fn buttons(list: &[Button<'_>]) -> String {
    list.iter()
        .map(|(value, class, label)| {
            let label = escape(label);
            format!("<button name=\"decision\" value=\"{value}\" class=\"{class}\">{label}</button>\n")
        })
        .collect()
}

fn form(payment: &Model, content: &str) -> String {
    format!("<form method=\"post\" action=\"{}\">\n{content}</form>\n", escape(&path(payment)))
}

fn hint(text: &str) -> String {
    format!("<p class=\"hint\">{}</p>\n", escape(text))
}

const SETTLE: Button<'_> = ("settle", "primary", "Settle now");

fn consent(payment: &Model) -> String {
    match payment.status {
        MovementStatus::Open => {
            let list = [
                ("approve", "primary", "Approve"),
                ("approve_later", "", "Approve later"),
                ("decline", "refusing", "Decline"),
            ];
            let later = "“Approve later” is a payment that takes its time: the money arrives a minute later.";
            format!("{}{}", form(payment, &buttons(&list)), hint(later))
        }
        MovementStatus::Settling => form(payment, &buttons(&[SETTLE])),
        MovementStatus::Succeeded
        | MovementStatus::Declined
        | MovementStatus::Cancelled
        | MovementStatus::Expired
        | MovementStatus::Debited
        | MovementStatus::Won
        | MovementStatus::Lost => String::new(),
    }
}

fn counter(shown: &Shown<'_>) -> String {
    let payment = shown.payment;
    let Some(voucher) = Voucher::of(payment).filter(|_voucher| payment.status == MovementStatus::Open) else {
        return String::new();
    };
    let (until, now) = (voucher.expires_at.format("%-d %B %Y, %H:%M"), shown.now.format("%-d %B %Y, %H:%M"));
    let list = [("approve", "primary", "Pay at the counter"), ("expire", "refusing", "Let it expire")];
    format!(
        "<h2>Pay with this code</h2>\n<p class=\"code\">{code}</p>\n<dl>\n<div><dt>Until</dt><dd>{until} UTC</dd></div>\n\
         <div><dt>It is now</dt><dd>{now} UTC</dd></div>\n</dl>\n{form}{hint}",
        code = escape(&voucher.code),
        form = form(payment, &buttons(&list)),
        hint = hint(
            "The counter takes the whole amount, or nothing. The code expires by itself at its time, also when \
             sandboxAdvanceClock goes past it. What was paid so can't be given back the same way."
        ),
    )
}

fn bank(shown: &Shown<'_>, sums: &Collected) -> Result<String> {
    let payment = shown.payment;
    let missing = Money::new(sums.missing(payment.amount).ok_or_else(overflow)?, payment.currency);
    let takeable = Money::new(sums.takeable().unwrap_or(MinorUnits::ZERO), payment.currency);
    let account = Account::of(payment);
    let mut html = instructions(&account);
    html.push_str("<h2>Your bank</h2>\n");
    html.push_str(&at_once(payment, sums, missing));
    html.push_str(&amount_of_choice(shown, &account, missing));
    html.push_str(&hint(
        "A part leaves the payment open, with what is missing. Too much is set aside and sent back. With another \
         reference, or none, nobody knows what the money is for: it waits for the operator. To send it too late, let \
         the order lapse first (sandboxAdvanceClock) or cancel it; then come back to this page, which goes on working.",
    ));
    if takeable.amount.is_positive() {
        html.push_str(&call_back(shown, takeable));
    }
    Ok(html)
}

fn instructions(account: &Account) -> String {
    let rows = [
        ("Account holder", "", account.account_holder),
        ("IBAN", "iban", account.iban),
        ("BIC", "bic", account.bic),
        ("Reference", "payer-reference", account.reference.as_str()),
        ("The same, structured", "creditor-reference", account.creditor_reference.as_str()),
    ];
    let rows: String = rows
        .iter()
        .map(|(name, class, value)| format!("<div><dt>{name}</dt><dd class=\"{class}\">{}</dd></div>\n", escape(value)))
        .collect();
    format!("<h2>Send it to</h2>\n<dl>\n{rows}</dl>\n")
}

/// What needs nothing to be filled in.
fn at_once(payment: &Model, sums: &Collected, missing: Money) -> String {
    let (is_open, is_first) = (payment.status == MovementStatus::Open, sums.arrived.is_zero());
    if payment.status == MovementStatus::Settling {
        return form(payment, &buttons(&[SETTLE]));
    }
    if !missing.amount.is_positive() {
        return String::new();
    }
    let label = format!("{} {missing}", if is_first { "Send the whole" } else { "Send the missing" });
    let mut list = vec![("approve", "primary", label.as_str())];
    if is_open && is_first {
        list.push(("approve_later", "", "Send it; it arrives a minute later"));
    }
    form(payment, &buttons(&list))
}

fn amount_of_choice(shown: &Shown<'_>, account: &Account, missing: Money) -> String {
    let typed = shown.refused.map(|(form, _problem)| form).filter(|form| form.decision == Decision::Transfer);
    let amount = typed.and_then(|form| form.amount.as_deref()).unwrap_or_default();
    let reference = typed.and_then(|form| form.reference.as_deref()).unwrap_or(&account.reference);
    let is_wrong =
        |field| typed.is_some() && shown.refused.is_some_and(|(_form, problem)| problem.field == Some(field));
    let example = if missing.amount.is_positive() { missing.decimal().to_string() } else { String::new() };
    let content = format!(
        "{seen}<label for=\"amount\">Amount in {currency}</label>\n\
         <input id=\"amount\" name=\"amount\" inputmode=\"decimal\" autocomplete=\"off\" required maxlength=\"40\" \
         placeholder=\"{example}\" value=\"{amount}\"{amount_is_wrong}>\n\
         <label for=\"reference\">Reference</label>\n\
         <input id=\"reference\" name=\"reference\" autocomplete=\"off\" maxlength=\"{LONGEST_REFERENCE}\" \
         value=\"{reference}\"{reference_is_wrong}>\n{button}",
        seen = seen_field(shown),
        currency = missing.currency,
        amount = escape(amount),
        amount_is_wrong = marked(is_wrong("amount")),
        reference = escape(reference),
        reference_is_wrong = marked(is_wrong("reference")),
        button = buttons(&[("transfer", "", "Send this amount")]),
    );
    form(shown.payment, &content)
}

fn call_back(shown: &Shown<'_>, takeable: Money) -> String {
    let typed = shown.refused.filter(|(form, _problem)| form.decision == Decision::Bounce);
    let amount = typed.and_then(|(form, _problem)| form.amount.as_deref()).unwrap_or_default();
    let is_wrong = typed.is_some_and(|(_form, problem)| problem.field == Some("amount"));
    let content = format!(
        "{seen}<label for=\"back\">Amount in {currency}; empty for all {takeable}</label>\n\
         <input id=\"back\" name=\"amount\" inputmode=\"decimal\" autocomplete=\"off\" maxlength=\"40\" \
         placeholder=\"{example}\" value=\"{amount}\"{wrong}>\n{button}",
        seen = seen_field(shown),
        currency = takeable.currency,
        takeable = escape(&takeable.to_string()),
        example = takeable.decimal(),
        amount = escape(amount),
        wrong = marked(is_wrong),
        button = buttons(&[("bounce", "refusing", "Call it back")]),
    );
    format!(
        "<h2>It bounces</h2>\n{}{}",
        hint("The sending bank takes back what has arrived: the shop loses it without being asked."),
        form(shown.payment, &content)
    )
}

fn seen_field(shown: &Shown<'_>) -> String {
    format!("<input type=\"hidden\" name=\"seen\" value=\"{}\">\n", seen(shown.payment, shown.behind))
}

fn marked(is_wrong: bool) -> &'static str {
    if is_wrong { " aria-invalid=\"true\" aria-describedby=\"problem\" autofocus" } else { "" }
}
