//! VTIMEZONE as data: its names and its STANDARD and DAYLIGHT blocks. Nothing is evaluated here.

use jiff::civil;

use super::{lines::Content, values};
use crate::event::{Observance, RemoteDate, RemoteTime, ZoneDefinition};

/// More observances and dates than any real zone has. What goes beyond is no zone: half of it would be a wrong one.
const MOST_ONSETS: usize = 500;

/// A VTIMEZONE while it is being read.
#[derive(Debug, Default)]
pub(super) struct ZoneParts {
    tzid: String,
    aliases: Vec<String>,
    observances: Vec<Observance>,
    onsets: usize,
}

impl ZoneParts {
    pub(super) fn take(&mut self, name: &str, text: &str) {
        let value = Content::of(text).value;
        match name {
            "TZID" => value.clone_into(&mut self.tzid),
            "X-LIC-LOCATION" | "TZID-ALIAS-OF" if !value.is_empty() => {
                self.aliases.push(value.to_owned());
            }
            "X-MICROSOFT-CDO-TZID" => self.aliases.extend(cdo_zone(value).map(str::to_owned)),
            _ => {}
        }
    }

    pub(super) fn observe(&mut self, block: ObservanceParts) {
        self.onsets += 1 + block.rdates.len();
        if self.onsets <= MOST_ONSETS {
            self.observances.extend(block.finish());
        } else {
            self.observances.clear();
        }
    }

    pub(super) fn finish(self) -> Option<ZoneDefinition> {
        let Self { tzid, aliases, observances, .. } = self;
        (!tzid.is_empty()).then_some(ZoneDefinition { tzid, aliases, observances })
    }
}

/// A STANDARD or DAYLIGHT block while it is being read.
#[derive(Debug, Default)]
pub(super) struct ObservanceParts {
    daylight: bool,
    starts: Option<RemoteTime>,
    offset_from_s: Option<i32>,
    offset_to_s: Option<i32>,
    rule: Option<String>,
    rdates: Vec<RemoteTime>,
}

impl ObservanceParts {
    pub(super) fn new(daylight: bool) -> Self {
        Self { daylight, ..Self::default() }
    }

    pub(super) fn take(&mut self, name: &str, text: &str) {
        let content = Content::of(text);
        match name {
            "DTSTART" => self.starts = values::time(content.value, None, false),
            "TZOFFSETFROM" => self.offset_from_s = values::offset(content.value),
            "TZOFFSETTO" => self.offset_to_s = values::offset(content.value),
            "RRULE" => self.rule = Some(content.value.replace('\\', "")),
            "RDATE" => {
                let room = (MOST_ONSETS + 1).saturating_sub(self.rdates.len());
                let dates = content.value.split(',').filter_map(|value| {
                    Some(match values::date_or_period(value, None, false)? {
                        RemoteDate::At(at) | RemoteDate::Period { start: at, .. } => at,
                    })
                });
                self.rdates.extend(dates.take(room));
            }
            _ => {}
        }
    }

    fn finish(self) -> Option<Observance> {
        let offset_to_s = self.offset_to_s?;
        let offset_from_s = self.offset_from_s.unwrap_or(offset_to_s);
        let wall = |time: &RemoteTime| wall_clock(time, offset_from_s);
        Some(Observance {
            daylight: self.daylight,
            starts: wall(self.starts.as_ref()?),
            offset_from_s,
            offset_to_s,
            rule: self.rule,
            rdates: self.rdates.iter().map(wall).collect(),
        })
    }
}

/// Onsets are wall-clock times of the offset before them, also where they are written in UTC.
fn wall_clock(time: &RemoteTime, offset_s: i32) -> civil::DateTime {
    match time {
        RemoteTime::Date(date) => date.to_datetime(civil::Time::midnight()),
        RemoteTime::Floating(at) | RemoteTime::Zoned { at, .. } => *at,
        RemoteTime::Utc(at) => jiff::tz::Offset::from_seconds(offset_s)
            .unwrap_or(jiff::tz::Offset::UTC)
            .to_datetime(*at),
    }
}

/// The zone numbers of Exchange 2007 and older (`CdoTimeZoneId`).
fn cdo_zone(number: &str) -> Option<&'static str> {
    const ZONES: [Option<&str>; 77] = [
        Some("UTC"),
        Some("Europe/London"),
        Some("Europe/Lisbon"),
        Some("Europe/Paris"),
        Some("Europe/Berlin"),
        Some("Europe/Bucharest"),
        Some("Europe/Prague"),
        Some("Europe/Athens"),
        Some("America/Sao_Paulo"),
        Some("America/Halifax"),
        Some("America/New_York"),
        Some("America/Chicago"),
        Some("America/Denver"),
        Some("America/Los_Angeles"),
        Some("America/Anchorage"),
        Some("Pacific/Honolulu"),
        Some("Pacific/Midway"),
        Some("Pacific/Auckland"),
        Some("Australia/Brisbane"),
        Some("Australia/Adelaide"),
        Some("Asia/Tokyo"),
        Some("Asia/Singapore"),
        Some("Asia/Bangkok"),
        Some("Asia/Kolkata"),
        Some("Asia/Dubai"),
        Some("Asia/Tehran"),
        Some("Asia/Baghdad"),
        Some("Asia/Jerusalem"),
        Some("America/St_Johns"),
        Some("Atlantic/Azores"),
        None,
        None,
        Some("America/Argentina/Buenos_Aires"),
        Some("America/Caracas"),
        Some("America/Indiana/Indianapolis"),
        Some("America/Bogota"),
        Some("America/Regina"),
        Some("America/Mexico_City"),
        Some("America/Phoenix"),
        Some("Pacific/Kwajalein"),
        Some("Pacific/Fiji"),
        Some("Asia/Magadan"),
        Some("Australia/Hobart"),
        Some("Pacific/Guam"),
        Some("Australia/Darwin"),
        Some("Asia/Shanghai"),
        Some("Asia/Almaty"),
        Some("Asia/Karachi"),
        Some("Asia/Kabul"),
        Some("Africa/Cairo"),
        Some("Africa/Harare"),
        Some("Europe/Moscow"),
        None,
        Some("Atlantic/Cape_Verde"),
        Some("Asia/Baku"),
        Some("America/Guatemala"),
        Some("Africa/Nairobi"),
        Some("Australia/Melbourne"),
        Some("Asia/Yekaterinburg"),
        Some("Europe/Helsinki"),
        Some("America/Nuuk"),
        Some("Asia/Yangon"),
        Some("Asia/Kathmandu"),
        Some("Asia/Irkutsk"),
        Some("Asia/Krasnoyarsk"),
        Some("America/Santiago"),
        Some("Asia/Colombo"),
        Some("Pacific/Tongatapu"),
        Some("Asia/Vladivostok"),
        Some("Africa/Lagos"),
        Some("Asia/Yakutsk"),
        Some("Asia/Dhaka"),
        Some("Asia/Seoul"),
        Some("Australia/Perth"),
        Some("Asia/Riyadh"),
        Some("Asia/Taipei"),
        Some("Australia/Sydney"),
    ];
    ZONES.get(number.trim().parse::<usize>().ok()?).copied().flatten()
}
