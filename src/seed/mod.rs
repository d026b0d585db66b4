//! What a new sandbox starts with: the demo catalogue, a storefront with a buyer, two operators, and their published
//! tokens.
//!
//! The same on every installation, ids included, so that examples in the documentation can name them. One transaction:
//! a server that is stopped in the middle of it starts with an empty database.

use std::collections::HashMap;

use entity::search_token::SubjectKind;
use entity::storefront::Origins;
use entity::{
    BuyerId, CredentialId, OperatorId, PayoutAccountId, ProductId, StorefrontId, SupplierId, browser_origin, buyer,
    operator, payout_account, price_tier, product, search_token, storefront, supplier,
};
use futures_util::future::BoxFuture;
use sea_orm::{
    ActiveModelTrait, ConnectionTrait, DatabaseTransaction, EntityTrait, IntoActiveModel, Iterable, QuerySelect,
};
use uuid::Uuid;

use crate::app::App;
use crate::auth::scopes_of;
use crate::catalog::{index, write};
use crate::db;
use crate::db::Turn;
use crate::error::{Error, ErrorCode, Result};
use crate::party::credential::Subject;
use crate::party::{credential, demo, payout_account as accounts};
use entity::{BankAccount, HolderAddress};

mod catalogue;
mod fixed_id;

use catalogue::{Catalogue, SeedProduct};
use fixed_id::{SeedTable, fixed_id, seeded_at};

/// SQLite takes at most this many variables in a statement; PostgreSQL about twice as many.
const MOST_VARIABLES: usize = 32_766;
const RETURN_ORIGINS: [&str; 3] = ["http://127.0.0.1:8080", "http://localhost:8080", "https://shop.example"];

/// Of the shop that the documentation speaks of; and a development server's usual one.
const BROWSER_ORIGINS: [&str; 2] = ["https://shop.example", "http://localhost:5173"];

/// Fills an empty database; false, and nothing done, if there is a storefront already. For the sandbox only.
pub fn run<'a>(app: &'a App) -> BoxFuture<'a, Result<bool>> {
    Box::pin(async move {
        if !app.settings.is_sandbox() {
            return Err(Error::refused(
                ErrorCode::NotPermitted,
                "demo suppliers and published tokens belong in a sandbox",
            ));
        }
        if is_done(&app.db.read).await? {
            return Ok(false);
        }
        let rows = SeedRows::read(app)?;
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
    })
}

async fn is_done<C: ConnectionTrait>(db: &C) -> Result<bool> {
    Ok(storefront::Entity::find().limit(1).one(db).await?.is_some())
}

/// Everything there is to insert.
struct SeedRows {
    suppliers: Vec<supplier::Model>,
    products: Vec<product::Model>,
    tiers: Vec<price_tier::Model>,
    tokens: Vec<search_token::ActiveModel>,
    accounts: Vec<payout_account::Model>,
}

impl SeedRows {
    fn read(app: &App) -> Result<Self> {
        let catalogue = Catalogue::read()?;
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
            let id = SupplierId(fixed_id(SeedTable::Supplier, index));
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
                let account_id = PayoutAccountId(fixed_id(SeedTable::PayoutAccount, index));
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
            id: ProductId(fixed_id(SeedTable::Product, index)),
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
        let storefront_id = StorefrontId(fixed_id(SeedTable::Storefront, 0));
        let return_origins = Origins(RETURN_ORIGINS.map(str::to_owned).to_vec());
        let name = "Demo storefront".to_owned();
        let storefront = storefront::Model { id: storefront_id, name, return_origins, created_at };
        insert_all::<storefront::Entity>(tx, &[storefront]).await?;
        let origin = |origin: &str| browser_origin::Model { storefront_id, origin: origin.to_owned() };
        insert_all::<browser_origin::Entity>(tx, &BROWSER_ORIGINS.map(origin)).await?;
        let buyer_id = BuyerId(fixed_id(SeedTable::Buyer, 0));
        let buyer = buyer::Model { id: buyer_id, storefront_id, reference: "demo".to_owned(), created_at };
        insert_all::<buyer::Entity>(tx, &[buyer]).await?;
        let operators = ["Demo operator", "Second demo operator"];
        let operators: Vec<operator::Model> = (0_u64..)
            .zip(operators)
            .map(|(index, name)| operator::Model {
                id: OperatorId(fixed_id(SeedTable::Operator, index)),
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
            let id = CredentialId(fixed_id(SeedTable::Credential, index));
            let scopes = scopes_of(subject.role());
            let row = credential::row(id, token, subject, "demo".to_owned(), scopes, None, created_at);
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
        bic: iban.is_none().then(|| format!("SAND{}22", supplier.country)),
        clearing_code: None,
        holder_address: Some(HolderAddress {
            street: None,
            building: None,
            postcode: None,
            town: supplier.city.clone(),
            subdivision: None,
            country: supplier.country.clone(),
        }),
        currency: None,
    }
}
