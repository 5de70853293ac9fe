//! What Google's side is made of: OAuth clients (projects), accounts, calendars, roles.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// Whether an OAuth consent screen is for everybody, or a test whose grants die after a week.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Publishing {
    Testing,
    #[default]
    Production,
}

/// An OAuth client, which is also a project with a quota of its own.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GoogleClientSpec {
    pub client_id: String,
    pub client_secret: String,
    /// Matched to the letter.
    #[serde(default)]
    pub redirect_uris: Vec<String>,
    #[serde(default)]
    pub publishing: Publishing,
    /// The Calendar API is switched off in the project: every call answers `accessNotConfigured`.
    #[serde(default)]
    pub api_disabled: bool,
    /// The client may not use its grants: the token endpoint answers `unauthorized_client`.
    #[serde(default)]
    pub unauthorized: bool,
    /// Instead of the knob `project_per_minute`.
    #[serde(default)]
    pub per_minute: Option<u32>,
}

impl GoogleClientSpec {
    pub fn new(client_id: &str, client_secret: &str) -> Self {
        Self {
            client_id: client_id.into(),
            client_secret: client_secret.into(),
            redirect_uris: Vec::new(),
            publishing: Publishing::default(),
            api_disabled: false,
            unauthorized: false,
            per_minute: None,
        }
    }

    #[must_use]
    pub fn redirect_uri(mut self, uri: &str) -> Self {
        self.redirect_uris.push(uri.into());
        self
    }

    #[must_use]
    pub fn publishing(mut self, publishing: Publishing) -> Self {
        self.publishing = publishing;
        self
    }
}

/// A person's Google account. Its primary calendar, whose id is the address, comes with it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GoogleAccountSpec {
    pub email: String,
    /// The stable subject of userinfo and id tokens; made from the address when absent.
    #[serde(default)]
    pub sub: Option<String>,
    #[serde(default)]
    pub name: Option<String>,
    #[serde(default = "berlin")]
    pub time_zone: String,
    /// Instead of the knob `user_per_minute`.
    #[serde(default)]
    pub per_minute: Option<u32>,
    /// An administrator has blocked third-party apps: consent ends in `admin_policy_enforced`.
    #[serde(default)]
    pub blocked_by_admin: bool,
    /// Settings other than the defaults.
    #[serde(default)]
    pub settings: BTreeMap<String, String>,
}

fn berlin() -> String {
    "Europe/Berlin".into()
}

impl GoogleAccountSpec {
    pub fn new(email: &str) -> Self {
        Self {
            email: email.into(),
            sub: None,
            name: None,
            time_zone: berlin(),
            per_minute: None,
            blocked_by_admin: false,
            settings: BTreeMap::new(),
        }
    }

    #[must_use]
    pub fn time_zone(mut self, zone: &str) -> Self {
        self.time_zone = zone.into();
        self
    }
}

/// What an account may do in a calendar, from least to most.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Role {
    FreeBusyReader,
    Reader,
    WriterWithoutPrivateAccess,
    Writer,
    #[default]
    Owner,
}

impl Role {
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::FreeBusyReader => "freeBusyReader",
            Self::Reader => "reader",
            Self::WriterWithoutPrivateAccess => "writerWithoutPrivateAccess",
            Self::Writer => "writer",
            Self::Owner => "owner",
        }
    }

    pub(crate) fn named(word: &str) -> Option<Self> {
        [
            Self::FreeBusyReader,
            Self::Reader,
            Self::WriterWithoutPrivateAccess,
            Self::Writer,
            Self::Owner,
        ]
        .into_iter()
        .find(|role| role.word() == word)
    }
}

/// A calendar and how the account that it is added to has it in its list.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GoogleCalendarSpec {
    /// `work` becomes `work@group.calendar.google.com`; an id with an `@` is taken as it is.
    pub id: String,
    #[serde(default)]
    pub summary: Option<String>,
    #[serde(default)]
    pub description: Option<String>,
    /// The account's zone when absent.
    #[serde(default)]
    pub time_zone: Option<String>,
    #[serde(default)]
    pub role: Role,
    #[serde(default)]
    pub hidden: bool,
    #[serde(default)]
    pub summary_override: Option<String>,
    #[serde(default)]
    pub color: Option<String>,
    /// `events.watch` is refused (holidays, contacts, some imported calendars).
    #[serde(default)]
    pub unwatchable: bool,
    /// Anyone may read it.
    #[serde(default)]
    pub public: bool,
}

impl GoogleCalendarSpec {
    pub fn new(id: &str) -> Self {
        Self {
            id: id.into(),
            summary: None,
            description: None,
            time_zone: None,
            role: Role::Owner,
            hidden: false,
            summary_override: None,
            color: None,
            unwatchable: false,
            public: false,
        }
    }

    #[must_use]
    pub fn role(mut self, role: Role) -> Self {
        self.role = role;
        self
    }

    #[must_use]
    pub fn time_zone(mut self, zone: &str) -> Self {
        self.time_zone = Some(zone.into());
        self
    }

    /// The id that the API tells.
    pub(crate) fn full_id(&self) -> String {
        if self.id.contains('@') {
            return self.id.clone();
        }
        format!("{}@group.calendar.google.com", self.id)
    }
}
