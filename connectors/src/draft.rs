//! What a draft comes to wherever it is written: bounds that fit each other, and words that any calendar takes.

use jiff::{
    Timestamp, ToSpan,
    civil::Date,
    tz::{Offset, TimeZone},
};

use crate::connector::{Draft, DraftTime};

/// From when to when. The end lies after the start and is of its kind, as providers demand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Extent {
    Timed(Timestamp, Timestamp),
    /// The first day, and the one after the last.
    Days(Date, Date),
}

impl Draft {
    pub(crate) fn extent(&self) -> Extent {
        match self.start {
            DraftTime::At(start) => {
                let end = match self.end {
                    DraftTime::At(end) => end,
                    DraftTime::On(day) => midnight(day).unwrap_or(start),
                };
                // Nothing that takes no time is taken.
                let earliest = start.checked_add(1.minute()).unwrap_or(start);
                Extent::Timed(start, if end > start { end } else { earliest })
            }
            DraftTime::On(first) => {
                let end = match self.end {
                    DraftTime::On(end) => end,
                    DraftTime::At(end) => Offset::UTC.to_datetime(end).date(),
                };
                let earliest = first.tomorrow().unwrap_or(first);
                Extent::Days(first, end.max(earliest))
            }
        }
    }

    /// Whether it changes nothing that a person sees.
    pub(crate) fn is_silent(&self) -> bool {
        self.keeps_words && self.keeps_time
    }
}

fn midnight(day: Date) -> Option<Timestamp> {
    Some(day.to_zoned(TimeZone::UTC).ok()?.timestamp())
}

/// Text for a person: line breaks stay, other control characters go.
pub(crate) fn plain(text: &str) -> String {
    let lines = text.replace("\r\n", "\n").replace('\r', "\n");
    lines.chars().filter(|letter| *letter == '\n' || !letter.is_control()).collect()
}
