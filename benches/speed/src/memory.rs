//! P9: what busy time costs in memory, and what an idle hub does.

use std::{process::Command, sync::Arc, thread, time::Duration};

use anyhow::Result;
use calhub::{
    clock::{ManualClock, SeededEntropy},
    index::{Busy, CalendarFacts, CalendarSnapshot, Index, Login, Packed},
    model::{
        busy::BusyClass,
        ids::{CalendarId, ConnectionId, TenantId},
        states::PushState,
    },
};
use jiff::{SignedDuration, Timestamp};

use crate::{
    Size,
    children::{self, HubOptions, memory_of},
    report::{Line, Report, figure},
};

const A_CALENDAR: i64 = 600;

const AT_HAND: &str = "at hand";
const AT_REST: &str = "at rest";

/// How busy time is held: at hand, as what is asked for, or at rest.
type Form = fn(Packed) -> Busy;

/// An index of so many intervals, 600 a calendar: half an hour to an hour and a half, every three and a half hours.
fn filled(intervals: i64, form: Form) -> Index {
    let (clock, entropy) = (ManualClock::at(Timestamp::UNIX_EPOCH), SeededEntropy::new(1));
    let index = Index::default();
    let tenant = TenantId::mint(&clock, &entropy);
    let connection = ConnectionId::mint(&clock, &entropy);
    let facts = CalendarFacts {
        login: Login::Works,
        is_transparent: false,
        is_settled: true,
        is_quarantined: false,
        source_is_live: true,
        synced: Some(Timestamp::UNIX_EPOCH),
        published: None,
        expected_max_age: SignedDuration::from_hours(1),
        push: PushState::None,
        covered_from: Some(Timestamp::UNIX_EPOCH),
        covered_until: Some(Timestamp::MAX),
    };
    for _ in 0..intervals / A_CALENDAR {
        let rows = (0..A_CALENDAR).map(|n| {
            let start = n * 12_600_000_000;
            (start, start + (1 + n % 3) * 1_800_000_000, BusyClass::Busy)
        });
        let calendar = CalendarSnapshot {
            calendar: CalendarId::mint(&clock, &entropy),
            connection: connection.clone(),
            facts,
            busy: Arc::new(form(Packed::new(0, rows))),
        };
        index.change(&tenant, |part| {
            part.set_connection(&connection, Login::Works, true);
            part.set_calendar(calendar);
        });
    }
    index
}

/// Fills an index and prints what it takes in memory, in bytes, and how many intervals it holds.
pub(crate) fn fill(form: &str, intervals: &str) -> Result<()> {
    let form: Form = match form {
        AT_REST => |packed| Busy::at_rest(&packed),
        _ => |packed| Busy::at_hand(Arc::new(packed)),
    };
    let before = memory_of("self").0;
    let index = filled(intervals.parse()?, form);
    let taken = memory_of("self").0 - before;
    println!("{}", serde_json::json!([taken, index.size().1]));
    Ok(())
}

pub(crate) fn measure(size: Size, report: &mut Report) -> Result<()> {
    report.part("P9: memory");
    let all = [
        (1_000_000_u64, AT_HAND, 16e6, "<= 16 MB"),
        (100_000_000, AT_HAND, 1.0e9, "<= 1.0 GB"),
        (100_000_000, AT_REST, 0.35e9, "<= 0.35 GB"),
    ];
    for (intervals, word, most, target) in all.into_iter().take(size.pick(3, 1)) {
        // In a process of its own: what others gave back would not be seen as taken again.
        let us = std::env::current_exe()?;
        let told = Command::new(us).args(["fill", word, &intervals.to_string()]).output()?.stdout;
        let (taken, held) = serde_json::from_slice::<(f64, u64)>(&told)?;
        report.add(Line {
            name: format!("{} M intervals {word}, 600 a calendar", intervals / 1_000_000),
            limit: format!("8 bytes each: {} MB", figure(held as f64 * 8.0 / 1e6)),
            ours: format!(
                "{} MB resident, {:.1} bytes each",
                figure(taken / 1e6),
                taken / held as f64
            ),
            ratio: format!("{:.2}", held as f64 * 8.0 / taken),
            target,
            met: Some(taken <= most),
        });
    }
    let dir = tempfile::tempdir()?;
    let (hub, took) = children::hub(HubOptions { dir: dir.path(), database: None, cores: None })?;
    thread::sleep(Duration::from_millis(size.pick(5_000, 200)));
    let (resident, most) = hub.memory();
    report.add(Line {
        name: "an idle hub on an empty SQLite file".to_owned(),
        limit: "-".to_owned(),
        ours: format!(
            "{:.1} MB resident ({:.1} MB at most), ready after {:.0} ms",
            resident / 1e6,
            most / 1e6,
            took.as_secs_f64() * 1e3
        ),
        ratio: "-".to_owned(),
        target: "<= 40 MB",
        met: Some(resident <= 40e6),
    });
    Ok(())
}
