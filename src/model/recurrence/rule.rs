//! A recurrence rule as read, before it meets a DTSTART.

/// How often a rule comes round, from the coarsest to the finest.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Freq {
    Yearly,
    Monthly,
    Weekly,
    Daily,
    Hourly,
    Minutely,
    Secondly,
}

/// UNTIL in the three forms it is met in, whatever DTSTART's form is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Until {
    /// Through the end of this day.
    Day(i64),
    /// Wall-clock seconds.
    Wall(i64),
    /// Seconds since 1970, UTC.
    Instant(i64),
}

/// Why a rule cannot be followed. Part names are the RFC's; nothing of the text is repeated.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RuleError {
    #[error("the rule has no FREQ")]
    NoFreq,
    #[error("{0} cannot be read")]
    Unreadable(&'static str),
    #[error("{0} is given twice")]
    Repeated(&'static str),
    #[error("the rule has a part that is not known")]
    UnknownPart,
    #[error("the rule needs a calendar or a treatment of missing dates that is not supported")]
    UnknownCalendar,
    #[error("{0} has no meaning with this FREQ")]
    Misplaced(&'static str),
}

/// A rule. Sets of small numbers are bit masks, and an empty mask or list is a part that is not given.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Rule {
    pub freq: Freq,
    pub interval: i64,
    pub count: Option<i64>,
    pub until: Option<Until>,
    pub week_start: u32,
    pub seconds: u64,
    pub minutes: u64,
    pub hours: u64,
    /// Weekdays without a number.
    pub weekdays: u64,
    /// Numbered weekdays, such as (-1, Friday).
    pub nth_weekdays: Vec<(i64, u32)>,
    pub months: u64,
    pub month_days: u64,
    /// Counted from the end of the month: bit 1 is its last day.
    pub last_month_days: u64,
    pub year_days: Vec<i64>,
    pub weeks: Vec<i64>,
    pub positions: Vec<i64>,
}

impl Rule {
    pub(super) fn new(freq: Freq) -> Self {
        Self {
            freq,
            interval: 1,
            count: None,
            until: None,
            week_start: 0,
            seconds: 0,
            minutes: 0,
            hours: 0,
            weekdays: 0,
            nth_weekdays: Vec::new(),
            months: 0,
            month_days: 0,
            last_month_days: 0,
            year_days: Vec::new(),
            weeks: Vec::new(),
            positions: Vec::new(),
        }
    }

    pub(super) fn has_month_days(&self) -> bool {
        self.month_days | self.last_month_days != 0
    }

    /// Whether any part says which days are meant, other than by month.
    pub(super) fn has_days(&self) -> bool {
        self.has_month_days()
            || self.weekdays != 0
            || !self.nth_weekdays.is_empty()
            || !self.year_days.is_empty()
            || !self.weeks.is_empty()
    }

    /// The rule as it applies to a DTSTART that is a date: times of day mean nothing there (RFC 5545 3.3.10).
    pub(super) fn by_days(mut self) -> Result<Self, RuleError> {
        if self.freq > Freq::Daily {
            return Err(RuleError::Misplaced("a DTSTART without a time"));
        }
        (self.hours, self.minutes, self.seconds) = (0, 0, 0);
        Ok(self)
    }
}
