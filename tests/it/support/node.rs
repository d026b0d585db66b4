//! A node beside the test's own, with settings of its own, and its whole answers: status and headers too.

use reqwest::header::{HeaderMap, RETRY_AFTER};
use secure_payment::app::App;
use secure_payment::config::{LimitSettings, Settings};
use serde_json::{Value, json};

use super::TestApp;
use super::app::default_limits;
use super::bank::serve;

/// A request's answer, with its status and headers.
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Value,
}

impl Answer {
    pub(crate) fn code(&self) -> &str {
        assert!(self.body.get("data").is_none(), "{:#}", self.body);
        self.body["errors"][0]["extensions"]["code"].as_str().unwrap_or_else(|| panic!("{:#}", self.body))
    }

    pub(crate) fn retry_after(&self) -> u64 {
        self.headers[RETRY_AFTER].to_str().expect("text").parse().expect("whole seconds")
    }

    pub(crate) fn cost(&self, member: &str) -> u64 {
        self.body["extensions"]["cost"][member].as_u64().unwrap_or_else(|| panic!("{:#}", self.body))
    }

    pub(crate) fn remaining(&self) -> u64 {
        self.body["extensions"]["cost"]["budget"]["remaining"].as_u64().unwrap_or_else(|| panic!("{:#}", self.body))
    }
}

/// A node with limits of its own.
pub(crate) struct Node {
    pub(crate) app: App,
    pub(crate) http: reqwest::Client,
    /// What a proxy says of where requests come from.
    pub(crate) forwarded: &'static str,
}

impl Node {
    pub(crate) async fn start(app: &TestApp, change: impl FnOnce(&mut LimitSettings)) -> Self {
        let mut settings: Settings = (*app.app().settings).clone();
        settings.limits = default_limits();
        change(&mut settings.limits);
        Self::of(app, settings).await
    }

    /// 100 points at once, and one a second.
    pub(crate) async fn small(app: &TestApp) -> Self {
        Self::start(app, |limits| {
            (limits.request_cost, limits.budget, limits.anonymous_budget) = (100, 100, 100);
            (limits.budget_per_second, limits.anonymous_budget_per_second) = (1, 1);
            limits.trusted_proxies = vec!["127.0.0.0/8".parse().expect("a network")];
        })
        .await
    }

    pub(crate) async fn of(app: &TestApp, settings: Settings) -> Self {
        let (node, _shop) = serve(app, settings).await;
        let http = reqwest::Client::builder().no_proxy().build().expect("a client");
        Self { app: node, http, forwarded: "198.51.100.1" }
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("{}{path}", self.app.settings.own_url())
    }

    pub(crate) async fn post<'a>(&self, token: impl Into<Option<&'a str>>, body: Value) -> Answer {
        let mut request = self.http.post(self.url("/graphql")).header("x-forwarded-for", self.forwarded);
        request = request.header("accept", "application/graphql-response+json");
        if let Some(token) = token.into() {
            request = request.bearer_auth(token);
        }
        read(request.json(&body)).await
    }

    pub(crate) async fn ask<'a>(&self, token: impl Into<Option<&'a str>>, query: &str) -> Answer {
        self.post(token, json!({ "query": query })).await
    }

    pub(crate) async fn get(&self, parameters: &[(&str, &str)]) -> Answer {
        let mut url = reqwest::Url::parse(&self.url("/graphql")).expect("a URL");
        url.query_pairs_mut().extend_pairs(parameters);
        read(self.http.get(url)).await
    }
}

pub(crate) async fn read(request: reqwest::RequestBuilder) -> Answer {
    let answer = request.send().await.expect("an answer");
    let (status, headers) = (answer.status().as_u16(), answer.headers().clone());
    Answer { status, headers, body: answer.json().await.expect("JSON") }
}
