//! Feeds: validators, redirects, packings, failures, churn.

use std::io::Read as _;

use bytes::Bytes;
use flate2::read::GzDecoder;
use http::{Request, Response};
use simulators::{
    Content, Cut, Delivery, Feed, FeedKnobs, FeedSpec, Gzip, Validators, World, giant_event,
    large_feed, nested,
};

use crate::client::event;

struct Reader {
    world: World,
    feed: Feed,
}

impl Reader {
    fn new(change: impl FnOnce(&mut FeedKnobs)) -> Self {
        let world = World::new("2027-03-01T08:00:00Z".parse().unwrap());
        let spec =
            FeedSpec { secret: Some("hush".into()), ..FeedSpec::new("club", event("a", "")) };
        let feed = world.add_feed(spec.with(change));
        Self { world, feed }
    }

    async fn fetch(&self, headers: &[(&str, &str)]) -> Result<Response<Bytes>, Cut> {
        self.fetch_at(&self.feed.path(), headers).await
    }

    async fn fetch_at(&self, path: &str, headers: &[(&str, &str)]) -> Result<Response<Bytes>, Cut> {
        let mut request = Request::get(path);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        self.world.call(request.body(Bytes::new()).unwrap()).await
    }

    async fn status(&self, headers: &[(&str, &str)]) -> u16 {
        self.fetch(headers).await.unwrap().status().as_u16()
    }
}

fn header(response: &Response<Bytes>, name: &str) -> String {
    response.headers().get(name).map_or(String::new(), |value| value.to_str().unwrap().to_owned())
}

#[tokio::test]
async fn an_unchanged_feed_is_304_by_each_validator() {
    for (validators, by_etag, by_date) in [
        (Validators::Both, 304, 304),
        (Validators::Etag, 304, 200),
        (Validators::LastModified, 200, 304),
        (Validators::Neither, 200, 200),
        (Validators::ChangingEtag, 200, 200),
    ] {
        let reader = Reader::new(|knobs| knobs.validators = validators);
        let first = reader.fetch(&[]).await.unwrap();
        let (etag, date) = (header(&first, "etag"), header(&first, "last-modified"));
        assert_eq!(reader.status(&[("if-none-match", &etag)]).await, by_etag, "{validators:?}");
        assert_eq!(reader.status(&[("if-modified-since", &date)]).await, by_date, "{validators:?}");
        reader.world.advance(std::time::Duration::from_secs(60));
        reader.feed.set(event("b", ""));
        assert_eq!(reader.status(&[("if-none-match", &etag)]).await, 200);
        assert_eq!(reader.status(&[("if-modified-since", &date)]).await, 200);
        assert_eq!(reader.feed.fetches(), 5);
    }
    let deaf = Reader::new(|knobs| knobs.never_304 = true);
    let etag = header(&deaf.fetch(&[]).await.unwrap(), "etag");
    assert_eq!(deaf.status(&[("if-none-match", &etag)]).await, 200);
    let odd = Reader::new(|knobs| (knobs.weak, knobs.from_the_future) = (true, true));
    let first = odd.fetch(&[]).await.unwrap();
    assert!(
        header(&first, "etag").starts_with("W/")
            && header(&first, "last-modified").contains("2037")
    );
}

#[tokio::test]
async fn secrets_and_credentials_are_needed() {
    let reader = Reader::new(|_| ());
    assert_eq!(reader.fetch_at("/ics/club.ics", &[]).await.unwrap().status(), 404);
    assert_eq!(
        reader.fetch_at("/ics/club/private-guess/basic.ics", &[]).await.unwrap().status(),
        404
    );
    assert!(
        reader.world.log().iter().all(|entry| !entry.path.contains("hush")),
        "the log holds no secret path"
    );
    let spec = FeedSpec {
        login: Some(("u".into(), "p".into())),
        ..FeedSpec::new("locked", event("a", ""))
    };
    let path = reader.world.add_feed(spec).path();
    assert_eq!(reader.fetch_at(&path, &[]).await.unwrap().status(), 401);
    assert_eq!(
        reader.fetch_at(&path, &[("authorization", "Basic dTpw")]).await.unwrap().status(),
        200
    );
}

#[tokio::test]
async fn redirects_chain_loop_and_leave() {
    let chain = Reader::new(|knobs| knobs.redirects = vec![301, 302, 307]);
    let mut at = chain.feed.path();
    for status in [301, 302, 307] {
        let hop = chain.fetch_at(&at, &[]).await.unwrap();
        assert_eq!(hop.status(), status);
        at = header(&hop, "location");
    }
    assert_eq!(chain.fetch_at(&at, &[]).await.unwrap().status(), 200);
    let looping = Reader::new(|knobs| knobs.loops = true);
    assert_eq!(
        looping.fetch_at(&format!("{}?hop=99", looping.feed.path()), &[]).await.unwrap().status(),
        302
    );
    let away = Reader::new(|knobs| {
        knobs.redirects = vec![308];
        knobs.redirect_to = Some("http://169.254.169.254/latest/".into());
    });
    assert_eq!(
        header(&away.fetch(&[]).await.unwrap(), "location"),
        "http://169.254.169.254/latest/"
    );
    let other = Reader::new(|knobs| {
        knobs.redirects = vec![302];
        knobs.redirect_origin = Some("http://other.example".into());
    });
    assert!(
        header(&other.fetch(&[]).await.unwrap(), "location")
            .starts_with("http://other.example/ics/club/")
    );
}

#[tokio::test]
async fn failures_come_in_sequence_and_end() {
    let reader = Reader::new(|knobs| knobs.retry_after = Some("30".into()));
    reader.feed.fail_next(&[401, 403, 404, 410, 429, 500, 503]);
    for status in [401, 403, 404, 410, 429, 500, 503] {
        let answer = reader.fetch(&[]).await.unwrap();
        assert_eq!(
            (answer.status().as_u16(), header(&answer, "retry-after")),
            (status, "30".into())
        );
    }
    assert_eq!(reader.status(&[]).await, 200);
}

#[tokio::test]
async fn what_is_served_is_not_always_a_calendar() {
    for (content, status, part) in [
        (Content::Html, 200, "<title>"),
        (Content::Json, 200, "{"),
        (Content::Empty, 200, ""),
        (Content::NoContent, 204, ""),
        (Content::NoEvents, 200, "BEGIN:VCALENDAR"),
    ] {
        let reader = Reader::new(|knobs| knobs.content = content);
        let answer = reader.fetch(&[]).await.unwrap();
        let body = String::from_utf8_lossy(answer.body()).into_owned();
        assert!(
            answer.status() == status && body.contains(part) && !body.contains("VEVENT"),
            "{content:?}"
        );
        reader.feed.tune(|knobs| knobs.content = Content::Calendar);
        assert!(
            String::from_utf8_lossy(reader.fetch(&[]).await.unwrap().body()).contains("VEVENT")
        );
    }
    let odd =
        Reader::new(|knobs| knobs.content_type = Some("text/plain; charset=iso-8859-1".into()));
    assert_eq!(
        header(&odd.fetch(&[]).await.unwrap(), "content-type"),
        "text/plain; charset=iso-8859-1"
    );
    odd.feed.set_bytes([0xFF, 0xFE, b'B', 0]);
    assert_eq!(odd.fetch(&[]).await.unwrap().body().as_ref(), [0xFF, 0xFE, b'B', 0]);
}

#[tokio::test]
async fn bodies_are_packed_cut_and_dripped() {
    let zipped = Reader::new(|knobs| knobs.gzip = Gzip::Asked);
    assert_eq!(header(&zipped.fetch(&[]).await.unwrap(), "content-encoding"), "");
    let answer = zipped.fetch(&[("accept-encoding", "gzip")]).await.unwrap();
    let mut text = String::new();
    GzDecoder::new(answer.body().as_ref()).read_to_string(&mut text).unwrap();
    assert_eq!(text, event("a", ""));
    let bomb = Reader::new(|knobs| knobs.gzip = Gzip::Bomb { mib: 8 }).fetch(&[]).await.unwrap();
    assert!(bomb.body().len() < 64 << 10);
    let mut blown_up = Vec::new();
    GzDecoder::new(bomb.body().as_ref()).read_to_end(&mut blown_up).unwrap();
    assert_eq!(blown_up.len(), 8 << 20);
    let cut = Reader::new(|knobs| knobs.truncate = Some(10)).fetch(&[]).await;
    assert!(matches!(cut, Err(Cut::MidBody(part)) if part.body().len() == 10));
    let drip = Reader::new(|knobs| knobs.drip = Some((4, 100))).fetch(&[]).await.unwrap();
    assert_eq!(drip.extensions().get(), Some(&Delivery::Drip { bytes: 4, pause_ms: 100 }));
}

#[tokio::test]
async fn hints_are_put_in_and_identities_churn() {
    let reader = Reader::new(|knobs| {
        knobs.refresh_interval = Some("PT1S".into());
        knobs.published_ttl = Some("-PT1H".into());
        knobs.uid_churn = true;
        knobs.dtstamp_churn = true;
    });
    let first = String::from_utf8(reader.fetch(&[]).await.unwrap().body().to_vec()).unwrap();
    assert!(
        first.contains("REFRESH-INTERVAL;VALUE=DURATION:PT1S\r\n")
            && first.contains("X-PUBLISHED-TTL:-PT1H\r\n")
    );
    let second = String::from_utf8(reader.fetch(&[]).await.unwrap().body().to_vec()).unwrap();
    let line = |text: &str, name: &str| {
        text.lines().find(|line| line.starts_with(name)).unwrap().to_owned()
    };
    assert_ne!(line(&first, "UID"), line(&second, "UID"));
    assert_ne!(line(&first, "DTSTAMP"), line(&second, "DTSTAMP"));
    assert_eq!(line(&first, "DTSTART"), line(&second, "DTSTART"));
}

#[test]
fn large_giant_and_nested_feeds_can_be_made() {
    let large = large_feed(50_000, "2027-01-01T00:00:00Z".parse().unwrap());
    assert_eq!(large.matches("BEGIN:VEVENT").count(), 50_000);
    assert!(giant_event(1 << 20).len() > 1 << 20);
    assert_eq!(nested(500).matches("BEGIN:VEVENT").count(), 500);
}
