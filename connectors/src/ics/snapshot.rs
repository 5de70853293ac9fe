//! One fetched state of a feed and how it differs from what the hub has.

use std::collections::HashMap;

use sha2::{Digest, Sha256};

use crate::{
    connector::{CalendarFacts, Change, Versions},
    error::{Kind, Result},
    event::{Item, ItemRef, RemoteEvent, Version},
    ical::{self, ParseOptions},
};

/// The item that carries what is broken in a feed outside any event. It has no events, only faults: the hub
/// must not take what could not be read for free time.
const WHOLE: &str = ":feed";

/// A feed's content.
#[derive(Clone, Debug)]
pub(super) struct Snapshot {
    pub(super) items: Vec<Item>,
    pub(super) facts: CalendarFacts,
    /// The hash of what matters: the same whatever the stamps, the order and the UIDs are.
    pub(super) hash: String,
    /// Whether it goes to its end. One that does not may add, and takes nothing away.
    pub(super) is_whole: bool,
}

impl Snapshot {
    /// Reads a body; `is_framed` says whether a cut transfer would have been noticed.
    ///
    /// # Errors
    ///
    /// [`Kind::BadReply`] for anything that is no calendar; [`Kind::Unavailable`] for one that ends too early
    /// on a connection where only its end could have shown that.
    pub(super) fn read(body: &[u8], is_framed: bool) -> Result<Self> {
        let parsed = ical::parse(body, &ParseOptions::default())?;
        if !parsed.complete && !is_framed {
            return Err(Kind::Unavailable.error("the feed was cut short"));
        }
        let mut items = parsed.items;
        for item in &mut items {
            item.version = Some(nameless_version(item));
            item.item = name_of(&item.item);
            item.series = name_of(&item.series);
        }
        let mut faults = parsed.faults;
        if !parsed.complete {
            faults.push("the feed ends before its end".to_owned());
        }
        if !faults.is_empty() {
            items.push(of_the_whole(faults));
        }
        let hash = hash_of(&items);
        Ok(Self { items, facts: parsed.facts, hash, is_whole: parsed.complete })
    }

    /// What is new compared with what the hub has. Items whose UID is new but whose content is that of a known one
    /// that is listed no more are taken for it: some publishers make new UIDs at every request.
    pub(super) fn changes(self, known: &Versions) -> Vec<Change> {
        let listed: std::collections::HashSet<_> =
            self.items.iter().map(|item| item.item.clone()).collect();
        let mut orphans: HashMap<&str, Vec<&ItemRef>> = HashMap::new();
        for (item, version) in known {
            if let Some(version) = version.as_ref().filter(|_| !listed.contains(item)) {
                orphans.entry(version.as_str()).or_default().push(item);
            }
        }
        self.items
            .into_iter()
            .map(|item| {
                let stored = known.get(&item.item);
                if stored.is_some_and(|stored| *stored == item.version) {
                    return Change::Unchanged(item.item);
                }
                let twin = item
                    .version
                    .as_ref()
                    .filter(|_| stored.is_none())
                    .and_then(|version| orphans.get_mut(version.as_str())?.pop());
                match twin {
                    Some(twin) => Change::Unchanged(twin.clone()),
                    None => Change::Present(item),
                }
            })
            .collect()
    }
}

/// The name under which a UID is known: its hash. UIDs hold addresses of people, and nothing is ever asked of a
/// feed by UID.
pub(super) fn name_of(uid: &ItemRef) -> ItemRef {
    let digest = Sha256::digest(uid.as_str().as_bytes());
    ItemRef::new(digest.iter().take(16).map(|byte| format!("{byte:02x}")).collect::<String>())
}

/// The version of the content without the UID, which is the item's name already.
fn nameless_version(item: &mut Item) -> Version {
    let take = |event: &mut RemoteEvent| std::mem::take(&mut event.uid);
    let uids: Vec<String> = item.events.iter_mut().map(take).collect();
    let version = ical::fingerprint(item);
    for (event, uid) in item.events.iter_mut().zip(uids) {
        event.uid = uid;
    }
    version
}

fn of_the_whole(faults: Vec<String>) -> Item {
    let reference = ItemRef::new(WHOLE);
    let mut item = Item {
        item: reference.clone(),
        series: reference,
        version: None,
        events: Vec::new(),
        zones: Vec::new(),
        faults,
        unplaced: true,
    };
    item.version = Some(ical::fingerprint(&item));
    item
}

fn hash_of(items: &[Item]) -> String {
    let mut versions: Vec<&str> =
        items.iter().filter_map(|item| item.version.as_ref().map(Version::as_str)).collect();
    versions.sort_unstable();
    let all = versions.iter().fold(Sha256::new(), |all, version| all.chain_update(version));
    all.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
}
