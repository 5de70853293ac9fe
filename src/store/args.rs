//! What statements are given: the few shapes that both engines take.

use std::{borrow::Cow, time::Duration};

use jiff::Timestamp;
use serde::Serialize;

use super::Sealed;
use crate::model::{
    ids::{
        BookingId, CalendarId, ChangeId, ChannelId, ConflictId, ConnectionId, FeedId, HoldId,
        KeyId, LinkSessionId, ResourceId, TenantId,
    },
    states::{Access, ConnectionState, InitialSync, Provider, PushState},
};

/// One parameter of a statement.
#[derive(Debug)]
pub(super) enum Arg<'a> {
    Text(Option<Cow<'a, str>>),
    Int(Option<i64>),
    Bytes(Option<&'a [u8]>),
    Bool(bool),
}

/// PostgreSQL can store no NUL in text, and hostile calendars hold some; they become U+FFFD.
pub(super) fn storable(text: &str) -> Cow<'_, str> {
    if text.contains('\0') { text.replace('\0', "\u{fffd}").into() } else { text.into() }
}

/// A length of time in the microseconds of stored instants.
pub(super) fn micros(span: Duration) -> i64 {
    i64::try_from(span.as_micros()).unwrap_or(i64::MAX / 4)
}

/// The one JSON array that a bulk statement takes.
pub(super) fn json_array<T: Serialize>(rows: &[T]) -> String {
    serde_json::to_string(rows).expect("plain structs with string keys always serialise")
}

impl<'a> From<&'a str> for Arg<'a> {
    fn from(text: &'a str) -> Self {
        Self::Text(Some(storable(text)))
    }
}

impl<'a> From<&'a String> for Arg<'a> {
    fn from(text: &'a String) -> Self {
        text.as_str().into()
    }
}

impl From<String> for Arg<'_> {
    fn from(text: String) -> Self {
        Self::Text(Some(storable(&text).into_owned().into()))
    }
}

impl<'a> From<Option<&'a str>> for Arg<'a> {
    fn from(text: Option<&'a str>) -> Self {
        Self::Text(text.map(storable))
    }
}

impl From<i64> for Arg<'_> {
    fn from(number: i64) -> Self {
        Self::Int(Some(number))
    }
}

impl From<Option<i64>> for Arg<'_> {
    fn from(number: Option<i64>) -> Self {
        Self::Int(number)
    }
}

impl From<bool> for Arg<'_> {
    fn from(flag: bool) -> Self {
        Self::Bool(flag)
    }
}

impl<'a> From<&'a [u8]> for Arg<'a> {
    fn from(bytes: &'a [u8]) -> Self {
        Self::Bytes(Some(bytes))
    }
}

impl<'a> From<Option<&'a [u8]>> for Arg<'a> {
    fn from(bytes: Option<&'a [u8]>) -> Self {
        Self::Bytes(bytes)
    }
}

impl<'a> From<&'a Sealed> for Arg<'a> {
    fn from(sealed: &'a Sealed) -> Self {
        sealed.as_bytes().into()
    }
}

impl From<Timestamp> for Arg<'_> {
    fn from(at: Timestamp) -> Self {
        Self::Int(Some(at.as_microsecond()))
    }
}

impl From<Option<Timestamp>> for Arg<'_> {
    fn from(at: Option<Timestamp>) -> Self {
        Self::Int(at.map(Timestamp::as_microsecond))
    }
}

impl From<Duration> for Arg<'_> {
    fn from(length: Duration) -> Self {
        Self::Int(Some(i64::try_from(length.as_secs()).unwrap_or(i64::MAX)))
    }
}

impl From<&serde_json::Value> for Arg<'_> {
    fn from(value: &serde_json::Value) -> Self {
        value.to_string().into()
    }
}

impl From<Option<&serde_json::Value>> for Arg<'_> {
    fn from(value: Option<&serde_json::Value>) -> Self {
        value.map_or(Self::Text(None), Self::from)
    }
}

impl From<&[ResourceId]> for Arg<'_> {
    fn from(ids: &[ResourceId]) -> Self {
        Self::Text(Some(json_array(ids).into()))
    }
}

macro_rules! text_arg {
    ($($name:ty),*) => {$(
        impl<'a> From<&'a $name> for Arg<'a> {
            fn from(it: &'a $name) -> Self {
                it.as_str().into()
            }
        }

        impl<'a> From<Option<&'a $name>> for Arg<'a> {
            fn from(it: Option<&'a $name>) -> Self {
                it.map(|it| it.as_str()).into()
            }
        }
    )*};
}
text_arg!(
    TenantId,
    KeyId,
    ConnectionId,
    CalendarId,
    ResourceId,
    HoldId,
    BookingId,
    ConflictId,
    FeedId,
    LinkSessionId,
    ChangeId,
    Provider,
    ConnectionState,
    Access,
    InitialSync,
    PushState,
    ChannelId
);
