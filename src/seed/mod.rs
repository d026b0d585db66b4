//! What a new sandbox starts with: the demo catalogue, a storefront with a buyer, two operators, and their published tokens.
//!
//! The same on every installation, ids included, so that examples in the documentation can name them. One transaction: a
//! server that is stopped in the middle of it starts with an empty database.

use std::collections::{BTreeMap, HashMap};

use chrono::DateTime;
use entity::search_token::SubjectKind;
use entity::storefront::Origins;
use entity::{
    BuyerId, CredentialId, Currency, OperatorId, PayoutAccountId, ProductId, StorefrontId, SupplierId, Time,
    browser_origin, buyer, operator, payout_account, price_tier, product, search_token, storefront, supplier,
};
use rust_decimal::Decimal;
use sea_orm::{
    ActiveModelTrait, ConnectionTrait, DatabaseTransaction, EntityTrait, IntoActiveModel, Iterable, QuerySelect,
};
use serde::Deserialize;
use uuid::Uuid;

use crate::app::App;
use crate::auth::scopes_of;
use crate::catalog::{index, write};
use crate::db;
use crate::db::Turn;
use crate::error::{Error, ErrorCode, Result};
use crate::party::credential::Subject;
use crate::party::{credential, demo, payout_account as accounts};
use entity::BankAccount;

const CATALOGUE: &str = include_str!("../../seed/catalogue.json");
/// SQLite takes at most this many variables in a statement; PostgreSQL about twice as many.
const MOST_VARIABLES: usize = 32_766;
/// 1 January 2026: everything of the seed was made then. Real ids are later, so the seed is listed first.
const SEEDED_MILLIS: i64 = 1_767_225_600_000;
const RETURN_ORIGINS: [&str; 3] = ["http://127.0.0.1:8080", "http://localhost:8080", "https://shop.example"];

/// Of the shop that the documentation speaks of; and a development server's usual one.
const BROWSER_ORIGINS: [&str; 2] = ["https://shop.example", "http://localhost:5173"];

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Catalogue {
    suppliers: Vec<SeedSupplier>,
    products: Vec<SeedProduct>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct SeedSupplier {
    key: String,
    name: String,
    country: String,
    city: String,
    description: String,
    established_year: Option<i32>,
    verified: bool,
    fee_basis_points: i32,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct SeedProduct {
    supplier: String,
    sku: String,
    name: String,
    description: String,
    category: String,
    unit: String,
    price_per_units: i32,
    minimum_order_quantity: i64,
    lead_time_days: i32,
    stock: i64,
    incoterm: Option<String>,
    origin_country: Option<String>,
    tiers: Vec<SeedTier>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct SeedTier {
    minimum_quantity: i64,
    prices: BTreeMap<Currency, Decimal>,
}

/// Fills an empty database; false, and nothing done, if there is a storefront already. For the sandbox only.
pub async fn run(app: &App) -> Result<bool> {
    if !app.settings.is_sandbox() {
        return Err(Error::refused(ErrorCode::NotPermitted, "demo suppliers and published tokens belong in a sandbox"));
    }
    if is_done(&app.db.read).await? {
        return Ok(false);
    }
    let rows = Rows::read(app)?;
    db::retrying(|| async {
        let tx = app.db.begin_write().await?;
        // Nodes that start together take turns; the second one finds the storefront.
        Turn::Seeding.take(&tx).await?;
        if is_done(&tx).await? {
            return Ok(false);
        }
        rows.insert(&tx).await?;
        tx.commit().await?;
        Ok(true)
    })
    .await
}

async fn is_done<C: ConnectionTrait>(db: &C) -> Result<bool> {
    Ok(storefront::Entity::find().limit(1).one(db).await?.is_some())
}

/// Everything there is to insert.
struct Rows {
    suppliers: Vec<supplier::Model>,
    products: Vec<product::Model>,
    tiers: Vec<price_tier::Model>,
    tokens: Vec<search_token::ActiveModel>,
    accounts: Vec<payout_account::Model>,
}

impl Rows {
    fn read(app: &App) -> Result<Self> {
        let catalogue: Catalogue = serde_json::from_str(CATALOGUE)
            .map_err(|error| Error::internal(format!("seed/catalogue.json: {error}")))?;
        let seeded = seeded_at();
        let mut rows = Self {
            suppliers: Vec::new(),
            products: Vec::new(),
            tiers: Vec::new(),
            tokens: Vec::new(),
            accounts: Vec::new(),
        };
        let mut suppliers = HashMap::new();
        for (index, seed) in (0_u64..).zip(catalogue.suppliers) {
            let id = SupplierId(fixed_id(Kind::Supplier, index));
            let row = supplier::Model {
                id,
                name: seed.name,
                country: seed.country,
                city: seed.city,
                description: seed.description,
                established_year: seed.established_year,
                fee_basis_points: seed.fee_basis_points,
                verified_at: seed.verified.then_some(seeded),
                created_at: seeded,
            };
            if seed.verified {
                let account_id = PayoutAccountId(fixed_id(Kind::PayoutAccount, index));
                rows.accounts.push(accounts::sealed(app, account_id, id, &bank_of(&row, index), seeded, seeded)?);
            }
            rows.add_tokens(SubjectKind::Supplier, id.0, index::supplier_tokens(&row));
            suppliers.insert(seed.key, (id, row.name.clone()));
            rows.suppliers.push(row);
        }
        for (index, seed) in (0_u64..).zip(catalogue.products) {
            let (supplier_id, supplier_name) = suppliers
                .get(&seed.supplier)
                .ok_or_else(|| Error::internal(format!("seed/catalogue.json: {} has no supplier", seed.sku)))?;
            rows.add_product(index, *supplier_id, supplier_name, seed)?;
        }
        Ok(rows)
    }

    fn add_product(
        &mut self,
        index: u64,
        supplier_id: SupplierId,
        supplier_name: &str,
        seed: SeedProduct,
    ) -> Result<()> {
        let seeded = seeded_at();
        let row = product::Model {
            id: ProductId(fixed_id(Kind::Product, index)),
            supplier_id,
            sku: seed.sku,
            name: seed.name,
            description: seed.description,
            category: seed.category,
            unit: seed.unit,
            price_per_units: seed.price_per_units,
            minimum_order_quantity: seed.minimum_order_quantity,
            lead_time_days: seed.lead_time_days,
            stock: seed.stock,
            incoterm: seed.incoterm,
            origin_country: seed.origin_country,
            active: true,
            version: 1,
            created_at: seeded,
            updated_at: seeded,
        };
        for (position, tier) in (0_i32..).zip(seed.tiers) {
            for (currency, amount) in tier.prices {
                let price = currency
                    .minor_units(amount)
                    .map_err(|error| Error::internal(format!("seed/catalogue.json: {}: {error}", row.sku)))?;
                self.tiers.push(price_tier::Model {
                    product_id: row.id,
                    currency,
                    position,
                    minimum_quantity: tier.minimum_quantity,
                    price,
                    sort_price: write::sort_price(price, row.price_per_units),
                });
            }
        }
        self.add_tokens(SubjectKind::Product, row.id.0, index::product_tokens(&row, supplier_name));
        self.products.push(row);
        Ok(())
    }

    fn add_tokens(&mut self, kind: SubjectKind, subject: Uuid, tokens: Vec<String>) {
        self.tokens.extend(tokens.into_iter().map(|token| index::row(kind, subject, token)));
    }

    async fn insert(&self, tx: &DatabaseTransaction) -> Result<()> {
        insert_all::<supplier::Entity>(tx, &self.suppliers).await?;
        insert_all::<product::Entity>(tx, &self.products).await?;
        insert_all::<price_tier::Entity>(tx, &self.tiers).await?;
        index::insert(tx, self.tokens.clone()).await?;
        insert_all::<payout_account::Entity>(tx, &self.accounts).await?;
        self.insert_parties(tx).await
    }

    async fn insert_parties(&self, tx: &DatabaseTransaction) -> Result<()> {
        let created_at = seeded_at();
        let storefront_id = StorefrontId(fixed_id(Kind::Storefront, 0));
        let return_origins = Origins(RETURN_ORIGINS.map(str::to_owned).to_vec());
        let name = "Demo storefront".to_owned();
        let storefront = storefront::Model { id: storefront_id, name, return_origins, created_at };
        insert_all::<storefront::Entity>(tx, &[storefront]).await?;
        let origin = |origin: &str| browser_origin::Model { storefront_id, origin: origin.to_owned() };
        insert_all::<browser_origin::Entity>(tx, &BROWSER_ORIGINS.map(origin)).await?;
        let buyer_id = BuyerId(fixed_id(Kind::Buyer, 0));
        let buyer = buyer::Model { id: buyer_id, storefront_id, reference: "demo".to_owned(), created_at };
        insert_all::<buyer::Entity>(tx, &[buyer]).await?;
        let operators = ["Demo operator", "Second demo operator"];
        let operators: Vec<operator::Model> = (0_u64..)
            .zip(operators)
            .map(|(index, name)| operator::Model {
                id: OperatorId(fixed_id(Kind::Operator, index)),
                name: name.to_owned(),
                created_at,
            })
            .collect();
        insert_all::<operator::Entity>(tx, &operators).await?;
        let first_supplier = self.products.first().map(|product| Subject::Supplier(product.supplier_id));
        let operators = [demo::OPERATOR, demo::SECOND_OPERATOR].into_iter().zip(&operators);
        let subjects = [
            (demo::STOREFRONT, Some(Subject::Storefront(storefront_id))),
            (demo::BUYER, Some(Subject::Buyer(storefront_id, buyer_id))),
            (demo::SUPPLIER, first_supplier),
        ]
        .into_iter()
        .chain(operators.map(|(token, operator)| (token, Some(Subject::Operator(operator.id)))));
        for (index, (token, subject)) in (0_u64..).zip(subjects) {
            let Some(subject) = subject else { continue };
            let id = CredentialId(fixed_id(Kind::Credential, index));
            let scopes = scopes_of(subject.role());
            let row = credential::row(id, token, subject, ("demo".to_owned(), scopes), None, created_at);
            credential::insert(tx, row).await?;
        }
        Ok(())
    }
}

/// Many rows per statement.
async fn insert_all<E>(tx: &DatabaseTransaction, rows: &[E::Model]) -> Result<()>
where
    E: EntityTrait,
    E::Model: IntoActiveModel<E::ActiveModel> + Clone,
    E::ActiveModel: ActiveModelTrait<Entity = E> + Send,
{
    for chunk in rows.chunks(MOST_VARIABLES / E::Column::iter().count()) {
        let rows = chunk.iter().cloned().map(|row| row.into_active_model().reset_all());
        E::insert_many(rows).exec_without_returning(tx).await?;
    }
    Ok(())
}

/// Made up, but an IBAN where the country has them: the examples of the IBAN registry.
fn bank_of(supplier: &supplier::Model, index: u64) -> BankAccount {
    let iban = match supplier.country.as_str() {
        "BR" => Some("BR1800360305000010009795493C1"),
        "DE" => Some("DE89370400440532013000"),
        "PL" => Some("PL61109010140000071219812874"),
        "TR" => Some("TR330006100519786457841326"),
        _no_iban => None,
    };
    BankAccount {
        account_holder: supplier.name.clone(),
        country: supplier.country.clone(),
        iban: iban.map(str::to_owned),
        account_number: iban.is_none().then(|| format!("62220{:011}", 40_817 + index * 7_919)),
        bank_name: iban.is_none().then(|| "Sandbox Bank".to_owned()),
        bic: None,
        currency: None,
    }
}

/// Numbers the tables, so that no two rows of the seed share an id.
#[derive(Clone, Copy)]
enum Kind {
    Supplier,
    Product,
    PayoutAccount,
    Storefront,
    Buyer,
    Operator,
    Credential,
}

impl Kind {
    fn number(self) -> u16 {
        match self {
            Self::Supplier => 1,
            Self::Product => 2,
            Self::PayoutAccount => 3,
            Self::Storefront => 4,
            Self::Buyer => 5,
            Self::Operator => 6,
            Self::Credential => 7,
        }
    }
}

/// A UUIDv7 of the day of the seed: the table where a real one has fractions of the millisecond, and the row's place in its
/// file where a real one is random. So ids sort as the file does.
fn fixed_id(kind: Kind, index: u64) -> Uuid {
    let mut random = [0_u8; 10];
    random[..2].copy_from_slice(&kind.number().to_be_bytes());
    random[2..].copy_from_slice(&index.to_be_bytes());
    uuid::Builder::from_unix_timestamp_millis(SEEDED_MILLIS.unsigned_abs(), &random).into_uuid()
}

fn seeded_at() -> Time {
    DateTime::from_timestamp_millis(SEEDED_MILLIS).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalog::listing::{Listing, Tier, check};
    use crate::validate::Checks;

    /// Else its supplier could change nothing of it.
    #[test]
    fn every_seeded_product_passes_the_checks_of_a_new_one() {
        let catalogue: Catalogue = serde_json::from_str(CATALOGUE).expect("reads");
        assert!(!catalogue.products.is_empty());
        for seed in catalogue.products {
            let tiers = seed.tiers.iter().flat_map(|tier| {
                tier.prices.iter().map(|(currency, amount)| Tier {
                    minimum_quantity: tier.minimum_quantity,
                    amount: amount.to_string(),
                    currency: currency.to_string(),
                })
            });
            let listing = Listing {
                price_tiers: tiers.collect(),
                sku: seed.sku,
                name: seed.name,
                description: seed.description,
                category: seed.category,
                unit: seed.unit,
                price_per_units: seed.price_per_units,
                minimum_order_quantity: seed.minimum_order_quantity,
                lead_time_days: seed.lead_time_days,
                stock: seed.stock,
                incoterm: seed.incoterm,
                origin_country: seed.origin_country,
            };
            let mut checks = Checks::input();
            drop(check(&mut checks, &listing));
            if let Err(error) = checks.finish() {
                panic!("{}: {error}", listing.sku);
            }
        }
    }

    #[test]
    fn ids_are_fixed_and_sort_as_the_file_does() {
        let ids: Vec<Uuid> = [0, 1, 255, 256, 319].map(|index| fixed_id(Kind::Product, index)).to_vec();
        assert!(ids.is_sorted());
        assert!(ids.iter().all(|id| id.get_version_num() == 7 && id.get_variant() == uuid::Variant::RFC4122));
        assert_eq!(ProductId(ids[1]).to_string(), "product_01kdvdna00e018000000000001");
    }
}
