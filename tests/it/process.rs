//! The program as a process: what it refuses to start with, and that it comes back to its data.

use std::net::TcpListener;

use tempfile::tempdir;

use crate::support::process::{Process, output};

/// It must end with code 1 and exactly one line on stderr, with these words in it.
async fn refuses(settings: &[(&str, &str)], words: &[&str]) {
    let folder = tempdir().expect("a folder");
    std::fs::write(folder.path().join("file"), "in the way").expect("writes");
    let output = output(folder.path(), &[], settings).await;
    let errors = String::from_utf8(output.stderr).expect("text");
    assert_eq!(output.status.code(), Some(1), "{errors}");
    assert_eq!(errors.lines().count(), 1, "{errors}");
    for word in words {
        assert!(errors.contains(word), "{word}: {errors}");
    }
    assert!(!errors.contains("hush-hush"), "{errors}");
}

#[tokio::test]
async fn a_setting_that_cannot_be_used_is_one_line() {
    let port = ("SECURE_PAYMENT_LISTEN", "127.0.0.1:0");
    refuses(&[("SECURE_PAYMENT_LISTEN", "nowhere")], &["SECURE_PAYMENT_LISTEN", "nowhere"]).await;
    refuses(&[("SECURE_PAYMENT_MODE", "demo")], &["SECURE_PAYMENT_MODE", "sandbox", "live"]).await;
    refuses(&[("SECURE_PAYMENT_MODE", "live")], &["SECURE_PAYMENT_ENCRYPTION_KEY"]).await;
    refuses(&[("SECURE_PAYMENT_LOG", "a=b=c")], &["SECURE_PAYMENT_LOG"]).await;
    refuses(&[port, ("DATABASE_URL", "mysql://u:hush-hush@h/d")], &["DATABASE_URL", "postgres://"]).await;
    refuses(&[port, ("DATABASE_URL", "postgres://u:hush-hush@127.0.0.1:99999/d")], &["DATABASE_URL"]).await;
}

#[tokio::test]
async fn a_taken_port_is_named() {
    let taken = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = taken.local_addr().expect("has one").to_string();
    refuses(&[("SECURE_PAYMENT_LISTEN", &address)], &["SECURE_PAYMENT_LISTEN", &address]).await;
}

#[tokio::test]
async fn a_folder_that_cannot_be_written_is_named() {
    let settings = [("SECURE_PAYMENT_LISTEN", "127.0.0.1:0"), ("DATABASE_URL", "sqlite://file/secure-payment.db")];
    refuses(&settings, &["DATABASE_URL", "file"]).await;
}

#[tokio::test]
async fn two_servers_do_not_share_one_sqlite_file() {
    let folder = tempdir().expect("a folder");
    let _first = Process::start(folder.path(), &[]).await;
    let second = output(folder.path(), &[], &[("SECURE_PAYMENT_LISTEN", "127.0.0.1:0")]).await;
    let errors = String::from_utf8(second.stderr).expect("text");
    assert_eq!(second.status.code(), Some(1), "{errors}");
    assert!(errors.contains("already serves this SQLite file"), "{errors}");
}

#[tokio::test]
async fn a_first_start_needs_nothing_and_a_second_finds_its_data() {
    let folder = tempdir().expect("a folder");
    let ready = async |process: &Process| {
        let answer = reqwest::get(process.url("/readyz")).await.expect("an answer");
        assert_eq!(answer.status(), 200);
    };
    crate::support::install_tls();

    let first = Process::start(folder.path(), &[]).await;
    assert!(first.greeting.iter().any(|line| line.contains("/graphiql")), "{:?}", first.greeting);
    ready(&first).await;
    let (status, log) = first.terminate().await;
    assert_eq!(status.code(), Some(0), "{log}");
    assert!(folder.path().join("data/secure-payment.db").exists());

    let second = Process::start(folder.path(), &[]).await;
    ready(&second).await;
    second.kill().await;

    let seed = output(folder.path(), &["seed"], &[]).await;
    assert!(String::from_utf8(seed.stdout).expect("text").contains("isn't empty"));
    let verify = output(folder.path(), &["verify"], &[]).await;
    assert_eq!(String::from_utf8(verify.stdout).expect("text"), "the ledger is clean\n");
    assert_eq!(verify.status.code(), Some(0));
}

#[tokio::test]
async fn the_schema_is_printed_without_a_database() {
    let folder = tempdir().expect("a folder");
    let schema = output(folder.path(), &["schema"], &[]).await;
    assert_eq!(schema.status.code(), Some(0));
    assert!(String::from_utf8(schema.stdout).expect("text").contains("type Query"));
    assert_eq!(std::fs::read_dir(folder.path()).expect("reads").count(), 0);
}

#[tokio::test]
async fn help_is_not_an_error() {
    let folder = tempdir().expect("a folder");
    let help = output(folder.path(), &["--help"], &[]).await;
    assert_eq!(help.status.code(), Some(0));
    assert!(String::from_utf8(help.stdout).expect("text").contains("SECURE_PAYMENT_LISTEN"));
}

#[tokio::test]
async fn settings_are_read_from_a_file_named_env() {
    let folder = tempdir().expect("a folder");
    let blanks = include_str!("../../.env.example").lines().filter_map(|line| line.strip_prefix("# ")?.split_once('='));
    let blanks =
        blanks.map(|(name, _)| name).filter(|name| name.bytes().all(|byte| matches!(byte, b'A'..=b'Z' | b'_')));
    let blanks: String = blanks.filter(|name| *name != "DATABASE_URL").map(|name| format!("{name}=\n")).collect();
    let env = format!("DATABASE_URL=sqlite://elsewhere/shop.db\n{blanks}");
    std::fs::write(folder.path().join(".env"), env).expect("writes");
    let process = Process::start(folder.path(), &[]).await;
    assert!(folder.path().join("elsewhere/shop.db").exists());
    process.kill().await;
    let verify = output(folder.path(), &["verify"], &[("DATABASE_URL", "sqlite://elsewhere/typo.db")]).await;
    assert_eq!(verify.status.code(), Some(1), "what the environment says wins, and nothing is made up");
    assert!(!folder.path().join("elsewhere/typo.db").exists());
}

#[tokio::test]
async fn live_mode_refuses_a_database_with_the_published_tokens() {
    let folder = tempdir().expect("a folder");
    assert_eq!(output(folder.path(), &["seed"], &[]).await.status.code(), Some(0));
    let live = [
        ("SECURE_PAYMENT_LISTEN", "127.0.0.1:0"),
        ("SECURE_PAYMENT_MODE", "live"),
        ("SECURE_PAYMENT_ENCRYPTION_KEY", "CQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQk="),
        ("SECURE_PAYMENT_PUBLIC_URL", "https://pay.example"),
    ];
    let refused = output(folder.path(), &[], &live).await;
    let errors = String::from_utf8(refused.stderr).expect("text");
    assert_eq!(refused.status.code(), Some(1), "{errors}");
    assert!(errors.contains("published tokens"), "{errors}");
}
