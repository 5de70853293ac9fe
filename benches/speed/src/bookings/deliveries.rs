//! The outbox: how many events a second reach their calendars, and how soon one does.

use std::{
    net::Ipv4Addr,
    sync::atomic::AtomicU64,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, ensure};
use serde_json::json;
use simulators::{AccountSpec, CalendarSpec, World, serve};
use tokio::runtime::Runtime;

use super::{Engine, platform};
use crate::{
    Size,
    children::{self, HubOptions, SERVER_CORE},
    report::{Line, Report, figure},
    seed::Database,
};

const HOSTS: u8 = 8;

pub(super) fn measure(
    engine: Engine<'_>,
    size: Size,
    runtime: &Runtime,
    report: &mut Report,
) -> Result<()> {
    let dir = tempfile::tempdir()?;
    let url = runtime.block_on(engine.database(dir.path()))?;
    let database = engine.server.map(|_| url.as_str());
    let (hub, _) =
        children::hub(HubOptions { dir: dir.path(), database, cores: Some(SERVER_CORE) })?;
    let world = World::new(jiff::Timestamp::now());
    let port = provider(&world)?;
    let mut line = platform::Line::open(hub.address)?;
    let people = link(&world, port, &mut line)?;
    let base = jiff::Timestamp::now().as_second() / 86_400 * 86_400 + 2 * 86_400;
    let wanted = |nth: u64| {
        let count = people.len() as u64;
        let start = base + 900 * i64::try_from(nth / count).unwrap_or_default();
        let at = |second| jiff::Timestamp::from_second(second).unwrap_or_default().to_string();
        let person = people.get((nth % count) as usize).cloned().unwrap_or_default();
        json!({"resources": [person], "start": at(start), "end": at(start + 900), "max_staleness": "PT24H"}).to_string()
    };
    let count = size.pick(1_600, 32);
    let next = AtomicU64::new(0);
    let began = Instant::now();
    platform::book(hub.address, 8, (Duration::from_secs(600), count), None, &next, &wanted)?;
    let booked = began.elapsed().as_secs_f64();
    written(&world, usize::try_from(count)?)?;
    let seconds = began.elapsed().as_secs_f64();
    report.add(Line {
        name: format!("{}: {count} bookings into 8 calendars at 8 hosts", engine.name),
        limit: format!("booked in {booked:.1} s"),
        ours: format!("{}/s, all there after {seconds:.1} s", figure(count as f64 / seconds)),
        ratio: format!("{:.2}", booked / seconds),
        target: "-",
        met: None,
    });
    let mut soon = Vec::new();
    for nth in 0..size.pick(200, 5) {
        let before = puts(&world);
        let (status, said) = line.ask("POST", "/v1/bookings", None, &wanted(count + nth))?;
        ensure!(status == 201, "{status} {said}");
        let since = Instant::now();
        while puts(&world) == before {
            ensure!(since.elapsed() < Duration::from_secs(60), "no delivery");
            std::thread::sleep(Duration::from_micros(200));
        }
        soon.push(since.elapsed().as_secs_f64() * 1e3);
        // The reading back and the transaction after it belong to this one, not to the next.
        std::thread::sleep(Duration::from_millis(30));
    }
    soon.sort_by(f64::total_cmp);
    let of = |percent: usize| soon.get(soon.len() * percent / 100).copied().unwrap_or(f64::NAN);
    let (p50, p99) = (of(50), of(99));
    report.add(Line {
        name: format!("{}: from the answer to the PUT at the provider, idle hub", engine.name),
        limit: "-".to_owned(),
        ours: format!("p50 {} ms, p99 {} ms", figure(p50), figure(p99)),
        ratio: "-".to_owned(),
        target: "p50 <= 5 ms, p99 <= 20 ms (P7: due to start)",
        met: Some(p50 <= 5.0 && p99 <= 20.0),
    });
    runtime.block_on(async {
        let mut database = Database::open(&url).await?;
        let open = database.number("SELECT count(*) FROM outbox WHERE state = 'failed'").await?;
        ensure!(open == 0, "{open} deliveries failed");
        Ok(())
    })?;
    hub.stop()
}

fn puts(world: &World) -> usize {
    world.count(|entry| entry.method == "PUT")
}

/// Waits until so many events stand in the calendars.
fn written(world: &World, count: usize) -> Result<()> {
    let since = Instant::now();
    let events = || -> usize {
        let calendars = world.accounts().into_iter().flat_map(|account| account.calendars());
        calendars.map(|calendar| calendar.resources().len()).sum()
    };
    while events() < count {
        ensure!(since.elapsed() < Duration::from_secs(600), "{} of {count} delivered", events());
        std::thread::sleep(Duration::from_millis(5));
    }
    Ok(())
}

/// Serves the world on loopback, at a host for each account, on a thread of its own.
fn provider(world: &World) -> Result<u16> {
    let (tell, told) = std::sync::mpsc::channel();
    let world = world.clone();
    std::thread::spawn(move || -> Result<()> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        runtime.block_on(async {
            let mut port = 0;
            for nth in 1..=HOSTS {
                let address = (Ipv4Addr::new(127, 0, 0, nth), port);
                let listener = tokio::net::TcpListener::bind(address).await?;
                port = listener.local_addr()?.port();
                tokio::spawn(serve(world.clone(), listener));
            }
            tell.send(port)?;
            std::future::pending::<Result<()>>().await
        })
    });
    told.recv().context("the provider does not start")
}

/// Links an account at each host; answers a resource for each.
fn link(world: &World, port: u16, line: &mut platform::Line) -> Result<Vec<String>> {
    for nth in 1..=HOSTS {
        let name = format!("person-{nth}");
        let account = world.add_account(AccountSpec::new(&name, "right"));
        account.add_calendar(CalendarSpec::new(&name));
        let login = json!({
            "provider": "caldav", "url": format!("http://127.0.0.{nth}:{port}{}", account.path()),
            "username": name, "password": "right", "access": "read_write",
        });
        let (status, said) = line.ask("POST", "/v1/connections", None, &login.to_string())?;
        ensure!(status == 201, "{status} {said}");
    }
    let began = Instant::now();
    let calendars = loop {
        let (_, found) = line.ask("GET", "/v1/calendars?limit=100", None, "")?;
        let items = found["items"].as_array().cloned().unwrap_or_default();
        let done = items.iter().filter(|row| row["initial_sync"] == "done").count();
        if done == usize::from(HOSTS) {
            break items;
        }
        ensure!(began.elapsed() < Duration::from_secs(60), "the calendars are not read: {found}");
        std::thread::sleep(Duration::from_millis(50));
    };
    let mut resources = Vec::new();
    for row in calendars {
        let id = row["id"].as_str().unwrap_or_default();
        let wanted =
            json!({"name": row["name"], "calendars": [{"calendar_id": id}], "write_to": id});
        let (status, made) = line.ask("POST", "/v1/resources", None, &wanted.to_string())?;
        ensure!(status == 201, "{status} {made}");
        resources.push(made["id"].as_str().unwrap_or_default().to_owned());
    }
    Ok(resources)
}
