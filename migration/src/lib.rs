//! The schema of the database, one file per step, in order.
//!
//! A step is SQL with literal names and imports nothing of ours: it must still mean the same when the entities have moved on.
//! The types that differ between SQLite and PostgreSQL are written `{uuid}`, `{time}`, `{json}` … and filled in by [`script::run`].

use sea_orm_migration::prelude::*;

mod m20261122_000001_parties_and_catalog;
mod m20261122_000002_orders;
mod m20261122_000003_money;
mod m20261122_000004_work;
mod m20261122_000005_sandbox;
mod m20261122_000006_files;
mod m20261122_000007_reconciliation;
mod m20261123_000008_webhooks;
mod m20261201_000009_bank_bookings;
mod m20261201_000012_suspended;
mod m20261201_000013_claims;
mod m20261201_000014_ways_out;
mod m20261201_000015_bank_charges;
mod script;

pub struct Migrator;

#[async_trait::async_trait]
impl MigratorTrait for Migrator {
    fn migrations() -> Vec<Box<dyn MigrationTrait>> {
        vec![
            Box::new(m20261122_000001_parties_and_catalog::Migration),
            Box::new(m20261122_000002_orders::Migration),
            Box::new(m20261122_000003_money::Migration),
            Box::new(m20261122_000004_work::Migration),
            Box::new(m20261122_000005_sandbox::Migration),
            Box::new(m20261122_000006_files::Migration),
            Box::new(m20261122_000007_reconciliation::Migration),
            Box::new(m20261123_000008_webhooks::Migration),
            Box::new(m20261201_000009_bank_bookings::Migration),
            Box::new(m20261201_000012_suspended::Migration),
            Box::new(m20261201_000013_claims::Migration),
            Box::new(m20261201_000014_ways_out::Migration),
            Box::new(m20261201_000015_bank_charges::Migration),
        ]
    }
}
