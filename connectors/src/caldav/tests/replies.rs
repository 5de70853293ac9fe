//! What servers write, read.

use url::Url;

use super::fixture;
use crate::{
    caldav::{
        connector::Collection,
        cursor::{Place, Until},
        fetch::{self, Fetched},
        href, listing, translate,
        tree::Ns,
        wire,
    },
    connector::RemoteCalendar,
    error::Kind,
};

fn at(path: &str) -> Collection {
    let url = Url::parse(&format!("https://cal.example{path}")).unwrap();
    Collection { url, own_addresses: Vec::new() }
}

#[test]
fn a_home_lists_the_calendars_that_hold_events() {
    let base: Url = "https://cal.example/dav/".parse().unwrap();
    let home = base.join("/dav/calendars/anna/").unwrap();
    let listed = wire::multistatus(fixture!("home.xml")).unwrap();
    let told = |calendar: &RemoteCalendar| {
        format!(
            "{} {:?} {:?} {}{}",
            calendar.calendar.as_str(),
            calendar.name,
            calendar.time_zone.as_deref().unwrap_or("-"),
            if calendar.writable { "w" } else { "r" },
            if calendar.transparent { "t" } else { "" },
        )
    };
    let found: Vec<_> = translate::calendars(&listed, &home, &base).iter().map(told).collect();
    assert_eq!(
        found,
        [
            r#"/dav/calendars/anna/work/ "Work & more" "Europe/Berlin" w"#,
            r#"/dav/calendars/anna/read%20only/ "read only" "-" r"#,
            r#"/dav/calendars/anna/half/ "Half" "-" r"#,
            r#"https://other.example.org/dav/calendars/anna/birthdays/ "Birthdays" "America/New_York" wt"#,
        ]
    );
}

#[test]
fn rows_are_read_whatever_their_prefixes_order_and_spelling() {
    let (first, at_first) = (fixture!("sync_token_first.xml"), at("/anna@example.org/work/"));
    let read = wire::multistatus(first).unwrap();
    let (members, gone, is_cut) = listing::sort_rows(&at_first, &read);
    assert_eq!(read.sync_token.as_deref(), Some("http://radicale.org/ns/sync/0123abcd"));
    let expected = ("/anna@example.org/work/a%2Fb~1.ics".to_owned(), Some("\"1\"".to_owned()));
    assert_eq!(members.into_iter().collect::<Vec<_>>(), [expected]);
    assert_eq!(gone, ["/anna@example.org/work/gone.ics"]);
    assert!(!is_cut);

    let read = wire::multistatus(fixture!("sync_numbered.xml")).unwrap();
    let (members, _, _) = listing::sort_rows(&at("/anna/calendars/work/"), &read);
    assert_eq!(members["/anna/calendars/work/x.ics"].as_deref(), Some("\"abc\""));
    assert_eq!(members["/anna/calendars/work/bare.ics"], None, "listed, to be fetched");
    assert_eq!(read.sync_token.as_deref(), Some("91fb21"));

    let read = wire::multistatus(fixture!("sync_paged.xml")).unwrap();
    let (members, _, is_cut) = listing::sort_rows(&at("/dav/cal/"), &read);
    assert!(is_cut && members.len() == 1);
}

#[test]
fn addresses_are_read_from_the_principal() {
    let read = wire::multistatus(fixture!("principal.xml")).unwrap();
    let row = &read.rows[0];
    assert_eq!(
        row.property(Ns::CalDav, "calendar-home-set").unwrap().hrefs(),
        ["/dav/calendars/anna/"]
    );
    assert!(row.property(Ns::Dav, "displayname").is_none(), "told as absent");
}

#[test]
fn bodies_survive_cdata_line_ends_doubles_and_control_characters() {
    let read = wire::multistatus(fixture!("multiget.xml")).unwrap();
    let found = fetch::rows(&at("/dav/cal/"), &read);
    assert_eq!(found.len(), 5);
    assert!(matches!(found["/dav/cal/missing.ics"], Fetched::NotThere(_)));
    for (path, uid, etag) in [
        ("/dav/cal/cdata.ics", "cdata", "\"1\""),
        ("/dav/cal/lf.ics", "lf", "\"2\""),
        ("/dav/cal/control.ics", "control", "W/\"3\""),
    ] {
        let Fetched::There(item, _) = &found[path] else { panic!("{path}") };
        assert_eq!(item.events[0].uid, uid);
        assert_eq!(item.version.as_ref().unwrap().as_str(), etag);
        assert!(item.faults.is_empty(), "{:?}", item.faults);
    }
}

#[test]
fn an_href_that_looks_plain_is_spelled_as_the_url_parser_does() {
    let asked: Url = "https://cal.example/dav/cal/".parse().unwrap();
    for href in
        ["/", "/a//b.ics", "/a/./b", "/a/../b", "/.a", "/a.b/c..d", "//host/x", "/~anna@x/", "/a/."]
    {
        let resolved = href::resolve(&asked, href).map(|url| url.path().to_owned());
        assert_eq!(href::normalise(&asked, href), resolved, "{href}");
    }
}

#[test]
fn references_are_resolved_wherever_they_stand() {
    let row = |etag: &str| {
        format!(
            "<d:multistatus xmlns:d='DAV:'><d:response><d:href>/a</d:href><d:propstat><d:prop><d:getetag>{etag}</d:getetag></d:prop></d:propstat></d:response></d:multistatus>"
        )
    };
    for (written, read) in [
        ("a&#13;&#10;b&#xD;c", "a\r\nb\rc"),
        ("&lt;&amp;&gt;&quot;&apos;", "<&>\"'"),
        ("x<![CDATA[&#13;<]]>y&amp;", "x&#13;<y&"),
        ("x<!-- & -->y", "xy"),
        ("&#7;a&#x1F600;", "a\u{1f600}"),
        ("&amp;#13;", "&#13;"),
    ] {
        let found = wire::multistatus(row(written).as_bytes()).unwrap();
        assert_eq!(found.rows[0].text(Ns::Dav, "getetag"), Some(read), "{written}");
    }
    for broken in ["a&b", "&;", "&nbsp;", "&#13 ;&", "a & b;", "&amp"] {
        assert!(wire::multistatus(row(broken).as_bytes()).is_err(), "{broken}");
    }
}

#[test]
fn hrefs_have_one_spelling() {
    let asked: Url = "https://cal.example/dav/cal/".parse().unwrap();
    for (href, expected) in [
        ("/dav/cal/a.ics", Some("/dav/cal/a.ics")),
        ("a.ics", Some("/dav/cal/a.ics")),
        (" /dav/cal/a.ics\n", Some("/dav/cal/a.ics")),
        ("https://cal.example/dav/cal/a.ics", Some("/dav/cal/a.ics")),
        ("https://elsewhere.example:8443/dav/cal/a.ics?x#y", Some("/dav/cal/a.ics")),
        (
            "/dav/%63al/anna%40example.org%2f%7E%c3%bc.ics",
            Some("/dav/cal/anna@example.org%2F~%C3%BC.ics"),
        ),
        ("/dav/cal/with space.ics", Some("/dav/cal/with%20space.ics")),
        ("/dav/cal/ü.ics", Some("/dav/cal/%C3%BC.ics")),
        ("/dav/cal/100%.ics", Some("/dav/cal/100%25.ics")),
        ("/dav/cal/../other/x.ics", Some("/dav/other/x.ics")),
        ("/dav/cal/a+b.ics", Some("/dav/cal/a+b.ics")),
        ("mailto:anna@example.org", None),
        ("javascript:alert(1)", None),
        ("https://[::1", None),
    ] {
        assert_eq!(href::normalise(&asked, href).as_deref(), expected, "{href}");
        if let Some(once) = expected {
            assert_eq!(href::normalise(&asked, once).as_deref(), expected, "stable: {href}");
        }
    }
}

#[test]
fn hostile_xml_is_refused() {
    let attributes: String = (0..80_000).map(|n| format!(" a{n}=\"1\"")).collect();
    let namespaces: String = (0..40).map(|n| format!(" xmlns:n{n}=\"urn:{n}\"")).collect();
    let declared = |text: &str| format!("<D:multistatus xmlns:D=\"DAV:\"{text}></D:multistatus>");
    for (name, body) in [
        ("entities", fixture!("entities.xml").to_vec()),
        ("depth", fixture!("deep.xml").to_vec()),
        ("attributes", declared(&attributes).into_bytes()),
        ("namespaces", declared(&namespaces).into_bytes()),
        ("html", b"<!DOCTYPE html><html><body>Sign in</body></html>".to_vec()),
        ("json", b"{}".to_vec()),
        ("nothing", Vec::new()),
        ("cut", fixture!("home.xml")[..900].to_vec()),
        ("cut at an end", b"<D:multistatus xmlns:D=\"DAV:\"><D:response></D:response>".to_vec()),
        ("another root", b"<D:error xmlns:D=\"DAV:\"/>".to_vec()),
        ("no namespace", b"<multistatus/>".to_vec()),
        (
            "two roots",
            b"<D:multistatus xmlns:D=\"DAV:\"/><D:multistatus xmlns:D=\"DAV:\"/>".to_vec(),
        ),
        (
            "crossed tags",
            b"<D:multistatus xmlns:D=\"DAV:\"><a><b></a></b></D:multistatus>".to_vec(),
        ),
        ("utf-16", b"\xff\xfe<\0D\0".to_vec()),
    ] {
        let outcome = wire::multistatus(&body);
        assert_eq!(outcome.map(|_| ()).unwrap_err().kind, Kind::BadReply, "{name}");
    }
}

#[test]
fn every_cut_of_a_reply_is_an_error() {
    let body = fixture!("multiget.xml");
    let end = body.len() - "\n".len();
    for length in 0..end {
        assert!(wire::multistatus(&body[..length]).is_err(), "the first {length} bytes are taken");
    }
}

#[test]
fn preconditions_are_read_by_name() {
    for body in [fixture!("expired_rfc.xml") as &[u8], fixture!("expired_sabre.xml")] {
        let names: Vec<_> = wire::preconditions(body).into_iter().map(|(name, _)| name).collect();
        assert!(names.contains(&"valid-sync-token".to_owned()));
    }
    assert!(wire::preconditions(b"Forbidden").is_empty());
    assert!(wire::preconditions(b"<html/>").is_empty());
}

#[test]
fn cursors_are_read_back_and_others_have_expired() {
    let place = Place::Token("http://sabre.io/ns/sync/5".into());
    assert_eq!(Place::read(&place.to_cursor()).unwrap(), place);
    assert_ne!(Until::More("a".into()), Until::Done(Box::new(place)));
    let foreign = crate::Cursor::new("https://graph.example/delta?token=x");
    assert_eq!(Place::read(&foreign).unwrap_err().kind, Kind::CursorExpired);
}

#[test]
fn versions_are_compared_without_what_proxies_add() {
    for (left, right, same) in [
        ("\"a\"", "\"a\"", true),
        ("\"a\"", "W/\"a\"", true),
        ("\"a-gzip\"", "\"a\"", true),
        ("\"a;gzip\"", "W/\"a\"", true),
        ("\"a\"", "\"b\"", false),
        ("a", "\"a\"", true),
    ] {
        let (left, right) = (crate::Version::new(left), crate::Version::new(right));
        assert_eq!(translate::same_version(&left, &right), same, "{left:?} {right:?}");
    }
}
