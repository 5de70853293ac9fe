//! Addresses that must never see a packet, sent to the built hub by every path on which it fetches.
//!
//! The test runs itself again inside a network namespace in which every address of the world is this machine
//! ([`net`]), so that whatever the hub sends anywhere is seen and counted. One address, allowed by `--allow-net`,
//! is the server that lures it away ([`lure`]); one more is the name server ([`dns`]).

mod dns;
mod inside;
mod lure;
mod net;

use std::{
    path::Path,
    process::{Command, Stdio},
};

/// Says to the inner test that it is inside.
const INSIDE: &str = "CALHUB_TEST_INSIDE_NAMESPACE";

/// The corpus: class and address.
pub fn corpus() -> Vec<(String, String)> {
    let text = include_str!("../../../../fixtures/hostile/urls.txt");
    let lines = text.lines().filter(|line| !line.is_empty() && !line.starts_with('#'));
    let vectors = lines.map(|line| {
        let mut parts = line.split('\t');
        (parts.next().unwrap().to_owned(), parts.next().unwrap().to_owned())
    });
    vectors.collect()
}

/// How a namespace of its own can be had here, if it can.
fn namespace() -> Option<Vec<&'static str>> {
    let ways = [vec!["-n", "-m"], vec!["-r", "-n", "-m"]];
    ways.into_iter().find(|way| {
        let tried = Command::new("unshare").args(way).args(["--", "true"]).output();
        tried.is_ok_and(|done| done.status.success())
    })
}

/// Runs one of this binary's ignored tests inside a network and mount namespace.
fn run_inside(test: &str) {
    let Some(way) = namespace() else {
        let is_ci = std::env::var("CI").is_ok_and(|ci| ci == "true");
        assert!(
            !is_ci,
            "no network namespace can be made here: run as root, or allow user namespaces"
        );
        eprintln!("no network namespace can be made here: the test is left out");
        return;
    };
    let done = Command::new("unshare")
        .args(way)
        .arg("--")
        .arg(std::env::current_exe().unwrap())
        .args(["--exact", test, "--ignored", "--nocapture"])
        .env(INSIDE, "1")
        // Thousands of small commits: what is tested is not the disk.
        .env("TMPDIR", if Path::new("/dev/shm").is_dir() { "/dev/shm" } else { "/tmp" })
        .stderr(Stdio::inherit())
        .output()
        .unwrap();
    let told = String::from_utf8_lossy(&done.stdout);

    assert!(done.status.success() && told.contains("1 passed"), "{told}");
}

#[test]
fn no_path_leads_to_an_address_that_is_not_to_be_reached() {
    let vectors = corpus();
    assert!(vectors.len() >= 200, "{}", vectors.len());
    run_inside("hostile::urls::inside::every_address_by_every_path");
}

#[test]
fn a_name_that_changes_its_address_between_look_ups_gains_nothing() {
    run_inside("hostile::urls::inside::names_that_change");
}
