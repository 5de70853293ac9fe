//! The machine, its files, and who else is on it.

use std::{
    fs,
    os::unix::fs::PermissionsExt,
    path::Path,
    process::{Command, Stdio},
};

use serde_json::{Value, json};
use simulators::World;
use sqlx::{Connection, Executor, SqliteConnection};

use super::{FILES, MACHINE, doctor, expect, findings, healthy, migrated};
use crate::support::hub::{HubProcess, calhub};

fn mode(path: &Path, mode: u32) {
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
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
