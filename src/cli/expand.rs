//! `calhub expand`: the busy time of one .ics file, without a hub.
//!
//! It goes the way of a synced feed (read, normalise, expand, merge), so what it prints is what a hub with
//! the default policy would answer.

use std::{
    fs::File,
    io::{self, Read, Write},
    path::{Path, PathBuf},
};

use connectors::ical::{ParseOptions, Parsed, parse};
use jiff::{
    Timestamp,
    civil::{Date, DateTime},
    tz::TimeZone,
};

use crate::{
    model::{
        busy::BusyClass,
        interval::{Span, union},
        policy::DEFAULT_RULES,
        recurrence::{Budget, expand},
        time::{day_start, instant, tzdb},
    },
    sync::normalise::{Judge, Judging, normalise},
};

/// What all series of a file may cost together: a second or two.
const FILE_STEPS: u32 = 100 * Budget::STEPS;

/// Print the merged busy intervals of a calendar file, one START/END in UTC a line.
///
/// Intervals are cut off at --from and --to. Tentative and unanswered events count as busy; declined ones,
/// free all-day ones and work from elsewhere do not. Exit code 3, with the reason on standard error, when the
/// file cannot be read or a part of it is beyond its work budget; what is known is printed all the same, and
/// spans of which nothing is known are told on standard error as "unknown START/END".
#[derive(Clone, Debug, clap::Args)]
pub struct ExpandArgs {
    /// First instant: 2027-03-01T00:00:00Z, any offset, or a date or local time in --tz
    #[arg(long, value_name = "T")]
    pub from: String,
    /// First instant that is not asked for any more
    #[arg(long, value_name = "T")]
    pub to: String,
    /// The owner's zone (IANA): holds for all-day events and times without a zone
    #[arg(long, value_name = "ZONE")]
    pub tz: String,
    /// Judge by STATUS and TRANSP alone: no vendor properties, no attendees
    #[arg(long)]
    pub plain: bool,
    /// The calendar file, or - for standard input
    #[arg(value_name = "FILE.ics")]
    pub file: PathBuf,
}

/// How a run ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ended {
    Done,
    WrongUse,
    /// The file, or a part of it, could not be read or expanded.
    Incomplete,
}

impl Ended {
    /// The exit code that `api.md` promises.
    pub fn exit_code(self) -> u8 {
        match self {
            Self::Done => 0,
            Self::WrongUse => 2,
            Self::Incomplete => 3,
        }
    }
}

/// Runs the command.
///
/// # Errors
///
/// Only when `out` or `err` cannot be written to.
pub fn run(args: &ExpandArgs, out: &mut dyn Write, err: &mut dyn Write) -> io::Result<Ended> {
    let (window, owner) = match question(args) {
        Ok(question) => question,
        Err(reason) => {
            writeln!(err, "error: {reason}")?;
            return Ok(Ended::WrongUse);
        }
    };
    let options = ParseOptions { vendor_properties: !args.plain, ..ParseOptions::default() };
    let parsed = read(&args.file, options.max_bytes)
        .and_then(|bytes| parse(&bytes, &options).map_err(|error| error.to_string()));
    let parsed = match parsed {
        Ok(parsed) => parsed,
        Err(reason) => {
            writeln!(err, "error: {}: {reason}", args.file.display())?;
            return Ok(Ended::Incomplete);
        }
    };
    answer(&parsed, window, &owner, args.plain).tell(out, err)
}

/// The window and the owner's zone, or why they make no sense.
fn question(args: &ExpandArgs) -> Result<(Span, TimeZone), String> {
    let zone = tzdb().zone(&args.tz);
    let owner = zone.ok_or_else(|| format!("--tz: there is no time zone {:?}", args.tz))?;
    let from = when(&args.from, &owner).ok_or("--from: not a time such as 2027-03-01T00:00:00Z")?;
    let to = when(&args.to, &owner).ok_or("--to: not a time such as 2027-03-01T00:00:00Z")?;
    let window = Span::new(from, to).filter(|span| !span.is_empty());
    Ok((window.ok_or("--to must lie after --from")?, owner))
}

fn when(text: &str, zone: &TimeZone) -> Option<Timestamp> {
    if let Ok(at) = text.parse() {
        return Some(at);
    }
    match text.parse::<Date>() {
        Ok(day) if text.len() == 10 => Some(day_start(day, zone)),
        _ => text.parse::<DateTime>().ok().map(|at| instant(at, zone)),
    }
}

fn read(file: &Path, limit: usize) -> Result<Vec<u8>, String> {
    let mut bytes = Vec::new();
    // One byte more than the limit, so that the reader of the text is the one to refuse it.
    let most = u64::try_from(limit).unwrap_or(u64::MAX).saturating_add(1);
    let done = if file == Path::new("-") {
        io::stdin().lock().take(most).read_to_end(&mut bytes)
    } else {
        File::open(file).and_then(|file| file.take(most).read_to_end(&mut bytes))
    };
    done.map(|_| bytes).map_err(|error| error.to_string())
}

/// What a file says about a window.
#[derive(Debug, Default)]
struct Answer {
    busy: Vec<Span>,
    unknown: Vec<Span>,
    /// Why something is missing.
    reasons: Vec<String>,
    /// What was odd and cost nothing.
    notes: Vec<String>,
}

fn answer(parsed: &Parsed, window: Span, owner: &TimeZone, plain: bool) -> Answer {
    let judging = Judging {
        by: if plain { Judge::Plain } else { Judge::Facts },
        calendar_is_transparent: false,
        floating_zone: parsed.facts.time_zone.as_deref().filter(|_| !plain),
    };
    let mut answer =
        Answer { reasons: parsed.faults.clone(), notes: parsed.notes.clone(), ..Answer::default() };
    if !parsed.complete {
        answer.notes.push("the file lacks its END line".to_owned());
    }
    let mut left = FILE_STEPS;
    for item in &parsed.items {
        let granted = left.min(Budget::STEPS);
        let mut budget = Budget::of(granted);
        let normalised = normalise(item, judging);
        answer.reasons.extend(normalised.faults);
        let expansion = expand(&normalised.series, window, owner, &mut budget);
        left -= granted - budget.left();
        answer.reasons.extend(expansion.unexpandable.map(|trouble| trouble.to_string()));
        for interval in expansion.intervals {
            let Some(span) = interval.span.intersection(window) else { continue };
            if interval.class == BusyClass::Unexpandable {
                answer.unknown.push(span);
            } else if DEFAULT_RULES.kind(interval.class).is_some() {
                answer.busy.push(span);
            }
        }
    }
    answer
}

impl Answer {
    fn tell(mut self, out: &mut dyn Write, err: &mut dyn Write) -> io::Result<Ended> {
        for span in union(self.busy) {
            writeln!(out, "{}/{}", span.start(), span.end())?;
        }
        out.flush()?;
        let is_whole = self.reasons.is_empty() && self.unknown.is_empty();
        for span in union(self.unknown) {
            writeln!(err, "unknown {}/{}", span.start(), span.end())?;
        }
        for (word, list) in [("note", &mut self.notes), ("error", &mut self.reasons)] {
            list.sort();
            list.dedup();
            for text in list {
                writeln!(err, "{word}: {text}")?;
            }
        }
        Ok(if is_whole { Ended::Done } else { Ended::Incomplete })
    }
}
