//! Writing: create, change and delete; by a client of the API, or by the person.

use jiff::{Timestamp, civil::Date};
use serde_json::{Value, json};

use super::{
    draft::{self, Time},
    id::Id,
    item::{Event, Exception, Item, Version, text},
    knobs::OtherBody,
    refusal::Refusal,
    series::Series,
    state::{Calendar, Microsoft, Sent},
    when::{Span, seconds_later},
};
use crate::log::Mail;

/// Who writes where, and how.
#[derive(Debug)]
pub(crate) struct Desk<'a> {
    pub(crate) ms: &'a mut Microsoft,
    pub(crate) now: Timestamp,
    pub(crate) email: &'a str,
    pub(crate) calendar: String,
    /// The person in Outlook; no preconditions, no chance.
    pub(crate) is_person: bool,
    pub(crate) if_match: Option<&'a str>,
}

/// What a create did.
pub(crate) struct Made {
    pub(crate) key: String,
    /// Nothing new was made.
    pub(crate) is_repeat: bool,
}

impl<'a> Desk<'a> {
    pub(crate) fn of_person(
        ms: &'a mut Microsoft,
        email: &'a str,
        calendar: &str,
        now: Timestamp,
    ) -> Self {
        Self { ms, now, email, calendar: calendar.to_owned(), is_person: true, if_match: None }
    }

    fn home(&self) -> Result<&Calendar, Refusal> {
        self.ms.calendar(self.email, Some(&self.calendar))
    }

    fn may_write(&mut self) -> Result<(), Refusal> {
        if self.is_person {
            return Ok(());
        }
        if !self.home()?.can_edit {
            return Err(Refusal::denied());
        }
        let chance = self.ms.knobs.spurious_412_writes;
        if self.if_match.is_none() && self.ms.by_chance(chance) {
            return Err(Refusal::conflict());
        }
        Ok(())
    }

    fn check_version(&self, item: &Item, day: Option<Date>) -> Result<(), Refusal> {
        let Some(wanted) = self.if_match.filter(|wanted| *wanted != "*") else { return Ok(()) };
        let wanted = wanted.trim_start_matches("W/").trim_matches('"');
        if wanted == item.change_key(day) { Ok(()) } else { Err(Refusal::conflict()) }
    }

    /// Makes an event, unless a create that is known is repeated.
    pub(crate) fn create(&mut self, sent: &Event) -> Result<Made, Refusal> {
        self.home()?;
        self.may_write()?;
        let transaction = text(sent, "transactionId").map(str::to_owned);
        let body = Value::Object(sent.clone()).to_string();
        if let Some(made) = self.repeated(transaction.as_deref(), &body)? {
            return Ok(made);
        }
        let key = self.fresh_key(sent)?;
        let item = self.founded(&key, sent)?;
        self.mails(&item.fields, &item.uid, "REQUEST");
        self.ms.store(self.email, &self.calendar, item, "created", self.now);
        self.remember(transaction, &body, &key);
        for n in 1..=if self.is_person { 0 } else { self.ms.knobs.bumps } {
            let due = seconds_later(self.now, i64::from(n * self.ms.knobs.bump_after_s));
            self.ms.bumps.push((due, self.email.to_owned(), self.calendar.clone(), key.clone()));
        }
        Ok(Made { key, is_repeat: false })
    }

    /// The answer to a create that came before.
    fn repeated(&self, transaction: Option<&str>, body: &str) -> Result<Option<Made>, Refusal> {
        let knobs = &self.ms.knobs;
        let Some(person) = self.ms.people.get(self.email) else { return Ok(None) };
        if self.is_person {
            return Ok(None);
        }
        let (found, kept) = match transaction {
            Some(id) => (person.transactions.get(id), knobs.transaction_kept_s),
            None => {
                let same = format!("{}\n{body}", self.calendar);
                (person.recent.get(&same), knobs.merges_equal_creates_s)
            }
        };
        let Some(sent) = found.filter(|sent| seconds_later(sent.at, kept.into()) > self.now) else {
            return Ok(None);
        };
        let home = self.ms.calendar(self.email, Some(&sent.calendar));
        let is_alive = home.is_ok_and(|home| home.item(&sent.key).is_some());
        if !is_alive {
            let outlives = transaction.is_some() && knobs.transaction_outlives_event;
            let message = "The transaction id was used before.";
            let known = || Refusal::new(409, "ErrorDuplicateTransactionId", message);
            return if outlives { Err(known()) } else { Ok(None) };
        }
        if sent.body != body && knobs.other_body == OtherBody::Conflict {
            let message = "The transaction id was used for another event.";
            return Err(Refusal::new(409, "ErrorDuplicateTransactionId", message));
        }
        Ok(Some(Made { key: sent.key.clone(), is_repeat: true }))
    }

    fn remember(&mut self, transaction: Option<String>, body: &str, key: &str) {
        let calendar = self.calendar.clone();
        let sent = Sent { calendar, key: key.to_owned(), body: body.to_owned(), at: self.now };
        let merges = self.ms.knobs.merges_equal_creates_s > 0;
        let Some(person) = self.ms.people.get_mut(self.email) else { return };
        match transaction {
            Some(id) => person.transactions.insert(id, sent),
            None if merges => person.recent.insert(format!("{}\n{body}", self.calendar), sent),
            None => None,
        };
    }

    /// The person's program may name the event, so that a dump can be sown again.
    fn fresh_key(&mut self, sent: &Event) -> Result<String, Refusal> {
        let told = text(sent, "id").filter(|_| self.is_person);
        let told = told.map(|id| Id::parse(id).map_or_else(|_| id.replace('.', "-"), |id| id.key));
        match told {
            Some(key) if self.home()?.item(&key).is_some() => {
                Err(Refusal::property("An event of that id is there."))
            }
            Some(key) => Ok(key),
            None => Ok(self.ms.secret("event").chars().take(24).collect()),
        }
    }

    fn founded(&mut self, key: &str, sent: &Event) -> Result<Item, Refusal> {
        let any_zone = self.ms.knobs.any_zone || self.is_person;
        let time = draft::time(sent, None, any_zone)?;
        let Time { span, zone, end_zone } =
            time.ok_or_else(|| Refusal::property("The event has no start."))?;
        let mut fields = draft::untouched();
        let name = self.ms.people.get(self.email).map(|p| p.spec.display_name().to_owned());
        let owner = json!({ "emailAddress": { "name": name, "address": self.email } });
        fields.insert("organizer".into(), owner);
        fields.insert("isOrganizer".into(), json!(true));
        let response = json!({ "response": "organizer", "time": "0001-01-01T00:00:00Z" });
        fields.insert("responseStatus".into(), response);
        draft::absorb(&mut fields, sent, self.is_person)?;
        let series = sent.get("recurrence").filter(|told| !told.is_null());
        let series = series.map(|told| Series::read(told, &span, &zone)).transpose()?;
        let span = match &series {
            Some(series) => series.first().map_or(span, |day| series.span(day)),
            None => span,
        };
        let own = |name: &str| text(sent, name).filter(|_| self.is_person).map(str::to_owned);
        let uid = own("iCalUId")
            .unwrap_or_else(|| format!("040000008200E00074C5B7101A82E008{}", key.to_uppercase()));
        let mut item = Item {
            key: key.to_owned(),
            fields,
            span,
            zone,
            end_zone,
            told_zone: own("originalStartTimeZone"),
            series,
            exceptions: std::collections::BTreeMap::new(),
            cancelled: std::collections::BTreeSet::new(),
            properties: std::collections::BTreeMap::new(),
            transaction: text(sent, "transactionId").map(str::to_owned),
            uid,
            created: self.now,
            modified: self.now,
            version: Version::default(),
            born: self.home()?.changes + 1,
            moved: self.home()?.changes + 1,
            moves: 0,
            is_gone: false,
        };
        draft::properties(&mut item.properties, sent)?;
        Ok(item)
    }

    /// The event that an id names, where it is in this calendar.
    fn found(&self, id: &Id) -> Result<Item, Refusal> {
        let item = self.home()?.item(&id.key).ok_or_else(Refusal::item_not_found)?;
        if id.day.is_some_and(|day| !item.has(day)) {
            return Err(Refusal::item_not_found());
        }
        Ok(item.clone())
    }

    /// Lays a patch over an event, or makes an exception of an occurrence.
    pub(crate) fn patch(&mut self, id: &Id, sent: &Event) -> Result<(), Refusal> {
        self.may_write()?;
        let mut item = self.found(id)?;
        self.check_version(&item, id.day)?;
        let next = self.home()?.changes + 1;
        let before = item.span(id.day);
        match id.day {
            Some(day) => self.except(&mut item, day, sent)?,
            None => self.change(&mut item, sent)?,
        }
        if item.span(id.day) != before || id.day.is_some() {
            item.moved = next;
        }
        item.modified = self.now;
        if !self.is_person || sent.contains_key("attendees") {
            self.mails(&item.fields(id.day), &item.uid, "REQUEST");
        }
        self.ms.store(self.email, &self.calendar, item, "updated", self.now);
        Ok(())
    }

    fn change(&mut self, item: &mut Item, sent: &Event) -> Result<(), Refusal> {
        let any_zone = self.ms.knobs.any_zone || self.is_person;
        draft::absorb(&mut item.fields, sent, self.is_person)?;
        draft::properties(&mut item.properties, sent)?;
        let there = Time {
            span: item.span.clone(),
            zone: item.zone.clone(),
            end_zone: item.end_zone.clone(),
        };
        let time = draft::time(sent, Some(&there), any_zone)?;
        let recurrence = sent.get("recurrence").cloned();
        if time.is_none() && recurrence.is_none() {
            return Ok(());
        }
        let before = (item.span.clone(), rule_of(item));
        if let Some(time) = time {
            (item.span, item.zone, item.end_zone) = (time.span, time.zone, time.end_zone);
            item.told_zone = None;
        }
        let rule = match (recurrence, &item.series) {
            (Some(told), _) => Some(told).filter(|told| !told.is_null()),
            // Another time of the same series begins on the day that was told.
            (None, Some(series)) => Some(begun_anew(&series.recurrence)),
            (None, None) => None,
        };
        item.series = rule.map(|rule| Series::read(&rule, &item.span, &item.zone)).transpose()?;
        if let Some(series) = &item.series {
            item.span = series.first().map_or_else(|| item.span.clone(), |day| series.span(day));
        }
        if before != (item.span.clone(), rule_of(item)) {
            item.exceptions.clear();
            item.cancelled.clear();
        }
        Ok(())
    }

    fn except(&mut self, item: &mut Item, day: Date, sent: &Event) -> Result<(), Refusal> {
        if sent.get("recurrence").is_some_and(|told| !told.is_null()) {
            return Err(Refusal::invalid("An occurrence has no recurrence of its own."));
        }
        let any_zone = self.ms.knobs.any_zone || self.is_person;
        let old = item.span(Some(day));
        let there =
            Time { span: old.clone(), zone: item.zone.clone(), end_zone: item.end_zone.clone() };
        let span = draft::time(sent, Some(&there), any_zone)?.map_or(old, |time| time.span);
        crosses(item, day, &span)?;
        let mut fields = item.fields(Some(day));
        draft::absorb(&mut fields, sent, self.is_person)?;
        let kept = item.fields.clone();
        fields.retain(|name, value| kept.get(name) != Some(value));
        let mut properties = item.properties(Some(day)).clone();
        draft::properties(&mut properties, sent)?;
        let change_key = self.ms.change_key();
        item.exceptions.insert(day, Exception { fields, span, properties, change_key });
        Ok(())
    }

    /// Deletes an event, a series or one occurrence.
    pub(crate) fn delete(&mut self, id: &Id) -> Result<(), Refusal> {
        self.may_write()?;
        let mut item = self.found(id)?;
        self.check_version(&item, id.day)?;
        if item.is_organized() {
            self.mails(&item.fields(id.day), &item.uid, "CANCEL");
        }
        item.modified = self.now;
        match id.day {
            Some(day) => {
                item.cancelled.insert(day);
                item.exceptions.remove(&day);
                item.moved = self.home()?.changes + 1;
                self.ms.store(self.email, &self.calendar, item, "updated", self.now);
            }
            None => {
                item.is_gone = true;
                self.ms.store(self.email, &self.calendar, item, "deleted", self.now);
            }
        }
        Ok(())
    }

    /// The mails that writing causes, which nothing suppresses.
    pub(crate) fn mails(&mut self, fields: &Event, uid: &str, method: &str) {
        let is_mine = fields.get("isOrganizer") != Some(&json!(false));
        let list = fields.get("attendees").and_then(Value::as_array).into_iter().flatten();
        for one in list.filter(|_| is_mine) {
            let to = one.get("emailAddress").and_then(|email| email.get("address"));
            let Some(to) = to.and_then(Value::as_str).filter(|to| *to != self.email) else {
                continue;
            };
            let (account, method) = (self.email.to_owned(), method.to_owned());
            self.ms.mails.push(Mail { account, to: to.to_owned(), method, uid: uid.to_owned() });
        }
    }
}

fn rule_of(item: &Item) -> Option<Value> {
    item.series.as_ref().map(|series| series.recurrence.clone())
}

/// A recurrence whose first day is yet to be told.
fn begun_anew(recurrence: &Value) -> Value {
    let mut told = recurrence.clone();
    if let Some(range) = told.get_mut("range").and_then(Value::as_object_mut) {
        range.remove("startDate");
        range.remove("recurrenceTimeZone");
    }
    told
}

/// An occurrence may not be moved to the day of a neighbour or beyond.
fn crosses(item: &Item, day: Date, span: &Span) -> Result<(), Refusal> {
    let Some(series) = &item.series else { return Ok(()) };
    let (before, after) = series.around(day).ok_or_else(Refusal::item_not_found)?;
    let local = |span: &Span| match span {
        Span::Days { start, .. } => *start,
        Span::Times { start, .. } => series.zone.zone.to_datetime(*start).date(),
    };
    let is_at = |other: Option<Date>| other.map(|other| local(&item.span(Some(other))));
    let moved = local(span);
    let is_over = is_at(before).is_some_and(|other| moved <= other)
        || is_at(after).is_some_and(|other| moved >= other);
    if !is_over {
        return Ok(());
    }
    let message = "Cannot move the occurrence over or to the day of a neighbouring one.";
    Err(Refusal::new(400, "ErrorOccurrenceCrossingBoundary", message))
}
