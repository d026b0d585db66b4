//! Relay's connections over keyset pages.

use async_graphql::OutputType;
use async_graphql::connection::{Connection, Edge};
use serde::Serialize;

pub use crate::page::{Page, cursor};

/// Relay's connection over rows that were fetched with [`Page::fetch`].
pub fn connection<T, N, K>(
    rows: Vec<T>,
    page: &Page<K>,
    key: impl Fn(&T) -> K,
    node: impl Fn(T) -> N,
) -> Connection<String, N>
where
    N: OutputType,
    K: Serialize,
{
    let shown = usize::try_from(page.limit).unwrap_or(usize::MAX);
    let mut connection = Connection::new(page.after.is_some(), rows.len() > shown);
    connection.edges = rows.into_iter().take(shown).map(|row| Edge::new(cursor(&key(&row)), node(row))).collect();
    connection
}
