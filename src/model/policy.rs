//! What a class of busy interval blocks, decided at the very end: tenant -> resource -> link.

use serde::{Deserialize, Serialize};

use super::busy::{BusyClass, Kind};

/// What a policy makes of one class.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Treat {
    Busy,
    Tentative,
    Free,
}

/// What one level states; what it leaves out is inherited.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Policy {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tentative: Option<Treat>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub unanswered: Option<Treat>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub declined: Option<Treat>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub all_day_free: Option<Treat>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub out_of_office: Option<Treat>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub working_elsewhere: Option<Treat>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub focus_time: Option<Treat>,
}

/// A policy with nothing left open.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
pub struct Rules {
    pub tentative: Treat,
    pub unanswered: Treat,
    pub declined: Treat,
    pub all_day_free: Treat,
    pub out_of_office: Treat,
    pub working_elsewhere: Treat,
    pub focus_time: Treat,
}

/// Before anybody states anything: an invitation holds time until it is declined, and what the person
/// marked as free, declined or worked from elsewhere does not.
pub const DEFAULT_RULES: Rules = Rules {
    tentative: Treat::Tentative,
    unanswered: Treat::Tentative,
    declined: Treat::Free,
    all_day_free: Treat::Free,
    out_of_office: Treat::Busy,
    working_elsewhere: Treat::Free,
    focus_time: Treat::Busy,
};

impl Rules {
    /// Lays one level over what it inherits.
    #[must_use]
    pub fn under(self, level: &Policy) -> Self {
        Self {
            tentative: level.tentative.unwrap_or(self.tentative),
            unanswered: level.unanswered.unwrap_or(self.unanswered),
            declined: level.declined.unwrap_or(self.declined),
            all_day_free: level.all_day_free.unwrap_or(self.all_day_free),
            out_of_office: level.out_of_office.unwrap_or(self.out_of_office),
            working_elsewhere: level.working_elsewhere.unwrap_or(self.working_elsewhere),
            focus_time: level.focus_time.unwrap_or(self.focus_time),
        }
    }

    /// What a class counts as, or `None` when it does not block.
    ///
    /// `Unexpandable` is no busy time at all (it is *unknown*, whatever the policy), and of a `Mirror` its booking
    /// speaks: `None`.
    pub fn kind(self, class: BusyClass) -> Option<Kind> {
        let (treat, when_busy) = match class {
            BusyClass::Busy => (Treat::Busy, Kind::Busy),
            BusyClass::Tentative => (self.tentative, Kind::Busy),
            BusyClass::Unanswered => (self.unanswered, Kind::Busy),
            BusyClass::Declined => (self.declined, Kind::Busy),
            BusyClass::AllDayFree => (self.all_day_free, Kind::Busy),
            BusyClass::OutOfOffice => (self.out_of_office, Kind::OutOfOffice),
            BusyClass::WorkingElsewhere => (self.working_elsewhere, Kind::Busy),
            BusyClass::FocusTime => (self.focus_time, Kind::Busy),
            BusyClass::Unexpandable | BusyClass::Mirror => return None,
        };
        match treat {
            Treat::Busy => Some(when_busy),
            Treat::Tentative => Some(Kind::Tentative),
            Treat::Free => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_link_overrides_its_resource_and_a_resource_its_tenant() {
        let tenant = Policy {
            tentative: Some(Treat::Free),
            declined: Some(Treat::Busy),
            ..Policy::default()
        };
        let resource = Policy { tentative: Some(Treat::Tentative), ..Policy::default() };
        let link = Policy { tentative: Some(Treat::Busy), ..Policy::default() };
        let rules = DEFAULT_RULES.under(&tenant).under(&resource).under(&link);
        assert_eq!(rules.kind(BusyClass::Tentative), Some(Kind::Busy));
        assert_eq!(rules.kind(BusyClass::Declined), Some(Kind::Busy));
        assert_eq!(rules.kind(BusyClass::OutOfOffice), Some(Kind::OutOfOffice));
    }

    #[test]
    fn plain_busy_time_blocks_whatever_the_policy_says() {
        let all_free = Policy {
            tentative: Some(Treat::Free),
            unanswered: Some(Treat::Free),
            declined: Some(Treat::Free),
            all_day_free: Some(Treat::Free),
            out_of_office: Some(Treat::Free),
            working_elsewhere: Some(Treat::Free),
            focus_time: Some(Treat::Free),
        };
        let rules = DEFAULT_RULES.under(&all_free);
        assert_eq!(rules.kind(BusyClass::Busy), Some(Kind::Busy));
        assert_eq!(rules.kind(BusyClass::OutOfOffice), None);
    }

    #[test]
    fn an_unknown_policy_word_is_refused() {
        assert!(serde_json::from_str::<Policy>(r#"{"tentative":"maybe"}"#).is_err());
        assert!(serde_json::from_str::<Policy>(r#"{"tentatve":"busy"}"#).is_err());
        assert!(serde_json::from_str::<Policy>(r#"{"tentative":null}"#).is_ok());
    }
}
