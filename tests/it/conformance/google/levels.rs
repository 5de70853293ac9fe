//! What each level of access sees, what channels are, who is mailed, and how calendars and roles change underneath.

use calhub::{model::busy::BusyClass, sync::digest::read};
use connectors::{
    ItemRef, WantedChannel,
    conformance::Ledger,
    connector::{Guest, Next},
};

use super::*;

impl Simulated {
    /// A connector whose grant has these scopes.
    fn connector_with(&self, access: Access, granted: &[&str]) -> Google {
        let refresh_token = self.account.grant(CLIENT, granted);
        let grant = Arc::new(Grant::new(self.world.clone(), refresh_token));
        let settings = Settings { api: self.origin.parse().unwrap() };
        Google::new(self.transport.clone(), settings, grant, access, Value::Null).unwrap()
    }
}

fn hour(extra: &Value) -> Value {
    let mut event = json!({
        "summary": "Nobody's business",
        "start": {"dateTime": "2027-03-08T09:00:00Z"},
        "end": {"dateTime": "2027-03-08T10:00:00Z"},
    });
    event.as_object_mut().unwrap().extend(extra.as_object().unwrap().clone());
    event
}

#[tokio::test]
async fn every_level_of_access_does_with_its_own_scopes() {
    let subject = Simulated::new(|_| ());
    subject.calendar.insert(hour(&json!({}))).unwrap();
    for access in [Access::BusyOnly, Access::Read, Access::ReadWrite] {
        let google = subject.connector_with(access, scopes(access));
        assert_eq!(google.account().await.unwrap().identity, "anna@example.org");
        let listed = google.list_calendars().await.unwrap();
        let writable = listed.iter().any(|calendar| calendar.writable);
        assert_eq!((listed.len(), writable), (2, access == Access::ReadWrite));
        assert_eq!(google.writer().is_some(), access == Access::ReadWrite);
        let ledger = Ledger::default();
        ledger.pull(&google, &subject.calendar()).await.unwrap();
        ledger.pull(&google, &subject.calendar()).await.unwrap();
        let items = ledger.items();
        assert_eq!(read(&items[0], None).events[0].class, Some(BusyClass::Busy));
        let channels = google.channels().unwrap();
        let wanted = wanted(&format!("ch-{access:?}"));
        let opened = channels.open(&subject.calendar(), &wanted).await.unwrap();
        channels.close(&wanted.channel, &opened.resource).await.unwrap();
    }
    for (access, granted) in [
        (Access::Read, scopes(Access::BusyOnly)[..1].to_vec()),
        (Access::ReadWrite, scopes(Access::Read)[1..].to_vec()),
    ] {
        let google = subject.connector_with(access, &granted);
        let asked = [
            google.list_calendars().await.err(),
            google.read_span(&subject.calendar(), span()).await.err(),
        ];
        let kinds: Vec<Kind> = asked.into_iter().flatten().map(|error| error.kind).collect();
        assert_eq!(kinds, [Kind::MissingScope], "{granted:?}");
    }
}

fn span() -> connectors::Window {
    connectors::Window {
        start: "2027-03-01T00:00:00Z".parse().unwrap(),
        end: "2027-04-01T00:00:00Z".parse().unwrap(),
    }
}

fn wanted(channel: &str) -> WantedChannel {
    WantedChannel {
        channel: channel.to_owned(),
        secret: "told-to-nobody".into(),
        address: "https://hub.example/hooks/google/1".parse().unwrap(),
        lives: Duration::from_secs(30 * 24 * 3600),
        now: "2027-03-01T00:00:00Z".parse().unwrap(),
    }
}

#[tokio::test]
async fn a_channel_lives_as_long_as_google_says_and_tells_of_changes() {
    let subject = Simulated::new(|_| ());
    let connector = subject.connector(Value::Null);
    let (calendar, channels) = (subject.calendar(), connector.channels().unwrap());
    let opened = channels.open(&calendar, &wanted("ch-1")).await.unwrap();
    assert_eq!(opened.expires_at, "2027-03-08T00:00:00Z".parse().unwrap(), "a week, not a month");
    subject.calendar.insert(hour(&json!({}))).unwrap();
    subject.world.advance(Duration::from_secs(10));
    let told = subject.world.take_notifications();
    assert_eq!(told.len(), 2, "that it is open, and the change");
    let again = channels.open(&calendar, &wanted("ch-1")).await.unwrap_err();
    assert_eq!(again.kind, Kind::AlreadyExists { at: None });
    channels.close("ch-1", &opened.resource).await.unwrap();
    channels.close("ch-1", &opened.resource).await.unwrap();
    channels.close("never", "opened").await.unwrap();
    let plain =
        WantedChannel { address: "http://hub.example/hooks".parse().unwrap(), ..wanted("ch-2") };
    let refused = channels.open(&calendar, &plain).await.unwrap_err();
    assert_eq!(refused.kind, Kind::Rejected, "{refused}");
    subject.calendar.set_watchable(false);
    let refused = channels.open(&calendar, &wanted("ch-3")).await.unwrap_err();
    assert_eq!(refused.kind, Kind::NoPush);
    subject.calendar.unshare();
    let refused = channels.open(&calendar, &wanted("ch-4")).await.unwrap_err();
    assert_eq!(refused.kind, Kind::CalendarGone);
}

#[tokio::test]
async fn guests_are_mailed_when_a_booking_invites_them_and_when_it_is_taken_out() {
    let subject = Simulated::new(|_| ());
    let (connector, calendar) = (subject.connector(Value::Null), subject.calendar());
    let writer = connector.writer().unwrap();
    let guests = vec![Guest { address: "ben@example.org".into(), name: Some("Ben".into()) }];
    let invites = Draft { guests, ..draft() };
    let made = writer.create(&calendar, &key(0), &invites).await.unwrap().item;
    let mails = subject.world.outbox().len();
    assert!(mails > 0, "the guest is mailed");
    let version = made.version.unwrap();
    let silent = Draft { keeps_words: true, keeps_time: true, ..invites.clone() };
    let made =
        writer.replace(&calendar, &key(0), &made.item, &version, &silent).await.unwrap().item;
    assert_eq!(subject.world.outbox().len(), mails, "nothing has changed for anybody");
    let version = made.version.unwrap();
    let made =
        writer.replace(&calendar, &key(0), &made.item, &version, &invites).await.unwrap().item;
    let stands = subject.calendar.get(made.item.as_str()).unwrap();
    assert_eq!(stands["attendees"].as_array().unwrap().len(), 1, "invited once: {stands}");
    let mails = subject.world.outbox().len();
    writer.delete(&calendar, &made.item, &made.version.unwrap()).await.unwrap();
    assert!(subject.world.outbox().len() > mails, "the guest hears of it");
    // Without guests of the booking nobody is mailed, whoever else is there.
    let made = writer.create(&calendar, &key(1), &draft()).await.unwrap().item;
    let others = json!({"attendees": [{"email": "boss@example.org"}]});
    let others = subject.calendar.patch(made.item.as_str(), others).unwrap();
    let mails = subject.world.outbox().len();
    let version = Version::new(others["etag"].as_str().unwrap());
    writer.delete(&calendar, &made.item, &version).await.unwrap();
    assert_eq!(subject.world.outbox().len(), mails);
}

#[tokio::test]
async fn an_event_that_moves_to_another_calendar_is_gone_from_the_first() {
    let subject = Simulated::new(|_| ());
    let connector = subject.connector(Value::Null);
    let stays = subject.calendar.insert(hour(&json!({}))).unwrap();
    let goes = subject.calendar.insert(hour(&json!({}))).unwrap();
    let ledger = Ledger::default();
    ledger.pull(&*connector, &subject.calendar()).await.unwrap();
    subject.calendar.move_to(goes["id"].as_str().unwrap(), "anna@example.org").unwrap();
    let round = ledger.pull(&*connector, &subject.calendar()).await.unwrap();
    assert_eq!(round.gone, 1);
    let left: Vec<_> = ledger.items().into_iter().map(|item| item.item).collect();
    assert_eq!(left, [ItemRef::new(stays["id"].as_str().unwrap())]);
}

#[tokio::test]
async fn a_cursor_dies_without_a_reason_in_the_middle_of_its_pages_and_with_a_role() {
    let subject = Simulated::new(|knobs| knobs.page_cap = Some(2));
    let (connector, calendar) = (subject.connector(Value::Null), subject.calendar());
    for _ in 0..5 {
        subject.calendar.insert(hour(&json!({}))).unwrap();
    }
    let ledger = Ledger::default();
    let page = connector.pull(&calendar, span(), None, &ledger).await.unwrap();
    let Next::More(cursor) = page.next else { panic!("more than a page") };
    subject.calendar.expire_sync_tokens(false);
    let error = connector.pull(&calendar, span(), Some(&cursor), &ledger).await.unwrap_err();
    assert_eq!(error.kind, Kind::CursorExpired);
    ledger.pull_everything(&*connector, &calendar).await.unwrap();
    subject.calendar.set_role(simulators::Role::FreeBusyReader);
    let error = ledger.pull(&*connector, &calendar).await.unwrap_err();
    assert_eq!(error.kind, Kind::CursorExpired);
    let round = ledger.pull_everything(&*connector, &calendar).await.unwrap();
    assert_eq!((round.present + round.unchanged, round.swept), (5, 0), "masked, and still busy");
    let listed = connector.list_calendars().await.unwrap();
    assert!(listed.iter().any(|it| it.calendar == calendar && !it.writable));
    let refused = connector.writer().unwrap().create(&calendar, &key(0), &draft()).await;
    assert_eq!(refused.unwrap_err().kind, Kind::Forbidden);
}

#[tokio::test]
async fn answers_and_types_are_classed_as_the_account_means_them() {
    let subject = Simulated::new(|_| ());
    let connector = subject.connector(Value::Null);
    let primary = subject.account.primary();
    let own = |answer: &str| {
        hour(
            &json!({"attendees": [{"email": "anna@example.org", "responseStatus": answer}, {"email": "b@example.org"}]}),
        )
    };
    let whole_day = json!({
        "start": {"date": "2027-03-08"}, "end": {"date": "2027-03-09"},
        "eventType": "workingLocation", "visibility": "public", "transparency": "transparent",
        "workingLocationProperties": {"type": "homeOffice", "homeOffice": {}},
    });
    let rows = [
        (hour(&json!({})), Some(BusyClass::Busy)),
        (hour(&json!({"transparency": "transparent"})), None),
        (hour(&json!({"status": "tentative"})), Some(BusyClass::Tentative)),
        (hour(&json!({"eventType": "outOfOffice"})), Some(BusyClass::OutOfOffice)),
        (hour(&json!({"eventType": "focusTime"})), Some(BusyClass::FocusTime)),
        (hour(&json!({"eventType": "fromGmail"})), Some(BusyClass::Busy)),
        (whole_day, None),
        (own("accepted"), Some(BusyClass::Busy)),
        (own("declined"), Some(BusyClass::Declined)),
        (own("tentative"), Some(BusyClass::Tentative)),
        (own("needsAction"), Some(BusyClass::Unanswered)),
    ];
    let mut expected = HashMap::new();
    for (event, class) in rows {
        let made = primary.insert(event.clone()).unwrap_or_else(|why| panic!("{why:?}: {event}"));
        expected.insert(made["id"].as_str().unwrap().to_owned(), (class, event));
    }
    let ledger = Ledger::default();
    ledger.pull(&*connector, &CalendarRef::new("anna@example.org")).await.unwrap();
    assert_eq!(ledger.items().len(), expected.len());
    for item in ledger.items() {
        let (class, event) = &expected[item.item.as_str()];
        assert_eq!(read(&item, None).events[0].class, *class, "{event}");
    }
}
