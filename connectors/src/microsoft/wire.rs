//! Graph's JSON, field by field as much of it as is read. Borrowed from the body wherever that is possible.

use serde::{
    Deserialize,
    de::{MapAccess, SeqAccess},
};

use crate::{
    error::{Kind, Result},
    lenient::{Flag, Shape, Text, lenient, object},
};

/// A page of a collection.
#[derive(Debug, Deserialize)]
pub(super) struct Page<'a, T> {
    #[serde(borrow, default, rename = "@odata.nextLink")]
    pub(super) next: Text<'a>,
    #[serde(borrow, default, rename = "@odata.deltaLink")]
    pub(super) delta: Text<'a>,
    pub(super) value: Option<Vec<T>>,
}

/// `event`, whole, thin, or removed.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct Event<'a> {
    #[serde(borrow)]
    pub(super) id: Text<'a>,
    #[serde(borrow, rename = "@odata.etag")]
    pub(super) etag: Text<'a>,
    #[serde(rename = "@removed")]
    pub(super) removed: There,
    #[serde(borrow, rename = "type")]
    pub(super) kind: Text<'a>,
    #[serde(borrow)]
    pub(super) series_master_id: Text<'a>,
    #[serde(borrow, rename = "iCalUId")]
    pub(super) uid: Text<'a>,
    #[serde(borrow)]
    pub(super) transaction_id: Text<'a>,
    #[serde(borrow)]
    pub(super) start: Moment<'a>,
    #[serde(borrow)]
    pub(super) end: Moment<'a>,
    #[serde(borrow)]
    pub(super) original_start: Text<'a>,
    pub(super) is_all_day: Flag,
    pub(super) is_cancelled: Flag,
    pub(super) is_organizer: Flag,
    #[serde(borrow)]
    pub(super) show_as: Text<'a>,
    #[serde(borrow)]
    pub(super) response_status: Answer<'a>,
    #[serde(borrow)]
    pub(super) last_modified_date_time: Text<'a>,
    #[serde(borrow)]
    pub(super) single_value_extended_properties: Properties<'a>,
}

impl Event<'_> {
    /// Keeps it beyond the body that it came in.
    pub(super) fn into_owned(self) -> Event<'static> {
        Event {
            id: self.id.into_owned(),
            etag: self.etag.into_owned(),
            removed: self.removed,
            kind: self.kind.into_owned(),
            series_master_id: self.series_master_id.into_owned(),
            uid: self.uid.into_owned(),
            transaction_id: self.transaction_id.into_owned(),
            start: self.start.into_owned(),
            end: self.end.into_owned(),
            original_start: self.original_start.into_owned(),
            is_all_day: self.is_all_day,
            is_cancelled: self.is_cancelled,
            is_organizer: self.is_organizer,
            show_as: self.show_as.into_owned(),
            response_status: Answer(self.response_status.0.into_owned()),
            last_modified_date_time: self.last_modified_date_time.into_owned(),
            single_value_extended_properties: Properties::default(),
        }
    }
}

/// Whether something stands there at all.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct There(pub(super) bool);

impl<'de> Shape<'de> for There {
    fn odd() -> Self {
        There(true)
    }
}

/// `dateTimeTimeZone`.
#[derive(Clone, Debug, Default)]
pub(super) enum Moment<'a> {
    #[default]
    Absent,
    At(When<'a>),
    Odd,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct When<'a> {
    #[serde(borrow)]
    pub(super) date_time: Text<'a>,
    #[serde(borrow)]
    pub(super) time_zone: Text<'a>,
}

impl Moment<'_> {
    fn into_owned(self) -> Moment<'static> {
        match self {
            Moment::Absent => Moment::Absent,
            Moment::Odd => Moment::Odd,
            Moment::At(When { date_time, time_zone }) => Moment::At(When {
                date_time: date_time.into_owned(),
                time_zone: time_zone.into_owned(),
            }),
        }
    }
}

impl<'de> Shape<'de> for Moment<'de> {
    fn odd() -> Self {
        Moment::Odd
    }

    fn object<A: MapAccess<'de>>(from: A) -> Result<Self, A::Error> {
        object(from).map(Moment::At)
    }
}

/// `responseStatus`: what the account itself has answered.
#[derive(Clone, Debug, Default)]
pub(super) struct Answer<'a>(pub(super) Text<'a>);

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct AnswerParts<'a> {
    #[serde(borrow)]
    response: Text<'a>,
}

impl<'de> Shape<'de> for Answer<'de> {
    fn odd() -> Self {
        Self::default()
    }

    fn object<A: MapAccess<'de>>(from: A) -> Result<Self, A::Error> {
        let parts: AnswerParts<'de> = object(from)?;
        Ok(Self(parts.response))
    }
}

/// `singleValueExtendedProperties`, as far as they were asked for.
#[derive(Clone, Debug, Default)]
pub(super) struct Properties<'a>(Vec<Property<'a>>);

#[derive(Clone, Debug, Default)]
struct Property<'a>(PropertyParts<'a>);

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
struct PropertyParts<'a> {
    #[serde(borrow)]
    id: Text<'a>,
    #[serde(borrow)]
    value: Text<'a>,
}

impl Properties<'_> {
    /// Servers spell the GUID of an id in letters of either size; its name counts letter by letter.
    pub(super) fn get(&self, id: &str) -> Option<&str> {
        let name = |id: &str| id.rsplit_once(" Name ").map(|(_, name)| name.to_owned());
        let is_it = |it: &&Property<'_>| {
            it.0.id.get().is_some_and(|it| it.eq_ignore_ascii_case(id) && name(it) == name(id))
        };
        self.0.iter().find(is_it)?.0.value.get()
    }
}

impl<'de> Shape<'de> for Property<'de> {
    fn odd() -> Self {
        Self::default()
    }

    fn object<A: MapAccess<'de>>(from: A) -> Result<Self, A::Error> {
        object(from).map(Self)
    }
}

impl<'de> Shape<'de> for Properties<'de> {
    fn odd() -> Self {
        Self::default()
    }

    fn list<A: SeqAccess<'de>>(mut list: A) -> Result<Self, A::Error> {
        let mut all = Vec::new();
        while let Some(one) = list.next_element()? {
            if all.len() < 10 {
                all.push(one);
            }
        }
        Ok(Self(all))
    }
}

/// `calendar`.
#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct Calendar<'a> {
    #[serde(borrow)]
    pub(super) id: Text<'a>,
    #[serde(borrow)]
    pub(super) name: Text<'a>,
    pub(super) can_edit: Flag,
    #[serde(borrow)]
    pub(super) owner: Owner<'a>,
}

#[derive(Clone, Debug, Default)]
pub(super) struct Owner<'a>(pub(super) Address<'a>);

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Address<'a> {
    #[serde(borrow)]
    pub(super) address: Text<'a>,
}

impl<'de> Shape<'de> for Owner<'de> {
    fn odd() -> Self {
        Self::default()
    }

    fn object<A: MapAccess<'de>>(from: A) -> Result<Self, A::Error> {
        object(from).map(Self)
    }
}

/// `mailboxSettings`.
#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct Mailbox<'a> {
    #[serde(borrow)]
    pub(super) time_zone: Text<'a>,
}

/// `subscription`.
#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct Subscription<'a> {
    #[serde(borrow)]
    pub(super) id: Text<'a>,
    #[serde(borrow)]
    pub(super) resource: Text<'a>,
    #[serde(borrow)]
    pub(super) notification_url: Text<'a>,
    #[serde(borrow)]
    pub(super) expiration_date_time: Text<'a>,
}

/// The envelope of a refusal: `{"error": {"code", "message", "innerError": {"code"}}}`.
#[derive(Debug, Default)]
pub(super) struct Refused<'a>(pub(super) Option<Reason<'a>>);

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Reason<'a> {
    #[serde(borrow)]
    pub(super) code: Text<'a>,
    #[serde(borrow)]
    pub(super) message: Text<'a>,
    #[serde(borrow, rename = "innerError", alias = "innererror")]
    pub(super) inner: Inner<'a>,
}

#[derive(Debug, Default)]
pub(super) struct Inner<'a>(pub(super) Text<'a>);

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct InnerParts<'a> {
    #[serde(borrow)]
    code: Text<'a>,
}

impl<'de> Shape<'de> for Refused<'de> {
    fn odd() -> Self {
        Self::default()
    }

    fn object<A: MapAccess<'de>>(from: A) -> Result<Self, A::Error> {
        object(from).map(|reason| Self(Some(reason)))
    }
}

impl<'de> Shape<'de> for Inner<'de> {
    fn odd() -> Self {
        Self::default()
    }

    fn object<A: MapAccess<'de>>(from: A) -> Result<Self, A::Error> {
        let parts: InnerParts<'de> = object(from)?;
        Ok(Self(parts.code))
    }
}

lenient![
    Moment<'a>,
    Answer<'a>,
    Property<'a>,
    Properties<'a>,
    Owner<'a>,
    Refused<'a>,
    Inner<'a>,
    There,
];

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
pub(super) fn events(body: &[u8]) -> Result<Page<'_, Event<'_>>> {
    page(body, "a page of events", |event: &Event<'_>| &event.id)
}

/// Reads one event.
pub(super) fn event(body: &[u8]) -> Result<Event<'_>> {
    one(body, "an event", |event: &Event<'_>| &event.id)
}

/// Reads a page of calendars.
pub(super) fn calendars(body: &[u8]) -> Result<Page<'_, Calendar<'_>>> {
    page(body, "a list of calendars", |calendar: &Calendar<'_>| &calendar.id)
}

/// Reads one calendar.
pub(super) fn calendar(body: &[u8]) -> Result<Calendar<'_>> {
    one(body, "a calendar", |calendar: &Calendar<'_>| &calendar.id)
}

/// Reads what a mailbox is set to.
pub(super) fn mailbox(body: &[u8]) -> Result<Mailbox<'_>> {
    json(body)
}

/// Reads a page of subscriptions.
pub(super) fn subscriptions(body: &[u8]) -> Result<Page<'_, Subscription<'_>>> {
    page(body, "a list of subscriptions", |it: &Subscription<'_>| &it.id)
}

/// Reads one subscription.
pub(super) fn subscription(body: &[u8]) -> Result<Subscription<'_>> {
    one(body, "a subscription", |it: &Subscription<'_>| &it.id)
}

/// Why something was refused; `None` where it is no refusal of Graph's.
pub(super) fn refused(body: &[u8]) -> Option<Reason<'_>> {
    json::<Envelope<'_>>(body).ok()?.error.0
}

fn page<'a, T: Deserialize<'a>>(
    body: &'a [u8],
    what: &str,
    id: impl Fn(&T) -> &Text<'a>,
) -> Result<Page<'a, T>> {
    let page: Page<'a, T> = json(body)?;
    let is_page =
        page.value.as_ref().is_some_and(|rows| rows.iter().all(|row| id(row).get().is_some()));
    if is_page { Ok(page) } else { Err(not_that(what)) }
}

fn one<'a, T: Deserialize<'a>>(
    body: &'a [u8],
    what: &str,
    id: impl Fn(&T) -> &Text<'a>,
) -> Result<T> {
    let it: T = json(body)?;
    if id(&it).get().is_some() { Ok(it) } else { Err(not_that(what)) }
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
