//! The checkout page as HTML: pure, no script, every text from outside escaped.

use entity::Money;
use entity::sandbox_movement::{Model, MovementStatus};

use super::books::SETTLES_AFTER;

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

/// Where the page of a payment is.
pub(super) fn path(payment: &Model) -> String {
    format!("/sandbox/checkout/{}", payment.id)
}

/// The page of one payment, as it stands.
pub(super) fn payment(payment: &Model) -> String {
    let amount = Money::new(payment.amount, payment.currency).to_string();
    let (method, description) = payment.description.split_once('\n').unwrap_or(("", &payment.description));
    let (badge, status, words) = standing(payment);
    let body = format!(
        r#"<p class="what">{description}</p>
<h1>{amount}</h1>
<dl>
<div><dt>Method</dt><dd>{method}</dd></div>
<div><dt>Reference</dt><dd class="reference">{reference}</dd></div>
<div><dt>Status</dt><dd><span class="badge {badge}">{status}</span></dd></div>
</dl>
<p class="words">{words}</p>
{decisions}{back}"#,
        description = escape(description),
        amount = escape(&amount),
        method = escape(method_label(method).unwrap_or(method)),
        reference = escape(&payment.reference),
        words = escape(&words),
        decisions = decisions(payment),
        back = back(payment),
    );
    document(&format!("Pay {amount}"), &body)
}

/// A page that only says something.
pub(super) fn message(title: &str, words: &str) -> String {
    document(title, &format!("<h1 class=\"small\">{}</h1>\n<p class=\"words\">{}</p>\n", escape(title), escape(words)))
}

/// Class and text of the badge, and what it means.
fn standing(payment: &Model) -> (&'static str, &'static str, String) {
    match payment.status {
        MovementStatus::Open => {
            ("open", "Waiting for you", "Decide as the buyer would. The shop hears of it at once.".to_owned())
        }
        MovementStatus::Settling => {
            let at = (payment.updated_at + SETTLES_AFTER).format("%H:%M:%S");
            let words = format!(
                "Approved; the money is on its way. It arrives by itself at {at} UTC of the server's clock, or now, if you \
                 like. It can't be called back."
            );
            ("settling", "On its way", words)
        }
        MovementStatus::Succeeded => ("succeeded", "Paid", "Thank you. The shop is told at once.".to_owned()),
        MovementStatus::Declined => (
            "declined",
            "Declined",
            "This payment was declined; nothing was paid. The shop is told at once.".to_owned(),
        ),
        // The last three are never a payment's.
        MovementStatus::Cancelled | MovementStatus::Debited | MovementStatus::Won | MovementStatus::Lost => {
            ("cancelled", "Cancelled", "The shop has withdrawn this payment; there is nothing to pay here.".to_owned())
        }
    }
}

fn decisions(payment: &Model) -> String {
    let buttons: &[(&str, &str, &str)] = match payment.status {
        MovementStatus::Open => &[
            ("approve", "primary", "Approve"),
            ("approve_later", "", "Approve later"),
            ("decline", "refusing", "Decline"),
        ],
        MovementStatus::Settling => &[("settle", "primary", "Settle now")],
        MovementStatus::Succeeded
        | MovementStatus::Declined
        | MovementStatus::Cancelled
        | MovementStatus::Debited
        | MovementStatus::Won
        | MovementStatus::Lost => &[],
    };
    if buttons.is_empty() {
        return String::new();
    }
    let buttons: String = buttons
        .iter()
        .map(|(value, class, label)| {
            format!("<button name=\"decision\" value=\"{value}\" class=\"{class}\">{label}</button>\n")
        })
        .collect();
    let hint = match payment.status {
        MovementStatus::Open => {
            "<p class=\"hint\">“Approve later” is a payment that takes its time, as a bank transfer does: \
             the money arrives a minute later.</p>\n"
        }
        MovementStatus::Settling
        | MovementStatus::Succeeded
        | MovementStatus::Declined
        | MovementStatus::Cancelled
        | MovementStatus::Debited
        | MovementStatus::Won
        | MovementStatus::Lost => "",
    };
    format!("<form method=\"post\" action=\"{}\">\n{buttons}</form>\n{hint}", escape(&path(payment)))
}

fn back(payment: &Model) -> String {
    let label = match payment.status {
        MovementStatus::Open => "Back to the shop without paying",
        MovementStatus::Settling
        | MovementStatus::Succeeded
        | MovementStatus::Declined
        | MovementStatus::Cancelled
        | MovementStatus::Debited
        | MovementStatus::Won
        | MovementStatus::Lost => "Back to the shop",
    };
    payment.return_url.as_ref().map_or_else(String::new, |url| {
        format!("<p class=\"back\"><a href=\"{}\" rel=\"noreferrer\">{label}</a></p>\n", escape(url))
    })
}

fn document(title: &str, body: &str) -> String {
    format!(
        r#"<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="robots" content="noindex">
<title>{title} – Simulated Bank</title>
<link rel="stylesheet" href="/sandbox/checkout.css">
</head>
<body>
<p class="notice"><strong>This is a simulation.</strong> No real money moves.</p>
<main>
<header>Simulated Bank</header>
<section>
{body}</section>
<footer>
<p>For developers: to see a refund or a payout fail, use an amount whose minor units end in 13, such as 10.13 USD. It is
declined when it settles.</p>
</footer>
</main>
</body>
</html>
"#,
        title = escape(title),
    )
}

/// Text as it may stand between tags and in a quoted attribute.
fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            other => escaped.push(other),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use chrono::DateTime;
    use entity::payment::PaymentMethod;
    use entity::sandbox_movement::MovementKind;
    use entity::{Currency, MinorUnits, SandboxMovementId};
    use sea_orm::{ActiveEnum, Iterable};

    use super::*;

    fn movement(status: MovementStatus) -> Model {
        Model {
            id: SandboxMovementId(uuid::Uuid::from_u128(7)),
            kind: MovementKind::Payment,
            reference: "payment_1".to_owned(),
            status,
            amount: MinorUnits(120_000),
            currency: Currency::USD,
            original_id: None,
            reason: None,
            debited: false,
            description: "BANK_TRANSFER\nOrder <script>alert('1')</script> & \"co\"".to_owned(),
            notification_url: "http://127.0.0.1:1/".to_owned(),
            return_url: Some("https://shop.example/back?a=1&b=\"><script>".to_owned()),
            created_at: DateTime::UNIX_EPOCH,
            updated_at: DateTime::UNIX_EPOCH,
        }
    }

    #[test]
    fn the_bank_offers_every_method() {
        for method in PaymentMethod::iter() {
            assert!(method_label(&method.to_value()).is_some(), "{method:?}");
        }
    }

    #[test]
    fn what_comes_from_outside_is_escaped() {
        let html = payment(&movement(MovementStatus::Open));
        assert!(!html.contains("<script"), "{html}");
        assert!(html.contains("Order &lt;script&gt;alert(&#39;1&#39;)&lt;/script&gt; &amp; &quot;co&quot;"));
        assert!(html.contains("href=\"https://shop.example/back?a=1&amp;b=&quot;&gt;&lt;script&gt;\""));
        assert!(message("<b>", "<i>").contains("<h1 class=\"small\">&lt;b&gt;</h1>"));
    }

    #[test]
    fn the_page_offers_what_can_be_decided_and_nothing_else() {
        let offered = |status| {
            let html = payment(&movement(status));
            ["approve", "decline", "approve_later", "settle"]
                .into_iter()
                .filter(|decision| html.contains(&format!("value=\"{decision}\"")))
                .collect::<Vec<_>>()
        };
        assert_eq!(offered(MovementStatus::Open), ["approve", "decline", "approve_later"]);
        assert_eq!(offered(MovementStatus::Settling), ["settle"]);
        for status in [MovementStatus::Succeeded, MovementStatus::Declined, MovementStatus::Cancelled] {
            assert!(offered(status).is_empty());
        }
    }

    #[test]
    fn the_page_says_what_it_is_and_what_is_paid() {
        let html = payment(&movement(MovementStatus::Settling));
        for words in ["This is a simulation", "1,200.00 USD", "T/T (bank transfer)", "00:01:00 UTC", "end in 13"] {
            assert!(html.contains(words), "{words}");
        }
    }
}
