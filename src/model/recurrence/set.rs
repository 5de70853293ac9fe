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

/// A start of the set, with its own length when an RDATE gives one.
#[derive(Clone, Copy, Debug)]
pub(super) struct Original {
    pub start: Start,
    pub extent: Option<Extent>,
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
        for Original { extent, .. } in set.extras() {
            set.longest = set.longest.max(extent.map_or(0, Extent::longest));
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
    pub(super) fn search(
        &mut self,
        from: i64,
        to: i64,
        budget: &mut Budget,
    ) -> (Vec<Original>, Gaps) {
        let span = self.master.clock.reach(from, to);
        let event = self.master.event;
        let mut gaps = Gaps::default();
        let mut starts = vec![self.master.start];
        for rule in &event.rules {
            if let Err(missing) = self.follow(rule, First::Always, span, budget, &mut starts) {
                gaps.missing = gaps.missing.into_iter().chain([missing]).min_by_key(|(at, _)| *at);
            }
        }
        let mut excluded = Vec::new();
        for rule in &event.exrules {
            if let Err((_, why)) = self.follow(rule, First::IfMatched, span, budget, &mut excluded)
            {
                gaps.doubtful = Some(why);
            }
        }
        excluded.sort_unstable_by_key(|start| start.instant);
        let mut originals = self.extras();
        originals.extend(starts.into_iter().map(|start| Original { start, extent: None }));
        // Of several for one start, the one with its own length comes first and stays. Starts that a clock
        // change lays on one instant stay apart: a day that was skipped is not the day after it.
        let place = |original: &Original| (original.start.instant, original.start.wall);
        originals.sort_by_key(|original| (place(original), original.extent.is_none()));
        originals.dedup_by_key(|original| place(original));
        originals.retain(|original| {
            (from..=to).contains(&original.start.instant)
                && !self.excludes(original.start)
                && excluded.binary_search_by_key(&original.start.instant, |s| s.instant).is_err()
        });
        (originals, gaps)
    }

    fn excludes(&self, start: Start) -> bool {
        self.instants.binary_search(&start.instant).is_ok()
            || self.days.binary_search(&start.wall.div_euclid(DAY_S)).is_ok()
    }

    fn extras(&mut self) -> Vec<Original> {
        let rdates = &self.master.event.rdates;
        let extra = |Extra { at, length }: &Extra| {
            let start = self.read(at);
            let extent = length.as_ref().map(|length| self.master.clock.extent(start, length));
            Original { start, extent }
        };
        rdates.iter().map(extra).collect()
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
        let mut walls = Vec::new();
        let walked = walk(&Pattern::new(rule, wall), first, (from, to), budget, &mut walls);
        let clock = &mut self.master.clock;
        starts.extend(walls.into_iter().map(|wall| clock.at(wall)).filter(|s| match until {
            // An all-day series goes by the date that was written, or by the instant where that is later.
            Some(Until::Instant(last)) => s.instant <= last || is_all_day && s.wall <= last,
            _ => true,
        }));
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
