//! `calhub resources`: people, rooms and machines whose time is asked for.

use std::io::Read as _;

use anyhow::Context as _;
use clap::{Args, Subcommand};
use serde_json::{Map, Value, json};

use super::{
    connect::{metadata, pair},
    connections::cleared,
    ending::Ending,
    session::{Ask, Reach, Session, Target},
    show,
};

/// List, make, update and remove people, rooms and machines
#[derive(Debug, Args)]
#[command(after_help = "\
A resource joins calendars into one answer. Ids may be res_..., or ext: and your own id.

Examples:
  calhub resources create --name 'Dr Weber' --time-zone Europe/Berlin --calendar cal_1 --calendar cal_2
  calhub resources update ext:doctor_482 --calendar cal_3
  calhub resources put ext:doctor_482 --name 'Dr Weber' --file doctor.json    # makes or replaces it
  calhub resources feed res_...                                               # a secret address for VFREEBUSY")]
pub(crate) struct Resources {
    #[command(subcommand)]
    verb: Verb,
    #[command(flatten)]
    target: Target,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// List resources
    List {
        /// Only the one with your own id
        #[arg(long, value_name = "ID")]
        external_id: Option<String>,
    },
    /// Show one resource
    Show {
        /// res_..., or ext: and your own id
        id: String,
    },
    /// Make a resource
    Create(Stated),
    /// Make or replace the resource of your own id
    Put {
        /// ext: and your own id
        id: String,
        #[command(flatten)]
        stated: Stated,
    },
    /// Change what is stated and leaves the rest
    Update {
        /// res_..., or ext: and your own id
        id: String,
        #[command(flatten)]
        stated: Stated,
    },
    /// Remove a resource; its calendars stay linked
    Remove {
        /// res_..., or ext: and your own id
        id: String,
    },
    /// Make a secret address under which its free/busy is a feed
    Feed {
        /// res_..., or ext: and your own id
        id: String,
    },
    /// List its secret addresses, without their secrets
    Feeds {
        /// res_..., or ext: and your own id
        id: String,
    },
    /// Revoke such an address
    RevokeFeed {
        /// res_..., or ext: and your own id
        id: String,
        /// The id of the feed
        feed: String,
    },
}

#[derive(Debug, Default, Args)]
struct Stated {
    /// What people call it
    #[arg(long)]
    name: Option<String>,
    /// Your own id for it
    #[arg(long, value_name = "ID")]
    external_id: Option<String>,
    /// Its time zone, such as Europe/Berlin
    #[arg(long, value_name = "ZONE")]
    time_zone: Option<String>,
    /// A calendar whose busy time is its busy time; can be repeated
    #[arg(long = "calendar", value_name = "ID")]
    calendars: Vec<String>,
    /// The calendar that bookings are written to
    #[arg(long, value_name = "ID")]
    write_to: Option<String>,
    /// A word of your own about it; can be repeated
    #[arg(long, value_name = "NAME=VALUE", value_parser = pair)]
    metadata: Vec<(String, String)>,
    /// The whole of it as JSON, `-` for standard input; flags win over it
    #[arg(long, value_name = "FILE")]
    file: Option<String>,
}

impl Ask for Resources {
    fn reach(&self) -> Reach {
        self.target.reach()
    }

    async fn ask(&self, session: &Session) -> anyhow::Result<()> {
        let client = &session.client;
        match &self.verb {
            Verb::List { external_id } => {
                let query: Vec<_> =
                    external_id.iter().map(|id| ("external_id", id.as_str())).collect();
                let items = client.list(&["v1", "resources"], &query).await?;
                session.print_list(&items, list)
            }
            Verb::Show { id } => {
                session.print(&client.get(&["v1", "resources", id], &[]).await?, card)
            }
            Verb::Create(stated) => {
                let answer = client.post(&["v1", "resources"], &stated.body()?).await?;
                session.print(&answer, |made| format!("made\n{}", card(made)))
            }
            Verb::Put { id, stated } => {
                let answer = client.put(&["v1", "resources", id], &stated.body()?).await?;
                let done = if answer.status == 201 { "made" } else { "replaced" };
                session.print(&answer, |made| format!("{done}\n{}", card(made)))
            }
            Verb::Update { id, stated } => {
                let changes = stated.body()?;
                if changes.as_object().is_some_and(Map::is_empty) {
                    return Err(
                        Ending::WrongUse("say what to change; --help lists it".to_owned()).into()
                    );
                }
                let answer = client.patch(&["v1", "resources", id], &changes).await?;
                session.print(&answer, |made| format!("updated\n{}", card(made)))
            }
            Verb::Remove { id } => {
                let answer = client.delete(&["v1", "resources", id], &[]).await?;
                session.print(&answer, |_| format!("removed {id}; its calendars stay linked"))
            }
            Verb::Feed { id } => {
                let answer = client.post(&["v1", "resources", id, "feeds"], &json!({})).await?;
                session.print(&answer, feed)
            }
            Verb::Feeds { id } => {
                let items = client.list(&["v1", "resources", id, "feeds"], &[]).await?;
                session.print_list(&items, |items| {
                    show::table(&[("feed", "id"), ("created", "created_at")], items)
                })
            }
            Verb::RevokeFeed { id, feed } => {
                let answer = client.delete(&["v1", "resources", id, "feeds", feed], &[]).await?;
                session.print(&answer, |_| format!("revoked {feed}"))
            }
        }
    }
}

impl Stated {
    fn body(&self) -> anyhow::Result<Value> {
        let mut body = match &self.file {
            Some(file) => object(file)?,
            None => Map::new(),
        };
        let texts = [
            ("name", &self.name),
            ("external_id", &self.external_id),
            ("time_zone", &self.time_zone),
            ("write_to", &self.write_to),
        ];
        body.extend(
            texts
                .into_iter()
                .filter_map(|(name, text)| Some((name.to_owned(), json!(text.as_ref()?)))),
        );
        if !self.calendars.is_empty() {
            let links: Vec<_> =
                self.calendars.iter().map(|id| json!({"calendar_id": id})).collect();
            body.insert("calendars".to_owned(), json!(links));
        }
        if !self.metadata.is_empty() {
            body.insert("metadata".to_owned(), cleared(metadata(&self.metadata)));
        }
        Ok(Value::Object(body))
    }
}

fn object(file: &str) -> anyhow::Result<Map<String, Value>> {
    let text = if file == "-" {
        let mut text = String::new();
        std::io::stdin().read_to_string(&mut text).context("cannot read standard input")?;
        text
    } else {
        std::fs::read_to_string(file).with_context(|| format!("cannot read {file}"))?
    };
    serde_json::from_str(&text).with_context(|| format!("{file} is not a JSON object"))
}

fn list(items: &[Value]) -> String {
    if items.is_empty() {
        return "there are no resources; `calhub resources create --help` shows how to make one"
            .to_owned();
    }
    let columns = [
        ("id", "id"),
        ("name", "name"),
        ("external id", "external_id"),
        ("zone", "time_zone"),
        ("calendars", "calendars"),
    ];
    show::table(&columns, items)
}

fn card(resource: &Value) -> String {
    show::fields(
        &[
            ("resource", "id"),
            ("name", "name"),
            ("external id", "external_id"),
            ("time zone", "time_zone"),
            ("capacity", "capacity"),
            ("calendars", "calendars"),
            ("write to", "write_to"),
            ("metadata", "metadata"),
        ],
        resource,
    )
}

fn feed(feed: &Value) -> String {
    let about = show::fields(&[("feed", "id"), ("address", "url")], feed);
    format!(
        "{about}\n\nThe address is a password and is shown once; `calhub resources revoke-feed` ends it."
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn flags_win_over_the_file() {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), r#"{"name": "old", "capacity": 2}"#).unwrap();
        let stated = Stated {
            name: Some("new".to_owned()),
            calendars: vec!["cal_1".to_owned()],
            file: Some(file.path().to_str().unwrap().to_owned()),
            ..Stated::default()
        };
        let body = stated.body().unwrap();
        assert_eq!(
            body,
            json!({"name": "new", "capacity": 2, "calendars": [{"calendar_id": "cal_1"}]})
        );
    }
}
