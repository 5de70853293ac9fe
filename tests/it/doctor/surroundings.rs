//! What surrounds the hub: names, clocks, zone rules, a pooler before the database.

use std::{
    fs::{self, File},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
};

use serde_json::Value;
use simulators::{AccountSpec, CalendarSpec};

use super::{
    SURROUNDINGS,
    calendars::{link, provider},
    databases::with,
    doctor, expect, findings, healthy, migrated,
};
use crate::support::{
    engines::{create_database, drop_database, postgres_server},
    hub::{HubProcess, calhub, free_port, until},
};

const YEAR_S: i64 = 365 * 86_400;

/// A library that sets another clock under a program: it answers `clock_gettime` for the time of day.
fn another_clock(dir: &Path) -> Option<PathBuf> {
    let (source, library) = (dir.join("clock.c"), dir.join("clock.so"));
    let text = "#include <stdlib.h>\n#include <sys/syscall.h>\n#include <time.h>\n#include <unistd.h>\n\
        int clock_gettime(clockid_t id, struct timespec *at) {\n\
        long done = syscall(SYS_clock_gettime, id, at);\n\
        const char *off = getenv(\"TEST_CLOCK_OFF\");\n\
        if (done == 0 && id == CLOCK_REALTIME && off) at->tv_sec += atol(off);\n\
        return (int)done;\n}\n";
    fs::write(&source, text).unwrap();
    let mut command = Command::new("cc");
    command.args(["-shared", "-fPIC", "-o"]).arg(&library).arg(&source);
    let built = command.status().is_ok_and(|status| status.success());
    if !built {
        eprintln!("no C compiler here: clocks that are wrong are not tried");
    }
    built.then_some(library)
}

fn under<'a>(command: &'a mut Command, clock: &Path, off_s: i64) -> &'a mut Command {
    command.env("LD_PRELOAD", clock).env("TEST_CLOCK_OFF", off_s.to_string())
}

#[test]
fn clocks_and_zone_rules() {
    let dir = tempfile::tempdir().unwrap();
    let Some(clock) = another_clock(dir.path()) else { return };
    let data = migrated(dir.path(), "data");
    let listen = format!("127.0.0.1:{}", free_port());
    let at = |off_s: i64| {
        let mut command = calhub(&data);
        command.args(["doctor", "--offline", "--json", "--listen", &listen]);
        findings(under(&mut command, &clock, off_s))
    };
    let now = at(0);
    healthy(&now, "clock_wrong");
    let is_old = |found: &[Value]| {
        found.iter().any(|check| check["says"].as_str().unwrap().contains("more than a year old"))
    };
    assert!(!is_old(&now));
    // Two years on, nobody has updated anything.
    let later = at(2 * YEAR_S);
    expect(&later, SURROUNDINGS, "zone_rules_old");
    assert!(is_old(&later));
    // A machine without a battery wakes up in 1970.
    expect(&at(-40 * YEAR_S), SURROUNDINGS, "clock_wrong");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_hub_whose_clock_is_not_that_of_the_servers_it_asks() {
    let dir = tempfile::tempdir().unwrap();
    let Some(clock) = another_clock(dir.path()) else { return };
    for (off_s, state) in [(0, None), (3_600, Some("ahead")), (-3_600, Some("behind"))] {
        let (world, base) = provider().await;
        let hub = HubProcess::start_as(None, |command| {
            under(command, &clock, off_s);
        })
        .await;
        let listen = hub.url.trim_start_matches("http://").to_owned();
        let data = hub.dir.path().to_owned();
        let look = || doctor(&data, &["--listen", &listen]);
        let account = world.add_account(AccountSpec::new("anna", "right"));
        account.add_calendar(CalendarSpec::new("work"));
        link(&hub, &base, &account).await;
        let of_hub = |found: &[Value]| {
            found.iter().find(|check| check["name"] == "hub's clock").unwrap().clone()
        };
        // One server may itself be the one that is wrong.
        let one = of_hub(&look());
        assert_eq!(one["state"], if state.is_some() { "note" } else { "ok" }, "{one}");
        let other = world.add_account(AccountSpec::new("berta", "right"));
        other.add_calendar(CalendarSpec::new("work"));
        link(&hub, &base.replace("127.0.0.1", "localhost"), &other).await;
        let two = of_hub(&look());
        let says = two["says"].as_str().unwrap();
        assert!(says.contains("2 servers"), "{two}");
        match state {
            None => assert_eq!(two["state"], "ok", "{two}"),
            Some(way) => {
                assert_eq!(
                    (&two["state"], &two["class"]),
                    (&"action".into(), &"clock_wrong".into())
                );
                assert!(says.contains(way), "{two}");
            }
        }
    }
}

/// In a network namespace of its own a program reaches no name server.
#[test]
fn names_that_do_not_resolve() {
    let dir = tempfile::tempdir().unwrap();
    let inside = |way: &[&str]| {
        let mut command = Command::new("unshare");
        command.args(way).arg("--").arg(env!("CARGO_BIN_EXE_calhub"));
        command.args(["doctor", "--json", "--data-dir"]).arg(migrated(dir.path(), "data"));
        command
    };
    let ways: [&[&str]; 2] = [&["-n"], &["-r", "-n"]];
    let can = |way: &&&[&str]| {
        let mut command = Command::new("unshare");
        command.args(**way).args(["--", "true"]).stderr(Stdio::null());
        command.status().is_ok_and(|status| status.success())
    };
    let Some(way) = ways.iter().find(can) else {
        eprintln!("no network namespace can be made here: names are not tried");
        return;
    };
    expect(&findings(&mut inside(way)), SURROUNDINGS, "names");
}

/// A running PgBouncer; ended when dropped.
struct Pooler(Child);

impl Drop for Pooler {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// PgBouncer before a server, in this mode; the address of the database through it.
async fn pooler(dir: &Path, url: &str, mode: &str) -> Option<(Pooler, String)> {
    let places = ["/usr/sbin/pgbouncer", "/usr/bin/pgbouncer"];
    let program = places.into_iter().find(|place| Path::new(place).exists())?;
    let real = url::Url::parse(url).unwrap();
    let (port, user) = (free_port(), real.username());
    let told = Command::new(program).arg("--version").output().unwrap();
    let told = String::from_utf8_lossy(&told.stdout).into_owned();
    let minor = told.split('.').nth(1).and_then(|text| text.parse::<u32>().ok()).unwrap();
    // Where it can keep statements it is told not to, as it was before it could.
    let keeps = if minor >= 21 { "max_prepared_statements = 0\n" } else { "" };
    let config = dir.join(format!("{mode}.ini"));
    let text = format!(
        "[databases]\n* = host={} port={}\n[pgbouncer]\nlisten_addr = 127.0.0.1\nlisten_port = {port}\n\
         unix_socket_dir =\nauth_type = any\npool_mode = {mode}\n{keeps}",
        real.host_str().unwrap(),
        real.port().unwrap_or(5432),
    );
    // `any` logs everybody in as one user, whom the database names.
    let password = real.password().map(|word| format!(" password='{word}'")).unwrap_or_default();
    let text = text.replace("* = host", &format!("* = user={user}{password} host"));
    fs::write(&config, text).unwrap();
    let mut command = Command::new(program);
    // It refuses to run as root.
    if rustix::process::getuid().is_root() {
        std::os::unix::fs::chown(dir, Some(65_534), None).unwrap();
        command.args(["-u", "nobody"]);
    }
    let log = File::create(dir.join("log")).unwrap();
    command.arg("-q").arg(&config).stdout(Stdio::null()).stderr(log);
    let running = Pooler(command.spawn().unwrap());
    let through = with(url, |url| url.set_port(Some(port)).unwrap());
    until("the pooler", || async {
        std::net::TcpStream::connect(("127.0.0.1", port)).is_ok().then_some(())
    })
    .await;
    Some((running, through))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_pooler_that_loses_what_was_prepared() {
    let Some(server) = postgres_server() else { return };
    let url = create_database(&server).await;
    let dir = tempfile::tempdir().unwrap();
    for (mode, is_fit) in [("transaction", false), ("session", true)] {
        let Some((_running, through)) = pooler(dir.path(), &url, mode).await else {
            eprintln!("no PgBouncer here (Debian: pgbouncer): poolers are not tried");
            break;
        };
        // Where statements stay, a hub works through it.
        let hub = match is_fit {
            true => Some(HubProcess::start_on(Some(&through)).await),
            false => None,
        };
        let elsewhere = tempfile::tempdir().unwrap();
        let found = doctor(elsewhere.path(), &["--database-url", &through]);
        drop(hub);
        if is_fit {
            healthy(&found, "database_pooler");
        } else {
            expect(&found, SURROUNDINGS, "database_pooler");
        }
        healthy(&found, "database_unreachable");
    }
    drop_database(&server, &url).await;
}
