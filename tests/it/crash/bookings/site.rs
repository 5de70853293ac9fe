//! A hub that is booked and killed: its database and the calendars that it writes to, over all its lives.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, atomic::Ordering},
    time::Duration,
};

use calhub::drill::Point;
use serde_json::json;
use simulators::{AccountSpec, Calendar, CalendarSpec, World, serve};
use tempfile::TempDir;
use tokio::{
    net::TcpListener,
    sync::watch,
    task::{AbortHandle, JoinSet},
};

use super::{
    super::{
        acts::sync_and_wait,
        ledger::Database,
        life::{Home, Life},
        site::{Death, word},
    },
    auditor::{Books, Event},
    client::{Client, Floor, Mode},
};
use crate::support::hub::free_port;

const PEOPLE: [&str; 4] = ["ann", "ben", "cem", "dee"];
const CLIENTS: u64 = 6;
const DAY: i64 = 24 * 60 * 60;

pub struct Site {
    home: Home,
    database: Database,
    world: World,
    servers: Vec<AbortHandle>,
    calendars: Vec<Calendar>,
    /// The person of each of the hub's calendars.
    people: HashMap<String, String>,
    pub floor: Arc<Floor>,
    clients: JoinSet<()>,
    cycle: usize,
    seed: u64,
    _dir: TempDir,
}

impl Drop for Site {
    fn drop(&mut self) {
        self.servers.iter().for_each(AbortHandle::abort);
    }
}

impl Site {
    /// Four people with a calendar each, at a host each, that take bookings; clients that wait.
    pub async fn found(
        seed: u64,
        database_url: Option<String>,
        bugs: &[&'static str],
    ) -> (Self, Life) {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let dir = tempfile::tempdir().unwrap();
        let database = match &database_url {
            Some(url) => Database::Postgres(url.clone()),
            None => Database::Sqlite(dir.path().join("calhub.db")),
        };
        let home = Home {
            dir: dir.path().to_owned(),
            database_url,
            port: free_port(),
            bugs: bugs.to_vec(),
            client: reqwest::Client::builder().no_proxy().build().unwrap(),
        };
        let now = jiff::Timestamp::now();
        let world = World::new(now);
        world.set_seed(seed);
        let hub = Life::begin(&home).await;
        let (mut servers, mut calendars) = (Vec::new(), Vec::new());
        let mut port = 0;
        for (nth, name) in PEOPLE.iter().enumerate() {
            let host = format!("127.0.0.{}", nth + 1);
            let listener = TcpListener::bind((host.as_str(), port)).await.unwrap();
            port = listener.local_addr().unwrap().port();
            servers.push(tokio::spawn(serve(world.clone(), listener)).abort_handle());
            let account = world.add_account(AccountSpec::new(name, "password"));
            calendars.push(account.add_calendar(CalendarSpec::new(name)));
            let login = json!({
                "provider": "caldav", "url": format!("http://{host}:{port}{}", account.path()),
                "username": name, "password": "password", "access": "read_write",
            });
            let (status, made) = hub.post("/v1/connections", &login).await.unwrap();
            assert_eq!(status, 201, "{made}");
        }
        sync_and_wait(&hub).await;
        let (mut people, mut resources) = (HashMap::new(), Vec::new());
        for row in super::super::acts::calendars(&hub).await.unwrap() {
            let (id, name) = (row["id"].as_str().unwrap(), row["name"].as_str().unwrap());
            people.insert(id.to_owned(), name.to_owned());
            let wanted = json!({"name": name, "calendars": [{"calendar_id": id}], "write_to": id});
            let (status, made) = hub.post("/v1/resources", &wanted).await.unwrap();
            assert_eq!(status, 201, "{made}");
            resources.push(made["id"].as_str().unwrap().to_owned());
        }
        assert_eq!(resources.len(), PEOPLE.len());
        let floor = Arc::new(Floor {
            mode: watch::Sender::new(Mode::Ending),
            told: Mutex::default(),
            asking: 0.into(),
            busy: 0.into(),
            resources,
            base: (now.as_second() / DAY + 2) * DAY,
        });
        let mut clients = JoinSet::new();
        for nth in 0..CLIENTS {
            clients.spawn(Client::new(&floor, &home, seed, nth).run());
        }
        let site = Self {
            home,
            database,
            world,
            servers,
            calendars,
            people,
            floor,
            clients,
            cycle: 0,
            seed,
            _dir: dir,
        };
        (site, hub)
    }

    /// One life under load, its end, and what the next one makes of it.
    pub async fn cycle(
        &mut self,
        hub: Life,
        point: Option<Point>,
        nth: usize,
        wait: Duration,
    ) -> (Life, Death, Vec<String>) {
        self.cycle += 1;
        self.floor.set(Mode::Load);
        let death = match point {
            Some(point) => {
                // Some load first, so that the kill meets what is under way.
                tokio::time::sleep(wait / 4).await;
                hub.arm(word(point), nth);
                match hub.freezes(Duration::from_secs(15)).await {
                    true => Death::At(point),
                    false => Death::Missed(point),
                }
            }
            None => {
                tokio::time::sleep(wait).await;
                Death::AnyTime
            }
        };
        hub.kill();
        self.floor.set(Mode::Down);
        let floor = Arc::clone(&self.floor);
        self.until("requests to end", || floor.asking.load(Ordering::SeqCst) == 0).await;
        let mut faults = self.after_death().await;
        let hub = Life::begin(&self.home).await;
        faults.extend(self.comes_to_rest().await);
        let told = |fault| format!("seed {} #{} after {death:?}: {fault}", self.seed, self.cycle);
        let faults = faults.into_iter().map(told).collect();
        (hub, death, faults)
    }

    /// Nothing new is begun; what is wrong when everything has come to its end.
    pub async fn comes_to_rest(&self) -> Vec<String> {
        let floor = Arc::clone(&self.floor);
        floor.set(Mode::Ending);
        self.until("clients to come to an end", || floor.busy.load(Ordering::SeqCst) == 0).await;
        self.at_rest().await
    }

    /// What a dead hub has left must be whole.
    async fn after_death(&self) -> Vec<String> {
        let (left, _dir) = self.database.after_death().await;
        let books = Books::read(&left).await;
        let told = self.floor.told.lock().unwrap();
        let mut faults = books.faults(&told, CLIENTS as usize);
        faults.extend(books.doubled(&self.events()));
        faults
    }

    /// Everything that was begun is brought to its end, and nothing is missing or too much.
    async fn at_rest(&self) -> Vec<String> {
        let mut books = Books::read(&self.database).await;
        // What was claimed when the database went away waits for the end of its lease.
        for _ in 0..4_500 {
            if books.is_settled() {
                break;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
            books = Books::read(&self.database).await;
        }
        let events = self.events();
        let mut faults = books.faults(&self.floor.told.lock().unwrap(), 0);
        faults.extend(books.doubled(&events));
        faults.extend(books.undelivered(&events, &self.people));
        let is_blind = |entry: &simulators::Entry| {
            ["PUT", "DELETE"].contains(&entry.method.as_str()) && !entry.conditional
        };
        let blind = self.world.count(is_blind);
        if blind > 0 {
            faults.push(format!("{blind} blind writes"));
        }
        faults
    }

    pub async fn bookings(&self) -> usize {
        Books::read(&self.database).await.bookings()
    }

    /// How many writes the providers were sent.
    pub fn writes(&self) -> usize {
        self.world.count(|entry| ["PUT", "DELETE"].contains(&entry.method.as_str()))
    }

    /// All of the hub's events.
    fn events(&self) -> Vec<Event> {
        let mut events = Vec::new();
        for calendar in &self.calendars {
            for resource in calendar.resources().into_values() {
                let body = String::from_utf8_lossy(&resource.body).into_owned();
                let line = |name: &str| body.lines().find_map(|line| line.strip_prefix(name));
                let owner = line("X-HUB-BOOKING:").unwrap_or_default();
                let start = line("DTSTART:").and_then(|text| {
                    let at = jiff::civil::DateTime::strptime("%Y%m%dT%H%M%SZ", text).ok()?;
                    Some(at.in_tz("UTC").ok()?.timestamp().as_second())
                });
                let booking = owner.split('/').next().unwrap_or_default().to_owned();
                events.push(Event { calendar: calendar.name().to_owned(), booking, start });
            }
        }
        events
    }

    async fn until(&self, what: &str, is_so: impl Fn() -> bool) {
        for _ in 0..12_000 {
            if is_so() {
                return;
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        panic!("gave up waiting for {what}, seed {} #{}", self.seed, self.cycle);
    }
}
