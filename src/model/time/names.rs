//! Which zone a TZID means (`providers.md` 5.5, steps 2 to 5).

use std::sync::Arc;

use strum::IntoEnumIterator;
use windows_timezones::WindowsTimezone;

use super::{CustomZone, Zone, ZoneDefinition, tzdb};

/// Windows names that the table lacks: newer than it, or dropped from it.
const MORE_WINDOWS: [(&str, &str); 8] = [
    ("British Columbia Standard Time", "America/Vancouver"),
    ("Mid-Atlantic Standard Time", "Etc/GMT+2"),
    ("Kamchatka Standard Time", "Asia/Kamchatka"),
    // As Graph spells them.
    ("Asia/Toshkent", "Asia/Tashkent"),
    ("Asia/Astana", "Asia/Almaty"),
    ("(UTC+01:00) Amsterdam, Berlin, Bern, Rome, Stockholm, Vienna", "Europe/Berlin"),
    ("(UTC+02:00) Helsinki, Kyiv, Riga, Sofia, Tallinn, Vilnius", "Europe/Kiev"),
    ("(UTC) Dublin, Edinburgh, Lisbon, London", "Europe/London"),
];

/// Names in the database that stand for no place.
const NO_PLACES: [&str; 4] = ["factory", "localtime", "posixrules", "local"];

/// Resolves a TZID: a public name, a vendor's path to one, a Windows name, a definition that came along, an
/// offset. What nobody knows is [`Zone::Unknown`].
pub fn resolve_zone(tzid: &str, definitions: &[ZoneDefinition]) -> Zone {
    let name = tzid.trim().trim_matches('"').trim();
    public(name)
        .or_else(|| defined(tzid, name, definitions))
        .or_else(|| offset(name))
        .unwrap_or_else(|| Zone::Unknown(tzid.to_owned()))
}

/// A name that means the same to everybody.
fn public(name: &str) -> Option<Zone> {
    iana(name).or_else(|| vendor_path(name)).or_else(|| windows(name))
}

fn iana(name: &str) -> Option<Zone> {
    let lower = name.to_ascii_lowercase();
    let is_place = !NO_PLACES.contains(&lower.as_str())
        && !lower.starts_with("right/")
        && !lower.starts_with("posix/");
    let zone = tzdb().zone(name).filter(|_| is_place)?;
    zone.iana_name().map(|name| Zone::Iana(name.to_owned()))
}

/// The longest tail of `/vendor.example/version/Area/City` or `scheme://Vendor/Name` that is a name.
fn vendor_path(name: &str) -> Option<Zone> {
    let (host, _) = name.split_once('/')?;
    if !(host.is_empty() || host.ends_with(':') || host.contains('.')) {
        return None;
    }
    name.match_indices('/').find_map(|(at, _)| {
        let tail = name.split_at(at).1.trim_start_matches('/');
        iana(tail).or_else(|| windows(tail))
    })
}

/// A Windows name, or what Windows shows for it: `(UTC+01:00) Amsterdam, Berlin, ...`, also cut short, since
/// some writers stop at the first comma.
fn windows(name: &str) -> Option<Zone> {
    let is = |known: &str| known.eq_ignore_ascii_case(name);
    let more = || MORE_WINDOWS.iter().find(|(known, _)| is(known)).map(|(_, zone)| *zone);
    let known = || WindowsTimezone::iter().find(|zone| is(zone.name()));
    let shown = || {
        let shown = name
            .strip_prefix("(GMT")
            .map(|rest| format!("(UTC{rest}"))
            .unwrap_or_else(|| name.to_owned());
        let shown = shown.to_ascii_lowercase();
        WindowsTimezone::iter().find(|zone| {
            let full = zone.description().to_ascii_lowercase();
            full.strip_prefix(&shown).is_some_and(|rest| rest.is_empty() || rest.starts_with(','))
        })
    };
    let is_shown = name.starts_with('(');
    let table = || known().or_else(|| is_shown.then(shown).flatten()).map(WindowsTimezone::tzdb_id);
    more().or_else(table).and_then(iana)
}

fn defined(tzid: &str, name: &str, definitions: &[ZoneDefinition]) -> Option<Zone> {
    let exact = definitions.iter().find(|definition| definition.tzid == tzid);
    let alike = |definition: &&ZoneDefinition| {
        definition.tzid.trim().trim_matches('"').trim().eq_ignore_ascii_case(name)
    };
    let definition = exact.or_else(|| definitions.iter().find(alike))?;
    let alias = definition.aliases.iter().find_map(|alias| public(alias.trim()));
    alias.or_else(|| CustomZone::new(definition).map(|zone| Zone::Custom(Arc::new(zone))))
}

/// `GMT+0100`, `UTC-05:00`, `+0100`, `UTC+1`, `(UTC+01:00) Anything`, `Z`.
fn offset(name: &str) -> Option<Zone> {
    let name = name.strip_prefix('(').map_or(name, |rest| rest.split(')').next().unwrap_or(rest));
    let upper = name.to_ascii_uppercase();
    let rest = ["GMT", "UTC", "Z"]
        .iter()
        .find_map(|prefix| upper.strip_prefix(prefix))
        .unwrap_or(&upper)
        .trim();
    if rest.is_empty() {
        return (!upper.is_empty()).then_some(Zone::Fixed(0));
    }
    let (sign, digits) = match rest.split_at_checked(1)? {
        ("+", digits) => (1, digits),
        ("-", digits) => (-1, digits),
        _ => return None,
    };
    let (hours, minutes) = match digits.split_once(':') {
        Some((hours, minutes)) => (hours, minutes),
        None if digits.len() > 2 => digits.split_at_checked(digits.len() - 2)?,
        None => (digits, "0"),
    };
    let all_digits =
        |text: &str| (1..=2).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_digit());
    let (hours, minutes): (i32, i32) = (
        all_digits(hours).then(|| hours.parse().ok())??,
        all_digits(minutes).then(|| minutes.parse().ok())??,
    );
    (hours <= 18 && minutes < 60).then_some(Zone::Fixed(sign * (hours * 3600 + minutes * 60)))
}

#[cfg(test)]
mod tests {
    use jiff::civil::datetime;

    use super::{super::Observance, *};

    fn name_of(tzid: &str) -> String {
        match resolve_zone(tzid, &[]) {
            Zone::Iana(name) => name,
            other => format!("{other:?}"),
        }
    }

    /// Whether two zones have the same clocks in 2026 and 2027, links and late renames aside.
    fn agree(one: &str, other: &str) -> bool {
        let [one, other] = [one, other].map(|name| tzdb().zone(name).unwrap());
        (0..24).all(|month| {
            let at =
                datetime(2026 + month / 12, i8::try_from(month % 12 + 1).unwrap(), 15, 12, 0, 0, 0);
            super::super::instant(at, &one) == super::super::instant(at, &other)
        })
    }

    #[test]
    fn every_windows_name_of_cldr_47_resolves() {
        let table = include_str!("../../../fixtures/zones/windows.tsv");
        let rows: Vec<_> = table.lines().filter_map(|line| line.split_once('\t')).collect();
        assert_eq!(rows.len(), 139);
        for (windows, iana) in rows {
            assert!(agree(&name_of(windows), iana), "{windows}: {} for {iana}", name_of(windows));
        }
    }

    #[test]
    fn every_name_that_graph_documents_resolves() {
        let names = include_str!("../../../fixtures/zones/graph.txt");
        let names: Vec<_> = names.lines().filter(|line| !line.starts_with('#')).collect();
        assert_eq!(names.len(), 103);
        for name in names {
            assert!(matches!(resolve_zone(name, &[]), Zone::Iana(_)), "{name}");
        }
    }

    #[test]
    fn names_that_the_windows_table_lacks_resolve_too() {
        assert_eq!(name_of("British Columbia Standard Time"), "America/Vancouver");
        assert_eq!(name_of("Mid-Atlantic Standard Time"), "Etc/GMT+2");
        assert_eq!(name_of("Kamchatka Standard Time"), "Asia/Kamchatka");
        assert_eq!(name_of("w. europe standard time"), "Europe/Berlin");
    }

    #[test]
    fn what_windows_shows_for_a_zone_is_a_name_too() {
        for shown in [
            "(UTC+01:00) Amsterdam, Berlin, Bern, Rome, Stockholm, Vienna",
            "(UTC+01:00) Amsterdam, Berlin",
            "\"(UTC+01:00) Amsterdam, Berlin\"",
            "(GMT+01:00) Amsterdam, Berlin, Bern, Rome, Stockholm, Vienna",
        ] {
            assert_eq!(name_of(shown), "Europe/Berlin", "{shown}");
        }
        assert_eq!(name_of("(UTC-08:00) Pacific Time (US & Canada)"), "America/Los_Angeles");
        assert_eq!(resolve_zone("(UTC+01:00) Somewhere", &[]), Zone::Fixed(3600));
    }

    #[test]
    fn names_and_links_are_found_in_any_case_and_behind_a_vendors_path() {
        assert_eq!(name_of("europe/berlin"), "Europe/Berlin");
        assert_eq!(name_of("Europe/Kiev"), "Europe/Kiev");
        for tzid in [
            "/mozilla.org/20070129_1/Europe/Berlin",
            "/freeassociation.sourceforge.net/Europe/Berlin",
            "/freeassociation.sourceforge.net/Tzfile/Europe/Berlin",
            "/softwarestudio.org/Olson_20011030_5/Europe/Berlin",
            "/citadel.org/20190914_1/Europe/Berlin",
            " Europe/Berlin ",
        ] {
            assert_eq!(name_of(tzid), "Europe/Berlin", "{tzid}");
        }
        assert_eq!(
            name_of("/mozilla.org/20070129_1/America/Argentina/Ushuaia"),
            "America/Argentina/Ushuaia"
        );
        assert_eq!(name_of("tzone://Microsoft/Utc"), "UTC");
    }

    #[test]
    fn london_has_summer_time_by_its_windows_name_and_reykjavik_has_none() {
        assert_eq!(name_of("GMT Standard Time"), "Europe/London");
        assert_eq!(name_of("Greenwich Standard Time"), "Atlantic/Reykjavik");
    }

    #[test]
    fn offsets_written_as_names_are_offsets() {
        for (tzid, seconds) in [
            ("GMT+0100", 3600),
            ("UTC-05:00", -18000),
            ("+0100", 3600),
            ("UTC+1", 3600),
            ("-03:30", -12600),
            ("Z", 0),
        ] {
            assert_eq!(resolve_zone(tzid, &[]), Zone::Fixed(seconds), "{tzid}");
        }
        assert_eq!((name_of("UTC"), name_of("GMT")), ("UTC".to_owned(), "GMT".to_owned()));
    }

    #[test]
    fn what_nobody_knows_stays_unknown() {
        for tzid in [
            "",
            "Customized Time Zone",
            "tzone://Microsoft/Custom",
            "中国标准时间",
            "right/Europe/Berlin",
            "/x/right/Nowhere",
            "Factory",
            "localtime",
            "Etc/Unknown",
            "America/Custom/EST",
            "+99:99",
            "UTC+",
            "(",
            "/",
            "//",
            "../../etc/passwd",
        ] {
            assert_eq!(resolve_zone(tzid, &[]), Zone::Unknown(tzid.to_owned()));
        }
    }

    #[test]
    fn a_definition_counts_only_for_names_that_are_not_public_and_its_aliases_first() {
        let observance = Observance {
            daylight: false,
            starts: datetime(1601, 1, 1, 0, 0, 0, 0),
            offset_from_s: 1800,
            offset_to_s: 1800,
            rule: None,
            rdates: Vec::new(),
        };
        let define = |tzid: &str, alias: Option<&str>| ZoneDefinition {
            tzid: tzid.to_owned(),
            aliases: alias.map(str::to_owned).into_iter().collect(),
            observances: vec![observance.clone()],
        };
        let definitions = [
            define("Europe/Berlin", None),
            define("Mine", None),
            define("Named", Some("Europe/Paris")),
            define("Misnamed", Some("Nowhere")),
        ];
        assert_eq!(
            resolve_zone("Europe/Berlin", &definitions),
            Zone::Iana("Europe/Berlin".to_owned())
        );
        assert_eq!(resolve_zone("Named", &definitions), Zone::Iana("Europe/Paris".to_owned()));
        for tzid in ["Mine", "mine", "Misnamed"] {
            let Zone::Custom(zone) = resolve_zone(tzid, &definitions) else { panic!("{tzid}") };
            let offset = zone.time_zone().unwrap().to_offset(jiff::Timestamp::UNIX_EPOCH);
            assert_eq!(offset.seconds(), 1800);
        }
    }

    #[test]
    fn every_zone_name_that_another_library_knows_means_something_here() {
        for zone in chrono_tz::TZ_VARIANTS {
            let found = resolve_zone(zone.name(), &[]);
            assert!(matches!(found, Zone::Iana(_) | Zone::Fixed(_)), "{zone}: {found:?}");
        }
    }
}
