//! What every command that asks a hub has: the hub, and the way to answer the person or the script.

use std::io::{IsTerminal as _, Write as _};

use clap::Args;
use secrecy::{ExposeSecret as _, SecretString};
use serde_json::{Value, json};
use url::Url;

use super::{
    client::{Answer, Client},
    ending::{Ending, Form},
    settings::Home,
};
use crate::config::Environment;

/// Flags that may stand before the command, and what the environment says.
#[derive(Clone, Debug, Default, Args)]
#[command(next_help_heading = "Hub")]
pub(crate) struct Before {
    /// The hub's address [default: the hub of this machine, over the socket in its data directory]
    #[arg(long = "url", id = "before_url", env = "CALHUB_URL", value_name = "URL")]
    url: Option<String>,

    /// An API key; the local socket needs none
    #[arg(long = "key", id = "before_key", env = "CALHUB_KEY", hide_env_values = true, value_name = "KEY", value_parser = secret)]
    key: Option<SecretString>,
}

impl Before {
    /// The address stated after the command, else before it, else in the environment.
    pub(crate) fn url_or<'a>(&'a self, after: Option<&'a str>) -> Option<&'a str> {
        after.or(self.url.as_deref()).filter(|url| !url.is_empty())
    }

    /// The same for the key.
    pub(crate) fn key_or(&self, after: Option<&SecretString>) -> Option<SecretString> {
        after.or(self.key.as_ref()).filter(|key| !key.expose_secret().is_empty()).cloned()
    }
}

/// How to reach the hub, and in which form it answers.
#[derive(Clone, Debug, Default, Args)]
pub(crate) struct Reach {
    #[arg(skip)]
    url: Option<String>,

    /// An API key (CALHUB_KEY); the local socket needs none
    #[arg(long, global = true, value_name = "KEY", help_heading = "Hub", value_parser = secret)]
    key: Option<SecretString>,

    /// The tenant to act for, with an instance key or over the socket
    #[arg(long, global = true, value_name = "ID", help_heading = "Hub")]
    tenant: Option<String>,

    /// Print the hub's answers as JSON, for scripts
    #[arg(long, global = true, help_heading = "Hub")]
    json: bool,

    #[command(flatten)]
    home: Home,
}

/// Which hub.
#[derive(Clone, Debug, Default, Args)]
pub(crate) struct Target {
    /// The hub's address (CALHUB_URL) [default: the hub of this machine, over its socket]
    #[arg(long, alias = "hub", global = true, value_name = "URL", help_heading = "Hub")]
    url: Option<String>,

    #[command(flatten)]
    reach: Reach,
}

impl Target {
    pub(crate) fn reach(&self) -> Reach {
        self.reach.with_url(self.url.as_ref())
    }

    /// The tenant to act for.
    pub(crate) fn tenant(&self) -> Option<&str> {
        self.reach.tenant.as_deref()
    }
}

pub(crate) fn secret(text: &str) -> Result<SecretString, std::convert::Infallible> {
    Ok(SecretString::from(text))
}

/// A command that asks a hub.
pub(crate) trait Ask {
    fn reach(&self) -> Reach;

    fn ask(&self, session: &Session) -> impl Future<Output = anyhow::Result<()>>;
}

impl Reach {
    #[must_use]
    pub(crate) fn with_url(&self, url: Option<&String>) -> Self {
        Self { url: url.cloned(), ..self.clone() }
    }

    pub(crate) fn form(&self) -> Form {
        if self.json { Form::Json } else { Form::Human }
    }

    /// Finds the hub. Nothing is asked yet.
    pub(crate) fn open(
        &self,
        before: &Before,
        environment: &Environment,
    ) -> anyhow::Result<Session> {
        let url = before.url_or(self.url.as_deref());
        let key = before.key_or(self.key.as_ref());
        let client = match url {
            Some(_) if key.is_none() => {
                return Err(Ending::WrongUse("--url needs --key (or CALHUB_KEY)".to_owned()).into());
            }
            Some(url) => Client::at_url(base_url(url)?, key)?,
            None => Client::at_socket(self.home.load(environment)?.socket_path(), key)?,
        };
        Ok(Session { client: client.acting_for(self.tenant.clone()), form: self.form() })
    }
}

pub(crate) fn base_url(text: &str) -> Result<Url, Ending> {
    let wrong =
        || Ending::WrongUse("--url is not an address such as http://127.0.0.1:8420".to_owned());
    let url = Url::parse(text).map_err(|_| wrong())?;
    if matches!(url.scheme(), "http" | "https") && url.has_host() { Ok(url) } else { Err(wrong()) }
}

/// A hub and a form of answering.
#[derive(Clone, Debug)]
pub(crate) struct Session {
    pub(crate) client: Client,
    pub(crate) form: Form,
}

impl Session {
    /// Prints the answer itself for scripts, its rendering for people.
    pub(crate) fn print(
        &self,
        answer: &Answer,
        human: impl FnOnce(&Value) -> String,
    ) -> anyhow::Result<()> {
        match self.form {
            Form::Json => say(answer.raw.trim_end()),
            Form::Human => say(&human(&answer.body)),
        }
    }

    /// Prints what was put together from several answers.
    pub(crate) fn print_value(
        &self,
        value: &Value,
        human: impl FnOnce(&Value) -> String,
    ) -> anyhow::Result<()> {
        match self.form {
            Form::Json => say(&value.to_string()),
            Form::Human => say(&human(value)),
        }
    }

    /// Prints a list that was read page by page.
    pub(crate) fn print_list(
        &self,
        items: &[Value],
        human: impl FnOnce(&[Value]) -> String,
    ) -> anyhow::Result<()> {
        match self.form {
            Form::Json => say(&json!({"items": items, "next": null}).to_string()),
            Form::Human => say(&human(items)),
        }
    }

    /// A line that only people want.
    pub(crate) fn remark(&self, text: &str) -> anyhow::Result<()> {
        match self.form {
            Form::Json => Ok(()),
            Form::Human => say(text),
        }
    }
}

/// Writes a line to standard output.
pub(crate) fn say(text: &str) -> anyhow::Result<()> {
    let mut out = std::io::stdout().lock();
    writeln!(out, "{text}")?;
    out.flush()?;
    Ok(())
}

/// One line that is rewritten while something long goes on; nothing unless a person watches.
#[derive(Debug)]
pub(crate) struct Progress {
    is_watched: bool,
    shown: String,
}

impl Progress {
    pub(crate) fn start(form: Form) -> Self {
        Self {
            is_watched: form == Form::Human && std::io::stderr().is_terminal(),
            shown: String::new(),
        }
    }

    pub(crate) fn show(&mut self, text: &str) {
        if self.is_watched && text != self.shown {
            text.clone_into(&mut self.shown);
            let _ = write!(std::io::stderr().lock(), "\r\u{1b}[K{text}");
        }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        if !self.shown.is_empty() {
            let _ = write!(std::io::stderr().lock(), "\r\u{1b}[K");
        }
    }
}
