//! The answers of WebMoney's XML interfaces, read into a tree. There is no DTD in them, and nothing is nested deep.

use quick_xml::XmlVersion;
use quick_xml::events::{BytesStart, Event};
use quick_xml::reader::Reader;

use crate::interface::ProviderError;

/// Of the requests to them, and of the answers.
pub(super) const CONTENT_TYPE: &str = "text/xml; charset=utf-8";

const MOST_LEVELS: usize = 8;

#[derive(Debug, Default)]
pub(super) struct XmlElement {
    name: String,
    attributes: Vec<(String, String)>,
    text: String,
    pub(super) children: Vec<XmlElement>,
}

impl XmlElement {
    /// The document, whose root has this name.
    pub(super) fn read(root: &str, bytes: &[u8]) -> Result<Self, ProviderError> {
        let read =
            tree(&decoded(bytes)).map_err(|problem| ProviderError::Unknown(format!("an answer that {problem}")))?;
        if read.name != root {
            return Err(ProviderError::Unknown(format!("an answer that is no {root}")));
        }
        Ok(read)
    }

    pub(super) fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a Self> {
        self.children.iter().filter(move |child| child.name == name)
    }

    /// Two of a kind could be read differently by two readers.
    pub(super) fn the_only<'a>(&'a self, name: &'a str) -> Result<&'a Self, ProviderError> {
        let mut found = self.all(name);
        match (found.next(), found.next()) {
            (Some(child), None) => Ok(child),
            _none_or_several => Err(ProviderError::Unknown(format!("an answer that has not one {name}"))),
        }
    }

    pub(super) fn text<'a>(&'a self, name: &'a str) -> Result<&'a str, ProviderError> {
        self.the_only(name).map(|child| child.text.trim())
    }

    pub(super) fn attribute(&self, name: &str) -> Result<&str, ProviderError> {
        let found = self.attributes.iter().find(|(of, _)| of == name);
        found
            .map(|(_, value)| value.trim())
            .ok_or_else(|| ProviderError::Unknown(format!("an answer whose {} has no {name}", self.name)))
    }
}

/// WebMoney writes windows-1251, and says so in the declaration or not at all. What we go by is ASCII in both.
pub(super) fn decoded(bytes: &[u8]) -> String {
    match std::str::from_utf8(bytes) {
        Ok(text) => text.trim_start_matches('\u{feff}').to_owned(),
        Err(_not_utf8) => bytes.iter().copied().map(cyrillic).collect(),
    }
}

fn cyrillic(byte: u8) -> char {
    match byte {
        0xa8 => 'Ё',
        0xb8 => 'ё',
        0xc0.. => char::from_u32(u32::from(byte) + 0x350).unwrap_or(char::REPLACEMENT_CHARACTER),
        0x80.. => char::REPLACEMENT_CHARACTER,
        ascii => char::from(ascii),
    }
}

fn tree(text: &str) -> Result<XmlElement, &'static str> {
    const NOT_WELL_FORMED: &str = "is not well-formed XML";
    let mut reader = Reader::from_str(text);
    let (mut open, mut root): (Vec<XmlElement>, Option<XmlElement>) = (Vec::new(), None);
    loop {
        let event = reader.read_event().map_err(|_would_quote_it| NOT_WELL_FORMED)?;
        match &event {
            Event::Start(start) if open.len() < MOST_LEVELS => open.push(element(start)?),
            Event::Start(_) => return Err("is nested too deep"),
            Event::Empty(start) => close(element(start)?, &mut open, &mut root)?,
            Event::End(_) => close(open.pop().ok_or(NOT_WELL_FORMED)?, &mut open, &mut root)?,
            Event::Text(text) => say(&mut open, &text.xml_content(XmlVersion::Implicit1_0))?,
            Event::CData(text) => say(&mut open, &text.xml_content(XmlVersion::Implicit1_0))?,
            // In descriptions, which are for people: a number has none.
            Event::GeneralRef(_) => say(&mut open, "\u{fffd}")?,
            Event::DocType(_) => return Err("has a DOCTYPE"),
            Event::Decl(_) | Event::Comment(_) | Event::PI(_) => {}
            Event::Eof if open.is_empty() => return root.ok_or("is empty"),
            Event::Eof => return Err(NOT_WELL_FORMED),
        }
    }
}

fn element(start: &BytesStart<'_>) -> Result<XmlElement, &'static str> {
    let mut attributes = Vec::new();
    for attribute in start.attributes() {
        let attribute = attribute.map_err(|_would_quote_it| "has an attribute that can't be read")?;
        let value = attribute.normalized_value(XmlVersion::Implicit1_0);
        let value = value.map_err(|_would_quote_it| "has an attribute that can't be read")?.into_owned();
        attributes.push((attribute.key.as_ref().to_owned(), value));
    }
    Ok(XmlElement { name: start.name().as_ref().to_owned(), attributes, ..XmlElement::default() })
}

fn close(done: XmlElement, open: &mut [XmlElement], root: &mut Option<XmlElement>) -> Result<(), &'static str> {
    match open.last_mut() {
        Some(parent) => parent.children.push(done),
        None if root.is_none() => *root = Some(done),
        None => return Err("has two roots"),
    }
    Ok(())
}

fn say(open: &mut [XmlElement], text: &str) -> Result<(), &'static str> {
    match open.last_mut() {
        Some(element) => element.text.push_str(text),
        None if text.trim().is_empty() => {}
        None => return Err("has text outside of its root"),
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &[u8]) -> Result<XmlElement, ProviderError> {
        XmlElement::read("w3s.response", text)
    }

    #[test]
    fn an_answer_is_read_in_both_of_its_encodings() {
        let utf8 = "<?xml version=\"1.0\"?><w3s.response><retdesc>Ой</retdesc><op id=\"1\"/></w3s.response>";
        let root = read(utf8.as_bytes()).expect("reads");
        assert_eq!(root.text("retdesc"), Ok("Ой"));
        assert_eq!(root.the_only("op").expect("one").attribute("id"), Ok("1"));
        let windows = b"<w3s.response><retdesc>\xce\xe9</retdesc></w3s.response>";
        assert_eq!(read(windows).expect("reads").text("retdesc"), Ok("Ой"));
    }

    #[test]
    fn what_could_be_read_in_two_ways_is_not_read() {
        for text in [
            "",
            "<html></html>",
            "<w3s.response>",
            "<w3s.response></w3s.response><w3s.response></w3s.response>",
            "<w3s.response/>x",
            "<!DOCTYPE a [<!ENTITY b \"0\">]><w3s.response/>",
            &"<a>".repeat(50),
        ] {
            assert!(read(text.as_bytes()).is_err(), "{text}");
        }
        let twice = read(b"<w3s.response><retval>1</retval><retval>0</retval></w3s.response>").expect("reads");
        assert!(twice.text("retval").is_err());
        let reference = read(b"<w3s.response><retval>&#48;</retval></w3s.response>").expect("reads");
        assert_ne!(reference.text("retval"), Ok("0"));
    }
}
