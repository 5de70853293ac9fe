//! Queries over time, free/busy, and the shapes that replies come in.

use simulators::{Access, Profile, profile};

use crate::client::{Client, event};

fn series(uid: &str, rule: &str) -> String {
    event(uid, &format!("RRULE:{rule}\r\n"))
}

#[tokio::test]
async fn a_time_range_finds_everything_that_may_overlap() {
    let client = Client::new("generic");
    client.work.put("once.ics", event("once", ""));
    client.work.put("daily.ics", series("daily", "FREQ=DAILY"));
    client.work.put("ended.ics", series("ended", "FREQ=DAILY;UNTIL=20270310T090000Z"));
    let allday =
        event("allday", "").replace("DTSTART:20270301T090000Z", "DTSTART;VALUE=DATE:20270601");
    client.work.put("allday.ics", allday.replace("DTEND:20270301T100000Z\r\n", ""));
    let names = async |start: &str, end: &str| {
        let answer = client.between(start, end).await;
        ["once", "daily", "ended", "allday"]
            .into_iter()
            .filter(|n| answer.body.contains(*n))
            .collect::<Vec<_>>()
    };
    assert_eq!(names("20270301T095900Z", "20270301T120000Z").await, ["once", "daily", "ended"]);
    assert_eq!(names("20270301T100000Z", "20270301T120000Z").await, ["daily", "ended"]);
    assert_eq!(names("20270601T000000Z", "20270602T000000Z").await, ["daily", "allday"]);
    assert_eq!(names("20260101T000000Z", "20260201T000000Z").await, Vec::<&str>::new());
    assert_eq!(names("20370101T000000Z", "20370201T000000Z").await, ["daily"]);
}

#[tokio::test]
async fn broken_ranges_break_as_asked() {
    let body = |mode| Profile::generic().with(|p| p.query.time_range = mode);
    let ignored = Client::of(body(profile::TimeRange::Ignored));
    ignored.work.put("a.ics", event("a", ""));
    assert_eq!(
        ignored.between("20300101T000000Z", "20300102T000000Z").await.count("BEGIN:VEVENT"),
        1
    );
    let once = Client::of(body(profile::TimeRange::LosesLaterInstances));
    once.work.put("a.ics", series("a", "FREQ=DAILY"));
    assert_eq!(once.between("20270501T000000Z", "20270502T000000Z").await.count("BEGIN:VEVENT"), 0);
    let picky = Client::of(body(profile::TimeRange::NeedsCompFilter));
    picky.work.put("a.ics", event("a", ""));
    let bare = "<c:calendar-query xmlns:d=\"DAV:\" xmlns:c=\"urn:ietf:params:xml:ns:caldav\"><d:prop/>\
                <c:filter><c:comp-filter name=\"VCALENDAR\"/></c:filter></c:calendar-query>";
    assert_eq!(picky.report(bare).await.count(".ics"), 0);
    let near = Client::of(body(profile::TimeRange::WithinAYear));
    near.work.put("a.ics", event("a", ""));
    near.work.put("old.ics", event("old", "").replace("2027", "2020"));
    assert_eq!(near.report(bare).await.count(".ics"), 1);
}

#[tokio::test]
async fn depth_zero_is_refused_or_empty_where_known() {
    for (name, status, rows) in [("generic", 207, 1), ("sabre", 400, 0), ("xandikos", 207, 0)] {
        let client = Client::new(name);
        client.work.put("a.ics", event("a", ""));
        let query = "<c:calendar-query xmlns:d=\"DAV:\" xmlns:c=\"urn:ietf:params:xml:ns:caldav\"><d:prop/>\
                     <c:filter><c:comp-filter name=\"VCALENDAR\"/></c:filter></c:calendar-query>";
        let answer = client.send("REPORT", &client.work.path(), &[("depth", "0")], query).await;
        assert_eq!((answer.status, answer.count(".ics")), (status, rows), "{name}");
    }
}

const BUSY: &str = "<c:free-busy-query xmlns:c=\"urn:ietf:params:xml:ns:caldav\">\
                    <c:time-range start=\"20270301T000000Z\" end=\"20270305T000000Z\"/></c:free-busy-query>";

#[tokio::test]
async fn free_busy_is_merged_or_not_and_works_with_that_privilege_alone() {
    let client = Client::new("radicale");
    client.work.put("a.ics", series("a", "FREQ=DAILY;COUNT=2"));
    client.work.put("b.ics", event("b", ""));
    client.work.put(
        "free.ics",
        event("free", "TRANSP:TRANSPARENT\r\n").replace("T09", "T15").replace("T10", "T16"),
    );
    client.work.set(|spec| spec.access = Access::FreeBusyOnly);
    let merged = client.report(BUSY).await;
    assert_eq!((merged.status, merged.count("FREEBUSY;")), (200, 2), "{}", merged.body);
    assert!(
        merged.body.contains("FREEBUSY;FBTYPE=BUSY:20270302T090000Z/20270302T100000Z"),
        "{}",
        merged.body
    );
    assert_eq!(client.get("a.ics", &[]).await.status, 403);
    let apart = Client::new("xandikos");
    apart.work.put("a.ics", event("a", ""));
    apart.work.put("b.ics", event("b", ""));
    let answer = apart.report(BUSY).await;
    assert_eq!(
        (answer.count("FREEBUSY;"), answer.header("content-type")),
        (2, "application/octet-stream")
    );
    assert_eq!(Client::new("sogo").report(BUSY).await.status, 501);
}

#[tokio::test]
async fn free_busy_follows_weekdays_exdates_and_overrides() {
    let client = Client::new("generic");
    let weekly = event("w", "RRULE:FREQ=WEEKLY;BYDAY=MO,TU,WE\r\nEXDATE:20270302T090000Z\r\n");
    let moved = "BEGIN:VEVENT\r\nUID:w\r\nRECURRENCE-ID:20270303T090000Z\r\nDTSTART:20270304T120000Z\r\n\
                 DTEND:20270304T130000Z\r\nEND:VEVENT\r\nEND:VCALENDAR";
    client.work.put("w.ics", weekly.replace("END:VCALENDAR", moved));
    let answer = client.report(BUSY).await;
    let lines: Vec<_> = answer.body.lines().filter(|line| line.starts_with("FREEBUSY")).collect();
    assert_eq!(
        lines,
        [
            "FREEBUSY;FBTYPE=BUSY:20270301T090000Z/20270301T100000Z",
            "FREEBUSY;FBTYPE=BUSY:20270304T120000Z/20270304T130000Z"
        ]
    );
}

#[tokio::test]
async fn replies_come_in_many_shapes() {
    let sync = async |change: fn(&mut Profile)| {
        let client = Client::of(Profile::generic().with(change));
        client.work.put("a.ics", event("a", "SUMMARY:bell\u{7}\r\n"));
        client.work.put("b.ics", event("b", ""));
        (client.sync("").await, client.between("20270301T000000Z", "20270302T000000Z").await)
    };
    let (rows, _) = sync(|p| p.xml.crowded = true).await;
    assert_eq!((rows.count("a.ics"), rows.count("unasked.ics")), (2, 1));
    let (_, bodies) = sync(|p| p.xml.cdata = true).await;
    assert!(bodies.body.contains("<![CDATA[BEGIN:VCALENDAR"));
    let (_, bodies) = sync(|p| p.xml.lf = true).await;
    assert!(!bodies.body.contains("&#13;") && !bodies.body.contains('\u{7}'));
    let (_, bodies) = sync(|p| p.xml.raw_controls = true).await;
    assert!(bodies.body.contains('\u{7}'));
    let (rows, _) = sync(|p| p.xml.href = profile::HrefStyle::Absolute).await;
    assert!(rows.body.contains("http://sim.example/dav/"));
    let (rows, _) = sync(|p| p.sync.bare_rows = true).await;
    assert!(!rows.body.contains("getetag"));
    let (rows, _) = sync(|p| p.sync.collection_row = true).await;
    assert_eq!(rows.count("<d:response>"), 3);
    let (rows, _) = sync(|p| p.xml.prefixes = profile::Prefixes::Numbered).await;
    assert!(rows.body.contains("<ns0:multistatus"));
}

#[tokio::test]
async fn hrefs_are_encoded_in_the_servers_own_way() {
    for (style, wanted) in [
        (profile::HrefStyle::Plain, "a@b%C3%A4.ics"),
        (profile::HrefStyle::At, "a%40b%C3%A4.ics"),
        (profile::HrefStyle::LowerHex, "a%40b%c3%a4.ics"),
        (profile::HrefStyle::Raw, "a@bä.ics"),
    ] {
        let client = Client::of(Profile::generic().with(|p| p.xml.href = style));
        client.work.put("a@bä.ics", event("a", ""));
        let rows = client.sync("").await;
        assert!(rows.body.contains(wanted), "{wanted}: {}", rows.body);
    }
}

#[tokio::test]
async fn an_index_lags_behind_writes() {
    let client = Client::of(Profile::generic().with(|p| p.sync.lag_s = 180));
    client.put("a.ics", &[], &event("a", "")).await;
    assert_eq!(client.get("a.ics", &[]).await.status, 200, "a direct read finds it at once");
    let early = client.sync("").await;
    assert_eq!(early.count(".ics"), 0);
    assert_eq!(client.propfind(&client.work.path(), "1", "<d:getetag/>").await.count(".ics"), 0);
    client.world.advance(std::time::Duration::from_secs(180));
    let token = early.element("sync-token").unwrap();
    assert_eq!(client.sync(&token).await.count("a.ics"), 1);
}

#[tokio::test]
async fn a_multiget_may_leave_rows_out() {
    let client =
        Client::of(Profile::generic().with(|p| p.query.multiget = profile::Multiget::FewerRows));
    let mut hrefs = String::new();
    for n in 0..6 {
        client.work.put(&format!("{n}.ics"), event(&n.to_string(), ""));
        hrefs.push_str(&format!("<d:href>{}</d:href>", client.work.href(&format!("{n}.ics"))));
    }
    let body = format!(
        "<c:calendar-multiget xmlns:d=\"DAV:\" xmlns:c=\"urn:ietf:params:xml:ns:caldav\"><d:prop><d:getetag/></d:prop>\
         {hrefs}</c:calendar-multiget>"
    );
    assert_eq!(client.report(&body).await.count("<d:response>"), 4);
}
