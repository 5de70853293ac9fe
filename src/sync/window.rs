//! The span of time that is kept expanded: it moves on daily, so that nothing drifts into range unseen.

use std::time::Duration;

use connectors::Window;
use jiff::{SignedDuration, Timestamp};

use crate::model::interval::Span;

const DAY: i64 = 24 * 60 * 60;
/// How far back, and how far ahead, busy time is known.
const BACK: SignedDuration = SignedDuration::from_secs(35 * DAY);
const AHEAD: SignedDuration = SignedDuration::from_secs(400 * DAY);
/// A window is moved on when it has fallen behind by this much.
const LAG: Duration = Duration::from_secs(20 * 60 * 60);

/// The window as of `now`, its bounds on whole minutes.
pub fn at(now: Timestamp) -> Span {
    let floor = Timestamp::from_second(now.as_second().div_euclid(60) * 60).unwrap_or(now);
    let bound = |by: SignedDuration, end: Timestamp| floor.saturating_add(by).unwrap_or(end);
    Span::clamped(bound(-BACK, Timestamp::MIN), bound(AHEAD, Timestamp::MAX))
}

/// Whether a calendar covered up to `covered` should be expanded anew.
pub fn is_behind(covered: Option<Span>, now: Timestamp) -> bool {
    let Some(covered) = covered else { return false };
    let reach = SignedDuration::try_from(LAG).unwrap_or(SignedDuration::ZERO);
    covered.end().saturating_add(reach).is_ok_and(|end| end <= at(now).end())
}

/// The same span in the words of a connector.
pub fn of_connector(span: Span) -> Window {
    Window { start: span.start(), end: span.end() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_window_reaches_35_days_back_and_400_ahead() {
        let now: Timestamp = "2027-03-14T09:00:31Z".parse().unwrap();
        let window = at(now);
        assert_eq!(window.start().to_string(), "2027-02-07T09:00:00Z");
        assert_eq!(window.end().to_string(), "2028-04-17T09:00:00Z");
    }

    #[test]
    fn a_window_is_behind_after_most_of_a_day() {
        let now: Timestamp = "2027-03-14T09:00:00Z".parse().unwrap();
        let covered = Some(at(now));
        let hours = |h: i64| now.saturating_add(SignedDuration::from_hours(h)).unwrap();
        assert!(!is_behind(covered, hours(19)));
        assert!(is_behind(covered, hours(20)));
        assert!(!is_behind(None, now), "what was never read has no window to move");
    }
}
