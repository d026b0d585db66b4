//! YooKassa's daily registers of payments and of refunds, as CSV by e-mail or SFTP; a day is one in Moscow.
//!
//! Source: yookassa.ru/docs/support/merchant/payments/reports (fields of the registers; a point, two digits, no grouping).

use encoding_rs::WINDOWS_1251;
use rust_decimal::Decimal;

use crate::settlement::{Booked, Layout, Mapping, ReportedLine, Row, Writing};
use crate::statement::LineKind;

const PAYMENTS: &str = "of payments (реестр платежей)";
const REFUNDS: &str = "of refunds (реестр возвратов)";
const DATE: &str = "%d.%m.%Y";
/// What stands below the rows.
const SUMS: &[&str] = &["Сумма ", "Число ", "От кого", "От:", "(По договору"];

const LAYOUTS: &[Layout] = &[
    Layout {
        name: REFUNDS,
        columns: &["Идентификатор возврата", "Сумма возврата", "Валюта возврата", "Время возврата"],
        not_rows: SUMS,
        is_summary: false,
    },
    Layout {
        name: PAYMENTS,
        columns: &[
            "Идентификатор платежа",
            "Сумма платежа",
            "Валюта платежа",
            "Сумма за вычетом комиссии",
            "Время платежа",
        ],
        not_rows: SUMS,
        is_summary: false,
    },
];

/// Moscow is ahead of us, and a payment may be found out about a day later.
pub(crate) const DAYS_LATE: u64 = 2;

#[derive(Debug)]
pub(super) struct Registers;

impl Mapping for Registers {
    fn writing(&self) -> Writing {
        Writing { encoding: Some(WINDOWS_1251), layouts: LAYOUTS }
    }

    fn lines(&self, layout: &Layout, row: &Row<'_>) -> Result<Vec<ReportedLine>, String> {
        let (kind, id, amount, currency, at) = if layout.name == REFUNDS {
            (LineKind::Refund, "Идентификатор возврата", "Сумма возврата", "Валюта возврата", "Время возврата")
        } else {
            (LineKind::Capture, "Идентификатор платежа", "Сумма платежа", "Валюта платежа", "Время платежа")
        };
        let (id, amount) = (row.id(id)?, row.amount(amount)?);
        let booked = Booked { day: row.day(at, DATE)?, currency: row.currency(currency)?, reference: None };
        // It keeps the fee of a payment that goes back.
        let is_refund = kind == LineKind::Refund;
        let fee = if is_refund {
            Decimal::ZERO
        } else {
            amount - row.amount("Сумма за вычетом комиссии")?
        };
        let lines = [booked.line(kind, &id, amount)?, booked.fee(&id, fee)?];
        Ok(lines.into_iter().flatten().collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::settlement::for_tests::{lines, problem};

    #[test]
    fn both_registers_are_read_with_what_stands_around_their_rows() {
        let payments = "РЕЕСТР ПЛАТЕЖЕЙ В Магазин. № 12\nДата платежей: 01.12.2026\n\
            Идентификатор платежа;Сумма платежа;Валюта платежа;Сумма за вычетом комиссии;Время платежа;Описание;Тип платежа\n\
            2d000001-000f;1000.00;RUB;965.00;01.12.2026 17:46:58;payment_1;PC\n\n\
            Сумма принятых платежей типа PC: 1000.00\nЧисло платежей типа PC: 1\n";
        let line =
            |day: &str, kind, id: &str, amount: &str| (day.to_owned(), kind, id.to_owned(), None, amount.to_owned());
        let expected = [
            line("2026-12-01", "capture", "2d000001-000f", "1,000.00 RUB"),
            line("2026-12-01", "fee", "2d000001-000f:fee", "35.00 RUB"),
        ];
        assert_eq!(lines(&Registers, payments.as_bytes()), expected);
        assert_eq!(lines(&Registers, &WINDOWS_1251.encode(payments).0), expected);
        let refunds = "РЕЕСТР ВОЗВРАТОВ\nДата возвратов: 02.12.2026\n\
            Идентификатор возврата;Идентификатор платежа;Сумма возврата;Валюта возврата;Время возврата\n\
            2d0000aa-0015;2d000001-000f;400.00;RUB;02.12.2026 10:00:00\n\nСумма возвратов: 400.00 RUB\nЧисло возвратов: 1\n";
        assert_eq!(
            lines(&Registers, refunds.as_bytes()),
            [line("2026-12-02", "refund", "2d0000aa-0015", "400.00 RUB")]
        );
    }

    #[test]
    fn a_row_that_can_not_be_read_is_shown() {
        let shown = problem(
            &Registers,
            "Идентификатор платежа;Сумма платежа;Валюта платежа;Сумма за вычетом комиссии;Время платежа\n\
             2d000001-000f;1 000,00;RUB;965.00;01.12.2026 17:46:58\n"
                .as_bytes(),
        );
        assert!(shown.contains("line 2") && shown.contains("1 000,00"), "{shown}");
    }
}
