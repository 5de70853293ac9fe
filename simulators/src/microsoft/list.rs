//! Listings of events: `calendarView`, `events`, `instances`, and one event.

use jiff::{Timestamp, civil::Date};
use serde_json::{Value, json};

use super::{
    filter::{self, Condition, Expand},
    id::Id,
    item::{Event, Item, text},
    refusal::Refusal,
    route::{Answer, Ask, Outcome},
    state::Microsoft,
    view::{self, View},
};

/// How the query wants the rows.
struct Wanted {
    conditions: Vec<Condition>,
    expand: Expand,
    view: View,
}

impl Wanted {
    fn read(ask: &Ask<'_>) -> Result<Self, Refusal> {
        let conditions = ask.query.get("$filter").map(filter::read).transpose()?;
        let expand = ask.query.get("$expand").map(Expand::read).transpose()?;
        let view = ask.view();
        if view.is_basic && expand.as_ref().is_some_and(|expand| !expand.properties.is_empty()) {
            return Err(Refusal::denied());
        }
        Ok(Self {
            conditions: conditions.unwrap_or_default(),
            expand: expand.unwrap_or_default(),
            view,
        })
    }

    fn row(&self, ask: &Ask<'_>, item: &Item, day: Option<Date>) -> Value {
        let mut event = self.view.event(item, day);
        let found = item.properties(day).iter();
        let told: Vec<Value> = found
            .filter(|(id, value)| self.expand.properties.contains(id) && value.is_string())
            .map(|(id, value)| json!({ "id": id, "value": value }))
            .collect();
        let exceptions: Option<Vec<Value>> = self.expand.exceptions.then(|| {
            item.exceptions
                .keys()
                .map(|day| Value::Object(self.view.event(item, Some(*day))))
                .collect()
        });
        let select = ask.query.get("$select");
        let asks =
            |name: &str| select.is_some_and(|names| names.split(',').any(|n| n.trim() == name));
        if asks("cancelledOccurrences") && day.is_none() {
            let master = self.view.id(item, None);
            let ids = item.cancelled.iter().map(|day| json!(format!("OID.{master}.{day}")));
            event.insert("cancelledOccurrences".into(), ids.collect());
        }
        let mut row = view::select(event, select);
        if let Some(fields) = row.as_object_mut() {
            if !told.is_empty() {
                fields.insert("singleValueExtendedProperties".into(), json!(told));
            }
            if let Some(exceptions) = exceptions.filter(|_| day.is_none()) {
                fields.insert("exceptionOccurrences".into(), json!(exceptions));
            }
        }
        row
    }

    fn takes(&self, item: &Item, day: Option<Date>) -> bool {
        if self.conditions.is_empty() {
            return true;
        }
        let plain = View { zone: super::zones::Zone::utc(), ..self.view.clone() };
        let event = std::cell::LazyCell::new(|| plain.event(item, day));
        self.conditions.iter().all(|one| one.holds(|| &event, item.properties(day)))
    }
}

/// A row before it is written: when it starts, and what it is of.
type Place<'a> = (Timestamp, &'a Item, Option<Date>);

impl Microsoft {
    /// `events`: masters and single events.
    pub(crate) fn list_events(&self, ask: &Ask<'_>) -> Outcome {
        let calendar = self.calendar(&ask.mailbox, ask.target.calendar.as_deref())?;
        let wanted = Wanted::read(ask)?;
        let is_search = !wanted.conditions.is_empty();
        let lag = if is_search { self.knobs.list_lag_s } else { 0 };
        let seen = calendar.visible(lag, ask.around.now);
        let all = calendar.alive().filter(|item| item.born <= seen);
        let places = all.map(|item| (item.span.instants().0, item, None)).collect();
        self.listed(ask, &wanted, places)
    }

    /// `calendarView`: what lies in a window, expanded.
    pub(crate) fn list_view(&self, ask: &Ask<'_>) -> Outcome {
        let window = view::window(ask.query.get("startDateTime"), ask.query.get("endDateTime"))?;
        let calendar = self.calendar(&ask.mailbox, ask.target.calendar.as_deref())?;
        let wanted = Wanted::read(ask)?;
        let mut places: Vec<Place<'_>> = Vec::new();
        for item in calendar.alive() {
            if item.series.is_some() {
                places.extend(occurrences(item, window));
            } else if item.span.overlaps(window) {
                places.push((item.span.instants().0, item, None));
            }
        }
        places.sort_by_key(|(start, _, _)| *start);
        self.listed(ask, &wanted, places)
    }

    /// `instances`: the occurrences of a series in a window.
    pub(crate) fn list_instances(&self, ask: &Ask<'_>) -> Outcome {
        let window = view::window(ask.query.get("startDateTime"), ask.query.get("endDateTime"))?;
        let id = ask.event_id()?;
        let home = self.home_of(&ask.mailbox, &id).ok_or_else(Refusal::item_not_found)?;
        let item = home.item(&id.key).ok_or_else(Refusal::item_not_found)?;
        if item.series.is_none() || id.day.is_some() {
            return Err(Refusal::invalid("The event is not the master of a series."));
        }
        let wanted = Wanted::read(ask)?;
        self.listed(ask, &wanted, occurrences(item, window))
    }

    fn listed(&self, ask: &Ask<'_>, wanted: &Wanted, places: Vec<Place<'_>>) -> Outcome {
        let number = |name: &str| match ask.query.get(name) {
            None => Ok(None),
            Some(text) => text
                .parse::<usize>()
                .map(Some)
                .map_err(|_| Refusal::bad(&format!("Invalid value for {name}."))),
        };
        let top = number("$top")?.unwrap_or(10);
        if top == 0 || top > 1_000 {
            return Err(Refusal::invalid("The value of $top is not between 1 and 1000."));
        }
        let skip = number("$skip")?.unwrap_or(0);
        let mut places: Vec<Place<'_>> =
            places.into_iter().filter(|(_, item, day)| wanted.takes(item, *day)).collect();
        order(ask, &mut places)?;
        let size = self.knobs.page_cap.map_or(top, |cap| cap.clamp(1, top));
        let rows = places.iter().skip(skip).take(size);
        let rows: Vec<Value> = rows.map(|(_, item, day)| wanted.row(ask, item, *day)).collect();
        let context = format!("{}/v1.0/$metadata#users('me')/events", ask.around.origin);
        let mut answer = json!({ "@odata.context": context, "value": rows });
        if let Some(fields) = answer.as_object_mut() {
            if ask.query.is("$count") {
                fields.insert("@odata.count".into(), json!(places.len()));
            }
            if places.len() > skip + size {
                fields.insert("@odata.nextLink".into(), json!(next_link(ask, skip + size)));
            }
        }
        Ok(Answer::Json(answer))
    }

    pub(crate) fn get_event(&mut self, ask: &Ask<'_>) -> Outcome {
        let wanted = Wanted::read(ask)?;
        let id = ask.event_id()?;
        let home = self.home_of(&ask.mailbox, &id).ok_or_else(Refusal::item_not_found)?;
        if ask.target.calendar.as_deref().is_some_and(|asked| asked != home.id) {
            return Err(Refusal::item_not_found());
        }
        let item = home.item(&id.key).ok_or_else(Refusal::item_not_found)?;
        Ok(Answer::Json(with_context(ask, wanted.row(ask, item, id.day))))
    }

    /// What a write answers: the event without its extended properties.
    pub(crate) fn written(&self, ask: &Ask<'_>, id: &Id) -> Result<Value, Refusal> {
        let home = self.home_of(&ask.mailbox, id).ok_or_else(Refusal::item_not_found)?;
        let item = home.item(&id.key).ok_or_else(Refusal::item_not_found)?;
        let row = view::select(ask.view().event(item, id.day), ask.query.get("$select"));
        Ok(with_context(ask, row))
    }
}

fn with_context(ask: &Ask<'_>, mut row: Value) -> Value {
    let context = format!("{}/v1.0/$metadata#users('me')/events/$entity", ask.around.origin);
    if let Some(fields) = row.as_object_mut() {
        fields.insert("@odata.context".into(), json!(context));
    }
    row
}

fn occurrences(item: &Item, window: (Timestamp, Timestamp)) -> Vec<Place<'_>> {
    let days = item.occurrences(window).into_iter();
    days.map(|day| (item.span(Some(day)).instants().0, item, Some(day))).collect()
}

fn order(ask: &Ask<'_>, places: &mut [Place<'_>]) -> Result<(), Refusal> {
    let Some(order) = ask.query.get("$orderby") else { return Ok(()) };
    let mut words = order.split_whitespace();
    let (field, is_down) = (words.next().unwrap_or_default(), words.next() == Some("desc"));
    let subject = |item: &Item, day: Option<Date>| -> String {
        let fields: Event = item.fields(day);
        text(&fields, "subject").unwrap_or_default().to_owned()
    };
    match field {
        "start/dateTime" => places.sort_by_key(|(start, _, _)| *start),
        "createdDateTime" => places.sort_by_key(|(_, item, _)| item.created),
        "lastModifiedDateTime" => places.sort_by_key(|(_, item, _)| item.modified),
        "subject" => places.sort_by_cached_key(|(_, item, day)| subject(item, *day)),
        _ => return Err(Refusal::bad(&format!("The events cannot be ordered by {field}."))),
    }
    if is_down {
        places.reverse();
    }
    Ok(())
}

/// The same request, further on.
fn next_link(ask: &Ask<'_>, skip: usize) -> String {
    let query = ask.request.uri().query().unwrap_or_default();
    let is_skip = |pair: &&str| pair.starts_with("$skip=") || pair.starts_with("%24skip=");
    let kept: Vec<&str> =
        query.split('&').filter(|pair| !pair.is_empty() && !is_skip(pair)).collect();
    let joint = if kept.is_empty() { "" } else { "&" };
    format!("{}?{}{joint}$skip={skip}", ask.address(), kept.join("&"))
}
