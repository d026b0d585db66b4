//! Providers' settlement reports, from the folder to the breaks: each against what its notifications have booked.

use std::fs;
use std::path::PathBuf;

use chrono::{NaiveDate, TimeDelta};
use entity::LedgerAccount;
use entity::transfer;
use sea_orm::{EntityTrait, QueryOrder};
use secure_payment::app::App;
use secure_payment::config::Settings;
use secure_payment::party::demo;
use secure_payment::{payment, worker};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::support::purchase::{Step, text};
use crate::support::rail::Rail;
use crate::support::trouble::refund;
use crate::support::{TestApp, on_each_database};

/// A row as the ledger has it.
#[derive(Clone, Debug)]
struct Movement {
    /// `capture`, `refund`.
    kind: &'static str,
    id: String,
    /// In minor units.
    amount: i64,
    day: NaiveDate,
}

/// A provider's report, as far as the tests write one.
struct Format {
    provider: &'static str,
    setting: fn(&mut Settings) -> &mut Option<String>,
    /// The header, and what stands before it: of captures, and of refunds where they have a report of their own.
    headers: &'static [&'static str],
    /// As the report writes amounts of minor units.
    amount: fn(i64) -> String,
    row: fn(&Movement, currency: &str) -> String,
}

/// What the provider takes of each capture.
const FEE: i64 = 151;

fn decimal(units: i64) -> String {
    format!("{}.{:02}", units / 100, units % 100)
}

const ADYEN: Format = Format {
    provider: "adyen",
    setting: |settings| &mut settings.providers.adyen.reports,
    headers: &[
        "Company Account,Merchant Account,Psp Reference,Merchant Reference,Payment Method,Creation Date,TimeZone,Type,\
                Modification Reference,Gross Currency,Gross Debit (GC),Gross Credit (GC),Exchange Rate,Net Currency,\
                Net Debit (NC),Net Credit (NC),Commission (NC),Markup (NC),Scheme Fees (NC),Interchange (NC),\
                Payment Method Variant,Modification Merchant Reference,Batch Number",
    ],
    amount: decimal,
    row: |movement, currency| {
        let (gross, day) = (decimal(movement.amount), movement.day);
        let (kind, psp, modification, gross, net) = match movement.kind {
            "capture" => {
                let net = format!(",{}", decimal(movement.amount - FEE));
                ("Settled", movement.id.as_str(), "MOD", format!(",{gross}"), net)
            }
            _refund => ("Refunded", "PSP", movement.id.as_str(), format!("{gross},"), format!("{gross},")),
        };
        format!(
            "Co,{},{psp},ours,mc,{day} 09:00:00,CET,{kind},{modification},{currency},{gross},1,{currency},{net},,,,,mc,,12",
            super::adyen::ACCOUNT
        )
    },
};

const ALIPAY: Format = Format {
    provider: "alipay",
    setting: |settings| &mut settings.providers.alipay.reports,
    headers: &[
        "#支付宝业务明细查询\n支付宝交易号,商户订单号,业务类型,商品名称,创建时间,完成时间,订单金额（元）,商家实收（元）,\
                退款批次号/请求号,服务费（元）,备注",
    ],
    amount: decimal,
    row: |movement, _yuan| {
        let (amount, day, id) = (decimal(movement.amount), movement.day, &movement.id);
        match movement.kind {
            "capture" => {
                format!("{id}\t,ours\t,交易,x,{day} 09:00:00,{day} 09:00:01,{amount},{amount},,-{},", decimal(FEE))
            }
            _refund => format!("trade\t,ours\t,退款,x,{day} 09:00:00,{day} 09:00:01,-{amount},-{amount},{id}\t,0.00,"),
        }
    },
};

const ANTOM: Format = Format {
    provider: "antom",
    setting: |settings| &mut settings.providers.antom.reports,
    headers: &["settlementBatchId,transactionId,transactionRequestId,transactionType,transactionCompletionTime,\
                transactionAmountValue,transactionCurrency,settlementAmountValue,settlementCurrency"],
    amount: |units| units.to_string(),
    row: |movement, currency| {
        let (amount, day, id) = (movement.amount, movement.day, &movement.id);
        let (kind, net) = match movement.kind {
            "capture" => ("PAYMENT", amount - FEE),
            _refund => ("REFUND", -amount),
        };
        format!("B1,{id},,{kind},{day}T09:00:00+08:00,{amount},{currency},{net},{currency}")
    },
};

const YOOKASSA: Format = Format {
    provider: "yookassa",
    setting: |settings| &mut settings.providers.yookassa.reports,
    headers: &[
        "РЕЕСТР ПЛАТЕЖЕЙ\nДата платежей: сегодня\n\
         Идентификатор платежа;Сумма платежа;Валюта платежа;Сумма за вычетом комиссии;Время платежа;Описание",
        "РЕЕСТР ВОЗВРАТОВ\nИдентификатор возврата;Идентификатор платежа;Сумма возврата;Валюта возврата;Время возврата",
    ],
    amount: decimal,
    row: |movement, currency| {
        let (amount, day, id) = (decimal(movement.amount), movement.day.format("%d.%m.%Y"), &movement.id);
        match movement.kind {
            "capture" => {
                format!("{id};{amount};{currency};{};{day} 09:00:00;ours", decimal(movement.amount - FEE))
            }
            _refund => format!("{id};payment;{amount};{currency};{day} 09:00:00"),
        }
    },
};

const DLOCAL: Format = Format {
    provider: "dlocal",
    setting: |settings| &mut settings.providers.dlocal.reports,
    headers: &[
        "ROW_TYPE;TRANSFER_DATE;SETTLEMENT_CURRENCY\nHEADER;2026-12-01;USD\nROW_TYPE;DLOCAL_TRANSACTION_ID;TRANSACTION_ID;\
                CREATION_DATE;APPROVED_DATE;LOCAL_AMOUNT;LOCAL_CURRENCY;GROSS_AMOUNT;FEE_AMOUNT;NET_AMOUNT",
    ],
    amount: decimal,
    row: |movement, currency| {
        let (amount, day, id) = (decimal(movement.amount), movement.day, &movement.id);
        let (kind, sign, fee) = match movement.kind {
            "capture" => ("TRANSACTION", "", format!("-{}", decimal(FEE))),
            _refund => ("REFUND", "-", "0".to_owned()),
        };
        format!("{kind};{id};ours;{day} 09:00:00;{day} 09:00:00;{sign}{amount};{currency};1.000000;{fee};1.000000")
    },
};

/// The layout that is taken for every provider.
const OWN_COLUMNS: Format = Format {
    provider: "webmoney",
    setting: |settings| &mut settings.providers.webmoney.reports,
    headers: &["kind,movement,reference,amount,currency,day,fee"],
    amount: decimal,
    row: |movement, currency| {
        let fee = if movement.kind == "capture" { decimal(FEE) } else { String::new() };
        format!("{},{},,{},{currency},{},{fee}", movement.kind, movement.id, decimal(movement.amount), movement.day)
    },
};

/// A server that is configured for the provider, and a node of it that has the folder.
struct Reporting<'a> {
    rail: Rail<'a>,
    node: App,
    folder: TempDir,
    format: &'static Format,
}

impl<'a> Reporting<'a> {
    async fn of(app: &'a TestApp, format: &'static Format) -> Self {
        let rail = Rail::of(app, super::fake(format.provider).await).await;
        let folder = tempfile::tempdir().expect("a folder");
        let mut settings = (*rail.app.settings).clone();
        *(format.setting)(&mut settings) = Some(folder.path().display().to_string());
        let node = App::new(settings, rail.app.db.clone(), rail.app.clock.clone());
        Self { node: node.expect("settings that can be used"), rail, folder, format }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// A paid order; a part of it goes back.
    async fn paid_and_refunded(&self, total: &str, back: &str) -> String {
        let order = self.paid(total).await;
        let input = json!({ "orderId": order, "amount": back, "idempotencyKey": format!("back {order}") });
        self.rail.shop.done(&Step { token: demo::SUPPLIER, mutation: "refundOrder", input }).await;
        self.rail.drain().await;
        let reference = refund(self.rail.test, &order).await.reference;
        self.rail.fake.settle_refund(&reference).await;
        self.rail.deliver().await;
        order
    }

    async fn paid(&self, total: &str) -> String {
        let order = self.rail.order(total).await;
        let payment = self.rail.pay(&order).await;
        self.rail.fake.pay(&payment.reference).await;
        self.rail.deliver().await;
        assert_eq!(self.rail.shop.order(&order).await["status"], "FUNDED");
        order
    }

    /// All that is booked at the provider, under the names that its notifications gave it.
    async fn movements(&self) -> Vec<Movement> {
        let rows = transfer::Entity::find().order_by_asc(transfer::Column::Id).all(&self.rail.app.db.read).await;
        let there = LedgerAccount::Provider(self.format.provider.to_owned());
        let rows = rows.expect("reads").into_iter().filter(|row| row.debit == there || row.credit == there);
        rows.filter_map(|row| {
            let key = row.movement?;
            let (kind, id) = key.strip_prefix(self.format.provider)?.strip_prefix(':')?.split_once(':')?;
            let kind = ["capture", "refund"].into_iter().find(|known| *known == kind)?;
            Some(Movement { kind, id: id.to_owned(), amount: row.amount.0, day: row.created_at.date_naive() })
        })
        .collect()
    }

    /// A file, or one of each kind where the provider has two.
    fn reports(&self, movements: &[Movement]) -> Vec<String> {
        let currency = self.rail.fake.currency();
        let file = |header: &&str, of: &dyn Fn(&Movement) -> bool| {
            let rows = movements.iter().filter(|movement| of(movement)).map(|one| (self.format.row)(one, currency));
            let lines: Vec<String> = [(*header).to_owned()].into_iter().chain(rows).collect();
            lines.join("\n") + "\n"
        };
        match self.format.headers {
            [one] => vec![file(one, &|_any| true)],
            [captures, refunds] => {
                vec![file(captures, &|one| one.kind == "capture"), file(refunds, &|one| one.kind == "refund")]
            }
            other => panic!("{other:?}"),
        }
    }

    async fn put_reports(&self, name: &str, movements: &[Movement]) {
        for (number, report) in self.reports(movements).iter().enumerate() {
            self.put(&format!("{name}.{number}.csv"), report).await;
        }
    }

    /// Puts it into the folder, and lets the node take it.
    async fn put(&self, name: &str, report: &str) {
        fs::write(self.path(name), report).expect("writes");
        self.drain().await;
    }

    async fn drain(&self) {
        worker::drain(&self.node).await.expect("the worker gets through");
    }

    async fn read(&self, query: &str, list: &str) -> Vec<Value> {
        let mut data = self.rail.shop.read(demo::OPERATOR, query, json!({})).await;
        data[list]["nodes"].take().as_array().expect("a list").clone()
    }

    /// Kind, movement without the provider's name, ours, theirs.
    async fn breaks(&self) -> Vec<(String, String, String, String)> {
        let query = "{ reconciliationBreaks(first: 100) { nodes { kind subject ours { amount } theirs { amount } } } }";
        let nodes = self.read(query, "reconciliationBreaks").await;
        let amount = |value: &Value| value["amount"].as_str().unwrap_or("none").to_owned();
        let of = |node: &Value| {
            let subject = text(&node["subject"]);
            let subject = subject.strip_prefix(&format!("{}:", self.format.provider)).unwrap_or(&subject).to_owned();
            (text(&node["kind"]), subject, amount(&node["ours"]), amount(&node["theirs"]))
        };
        let mut all: Vec<_> = nodes.iter().map(of).collect();
        all.sort();
        all
    }

    async fn quarantine(&self) -> Vec<String> {
        let nodes = self.read("{ quarantine(first: 100) { nodes { reason } } }", "quarantine").await;
        nodes.iter().map(|node| text(&node["reason"])).collect()
    }

    async fn fees(&self) -> Vec<String> {
        let all = self.rail.shop.transfers(None).await;
        let there = format!("provider/{}", self.format.provider);
        let fees = all.into_iter().filter(|(_, debit, credit, _)| debit == "provider_fees" && *credit == there);
        fees.map(|(_, _, _, amount)| amount).collect()
    }

    /// Days go by, each with its comparison.
    async fn wait(&self, days: i64) {
        for _day in 0..days {
            let day = self.node.clock.now().date_naive();
            self.node.clock.advance(TimeDelta::days(1));
            payment::reconcile(&self.node, self.format.provider, day).await.expect("compares");
        }
        self.drain().await;
    }
}

fn found(kind: &str, subject: &str, ours: &str, theirs: &str) -> (String, String, String, String) {
    (kind.to_owned(), subject.to_owned(), ours.to_owned(), theirs.to_owned())
}

async fn agrees(app: &TestApp, format: &'static Format) {
    let at = Reporting::of(app, format).await;
    at.paid_and_refunded("123.45", "23.45").await;
    let movements = at.movements().await;
    assert_eq!(movements.len(), 2, "{movements:#?}");
    at.put_reports("day", &movements).await;
    let fees = [decimal(FEE)];
    assert_eq!((at.breaks().await, at.quarantine().await, at.fees().await), (vec![], vec![], fees.to_vec()));
    assert!(at.path("done/day.0.csv").exists() && !at.path("day.0.csv").exists());

    // The same again, also under another name, is nothing.
    let transfers = at.rail.shop.transfers(None).await.len();
    at.put_reports("day", &movements).await;
    at.put_reports("again", &movements).await;
    assert_eq!((at.breaks().await, at.quarantine().await, at.fees().await), (vec![], vec![], fees.to_vec()));
    assert_eq!(at.rail.shop.transfers(None).await.len(), transfers);
    let differences = secure_payment::ledger::verify(&at.rail.app.db.read).await.expect("verifies");
    assert_eq!(differences, Vec::<String>::new());

    // Weeks without anything need no report; something that was booked does.
    at.wait(50).await;
    assert_eq!(at.breaks().await, []);
    at.paid("10.00").await;
    let day = at.rail.app.clock.now().date_naive();
    at.wait(22).await;
    let breaks = at.breaks().await;
    let [(kind, subject, _, _)] = breaks.as_slice() else { panic!("{breaks:#?}") };
    assert_eq!((kind.as_str(), subject.ends_with(&day.to_string())), ("NO_STATEMENT", true), "{subject}");
    at.put_reports("late", &at.movements().await).await;
    at.wait(1).await;
    assert_eq!(at.breaks().await, []);
}

async fn differs(app: &TestApp, format: &'static Format) {
    let at = Reporting::of(app, format).await;
    at.paid_and_refunded("100.00", "40.00").await;
    let right = at.movements().await;
    let [capture, back] = right.as_slice() else { panic!("{right:#?}") };
    let (capture_key, refund_key) = (format!("capture:{}", capture.id), format!("refund:{}", back.id));
    let other = Movement { amount: 9_900, ..capture.clone() };
    let foreign = Movement { id: "F0REIGN000000001".to_owned(), amount: 777, ..capture.clone() };
    // Another amount, one that is not ours, and a row that can't be read; the refund is missing.
    let report = at.reports(&[other, foreign.clone(), capture.clone()]).remove(0);
    let mut lines: Vec<String> = report.lines().map(str::to_owned).collect();
    let last = lines.len();
    let amount = (format.amount)(capture.amount);
    let unreadable = amount.replace('0', "O");
    let bad = lines.last_mut().expect("a row");
    *bad = bad.replace(&capture.id, "UNREADABLE").replace(&amount, &unreadable);
    at.put("day.csv", &(lines.join("\n") + "\n")).await;
    let other_one = found("AMOUNT_DIFFERS", &capture_key, "100.00", "99.00");
    let foreign_one = found("MISSING_HERE", &format!("capture:{}", foreign.id), "none", "7.77");
    assert_eq!(at.breaks().await, [other_one, foreign_one.clone()]);
    let shown = at.quarantine().await;
    let [reason] = shown.as_slice() else { panic!("{shown:#?}") };
    let line = format!("line {last}: ");
    assert!(reason.contains("1 of the 3 rows") && reason.contains(&line) && reason.contains(&unreadable), "{reason}");
    assert_eq!(at.fees().await, [decimal(FEE), decimal(FEE)], "of what can be read");

    // A report that corrects it; and the one that had to come until now has not got the refund.
    at.wait(22).await;
    let later = Movement { id: "F0REIGN000000002".to_owned(), day: at.rail.app.clock.now().date_naive(), ..foreign };
    let later_one = found("MISSING_HERE", &format!("capture:{}", later.id), "none", "7.77");
    at.put_reports("corrected", &[capture.clone(), later.clone()]).await;
    let missing = found("MISSING_THERE", &refund_key, "40.00", "none");
    assert_eq!(at.breaks().await, [foreign_one.clone(), later_one.clone(), missing]);
    // Corrected once more, to another amount of what was right until now.
    let less = Movement { amount: 3_999, ..back.clone() };
    at.put_reports("again", &[less, later.clone()]).await;
    let other_one = found("AMOUNT_DIFFERS", &refund_key, "40.00", "39.99");
    assert_eq!(at.breaks().await, [other_one, foreign_one.clone(), later_one.clone()]);
    at.put_reports("last", &[back.clone(), later]).await;
    assert_eq!(at.breaks().await, [foreign_one, later_one]);
}

/// What can't be used is put aside with its reason, and shown; what is being written is left.
async fn is_no_report(app: &TestApp, format: &'static Format) {
    let at = Reporting::of(app, format).await;
    at.paid("10.00").await;
    at.put("wrong.csv", "some,other\ntable,of yours\n").await;
    let reason = fs::read_to_string(at.path("refused/wrong.csv.reason.txt")).expect("beside it");
    assert!(reason.contains("none of its first lines has the columns"), "{reason}");
    let shown = at.quarantine().await;
    assert!(shown.len() == 1 && shown[0].contains("wrong.csv"), "{shown:?}");
    let report = at.reports(&at.movements().await).remove(0);
    let half: String = report.chars().take(report.chars().count() - 20).collect();
    at.put("half.csv", &half).await;
    assert!(at.path("half.csv").exists());
    at.put("half.csv", &report).await;
    assert!(at.path("done/half.csv").exists());
    assert_eq!((at.breaks().await, at.fees().await), (vec![], vec![decimal(FEE)]));
}

macro_rules! each_report {
    ($($name:ident: $format:ident,)+) => {
        $(mod $name {
            use super::{TestApp, on_each_database};

            on_each_database!(
                a_report_that_agrees_makes_no_break_and_books_its_fees,
                a_report_that_differs_makes_the_right_breaks_until_it_is_corrected,
                what_is_no_report_is_put_aside_with_its_reason,
            );

            async fn a_report_that_agrees_makes_no_break_and_books_its_fees(app: &TestApp) {
                super::agrees(app, &super::$format).await;
            }

            async fn a_report_that_differs_makes_the_right_breaks_until_it_is_corrected(app: &TestApp) {
                super::differs(app, &super::$format).await;
            }

            async fn what_is_no_report_is_put_aside_with_its_reason(app: &TestApp) {
                super::is_no_report(app, &super::$format).await;
            }
        })+
    };
}

each_report! {
    adyen: ADYEN,
    alipay: ALIPAY,
    antom: ANTOM,
    yookassa: YOOKASSA,
    dlocal: DLOCAL,
    own_columns: OWN_COLUMNS,
}
