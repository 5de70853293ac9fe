//! What accounts and collections are made of.

use bytes::Bytes;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::profile::{Profile, Scheme};

/// A person's login at a simulated CalDAV server.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AccountSpec {
    pub user: String,
    pub password: String,
    #[serde(default)]
    pub bearer: Option<String>,
    /// Addresses told in `calendar-user-address-set`.
    #[serde(default)]
    pub addresses: Vec<String>,
    #[serde(default = "Profile::generic")]
    pub profile: Profile,
}

impl AccountSpec {
    /// An account of the generic profile with the address `{user}@example.org`.
    pub fn new(user: &str, password: &str) -> Self {
        Self {
            user: user.into(),
            password: password.into(),
            bearer: None,
            addresses: vec![format!("mailto:{user}@example.org")],
            profile: Profile::generic(),
        }
    }

    #[must_use]
    pub fn profile(mut self, profile: Profile) -> Self {
        self.profile = profile;
        self
    }

    #[must_use]
    pub fn bearer(mut self, token: &str) -> Self {
        self.bearer = Some(token.into());
        self.profile.auth.schemes.push(Scheme::Bearer);
        self
    }
}

/// What a collection is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    #[default]
    Calendar,
    Inbox,
    Outbox,
    Subscribed,
    Notifications,
    /// A collection without a calendar in its type.
    Folder,
}

/// What the account may do in a collection.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Access {
    #[default]
    Owner,
    ReadOnly,
    /// Only `free-busy-query` is answered.
    FreeBusyOnly,
}

/// A collection and its properties.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct CalendarSpec {
    /// The last path segment.
    pub name: String,
    pub display_name: Option<String>,
    pub kind: Kind,
    pub access: Access,
    /// `None`: every component is allowed and the property is absent.
    pub components: Option<Vec<String>>,
    /// The whole calendar does not count as busy.
    pub transparent: bool,
    /// A VCALENDAR with one VTIMEZONE.
    pub timezone: Option<String>,
    pub timezone_id: Option<String>,
    pub color: Option<String>,
    /// 0 or 1: which home set lists it.
    pub home: u8,
}

impl CalendarSpec {
    /// A calendar of VEVENTs.
    pub fn new(name: &str) -> Self {
        Self {
            name: name.into(),
            display_name: Some(name.into()),
            components: Some(vec!["VEVENT".into()]),
            ..Self::default()
        }
    }
}

/// A stored calendar object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Resource {
    pub name: String,
    pub body: Bytes,
    pub etag: String,
    pub uid: Option<String>,
    pub at: Timestamp,
    pub(crate) change: u64,
    pub(crate) created: u64,
    pub(crate) schedule_tag: u64,
    pub(crate) schedule_mark: String,
}

impl Resource {
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }
}
