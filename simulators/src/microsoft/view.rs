//! Events as answers show them.

use jiff::{Timestamp, civil::Date};
use serde_json::{Value, json};

use super::{
    id::Id,
    item::{Event, Item},
    refusal::Refusal,
    when::stamp,
    zones::Zone,
};
use crate::caldav::xml::escape;

/// What an answer is written for.
#[derive(Clone, Debug)]
pub(crate) struct View {
    pub(crate) zone: Zone,
    pub(crate) is_immutable: bool,
    pub(crate) wants_text: bool,
    /// `Calendars.ReadBasic`: no bodies, attachments or extended properties.
    pub(crate) is_basic: bool,
}

impl View {
    /// As the person's handle tells it: UTC and immutable ids.
    pub(crate) fn of_person() -> Self {
        Self { zone: Zone::utc(), is_immutable: true, wants_text: false, is_basic: false }
    }

    pub(crate) fn id(&self, item: &Item, day: Option<Date>) -> String {
        let (key, moves) = (item.key.clone(), item.moves);
        Id { key, day, moves, is_immutable: self.is_immutable }.text()
    }

    /// The row of an occurrence in a delta: nearly nothing.
    pub(crate) fn thin(&self, item: &Item, day: Date) -> Value {
        let (start, end) = item.span(Some(day)).json(&self.zone);
        json!({ "@odata.type": "#microsoft.graph.event", "@odata.etag": item.etag(),
            "id": self.id(item, Some(day)), "seriesMasterId": self.id(item, None),
            "type": "occurrence", "start": start, "end": end })
    }

    pub(crate) fn removed(&self, item: &Item, day: Option<Date>, reason: &str) -> Value {
        json!({ "@odata.type": "#microsoft.graph.event", "id": self.id(item, day),
            "@removed": { "reason": reason } })
    }

    /// The whole event, or one of its occurrences.
    pub(crate) fn event(&self, item: &Item, day: Option<Date>) -> Event {
        let mut event = item.fields(day);
        let change_key = item.change_key(day).to_owned();
        let (start, end) = item.span(day).json(&self.zone);
        let kind = match (day, &item.series) {
            (Some(day), _) if item.exceptions.contains_key(&day) => "exception",
            (Some(_), _) => "occurrence",
            (None, Some(_)) => "seriesMaster",
            (None, None) => "singleInstance",
        };
        let recurrence = item.series.as_ref().filter(|_| day.is_none());
        let id = self.id(item, day);
        let told_zone = |zone: &Zone| item.told_zone.clone().unwrap_or_else(|| zone.name.clone());
        let computed = [
            ("@odata.etag", json!(format!("W/\"{change_key}\""))),
            ("changeKey", json!(change_key)),
            ("createdDateTime", json!(stamp(item.created))),
            ("lastModifiedDateTime", json!(stamp(item.modified))),
            ("originalStartTimeZone", json!(told_zone(&item.zone))),
            ("originalEndTimeZone", json!(told_zone(&item.end_zone))),
            ("iCalUId", json!(uid(item, day))),
            ("type", json!(kind)),
            ("start", start),
            ("end", end),
            ("isAllDay", json!(item.span(day).is_days())),
            ("recurrence", recurrence.map_or(Value::Null, |series| series.recurrence.clone())),
            ("seriesMasterId", day.map_or(Value::Null, |_| json!(self.id(item, None)))),
            (
                "webLink",
                json!(format!(
                    "https://outlook.office365.com/owa/?itemid={id}&path=/calendar/item"
                )),
            ),
            ("id", json!(id)),
        ];
        event.extend(computed.map(|(name, value)| (name.to_owned(), value)));
        if let Some(day) = day {
            let at = item.series.as_ref().map(|series| series.span(day).instants().0);
            event.insert("originalStart".into(), json!(at.map(super::when::instant_text)));
        }
        if let (Some(transaction), None) = (&item.transaction, day) {
            event.insert("transactionId".into(), json!(transaction));
        }
        self.body(&mut event);
        event
    }

    fn body(&self, event: &mut Event) {
        if self.is_basic {
            for name in
                ["body", "bodyPreview", "hasAttachments", "onlineMeeting", "onlineMeetingUrl"]
            {
                event.remove(name);
            }
            return;
        }
        let stored = event.get("body").cloned().unwrap_or_default();
        let field = |name: &str| stored.get(name).and_then(Value::as_str).unwrap_or_default();
        let (kind, content) = (field("contentType"), field("content"));
        let plain = if kind == "html" { without_tags(content) } else { content.to_owned() };
        let preview: String = plain.chars().take(255).collect();
        event.insert("bodyPreview".into(), json!(preview.trim()));
        // The server keeps no plain text: it comes back as a page of its own making.
        let body = match (self.wants_text, kind) {
            (true, _) => json!({ "contentType": "text", "content": plain }),
            (false, "text") if !content.is_empty() => {
                let page = format!(
                    "<html><head>\r\n<meta http-equiv=\"Content-Type\" content=\"text/html; charset=utf-8\"></head>\
                     <body><div class=\"PlainText\">{}</div></body></html>",
                    escape(content)
                );
                json!({ "contentType": "html", "content": page })
            }
            (false, _) => json!({ "contentType": "html", "content": content }),
        };
        event.insert("body".into(), body);
    }
}

/// Every occurrence has one of its own.
fn uid(item: &Item, day: Option<Date>) -> String {
    day.map_or_else(|| item.uid.clone(), |day| format!("{}{}", item.uid, day.strftime("%Y%m%d")))
}

fn without_tags(html: &str) -> String {
    let mut is_tag = false;
    let kept = html.chars().filter(|c| match c {
        '<' => {
            is_tag = true;
            false
        }
        '>' => !std::mem::replace(&mut is_tag, false),
        _ => !is_tag,
    });
    kept.collect()
}

/// Keeps the fields that `$select` names; annotations stay.
pub(crate) fn select(mut event: Event, names: Option<&str>) -> Value {
    if let Some(names) = names.filter(|names| !names.trim().is_empty()) {
        let asked: Vec<&str> = names.split(',').map(str::trim).collect();
        // The zone is not told without what it is the zone of; the id always is.
        event
            .retain(|name, _| name.contains('@') || name == "id" || asked.contains(&name.as_str()));
    }
    Value::Object(event)
}

/// A window of a query.
pub(crate) fn window(
    start: Option<&str>,
    end: Option<&str>,
) -> Result<(Timestamp, Timestamp), Refusal> {
    let (Some(start), Some(end)) = (start, end) else {
        let message = "This request requires a time window specified by the query string parameters StartDateTime and \
                       EndDateTime.";
        return Err(Refusal::invalid(message));
    };
    let read = |text: &str| {
        super::when::window(text)
            .ok_or_else(|| Refusal::invalid("The date and time of the window cannot be read."))
    };
    let (from, to) = (read(start)?, read(end)?);
    if to <= from {
        return Err(Refusal::invalid("The end of the window is not after its start."));
    }
    if to.duration_since(from) > jiff::SignedDuration::from_hours(24 * 1_825) {
        let message = "Your request can't be completed. The range between the start and end dates is greater than the \
                       allowed range. Maximum number of days: 1825";
        return Err(Refusal::invalid(message));
    }
    Ok((from, to))
}
