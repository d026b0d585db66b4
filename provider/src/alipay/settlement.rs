//! Alipay's bill of trades of a day (业务明细, `bill_type` `trade`), as it is downloaded: a zip with it and its sums, in GBK.
//!
//! Its refunds carry the number by which we asked for them, and its fees stand beside what they are of. The bill of funds
//! (账务明细, `signcustomer`) names neither, and is not taken: what both have would be there twice.
//!
//! Source: opendocs.alipay.com, `alipay.data.dataservice.bill.downloadurl.query` and its notes on reconciliation.

use encoding_rs::GB18030;
use entity::Currency;
use rust_decimal::Decimal;

use crate::settlement::{Booked, Layout, Mapping, ReportedLine, Row, Writing};
use crate::statement::LineKind;

const TRADES: &str = "of trades (业务明细)";
const ORDER: &str = "商户订单号";
const TRADE: &str = "支付宝交易号";
const KIND: &str = "业务类型";
const DONE_AT: &str = "完成时间";
const RECEIVED: &str = "商家实收（元）";
const REFUND: &str = "退款批次号/请求号";
const FEE: &str = "服务费（元）";

const LAYOUTS: &[Layout] = &[
    Layout {
        name: TRADES,
        columns: &[TRADE, ORDER, KIND, DONE_AT, RECEIVED, REFUND, FEE],
        not_rows: &["#"],
        is_summary: false,
    },
    // The sums of the same rows.
    Layout {
        name: "of the sums of trades (业务明细汇总)",
        columns: &["门店编号", "交易订单总笔数", "退款订单总笔数", RECEIVED],
        not_rows: &[],
        is_summary: true,
    },
];

/// A bill has the trades that were done on its day in China.
pub(crate) const DAYS_LATE: u64 = 1;

#[derive(Debug)]
pub(super) struct TradeBill {
    pub(super) yuan: Currency,
}

impl Mapping for TradeBill {
    fn writing(&self) -> Writing {
        Writing { encoding: Some(GB18030), layouts: LAYOUTS }
    }

    fn lines(&self, _layout: &Layout, row: &Row<'_>) -> Result<Vec<ReportedLine>, String> {
        let day = row.day(DONE_AT, "%Y-%m-%d")?;
        let (kind, movement, reference, amount) = match row.text(KIND)? {
            "交易" => (LineKind::Capture, row.id(TRADE)?, row.id(ORDER)?, row.amount(RECEIVED)?),
            // A refund has the name that we gave it, and less than nothing in each column.
            "退款" => (LineKind::Refund, row.id(REFUND)?, row.id(REFUND)?, -row.amount(RECEIVED)?),
            other => return Err(format!("{KIND} is {other:?}")),
        };
        let booked = Booked { day, currency: self.yuan, reference: Some(reference) };
        let fee = row.amount_if_given(FEE)?.unwrap_or(Decimal::ZERO);
        let lines = [booked.line(kind, &movement, amount)?, booked.fee(&movement, -fee)?];
        Ok(lines.into_iter().flatten().collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::settlement::for_tests::{lines, problem};

    fn bill() -> TradeBill {
        TradeBill { yuan: "CNY".parse().expect("a currency") }
    }

    fn in_gbk(rows: &[&str]) -> Vec<u8> {
        let header = "支付宝交易号,商户订单号,业务类型,商品名称,创建时间,完成时间,门店编号,门店名称,操作员,终端号,对方账户,\
            订单金额（元）,商家实收（元）,退款批次号/请求号,服务费（元）,分润（元）,备注";
        let text = format!(
            "#支付宝业务明细查询\r\n#账号：[20881]\r\n#-----业务明细列表-----\r\n{header}\r\n{}\r\n#-----业务明细列表结束-----\r\n#交易合计：1笔\r\n",
            rows.join("\r\n")
        );
        GB18030.encode(&text).0.into_owned()
    }

    #[test]
    fn trades_and_refunds_have_the_names_by_which_they_are_booked() {
        let read = lines(
            &bill(),
            &in_gbk(&[
                "2026120122001\t,payment_1\t,交易,货物,2026-12-01 09:00:00,2026-12-01 09:01:00,,,,,a***@b.c,100.00,100.00,,-0.60,0.00,",
                "2026120122001\t,payment_1\t,退款,货物,2026-12-01 09:00:00,2026-12-02 10:00:00,,,,,a***@b.c,-40.00,-40.00,refund_2\t,0.24,0.00,",
            ]),
        );
        let line = |day: &str, kind, id: &str, ours: &str, amount: &str| {
            (day.to_owned(), kind, id.to_owned(), Some(ours.to_owned()), amount.to_owned())
        };
        assert_eq!(
            read,
            [
                line("2026-12-01", "capture", "2026120122001", "payment_1", "100.00 CNY"),
                line("2026-12-01", "fee", "2026120122001:fee", "payment_1", "0.60 CNY"),
                line("2026-12-02", "refund", "refund_2", "refund_2", "40.00 CNY"),
                line("2026-12-02", "other_credit", "refund_2:fee", "refund_2", "0.24 CNY"),
            ]
        );
    }

    #[test]
    fn the_sums_are_no_lines_and_what_is_unknown_is_shown() {
        let sums = "#支付宝业务汇总查询\n门店编号,门店名称,交易订单总笔数,退款订单总笔数,订单金额（元）,商家实收（元）\n,合计,1,1,60.00,60.00\n合计,,1,1,60.00,60.00\n";
        assert_eq!(lines(&bill(), &GB18030.encode(sums).0), []);
        let shown = problem(
            &bill(),
            &in_gbk(&["2026,p,转账,货物,2026-12-01 09:00:00,2026-12-01 09:01:00,,,,,a,1.00,1.00,,0.00,0.00,"]),
        );
        assert!(shown.contains("line 5") && shown.contains("转账"), "{shown}");
    }
}
