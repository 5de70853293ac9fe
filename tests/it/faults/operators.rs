//! What an operator does about faults, with the built program: against a real server whose files are deleted.

use std::process::Output;

use serde_json::{Value, json};

use crate::support::{
    hub::{HubProcess, KEY, calhub, until},
    servers::{Server, Software},
};

fn run(hub: &HubProcess, args: &[&str]) -> Output {
    let target = ["--url", hub.url.as_str(), "--key", KEY];
    calhub(hub.dir.path()).args(args).args(target).output().unwrap()
}

fn said(hub: &HubProcess, args: &[&str]) -> String {
    let output = run(hub, args);
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success(), "{args:?}: {text}{}", String::from_utf8_lossy(&output.stderr));
    text
}

fn answer(hub: &HubProcess, args: &[&str]) -> Value {
    serde_json::from_str(&said(hub, &[args, &["--json"]].concat())).unwrap()
}

/// An hour on a day from now, with a title that nobody else may see.
fn event(n: i64) -> String {
    let start = jiff::Timestamp::now() + jiff::SignedDuration::from_hours(24 * (n + 1));
    let start = start.strftime("%Y%m%dT%H0000Z");
    format!(
        "BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:-//test//EN\r\nBEGIN:VEVENT\r\nUID:e{n}\r\nSUMMARY:Secret talk\r\n\
         DTSTAMP:20270101T000000Z\r\nDTSTART:{start}\r\nDURATION:PT1H\r\nEND:VEVENT\r\nEND:VCALENDAR\r\n"
    )
}

/// Has the calendar read, and waits for it.
async fn sync(hub: &HubProcess, calendar: &str) {
    let path = format!("/v1/calendars/{calendar}");
    let asked = jiff::Timestamp::now();
    said(hub, &["sync", calendar]);
    until("a pull", || async {
        let (_, found) = hub.get(&path).await;
        let at: jiff::Timestamp = found["synced_at"].as_str()?.parse().ok()?;
        (at > asked).then_some(())
    })
    .await;
}

/// How many hours are busy in the next three weeks, and the reasons for what is unknown.
async fn busy(hub: &HubProcess, calendar: &str) -> (usize, Vec<String>) {
    let now = jiff::Timestamp::now();
    let until = now + jiff::SignedDuration::from_hours(21 * 24);
    let ask = json!({"start": now, "end": until, "calendars": [calendar]});
    let (status, found) = hub.post("/v1/freebusy", &ask).await;
    assert_eq!(status, 200, "{found}");
    let said = &found["calendars"][calendar];
    let unknown = said["unknown"].as_array().unwrap();
    let reasons = unknown.iter().map(|one| one["reason"].as_str().unwrap().to_owned());
    (said["busy"].as_array().unwrap().len(), reasons.collect())
}

#[tokio::test]
async fn deleted_files_wait_for_an_operator_who_keeps_them_and_then_lets_them_go() {
    let Some(server) = Server::start(Software::Radicale).await else { return };
    let work = server.make_calendar("work").await;
    for n in 0..12 {
        server.put(&format!("{work}{n:02}.ics"), &event(n)).await;
    }
    let hub = HubProcess::start().await;
    let login = json!({"provider": "caldav", "url": server.url, "username": "anna", "password": "anna-password"});
    let (status, made) = hub.post("/v1/connections", &login).await;
    assert_eq!(status, 201, "{made}");
    let connection = made["id"].as_str().unwrap();
    let calendar = hub.synced(connection).await[0]["id"].as_str().unwrap().to_owned();
    until("an answer", || async { (busy(&hub, &calendar).await == (12, vec![])).then_some(()) })
        .await;
    assert_eq!(said(&hub, &["quarantine", "list"]).trim(), "nothing is kept aside");

    for n in 0..10 {
        std::fs::remove_file(server.files(&work).join(format!("{n:02}.ics"))).unwrap();
    }
    sync(&hub, &calendar).await;
    let held = (12, vec!["quarantined".to_owned()]);
    until("the quarantine", || async { (busy(&hub, &calendar).await == held).then_some(()) }).await;
    let held = answer(&hub, &["quarantine", "list"]);
    let difference = &held["items"][0]["difference"];
    assert_eq!((&difference["lost"], &difference["before"]), (&json!(10), &json!(12)), "{held}");
    assert_eq!(difference["spans"].as_array().unwrap().len(), 10, "{held}");
    let list = said(&hub, &["quarantine", "list"]);
    assert!(list.contains(&calendar) && list.matches(" .. ").count() == 10, "{list}");
    assert!(!list.contains("Secret") && !held.to_string().contains("Secret"), "{list}");

    let kept = said(&hub, &["quarantine", "reject", &calendar]);
    assert!(kept.contains("rejected"), "{kept}");
    for _ in 0..2 {
        sync(&hub, &calendar).await;
        assert_eq!(busy(&hub, &calendar).await.0, 12);
    }
    let list = said(&hub, &["quarantine", "list"]);
    assert!(list.contains("rejected"), "{list}");

    said(&hub, &["quarantine", "confirm", &calendar]);
    until("the removal", || async { (busy(&hub, &calendar).await == (2, vec![])).then_some(()) })
        .await;
    assert_eq!(said(&hub, &["quarantine", "list"]).trim(), "nothing is kept aside");
    let nothing = run(&hub, &["quarantine", "confirm", &calendar]);
    assert_eq!(nothing.status.code(), Some(1), "there is nothing left to confirm");

    let story = said(&hub, &["trace", &calendar]);
    let mut rest = story.as_str();
    for step in [
        "linked",
        "10 of 12 future busy intervals went missing",
        "an operator's word on the removal: rejected",
        "an operator's word on the removal: confirmed",
        "the removal that was held back is settled",
    ] {
        let at = rest.find(step).unwrap_or_else(|| panic!("{step} is not told in time:\n{story}"));
        rest = &rest[at..];
    }
    assert!(!story.contains("Secret") && !story.contains("anna-password"), "{story}");
    let whole = answer(&hub, &["trace", connection]);
    assert!(whole["items"].as_array().unwrap().len() >= 8, "{whole}");
    assert_eq!(run(&hub, &["trace", "cal_nobody"]).status.code(), Some(1));
}

#[tokio::test]
async fn what_cannot_be_worked_out_is_listed_and_unknown() {
    let Some(server) = Server::start(Software::Radicale).await else { return };
    let work = server.make_calendar("work").await;
    server.put(&format!("{work}fine.ics"), &event(1)).await;
    let hub = HubProcess::start().await;
    let login = json!({"provider": "caldav", "url": server.url, "username": "anna", "password": "anna-password"});
    let (_, made) = hub.post("/v1/connections", &login).await;
    let calendar =
        hub.synced(made["id"].as_str().unwrap()).await[0]["id"].as_str().unwrap().to_owned();
    assert_eq!(said(&hub, &["unexpandable", "list"]).trim(), "everything could be worked out");
    let endless = event(2).replace("DURATION", "RRULE:FREQ=SECONDLY\r\nDURATION");
    server.put(&format!("{work}endless.ics"), &endless).await;
    sync(&hub, &calendar).await;
    until("the unknown span", || async {
        let (hours, reasons) = busy(&hub, &calendar).await;
        (hours >= 1 && reasons == ["unexpandable"]).then_some(())
    })
    .await;
    let list = said(&hub, &["unexpandable", "list"]);
    assert!(list.contains("endless.ics") && list.contains(&calendar), "{list}");
    let (status, found) = hub.get("/v1/ops/unexpandable").await;
    assert_eq!((status, found["items"].as_array().unwrap().len()), (200, 1), "{found}");
    server.delete(&format!("{work}endless.ics")).await;
    sync(&hub, &calendar).await;
    // What could be worked out of it is much future time: an operator says that it may go.
    said(&hub, &["quarantine", "confirm", &calendar]);
    until("the end of it", || async { (busy(&hub, &calendar).await == (1, vec![])).then_some(()) })
        .await;
}
