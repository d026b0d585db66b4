use super::*;

fn settings(api: &str, publishable: &str, webhook: &[&str]) -> StripeSettings {
    StripeSettings {
        api_key: Some(SecretString::from(api)),
        publishable_key: Some(publishable.to_owned()),
        webhook_secret: webhook.iter().map(|secret| SecretString::from(*secret)).collect(),
        api_base: "https://localhost:1".to_owned(),
    }
}

const SECRET: &str = "whsec_0123456789abcdef0123456789abcdef";

fn problem(settings: &StripeSettings, live: bool) -> Option<&'static str> {
    let mode = if live { Mode::Live } else { Mode::Sandbox };
    Stripe::new(settings, mode).err().map(|error| {
        assert!(!error.problem.contains("abc"), "a key is never quoted: {}", error.problem);
        error.variable
    })
}

#[test]
fn keys_are_of_one_mode_and_of_the_right_kind() {
    for (api, publishable, secrets, live, expected) in [
        ("sk_test_abc", "pk_test_abc", &[SECRET][..], false, None),
        ("rk_live_abc", "pk_live_abc", &[SECRET, SECRET], true, None),
        ("sk_test_abc", "pk_test_abc", &[SECRET], true, Some("STRIPE_API_KEY")),
        ("sk_live_abc", "pk_live_abc", &[SECRET], false, Some("STRIPE_API_KEY")),
        ("pk_test_abc", "pk_test_abc", &[SECRET], false, Some("STRIPE_API_KEY")),
        ("sk_test_", "pk_test_abc", &[SECRET], false, Some("STRIPE_API_KEY")),
        ("sk_live_abc", "pk_test_abc", &[SECRET], true, Some("STRIPE_PUBLISHABLE_KEY")),
        ("sk_test_abc", "sk_test_abc", &[SECRET], false, Some("STRIPE_PUBLISHABLE_KEY")),
        ("sk_test_abc", " ", &[SECRET], false, Some("STRIPE_PUBLISHABLE_KEY")),
        ("sk_test_abc", "pk_test_abc", &[], false, Some("STRIPE_WEBHOOK_SECRET")),
        ("sk_test_abc", "pk_test_abc", &[""], false, Some("STRIPE_WEBHOOK_SECRET")),
        ("sk_test_abc", "pk_test_abc", &[SECRET, "whsec_abc"], false, Some("STRIPE_WEBHOOK_SECRET")),
        ("sk_test_abc", "pk_test_abc", &["0123456789abcdef0123456789abcdef"], false, Some("STRIPE_WEBHOOK_SECRET")),
    ] {
        assert_eq!(
            problem(&settings(api, publishable, secrets), live),
            expected,
            "{api} {publishable} {secrets:?} {live}"
        );
    }
    let elsewhere =
        StripeSettings { api_base: "ftp://x".to_owned(), ..settings("sk_test_abc", "pk_test_abc", &[SECRET]) };
    assert_eq!(problem(&elsewhere, false), Some("STRIPE_API_BASE"));
}

#[test]
fn nothing_secret_is_printed() {
    let stripe = Stripe::new(&settings("sk_test_abcdef", "pk_test_x", &[SECRET]), Mode::Sandbox).expect("settings");
    let printed = format!("{stripe:?}");
    assert!(!printed.contains("abcdef"), "{printed}");
}

#[test]
fn cards_only_and_no_part_of_a_payment() {
    let stripe = Stripe::new(&settings("sk_test_abc", "pk_test_x", &[SECRET]), Mode::Sandbox).expect("settings");
    let terms = stripe.terms(PaymentMethod::Maestro).expect("a card");
    assert!(terms.chargebacks && !terms.takes_parts && terms.refundable());
    assert!(stripe.terms(PaymentMethod::Alipay).is_none());
    let rouble = entity::Money::exact("100", "RUB").expect("an amount");
    assert!(terms.refuses(rouble).is_some_and(|why| why.contains("RUB")));
}
