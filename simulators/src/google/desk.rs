//! Writing: insert, import, update and patch; by a client of the API, or by the person.

use jiff::Timestamp;
use serde_json::{Value, json};

use super::{
    conference,
    draft::{self, Place, SERVERS_OWN},
    refusal::Refusal,
    series::{Event, split_id},
    spec::Role,
    state::{Google, Row, text},
    view,
};

/// Who writes where, and how.
#[derive(Debug)]
pub(crate) struct Desk<'a> {
    pub(crate) google: &'a mut Google,
    pub(crate) now: Timestamp,
    pub(crate) email: &'a str,
    pub(crate) calendar: &'a str,
    /// The person in Google's own program; no preconditions, no roles.
    pub(crate) is_person: bool,
    pub(crate) role: Role,
    pub(crate) if_match: Option<&'a str>,
    pub(crate) takes_conferences: bool,
    pub(crate) takes_attachments: bool,
    /// `all`, `externalOnly` or `none`.
    pub(crate) send_updates: &'a str,
}

/// An event that a write is about: a row, or an instance that only its master tells of.
pub(crate) struct Found {
    pub(crate) row: Row,
    is_row: bool,
}

pub(crate) type Written = Result<String, Refusal>;

impl Desk<'_> {
    pub(crate) fn may_write(&mut self) -> Result<(), Refusal> {
        if self.is_person {
            return Ok(());
        }
        if self.role < Role::WriterWithoutPrivateAccess {
            return Err(Refusal::access_level());
        }
        self.google.count_write(self.calendar, self.now)
    }

    fn place(&self, takes_attachments: bool) -> Result<Place<'_>, Refusal> {
        let calendar = self.google.calendars.get(self.calendar).ok_or_else(Refusal::not_found)?;
        Ok(Place {
            calendar,
            knobs: &self.google.knobs,
            is_person: self.is_person,
            takes_attachments,
        })
    }

    fn settled(&self, event: Event) -> Result<Event, Refusal> {
        draft::settled(event, &self.place(self.takes_attachments)?)
    }

    fn row(&self, id: &str) -> Option<&Row> {
        let kept = self.google.knobs.deleted_kept_days;
        self.google.calendars.get(self.calendar)?.row(id, kept, self.now)
    }

    /// Inserts an event and returns its id.
    pub(crate) fn insert(&mut self, mut event: Event) -> Written {
        self.may_write()?;
        let told = text(&event, "id").map(str::to_owned);
        if told.is_some() && event.contains_key("iCalUID") && !self.is_person {
            return Err(Refusal::invalid("Only one of id and iCalUID may be given."));
        }
        if !self.is_person && told.as_deref().is_some_and(|id| !draft::is_id(id)) {
            return Err(Refusal::invalid("Invalid resource id value."));
        }
        let is_taken = told.as_deref().is_some_and(|id| self.row(id).is_some());
        if is_taken && !self.google.knobs.duplicates_undetected {
            return Err(Refusal::duplicate());
        }
        let id = match told {
            Some(id) if !is_taken => id,
            _ => self.fresh_id(),
        };
        let uid = text(&event, "iCalUID").map_or_else(|| format!("{id}@google.com"), str::to_owned);
        let organizer = if self.is_person { event.get("organizer").cloned() } else { None };
        self.strip(&mut event);
        self.found(&mut event, &id, &uid, organizer)?;
        if text(&event, "eventType") == Some("fromGmail") && !self.is_person {
            return Err(Refusal::invalid("Events from Gmail cannot be created."));
        }
        self.keep(&id, event, None)
    }

    fn fresh_id(&mut self) -> String {
        let secret = self.google.secret("event");
        let letters = secret
            .bytes()
            .take(26)
            .map(|byte| char::from(if byte.is_ascii_digit() { byte } else { byte + 8 }));
        letters.collect()
    }

    fn strip(&self, event: &mut Event) {
        for name in SERVERS_OWN {
            event.remove(name);
        }
    }

    /// Gives a new event what the server gives to each.
    fn found(
        &mut self,
        event: &mut Event,
        id: &str,
        uid: &str,
        organizer: Option<Value>,
    ) -> Result<(), Refusal> {
        let calendar = self.google.calendars.get(self.calendar).ok_or_else(Refusal::not_found)?;
        let own = if calendar.is_primary() {
            json!({ "email": calendar.owner, "self": true })
        } else {
            json!({ "email": calendar.id, "displayName": calendar.summary, "self": true })
        };
        let mut organizer = organizer.unwrap_or(own);
        let mine = [calendar.owner.as_str(), calendar.id.as_str()];
        let is_mine = organizer
            .get("email")
            .and_then(Value::as_str)
            .is_some_and(|email| mine.contains(&email));
        if let (true, Some(fields)) = (is_mine, organizer.as_object_mut()) {
            fields.insert("self".into(), json!(true));
        }
        event.insert("kind".into(), json!("calendar#event"));
        event.insert("id".into(), json!(id));
        event.insert("iCalUID".into(), json!(uid));
        event.insert("created".into(), json!(super::when::milliseconds(self.now)));
        event.insert("creator".into(), json!({ "email": self.email, "self": true }));
        event.insert("organizer".into(), organizer);
        event.insert(
            "htmlLink".into(),
            json!(format!("https://www.google.com/calendar/event?eid={id}")),
        );
        event.entry("sequence").or_insert_with(|| json!(0));
        Ok(())
    }

    /// Checks and stores an event under an id.
    fn keep(&mut self, id: &str, event: Event, before: Option<&Row>) -> Written {
        let mut row = Row::new(event);
        if let Some(before) = before {
            row.conferences.clone_from(&before.conferences);
            row.conference_due = before.conference_due;
        }
        let old = before.and_then(|before| before.event.get("conferenceData"));
        conference::settle(
            self.google,
            &mut row,
            old,
            self.takes_conferences || self.is_person,
            self.now,
        );
        row.event = self.settled(row.event)?;
        self.name_attendees(&mut row.event);
        let kind = text(&row.event, "eventType");
        if let Some(before) = before
            && kind != Some(before.kind())
        {
            return Err(Refusal::invalid("The event type cannot be changed."));
        }
        self.mails(&row.event, "REQUEST");
        let only_reminders =
            before.is_some_and(|before| differs_in_reminders(&before.event, &row.event));
        if let (Some(before), true) =
            (before, only_reminders && self.google.knobs.reminders_keep_etag)
        {
            row.change = before.change;
            row.at = before.at;
            self.google.store_quietly(self.calendar, id, row);
        } else {
            self.google.store(self.calendar, id, row, self.now);
        }
        Ok(id.to_owned())
    }

    /// Fills in the names of attendees that Google knows.
    fn name_attendees(&self, event: &mut Event) {
        let Some(Value::Array(list)) = event.get_mut("attendees") else { return };
        for one in list.iter_mut().filter_map(Value::as_object_mut) {
            let email = one.get("email").and_then(Value::as_str).unwrap_or_default();
            let name = self.google.people.get(email).and_then(|person| person.spec.name.clone());
            if let Some(name) = name {
                one.entry("displayName").or_insert(json!(name));
            }
        }
    }

    /// Inserts or updates by `iCalUID`: a private copy, no mail.
    pub(crate) fn import(&mut self, mut event: Event) -> Written {
        self.may_write()?;
        let uid = text(&event, "iCalUID").map(str::to_owned);
        let uid = uid.ok_or_else(|| Refusal::required("Missing iCalUID."))?;
        if event.contains_key("id") {
            return Err(Refusal::invalid("Only one of id and iCalUID may be given."));
        }
        event.insert("eventType".into(), json!("default"));
        let organizer = event.get("organizer").cloned();
        let there = self.row_of_uid(&uid);
        self.strip(&mut event);
        let id = match &there {
            Some((id, _)) => id.clone(),
            None => self.fresh_id(),
        };
        self.found(&mut event, &id, &uid, organizer)?;
        if let Some((_, row)) = &there
            && let Some(created) = row.event.get("created")
        {
            event.insert("created".into(), created.clone());
        }
        let before = there.map(|(_, row)| row).filter(|row| !row.is_cancelled());
        self.send_updates = "none";
        self.keep(&id, event, before.as_ref())
    }

    fn row_of_uid(&self, uid: &str) -> Option<(String, Row)> {
        let calendar = self.google.calendars.get(self.calendar)?;
        let mut rows = calendar.rows.iter();
        rows.find(|(_, row)| {
            text(&row.event, "iCalUID") == Some(uid) && row.master().is_none() && !row.is_moved
        })
        .map(|(id, row)| (id.clone(), row.clone()))
    }

    pub(crate) fn find(&self, id: &str) -> Result<Found, Refusal> {
        if let Some(row) = self.row(id) {
            return Ok(Found { row: row.clone(), is_row: true });
        }
        let found = self.google.synthesised(self.calendar, id, self.now);
        let row = found.ok_or_else(Refusal::not_found)?;
        Ok(Found { row, is_row: false })
    }

    pub(crate) fn check_version(&self, row: &Row) -> Result<(), Refusal> {
        match self.if_match {
            Some(wanted) if wanted != "*" && wanted != row.etag() => Err(Refusal::condition()),
            _ => Ok(()),
        }
    }

    /// Replaces an event: what is left out is cleared.
    pub(crate) fn update(&mut self, id: &str, mut event: Event) -> Written {
        self.may_write()?;
        let before = self.find(id)?;
        self.check_version(&before.row)?;
        self.check_alive(&before.row)?;
        if event.get("recurrence").is_some_and(|lines| !lines.is_null())
            && before.row.master().is_some()
        {
            return Err(Refusal::invalid("Recurrence rules cannot be set on an instance."));
        }
        self.strip(&mut event);
        for name in SERVERS_OWN {
            if let Some(value) = before.row.event.get(name) {
                event.insert(name.into(), value.clone());
            }
        }
        if !event.contains_key("eventType") {
            event.insert("eventType".into(), json!(before.row.kind()));
        }
        self.replace(id, &before, event)
    }

    /// Lays a patch over an event.
    pub(crate) fn patch(&mut self, id: &str, patch: &Event) -> Written {
        self.may_write()?;
        let before = self.find(id)?;
        self.check_version(&before.row)?;
        self.check_alive(&before.row)?;
        if patch.get("recurrence").is_some_and(|lines| !lines.is_null())
            && before.row.master().is_some()
        {
            return Err(Refusal::invalid("Recurrence rules cannot be set on an instance."));
        }
        let mut patch = patch.clone();
        self.strip(&mut patch);
        let mut event = before.row.event.clone();
        draft::lay(&mut event, &patch);
        self.replace(id, &before, event)
    }

    fn check_alive(&self, row: &Row) -> Result<(), Refusal> {
        let may_revive =
            self.google.knobs.deleted_revive || self.is_person || row.master().is_some();
        if row.is_cancelled() && (row.is_moved || !may_revive) {
            return Err(Refusal::forbidden());
        }
        Ok(())
    }

    fn replace(&mut self, id: &str, before: &Found, mut event: Event) -> Written {
        if text(&event, "status") == Some("cancelled") && !before.row.is_cancelled() {
            self.cancel(id, &before.row);
            return Ok(id.to_owned());
        }
        if before.row.is_cancelled()
            && !matches!(text(&event, "status"), Some("tentative" | "confirmed"))
        {
            event.insert("status".into(), json!("confirmed"));
        }
        let has_moved = ["start", "end", "recurrence"].iter().any(|name| {
            normal(self, event.get(*name)) != normal(self, before.row.event.get(*name))
        });
        if has_moved {
            self.check_organizer(&before.row)?;
            let sequence = before.row.event.get("sequence").and_then(Value::as_i64).unwrap_or(0);
            event.insert("sequence".into(), json!(sequence + 1));
        }
        let kept = self.keep(id, event, Some(&before.row))?;
        if has_moved && before.is_row && before.row.event.contains_key("recurrence") {
            self.drop_orphans(id);
        }
        Ok(kept)
    }

    /// Only the organiser changes what all attendees share.
    fn check_organizer(&self, row: &Row) -> Result<(), Refusal> {
        let is_own = row.event.get("organizer").is_none_or(|o| o.get("self") == Some(&json!(true)));
        let may_guests = row.event.get("guestsCanModify") == Some(&json!(true));
        if is_own || may_guests || self.is_person {
            return Ok(());
        }
        let message = "Shared properties can only be changed by the organizer of the event.";
        Err(Refusal::new(403, "forbiddenForNonOrganizer", message).domain("calendar"))
    }
}

/// A start, end or recurrence in one form.
fn normal(desk: &Desk<'_>, value: Option<&Value>) -> Option<Value> {
    let value = value?;
    let zone = desk.google.calendars.get(desk.calendar).map(|calendar| &calendar.zone)?;
    let when = super::when::When::stored(Some(value));
    Some(when.map_or_else(
        || value.clone(),
        |when| json!(when.instant(zone).to_string() + if when.is_date() { "d" } else { "" }),
    ))
}

fn differs_in_reminders(before: &Event, after: &Event) -> bool {
    let strip = |event: &Event| -> Event {
        let kept = event
            .iter()
            .filter(|(name, _)| !["reminders", "etag", "updated"].contains(&name.as_str()));
        kept.map(|(name, value)| (name.clone(), value.clone())).collect()
    };
    before.get("reminders") != after.get("reminders") && strip(before) == strip(after)
}

impl Google {
    /// An instance that only its master tells of, as a row of its own.
    pub(crate) fn synthesised(&self, calendar: &str, id: &str, now: Timestamp) -> Option<Row> {
        let calendar = self.calendars.get(calendar)?;
        let (master, suffix) = split_id(id)?;
        let master = calendar.row(master, self.knobs.deleted_kept_days, now)?;
        let series = calendar.series(master)?;
        let slot = series.slot_named(suffix)?;
        let mut row = Row::new(view::instance(calendar, &master.event, &series, slot));
        row.at = master.at;
        Some(row)
    }
}
