//! `bank`: T/T by a bank's ISO 20022 files. Buyers send money to an account of ours with a reference of the payment; the bank
//! tells what it has booked (camt.054, camt.053) and what became of our own transfers (pain.002, pacs.004), and takes orders
//! for refunds and payouts (pain.001).
//!
//! The messages themselves are unsigned: whoever can bring them is believed. So they come by two ways only, a folder that
//! only the bank's connection writes into, and `/webhooks/bank` with a signature of our own gateway's (Standard Webhooks).
//! Nothing can be asked of a bank; what it has to say it says by itself.

use std::sync::Arc;

use chrono::NaiveDate;
use entity::payment::{NextAction, PaymentMethod, RefundWay};
use entity::{Currency, Money, PaymentId, Time};
use secrecy::ExposeSecret;
use sha2::{Digest, Sha256};

use super::wire::standard;
use super::{
    Acknowledgement, Enclosed, Fact, Incoming, MethodTerms, OpenedPayment, PaymentProvider, PaymentQuery,
    PaymentRequest, PayoutQuery, PayoutRequest, Payouts, ProviderError, RefundQuery, RefundRequest, Statement,
    Uninterpretable, Verified, VerifyError, WebhookRequest,
};
use crate::interface::Configured;
use crate::settlement::SettlementReports;
use ground::clock::Clock;
use ground::setting::Installation;

mod account;
mod archive;
mod camt;
mod creditor;
mod document;
mod encoding;
mod entry;
mod meaning;
mod order;
mod other_file;
mod placeholder;
mod reference;
mod report;
mod settings;
mod way;
mod words;
mod written;

use account::OwnAccount;
use document::{BankMessage, MessageProblem};
use encoding::Unreadable;
use order::OrderProblem;
use report::{StatusReport, Verdict};
use settings::BankParts;
pub(super) use settings::BankSettings;

pub(super) const NAME: &str = "bank";

const NOT_ASKED: ProviderError = ProviderError::CannotBeAsked("a bank tells by itself what it has booked");

/// Off until there are accounts.
pub(super) fn from_settings(own: &BankSettings, installation: &Installation, clock: &Clock) -> Configured {
    let parts = settings::bank(own, installation.mode)?;
    Ok(parts.map(|parts| -> Arc<dyn PaymentProvider> { Arc::new(Bank { parts, clock: clock.clone() }) }))
}

/// A file that came by a way that is trusted, as the inbox keeps it: the same file by another way is the same.
#[must_use]
pub fn file(bytes: &[u8]) -> Verified {
    Verified { event_id: hex::encode(Sha256::digest(bytes)), content: bytes.to_vec() }
}

/// Why a file of the bank's is none that can be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NoBankFile {
    pub reason: String,
    /// It may be that the rest of it is still to come.
    pub is_cut: bool,
}

fn refuse(unreadable: Unreadable) -> NoBankFile {
    NoBankFile { reason: unreadable.problem, is_cut: unreadable.is_cut }
}

/// The files of an archive; None of what is none.
///
/// # Errors
///
/// If it is an archive that can't be unpacked.
pub fn unpacked(bytes: &[u8]) -> Result<Option<Vec<Enclosed>>, NoBankFile> {
    archive::unpack(bytes).map_err(refuse)
}

/// The files that came as one: those of an archive, or the only one itself. What is not whole is none.
///
/// # Errors
///
/// If there is no end to it, or if it is an archive that can't be unpacked.
pub fn files(bytes: &[u8]) -> Result<Vec<Enclosed>, NoBankFile> {
    if let Some(enclosed) = unpacked(bytes)? {
        return Ok(enclosed);
    }
    match BankMessage::read_all(bytes) {
        Err(unreadable) if unreadable.is_cut => Err(refuse(unreadable)),
        Ok(_) | Err(_) => Ok(vec![Enclosed::new(String::new(), bytes.to_vec())]),
    }
}

struct Bank {
    parts: BankParts,
    clock: Clock,
}

impl std::fmt::Debug for Bank {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Bank").field("accounts", &self.parts.accounts).finish_non_exhaustive()
    }
}

impl Bank {
    fn account(&self, amount: Money) -> Option<&OwnAccount> {
        self.parts.accounts.iter().find(|account| account.currency == amount.currency)
    }

    fn facts_of(&self, message: &BankMessage, file: &str) -> Result<Vec<Fact>, MessageProblem> {
        match (message.kind(), message.version().filter(|version| *version >= 2)) {
            ("camt.054", Some(_)) => camt::notified(message, &self.parts.accounts, file),
            ("camt.053", Some(_)) => camt::stated(message, &self.parts.accounts, file),
            // What it says isn't final.
            ("camt.052", _any) => {
                let problem = "an intraday report camt.052 is not booked: the bank has to send camt.054 and camt.053";
                Err(problem.to_owned())
            }
            ("pain.002", Some(_)) => StatusReport::read(message).map(StatusReport::facts),
            ("pacs.004", Some(_)) => report::returned(message, &self.parts.accounts),
            ("camt.053" | "camt.054" | "pain.002" | "pacs.004", None) => {
                Err(format!("a message {} is of a version that is not known here: .02 and later are", message.message))
            }
            _other => Err(format!("a message {} is of a kind that is not known here", message.message)),
        }
    }

    /// Orders a transfer. What can't be ordered is refused for good, by us or by the bank, and answered as that; a bank
    /// that has the order already has it. An account that banks would lose it on is refused before anything is sent.
    async fn order(&self, transfer: &order::Transfer<'_>) -> Result<Verdict, ProviderError> {
        let rejected = |reason: &str| Ok(Verdict::Rejected { reason: reason.to_owned() });
        let Some(account) = self.account(transfer.amount) else {
            return rejected("we have no account in this currency");
        };
        match order::order(transfer, account, &self.parts.debtor, self.clock.wall()) {
            Ok(order) => self.parts.way.send(order, self.clock.new_id()).await,
            Err(OrderProblem::Payee(reason)) => Err(ProviderError::PayeeDetailsUnusable(reason)),
            Err(OrderProblem::Name) => rejected("its name is one that banks don't carry"),
        }
    }
}

#[async_trait::async_trait]
impl PaymentProvider for Bank {
    fn name(&self) -> &'static str {
        NAME
    }

    fn terms(&self, method: PaymentMethod) -> Option<MethodTerms> {
        (method == PaymentMethod::BankTransfer).then(|| MethodTerms {
            flow: "You send the money from your bank to the account shown, with the reference exactly as shown. Several \
                   transfers add up; what is missing is shown until all of it is here.",
            fees: "What your bank charges for a transfer, and banks on its way may take a part of it: order it with all \
                   charges paid by the sender (OUR), so that the whole amount arrives.",
            currencies: self.parts.accounts.iter().map(|account| account.currency).collect(),
            countries: &[],
            limits: Vec::new(),
            payer_fields: Vec::new(),
            arrival_days: (1, 5),
            expires_after: None,
            takes_parts: true,
            chargebacks: false,
            refund_way: RefundWay::ToAccount,
            // A transfer back takes as long as one here, and the bank has up to the next business day to carry it out.
            refund_days: (1, 6),
            refund_window_days: None,
        })
    }

    fn reference(&self, _id: PaymentId, random: [u8; 16]) -> String {
        reference::new(random)
    }

    /// The bank needn't know: what arrives says by its reference what it is for.
    async fn create_payment(&self, request: &PaymentRequest) -> Result<OpenedPayment, ProviderError> {
        let refused = |why: &str| ProviderError::Refused(why.to_owned());
        let account = self.account(request.amount).ok_or_else(|| refused("we have no account in this currency"))?;
        let creditor_reference = reference::creditor_reference(&request.reference)
            .ok_or_else(|| refused("the payment has no reference that a payer could write"))?;
        let next_action = NextAction::BankTransfer {
            account_holder: self.parts.holder.clone(),
            iban: account.local.is_none().then(|| account.iban.clone()),
            country: account.local.as_ref().map(|local| local.country.clone()),
            bank_code: account.local.as_ref().and_then(|local| local.bank_code.clone()),
            account_number: account.local.as_ref().map(|local| local.number.clone()),
            bic: account.bic.clone(),
            reference: request.reference.clone(),
            creditor_reference,
            url: None,
        };
        Ok(OpenedPayment {
            provider_reference: None,
            next_action: Some(next_action),
            expires_at: None,
            facts: Vec::new(),
        })
    }

    async fn query_payment(&self, _payment: &PaymentQuery) -> Result<Vec<Fact>, ProviderError> {
        Err(NOT_ASKED)
    }

    async fn cancel_payment(&self, _payment: &PaymentQuery) -> Result<Vec<Fact>, ProviderError> {
        Err(NOT_ASKED)
    }

    async fn refund(&self, request: &RefundRequest) -> Result<Vec<Fact>, ProviderError> {
        let Some(payee) = &request.payee else {
            return Err(ProviderError::PayeeDetailsRequired("a transfer needs an account to go to".to_owned()));
        };
        let purpose = format!("Refund of {}", request.payment.reference);
        let payee = payee.expose_secret();
        let transfer =
            order::Transfer { reference: &request.reference, amount: request.amount, purpose: &purpose, payee };
        let (reference, id) = (request.reference.clone(), reference::outgoing(&request.reference));
        Ok(vec![match self.order(&transfer).await? {
            Verdict::Taken | Verdict::Duplicate => Fact::RefundPending { reference, provider_reference: Some(id) },
            Verdict::Rejected { reason } => {
                Fact::RefundFailed { reference, provider_reference: Some(id), movement: None, reason }
            }
        }])
    }

    async fn query_refund(&self, _refund: &RefundQuery) -> Result<Vec<Fact>, ProviderError> {
        Err(NOT_ASKED)
    }

    fn refunds_for_others(&self, currency: Currency) -> bool {
        self.parts.accounts.iter().any(|account| account.currency == currency)
    }

    fn payouts(&self) -> Option<&dyn Payouts> {
        Some(self)
    }

    fn confirms_by_statement(&self) -> bool {
        true
    }

    async fn statements(&self, _day: NaiveDate) -> Result<Option<Vec<Statement>>, ProviderError> {
        Ok(None)
    }

    fn settlement(&self) -> Option<&SettlementReports> {
        None
    }

    /// The gateway's id of its message is not used: the same file by the folder must be the same.
    fn verify(&self, request: &WebhookRequest<'_>, wall_now: Time) -> Result<Incoming, VerifyError> {
        standard::verify(&self.parts.secrets, request, wall_now)?;
        Ok(match archive::unpack(request.body) {
            Ok(Some(files)) => Incoming::Enclosed(files),
            // What can't be unpacked is kept as it is, and says so when it is applied.
            Ok(None) | Err(_) => Incoming::Notification(file(request.body)),
        })
    }

    /// What one message of a file is about may be clear, and another not.
    fn interpret(&self, body: &[u8]) -> Result<Vec<Fact>, Uninterpretable> {
        if let Err(broken) = archive::unpack(body) {
            return Err(Uninterpretable(broken.problem));
        }
        let messages = BankMessage::read_all(body).map_err(|unreadable| Uninterpretable(unreadable.problem))?;
        let (mut facts, mut problems) = (Vec::new(), Vec::new());
        let hash = file(body).event_id;
        for (number, message) in messages.iter().enumerate() {
            match self.facts_of(message, &format!("{hash}.{number}")) {
                Ok(told) => facts.extend(told),
                Err(problem) if problems.contains(&problem) => {}
                Err(problem) => problems.push(problem),
            }
        }
        if facts.is_empty() && !problems.is_empty() {
            return Err(Uninterpretable(problems.join("; ")));
        }
        facts.extend(problems.into_iter().map(Fact::NotUnderstood));
        Ok(facts)
    }

    fn acknowledgement(&self) -> Acknowledgement {
        Acknowledgement { status: 200, content_type: "application/json", body: r#"{"received":true}"# }
    }
}

#[async_trait::async_trait]
impl Payouts for Bank {
    async fn pay_out(&self, request: &PayoutRequest) -> Result<Vec<Fact>, ProviderError> {
        let (reference, id) = (request.reference.clone(), reference::outgoing(&request.reference));
        let purpose = format!("Payout {id}");
        let payee = request.account.expose_secret();
        let transfer =
            order::Transfer { reference: &request.reference, amount: request.amount, purpose: &purpose, payee };
        Ok(vec![match self.order(&transfer).await? {
            Verdict::Taken | Verdict::Duplicate => Fact::PayoutPending { reference, provider_reference: Some(id) },
            Verdict::Rejected { reason } => Fact::PayoutFailed { reference, movement: None, reason },
        }])
    }

    async fn query_payout(&self, _payout: &PayoutQuery) -> Result<Vec<Fact>, ProviderError> {
        Err(NOT_ASKED)
    }
}
