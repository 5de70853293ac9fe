//! The generic server: discovery, listings, changes, reads, conditional writes.

use crate::client::{Client, event};

#[tokio::test]
async fn discovery_leads_from_the_well_known_address_to_the_calendars() {
    let client = Client::new("generic");
    let moved = client.send("PROPFIND", "/.well-known/caldav", &[("authorization", "")], "").await;
    assert_eq!((moved.status, moved.header("location")), (301, "/dav/generic/"));
    let refused = client.send("PROPFIND", "/dav/generic/", &[("authorization", "")], "").await;
    assert_eq!(refused.status, 401);
    assert!(refused.header("www-authenticate").starts_with("Basic realm="));

    let context = client.propfind("/dav/generic/", "0", "<d:current-user-principal/>").await;
    assert!(context.body.contains("<d:href>/dav/generic/anna/</d:href>"), "{}", context.body);
    let principal = client.propfind("/dav/generic/anna/", "0", "<c:calendar-home-set/>").await;
    assert!(
        principal.body.contains("<d:href>/dav/generic/anna/calendars/</d:href>"),
        "{}",
        principal.body
    );

    let home = client
        .propfind("/dav/generic/anna/calendars/", "1", "<d:resourcetype/><d:sync-token/><s:x/>")
        .await;
    assert_eq!((home.status, home.count("<cal:calendar/>")), (207, 1));
    assert!(
        home.body.contains("404 Not Found"),
        "unknown properties come in a propstat of their own"
    );
}

#[tokio::test]
async fn a_sync_tells_what_was_written_and_deleted_since_its_token() {
    let client = Client::new("generic");
    client.work.put("a.ics", event("a", ""));
    client.work.put("b.ics", event("b", ""));
    let first = client.sync("").await;
    assert_eq!((first.status, first.count(".ics")), (207, 2));
    let token = first.element("sync-token").unwrap();
    let quiet = client.sync(&token).await;
    assert_eq!(
        (quiet.count("response>"), quiet.element("sync-token").unwrap()),
        (0, token.clone())
    );

    client.work.put("c.ics", event("c", ""));
    client.work.delete("a.ics");
    let second = client.sync(&token).await;
    assert!(second.body.contains("c.ics") && !second.body.contains("b.ics"), "{}", second.body);
    assert_eq!(second.count("HTTP/1.1 404 Not Found"), 1);
}

#[tokio::test]
async fn an_expired_cursor_is_reported() {
    let client = Client::new("generic");
    let token = client.sync("").await.element("sync-token").unwrap();
    client.work.expire_cursors();
    let answer = client.sync(&token).await;
    assert_eq!(answer.status, 403);
    assert!(
        answer.body.contains("<d:error") && answer.body.contains("<d:valid-sync-token/>"),
        "{}",
        answer.body
    );
}

#[tokio::test]
async fn pages_cover_a_listing_once_and_end_without_507() {
    let client = Client::new("generic");
    for n in 0..7 {
        client.work.put(&format!("{n}.ics"), event(&n.to_string(), ""));
    }
    let (mut token, mut rows, mut pages) = (String::new(), 0, 0);
    loop {
        let page = client.sync_limited(&token, Some(3)).await;
        rows += page.count(".ics");
        pages += 1;
        token = page.element("sync-token").unwrap();
        if !page.body.contains("507 Insufficient Storage") {
            break;
        }
    }
    assert_eq!((rows, pages), (7, 3));
}

#[tokio::test]
async fn writes_are_conditional() {
    let client = Client::new("generic");
    let created = client.put("a.ics", &[("if-none-match", "*")], &event("a", "")).await;
    assert_eq!((created.status, created.etag().is_empty()), (201, false));
    assert_eq!(client.put("a.ics", &[("if-none-match", "*")], &event("a", "")).await.status, 412);
    assert_eq!(client.put("a.ics", &[("if-match", "\"old\"")], &event("a", "")).await.status, 412);
    let updated =
        client.put("a.ics", &[("if-match", created.etag())], &event("a", "SUMMARY:x\r\n")).await;
    assert_eq!(updated.status, 204);
    assert_ne!(updated.etag(), created.etag());
    let href = client.work.href("a.ics");
    assert_eq!(client.send("DELETE", &href, &[("if-match", created.etag())], "").await.status, 412);
    assert_eq!(client.send("DELETE", &href, &[("if-match", updated.etag())], "").await.status, 204);
    assert_eq!(client.send("DELETE", &href, &[], "").await.status, 404);
}

#[tokio::test]
async fn the_log_counts_requests_and_bytes() {
    let client = Client::new("generic");
    client.work.put("a.ics", event("a", ""));
    let answer = client.sync("").await;
    let log = client.world.log();
    assert_eq!(log.len(), 1);
    assert_eq!(log[0].report.as_deref(), Some("sync-collection"));
    assert_eq!((log[0].status, log[0].bytes_out), (Some(207), answer.body.len()));
    assert_eq!(client.world.count(|entry| entry.method == "REPORT"), 1);
}
