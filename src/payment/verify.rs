//! `secure-payment verify`, whole: the books among themselves, what stands still, and the books beside the statements of banks
//! and providers.

use sea_orm::ConnectionTrait;

use super::reconcile::disagreements;
use super::standstill::standstill;
use crate::error::Result;
use crate::ledger;

/// Names each difference; empty: all is right.
///
/// Run it in a quiet moment or on a snapshot: it reads the tables one after another.
pub async fn verify<C: ConnectionTrait>(db: &C) -> Result<Vec<String>> {
    let mut found = verify_books(db).await?;
    found.extend(disagreements(db).await?);
    Ok(found)
}

/// Without what others state: our books, and whether all that waits is waited for.
pub async fn verify_books<C: ConnectionTrait>(db: &C) -> Result<Vec<String>> {
    let mut found = ledger::verify(db).await?;
    found.extend(standstill(db).await?);
    Ok(found)
}
