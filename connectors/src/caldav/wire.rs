//! WebDAV's XML as a small tree, namespaces by URI. Hostile input is expected: no DTD, no entities but the
//! five of XML, and limits on depth, attributes and namespaces.

use std::borrow::Cow;

use quick_xml::{Reader, events::BytesStart, events::Event};

use crate::error::{Error, Kind, Result};

const MOST_ATTRIBUTES: usize = 64;
const MOST_NAMESPACES: usize = 32;
const MOST_DEPTH: usize = 64;

/// The namespaces that mean something here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ns {
    Dav,
    CalDav,
    CalendarServer,
    Other,
}

impl Ns {
    fn of(uri: &str) -> Self {
        match uri {
            "DAV:" => Ns::Dav,
            "urn:ietf:params:xml:ns:caldav" => Ns::CalDav,
            "http://calendarserver.org/ns/" => Ns::CalendarServer,
            _ => Ns::Other,
        }
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Element {
    pub(super) ns: Ns,
    pub(super) name: String,
    /// The `name` attribute, the only one CalDAV replies use.
    pub(super) label: Option<String>,
    pub(super) text: String,
    pub(super) children: Vec<Element>,
}

impl Element {
    pub(super) fn is(&self, ns: Ns, name: &str) -> bool {
        self.ns == ns && self.name == name
    }

    pub(super) fn child(&self, ns: Ns, name: &str) -> Option<&Element> {
        self.all(ns, name).next()
    }

    pub(super) fn all(&self, ns: Ns, name: &str) -> impl Iterator<Item = &Element> {
        self.children.iter().filter(move |child| child.is(ns, name))
    }

    /// Its text without surrounding space, unless that leaves nothing.
    pub(super) fn trimmed(&self) -> Option<&str> {
        Some(self.text.trim()).filter(|text| !text.is_empty())
    }

    /// The `D:href`s directly inside.
    pub(super) fn hrefs(&self) -> Vec<String> {
        self.all(Ns::Dav, "href").filter_map(|href| href.trimmed().map(str::to_owned)).collect()
    }
}

/// One `D:response` of a multistatus.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Row {
    /// As written; compare only after [`super::href::normalise`].
    pub(super) href: String,
    /// The row's own status, where it has one instead of propstats.
    pub(super) status: Option<u16>,
    /// Properties of 2xx propstats.
    pub(super) properties: Vec<Element>,
    /// Names of the preconditions in the row's `D:error`.
    pub(super) errors: Vec<String>,
}

impl Row {
    pub(super) fn property(&self, ns: Ns, name: &str) -> Option<&Element> {
        self.properties.iter().find(|property| property.is(ns, name))
    }

    pub(super) fn text(&self, ns: Ns, name: &str) -> Option<&str> {
        self.property(ns, name)?.trimmed()
    }
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Multistatus {
    pub(super) rows: Vec<Row>,
    pub(super) sync_token: Option<String>,
}

/// Reads a multistatus.
///
/// # Errors
///
/// [`Kind::BadReply`] for anything else, and for one that ends too early.
pub(super) fn multistatus(body: &[u8]) -> Result<Multistatus> {
    let root = parse(body)?;
    if !root.is(Ns::Dav, "multistatus") {
        return Err(unreadable("the reply is no multistatus"));
    }
    let mut read = Multistatus::default();
    for child in root.children {
        if child.is(Ns::Dav, "response") {
            read.rows.extend(rows(child));
        } else if child.is(Ns::Dav, "sync-token") {
            read.sync_token = child.trimmed().map(str::to_owned);
        }
    }
    Ok(read)
}

/// The names of the preconditions in a `D:error` body, and the hrefs they hold; nothing for other bodies.
pub(super) fn preconditions(body: &[u8]) -> Vec<(String, Vec<String>)> {
    match parse(body) {
        Ok(root) if root.name == "error" => {
            root.children.into_iter().map(|child| (child.name.clone(), child.hrefs())).collect()
        }
        _ => Vec::new(),
    }
}

/// One response may name several hrefs that share a status.
fn rows(response: Element) -> Vec<Row> {
    let hrefs = response.hrefs();
    let status = response.child(Ns::Dav, "status").and_then(status_code);
    let errors = response
        .child(Ns::Dav, "error")
        .map(|error| error.children.iter().map(|child| child.name.clone()).collect())
        .unwrap_or_default();
    let mut properties = Vec::new();
    for propstat in response.children.into_iter().filter(|child| child.is(Ns::Dav, "propstat")) {
        let good = propstat
            .child(Ns::Dav, "status")
            .and_then(status_code)
            .is_none_or(|status| (200..300).contains(&status));
        if good {
            let props = propstat.children.into_iter().filter(|child| child.is(Ns::Dav, "prop"));
            properties.extend(props.flat_map(|prop| prop.children));
        }
    }
    let mut hrefs = hrefs.into_iter();
    let Some(first) = hrefs.next() else { return Vec::new() };
    let mut rows = vec![Row { href: first, status, properties, errors }];
    rows.extend(hrefs.map(|href| Row { href, status, properties: Vec::new(), errors: Vec::new() }));
    rows
}

/// The number in `HTTP/1.1 404 Not Found`.
fn status_code(element: &Element) -> Option<u16> {
    element.text.split_ascii_whitespace().nth(1)?.parse().ok()
}

fn unreadable(what: &str) -> Error {
    Kind::BadReply.error(what)
}

/// Parses a whole document into a tree.
pub(super) fn parse(body: &[u8]) -> Result<Element> {
    let clean = without_controls(body);
    let mut reader = Reader::from_str(&clean);
    let mut scopes: Vec<(String, Ns, usize)> = Vec::new();
    let mut open: Vec<Element> = Vec::new();
    let mut root = None;
    loop {
        let event = reader
            .read_event()
            .map_err(|error| unreadable("the reply is no readable XML").caused_by(error))?;
        match event {
            Event::Start(tag) => {
                if open.len() >= MOST_DEPTH || root.is_some() {
                    return Err(unreadable("the XML of the reply is beyond its limits"));
                }
                open.push(element(&tag, &mut scopes, open.len())?);
            }
            Event::Empty(tag) => {
                let depth = open.len();
                let leaf = element(&tag, &mut scopes, depth)?;
                scopes.retain(|(_, _, at)| *at < depth);
                close(leaf, &mut open, &mut root)?;
            }
            Event::End(_) => {
                let done = open.pop().ok_or_else(|| unreadable("the reply is no readable XML"))?;
                scopes.retain(|(_, _, at)| *at < open.len());
                close(done, &mut open, &mut root)?;
            }
            Event::Text(text) => push_text(&mut open, &text.decode().unwrap_or_default()),
            Event::CData(text) => push_text(&mut open, &text.decode().unwrap_or_default()),
            Event::GeneralRef(name) => {
                if let (Some(character), Some(current)) = (reference(&name)?, open.last_mut()) {
                    current.text.push(character);
                }
            }
            Event::DocType(_) => return Err(unreadable("the reply declares a document type")),
            Event::Decl(_) | Event::PI(_) | Event::Comment(_) => {}
            Event::Eof => break,
        }
    }
    root.filter(|_| open.is_empty()).ok_or_else(|| unreadable("the XML of the reply is cut short"))
}

fn push_text(open: &mut [Element], text: &str) {
    if let Some(current) = open.last_mut() {
        current.text.push_str(text);
    }
}

fn close(done: Element, open: &mut [Element], root: &mut Option<Element>) -> Result<()> {
    match open.last_mut() {
        Some(parent) => parent.children.push(done),
        None if root.is_none() => *root = Some(done),
        None => return Err(unreadable("the reply is no readable XML")),
    }
    Ok(())
}

fn element(
    tag: &BytesStart<'_>,
    scopes: &mut Vec<(String, Ns, usize)>,
    depth: usize,
) -> Result<Element> {
    let mut label = None;
    for (count, attribute) in tag.attributes().with_checks(false).enumerate() {
        let attribute = attribute.map_err(|_| unreadable("the reply is no readable XML"))?;
        if count >= MOST_ATTRIBUTES || scopes.len() > MOST_NAMESPACES {
            return Err(unreadable("the XML of the reply is beyond its limits"));
        }
        let value = String::from_utf8_lossy(&attribute.value);
        match attribute.key.as_ref() {
            b"xmlns" => scopes.push((String::new(), Ns::of(&value), depth)),
            b"name" => label = Some(value.into_owned()),
            key => {
                if let Some(prefix) = key.strip_prefix(b"xmlns:") {
                    let prefix = String::from_utf8_lossy(prefix).into_owned();
                    scopes.push((prefix, Ns::of(&value), depth));
                }
            }
        }
    }
    let full = tag.name();
    let full = String::from_utf8_lossy(full.as_ref());
    let (prefix, name) = full.split_once(':').unwrap_or(("", &full));
    let ns = scopes
        .iter()
        .rev()
        .find(|(known, _, _)| known == prefix)
        .map_or(Ns::Other, |(_, ns, _)| *ns);
    Ok(Element { ns, name: name.to_owned(), label, text: String::new(), children: Vec::new() })
}

/// A character reference, or one of the five entities of XML.
fn reference(name: &quick_xml::events::BytesRef<'_>) -> Result<Option<char>> {
    let undeclared = || unreadable("the reply uses an undeclared entity");
    if name.is_char_ref() {
        // A control character by number is dropped like one by itself.
        let character = name.resolve_char_ref().ok().flatten();
        return Ok(character.filter(|it| !is_control(*it)));
    }
    match name.decode().map_err(|_| undeclared())?.as_ref() {
        "amp" => Ok(Some('&')),
        "lt" => Ok(Some('<')),
        "gt" => Ok(Some('>')),
        "quot" => Ok(Some('"')),
        "apos" => Ok(Some('\'')),
        _ => Err(undeclared()),
    }
}

fn is_control(character: char) -> bool {
    (character < ' ' && !matches!(character, '\t' | '\n' | '\r')) || character == '\u{fffe}'
}

/// Servers echo the control characters of a title; XML 1.0 allows none of them.
fn without_controls(body: &[u8]) -> Cow<'_, str> {
    let body = body.strip_prefix(b"\xef\xbb\xbf").unwrap_or(body);
    let text = String::from_utf8_lossy(body);
    // Without a way out inside a chunk, many bytes are looked at in one step.
    let is_suspicious = |byte: u8| byte < b' ' && !matches!(byte, b'\t' | b'\n' | b'\r');
    let has_controls = |chunk: &[u8]| chunk.iter().fold(false, |any, b| any | is_suspicious(*b));
    if !body.chunks(256).any(has_controls) && !text.contains('\u{fffe}') {
        return text;
    }
    let mut text = text.into_owned();
    text.retain(|character| !is_control(character));
    Cow::Owned(text)
}
