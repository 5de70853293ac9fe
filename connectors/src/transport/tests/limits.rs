//! Sizes, compression, cut replies, and what statuses mean.

use std::{io::Write, sync::Arc, time::Duration};

use flate2::{Compression, write::GzEncoder};

use super::{Scripted, ask, call, reply, text, transport};
use crate::{
    error::{Effect, Kind, RetryAfter, Throttle},
    transport::{Cut, Framed, Limits, Settings, Transport, refusal, retry_after},
};

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

async fn fetch(answer: http::Response<bytes::Bytes>) -> Result<bytes::Bytes, Kind> {
    let service = Scripted::new([answer]);
    let outcome = transport(&service).send(&call(), ask("GET", "https://cal.example/secret")).await;
    match outcome {
        Ok(answer) => Ok(answer.into_body()),
        Err(error) => {
            assert!(!text(&error).contains("secret"));
            Err(error.kind)
        }
    }
}

const GZIP: &[(&str, &str)] = &[("content-encoding", "gzip")];

#[tokio::test]
async fn compression_is_undone() {
    let body = b"BEGIN:VCALENDAR\r\n".repeat(1000);
    let fetched = fetch(reply(200, GZIP, gzip(&body))).await.unwrap();
    assert_eq!(fetched, body);
}

#[tokio::test]
async fn a_bomb_is_defused() {
    let bomb = gzip(&vec![b' '; 100 << 20]);
    assert!(bomb.len() < 200 << 10);
    assert_eq!(fetch(reply(200, GZIP, bomb)).await, Err(Kind::BadReply));
}

#[tokio::test]
async fn a_bomb_inside_the_ratio_stops_at_the_size() {
    let mut noise = 1_u64;
    let mut body: Vec<u8> = Vec::new();
    while body.len() < 33 << 20 {
        noise = noise.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        body.extend_from_slice(&noise.to_le_bytes());
        body.extend_from_slice(&[b' '; 56]);
    }
    let compressed = gzip(&body);
    assert!(compressed.len() < 20 << 20 && compressed.len() * 100 > body.len());
    assert_eq!(fetch(reply(200, GZIP, compressed)).await, Err(Kind::BadReply));
}

#[tokio::test]
async fn cut_or_foreign_compression_is_an_error() {
    let mut cut = gzip(&b"BEGIN:VCALENDAR\r\n".repeat(1000));
    cut.truncate(cut.len() - 12);
    assert_eq!(fetch(reply(200, GZIP, cut)).await, Err(Kind::BadReply));
    assert_eq!(fetch(reply(200, GZIP, "plain")).await, Err(Kind::BadReply));
    for coding in ["br", "deflate", "zstd", "gzip, gzip"] {
        let answer = reply(200, &[("content-encoding", coding)], "x");
        assert_eq!(fetch(answer).await, Err(Kind::BadReply), "{coding}");
    }
}

#[tokio::test]
async fn a_body_shorter_than_it_says_is_an_error() {
    let answer = reply(200, &[("content-length", "100")], "BEGIN:VCALENDAR");
    assert_eq!(fetch(answer).await, Err(Kind::Unavailable));
    let answer = reply(304, &[("content-length", "100")], "");
    assert_eq!(fetch(answer).await.unwrap(), "");
}

#[tokio::test]
async fn bodies_and_headers_have_limits() {
    let large = vec![b'x'; (20 << 20) + 1];
    assert_eq!(fetch(reply(200, &[], large)).await, Err(Kind::BadReply));
    let header = "x".repeat(70_000);
    assert_eq!(fetch(reply(200, &[("x-large", &header)], "")).await, Err(Kind::BadReply));
}

#[tokio::test]
async fn only_framed_bodies_are_known_to_be_whole() {
    for (headers, expected) in [
        (&[("content-length", "4")] as &[_], true),
        (&[("transfer-encoding", "chunked")], true),
        (&[], false),
    ] {
        let service = Scripted::new([reply(200, headers, "body")]);
        let answer = transport(&service).send(&call(), ask("GET", "https://cal.example/")).await;
        assert_eq!(answer.unwrap().extensions().get(), Some(&Framed(expected)));
    }
}

#[tokio::test]
async fn only_a_write_can_have_an_unknown_effect() {
    for (method, cut, effect) in [
        ("PUT", Cut::Dropped, Effect::Unknown),
        ("DELETE", Cut::TimedOut, Effect::Unknown),
        ("PUT", Cut::Refused, Effect::None),
        ("REPORT", Cut::Dropped, Effect::None),
        ("GET", Cut::TimedOut, Effect::None),
    ] {
        let service = Scripted::new([]);
        service.answers.lock().unwrap().push_back(Err(cut));
        let outcome = transport(&service).send(&call(), ask(method, "https://cal.example/")).await;
        assert_eq!(outcome.unwrap_err().effect, effect, "{method} {cut}");
    }
}

#[tokio::test]
async fn exchanges_are_counted() {
    let service =
        Scripted::new([reply(302, &[("location", "/b")], "moved"), reply(200, &[], "12345")]);
    let transport = transport(&service);
    transport.send(&call(), ask("GET", "https://cal.example/a")).await.unwrap();
    transport.send(&call(), ask("GET", "https://cal.example/c")).await.unwrap_err();
    let counts = transport.counts();
    assert_eq!((counts.requests, counts.failures), (3, 1));
    assert_eq!((counts.sent_bytes, counts.received_bytes), (24, 10));
}

#[tokio::test]
async fn one_host_is_asked_only_so_often_at_once() {
    let limits = Limits { per_host: 1, ..Limits::default() };
    let service = Scripted::new([reply(200, &[], ""), reply(200, &[], "")]);
    let settings = Settings { limits, ..Settings::default() };
    let transport = Transport::in_process(Arc::clone(&service) as _, settings);
    let call = call();
    let both = futures::future::join(
        transport.send(&call, ask("GET", "https://cal.example/a")),
        transport.send(&call, ask("GET", "https://cal.example/b")),
    );
    let (first, second) = both.await;
    assert!(first.is_ok() && second.is_ok());
}

#[test]
fn pauses_are_read_in_both_forms() {
    let pause = |text: &str| retry_after(reply(503, &[("retry-after", text)], "").headers());
    assert_eq!(pause("120"), Some(RetryAfter::In(Duration::from_secs(120))));
    assert_eq!(pause("99999999999"), Some(RetryAfter::In(Duration::from_secs(86_400))));
    let date = "2027-03-14T09:00:00Z".parse().unwrap();
    assert_eq!(pause("Sun, 14 Mar 2027 09:00:00 GMT"), Some(RetryAfter::At(date)));
    for nonsense in ["", "soon", "-5", "1.5"] {
        assert_eq!(pause(nonsense), None, "{nonsense}");
    }
}

#[test]
fn a_date_to_come_back_at_is_meant_by_the_clock_that_wrote_it() {
    let pause = |date: &str| {
        let headers = [("retry-after", "Sun, 14 Mar 2027 09:00:00 GMT"), ("date", date)];
        retry_after(reply(503, &headers, "").headers())
    };
    let wait = |seconds| Some(RetryAfter::In(Duration::from_secs(seconds)));
    assert_eq!(pause("Sun, 14 Mar 2027 08:59:00 GMT"), wait(60));
    assert_eq!(pause("Sun, 14 Mar 2027 09:01:00 GMT"), wait(0));
    assert_eq!(pause("Sun, 14 Mar 2021 09:01:00 GMT"), wait(86_400));
}

#[test]
fn statuses_are_sorted() {
    let pause = Some(RetryAfter::In(Duration::from_secs(5)));
    for (status, after, expected) in [
        (401, None, Kind::Unauthorized),
        (403, None, Kind::Forbidden),
        (404, None, Kind::Gone),
        (410, None, Kind::Gone),
        (408, None, Kind::Unavailable),
        (412, None, Kind::VersionConflict),
        (423, None, Kind::Unavailable),
        (425, None, Kind::Unavailable),
        (429, None, Kind::Throttled { retry_after: None, scope: Throttle::Host }),
        (429, Some("5"), Kind::Throttled { retry_after: pause, scope: Throttle::Host }),
        (503, Some("5"), Kind::Throttled { retry_after: pause, scope: Throttle::Host }),
        (503, None, Kind::Unavailable),
        (500, None, Kind::Unavailable),
        (400, None, Kind::Rejected),
        (418, None, Kind::Rejected),
        (304, None, Kind::BadReply),
        (200, None, Kind::BadReply),
    ] {
        let headers: Vec<_> = after.iter().map(|after| ("retry-after", *after)).collect();
        assert_eq!(refusal(&reply(status, &headers, ""), "asked").kind, expected, "{status}");
    }
}
