//! `calendarView/delta`: what rows look like, and what they leave out.

use std::time::Duration;

use serde_json::{Value, json};
use simulators::microsoft::SeriesRemoval;

use super::{Api, api::FIRST, event, weekly};

fn of<'a>(rows: &'a [Value], kind: &str) -> Vec<&'a Value> {
    rows.iter().filter(|row| row["type"] == kind).collect()
}

fn removed(rows: &[Value]) -> Vec<&str> {
    let gone = rows.iter().filter(|row| row.get("@removed").is_some());
    gone.map(|row| row["id"].as_str().unwrap()).collect()
}

#[tokio::test]
async fn both_dates_are_required_on_the_first_call() {
    let api = Api::new().await;
    for query in ["", "?startDateTime=2027-03-01T00:00:00Z", "?endDateTime=2027-03-01T00:00:00Z"] {
        let answer = api.get(&format!("me/calendarView/delta{query}")).await;
        assert_eq!((answer.status, answer.code()), (400, "ErrorInvalidRequest"), "{query}");
    }
    let long = "me/calendarView/delta?startDateTime=2020-01-01&endDateTime=2027-01-01";
    assert!(api.get(long).await.text.contains("1825"));
}

#[tokio::test]
async fn rows_are_shaped_by_their_type() {
    let api = Api::new().await;
    let single = api.calendar.insert(event("Visit")).unwrap();
    let mut early = weekly("Stand-up");
    early["start"]["dateTime"] = json!("2026-11-02T09:00:00");
    early["end"]["dateTime"] = json!("2026-11-02T09:30:00");
    early["recurrence"]["range"]["startDate"] = json!("2026-11-02");
    let master = api.calendar.insert(early).unwrap();
    let master_id = master["id"].as_str().unwrap();
    let second = &api
        .calendar
        .view("2027-03-08T00:00:00Z".parse().unwrap(), "2027-03-09T00:00:00Z".parse().unwrap())[0];
    api.calendar.patch(second["id"].as_str().unwrap(), json!({ "showAs": "oof" })).unwrap();
    let (rows, _) = api.first_round().await;
    let singles = of(&rows, "singleInstance");
    assert_eq!(singles[0]["id"], single["id"]);
    assert_eq!(singles[0]["showAs"], "busy");
    assert_eq!(singles[0]["@odata.type"], "#microsoft.graph.event");
    let masters = of(&rows, "seriesMaster");
    assert_eq!(
        masters[0]["start"]["dateTime"], "2026-11-02T08:00:00.0000000",
        "outside the window"
    );
    assert_eq!(masters[0]["recurrence"]["pattern"]["dayOfMonth"], 0);
    assert_eq!(masters[0]["recurrence"]["range"]["endDate"], "0001-01-01");
    let occurrences = of(&rows, "occurrence");
    let names: Vec<&String> = occurrences[0].as_object().unwrap().keys().collect();
    let thin = ["@odata.etag", "@odata.type", "end", "id", "seriesMasterId", "start", "type"];
    assert_eq!(names, thin);
    assert_eq!(occurrences[0]["seriesMasterId"], master_id);
    assert_eq!(occurrences.len(), 13, "the fourteenth is an exception");
    let exceptions = of(&rows, "exception");
    assert_eq!((exceptions.len(), &exceptions[0]["showAs"]), (1, &json!("oof")));
    assert_eq!(exceptions[0]["originalStart"], "2027-03-08T08:00:00Z");
    api.is_by_the_book();
}

#[tokio::test]
async fn one_deleted_occurrence_leaves_no_tombstone_but_its_series_comes_again() {
    let api = Api::new().await;
    api.calendar.insert(weekly("Stand-up")).unwrap();
    let (rows, link) = api.first_round().await;
    let second = of(&rows, "occurrence")[1]["id"].as_str().unwrap().to_owned();
    api.calendar.delete(&second).unwrap();
    let (rows, _) = api.round(&link, "IdType=\"ImmutableId\"").await;
    assert_eq!(removed(&rows), [""; 0]);
    assert_eq!(of(&rows, "seriesMaster").len(), 1);
    assert_eq!(of(&rows, "occurrence").len(), 13);
    assert!(rows.iter().all(|row| row["id"] != second));
}

#[tokio::test]
async fn a_deleted_series_is_told_as_the_knob_says() {
    for (habit, count, has_master) in [
        (SeriesRemoval::Master, 1, true),
        (SeriesRemoval::Occurrences, 14, false),
        (SeriesRemoval::Both, 15, true),
    ] {
        let api = Api::new().await;
        api.world.tune_microsoft(|knobs| knobs.series_removal = habit);
        let master = api.calendar.insert(weekly("Stand-up")).unwrap();
        let (_, link) = api.first_round().await;
        api.calendar.delete(master["id"].as_str().unwrap()).unwrap();
        let (rows, _) = api.round(&link, "IdType=\"ImmutableId\"").await;
        let gone = removed(&rows);
        assert_eq!(gone.len(), count, "{habit:?}");
        assert_eq!(gone.contains(&master["id"].as_str().unwrap()), has_master, "{habit:?}");
        assert_eq!(rows[0]["@removed"]["reason"], "deleted");
    }
}

#[tokio::test]
async fn strangers_outside_the_window_are_told_as_removed() {
    let api = Api::new().await;
    let (_, link) = api.first_round().await;
    let mut later = event("Later");
    later["start"]["dateTime"] = json!("2028-01-01T09:00:00");
    later["end"]["dateTime"] = json!("2028-01-01T10:00:00");
    let later = api.calendar.insert(later).unwrap();
    let (rows, link) = api.round(&link, "IdType=\"ImmutableId\"").await;
    assert_eq!(removed(&rows), [later["id"].as_str().unwrap()]);
    assert_eq!(rows[0]["@removed"]["reason"], "changed");
    api.calendar.delete(later["id"].as_str().unwrap()).unwrap();
    let (rows, _) = api.round(&link, "IdType=\"ImmutableId\"").await;
    assert_eq!(rows[0]["@removed"]["reason"], "deleted");
    assert!(rows[0].get("type").is_none());
}

#[tokio::test]
async fn what_leaves_the_window_is_removed_whatever_the_knob_says() {
    let api = Api::new().await;
    api.world.tune_microsoft(|knobs| knobs.tells_strangers = false);
    let visit = api.calendar.insert(event("Visit")).unwrap();
    let id = visit["id"].as_str().unwrap();
    let (_, link) = api.first_round().await;
    api.calendar.reschedule(id, "2028-03-01T09:00:00", "2028-03-01T10:00:00").unwrap();
    let (rows, link) = api.round(&link, "IdType=\"ImmutableId\"").await;
    assert_eq!(removed(&rows), [id]);
    api.calendar.patch(id, json!({ "subject": "x" })).unwrap();
    let (rows, link) = api.round(&link, "IdType=\"ImmutableId\"").await;
    assert_eq!(rows, [] as [Value; 0]);
    api.calendar.reschedule(id, "2027-04-01T09:00:00", "2027-04-01T10:00:00").unwrap();
    let (rows, _) = api.round(&link, "IdType=\"ImmutableId\"").await;
    assert_eq!(rows[0]["id"], id);
}

#[tokio::test]
async fn the_window_is_frozen_in_the_tokens() {
    let api = Api::new().await;
    let (_, link) = api.first_round().await;
    let moved = format!("{link}&startDateTime=2028-01-01T00:00:00Z");
    assert_eq!(api.get(&moved).await.status, 400);
    api.world.tune_microsoft(|knobs| knobs.ignores_parameters = true);
    api.calendar.insert(event("Visit")).unwrap();
    let (rows, link) = api.round(&moved, "IdType=\"ImmutableId\"").await;
    assert_eq!(of(&rows, "singleInstance").len(), 1, "what else is asked is ignored");
    api.world.advance(Duration::from_secs(80 * 86_400));
    let api = api.renewed().await;
    let mut later = event("Later");
    later["start"]["dateTime"] = json!("2028-04-01T09:00:00");
    later["end"]["dateTime"] = json!("2028-04-01T10:00:00");
    api.calendar.insert(later).unwrap();
    let (rows, _) = api.round(&link, "IdType=\"ImmutableId\"").await;
    assert_eq!(of(&rows, "singleInstance").len(), 0, "the window does not move with time");
}

#[tokio::test]
async fn what_cannot_be_asked_of_a_delta_is_refused() {
    let api = Api::new().await;
    for query in
        ["$select=subject", "$filter=isAllDay eq true", "$top=5", "$orderby=subject", "$expand=x"]
    {
        assert_eq!(api.get(&format!("{FIRST}&{query}")).await.status, 400, "{query}");
    }
    let events = api.get("me/events/delta?startDateTime=2027-03-01T00:00:00Z").await;
    assert!(events.text.contains("Change tracking is not supported"));
}

#[tokio::test]
async fn the_events_of_other_calendars_stay_out() {
    let api = Api::new().await;
    let other = api.lea.add_calendar(simulators::MicrosoftCalendarSpec::new("Team"));
    other.insert(event("Elsewhere")).unwrap();
    assert_eq!(api.first_round().await.0, [] as [Value; 0]);
    let path = FIRST.replace("me/", &format!("me/calendars/{}/", other.id()));
    let (rows, link) = api.round(&path, "").await;
    assert_eq!(rows.len(), 1);
    let token = link.split('?').nth(1).unwrap();
    assert_eq!(api.get(&format!("me/calendarView/delta?{token}")).await.status, 400);
}
