//! A page around its body, and text that is safe in it.

pub(super) fn document(title: &str, body: &str) -> String {
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
pub(super) fn escape(text: &str) -> String {
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
