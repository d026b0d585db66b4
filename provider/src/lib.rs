//! Payment providers: what every one of them can be asked, and the list of those there are.
//!
//! A provider is one folder: its settings, its wire format, its signatures, its names for things. It knows no order and no
//! database; it turns calls of ours into requests, and what the provider answers or notifies into [`Fact`]s. Adding one is
//! that folder and its line in `list.rs`: `docs/adding-a-provider.md` goes through it.
//!
//! Where to look: `interface` (the trait that every provider implements, and its errors), `request` (what it is asked with),
//! `fact` (what it can report), `account_report` (what banks can), `terms` (what it can do by a method), `webhook` (notifications), `list` (the providers),
//! `routing` (which of them is asked for what), `settlement` (reports as files), `wire` (what adapters have in common). Each of these uses those above it;
//! an adapter uses all of them but `list` and `routing`.

mod account_report;
mod fact;
mod interface;
mod list;
mod remitter;
mod request;
mod routing;
mod settlement;
mod statement;
mod terms;
mod webhook;
mod wire;

mod adyen;
mod alipay;
mod antom;
mod bank;
mod dlocal;
mod partner;
mod qiwi;
mod rapyd;
pub mod sandbox;
mod standing;
mod stripe;
mod webmoney;
mod yookassa;

#[cfg(test)]
mod for_tests;

pub use account_report::{AccountReport, BookedAt, Marks, Meaning, ReportedEntry, ReportedPart, StatedBalances};
pub use bank::{NoBankFile, file as bank_file, files as bank_files, unpacked};
pub use fact::{ChargebackStage, Fact};
pub use interface::{PaymentProvider, Payouts, ProviderError};
pub use list::{NAMES, ProviderSettings, days_late};
pub use remitter::Remitter;
pub use request::{
    OpenedPayment, Payer, PaymentQuery, PaymentRequest, PayoutQuery, PayoutRequest, RefundQuery, RefundRequest,
};
pub use routing::{Providers, Route, Routing, notification_url, parse_route};
pub use settlement::{SettlementReports, is_report, report_file, report_name};
pub use standing::{Standing, StandingOf, Stands};
pub use statement::{LineKind, Statement, StatementLine};
pub use terms::{Limits, MethodTerms, PayerField};
pub use webhook::{
    Acknowledgement, Enclosed, Incoming, Question, Uninterpretable, Verified, VerifyError, WebhookRequest,
};
