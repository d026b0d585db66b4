//! ISO 20022 messages, read into trees: small, strict, and the same for every kind of message.
//!
//! A file is a `Document`, or an envelope (SWIFT's, a bank's own) around one or several, or several one behind the other. What
//! an envelope says besides is not read.
//!
//! What XML can be abused for is refused: a DOCTYPE, entities of one's own, characters that XML doesn't have, depth without
//! end. Elements of another namespace (`SplmtryData`) are left out of a document, so that nothing in them can be taken for
//! the bank's word. A value that may stand there once and stands there twice is no value.

use chrono::NaiveDate;
use entity::{Currency, MinorUnits, Money};
use quick_xml::XmlVersion;
use quick_xml::errors::IllFormedError;
use quick_xml::events::{BytesRef, BytesStart, Event};
use quick_xml::name::{Namespace, ResolveResult};
use quick_xml::reader::NsReader;

use super::encoding::{Unreadable, decode, is_padding};
use super::other_file;

const MOST_LEVELS: usize = 40;

/// Why a message, or a part of one, can't be used. It quotes no values: those name people and accounts.
pub(super) type MessageProblem = String;

/// A message: `camt.054.001.08` and what is in its `BankMessage`.
#[derive(Debug)]
pub(super) struct BankMessage {
    pub(super) message: String,
    pub(super) root: BankElement,
}

#[derive(Debug, Default)]
pub(super) struct BankElement {
    name: String,
    currency: Option<String>,
    text: String,
    children: Vec<BankElement>,
}

impl BankMessage {
    /// The messages of a file, in their order; there is at least one.
    pub(super) fn read_all(bytes: &[u8]) -> Result<Vec<Self>, Unreadable> {
        let text = decode(bytes)?;
        if text.is_empty() {
            return Err(Unreadable::cut("it is empty"));
        }
        if !text.starts_with('<') {
            return Err(other_file::by_its_text(&text).into());
        }
        if other_file::is_page(&text) {
            return Err(other_file::PAGE.into());
        }
        let mut reading = Reading::default();
        let mut reader = NsReader::from_str(&text);
        loop {
            let (namespace, event) = reader.read_resolved_event().map_err(|error| match is_at_the_end(&error) {
                true => Unreadable::cut(format!("it is cut off: {error}")),
                false => format!("it is not well-formed XML: {error}").into(),
            })?;
            if matches!(event, Event::Eof) {
                return reading.finish();
            }
            reading.take(&namespace, &event)?;
        }
    }

    /// The message of a file that has one.
    pub(super) fn read(bytes: &[u8]) -> Result<Self, MessageProblem> {
        let mut messages = Self::read_all(bytes).map_err(|unreadable| unreadable.problem)?;
        match messages.pop() {
            Some(message) if messages.is_empty() => Ok(message),
            Some(_) | None => Err("it has several messages".to_owned()),
        }
    }

    /// `camt.054`.
    pub(super) fn kind(&self) -> &str {
        self.message.get(..8).unwrap_or(&self.message)
    }

    /// 8 of `camt.054.001.08`; none of another variant.
    pub(super) fn version(&self) -> Option<u32> {
        self.message.get(8..)?.strip_prefix(".001.").and_then(|digits| digits.parse().ok())
    }
}

/// What is open when the input ends is no fault yet, of a file that is still being written.
fn is_at_the_end(error: &quick_xml::Error) -> bool {
    matches!(
        error,
        quick_xml::Error::Syntax(_)
            | quick_xml::Error::IllFormed(IllFormedError::MissingEndTag(_) | IllFormedError::UnclosedReference)
    )
}

/// `camt.054.001.04` of `http://www.six-interbank-clearing.com/de/camt.054.001.04.ch.02.xsd`, of
/// `urn:swift:xsd:camt.054.001.04`, and of what ISO 20022 itself has.
fn message_of(namespace: &str) -> Option<&str> {
    const PATTERN: &[u8] = b"aaaa.000.000.00";
    let fits = |(byte, pattern): (&u8, &u8)| match pattern {
        b'a' => byte.is_ascii_lowercase(),
        b'0' => byte.is_ascii_digit(),
        other => byte == other,
    };
    let windows = namespace.as_bytes().windows(PATTERN.len());
    let start = windows.into_iter().position(|window| window.iter().zip(PATTERN).all(fits))?;
    namespace.get(start..start + PATTERN.len())
}

#[derive(Default)]
struct Reading {
    done: Vec<BankMessage>,
    has_begun: bool,
    /// How deep we are in an envelope.
    around: usize,
    /// Of the document that is open, and of all that is of it.
    namespace: String,
    message: String,
    open: Vec<BankElement>,
    /// How deep we are in what is of another namespace.
    foreign: usize,
}

impl Reading {
    fn take(&mut self, namespace: &ResolveResult<'_>, event: &Event<'_>) -> Result<(), MessageProblem> {
        match event {
            Event::Start(start) => self.start(namespace, start),
            Event::Empty(start) => {
                self.start(namespace, start)?;
                self.end();
                Ok(())
            }
            Event::End(_) => {
                self.end();
                Ok(())
            }
            Event::Text(text) => self.text(&text.xml_content(XmlVersion::Implicit1_0)),
            Event::CData(text) => self.text(&text.xml_content(XmlVersion::Implicit1_0)),
            Event::GeneralRef(reference) => {
                let character = resolve(reference)?;
                self.text(character.encode_utf8(&mut [0; 4]))
            }
            Event::DocType(_) => Err("it has a DOCTYPE, which no ISO 20022 message has".to_owned()),
            Event::Decl(_) | Event::Comment(_) | Event::PI(_) | Event::Eof => Ok(()),
        }
    }

    fn start(&mut self, namespace: &ResolveResult<'_>, start: &BytesStart<'_>) -> Result<(), MessageProblem> {
        if self.foreign > 0 {
            self.foreign += 1;
            return Ok(());
        }
        self.has_begun = true;
        if self.around + self.open.len() >= MOST_LEVELS {
            return Err("it is nested too deep".to_owned());
        }
        let namespace = match namespace {
            ResolveResult::Bound(Namespace(name)) => name,
            ResolveResult::Unbound | ResolveResult::Unknown(_) => "",
        };
        if !self.open.is_empty() {
            if namespace != self.namespace {
                self.foreign = 1;
                return Ok(());
            }
        } else if let Some(message) = message_of(namespace).filter(|_| start.local_name().as_ref() == "Document") {
            message.clone_into(&mut self.message);
            (*namespace).clone_into(&mut self.namespace);
        } else {
            self.around += 1;
            return Ok(());
        }
        let mut currency = None;
        for attribute in start.attributes() {
            let attribute = attribute.map_err(|error| format!("it is not well-formed XML: {error}"))?;
            if attribute.key.as_ref() == "Ccy" {
                let value = attribute.normalized_value(XmlVersion::Implicit1_0);
                currency = Some(value.map_err(|error| format!("a currency can't be read: {error}"))?.into_owned());
            }
        }
        let name = start.local_name().as_ref().to_owned();
        self.open.push(BankElement { name, currency, ..BankElement::default() });
        Ok(())
    }

    fn end(&mut self) {
        if self.foreign > 0 {
            self.foreign -= 1;
            return;
        }
        let Some(mut element) = self.open.pop() else {
            self.around = self.around.saturating_sub(1);
            return;
        };
        let trimmed = element.text.trim();
        if trimmed.len() < element.text.len() {
            element.text = trimmed.to_owned();
        }
        match self.open.last_mut() {
            Some(parent) => parent.children.push(element),
            None => self.done.push(BankMessage { message: std::mem::take(&mut self.message), root: element }),
        }
    }

    fn text(&mut self, text: &str) -> Result<(), MessageProblem> {
        if self.open.is_empty() && text.chars().all(is_padding) {
            return Ok(());
        }
        // XML 1.0 has no other control characters, and a database can't keep NUL. Those above ASCII it has: they are dashes and
        // quotes of windows-1252 that somebody on the way took for ISO 8859-1.
        if text.chars().any(|c| c < ' ' && !matches!(c, '\t' | '\n' | '\r')) {
            return Err("it has characters that XML doesn't have".to_owned());
        }
        match self.open.last_mut() {
            Some(_) if self.foreign > 0 => Ok(()),
            Some(element) => {
                element.text.push_str(text);
                Ok(())
            }
            None if self.around > 0 => Ok(()),
            None => Err("it has text outside of its Document".to_owned()),
        }
    }

    fn finish(self) -> Result<Vec<BankMessage>, Unreadable> {
        if self.around > 0 || !self.open.is_empty() || !self.has_begun {
            return Err(Unreadable::cut("it is cut off"));
        }
        if self.done.is_empty() { Err("it has no Document of ISO 20022".into()) } else { Ok(self.done) }
    }
}

/// Characters by number, and the five names that XML itself has; nobody else's.
fn resolve(reference: &BytesRef<'_>) -> Result<char, MessageProblem> {
    if let Some(character) = reference.resolve_char_ref().map_err(|_source| "it has a character without a number")? {
        return Ok(character);
    }
    let name: &str = reference;
    match name {
        "amp" => Ok('&'),
        "lt" => Ok('<'),
        "gt" => Ok('>'),
        "quot" => Ok('"'),
        "apos" => Ok('\''),
        _unknown => Err("it has an entity, which no ISO 20022 message has".to_owned()),
    }
}

impl BankElement {
    pub(super) fn text(&self) -> &str {
        &self.text
    }

    pub(super) fn currency(&self) -> Option<&str> {
        self.currency.as_deref()
    }

    /// The children of this name, in their order.
    pub(super) fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a Self> {
        self.children.iter().filter(move |child| child.name == name)
    }

    /// The only child of this name; none if there are several.
    fn only(&self, name: &str) -> Option<&Self> {
        let mut found = self.children.iter().filter(|child| child.name == name);
        found.next().filter(|_| found.next().is_none())
    }

    pub(super) fn at(&self, path: &[&str]) -> Option<&Self> {
        path.iter().try_fold(self, |element, name| element.only(name))
    }

    /// The text at a path, if there is any.
    pub(super) fn text_at(&self, path: &[&str]) -> Option<&str> {
        self.at(path).map(Self::text).filter(|text| !text.is_empty())
    }

    pub(super) fn has(&self, name: &str) -> bool {
        self.children.iter().any(|child| child.name == name)
    }

    /// `<Amt Ccy="EUR">12.50</Amt>`, exactly; zero is an amount too.
    pub(super) fn money(&self) -> Result<Money, MessageProblem> {
        let code = self.currency.as_deref().ok_or("an amount without a currency")?;
        let currency: Currency = code.parse().map_err(|_source| "an amount in no currency that we know")?;
        let is_zero = self.text.contains('0') && self.text.bytes().all(|byte| matches!(byte, b'0' | b'.'));
        if is_zero && self.text.matches('.').count() <= 1 {
            return Ok(Money::new(MinorUnits::ZERO, currency));
        }
        Money::exact(&self.text, code).map_err(|error| format!("an amount that can't be used: {error}"))
    }

    pub(super) fn money_at(&self, path: &[&str]) -> Result<Money, MessageProblem> {
        self.at(path).ok_or_else(|| format!("{} is missing", path.join("/")))?.money()
    }
}

pub(super) fn status(entry: &BankElement) -> Option<&str> {
    // In versions before .04 the code stands there without an element of its own.
    entry.text_at(&["Sts", "Cd"]).or_else(|| entry.text_at(&["Sts"]))
}

pub(super) fn is_credit(element: &BankElement) -> Result<bool, MessageProblem> {
    match element.text_at(&["CdtDbtInd"]) {
        Some("CRDT") => Ok(true),
        Some("DBIT") => Ok(false),
        _neither => Err("an amount that is neither a credit nor a debit".to_owned()),
    }
}

pub(super) fn day_of(element: &BankElement) -> Option<NaiveDate> {
    let text = element.text_at(&["Dt"]).or_else(|| element.text_at(&["DtTm"]))?;
    text.get(..10)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn document(inside: &str) -> String {
        format!("<Document xmlns=\"urn:iso:std:iso:20022:tech:xsd:camt.054.001.08\">{inside}</Document>")
    }

    fn problem(text: &str) -> String {
        BankMessage::read(text.as_bytes()).expect_err("must refuse")
    }

    #[test]
    fn what_xml_can_be_abused_for_is_refused() {
        let laughs = format!("<!DOCTYPE d [<!ENTITY a \"ha\">]>{}", document("<A>&a;</A>"));
        assert!(problem(&laughs).contains("DOCTYPE"));
        assert!(problem(&document("<A>&a;</A>")).contains("entity"));
        assert!(problem(&document("<A>\u{1}</A>")).contains("characters"));
        assert!(problem(&document("<A>&#1;</A>")).contains("character"));
        assert!(BankMessage::read(document("<A>a \u{96} b</A>").as_bytes()).is_ok());
        assert!(problem(&document("<A>&#0;</A>")).contains("character"));
        assert!(problem(&document(&format!("{}x{}", "<A>".repeat(50), "</A>".repeat(50)))).contains("deep"));
        assert!(problem(&format!("{}tail", document(""))).contains("outside"));
        assert!(problem(&document("<A>").replace("</Document>", "")).contains("cut off"));
        assert!(problem(&document("<A></B>")).contains("well-formed"));
        assert!(problem("<Document xmlns=\"urn:other\"/>").contains("ISO 20022"));
        assert!(problem("<Document/>").contains("ISO 20022"));
        assert!(problem("").contains("empty"));
        assert!(problem("<e:Envelope xmlns:e=\"urn:e\">\u{1}</e:Envelope>").contains("characters"));
    }

    #[test]
    fn prefixes_references_and_foreign_parts_are_read_as_xml_means_them() {
        let text = "<?xml version=\"1.0\"?><i:Document xmlns:i=\"urn:iso:std:iso:20022:tech:xsd:camt.053.001.02\"
            xmlns:x=\"urn:x\"><i:A><i:Nm> M&#252;ller &amp; <![CDATA[S<n]]> </i:Nm><x:Nm>other<i:Nm>in it</i:Nm></x:Nm></i:A>
            </i:Document>";
        let document = BankMessage::read(text.as_bytes()).expect("reads");
        assert_eq!(
            (document.message.as_str(), document.kind(), document.version()),
            ("camt.053.001.02", "camt.053", Some(2))
        );
        assert_eq!(document.root.text_at(&["A", "Nm"]), Some("Müller & S<n"));
    }

    fn all(text: &str) -> Vec<(String, Option<String>)> {
        let read = BankMessage::read_all(text.as_bytes()).unwrap_or_else(|problem| panic!("{problem:?} of {text}"));
        read.iter().map(|message| (message.message.clone(), message.root.text_at(&["Nm"]).map(str::to_owned))).collect()
    }

    #[test]
    fn a_document_may_stand_in_an_envelope_and_beside_others() {
        let named = |namespace: &str, name: &str| format!("<Document xmlns=\"{namespace}\"><Nm>{name}</Nm></Document>");
        let iso = |name: &str| named("urn:iso:std:iso:20022:tech:xsd:camt.054.001.08", name);
        let one = |message: &str| vec![(message.to_owned(), Some("x".to_owned()))];
        for (namespace, message) in [
            ("urn:iso:std:iso:20022:tech:xsd:camt.053.001.13", "camt.053.001.13"),
            ("urn:swift:xsd:camt.053.001.02", "camt.053.001.02"),
            ("urn:swift:xsd:$pain.002.001.03", "pain.002.001.03"),
            ("http://www.six-interbank-clearing.com/de/camt.054.001.04.ch.02.xsd", "camt.054.001.04"),
        ] {
            assert_eq!(all(&named(namespace, "x")), one(message));
        }
        let header =
            "<AppHdr xmlns=\"urn:iso:std:iso:20022:tech:xsd:head.001.001.02\"><MsgDefIdr>camt.053.001.08</MsgDefIdr>
            <Nm>no</Nm></AppHdr>";
        let inside = iso("x");
        for text in [
            format!("<Envelope>{header}{inside}</Envelope>"),
            format!("<RequestPayload>\n{header}\n{inside}\n</RequestPayload>"),
            format!(
                "<Saa:DataPDU xmlns:Saa=\"urn:swift:saa:xsd:saa.2.0\"><Saa:Revision>2.0.13</Saa:Revision>
                 <Saa:Body>{header}{inside}</Saa:Body></Saa:DataPDU>"
            ),
            format!("<?a b?><!-- before --><?xml-stylesheet href=\"x\"?>{inside}<?c d?>\0\0<!-- </Document> -->\n\0"),
            format!("<Documents xmlns=\"urn:x\"><Document>{inside}</Document></Documents>"),
        ] {
            assert_eq!(all(&text), one("camt.054.001.08"), "{text}");
        }
        let (first, second) = (iso("x"), named("urn:swift:xsd:camt.053.001.02", "y"));
        let both = [one("camt.054.001.08"), vec![("camt.053.001.02".to_owned(), Some("y".to_owned()))]].concat();
        assert_eq!(all(&format!("<a>{first}<b>{second}</b></a>")), both);
        assert_eq!(all(&format!("<?xml version=\"1.0\"?>{first}\n<?xml version=\"1.0\"?>\n{second}")), both);
        assert!(problem(&format!("{first}{second}")).contains("several"));
        // What a document carries for others is no document of the bank's.
        let carried = document(&format!("<Nm>x</Nm><SplmtryData><E xmlns=\"urn:e\">{second}</E></SplmtryData>"));
        assert_eq!(all(&carried), one("camt.054.001.08"));
    }

    #[test]
    fn what_is_no_message_is_called_by_its_name_and_what_is_cut_off_is_known() {
        let read = |text: &str| BankMessage::read_all(text.as_bytes()).expect_err("must refuse");
        for (text, word) in [
            ("", "empty"),
            (" \r\n\0\0", "empty"),
            ("%PDF-1.7 ", "PDF"),
            ("{1:F01ABNANL2AXXXX0000000000}{2:I940}{4:\r\n:20:S\r\n-}", "MT940"),
            ("\r\n:20:STARTUMSE\r\n:25:37040044/532013000\r\n", "MT940"),
            ("<!DOCTYPE HTML><HTML><body>502</body></HTML>", "HTML"),
            ("<html>503", "HTML"),
            ("{\"error\":1}", "JSON"),
            ("01,BANK,ACME,261130,0001,1,80,,2/", "BAI2"),
            ("date;amount;text", "no XML"),
            ("<a><b/></a>", "Document"),
            ("PK\u{3}\u{4}", "zip"),
        ] {
            let unreadable = read(text);
            assert!(unreadable.problem.contains(word), "{text:?}: {unreadable:?}");
            assert_eq!(unreadable.is_cut, word == "empty", "{text:?}: {unreadable:?}");
        }
        let whole = format!("<?xml version=\"1.0\"?><!-- a --><e>{}</e>", document("<A b=\"1\">&lt;&#252;</A><B/>"));
        for end in 1..whole.len() {
            assert!(whole.get(..end).is_none_or(|cut| !cut.starts_with('<') || read(cut).is_cut), "{end}");
        }
    }

    #[test]
    fn what_stands_there_twice_is_no_value_and_amounts_are_exact() {
        let text = document(
            "<A>1</A><A>2</A><Amt Ccy=\"EUR\">12.5</Amt><N Ccy=\"EUR\">0.00</N><O Ccy=\"EUR\">0.001</O>
            <P>1</P><Q Ccy=\"EUR\">-1</Q><R Ccy=\"EUR\">1e3</R><S Ccy=\"XXX\">1</S><T Ccy=\"JPY\">1250</T>",
        );
        let root = BankMessage::read(text.as_bytes()).expect("reads").root;
        assert_eq!((root.text_at(&["A"]), root.all("A").count()), (None, 2));
        let units = |name| root.money_at(&[name]).map(|money| money.amount.0);
        assert_eq!((units("Amt"), units("N"), units("T")), (Ok(1250), Ok(0), Ok(1250)));
        for name in ["O", "P", "Q", "R", "S", "none"] {
            assert!(units(name).is_err(), "{name}");
        }
    }
}
