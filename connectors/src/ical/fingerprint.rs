//! A version for items whose provider has none: the hash of what we read of them.

use std::hash::{Hash, Hasher};

use sha2::{Digest, Sha256};

use crate::event::{Item, RemoteEvent, Version};

/// Hashes what decides busy time: the same for any DTSTAMP, LAST-MODIFIED, PRODID, title, folding or
/// order of properties and components.
pub fn fingerprint(item: &Item) -> Version {
    let mut parts: Vec<[u8; 32]> = item.events.iter().map(hash_event).collect();
    parts.extend(item.zones.iter().map(hash));
    parts.extend(item.faults.iter().map(hash));
    parts.sort_unstable();
    let all = parts.iter().fold(Sha256::new(), |all, part| all.chain_update(part)).finalize();
    Version::new(all.iter().take(16).map(|byte| format!("{byte:02x}")).collect::<String>())
}

/// Everything but the stamp. Destructured, so that a new field cannot be forgotten.
fn hash_event(event: &RemoteEvent) -> [u8; 32] {
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
    hash(&(
        (uid, recurrence_id, start, end, rules, exrules, rdates, exdates),
        (status, transparent, busy_status, response, event_type, sequence, marker),
    ))
}

fn hash(value: &impl Hash) -> [u8; 32] {
    let mut digest = Digester(Sha256::new());
    value.hash(&mut digest);
    digest.0.finalize().into()
}

/// Lets `derive(Hash)` feed a cryptographic hash.
struct Digester(Sha256);

impl Hasher for Digester {
    fn write(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }

    fn finish(&self) -> u64 {
        0
    }
}
