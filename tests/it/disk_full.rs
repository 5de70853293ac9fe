//! A disk that fills under the hub: it says so, loses nothing, and goes on when there is room again.

use std::{
    fs::{self, File},
    io::Write,
    path::Path,
    process::{Command, Stdio},
};

use serde_json::{Value, json};
use simulators::{AccountSpec, CalendarSpec, World};
use sqlx::{Connection, SqliteConnection};

use crate::support::{
    hub::{HubProcess, calhub, until},
    stage::event,
};

/// A small file system of its own; needs root and a kernel that lets it mount.
struct SmallDisk(tempfile::TempDir);

impl SmallDisk {
    fn mount() -> Option<Self> {
        let dir = tempfile::tempdir().unwrap();
        let mounted = Command::new("mount")
            .args(["-t", "tmpfs", "-o", "size=24m,mode=700", "tmpfs"])
            .arg(dir.path())
            .stderr(Stdio::null())
            .status();
        if mounted.is_ok_and(|status| status.success()) {
            return Some(Self(dir));
        }
        eprintln!("no file system can be mounted here: a disk that fills is not tried");
        None
    }

    fn path(&self) -> &Path {
        self.0.path()
    }

    /// Writes until nothing more fits.
    fn fill(&self) {
        let mut filler = File::create(self.path().join("filler")).unwrap();
        for size in [64 << 10, 4 << 10, 512] {
            while filler.write_all(&vec![1; size]).is_ok() {}
        }
    }

    fn make_room(&self) {
        fs::remove_file(self.path().join("filler")).unwrap();
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        // What still has a file open there is gone by now; a lazy unmount does not wait for it.
        let _ = Command::new("umount").arg("-l").arg(self.path()).status();
    }
}

fn hour(n: i64) -> String {
    let at = jiff::Timestamp::now() + jiff::SignedDuration::from_hours(24 + 2 * n);
    let until = at + jiff::SignedDuration::from_hours(1);
    let text = |at: jiff::Timestamp| at.strftime("%Y%m%dT%H0000Z").to_string();
    event(&format!("e{n}"), &format!("DTSTART:{}\nDTEND:{}", text(at), text(until)))
}

async fn busy(hub: &HubProcess, calendar: &str) -> (usize, Value) {
    let now = jiff::Timestamp::now();
    let end = now + jiff::SignedDuration::from_hours(24 * 60);
    let ask = json!({"start": now.to_string(), "end": end.to_string(), "calendars": [calendar]});
    let (status, answer) = hub.post("/v1/freebusy", &ask).await;
    assert_eq!(status, 200, "{answer}");
    let found = answer["calendars"][calendar].clone();
    (found["busy"].as_array().unwrap().len(), found)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_full_disk_is_named_loses_nothing_and_is_got_over() {
    let Some(disk) = SmallDisk::mount() else { return };
    let file = disk.path().join("calhub.db");
    let url = format!("sqlite:{}", file.display());
    let log = tempfile::NamedTempFile::new().unwrap();
    let errors = log.reopen().unwrap();
    let hub = HubProcess::start_as(Some(&url), |command| {
        command.stderr(errors);
    })
    .await;
    let world = World::new(jiff::Timestamp::now());
    let account = world.add_account(AccountSpec::new("anna", "right"));
    let work = account.add_calendar(CalendarSpec::new("work"));
    for n in 0..3 {
        work.put(&format!("{n}.ics"), hour(n));
    }
    let listener = tokio::net::TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let base = format!("http://{}{}", listener.local_addr().unwrap(), account.path());
    tokio::spawn(simulators::serve(world.clone(), listener));
    let login = json!({"provider": "caldav", "url": base, "username": "anna", "password": "right"});
    let (_, made) = hub.post("/v1/connections", &login).await;
    let calendars = hub.synced(made["id"].as_str().unwrap()).await;
    let calendar = calendars[0]["id"].as_str().unwrap().to_owned();
    until("the first three", || async { (busy(&hub, &calendar).await.0 == 3).then_some(()) }).await;

    disk.fill();
    for n in 3..400 {
        work.put(&format!("{n}.ics"), hour(n));
    }
    let all = json!({"all": true});
    until("the hub to say that the disk is full", || async {
        hub.post("/v1/ops/sync", &all).await;
        fs::read_to_string(log.path()).ok()?.contains("disk is full").then_some(())
    })
    .await;
    let (known, answer) = busy(&hub, &calendar).await;
    assert!(known >= 3, "what was known is kept: {answer}");
    let said = calhub(hub.dir.path())
        .args(["doctor", "--offline", "--json", "--database-url", &url])
        .output()
        .unwrap();
    let said: Value = serde_json::from_slice(&said.stdout).unwrap();
    let is_named = said["checks"].as_array().unwrap().iter().any(|check| {
        check["class"] == "disk_low"
            && check["says"].as_str().unwrap().contains(disk.path().to_str().unwrap())
    });
    assert!(is_named, "{said}");

    disk.make_room();
    until("all four hundred", || async {
        hub.post("/v1/ops/sync", &all).await;
        (busy(&hub, &calendar).await.0 == 400).then_some(())
    })
    .await;
    let mut conn = SqliteConnection::connect(&url).await.unwrap();
    let whole: String =
        sqlx::query_scalar("PRAGMA integrity_check").fetch_one(&mut conn).await.unwrap();
    assert_eq!(whole, "ok");
    conn.close().await.unwrap();
    drop(hub);
}
