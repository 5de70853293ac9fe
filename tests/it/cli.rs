//! The built program as people and scripts use it.

use std::{
    fs,
    io::{BufRead, BufReader},
    os::unix::fs::{FileTypeExt, PermissionsExt},
    path::Path,
    process::{Child, ChildStdout, Command, Output, Stdio},
    sync::mpsc::Receiver,
    time::Duration,
};

use serde_json::Value;
use simulators::{AccountSpec, CalendarSpec, FeedSpec, World};

use crate::support::hub::{HubProcess, KEY, calhub, free_port, until};

const EVENT: &str = "BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:-//t//t//EN\r\nBEGIN:VEVENT\r\nUID:one@t\r\n\
    DTSTAMP:20260101T000000Z\r\nDTSTART:@T090000Z\r\nDTEND:@T100000Z\r\nSUMMARY:Secret title\r\nEND:VEVENT\r\n\
    END:VCALENDAR\r\n";

fn run(dir: &Path, args: &[&str]) -> Output {
    calhub(dir).args(args).stdin(Stdio::null()).output().unwrap()
}

fn out(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

fn err(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// Runs a command that must succeed, and gives what it printed.
fn done(dir: &Path, args: &[&str]) -> String {
    let output = run(dir, args);
    assert!(output.status.success(), "{args:?}: {}{}", out(&output), err(&output));
    out(&output)
}

fn json(dir: &Path, args: &[&str]) -> Value {
    let text = done(dir, &[args, &["--json"]].concat());
    serde_json::from_str(&text).unwrap_or_else(|error| panic!("{args:?}: {error}: {text}"))
}

fn today() -> jiff::civil::Date {
    jiff::Timestamp::now().to_zoned(jiff::tz::TimeZone::UTC).date()
}

fn event_of(day: jiff::civil::Date) -> String {
    EVENT.replace('@', &day.strftime("%Y%m%d").to_string())
}

/// A simulated account `anna` with one calendar, and a feed; each holds one event tomorrow at 09:00Z.
async fn providers() -> (World, String, String) {
    let world = World::new(jiff::Timestamp::now());
    let anna = world.add_account(AccountSpec::new("anna", "pa ss"));
    let body = event_of(today().tomorrow().unwrap());
    anna.add_calendar(CalendarSpec::new("work")).put("one.ics", &body);
    let feed = world.add_feed(FeedSpec::new("rota", body));
    let listener = tokio::net::TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let base = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(simulators::serve(world.clone(), listener));
    (world, format!("{base}{}", anna.path()), format!("{base}{}", feed.path()))
}

/// `calhub serve` whose standard output is read, as on somebody's terminal.
struct Served {
    child: Child,
    lines: Receiver<String>,
}

impl Served {
    fn start(dir: &Path, cwd: &Path) -> Self {
        let mut command = calhub(dir);
        command.current_dir(cwd).args(["serve", "--listen", &format!("127.0.0.1:{}", free_port())]);
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
        let lines = read_lines(child.stdout.take().unwrap());
        Self { child, lines }
    }

    /// Reads up to the line with a mark.
    fn until_line(&mut self, mark: &str) -> Vec<String> {
        let mut seen = Vec::new();
        while let Ok(line) = self.lines.recv_timeout(Duration::from_secs(30)) {
            seen.push(line.clone());
            if line.contains(mark) {
                return seen;
            }
        }
        panic!("no line with {mark:?} in {seen:?}");
    }

    async fn stop(mut self) -> std::process::ExitStatus {
        signal("TERM", self.child.id());
        ended(&mut self.child).await
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn read_lines(out: ChildStdout) -> Receiver<String> {
    let (sender, lines) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        BufReader::new(out).lines().map_while(Result::ok).try_for_each(|line| sender.send(line))
    });
    lines
}

fn signal(name: &str, pid: u32) {
    let status =
        Command::new("kill").args([&format!("-{name}"), &pid.to_string()]).status().unwrap();
    assert!(status.success());
}

async fn ended(child: &mut Child) -> std::process::ExitStatus {
    for _ in 0..600 {
        if let Some(status) = child.try_wait().unwrap() {
            return status;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    child.kill().unwrap();
    panic!("it does not end");
}

#[test]
fn help_teaches_every_command() {
    let dir = tempfile::tempdir().unwrap();
    let help = done(dir.path(), &["--help"]);
    assert!(help.contains("First steps") && help.contains("Exit codes"));
    let commands = [
        "serve",
        "work",
        "demo",
        "migrate",
        "doctor",
        "config",
        "connect",
        "sync",
        "freebusy",
        "connections",
        "calendars",
        "resources",
        "tenants",
        "keys",
        "provider-apps",
        "bookings",
        "holds",
        "outbox",
        "jobs",
        "quarantine",
        "reconcile",
        "drift",
        "impact",
        "audit",
        "channels",
        "pause",
        "resume",
        "pauses",
        "secrets",
        "unexpandable",
        "trace",
        "expand",
    ];
    for command in commands {
        assert!(help.contains(&format!("  {command} ")), "{command} is not in --help");
        let text = done(dir.path(), &[command, "--help"]);
        assert!(text.contains("Usage:"), "{command}");
    }
    for later in ["slots", "explain"] {
        assert!(!help.contains(&format!("  {later} ")), "{later} is promised and not there");
        assert_eq!(run(dir.path(), &[later]).status.code(), Some(2));
    }
}

#[test]
fn exit_codes_tell_wrong_use_from_failure() {
    let dir = tempfile::tempdir().unwrap();
    let code = |args: &[&str]| run(dir.path(), args).status.code();
    assert_eq!(code(&["sync"]), Some(2));
    assert_eq!(code(&["serve", "--listen", "nowhere"]), Some(2));
    assert_eq!(code(&["connections", "list", "--url", "http://127.0.0.1:9"]), Some(2));
    assert_eq!(code(&["connections", "list", "--url", "ftp://x", "--key", "k"]), Some(2));
    assert_eq!(
        code(&["connections", "list", "--url", "http://127.0.0.1:9", "--key", "chk_a_b"]),
        Some(1)
    );
    let nobody = run(dir.path(), &["connections", "list"]);
    assert_eq!(nobody.status.code(), Some(1));
    assert!(
        err(&nobody).contains("no hub runs here") && err(&nobody).contains("next:"),
        "{}",
        err(&nobody)
    );
    let file = dir.path().join("not.ics");
    fs::write(&file, "not a calendar").unwrap();
    let range = ["--from", "2026-03-02", "--to", "2026-03-03", "--tz", "UTC"];
    let expand = [&["expand"][..], &range, &[file.to_str().unwrap()]].concat();
    assert_eq!(code(&expand), Some(3));
    let settings = calhub(dir.path())
        .arg("config")
        .arg("show")
        .env("CALHUB_SYNC_WORKERS", "many")
        .output()
        .unwrap();
    assert_eq!(settings.status.code(), Some(2));
    assert!(err(&settings).contains("CALHUB_SYNC_WORKERS"));
}

#[test]
fn settings_are_shown_without_secrets() {
    let dir = tempfile::tempdir().unwrap();
    let mut command = calhub(dir.path());
    command.args(["config", "show", "--allow-net", "10.0.0.0/8"]);
    let shown =
        out(&command.env("CALHUB_DATABASE_URL", "postgres://u:hunter2@h/d").output().unwrap());
    assert!(
        shown.contains("10.0.0.0/8") && shown.contains("***") && !shown.contains("hunter2"),
        "{shown}"
    );
}

#[test]
fn migrate_makes_a_database_and_doctor_finds_it_whole() {
    let dir = tempfile::tempdir().unwrap();
    let data = dir.path().join("data");
    assert!(done(&data, &["migrate"]).contains("made the database"));
    assert!(done(&data, &["migrate"]).contains("up to date"));
    let listen = format!("127.0.0.1:{}", free_port());
    let output = run(&data, &["doctor", "--offline", "--json", "--listen", &listen]);
    let found: Value = serde_json::from_str(&out(&output)).unwrap();
    assert_eq!((output.status.code(), &found["ok"]), (Some(0), &Value::Bool(true)), "{found}");
    assert_eq!(found["settings"]["listen"], listen);
    fs::set_permissions(&data, fs::Permissions::from_mode(0o777)).unwrap();
    let output = run(&data, &["doctor", "--offline", "--listen", &listen]);
    assert_eq!(output.status.code(), Some(1));
    assert!(out(&output).contains("chmod 700"), "{}", out(&output));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_first_run_shows_a_key_once_and_leaves_nothing_but_its_data_directory() {
    let dir = tempfile::tempdir().unwrap();
    let data = dir.path().join("data");
    let mut first = Served::start(&data, dir.path());
    let seen = first.until_line("/v1/connections").join("\n");
    let address = seen.split("listens on ").nth(1).unwrap().lines().next().unwrap().to_owned();
    let key =
        seen.split("admin API key").nth(1).unwrap().split_whitespace().next().unwrap().to_owned();
    assert!(key.starts_with("chk_"), "{seen}");
    let mode = |name: &str| fs::metadata(data.join(name)).unwrap().permissions().mode() & 0o777;
    assert_eq!((mode("kek"), mode("calhub.sock")), (0o600, 0o600));
    assert!(fs::metadata(data.join("calhub.sock")).unwrap().file_type().is_socket());
    let listed = done(&data, &["keys", "list", "--url", &address, "--key", &key]);
    assert!(listed.contains("admin") && !listed.contains(&key), "{listed}");
    assert_eq!(first.stop().await.code(), Some(0));
    assert!(!data.join("calhub.sock").exists(), "a socket without a hub");

    let mut second = Served::start(&data, dir.path());
    let again = second.until_line("/docs").join("\n");
    assert!(!again.contains("chk_"), "{again}");
    assert_eq!(second.stop().await.code(), Some(0));
    let left: Vec<_> =
        fs::read_dir(dir.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(left, ["data"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_linked_calendar_is_read_synced_and_answered_over_the_socket() {
    let hub = HubProcess::start().await;
    let data = hub.dir.path();
    let (world, account, feed) = providers().await;
    let password = data.join("password.txt");
    fs::write(&password, "pa ss\n").unwrap();

    let linked = done(
        data,
        &[
            "connect",
            "caldav",
            "--url",
            &account,
            "--username",
            "anna",
            "--password-file",
            password.to_str().unwrap(),
        ],
    );
    assert!(
        linked.contains("linked con_") && linked.contains("work") && linked.contains("done"),
        "{linked}"
    );
    let fed = json(data, &["connect", "ics", "--url", &feed]);
    assert_eq!(
        (fed["provider"].as_str(), fed["state"].as_str()),
        (Some("ics"), Some("healthy")),
        "{fed}"
    );
    let again = done(data, &["connect", "ics", "--url", &feed]);
    assert!(again.contains("was linked already"), "{again}");

    let calendars = json(data, &["calendars", "list"]);
    let work = calendars["items"].as_array().unwrap().iter().find(|c| c["name"] == "work").unwrap();
    let id = work["id"].as_str().unwrap();
    let (day, next) =
        (today().tomorrow().unwrap(), today().tomorrow().unwrap().tomorrow().unwrap());
    let range = ["--from", &format!("{day}T00:00:00Z"), "--to", &format!("{next}T00:00:00Z")];
    let answer = json(data, &[&["freebusy", "--calendar", id][..], &range].concat());
    let busy = &answer["calendars"][id]["busy"];
    assert_eq!(busy[0]["start"], format!("{day}T09:00:00Z"), "{answer}");
    let told = done(
        data,
        &[&["freebusy", "--calendar", id, "--tz", "Europe/Berlin"][..], &range].concat(),
    );
    assert!(told.contains("(Europe/Berlin)") && told.contains("busy"), "{told}");

    let planned = done(data, &["sync", "--all", "--full", "--dry-run"]);
    assert!(
        planned.contains("events changed") && planned.contains("nothing was changed"),
        "{planned}"
    );
    assert!(done(data, &["jobs", "list", "--lane", "pull"]).contains(&format!("pull:{id}")));
    let calendar = world.account("anna").unwrap().calendar("work").unwrap();
    calendar.edit_event("one.ics", |body| {
        body.replace("T090000Z", "T113000Z").replace("T100000Z", "T120000Z")
    });
    done(data, &["sync", id, "--wait"]);
    let answer = json(data, &[&["freebusy", "--calendar", id][..], &range].concat());
    assert_eq!(answer["calendars"][id]["busy"][0]["start"], format!("{day}T11:30:00Z"));

    let made = json(
        data,
        &[
            "resources",
            "create",
            "--name",
            "Anna",
            "--time-zone",
            "Europe/Berlin",
            "--calendar",
            id,
        ],
    );
    let resource = made["id"].as_str().unwrap();
    let later = today().checked_add(jiff::Span::new().days(900)).unwrap();
    let beyond = ["--from", &later.to_string(), "--to", &later.tomorrow().unwrap().to_string()];
    let told = done(data, &[&["freebusy", "--resource", resource][..], &beyond].concat());
    assert!(told.contains("unknown (beyond_window") && told.contains("NOT complete"), "{told}");

    let nobody = run(data, &[&["freebusy", "--calendar", "cal_nobody"][..], &range].concat());
    assert_eq!(nobody.status.code(), Some(1));
    let listed = done(data, &["connections", "list"]);
    assert!(
        listed.contains("caldav") && listed.contains("ics") && !listed.contains("rota"),
        "{listed}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refused_login_says_what_to_do_and_doctor_reports_broken_ones() {
    let hub = HubProcess::start().await;
    let data = hub.dir.path();
    let (world, account, _) = providers().await;
    let password = data.join("password.txt");
    fs::write(&password, "wrong").unwrap();
    let file = password.to_str().unwrap();
    let link =
        ["connect", "caldav", "--url", &account, "--username", "anna", "--password-file", file];
    let refused = run(data, &link);
    assert_eq!(refused.status.code(), Some(1));
    let text = err(&refused);
    assert!(
        text.contains("code: unauthorized, request req_")
            && text.contains("next: check the user name"),
        "{text}"
    );
    let raw = run(data, &[&link[..], &["--json"]].concat());
    assert_eq!(serde_json::from_str::<Value>(&err(&raw)).unwrap()["code"], "unauthorized");

    world.account("anna").unwrap().set_password("pa ss");
    fs::write(&password, "pa ss").unwrap();
    let id = json(data, &link)["id"].as_str().unwrap().to_owned();
    let listen = hub.url.strip_prefix("http://").unwrap().to_owned();
    done(data, &["doctor", "--offline", "--listen", &listen]);
    world.account("anna").unwrap().revoke_password();
    let waited = run(data, &["sync", "--connection", &id, "--wait"]);
    assert_eq!(waited.status.code(), Some(1), "{}", out(&waited));
    until("the connection to ask for a login", || async {
        (json(data, &["connections", "show", &id])["state"] == "needs_reauth").then_some(())
    })
    .await;
    let doctor = run(data, &["doctor", "--offline", "--listen", &listen]);
    assert_eq!(doctor.status.code(), Some(1));
    assert!(
        out(&doctor).contains(&format!("calhub connections update {id} --password-file")),
        "{}",
        out(&doctor)
    );
    let gone = json(data, &["connections", "remove", &id]);
    assert_eq!(gone["state"], "removing", "{gone}");
}

#[tokio::test(flavor = "multi_thread")]
async fn keys_and_tenants_are_made_and_used() {
    let hub = HubProcess::start().await;
    let data = hub.dir.path();
    let tenant =
        json(data, &["tenants", "create", "--name", "Clinic"])["id"].as_str().unwrap().to_owned();
    let made = json(
        data,
        &["keys", "create", "--name", "site", "--scope", "connections:read", "--tenant", &tenant],
    );
    let key = made["key"].as_str().unwrap();
    let over_http = ["connections", "list", "--url", &hub.url, "--key", key];
    assert!(done(data, &over_http).contains("nothing is linked"));
    let refused = run(data, &["keys", "list", "--url", &hub.url, "--key", key]);
    assert_eq!(refused.status.code(), Some(1));
    assert!(err(&refused).contains("code: insufficient_scope"), "{}", err(&refused));
    done(data, &["keys", "revoke", made["id"].as_str().unwrap(), "--tenant", &tenant]);
    let mut command = calhub(data);
    command.args(["connections", "list"]).env("CALHUB_URL", &hub.url).env("CALHUB_KEY", KEY);
    assert!(command.output().unwrap().status.success());
    assert_eq!(run(data, &over_http).status.code(), Some(1));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_demo_links_answers_and_follows_a_move() {
    let dir = tempfile::tempdir().unwrap();
    let mut command = calhub(dir.path());
    command.args(["demo", "--exit"]).stdin(Stdio::null());
    let real = "postgres://calhub@127.0.0.1:9/a-real-hub";
    let output = command.env("CALHUB_DATABASE_URL", real).output().unwrap();
    let story = out(&output);
    assert!(output.status.success(), "{story}{}", err(&output));
    for part in [
        "caldav  healthy",
        "ics     healthy",
        "complete: everything",
        "- busy",
        "+ busy",
        "/docs",
        "calhub doctor",
    ] {
        assert!(story.contains(part), "{part:?} is missing:\n{story}");
    }
    assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 0, "the demo's data is temporary");
    fs::write(dir.path().join("x"), "").unwrap();
    let used = run(dir.path(), &["demo", "--exit", "--data-dir", dir.path().to_str().unwrap()]);
    assert_eq!(used.status.code(), Some(2));
}
