//! Every way a call can be refused or fail.
//!
//! A *refusal* is the caller's to mend: it carries a code, a sentence that says what to change, and the path of the input
//! it is about, and reaches a storefront in `errors` of the mutation's payload. A *failure* is ours: it is logged with its
//! cause and reaches the storefront as `INTERNAL` or `UNAVAILABLE`, without a word of the database's.

use sea_orm::{DbErr, RuntimeErr};

/// What went wrong, for programs. The message beside it is for people.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, async_graphql::Enum)]
pub enum ErrorCode {
    /// A value of the input is missing, malformed, too long or out of its range. Change the value that `path` names.
    InvalidInput,
    /// The currency is unknown, or this listing has no price in it. Use one of those that the message names.
    CurrencyNotAvailable,
    /// The amount has more digits than its currency, is not positive, or is too large. Send an exact decimal string.
    InvalidAmount,
    /// The quantity is below the product's minimum order quantity. The message names the minimum and the price tiers.
    BelowMinimumQuantity,
    /// There is less stock than was ordered. Order less, or ask the supplier.
    OutOfStock,
    /// Nothing with this id exists for whoever holds this credential.
    NotFound,
    /// The credential's role may not do this.
    NotPermitted,
    /// The order's status does not allow this. The message names the status and what is allowed now.
    InvalidTransition,
    /// The order, product or contract has changed meanwhile. Read it again and decide again.
    StaleVersion,
    /// More than what is held for the order. The message names what is held.
    AmountExceedsHeld,
    /// A refund can't be sent before the buyer has said where to: `provideRefundAccount`.
    PayeeDetailsRequired,
    /// The order is frozen by a chargeback or an operator. Wait until it is thawed.
    OrderFrozen,
    /// The same `idempotencyKey` came with another input. Use a fresh key for a new request.
    IdempotencyKeyReused,
    /// This method can't pay this order. `paymentMethods` says which can, and why others can't.
    MethodNotAvailable,
    /// The storefront's allowed return origins don't include this URL's.
    ReturnUrlNotAllowed,
    /// A name, sku or reference is taken already.
    AlreadyExists,
    /// No or an unknown, expired or revoked credential. Send `Authorization: Bearer <token>`.
    Unauthenticated,
    /// The HTTP request is not a GraphQL request as the GraphQL-over-HTTP specification wants it.
    BadRequest,
    /// The document does not fit the schema, or can't be parsed.
    InvalidDocument,
    /// The query asks for more than one request may ask for. Ask for less, or in several requests.
    QueryTooComplex,
    /// The credential, or the address without one, has used up its budget or its places. Try again after `Retry-After` seconds.
    RateLimited,
    /// The server does not know the document of this hash. Send it once more, with its text.
    PersistedQueryNotFound,
    /// This server runs listed documents only. Add the document to the list, or send one that is on it.
    DocumentNotTrusted,
    /// This server does not describe its schema. Read `/schema.graphql` of the sandbox instead.
    IntrospectionDisabled,
    /// The page that sent this is not of the storefront whose credential it holds. Let an operator add its origin.
    OriginNotAllowed,
    /// There are as many of these as there may be. Delete one, or finish what is open, first.
    LimitReached,
    /// The request's body is larger than the server takes.
    PayloadTooLarge,
    /// The server can't do this right now. Try again; with the same `idempotencyKey`, where there is one.
    Unavailable,
    /// A fault of ours. It is logged under the request id of the answer's `x-request-id`.
    Internal,
}

impl ErrorCode {
    /// As GraphQL prints it.
    #[must_use]
    pub fn name(self) -> String {
        use async_graphql::{InputType, Value};
        if let Value::Enum(name) = self.to_value() { name.to_string() } else { format!("{self:?}") }
    }
}

/// One thing the caller has to change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    pub code: ErrorCode,
    pub message: String,
    /// From the mutation's argument down: `["input", "shippingAddress", "country"]`.
    pub path: Vec<String>,
}

impl Problem {
    #[must_use]
    pub fn new(code: ErrorCode, message: impl Into<String>) -> Self {
        Self { code, message: message.into(), path: Vec::new() }
    }

    /// About one field of the mutation's input.
    #[must_use]
    pub fn at(mut self, field: &str) -> Self {
        self.path = vec!["input".to_owned(), field.to_owned()];
        self
    }
}

#[derive(Clone, Debug, thiserror::Error)]
pub enum Error {
    #[error("refused: {}", .0.iter().map(|problem| problem.message.as_str()).collect::<Vec<_>>().join("; "))]
    Refused(Vec<Problem>),
    #[error("database: {0}")]
    Database(std::sync::Arc<DbErr>),
    /// A provider says something about a movement of money that doesn't fit what it said before. Nothing was booked.
    #[error("{0}")]
    Contradiction(String),
    #[error("{0}")]
    Internal(String),
}

impl Error {
    #[must_use]
    pub fn refused(code: ErrorCode, message: impl Into<String>) -> Self {
        Self::Refused(vec![Problem::new(code, message)])
    }

    #[must_use]
    pub fn not_found(what: &str) -> Self {
        Self::refused(ErrorCode::NotFound, format!("there is no such {what}"))
    }

    #[must_use]
    pub fn internal(message: impl Into<String>) -> Self {
        Self::Internal(message.into())
    }

    /// The refusal's problems say which field of the input they are about.
    #[must_use]
    pub fn at(self, field: &str) -> Self {
        match self {
            Self::Refused(problems) => Self::Refused(
                problems
                    .into_iter()
                    .map(|problem| if problem.path.is_empty() { problem.at(field) } else { problem })
                    .collect(),
            ),
            Self::Database(_) | Self::Contradiction(_) | Self::Internal(_) => self,
        }
    }

    /// What the caller is told of a failure: never the cause.
    #[must_use]
    pub fn public(&self) -> (ErrorCode, String) {
        match self {
            Self::Refused(problems) => problems.first().map_or_else(
                || (ErrorCode::Internal, "refused without a reason".to_owned()),
                |problem| (problem.code, problem.message.clone()),
            ),
            Self::Database(error) if is_unavailable(error) => (
                ErrorCode::Unavailable,
                "the database can't take this right now; try again, with the same idempotencyKey where there is one"
                    .to_owned(),
            ),
            Self::Database(_) | Self::Contradiction(_) | Self::Internal(_) => (
                ErrorCode::Internal,
                "something went wrong on our side; it is logged under this request's id".to_owned(),
            ),
        }
    }

    /// Another transaction won; the same work begun afresh may pass.
    #[must_use]
    pub fn is_conflict(&self) -> bool {
        match self {
            Self::Database(error) => {
                matches!(error.sql_err(), Some(sea_orm::SqlErr::UniqueConstraintViolation(_)))
                    || database_code(error).is_some_and(|code| code == "40001" || code == "40P01")
            }
            Self::Refused(_) | Self::Contradiction(_) | Self::Internal(_) => false,
        }
    }
}

impl From<DbErr> for Error {
    fn from(error: DbErr) -> Self {
        Self::Database(std::sync::Arc::new(error))
    }
}

impl From<Vec<Problem>> for Error {
    fn from(problems: Vec<Problem>) -> Self {
        Self::Refused(problems)
    }
}

pub type Result<T, E = Error> = std::result::Result<T, E>;

fn sqlx_error(error: &DbErr) -> Option<&sea_orm::sqlx::Error> {
    let (DbErr::Conn(inner) | DbErr::Exec(inner) | DbErr::Query(inner)) = error else { return None };
    if let RuntimeErr::SqlxError(inner) = inner { Some(inner) } else { None }
}

fn database_code(error: &DbErr) -> Option<String> {
    sqlx_error(error)?.as_database_error()?.code().map(|code| code.into_owned())
}

/// Full disk, I/O error, lost connection, exhausted pool: the request was fine and may be sent again.
fn is_unavailable(error: &DbErr) -> bool {
    use sea_orm::sqlx::Error as Sqlx;
    if matches!(error, DbErr::ConnectionAcquire(_) | DbErr::Conn(_)) {
        return true;
    }
    match sqlx_error(error) {
        Some(Sqlx::Io(_) | Sqlx::PoolTimedOut | Sqlx::PoolClosed | Sqlx::Tls(_) | Sqlx::WorkerCrashed) => true,
        Some(_) => database_code(error).is_some_and(|code| {
            // SQLite: BUSY, IOERR, FULL, READONLY, CANTOPEN and their extended codes carry the kind in the low byte.
            let sqlite =
                code.parse::<u32>().is_ok_and(|number| code.len() < 5 && [5, 8, 10, 13, 14].contains(&(number & 0xff)));
            // PostgreSQL: connection exceptions, insufficient resources, operator intervention, and lost races.
            sqlite
                || ["08", "53", "57"].iter().any(|class| code.len() == 5 && code.starts_with(class))
                || code == "40001"
                || code == "40P01"
        }),
        None => false,
    }
}
