//! The bank's files, as it writes them.

use entity::Money;

use super::pain::Order;

/// One booking.
#[derive(Clone, Debug)]
pub(super) struct Entry {
    pub(super) reference: Option<String>,
    is_credit: bool,
    amount: Money,
    status: &'static str,
    is_reversal: bool,
    code: (&'static str, &'static str),
    day: String,
    end_to_end_id: Option<String>,
    text: Vec<String>,
    structured: Vec<String>,
    returned: Option<String>,
    /// Instead of what would be written of it.
    details: Option<String>,
}

impl Entry {
    fn new(reference: &str, amount: &Money, is_credit: bool) -> Self {
        Self {
            reference: Some(reference.to_owned()),
            is_credit,
            amount: *amount,
            status: "BOOK",
            is_reversal: false,
            code: if is_credit { ("RCDT", "ESCT") } else { ("ICDT", "ESCT") },
            day: "2026-09-30".to_owned(),
            end_to_end_id: None,
            text: Vec::new(),
            structured: Vec::new(),
            returned: None,
            details: None,
        }
    }

    pub(super) fn credit(reference: &str, amount: &Money) -> Self {
        Self::new(reference, amount, true)
    }

    pub(super) fn debit(reference: &str, amount: &Money) -> Self {
        Self::new(reference, amount, false)
    }

    pub(super) fn end_to_end(self, id: &str) -> Self {
        Self { end_to_end_id: Some(id.to_owned()), ..self }
    }

    /// What the payer wrote, line by line.
    pub(super) fn text(self, lines: &[&str]) -> Self {
        Self { text: lines.iter().map(|line| (*line).to_owned()).collect(), ..self }
    }

    pub(super) fn structured(mut self, reference: &str) -> Self {
        self.structured.push(reference.to_owned());
        self
    }

    pub(super) fn returned(self, reason: &str) -> Self {
        Self { returned: Some(reason.to_owned()), ..self }
    }

    pub(super) fn reversal(self) -> Self {
        Self { is_reversal: true, ..self }
    }

    pub(super) fn status(self, status: &'static str) -> Self {
        Self { status, ..self }
    }

    pub(super) fn code(self, family: &'static str, sub_family: &'static str) -> Self {
        Self { code: (family, sub_family), ..self }
    }

    pub(super) fn unnamed(self) -> Self {
        Self { reference: None, ..self }
    }

    pub(super) fn with(self, details: &str) -> Self {
        Self { details: Some(details.to_owned()), ..self }
    }

    fn direction(&self) -> &'static str {
        if self.is_credit { "CRDT" } else { "DBIT" }
    }

    fn signed(&self) -> i64 {
        if self.is_credit { self.amount.amount.0 } else { -self.amount.amount.0 }
    }

    fn xml(&self) -> String {
        let amount = amount("Amt", self.amount);
        let direction = format!("<CdtDbtInd>{}</CdtDbtInd>", self.direction());
        let reversal = if self.is_reversal { "<RvslInd>true</RvslInd>" } else { "" };
        let reference = self.reference.as_ref().map(|text| format!("<AcctSvcrRef>{text}</AcctSvcrRef>"));
        let details = self.details.clone().unwrap_or_else(|| self.transaction(&amount, &direction));
        format!(
            "<Ntry>{amount}{direction}{reversal}<Sts><Cd>{}</Cd></Sts><BookgDt><Dt>{day}</Dt></BookgDt><ValDt><Dt>{day}</Dt></ValDt>\
             {}<BkTxCd><Domn><Cd>PMNT</Cd><Fmly><Cd>{}</Cd><SubFmlyCd>{}</SubFmlyCd></Fmly></Domn></BkTxCd>\
             <NtryDtls>{details}</NtryDtls></Ntry>",
            self.status,
            reference.unwrap_or_default(),
            self.code.0,
            self.code.1,
            day = self.day,
        )
    }

    fn transaction(&self, amount: &str, direction: &str) -> String {
        let lines = self.text.iter().map(|line| format!("<Ustrd>{line}</Ustrd>"));
        let structured =
            self.structured.iter().map(|text| format!("<Strd><CdtrRefInf><Ref>{text}</Ref></CdtrRefInf></Strd>"));
        let remittance: String = lines.chain(structured).collect();
        let returned = self.returned.as_ref().map(|code| format!("<RtrInf><Rsn><Cd>{code}</Cd></Rsn></RtrInf>"));
        format!(
            "<TxDtls><Refs><EndToEndId>{}</EndToEndId></Refs>{amount}{direction}<RltdPties><Dbtr><Pty><Nm>Buyer One GmbH</Nm></Pty></Dbtr>\
             <DbtrAcct><Id><IBAN>DE89370400440532013000</IBAN></Id></DbtrAcct></RltdPties><RmtInf>{remittance}</RmtInf>{}</TxDtls>",
            self.end_to_end_id.as_deref().unwrap_or("NOTPROVIDED"),
            returned.unwrap_or_default(),
        )
    }
}

fn amount(name: &str, money: Money) -> String {
    format!("<{name} Ccy=\"{}\">{}</{name}>", money.currency, money.decimal())
}

fn document(message: &str, inside: &str) -> String {
    format!(
        "<?xml version='1.0' encoding='utf-8'?>\n<Document xmlns=\"urn:iso:std:iso:20022:tech:xsd:{message}\">{inside}</Document>"
    )
}

fn header() -> &'static str {
    "<GrpHdr><MsgId>MB-1</MsgId><CreDtTm>2026-09-30T09:00:00+00:00</CreDtTm></GrpHdr>"
}

fn account((currency, iban): (&str, &str)) -> String {
    format!("<Acct><Id><IBAN>{iban}</IBAN></Id><Ccy>{currency}</Ccy></Acct>")
}

pub(super) fn camt_054(of: (&str, &str), entries: &[Entry]) -> String {
    let entries: String = entries.iter().map(Entry::xml).collect();
    let inside = format!(
        "<BkToCstmrDbtCdtNtfctn>{}<Ntfctn><Id>N</Id>{}{entries}</Ntfctn></BkToCstmrDbtCdtNtfctn>",
        header(),
        account(of)
    );
    document("camt.054.001.08", &inside)
}

/// Of the day of the entries; `off` is by how much its closing balance is wrong.
pub(super) fn camt_053(of: (&str, &str), entries: &[Entry], off: i64) -> String {
    const OPENING: i64 = 12_500_000;
    let closing = OPENING + entries.iter().map(Entry::signed).sum::<i64>() + off;
    let balance = |code: &str, units: i64| {
        let money = Money::new(entity::MinorUnits(units), of.0.parse().expect("a currency"));
        format!(
            "<Bal><Tp><CdOrPrtry><Cd>{code}</Cd></CdOrPrtry></Tp>{}<CdtDbtInd>CRDT</CdtDbtInd><Dt><Dt>2026-09-30</Dt></Dt></Bal>",
            amount("Amt", money)
        )
    };
    let entries: String = entries.iter().map(Entry::xml).collect();
    let inside = format!(
        "<BkToCstmrStmt>{}<Stmt><Id>S</Id>{}{}{}{entries}</Stmt></BkToCstmrStmt>",
        header(),
        account(of),
        balance("OPBD", OPENING),
        balance("CLBD", closing)
    );
    document("camt.053.001.08", &inside)
}

pub(super) fn pain_002(order: &Order, status: &str, reason: Option<&str>) -> String {
    let id = &order.message_id;
    let why = reason.map(|code| format!("<StsRsnInf><Rsn><Cd>{code}</Cd></Rsn></StsRsnInf>")).unwrap_or_default();
    let of_group = if reason == Some("DUPL") { why.as_str() } else { "" };
    let inside = format!(
        "<CstmrPmtStsRpt>{}<OrgnlGrpInfAndSts><OrgnlMsgId>{id}</OrgnlMsgId><OrgnlMsgNmId>pain.001.001.09</OrgnlMsgNmId>\
         <GrpSts>{status}</GrpSts>{of_group}</OrgnlGrpInfAndSts>{}</CstmrPmtStsRpt>",
        header(),
        if reason == Some("DUPL") {
            String::new()
        } else {
            format!(
                "<OrgnlPmtInfAndSts><OrgnlPmtInfId>{id}-1</OrgnlPmtInfId><PmtInfSts>{status}</PmtInfSts><TxInfAndSts>\
                 <OrgnlEndToEndId>{id}</OrgnlEndToEndId><TxSts>{status}</TxSts>{why}</TxInfAndSts></OrgnlPmtInfAndSts>"
            )
        }
    );
    document("pain.002.001.10", &inside)
}

pub(super) fn pacs_004(order: &Order, id: &str, reason: &str, (_currency, iban): (&str, &str)) -> String {
    let inside = format!(
        "<PmtRtr>{}<TxInf><RtrId>{id}</RtrId><OrgnlEndToEndId>{}</OrgnlEndToEndId>{}{}\
         <RtrRsnInf><Rsn><Cd>{reason}</Cd></Rsn></RtrRsnInf><OrgnlTxRef><DbtrAcct><Id><IBAN>{iban}</IBAN></Id></DbtrAcct></OrgnlTxRef></TxInf></PmtRtr>",
        header(),
        order.message_id,
        amount("OrgnlIntrBkSttlmAmt", order.amount),
        amount("RtrdIntrBkSttlmAmt", order.amount),
    );
    document("pacs.004.001.09", &inside)
}
