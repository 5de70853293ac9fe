//! The state of a connection, derived anew from what is known rather than stepped from event to event, so
//! that no lost event can leave it wrong.

use connectors::Remedy;

/// What the world is told about a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// Some calendar has not been read for the first time.
    Syncing,
    Healthy,
    /// Something is failing, held back or gone; the rest works.
    Degraded,
    /// The login is refused: only the person can mend it.
    NeedsReauth,
    /// The provider says that the grant was taken back.
    Revoked,
    /// Being erased; nothing leads out of it.
    Removing,
}

/// Failures in a row before a calendar that worked degrades its connection.
const TOLERATED: u32 = 3;

/// How the login stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Login {
    Accepted,
    Refused,
}

/// One calendar, as far as its connection's state goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CalendarStanding {
    pub listed: bool,
    pub read_once: bool,
    pub failures: u32,
    pub quarantined: bool,
}

/// Decides the state of a connection. `listing_failures` counts failed listings in a row.
pub fn derive(
    current: Standing,
    login: Login,
    listing_failures: u32,
    calendars: &[CalendarStanding],
) -> Standing {
    match (current, login) {
        (Standing::Removing, _) => Standing::Removing,
        (Standing::Revoked, Login::Refused) => Standing::Revoked,
        (_, Login::Refused) => Standing::NeedsReauth,
        (_, Login::Accepted) => {
            let ailing =
                |c: &CalendarStanding| !c.listed || c.quarantined || c.failures >= TOLERATED;
            if listing_failures >= TOLERATED || calendars.iter().any(ailing) {
                Standing::Degraded
            } else if calendars.iter().any(|c| !c.read_once) {
                Standing::Syncing
            } else {
                Standing::Healthy
            }
        }
    }
}

/// The change that tells of a transition, where it is worth one.
pub fn change_type(from: Standing, to: Standing) -> Option<&'static str> {
    if from == to {
        return None;
    }
    match to {
        Standing::Syncing => None,
        Standing::Healthy => Some("connection.healthy"),
        Standing::Degraded => Some("connection.degraded"),
        Standing::NeedsReauth => Some("connection.needs_reauth"),
        Standing::Revoked => Some("connection.revoked"),
        Standing::Removing => None,
    }
}

/// Whether a connection in this state is asked for its calendars' content at all. A refused login is
/// probed by the listing alone, so that it costs one request, not one a calendar.
pub fn is_pulled(standing: Standing) -> bool {
    match standing {
        Standing::Syncing | Standing::Healthy | Standing::Degraded => true,
        Standing::NeedsReauth | Standing::Revoked | Standing::Removing => false,
    }
}

/// What a failed pull asks of the engine besides waiting.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Consequence {
    None,
    /// The login is refused.
    LoginRefused,
    /// List the connection's calendars: this one may have moved or gone.
    ListAgain,
}

/// Sorts a remedy into what it means for the connection.
pub fn consequence(remedy: Remedy) -> Consequence {
    match remedy {
        Remedy::AskForLogin => Consequence::LoginRefused,
        Remedy::Rediscover => Consequence::ListAgain,
        Remedy::Retry { .. }
        | Remedy::PullEverything
        | Remedy::ReadBack
        | Remedy::Reconcile
        | Remedy::SetAside => Consequence::None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const WELL: CalendarStanding =
        CalendarStanding { listed: true, read_once: true, failures: 0, quarantined: false };

    #[test]
    fn a_connection_is_syncing_until_all_its_calendars_were_read_once() {
        let fresh = CalendarStanding { read_once: false, ..WELL };
        let state = |calendars: &[_]| derive(Standing::Syncing, Login::Accepted, 0, calendars);
        assert_eq!(state(&[WELL, fresh]), Standing::Syncing);
        assert_eq!(state(&[WELL, WELL]), Standing::Healthy);
    }

    #[test]
    fn one_failure_is_tolerated_and_three_are_not() {
        let failing = |failures| CalendarStanding { failures, ..WELL };
        let state = |c| derive(Standing::Healthy, Login::Accepted, 0, &[WELL, c]);
        assert_eq!(state(failing(2)), Standing::Healthy);
        assert_eq!(state(failing(3)), Standing::Degraded);
        assert_eq!(derive(Standing::Healthy, Login::Accepted, 3, &[WELL]), Standing::Degraded);
    }

    #[test]
    fn a_quarantined_or_vanished_calendar_degrades() {
        for ailing in [
            CalendarStanding { quarantined: true, ..WELL },
            CalendarStanding { listed: false, ..WELL },
        ] {
            let state = derive(Standing::Healthy, Login::Accepted, 0, &[ailing]);
            assert_eq!(state, Standing::Degraded);
        }
    }

    #[test]
    fn a_refused_login_needs_the_person_and_heals_when_accepted_again() {
        let refused = derive(Standing::Healthy, Login::Refused, 0, &[WELL]);
        assert_eq!(refused, Standing::NeedsReauth);
        assert!(!is_pulled(refused));
        assert_eq!(derive(refused, Login::Accepted, 0, &[WELL]), Standing::Healthy);
        assert_eq!(change_type(refused, Standing::Healthy), Some("connection.healthy"));
    }

    #[test]
    fn nothing_leads_out_of_removing() {
        assert_eq!(derive(Standing::Removing, Login::Accepted, 0, &[WELL]), Standing::Removing);
        assert_eq!(change_type(Standing::Healthy, Standing::Healthy), None);
    }
}
