//! What an entry says, how entries hang together, and the signed head: pure but for the key.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::{secrets::Vault, store::AuditRow};

/// The instance fact of the head.
pub(super) const HEAD: &str = "audit.head";

/// The end of the chain, signed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Head {
    /// The place of the last entry; 0 before the first.
    pub(super) n: i64,
    pub(super) link: String,
    /// When it was signed.
    pub(super) at: Timestamp,
    mac: String,
}

impl Head {
    /// Of a chain without entries.
    pub(super) fn first(vault: &Vault, at: Timestamp) -> Self {
        Self::signed(vault, 0, first_link(vault), at)
    }

    pub(super) fn signed(vault: &Vault, n: i64, link: String, at: Timestamp) -> Self {
        let mac = head_mac(vault, n, &link, at);
        Self { n, link, at, mac }
    }

    /// Reads a head, if it is one that the hub has signed.
    pub(super) fn parse(vault: &Vault, text: &str) -> Option<Self> {
        let head: Self = serde_json::from_str(text).ok()?;
        let is_ours = head.mac == head_mac(vault, head.n, &head.link, head.at);
        // One text a head: whatever is changed in it is a change.
        (is_ours && head.to_text() == text).then_some(head)
    }

    pub(super) fn to_text(&self) -> String {
        serde_json::to_string(self).expect("a plain struct with string keys always serialises")
    }
}

/// What the first entry hangs on.
pub(super) fn first_link(vault: &Vault) -> String {
    hex(&vault.mac("audit.first", &[]))
}

/// A keyed hash of all that an entry says.
pub(super) fn mac_of(vault: &Vault, row: &AuditRow) -> String {
    let at = row.at_us.to_be_bytes();
    // Absent and empty are not the same.
    let has_request = [u8::from(row.request_id.is_some())];
    let parts: [&[u8]; 9] = [
        row.tenant_id.as_bytes(),
        row.audit_id.as_bytes(),
        row.verb.as_bytes(),
        row.subject.as_bytes(),
        row.actor.as_bytes(),
        &has_request,
        row.request_id.as_deref().unwrap_or_default().as_bytes(),
        row.detail.as_bytes(),
        &at,
    ];
    hex(&vault.mac("audit.entry", &parts))
}

/// What hangs an entry at its place on the one before.
pub(super) fn link_of(vault: &Vault, before: &str, n: i64, mac: &str) -> String {
    hex(&vault.mac("audit.link", &[before.as_bytes(), &n.to_be_bytes(), mac.as_bytes()]))
}

fn head_mac(vault: &Vault, n: i64, link: &str, at: Timestamp) -> String {
    let at = at.to_string();
    hex(&vault.mac("audit.head", &[&n.to_be_bytes(), link.as_bytes(), at.as_bytes()]))
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
