//! The Python environment of scripts/test-venv, for clients that providers publish.

#![allow(clippy::disallowed_methods, clippy::print_stderr)]

use std::{path::PathBuf, process::Stdio};

use tokio::process::Command;

/// The Python of scripts/test-venv, or `None` where it is missing. With `CI=true` a missing one is a failure.
pub fn python() -> Option<PathBuf> {
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

pub fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("..")
}

pub async fn ran(mut command: Command) -> String {
    let output = command.stdin(Stdio::null()).kill_on_drop(true).output().await.unwrap();
    let (said, wrong) =
        (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{said}{wrong}");
    said.into_owned()
}
