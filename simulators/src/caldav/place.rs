//! Paths: what they name, and how they are written in an href.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};

use crate::profile::HrefStyle;

/// What a path names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Target {
    /// A context path that belongs to no account.
    Context,
    /// The principal.
    Account,
    Home(u8),
    Collection(String),
    Object(String, String),
    Nowhere,
}

impl Target {
    pub(crate) fn calendar(&self) -> Option<&str> {
        match self {
            Self::Collection(calendar) | Self::Object(calendar, _) => Some(calendar),
            Self::Context | Self::Account | Self::Home(_) | Self::Nowhere => None,
        }
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Place {
    pub(crate) user: Option<String>,
    pub(crate) target: Target,
}

impl Place {
    pub(crate) fn of(path: &str) -> Self {
        let segments: Vec<String> = path
            .split('/')
            .filter(|segment| !segment.is_empty())
            .map(|segment| percent_decode_str(segment).decode_utf8_lossy().into_owned())
            .collect();
        let segments: Vec<&str> = segments.iter().map(String::as_str).collect();
        let below = |user: &str, target| Self { user: Some(user.to_owned()), target };
        match segments.as_slice() {
            [] | ["dav"] | ["dav", _] => Self { user: None, target: Target::Context },
            ["dav", _, user] => below(user, Target::Account),
            ["dav", _, user, "calendars"] => below(user, Target::Home(0)),
            ["dav", _, user, "shared"] => below(user, Target::Home(1)),
            ["dav", _, user, "calendars" | "shared", calendar] => {
                below(user, Target::Collection((*calendar).to_owned()))
            }
            ["dav", _, user, "calendars" | "shared", calendar, name] => {
                below(user, Target::Object((*calendar).to_owned(), (*name).to_owned()))
            }
            ["dav", _, user, ..] => below(user, Target::Nowhere),
            _ => Self { user: None, target: Target::Nowhere },
        }
    }

    /// Reads an href from a request body: a path or an absolute URL.
    pub(crate) fn of_href(href: &str) -> Self {
        let href = href.trim();
        let path = match href.split_once("://") {
            Some((_, rest)) => rest.split_once('/').map_or("/", |(_, path)| path),
            None => href,
        };
        Self::of(path)
    }
}

/// Characters that a path segment may hold unencoded.
const PATH: AsciiSet = NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~')
    .remove(b'/')
    .remove(b'@')
    .remove(b':')
    .remove(b'!')
    .remove(b'$')
    .remove(b'\'')
    .remove(b'(')
    .remove(b')')
    .remove(b'*')
    .remove(b'+')
    .remove(b',')
    .remove(b';')
    .remove(b'=');

const PATH_WITHOUT_AT: AsciiSet = PATH.add(b'@');

/// Writes a decoded path as an href.
pub(crate) fn href(path: &str, style: HrefStyle, origin: &str) -> String {
    let plain = || utf8_percent_encode(path, &PATH).to_string();
    let at = || utf8_percent_encode(path, &PATH_WITHOUT_AT).to_string();
    match style {
        HrefStyle::Plain => plain(),
        HrefStyle::At => at(),
        HrefStyle::LowerHex => lower_hex(&at()),
        HrefStyle::Raw => path.to_owned(),
        HrefStyle::Absolute => format!("{origin}{}", plain()),
    }
}

fn lower_hex(encoded: &str) -> String {
    let mut left = 0;
    encoded
        .chars()
        .map(|c| {
            let is_digit = left > 0;
            left = if c == '%' { 2 } else { i32::max(left - 1, 0) };
            if is_digit { c.to_ascii_lowercase() } else { c }
        })
        .collect()
}
