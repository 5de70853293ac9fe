//! Pulls and spans against scripted servers.

use serde_json::json;

use super::{Server, Stored, calendar, connected, fixture, listing, multiget, reply};
use crate::{
    Connector, Cursor, ItemRef, Version,
    connector::{Change, Coverage, Next, Page, Window},
    error::{Kind, Result},
};

fn window() -> Window {
    Window {
        start: "2027-03-01T00:00:00Z".parse().unwrap(),
        end: "2027-04-01T00:00:00Z".parse().unwrap(),
    }
}

async fn pull(
    server: &std::sync::Arc<Server>,
    cursor: Option<&str>,
    known: &[(&str, &str)],
) -> Result<Page> {
    let known = known
        .iter()
        .map(|(item, version)| (ItemRef::new(*item), Some(Version::new(*version))))
        .collect();
    let cursor = cursor.map(Cursor::new);
    connected(server, &json!({})).pull(&calendar(), window(), cursor.as_ref(), &Stored(known)).await
}

fn told(page: &Page) -> Vec<String> {
    let mut told: Vec<_> = page
        .changes
        .iter()
        .map(|change| match change {
            Change::Present(item) => format!("present {}", item.item.as_str()),
            Change::Unchanged(item) => format!("unchanged {}", item.as_str()),
            Change::Gone(item) => format!("gone {}", item.as_str()),
        })
        .collect();
    told.sort();
    told
}

#[tokio::test]
async fn a_full_pull_fetches_only_what_is_new() {
    let server = Server::new([
        reply(
            207,
            listing(&[("/dav/cal/a.ics", "\"1\""), ("/dav/cal/b.ics", "\"2\"")], Some("t1")),
        ),
        reply(207, multiget(&[("/dav/cal/b.ics", "\"2\"", "b")])),
    ]);
    let known = [("/dav/cal/a.ics", "W/\"1-gzip\""), ("/dav/cal/b.ics", "\"1\"")];
    let page = pull(&server, None, &known).await.unwrap();
    assert_eq!(told(&page), ["present /dav/cal/b.ics", "unchanged /dav/cal/a.ics"]);
    assert_eq!(page.coverage, Coverage::Everything);
    assert_eq!(page.next, Next::Resume(Some(Cursor::new(r#"{"token":"t1"}"#))));
    let asked = server.asked.lock().unwrap();
    let body = String::from_utf8_lossy(asked[0].body()).into_owned();
    assert!(body.contains("<D:sync-token></D:sync-token>") && !body.contains("limit"), "{body}");
    assert!(!body.contains("calendar-data"), "{body}");
    assert_eq!(asked[0].headers()["depth"], "0");
    let body = String::from_utf8_lossy(asked[1].body()).into_owned();
    assert!(body.contains("b.ics") && !body.contains("a.ics"), "{body}");
}

#[tokio::test]
async fn a_server_that_pages_is_followed_to_the_end() {
    let server = Server::new([
        reply(207, fixture!("sync_paged.xml").as_slice()),
        reply(207, multiget(&[("/dav/cal/a.ics", "\"1\"", "a")])),
    ]);
    let page = pull(&server, None, &[]).await.unwrap();
    assert_eq!(page.coverage, Coverage::Everything);
    let Next::More(cursor) = page.next else { panic!("{:?}", page.next) };
    let server = Server::new([reply(207, listing(&[], Some("page-2")))]);
    let page = pull(&server, Some(cursor.as_str()), &[]).await.unwrap();
    assert_eq!(page.coverage, Coverage::Everything, "the round began as one of everything");
    assert_eq!(page.next, Next::Resume(Some(Cursor::new(r#"{"token":"page-2"}"#))));
    assert!(String::from_utf8_lossy(server.asked.lock().unwrap()[0].body()).contains("page-1"));
}

#[tokio::test]
async fn a_server_that_pages_without_moving_on_is_stopped() {
    let server = Server::new([reply(207, fixture!("sync_paged.xml").as_slice())]);
    let error = pull(&server, Some(r#"{"token":"page-1"}"#), &[]).await.unwrap_err();
    assert_eq!(error.kind, Kind::BadReply);
}

#[tokio::test]
async fn an_old_token_is_recognised_in_every_form() {
    let rfc = fixture!("expired_rfc.xml").as_slice();
    let sabre = fixture!("expired_sabre.xml").as_slice();
    for (status, body) in [
        (403, rfc),
        (403, sabre),
        (409, rfc),
        (412, rfc),
        (418, sabre),
        (400, b"Bad Request".as_slice()),
        (403, b""),
        (409, b""),
        (410, b""),
        (412, b""),
        (501, b""),
    ] {
        let server = Server::new([reply(status, body)]);
        let error = pull(&server, Some(r#"{"token":"old"}"#), &[]).await.unwrap_err();
        assert_eq!(error.kind, Kind::CursorExpired, "{status}");
    }
    let privileges = r#"<D:error xmlns:D="DAV:"><D:need-privileges/></D:error>"#;
    for (status, body, expected) in [
        (403, privileges, Kind::Forbidden),
        (404, "", Kind::CalendarGone),
        (503, "", Kind::Unavailable),
        (200, "<html/>", Kind::BadReply),
        (207, "<html/>", Kind::BadReply),
        (204, "", Kind::BadReply),
    ] {
        let server = Server::new([reply(status, body)]);
        let error = pull(&server, Some(r#"{"token":"old"}"#), &[]).await.unwrap_err();
        assert_eq!(error.kind, expected, "{status} {body}");
    }
}

#[tokio::test]
async fn a_delta_without_a_token_is_no_delta() {
    let server = Server::new([reply(207, listing(&[], None))]);
    let error = pull(&server, Some(r#"{"token":"old"}"#), &[]).await.unwrap_err();
    assert_eq!(error.kind, Kind::BadReply);
}

#[tokio::test]
async fn without_deltas_etags_are_listed_and_that_is_remembered() {
    let server = Server::new([
        reply(501, ""),
        reply(207, state("c1")),
        reply(207, listing(&[("/dav/cal/", "\"c\""), ("/dav/cal/a.ics", "\"1\"")], None)),
    ]);
    let connector = connected(&server, &json!({}));
    let stored = Stored([(ItemRef::new("/dav/cal/a.ics"), Some(Version::new("\"1\"")))].into());
    let page = connector.pull(&calendar(), window(), None, &stored).await.unwrap();
    assert_eq!(told(&page), ["unchanged /dav/cal/a.ics"]);
    assert_eq!(page.next, Next::Resume(Some(Cursor::new(r#"{"ctag":"c1"}"#))));
    assert!(!connector.traits().tombstones);
    assert_eq!(connector.learned()["capabilities"]["sync_collection"], false);

    let server = Server::new([reply(207, state("c1"))]);
    let page = pull(&server, Some(r#"{"ctag":"c1"}"#), &[]).await.unwrap();
    assert!(page.changes.is_empty() && page.coverage == Coverage::Delta);
}

fn state(ctag: &str) -> String {
    format!(
        "<d:multistatus xmlns:d=\"DAV:\" xmlns:s=\"http://calendarserver.org/ns/\"><d:response><d:href>/dav/cal/</d:href><d:propstat><d:prop><s:getctag>{ctag}</s:getctag></d:prop><d:status>HTTP/1.1 200 OK</d:status></d:propstat></d:response></d:multistatus>"
    )
}

#[tokio::test]
async fn an_empty_listing_must_be_said_twice() {
    let known = [("/dav/cal/a.ics", "\"1\"")];
    let full = listing(&[("/dav/cal/", "\"c\""), ("/dav/cal/a.ics", "\"1\"")], None);
    let empty = listing(&[("/dav/cal/", "\"c\"")], None);
    for (second, expected) in [(full, false), (empty, true), (listing(&[], None), false)] {
        let server = Server::new([reply(207, listing(&[], Some("t"))), reply(207, second)]);
        let outcome = pull(&server, None, &known).await;
        assert_eq!(outcome.is_ok(), expected);
        if let Err(error) = outcome {
            assert_eq!(error.kind, Kind::BadReply);
        }
    }
}

#[tokio::test]
async fn what_multiget_leaves_out_is_fetched_alone() {
    let rows =
        [("/dav/cal/a.ics", "\"1\""), ("/dav/cal/b.ics", "\"1\""), ("/dav/cal/c.ics", "\"1\"")];
    let server = Server::new([
        reply(207, listing(&rows, Some("t"))),
        reply(207, multiget(&[("/dav/cal/a.ics", "\"2\"", "a"), ("/dav/cal/z.ics", "\"9\"", "z")])),
        super::with(reply(200, super::event("b")), "etag", "\"1\""),
        reply(404, ""),
    ]);
    let page = pull(&server, None, &[]).await.unwrap();
    assert_eq!(
        told(&page),
        ["gone /dav/cal/c.ics", "present /dav/cal/a.ics", "present /dav/cal/b.ics"]
    );
    let newer = page.changes.iter().find_map(|change| match change {
        Change::Present(item) if item.item.as_str() == "/dav/cal/a.ics" => item.version.clone(),
        _ => None,
    });
    assert_eq!(newer, Some(Version::new("\"2\"")), "the version that came with the body");
}

#[tokio::test]
async fn one_item_that_cannot_be_read_does_not_stop_the_rest() {
    let rows = [("/dav/cal/a.ics", "\"1\""), ("/dav/cal/b.ics", "\"1\"")];
    let server = Server::new([
        reply(207, listing(&rows, Some("t"))),
        reply(207, multiget(&[("/dav/cal/a.ics", "\"1\"", "a")])),
        reply(500, "stack trace"),
    ]);
    let page = pull(&server, None, &[]).await.unwrap();
    let faulty = page.changes.iter().find_map(|change| match change {
        Change::Present(item) if item.item.as_str() == "/dav/cal/b.ics" => Some(item.clone()),
        _ => None,
    });
    let faulty = faulty.unwrap();
    assert!(faulty.events.is_empty() && faulty.faults.len() == 1);
    assert_eq!(faulty.version, Some(Version::unread(1)), "not the version it was listed with");
}

#[tokio::test]
async fn what_could_not_be_read_is_asked_for_beside_the_next_delta() {
    let token = Some(r#"{"token":"t"}"#);
    let known = [("/dav/cal/a.ics", "\"1\""), ("/dav/cal/b.ics", "unread:1")];
    let server = Server::new([
        reply(207, listing(&[("/dav/cal/c.ics", "\"1\"")], Some("t2"))),
        reply(207, multiget(&[("/dav/cal/b.ics", "\"1\"", "b"), ("/dav/cal/c.ics", "\"1\"", "c")])),
    ]);
    let page = pull(&server, token, &known).await.unwrap();
    assert_eq!(told(&page), ["present /dav/cal/b.ics", "present /dav/cal/c.ics"]);
    assert_eq!(server.asked().len(), 2, "with the same requests");

    let again = [reply(207, listing(&[], Some("t2"))), reply(207, multiget(&[])), reply(403, "")];
    let page = pull(&Server::new(again), token, &known).await.unwrap();
    let [Change::Present(item)] = page.changes.as_slice() else { panic!("{:?}", page.changes) };
    assert_eq!(item.version, Some(Version::unread(2)));

    let gone = Server::new([
        reply(207, listing(&[], Some("t2"))),
        reply(207, multiget(&[])),
        reply(404, ""),
    ]);
    let page = pull(&gone, token, &known).await.unwrap();
    assert_eq!(told(&page), ["gone /dav/cal/b.ics"]);

    let quiet = Server::new([reply(207, listing(&[], Some("t2")))]);
    let tired = [("/dav/cal/b.ics", "unread:96")];
    assert!(pull(&quiet, token, &tired).await.unwrap().changes.is_empty(), "after a day of tries");
}

#[tokio::test]
async fn what_could_not_be_read_is_asked_for_though_nothing_has_changed() {
    let server = Server::new([
        reply(207, state("c1")),
        reply(207, multiget(&[("/dav/cal/b.ics", "\"1\"", "b")])),
    ]);
    let known = [("/dav/cal/b.ics", "unread:3")];
    let page = pull(&server, Some(r#"{"ctag":"c1"}"#), &known).await.unwrap();
    assert_eq!(told(&page), ["present /dav/cal/b.ics"]);
    assert_eq!(page.coverage, Coverage::Delta);
}

#[tokio::test]
async fn many_unreadable_items_cost_few_requests() {
    let names: Vec<String> = (0..80).map(|n| format!("/dav/cal/{n:02}.ics")).collect();
    let known: Vec<(&str, &str)> = names.iter().map(|name| (name.as_str(), "unread:1")).collect();
    let mut answers = vec![reply(207, listing(&[], Some("t2"))), reply(207, multiget(&[]))];
    answers.extend((0..5).map(|_| reply(403, "")));
    let server = Server::new(answers);
    let page = pull(&server, Some(r#"{"token":"t"}"#), &known).await.unwrap();
    assert_eq!(page.changes.len(), 5);
}

#[tokio::test]
async fn a_body_that_is_no_calendar_is_no_version() {
    let page = "<!doctype html><title>Sign in</title>";
    let server = Server::new([
        reply(207, listing(&[("/dav/cal/a.ics", "\"1\"")], Some("t"))),
        reply(207, multiget(&[])),
        super::with(reply(200, page), "etag", "\"1\""),
    ]);
    let page = pull(&server, None, &[]).await.unwrap();
    let [Change::Present(item)] = page.changes.as_slice() else { panic!("{:?}", page.changes) };
    assert_eq!(item.version, Some(Version::unread(1)));
}

#[tokio::test]
async fn a_multiget_refused_once_is_tried_again() {
    let rows = [("/dav/cal/a.ics", "\"1\""), ("/dav/cal/b.ics", "\"1\"")];
    let alone = |uid: &str| super::with(reply(200, super::event(uid)), "etag", "\"1\"");
    let both = [("/dav/cal/a.ics", "\"1\"", "a"), ("/dav/cal/b.ics", "\"1\"", "b")];
    let server = Server::new([
        reply(207, listing(&rows, Some("t"))),
        reply(403, ""),
        alone("a"),
        alone("b"),
        reply(207, listing(&rows, Some("t2"))),
        reply(207, multiget(&both)),
    ]);
    let connector = connected(&server, &json!({}));
    for _ in 0..2 {
        let read = connector.pull(&calendar(), window(), None, &Stored::default()).await.unwrap();
        assert_eq!(read.changes.len(), 2);
    }
    assert_eq!(connector.learned()["capabilities"]["multiget"], true);
}

#[tokio::test]
async fn a_refused_time_range_reads_everything() {
    let server = Server::new([
        reply(403, ""),
        reply(207, state("c")),
        reply(207, listing(&[("/dav/cal/", "\"c\""), ("/dav/cal/a.ics", "\"1\"")], None)),
        reply(207, multiget(&[("/dav/cal/a.ics", "\"1\"", "a")])),
    ]);
    let connector = connected(&server, &json!({}));
    let items = connector.read_span(&calendar(), window()).await.unwrap();
    assert_eq!(items.len(), 1);
    let body = String::from_utf8_lossy(server.asked.lock().unwrap()[0].body()).into_owned();
    assert!(body.contains("start=\"20270228T000000Z\" end=\"20270402T000000Z\""), "{body}");
    assert_eq!(connector.learned()["capabilities"]["time_range"], false);
}

#[tokio::test]
async fn calendars_of_another_party_never_see_the_login() {
    let server = Server::new([]);
    let connector = connected(&server, &json!({}));
    let elsewhere = crate::CalendarRef::new("https://evil.test/cal/");
    let outcome = connector.pull(&elsewhere, window(), None, &Stored::default()).await;
    assert_eq!(outcome.unwrap_err().kind, Kind::CalendarGone);
    assert!(server.asked().is_empty());
}
