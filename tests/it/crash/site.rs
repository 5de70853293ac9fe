//! One hub's database over all its lives, with what must be true between them.

use std::time::Duration;

use calhub::{drill::Point, store::Engine};
use serde_json::json;
use tempfile::TempDir;

use super::{
    acts::{Act, Deed, act_of, calendars, sync, sync_and_wait},
    follower::{Follower, busy_of},
    ledger::Database,
    life::{Home, Life},
    provider::Provider,
    spans::{Span, instant},
};
use crate::support::hub::free_port;

/// How a life ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Death {
    /// Frozen at the place, then killed.
    At(Point),
    /// Killed at a random instant.
    AnyTime,
    /// Killed after the place was not passed in time.
    Missed(Point),
}

pub struct Site {
    pub home: Home,
    pub database: Database,
    pub provider: Provider,
    pub follower: Follower,
    cycle: usize,
    number: usize,
    _dir: TempDir,
}

impl Site {
    /// A site with nothing in it. `database_url` is a fresh PostgreSQL database, or SQLite's own file.
    pub async fn new(
        number: usize,
        seed: u64,
        database_url: Option<String>,
        bugs: &[&'static str],
    ) -> Self {
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
        let provider = Provider::start(seed).await;
        Self {
            home,
            database,
            provider,
            follower: Follower::default(),
            cycle: 0,
            number,
            _dir: dir,
        }
    }

    pub fn engine(&self) -> Engine {
        match self.database {
            Database::Sqlite(_) => Engine::Sqlite,
            Database::Postgres(_) => Engine::Postgres,
        }
    }

    /// The first run, killed once on the way, then everything linked.
    pub async fn found(&mut self) -> (Life, Death) {
        let places = [Point::Migrated, Point::FirstRunWritten];
        let point = places[self.provider.chance(2) as usize];
        let first = Life::spawn(&self.home, Some(word(point)));
        assert!(
            first.freezes(Duration::from_secs(60)).await,
            "the first run does not pass {point:?}"
        );
        first.kill();
        let hub = Life::begin(&self.home).await;
        let logins =
            [self.provider.login("anna"), self.provider.login("bob"), self.provider.feed_login()];
        for login in logins {
            let (status, made) = hub.post("/v1/connections", &login).await.unwrap();
            assert_eq!(status, 201, "{made}");
        }
        // An all-day event has no place without a zone.
        sync_and_wait(&hub).await;
        let zone = Deed::new(Act::Zone, "zone".to_owned());
        zone.again(&hub, &mut self.provider).await.unwrap();
        (hub, Death::At(point))
    }

    /// One life: something is done, the hub is killed at a place (or at any instant), starts again, and
    /// everything must be as if nothing had happened.
    pub async fn cycle(
        &mut self,
        hub: Life,
        point: Option<Point>,
        nth: usize,
    ) -> (Life, Death, Vec<String>) {
        self.cycle += 1;
        let acts = [
            Act::Adding,
            Act::Changing,
            Act::Changing,
            Act::Bulk,
            Act::Link,
            Act::Unlink,
            Act::Zone,
        ];
        let at_random = acts[self.provider.chance(acts.len() as u64) as usize];
        let act = point.map_or(at_random, act_of);
        let name = format!("{}-{}", self.number, self.cycle);
        let deed = Deed::new(act, name);
        deed.prepare(&hub, &mut self.provider).await;
        let before = self.database.books().await;
        let death = match (point, act) {
            (Some(point), Act::Start) => {
                hub.kill();
                let starting = Life::spawn(&self.home, Some(word(point)));
                assert!(
                    starting.freezes(Duration::from_secs(60)).await,
                    "no start passes {point:?}"
                );
                starting.kill();
                Death::At(point)
            }
            (Some(point), _) => {
                hub.arm(word(point), nth);
                let froze = self.act_until_frozen(&deed, &hub).await;
                hub.kill();
                if froze { Death::At(point) } else { Death::Missed(point) }
            }
            (None, _) => {
                let wait = Duration::from_micros(self.provider.chance(300_000));
                let provider = &mut self.provider;
                let _ = tokio::time::timeout(wait, deed.run(&hub, provider)).await;
                hub.kill();
                Death::AnyTime
            }
        };
        let dead = self.database.books_after_death().await;
        let mut faults = dead.faults_since(&before);
        let hub = Life::begin(&self.home).await;
        deed.again(&hub, &mut self.provider).await.expect("nothing stops this life");
        faults.extend(self.settle(&hub).await);
        let after = self.database.books().await;
        faults.extend(after.faults_since(&dead));
        if self.follower.entries != after.entries() {
            let (read, stored) = (self.follower.entries, after.entries());
            faults.push(format!("the follower has read {read} entries of {stored}"));
        }
        let told = |fault| {
            format!("{:?} #{} after {death:?} ({act:?}): {fault}", self.engine(), self.cycle)
        };
        let faults = faults.into_iter().map(told).collect();
        (hub, death, faults)
    }

    /// Does the deed with a follower at work; whether the process froze on the way.
    async fn act_until_frozen(&mut self, deed: &Deed, hub: &Life) -> bool {
        let (provider, follower) = (&mut self.provider, &mut self.follower);
        let acting = async {
            deed.run(hub, provider).await;
            // What was asked for goes on by itself; once more, for places that are passed many times.
            loop {
                tokio::time::sleep(Duration::from_millis(400)).await;
                if sync(hub).await.is_none() {
                    break;
                }
            }
        };
        let following = async {
            loop {
                let _ = follower.follow(hub).await;
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        tokio::select! {
            froze = hub.freezes(Duration::from_secs(10)) => froze,
            () = async { tokio::join!(acting, following); } => false,
        }
    }

    /// Everything is read again, and the hub and the follower must come to know what the provider holds.
    pub async fn settle(&mut self, hub: &Life) -> Vec<String> {
        sync_and_wait(hub).await;
        let mut faults = Vec::new();
        for _ in 0..500 {
            faults = self.differences(hub).await;
            if faults.is_empty() {
                break;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        // On PostgreSQL the newest entries come once no older transaction of the server runs: other sites' too.
        let stored = self.database.books().await.entries();
        for _ in 0..1_500 {
            let had_news = self.follower.follow(hub).await.expect("the hub runs");
            if !had_news && self.follower.entries >= stored {
                break;
            }
            tokio::time::sleep(Duration::from_millis(if had_news { 0 } else { 20 })).await;
        }
        faults.extend(self.copies_differ(hub).await);
        faults.extend(broken_audit(hub).await);
        faults
    }

    /// Where the hub's answers are not the truth.
    async fn differences(&self, hub: &Life) -> Vec<String> {
        let mut faults = Vec::new();
        let known = calendars(hub).await.expect("the hub runs");
        for name in self.provider.names() {
            let same: Vec<_> = known.iter().filter(|row| row["name"] == name).collect();
            let [row] = same[..] else {
                faults.push(format!("{name} is there {} times", same.len()));
                continue;
            };
            let id = row["id"].as_str().unwrap();
            let (busy, complete) = answer(hub, id).await;
            let truth = self.provider.truth(name);
            if busy != truth {
                faults.push(format!("{name}: {}", difference(&busy, &truth)));
            } else if !complete {
                faults.push(format!("{name}: some of it is unknown"));
            }
        }
        faults
    }

    async fn copies_differ(&self, hub: &Life) -> Vec<String> {
        let known = calendars(hub).await.expect("the hub runs");
        let mut faults = Vec::new();
        for row in known {
            let (id, name) = (row["id"].as_str().unwrap(), row["name"].as_str().unwrap());
            let (copy, truth) = (self.follower.copy(id), self.provider.truth(name));
            if copy != truth {
                faults.push(format!("the follower's {name}: {}", difference(copy, &truth)));
            }
        }
        faults
    }
}

/// What the hub says of a calendar from now on, and whether it says all.
pub async fn answer(hub: &Life, calendar: &str) -> (Vec<Span>, bool) {
    let now = jiff::Timestamp::now().as_second();
    let ask = json!({
        "start": instant(now), "end": instant(now + 250 * 86_400), "calendars": [calendar],
    });
    let (status, found) = hub.post("/v1/freebusy", &ask).await.expect("the hub runs");
    assert_eq!(status, 200, "{found}");
    (busy_of(&found, calendar).unwrap_or_default(), found["complete"] == true)
}

fn difference(found: &[Span], truth: &[Span]) -> String {
    let only = |these: &[Span], those: &[Span]| -> Vec<String> {
        let left = these.iter().filter(|span| !those.contains(span)).take(3);
        left.map(|(from, to)| format!("{}/{}", instant(*from), instant(*to))).collect()
    };
    format!("missing {:?}, too much {:?}", only(truth, found), only(found, truth))
}

/// A place in the words of `CALHUB_DRILL`.
pub fn word(point: Point) -> &'static str {
    point.into()
}

/// What is wrong with the audit log once everything in it has its place.
async fn broken_audit(hub: &Life) -> Option<String> {
    let mut verdict = json!(null);
    for _ in 0..500 {
        verdict = hub.get("/v1/ops/audit/verify").await.expect("the hub runs").1;
        if verdict["unsealed"]["count"] == 0 {
            break;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let is_right = verdict["whole"] == true && verdict["unsealed"]["count"] == 0;
    (!is_right).then(|| format!("the audit log: {verdict}"))
}
