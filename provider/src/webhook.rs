//! What a provider posts to us, before and after it is known to be the provider's.

use std::net::IpAddr;

use entity::Money;
use http::HeaderMap;

/// Why a notification is not believed. The sender is told no more than 401; the text is for our log.
pub use ground::signature::SignatureError as VerifyError;

/// A notification as it came in.
#[derive(Clone, Copy, Debug)]
pub struct WebhookRequest<'a> {
    /// Where it was posted to: `/webhooks/<name>`.
    pub path: &'a str,
    /// Who posted it: the other end of the connection, or whom a proxy that we trust says it posts for.
    pub client: IpAddr,
    pub headers: &'a HeaderMap,
    pub body: &'a [u8],
}

/// What came in, once it is known to be the provider's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Incoming {
    /// Kept, acknowledged, and applied by and by.
    Notification(Verified),
    /// An archive: each of its files is a notification of its own.
    Enclosed(Vec<Enclosed>),
    /// Answered at once, and not kept.
    Question(Question),
}

/// "May this payment be paid now?", which some rails ask before they take the buyer's money. It may be unsigned: nothing is
/// changed by it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Question {
    /// Of the payment.
    pub reference: String,
    pub amount: Money,
    pub yes: Acknowledgement,
    pub no: Acknowledgement,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verified {
    /// The provider's id of this notification: the same again is a duplicate.
    pub event_id: String,
    /// What has to be the same when it is sent again: the body, less what the provider changes at every attempt.
    pub content: Vec<u8>,
}

/// A file that came in an archive.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Enclosed {
    /// In the archive; empty if there it has none.
    pub name: String,
    pub bytes: Vec<u8>,
    /// Why it can't be used; what there is of it is shown to operators.
    pub problem: Option<String>,
}

impl Enclosed {
    #[must_use]
    pub fn new(name: String, bytes: Vec<u8>) -> Self {
        Self { name, bytes, problem: None }
    }

    #[must_use]
    pub fn unusable(name: String, problem: &str) -> Self {
        Self { name, bytes: Vec::new(), problem: Some(problem.to_owned()) }
    }
}

/// Verified, but not understood or not ours: quarantined, for an operator to look at.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Uninterpretable(pub String);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Acknowledgement {
    pub status: u16,
    pub content_type: &'static str,
    pub body: &'static str,
}
