use secrecy::SecretString;

use super::*;
use crate::for_tests;
use ground::setting::Mode;

const KEY: &str = "44782DEF547AAA06C910C43932B1EB0C71FC68D9D0C057550C48EC2ACF6BA056";

fn settings() -> AdyenSettings {
    AdyenSettings {
        api_key: Some(SecretString::from("AQE_hush")),
        merchant_account: Some("TestMerchant".to_owned()),
        webhook_secret: vec![SecretString::from(KEY)],
        api_base: "https://checkout-test.adyen.com/v72".to_owned(),
        reports: None,
    }
}

fn configured(own: AdyenSettings, mode: Mode) -> Configured {
    from_settings(&own, &for_tests::installation(mode), &Clock::default())
}

#[test]
fn every_setting_is_read_at_once_and_named_if_it_is_wrong() {
    let problem = |own, mode| configured(own, mode).err().map(|error| error.variable);
    assert_eq!(problem(settings(), Mode::Sandbox), None);
    let live = "https://1797a841fbb37ca7-Shop-checkout-live.adyenpayments.com/checkout/v72";
    assert_eq!(problem(AdyenSettings { api_base: live.to_owned(), ..settings() }, Mode::Live), None);
    for (own, mode, variable) in [
        (AdyenSettings { api_base: live.to_owned(), ..settings() }, Mode::Sandbox, "ADYEN_API_BASE"),
        (settings(), Mode::Live, "ADYEN_API_BASE"),
        (AdyenSettings { merchant_account: None, ..settings() }, Mode::Sandbox, "ADYEN_MERCHANT_ACCOUNT"),
        (
            AdyenSettings { merchant_account: Some("a:b".to_owned()), ..settings() },
            Mode::Sandbox,
            "ADYEN_MERCHANT_ACCOUNT",
        ),
        (AdyenSettings { webhook_secret: Vec::new(), ..settings() }, Mode::Sandbox, "ADYEN_WEBHOOK_SECRET"),
        (AdyenSettings { webhook_secret: vec![KEY[2..].into()], ..settings() }, Mode::Sandbox, "ADYEN_WEBHOOK_SECRET"),
        (AdyenSettings { webhook_secret: vec!["not hex".into()], ..settings() }, Mode::Sandbox, "ADYEN_WEBHOOK_SECRET"),
    ] {
        assert_eq!(problem(own, mode), Some(variable));
    }
    let off = AdyenSettings { api_key: None, ..settings() };
    assert!(configured(off, Mode::Sandbox).expect("nothing is required").is_none());
}

#[test]
fn nothing_secret_is_printed() {
    let printed = format!("{:?}", configured(settings(), Mode::Sandbox).expect("settings"));
    assert!(!printed.contains("hush") && !printed.to_uppercase().contains("44782DEF"), "{printed}");
}

#[test]
fn a_page_to_pay_on_is_no_payment() {
    assert!(is_link("PLE83C39B0A0DE0C1E"));
    assert!(!is_link("7914073381342284") && !is_link("PL14073381342284"));
}
