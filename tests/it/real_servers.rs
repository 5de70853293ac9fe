//! The main job, end to end: the built hub against a real Radicale and a real Xandikos that hold a few hundred realistic
//! events, compared with an independent computation.

use std::{collections::BTreeMap, path::Path, process::Command};

use serde_json::{Value, json};

use super::support::{
    engines::{create_database, drop_database, postgres_server},
    hub::{HubProcess, until},
    servers::{Server, Software, python},
};

const OWNER_ZONE: &str = "Europe/Berlin";

/// The calendars at the provider as this test knows them: path of each resource, and its text.
struct Truth {
    dir: tempfile::TempDir,
    resources: BTreeMap<String, String>,
}

impl Truth {
    /// Some hundred events around today, half in one calendar and half in another.
    async fn fill(server: &Server) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let today = jiff::Timestamp::now().strftime("%Y-%m-%d").to_string();
        let made = dir.path().join("made");
        run_python("realistic_calendar.py", &[made.to_str().unwrap(), "--around", &today]);
        let homes = [server.make_calendar("work").await, server.make_calendar("private").await];
        let mut resources = BTreeMap::new();
        let mut files: Vec<_> =
            std::fs::read_dir(&made).unwrap().map(|f| f.unwrap().path()).collect();
        files.sort();
        for (number, file) in files.iter().enumerate() {
            let name = file.file_name().unwrap().to_str().unwrap();
            let path = format!("{}{name}", homes[number % 2]);
            let text = std::fs::read_to_string(file).unwrap();
            server.put(&path, &text).await;
            resources.insert(path, text);
        }
        Self { dir, resources }
    }

    /// What the independent computation says of the window.
    fn busy(&self, from: &str, to: &str) -> Vec<(String, String, String)> {
        let at = self.dir.path().join("truth");
        let _ = std::fs::remove_dir_all(&at);
        std::fs::create_dir(&at).unwrap();
        for (number, text) in self.resources.values().enumerate() {
            std::fs::write(at.join(format!("{number}.ics")), text).unwrap();
        }
        let args = ["--from", from, "--to", to, "--tz", OWNER_ZONE, at.to_str().unwrap()];
        serde_json::from_str(&run_python("busy_oracle.py", &args)).unwrap()
    }

    async fn put(&mut self, server: &Server, path: &str, text: String) {
        server.put(path, &text).await;
        self.resources.insert(path.to_owned(), text);
    }
}

fn run_python(script: &str, args: &[&str]) -> String {
    let at = Path::new(env!("CARGO_MANIFEST_DIR")).join("scripts/end_to_end").join(script);
    let done = Command::new(python().unwrap()).arg(at).args(args).output().unwrap();
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    String::from_utf8(done.stdout).unwrap()
}

/// The hub's own answer over all calendars, in the oracle's form.
async fn answer(
    hub: &HubProcess,
    resource: &str,
    from: &str,
    to: &str,
) -> (Value, Vec<(String, String, String)>) {
    let ask = json!({"start": from, "end": to, "resources": [resource]});
    let (status, found) = hub.post("/v1/freebusy", &ask).await;
    assert_eq!(status, 200, "{found}");
    let answer = found["resources"][resource].clone();
    let text = |v: &Value, name: &str| v[name].as_str().unwrap().to_owned();
    let busy = answer["busy"].as_array().unwrap();
    let busy = busy.iter().map(|b| (text(b, "start"), text(b, "end"), text(b, "kind"))).collect();
    (answer, busy)
}

/// Asks for a sync, and waits until every calendar was read since.
async fn sync_all(hub: &HubProcess, connection: &str) {
    let asked = jiff::Timestamp::now();
    let (status, said) = hub.post("/v1/ops/sync", &json!({"connection_id": connection})).await;
    assert_eq!(status, 202, "{said}");
    let list = format!("/v1/calendars?connection_id={connection}");
    until("a pull of every calendar", || async {
        let (_, found) = hub.get(&list).await;
        let read = |c: &Value| c["synced_at"].as_str()?.parse::<jiff::Timestamp>().ok();
        found["items"].as_array()?.iter().all(|c| read(c) > Some(asked)).then_some(())
    })
    .await;
}

/// Links the server and makes one resource of all its calendars.
async fn link(hub: &HubProcess, server: &Server) -> (String, String) {
    let login = json!({"provider": "caldav", "url": server.url, "username": "anna", "password": "anna-password"});
    let (status, made) = hub.post("/v1/connections", &login).await;
    assert_eq!(status, 201, "{made}");
    let connection = made["id"].as_str().unwrap().to_owned();
    let mut links = Vec::new();
    for calendar in hub.synced(&connection).await {
        let id = calendar["id"].as_str().unwrap();
        let set =
            hub.client().patch(format!("{}/v1/calendars/{id}", hub.url)).header("If-Match", "*");
        let (status, said) = hub.answer(set.json(&json!({"time_zone": OWNER_ZONE}))).await;
        assert_eq!(status, 200, "{said}");
        links.push(json!({"calendar_id": id}));
    }
    let wanted = json!({"name": "Anna", "time_zone": OWNER_ZONE, "calendars": links});
    let (status, resource) = hub.post("/v1/resources", &wanted).await;
    assert_eq!(status, 201, "{resource}");
    (connection, resource["id"].as_str().unwrap().to_owned())
}

fn assert_same(
    software: Software,
    found: &[(String, String, String)],
    expected: &[(String, String, String)],
) {
    let missing: Vec<_> = expected.iter().filter(|e| !found.contains(e)).take(5).collect();
    let extra: Vec<_> = found.iter().filter(|f| !expected.contains(f)).take(5).collect();
    assert!(
        missing.is_empty() && extra.is_empty(),
        "{software:?}: missing {missing:#?}, extra {extra:#?}"
    );
    assert!(found.len() > 500, "too little to prove anything: {}", found.len());
}

/// A whole first-of-month window of twelve months, inside what the hub keeps expanded.
fn twelve_months() -> (String, String) {
    let today = jiff::Timestamp::now().to_zoned(jiff::tz::TimeZone::UTC).date();
    let from = today.saturating_sub(jiff::Span::new().days(20));
    let text = |date: jiff::civil::Date| format!("{date}T00:00:00Z");
    (text(from), text(from.saturating_add(jiff::Span::new().months(12))))
}

async fn tells_the_truth(software: Software, database: Option<&str>) {
    let Some(server) = Server::start(software).await else { return };
    let mut truth = Truth::fill(&server).await;
    let hub = HubProcess::start_on(database).await;
    let (connection, resource) = link(&hub, &server).await;
    let (from, to) = twelve_months();

    let (whole, busy) = answer(&hub, &resource, &from, &to).await;
    assert_eq!(whole["complete"], true, "{}", whole["unknown"]);
    assert_same(software, &busy, &truth.busy(&from, &to));

    // The second pull lists everything once more: what the first listing left out is known to nobody.
    sync_all(&hub, &connection).await;
    server.forget_traffic();
    sync_all(&hub, &connection).await;
    let quiet = server.traffic();
    assert_eq!(quiet.hrefs_asked_for(), 0, "something unchanged was fetched again");
    let requests = quiet.count("REPORT") + quiet.count("PROPFIND") + quiet.count("GET");
    assert!(requests <= 5, "{requests} requests for a listing and three calendars at rest");
    assert!(quiet.received < 20_000, "{} bytes to learn that nothing changed", quiet.received);

    edit_delete_and_move(&server, &mut truth).await;
    server.forget_traffic();
    sync_all(&hub, &connection).await;
    let edited = server.traffic();
    // One event was edited and one series had an occurrence moved; the third was deleted, and is not asked for.
    assert_eq!(edited.hrefs_asked_for(), 2, "of three changes, two are fetched");
    let expected = truth.busy(&from, &to);
    // A calendar may say that it was read an instant before the index has the new intervals.
    for _ in 0..100 {
        if answer(&hub, &resource, &from, &to).await.1 == expected {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    let (_, busy) = answer(&hub, &resource, &from, &to).await;
    assert_same(software, &busy, &expected);
    println!(
        "{software:?}: {} busy intervals over 12 months equal; quiet round {} requests, {} bytes; 3 changes {} bytes",
        busy.len(),
        requests,
        quiet.received,
        edited.received,
    );

    a_new_calendar_is_read(&hub, &server, &connection).await;
}

/// Another client makes a calendar with one event; the next round finds and reads both.
async fn a_new_calendar_is_read(hub: &HubProcess, server: &Server, connection: &str) {
    let known = hub.synced(connection).await;
    let added = server.make_calendar("added").await;
    server.put(&format!("{added}new.ics"), &tomorrow("in-a-new-calendar", 9)).await;
    sync_all(hub, connection).await;
    let new = until("the new calendar", || async {
        let found = hub.synced(connection).await;
        found.into_iter().map(|c| c["id"].clone()).find(|id| known.iter().all(|k| k["id"] != *id))
    })
    .await;
    let (from, to) = twelve_months();
    let ask = json!({"start": from, "end": to, "calendars": [new]});
    until("the new calendar's event", || async {
        let (_, found) = hub.post("/v1/freebusy", &ask).await;
        let busy = found["calendars"][new.as_str()?]["busy"].as_array()?.len();
        (busy == 1).then_some(())
    })
    .await;
}

/// What another client does: one edit, one deletion, one occurrence of a series moved.
async fn edit_delete_and_move(server: &Server, truth: &mut Truth) {
    let single = |text: &&String| !text.contains("RRULE") && text.contains("DTSTART;TZID");
    let paths: Vec<_> =
        truth.resources.iter().filter(|(_, t)| single(t)).map(|(p, _)| p.clone()).collect();
    let edited = tomorrow(uid(&truth.resources[&paths[0]]), 3);
    truth.put(server, &paths[0], edited).await;
    server.delete(&paths[1]).await;
    truth.resources.remove(&paths[1]);

    let weekly =
        |text: &&String| text.contains("FREQ=WEEKLY;INTERVAL=2") && !text.contains("RECURRENCE-ID");
    let (path, text) = truth
        .resources
        .iter()
        .find(|(_, t)| weekly(t))
        .map(|(p, t)| (p.clone(), t.clone()))
        .unwrap();
    truth.put(server, &path, with_first_occurrence_moved(&text)).await;
}

fn uid(text: &str) -> &str {
    text.lines().find_map(|line| line.strip_prefix("UID:")).unwrap()
}

fn tomorrow(uid: &str, hour: i8) -> String {
    let day = jiff::Timestamp::now().to_zoned(jiff::tz::TimeZone::UTC).date().tomorrow().unwrap();
    let at = |hour: i8| day.at(hour, 7, 0, 0).strftime("%Y%m%dT%H%M%SZ").to_string();
    format!(
        "BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:-//another//client//EN\r\nBEGIN:VEVENT\r\nUID:{uid}\r\nDTSTAMP:20260901T080000Z\r\n\
         DTSTART:{}\r\nDTEND:{}\r\nSUMMARY:edited\r\nEND:VEVENT\r\nEND:VCALENDAR\r\n",
        at(hour),
        at(hour + 1)
    )
}

fn with_first_occurrence_moved(text: &str) -> String {
    let start = text.lines().find(|line| line.starts_with("DTSTART;TZID")).unwrap();
    let (name, value) = start.split_once(':').unwrap();
    let day = jiff::Timestamp::now().to_zoned(jiff::tz::TimeZone::UTC).date();
    let moved = day.tomorrow().unwrap().at(4, 11, 0, 0).strftime("%Y%m%dT%H%M%S").to_string();
    let component = format!(
        "BEGIN:VEVENT\r\nUID:{}\r\nDTSTAMP:20260902T080000Z\r\n{}:{value}\r\n{name}:{moved}\r\nDURATION:PT45M\r\nSUMMARY:moved\r\nEND:VEVENT\r\nEND:VCALENDAR",
        uid(text),
        name.replace("DTSTART", "RECURRENCE-ID"),
    );
    text.replace("END:VCALENDAR", &component)
}

#[tokio::test(flavor = "multi_thread")]
async fn free_busy_over_radicale_equals_an_independent_computation() {
    tells_the_truth(Software::Radicale, None).await;
}

/// With its data in PostgreSQL, where there is a server.
#[tokio::test(flavor = "multi_thread")]
async fn free_busy_over_xandikos_equals_an_independent_computation() {
    let Some(server) = postgres_server() else {
        return tells_the_truth(Software::Xandikos, None).await;
    };
    let database = create_database(&server).await;
    tells_the_truth(Software::Xandikos, Some(&database)).await;
    drop_database(&server, &database).await;
}
