//! A backup, taken while the hub runs, restored on either engine: a new epoch, no false free, no duplicate.

use std::{
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
    process::{Command, Output, Stdio},
    time::Duration,
};

use serde_json::{Value, json};
use simulators::{Act as Fails, Fault};
use sqlx::{Connection as _, Executor as _};

use super::{
    acts::{calendars, sync, sync_and_wait},
    follower::Follower,
    ledger::Database,
    life::{Home, Life},
    site::Site,
    spans::instant,
};
use crate::support::{
    engines::{create_database, drop_database, postgres_server},
    hub::{calhub, free_port, until},
};

const DAY_US: i64 = 24 * 60 * 60 * 1_000_000;

/// Runs a command on a hub's database.
fn ask(home: &Home, line: &[&str]) -> Output {
    command(home, line).output().unwrap()
}

fn command(home: &Home, line: &[&str]) -> Command {
    let mut command = calhub(&home.dir);
    command.args(line).stdin(Stdio::null());
    if let Some(url) = &home.database_url {
        command.args(["--database-url", url]);
    }
    command
}

fn done(output: &Output) -> Value {
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}");
    serde_json::from_slice(&output.stdout).unwrap_or(Value::Null)
}

fn refused(output: &Output, why: &str) {
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(!output.status.success() && said.contains(why), "{why:?} is not in: {said}");
}

/// A place for a restored hub, with the key file and nothing else.
fn elsewhere(old: &Home, dir: &Path, database_url: Option<String>) -> Home {
    let copied = dir.join("kek");
    std::fs::copy(old.dir.join("kek"), &copied).unwrap();
    std::fs::set_permissions(copied, std::fs::Permissions::from_mode(0o600)).unwrap();
    Home {
        dir: dir.to_owned(),
        database_url,
        port: free_port(),
        bugs: Vec::new(),
        client: old.client.clone(),
    }
}

/// Makes what is stored a day older than it is.
async fn age_by_a_day(database: &Database) {
    let sql = format!(
        "UPDATE calendars SET synced_us = synced_us - {DAY_US}, full_us = full_us - {DAY_US}, \
         covered_from_us = covered_from_us - {DAY_US}, covered_until_us = covered_until_us - {DAY_US}, \
         touched_us = touched_us - {DAY_US}"
    );
    let sql = sqlx::AssertSqlSafe(sql);
    match database {
        Database::Sqlite(file) => {
            let options = sqlx::sqlite::SqliteConnectOptions::new().filename(file);
            let mut conn = sqlx::SqliteConnection::connect_with(&options).await.unwrap();
            conn.execute(sql).await.unwrap();
        }
        Database::Postgres(url) => {
            let mut conn = sqlx::PgConnection::connect(url).await.unwrap();
            conn.execute(sql).await.unwrap();
        }
    }
}

/// Backs a hub of one engine up and restores it on another, perhaps the same.
async fn a_backup_converges(from: Option<&str>, to: Option<&str>) {
    let url = match from {
        Some(server) => Some(create_database(server).await),
        None => None,
    };
    let mut site = Site::new(90, 90, url.clone(), &[]).await;
    let (hub, _) = site.found().await;
    assert_eq!(site.settle(&hub).await, Vec::<String>::new());
    let ids = named_ids(&hub).await;
    hub.kill();
    age_by_a_day(&site.database).await;
    let hub = Life::begin(&site.home).await;
    let files = tempfile::tempdir().unwrap();
    let file = files.path().join("monday");
    let path = file.to_str().unwrap();
    let made = done(&ask(&site.home, &["backup", path, "--json"]));
    assert_eq!(std::fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
    assert_eq!(made["key_file_included"], false);
    refused(&ask(&site.home, &["backup", path]), "is there already");

    // What happens after the backup is not in it: the restored hub must find out by itself.
    for name in ["work", "home", "shop"] {
        site.provider.add(name);
        site.provider.delete(name);
        site.provider.edit(name);
    }
    sync_and_wait(&hub).await;
    assert_eq!(site.settle(&hub).await, Vec::<String>::new());
    let cursor = site.follower.cursor().unwrap().to_owned();
    refused(
        &ask(&site.home, &["restore", path, "--replace"]),
        if from.is_some() { "a hub is running" } else { "another calhub" },
    );
    hub.kill();
    // The server hears of a death a moment later.
    let said = until("the dead hub's sessions end", async || {
        let output = ask(&site.home, &["restore", path]);
        let lives = String::from_utf8_lossy(&output.stderr).contains("a hub is running");
        (!lives).then_some(output)
    });
    refused(&said.await, "not empty");

    let dir = tempfile::tempdir().unwrap();
    let url_to = match to {
        Some(server) => Some(create_database(server).await),
        None => None,
    };
    let home = elsewhere(&site.home, dir.path(), url_to.clone());
    unfit_files_and_keys_are_refused(&home, &file);
    killed_on_the_way_it_has_done_nothing(&home, path);
    done(&ask(&home, &["restore", path, "--json"]));

    // The provider is down when the restored hub starts.
    site.provider.world.fault(Fault::new(Fails::DropBefore));
    let hub = Life::begin(&home).await;
    let (status, said) = hub.get(&format!("/v1/changes?after={cursor}")).await.unwrap();
    assert_eq!((status, &said["code"]), (410, &json!("cursor_expired")), "{said}");
    assert_eq!(named_ids(&hub).await, ids, "ids stay");
    for (name, id) in &ids {
        nothing_vouches_for(&hub, name, id).await;
    }
    site.provider.world.clear_faults();
    sync(&hub).await.unwrap();
    // Old tokens are gone for ever at one of the servers.
    site.provider.bob.calendar("home").unwrap().expire_cursors();
    site.home = home;
    site.follower = Follower::default();
    // Who begins anew reads the log of the new epoch from its start, and comes to the same.
    assert_eq!(site.settle(&hub).await, Vec::<String>::new());
    assert_eq!(named_ids(&hub).await, ids, "no calendar is there twice");
    hub.kill();
    for (server, url) in [(from, url), (to, url_to)] {
        if let (Some(server), Some(url)) = (server, url) {
            drop_database(server, &url).await;
        }
    }
}

/// Calendars by name.
async fn named_ids(hub: &Life) -> std::collections::BTreeMap<String, String> {
    let text = |row: &Value, name: &str| row[name].as_str().unwrap().to_owned();
    let all = calendars(hub).await.unwrap();
    let ids: std::collections::BTreeMap<_, _> =
        all.iter().map(|row| (text(row, "name"), text(row, "id"))).collect();
    assert_eq!(ids.len(), all.len(), "a calendar is there twice");
    ids
}

/// Everything of a calendar is unknown, its evidence is as old as it says, and old busy time stays.
async fn nothing_vouches_for(hub: &Life, name: &str, id: &str) {
    let now = jiff::Timestamp::now().as_second();
    let ask = json!({
        "start": instant(now), "end": instant(now + 100 * 86_400), "calendars": [id],
    });
    let (_, found) = hub.post("/v1/freebusy", &ask).await.unwrap();
    let found = &found["calendars"][id];
    assert_eq!(found["complete"], false, "{name}: {found}");
    let unknown = &found["unknown"][0];
    assert_eq!(
        (&unknown["start"], &unknown["end"]),
        (&ask["start"], &ask["end"]),
        "{name}: {found}"
    );
    assert_eq!(unknown["reason"], "stale");
    let synced = found["evidence"][0]["synced_at"].as_str().unwrap();
    let age = now - synced.parse::<jiff::Timestamp>().unwrap().as_second();
    assert!(age >= 24 * 3_600, "{name} says that it is {age} s old");
    assert!(name == "bulk" || !found["busy"].as_array().unwrap().is_empty(), "{name}: {found}");
}

fn unfit_files_and_keys_are_refused(home: &Home, file: &Path) {
    let whole = std::fs::read(file).unwrap();
    let spoilt = |name: &str, bytes: &[u8]| -> PathBuf {
        let path = file.with_file_name(name);
        std::fs::write(&path, bytes).unwrap();
        path
    };
    let restore = |path: &Path| ask(home, &["restore", path.to_str().unwrap()]);
    refused(&restore(&spoilt("short", &whole[..whole.len() / 2])), "cut short");
    let lines: Vec<&[u8]> = whole.split_inclusive(|b| *b == b'\n').collect();
    refused(&restore(&spoilt("lacks-end", &lines[..lines.len() - 1].concat())), "cut short");
    refused(
        &restore(&spoilt("lacks-line", &[&lines[..2], &lines[3..]].concat().concat())),
        "checksum",
    );
    let text = String::from_utf8(whole).unwrap();
    refused(
        &restore(&spoilt("altered", text.replacen("healthy", "revoked", 1).as_bytes())),
        "checksum",
    );
    let newer = text.replacen("\"calhub_backup\":1", "\"calhub_backup\":9", 1);
    refused(&restore(&spoilt("newer", newer.as_bytes())), "newer calhub");
    let kek = home.dir.join("kek");
    let right = std::fs::read(&kek).unwrap();
    std::fs::remove_file(&kek).unwrap();
    refused(&restore(file), "is not in the backup");
    std::fs::write(&kek, "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\n").unwrap();
    std::fs::set_permissions(&kek, std::fs::Permissions::from_mode(0o600)).unwrap();
    refused(&restore(file), "another key file");
    std::fs::write(&kek, right).unwrap();
}

/// `kill -9` of a restore when all is stored and nothing committed: the database is as empty as before, so the
/// next restore needs no word.
fn killed_on_the_way_it_has_done_nothing(home: &Home, path: &str) {
    let mut child =
        command(home, &["restore", path]).env("CALHUB_DRILL", "restore_written").spawn().unwrap();
    let stat = format!("/proc/{}/stat", child.id());
    let is_frozen = || {
        let stat = std::fs::read_to_string(&stat).unwrap();
        stat.rsplit(')').next().unwrap().trim_start().starts_with('T')
    };
    let froze = (0..6_000).any(|_| {
        std::thread::sleep(Duration::from_millis(10));
        is_frozen()
    });
    child.kill().unwrap();
    child.wait().unwrap();
    assert!(froze, "the restore does not pass its place");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_restored_sqlite_backup_starts_a_new_epoch_and_converges() {
    a_backup_converges(None, None).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_restored_postgres_backup_starts_a_new_epoch_and_converges() {
    let Some(server) = postgres_server() else { return };
    a_backup_converges(Some(&server), Some(&server)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_backup_moves_a_hub_from_sqlite_to_postgres_and_back() {
    let Some(server) = postgres_server() else { return };
    a_backup_converges(None, Some(&server)).await;
    a_backup_converges(Some(&server), None).await;
}
