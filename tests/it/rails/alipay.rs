//! Alipay's own gateway, played; and its own samples (`tests/vectors/alipay.json`).

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard};

use axum::Router;
use axum::body::to_bytes;
use axum::extract::Request;
use axum::response::{IntoResponse, Response};
use chrono::{FixedOffset, NaiveDateTime};
use entity::Time;
use reqwest::Url;
use secrecy::SecretString;
use secure_payment::config::Settings;
use serde::Deserialize;
use serde_json::{Value, json};

use super::keys::{MERCHANT, Pair, VENDOR_PUBLIC};
use crate::support::rail::{Claim, Fake, Post, Way};

mod special;
mod vectors;

/// Of the vectors.
const APP: &str = "2021000000000001";
const SELLER: &str = "2088102119685838";

pub(crate) async fn start() -> Arc<dyn Fake> {
    Alipay::start(&[]).await
}

struct Alipay {
    base: String,
    way: Way,
    /// Public keys that are active besides: a rotation.
    more_keys: Vec<String>,
    books: Arc<Mutex<Books>>,
}

type Params = BTreeMap<String, String>;

#[derive(Default)]
struct Books {
    trades: Vec<Trade>,
    news: Vec<Params>,
    sent: usize,
    misdeed: Option<Misdeed>,
}

/// Done to the next answers.
#[derive(Clone, Copy, Debug)]
enum Misdeed {
    Unsigned,
    SignedByAnother,
    /// As some proxy might: the same JSON, but not the same bytes.
    Reformatted,
}

struct Trade {
    number: String,
    asked: Page,
    status: &'static str,
    was_paid: bool,
    refunds: Vec<Back>,
}

#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
struct Page {
    out_trade_no: String,
    product_code: String,
    subject: String,
    time_expire: String,
    total_amount: String,
}

#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
struct Back {
    out_request_no: String,
    out_trade_no: String,
    refund_amount: String,
    refund_reason: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct OfTrade {
    out_trade_no: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct OfRefund {
    out_trade_no: String,
    out_request_no: String,
}

/// "123.45" as Alipay takes it: two digits behind the point, always.
fn fen(amount: &str) -> i64 {
    let (whole, cents) = amount.split_once('.').expect("a point");
    assert_eq!(cents.len(), 2, "{amount}");
    format!("{whole}{cents}").parse().expect("digits")
}

fn yuan(fen: i64) -> String {
    format!("{}.{:02}", fen / 100, fen % 100)
}

impl Trade {
    fn refunded(&self) -> i64 {
        self.refunds.iter().map(|refund| fen(&refund.refund_amount)).sum()
    }
}

/// The sub-code of a business refusal, or of the gateway's own.
enum Refusal {
    Business(&'static str),
    Gateway(&'static str),
}

use Refusal::{Business, Gateway};

fn read<T: for<'a> Deserialize<'a>>(content: &str) -> Result<T, Refusal> {
    serde_json::from_str(content).map_err(|_strict| Business("ACQ.INVALID_PARAMETER"))
}

impl Books {
    fn trade(&mut self, reference: &str) -> Result<&mut Trade, Refusal> {
        let found = self.trades.iter_mut().find(|trade| trade.asked.out_trade_no == reference);
        found.ok_or(Business("ACQ.TRADE_NOT_EXIST"))
    }

    fn answer(&mut self, method: &str, content: &str) -> Result<Value, Refusal> {
        match method {
            "alipay.trade.query" => {
                let trade = self.trade(&read::<OfTrade>(content)?.out_trade_no)?;
                let mut said = json!({ "trade_no": trade.number, "out_trade_no": trade.asked.out_trade_no,
                    "trade_status": trade.status, "total_amount": trade.asked.total_amount });
                if trade.was_paid {
                    said["send_pay_date"] = json!("2025-11-01 20:00:30");
                }
                Ok(said)
            }
            "alipay.trade.close" => {
                let trade = self.trade(&read::<OfTrade>(content)?.out_trade_no)?;
                if trade.status != "WAIT_BUYER_PAY" {
                    return Err(Business("ACQ.REASON_TRADE_STATUS_INVALID"));
                }
                trade.status = "TRADE_CLOSED";
                Ok(json!({ "trade_no": trade.number, "out_trade_no": trade.asked.out_trade_no }))
            }
            "alipay.trade.refund" => self.give_back(read(content)?),
            "alipay.trade.fastpay.refund.query" => {
                let asked: OfRefund = read(content)?;
                let trade = self.trade(&asked.out_trade_no)?;
                let known = trade.refunds.iter().find(|refund| refund.out_request_no == asked.out_request_no);
                Ok(known.map_or(json!({}), |refund| {
                    json!({ "out_trade_no": refund.out_trade_no, "out_request_no": refund.out_request_no,
                        "refund_status": "REFUND_SUCCESS", "refund_amount": refund.refund_amount })
                }))
            }
            _unknown => Err(Gateway("isv.invalid-method")),
        }
    }

    fn give_back(&mut self, asked: Back) -> Result<Value, Refusal> {
        let trade = self.trade(&asked.out_trade_no)?;
        let (amount, before) = (fen(&asked.refund_amount), trade.refunded());
        let known = trade.refunds.iter().find(|refund| refund.out_request_no == asked.out_request_no);
        let change = match known {
            Some(known) if *known == asked => "N",
            Some(_) => return Err(Business("ACQ.DISCORDANT_REPEAT_REQUEST")),
            None if trade.status != "TRADE_SUCCESS" => return Err(Business("ACQ.TRADE_STATUS_ERROR")),
            None if amount <= 0 || before + amount > fen(&trade.asked.total_amount) => {
                return Err(Business("ACQ.REFUND_AMT_NOT_EQUAL_TOTAL"));
            }
            None => {
                trade.refunds.push(asked);
                "Y"
            }
        };
        if trade.refunded() == fen(&trade.asked.total_amount) {
            trade.status = "TRADE_CLOSED";
        }
        Ok(json!({ "trade_no": trade.number, "out_trade_no": trade.asked.out_trade_no, "fund_change": change,
            "buyer_logon_id": "buy***@example.com", "refund_fee": yuan(trade.refunded()) }))
    }

    /// A notification about a trade as it stands; about its refund, if one is named.
    fn news_of(&mut self, reference: &str, refund: Option<&str>) -> Params {
        let trade = self.trades.iter().find(|trade| trade.asked.out_trade_no == reference).expect("it was opened");
        let mut params = Params::new();
        let mut put = |name: &str, value: &str| drop(params.insert(name.to_owned(), value.to_owned()));
        put("app_id", APP);
        put("auth_app_id", APP);
        put("buyer_id", "2088102116773037");
        put("charset", "utf-8");
        put("gmt_create", "2025-11-01 20:00:00");
        put("notify_id", &format!("2025110100222200001{:06}", self.sent));
        put("notify_type", "trade_status_sync");
        put("out_trade_no", reference);
        put("seller_id", SELLER);
        put("subject", &trade.asked.subject);
        put("total_amount", &trade.asked.total_amount);
        put("trade_no", &trade.number);
        put("trade_status", trade.status);
        put("version", "1.0");
        put("passback_params", "");
        if trade.was_paid {
            put("gmt_payment", "2025-11-01 20:00:30");
        }
        if let Some(refund) = refund {
            put("gmt_refund", "2025-11-02 10:00:00.123");
            put("out_biz_no", refund);
            put("refund_fee", &yuan(trade.refunded()));
        }
        self.sent += 1;
        params
    }

    fn tell(&mut self, reference: &str, refund: Option<&str>) {
        let news = self.news_of(reference, refund);
        self.news.push(news);
    }
}

fn joined(params: &Params, but: &[&str]) -> String {
    let parts = params.iter().filter(|(name, _)| !but.contains(&name.as_str()));
    parts.map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>().join("&")
}

fn is_time(text: &str) -> bool {
    NaiveDateTime::parse_from_str(text, "%Y-%m-%d %H:%M:%S").is_ok()
}

/// A request of ours: its method and what it asks.
fn is_ours(url: &Url) -> Result<(String, String), Refusal> {
    let mut params = Params::new();
    for (name, value) in url.query_pairs() {
        if params.insert(name.into_owned(), value.into_owned()).is_some() {
            return Err(Gateway("isv.invalid-parameter"));
        }
    }
    let of = |name: &str| params.get(name).map(String::as_str).unwrap_or_default();
    let known = [
        "app_id",
        "biz_content",
        "charset",
        "format",
        "method",
        "notify_url",
        "return_url",
        "sign",
        "sign_type",
        "timestamp",
        "version",
    ];
    let fixed = (of("app_id"), of("charset"), of("format"), of("sign_type"), of("version"));
    if fixed != (APP, "utf-8", "JSON", "RSA2", "1.0")
        || !is_time(of("timestamp"))
        || !params.keys().all(|name| known.contains(&name.as_str()))
    {
        return Err(Gateway("isv.invalid-parameter"));
    }
    if !Pair::merchant().verifies(joined(&params, &["sign"]).as_bytes(), of("sign")) {
        return Err(Gateway("isv.invalid-signature"));
    }
    Ok((of("method").to_owned(), of("biz_content").to_owned()))
}

async fn serve(books: Arc<Mutex<Books>>, request: Request) -> Response {
    assert_eq!((request.method().as_str(), request.uri().path(), request.uri().query()), ("POST", "/gateway.do", None));
    assert_eq!(request.headers()["content-type"], "application/x-www-form-urlencoded;charset=utf-8");
    let body = to_bytes(request.into_body(), 1 << 20).await.expect("a body");
    let form = std::str::from_utf8(&body).expect("UTF-8");
    let asked = is_ours(&Url::parse(&format!("http://x/?{form}")).expect("a form"));
    let mut books = books.lock().expect("not poisoned");
    let (node, said) = match asked {
        Ok((method, content)) => (method.replace('.', "_"), books.answer(&method, &content)),
        Err(refusal) => (String::new(), Err(refusal)),
    };
    let mut said = match said {
        Ok(said) => said,
        Err(Business(code)) => {
            json!({ "code": "40004", "msg": "Business Failed", "sub_code": code, "sub_msg": "交易\"不\"行" })
        }
        // The gateway signs none of its own.
        Err(Gateway(code)) => {
            let error = json!({ "code": "40002", "msg": "Invalid Arguments", "sub_code": code, "sub_msg": "no" });
            return json!({ "error_response": error }).to_string().into_response();
        }
    };
    if said.get("code").is_none() {
        (said["code"], said["msg"]) = (json!("10000"), json!("Success"));
    }
    let inner = said.to_string();
    let pair = if matches!(books.misdeed, Some(Misdeed::SignedByAnother)) { Pair::merchant() } else { Pair::vendor() };
    let sign = pair.sign(inner.as_bytes());
    match books.misdeed {
        None | Some(Misdeed::SignedByAnother) => format!("{{\"{node}_response\":{inner},\"sign\":\"{sign}\"}}"),
        Some(Misdeed::Unsigned) => format!("{{\"{node}_response\":{inner}}}"),
        Some(Misdeed::Reformatted) => {
            format!("{{\"{node}_response\":{},\"sign\":\"{sign}\"}}", inner.replacen("\":", "\": ", 1))
        }
    }
    .into_response()
}

impl Alipay {
    async fn start(more_keys: &[String]) -> Arc<Self> {
        let (way, books) = (Way::default(), Arc::new(Mutex::new(Books::default())));
        let served = Arc::clone(&books);
        let base = way.serve(Router::new().fallback(move |request| serve(Arc::clone(&served), request))).await;
        Arc::new(Self { base, way, more_keys: more_keys.to_vec(), books })
    }

    fn books(&self) -> MutexGuard<'_, Books> {
        self.books.lock().expect("not poisoned")
    }
}

/// As it is sent at `wall`, signed by `pair`.
fn post(mut params: Params, wall: Time, pair: Option<&Pair>) -> Post {
    let china = FixedOffset::east_opt(8 * 3600).expect("an offset");
    let time = wall.with_timezone(&china).format("%Y-%m-%d %H:%M:%S").to_string();
    params.insert("notify_time".to_owned(), time);
    params.entry("sign_type".to_owned()).or_insert_with(|| "RSA2".to_owned());
    if let Some(pair) = pair {
        let sign = pair.sign(joined(&params, &["sign_type"]).as_bytes());
        params.insert("sign".to_owned(), sign);
    }
    let mut url = Url::parse("http://x/").expect("a url");
    url.query_pairs_mut().extend_pairs(&params);
    let form = ("Content-Type".to_owned(), "application/x-www-form-urlencoded; charset=utf-8".to_owned());
    Post { to: "alipay", headers: vec![form], body: url.query().expect("a form").as_bytes().to_vec() }
}

#[async_trait::async_trait]
impl Fake for Alipay {
    fn name(&self) -> &'static str {
        "alipay"
    }

    fn configure(&self, settings: &mut Settings) {
        let own = &mut settings.providers.alipay;
        own.api_base = format!("{}/gateway.do", self.base);
        own.app_id = Some(APP.to_owned());
        own.seller_id = Some(SELLER.to_owned());
        own.private_key = Some(SecretString::from(MERCHANT));
        own.public_key = self.more_keys.iter().cloned().chain([VENDOR_PUBLIC.to_owned()]).collect();
    }

    fn method(&self) -> &'static str {
        "ALIPAY"
    }

    fn currency(&self) -> &'static str {
        "CNY"
    }

    fn visit(&self, url: &str) {
        let url = Url::parse(url).expect("a url");
        assert!(url.as_str().starts_with(&format!("{}/gateway.do?", self.base)), "{url}");
        let asked = is_ours(&url).ok().expect("a signed request");
        assert_eq!(asked.0, "alipay.trade.page.pay");
        assert!(url.query_pairs().any(|(name, value)| name == "notify_url" && value.ends_with("/webhooks/alipay")));
        let asked: Page = serde_json::from_str(&asked.1).expect("what a page takes");
        assert!(fen(&asked.total_amount) > 0 && is_time(&asked.time_expire) && !asked.subject.is_empty(), "{asked:?}");
        assert!(asked.product_code == "FAST_INSTANT_TRADE_PAY" && (1..=64).contains(&asked.out_trade_no.len()));
        let mut books = self.books();
        let number = format!("20251101220014730312345{:05}", books.trades.len());
        if let Ok(known) = books.trade(&asked.out_trade_no) {
            assert_eq!(known.asked.total_amount, asked.total_amount, "ACQ.CONTEXT_INCONSISTENT");
            return;
        }
        books.trades.push(Trade { number, asked, status: "WAIT_BUYER_PAY", was_paid: false, refunds: Vec::new() });
    }

    async fn pay(&self, payment: &str) {
        let mut books = self.books();
        let trade = books.trade(payment).ok().expect("the page was opened");
        (trade.status, trade.was_paid) = ("TRADE_SUCCESS", true);
        books.tell(payment, None);
    }

    /// The buyer tries again on Alipay's page, which says nothing of it.
    async fn decline(&self, _payment: &str) -> bool {
        false
    }

    async fn expire(&self, payment: &str) -> bool {
        let mut books = self.books();
        books.trade(payment).ok().expect("the page was opened").status = "TRADE_CLOSED";
        books.tell(payment, None);
        true
    }

    /// It moves at once; the news come later.
    async fn settle_refund(&self, refund: &str) {
        let mut books = self.books();
        let of = books.trades.iter().find(|trade| trade.refunds.iter().any(|known| known.out_request_no == refund));
        let payment = of.expect("it was asked for").asked.out_trade_no.clone();
        books.tell(&payment, Some(refund));
    }

    async fn fail_refund(&self, _refund: &str) -> bool {
        false
    }

    async fn claim(&self, _payment: &str, _claim: Claim) -> bool {
        false
    }

    fn notifications(&self, wall: Time) -> Vec<Post> {
        let news = std::mem::take(&mut self.books().news);
        news.into_iter().map(|params| post(params, wall, Some(&Pair::vendor()))).collect()
    }

    fn forgeries(&self, payment: &str, wall: Time) -> Vec<Post> {
        let mut books = self.books();
        let mut params = books.news_of(payment, None);
        params.insert("trade_status".to_owned(), "TRADE_SUCCESS".to_owned());
        params.insert("gmt_payment".to_owned(), "2025-11-01 20:00:30".to_owned());
        let with = |name: &str, value: &str| {
            let mut params = params.clone();
            params.insert(name.to_owned(), value.to_owned());
            params
        };
        vec![
            post(params.clone(), wall, None),
            post(with("sign", "garbage"), wall, None),
            post(params.clone(), wall, Some(&Pair::merchant())),
            // It says that it is signed by SHA-1, and sign_type is not signed itself.
            post(with("sign_type", "RSA"), wall, Some(&Pair::vendor())),
        ]
    }

    fn way(&self) -> &Way {
        &self.way
    }

    fn payments(&self, payment: &str) -> usize {
        self.books().trades.iter().filter(|trade| trade.asked.out_trade_no == payment).count()
    }

    fn refunded(&self, payment: &str) -> i64 {
        self.books().trade(payment).map_or(0, |trade| trade.refunded())
    }
}
