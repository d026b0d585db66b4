//! Runs a GraphQL request: within the limits and its sender's budget, with what its resolvers need, and with errors
//! that clients may see. Every way in comes through here: `admit` decides before anything runs, `run` and `stream` run.

use async_graphql::parser::types::OperationType;
use async_graphql::{Response, Value};
use futures_util::StreamExt;
use futures_util::stream::BoxStream;
use serde::Serialize;

use super::budget::{Balance, Budgets, Overdrawn, Payer};
use super::documents::{Documents, Trusted};
use super::parameters::Parameters;
use super::prepared::{Extensions, Operation, Prepared, ready};
use super::refused::Refused;
use super::{failure, trusted};
use crate::app::App;
use crate::auth::Caller;
use crate::config::Settings;
use crate::error::ErrorCode;
use crate::graphql::Schema;
use crate::graphql::limits::{self, cost, shape::Shape};
use crate::graphql::loader::batch;
use crate::peer::Client;
use futures_util::future::BoxFuture;
use ground::setting::SettingError;

/// What every request costs, taken before it is read: a budget that is used up costs us no parsing.
const ENTRY: u32 = 1;
/// What a document costs that is refused, its entry included.
pub const REFUSED: u32 = 10;

#[derive(Clone)]
pub struct Executor {
    schema: Schema,
    shape: std::sync::Arc<Shape>,
    budgets: Budgets,
    documents: Documents,
    most_points: u32,
    introspection: bool,
}

/// Measured, and not yet paid for.
struct Measured {
    points: u32,
    prepared: Prepared,
    /// The hash under which its text is to be kept.
    registers: Option<String>,
}

#[derive(Serialize)]
struct CostReport {
    requested: u32,
    limit: u32,
    budget: Balance,
}

#[derive(Serialize)]
struct Deprecation<'a> {
    coordinate: &'a str,
    reason: &'a str,
}

/// Refuses settings that no executor can be made of.
pub fn check(settings: &Settings) -> Result<(), SettingError> {
    if settings.limits.trusted_documents.is_none() {
        return Ok(());
    }
    let schema = crate::graphql::build(settings.mode);
    trusted::load(&settings.limits, &schema, &shape(&schema)).map(drop)
}

fn shape(schema: &Schema) -> Shape {
    // A test reads our own schema, so that this can't fail; a shape that knows nothing would cost nothing.
    Shape::of(&crate::graphql::sdl(schema)).unwrap_or_else(|problem| {
        tracing::error!(problem, "the schema can't be read: nothing can be measured");
        Shape::default()
    })
}

impl Executor {
    #[must_use]
    pub fn new(app: &App) -> Self {
        let settings = &app.settings.limits;
        let schema = crate::graphql::build(app.settings.mode);
        let shape = shape(&schema);
        // The list was good when the server took its port. If it is broken by now, nothing is on it.
        let trusted = trusted::load(settings, &schema, &shape).unwrap_or_else(|problem| {
            tracing::error!(%problem, "no document is trusted");
            Some(Trusted::default())
        });
        Self {
            schema,
            shape: std::sync::Arc::new(shape),
            budgets: Budgets::new(settings, &app.clock),
            documents: Documents::new(trusted),
            most_points: settings.request_cost,
            introspection: settings.introspection,
        }
    }

    #[must_use]
    pub fn schema(&self) -> &Schema {
        &self.schema
    }

    #[must_use]
    pub fn budgets(&self) -> &Budgets {
        &self.budgets
    }

    /// Holds one request to the limits and charges whoever sends it. Nothing runs yet.
    pub fn admit(&self, parameters: Parameters, caller: &Caller, client: Client) -> Result<Prepared, Refused> {
        let payer = Payer::of(caller, client);
        let entered = self.enter(&payer)?;
        let measured = match self.measure(parameters) {
            Ok(measured) => measured,
            Err(refused) => {
                let balance = self.fine(&payer, entered);
                return Err(refused.with_cost(self.report(REFUSED, balance)));
            }
        };
        let balance = self.pay(&payer, measured.points, entered)?;
        Ok(self.prepared(measured, balance))
    }

    /// As [`Self::admit`], all of a batch before anything of it runs: it is held to the limit of one request, and paid
    /// for as a whole. What is wrong with one of them is its own answer.
    pub fn admit_batch(
        &self,
        batch: Vec<Parameters>,
        caller: &Caller,
        client: Client,
    ) -> Result<Vec<Result<Prepared, Refused>>, Refused> {
        let payer = Payer::of(caller, client);
        let entered = self.enter(&payer)?;
        let measured: Vec<_> = batch.into_iter().map(|parameters| self.measure(parameters)).collect();
        let points = |one: &Result<Measured, Refused>| one.as_ref().map_or(REFUSED, |measured| measured.points);
        let all = measured.iter().map(points).fold(0, u32::saturating_add);
        let balance = self.pay(&payer, all, entered)?;
        let finished = measured.into_iter().map(|one| match one {
            Ok(measured) => Ok(self.prepared(measured, balance)),
            Err(refused) => Err(refused.with_cost(self.report(REFUSED, balance))),
        });
        Ok(finished.collect())
    }

    fn enter(&self, payer: &Payer) -> Result<Balance, Refused> {
        self.budgets.take(payer, ENTRY).map_err(|overdrawn| self.overdrawn(ENTRY, &overdrawn))
    }

    fn overdrawn(&self, requested: u32, overdrawn: &Overdrawn) -> Refused {
        let report = self.report(requested, overdrawn.balance);
        Refused::overdrawn(requested, overdrawn).with_cost(report)
    }

    /// What was refused has made work, too. If the budget hasn't that much, it has been used up.
    fn fine(&self, payer: &Payer, entered: Balance) -> Balance {
        self.budgets.take(payer, REFUSED - ENTRY).unwrap_or(Balance { remaining: 0, ..entered })
    }

    fn pay(&self, payer: &Payer, points: u32, entered: Balance) -> Result<Balance, Refused> {
        let most = self.most_points;
        if points > most {
            let balance = self.fine(payer, entered);
            let problem = format!(
                "the request costs {points} points; {most} is the most. Ask for fewer rows (first), for less of each, or in several requests"
            );
            let refused = Refused::document(ErrorCode::QueryTooComplex, problem);
            return Err(refused.with_cost(self.report(points, balance)));
        }
        match points - ENTRY {
            0 => Ok(entered),
            more => self.budgets.take(payer, more).map_err(|overdrawn| self.overdrawn(points, &overdrawn)),
        }
    }

    fn measure(&self, parameters: Parameters) -> Result<Measured, Refused> {
        let Parameters { wanted, operation_name, variables } = parameters;
        limits::bound_values(&variables)?;
        let variables = Parameters::typed(variables).map_err(|problem| Refused::malformed(&problem))?;
        let found = self.documents.find(wanted)?;
        let limits::Bounded { document, introspects } = limits::parse(&found.text)?;
        if introspects && !self.introspection {
            let problem = "this server does not describe its schema: __schema and __type are switched off";
            return Err(Refused::document(ErrorCode::IntrospectionDisabled, problem));
        }
        let cost = cost::of(&self.shape, &document, operation_name.as_deref(), &variables);
        let operation = Operation::of(&document, operation_name.as_deref());
        let has_effects = document.operations.iter().any(|(_name, one)| one.node.ty != OperationType::Query);
        let mutates = document.operations.iter().any(|(_name, one)| one.node.ty == OperationType::Mutation);
        let deprecations = cost.deprecations.iter().map(|(coordinate, reason)| Deprecation { coordinate, reason });
        let deprecations = value(&deprecations.collect::<Vec<_>>());
        let mut request = async_graphql::Request::new(found.text).variables(variables);
        request.operation_name = operation_name;
        request.set_parsed_query(document);
        let extensions = Extensions { deprecations, cost: Value::Null };
        let prepared = Prepared { request, operation, has_effects, mutates, extensions };
        Ok(Measured { points: cost.points.max(ENTRY), prepared, registers: found.registers })
    }

    fn prepared(&self, measured: Measured, balance: Balance) -> Prepared {
        let Measured { points, mut prepared, registers } = measured;
        if let Some(hash) = registers {
            self.documents.keep(hash, &prepared.request.query);
        }
        prepared.extensions.cost = self.report(points, balance);
        prepared
    }

    fn report(&self, requested: u32, budget: Balance) -> Value {
        value(&CostReport { requested, limit: self.most_points, budget })
    }

    /// Runs a query or a mutation.
    pub fn run<'a>(&'a self, mut prepared: Prepared, app: &'a App, caller: &'a Caller) -> BoxFuture<'a, Response> {
        Box::pin(async move {
            let extensions = std::mem::take(&mut prepared.extensions);
            if let Err(refusal) = prepared.require_scopes(caller) {
                let mut response = Response::from_errors(vec![refusal]);
                extensions.put_into(&mut response);
                return response;
            }
            let mut response = batch::run(self.schema.execute(ready(prepared, app, caller))).await;
            failure::publish(&mut response.errors);
            extensions.put_into(&mut response);
            response
        })
    }

    /// Runs any operation; a query or a mutation gives one response. The first response says what it cost.
    #[must_use]
    pub fn stream(&self, mut prepared: Prepared, app: &App, caller: &Caller) -> BoxStream<'static, Response> {
        let mut extensions = Some(std::mem::take(&mut prepared.extensions));
        if let Err(refusal) = prepared.require_scopes(caller) {
            return futures_util::stream::once(async { Response::from_errors(vec![refusal]) }).boxed();
        }
        let responses = self.schema.execute_stream(ready(prepared, app, caller)).boxed();
        batch::run_stream(responses)
            .map(move |mut response| {
                failure::publish(&mut response.errors);
                if let Some(extensions) = extensions.take() {
                    extensions.put_into(&mut response);
                }
                response
            })
            .boxed()
    }
}

fn value(of: &impl Serialize) -> Value {
    async_graphql::to_value(of).unwrap_or(Value::Null)
}
