//! What a second hub is refused for, in words that tell what to do.

use std::{fs, process::Stdio};

use super::cell::Cell;
use crate::support::hub::{HubProcess, calhub, free_port};

/// Runs `calhub serve` that is to fail; answers what it says.
fn refused(dir: &std::path::Path, args: &[&str]) -> String {
    let ended = calhub(dir)
        .args(["serve", "--listen", &format!("127.0.0.1:{}", free_port())])
        .args(args)
        .stdin(Stdio::null())
        .output()
        .unwrap();
    assert!(!ended.status.success());
    String::from_utf8_lossy(&ended.stderr).into_owned()
}

#[tokio::test]
async fn sqlite_refuses_a_second_hub_and_says_what_serves_many() {
    let hub = HubProcess::start().await;
    let dir = hub.dir.path().to_owned();
    let said = tokio::task::spawn_blocking(move || refused(&dir, &[])).await.unwrap();
    assert!(said.contains("another calhub is using"), "{said}");
    assert!(said.contains("SQLite serves one hub process, PostgreSQL serves many"), "{said}");
    assert_eq!(hub.get("/v1/connections").await.0, 200, "the first goes on");
}

#[tokio::test]
async fn a_hub_with_another_key_file_is_refused() {
    let Some(cell) = Cell::open().await else { return };
    let hub = cell.serve().await;
    let dir = tempfile::tempdir().unwrap();
    let kek = dir.path().join("other-kek");
    fs::write(&kek, [7_u8; 32]).unwrap();
    let url = cell.url.clone();
    let said = tokio::task::spawn_blocking(move || {
        refused(dir.path(), &["--database-url", &url, "--kek-file", &kek.display().to_string()])
    })
    .await
    .unwrap();
    eprintln!("{said}");
    assert!(said.contains("key"), "{said}");
    assert_eq!(hub.get("/v1/connections").await.0, 200, "the first goes on");
    drop(hub);
    cell.close().await;
}
