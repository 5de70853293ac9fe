//! How long an event lasts (`providers.md` 5.2). DTSTART's type decides where the two do not fit.

use jiff::civil::{Date, Time};

use crate::model::event::{Length, Moment};

/// How a component stated its end.
#[derive(Clone, Debug)]
pub(super) enum End {
    At(Moment),
    Lasts { days: i64, seconds: i64 },
    Unstated,
}

pub(super) fn length(start: &Moment, end: End) -> Length {
    match start {
        Moment::Date(first) => Length::Days(whole_days(*first, &end)),
        _ => match end {
            End::At(end) => Length::Until(like(start, end)),
            End::Lasts { days, seconds } => {
                Length::Nominal { days: days.max(0), seconds: seconds.max(0) }
            }
            // RFC 5545 3.6.1: without DTEND and DURATION it ends where it starts.
            End::Unstated => Length::Nominal { days: 0, seconds: 0 },
        },
    }
}

/// A day at least: an all-day event that ends on its own first day is meant to last that day.
fn whole_days(first: Date, end: &End) -> i64 {
    let days = match end {
        End::At(end) => first.until(date_of(end)).map_or(1, |span| i64::from(span.get_days())),
        End::Lasts { days, seconds } => {
            let begun = seconds.div_euclid(86_400) + i64::from(seconds.rem_euclid(86_400) > 0);
            days.saturating_add(begun)
        }
        End::Unstated => 1,
    };
    days.max(1)
}

fn date_of(moment: &Moment) -> Date {
    match moment {
        Moment::Date(date) => *date,
        Moment::Floating(at) | Moment::Zoned(at, _) => at.date(),
        Moment::Utc(at) => jiff::tz::Offset::UTC.to_datetime(*at).date(),
    }
}

/// An end that is only a date, or floats, is meant in the zone of its start.
fn like(start: &Moment, end: Moment) -> Moment {
    let wall = match end {
        Moment::Date(date) => date.to_datetime(Time::midnight()),
        Moment::Floating(at) => at,
        Moment::Zoned(..) | Moment::Utc(_) => return end,
    };
    match start {
        Moment::Zoned(_, zone) => Moment::Zoned(wall, zone.clone()),
        Moment::Utc(_) => jiff::tz::TimeZone::UTC.to_timestamp(wall).map_or(end, Moment::Utc),
        Moment::Date(_) | Moment::Floating(_) => Moment::Floating(wall),
    }
}
