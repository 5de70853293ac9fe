//! What is asked, letter by letter.

use super::*;
use crate::{
    connector::{Connector, Writer},
    event::ItemRef,
};

#[tokio::test]
async fn a_pull_asks_for_times_and_not_for_words() {
    let server = Server::new([page(&json!([]), "nextSyncToken", "x")]);
    let awkward = CalendarRef::new("en.german#holiday@group.v.calendar.google.com/../x?y");
    connected(&server).pull(&awkward, window(), None, &Stored::default()).await.unwrap();
    let asked = server.take();
    let path = asked[0].uri().path();
    let expected = "/calendar/v3/calendars/en.german%23holiday%40group.v.calendar.google.com%2F..%2Fx%3Fy/events";
    assert_eq!(path, expected);
    let fields = asks(&asked[0], "fields").unwrap();
    for word in [
        "summary",
        "description",
        "location",
        "email",
        "displayName",
        "creator",
        "organizer",
        "hangout",
    ] {
        assert!(!fields.contains(word), "{word} in {fields}");
    }
    for (name, value) in [("singleEvents", "false"), ("maxResults", "2500"), ("maxAttendees", "1")]
    {
        assert_eq!(asks(&asked[0], name).as_deref(), Some(value));
    }
    // With a sync token these are refused, and without one they would hide what moves in or was moved out.
    for name in ["timeMin", "timeMax", "showDeleted", "orderBy", "updatedMin"] {
        assert_eq!(asks(&asked[0], name), None);
    }
    assert_eq!(asked[0].headers()["authorization"], "Bearer good-0");
    assert!(asked[0].headers()["user-agent"].to_str().unwrap().contains("gzip"));
}

#[tokio::test]
async fn a_name_never_leads_out_of_its_place() {
    let server = Server::new([]);
    let google = connected(&server);
    for name in ["", ".", ".."] {
        let at = CalendarRef::new(name);
        let pulled = google.pull(&at, window(), None, &Stored::default()).await;
        assert_eq!(pulled.unwrap_err().kind, Kind::CalendarGone, "{name}");
        let item = ItemRef::new(name);
        assert_eq!(Writer::get(&google, &calendar(), &item).await.unwrap(), None);
    }
    assert!(server.take().is_empty());
}

#[tokio::test]
async fn the_api_may_lie_elsewhere() {
    for (base, path) in [
        ("http://127.0.0.1:8080", "/calendar/v3/users/me/calendarList/primary"),
        ("https://proxy.example/google/?x=1", "/google/calendar/v3/users/me/calendarList/primary"),
    ] {
        let server = Server::new([reply(200, "{\"id\":\"a\"}")]);
        let settings = transport::Settings {
            allow_net: vec!["127.0.0.0/8".parse().unwrap()],
            ..transport::Settings::default()
        };
        let transport = Transport::in_process(Arc::clone(&server) as _, settings);
        let tokens = Arc::new(Given { left: Mutex::new(0) });
        let settings = Settings { api: base.parse().unwrap() };
        let google = Google::new(transport, settings, tokens, Access::Read, Value::Null).unwrap();
        google.account().await.unwrap();
        assert_eq!(server.take()[0].uri().path(), path);
    }
    let transport = Transport::in_process(Server::new([]), transport::Settings::default());
    let settings = Settings { api: "data:text/plain,x".parse().unwrap() };
    let tokens = Arc::new(Given { left: Mutex::new(0) });
    let made = Google::new(transport, settings, tokens, Access::Read, Value::Null);
    assert_eq!(made.unwrap_err().kind, Kind::Rejected);
}

#[tokio::test]
async fn a_refused_token_is_replaced_once() {
    let refused = || reply(401, fixture!("refused/401_login.json"));
    let server = Server::new([refused(), page(&json!([]), "nextSyncToken", "x")]);
    let google = connected(&server);
    google.pull(&calendar(), window(), None, &Stored::default()).await.unwrap();
    let tokens: Vec<_> =
        server.take().iter().map(|it| it.headers()["authorization"].clone()).collect();
    assert_eq!(tokens, ["Bearer good-0", "Bearer good-1"]);
    // Refused again, the grant is dead.
    let server = Server::new([refused(), refused()]);
    let error = connected(&server).account().await.unwrap_err();
    assert_eq!((error.kind, server.take().len()), (Kind::Unauthorized, 2));
    // And so it is when nothing else can be had.
    let server = Server::new([refused()]);
    let transport = Transport::in_process(server.clone(), transport::Settings::default());
    let tokens = Arc::new(Given { left: Mutex::new(0) });
    let google =
        Google::new(transport, Settings::default(), tokens, Access::Read, Value::Null).unwrap();
    let error = google.account().await.unwrap_err();
    assert_eq!((error.kind, server.take().len()), (Kind::Unauthorized, 1));
}
