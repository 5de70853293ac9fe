//! `calhub rrule`: the starts of one rule, without a hub.

use std::io::{self, Write};

use jiff::{
    Timestamp,
    civil::{Date, DateTime},
    tz::TimeZone,
};

use super::{expand::Ended, when::When};
use crate::model::{
    event::Moment,
    interval::Span,
    recurrence::{Budget, starts},
    time::{Zone, resolve_zone, tzdb},
};

/// Print the starts of a recurrence rule, one UTC instant a line, DTSTART included.
///
/// Exit code 3, with the reason on standard error, when the rule cannot be read or is beyond its work budget.
#[derive(Clone, Debug, clap::Args)]
pub struct RruleArgs {
    /// First instant: 2027-03-01T00:00:00Z, any offset, or a date or local time in --tz
    #[arg(long, value_name = "T")]
    pub from: String,
    /// First instant that is not asked for any more
    #[arg(long, value_name = "T")]
    pub to: String,
    /// As in a calendar file: DTSTART;TZID=Europe/Berlin:20270301T090000
    #[arg(long, value_name = "DTSTART")]
    pub dtstart: String,
    /// As in a calendar file: FREQ=WEEKLY;BYDAY=MO
    #[arg(long, value_name = "RRULE")]
    pub rule: String,
    /// The zone (IANA) of a DTSTART that has none
    #[arg(long, value_name = "ZONE", default_value = "UTC")]
    pub tz: String,
}

/// Runs the command.
///
/// # Errors
///
/// Only when `out` or `err` cannot be written to.
pub fn run(args: &RruleArgs, out: &mut dyn Write, err: &mut dyn Write) -> io::Result<Ended> {
    let (dtstart, window, owner) = match question(args) {
        Ok(question) => question,
        Err(reason) => {
            writeln!(err, "error: {reason}")?;
            return Ok(Ended::WrongUse);
        }
    };
    match starts(&dtstart, &args.rule, window, &owner, &mut Budget::default()) {
        Ok(starts) => {
            for start in starts {
                writeln!(out, "{start}")?;
            }
            Ok(Ended::Done)
        }
        Err(trouble) => {
            writeln!(err, "error: {trouble}")?;
            Ok(Ended::Incomplete)
        }
    }
}

/// What is asked, or why it makes no sense.
fn question(args: &RruleArgs) -> Result<(Moment, Span, TimeZone), String> {
    let zone = tzdb().zone(&args.tz);
    let owner = zone.ok_or_else(|| format!("--tz: there is no time zone {:?}", args.tz))?;
    let when = |name: &str, text: &str| -> Result<Timestamp, String> {
        let when: When = text.parse().map_err(|why| format!("--{name}: {why}"))?;
        Ok(when.in_zone(&owner))
    };
    let window = Span::new(when("from", &args.from)?, when("to", &args.to)?);
    let window = window.filter(|span| !span.is_empty()).ok_or("--to must lie after --from")?;
    let dtstart = read_dtstart(&args.dtstart).map_err(|why| format!("--dtstart: {why}"))?;
    Ok((dtstart, window, owner))
}

/// Reads `DTSTART;TZID=Europe/Berlin:20270301T090000` or its value alone.
///
/// # Errors
///
/// A sentence that says what is wrong.
pub fn read_dtstart(line: &str) -> Result<Moment, String> {
    let (head, value) = line.trim().rsplit_once(':').unwrap_or(("", line.trim()));
    let mut parts = head.split(';').map(str::trim);
    if parts.next().is_some_and(|name| !name.is_empty() && !name.eq_ignore_ascii_case("DTSTART")) {
        return Err("not a DTSTART".to_owned());
    }
    let tzid = parts.find_map(|part| {
        let (name, value) = part.split_once('=')?;
        name.trim().eq_ignore_ascii_case("TZID").then_some(value)
    });
    let unreadable = |_| "write 20270301, 20270301T090000 or 20270301T090000Z".to_owned();
    if let Some(utc) = value.strip_suffix('Z') {
        let at = DateTime::strptime("%Y%m%dT%H%M%S", utc).map_err(unreadable)?;
        return TimeZone::UTC.to_timestamp(at).map(Moment::Utc).map_err(unreadable);
    }
    if !value.contains('T') {
        return Date::strptime("%Y%m%d", value).map(Moment::Date).map_err(unreadable);
    }
    let at = DateTime::strptime("%Y%m%dT%H%M%S", value).map_err(unreadable)?;
    match tzid.map(|tzid| resolve_zone(tzid, &[])) {
        None => Ok(Moment::Floating(at)),
        Some(Zone::Unknown(name)) => Err(format!("there is no time zone {name:?}")),
        Some(zone) => Ok(Moment::Zoned(at, zone)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tell(dtstart: &str, rule: &str, tz: &str, from: &str) -> (Ended, String, String) {
        let args = RruleArgs {
            from: from.to_owned(),
            to: "2027-04-01T00:00:00Z".to_owned(),
            dtstart: dtstart.to_owned(),
            rule: rule.to_owned(),
            tz: tz.to_owned(),
        };
        let (mut out, mut err) = (Vec::new(), Vec::new());
        let ended = run(&args, &mut out, &mut err).unwrap();
        (ended, String::from_utf8(out).unwrap(), String::from_utf8(err).unwrap())
    }

    #[test]
    fn the_starts_are_printed_one_utc_instant_a_line() {
        let (ended, out, err) = tell(
            "DTSTART;TZID=Europe/Berlin:20270327T090000",
            "FREQ=DAILY;COUNT=2",
            "UTC",
            "2027-03-01",
        );
        assert_eq!((ended.exit_code(), err.as_str()), (0, ""));
        assert_eq!(out, "2027-03-27T08:00:00Z\n2027-03-28T07:00:00Z\n");
    }

    #[test]
    fn dates_and_floating_times_are_the_zones_that_was_asked_for() {
        let started =
            |dtstart: &str, tz: &str| tell(dtstart, "FREQ=DAILY;COUNT=1", tz, "2027-03-01").1;
        assert_eq!(
            started("DTSTART;VALUE=DATE:20270302", "America/New_York"),
            "2027-03-02T05:00:00Z\n"
        );
        assert_eq!(started("20270302T090000", "Europe/Berlin"), "2027-03-02T08:00:00Z\n");
        assert_eq!(started("20270302T090000", "UTC"), "2027-03-02T09:00:00Z\n");
    }

    #[test]
    fn a_rule_that_cannot_be_read_or_costs_too_much_ends_with_3_and_the_reason() {
        let (ended, out, err) = tell("DTSTART:20270301T090000Z", "FREQ=OFTEN", "UTC", "2027-03-01");
        assert_eq!(
            (ended.exit_code(), out.as_str(), err.as_str()),
            (3, "", "error: FREQ cannot be read\n")
        );
        let (ended, out, err) =
            tell("DTSTART:20270301T090000Z", "FREQ=SECONDLY;COUNT=1000000000", "UTC", "2027-03-01");
        assert_eq!(
            (ended.exit_code(), out.as_str(), err.as_str()),
            (3, "", "error: the rule is beyond its work budget\n")
        );
    }

    #[test]
    fn wrong_use_ends_with_2() {
        for (dtstart, tz, from) in [
            ("DTSTART:yesterday", "UTC", "2027-03-01"),
            ("DTEND:20270301T090000Z", "UTC", "2027-03-01"),
            ("DTSTART;TZID=Nowhere:20270301T090000", "UTC", "2027-03-01"),
            ("DTSTART:20270301T090000Z", "Nowhere", "2027-03-01"),
            ("DTSTART:20270301T090000Z", "UTC", "2028-03-01"),
            ("DTSTART:20270301T090000Z", "UTC", "soon"),
        ] {
            let (ended, out, err) = tell(dtstart, "FREQ=DAILY", tz, from);
            assert_eq!((ended.exit_code(), out.as_str()), (2, ""), "{dtstart} {tz} {from}");
            assert!(err.starts_with("error: "));
        }
    }
}
