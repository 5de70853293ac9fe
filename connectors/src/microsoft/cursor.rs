//! What a cursor of this connector says, and how the window moves although every link freezes its own.
//!
//! A round over everything asks for more than the window at hand: a day before it and [`AHEAD`] beyond it. The changes
//! of that frozen window are followed for as long as the hub's window, which moves on daily, lies in it with [`LEAST`]
//! to spare; then a new round begins, over a window that overlaps the old one. Nothing ever drifts into sight unseen.

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use crate::{
    connector::{Cursor, Window},
    error::{Kind, Result},
};

/// The number of the question that a round asks. Whoever changes what is asked, or what is read from the answer,
/// changes this; every calendar is then read once more.
const QUESTION: u32 = 1;

const DAY: i64 = 24 * 60 * 60;
/// How far before the window a round begins.
const BEFORE: SignedDuration = SignedDuration::from_secs(DAY);
/// How far beyond the window a round reaches.
const AHEAD: SignedDuration = SignedDuration::from_secs(45 * DAY);
/// How much of that is left when the next one begins.
const LEAST: SignedDuration = SignedDuration::from_secs(15 * DAY);
/// Graph refuses a longer span.
const LONGEST: SignedDuration = SignedDuration::from_secs(1825 * DAY);

/// A place to resume at.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Place {
    question: u32,
    /// The frozen window, in seconds.
    from: i64,
    until: i64,
    /// Where changes are followed from: `@odata.deltaLink`, as it came.
    pub(super) link: String,
}

impl Place {
    pub(super) fn new(frozen: Window, link: &str) -> Self {
        let (from, until) = (frozen.start.as_second(), frozen.end.as_second());
        Self { question: QUESTION, from, until, link: link.to_owned() }
    }

    pub(super) fn to_cursor(&self) -> Cursor {
        Cursor::new(serde_json::to_string(self).unwrap_or_default())
    }

    pub(super) fn frozen(&self) -> Window {
        let at = |second| Timestamp::from_second(second).unwrap_or_default();
        Window { start: at(self.from), end: at(self.until) }
    }

    /// Reads a cursor back, for a window.
    ///
    /// # Errors
    ///
    /// [`Kind::CursorExpired`] for the answer to another question, or where the frozen window has run out.
    pub(super) fn read(cursor: &Cursor, window: Window) -> Result<Self> {
        let place: Option<Self> = serde_json::from_str(cursor.as_str()).ok();
        let place = place
            .filter(|place| place.question == QUESTION)
            .ok_or_else(|| Kind::CursorExpired.error("the cursor is of another question"))?;
        if place.reaches(window) {
            Ok(place)
        } else {
            Err(Kind::CursorExpired.error("the frozen window of the cursor has run out"))
        }
    }

    fn reaches(&self, window: Window) -> bool {
        let frozen = self.frozen();
        let needed = window.end.saturating_add(LEAST).unwrap_or(Timestamp::MAX);
        frozen.start <= window.start && needed.min(longest(window)) <= frozen.end
    }
}

/// The window that a round over everything freezes.
pub(super) fn frozen(window: Window) -> Window {
    let whole = |at: Timestamp| Timestamp::from_second(at.as_second()).unwrap_or(at);
    let start = whole(window.start.saturating_sub(BEFORE).unwrap_or(Timestamp::MIN));
    let end = whole(window.end.saturating_add(AHEAD).unwrap_or(Timestamp::MAX));
    Window { start, end: end.min(whole(longest(window))) }
}

/// The end of the longest round that may begin for a window.
fn longest(window: Window) -> Timestamp {
    window.start.saturating_add(LONGEST - BEFORE).unwrap_or(Timestamp::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn window(day: i64) -> Window {
        let now: Timestamp = "2027-03-14T09:00:00Z".parse().unwrap();
        let at = |days: i64| now.saturating_add(SignedDuration::from_hours(24 * days)).unwrap();
        Window { start: at(day - 35), end: at(day + 400) }
    }

    #[test]
    fn a_window_that_moves_on_daily_is_inside_the_frozen_one_until_a_new_round_begins() {
        let mut place = Place::new(frozen(window(0)), "https://graph.microsoft.com/x");
        let mut rounds = 0;
        for day in 0..400 {
            let now = window(day);
            if let Err(error) = Place::read(&place.to_cursor(), now) {
                assert_eq!(error.kind, Kind::CursorExpired);
                let old = place.frozen();
                place = Place::new(frozen(now), "https://graph.microsoft.com/x");
                assert!(old.end > now.end && old.start < now.start, "the two overlap by all of it");
                rounds += 1;
            }
            assert!(place.frozen().start < now.start && now.end < place.frozen().end, "day {day}");
        }
        assert_eq!(rounds, 12, "once a month");
    }

    #[test]
    fn a_window_that_was_moved_back_or_a_cursor_of_another_question_begins_anew() {
        let place = Place::new(frozen(window(10)), "x");
        assert_eq!(Place::read(&place.to_cursor(), window(10)).unwrap(), place);
        for (cursor, window) in [
            (place.to_cursor(), window(0)),
            (Cursor::new("{\"question\":0,\"from\":0,\"until\":0,\"link\":\"x\"}"), window(10)),
            (Cursor::new("a sync token"), window(10)),
        ] {
            assert_eq!(Place::read(&cursor, window).unwrap_err().kind, Kind::CursorExpired);
        }
    }

    #[test]
    fn no_round_is_longer_than_graph_allows() {
        let long = Window { start: window(0).start, end: window(2000).end };
        let asked = frozen(long);
        assert!(asked.end.duration_since(asked.start) <= LONGEST);
        let place = Place::new(asked, "x");
        assert!(Place::read(&place.to_cursor(), long).is_ok(), "it does not begin anew for ever");
    }
}
