//! Whole files through `calhub expand`: the golden cases of `fixtures/ics/golden`.

use std::{fs, path::Path};

use calhub::cli::expand::{ExpandArgs, run};
use clap::Parser;

#[derive(Debug, clap::Parser)]
struct Line {
    #[command(flatten)]
    expand: ExpandArgs,
}

/// What one run printed: lines of busy time, `unknown` lines, and the exit code.
fn expand(arguments: &str, file: &Path) -> (Vec<String>, u8, String) {
    let words = arguments.split_whitespace();
    let line =
        Line::parse_from(["expand"].into_iter().chain(words).chain([file.to_str().unwrap()]));
    let (mut out, mut err) = (Vec::new(), Vec::new());
    let ended = run(&line.expand, &mut out, &mut err).unwrap();
    let (out, err) = (String::from_utf8(out).unwrap(), String::from_utf8(err).unwrap());
    let unknown = err.lines().filter(|line| line.starts_with("unknown "));
    let lines = out.lines().chain(unknown).map(str::to_owned).collect();
    (lines, ended.exit_code(), err)
}

/// Compares one `.expected` file with what its calendar expands to.
fn check(expected: &Path) -> Result<(), String> {
    let name = expected.file_name().unwrap().to_str().unwrap();
    let calendar = expected.with_file_name(format!("{}.ics", name.split('.').next().unwrap()));
    let text = fs::read_to_string(expected).unwrap();
    let (head, wanted) = text.split_once('\n').unwrap();
    let (arguments, code) = head.trim_start_matches("# ").split_once(" exit=").unwrap();
    let (found, ended, err) = expand(arguments, &calendar);
    let wanted: Vec<_> = wanted.lines().map(str::to_owned).collect();
    let same = found == wanted && ended.to_string() == code;
    same.then_some(()).ok_or_else(|| {
        format!(
            "{name}: exit {ended}, wanted {code}\n  found  {found:#?}\n  wanted {wanted:#?}\n{err}"
        )
    })
}

#[test]
fn every_golden_calendar_expands_as_expected() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/ics/golden");
    let mut expected: Vec<_> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "expected"))
        .collect();
    expected.sort();
    assert!(expected.len() >= 70, "{}", expected.len());
    let wrong: Vec<_> = expected.iter().filter_map(|path| check(path).err()).collect();
    assert!(wrong.is_empty(), "{} of {} differ\n{}", wrong.len(), expected.len(), wrong.join("\n"));
}

#[test]
fn wrong_use_and_unreadable_files_have_their_own_exit_codes() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/ics");
    let good = folder.join("golden/g04.ics");
    let window = "--from 2027-03-01T00:00:00Z --to 2027-04-01T00:00:00Z";
    let code = |arguments: &str, file: &Path| expand(arguments, file).1;
    assert_eq!(code(&format!("{window} --tz Nowhere/Atlantis"), &good), 2);
    assert_eq!(code("--from 2027-04-01T00:00:00Z --to 2027-03-01T00:00:00Z --tz UTC", &good), 2);
    assert_eq!(code("--from yesterday --to 2027-03-01T00:00:00Z --tz UTC", &good), 2);
    assert_eq!(code(&format!("{window} --tz UTC"), &folder.join("no-such-file.ics")), 3);
    assert_eq!(code(&format!("{window} --tz UTC"), &folder.join("README.md")), 3);
    assert_eq!(code("--from 2027-03-01 --to 2027-04-01T12:00 --tz Europe/Berlin", &good), 0);
}

#[test]
fn every_malformed_file_ends_with_an_answer() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/ics/malformed");
    let window = "--from 2027-01-01T00:00:00Z --to 2028-01-01T00:00:00Z --tz Europe/Berlin";
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let (busy, code, err) = expand(window, &path);
        assert!(matches!(code, 0 | 3), "{path:?}: {code} {err}");
        assert_eq!(code == 3, err.contains("error: ") || err.contains("unknown "), "{path:?}");
        let is_empty = path.ends_with("20-no-events.ics");
        assert_eq!(busy.is_empty(), is_empty, "{path:?}");
    }
}
