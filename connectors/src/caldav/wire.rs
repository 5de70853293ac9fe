//! What a multistatus says, row by row.

use super::tree::{Element, Ns, parse, parse_by_child, unreadable};
use crate::error::Result;

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
    let mut read = Multistatus::default();
    let root = parse_by_child(body, |child| {
        if child.is(Ns::Dav, "response") {
            add_rows(child, &mut read.rows);
        } else if child.is(Ns::Dav, "sync-token") {
            read.sync_token = child.into_trimmed();
        }
    })?;
    if !root.is(Ns::Dav, "multistatus") {
        return Err(unreadable("the reply is no multistatus"));
    }
    Ok(read)
}

/// The names of the preconditions in a `D:error` body, and the hrefs they hold; nothing for other bodies.
pub(super) fn preconditions(body: &[u8]) -> Vec<(String, Vec<String>)> {
    match parse(body) {
        Ok(root) if root.name == "error" => root
            .children
            .into_iter()
            .map(|child| (child.name.clone().into_owned(), child.hrefs()))
            .collect(),
        _ => Vec::new(),
    }
}

/// Adds the rows of one response, which may name several hrefs that share a status.
fn add_rows(response: Element, rows: &mut Vec<Row>) {
    let (mut hrefs, mut status, mut errors, mut properties) = (Vec::new(), None, None, Vec::new());
    for child in response.children {
        if child.is(Ns::Dav, "href") {
            hrefs.extend(child.into_trimmed());
        } else if child.is(Ns::Dav, "propstat") {
            add_properties(child, &mut properties);
        } else if child.is(Ns::Dav, "status") {
            status = status.or_else(|| Some(status_code(&child)));
        } else if child.is(Ns::Dav, "error") {
            errors.get_or_insert_with(|| names(child.children));
        }
    }
    let mut hrefs = hrefs.into_iter();
    let Some(first) = hrefs.next() else { return };
    let (status, errors) = (status.flatten(), errors.unwrap_or_default());
    rows.push(Row { href: first, status, properties, errors });
    rows.extend(hrefs.map(|href| Row { href, status, properties: Vec::new(), errors: Vec::new() }));
}

/// Adds what a propstat holds, if its status is a good one.
fn add_properties(propstat: Element, properties: &mut Vec<Element>) {
    let status = propstat.child(Ns::Dav, "status").and_then(status_code);
    if status.is_some_and(|status| !(200..300).contains(&status)) {
        return;
    }
    for mut prop in propstat.children.into_iter().filter(|child| child.is(Ns::Dav, "prop")) {
        if properties.is_empty() {
            *properties = prop.children;
        } else {
            properties.append(&mut prop.children);
        }
    }
}

fn names(elements: Vec<Element>) -> Vec<String> {
    elements.into_iter().map(|element| element.name.into_owned()).collect()
}

/// The number in `HTTP/1.1 404 Not Found`.
fn status_code(element: &Element) -> Option<u16> {
    element.text.split_ascii_whitespace().nth(1)?.parse().ok()
}
