//! What a check found, and how it is told.

use serde::Serialize;

use super::classes::Class;
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
    /// The class of failure, for scripts.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) class: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) why: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) fix: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) guide: Option<String>,
}

impl Check {
    pub(crate) fn ok(name: &str, says: impl Into<String>) -> Self {
        let (name, says) = (show::clean(name), show::clean(&says.into()));
        Self { name, state: State::Ok, says, class: None, why: None, fix: None, guide: None }
    }

    pub(crate) fn note(
        class: Class,
        name: &str,
        says: impl Into<String>,
        fix: impl Into<String>,
    ) -> Self {
        Self::found(State::Note, class, name, &says.into(), &fix.into())
    }

    pub(crate) fn action(
        class: Class,
        name: &str,
        says: impl Into<String>,
        fix: impl Into<String>,
    ) -> Self {
        Self::found(State::Action, class, name, &says.into(), &fix.into())
    }

    fn found(state: State, class: Class, name: &str, says: &str, fix: &str) -> Self {
        Self {
            name: show::clean(name),
            state,
            says: show::clean(says),
            class: Some(class.word),
            why: Some(class.why),
            fix: Some(show::clean(fix)),
            guide: Some(format!("docs/operators-guide.md#{}", class.guide)),
        }
    }
}

/// All findings for a person; below each that is not well, why it matters and what to run.
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
        lines.extend(check.why.iter().map(|why| format!("        because {why}")));
        lines.extend(check.fix.iter().map(|fix| format!("        -> {fix}")));
    }
    let open = checks.iter().filter(|check| check.state == State::Action).count();
    lines.push(String::new());
    lines.push(match open {
        0 => "Nothing needs action.".to_owned(),
        1 => "1 thing needs action.".to_owned(),
        _ => format!("{open} things need action."),
    });
    if checks.iter().any(|check| check.state != State::Ok) {
        lines
            .push("docs/operators-guide.md has more on each; --json names the heading.".to_owned());
    }
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use super::{super::classes::KEY_FILE_OPEN, *};

    #[test]
    fn why_it_matters_and_what_to_do_stand_below_what_is_wrong() {
        let checks = [
            Check::ok("database", "SQLite 3.50.2"),
            Check::action(
                KEY_FILE_OPEN,
                "key file",
                "/data/kek can be read by others",
                "chmod 600 /data/kek",
            ),
        ];
        assert_eq!(
            render(&checks),
            "ok      database  SQLite 3.50.2\n\
             ACTION  key file  /data/kek can be read by others\n        \
             because with it and the database anybody can read every stored login\n        \
             -> chmod 600 /data/kek\n\n\
             1 thing needs action.\n\
             docs/operators-guide.md has more on each; --json names the heading."
        );
    }
}
