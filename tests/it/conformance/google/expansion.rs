//! What the hub works out of masters and exceptions, against what Google works out itself, while a person changes
//! them at random: moved, cancelled, split and deleted in any order, read in deltas and from the beginning.

use calhub::{
    clock::{Entropy, SeededEntropy},
    model::{busy::BusyClass, interval::Span},
    sync::digest::{Frame, intervals, read},
};
use connectors::{Item, Window, conformance::Ledger};
use jiff::{SignedDuration, Timestamp, tz::TimeZone};

use super::*;

const SEEDS: u64 = 16;
const STEPS: usize = 14;

struct Person {
    dice: SeededEntropy,
}

impl Person {
    fn roll(&self, most: usize) -> usize {
        let mut bytes = [0; 8];
        self.dice.fill(&mut bytes);
        usize::from_le_bytes(bytes) % most
    }

    fn pick<'a, T>(&self, from: &'a [T]) -> &'a T {
        &from[self.roll(from.len())]
    }

    /// An event of some kind in March 2027: the clocks change in two of the zones.
    fn event(&self) -> Value {
        let day = 1 + self.roll(24);
        let mut event = if self.roll(4) == 0 {
            let end = day + 1 + self.roll(3);
            json!({"start": {"date": format!("2027-03-{day:02}")}, "end": {"date": format!("2027-03-{end:02}")}})
        } else {
            let zone = self.pick(&["Europe/Berlin", "America/New_York", "Asia/Kolkata"]);
            let hour = self.roll(22);
            let at = |hour: usize, minute: usize| json!({"dateTime": format!("2027-03-{day:02}T{hour:02}:{minute:02}:00"), "timeZone": zone});
            json!({"start": at(hour, 30), "end": at(hour + 1, 15 * self.roll(4))})
        };
        if self.roll(3) > 0 {
            // All of them produce their own start: whether one that is not produced counts is anybody's guess.
            let rule = self.pick(&[
                "RRULE:FREQ=WEEKLY",
                "RRULE:FREQ=WEEKLY;INTERVAL=2;COUNT=5",
                "RRULE:FREQ=DAILY;COUNT=12",
                "RRULE:FREQ=DAILY;INTERVAL=2;COUNT=8",
                "RRULE:FREQ=MONTHLY;COUNT=3",
            ]);
            event["recurrence"] = json!([rule]);
        }
        match self.roll(6) {
            0 => event["transparency"] = json!("transparent"),
            1 => event["status"] = json!("tentative"),
            _ => {}
        }
        event
    }

    /// Changes something that stands there, or makes something.
    fn acts(&self, calendar: &GoogleCalendar, standing: &[Item]) {
        // What an earlier act of the same moment took out cannot be touched any more.
        let is_there = |item: &&Item| {
            let of = |id: &str| calendar.get(id).is_some_and(|it| it["status"] != "cancelled");
            of(item.series.as_str()) && of(item.item.as_str())
        };
        let standing: Vec<&Item> = standing.iter().filter(is_there).collect();
        let occurrences: Vec<&Item> =
            standing.iter().copied().filter(|item| item.item != item.series).collect();
        let occurrence = (!occurrences.is_empty()).then(|| *self.pick(&occurrences));
        let any = (!standing.is_empty()).then(|| *self.pick(&standing));
        let hours = self.roll(24 * 21);
        // What Google refuses was no change.
        let _ = match (self.roll(9), occurrence, any) {
            (0 | 1, Some(one), _) => moved(calendar, one.item.as_str(), hours),
            (2, Some(one), _) => calendar.delete(one.item.as_str()).map(|()| Value::Null),
            (3, Some(one), _) => {
                calendar.patch(one.item.as_str(), json!({"transparency": "transparent"}))
            }
            (4, Some(one), _) => {
                calendar.split(one.item.as_str(), json!({"summary": "From now on"}))
            }
            (5, _, Some(one)) => calendar.delete(one.series.as_str()).map(|()| Value::Null),
            (6, _, Some(one)) => moved(calendar, one.series.as_str(), hours % 48),
            _ => calendar.insert(self.event()),
        };
    }
}

fn moved(
    calendar: &GoogleCalendar,
    id: &str,
    hours: usize,
) -> Result<Value, simulators::google::Refusal> {
    let Some(stands) = calendar.get(id) else { return Ok(Value::Null) };
    let at = |bound: &str| stands[bound]["dateTime"].as_str()?.parse::<Timestamp>().ok();
    let (Some(start), Some(end)) = (at("start"), at("end")) else {
        return calendar.patch(id, json!({"summary": "Another name"}));
    };
    let by = SignedDuration::from_hours(i64::try_from(hours).unwrap() - 24);
    calendar.reschedule(id, &(start + by).to_string(), &(end + by).to_string())
}

type Busy = Vec<(Span, BusyClass)>;

/// What is busy within a span, occurrence by occurrence.
fn busy(items: &[Item], span: Window) -> Busy {
    let zone = TimeZone::get("Europe/Berlin").unwrap();
    let frame = Frame::new(Span::new(span.start, span.end).unwrap(), zone);
    let is_at_home = |item: &&Item| {
        item.series == item.item || items.iter().any(|master| master.item == item.series)
    };
    let rows: Vec<_> = items.iter().filter(is_at_home).map(|item| read(item, None)).collect();
    let mut series: HashMap<&str, Vec<_>> = HashMap::new();
    for row in &rows {
        series.entry(&row.series).or_default().push(row);
    }
    let found = series.into_values().flat_map(|rows| intervals(rows, &frame));
    let mut busy: Busy = found.map(|one| (one.span, one.class)).collect();
    busy.sort_by_key(|(span, class)| (span.start(), span.end(), *class as u8));
    // An occurrence that was moved onto another one takes no time of its own.
    busy.dedup();
    busy
}

/// The same of occurrences that stand for themselves.
fn live(items: &[Item], span: Window) -> Busy {
    let alone = items.iter().map(|item| Item { series: item.item.clone(), ..item.clone() });
    busy(&alone.collect::<Vec<_>>(), span)
}

fn span(from: &str, until: &str) -> Window {
    Window { start: from.parse().unwrap(), end: until.parse().unwrap() }
}

async fn run(seed: u64) {
    let subject = Simulated::new(|knobs| {
        knobs.thin_instances = seed.is_multiple_of(3);
        knobs.page_cap = seed.is_multiple_of(2).then_some(3);
    });
    let (connector, calendar) = (subject.connector(Value::Null), subject.calendar());
    let person = Person { dice: SeededEntropy::new(seed) };
    let followed = Ledger::default();
    let whole = span("2027-02-20T00:00:00Z", "2027-05-20T00:00:00Z");
    for step in 0..STEPS {
        let standing = connector.read_span(&calendar, whole).await.unwrap();
        for _ in 0..=person.roll(3) {
            person.acts(&subject.calendar, &standing);
        }
        subject.world.advance(Duration::from_secs(2));
        followed.pull(&*connector, &calendar).await.unwrap();
        let fresh = Ledger::default();
        fresh.pull(&*connector, &calendar).await.unwrap();
        let day = 1 + person.roll(27);
        let narrow =
            span(&format!("2027-03-{day:02}T06:00:00Z"), &format!("2027-03-{day:02}T18:00:00Z"));
        for asked in [whole, narrow] {
            let expected = live(&connector.read_span(&calendar, asked).await.unwrap(), asked);
            let truth = || subject.account.truth();
            assert_eq!(
                busy(&fresh.items(), asked),
                expected,
                "seed {seed}, step {step}: {}",
                truth()
            );
            assert_eq!(
                busy(&followed.items(), asked),
                expected,
                "seed {seed}, step {step}, followed"
            );
        }
    }
}

#[tokio::test]
async fn what_is_worked_out_is_what_google_works_out() {
    for seed in 0..SEEDS {
        run(seed).await;
    }
}
