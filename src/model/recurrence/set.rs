//! The recurrence set of a master: its starts, without those that are excluded or replaced (RFC 5545 3.8.5).

use super::{
    Trouble,
    budget::{Budget, Spent},
    clock::{Extent, Start},
    component::Component,
    pattern::Pattern,
    rule::{Rule, Until},
    walk::{First, walk},
};
use crate::model::{
    event::{Extra, Moment},
    time::DAY_S,
};

/// Starts of the set: sorted, each once. There may be many, so what few have is kept apart.
#[derive(Clone, Debug, Default)]
pub(super) struct Originals {
    pub starts: Vec<Start>,
    /// The lengths that RDATEs give their own starts, sorted by start.
    lengths: Vec<(Start, Extent)>,
}

impl Originals {
    /// A start's own length, if it has one.
    pub(super) fn length(&self, start: Start) -> Option<Extent> {
        let at = self.lengths.binary_search_by_key(&place(start), |(of, _)| place(*of)).ok()?;
        self.lengths.get(at).map(|(_, extent)| *extent)
    }
}

/// What starts are sorted by. Those that a clock change lays on one instant stay apart: a day that was skipped is
/// not the day after it.
fn place(start: Start) -> (i64, i64) {
    (start.instant, start.wall)
}

/// What a search found out besides the starts.
#[derive(Clone, Debug, Default)]
pub(super) struct Gaps {
    /// From this instant on, starts may be missing.
    pub missing: Option<(i64, Trouble)>,
    /// Starts that were found may in truth be excluded.
    pub doubtful: Option<Trouble>,
}

/// A master and what is excluded from its set.
#[derive(Debug)]
pub(super) struct Set<'a> {
    pub master: Component<'a>,
    /// Excluded instants and, where only a day is named, excluded days; sorted.
    instants: Vec<i64>,
    days: Vec<i64>,
    /// A bound on how long any instance lasts.
    pub longest: i64,
}

impl<'a> Set<'a> {
    /// Takes a master, its EXDATEs and the times that overrides replace.
    pub(super) fn new(master: Component<'a>, replaced: impl Iterator<Item = &'a Moment>) -> Self {
        let longest = master.extent.longest();
        let mut set = Self { master, instants: Vec::new(), days: Vec::new(), longest };
        for (_, extent) in set.extras().lengths {
            set.longest = set.longest.max(extent.longest());
        }
        let exdates = &set.master.event.exdates;
        for at in exdates.iter().chain(replaced) {
            match at {
                Moment::Date(_) => set.days.push(set.master.clock.day(at)),
                _ if set.master.clock.is_all_day => set.days.push(set.master.clock.day(at)),
                _ => set.instants.push(set.master.clock.read(at, 0).instant),
            }
        }
        set.instants.sort_unstable();
        set.days.sort_unstable();
        set
    }

    /// Reads another time of the series by the master's clock.
    pub(super) fn read(&mut self, at: &Moment) -> Start {
        self.master.clock.read(at, self.master.start.wall.rem_euclid(DAY_S))
    }

    /// The starts whose instants lie in `[from, to]` (and a few around), sorted, each once.
    pub(super) fn search(&mut self, from: i64, to: i64, budget: &mut Budget) -> (Originals, Gaps) {
        let span = self.master.clock.reach(from, to);
        let event = self.master.event;
        let mut gaps = Gaps::default();
        let Originals { mut starts, lengths } = self.extras();
        for rule in &event.rules {
            if let Err(missing) = self.follow(rule, First::Always, span, budget, &mut starts) {
                gaps.missing = gaps.missing.into_iter().chain([missing]).min_by_key(|(at, _)| *at);
            }
        }
        // Rules give DTSTART as their first start, in its place; but for a rule that ends before it.
        let first = self.master.start;
        if (from..=to).contains(&first.instant) && !starts.contains(&first) {
            starts.push(first);
        }
        let mut excluded = Vec::new();
        for rule in &event.exrules {
            if let Err((_, why)) = self.follow(rule, First::IfMatched, span, budget, &mut excluded)
            {
                gaps.doubtful = Some(why);
            }
        }
        excluded.sort_unstable_by_key(|start| start.instant);
        if !starts.is_sorted_by(|one, next| place(*one) < place(*next)) {
            starts.sort_unstable_by_key(|start| place(*start));
            starts.dedup();
        }
        starts.retain(|start| {
            (from..=to).contains(&start.instant)
                && !self.excludes(*start)
                && excluded.binary_search_by_key(&start.instant, |it| it.instant).is_err()
        });
        (Originals { starts, lengths }, gaps)
    }

    fn excludes(&self, start: Start) -> bool {
        self.instants.binary_search(&start.instant).is_ok()
            || self.days.binary_search(&start.wall.div_euclid(DAY_S)).is_ok()
    }

    /// What RDATEs add, as they stand. Of several lengths for one start the first stays.
    fn extras(&mut self) -> Originals {
        let mut extras = Originals::default();
        for Extra { at, length } in &self.master.event.rdates {
            let start = self.read(at);
            extras.starts.push(start);
            if let Some(length) = length {
                extras.lengths.push((start, self.master.clock.extent(start, length)));
            }
        }
        extras.lengths.sort_by_key(|(start, _)| place(*start));
        extras.lengths.dedup_by_key(|(start, _)| place(*start));
        extras
    }

    /// Adds the starts of one rule, or says from which instant on they are missing, and why.
    fn follow(
        &mut self,
        rule: &str,
        first: First,
        (from, to): (i64, i64),
        budget: &mut Budget,
        starts: &mut Vec<Start>,
    ) -> Result<(), (i64, Trouble)> {
        let Start { wall, instant } = self.master.start;
        let is_all_day = self.master.clock.is_all_day;
        let rule = rule
            .parse::<Rule>()
            .and_then(|rule| if is_all_day { rule.by_days() } else { Ok(rule) });
        let rule = rule.map_err(|why| (instant, Trouble::Rule(why)))?;
        let until = rule.until;
        let to = until.map_or(to, |until| to.min(self.last_wall(until)));
        let clock = &mut self.master.clock;
        let mut take = |wall: i64| {
            let start = clock.at(wall);
            let counts = match until {
                // An all-day series goes by the date that was written, or by the instant where that is later.
                Some(Until::Instant(last)) => {
                    start.instant <= last || is_all_day && start.wall <= last
                }
                _ => true,
            };
            if counts {
                starts.push(start);
            }
        };
        let walked = walk(&Pattern::new(rule, wall), first, (from, to), budget, &mut take);
        walked.map_err(|Spent { at }| (self.master.clock.at(at).instant, Trouble::Budget))
    }

    /// A wall-clock time that no start up to UNTIL exceeds.
    fn last_wall(&self, until: Until) -> i64 {
        match until {
            Until::Day(day) => day * DAY_S + DAY_S - 1,
            Until::Wall(wall) => wall,
            Until::Instant(instant) => self.master.clock.reach(instant, instant).1.max(instant),
        }
    }
}
