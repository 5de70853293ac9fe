//! `calhub doctor` through the built program: each class of failure is provoked for real, and is named with its fix.

use std::{
    collections::BTreeSet,
    fs,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use serde_json::{Value, json};
use simulators::{Account, AccountSpec, Act, CalendarSpec, Fault, World};
use sqlx::{AssertSqlSafe, Connection, Executor, PgConnection, SqliteConnection};

use crate::support::{
    engines::{create_database, drop_database, postgres_server},
    hub::{HubProcess, calhub, free_port, until},
};

/// What one test provokes: the class, and a part of the fix.
type Table = &'static [(&'static str, &'static str)];

const FILES: Table = &[
    ("settings", "calhub config show --defaults"),
    ("data_dir_missing", "--data-dir"),
    ("data_dir_unusable", "name another with --data-dir"),
    ("data_dir_open", "chmod 700"),
    ("key_file_missing", "from the backup"),
    ("key_file_open", "chmod 600"),
    ("key_file_unreadable", "--kek-file"),
    ("key_file_wrong", "this database's key file"),
    ("database_new", "calhub migrate"),
    ("hub_not_running", "calhub serve"),
];
const MACHINE: Table = &[
    ("disk_low", "du -xh"),
    ("wal_large", "fuser"),
    ("open_files_low", "ulimit -n 65536"),
    ("another_hub", "fuser -v"),
    ("address_in_use", "ss -ltnp"),
    ("address_unusable", "--listen"),
    ("address_differs", "not the running hub's"),
    ("networks_open", "name the networks"),
    ("not_a_hub", "curl -i"),
    ("not_allowed", "a key that may read connections"),
];
const SQLITE: Table = &[
    ("database_address", "sqlite:///"),
    ("database_damaged", "last backup"),
    ("migrations_pending", "calhub migrate"),
    ("database_newer", "that newer calhub"),
    ("work_overdue", "calhub jobs list"),
];
const POSTGRES: Table = &[
    ("database_unreachable", "pg_isready"),
    ("database_login", "pg_hba.conf"),
    ("database_missing", "createdb"),
    ("database_unfit", "PostgreSQL 15 or newer"),
    ("database_read_only", "primary"),
    ("clock_wrong", "timedatectl"),
    ("hub_not_ready", "bring the database back"),
];
const CALENDARS: Table = &[
    ("needs_reauth", "--password-file"),
    ("connection_failing", "calhub sync --connection"),
    ("calendars_never_synced", "calhub sync cal_"),
    ("calendars_quarantined", "calhub quarantine confirm cal_"),
    ("series_unexpandable", "unexpandable"),
    ("calendars_stale", "calhub sync cal_"),
];
/// What no test brings about, and why.
const ELSEWHERE: &[(&str, &str)] = &[
    ("network_file_system", "nothing can be mounted over a network here"),
    ("zone_rules_old", "the compiled-in rules are never a year old in a build that is tested"),
    ("names", "name servers are this machine's"),
    ("database_pooler", "no pooler runs here: nothing has shown yet that it is told"),
];

#[test]
fn every_class_is_provoked_by_some_test() {
    let dir = tempfile::tempdir().unwrap();
    let explained = calhub(dir.path()).args(["doctor", "--explain"]).output().unwrap();
    let text = String::from_utf8(explained.stdout).unwrap();
    let all: BTreeSet<&str> =
        text.lines().filter_map(|line| line.split_whitespace().next()).collect();
    let guide =
        fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/operators-guide.md"));
    let guide = guide.unwrap();
    let slugs: BTreeSet<String> =
        guide.lines().filter(|line| line.starts_with('#')).map(slug).collect();
    for line in text.lines() {
        let anchor = line.rsplit('#').next().unwrap();
        assert!(slugs.contains(anchor), "the guide has no heading for: {line}");
    }
    let tables = [FILES, MACHINE, SQLITE, POSTGRES, CALENDARS, ELSEWHERE];
    let provoked: BTreeSet<&str> = tables.into_iter().flatten().map(|(class, _)| *class).collect();
    assert_eq!(all, provoked);
}

fn slug(heading: &str) -> String {
    let plain = heading.trim_start_matches('#').trim().to_lowercase();
    let kept = plain.chars().filter(|c| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_'));
    kept.collect::<String>().replace(' ', "-")
}

/// Runs the doctor, and gives its findings; its exit code must agree with them.
fn findings(command: &mut Command) -> Vec<Value> {
    let output = command.stdin(Stdio::null()).output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    let told: Value = serde_json::from_str(&text).unwrap_or_else(|error| {
        panic!("{error}: {text}{}", String::from_utf8_lossy(&output.stderr))
    });
    let checks = told["checks"].as_array().unwrap().clone();
    let needs_action = checks.iter().any(|check| check["state"] == "action");
    assert_eq!(output.status.code(), Some(i32::from(needs_action)), "{told}");
    assert_eq!(told["ok"], !needs_action);
    for check in &checks {
        let complete = ["class", "why", "fix", "guide"].iter().all(|part| check[part].is_string());
        assert!(check["state"] == "ok" || complete, "{check}");
    }
    checks
}

fn doctor(dir: &Path, args: &[&str]) -> Vec<Value> {
    let listen = format!("127.0.0.1:{}", free_port());
    let mut command = calhub(dir);
    command.args(["doctor", "--offline", "--json"]).args(args);
    if !args.contains(&"--listen") {
        command.args(["--listen", &listen]);
    }
    findings(&mut command)
}

/// Checks that a class was found, with the fix that the table promises.
#[track_caller]
fn expect(checks: &[Value], table: Table, class: &str) {
    let (_, fix) = table.iter().find(|(known, _)| *known == class).expect("a class of the table");
    let of_it: Vec<&Value> = checks.iter().filter(|check| check["class"] == class).collect();
    assert!(!of_it.is_empty(), "no {class} in {checks:#?}");
    let is_fixed = of_it.iter().any(|check| check["fix"].as_str().unwrap().contains(fix));
    assert!(is_fixed, "no {fix:?} in {of_it:#?}");
}

/// Checks that a class was not found.
#[track_caller]
fn healthy(checks: &[Value], class: &str) {
    assert!(checks.iter().all(|check| check["class"] != class), "{checks:#?}");
}

fn mode(path: &Path, mode: u32) {
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
}

fn migrated(dir: &Path, name: &str) -> PathBuf {
    let data = dir.join(name);
    // The key file is made by a hub that starts.
    assert!(calhub(&data).arg("migrate").output().unwrap().status.success());
    data
}

#[tokio::test]
async fn the_data_directory_and_the_key_file() {
    let hub = HubProcess::start().await;
    let data = hub.dir.path().to_owned();
    let kek = data.join("kek");
    let key = fs::read(&kek).unwrap();
    let state =
        |found: &[Value]| found.iter().find(|c| c["name"] == "key file").unwrap()["state"].clone();
    assert_eq!(state(&doctor(&data, &[])), "ok");

    fs::remove_file(&kek).unwrap();
    expect(&doctor(&data, &[]), FILES, "key_file_missing");
    fs::write(&kek, "no key at all").unwrap();
    mode(&kek, 0o600);
    expect(&doctor(&data, &[]), FILES, "key_file_unreadable");
    let other = HubProcess::start().await;
    fs::copy(other.dir.path().join("kek"), &kek).unwrap();
    expect(&doctor(&data, &[]), FILES, "key_file_wrong");
    fs::write(&kek, &key).unwrap();
    mode(&kek, 0o644);
    expect(&doctor(&data, &[]), FILES, "key_file_open");
    mode(&kek, 0o600);
    assert_eq!(state(&doctor(&data, &[])), "ok");

    mode(&data, 0o777);
    expect(&doctor(&data, &[]), FILES, "data_dir_open");
    mode(&data, 0o700);
    let empty = tempfile::tempdir().unwrap();
    let found = doctor(&empty.path().join("nothing"), &[]);
    for class in ["data_dir_missing", "database_new", "hub_not_running"] {
        expect(&found, FILES, class);
    }
    let file = empty.path().join("file");
    fs::write(&file, "").unwrap();
    expect(&doctor(&file, &[]), FILES, "data_dir_unusable");
    let mut command = calhub(empty.path());
    command.args(["doctor", "--offline", "--json"]).env("CALHUB_LISTEN", "nowhere");
    expect(&findings(&mut command), FILES, "settings");
}

#[tokio::test]
async fn the_machine_and_who_else_is_on_it() {
    let hub = HubProcess::start().await;
    let data = hub.dir.path();
    let listen = hub.url.trim_start_matches("http://").to_owned();
    let found = doctor(data, &["--listen", &listen]);
    for class in ["address_in_use", "address_differs", "another_hub", "wal_large", "disk_low"] {
        healthy(&found, class);
    }
    expect(&doctor(data, &[]), MACHINE, "address_differs");
    expect(&doctor(data, &["--allow-net", "0.0.0.0/0"]), MACHINE, "networks_open");

    // The database of the running hub from a directory where no hub answers.
    let elsewhere = tempfile::tempdir().unwrap();
    let url = format!("sqlite://{}", data.join("calhub.db").display());
    let found = doctor(elsewhere.path(), &["--database-url", &url, "--listen", &listen]);
    expect(&found, MACHINE, "another_hub");
    expect(&found, MACHINE, "address_in_use");
    expect(&doctor(elsewhere.path(), &["--listen", "192.0.2.1:80"]), MACHINE, "address_unusable");

    let mut command = Command::new("sh");
    command.arg("-c").arg("ulimit -n 200; exec \"$0\" \"$@\"").arg(env!("CARGO_BIN_EXE_calhub"));
    command.args(["doctor", "--offline", "--json", "--listen", &listen]);
    command.env("CALHUB_DATA_DIR", data);
    expect(&findings(&mut command), MACHINE, "open_files_low");

    let narrow = json!({"name": "narrow", "scopes": ["availability:read"]});
    let (_, key) = hub.post("/v1/keys", &narrow).await;
    let asked = ["--url", &hub.url, "--key", key["key"].as_str().unwrap()];
    expect(&doctor(elsewhere.path(), &asked), MACHINE, "not_allowed");
    let world = World::new(jiff::Timestamp::now());
    let listener = tokio::net::TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let stranger = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(simulators::serve(world, listener));
    let dir = elsewhere.path().to_owned();
    let found = tokio::task::spawn_blocking(move || doctor(&dir, &["--url", &stranger])).await;
    expect(&found.unwrap(), MACHINE, "not_a_hub");

    a_reader_that_keeps_an_old_state(elsewhere.path()).await;
    a_small_disk();
}

async fn a_reader_that_keeps_an_old_state(dir: &Path) {
    let data = migrated(dir, "wal");
    let url = format!("sqlite:{}", data.join("calhub.db").display());
    let mut reader = SqliteConnection::connect(&url).await.unwrap();
    reader.execute("BEGIN; SELECT COUNT(*) FROM instance").await.unwrap();
    let mut writer = SqliteConnection::connect(&url).await.unwrap();
    writer.execute("CREATE TABLE filler (body BLOB)").await.unwrap();
    for _ in 0..9 {
        writer.execute("INSERT INTO filler VALUES (zeroblob(8000000))").await.unwrap();
    }
    expect(&doctor(&data, &[]), MACHINE, "wal_large");
}

/// Needs root, and a kernel that lets it mount; elsewhere the judgement has its unit test.
fn a_small_disk() {
    let dir = tempfile::tempdir().unwrap();
    let mount = |program: &str, args: &[&str]| {
        Command::new(program).args(args).arg(dir.path()).stderr(Stdio::null()).status()
    };
    let mounted = mount("mount", &["-t", "tmpfs", "-o", "size=2m,mode=700", "tmpfs"]);
    if !mounted.is_ok_and(|status| status.success()) {
        eprintln!("no file system can be mounted here: a full disk is not tried");
        return;
    }
    let filled = fs::write(dir.path().join("filler"), vec![1; 2_000_000]);
    let found = std::panic::catch_unwind(|| doctor(dir.path(), &[]));
    assert!(mount("umount", &[]).unwrap().success());
    filled.unwrap();
    expect(&found.unwrap(), MACHINE, "disk_low");
}

#[tokio::test]
async fn a_database_in_a_file() {
    let dir = tempfile::tempdir().unwrap();
    let found = doctor(dir.path(), &["--database-url", "mysql://somewhere/calhub"]);
    expect(&found, SQLITE, "database_address");
    let data = dir.path().join("damaged");
    fs::create_dir(&data).unwrap();
    fs::write(data.join("calhub.db"), vec![7; 8192]).unwrap();
    expect(&doctor(&data, &[]), SQLITE, "database_damaged");

    let data = migrated(dir.path(), "old");
    let url = format!("sqlite:{}", data.join("calhub.db").display());
    let mut conn = SqliteConnection::connect(&url).await.unwrap();
    conn.execute(
        "INSERT INTO tenants (tenant_id, name, created_us) VALUES ('ten_1', 'a', 0);
         INSERT INTO work (tenant_id, lane, subject, due_us) VALUES ('ten_1', 'pull', 'cal_1', 1000000)",
    )
    .await
    .unwrap();
    expect(&doctor(&data, &[]), SQLITE, "work_overdue");
    conn.execute("DELETE FROM work").await.unwrap();
    healthy(&doctor(&data, &[]), "work_overdue");
    conn.execute(
        "CREATE TABLE kept AS SELECT * FROM _sqlx_migrations; DELETE FROM _sqlx_migrations",
    )
    .await
    .unwrap();
    expect(&doctor(&data, &[]), SQLITE, "migrations_pending");
    conn.execute(
        "INSERT INTO _sqlx_migrations SELECT * FROM kept;
         INSERT INTO _sqlx_migrations SELECT 9999, description, installed_on, success, checksum, execution_time FROM kept LIMIT 1",
    )
    .await
    .unwrap();
    expect(&doctor(&data, &[]), SQLITE, "database_newer");
}

fn with(url: &str, change: impl FnOnce(&mut url::Url)) -> String {
    let mut url = url::Url::parse(url).unwrap();
    change(&mut url);
    url.into()
}

#[tokio::test]
async fn a_database_server() {
    let Some(server) = postgres_server() else { return };
    let dir = tempfile::tempdir().unwrap();
    let look = |url: &str| doctor(dir.path(), &["--database-url", url]);
    let nobody = with(&server, |url| url.set_port(Some(free_port())).unwrap());
    expect(&look(&nobody), POSTGRES, "database_unreachable");
    let stranger = with(&server, |url| url.set_username("nobody_of_this_name").unwrap());
    expect(&look(&stranger), POSTGRES, "database_login");
    expect(
        &look(&with(&server, |url| url.set_path("no_such_database"))),
        POSTGRES,
        "database_missing",
    );

    let url = create_database(&server).await;
    let name = url.rsplit('/').next().unwrap().to_owned();
    let hub = HubProcess::start_on(Some(&url)).await;
    let kek = hub.dir.path().join("kek").display().to_string();
    let found = doctor(dir.path(), &["--database-url", &url, "--kek-file", &kek]);
    for (class, _) in POSTGRES {
        healthy(&found, class);
    }
    healthy(&found, "database_pooler");
    healthy(&found, "key_file_wrong");
    let run = async |sql: String| {
        let mut conn = PgConnection::connect(&url).await.unwrap();
        conn.execute(AssertSqlSafe(sql)).await.unwrap();
        conn.close().await.unwrap();
    };
    run(format!("ALTER DATABASE {name} SET default_transaction_read_only = on")).await;
    expect(&look(&url), POSTGRES, "database_read_only");
    let mut conn = PgConnection::connect(&server).await.unwrap();
    conn.execute(AssertSqlSafe(format!(
        "ALTER DATABASE {name} RESET default_transaction_read_only"
    )))
    .await
    .unwrap();
    // A server that says it is another, and one whose clock is an hour off: functions that stand before its own.
    run("CREATE FUNCTION version() RETURNS text LANGUAGE sql AS $$ SELECT 'PostgreSQL 13.2 on x86_64' $$".to_owned()).await;
    run(format!("ALTER DATABASE {name} SET search_path = public, pg_catalog")).await;
    expect(&look(&url), POSTGRES, "database_unfit");
    run("DROP FUNCTION version(); CREATE FUNCTION clock_timestamp() RETURNS timestamptz LANGUAGE sql AS
         $$ SELECT pg_catalog.clock_timestamp() - interval '1 hour' $$".to_owned()).await;
    expect(&look(&url), POSTGRES, "clock_wrong");

    // The hub's database goes away under it.
    drop_database(&server, &url).await;
    let data = hub.dir.path().to_owned();
    until("the hub to notice", || async { (hub.get("/readyz").await.0 == 503).then_some(()) })
        .await;
    let found = tokio::task::spawn_blocking(move || doctor(&data, &["--database-url", &url]))
        .await
        .unwrap();
    expect(&found, POSTGRES, "hub_not_ready");
    expect(&found, POSTGRES, "database_missing");
}

/// A simulated server on a socket.
async fn provider() -> (World, String) {
    let world = World::new(jiff::Timestamp::now());
    let listener = tokio::net::TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let base = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(simulators::serve(world.clone(), listener));
    (world, base)
}

async fn link(hub: &HubProcess, base: &str, account: &Account) -> String {
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
    let found = look();
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
