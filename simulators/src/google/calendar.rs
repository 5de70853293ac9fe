//! A handle on a calendar: what a test or the control API does there "as the person".

use serde_json::{Value, json};

use super::{
    account::GoogleAccount,
    desk::Desk,
    refusal::Refusal,
    series::Event,
    spec::{GoogleCalendarSpec, Role},
    state::{CalendarState, Google},
    truth,
};

/// A calendar as an account has it in its list.
#[derive(Clone, Debug)]
pub struct GoogleCalendar {
    pub(crate) account: GoogleAccount,
    pub(crate) id: String,
}

type Edited = Result<Value, Refusal>;

fn event(value: Value) -> Event {
    match value {
        Value::Object(fields) => fields,
        _ => Event::new(),
    }
}

impl GoogleCalendar {
    pub fn id(&self) -> &str {
        &self.id
    }

    /// Whose list it is in.
    pub fn account(&self) -> &GoogleAccount {
        &self.account
    }

    /// Does something at the person's own desk, and reads what became of it.
    fn at_desk(&self, act: impl FnOnce(&mut Desk<'_>) -> Result<String, Refusal>) -> Edited {
        self.account.google(|google, now| {
            let mut desk = Desk::of_person(google, &self.account.email, &self.id, now);
            let id = act(&mut desk)?;
            let row = google.calendars.get(&self.id).and_then(|found| found.rows.get(&id));
            Ok(row.map_or(Value::Null, |row| Value::Object(row.event.clone())))
        })
    }

    /// Makes an event.
    ///
    /// # Errors
    ///
    /// When Google would refuse it.
    pub fn insert(&self, body: Value) -> Result<Value, Refusal> {
        self.at_desk(|desk| desk.insert(event(body)))
    }

    /// Changes an event, or one instance of a series by its id.
    ///
    /// # Errors
    ///
    /// When it is not there or Google would refuse the change.
    pub fn patch(&self, id: &str, body: Value) -> Result<Value, Refusal> {
        self.at_desk(|desk| desk.patch(id, &event(body)))
    }

    /// Deletes an event, a series, or one instance by its id.
    ///
    /// # Errors
    ///
    /// When it is not there, or no more.
    pub fn delete(&self, id: &str) -> Result<(), Refusal> {
        self.at_desk(|desk| desk.delete(id).map(|()| id.to_owned())).map(|_| ())
    }

    /// Answers an invitation: `accepted`, `declined`, `tentative` or `needsAction`.
    ///
    /// # Errors
    ///
    /// When it is not there.
    pub fn respond(&self, id: &str, answer: &str) -> Result<Value, Refusal> {
        self.at_desk(|desk| desk.respond(id, answer))
    }

    /// Moves an event or an instance to another time; both ends in RFC 3339.
    ///
    /// # Errors
    ///
    /// When it is not there.
    pub fn reschedule(&self, id: &str, start: &str, end: &str) -> Result<Value, Refusal> {
        let times = json!({ "start": { "dateTime": start }, "end": { "dateTime": end } });
        self.patch(id, times)
    }

    /// Changes a series from one instance on: the old one ends before it, and a new one begins.
    ///
    /// # Errors
    ///
    /// When there is no such instance.
    pub fn split(&self, instance: &str, change: Value) -> Result<Value, Refusal> {
        self.at_desk(|desk| desk.split(instance, &event(change)))
    }

    /// Moves an event to another calendar of the account.
    ///
    /// # Errors
    ///
    /// When it is not there or cannot be moved.
    pub fn move_to(&self, id: &str, destination: &str) -> Result<(), Refusal> {
        let to = GoogleCalendarSpec::new(destination).full_id();
        self.at_desk(|desk| desk.move_to(id, &to)).map(|_| ())
    }

    pub fn get(&self, id: &str) -> Option<Value> {
        self.account.google(|google, now| {
            let kept = google.knobs.deleted_kept_days;
            let row = google.calendars.get(&self.id)?.row(id, kept, now).cloned();
            let row = row.or_else(|| google.synthesised(&self.id, id, now))?;
            Some(Value::Object(row.event))
        })
    }

    /// The events that are not deleted, with exceptions and cancelled instances, by id.
    pub fn events(&self) -> std::collections::BTreeMap<String, Value> {
        self.account.google(|google, _| truth::events(google, &self.id))
    }

    pub fn summary(&self) -> String {
        self.account.google(|google, _| {
            google.calendars.get(&self.id).map(|found| found.summary.clone()).unwrap_or_default()
        })
    }

    pub fn role(&self) -> Option<Role> {
        self.account.google(|google, _| google.role(&self.account.email, &self.id).ok())
    }

    /// Sets what the account may do: cursors die, and a sync of the list does not tell it.
    pub fn set_role(&self, role: Role) {
        self.account.google(|google, _| google.set_role(&self.account.email, &self.id, role));
    }

    /// Every sync token of the calendar answers 410, with or without a reason.
    pub fn expire_sync_tokens(&self, has_reason: bool) {
        self.edit(|calendar| calendar.expire_cursors(!has_reason));
    }

    /// The account loses the calendar.
    pub fn unshare(&self) {
        let (email, id) = (&self.account.email, &self.id);
        self.account.google(|google, now| {
            let status = google.knobs.lost_status;
            google.edit_entry(email, id, now, |entry| entry.lost = Some(status));
        });
    }

    pub fn share_again(&self) {
        let (email, id) = (&self.account.email, &self.id);
        self.account
            .google(|google, now| google.edit_entry(email, id, now, |entry| entry.lost = None));
    }

    /// Hides it in the list, or shows it.
    pub fn hide(&self, hidden: bool) {
        let (email, id) = (&self.account.email, &self.id);
        self.account
            .google(|google, now| google.edit_entry(email, id, now, |entry| entry.hidden = hidden));
    }

    /// Deletes the calendar for everybody.
    pub fn remove(&self) {
        self.account.google(|google, now| google.remove_calendar(&self.id, now));
    }

    /// Another title; a sync of the list does not tell it.
    pub fn rename(&self, summary: &str) {
        self.edit(|calendar| summary.clone_into(&mut calendar.summary));
    }

    /// Another zone: the same dates are other instants, and no event changes.
    pub fn set_time_zone(&self, zone: &str) {
        self.edit(|calendar| calendar.set_zone(zone));
    }

    /// Push is refused from now on, or allowed again.
    pub fn set_watchable(&self, is_watchable: bool) {
        self.edit(|calendar| calendar.unwatchable = !is_watchable);
    }

    fn edit(&self, change: impl FnOnce(&mut CalendarState)) {
        self.account.google(|google, _| google.calendars.get_mut(&self.id).map(change));
    }
}

impl Google {
    pub(crate) fn set_role(&mut self, email: &str, calendar: &str, role: Role) {
        let entry = self.people.get_mut(email).and_then(|person| person.list.get_mut(calendar));
        if let Some(entry) = entry {
            entry.role = role;
        }
        if let Some(found) = self.calendars.get_mut(calendar) {
            found.expire_cursors(false);
        }
    }
}
