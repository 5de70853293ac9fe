//! Simulated feeds.

use std::{collections::BTreeMap, sync::Mutex, time::Duration};

use async_trait::async_trait;
use connectors::{
    CalendarRef, Connector,
    conformance::{Abilities, Garbage, Subject},
    ics,
    transport::{Counts, Transport},
};
use secrecy::SecretString;
use simulators::{Content, Feed, FeedKnobs, FeedSpec, Validators, World};

use super::keeps_every_promise;
use crate::support::simulated::{ORIGIN, transport};

const SECRET: &str = "a1b2c3d4e5f6";

struct Published {
    world: World,
    feed: Feed,
    transport: Transport,
    events: Mutex<BTreeMap<String, String>>,
}

impl Published {
    fn new(tune: impl FnOnce(&mut FeedKnobs)) -> Self {
        let world = World::new("2027-03-01T00:00:00Z".parse().unwrap());
        let mut spec = FeedSpec::new("team", whole(&BTreeMap::new())).with(tune);
        spec.secret = Some(SECRET.into());
        let feed = world.add_feed(spec);
        let transport = transport(&world);
        Self { world, feed, transport, events: Mutex::default() }
    }

    fn publish(&self, change: impl FnOnce(&mut BTreeMap<String, String>)) {
        let mut events = self.events.lock().unwrap();
        change(&mut events);
        self.feed.set(whole(&events));
        // Dates of publication are told in seconds.
        self.world.advance(Duration::from_secs(2));
    }
}

/// One calendar of everything inside the given ones.
fn whole(events: &BTreeMap<String, String>) -> String {
    let inner = |ics: &String| -> String {
        ics.split_inclusive("\r\n")
            .filter(|line| {
                let name = line.split(':').next().unwrap_or("");
                !matches!(line.trim_end(), "BEGIN:VCALENDAR" | "END:VCALENDAR")
                    && !matches!(name, "VERSION" | "PRODID")
            })
            .collect()
    };
    let events: String = events.values().map(inner).collect();
    format!(
        "BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:-//sim//feed//EN\r\nX-WR-CALNAME:Team\r\n{events}END:VCALENDAR\r\n"
    )
}

#[async_trait]
impl Subject for Published {
    fn abilities(&self) -> Abilities {
        Abilities {
            tombstones: false,
            expires_cursors: false,
            revokes_login: true,
            throttles: true,
            drops_replies: false,
            answers_garbage: true,
            removes_calendar: true,
            idles_cheaply: true,
            has_versions: true,
            expands: false,
            many: 130,
        }
    }

    fn connector(&self, learned: serde_json::Value) -> Box<dyn Connector> {
        let url = format!("{ORIGIN}{}", self.feed.path()).replace("https:", "webcal:");
        Box::new(ics::Feed::new(self.transport.clone(), url.into(), learned).unwrap())
    }

    fn calendar(&self) -> CalendarRef {
        CalendarRef::new("")
    }

    async fn put(&self, name: &str, ics: &str) {
        self.publish(|events| {
            events.insert(name.to_owned(), ics.to_owned());
        });
    }

    async fn delete(&self, name: &str) {
        self.publish(|events| {
            events.remove(name).unwrap();
        });
    }

    async fn count(&self, uid: &str) -> usize {
        self.feed.body().matches(&format!("UID:{uid}\r\n")).count()
    }

    async fn stored(&self) -> String {
        self.feed.body()
    }

    fn counts(&self) -> Counts {
        self.transport.counts()
    }

    fn secrets(&self) -> Vec<SecretString> {
        vec![SECRET.into(), self.feed.path().into()]
    }

    async fn revoke_login(&self) {
        self.feed.fail_next(&[401; 20]);
    }

    async fn throttle_next(&self, retry_after: Duration) {
        self.feed.tune(|knobs| knobs.retry_after = Some(retry_after.as_secs().to_string()));
        self.feed.fail_next(&[429]);
    }

    async fn answer_garbage(&self, garbage: Garbage) {
        self.feed.tune(|knobs| match garbage {
            Garbage::Html => knobs.content = Content::Html,
            Garbage::Json => knobs.content = Content::Json,
            Garbage::Empty => knobs.content = Content::Empty,
            Garbage::Truncated => knobs.truncate = Some(60),
        });
    }

    async fn answer_well_again(&self) {
        self.feed.tune(|knobs| {
            knobs.content = Content::Calendar;
            knobs.truncate = None;
        });
    }

    async fn remove_calendar(&self) {
        self.feed.fail_next(&[404; 20]);
    }
}

async fn keeps(name: &str, tune: impl Fn(&mut FeedKnobs)) {
    keeps_every_promise(name, async || Published::new(&tune)).await;
}

#[tokio::test]
async fn a_feed_with_both_validators() {
    keeps("both", |_| ()).await;
}

#[tokio::test]
async fn a_feed_with_an_etag_only() {
    keeps("etag", |knobs| knobs.validators = Validators::Etag).await;
}

#[tokio::test]
async fn a_feed_with_a_date_only() {
    keeps("date", |knobs| knobs.validators = Validators::LastModified).await;
}

#[tokio::test]
async fn a_feed_without_validators() {
    keeps("neither", |knobs| knobs.validators = Validators::Neither).await;
}

#[tokio::test]
async fn a_feed_whose_etag_and_stamps_change_at_every_request() {
    keeps("churn", |knobs| {
        knobs.validators = Validators::ChangingEtag;
        knobs.dtstamp_churn = true;
    })
    .await;
}

#[tokio::test]
async fn a_feed_behind_redirects() {
    keeps("redirects", |knobs| knobs.redirects = vec![308]).await;
}

#[tokio::test]
async fn a_feed_in_chunks_that_never_says_not_modified() {
    keeps("chunked", |knobs| {
        knobs.chunked = true;
        knobs.never_304 = true;
    })
    .await;
}

#[tokio::test]
async fn a_compressed_feed() {
    keeps("gzip", |knobs| knobs.gzip = simulators::Gzip::Asked).await;
}
