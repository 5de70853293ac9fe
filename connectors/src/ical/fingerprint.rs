//! A version for items whose provider has none: the hash of what we read of them.

use std::hash::{Hash, Hasher};

use sha2::{Digest, Sha256};

use crate::event::{Item, RemoteEvent, Version};

/// Hashes what decides busy time: the same for any DTSTAMP, LAST-MODIFIED, PRODID, title, folding or
/// order of properties and components.
pub fn fingerprint(item: &Item) -> Version {
    Written::default().fingerprint(item)
}

/// Half of a digest as text: enough to tell versions apart.
pub(super) fn hex(digest: &[u8]) -> String {
    let digit =
        |nibble: u8| char::from(if nibble < 10 { b'0' + nibble } else { b'a' - 10 + nibble });
    let mut text = String::with_capacity(32);
    for byte in digest.iter().take(16) {
        text.push(digit(byte >> 4));
        text.push(digit(byte & 15));
    }
    text
}

/// Everything but the stamp. Destructured, so that a new field cannot be forgotten.
fn hash_event(event: &RemoteEvent, written: &mut Written) -> [u8; 32] {
    let RemoteEvent {
        uid,
        recurrence_id,
        start,
        end,
        rules,
        exrules,
        rdates,
        exdates,
        status,
        transparent,
        busy_status,
        response,
        event_type,
        sequence,
        stamped: _,
        marker,
    } = event;
    written.digest(&(
        (uid, recurrence_id, start, end, rules, exrules, rdates, exdates),
        (status, transparent, busy_status, response, event_type, sequence, marker),
    ))
}

/// Lets `derive(Hash)` feed a cryptographic hash: what it feeds is written down, and digested in one go.
#[derive(Debug, Default)]
pub(super) struct Written(Vec<u8>);

impl Written {
    /// As [`fingerprint`], for many items.
    pub(super) fn fingerprint(&mut self, item: &Item) -> Version {
        let mut parts: Vec<[u8; 32]> =
            item.events.iter().map(|event| hash_event(event, self)).collect();
        parts.extend(item.zones.iter().map(|zone| self.digest(zone)));
        parts.extend(item.faults.iter().map(|fault| self.digest(fault)));
        parts.sort_unstable();
        Version::new(match parts.as_slice() {
            [only] => hex(only),
            parts => hex(&Sha256::digest(parts.as_flattened())),
        })
    }

    fn digest(&mut self, value: &impl Hash) -> [u8; 32] {
        self.0.clear();
        value.hash(self);
        Sha256::digest(&self.0).into()
    }
}

impl Hasher for Written {
    fn write(&mut self, bytes: &[u8]) {
        self.0.extend_from_slice(bytes);
    }

    fn finish(&self) -> u64 {
        0
    }
}
