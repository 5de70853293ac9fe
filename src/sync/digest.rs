//! From a provider's items to what a series changes: normalise, expand, compare. Pure, and contained: an
//! item that cannot be understood, or that makes us panic, spoils nothing but itself.

use std::{
    collections::{BTreeMap, HashMap},
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
};

use connectors::Item;
use jiff::tz::TimeZone;

use super::{
    normalise::{Judging, normalise},
    plan::{SeriesPlan, diff},
};
use crate::{
    model::{
        busy::{BusyClass, BusyInterval},
        event::Event,
        interval::Span,
        recurrence::{Budget, Trouble, expand_events},
        time::{Zone, resolve_zone},
    },
    push::origin_of,
    store::{BusyRow, EventRow},
};

/// How one calendar's series become busy intervals. That a whole calendar may not count as busy is left to
/// the index, so that a change of mind needs no new reading.
#[derive(Clone, Debug)]
pub struct Frame {
    pub window: Span,
    /// The owner's zone, for floating and all-day times.
    pub zone: TimeZone,
    /// A zone that is stated for them in a name that nobody knows: then they are uncertain.
    pub unknown: Option<Zone>,
    pub allowance: Arc<Allowance>,
}

impl Frame {
    /// A frame with a whole allowance.
    pub fn new(window: Span, zone: TimeZone) -> Self {
        Self { window, zone, unknown: None, allowance: Arc::default() }
    }

    /// A frame for a calendar whose zone is stated by a name: IANA's, Windows', or one that nobody knows.
    pub fn stated(window: Span, name: Option<&str>) -> Self {
        let zone = name.map(|name| resolve_zone(name, &[]));
        let known = zone.as_ref().and_then(Zone::time_zone);
        let unknown = zone.filter(|_| known.is_none());
        Self { unknown, ..Self::new(window, known.unwrap_or(TimeZone::UTC)) }
    }
}

/// What all series of a calendar may cost together in one round. Honest calendars hold no series beyond its
/// budget, or one; each makes the next ones cheaper, and after a hundred of them no rule is worked out any more.
/// What is not worked out is unknown.
#[derive(Debug)]
pub struct Allowance {
    steps: AtomicU32,
    exhausted: AtomicU32,
}

impl Default for Allowance {
    fn default() -> Self {
        Self { steps: AtomicU32::new(100 * Budget::STEPS), exhausted: AtomicU32::new(0) }
    }
}

impl Allowance {
    /// Enough for a rule of every day in our window.
    const LEAST: u32 = 1_000;
    const MOST_EXHAUSTED: u32 = 100;

    fn grant(&self) -> u32 {
        let share = match self.exhausted.load(Ordering::Relaxed) {
            Self::MOST_EXHAUSTED.. => 0,
            count => Budget::STEPS.checked_shr(count).unwrap_or(0).max(Self::LEAST),
        };
        share.min(self.steps.load(Ordering::Relaxed))
    }

    fn take(&self, steps: u32, is_exhausted: bool) {
        let left = self.steps.load(Ordering::Relaxed).saturating_sub(steps);
        self.steps.store(left, Ordering::Relaxed);
        self.exhausted.fetch_add(u32::from(is_exhausted), Ordering::Relaxed);
    }
}

/// What has become of an item.
#[derive(Clone, Debug, PartialEq)]
pub enum News {
    Present(EventRow),
    Gone,
}

/// What is stored of the series that some news is about.
#[derive(Clone, Debug, Default)]
pub struct Stored {
    /// By item.
    pub events: BTreeMap<String, EventRow>,
    /// By series.
    pub busy: HashMap<String, Vec<BusyInterval>>,
}

impl Stored {
    pub fn new(events: Vec<EventRow>, busy: Vec<BusyRow>) -> Self {
        let mut stored = Self {
            events: events.into_iter().map(|row| (row.item.clone(), row)).collect(),
            busy: HashMap::new(),
        };
        for row in busy {
            let interval = BusyInterval { span: row.span, class: row.class };
            stored.busy.entry(row.series).or_default().push(interval);
        }
        stored
    }
}

/// Reads an item into the hub's words. What cannot be read at all keeps what was known of it before, and is
/// unknown beside: an error never frees time, and what cannot be placed may be anywhere.
pub fn read(item: &Item, before: Option<&EventRow>) -> EventRow {
    let judging = Judging::default();
    let read = catch_unwind(AssertUnwindSafe(|| normalise(item, judging)));
    let (events, faults) = match read {
        Ok(read) if item.unplaced && read.series.events.iter().all(Event::is_unplaced) => {
            (kept(before).chain(read.series.events).collect(), read.faults)
        }
        Ok(read) => (read.series.events, read.faults),
        Err(_) => {
            tracing::error!("An item could not be understood; it is kept aside.");
            let events = kept(before).chain([Event::unplaced()]).collect();
            (events, vec!["this item could not be understood".to_owned()])
        }
    };
    EventRow {
        item: item.item.as_str().to_owned(),
        series: item.series.as_str().to_owned(),
        version: item.version.as_ref().map(|version| version.as_str().to_owned()),
        events,
        faults,
        origin: origin_of(item),
    }
}

/// What was known of an item that cannot be read any more.
fn kept(before: Option<&EventRow>) -> impl Iterator<Item = Event> {
    let events = before.map(|row| row.events.clone()).unwrap_or_default();
    events.into_iter().filter(|event| !event.is_unplaced())
}

/// Expands all items of a series. What is too costly, or makes us panic, is unknown over the window.
pub fn intervals<'a>(
    rows: impl IntoIterator<Item = &'a EventRow>,
    frame: &Frame,
) -> Vec<BusyInterval> {
    let events = rows.into_iter().flat_map(|row| &row.events);
    let moored: Vec<Event>;
    let events: Vec<&Event> = match &frame.unknown {
        Some(zone) => {
            moored = events.map(|event| event.moored(zone)).collect();
            moored.iter().collect()
        }
        None => events.collect(),
    };
    let granted = frame.allowance.grant();
    let expanded = catch_unwind(AssertUnwindSafe(|| {
        let mut budget = Budget::of(granted);
        let expansion = expand_events(events, frame.window, &frame.zone, &mut budget);
        let is_exhausted = expansion.unexpandable == Some(Trouble::Budget);
        frame.allowance.take(granted.saturating_sub(budget.left()), is_exhausted);
        expansion.intervals
    }));
    expanded.unwrap_or_else(|_| {
        tracing::error!("A series could not be expanded; its time is unknown.");
        vec![BusyInterval { span: frame.window, class: BusyClass::Unexpandable }]
    })
}

/// Plans every series that the news is about; a series that changes nothing gives no plan.
pub fn plans(
    stored: &Stored,
    news: &BTreeMap<String, News>,
    frame: &Frame,
) -> Vec<SeriesPlan<EventRow>> {
    let mut touched: BTreeMap<&str, SeriesPlan<EventRow>> = BTreeMap::new();
    for (item, what) in news {
        let before = stored.events.get(item);
        let homes = [before.map(|row| row.series.as_str()), what.series()];
        for series in homes.into_iter().flatten() {
            touched.entry(series).or_insert_with(|| SeriesPlan::of(series));
        }
        match (before, what) {
            (Some(before), News::Present(row)) if before == row => {}
            (_, News::Present(row)) => {
                if let Some(plan) = touched.get_mut(row.series.as_str()) {
                    plan.keep.push(row.clone());
                }
            }
            (Some(before), News::Gone) => {
                if let Some(plan) = touched.get_mut(before.series.as_str()) {
                    plan.drop.push(item.clone());
                }
            }
            // The provider says farewell to what we never knew.
            (None, News::Gone) => {}
        }
    }
    let ended = ended(stored, news);
    for row in ended.values() {
        if let Some(plan) = touched.get_mut(row.series.as_str()) {
            plan.drop.push(row.item.clone());
        }
    }
    let after = after(stored, news, &ended);
    let mut plans: Vec<_> = touched.into_values().collect();
    for plan in &mut plans {
        let rows = after.get(plan.series.as_str()).map(Vec::as_slice).unwrap_or_default();
        let before = stored.busy.get(&plan.series).map(Vec::as_slice).unwrap_or_default();
        plan.diff = diff(before, &intervals(rows.iter().copied(), frame));
    }
    plans.retain(|plan| !(plan.diff.is_empty() && plan.keep.is_empty() && plan.drop.is_empty()));
    plans
}

/// What ends with its series, though nobody names it: a provider that keeps exceptions as items of their own says
/// farewell to the series alone.
fn ended<'a>(stored: &'a Stored, news: &BTreeMap<String, News>) -> BTreeMap<&'a str, &'a EventRow> {
    let has_ended = |series: &String| matches!(news.get(series), Some(News::Gone));
    let is_left = |row: &&EventRow| has_ended(&row.series) && !news.contains_key(&row.item);
    let left = stored.events.values().filter(is_left);
    left.map(|row| (row.item.as_str(), row)).collect()
}

/// Every item of every series once the news is in, by series.
fn after<'a>(
    stored: &'a Stored,
    news: &'a BTreeMap<String, News>,
    ended: &BTreeMap<&str, &EventRow>,
) -> HashMap<&'a str, Vec<&'a EventRow>> {
    let mut all: HashMap<&str, Vec<&EventRow>> = HashMap::new();
    let is_untouched =
        |row: &&EventRow| !news.contains_key(&row.item) && !ended.contains_key(row.item.as_str());
    let untouched = stored.events.values().filter(is_untouched);
    let present = news.values().filter_map(|what| match what {
        News::Present(row) => Some(row),
        News::Gone => None,
    });
    for row in untouched.chain(present) {
        all.entry(row.series.as_str()).or_default().push(row);
    }
    all
}

impl News {
    fn series(&self) -> Option<&str> {
        match self {
            Self::Present(row) => Some(&row.series),
            Self::Gone => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use connectors::{ItemRef, Version};

    use super::*;
    use crate::model::event::{Length, Moment};

    fn frame() -> Frame {
        let at = |text: &str| text.parse().unwrap();
        let window = Span::clamped(at("2027-03-01T00:00:00Z"), at("2027-04-01T00:00:00Z"));
        Frame::new(window, TimeZone::UTC)
    }

    fn hour(text: &str) -> Event {
        Event {
            start: Moment::Utc(text.parse().unwrap()),
            length: Length::Nominal { days: 0, seconds: 3600 },
            class: Some(BusyClass::Busy),
            replaces: None,
            rules: vec![],
            exrules: vec![],
            rdates: vec![],
            exdates: vec![],
            part: 0,
            sequence: 0,
            stamped: None,
        }
    }

    fn row(item: &str, series: &str, events: Vec<Event>) -> EventRow {
        let (item, series) = (item.to_owned(), series.to_owned());
        EventRow {
            item,
            series,
            version: Some("1".to_owned()),
            events,
            faults: vec![],
            origin: None,
        }
    }

    #[test]
    fn an_item_that_can_no_longer_be_read_keeps_the_time_it_had() {
        let before = row("a", "a", vec![hour("2027-03-02T09:00:00Z")]);
        let broken = Item {
            item: ItemRef::new("a"),
            series: ItemRef::new("a"),
            version: Some(Version::new("2")),
            events: vec![],
            zones: vec![],
            faults: vec!["no DTSTART".to_owned()],
            unplaced: true,
        };
        let now = read(&broken, Some(&before));
        assert_eq!(now.events, [before.events.clone(), vec![Event::unplaced()]].concat());
        let again = read(&broken, Some(&now));
        assert_eq!(again.events, now.events, "read once more, it is still one unknown");
        let frame = frame();
        let unknown = BusyInterval { span: frame.window, class: BusyClass::Unexpandable };
        let busy = intervals([&now], &frame);
        assert!(busy.contains(&unknown), "{busy:?}");
        assert_eq!(busy.len(), 2);
        assert_eq!((now.version.as_deref(), now.faults.len()), (Some("2"), 1));
        let emptied = Item { faults: vec![], unplaced: false, ..broken };
        assert!(read(&emptied, Some(&before)).events.is_empty(), "no event and no fault: empty");
    }

    #[test]
    fn a_day_in_a_zone_that_nobody_knows_is_unknown_around_the_earth_and_never_free() {
        let day = Event {
            start: Moment::Date(jiff::civil::date(2027, 3, 2)),
            length: Length::Days(1),
            ..hour("2027-03-02T00:00:00Z")
        };
        let row = row("a", "a", vec![day]);
        let busy = |name: Option<&str>| {
            let frame = Frame::stated(frame().window, name);
            let found = intervals([&row], &frame);
            found.iter().map(|it| format!("{} {:?}", it.span.start(), it.class)).collect::<Vec<_>>()
        };
        for known in ["Europe/Berlin", "W. Europe Standard Time", "(UTC+01:00) Amsterdam, Berlin"] {
            assert_eq!(busy(Some(known)), ["2027-03-01T23:00:00Z Busy"], "{known}");
        }
        assert_eq!(busy(None), ["2027-03-02T00:00:00Z Busy"]);
        for unknown in ["Customized Time Zone", "tzone://Microsoft/Custom", "中国标准时间"] {
            let found = busy(Some(unknown));
            assert!(found.iter().any(|it| it.ends_with("Unexpandable")), "{unknown}: {found:?}");
            assert!(found.contains(&"2027-03-02T00:00:00Z Busy".to_owned()), "{found:?}");
        }
    }

    #[test]
    fn an_item_leaving_its_series_takes_only_its_own_time() {
        let master = row("m", "m", vec![hour("2027-03-02T09:00:00Z")]);
        let other = row("x", "m", vec![hour("2027-03-03T09:00:00Z")]);
        let frame = frame();
        let busy = intervals([&master, &other], &frame);
        let busy = busy.into_iter().map(|busy| BusyRow {
            series: "m".to_owned(),
            span: busy.span,
            class: busy.class,
        });
        let stored = Stored::new(vec![master, other], busy.collect());
        let news = BTreeMap::from([("x".to_owned(), News::Gone)]);
        let plans = plans(&stored, &news, &frame);
        assert_eq!(plans.len(), 1);
        assert_eq!((plans[0].diff.deletes.len(), plans[0].drop.len()), (1, 1));
        assert!(!plans[0].only_adds());
    }

    #[test]
    fn the_end_of_a_series_takes_its_exceptions_along() {
        let master = row("m", "m", vec![hour("2027-03-02T09:00:00Z")]);
        let (moved, other) = (row("m_1", "m", vec![]), row("x", "x", vec![]));
        let stored = Stored::new(vec![master, moved, other], vec![]);
        let news = BTreeMap::from([("m".to_owned(), News::Gone)]);
        let plans = plans(&stored, &news, &frame());
        let dropped: Vec<_> = plans.iter().flat_map(|plan| plan.drop.clone()).collect();
        assert_eq!(dropped, ["m", "m_1"]);
    }

    #[test]
    fn a_calendar_full_of_costly_series_costs_little_more_than_one() {
        let costly = |n: usize| {
            let event =
                Event { rules: vec!["FREQ=SECONDLY".to_owned()], ..hour("2027-03-02T09:00:00Z") };
            row(&n.to_string(), &n.to_string(), vec![event])
        };
        let frame = frame();
        let found: usize = (0..1_000).map(|n| intervals([&costly(n)], &frame).len()).sum();
        assert!(found < 400_000, "{found}");
        let last = intervals([&costly(1_000)], &frame);
        assert!(last.iter().any(|busy| busy.class == BusyClass::Unexpandable), "{last:?}");
        assert!(
            !intervals([&row("x", "x", vec![hour("2027-03-02T09:00:00Z")])], &frame).is_empty()
        );
    }

    #[test]
    fn what_is_stored_like_this_already_gives_no_plan() {
        let stored = row("a", "a", vec![hour("2027-03-02T09:00:00Z")]);
        let frame = frame();
        let busy = intervals([&stored], &frame).into_iter().map(|busy| BusyRow {
            series: "a".to_owned(),
            span: busy.span,
            class: busy.class,
        });
        let news = BTreeMap::from([("a".to_owned(), News::Present(stored.clone()))]);
        let stored = Stored::new(vec![stored], busy.collect());
        assert!(plans(&stored, &news, &frame).is_empty());
        let farewell = BTreeMap::from([("never".to_owned(), News::Gone)]);
        assert!(plans(&Stored::default(), &farewell, &frame).is_empty());
    }
}
