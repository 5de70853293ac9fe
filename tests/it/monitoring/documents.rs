//! Documentation that cannot drift: the table of metrics, the commands of the guides.

use std::{fs, path::PathBuf};

use calhub::cli::Cli;
use clap::Parser;
use simulators::{AccountSpec, Act, CalendarSpec, Fault};

use super::room::Room;
use crate::support::engines::on_sqlite;

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

const HEAD: &str = "# Metrics\n\nWhat `GET /metrics` serves. `CALHUB_WRITE_DOCS=1 cargo test --test it monitoring::documents` writes this file.\n\n";

#[tokio::test]
async fn every_metric_is_documented_and_every_documented_one_is_served() {
    on_sqlite(async |bed| {
        let room = Room::new(&bed.store).await;
        let page = format!("{HEAD}{}\n", room.table());
        let path = root().join("docs/monitoring/metrics.md");
        if std::env::var_os("CALHUB_WRITE_DOCS").is_some() {
            fs::write(&path, &page).unwrap();
        }
        assert_eq!(fs::read_to_string(&path).unwrap(), page, "write it anew as its head says");

        // One of everything: a good connection, a refused one, requests of all kinds.
        for (user, is_well) in [("anna", true), ("berta", false)] {
            let account = room.world.add_account(AccountSpec::new(user, "right"));
            account.add_calendar(CalendarSpec::new("work"));
            room.link(&account).await;
            if !is_well {
                room.world.fault(Fault::new(Act::DropBefore).account(user));
            }
        }
        room.live(130).await;
        room.page("/healthz").await;
        let served = room.read().await.names();
        let documented = page.lines().filter_map(|line| line.strip_prefix("| `"));
        let documented =
            documented.map(|line| line.split('`').next().unwrap().to_owned()).collect();
        assert_eq!(served, documented);
    })
    .await;
}

/// Every line in a fenced block that begins with `calhub`, and every such command in running text.
fn commands(text: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut fenced = false;
    let mut continued: Option<String> = None;
    for line in text.lines() {
        if line.trim_start().starts_with("```") {
            fenced = !fenced;
            continue;
        }
        if fenced {
            let line = line.trim_start().trim_start_matches("$ ");
            let whole = match continued.take() {
                Some(before) => format!("{before} {line}"),
                None => line.to_owned(),
            };
            match whole.strip_suffix('\\') {
                Some(part) => continued = Some(part.to_owned()),
                None => found.push(whole),
            }
        } else {
            found.extend(line.split('`').skip(1).step_by(2).map(str::to_owned));
        }
    }
    found.retain(|line| line.starts_with("calhub "));
    found
}

/// Splits as a shell does, as far as the guides go: quotes, a comment, a pipe or a redirection end it.
fn words(line: &str) -> Vec<String> {
    let mut words = Vec::new();
    let mut word = String::new();
    let mut quote = None;
    for c in line.chars() {
        match (quote, c) {
            (Some(open), _) if c == open => quote = None,
            (Some(_), _) => word.push(c),
            (None, '\'' | '"') => quote = Some(c),
            (None, '#') if word.is_empty() => break,
            (None, '|' | '>' | '<' | '&') => break,
            (None, _) if c.is_whitespace() => {
                if !word.is_empty() {
                    words.push(std::mem::take(&mut word));
                }
            }
            (None, _) => word.push(c),
        }
    }
    if !word.is_empty() {
        words.push(word);
    }
    words
}

#[test]
fn every_command_in_the_documents_is_one() {
    let mut pages = vec![root().join("README.md"), root().join("CONTRIBUTING.md")];
    let mut folders = vec![root().join("docs")];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|end| end == "md") {
                pages.push(path);
            }
        }
    }
    let mut faults = Vec::new();
    let mut checked = 0;
    for page in pages {
        for line in commands(&fs::read_to_string(&page).unwrap()) {
            checked += 1;
            let asked = words(&line);
            // `calhub sync` in running text names the command, not one run of it.
            let is_name = asked.iter().all(|word| word.bytes().all(|b| b.is_ascii_lowercase()));
            if is_name {
                let asked: Vec<&str> = asked.iter().map(String::as_str).chain(["--help"]).collect();
                let said = Cli::try_parse_from(&asked).err().map(|said| said.kind());
                if said != Some(clap::error::ErrorKind::DisplayHelp) {
                    faults.push(format!("{}: {line}", page.display()));
                }
                continue;
            }
            match Cli::try_parse_from(&asked) {
                Err(said) if said.use_stderr() => {
                    faults.push(format!("{}: {line}\n    {said}", page.display()));
                }
                _ => {}
            }
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
    assert!(checked >= 40, "only {checked} commands were found");
}

#[test]
fn a_wrong_command_would_be_found() {
    let page = "Run `calhub quarantine approve cal_...`.\n\n```sh\ncalhub sync cal_1 --fulll   # all\n```\n";
    let found = commands(page);
    assert_eq!(found.len(), 2);
    for line in found {
        assert!(Cli::try_parse_from(words(&line)).is_err(), "{line}");
    }
}
