//! By what an event of ours is known: the name it gets, and the words by which it says whose it is.

use std::fmt::Write as _;

use connectors::{Item, WriteKey};
use sha2::{Digest, Sha256};

use crate::store::OutboxRow;

/// Ends every UID of ours.
const HOME: &str = "@calhub";

/// The identity of the event at its provider: the same at every try, another one for every generation.
pub(super) fn key(row: &OutboxRow) -> WriteKey {
    key_of(row, row.generation)
}

fn key_of(row: &OutboxRow, generation: i64) -> WriteKey {
    let name = format!("{}/{}/{generation}", row.booking_id, row.calendar_id);
    let digest = Sha256::digest(name.as_bytes());
    let uid = format!("{}{HOME}", hex(digest.get(..16).unwrap_or_default()));
    WriteKey { uid, marker: format!("{}/{generation}", row.booking_id) }
}

/// The words by which an event says that a hub has written it: its marker, or a UID of our making. Anybody can write
/// them, so they prove nothing: they say where to look.
pub(crate) fn origin_of(item: &Item) -> Option<String> {
    let marker = item.events.iter().find_map(|event| event.marker.as_deref());
    let uid = item.events.iter().map(|event| event.uid.as_str()).find(|uid| is_ours(uid));
    marker.filter(|marker| is_marker(marker)).or(uid).map(str::to_owned)
}

/// The origins of every event that was ever made, or may have been, for a row; the latest first.
pub(crate) fn origins(row: &OutboxRow) -> impl Iterator<Item = String> {
    let keys = (0..=row.generation).rev().map(|generation| key_of(row, generation));
    keys.flat_map(|key| [key.uid, key.marker])
}

/// Whether an event with this origin was made for a row.
pub(super) fn is_from(row: &OutboxRow, origin: Option<&str>) -> bool {
    origin.is_some_and(|origin| origins(row).any(|one| one == origin))
}

fn is_ours(uid: &str) -> bool {
    let digits = uid.strip_suffix(HOME).unwrap_or_default();
    digits.len() == 32 && digits.bytes().all(|digit| digit.is_ascii_hexdigit())
}

fn is_marker(marker: &str) -> bool {
    let Some((booking, generation)) = marker.split_once('/') else { return false };
    booking.parse::<crate::model::ids::BookingId>().is_ok()
        && !generation.is_empty()
        && generation.len() <= 9
        && generation.bytes().all(|digit| digit.is_ascii_digit())
}

pub(super) fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}
