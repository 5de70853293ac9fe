//! Bytes to items: walks the content lines and keeps a short stack of open components.

use std::{borrow::Cow, sync::Arc, time::Duration};

use super::{
    decode::decode,
    event::{EventParts, Finished},
    free_busy::FreeBusyParts,
    group::Groups,
    lines::{Content, Line, Lines, upper, value},
    values,
    zones::{ObservanceParts, ZoneParts},
};
use crate::{
    connector::CalendarFacts,
    error::{Kind, Result},
    event::{Item, ItemRef, Version, ZoneDefinition},
};

/// How deep components may nest.
const DEEPEST: usize = 16;
/// How much of a body is searched for its first component.
const PROLOGUE: usize = 4 * 1024;
/// How many reasons are kept; a file that is broken through and through needs no list.
const MOST_FAULTS: usize = 100;
const SHORTEST_POLL: i64 = 5 * 60;
const LONGEST_POLL: i64 = 24 * 60 * 60;

/// What to read, and how much of it.
#[derive(Clone, Debug)]
pub struct ParseOptions {
    /// The account's own addresses: whose PARTSTAT is ours. Without any, attendees are ignored.
    pub own_addresses: Vec<String>,
    /// Whether the `X-MICROSOFT-CDO-…` properties count.
    pub vendor_properties: bool,
    pub max_bytes: usize,
    /// Alarms are not counted.
    pub max_components: usize,
}

impl Default for ParseOptions {
    fn default() -> Self {
        Self {
            own_addresses: Vec::new(),
            vendor_properties: true,
            max_bytes: 32 * 1024 * 1024,
            max_components: 100_000,
        }
    }
}

impl ParseOptions {
    /// Whether a calendar address is the account's own; `mailto:` and case make no difference.
    pub(super) fn is_own(&self, address: &str) -> bool {
        let address = bare_address(address);
        self.own_addresses.iter().any(|own| bare_address(own).eq_ignore_ascii_case(address))
    }
}

pub(super) fn bare_address(address: &str) -> &str {
    let address = address.trim();
    match address.split_at_checked("mailto:".len()) {
        Some((scheme, rest)) if scheme.eq_ignore_ascii_case("mailto:") => rest,
        _ => address,
    }
}

/// What a stream of iCalendar objects holds.
#[derive(Clone, Debug)]
pub struct Parsed {
    /// The components grouped by UID; each item's version is its [`fingerprint`](super::fingerprint).
    pub items: Vec<Item>,
    pub zones: Vec<Arc<ZoneDefinition>>,
    pub facts: CalendarFacts,
    /// What was lost beside the faults of the items: something here may be missing from the busy time.
    pub faults: Vec<String>,
    /// Oddities that cost nothing.
    pub notes: Vec<String>,
    /// Whether every component was closed. A transfer that was cut short shows here.
    pub complete: bool,
}

impl Parsed {
    /// Makes the one item of a CalDAV resource, whatever UIDs it holds.
    pub fn into_item(self, item: ItemRef, version: Option<Version>) -> Item {
        let mut faults = self.faults;
        let mut unplaced = !self.complete || !faults.is_empty();
        if !self.complete {
            faults.push("the calendar object ends before its end".to_owned());
        }
        let (mut events, mut zones) = (Vec::new(), Vec::new());
        for part in self.items {
            events.extend(part.events);
            zones.extend(part.zones);
            faults.extend(part.faults);
            unplaced |= part.unplaced;
        }
        zones.sort_by(|a, b| a.tzid.cmp(&b.tzid));
        zones.dedup();
        Item { series: item.clone(), item, version, events, zones, faults, unplaced }
    }
}

/// Reads every event of a stream. What cannot be read is a fault and does not spoil the rest.
///
/// The cost is linear in the input; memory is bounded by it.
///
/// # Errors
///
/// [`Kind::BadReply`] when the bytes are no iCalendar at all, or beyond a limit of `options`.
pub fn parse(bytes: &[u8], options: &ParseOptions) -> Result<Parsed> {
    if bytes.len() > options.max_bytes {
        return Err(Kind::BadReply.error("the calendar is larger than its limit"));
    }
    let text = decode(bytes);
    if !announces_calendar(&text) {
        return Err(Kind::BadReply.error("the reply is no iCalendar"));
    }
    let mut reader = Reader::new(options, Groups::for_text(text.len()));
    for line in Lines::of(&text) {
        reader.take(line)?;
    }
    Ok(reader.finish())
}

/// Whether a text is a calendar at all: it begins one somewhere near its start.
pub(super) fn announces_calendar(text: &str) -> bool {
    let text = text.trim_start();
    let head = text.as_bytes().get(..PROLOGUE).unwrap_or(text.as_bytes());
    head.windows(b"BEGIN:VCALENDAR".len()).any(|w| w.eq_ignore_ascii_case(b"BEGIN:VCALENDAR"))
}

/// An open component.
#[derive(Debug)]
struct Open<'a> {
    name: Cow<'a, str>,
    part: Part<'a>,
}

#[derive(Debug)]
enum Part<'a> {
    Calendar,
    Event(Box<EventParts<'a>>),
    FreeBusy(FreeBusyParts),
    Zone(ZoneParts),
    Observance(ObservanceParts),
    /// Alarms, to-dos and what nobody knows: their properties are theirs, events inside are still read.
    Other,
}

#[derive(Debug)]
struct Reader<'a, 'o> {
    options: &'o ParseOptions,
    stack: Vec<Open<'a>>,
    /// Components opened beyond [`DEEPEST`] and not closed yet.
    buried: usize,
    components: usize,
    /// Which VCALENDAR of the stream this is.
    calendar: usize,
    groups: Groups,
    facts: CalendarFacts,
    faults: Vec<String>,
    notes: Vec<String>,
    cut_short: bool,
}

impl<'a, 'o> Reader<'a, 'o> {
    fn new(options: &'o ParseOptions, groups: Groups) -> Self {
        Self {
            options,
            stack: Vec::new(),
            buried: 0,
            components: 0,
            calendar: 0,
            groups,
            facts: CalendarFacts::default(),
            faults: Vec::new(),
            notes: Vec::new(),
            cut_short: false,
        }
    }

    fn take(&mut self, line: Line<'a>) -> Result<()> {
        if self.passes_over(line.initial()) {
            return Ok(());
        }
        let name = line.name();
        match name.as_ref() {
            "" => {}
            "BEGIN" => self.begin(component_name(line))?,
            "END" => self.end(&component_name(line)),
            _ if self.buried > 0 => {}
            name => self.property(name, line),
        }
        Ok(())
    }

    /// Whether a name that begins so can only be a property that says nothing to the open component.
    fn passes_over(&self, initial: u8) -> bool {
        // BEGIN and END; what begins with no letter wants a closer look.
        if !initial.is_ascii_uppercase() || matches!(initial, b'B' | b'E') {
            return false;
        }
        match self.stack.last().map(|open| &open.part) {
            Some(Part::Event(_)) => !EventParts::may_take(initial),
            Some(Part::Other) | None => true,
            Some(_) => false,
        }
    }

    fn property(&mut self, name: &str, line: Line<'a>) {
        let Some(open) = self.stack.last_mut() else { return };
        match &mut open.part {
            Part::Event(event) => event.take(name, line, self.options),
            Part::Calendar => calendar_property(&mut self.facts, name, line),
            Part::FreeBusy(parts) => parts.take(name, &line.text()),
            Part::Zone(zone) => zone.take(name, &line.text()),
            Part::Observance(block) => block.take(name, &line.text()),
            Part::Other => {}
        }
    }

    fn begin(&mut self, name: Cow<'a, str>) -> Result<()> {
        if name != "VALARM" {
            self.components += 1;
        }
        if self.components > self.options.max_components {
            return Err(Kind::BadReply.error("the calendar has more components than its limit"));
        }
        if name == "VCALENDAR" {
            self.close_all();
            self.calendar += 1;
        }
        if self.buried > 0 || self.stack.len() >= DEEPEST {
            self.buried += 1;
            self.fault("components nest deeper than 16; the inner ones were not read");
            return Ok(());
        }
        if name == "VEVENT" {
            self.close_unended_event();
        }
        let part = match (name.as_ref(), self.stack.last().map(|open| &open.part)) {
            ("VCALENDAR", _) => Part::Calendar,
            ("VEVENT", _) => Part::Event(Box::default()),
            ("VFREEBUSY", _) => Part::FreeBusy(FreeBusyParts::default()),
            ("VTIMEZONE", _) => Part::Zone(ZoneParts::default()),
            ("STANDARD" | "DAYLIGHT", Some(Part::Zone(_))) => {
                Part::Observance(ObservanceParts::new(name == "DAYLIGHT"))
            }
            ("VAVAILABILITY", _) => {
                self.note("a VAVAILABILITY was passed over");
                Part::Other
            }
            _ => Part::Other,
        };
        self.stack.push(Open { name, part });
        Ok(())
    }

    /// An event that already has its start when the next one begins has lost its END line.
    fn close_unended_event(&mut self) {
        let unended = |open: &Open<'_>| matches!(&open.part, Part::Event(e) if e.has_start());
        if let Some(at) = self.stack.iter().rposition(unended) {
            self.note("an event lacks its END line");
            self.close_down_to(at);
        }
    }

    fn end(&mut self, name: &str) {
        if self.buried > 0 {
            self.buried -= 1;
        } else if let Some(at) = self.stack.iter().rposition(|open| open.name == name) {
            self.close_down_to(at);
        }
    }

    fn close_all(&mut self) {
        self.buried = 0;
        if !self.stack.is_empty() {
            self.cut_short = true;
            self.close_down_to(0);
        }
    }

    fn close_down_to(&mut self, depth: usize) {
        while self.stack.len() > depth {
            if let Some(open) = self.stack.pop() {
                self.close(open.part);
            }
        }
    }

    fn close(&mut self, part: Part<'a>) {
        match part {
            Part::Event(event) => self.close_event(*event),
            Part::FreeBusy(parts) => {
                let nth = self.components;
                let uid = parts.uid.clone().unwrap_or_else(|| format!("nameless-freebusy-{nth}"));
                for fault in &parts.faults {
                    self.groups.unreadable(self.calendar, &uid, fault.clone());
                }
                for event in parts.finish(&uid) {
                    self.groups.event(self.calendar, event, Vec::new());
                }
            }
            Part::Zone(zone) => {
                if let Some(zone) = zone.finish() {
                    self.groups.zone(self.calendar, zone);
                }
            }
            Part::Observance(block) => {
                if let Some(Part::Zone(zone)) = self.stack.last_mut().map(|open| &mut open.part) {
                    zone.observe(block);
                }
            }
            Part::Calendar | Part::Other => {}
        }
    }

    fn close_event(&mut self, event: EventParts<'a>) {
        match event.finish() {
            Finished::Event { mut event, faults, loses_time, summary } => {
                if event.uid.is_empty() {
                    event.uid = self.groups.name_for(&event.start, summary);
                }
                if loses_time {
                    self.groups.lose_time(self.calendar, &event.uid);
                }
                self.groups.event(self.calendar, *event, faults);
            }
            Finished::Unreadable { uid: Some(uid), fault } => {
                self.groups.unreadable(self.calendar, &uid, fault);
            }
            Finished::Unreadable { uid: None, fault } => self.fault(&fault),
            Finished::Timeless => self.note("an event without DTSTART was passed over"),
        }
    }

    fn finish(mut self) -> Parsed {
        let ends_inside = |open: &Open<'_>| !matches!(open.part, Part::Calendar | Part::Other);
        if self.stack.iter().any(ends_inside) {
            self.fault("the calendar ends inside a component");
        }
        self.close_all();
        let (items, zones) = self.groups.finish();
        Parsed {
            items,
            zones,
            facts: self.facts,
            faults: self.faults,
            notes: self.notes,
            complete: !self.cut_short,
        }
    }

    fn fault(&mut self, fault: &str) {
        push_once(&mut self.faults, fault);
    }

    fn note(&mut self, note: &str) {
        push_once(&mut self.notes, note);
    }
}

fn push_once(list: &mut Vec<String>, text: &str) {
    if list.len() < MOST_FAULTS && !list.iter().any(|known| known == text) {
        list.push(text.to_owned());
    }
}

fn component_name(line: Line<'_>) -> Cow<'_, str> {
    upper(value(line.text()))
}

fn calendar_property(facts: &mut CalendarFacts, name: &str, line: Line<'_>) {
    let set = |slot: &mut Option<String>| {
        let text = line.text();
        let value = Content::of(&text).value;
        if slot.is_none() && !value.is_empty() {
            *slot = Some(value.chars().take(500).collect());
        }
    };
    match name {
        "X-WR-CALNAME" | "NAME" => set(&mut facts.name),
        "X-WR-TIMEZONE" => set(&mut facts.time_zone),
        "REFRESH-INTERVAL" | "X-PUBLISHED-TTL" => {
            facts.poll_every = poll_every(Content::of(&line.text()).value).max(facts.poll_every);
        }
        _ => {}
    }
}

/// What a publisher asks for, within reason.
fn poll_every(value: &str) -> Option<Duration> {
    let asked = values::duration(value)?;
    let seconds = asked.days.saturating_mul(86_400).saturating_add(asked.seconds);
    let seconds = (seconds > 0).then(|| seconds.clamp(SHORTEST_POLL, LONGEST_POLL))?;
    u64::try_from(seconds).ok().map(Duration::from_secs)
}
