//! XML in and out: a small tree, read with namespaces resolved, written in the prefix style of a profile.

use std::fmt::Write as _;

use quick_xml::{
    XmlVersion,
    events::{BytesStart, Event},
    name::ResolveResult,
    reader::NsReader,
};

use crate::profile::{Prefixes, Xml};

pub(crate) const DAV: &str = "DAV:";
pub(crate) const CAL: &str = "urn:ietf:params:xml:ns:caldav";
pub(crate) const CS: &str = "http://calendarserver.org/ns/";
pub(crate) const APPLE: &str = "http://apple.com/ns/ical/";

const DEEPEST: usize = 64;

/// An element with its text and children.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Element {
    pub(crate) ns: String,
    pub(crate) name: String,
    pub(crate) attributes: Vec<(String, String)>,
    pub(crate) children: Vec<Element>,
    pub(crate) text: String,
    /// Written as CDATA where the profile does so.
    pub(crate) is_body: bool,
}

impl Element {
    pub(crate) fn new(ns: &str, name: &str) -> Self {
        Self { ns: ns.into(), name: name.into(), ..Self::default() }
    }

    #[must_use]
    pub(crate) fn with_text(mut self, text: impl Into<String>) -> Self {
        self.text = text.into();
        self
    }

    #[must_use]
    pub(crate) fn with(mut self, child: Self) -> Self {
        self.children.push(child);
        self
    }

    #[must_use]
    pub(crate) fn with_all(mut self, children: impl IntoIterator<Item = Self>) -> Self {
        self.children.extend(children);
        self
    }

    pub(crate) fn is(&self, ns: &str, name: &str) -> bool {
        self.ns == ns && self.name == name
    }

    pub(crate) fn child(&self, ns: &str, name: &str) -> Option<&Self> {
        self.children.iter().find(|child| child.is(ns, name))
    }

    pub(crate) fn attribute(&self, name: &str) -> Option<&str> {
        self.attributes.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    /// Finds an element anywhere inside.
    pub(crate) fn find(&self, ns: &str, name: &str) -> Option<&Self> {
        self.children
            .iter()
            .find_map(|child| if child.is(ns, name) { Some(child) } else { child.find(ns, name) })
    }

    /// Reads a document. Document types and deep nesting are refused.
    pub(crate) fn parse(bytes: &[u8]) -> Option<Self> {
        let text = std::str::from_utf8(bytes).ok()?;
        let mut reader = NsReader::from_str(text);
        let mut open = vec![Self::default()];
        loop {
            let (ns, event) = reader.read_resolved_event().ok()?;
            match event {
                Event::Start(tag) => open.push(Self::of(&ns, &tag)?),
                Event::Empty(tag) => {
                    let element = Self::of(&ns, &tag)?;
                    open.last_mut()?.children.push(element);
                }
                Event::End(_) => {
                    let done = open.pop()?;
                    open.last_mut()?.children.push(done);
                }
                Event::Text(text) => open.last_mut()?.text.push_str(&text.decode().ok()?),
                Event::CData(text) => open.last_mut()?.text.push_str(&text.decode().ok()?),
                Event::GeneralRef(name) => {
                    let c = match name.resolve_char_ref().ok()? {
                        Some(c) => c,
                        None => named_entity(&name.decode().ok()?)?,
                    };
                    open.last_mut()?.text.push(c);
                }
                Event::DocType(_) => return None,
                Event::Eof => break,
                Event::Comment(_) | Event::Decl(_) | Event::PI(_) => {}
            }
            if open.len() > DEEPEST {
                return None;
            }
        }
        (open.len() == 1).then(|| open.pop()?.children.into_iter().next()).flatten()
    }

    fn of(ns: &ResolveResult<'_>, tag: &BytesStart<'_>) -> Option<Self> {
        let ns = match ns {
            ResolveResult::Bound(ns) => String::from_utf8_lossy(ns.as_ref()).into_owned(),
            ResolveResult::Unbound => String::new(),
            ResolveResult::Unknown(_) => return None,
        };
        let name = String::from_utf8_lossy(tag.local_name().as_ref()).into_owned();
        let mut attributes = Vec::new();
        for attribute in tag.attributes() {
            let attribute = attribute.ok()?;
            let key = String::from_utf8_lossy(attribute.key.local_name().as_ref()).into_owned();
            attributes.push((
                key,
                attribute.normalized_value(XmlVersion::Explicit1_0).ok()?.into_owned(),
            ));
        }
        Some(Self { ns, name, attributes, ..Self::default() })
    }

    /// Writes a document in a profile's style.
    pub(crate) fn render(&self, style: &Xml) -> String {
        let mut out = String::from("<?xml version=\"1.0\" encoding=\"utf-8\"?>\n");
        self.write(style, true, &mut out);
        out
    }

    fn write(&self, style: &Xml, is_root: bool, out: &mut String) {
        let tag = qualified(&self.ns, &self.name, style.prefixes);
        let _ = write!(out, "<{tag}");
        if is_root {
            declare(style.prefixes, out);
        }
        if prefix(&self.ns, style.prefixes).is_none() {
            let _ = write!(out, " xmlns:x=\"{}\"", escape(&self.ns));
        }
        for (key, value) in &self.attributes {
            let _ = write!(out, " {key}=\"{}\"", escape(value));
        }
        if self.children.is_empty() && self.text.is_empty() {
            out.push_str("/>");
            return;
        }
        out.push('>');
        self.write_text(style, out);
        for child in &self.children {
            child.write(style, false, out);
        }
        let _ = write!(out, "</{tag}>");
    }

    fn write_text(&self, style: &Xml, out: &mut String) {
        let is_kept =
            |c: &char| style.raw_controls || !c.is_control() || matches!(c, '\r' | '\n' | '\t');
        let mut text: String = self.text.chars().filter(is_kept).collect();
        if self.is_body && style.lf {
            text = text.replace("\r\n", "\n");
        }
        if self.is_body && style.cdata {
            let _ = write!(out, "<![CDATA[{}]]>", text.replace("]]>", "]]]]><![CDATA[>"));
        } else {
            out.push_str(&escape(&text));
        }
    }
}

fn named_entity(name: &str) -> Option<char> {
    match name {
        "amp" => Some('&'),
        "lt" => Some('<'),
        "gt" => Some('>'),
        "quot" => Some('"'),
        "apos" => Some('\''),
        _ => None,
    }
}

/// Escapes text; a CR is written as a reference, or XML would swallow it.
pub(crate) fn escape(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
        .replace('"', "&quot;")
        .replace('\r', "&#13;")
}

const SPACES: [&str; 4] = [DAV, CAL, CS, APPLE];

/// The prefix of a known namespace; empty for a default namespace.
fn prefix(ns: &str, style: Prefixes) -> Option<&'static str> {
    let names = match style {
        Prefixes::Lower => ["d", "cal", "cs", "x1"],
        Prefixes::Upper => ["D", "C", "CS", "A"],
        Prefixes::Numbered => ["ns0", "ns1", "ns2", "ns3"],
        Prefixes::Default => ["", "C", "CS", "ICAL"],
    };
    SPACES.iter().zip(names).find(|(known, _)| **known == ns).map(|(_, name)| name)
}

fn qualified(ns: &str, name: &str, style: Prefixes) -> String {
    match prefix(ns, style) {
        Some("") => name.to_owned(),
        Some(prefix) => format!("{prefix}:{name}"),
        None => format!("x:{name}"),
    }
}

fn declare(style: Prefixes, out: &mut String) {
    for ns in SPACES {
        match prefix(ns, style) {
            Some("") => {
                let _ = write!(out, " xmlns=\"{ns}\"");
            }
            Some(prefix) => {
                let _ = write!(out, " xmlns:{prefix}=\"{ns}\"");
            }
            None => {}
        }
    }
}
