//! The providers of this installation, and which of them is asked for what.

use std::sync::Arc;

use entity::Currency;
use entity::payment::PaymentMethod;
use ground::clock::Clock;
use ground::setting::{Installation, SettingError};

use crate::interface::PaymentProvider;
use crate::list::{ProviderSettings, configured};
use crate::sandbox;
use crate::terms::MethodTerms;

/// The providers of this installation, in the order in which they are preferred.
#[derive(Clone, Debug)]
pub struct Providers {
    listed: Arc<Vec<Arc<dyn PaymentProvider>>>,
    routing: Arc<Routing>,
}

/// Which providers are asked for what.
#[derive(Clone, Debug, Default)]
pub struct Routing {
    pub routes: Vec<Route>,
    /// Who pays suppliers out: a provider's name, or `manual`; the first that can if None.
    pub payouts: Option<String>,
}

/// Which providers are asked for a method, the first that can do it first: `ALIPAY=antom|alipay`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Route {
    pub method: PaymentMethod,
    pub providers: Vec<String>,
}

impl Providers {
    /// Every provider that is configured, and the routes between them. The error names the setting that can't be used.
    pub fn from_settings(
        settings: &ProviderSettings,
        routing: Routing,
        installation: &Installation,
        clock: &Clock,
    ) -> Result<Self, SettingError> {
        let listed = configured(settings, installation, clock)?;
        let is_there = |name: &str| name == BY_HAND || listed.iter().any(|provider| provider.name() == name);
        let missing = |variable, name: &str| {
            Err(SettingError { variable, problem: format!("names the provider {name:?}, which is not configured") })
        };
        if let Some(name) = routing.routes.iter().flat_map(|route| &route.providers).find(|name| !is_there(name)) {
            return missing("SECURE_PAYMENT_ROUTES", name);
        }
        if let Some(name) = routing.payouts.as_deref().filter(|name| !is_there(name)) {
            return missing("SECURE_PAYMENT_PAYOUTS", name);
        }
        let cannot =
            |name: &&str| listed.iter().any(|provider| provider.name() == *name && provider.payouts().is_none());
        if let Some(name) = routing.payouts.as_deref().filter(cannot) {
            let problem = format!("names the provider {name:?}, which doesn't pay out");
            return Err(SettingError { variable: "SECURE_PAYMENT_PAYOUTS", problem });
        }
        let offers = |name: &str, method| {
            listed.iter().any(|provider| provider.name() == name && provider.terms(method).is_some())
        };
        for route in &routing.routes {
            if let Some(name) = route.providers.iter().find(|name| !offers(name, route.method)) {
                let problem = format!("sends {} to the provider {name:?}, which doesn't offer it", route.method.name());
                return Err(SettingError { variable: "SECURE_PAYMENT_ROUTES", problem });
            }
        }
        Ok(Self { listed: Arc::new(listed), routing: Arc::new(routing) })
    }

    #[must_use]
    pub fn find(&self, name: &str) -> Option<Arc<dyn PaymentProvider>> {
        self.listed.iter().find(|provider| provider.name() == name).cloned()
    }

    /// Those that are configured.
    pub fn iter(&self) -> impl Iterator<Item = &Arc<dyn PaymentProvider>> {
        self.listed.iter()
    }

    /// The providers that a method is routed to, with what each can do, in the order in which they are asked.
    #[must_use]
    pub fn for_method(&self, method: PaymentMethod) -> Vec<(Arc<dyn PaymentProvider>, MethodTerms)> {
        let offers =
            |provider: &Arc<dyn PaymentProvider>| provider.terms(method).map(|terms| (Arc::clone(provider), terms));
        match self.routing.routes.iter().find(|route| route.method == method) {
            Some(route) => {
                route.providers.iter().filter_map(|name| self.find(name)).filter_map(|one| offers(&one)).collect()
            }
            None => self.listed.iter().filter_map(offers).collect(),
        }
    }

    /// Whether this provider may be asked in the place of one that did not open a payment. The simulated bank only where a route
    /// names it: nobody takes its money for real by mistake.
    #[must_use]
    pub fn may_replace(&self, name: &str, method: PaymentMethod) -> bool {
        let is_routed = || self.routing.routes.iter().any(|route| route.method == method);
        name != sandbox::NAME || is_routed()
    }

    /// Who sends refunds of payments whose own rail can't; None if operators do it by hand. Never the simulated bank, which
    /// gives back its own simulated money only.
    #[must_use]
    pub fn for_refunds_of_others(&self, currency: Currency) -> Option<Arc<dyn PaymentProvider>> {
        let can = |provider: &&Arc<dyn PaymentProvider>| {
            provider.name() != sandbox::NAME && provider.refunds_for_others(currency)
        };
        self.listed.iter().find(can).cloned()
    }

    /// The provider that pays suppliers out; None if that is done by hand.
    #[must_use]
    pub fn for_payouts(&self) -> Option<Arc<dyn PaymentProvider>> {
        match self.routing.payouts.as_deref() {
            Some(name) => self.find(name).filter(|provider| provider.payouts().is_some()),
            None => self.listed.iter().find(|provider| provider.payouts().is_some()).cloned(),
        }
    }
}

/// Where a provider posts its notifications. The simulated bank runs in the server's own process: it must reach it even where
/// the public name doesn't resolve.
#[must_use]
pub fn notification_url(installation: &Installation, name: &str) -> String {
    if name == sandbox::NAME {
        return format!("{}/webhooks/{name}", installation.own_url);
    }
    installation.notification_url(name)
}

/// `VISA=stripe` or `ALIPAY=antom|alipay`.
pub fn parse_route(text: &str) -> Result<Route, String> {
    let (method, providers) = text.split_once('=').ok_or("must be METHOD=provider, such as ALIPAY=antom|alipay")?;
    let method = PaymentMethod::all()
        .find(|known| known.name() == method.trim())
        .ok_or_else(|| format!("{method:?} is not a payment method"))?;
    let providers: Vec<String> =
        providers.split('|').map(|name| name.trim().to_owned()).filter(|name| !name.is_empty()).collect();
    if providers.is_empty() {
        return Err(format!("{} is routed to no provider", method.name()));
    }
    Ok(Route { method, providers })
}

/// The account of what operators pay by hand, as the rules call it; no provider has this name.
const BY_HAND: &str = "manual";
