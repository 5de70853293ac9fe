//! Google's own Python client against the served simulator, and the published description against our copy of it.

#![allow(clippy::disallowed_methods, clippy::print_stderr)]

use std::{path::PathBuf, process::Stdio};

use simulators::serve;
use tokio::{net::TcpListener, process::Command};

use super::{
    Api,
    api::{CALLBACK, CLIENT},
};

/// The Python of scripts/test-venv, or `None` where it is missing. With `CI=true` a missing one is a failure.
fn python() -> Option<PathBuf> {
    let venv = std::env::var_os("CALHUB_TEST_VENV").map_or_else(
        || PathBuf::from(std::env::var_os("HOME").unwrap()).join(".cache/calhub/venv"),
        PathBuf::from,
    );
    let python = venv.join("bin/python");
    if python.exists() {
        return Some(python);
    }
    assert!(std::env::var("CI").as_deref() != Ok("true"), "run scripts/test-venv");
    eprintln!("left out: no Python environment; run scripts/test-venv");
    None
}

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("..")
}

async fn ran(mut command: Command) -> String {
    let output = command.stdin(Stdio::null()).kill_on_drop(true).output().await.unwrap();
    let (said, wrong) =
        (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{said}{wrong}");
    said.into_owned()
}

#[tokio::test]
async fn the_official_python_client_finds_nothing_amiss() {
    let Some(python) = python() else { return };
    let api = Api::new().await;
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let base = format!("http://{}", listener.local_addr().unwrap());
    let serving = tokio::spawn(serve(api.world.clone(), listener));
    let mut command = Command::new(python);
    command.arg(root().join("simulators/tests/google_client.py")).args([
        &base,
        CLIENT,
        "secret",
        &api.refresh,
        CALLBACK,
    ]);
    println!("{}", ran(command).await);
    serving.abort();
    api.is_by_the_book();
}

#[tokio::test]
async fn our_facts_are_those_of_the_published_description() {
    let Some(python) = python() else { return };
    let mut command = Command::new(python);
    command.arg(root().join("fixtures/google/generate.py")).arg("--check");
    ran(command).await;
}
