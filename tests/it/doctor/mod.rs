//! `calhub doctor` through the built program: each class of failure is provoked for real, and is named with its fix.

mod calendars;
mod databases;
mod files;
mod google;
mod surroundings;

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use serde_json::Value;

use crate::support::hub::{calhub, free_port};

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
    ("paused", "calhub resume --provider google"),
];
const SURROUNDINGS: Table = &[
    ("zone_rules_old", "tzdata"),
    ("names", "/etc/resolv.conf"),
    ("clock_wrong", "timedatectl"),
    ("database_pooler", "max_prepared_statements"),
];
const GOOGLE: Table = &[
    ("public_url_missing", "CALHUB_PUBLIC_URL"),
    ("public_url_plain", "an https address"),
    ("public_url_unreachable", "curl -i"),
    ("redirect_uri_mismatch", "Authorised redirect URIs: add exactly http://127.0.0.1:"),
    ("oauth_client_refused", "Clients"),
    ("oauth_client_untried", "accounts.google.com"),
    ("oauth_testing_mode", "Audience -> Publish app"),
    ("api_disabled", "Library -> Google Calendar API -> Enable"),
    ("missing_scope", "leaves every box ticked"),
];
/// What no test brings about, and why.
const ELSEWHERE: &[(&str, &str)] = &[(
    "network_file_system",
    "nothing can be mounted over a network here; its judgement has a unit test",
)];

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
    let tables = [FILES, MACHINE, SQLITE, POSTGRES, CALENDARS, SURROUNDINGS, GOOGLE, ELSEWHERE];
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

fn migrated(dir: &Path, name: &str) -> PathBuf {
    let data = dir.join(name);
    // The key file is made by a hub that starts.
    assert!(calhub(&data).arg("migrate").output().unwrap().status.success());
    data
}
