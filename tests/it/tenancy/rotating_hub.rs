//! `calhub secrets rotate` beside a hub that pulls: no pull fails, no key stops working.
//!
//! `scripts/secrets-rotation` runs it with 100,000 logins.

use std::{
    path::Path,
    sync::Arc,
    time::{Duration, Instant},
};

use calhub::{
    clock::{SystemClock, SystemEntropy},
    model::ids::{ConnectionId, TenantId},
    secrets::{Kek, Place, Vault},
    store::{Options, Store},
};
use serde_json::{Value, json};
use simulators::{AccountSpec, CalendarSpec, World, serve};
use tokio::net::TcpListener;

use super::rotation::row_of;
use crate::support::{
    engines::{create_database, drop_database, postgres_server},
    hub::{HubProcess, calhub, until},
    stage::hour_event,
};

const ACCOUNTS: usize = 6;

/// Logins besides those that are pulled.
fn stored() -> usize {
    let asked = std::env::var("CALHUB_TEST_TOKENS").ok();
    asked.and_then(|text| text.parse().ok()).unwrap_or(1_000)
}

/// Puts logins into the store of a hub that runs, sealed as it seals.
async fn store_logins(dir: &Path, database_url: Option<&str>, tenant: &TenantId) {
    let file = format!("sqlite:{}", dir.join("calhub.db").display());
    let options = Options { exclusive: false, ..Options::default() };
    let store = Store::open(database_url.unwrap_or(&file), &options, &SystemEntropy).await.unwrap();
    let kek = Kek::load(&dir.join("kek")).unwrap();
    let vault =
        Vault::open(kek, &store, Arc::new(SystemClock), Arc::new(SystemEntropy)).await.unwrap();
    let all: Vec<usize> = (0..stored()).collect();
    for some in all.chunks(250) {
        let mut tx = store.begin().await.unwrap();
        for n in some {
            let id: ConnectionId = format!("con_stored{n:06}").parse().unwrap();
            let place = Place { tenant, row: id.as_str(), column: "login" };
            let login = vault.seal(&mut tx, place, b"somebody's login").await.unwrap();
            tx.connections().insert(&row_of(tenant, &id, login)).await.unwrap();
        }
        tx.commit().await.unwrap();
    }
    store.close().await;
}

fn secrets(dir: &Path, database_url: Option<&str>, line: &[&str]) -> Value {
    let mut command = calhub(dir);
    command.arg("secrets").args(line).arg("--json");
    if let Some(url) = database_url {
        command.args(["--database-url", url]);
    }
    let done = command.output().unwrap();
    let text = String::from_utf8_lossy(&done.stdout).into_owned();
    assert!(done.status.success(), "{line:?}: {text} {}", String::from_utf8_lossy(&done.stderr));
    serde_json::from_str(&text).unwrap()
}

/// How often each calendar was pulled, and every word of failure that the hub has.
async fn failures(hub: &HubProcess) -> Vec<String> {
    let mut found = Vec::new();
    let (_, calendars) = hub.get("/v1/calendars?limit=500").await;
    for one in calendars["items"].as_array().unwrap() {
        if !one["last_error"].is_null() {
            found.push(one.to_string());
        }
    }
    let (_, jobs) = hub.get("/v1/ops/jobs?limit=500").await;
    for one in jobs["items"].as_array().unwrap() {
        if !one["last_error"].is_null() {
            found.push(one.to_string());
        }
    }
    let (_, log) =
        hub.get("/v1/changes?types=connection.degraded,connection.needs_reauth&limit=500").await;
    found.extend(log["items"].as_array().unwrap().iter().map(Value::to_string));
    found
}

/// Asks for pulls of these connections; the stored logins lead nowhere.
async fn sync_all(hub: &HubProcess, connections: &[Value]) {
    let asked = connections.iter().map(|id| async move {
        hub.post("/v1/ops/sync", &json!({"connection_id": id})).await;
    });
    futures::future::join_all(asked).await;
}

async fn rotated(database_url: Option<&str>) {
    let world = World::new(jiff::Timestamp::now());
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let origin = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(serve(world.clone(), listener));
    let hub = HubProcess::start_on(database_url).await;
    let dir = hub.dir.path().to_owned();
    let mut pulled = Vec::new();
    for n in 0..ACCOUNTS {
        let user = format!("user{n}");
        let account = world.add_account(AccountSpec::new(&user, "right"));
        account.add_calendar(CalendarSpec::new("work")).put("a.ics", hour_event("a", 2, 9));
        let body = json!({"provider": "caldav", "url": format!("{origin}{}", account.path()),
            "username": user, "password": "right"});
        let (status, linked) = hub.post("/v1/connections", &body).await;
        assert_eq!(status, 201, "{linked}");
        hub.synced(linked["id"].as_str().unwrap()).await;
        pulled.push(linked["id"].clone());
    }
    let (_, tenants) = hub.get("/v1/tenants").await;
    let tenant = tenants["items"][0]["id"].as_str().unwrap().parse().unwrap();
    store_logins(&dir, database_url, &tenant).await;
    let before = world.count(|_| true);
    // Pulls go on all the time.
    let pulling = async {
        loop {
            sync_all(&hub, &pulled).await;
            tokio::time::sleep(Duration::from_millis(30)).await;
        }
    };
    let (path, url) = (dir.clone(), database_url.map(str::to_owned));
    let asked = world.clone();
    let rotations = tokio::task::spawn_blocking(move || {
        let run = |line: &[&str]| {
            let (began, so_far) = (Instant::now(), asked.count(|_| true));
            let told = secrets(&path, url.as_deref(), line);
            println!("{line:?} took {:?}: {told}", began.elapsed());
            // A command may be quicker than the hub is with its next pull: the next one comes after that.
            while asked.count(|_| true) == so_far {
                assert!(began.elapsed() < Duration::from_secs(30), "no pull after {line:?}");
                std::thread::sleep(Duration::from_millis(5));
            }
            told
        };
        let mut all = vec![run(&["rotate"]), run(&["rotate", "--new-kek"])];
        run(&["new-kek"]);
        let waiting = run(&["status"]);
        assert_eq!(
            (&waiting["keks_in_file"], &waiting["kek_is_newest"]),
            (&json!(3), &json!(false))
        );
        all.push(run(&["rotate"]));
        run(&["forget-keks"]);
        let done = run(&["status"]);
        assert_eq!((&done["keks_in_file"], &done["kek_is_newest"]), (&json!(1), &json!(true)));
        all
    });
    let rotations = tokio::select! {
        done = rotations => done.unwrap(),
        () = pulling => unreachable!(),
    };
    for (n, one) in rotations.iter().enumerate() {
        assert_eq!(one["kek_changed"], json!(n > 0), "{one}");
        assert_eq!(one["data_keys_made"], 1, "{one}");
        assert_eq!(one["data_keys_dropped"], 1, "{one}");
        let all = (ACCOUNTS + stored()) as u64;
        assert!(one["secrets_resealed"].as_u64().unwrap() >= all, "{one}");
        assert_eq!(one["unreadable"], json!([]), "{one}");
    }
    let during = world.count(|_| true);
    println!("{} requests of pulls meanwhile", during - before);
    assert!(during > before, "the hub pulled meanwhile");
    // By the newest keys alone, in the same process.
    sync_all(&hub, &pulled).await;
    until("a pull after the rotation", || async { (world.count(|_| true) > during).then_some(()) })
        .await;
    until("quiet", || async {
        let (_, jobs) = hub.get("/v1/ops/jobs?lane=pull&limit=500").await;
        let jobs = jobs["items"].as_array()?.clone();
        jobs.iter().all(|job| job["state"] == "waiting").then_some(())
    })
    .await;
    assert_eq!(failures(&hub).await, Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn no_pull_fails_while_keys_change_on_sqlite() {
    rotated(None).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn no_pull_fails_while_keys_change_on_postgres() {
    let Some(server) = postgres_server() else { return };
    let url = create_database(&server).await;
    rotated(Some(&url)).await;
    drop_database(&server, &url).await;
}
