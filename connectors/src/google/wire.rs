//! Google's JSON, field by field as much of it as is asked for. Borrowed from the body wherever that is possible.

use std::borrow::Cow;

use serde::{
    Deserialize,
    de::{MapAccess, SeqAccess},
};

use crate::{
    error::{Kind, Result},
    lenient::{Flag, Number, Shape, Text, Texts, lenient, object},
};

/// `calendar#events`.
#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct Page<'a> {
    #[serde(borrow)]
    kind: Text<'a>,
    #[serde(borrow)]
    pub(super) time_zone: Text<'a>,
    #[serde(borrow)]
    pub(super) access_role: Text<'a>,
    #[serde(borrow)]
    pub(super) next_page_token: Text<'a>,
    #[serde(borrow)]
    pub(super) next_sync_token: Text<'a>,
    #[serde(borrow)]
    pub(super) items: Option<Vec<Event<'a>>>,
}

/// `calendar#event`.
#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct Event<'a> {
    #[serde(borrow)]
    pub(super) id: Text<'a>,
    #[serde(borrow)]
    pub(super) etag: Text<'a>,
    #[serde(borrow)]
    pub(super) status: Text<'a>,
    #[serde(borrow, rename = "iCalUID")]
    pub(super) uid: Text<'a>,
    #[serde(borrow)]
    pub(super) recurring_event_id: Text<'a>,
    #[serde(borrow)]
    pub(super) original_start_time: Moment<'a>,
    #[serde(borrow)]
    pub(super) start: Moment<'a>,
    #[serde(borrow)]
    pub(super) end: Moment<'a>,
    #[serde(borrow)]
    pub(super) recurrence: Texts<'a>,
    #[serde(borrow)]
    pub(super) transparency: Text<'a>,
    #[serde(borrow)]
    pub(super) event_type: Text<'a>,
    #[serde(borrow)]
    pub(super) attendees: Own<'a>,
    #[serde(borrow)]
    pub(super) extended_properties: Extended<'a>,
    pub(super) sequence: Number,
    #[serde(borrow)]
    pub(super) updated: Text<'a>,
}

/// `EventDateTime`.
#[derive(Debug, Default)]
pub(super) enum Moment<'a> {
    #[default]
    Absent,
    At(When<'a>),
    Odd,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct When<'a> {
    #[serde(borrow)]
    pub(super) date: Text<'a>,
    #[serde(borrow)]
    pub(super) date_time: Text<'a>,
    #[serde(borrow)]
    pub(super) time_zone: Text<'a>,
}

impl<'de> Shape<'de> for Moment<'de> {
    fn odd() -> Self {
        Moment::Odd
    }

    fn object<A: MapAccess<'de>>(from: A) -> Result<Self, A::Error> {
        object(from).map(Moment::At)
    }
}

/// What the account itself has answered, out of all the attendees.
#[derive(Debug, Default)]
pub(super) struct Own<'a>(pub(super) Text<'a>);

#[derive(Debug, Default)]
struct Attendee<'a>(AttendeeParts<'a>);

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct AttendeeParts<'a> {
    #[serde(rename = "self")]
    is_self: Flag,
    #[serde(borrow)]
    response_status: Text<'a>,
}

impl<'de> Shape<'de> for Attendee<'de> {
    fn odd() -> Self {
        Self::default()
    }

    fn object<A: MapAccess<'de>>(from: A) -> Result<Self, A::Error> {
        object(from).map(Self)
    }
}

impl<'de> Shape<'de> for Own<'de> {
    fn odd() -> Self {
        Self::default()
    }

    fn list<A: SeqAccess<'de>>(mut list: A) -> Result<Self, A::Error> {
        let mut own = Self::default();
        while let Some(Attendee(one)) = list.next_element()? {
            if one.is_self.0 {
                own = Self(one.response_status);
            }
        }
        Ok(own)
    }
}

/// What we have written into an event beside the event.
#[derive(Debug, Default)]
pub(super) struct Extended<'a>(pub(super) Private<'a>);

#[derive(Debug, Default)]
pub(super) struct Private<'a>(pub(super) Ours<'a>);

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct Ours<'a> {
    /// The marker.
    #[serde(borrow)]
    pub(super) calhub: Text<'a>,
    /// Whom we have invited ([`super::guests`]).
    #[serde(borrow)]
    pub(super) calhub_guests: Text<'a>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct ExtendedParts<'a> {
    #[serde(borrow)]
    private: Private<'a>,
}

impl<'de> Shape<'de> for Extended<'de> {
    fn odd() -> Self {
        Self::default()
    }

    fn object<A: MapAccess<'de>>(from: A) -> Result<Self, A::Error> {
        let parts: ExtendedParts<'de> = object(from)?;
        Ok(Self(parts.private))
    }
}

impl<'de> Shape<'de> for Private<'de> {
    fn odd() -> Self {
        Self::default()
    }

    fn object<A: MapAccess<'de>>(from: A) -> Result<Self, A::Error> {
        object(from).map(Self)
    }
}

lenient![Moment<'a>, Own<'a>, Attendee<'a>, Extended<'a>, Private<'a>];

/// `calendar#calendarList`.
#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct Calendars<'a> {
    #[serde(borrow)]
    kind: Text<'a>,
    #[serde(borrow)]
    pub(super) next_page_token: Text<'a>,
    #[serde(borrow)]
    pub(super) items: Vec<Calendar<'a>>,
}

/// `calendar#calendarListEntry`.
#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct Calendar<'a> {
    #[serde(borrow)]
    pub(super) id: Text<'a>,
    #[serde(borrow)]
    pub(super) summary: Text<'a>,
    #[serde(borrow)]
    pub(super) summary_override: Text<'a>,
    #[serde(borrow)]
    pub(super) time_zone: Text<'a>,
    #[serde(borrow)]
    pub(super) access_role: Text<'a>,
    pub(super) deleted: Flag,
}

/// `api#channel`.
#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct Channel<'a> {
    #[serde(borrow)]
    pub(super) resource_id: Text<'a>,
    #[serde(borrow)]
    pub(super) expiration: Expiration<'a>,
}

/// Milliseconds, as a text; numbers are understood too.
#[derive(Debug, Default)]
pub(super) struct Expiration<'a>(pub(super) Cow<'a, str>);

impl<'de> Shape<'de> for Expiration<'de> {
    fn odd() -> Self {
        Self::default()
    }

    fn text(text: Cow<'de, str>) -> Self {
        Self(text)
    }

    fn number(number: i64) -> Self {
        Self(Cow::Owned(number.to_string()))
    }
}

lenient![Expiration<'a>];

/// The envelope of a refusal: `{"error": {"errors": [{"reason"}], "status", "details": [{"reason"}]}}`.
#[derive(Debug, Default)]
pub(super) struct Refused<'a>(pub(super) Option<Reasons<'a>>);

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Reasons<'a> {
    #[serde(borrow)]
    pub(super) errors: Because<'a>,
    #[serde(borrow)]
    pub(super) details: Because<'a>,
    #[serde(borrow)]
    pub(super) status: Text<'a>,
}

#[derive(Debug, Default)]
pub(super) struct Because<'a>(pub(super) Vec<Text<'a>>);

#[derive(Debug, Default)]
struct Reason<'a>(Text<'a>);

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct ReasonParts<'a> {
    #[serde(borrow)]
    reason: Text<'a>,
}

impl<'de> Shape<'de> for Refused<'de> {
    fn odd() -> Self {
        Self::default()
    }

    fn object<A: MapAccess<'de>>(from: A) -> Result<Self, A::Error> {
        object(from).map(|reasons| Self(Some(reasons)))
    }
}

impl<'de> Shape<'de> for Reason<'de> {
    fn odd() -> Self {
        Self::default()
    }

    fn object<A: MapAccess<'de>>(from: A) -> Result<Self, A::Error> {
        let parts: ReasonParts<'de> = object(from)?;
        Ok(Self(parts.reason))
    }
}

impl<'de> Shape<'de> for Because<'de> {
    fn odd() -> Self {
        Self::default()
    }

    fn list<A: SeqAccess<'de>>(mut list: A) -> Result<Self, A::Error> {
        let mut reasons = Vec::new();
        while let Some(Reason(reason)) = list.next_element()? {
            if reasons.len() < 10 {
                reasons.push(reason);
            }
        }
        Ok(Self(reasons))
    }
}

lenient![Refused<'a>, Reason<'a>, Because<'a>];

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Envelope<'a> {
    #[serde(borrow)]
    error: Refused<'a>,
}

/// Reads a page of events.
///
/// # Errors
///
/// [`Kind::BadReply`] when it is none: cut, of another kind, or with an event that has no id.
pub(super) fn page(body: &[u8]) -> Result<Page<'_>> {
    let page: Page<'_> = json(body)?;
    let is_page = page.kind.is("calendar#events")
        && page.items.iter().flatten().all(|event| event.id.get().is_some());
    if is_page { Ok(page) } else { Err(not_that("a page of events")) }
}

/// Reads one event.
pub(super) fn event(body: &[u8]) -> Result<Event<'_>> {
    let event: Event<'_> = json(body)?;
    if event.id.get().is_some() { Ok(event) } else { Err(not_that("an event")) }
}

/// Reads a page of calendars.
pub(super) fn calendars(body: &[u8]) -> Result<Calendars<'_>> {
    let page: Calendars<'_> = json(body)?;
    let is_page = page.kind.is("calendar#calendarList")
        && page.items.iter().all(|calendar| calendar.id.get().is_some());
    if is_page { Ok(page) } else { Err(not_that("a list of calendars")) }
}

/// Reads one calendar of the list.
pub(super) fn calendar(body: &[u8]) -> Result<Calendar<'_>> {
    let calendar: Calendar<'_> = json(body)?;
    if calendar.id.get().is_some() { Ok(calendar) } else { Err(not_that("a calendar")) }
}

/// Reads a channel that was opened.
pub(super) fn channel(body: &[u8]) -> Result<Channel<'_>> {
    let channel: Channel<'_> = json(body)?;
    if channel.resource_id.get().is_some() { Ok(channel) } else { Err(not_that("a channel")) }
}

/// The reasons that a refusal states; `None` where it is no refusal of Google's API.
pub(super) fn refused(body: &[u8]) -> Option<Reasons<'_>> {
    json::<Envelope<'_>>(body).ok()?.error.0
}

fn json<'a, T: Deserialize<'a>>(body: &'a [u8]) -> Result<T> {
    let no_json = || Kind::BadReply.error("the reply is no JSON of the kind asked for");
    // What broke it would quote the body.
    let text = std::str::from_utf8(body).map_err(|_| no_json())?;
    serde_json::from_str(text).map_err(|_| no_json())
}

fn not_that(what: &str) -> crate::Error {
    Kind::BadReply.error(format!("the reply is not {what}"))
}
