//! What a check found, and how it is told.

use serde::Serialize;

use crate::cli::show;

/// How bad it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum State {
    Ok,
    /// Worth knowing; works as it is.
    Note,
    /// Somebody must do something.
    Action,
}

/// One finding.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Check {
    pub(crate) name: String,
    pub(crate) state: State,
    pub(crate) says: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) fix: Option<String>,
}

impl Check {
    pub(crate) fn ok(name: &str, says: impl Into<String>) -> Self {
        Self::new(name, State::Ok, &says.into(), None)
    }

    pub(crate) fn note(name: &str, says: impl Into<String>, fix: impl Into<String>) -> Self {
        Self::new(name, State::Note, &says.into(), Some(fix.into()))
    }

    pub(crate) fn action(name: &str, says: impl Into<String>, fix: impl Into<String>) -> Self {
        Self::new(name, State::Action, &says.into(), Some(fix.into()))
    }

    fn new(name: &str, state: State, says: &str, fix: Option<String>) -> Self {
        Self { name: show::clean(name), state, says: show::clean(says), fix }
    }
}

/// All findings for a person, what to do below each.
pub(crate) fn render(checks: &[Check]) -> String {
    let rows: Vec<Vec<String>> = checks
        .iter()
        .map(|check| {
            let mark = match check.state {
                State::Ok => "ok",
                State::Note => "note",
                State::Action => "ACTION",
            };
            vec![mark.to_owned(), check.name.clone(), check.says.clone()]
        })
        .collect();
    let table = show::align(&rows);
    let mut lines = Vec::new();
    for (row, check) in table.lines().zip(checks) {
        lines.push(row.to_owned());
        lines.extend(check.fix.iter().map(|fix| format!("        -> {fix}")));
    }
    let open = checks.iter().filter(|check| check.state == State::Action).count();
    lines.push(String::new());
    lines.push(match open {
        0 => "Nothing needs action.".to_owned(),
        1 => "1 thing needs action.".to_owned(),
        _ => format!("{open} things need action."),
    });
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_to_do_stands_below_what_is_wrong() {
        let checks = [
            Check::ok("database", "SQLite 3.50.2"),
            Check::action("key file", "/data/kek can be read by others", "chmod 600 /data/kek"),
        ];
        assert_eq!(
            render(&checks),
            "ok      database  SQLite 3.50.2\n\
             ACTION  key file  /data/kek can be read by others\n        -> chmod 600 /data/kek\n\n\
             1 thing needs action."
        );
    }
}
