//! Zone names by what came along with an item, and what that may cost.

use std::{cell::RefCell, collections::VecDeque, sync::Arc};

use connectors::event::ZoneDefinition as Stated;

use crate::model::time::{Observance, Zone, ZoneDefinition, resolve_zone};

/// How many observances and dates the moments of one item may carry along. An honest item has two observances
/// and some hundred moments.
pub(super) const MOST_WEIGHT: usize = 100_000;
/// Zones remembered by a thread.
const REMEMBERED: usize = 8;

/// A name, the definitions that came with it, and what they come to.
type WorkedOut = (String, Vec<Arc<Stated>>, Zone);

thread_local! {
    /// The items of a file share its definitions, and to work one out costs more than all else of an item.
    static WORKED_OUT: RefCell<VecDeque<WorkedOut>> = const { RefCell::new(VecDeque::new()) };
}

/// What a name means, given the definitions that came with it.
pub(super) fn resolve(tzid: &str, stated: &[Arc<Stated>]) -> Zone {
    WORKED_OUT.with_borrow_mut(|known| {
        let is_same = |them: &[Arc<Stated>]| {
            them.len() == stated.len() && them.iter().zip(stated).all(|(a, b)| Arc::ptr_eq(a, b))
        };
        if let Some((.., zone)) = known.iter().find(|(name, them, _)| name == tzid && is_same(them))
        {
            return zone.clone();
        }
        let definitions: Vec<_> = stated.iter().map(|zone| definition(zone)).collect();
        let zone = resolve_zone(tzid, &definitions);
        if matches!(zone, Zone::Custom(_)) {
            known.truncate(REMEMBERED - 1);
            known.push_front((tzid.to_owned(), stated.to_vec(), zone.clone()));
        }
        zone
    })
}

pub(super) fn weight(zone: &Zone) -> usize {
    match zone {
        Zone::Custom(custom) => {
            custom.observances.iter().map(|observance| 1 + observance.rdates.len()).sum()
        }
        Zone::Iana(_) | Zone::Fixed(_) | Zone::Unknown(_) => 0,
    }
}

fn definition(zone: &Stated) -> ZoneDefinition {
    let observances = zone.observances.iter().map(|block| Observance {
        daylight: block.daylight,
        starts: block.starts,
        offset_from_s: block.offset_from_s,
        offset_to_s: block.offset_to_s,
        rule: block.rule.clone(),
        rdates: block.rdates.clone(),
    });
    ZoneDefinition {
        tzid: zone.tzid.clone(),
        aliases: zone.aliases.clone(),
        observances: observances.collect(),
    }
}
