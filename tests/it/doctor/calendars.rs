//! Connections and calendars that fail.

use serde_json::json;
use simulators::{Account, AccountSpec, Act, CalendarSpec, Fault, World};
use sqlx::{Connection, Executor, SqliteConnection};

use super::{CALENDARS, doctor, expect, healthy};
use crate::support::hub::{HubProcess, until};

/// A simulated server on a socket.
pub(super) async fn provider() -> (World, String) {
    let world = World::new(jiff::Timestamp::now());
    let listener = tokio::net::TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let base = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(simulators::serve(world.clone(), listener));
    (world, base)
}

pub(super) async fn link(hub: &HubProcess, base: &str, account: &Account) -> String {
    let login = json!({"provider": "caldav", "url": format!("{base}{}", account.path()),
        "username": account.user(), "password": "right"});
    let (status, made) = hub.post("/v1/connections", &login).await;
    assert_eq!(status, 201, "{made}");
    made["id"].as_str().unwrap().to_owned()
}

fn tomorrow(n: i64, rule: &str) -> String {
    let day = jiff::Timestamp::now() + jiff::SignedDuration::from_hours(24 * (n + 1));
    let day = day.strftime("%Y%m%d");
    let lines = format!("DTSTART:{day}T090000Z\nDTEND:{day}T100000Z{rule}");
    crate::support::stage::event(&format!("e{n}"), &lines)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn connections_and_calendars() {
    let (world, base) = provider().await;
    let hub = HubProcess::start().await;
    let data = hub.dir.path().to_owned();
    let listen = hub.url.trim_start_matches("http://").to_owned();
    let look = || doctor(&data, &["--listen", &listen]);

    let well = world.add_account(AccountSpec::new("anna", "right"));
    let work = well.add_calendar(CalendarSpec::new("work"));
    for n in 0..12 {
        work.put(&format!("{n}.ics"), tomorrow(n, ""));
    }
    let anna = link(&hub, &base, &well).await;
    hub.synced(&anna).await;
    let found = look();
    for (class, _) in CALENDARS {
        healthy(&found, class);
    }

    let odd = world.add_account(AccountSpec::new("odd", "right"));
    odd.add_calendar(CalendarSpec::new("odd"))
        .put("odd.ics", tomorrow(1, "\nRRULE:FREQ=FORTNIGHTLY"));
    let id = link(&hub, &base, &odd).await;
    hub.synced(&id).await;
    expect(&look(), CALENDARS, "series_unexpandable");

    let revoked = world.add_account(AccountSpec::new("berta", "right"));
    revoked.add_calendar(CalendarSpec::new("work"));
    let berta = link(&hub, &base, &revoked).await;
    hub.synced(&berta).await;
    revoked.revoke_password();

    // Lists its calendars, and shows none of their events.
    let page = Act::Body { body: "<html>sign in</html>".into(), content_type: "text/html".into() };
    world.fault(Fault::new(page).account("clara").method("REPORT"));
    let closed = world.add_account(AccountSpec::new("clara", "right"));
    closed.add_calendar(CalendarSpec::new("work"));
    link(&hub, &base, &closed).await;

    for n in 0..9 {
        work.delete(&format!("{n}.ics"));
    }
    let all = json!({"all": true});
    until("all of it to show", || async {
        hub.post("/v1/ops/sync", &all).await;
        let (_, connections) = hub.get("/v1/connections").await;
        let states: Vec<&str> = connections["items"]
            .as_array()?
            .iter()
            .filter_map(|item| item["state"].as_str())
            .collect();
        let (_, held) = hub.get("/v1/ops/quarantine").await;
        let is_there = states.contains(&"needs_reauth")
            && states.iter().filter(|state| **state == "degraded").count() >= 2
            && !held["items"].as_array()?.is_empty();
        is_there.then_some(())
    })
    .await;
    let (status, _) = hub.post("/v1/ops/pause", &json!({"provider": "google"})).await;
    assert_eq!(status, 200);
    let found = look();
    expect(&found, CALENDARS, "paused");
    for class in
        ["needs_reauth", "connection_failing", "calendars_never_synced", "calendars_quarantined"]
    {
        expect(&found, CALENDARS, class);
    }
    let failing =
        found.iter().find(|check| check["says"].as_str().unwrap().contains("clara")).unwrap();
    assert!(failing["fix"].as_str().unwrap().contains("login page"), "{failing}");

    // A day in which nobody read anything: the hub was away, and so is the provider now.
    let mut conn =
        SqliteConnection::connect(&format!("sqlite:{}", data.join("calhub.db").display()))
            .await
            .unwrap();
    conn.execute(
        "UPDATE calendars SET synced_us = synced_us - 86400000000 WHERE initial_sync = 'done'",
    )
    .await
    .unwrap();
    expect(&look(), CALENDARS, "calendars_stale");
}
