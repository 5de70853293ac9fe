//! Laying the four sources over one another.

use std::{fs, path::PathBuf};

use secrecy::SecretString;
use toml::{Table, Value};

use super::{Config, Environment};

/// The compiled-in defaults, which are also the reference of all settings.
pub const DEFAULTS: &str = include_str!("../../config.default.toml");

/// Why the configuration cannot be used. Texts name the setting and never its value.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    #[error("cannot read {}", path.display())]
    File { path: PathBuf, source: std::io::Error },
    #[error("{} is not valid TOML: {reason}", path.display())]
    Syntax { path: PathBuf, reason: String },
    #[error("{name} is not a {expected}")]
    Variable { name: String, expected: &'static str },
    #[error("the configuration is not valid: {0}")]
    Invalid(String),
    #[error("both {setting} and {setting}_file are set; keep one")]
    Twice { setting: &'static str },
}

/// What the command line states; each is a path in the settings (`listen`, `google.client_id`) and its text.
#[derive(Clone, Debug, Default)]
pub struct Overrides {
    pub file: Option<PathBuf>,
    pub settings: Vec<(&'static str, String)>,
}

/// Reads what is in force.
///
/// # Errors
///
/// [`ConfigError`] when a source cannot be read, names a setting that does not exist, or a value is not
/// of its setting's form.
pub fn load(environment: &Environment, flags: &Overrides) -> Result<Config, ConfigError> {
    let mut config: Config = lay_all(environment, flags)?
        .try_into()
        .map_err(|e: toml::de::Error| ConfigError::Invalid(e.message().to_owned()))?;
    read_twins(&mut config)?;
    Ok(config)
}

/// The settings in force as a person may see them: a secret shows as `***`.
///
/// # Errors
///
/// As [`load`].
pub fn in_force(environment: &Environment, flags: &Overrides) -> Result<Table, ConfigError> {
    load(environment, flags)?;
    let mut table = lay_all(environment, flags)?;
    hide(&mut table);
    Ok(table)
}

fn hide(table: &mut Table) {
    let is_secret =
        |key: &str| key == "database_url" || key.ends_with("_secret") || key.ends_with("_key");
    for (key, value) in table.iter_mut() {
        match value {
            Value::Table(section) => hide(section),
            Value::String(text) if !text.is_empty() && is_secret(key) => "***".clone_into(text),
            _ => {}
        }
    }
}

fn lay_all(environment: &Environment, flags: &Overrides) -> Result<Table, ConfigError> {
    let mut table: Table = DEFAULTS.parse().expect("config.default.toml is tested to parse");
    let named = flags.file.clone().or_else(|| environment.get("CALHUB_CONFIG").map(PathBuf::from));
    match named {
        Some(path) => lay_file(&mut table, path)?,
        None => {
            let mut early = table.clone();
            lay_environment(&mut early, environment)?;
            lay_flags(&mut early, flags)?;
            let path = data_dir(&early, environment).join("config.toml");
            if path.exists() {
                lay_file(&mut table, path)?;
            }
        }
    }
    lay_environment(&mut table, environment)?;
    lay_flags(&mut table, flags)?;
    let dir = data_dir(&table, environment);
    table.insert("data_dir".to_owned(), Value::String(dir.to_string_lossy().into_owned()));
    Ok(table)
}

fn data_dir(table: &Table, environment: &Environment) -> PathBuf {
    match table.get("data_dir").and_then(Value::as_str) {
        Some(text) if !text.is_empty() => PathBuf::from(text),
        _ => environment.default_data_dir(),
    }
}

fn lay_file(table: &mut Table, path: PathBuf) -> Result<(), ConfigError> {
    let text = match fs::read_to_string(&path) {
        Ok(text) => text,
        Err(source) => return Err(ConfigError::File { path, source }),
    };
    let over: Table = match text.parse() {
        Ok(over) => over,
        Err(error) => {
            let error: toml::de::Error = error;
            return Err(ConfigError::Syntax { path, reason: error.message().to_owned() });
        }
    };
    lay(table, over);
    Ok(())
}

/// Sections are laid key by key, everything else is replaced. A name that does not exist is kept, and
/// refused when the whole becomes a [`Config`].
fn lay(under: &mut Table, over: Table) {
    for (key, value) in over {
        match (under.get_mut(&key), value) {
            (Some(Value::Table(section)), Value::Table(stated)) => lay(section, stated),
            (_, value) => {
                under.insert(key, value);
            }
        }
    }
}

fn lay_environment(table: &mut Table, environment: &Environment) -> Result<(), ConfigError> {
    for (key, value) in table.iter_mut() {
        match value {
            Value::Table(section) => {
                for (inner, value) in section.iter_mut() {
                    lay_variable(value, &format!("CALHUB_{key}_{inner}"), environment)?;
                }
            }
            value => lay_variable(value, &format!("CALHUB_{key}"), environment)?,
        }
    }
    Ok(())
}

fn lay_variable(
    value: &mut Value,
    name: &str,
    environment: &Environment,
) -> Result<(), ConfigError> {
    let name = name.to_uppercase();
    match environment.get(&name) {
        Some(text) => set(value, text, &name),
        None => Ok(()),
    }
}

fn lay_flags(table: &mut Table, flags: &Overrides) -> Result<(), ConfigError> {
    for (path, text) in &flags.settings {
        let value = match path.split_once('.') {
            Some((section, key)) => table.get_mut(section).and_then(|section| section.get_mut(key)),
            None => table.get_mut(*path),
        };
        let value =
            value.ok_or_else(|| ConfigError::Invalid(format!("there is no setting {path}")))?;
        set(value, text, path)?;
    }
    Ok(())
}

/// Reads a text as whatever the setting's default is.
fn set(value: &mut Value, text: &str, name: &str) -> Result<(), ConfigError> {
    let wrong = |expected| ConfigError::Variable { name: name.to_owned(), expected };
    *value = match value {
        Value::Integer(_) => Value::Integer(text.parse().map_err(|_| wrong("whole number"))?),
        Value::Boolean(_) => Value::Boolean(text.parse().map_err(|_| wrong("true or false"))?),
        Value::Array(_) => Value::Array(
            text.split(',')
                .map(str::trim)
                .filter(|part| !part.is_empty())
                .map(|part| Value::String(part.to_owned()))
                .collect(),
        ),
        _ => Value::String(text.to_owned()),
    };
    Ok(())
}

fn read_twins(config: &mut Config) -> Result<(), ConfigError> {
    let twin = |setting, secret: &mut Option<SecretString>, file: &Option<PathBuf>| {
        let Some(path) = file else { return Ok(()) };
        if secret.is_some() {
            return Err(ConfigError::Twice { setting });
        }
        let text = fs::read_to_string(path)
            .map_err(|source| ConfigError::File { path: path.clone(), source })?;
        *secret = Some(SecretString::from(text.trim_end().to_owned()));
        Ok(())
    };
    twin("database_url", &mut config.database_url, &config.database_url_file)?;
    twin("bootstrap_key", &mut config.bootstrap_key, &config.bootstrap_key_file)?;
    twin(
        "google.client_secret",
        &mut config.google.client_secret,
        &config.google.client_secret_file,
    )?;
    twin(
        "microsoft.client_secret",
        &mut config.microsoft.client_secret,
        &config.microsoft.client_secret_file,
    )
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use secrecy::ExposeSecret;

    use super::*;

    fn with(
        variables: &[(&str, &str)],
        settings: &[(&'static str, &str)],
    ) -> Result<Config, ConfigError> {
        let settings = settings.iter().map(|&(path, text)| (path, text.to_owned())).collect();
        load(&Environment::of(variables), &Overrides { file: None, settings })
    }

    #[test]
    fn an_empty_machine_has_a_whole_configuration() {
        let config = with(&[("HOME", "/home/a")], &[]).unwrap();
        assert_eq!(config.data_dir, PathBuf::from("/home/a/.local/share/calhub"));
        assert_eq!(config.base_url(), "http://127.0.0.1:8420");
        assert_eq!(config.keep.idempotency.as_secs(), 72 * 3600);
        assert!(config.database_url.is_none());
    }

    #[test]
    fn a_flag_wins_over_the_environment_and_the_environment_over_a_file() {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        write!(file, "listen = \"127.0.0.1:1\"\n[log]\nfilter = \"warn\"\n").unwrap();
        let path = file.path().to_str().unwrap();
        let vars = [
            ("CALHUB_CONFIG", path),
            ("CALHUB_LISTEN", "127.0.0.1:2"),
            ("CALHUB_ALLOW_NET", "10.0.0.0/8, ::1/128"),
        ];
        let config = with(&vars, &[]).unwrap();
        assert_eq!((config.listen.port(), config.log.filter.as_str()), (2, "warn"));
        assert_eq!(config.allow_net.len(), 2);
        assert_eq!(with(&vars, &[("listen", "127.0.0.1:3")]).unwrap().listen.port(), 3);
    }

    #[test]
    fn a_setting_that_does_not_exist_is_refused_by_name() {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        write!(file, "[http]\nrequests_per_hour = 1\n").unwrap();
        let error = with(&[("CALHUB_CONFIG", file.path().to_str().unwrap())], &[]).unwrap_err();
        assert!(error.to_string().contains("requests_per_hour"), "{error}");
    }

    #[test]
    fn a_secret_is_read_from_its_file_and_never_shown() {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        writeln!(file, "postgres://u:hunter2@h/d").unwrap();
        let path = file.path().to_str().unwrap();
        let config = with(&[("CALHUB_DATABASE_URL_FILE", path)], &[]).unwrap();
        assert_eq!(
            config.database_url.as_ref().unwrap().expose_secret(),
            "postgres://u:hunter2@h/d"
        );
        assert!(!format!("{config:?}").contains("hunter2"));
        let both = with(&[("CALHUB_DATABASE_URL_FILE", path), ("CALHUB_DATABASE_URL", "x")], &[]);
        assert!(matches!(both, Err(ConfigError::Twice { .. })));
    }

    #[test]
    fn what_is_shown_of_the_settings_holds_no_secret() {
        let variables = [
            ("CALHUB_DATABASE_URL", "postgres://u:hunter2@h/d"),
            ("CALHUB_GOOGLE_CLIENT_SECRET", "hunter2"),
        ];
        let table = in_force(&Environment::of(&variables), &Overrides::default()).unwrap();
        assert!(!table.to_string().contains("hunter2"));
        assert_eq!(table.get("database_url").unwrap().as_str(), Some("***"));
    }

    #[test]
    fn a_value_of_the_wrong_form_names_its_setting() {
        let error = with(&[("CALHUB_HTTP_BURST", "many")], &[]).unwrap_err();
        assert_eq!(error.to_string(), "CALHUB_HTTP_BURST is not a whole number");
        assert!(with(&[("CALHUB_SYNC_WINDOW_BACK", "soon")], &[]).is_err());
    }
}
