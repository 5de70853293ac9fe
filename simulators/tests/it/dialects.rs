//! What known servers answer where they differ, as observed on the wire or read in their source.

use simulators::{CalendarSpec, Profile, profile};

use crate::client::{Client, event};

const ALL: [&str; 12] = [
    "generic",
    "sabre",
    "nextcloud",
    "radicale",
    "xandikos",
    "cyrus",
    "icloud",
    "sogo",
    "davmail",
    "stalwart",
    "ctag_only",
    "bare",
];

#[tokio::test]
async fn every_dialect_lists_and_tells_bodies() {
    for name in ALL {
        let client = Client::new(name);
        client.work.put("a b@c.ics", event("a", ""));
        let listing = client.propfind(&client.work.path(), "1", "<d:getetag/>").await;
        assert_eq!(listing.status, 207, "{name}");
        assert!(listing.body.contains("a%20b"), "{name}: {}", listing.body);
        let found = client.between("20270301T000000Z", "20270302T000000Z").await;
        assert!(found.body.contains("BEGIN:VEVENT"), "{name}: {}", found.body);
        let path = client.work.path();
        let bodies = client
            .report(&format!(
                "<c:calendar-multiget xmlns:d=\"DAV:\" xmlns:c=\"urn:ietf:params:xml:ns:caldav\"><d:prop>\
                 <d:getetag/><c:calendar-data/></d:prop><d:href>{path}a%20b%40c.ics</d:href>\
                 <d:href>{path}none.ics</d:href></c:calendar-multiget>"
            ))
            .await;
        assert_eq!(
            (bodies.status, bodies.count("BEGIN:VEVENT")),
            (207, 1),
            "{name}: {}",
            bodies.body
        );
        assert_eq!(bodies.count("HTTP/1.1 404 Not Found"), 1, "{name}");
    }
}

#[tokio::test]
async fn radicale_answers_as_observed() {
    let client = Client::new("radicale");
    let options = client.send("OPTIONS", &client.work.path(), &[], "").await;
    assert_eq!(options.header("dav"), "1, 2, 3, calendar-access, addressbook, extended-mkcol");
    assert_eq!(client.send("GET", "/.well-known/caldav", &[], "").await.status, 301);
    let created = client.put("a.ics", &[("if-none-match", "*")], &event("a", "")).await;
    assert_eq!((created.status, created.etag().is_empty()), (201, false));
    let again = client.put("a.ics", &[("if-none-match", "*")], &event("a", "")).await;
    assert_eq!((again.status, again.header("content-type")), (412, "text/plain; charset=utf-8"));
    assert_eq!(client.put("a.ics", &[("if-match", "\"x\"")], &event("a", "")).await.status, 412);
    assert_eq!(client.put("b.ics", &[("if-match", "\"x\"")], &event("b", "")).await.status, 412);
    assert_eq!(client.put("c.ics", &[], "garbage").await.status, 400);
    let unchanged = client.put("a.ics", &[], &event("a", "")).await;
    assert_eq!((unchanged.status, unchanged.etag()), (204, created.etag()));
    let read = client.get("a.ics", &[("if-none-match", created.etag())]).await;
    assert_eq!(read.status, 200, "never 304");
    assert_ne!(read.body, event("a", ""), "the body is re-serialised");
    let twin = client.put("twin.ics", &[("if-none-match", "*")], &event("a", "")).await;
    assert!(
        twin.status == 409 && twin.body.contains("no-uid-conflict") && !twin.body.contains("href")
    );
    let changed = client.put("a.ics", &[], &event("other", "")).await;
    assert!(changed.status == 409 && changed.body.contains("no-uid-conflict"));
    let below_nothing = client
        .send("PUT", &format!("{}none/x.ics", client.anna.home()), &[], &event("x", ""))
        .await;
    assert_eq!(below_nothing.status, 403);
    let href = client.work.href("a.ics");
    assert_eq!(client.send("DELETE", &href, &[("if-match", "\"x\"")], "").await.status, 412);
    let deleted = client.send("DELETE", &href, &[], "").await;
    assert!(deleted.status == 200 && deleted.body.contains("multistatus"));
    assert_eq!(client.send("DELETE", &href, &[], "").await.status, 404);
}

#[tokio::test]
async fn radicale_ignores_limits_and_puts_the_token_first() {
    let client = Client::new("radicale");
    for n in 0..3 {
        client.work.put(&format!("{n}.ics"), event(&n.to_string(), ""));
    }
    let all = client.sync_limited("", Some(1)).await;
    assert_eq!((all.status, all.count(".ics")), (207, 3));
    assert!(
        all.body.find("sync-token").unwrap() < all.body.find("<response>").unwrap(),
        "{}",
        all.body
    );
    let token = all.element("sync-token").unwrap();
    assert!(token.starts_with("http://radicale.org/ns/sync/") && token.len() == 28 + 64, "{token}");
    let bogus = client.sync("http://radicale.org/ns/sync/bogus").await;
    assert!(bogus.status == 403 && bogus.body.contains("<valid-sync-token/>"), "{}", bogus.body);
}

#[tokio::test]
async fn xandikos_answers_as_observed() {
    let client = Client::new("xandikos");
    assert_eq!(client.send("GET", "/.well-known/caldav", &[], "").await.status, 302);
    let created = client.put("a.ics", &[("if-none-match", "*")], &event("a", "")).await;
    assert!(
        created.status == 201
            && !created.etag().is_empty()
            && !created.header("schedule-tag").is_empty()
    );
    let again = client.put("a.ics", &[("if-none-match", "*")], &event("a", "")).await;
    assert_eq!((again.status, again.body.as_str()), (412, ""));
    let garbage = client.put("b.ics", &[], "garbage").await;
    assert!(garbage.status == 412 && garbage.body.contains("valid-calendar-data"));
    assert_eq!(client.get("a.ics", &[("if-none-match", created.etag())]).await.status, 304);
    let twin = client.put("twin.ics", &[], &event("a", "")).await;
    assert!(twin.status == 412 && twin.body.contains("no-uid-conflict"));
    assert_eq!(client.put("a.ics", &[], &event("other", "")).await.status, 204);
    let below_nothing = client
        .send("PUT", &format!("{}none/x.ics", client.anna.home()), &[], &event("x", ""))
        .await;
    assert_eq!(below_nothing.status, 409);
    assert_eq!(client.send("DELETE", &client.work.href("a.ics"), &[], "").await.status, 204);
}

#[tokio::test]
async fn xandikos_truncates_without_telling() {
    let client = Client::new("xandikos");
    for n in 0..3 {
        client.work.put(&format!("{n}.ics"), event(&n.to_string(), ""));
    }
    let cut = client.sync_limited("", Some(1)).await;
    assert_eq!((cut.status, cut.count(".ics"), cut.count("507")), (207, 1, 0));
    let token = cut.element("sync-token").unwrap();
    assert_eq!(token.len(), 40, "a bare git hash");
    assert_eq!(client.sync(&token).await.count(".ics"), 0, "the other rows are lost");
    assert_eq!(client.sync("0123").await.status, 412);
    let deep = "<sync-collection xmlns=\"DAV:\"><sync-token/><sync-level>infinite</sync-level><prop/></sync-collection>";
    assert_eq!(client.report(deep).await.status, 400);
}

#[tokio::test]
async fn an_invalid_token_is_answered_in_each_known_form() {
    for (status, told) in
        [(403, true), (409, true), (412, true), (400, false), (410, false), (500, false)]
    {
        let refused = profile::InvalidToken::Refused { status, told };
        let client = Client::of(Profile::generic().with(|p| p.sync.invalid = refused));
        let answer = client.sync("data:,bogus").await;
        assert_eq!((answer.status, answer.body.contains("valid-sync-token")), (status, told));
    }
    let sogo = Client::new("sogo");
    sogo.work.put("a.ics", event("a", ""));
    let any = sogo.sync("99999999999").await;
    assert_eq!((any.status, any.count(".ics")), (207, 0), "any integer is taken");
}

#[tokio::test]
async fn sogo_repeats_the_rows_of_the_last_second() {
    let client = Client::new("sogo");
    client.work.put("a.ics", event("a", ""));
    let token = client.sync("").await.element("sync-token").unwrap();
    assert_eq!(token.parse::<i64>().unwrap(), client.world.now().as_second() - 1);
    assert_eq!(client.sync(&token).await.count(".ics"), 1);
    client.world.advance(std::time::Duration::from_secs(60));
    let later = client.sync("").await.element("sync-token").unwrap();
    assert_eq!(client.sync(&later).await.count(".ics"), 0);
}

#[tokio::test]
async fn a_repeated_row_does_not_stop_the_paging() {
    let client = Client::new("sabre");
    for n in 0..4 {
        client.work.put(&format!("{n}.ics"), event(&n.to_string(), ""));
    }
    let (mut token, mut pages) = (String::new(), 0);
    loop {
        let page = client.sync_limited(&token, Some(1)).await;
        pages += 1;
        token = page.element("sync-token").unwrap();
        if !page.body.contains("507") {
            break;
        }
    }
    assert_eq!(pages, 4);
    assert_eq!(client.sync(&token).await.count("3.ics"), 1, "the last change is told again");
}

#[tokio::test]
async fn a_pruned_history_loses_changes_silently() {
    let client =
        Client::of(Profile::named("nextcloud").unwrap().with(|p| p.sync.remembers = Some(1)));
    let token = client.sync("").await.element("sync-token").unwrap();
    for n in 0..3 {
        client.work.put(&format!("{n}.ics"), event(&n.to_string(), ""));
    }
    assert_eq!(client.sync(&token).await.count(".ics"), 1);
    assert_eq!(
        client.sync_limited("", Some(1)).await.status,
        507,
        "an initial listing with a limit fails"
    );
}

#[tokio::test]
async fn a_uid_conflict_is_told_in_each_known_form() {
    for (name, status, says, names_it) in [
        ("generic", 409, "no-uid-conflict", true),
        ("nextcloud", 400, "already exists", false),
        ("cyrus", 403, "unique-scheduling-object-resource", true),
        ("sogo", 409, "Event UID already in use.", false),
        ("stalwart", 412, "no-uid-conflict", false),
        ("icloud", 403, "unique-scheduling-object-resource", false),
    ] {
        let client = Client::new(name);
        client.put("a.ics", &[], &event("a", "")).await;
        let twin = client.put("twin.ics", &[], &event("a", "")).await;
        assert!(
            twin.status == status && twin.body.contains(says),
            "{name}: {} {}",
            twin.status,
            twin.body
        );
        assert_eq!(twin.body.contains("a.ics"), names_it, "{name}");
    }
}

#[tokio::test]
async fn uids_are_unique_in_the_account_where_the_server_says_so() {
    for (name, status) in [("cyrus", 403), ("generic", 201)] {
        let client = Client::new(name);
        client.work.put("a.ics", event("a", ""));
        let other = client.anna.add_calendar(CalendarSpec::new("other"));
        let answer = client.send("PUT", &other.href("b.ics"), &[], &event("a", "")).await;
        assert_eq!(answer.status, status, "{name}");
    }
    let zimbra = Client::new("zimbra");
    zimbra.work.put("a.ics", event("a", ""));
    let other = zimbra.anna.add_calendar(CalendarSpec::new("other"));
    assert_eq!(zimbra.send("PUT", &other.href("b.ics"), &[], &event("a", "")).await.status, 201);
    assert!(zimbra.work.get("a.ics").is_none(), "a silent move");
}

#[tokio::test]
async fn a_trash_bin_keeps_a_deleted_uid() {
    let client = Client::new("nextcloud");
    client.put("a.ics", &[], &event("a", "")).await;
    client.send("DELETE", &client.work.href("a.ics"), &[], "").await;
    let again = client.put("a.ics", &[("if-none-match", "*")], &event("a", "")).await;
    assert!(again.status == 400 && again.body.contains("Deleted calendar object"));
}

#[tokio::test]
async fn servers_that_ignore_preconditions_overwrite_and_delete() {
    let client = Client::new("davmail");
    client.work.put("a.ics", event("a", ""));
    assert_eq!(
        client.put("a.ics", &[("if-none-match", "*")], &event("a", "SUMMARY:x\r\n")).await.status,
        204
    );
    let created = client.put("new.ics", &[], &event("new", "")).await;
    assert!(created.status == 201 && created.header("location").ends_with(".EML"), "renamed");
    assert!(client.work.get("new.ics").is_none());
    let gone =
        client.send("DELETE", &client.work.href("a.ics"), &[("if-match", "\"old\"")], "").await;
    assert_eq!(gone.status, 200);
    assert_eq!(client.sync("").await.status, 403, "no sync-collection");
}

#[tokio::test]
async fn an_etag_is_told_only_when_the_server_would() {
    let plain = Client::new("sabre");
    assert!(!plain.put("a.ics", &[], &event("a", "")).await.etag().is_empty());
    let adjusting = Client::of(
        Profile::named("sabre").unwrap().with(|p| p.write.stored = profile::Stored::Adjusted),
    );
    assert_eq!(adjusting.put("a.ics", &[], &event("a", "CLASS:PRIVATE\r\n")).await.etag(), "");
    let stored = adjusting.work.get("a.ics").unwrap().text();
    assert!(!stored.contains("CLASS") && stored.contains("X-SERVER-BUSYSTATUS"), "{stored}");
    let icloud = Client::new("icloud");
    assert_eq!(icloud.put("a.ics", &[], &event("a", "")).await.etag(), "");
    let stalwart = Client::new("stalwart");
    assert!(!stalwart.put("a.ics", &[], &event("a", "")).await.etag().is_empty());
    assert_eq!(stalwart.put("a.ics", &[], &event("a", "")).await.etag(), "", "identical body");
    let zipped =
        Client::of(Profile::generic().with(|p| p.write.etag = profile::EtagForm::GzipSuffix));
    zipped.work.put("a.ics", event("a", ""));
    let etag = zipped.get("a.ics", &[]).await.etag().to_owned();
    assert!(etag.ends_with("-gzip\""), "{etag}");
    assert_eq!(zipped.put("a.ics", &[("if-match", &etag)], &event("a", "")).await.status, 204);
}

#[tokio::test]
async fn refusals_name_the_precondition() {
    let client = Client::of(Profile::generic().with(|p| {
        p.write.max_resource_size = Some(2_000);
        p.write.quota = Some(2_500);
    }));
    let big = event("big", &format!("DESCRIPTION:{}\r\n", "x".repeat(3_000)));
    let refused = client.put("big.ics", &[], &big).await;
    assert!(refused.status == 403 && refused.body.contains("max-resource-size"));
    client.work.put("full.ics", event("full", &format!("DESCRIPTION:{}\r\n", "x".repeat(2_400))));
    let refused = client.put("a.ics", &[], &event("a", "")).await;
    assert!(refused.status == 507 && refused.body.contains("quota-not-exceeded"));
    let todo = event("t", "").replace("VEVENT", "VTODO");
    let client = Client::new("generic");
    assert!(client.put("t.ics", &[], &todo).await.body.contains("supported-calendar-component"));
    let invitation = event("m", "").replace("VERSION:2.0\r\n", "VERSION:2.0\r\nMETHOD:REQUEST\r\n");
    assert!(client.put("m.ics", &[], &invitation).await.body.contains("valid-calendar-data"));
    client.work.set(|spec| spec.access = simulators::Access::ReadOnly);
    let refused = client.put("a.ics", &[], &event("a", "")).await;
    assert!(refused.status == 403 && refused.body.contains("need-privileges"));
    let privileges =
        client.propfind(&client.work.path(), "0", "<d:current-user-privilege-set/>").await;
    assert!(!privileges.body.contains("write"), "{}", privileges.body);
}

#[tokio::test]
async fn a_schedule_tag_moves_only_with_the_organiser() {
    let client = Client::new("cyrus");
    let invited = "ORGANIZER:mailto:anna@example.org\r\nATTENDEE;PARTSTAT=NEEDS-ACTION:mailto:bo@example.org\r\n";
    let first = client.put("a.ics", &[], &event("a", invited)).await;
    assert_eq!(client.world.outbox().len(), 1);
    client.work.edit_event("a.ics", |ics| ics.replace("NEEDS-ACTION", "ACCEPTED"));
    let replied = client.get("a.ics", &[]).await;
    assert_ne!(replied.etag(), first.etag());
    assert_eq!(replied.header("schedule-tag"), first.header("schedule-tag"));
    let tag = first.header("schedule-tag").to_owned();
    let moved = event("a", "SUMMARY:x\r\n");
    assert_eq!(client.put("a.ics", &[("if-schedule-tag-match", &tag)], &moved).await.status, 204);
    assert_eq!(client.put("a.ics", &[("if-schedule-tag-match", &tag)], &moved).await.status, 412);
    let silent = "ORGANIZER:mailto:anna@example.org\r\nATTENDEE;SCHEDULE-AGENT=CLIENT:mailto:bo@example.org\r\n";
    client.put("b.ics", &[], &event("b", silent)).await;
    assert_eq!(client.world.outbox().len(), 1, "the client takes care of this one");
}
