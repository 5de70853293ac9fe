//! The environment, read once and passed on as a value.

use std::{collections::BTreeMap, path::PathBuf};

/// The variables that concern the hub, as they were when the program started.
#[derive(Clone, Debug, Default)]
pub struct Environment(BTreeMap<String, String>);

impl Environment {
    /// Reads the environment of this process.
    pub fn of_process() -> Self {
        let ours = |name: &str| {
            name.starts_with("CALHUB_")
                || name == "HOME"
                || name == "XDG_DATA_HOME"
                || name == "NO_COLOR"
        };
        let readable = std::env::vars_os().filter_map(|(name, value)| {
            Some((name.into_string().ok()?, value.into_string().ok()?))
        });
        Self(readable.filter(|(name, _)| ours(name)).collect())
    }

    /// Makes one up, for tests.
    pub fn of(variables: &[(&str, &str)]) -> Self {
        Self(variables.iter().map(|&(name, value)| (name.to_owned(), value.to_owned())).collect())
    }

    /// A variable, or `None` when it is missing or empty.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str).filter(|value| !value.is_empty())
    }

    /// Where a person's programs keep their things.
    pub fn default_data_dir(&self) -> PathBuf {
        let base = self
            .get("XDG_DATA_HOME")
            .map(PathBuf::from)
            .or_else(|| self.get("HOME").map(|home| PathBuf::from(home).join(".local/share")));
        base.map_or_else(|| PathBuf::from("calhub-data"), |base| base.join("calhub"))
    }
}
