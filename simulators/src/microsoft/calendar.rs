//! A handle on a calendar: what a test or the control API does there "as the person".

use std::collections::BTreeMap;

use jiff::{Timestamp, civil::Date};
use serde_json::{Value, json};

use super::{
    account::MicrosoftAccount,
    desk::Desk,
    id::Id,
    item::{Event, Item},
    refusal::Refusal,
    state::{Calendar, Microsoft},
    truth,
    view::View,
};

/// A calendar of an account. Events are named by their immutable ids; ordinary ones do as well.
#[derive(Clone, Debug)]
pub struct MicrosoftCalendar {
    pub(crate) account: MicrosoftAccount,
    pub(crate) id: String,
}

type Edited = Result<Value, Refusal>;

fn event(value: Value) -> Event {
    match value {
        Value::Object(fields) => fields,
        _ => Event::new(),
    }
}

impl MicrosoftCalendar {
    pub fn id(&self) -> &str {
        &self.id
    }

    /// Does something at the person's own desk, and reads what became of it.
    fn at_desk(&self, act: impl FnOnce(&mut Desk<'_>) -> Result<Id, Refusal>) -> Edited {
        self.account.microsoft(|ms, now| {
            ms.settle(now);
            let id = act(&mut Desk::of_person(ms, &self.account.email, &self.id, now))?;
            Ok(self.read(ms, &id).unwrap_or_default())
        })
    }

    fn read(&self, ms: &Microsoft, id: &Id) -> Option<Value> {
        let person = ms.people.get(&self.account.email)?;
        let item = person.calendars.get(&self.id)?.item(&id.key)?;
        if id.day.is_some_and(|day| !item.has(day)) {
            return None;
        }
        Some(Value::Object(View::of_person().event(item, id.day)))
    }

    /// Makes an event. `id` may name it; `exceptionOccurrences` and `cancelledOccurrences` of a series are taken too.
    ///
    /// # Errors
    ///
    /// When Graph would refuse it.
    pub fn insert(&self, body: Value) -> Edited {
        let body = event(body);
        self.at_desk(|desk| {
            let key = desk.create(&body)?.key;
            desk.depart(&key, &body)?;
            Ok(Id { key, day: None, moves: 0, is_immutable: true })
        })
    }

    /// Changes an event, or one occurrence by its id.
    ///
    /// # Errors
    ///
    /// When it is not there or Graph would refuse the change.
    pub fn patch(&self, id: &str, body: Value) -> Edited {
        let id = Id::parse(id)?;
        self.at_desk(|desk| desk.patch(&id, &event(body)).map(|()| id))
    }

    /// Moves an event or an occurrence to another time, both in UTC without an offset.
    ///
    /// # Errors
    ///
    /// When it is not there.
    pub fn reschedule(&self, id: &str, start: &str, end: &str) -> Edited {
        let at = |text: &str| json!({ "dateTime": text, "timeZone": "UTC" });
        self.patch(id, json!({ "start": at(start), "end": at(end) }))
    }

    /// Deletes an event, a series, or one occurrence by its id.
    ///
    /// # Errors
    ///
    /// When it is not there, or no more.
    pub fn delete(&self, id: &str) -> Result<(), Refusal> {
        let id = Id::parse(id)?;
        self.at_desk(|desk| desk.delete(&id).map(|()| id)).map(|_| ())
    }

    /// Answers an invitation: `accepted`, `tentativelyAccepted` or `declined`.
    ///
    /// # Errors
    ///
    /// When it is not there or the person called the meeting.
    pub fn respond(&self, id: &str, answer: &str) -> Edited {
        let id = Id::parse(id)?;
        self.at_desk(|desk| desk.respond(&id, answer).map(|()| id))
    }

    /// Moves an event to another calendar of the account, by its name or id.
    ///
    /// # Errors
    ///
    /// When either is not there.
    pub fn move_to(&self, id: &str, destination: &str) -> Result<(), Refusal> {
        let id = Id::parse(id)?;
        let there = self.account.calendar(destination).ok_or_else(Refusal::item_not_found)?;
        self.at_desk(|desk| desk.move_to(&id, &there.id).map(|()| id)).map(|_| ())
    }

    /// The changeKey of an event moves by itself, as after a reminder or an answer of somebody.
    pub fn bump(&self, id: &str) {
        self.account.microsoft(|ms, now| {
            let Ok(id) = Id::parse(id) else { return };
            let home = ms.calendar(&self.account.email, Some(&self.id));
            let Some(item) = home.ok().and_then(|home| home.item(&id.key)).cloned() else { return };
            ms.store(&self.account.email, &self.id, item, "updated", now);
        });
    }

    pub fn get(&self, id: &str) -> Option<Value> {
        let id = Id::parse(id).ok()?;
        self.account.microsoft(|ms, _| self.read(ms, &id))
    }

    /// The ordinary id of an event or an occurrence: what clients see who do not ask for immutable ones.
    pub fn ordinary_id(&self, id: &str) -> Option<String> {
        let id = Id::parse(id).ok()?;
        self.account.microsoft(|ms, _| {
            let item =
                ms.people.get(&self.account.email)?.calendars.get(&self.id)?.item(&id.key)?;
            Some(Id { moves: item.moves, is_immutable: false, ..id }.text())
        })
    }

    /// The events and masters with all that they have, by their immutable ids.
    pub fn events(&self) -> BTreeMap<String, Value> {
        self.account.microsoft(|ms, _| {
            let person = ms.people.get(&self.account.email);
            let found = person.and_then(|p| p.calendars.get(&self.id)).map(truth::events);
            found.unwrap_or_default()
        })
    }

    /// What lies in a window, expanded.
    pub fn view(&self, from: Timestamp, to: Timestamp) -> Vec<Value> {
        self.account.microsoft(|ms, _| {
            let Some(person) = ms.people.get(&self.account.email) else { return Vec::new() };
            let Some(calendar) = person.calendars.get(&self.id) else { return Vec::new() };
            let view = View::of_person();
            let rows = |item: &Item| -> Vec<Option<Date>> {
                if item.series.is_some() {
                    return item.occurrences((from, to)).into_iter().map(Some).collect();
                }
                item.span.overlaps((from, to)).then_some(None).into_iter().collect()
            };
            let all =
                calendar.alive().flat_map(|item| rows(item).into_iter().map(move |d| (item, d)));
            let mut found: Vec<_> = all
                .map(|(item, day)| (item.span(day).instants().0, view.event(item, day)))
                .collect();
            found.sort_by_key(|(start, _)| *start);
            found.into_iter().map(|(_, event)| Value::Object(event)).collect()
        })
    }

    pub fn name(&self) -> String {
        self.look(|calendar| calendar.name.clone()).unwrap_or_default()
    }

    /// Another title.
    pub fn rename(&self, name: &str) {
        self.edit(|calendar| name.clone_into(&mut calendar.name));
    }

    /// What the account may do there.
    pub fn set_editable(&self, can_edit: bool) {
        self.edit(|calendar| calendar.can_edit = can_edit);
    }

    /// Every delta link of the calendar answers 410.
    pub fn expire_delta_links(&self) {
        self.edit(|calendar| calendar.generation += 1);
    }

    /// The account loses the calendar: it is listed no more, and answers a status.
    pub fn unshare(&self, status: u16) {
        self.edit(|calendar| calendar.lost = Some(status));
    }

    pub fn share_again(&self) {
        self.edit(|calendar| calendar.lost = None);
    }

    /// The calendar gets another id, as fresh ones sometimes do; the handle goes with it.
    pub fn change_id(&mut self, id: &str) {
        self.account.microsoft(|ms, _| {
            let Some(person) = ms.people.get_mut(&self.account.email) else { return };
            let Some(mut calendar) = person.calendars.remove(&self.id) else { return };
            id.clone_into(&mut calendar.id);
            person.calendars.insert(id.to_owned(), calendar);
        });
        id.clone_into(&mut self.id);
    }

    /// Deletes the calendar with its events.
    pub fn remove(&self) {
        self.account.microsoft(|ms, _| {
            let person = ms.people.get_mut(&self.account.email);
            person.and_then(|person| person.calendars.remove(&self.id))
        });
    }

    fn look<R>(&self, read: impl FnOnce(&Calendar) -> R) -> Option<R> {
        self.account.microsoft(|ms, _| {
            ms.people.get(&self.account.email)?.calendars.get(&self.id).map(read)
        })
    }

    fn edit(&self, change: impl FnOnce(&mut Calendar)) {
        let email = &self.account.email;
        self.account.microsoft(|ms, _| ms.calendar_mut(email, &self.id).map(change));
    }
}

impl Desk<'_> {
    /// Lays exceptions and cancelled occurrences over a series that was just made.
    fn depart(&mut self, key: &str, body: &Event) -> Result<(), Refusal> {
        let list = |name: &str| {
            let told = body.get(name).and_then(Value::as_array);
            told.cloned().unwrap_or_default()
        };
        let named =
            |day: Date| Id { key: key.to_owned(), day: Some(day), moves: 0, is_immutable: true };
        for exception in list("exceptionOccurrences") {
            let exception = event(exception);
            let day = self.day_of(key, &exception).ok_or_else(Refusal::item_not_found)?;
            self.patch(&named(day), &exception)?;
        }
        for cancelled in list("cancelledOccurrences") {
            let day = cancelled.as_str().and_then(|id| id.rsplit('.').next()?.parse().ok());
            self.delete(&named(day.ok_or_else(Refusal::bad_id)?))?;
        }
        Ok(())
    }

    /// The day of the occurrence that an exception replaces.
    fn day_of(&self, key: &str, exception: &Event) -> Option<Date> {
        let text = |name: &str| exception.get(name).and_then(Value::as_str);
        if let Some(day) = text("id").and_then(|id| Id::parse(id).ok()?.day) {
            return Some(day);
        }
        let at: Timestamp = text("originalStart")?.parse().ok()?;
        let home = self.ms.calendar(self.email, Some(&self.calendar)).ok()?;
        let series = home.item(key)?.series.as_ref()?;
        Some(series.zone.zone.to_datetime(at).date())
    }
}
