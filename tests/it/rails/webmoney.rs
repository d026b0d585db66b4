//! WebMoney, played: the page that buyers pay on, X18, X3 and X14; and samples (`tests/vectors/webmoney.json`).
//!
//! It has no clock: what happened since it was last asked happened at the moment until which it is asked next.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard};

use axum::Router;
use axum::body::to_bytes;
use axum::extract::Request;
use axum::response::{IntoResponse, Response};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use chrono::{NaiveDateTime, TimeDelta};
use entity::Time;
use entity::payment::FormField;
use reqwest::Url;
use secrecy::SecretString;
use secure_payment::config::Settings;
use sha2::{Digest, Sha256};

use crate::support::install_tls;
use crate::support::rail::{Claim, Fake, Post, Way};

mod special;
mod vectors;

/// Of the vectors.
const PURSE: &str = "Z123456789012";
const SECRET: &str = "sp-webmoney-secret-0001";
const PAYER_PURSE: &str = "Z366393600555";
const PAYER_WM: &str = "404521188333";
const WMID: &str = "404521188000";
const CLIENT: &str = include_str!("../../vectors/keys/client.pem");

pub(crate) async fn start() -> Arc<dyn Fake> {
    WebMoney::start().await
}

struct WebMoney {
    base: String,
    way: Way,
    http: reqwest::Client,
    books: Arc<Mutex<Books>>,
}

type Params = BTreeMap<String, String>;

#[derive(Default)]
struct Books {
    payments: Vec<Payment>,
    returns: Vec<Return>,
    news: Vec<Params>,
    /// Returns of less than half an hour ago: of which transfer, and how much.
    young: Vec<(u64, String)>,
    last_request: i64,
    numbers: u64,
}

struct Payment {
    form: Params,
    rejected: bool,
    transfer: Option<Transfer>,
}

#[derive(Clone)]
struct Transfer {
    id: u64,
    created: Option<String>,
}

struct Return {
    transfer: Transfer,
    of: u64,
    amount: String,
    description: String,
}

/// "123.45" as WebMoney takes it: a point, and two digits behind it at most.
fn cents(amount: &str) -> Option<i64> {
    let (whole, rest) = amount.split_once('.').unwrap_or((amount, ""));
    let is_plain = !whole.is_empty() && rest.len() <= 2 && [whole, rest].concat().bytes().all(|b| b.is_ascii_digit());
    format!("{whole}{rest:0<2}").parse().ok().filter(|_parsed| is_plain)
}

impl Books {
    fn next(&mut self) -> u64 {
        self.numbers += 1;
        1_000_000 + self.numbers
    }

    fn payment(&mut self, number: &str) -> &mut Payment {
        let found = self.payments.iter_mut().find(|payment| payment.form["LMI_PAYMENT_NO"] == number);
        found.expect("the form was posted")
    }

    fn paid(&mut self, number: &str) {
        let (invoice, transfer) = (self.next(), self.next());
        let payment = self.payment(number);
        payment.transfer = Some(Transfer { id: transfer, created: None });
        let mut news = asked(&payment.form);
        news.insert("LMI_SYS_INVS_NO".to_owned(), invoice.to_string());
        news.insert("LMI_SYS_TRANS_NO".to_owned(), transfer.to_string());
        news.insert("LMI_SYS_TRANS_DATE".to_owned(), "20251101 12:00:00".to_owned());
        self.news.push(news);
    }

    fn returned(&self, of: u64) -> i64 {
        self.returns.iter().filter(|one| one.of == of).filter_map(|one| cents(&one.amount)).sum()
    }

    /// X18, by the merchant's own number.
    fn state(&mut self, body: &str) -> String {
        let number = inside(body, "lmi_payment_no");
        let hash = hex::encode(Sha256::digest(format!("{WMID}{PURSE}{number}{SECRET}")));
        let expected = format!(
            "<merchant.request><wmid>{WMID}</wmid><lmi_payee_purse>{PURSE}</lmi_payee_purse><lmi_payment_no>{number}\
             </lmi_payment_no><lmi_payment_no_type>1</lmi_payment_no_type><sha256>{hash}</sha256></merchant.request>"
        );
        let refused = |code| format!("<retval>{code}</retval><retdesc>Платеж</retdesc>");
        let said = if body != expected {
            refused("-7")
        } else if let Some(payment) = self.payments.iter().find(|payment| payment.form["LMI_PAYMENT_NO"] == number) {
            match &payment.transfer {
                None if payment.rejected => refused("13"),
                None => refused("9"),
                Some(transfer) => format!(
                    "<operation wmtransid=\"{}\" wminvoiceid=\"77\"><amount>{}</amount><operdate>20251101 12:00:00</operdate>\
                     <purpose>Оплата</purpose><pursefrom>{PAYER_PURSE}</pursefrom><wmidfrom>{PAYER_WM}</wmidfrom>\
                     <hold_period>0</hold_period><hold_state>0</hold_state><capitallerflag>0</capitallerflag></operation>\
                     <retval>0</retval><retdesc></retdesc>",
                    transfer.id, payment.form["LMI_PAYMENT_AMOUNT"]
                ),
            }
        } else {
            refused("8")
        };
        format!("<merchant.response>{said}</merchant.response>")
    }

    /// X3.
    fn history(&mut self, body: &str) -> String {
        let [reqn, of, since, until] = ["reqn", "wmtranid", "datestart", "datefinish"].map(|tag| inside(body, tag));
        let expected = format!(
            "<w3s.request><reqn>{reqn}</reqn><getoperations><purse>{PURSE}</purse><wmtranid>{of}</wmtranid>\
             <tranid>0</tranid><wminvid>0</wminvid><orderid>0</orderid><datestart>{since}</datestart>\
             <datefinish>{until}</datefinish></getoperations></w3s.request>"
        );
        let times = [since, until].map(|text| NaiveDateTime::parse_from_str(text, "%Y%m%d %H:%M:%S").ok());
        let in_range = matches!(times, [Some(since), Some(until)]
            if since <= until && until - since <= TimeDelta::days(89));
        if let Some(refusal) = self.refuses(reqn, body == expected && in_range) {
            return refusal;
        }
        let payments = self.payments.iter_mut().filter_map(|payment| payment.transfer.as_mut());
        for transfer in payments.chain(self.returns.iter_mut().map(|one| &mut one.transfer)) {
            transfer.created.get_or_insert_with(|| until.to_owned());
        }
        let came = self.payments.iter().filter_map(|payment| {
            let (amount, description) = (&payment.form["LMI_PAYMENT_AMOUNT"], "Оплата".to_owned());
            payment.transfer.clone().map(|transfer| (transfer, (PAYER_PURSE, PURSE), amount, description))
        });
        let went = self
            .returns
            .iter()
            .map(|one| (one.transfer.clone(), (PURSE, PAYER_PURSE), &one.amount, one.description.clone()));
        let listed: Vec<String> = came
            .chain(went)
            .filter(|(transfer, ..)| of == "0" || transfer.id.to_string() == of)
            .filter(|(transfer, ..)| transfer.created.as_deref().is_some_and(|at| since <= at && at <= until))
            .map(|(transfer, (from, to), amount, description)| {
                let created = transfer.created.unwrap_or_default();
                format!(
                    "<operation id=\"{0}\" ts=\"{0}\"><pursesrc>{from}</pursesrc><pursedest>{to}</pursedest>\
                     <amount>{amount}</amount><comiss>0.00</comiss><opertype>0</opertype><wminvid>0</wminvid>\
                     <orderid>0</orderid><tranid>0</tranid><period>0</period><desc>{description}</desc>\
                     <datecrt>{created}</datecrt><dateupd>{created}</dateupd><corrwm>{PAYER_WM}</corrwm>\
                     <rest>1.00</rest></operation>",
                    transfer.id
                )
            })
            .collect();
        let (count, listed) = (listed.len(), listed.concat());
        answer(reqn, "0", &format!("<operations cnt=\"{count}\">{listed}</operations>"))
    }

    /// X14.
    fn give_back(&mut self, body: &str) -> String {
        let [reqn, of, amount] = ["reqn", "inwmtranid", "amount"].map(|tag| inside(body, tag));
        let expected = format!(
            "<w3s.request><reqn>{reqn}</reqn><trans><inwmtranid>{of}</inwmtranid><amount>{amount}</amount></trans></w3s.request>"
        );
        let (asked, of) = (cents(amount).filter(|cents| *cents > 0), of.parse::<u64>());
        let (Some(asked), Ok(of)) = (asked, of) else { return answer(reqn, "-8", "") };
        if let Some(refusal) = self.refuses(reqn, body == expected) {
            return refusal;
        }
        let of_this = |payment: &&Payment| payment.transfer.as_ref().is_some_and(|transfer| transfer.id == of);
        let Some(paid) = self.payments.iter().find(of_this) else { return answer(reqn, "50", "") };
        let paid = cents(&paid.form["LMI_PAYMENT_AMOUNT"]).expect("an amount");
        let young = (of, amount.to_owned());
        if asked > paid {
            return answer(reqn, "52", "");
        }
        if self.young.contains(&young) {
            return answer(reqn, if asked == paid { "103" } else { "104" }, "");
        }
        if self.returned(of) + asked > paid {
            return answer(reqn, "56", "");
        }
        self.young.push(young);
        let id = self.next();
        let description = format!("Moneyback transaction WMTranId: {of}. (Оплата)");
        let transfer = Transfer { id, created: None };
        self.returns.push(Return { transfer, of, amount: amount.to_owned(), description: description.clone() });
        let operation = format!(
            "<operation id=\"{id}\" ts=\"{id}\"><inwmtranid>{of}</inwmtranid><pursesrc>{PURSE}</pursesrc>\
             <pursedest>{PAYER_PURSE}</pursedest><amount>{amount}</amount><comiss>0.00</comiss>\
             <desc>{description}</desc><datecrt>20251101 12:00:00</datecrt><dateupd>20251101 12:00:00</dateupd></operation>"
        );
        answer(reqn, "0", &operation)
    }

    /// Each request has a larger number than the last one.
    fn refuses(&mut self, number: &str, is_well_formed: bool) -> Option<String> {
        let number_is: i64 = number.parse().ok().filter(|_parsed| number.len() <= 15).unwrap_or_default();
        if !is_well_formed {
            return Some(answer(number, "-100", ""));
        }
        if number_is <= self.last_request {
            return Some(answer(number, "102", ""));
        }
        self.last_request = number_is;
        None
    }
}

fn answer(number: &str, code: &str, inside: &str) -> String {
    let said = if code == "0" { "" } else { "Отказ" };
    format!(
        "<w3s.response><reqn>{number}</reqn><retval>{code}</retval><retdesc>{said}</retdesc>{inside}</w3s.response>"
    )
}

fn inside<'a>(body: &'a str, tag: &str) -> &'a str {
    let after = body.split_once(&format!("<{tag}>")).map_or("", |(_, after)| after);
    after.split_once(&format!("</{tag}>")).map_or("", |(inside, _)| inside)
}

/// In windows-1251, as WebMoney writes.
fn in_windows_1251(text: &str) -> Vec<u8> {
    let byte = |c: char| {
        let code = u32::from(c);
        u8::try_from(if c.is_ascii() { code } else { code - 0x350 }).expect("a letter of Russian")
    };
    format!("<?xml version=\"1.0\" encoding=\"windows-1251\"?>\n{text}").chars().map(byte).collect()
}

async fn serve(books: Arc<Mutex<Books>>, request: Request) -> Response {
    assert_eq!(request.method(), "POST");
    assert_eq!(request.headers()["content-type"], "text/xml; charset=utf-8");
    let path = request.uri().path().to_owned();
    let body = to_bytes(request.into_body(), 1 << 20).await.expect("a body");
    let body = std::str::from_utf8(&body).expect("UTF-8");
    let mut books = books.lock().expect("not poisoned");
    let said = match path.as_str() {
        "/conf/xml/XMLTransGet.asp" => books.state(body),
        "/asp/XMLOperationsCert.asp" => books.history(body),
        "/asp/XMLTransMoneybackCert.asp" => books.give_back(body),
        unknown => panic!("{unknown}"),
    };
    in_windows_1251(&said).into_response()
}

impl WebMoney {
    async fn start() -> Arc<Self> {
        install_tls();
        let (way, books) = (Way::default(), Arc::new(Mutex::new(Books::default())));
        let served = Arc::clone(&books);
        let base = way.serve(Router::new().fallback(move |request| serve(Arc::clone(&served), request))).await;
        let http = ground::client::build(&base).expect("a client");
        Arc::new(Self { base, way, http, books })
    }

    fn books(&self) -> MutexGuard<'_, Books> {
        self.books.lock().expect("not poisoned")
    }

    /// What the merchant answers to the question before the money is taken.
    async fn ask(&self, params: &Params) -> (u16, String) {
        let mut params = params.clone();
        let to = params.remove("LMI_RESULT_URL").expect("where to");
        params.insert("LMI_PREREQUEST".to_owned(), "1".to_owned());
        let form = ("content-type", "application/x-www-form-urlencoded");
        let answer = self.http.post(to).header(form.0, form.1).body(encoded(&params)).send().await.expect("an answer");
        (answer.status().as_u16(), answer.text().await.expect("a body"))
    }
}

/// What WebMoney posts of a payment: what the form said, and who pays.
fn asked(form: &Params) -> Params {
    let mut params = Params::new();
    let mut put = |name: &str, value: &str| drop(params.insert(name.to_owned(), value.to_owned()));
    for name in ["LMI_PAYEE_PURSE", "LMI_PAYMENT_AMOUNT", "LMI_PAYMENT_NO"] {
        put(name, &form[name]);
    }
    put("LMI_MODE", "1");
    put("LMI_PAYER_PURSE", PAYER_PURSE);
    put("LMI_PAYER_WM", PAYER_WM);
    put("LMI_PAYMENT_DESC", "Заказ");
    put("LMI_LANG", "ru-RU");
    params
}

fn joined(params: &Params, secret: &str, separator: &str) -> String {
    let of = |name: &str| params.get(name).map(String::as_str).unwrap_or_default().to_owned();
    let mut parts = vec![of("LMI_PAYEE_PURSE"), of("LMI_PAYMENT_AMOUNT")];
    parts.extend(params.get("LMI_HOLD").cloned());
    let middle = ["LMI_PAYMENT_NO", "LMI_MODE", "LMI_SYS_INVS_NO", "LMI_SYS_TRANS_NO", "LMI_SYS_TRANS_DATE"];
    parts.extend(middle.map(of));
    parts.extend([secret.to_owned(), of("LMI_PAYER_PURSE"), of("LMI_PAYER_WM")]);
    parts.join(separator)
}

fn hash(params: &Params, secret: &str, separator: &str) -> String {
    hex::encode_upper(Sha256::digest(joined(params, secret, separator)))
}

fn encoded(params: &Params) -> String {
    let mut url = Url::parse("http://x/").expect("a url");
    url.query_pairs_mut().extend_pairs(params);
    url.query().expect("a form").to_owned()
}

fn post(params: &Params) -> Post {
    let form = ("Content-Type".to_owned(), "application/x-www-form-urlencoded".to_owned());
    Post { to: "webmoney", headers: vec![form], body: encoded(params).into_bytes() }
}

/// As it is sent: both signatures.
fn signed(params: &Params, secret: &str) -> Params {
    let mut params = params.clone();
    let (plain, separated) = (hash(&params, secret, ""), hash(&params, secret, ";"));
    params.extend([("LMI_HASH".to_owned(), plain), ("LMI_HASH2".to_owned(), separated)]);
    params
}

#[async_trait::async_trait]
impl Fake for WebMoney {
    fn name(&self) -> &'static str {
        "webmoney"
    }

    fn configure(&self, settings: &mut Settings) {
        let own = &mut settings.providers.webmoney;
        (own.merchant_base, own.api_base) = (self.base.clone(), self.base.clone());
        own.purses = vec![PURSE.to_owned()];
        own.wmid = Some(WMID.to_owned());
        own.secret_key = vec![SecretString::from(SECRET), SecretString::from("the one before")];
        own.certificate = Some(SecretString::from(CLIENT.replace('\n', "\\n")));
    }

    fn method(&self) -> &'static str {
        "WEBMONEY"
    }

    fn currency(&self) -> &'static str {
        "USD"
    }

    fn submit(&self, url: &str, fields: &[FormField]) {
        assert_eq!(url, format!("{}/lmi/payment_utf.asp", self.base));
        let mut form = Params::new();
        for field in fields {
            assert!(form.insert(field.name.clone(), field.value.clone()).is_none(), "{} is there twice", field.name);
        }
        let known = ["LMI_SUCCESS_URL", "LMI_FAIL_URL"];
        let needed = [
            "LMI_PAYEE_PURSE",
            "LMI_PAYMENT_AMOUNT",
            "LMI_PAYMENT_DESC_BASE64",
            "LMI_PAYMENT_NO",
            "LMI_RESULT_URL",
            "LMI_SIM_MODE",
        ];
        let names: Vec<&str> = form.keys().map(String::as_str).filter(|name| !known.contains(name)).collect();
        assert_eq!(names, needed, "{form:?}");
        assert_eq!((form["LMI_PAYEE_PURSE"].as_str(), form["LMI_SIM_MODE"].as_str()), (PURSE, "0"));
        assert!(form["LMI_PAYMENT_NO"].parse::<i32>().is_ok_and(|number| number > 0), "{form:?}");
        assert!(cents(&form["LMI_PAYMENT_AMOUNT"]).is_some_and(|cents| cents > 0), "{form:?}");
        assert!(STANDARD.decode(&form["LMI_PAYMENT_DESC_BASE64"]).is_ok_and(|text| !text.is_empty()), "{form:?}");
        let mut books = self.books();
        if !books.payments.iter().any(|payment| payment.form == form) {
            let same = books.payments.iter().any(|known| known.form["LMI_PAYMENT_NO"] == form["LMI_PAYMENT_NO"]);
            assert!(!same, "a number that was given out before");
            books.payments.push(Payment { form, rejected: false, transfer: None });
        }
    }

    async fn pay(&self, payment: &str) {
        let form = self.books().payment(payment).form.clone();
        let mut question = asked(&form);
        question.insert("LMI_RESULT_URL".to_owned(), form["LMI_RESULT_URL"].clone());
        assert_eq!(self.ask(&question).await, (200, "YES".to_owned()), "the payment may be paid");
        self.books().paid(payment);
    }

    async fn decline(&self, payment: &str) -> bool {
        self.books().payment(payment).rejected = true;
        true
    }

    /// WebMoney says nothing of it.
    async fn expire(&self, _payment: &str) -> bool {
        false
    }

    /// It moved at once; by the time that anybody looks, half an hour has passed.
    async fn settle_refund(&self, _refund: &str) {
        self.books().young.clear();
    }

    async fn fail_refund(&self, _refund: &str) -> bool {
        false
    }

    async fn claim(&self, _payment: &str, _claim: Claim) -> bool {
        false
    }

    fn notifications(&self, _wall: Time) -> Vec<Post> {
        let news = std::mem::take(&mut self.books().news);
        news.iter().map(|params| post(&signed(params, SECRET))).collect()
    }

    fn forgeries(&self, payment: &str, _wall: Time) -> Vec<Post> {
        let mut books = self.books();
        books.paid(payment);
        books.payment(payment).transfer = None;
        let genuine = books.news.pop().expect("one");
        let sent = signed(&genuine, SECRET);
        let with = |changes: &[(&str, &str)]| {
            let mut params = genuine.clone();
            params.extend(changes.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())));
            post(&params)
        };
        // The same fields, joined without anything between them: a digit of the amount is one of the number.
        let mut moved = sent.clone();
        let amount = moved["LMI_PAYMENT_AMOUNT"].clone();
        let (rest, digit) = amount.split_at(amount.len() - 1);
        let number = format!("{digit}{payment}");
        moved.extend([("LMI_PAYMENT_AMOUNT".to_owned(), rest.to_owned()), ("LMI_PAYMENT_NO".to_owned(), number)]);
        assert_eq!(hash(&moved, SECRET, ""), sent["LMI_HASH"], "it keeps the old signature");
        vec![
            with(&[]),
            with(&[("LMI_HASH2", "garbage")]),
            with(&[("LMI_HASH2", "")]),
            with(&[("LMI_HASH", &sent["LMI_HASH"])]),
            with(&[("LMI_HASH", &sent["LMI_HASH2"])]),
            with(&[("LMI_SECRET_KEY", SECRET)]),
            post(&signed(&genuine, "somebody else's")),
            post(&moved),
        ]
    }

    fn way(&self) -> &Way {
        &self.way
    }

    fn payments(&self, payment: &str) -> usize {
        self.books().payments.iter().filter(|known| known.form["LMI_PAYMENT_NO"] == payment).count()
    }

    fn refunded(&self, payment: &str) -> i64 {
        let mut books = self.books();
        let of = books.payment(payment).transfer.as_ref().map(|transfer| transfer.id);
        of.map_or(0, |of| books.returned(of))
    }
}
