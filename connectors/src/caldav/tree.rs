//! WebDAV's XML as a small tree, namespaces by URI. Hostile input is expected: no DTD, no entities but the
//! five of XML, and limits on depth, attributes and namespaces.

use std::{borrow::Cow, io::BufRead as _};

use memchr::{memchr, memchr_iter, memchr2, memmem};
use quick_xml::{
    Reader,
    events::{BytesRef, BytesStart, Event},
};

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
    pub(super) name: Cow<'static, str>,
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

    /// As [`Self::trimmed`].
    pub(super) fn into_trimmed(self) -> Option<String> {
        let length = self.trimmed()?.len();
        Some(if length == self.text.len() { self.text } else { self.text.trim().to_owned() })
    }

    /// The `D:href`s directly inside.
    pub(super) fn hrefs(&self) -> Vec<String> {
        self.all(Ns::Dav, "href").filter_map(|href| href.trimmed().map(str::to_owned)).collect()
    }
}

pub(super) fn unreadable(what: &str) -> Error {
    Kind::BadReply.error(what)
}

/// Parses a whole document into a tree.
pub(super) fn parse(body: &[u8]) -> Result<Element> {
    let mut children = Vec::new();
    let root = parse_by_child(body, |child| children.push(child))?;
    Ok(Element { children, ..root })
}

/// Parses a document, giving away each child of its root as soon as it is complete: a long reply need not be
/// held as a tree. Answers the root without them.
///
/// # Errors
///
/// Whatever was given away means nothing then.
pub(super) fn parse_by_child(body: &[u8], mut give: impl FnMut(Element)) -> Result<Element> {
    let clean = without_controls(body);
    let mut reader = Reader::from_str(&clean);
    let mut scopes = Scopes::default();
    let mut open: Vec<Element> = Vec::new();
    let mut root = None;
    loop {
        if let Some(current) = open.last_mut() {
            push_escaped(&mut current.text, text_ahead(&mut reader, &clean))?;
        }
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
                scopes.leave(depth);
                close(leaf, &mut open, &mut root, &mut give)?;
            }
            Event::End(_) => {
                let done = open.pop().ok_or_else(|| unreadable("the reply is no readable XML"))?;
                scopes.leave(open.len());
                close(done, &mut open, &mut root, &mut give)?;
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

/// Takes the text up to the next markup, references and all, past the reader: servers write every line end of
/// a calendar as a reference, and an event for each piece costs more than all the rest. Where no markup
/// follows, the reader shall find out what is wrong.
fn text_ahead<'a>(reader: &mut Reader<&[u8]>, all: &'a str) -> &'a str {
    let mut stream = reader.stream();
    let ahead = all.get(all.len().saturating_sub(stream.get_ref().len())..).unwrap_or_default();
    let Some(text) = memchr(b'<', ahead.as_bytes()).and_then(|length| ahead.get(..length)) else {
        return "";
    };
    stream.consume(text.len());
    text
}

/// Adds text with its references resolved. Space before any text says nothing and is left out.
fn push_escaped(text: &mut String, escaped: &str) -> Result<()> {
    if escaped.is_empty() || (text.is_empty() && escaped.trim_ascii_start().is_empty()) {
        return Ok(());
    }
    text.reserve(escaped.len());
    let mut done = 0;
    for at in memchr_iter(b'&', escaped.as_bytes()) {
        text.push_str(escaped.get(done..at).unwrap_or_default());
        let after = escaped.get(at + 1..).unwrap_or_default();
        // The ends of lines, by far the commonest.
        if after.starts_with("#13;") {
            text.push('\r');
            done = at + 5;
            continue;
        }
        let name = memchr2(b';', b'&', after.as_bytes())
            .filter(|end| after.as_bytes().get(*end) == Some(&b';'))
            .and_then(|end| after.get(..end))
            .ok_or_else(|| unreadable("the reply is no readable XML"))?;
        text.extend(reference(&BytesRef::new(name))?);
        done = at + name.len() + 2;
    }
    text.push_str(escaped.get(done..).unwrap_or_default());
    Ok(())
}

fn push_text(open: &mut [Element], text: &str) {
    if let Some(current) = open.last_mut() {
        current.text.push_str(text);
    }
}

fn close(
    done: Element,
    open: &mut [Element],
    root: &mut Option<Element>,
    give: &mut impl FnMut(Element),
) -> Result<()> {
    match open {
        [_] => give(done),
        [.., parent] => parent.children.push(done),
        [] if root.is_none() => *root = Some(done),
        [] => return Err(unreadable("the reply is no readable XML")),
    }
    Ok(())
}

/// The namespace prefixes in force, innermost last.
#[derive(Debug, Default)]
struct Scopes(Vec<Scope>);

#[derive(Debug)]
struct Scope {
    prefix: String,
    ns: Ns,
    depth: usize,
}

impl Scopes {
    fn declare(&mut self, prefix: &[u8], ns: Ns, depth: usize) {
        let prefix = String::from_utf8_lossy(prefix).into_owned();
        self.0.push(Scope { prefix, ns, depth });
    }

    /// Forgets what was declared at this depth or deeper.
    fn leave(&mut self, depth: usize) {
        while self.0.pop_if(|scope| scope.depth >= depth).is_some() {}
    }

    fn ns(&self, prefix: &str) -> Ns {
        self.0.iter().rev().find(|scope| scope.prefix == prefix).map_or(Ns::Other, |it| it.ns)
    }
}

fn element(tag: &BytesStart<'_>, scopes: &mut Scopes, depth: usize) -> Result<Element> {
    let full = tag.name();
    let full = full.as_ref();
    let mut label = None;
    // Most tags have no attributes.
    if tag.len() > full.len() {
        label = attributes(tag, scopes, depth)?;
    }
    let full = std::str::from_utf8(full).unwrap_or_default();
    let (prefix, name) = full.split_once(':').unwrap_or(("", full));
    let (ns, name) = (scopes.ns(prefix), known_name(name));
    Ok(Element { ns, name, label, text: String::new(), children: Vec::new() })
}

/// Notes the namespaces that a tag declares, and answers its `name`.
fn attributes(tag: &BytesStart<'_>, scopes: &mut Scopes, depth: usize) -> Result<Option<String>> {
    let mut label = None;
    for (count, attribute) in tag.attributes().with_checks(false).enumerate() {
        let attribute = attribute.map_err(|_| unreadable("the reply is no readable XML"))?;
        if count >= MOST_ATTRIBUTES || scopes.0.len() > MOST_NAMESPACES {
            return Err(unreadable("the XML of the reply is beyond its limits"));
        }
        let value = String::from_utf8_lossy(&attribute.value);
        match attribute.key.as_ref() {
            b"xmlns" => scopes.declare(b"", Ns::of(&value), depth),
            b"name" => label = Some(value.into_owned()),
            key => {
                if let Some(prefix) = key.strip_prefix(b"xmlns:") {
                    scopes.declare(prefix, Ns::of(&value), depth);
                }
            }
        }
    }
    Ok(label)
}

/// The names that every row repeats need no copies of their own.
fn known_name(name: &str) -> Cow<'static, str> {
    Cow::Borrowed(match name {
        "response" => "response",
        "href" => "href",
        "propstat" => "propstat",
        "prop" => "prop",
        "getetag" => "getetag",
        "calendar-data" => "calendar-data",
        "status" => "status",
        "resourcetype" => "resourcetype",
        "getcontenttype" => "getcontenttype",
        "collection" => "collection",
        _ => return Cow::Owned(name.to_owned()),
    })
}

/// A character reference, or one of the five entities of XML.
fn reference(name: &BytesRef<'_>) -> Result<Option<char>> {
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
    let text =
        std::str::from_utf8(body).map_or_else(|_| String::from_utf8_lossy(body), Cow::Borrowed);
    // Without a way out inside a chunk, many bytes are looked at in one step.
    let is_suspicious = |byte: u8| byte < b' ' && !matches!(byte, b'\t' | b'\n' | b'\r');
    let has_controls = |chunk: &[u8]| chunk.iter().fold(false, |any, b| any | is_suspicious(*b));
    if !body.chunks(256).any(has_controls)
        && memmem::find(text.as_bytes(), "\u{fffe}".as_bytes()).is_none()
    {
        return text;
    }
    let mut text = text.into_owned();
    text.retain(|character| !is_control(character));
    Cow::Owned(text)
}
