//! A draft laid over what stands at the provider: ours is replaced, all else is kept as it is.

use icalendar::Property;

use super::{
    lines::{Content, Line, Lines},
    read::{announces_calendar, bare_address},
    write,
};
use crate::connector::{Draft, WriteKey};

/// Replaces what we own of our event in `body`, keeping unknown properties and components line by line.
///
/// Ours is the event that carries `X-HUB-BOOKING`, or else the first that is no override. `None` when there
/// is none of these, it does not end, or what comes out is no calendar. A description or location is kept when the draft has none of its own.
///
/// Guests of `organizer` are added and taken out by their addresses; what those who stay have answered stays, and so do those
/// that somebody else has invited.
pub fn rewrite(
    body: &str,
    draft: &Draft,
    key: &WriteKey,
    organizer: Option<&str>,
) -> Option<String> {
    let body = body.strip_prefix('\u{feff}').unwrap_or(body);
    let target = target(body)?;
    let mut ours = write::properties(draft);
    ours.retain(|property| !is_kept(draft, property.key()));
    ours.push(write::marker(key));
    let mut zone = write::zone(draft).filter(|_| !draft.keeps_time);
    let mut out = String::with_capacity(body.len() + 512);
    let (mut walk, mut replaced) = (Walk::default(), false);
    let mut guests = Guests::of(draft, organizer);
    let mut definitions = Definitions::of(body, zone.as_ref().map(|zone| zone.name));
    for line in Lines::of(body) {
        let place = walk.step(line);
        if definitions.hide(line, &place) {
            continue;
        }
        if place.depth == 1
            && place.name == "BEGIN"
            && walk.events == 1
            && let Some(zone) = zone.take()
        {
            out.push_str(&zone.definition());
        }
        if place.is_end && place.event == Some(target) {
            replaced = true;
            add(&mut out, &ours, sequence(body, target).max(draft.sequence));
            guests.add_missing(&mut out);
        }
        let is_replaced = place.event == Some(target) && is_ours(&place.name, &ours, draft);
        let is_gone = place.event == Some(target) && guests.takes_out(line, &place.name);
        let is_method = place.depth == 1 && place.name == "METHOD";
        if !is_replaced && !is_gone && !is_method {
            keep(&mut out, line);
        }
    }
    // A calendar may be announced in the middle of a line that was replaced; what is left is none.
    (replaced && announces_calendar(&out)).then_some(out)
}

/// The people of an event, and who of them is there already.
struct Guests<'a> {
    draft: &'a Draft,
    organizer: Option<&'a str>,
    has_organizer: bool,
    there: Vec<String>,
}

impl<'a> Guests<'a> {
    fn of(draft: &'a Draft, organizer: Option<&'a str>) -> Self {
        Self { draft, organizer, has_organizer: false, there: Vec::new() }
    }

    /// Notes who is there; whether this line is of a guest of ours who is not invited any more.
    fn takes_out(&mut self, line: Line<'_>, name: &str) -> bool {
        self.has_organizer |= name == "ORGANIZER";
        if name != "ATTENDEE" || self.draft.keeps_words || line.is_too_long() {
            return false;
        }
        let text = line.text();
        let content = Content::of(&text);
        let address = bare_address(content.value).to_owned();
        let is_invited =
            self.draft.guests.iter().any(|guest| is_same(bare_address(&guest.address), &address));
        let is_ours = content.param(write::GUEST).is_some();
        self.there.push(address);
        is_ours && !is_invited
    }

    fn add_missing(&self, out: &mut String) {
        let Some(organizer) = self.organizer.filter(|_| !self.draft.guests.is_empty()) else {
            return;
        };
        if self.draft.keeps_words {
            return;
        }
        if !self.has_organizer {
            push(out, write::organizer(organizer));
        }
        for guest in &self.draft.guests {
            let address = bare_address(&guest.address);
            if !self.there.iter().any(|there| is_same(there, address)) {
                push(out, write::attendee(guest));
            }
        }
    }
}

fn is_same(one: &str, other: &str) -> bool {
    one.eq_ignore_ascii_case(other)
}

/// What tells a person what an event is.
const WORDS: [&str; 4] = ["SUMMARY", "DESCRIPTION", "LOCATION", "CLASS"];

/// When it takes place.
const TIMES: [&str; 2] = ["DTSTART", "DTEND"];
/// How far it counts.
const WEIGHT: [&str; 3] = ["TRANSP", "STATUS", "SEQUENCE"];

fn is_kept(draft: &Draft, name: &str) -> bool {
    draft.keeps_words && WORDS.contains(&name)
        || draft.keeps_time && TIMES.contains(&name)
        || draft.keeps_words && draft.keeps_time && WEIGHT.contains(&name)
}

fn is_ours(name: &str, ours: &[Property], draft: &Draft) -> bool {
    // The vendor's words would contradict what we write.
    let is_replaced = match name {
        "DURATION" | "X-MICROSOFT-CDO-ALLDAYEVENT" => !draft.keeps_time,
        "X-MICROSOFT-CDO-BUSYSTATUS" => !(draft.keeps_words && draft.keeps_time),
        _ => false,
    };
    is_replaced || ours.iter().any(|property| property.key() == name)
}

/// The VTIMEZONEs of a zone that is described anew.
struct Definitions {
    /// Their numbers in the body, from 1, in order.
    gone: Vec<usize>,
    seen: usize,
    is_hiding: bool,
}

impl Definitions {
    fn of(body: &str, zone: Option<&str>) -> Self {
        let mut all = Self { gone: Vec::new(), seen: 0, is_hiding: false };
        let Some(zone) = zone else { return all };
        let (mut walk, mut count) = (Walk::default(), 0);
        for line in Lines::of(body) {
            let place = walk.step(line);
            count += usize::from(opens_zone(line, &place));
            let is_it = place.depth == 2 && place.name == "TZID" && count > 0;
            if is_it && Content::of(&line.text()).value == zone {
                all.gone.push(count);
            }
        }
        all
    }

    /// Whether a line is of one of them.
    fn hide(&mut self, line: Line<'_>, place: &Place) -> bool {
        if opens_zone(line, place) {
            self.seen += 1;
            self.is_hiding = self.gone.binary_search(&self.seen).is_ok();
        }
        let is_hidden = self.is_hiding;
        if place.depth == 2 && place.is_end {
            self.is_hiding = false;
        }
        is_hidden
    }
}

fn opens_zone(line: Line<'_>, place: &Place) -> bool {
    let is_zone =
        |line: Line<'_>| Content::of(&line.text()).value.eq_ignore_ascii_case("VTIMEZONE");
    place.depth == 1 && place.name == "BEGIN" && is_zone(line)
}

fn add(out: &mut String, ours: &[Property], sequence: i64) {
    for property in ours {
        let property = match property.key() {
            "SEQUENCE" => Property::new("SEQUENCE", sequence.to_string()),
            _ => property.clone(),
        };
        push(out, property);
    }
}

fn push(out: &mut String, property: Property) {
    let line: Result<String, _> = property.try_into();
    out.push_str(&line.expect("writing to a String cannot fail"));
}

fn keep(out: &mut String, line: Line<'_>) {
    for piece in line.raw().split(['\r', '\n']).filter(|piece| !piece.is_empty()) {
        out.push_str(piece);
        out.push_str("\r\n");
    }
}

/// Which event of the body is ours.
fn target(body: &str) -> Option<usize> {
    let (mut marked, mut overrides, mut seen) = (None, Vec::new(), 0);
    let mut walk = Walk::default();
    for line in Lines::of(body) {
        let place = walk.step(line);
        let Some(event) = place.event else { continue };
        seen = event;
        match place.name.as_str() {
            "X-HUB-BOOKING" => marked = marked.or(Some(event)),
            "RECURRENCE-ID" => overrides.push(event),
            _ => {}
        }
    }
    marked.or_else(|| (1..=seen).find(|event| overrides.binary_search(event).is_err()))
}

fn sequence(body: &str, target: usize) -> i64 {
    let mut walk = Walk::default();
    Lines::of(body)
        .filter_map(|line| {
            let place = walk.step(line);
            let is_it = place.event == Some(target) && place.name == "SEQUENCE";
            is_it.then(|| Content::of(&line.text()).value.parse().ok()).flatten()
        })
        .max()
        .unwrap_or(0)
}

/// Follows the components of a body.
#[derive(Debug, Default)]
struct Walk {
    open: Vec<String>,
    events: usize,
}

/// Where a line stands.
#[derive(Debug)]
struct Place {
    name: String,
    depth: usize,
    /// The number of the event whose own line this is, from 1; not those of components inside it.
    event: Option<usize>,
    is_end: bool,
}

impl Walk {
    fn step(&mut self, line: Line<'_>) -> Place {
        let name = line.name().to_ascii_uppercase();
        let component = |line: Line<'_>| Content::of(&line.text()).value.to_ascii_uppercase();
        let in_event = self.open.last().is_some_and(|open| open == "VEVENT");
        let place = |event, is_end, depth| Place { name: name.clone(), depth, event, is_end };
        let depth = self.open.len();
        match name.as_str() {
            "BEGIN" => {
                let opened = component(line);
                self.events += usize::from(opened == "VEVENT");
                self.open.push(opened);
                place(None, false, depth)
            }
            "END" => {
                let closed = component(line);
                let event = (in_event && closed == "VEVENT").then_some(self.events);
                // Looks only so far up that no body can make this slow.
                let above = self.open.iter().rev().take(16).position(|open| *open == closed);
                if let Some(above) = above {
                    self.open.truncate(depth - above - 1);
                }
                place(event, true, depth)
            }
            _ => place(in_event.then_some(self.events), false, depth),
        }
    }
}
