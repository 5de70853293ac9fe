//! How much of somebody's calendars a connection may see, and the narrowest scopes that allow it.

/// What a person has agreed to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Access {
    /// When they are busy. Graph has no scope without subjects; bodies and attachments are out of reach.
    BusyOnly,
    /// Their events.
    Read,
    /// Their events, and writing some.
    ReadWrite,
}

/// Without it there is no refresh token. Answers do not name it among the scopes granted.
const OFFLINE: &str = "offline_access";
/// The zone of the mailbox, by which whole days are meant. Graph keeps it nowhere else.
const ZONE: &str = "MailboxSettings.Read";
const BASIC: &str = "Calendars.ReadBasic";
const READ: &str = "Calendars.Read";
const WRITE: &str = "Calendars.ReadWrite";

/// The scopes to ask for, as narrow as they come.
pub fn scopes(access: Access) -> &'static [&'static str] {
    match access {
        Access::BusyOnly => &[OFFLINE, ZONE, BASIC],
        Access::Read => &[OFFLINE, ZONE, READ],
        Access::ReadWrite => &[OFFLINE, ZONE, WRITE],
    }
}

/// Which of the scopes of `access` a grant does not cover. Only what calendars cannot be read or written without is
/// missed: a grant that was made elsewhere may keep the mailbox's zone to itself.
pub fn missing(granted: &str, access: Access) -> Vec<&'static str> {
    let has = |wanted: &str| granted.split_ascii_whitespace().any(|scope| is(scope, wanted));
    let wanted = match access {
        Access::BusyOnly => BASIC,
        Access::Read => READ,
        Access::ReadWrite => WRITE,
    };
    if has(wanted) || wider(wanted).iter().any(|scope| has(scope)) { vec![] } else { vec![wanted] }
}

/// Whether a scope as granted is the one meant: with the address of Graph before it, or without.
fn is(granted: &str, wanted: &str) -> bool {
    let name = granted.rsplit('/').next().unwrap_or(granted);
    name.eq_ignore_ascii_case(wanted)
}

/// What covers a scope besides itself.
fn wider(scope: &str) -> &'static [&'static str] {
    match scope {
        BASIC => &[READ, WRITE, "Calendars.Read.Shared", "Calendars.ReadWrite.Shared"],
        READ => &[WRITE, "Calendars.Read.Shared", "Calendars.ReadWrite.Shared"],
        WRITE => &["Calendars.ReadWrite.Shared"],
        _ => &[],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALL: [Access; 3] = [Access::BusyOnly, Access::Read, Access::ReadWrite];

    #[test]
    fn a_level_asks_for_no_more_than_it_needs() {
        for access in ALL {
            assert!(scopes(access).contains(&"offline_access"));
            assert!(missing(&scopes(access).join(" "), access).is_empty());
            assert_eq!(missing("", access).len(), 1);
        }
        let writes = |access| scopes(access).iter().any(|scope| scope.contains("Write"));
        assert_eq!(ALL.map(writes), [false, false, true]);
    }

    #[test]
    fn a_wider_scope_covers_a_narrower_one_with_or_without_graphs_address() {
        for granted in ["Calendars.ReadWrite", "https://graph.microsoft.com/Calendars.ReadWrite"] {
            assert!(ALL.iter().all(|access| missing(granted, *access).is_empty()), "{granted}");
        }
        assert_eq!(missing("Calendars.Read openid", Access::ReadWrite), ["Calendars.ReadWrite"]);
        assert!(missing("calendars.read", Access::BusyOnly).is_empty());
        assert_eq!(missing("Calendars.ReadBasic", Access::Read), ["Calendars.Read"]);
        assert_eq!(missing("MyCalendars.ReadWrite", Access::Read), ["Calendars.Read"]);
    }
}
