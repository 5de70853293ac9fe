//! Listings: calendars, windows, pages, the person and the mailbox.

use serde_json::{Value, json};
use simulators::{MicrosoftAccountSpec, MicrosoftCalendarSpec};

use super::{
    Api,
    api::{CLIENT, LEA, at},
    event, weekly,
};

const MARCH: &str = "startDateTime=2027-03-01T00:00:00Z&endDateTime=2027-04-01T00:00:00Z";

#[tokio::test]
async fn the_person_and_the_mailbox_are_told() {
    let api = Api::new().await;
    let me = api.get("me").await;
    assert_eq!((me.json["mail"].as_str(), me.id()), (Some(LEA), api.lea.id().as_str()));
    assert_eq!(api.get(&format!("users/{}", api.lea.id())).await.id(), me.id());
    assert_eq!(api.get("users/max@contoso.example").await.status, 403);
    let settings = api.get("me/mailboxSettings").await;
    assert_eq!(settings.json["timeZone"], "W. Europe Standard Time");
    assert_eq!(settings.json["workingHours"]["timeZone"]["name"], "W. Europe Standard Time");
    let zones = api.get("me/outlook/supportedTimeZones").await;
    assert_eq!(zones.rows().len(), 139);
    let iana = api.get("me/outlook/supportedTimeZones(TimeZoneStandard=microsoft.graph.timeZoneStandard'Iana')").await;
    assert!(iana.rows().iter().any(|row| row["alias"] == "Europe/Berlin"));
    assert_eq!(api.get("me/nothing").await.status, 404);
    api.is_by_the_book();
}

#[tokio::test]
async fn calendars_are_listed_with_what_may_be_done_there() {
    let api = Api::new().await;
    let shared =
        api.lea.add_calendar(MicrosoftCalendarSpec::new("Max").shared_by("max@contoso.example"));
    for name in ["A", "B", "C"] {
        api.lea.add_calendar(MicrosoftCalendarSpec::new(name));
    }
    let first = api.get("me/calendars?$top=2").await;
    assert_eq!(first.rows()[0]["isDefaultCalendar"], true);
    let mut rows = first.rows().clone();
    let mut next = first.link("nextLink");
    while let Some(link) = next {
        let page = api.get(&link).await;
        rows.extend(page.rows().clone());
        next = page.link("nextLink");
    }
    assert_eq!(rows.len(), 5);
    let row = rows.iter().find(|row| row["id"] == shared.id()).unwrap();
    assert_eq!(
        (&row["canEdit"], &row["owner"]["address"]),
        (&json!(false), &json!("max@contoso.example"))
    );
    let refused = api.post(&format!("me/calendars/{}/events", shared.id()), event("x")).await;
    assert_eq!((refused.status, refused.code()), (403, "ErrorAccessDenied"));
    assert_eq!(api.get("me/calendar").await.id(), api.calendar.id());
    api.is_by_the_book();
}

#[tokio::test]
async fn a_calendar_may_get_another_id_or_be_lost() {
    let api = Api::new().await;
    let mut team = api.lea.add_calendar(MicrosoftCalendarSpec::new("Team"));
    let old = team.id().to_owned();
    team.change_id("AAMkADother=");
    assert_eq!(api.get(&format!("me/calendars/{old}/events")).await.code(), "ErrorItemNotFound");
    assert_eq!(api.get("me/calendars/AAMkADother=").await.json["name"], "Team");
    team.unshare(403);
    assert_eq!(api.get("me/calendars/AAMkADother=/events").await.status, 403);
    assert_eq!(api.get("me/calendars").await.rows().len(), 1);
    team.share_again();
    assert_eq!(api.get("me/calendars/AAMkADother=/events").await.status, 200);
}

#[tokio::test]
async fn calendars_are_made_renamed_and_deleted() {
    let api = Api::new().await;
    let made = api.post("me/calendars", json!({ "name": "Bookings" })).await;
    assert_eq!(made.status, 201);
    assert_eq!(api.post("me/calendars", json!({ "name": "Bookings" })).await.status, 409);
    let path = format!("me/calendars/{}", made.id());
    assert_eq!(
        api.send("PATCH", &path, &[], json!({ "name": "Rooms" })).await.json["name"],
        "Rooms"
    );
    assert_eq!(api.send("DELETE", &path, &[], Value::Null).await.status, 204);
    let own = format!("me/calendars/{}", api.calendar.id());
    assert_eq!(api.send("DELETE", &own, &[], Value::Null).await.status, 403);
    api.is_by_the_book();
}

#[tokio::test]
async fn a_view_is_expanded_and_events_are_not() {
    let api = Api::new().await;
    api.calendar.insert(weekly("Stand-up")).unwrap();
    api.calendar.insert(event("Visit")).unwrap();
    let view = api.get(&format!("me/calendarView?{MARCH}&$top=100")).await;
    assert_eq!(view.rows().len(), 6);
    assert!(view.rows().iter().all(|row| row["type"] != "seriesMaster" && row["showAs"] == "busy"));
    let events = api.get("me/events?$orderby=subject desc&$select=subject,type").await;
    let kinds: Vec<&Value> = events.rows().iter().map(|row| &row["type"]).collect();
    assert_eq!(kinds, [&json!("singleInstance"), &json!("seriesMaster")]);
    assert!(events.rows()[0].get("body").is_none());
    assert_eq!(api.get("me/calendarView").await.status, 400);
    let local = "me/calendarView?startDateTime=2027-03-01T09:00:00%2B01:00&endDateTime=2027-03-01T09:30:00%2B01:00";
    assert_eq!(api.get(local).await.rows().len(), 2, "offsets are honoured");
    api.is_by_the_book();
}

#[tokio::test]
async fn views_come_in_pages() {
    let api = Api::new().await;
    for n in 0..25 {
        api.calendar.insert(event(&format!("Event {n}"))).unwrap();
    }
    let (mut next, mut seen) = (Some(format!("me/calendarView?{MARCH}")), 0);
    while let Some(path) = next {
        let page = api.get(&path).await;
        assert!(page.rows().len() <= 10);
        seen += page.rows().len();
        next = page.link("nextLink");
    }
    assert_eq!(seen, 25);
    assert_eq!(api.get("me/events?$top=1001").await.status, 400);
    assert_eq!(
        api.get("me/events?$count=true&$filter=subject eq 'Event 7'").await.json["@odata.count"],
        1
    );
}

#[tokio::test]
async fn the_patterns_of_series_fall_on_their_days() {
    let api = Api::new().await;
    let pattern = |pattern: Value| {
        let mut body = event("Series");
        body["start"] = at("2027-01-31T09:00:00");
        body["end"] = at("2027-01-31T10:00:00");
        body["recurrence"] = json!({ "pattern": pattern, "range": { "type": "numbered", "numberOfOccurrences": 3, "startDate": "2027-01-31" } });
        body
    };
    let monday = ["monday"];
    for (told, days) in [
        (json!({ "type": "daily", "interval": 2 }), ["2027-01-31", "2027-02-02", "2027-02-04"]),
        (
            json!({ "type": "weekly", "interval": 2, "daysOfWeek": ["sunday", "monday"] }),
            ["2027-01-31", "2027-02-01", "2027-02-14"],
        ),
        (
            json!({ "type": "weekly", "interval": 2, "daysOfWeek": ["sunday", "monday"], "firstDayOfWeek": "monday" }),
            ["2027-01-31", "2027-02-08", "2027-02-14"],
        ),
        (
            json!({ "type": "absoluteMonthly", "interval": 1, "dayOfMonth": 31 }),
            ["2027-01-31", "2027-02-28", "2027-03-31"],
        ),
        (
            json!({ "type": "relativeMonthly", "interval": 1, "daysOfWeek": monday, "index": "second" }),
            ["2027-02-08", "2027-03-08", "2027-04-12"],
        ),
        (
            json!({ "type": "relativeMonthly", "interval": 1, "daysOfWeek": ["monday", "tuesday"], "index": "last" }),
            ["2027-02-23", "2027-03-30", "2027-04-27"],
        ),
        (
            json!({ "type": "absoluteYearly", "interval": 1, "dayOfMonth": 5, "month": 2 }),
            ["2027-02-05", "2028-02-05", "2029-02-05"],
        ),
        (
            json!({ "type": "relativeYearly", "interval": 1, "daysOfWeek": monday, "index": "first", "month": 3 }),
            ["2027-03-01", "2028-03-06", "2029-03-05"],
        ),
    ] {
        let made = api.create(pattern(told.clone())).await;
        assert_eq!(made.status, 201, "{}", made.text);
        let path = format!(
            "me/events/{}/instances?startDateTime=2027-01-01T00:00:00Z&endDateTime=2030-01-01T00:00:00Z",
            made.id()
        );
        let rows = api.get(&path).await.rows().clone();
        let found: Vec<&str> =
            rows.iter().map(|row| &row["start"]["dateTime"].as_str().unwrap()[..10]).collect();
        assert_eq!(found, days, "{told}");
    }
    for wrong in [
        json!({ "type": "weekly", "interval": 1 }),
        json!({ "type": "absoluteMonthly", "interval": 1 }),
        json!({ "type": "daily", "interval": 0 }),
    ] {
        assert_eq!(api.create(pattern(wrong.clone())).await.status, 400, "{wrong}");
    }
}

#[tokio::test]
async fn schedules_are_rows_of_digits() {
    let api = Api::new().await;
    let mut away = event("Away");
    (away["start"], away["end"]) = (at("2027-03-01T11:00:00"), at("2027-03-01T12:00:00"));
    away["showAs"] = json!("oof");
    api.calendar.insert(away).unwrap();
    api.calendar.insert(event("Visit")).unwrap();
    let ask = |from: &str, to: &str, who: Vec<&str>| json!({ "schedules": who, "startTime": at(from), "endTime": at(to), "availabilityViewInterval": 60 });
    let answer = api
        .post(
            "me/calendar/getSchedule",
            ask("2027-03-01T08:00:00", "2027-03-01T13:00:00", vec![LEA, "nobody@x.example"]),
        )
        .await;
    assert_eq!(answer.rows()[0]["availabilityView"], "02030");
    assert_eq!(answer.rows()[0]["scheduleItems"][1]["status"], "oof");
    assert_eq!(answer.rows()[1]["error"]["responseCode"], "ErrorMailRecipientNotFound");
    let long = api
        .post(
            "me/calendar/getSchedule",
            ask("2027-03-01T08:00:00", "2027-05-30T13:00:00", vec![LEA]),
        )
        .await;
    assert_eq!(long.code(), "ErrorTimeIntervalTooBig");
    let many = api
        .post(
            "me/calendar/getSchedule",
            ask("2027-03-01T08:00:00", "2027-03-01T13:00:00", vec![LEA; 21]),
        )
        .await;
    assert_eq!(many.status, 400);
    api.is_by_the_book();
}

#[tokio::test]
async fn a_token_reads_what_its_scopes_allow() {
    let api = Api::new().await;
    let with = async |scopes: &[&str]| {
        let refresh = api.lea.grant(CLIENT, scopes);
        let token = api.refreshed(&refresh).await.json["access_token"].as_str().unwrap().to_owned();
        Api {
            token,
            world: api.world.clone(),
            lea: api.lea.clone(),
            calendar: api.calendar.clone(),
            refresh,
        }
    };
    api.calendar.insert(event("Visit")).unwrap();
    let basic = with(&["Calendars.ReadBasic"]).await;
    let row = basic.get("me/events").await.rows()[0].clone();
    assert!(row.get("body").is_none() && row["subject"] == "Visit");
    assert_eq!(basic.create(event("x")).await.code(), "ErrorAccessDenied");
    assert_eq!(basic.get("me/mailboxSettings").await.status, 403);
    assert_eq!(basic.get("me").await.status, 403);
    let read = with(&["Calendars.Read", "User.Read"]).await;
    assert_eq!(read.get("me").await.status, 200);
    assert!(read.get("me/events").await.rows()[0].get("body").is_some());
}

#[tokio::test]
async fn a_mailbox_may_not_be_in_the_cloud() {
    let api = Api::new().await;
    api.lea.set_mailbox(false);
    let answer = api.get("me/calendars").await;
    assert_eq!((answer.status, answer.code()), (404, "MailboxNotEnabledForRESTAPI"));
    assert_eq!(api.get("me").await.status, 200);
    let personal =
        MicrosoftAccountSpec { personal: true, ..MicrosoftAccountSpec::new("lea@outlook.example") };
    api.world.add_microsoft_account(personal);
}

#[tokio::test]
async fn a_crowded_schedule_is_an_error_of_its_own() {
    let api = Api::new().await;
    for _ in 0..1_001 {
        api.calendar.insert(event("x")).unwrap();
    }
    let ask = json!({ "schedules": [LEA], "startTime": at("2027-03-01T08:00:00"), "endTime": at("2027-03-01T12:00:00") });
    let answer = api.post("me/calendar/getSchedule", ask).await;
    assert_eq!(answer.rows()[0]["error"]["responseCode"], "5006");
}
