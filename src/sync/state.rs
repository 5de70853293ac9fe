//! The state of a connection, derived anew from what is known rather than stepped from event to event, so
//! that no lost event can leave it wrong.

use connectors::Remedy;

use crate::model::states::ConnectionState;

/// Failures in a row before a calendar that worked degrades its connection.
const TOLERATED: i64 = 3;

/// How the login stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Login {
    Accepted,
    Refused,
    /// The provider did not say: it could not be reached, or something else was wrong.
    Unheard,
}

/// One calendar, as far as its connection's state goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CalendarStanding {
    pub listed: bool,
    pub read_once: bool,
    pub failures: i64,
    pub quarantined: bool,
}

/// Decides the state of a connection. `listing_failures` counts failed listings in a row.
pub fn derive(
    current: ConnectionState,
    login: Login,
    listing_failures: i64,
    calendars: &[CalendarStanding],
) -> ConnectionState {
    match (current, login) {
        (ConnectionState::Removing, _) => ConnectionState::Removing,
        (ConnectionState::Revoked, Login::Refused | Login::Unheard) => ConnectionState::Revoked,
        (ConnectionState::NeedsReauth, Login::Unheard) | (_, Login::Refused) => {
            ConnectionState::NeedsReauth
        }
        (_, Login::Accepted | Login::Unheard) => {
            let ailing =
                |c: &CalendarStanding| !c.listed || c.quarantined || c.failures >= TOLERATED;
            // A calendar that is found later does not make the whole connection new again.
            let is_new = current == ConnectionState::Syncing
                || calendars.iter().all(|calendar| !calendar.read_once);
            if listing_failures >= TOLERATED || calendars.iter().any(ailing) {
                ConnectionState::Degraded
            } else if is_new && calendars.iter().any(|c| !c.read_once) {
                ConnectionState::Syncing
            } else {
                ConnectionState::Healthy
            }
        }
    }
}

/// The change that tells of a transition, where it is worth one.
pub fn change_type(from: ConnectionState, to: ConnectionState) -> Option<&'static str> {
    if from == to {
        return None;
    }
    match to {
        ConnectionState::Syncing => None,
        ConnectionState::Healthy => Some("connection.healthy"),
        ConnectionState::Degraded => Some("connection.degraded"),
        ConnectionState::NeedsReauth => Some("connection.needs_reauth"),
        ConnectionState::Revoked => Some("connection.revoked"),
        ConnectionState::Removing => None,
    }
}

/// Whether a connection in this state is asked for its calendars' content at all. A refused login is
/// probed by the listing alone, so that it costs one request, not one a calendar.
pub fn is_pulled(standing: ConnectionState) -> bool {
    match standing {
        ConnectionState::Syncing | ConnectionState::Healthy | ConnectionState::Degraded => true,
        ConnectionState::NeedsReauth | ConnectionState::Revoked | ConnectionState::Removing => {
            false
        }
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
        let state =
            |calendars: &[_]| derive(ConnectionState::Syncing, Login::Accepted, 0, calendars);
        assert_eq!(state(&[WELL, fresh]), ConnectionState::Syncing);
        assert_eq!(state(&[WELL, WELL]), ConnectionState::Healthy);
    }

    #[test]
    fn one_failure_is_tolerated_and_three_are_not() {
        let failing = |failures| CalendarStanding { failures, ..WELL };
        let state = |c| derive(ConnectionState::Healthy, Login::Accepted, 0, &[WELL, c]);
        assert_eq!(state(failing(2)), ConnectionState::Healthy);
        assert_eq!(state(failing(3)), ConnectionState::Degraded);
        assert_eq!(
            derive(ConnectionState::Healthy, Login::Accepted, 3, &[WELL]),
            ConnectionState::Degraded
        );
    }

    #[test]
    fn a_quarantined_or_vanished_calendar_degrades() {
        for ailing in [
            CalendarStanding { quarantined: true, ..WELL },
            CalendarStanding { listed: false, ..WELL },
        ] {
            let state = derive(ConnectionState::Healthy, Login::Accepted, 0, &[ailing]);
            assert_eq!(state, ConnectionState::Degraded);
        }
    }

    #[test]
    fn a_refused_login_needs_the_person_and_heals_when_accepted_again() {
        let refused = derive(ConnectionState::Healthy, Login::Refused, 0, &[WELL]);
        assert_eq!(refused, ConnectionState::NeedsReauth);
        assert!(!is_pulled(refused));
        assert_eq!(derive(refused, Login::Accepted, 0, &[WELL]), ConnectionState::Healthy);
        assert_eq!(change_type(refused, ConnectionState::Healthy), Some("connection.healthy"));
    }

    #[test]
    fn nothing_leads_out_of_removing() {
        assert_eq!(
            derive(ConnectionState::Removing, Login::Accepted, 0, &[WELL]),
            ConnectionState::Removing
        );
        assert_eq!(change_type(ConnectionState::Healthy, ConnectionState::Healthy), None);
    }
}
