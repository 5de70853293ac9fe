//! Who may name what: the walls of the house, read from the sources as text.

use std::{
    fs,
    path::{Path, PathBuf},
};

/// A word in the code, and the only places that may have it.
const WALLS: [(&[&str], &[&str]); 8] = [
    (&["sqlx"], &["src/store/"]),
    (&["axum"], &["src/http/"]),
    (&["apalis", "apalis_core"], &["src/queue/"]),
    (&["reqwest"], &["connectors/src/transport/", "src/cli/client.rs", "src/cli/demo/visitor.rs"]),
    (&["std::env", "env::var", "env::vars", "env::var_os"], &["src/config/"]),
    (
        &["Timestamp::now", "Zoned::now", "SystemTime::now", "Utc::now", "Local::now"],
        &["src/clock.rs"],
    ),
    (&["OsRng", "thread_rng", "from_os_rng", "new_v4", "now_v7"], &["src/clock.rs"]),
    (
        &["connectors"],
        &["src/link/", "src/push/", "src/sync/", "src/serve", "src/hub.rs", "src/cli/expand.rs"],
    ),
];

/// The modules of the hub from the ground up; each may use its own storey and those below.
const STOREYS: [&[&str]; 8] = [
    &["clock", "drill", "model"],
    &["config", "store"],
    &["changes", "secrets", "telemetry"],
    &["audit"],
    &["booking", "index", "link", "push", "sync", "hub"],
    &["http", "queue"],
    &["serve"],
    &["cli"],
];

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

/// Every Rust source under `directory`, by its path from the root, without comments.
fn sources(directory: &str) -> Vec<(String, String)> {
    fn walk(directory: &Path, found: &mut Vec<PathBuf>) {
        for entry in fs::read_dir(directory).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                walk(&path, found);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                found.push(path);
            }
        }
    }
    let mut found = Vec::new();
    walk(&root().join(directory), &mut found);
    found
        .into_iter()
        .map(|path| {
            let text = fs::read_to_string(&path).unwrap();
            let name = path.strip_prefix(root()).unwrap().to_str().unwrap().to_owned();
            (name, without_comments(&text))
        })
        .collect()
}

fn without_comments(text: &str) -> String {
    let lines = text.lines().map(|line| {
        let is_comment = line.trim_start().starts_with("//");
        if is_comment { "" } else { line.split(" // ").next().unwrap_or(line) }
    });
    lines.collect::<Vec<_>>().join("\n")
}

/// Whether `word` stands in `code` as a path, and not as a part of a longer name or in a text.
fn names(code: &str, word: &str) -> bool {
    let is_part = |c: char| c.is_alphanumeric() || c == '_';
    code.match_indices(word).any(|(at, _)| {
        let before = code[..at].chars().next_back();
        let after = &code[at + word.len()..];
        let begins = before.is_none_or(|c| !is_part(c) && c != '"' && c != '/' && c != '-');
        let ends = after.chars().next().is_none_or(|c| !is_part(c));
        let is_path = word.contains("::") || after.starts_with("::") || after.starts_with(';');
        begins && ends && (is_path || word.chars().any(char::is_uppercase) || word.contains('_'))
    })
}

fn storey(module: &str) -> Option<usize> {
    STOREYS.iter().position(|modules| modules.contains(&module))
}

/// The modules of the hub that `code` names by their full path.
fn used_modules(code: &str) -> Vec<&str> {
    let is_part = |c: char| c.is_alphanumeric() || c == '_';
    let mut used = Vec::new();
    for (at, mark) in code.match_indices("crate::") {
        let rest = &code[at + mark.len()..];
        if let Some(group) = rest.strip_prefix('{') {
            let mut depth = 1;
            let mut is_start = true;
            for (at, c) in group.char_indices() {
                match c {
                    '{' => depth += 1,
                    '}' => depth -= 1,
                    ',' => is_start = true,
                    _ if depth == 1 && is_start && is_part(c) => {
                        used.push(group[at..].split(|c| !is_part(c)).next().unwrap());
                        is_start = false;
                    }
                    _ => {}
                }
                if depth == 0 {
                    break;
                }
            }
        } else {
            used.push(rest.split(|c| !is_part(c)).next().unwrap());
        }
    }
    used
}

#[test]
fn each_wall_has_one_room() {
    let mut faults = Vec::new();
    for (path, code) in sources("src").into_iter().chain(sources("connectors/src")) {
        for (words, rooms) in WALLS {
            if rooms.iter().any(|room| path.starts_with(room)) {
                continue;
            }
            let is_own = words == ["connectors"] && path.starts_with("connectors/");
            for word in words.iter().filter(|word| !is_own && names(&code, word)) {
                faults.push(format!("{path} names {word}, which belongs to {rooms:?}"));
            }
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

#[test]
fn no_module_reaches_up() {
    let mut faults = Vec::new();
    for (path, code) in sources("src") {
        let name = path.trim_start_matches("src/").trim_end_matches(".rs");
        let module = name.split('/').next().unwrap();
        if ["lib", "main"].contains(&module) {
            continue;
        }
        let Some(own) = storey(module) else {
            faults.push(format!("{path}: module {module} has no storey here"));
            continue;
        };
        for used in used_modules(&code) {
            if storey(used).is_some_and(|above| above > own) {
                faults.push(format!("{path} ({module}) uses {used} above it"));
            }
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

#[test]
fn the_simulators_are_an_independent_witness() {
    let manifest = fs::read_to_string(root().join("simulators/Cargo.toml")).unwrap();
    assert!(!manifest.contains("connectors") && !manifest.contains("calhub"), "{manifest}");
    let manifest = fs::read_to_string(root().join("connectors/Cargo.toml")).unwrap();
    let own = manifest.split("[dev-dependencies]").next().unwrap();
    assert!(!own.contains("calhub") && !own.contains("simulators"), "{own}");
}

#[test]
fn every_file_says_what_it_is_for() {
    let places = ["src", "connectors/src", "simulators/src", "tests"];
    for (path, _) in places.into_iter().flat_map(sources) {
        let text = fs::read_to_string(root().join(&path)).unwrap();
        // A `tests.rs` belongs to the file beside it.
        assert!(
            path.ends_with("/tests.rs") || text.starts_with("//!"),
            "{path} does not open with //!"
        );
    }
}

#[test]
fn the_walls_are_seen() {
    assert!(names("use sqlx::Row;", "sqlx"));
    assert!(names("let x = Timestamp::now();", "Timestamp::now"));
    assert!(!names("let apalis_like = 1; \"sqlx::query\"", "apalis"));
    assert!(!names("my_sqlx::Row", "sqlx"));
    assert!(!names(&without_comments("// sqlx::query is not used\nlet a = 1;"), "sqlx"));
    let code =
        "use crate::{\n    model::{ids::TenantId, busy},\n    store::Store,\n};\ncrate::http::go()";
    assert_eq!(used_modules(code), ["model", "store", "http"]);
}
