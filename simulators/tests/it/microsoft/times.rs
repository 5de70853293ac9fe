//! Times of events: zones, whole days, and series with their exceptions.

use serde_json::{Value, json};

use super::{Api, api::at, event, weekly};

#[tokio::test]
async fn a_patched_occurrence_becomes_an_exception() {
    let api = Api::new().await;
    let master = api.create(weekly("Stand-up")).await;
    let window = "startDateTime=2027-03-01T00:00:00Z&endDateTime=2027-04-01T00:00:00Z";
    let path = format!("me/events/{}/instances?{window}", master.id());
    let rows = api.get(&path).await.rows().clone();
    assert_eq!(rows.len(), 5);
    assert_eq!(
        rows[4]["start"]["dateTime"], "2027-03-29T07:00:00.0000000",
        "after the clocks changed"
    );
    let second = rows[1]["id"].as_str().unwrap();
    let moved = json!({ "start": at("2027-03-09T11:00:00"), "end": at("2027-03-09T12:00:00") });
    let exception = api.patch(second, moved).await;
    assert_eq!((exception.json["type"].as_str(), exception.id()), (Some("exception"), second));
    let over = json!({ "start": at("2027-03-16T11:00:00"), "end": at("2027-03-16T12:00:00") });
    let refused = api.patch(second, over).await;
    assert_eq!((refused.status, refused.code()), (400, "ErrorOccurrenceCrossingBoundary"));
    let third = rows[2]["id"].as_str().unwrap();
    assert_eq!(api.delete(third).await.status, 204);
    assert_eq!(api.one(third).await.status, 404);
    let full = format!(
        "me/events/{}?$select=subject,cancelledOccurrences&$expand=exceptionOccurrences",
        master.id()
    );
    let full = api.get(&full).await;
    assert_eq!(
        full.json["cancelledOccurrences"],
        json!([format!("OID.{}.2027-03-15", master.id())])
    );
    assert_eq!(full.json["exceptionOccurrences"][0]["id"], second);
    assert!(full.json.get("body").is_none(), "only what was selected");
    let rule = json!({ "recurrence": weekly("x")["recurrence"] });
    assert_eq!(api.patch(third, rule.clone()).await.status, 404);
    assert_eq!(api.patch(second, rule).await.status, 400);
    api.patch(
        master.id(),
        json!({ "start": at("2027-03-01T10:00:00"), "end": at("2027-03-01T11:00:00") }),
    )
    .await;
    let rows = api.get(&path).await.rows().clone();
    assert!(
        rows.len() == 5 && rows.iter().all(|row| row["type"] == "occurrence"),
        "exceptions are reset"
    );
    api.is_by_the_book();
}

#[tokio::test]
async fn all_day_events_are_midnights_whatever_zone_is_preferred() {
    let api = Api::new().await;
    let mut body = json!({ "subject": "Holiday", "isAllDay": true, "start": at("2027-03-01T00:00:00"), "end": at("2027-03-03T00:00:00") });
    let made = api.create(body.clone()).await;
    let path = format!("me/events/{}", made.id());
    let tokyo = [("prefer", "outlook.timezone=\"Tokyo Standard Time\"")];
    let read = api.send("GET", &path, &tokyo, Value::Null).await;
    assert_eq!(
        read.json["start"],
        json!({ "dateTime": "2027-03-01T00:00:00.0000000", "timeZone": "Tokyo Standard Time" })
    );
    assert_eq!(read.header("preference-applied"), "outlook.timezone=\"Tokyo Standard Time\"");
    body["end"] = at("2027-03-02T12:00:00");
    assert_eq!(api.create(body.clone()).await.status, 400);
    body["end"] = json!({ "dateTime": "2027-03-03T00:00:00", "timeZone": "UTC" });
    assert_eq!(api.create(body).await.status, 400, "one zone for both");
}

#[tokio::test]
async fn zones_are_windows_names_and_some_of_ianas() {
    let api = Api::new().await;
    let mut body = event("x");
    for (zone, status) in [
        ("Tokyo Standard Time", 201),
        ("Europe/Berlin", 201),
        ("UTC", 201),
        ("Europe/Zurich", 400),
        ("Mitteleuropäische Zeit", 400),
        ("tzone://Microsoft/Custom", 400),
    ] {
        body["start"]["timeZone"] = json!(zone);
        body["end"]["timeZone"] = json!(zone);
        assert_eq!(api.create(body.clone()).await.status, status, "{zone}");
    }
    let read =
        api.send("GET", "me/events", &[("prefer", "outlook.timezone=\"Mars\"")], Value::Null).await;
    assert_eq!((read.status, read.code()), (400, "TimeZoneNotSupportedException"));
    let mut custom = event("Custom");
    custom["originalStartTimeZone"] = json!("tzone://Microsoft/Custom");
    let custom = api.calendar.insert(custom).unwrap();
    assert_eq!(custom["originalStartTimeZone"], "tzone://Microsoft/Custom");
    assert_eq!(custom["start"]["dateTime"], "2027-03-01T08:00:00.0000000", "the instant is right");
}

#[tokio::test]
async fn a_series_that_is_told_its_own_times_keeps_its_exceptions() {
    let api = Api::new().await;
    let master = api.create(weekly("Stand-up")).await;
    let path = format!(
        "me/events/{}/instances?startDateTime=2027-03-01&endDateTime=2027-04-01",
        master.id()
    );
    let second = api.get(&path).await.rows()[1]["id"].as_str().unwrap().to_owned();
    api.delete(&second).await;
    let mut same = weekly("Renamed");
    same.as_object_mut().unwrap().remove("recurrence");
    api.patch(master.id(), same).await;
    assert_eq!(api.get(&path).await.rows().len(), 4);
    api.patch(master.id(), weekly("Again")).await;
    assert_eq!(api.get(&path).await.rows().len(), 4);
    api.patch(master.id(), json!({ "recurrence": null })).await;
    assert_eq!(api.one(master.id()).await.json["type"], "singleInstance");
}
