//! What Microsoft's side is made of: app registrations, accounts, calendars.

use serde::{Deserialize, Serialize};

/// An app registration.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MicrosoftClientSpec {
    pub client_id: String,
    pub client_secret: String,
    /// Matched to the letter.
    #[serde(default)]
    pub redirect_uris: Vec<String>,
    /// The secret has run out: AADSTS7000222.
    #[serde(default)]
    pub secret_expired: bool,
    /// The app was taken out of the tenant: AADSTS700016.
    #[serde(default)]
    pub removed: bool,
    /// Redirect URIs are those of a page: refresh tokens die after a day with AADSTS700084.
    #[serde(default)]
    pub spa: bool,
    /// An administrator has agreed for everybody.
    #[serde(default)]
    pub admin_consented: bool,
}

impl MicrosoftClientSpec {
    pub fn new(client_id: &str, client_secret: &str) -> Self {
        Self {
            client_id: client_id.into(),
            client_secret: client_secret.into(),
            redirect_uris: Vec::new(),
            secret_expired: false,
            removed: false,
            spa: false,
            admin_consented: false,
        }
    }

    #[must_use]
    pub fn redirect_uri(mut self, uri: &str) -> Self {
        self.redirect_uris.push(uri.into());
        self
    }
}

/// A person's account with its mailbox. Its default calendar comes with it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MicrosoftAccountSpec {
    pub email: String,
    #[serde(default)]
    pub name: Option<String>,
    /// The directory: a name or an id; the address's domain when absent.
    #[serde(default)]
    pub tenant: Option<String>,
    /// A personal account (outlook.com), which belongs to no organisation.
    #[serde(default)]
    pub personal: bool,
    /// A Windows name, or one of IANA's.
    #[serde(default = "berlin")]
    pub time_zone: String,
    /// Only an administrator may agree for this person: AADSTS90094.
    #[serde(default)]
    pub needs_admin: bool,
    /// Every refresh is refused with this AADSTS code: 50076 (MFA), 53003 (Conditional Access), 50057 (disabled), ...
    #[serde(default)]
    pub refuses: Option<u32>,
    /// No mailbox in the cloud: 404 `MailboxNotEnabledForRESTAPI`.
    #[serde(default)]
    pub no_mailbox: bool,
}

fn berlin() -> String {
    "W. Europe Standard Time".into()
}

impl MicrosoftAccountSpec {
    pub fn new(email: &str) -> Self {
        Self {
            email: email.into(),
            name: None,
            tenant: None,
            personal: false,
            time_zone: berlin(),
            needs_admin: false,
            refuses: None,
            no_mailbox: false,
        }
    }

    #[must_use]
    pub fn time_zone(mut self, zone: &str) -> Self {
        self.time_zone = zone.into();
        self
    }

    pub(crate) fn tenant(&self) -> &str {
        let domain = self.email.split('@').nth(1).unwrap_or_default();
        self.tenant.as_deref().unwrap_or(if self.personal { "consumers" } else { domain })
    }

    pub(crate) fn display_name(&self) -> &str {
        self.name.as_deref().unwrap_or_else(|| self.email.split('@').next().unwrap_or_default())
    }
}

/// A calendar of a mailbox.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MicrosoftCalendarSpec {
    /// Unique in the mailbox; the default calendar is called `Calendar`.
    pub name: String,
    /// The id; made from the name when absent.
    #[serde(default)]
    pub id: Option<String>,
    /// Somebody else's calendar that is shared with the account: their address.
    #[serde(default)]
    pub owner: Option<String>,
    #[serde(default)]
    pub read_only: bool,
    #[serde(default)]
    pub color: Option<String>,
}

/// The name of the default calendar.
pub(crate) const DEFAULT: &str = "Calendar";

impl MicrosoftCalendarSpec {
    pub fn new(name: &str) -> Self {
        Self { name: name.into(), id: None, owner: None, read_only: false, color: None }
    }

    /// Somebody else's, shared to be read.
    #[must_use]
    pub fn shared_by(mut self, owner: &str) -> Self {
        self.owner = Some(owner.into());
        self.read_only = true;
        self
    }
}
