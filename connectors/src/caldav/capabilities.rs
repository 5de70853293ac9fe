//! What was learned about a server. Seeded by hints from its headers and host, corrected by what it does.

use http::HeaderMap;
use serde::{Deserialize, Serialize};

/// How far a verb can be trusted; `None` is "not tried yet".
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct Capabilities {
    /// Asked for a login, it offered Basic and no Digest, and took it: no need to be asked each time.
    pub(super) takes_basic: bool,
    /// RFC 6578.
    pub(super) sync_collection: Option<bool>,
    pub(super) multiget: Option<bool>,
    /// calendar-query with a time-range answers all that lies in it.
    pub(super) time_range: Option<bool>,
    /// `If-None-Match: *` on PUT is honoured.
    pub(super) create_condition: Option<bool>,
    /// PUT answers an ETag.
    pub(super) etag_on_put: Option<bool>,
    /// Deltas repeat rows that did not change: compare with what is known before fetching.
    pub(super) repeats_rows: bool,
    /// An old token is accepted and its diff is silently wrong: list everything more often.
    pub(super) deltas_lose: bool,
    /// Creating an UID that exists elsewhere silently takes it away from there.
    pub(super) twins_move: bool,
    /// Failures in a row that no other way of asking could mend.
    pub(super) stumbles: u32,
    /// Failed listings in a row that no search for another home could mend.
    pub(super) searches: u32,
    /// Which hint seeded this; for support only.
    pub(super) seeded_by: Option<String>,
}

/// A known server and what it is known for.
struct Quirk {
    name: &'static str,
    /// Found in `Server`, `DAV`, `X-Powered-By` or the host, in lower case.
    hints: &'static [&'static str],
    seed: fn(&mut Capabilities),
}

/// Never branched on by name: each row only presets the record that evidence then corrects. Sources: the
/// servers' own code and runs against them; see `docs/` for the table in words.
const QUIRKS: &[Quirk] = &[
    Quirk {
        name: "sogo",
        hints: &["sogo"],
        seed: |known| {
            known.create_condition = Some(false);
            known.repeats_rows = true;
            known.deltas_lose = true;
        },
    },
    Quirk {
        name: "davmail",
        hints: &["davmail"],
        seed: |known| {
            known.sync_collection = Some(false);
            known.create_condition = Some(false);
        },
    },
    Quirk {
        name: "google",
        hints: &["apidata.googleusercontent.com"],
        seed: |known| known.create_condition = Some(false),
    },
    Quirk {
        name: "nextcloud",
        hints: &["nextcloud"],
        seed: |known| {
            known.repeats_rows = true;
            known.deltas_lose = true;
        },
    },
    Quirk {
        name: "sabre",
        hints: &["sabre", "calendar-proxy, calendarserver-sharing", "baikal"],
        seed: |known| known.repeats_rows = true,
    },
    Quirk { name: "zimbra", hints: &["zimbra"], seed: |known| known.twins_move = true },
    Quirk { name: "stalwart", hints: &["stalwart"], seed: |known| known.time_range = Some(false) },
    Quirk {
        name: "purelymail",
        hints: &["purelymail"],
        seed: |known| known.sync_collection = Some(false),
    },
    Quirk {
        name: "gmx",
        hints: &["gmx.", "posteo."],
        seed: |known| known.sync_collection = Some(false),
    },
];

/// After a first vain attempt, other ways are tried at every so manieth failure.
const DETOUR_EVERY: u32 = 8;
/// The same for looking for the calendars from the start, which asks a dozen addresses.
const SEARCH_EVERY: u32 = 16;

impl Capabilities {
    /// Whether a failure is worth the requests of asking in other ways: a server that is down answers none
    /// of them, and must not be asked several times as often for it.
    pub(super) fn is_worth_a_detour(&self) -> bool {
        self.stumbles.is_multiple_of(DETOUR_EVERY)
    }

    /// Whether it is time to look for the calendars from the start.
    pub(super) fn is_worth_a_search(&self) -> bool {
        self.searches.is_multiple_of(SEARCH_EVERY)
    }

    /// Presets from a first reply, unless evidence has already spoken.
    pub(super) fn seed(&mut self, headers: &HeaderMap, host: &str) {
        if self.seeded_by.is_some() {
            return;
        }
        let mut hints = host.to_ascii_lowercase();
        for name in ["server", "dav", "x-powered-by"] {
            for value in headers.get_all(name) {
                hints.push('\n');
                hints.push_str(&value.to_str().unwrap_or("").to_ascii_lowercase());
            }
        }
        let found = QUIRKS.iter().find(|quirk| quirk.hints.iter().any(|hint| hints.contains(hint)));
        if let Some(quirk) = found {
            (quirk.seed)(self);
            self.seeded_by = Some(quirk.name.to_owned());
        }
    }
}
