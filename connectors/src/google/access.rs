//! How much of somebody's calendars a connection may see, and the narrowest scopes that allow it.

/// What a person has agreed to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Access {
    /// When they are busy, and nothing else.
    BusyOnly,
    /// Their events.
    Read,
    /// Their events, and writing some.
    ReadWrite,
}

macro_rules! scope {
    ($name:literal) => {
        concat!("https://www.googleapis.com/auth/calendar", $name)
    };
}

/// Every level lists calendars. `calendar.events*` does not cover that, and `calendar.freebusy` covers no listing of
/// events, without which changes cannot be followed.
const LISTING: &str = scope!(".calendarlist.readonly");
const TIMES: &str = scope!(".events.freebusy");
const EVENTS_READ: &str = scope!(".events.readonly");
const EVENTS: &str = scope!(".events");

/// The scopes to ask for, as narrow as they come.
pub fn scopes(access: Access) -> &'static [&'static str] {
    match access {
        Access::BusyOnly => &[LISTING, TIMES],
        Access::Read => &[LISTING, EVENTS_READ],
        Access::ReadWrite => &[LISTING, EVENTS],
    }
}

/// Which of the scopes of `access` a grant does not cover. `granted` is the `scope` of a token answer: people can
/// untick some, and grants made elsewhere may have wider ones instead.
pub fn missing(granted: &str, access: Access) -> Vec<&'static str> {
    let has = |wanted: &str| granted.split_ascii_whitespace().any(|scope| scope == wanted);
    let is_covered = |wanted: &str| wider(wanted).iter().any(|scope| has(scope)) || has(wanted);
    scopes(access).iter().copied().filter(|wanted| !is_covered(wanted)).collect()
}

/// What covers a scope besides itself.
fn wider(scope: &str) -> &'static [&'static str] {
    const ALL: &str = scope!("");
    const ALL_READ: &str = scope!(".readonly");
    match scope {
        LISTING => &[ALL, ALL_READ, scope!(".calendarlist")],
        TIMES => &[ALL, ALL_READ, EVENTS, EVENTS_READ],
        EVENTS_READ => &[ALL, ALL_READ, EVENTS],
        EVENTS => &[ALL],
        _ => &[],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_level_asks_for_no_more_than_it_needs() {
        for access in [Access::BusyOnly, Access::Read, Access::ReadWrite] {
            assert_eq!(scopes(access).len(), 2);
            assert!(missing(&scopes(access).join(" "), access).is_empty());
            assert_eq!(missing("", access), scopes(access));
        }
        let writes = |scope: &str| scope.ends_with(".events") || scope.ends_with("/calendar");
        assert!(!scopes(Access::BusyOnly).iter().any(|scope| writes(scope)));
        assert!(!scopes(Access::Read).iter().any(|scope| writes(scope)));
    }

    #[test]
    fn an_unticked_scope_is_missed_and_a_wider_one_is_not() {
        let granted = format!("openid {} email", scope!(".calendarlist.readonly"));
        assert_eq!(missing(&granted, Access::Read), [scope!(".events.readonly")]);
        assert!(missing(scope!(""), Access::ReadWrite).is_empty());
        assert!(missing(scope!(".readonly"), Access::Read).is_empty());
        assert_eq!(missing(scope!(".readonly"), Access::ReadWrite), [scope!(".events")]);
        let read_write = scopes(Access::ReadWrite).join(" ");
        assert!(missing(&read_write, Access::BusyOnly).is_empty());
        // Only what the person owns, or only free and busy, is not what was asked for.
        let owned = format!("{LISTING} {}", scope!(".events.owned"));
        assert_eq!(missing(&owned, Access::ReadWrite), [scope!(".events")]);
        let busy = scopes(Access::BusyOnly).join(" ");
        assert_eq!(missing(&busy, Access::Read), [scope!(".events.readonly")]);
        assert_eq!(
            missing("https://www.googleapis.com/auth/calendar.event", Access::ReadWrite).len(),
            2
        );
    }
}
