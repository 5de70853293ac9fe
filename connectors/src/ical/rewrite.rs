//! A draft laid over what stands at the provider: ours is replaced, all else is kept as it is.

use icalendar::Property;

use super::{
    lines::{Content, Line, Lines},
    read::announces_calendar,
    write,
};
use crate::connector::Draft;

/// Replaces what we own of our event in `body`, keeping unknown properties and components line by line.
///
/// Ours is the event that carries `X-HUB-BOOKING`, or else the first that is no override. `None` when there
/// is none of these, it does not end, or what comes out is no calendar. A description or location is kept when the draft has none of its own.
pub fn rewrite(body: &str, draft: &Draft) -> Option<String> {
    let body = body.strip_prefix('\u{feff}').unwrap_or(body);
    let target = target(body)?;
    let mut ours = write::properties(draft);
    ours.retain(|property| !(draft.keeps_words && WORDS.contains(&property.key())));
    let mut out = String::with_capacity(body.len() + 512);
    let (mut walk, mut replaced) = (Walk::default(), false);
    for line in Lines::of(body) {
        let place = walk.step(line);
        if place.is_end && place.event == Some(target) {
            replaced = true;
            add(&mut out, &ours, sequence(body, target).max(draft.sequence));
        }
        let is_replaced = place.event == Some(target) && is_ours(&place.name, &ours);
        let is_method = place.depth == 1 && place.name == "METHOD";
        if !is_replaced && !is_method {
            keep(&mut out, line);
        }
    }
    // A calendar may be announced in the middle of a line that was replaced; what is left is none.
    (replaced && announces_calendar(&out)).then_some(out)
}

/// What tells a person what an event is.
const WORDS: [&str; 4] = ["SUMMARY", "DESCRIPTION", "LOCATION", "CLASS"];

fn is_ours(name: &str, ours: &[Property]) -> bool {
    // The vendor's words would contradict what we write.
    const REPLACED: [&str; 3] =
        ["DURATION", "X-MICROSOFT-CDO-BUSYSTATUS", "X-MICROSOFT-CDO-ALLDAYEVENT"];
    REPLACED.contains(&name) || ours.iter().any(|property| property.key() == name)
}

fn add(out: &mut String, ours: &[Property], sequence: i64) {
    for property in ours {
        let property = match property.key() {
            "SEQUENCE" => Property::new("SEQUENCE", sequence.to_string()),
            _ => property.clone(),
        };
        let line: Result<String, _> = property.try_into();
        out.push_str(&line.expect("writing to a String cannot fail"));
    }
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
