//! Files as banks and their connections really bring them: in other encodings, in envelopes, packed, with accounts that have no
//! IBAN; and files that are something else. The small inputs are in `cases`: `SP-XXXXXX` stands for the payment's reference.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use entity::MinorUnits;
use entity::notification::NotificationStatus;
use escrow::Command;
use secure_payment::party::demo;
use secure_payment::payment;
use serde_json::{Value, json};

use super::files::{Entry, camt_054};
use super::folders::names;
use super::transfers::{all_applied, asked, inbox, money};
use super::{Bank, SECRET, start_bank};
use crate::support::bank::{causes, operator, status};
use crate::support::rail::{Fake, Rail};
use crate::support::trouble::{done, provide_account};
use crate::support::{TestApp, on_each_database};

on_each_database!(
    a_file_is_read_in_the_encoding_that_it_says,
    what_is_around_a_document_does_not_matter,
    several_documents_in_one_file_are_each_read,
    an_account_is_known_by_its_number_without_an_iban,
    a_number_that_two_accounts_of_ours_have_is_no_account,
    an_account_of_ours_may_have_no_iban_at_all,
    one_page_is_a_whole_statement_however_it_is_numbered,
    what_can_not_be_used_is_moved_aside_at_once_and_shown,
    the_files_of_an_archive_are_each_their_own,
    an_archive_is_posted_like_a_file,
    a_name_that_was_refused_may_come_again,
    two_nodes_refuse_a_file_once,
);

const LATIN1: &[u8] = include_bytes!("cases/19_latin1.xml");
const COMMENT: &[u8] = include_bytes!("cases/20_trailing_comment_in_folder.xml");
const PAGE: &[u8] = include_bytes!("cases/22_page_00001.xml");
const BBAN: &[u8] = include_bytes!("cases/25_bban_account.xml");

const OURS: &str = "NL91ABNA0417164300";
const EUR: (&str, &str) = ("EUR", OURS);
const ACCOUNTS: [&str; 2] = ["EUR=NL91ABNA0417164300/ABNANL2A", "USD=GB29NWBK60161331926819/NWBKGB2L"];

/// A server with a folder that the bank's files come into.
struct Desk<'a> {
    rail: Rail<'a>,
    bank: Arc<Bank>,
    folder: tempfile::TempDir,
}

impl<'a> Desk<'a> {
    async fn of(app: &'a TestApp, accounts: &[&str]) -> Self {
        Self::ordering_into(None, app, accounts).await
    }

    /// With a folder that our orders are put into, instead of being posted.
    async fn ordering_into(outbox: Option<&Path>, app: &'a TestApp, accounts: &[&str]) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let bank = start_bank().await;
        {
            let mut own = bank.own.lock().expect("not poisoned");
            own.accounts = Some(accounts.iter().map(|account| (*account).to_owned()).collect());
            own.outbox = outbox.map(|path| path.display().to_string());
            own.inbox = Some(folder.path().display().to_string());
        }
        let fake: Arc<dyn Fake> = bank.clone();
        Self { rail: Rail::of(app, fake).await, bank, folder }
    }

    async fn put(&self, name: &str, file: impl AsRef<[u8]>) {
        fs::write(self.folder.path().join(name), file).expect("writes");
        self.rail.drain().await;
    }

    async fn post(&self, file: impl AsRef<[u8]>) {
        let post = self.bank.signed(file, SECRET, self.rail.app.clock.wall());
        let (status, body) = self.rail.post(&post).await;
        assert_eq!(status, 200, "{body}");
        self.rail.drain().await;
    }

    /// A file pays an order of this total in full, and nothing else happens.
    async fn pays(&self, total: &str, file: impl Fn(&str) -> Vec<u8>) {
        let before = inbox(&self.rail).await.len();
        let (order, payment) = asked(&self.rail, total).await;
        let file = file(&payment.reference);
        if before.is_multiple_of(2) {
            self.put(&format!("{before}.xml"), &file).await
        } else {
            self.post(&file).await
        }
        let text = String::from_utf8_lossy(&file).into_owned();
        assert_eq!(status(&self.rail.shop, &order).await, "FUNDED", "{text}: {:?}", inbox(&self.rail).await.last());
        assert_eq!(inbox(&self.rail).await.len(), before + 1, "{text}");
    }

    fn names(&self, folder: &str) -> Vec<String> {
        names(&self.folder.path().join(folder))
    }

    fn reason(&self, name: &str) -> String {
        let path: PathBuf = self.folder.path().join("refused").join(format!("{name}.reason.txt"));
        fs::read_to_string(path).unwrap_or_else(|error| panic!("{name} has no reason: {error}"))
    }

    /// What operators see.
    async fn quarantine(&self) -> Vec<Value> {
        let query = "{ quarantine(first: 100) { nodes { eventId reason status body } } }";
        let mut seen = self.rail.shop.read(demo::OPERATOR, query, json!({})).await;
        seen["quarantine"]["nodes"].as_array_mut().map(std::mem::take).expect("a list")
    }
}

/// With the payment's reference, and named as its own booking.
fn of(case: &[u8], reference: &str) -> Vec<u8> {
    let mut file = Vec::new();
    let mut rest = case;
    while let Some(at) = rest.windows(9).position(|window| window == b"SP-XXXXXX") {
        file.extend_from_slice(&rest[..at]);
        file.extend_from_slice(reference.as_bytes());
        rest = &rest[at + 9..];
    }
    file.extend_from_slice(rest);
    file
}

fn credit(amount: &str, text: &str) -> String {
    camt_054(EUR, &[Entry::credit(&format!("B-{text}"), &money(amount, "EUR")).text(&[text])])
}

/// As `credit`, without the XML declaration.
fn document(amount: &str, text: &str) -> String {
    let whole = credit(amount, text);
    whole.split_once('\n').map(|(_declaration, document)| document.to_owned()).expect("has one")
}

fn replaced(file: &[u8], from: &str, to: &str) -> Vec<u8> {
    let text = std::str::from_utf8(file).expect("text");
    assert!(text.contains(from), "{from}");
    text.replace(from, to).into_bytes()
}

async fn a_file_is_read_in_the_encoding_that_it_says(app: &TestApp) {
    let desk = Desk::of(app, &ACCOUNTS).await;
    desk.pays("21.00", |reference| of(LATIN1, reference)).await;
    let text = |reference: &str| credit("10", &format!("Café Zoë {reference} für €")).replace("utf-8", "ENCODING");
    let bytes = |text: String, euro: u8| -> Vec<u8> {
        text.chars().map(|c| if c == '€' { euro } else { u8::try_from(c).expect("Latin") }).collect()
    };
    desk.pays("10", |it| bytes(text(it).replace("ENCODING", "windows-1252"), 0x80)).await;
    desk.pays("10", |it| bytes(text(it).replace("ENCODING", "ISO-8859-15"), 0xa4)).await;
    desk.pays("10", |it| format!("\u{feff}{}", text(it).replace("ENCODING", "UTF-8")).into_bytes()).await;
    let wide = |it: &str| text(it).replace("ENCODING", "UTF-16").encode_utf16().collect::<Vec<u16>>();
    desk.pays("10", |it| [0xfeff].into_iter().chain(wide(it)).flat_map(u16::to_le_bytes).collect()).await;
    desk.pays("10", |it| [0xfeff].into_iter().chain(wide(it)).flat_map(u16::to_be_bytes).collect()).await;
    desk.pays("10", |it| wide(it).into_iter().flat_map(u16::to_le_bytes).collect()).await;
    // What keeps its text in UTF-16, and writes it in UTF-8.
    desk.pays("10", |it| text(it).replace("ENCODING", "utf-16").into_bytes()).await;
    desk.pays("10", |it| credit("10", it).replace("utf-8", "US-ASCII").into_bytes()).await;
    all_applied(&desk.rail).await;
    for (name, encoding) in [("a.xml", "IBM037"), ("b.xml", "UTF-7")] {
        desk.put(name, text("SP-000000").replace("ENCODING", encoding)).await;
        assert!(desk.reason(name).contains(&format!("in the encoding {encoding}, which is not known")));
    }
    desk.put("c.xml", bytes(text("SP-000000").replace("ENCODING", "UTF-8"), 0x80)).await;
    assert!(desk.reason("c.xml").contains("not in UTF-8"));
    assert_eq!((desk.quarantine().await.len(), desk.names("refused").len()), (3, 6));
}

async fn what_is_around_a_document_does_not_matter(app: &TestApp) {
    let desk = Desk::of(app, &ACCOUNTS).await;
    desk.pays("24.00", |reference| of(COMMENT, reference)).await;
    let around = |before: &'static str, after: &'static str| {
        move |it: &str| format!("{before}{}{after}", document("10", it)).into_bytes()
    };
    desk.pays("10", around("", "\r\n<?signed by=\"them\"?>\n<!-- </Document> -->\0\0\0\0")).await;
    desk.pays("10", around("\n \n<?xml version=\"1.0\"?><!-- of today --><?xml-stylesheet href=\"a\"?>", " \u{1a}"))
        .await;
    desk.pays("10", around("\0\0", "\n\0")).await;
    let header = "<AppHdr xmlns=\"urn:iso:std:iso:20022:tech:xsd:head.001.001.02\"><BizMsgIdr>1</BizMsgIdr></AppHdr>";
    for (name, declares) in [
        ("Envelope", ""),
        ("RequestPayload", ""),
        ("DataPDU", " xmlns=\"urn:swift:saa:xsd:saa.2.0\""),
        ("Saa:DataPDU", " xmlns:Saa=\"urn:swift:saa:xsd:saa.2.0\""),
        ("env:Envelope", " xmlns:env=\"urn:swift:xsd:envelope\""),
    ] {
        let body = format!("<?xml version=\"1.0\"?><{name}{declares}>{header}");
        desk.pays("10", |it| format!("{body}\n{}</{name}>", document("10", it)).into_bytes()).await;
    }
    let iso = "urn:iso:std:iso:20022:tech:xsd:camt.054.001.08";
    for namespace in [
        "urn:swift:xsd:camt.054.001.02",
        "urn:swift:xsd:$camt.054.001.02",
        "http://www.six-interbank-clearing.com/de/camt.054.001.04.ch.02.xsd",
        "urn:iso:std:iso:20022:tech:xsd:camt.054.001.13",
    ] {
        desk.pays("10", |it| document("10", it).replace(iso, namespace).into_bytes()).await;
    }
    desk.pays("10", |it| {
        let inside = document("10", it).replace("</", "</c:").replace('<', "<c:").replace("<c:/c:", "</c:");
        inside.replace("<c:Document xmlns=", "<c:Document xmlns:c=").into_bytes()
    })
    .await;
    all_applied(&desk.rail).await;
}

async fn several_documents_in_one_file_are_each_read(app: &TestApp) {
    let desk = Desk::of(app, &ACCOUNTS).await;
    let declared = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n";
    for (around, between) in [(("<Batch xmlns=\"urn:x\">", "</Batch>"), "<Next/>"), (("", "\n"), declared)] {
        let (first, one) = asked(&desk.rail, "10").await;
        let (second, two) = asked(&desk.rail, "20").await;
        let (one, two) = (document("10", &one.reference), document("20", &two.reference));
        desk.post(format!("{declared}{}{one}{between}{two}{}", around.0, around.1)).await;
        for order in [&first, &second] {
            assert_eq!(status(&desk.rail.shop, order).await, "FUNDED");
        }
    }
    all_applied(&desk.rail).await;
    // One that isn't understood takes nothing from the other.
    let (order, payment) = asked(&desk.rail, "10").await;
    let foreign = document("10", "x").replace("camt.054.001.08", "camt.029.001.09");
    desk.put("both.xml", format!("<a>{foreign}{}</a>", document("10", &payment.reference))).await;
    assert_eq!(status(&desk.rail.shop, &order).await, "FUNDED");
    let quarantine = desk.quarantine().await;
    assert!(quarantine[0]["reason"].as_str().is_some_and(|why| why.contains("camt.029.001.09")), "{quarantine:?}");
    assert_eq!((quarantine.len(), desk.names("done")), (1, vec!["both.xml".to_owned()]));
}

async fn an_account_is_known_by_its_number_without_an_iban(app: &TestApp) {
    let desk = Desk::of(app, &ACCOUNTS).await;
    desk.pays("42.00", |reference| of(BBAN, reference)).await;
    let id = format!("<IBAN>{OURS}</IBAN>");
    for number in ["417164300", "0417-164-300", "ABNA 0417 1643 00", "00000417164300", "NL91 ABNA 0417 1643 00"] {
        let other = format!("<Othr><Id>{number}</Id><SchmeNm><Cd>BBAN</Cd></SchmeNm></Othr>");
        desk.pays("10", |it| replaced(credit("10", it).as_bytes(), &id, &other)).await;
    }
    // It has to say the currency nowhere, if there is one account that it can be.
    desk.pays("10", |it| {
        let file = replaced(credit("10", it).as_bytes(), &id, "<Othr><Id>ABNA0417164300</Id></Othr>");
        replaced(&file, "<Ccy>EUR</Ccy>", "")
    })
    .await;
    all_applied(&desk.rail).await;
    let before = causes(&desk.rail.shop).await.len();
    for number in ["0417164301", "7164300", "INGB0417164300"] {
        let other = format!("<Othr><Id>{number}</Id></Othr>");
        desk.post(replaced(credit("10", number).as_bytes(), &id, &other)).await;
        let last = inbox(&desk.rail).await.pop().expect("one");
        assert_eq!((last.0, last.1.contains("none of ours")), (NotificationStatus::Quarantined, true), "{last:?}");
    }
    assert_eq!(causes(&desk.rail.shop).await.len(), before);
}

async fn a_number_that_two_accounts_of_ours_have_is_no_account(app: &TestApp) {
    let desk = Desk::of(app, &["EUR=NL91ABNA0417164300/ABNANL2A", "USD=NL61INGB0417164300/INGBNL2A"]).await;
    desk.pays("42.00", |reference| of(BBAN, reference)).await;
    let without = |file: &[u8]| {
        let file = replaced(file, "<Ccy>EUR</Ccy>", "");
        let file = String::from_utf8(file).expect("text");
        let (before, after) = file.split_once("<Ntry>").expect("an entry");
        let (_entry, after) = after.split_once("</Ntry>").expect("an end");
        format!("{before}{after}")
    };
    desk.post(without(BBAN)).await;
    let last = inbox(&desk.rail).await.pop().expect("one");
    assert!(last.0 == NotificationStatus::Quarantined && last.1.contains("two accounts of ours"), "{last:?}");
    desk.post(replaced(BBAN, "<Ccy>EUR</Ccy>", "<Ccy>GBP</Ccy>")).await;
    let last = inbox(&desk.rail).await.pop().expect("one");
    assert!(last.0 == NotificationStatus::Quarantined && last.1.contains("a currency"), "{last:?}");
}

async fn an_account_of_ours_may_have_no_iban_at_all(app: &TestApp) {
    let outbox = tempfile::tempdir().expect("a folder");
    let accounts = ["EUR=NL91ABNA0417164300/ABNANL2A", "USD=US:021000021:000123456789/CHASUS33"];
    let desk = Desk::ordering_into(Some(outbox.path()), app, &accounts).await;
    let order = desk.rail.order_in("USD", "30.00").await;
    let payment = desk.rail.pay(&order).await;
    let query = "query($id: ID!) { order(id: $id) { payments { nextAction { ... on BankTransferAction {
        iban country bankCode accountNumber bic } } } } }";
    let shown = desk.rail.shop.read(demo::BUYER, query, json!({ "id": order })).await;
    let expected = json!({ "iban": null, "country": "US", "bankCode": "021000021", "accountNumber": "000123456789",
        "bic": "CHASUS33" });
    assert_eq!(shown["order"]["payments"][0]["nextAction"], expected);
    for (number, id) in [("10", "123456789"), ("20", "021000021-000123456789")] {
        let entry = Entry::credit(&format!("B{number}"), &money(number, "USD")).text(&[&payment.reference]);
        let file = camt_054(("USD", "IBAN"), &[entry]);
        desk.post(replaced(file.as_bytes(), "<IBAN>IBAN</IBAN>", &format!("<Othr><Id>{id}</Id></Othr>"))).await;
    }
    all_applied(&desk.rail).await;
    assert_eq!(status(&desk.rail.shop, &order).await, "FUNDED");
    // And back from there.
    done(app, demo::SUPPLIER, &order, Command::RefundOrder { amount: MinorUnits(500) }).await;
    provide_account(app, &order).await;
    desk.rail.drain().await;
    let orders = names(outbox.path());
    let sent = fs::read_to_string(outbox.path().join(&orders[0])).expect("reads");
    let from = "<DbtrAcct><Id><Othr><Id>000123456789</Id></Othr></Id><Ccy>USD</Ccy></DbtrAcct>";
    assert!(orders.len() == 1 && sent.contains(from), "{orders:?} {sent}");
}

async fn one_page_is_a_whole_statement_however_it_is_numbered(app: &TestApp) {
    let desk = Desk::of(app, &ACCOUNTS).await;
    desk.pays("46.00", |reference| of(PAGE, reference)).await;
    let page = "<PgNb>00001</PgNb><LastPgInd>true</LastPgInd>";
    let numbered = |it: &str, name: &str, to: &str| {
        let file = replaced(&of(PAGE, it), "<AcctSvcrRef>Q3", &format!("<AcctSvcrRef>{name}"));
        replaced(&file, page, to)
    };
    desk.pays("46.00", |it| numbered(it, "Q4", "<PgNb>1</PgNb><LastPgInd>1</LastPgInd>")).await;
    desk.pays("46.00", |it| numbered(it, "Q5", "<PgNb> 01 </PgNb><LastPgInd> 1 </LastPgInd>")).await;
    all_applied(&desk.rail).await;
    // The entries of a page are booked; that it isn't all of the day is said.
    for (name, part) in
        [("Q6", "<PgNb>00001</PgNb><LastPgInd>false</LastPgInd>"), ("Q7", "<PgNb>2</PgNb><LastPgInd>true</LastPgInd>")]
    {
        desk.pays("46.00", |it| numbered(it, name, part)).await;
        let last = inbox(&desk.rail).await.pop().expect("one");
        assert!(last.0 == NotificationStatus::Quarantined && last.1.contains("several pages"), "{last:?}");
    }
}

async fn what_can_not_be_used_is_moved_aside_at_once_and_shown(app: &TestApp) {
    let desk = Desk::of(app, &ACCOUNTS).await;
    let (order, payment) = asked(&desk.rail, "10").await;
    let file = credit("10", &payment.reference);
    let intraday = file.replace("camt.054.001.08", "camt.052.001.08").replace("DbtCdtNtfctn", "AcctRpt");
    let mt940 = "{1:F01ABNANL2AXXXX0000000000}{2:I940ABNANL2AXXXXN}{4:\r\n:20:1\r\n:25:0417164300\r\n-}";
    let large: Vec<u8> = b"%PDF-1.7 ".iter().copied().chain(std::iter::repeat_n(b'x', 2 * 1024 * 1024)).collect();
    let unusable: [(&str, &[u8], &str); 11] = [
        ("intraday.xml", intraday.as_bytes(), "camt.052 is not booked"),
        ("old.xml", &replaced(file.as_bytes(), "camt.054.001.08", "camt.054.001.01"), "version"),
        ("other.xml", &replaced(file.as_bytes(), "camt.054.001.08", "camt.086.001.02"), "camt.086.001.02"),
        ("day.sta", mt940.as_bytes(), "MT940"),
        ("letter.pdf", b"%PDF-1.7 x", "PDF"),
        ("large.pdf", &large, "PDF"),
        ("502.xml", b"<!DOCTYPE html><html><body>502 Bad Gateway</body></html>", "HTML"),
        ("wrong.xml", b"<Document><a></b></Document>", "well-formed"),
        ("bomb.xml", b"<!DOCTYPE d [<!ENTITY a \"b\">]><Document>&a;</Document>", "DOCTYPE"),
        ("list.csv", b"date;amount\n2026-09-30;10.00", "no XML"),
        ("NAME", b"junk", "no XML"),
    ];
    for (name, bytes, why) in unusable {
        desk.put(name, bytes).await;
        assert!(desk.reason(name).contains(why), "{name}: {}", desk.reason(name));
        assert_eq!(fs::read(desk.folder.path().join("refused").join(name)).expect("is there"), bytes, "{name}");
        let shown = desk.quarantine().await.pop().expect("one");
        let reason = shown["reason"].as_str().expect("a reason");
        assert!(reason.contains(why) && reason.contains(name), "{name}: {reason}");
        let body = shown["body"].as_str().expect("a body");
        assert!(name == "large.pdf" || body == String::from_utf8_lossy(bytes), "{name}");
        assert!(name != "large.pdf" || (body.len() < 1_000 && body.contains("2097161 bytes")), "{body}");
    }
    // An empty file may be one that somebody begins to write.
    desk.put("empty.xml", b"").await;
    desk.put("zeros.xml", [0; 100]).await;
    assert_eq!(desk.names(""), ["empty.xml", "refused", "zeros.xml"]);
    desk.rail.app.clock.shift_wall(chrono::TimeDelta::minutes(2));
    desk.rail.drain().await;
    assert!(desk.reason("empty.xml").contains("empty") && desk.reason("zeros.xml").contains("empty"));
    assert_eq!((desk.names(""), desk.quarantine().await.len()), (vec!["refused".to_owned()], 13));
    assert_eq!(
        (status(&desk.rail.shop, &order).await, causes(&desk.rail.shop).await.len()),
        (text("AWAITING_PAYMENT"), 0)
    );
    // Posted, it is in quarantine all the same.
    desk.post(intraday).await;
    let last = inbox(&desk.rail).await.pop().expect("one");
    assert!(last.0 == NotificationStatus::Quarantined && last.1.contains("camt.052 is not booked"), "{last:?}");
    desk.put("good.txt", file).await;
    assert_eq!(status(&desk.rail.shop, &order).await, "FUNDED");
}

fn text(text: &str) -> String {
    text.to_owned()
}

fn zipped(files: &[(&str, &[u8])]) -> Vec<u8> {
    let mut writer = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
    for (name, bytes) in files {
        writer.start_file(*name, zip::write::SimpleFileOptions::default()).expect("starts");
        writer.write_all(bytes).expect("writes");
    }
    writer.finish().expect("ends").into_inner()
}

fn gzipped(bytes: &[u8]) -> Vec<u8> {
    let mut writer = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    writer.write_all(bytes).expect("writes");
    writer.finish().expect("ends")
}

async fn the_files_of_an_archive_are_each_their_own(app: &TestApp) {
    let desk = Desk::of(app, &ACCOUNTS).await;
    let (order, payment) = asked(&desk.rail, "20").await;
    let (one, two) = (credit("12", &payment.reference), credit("8", &format!("{} rest", payment.reference)));
    let whole = zipped(&[("a/1.xml", one.as_bytes()), ("2.c54", two.as_bytes())]);
    desk.put("day.zip", &whole[..whole.len() / 2]).await;
    assert_eq!(desk.names(""), ["day.zip"], "its end may still come");
    desk.put("day.zip", &whole).await;
    assert_eq!(status(&desk.rail.shop, &order).await, "FUNDED");
    // The same out of the archive, and packed otherwise.
    desk.put("1.xml", &one).await;
    desk.put("2.xml.gz", gzipped(two.as_bytes())).await;
    assert_eq!((inbox(&desk.rail).await.len(), causes(&desk.rail.shop).await.len()), (2, 2));
    assert_eq!(
        (desk.names(""), desk.names("done")),
        (vec![text("done")], vec![text("1.xml"), text("2.xml.gz"), text("day.zip")])
    );
    all_applied(&desk.rail).await;

    let (order, payment) = asked(&desk.rail, "10").await;
    let good = credit("10", &payment.reference);
    let nested = zipped(&[("x.xml", good.as_bytes())]);
    let mixed = [("readme.pdf", &b"%PDF-1.7"[..]), ("good.xml", good.as_bytes()), ("nested.zip", &nested)];
    desk.put("mixed.zip", zipped(&mixed)).await;
    assert_eq!(status(&desk.rail.shop, &order).await, "FUNDED");
    let reason = desk.reason("mixed.zip");
    for line in ["readme.pdf: it is a PDF", "good.xml: taken", "nested.zip: it is a zip inside"] {
        assert!(reason.contains(line), "{line}: {reason}");
    }
    let quarantine = desk.quarantine().await;
    assert_eq!(quarantine.len(), 2, "{quarantine:?}");
    assert!(quarantine.iter().all(|row| row["reason"].as_str().is_some_and(|why| why.contains("mixed.zip/"))));
    // A bomb: 17 MiB of nothing in a few kilobytes.
    let bomb = vec![b' '; 17 * 1024 * 1024];
    desk.put("bomb.gz", gzipped(&bomb)).await;
    desk.put("bomb.zip", zipped(&[("bomb.xml", &bomb)])).await;
    assert!(desk.reason("bomb.gz").contains("16 MiB") && desk.reason("bomb.zip").contains("16 MiB"));
    assert_eq!(desk.quarantine().await.len(), 4);
}

async fn an_archive_is_posted_like_a_file(app: &TestApp) {
    let desk = Desk::of(app, &ACCOUNTS).await;
    let (order, payment) = asked(&desk.rail, "20").await;
    let (one, two) = (credit("12", &payment.reference), credit("8", &format!("{} rest", payment.reference)));
    let archive = zipped(&[("1.xml", one.as_bytes()), ("2.xml", two.as_bytes())]);
    for _again in 0..2 {
        desk.post(&archive).await;
    }
    assert_eq!(status(&desk.rail.shop, &order).await, "FUNDED");
    desk.put("2.xml", &two).await;
    desk.post(gzipped(one.as_bytes())).await;
    assert_eq!((inbox(&desk.rail).await.len(), causes(&desk.rail.shop).await.len()), (2, 2));
    all_applied(&desk.rail).await;
    // What isn't whole or can't be used is kept, and says why.
    desk.post(&archive[..archive.len() / 2]).await;
    desk.post(&gzipped(one.as_bytes())[..20]).await;
    desk.post(zipped(&[("bomb.xml", &vec![b' '; 17 * 1024 * 1024]), ("a.pdf", b"%PDF")])).await;
    let reasons: Vec<String> = inbox(&desk.rail).await.into_iter().skip(2).map(|row| row.1).collect();
    assert_eq!(desk.quarantine().await.len(), 4);
    for (reason, word) in reasons.iter().zip(["zip that is cut off", "gz that is cut off", "bomb.xml", "PDF"]) {
        assert!(reason.contains(word), "{word}: {reasons:?}");
    }
}

async fn a_name_that_was_refused_may_come_again(app: &TestApp) {
    let desk = Desk::of(app, &ACCOUNTS).await;
    let (order, payment) = asked(&desk.rail, "10").await;
    for content in ["junk", "junk", "other junk"] {
        desk.put("day.xml", content).await;
    }
    assert_eq!(desk.names(""), ["refused"]);
    let refused = desk.names("refused");
    assert_eq!((refused.len(), desk.quarantine().await.len()), (6, 2), "{refused:?}");
    assert!(
        refused
            .iter()
            .filter(|name| name.ends_with("day.xml"))
            .all(|name| refused.contains(&format!("{name}.reason.txt")))
    );
    desk.put("day.xml", credit("10", &payment.reference)).await;
    assert_eq!((status(&desk.rail.shop, &order).await, desk.names("done")), (text("FUNDED"), vec![text("day.xml")]));
    // Driven again it is what it was.
    let node = desk.rail.shop.read(demo::OPERATOR, "{ quarantine { nodes { id } } }", json!({})).await;
    let id = node["quarantine"]["nodes"][0]["id"].as_str().expect("an id").parse().expect("one of a notification");
    payment::redrive_notification(&desk.rail.app, &operator(app).await, id).await.expect("driven again");
    desk.rail.drain().await;
    assert_eq!(desk.quarantine().await.len(), 2);
}

async fn two_nodes_refuse_a_file_once(app: &TestApp) {
    let desk = Desk::of(app, &ACCOUNTS).await;
    let settings = (*desk.rail.app.settings).clone();
    let other = secure_payment::app::App::new(settings, desk.rail.app.db.clone(), desk.rail.app.clock.clone());
    let other = other.expect("settings that can be used");
    for number in 0..10 {
        fs::write(desk.folder.path().join(format!("{number}.pdf")), format!("%PDF {number}")).expect("writes");
    }
    let drain = async |node| secure_payment::worker::drain(node).await.expect("the worker gets through");
    tokio::join!(drain(&desk.rail.app), drain(&other));
    assert_eq!((desk.names(""), desk.names("refused").len()), (vec![text("refused")], 20));
    assert_eq!(desk.quarantine().await.len(), 10);
}
