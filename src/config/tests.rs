use clap::{CommandFactory, Parser};

use super::*;
use ground::setting::SANDBOX_WEBHOOK_SECRET;

fn settings(arguments: &[&str]) -> Settings {
    let mut all = vec!["secure-payment"];
    all.extend_from_slice(arguments);
    Cli::try_parse_from(all).expect("parses").settings
}

#[test]
fn live_mode_refuses_what_only_a_sandbox_may_have() {
    let key = STANDARD.encode([9_u8; 32]);
    let variable = |arguments: &[&str]| settings(arguments).check().err().map(|error| error.variable);
    assert_eq!(variable(&["--mode", "live"]), Some("SECURE_PAYMENT_ENCRYPTION_KEY"));
    assert_eq!(
        variable(&["--mode", "live", "--encryption-key", SANDBOX_ENCRYPTION_KEY]),
        Some("SECURE_PAYMENT_ENCRYPTION_KEY")
    );
    assert_eq!(variable(&["--mode", "live", "--encryption-key", &key]), Some("SECURE_PAYMENT_PUBLIC_URL"));
    let live = ["--mode", "live", "--encryption-key", &key, "--public-url", "https://pay.example"];
    assert_eq!(variable(&live), None);
    let blanks = format!(" {SANDBOX_ENCRYPTION_KEY} ");
    let padded = ["--mode", "live", "--encryption-key", &blanks, "--public-url", "https://pay.example"];
    assert_eq!(variable(&padded), Some("SECURE_PAYMENT_ENCRYPTION_KEY"), "the same key, with blanks around it");
    assert_eq!(variable(&["--encryption-key", "short"]), Some("SECURE_PAYMENT_ENCRYPTION_KEY"));
    assert_eq!(variable(&[]), None);
}

#[test]
fn live_mode_refuses_providers_that_only_a_sandbox_may_have() {
    let variable = |arguments: &[&str]| {
        let configured = settings(arguments).providers(&Clock::default());
        configured.err().map(|error| error.variable)
    };
    let partner = [
        "--partner-api-base=https://partner.example",
        "--partner-api-key=k",
        "--partner-methods=QIWI",
        "--partner-currencies=EUR",
        "--partner-webhook-secret=whsec_MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=",
    ];
    let published = format!("--partner-webhook-secret={SANDBOX_WEBHOOK_SECRET}");
    for (changed, expected) in [
        ([0, 0, 0], None),
        ([1, 0, 0], Some("PARTNER_API_BASE")),
        ([0, 1, 0], Some("PARTNER_WEBHOOK_SECRET")),
        ([0, 0, 1], Some("SANDBOX_API_BASE")),
    ] {
        let [clear, known, bank] = changed.map(|changed| changed == 1);
        let mut arguments = partner.to_vec();
        if clear {
            arguments[0] = "--partner-api-base= http://partner.example";
        }
        if known {
            arguments[4] = &published;
        }
        arguments.extend(bank.then_some("--sandbox-api-base=http://bank.example"));
        assert_eq!(variable(&arguments), None, "in sandbox mode: {arguments:?}");
        arguments.extend(["--mode=live"]);
        assert_eq!(variable(&arguments), expected, "{arguments:?}");
    }
    assert_eq!(variable(&["--sandbox-webhook-secret", "short"]), Some("SANDBOX_WEBHOOK_SECRET"));
    assert_eq!(variable(&["--sandbox-api-base", "bank"]), Some("SANDBOX_API_BASE"));
}

#[test]
fn secrets_are_never_printed() {
    let printed =
        format!("{:?}", settings(&["--sandbox-api-key", "hush-hush", "--database-url", "postgres://u:hush-hush@h/d"]));
    assert!(!printed.contains("hush-hush"), "{printed}");
}

#[test]
fn env_example_lists_every_setting_and_nothing_else() {
    let example = include_str!("../../.env.example");
    let mut listed: Vec<&str> = example
        .lines()
        .filter_map(|line| line.trim_start_matches("# ").split_once('=').map(|(name, _value)| name))
        .filter(|name| name.chars().all(|c| c.is_ascii_uppercase() || c == '_'))
        .collect();
    let command = Cli::command();
    let mut defined: Vec<&str> = command.get_arguments().filter_map(|argument| argument.get_env()?.to_str()).collect();
    listed.sort_unstable();
    defined.sort_unstable();
    assert_eq!(listed, defined);
}
