//! What a round makes of the pages it reads: what only adds is stored at once, the rest waits for the end.

use std::{
    collections::{BTreeMap, HashSet},
    sync::Arc,
};

use connectors::{Change, Coverage, Item, Page};

use super::Round;
use crate::{
    drill::{Point, reach},
    store::EventRow,
    sync::{
        digest::{Frame, News, Stored, plans, read},
        error::SyncError,
        plan::{SeriesPlan, absent, cut},
        quarantine::future,
        save::ROWS,
    },
};

/// Items planned at a time.
const CHUNK: usize = 200;

impl Round<'_> {
    /// Takes one page in.
    pub(super) async fn take(&mut self, page: Page) -> Result<(), SyncError> {
        self.lists_everything |= page.coverage == Coverage::Everything;
        if let Some(facts) = page.calendar {
            self.facts = facts;
        }
        let mut present: Vec<Item> = Vec::new();
        for change in page.changes {
            match change {
                Change::Unchanged(item) => {
                    self.seen.insert(item.as_str().to_owned());
                }
                Change::Gone(item) => {
                    // A later page may bring it back, and an earlier one may have: the last word counts.
                    self.flush(&mut present).await?;
                    self.seen.remove(item.as_str());
                    self.set_aside(item.as_str().to_owned(), News::Gone);
                }
                Change::Present(item) => {
                    self.seen.insert(item.item.as_str().to_owned());
                    present.push(item);
                    if present.len() >= CHUNK {
                        self.flush(&mut present).await?;
                    }
                }
            }
        }
        self.flush(&mut present).await
    }

    /// Plans some items, stores what only adds, and keeps the rest for the end.
    async fn flush(&mut self, items: &mut Vec<Item>) -> Result<(), SyncError> {
        if items.is_empty() {
            return Ok(());
        }
        let items = std::mem::take(items);
        let names = items.iter().map(|item| item.item.as_str().to_owned());
        let series = items.iter().map(|item| item.series.as_str().to_owned());
        let stored = self.stored(names.collect(), series.collect()).await?;
        let news = self.sort_out(&items, &stored);
        let plans = plans(&stored, &news, &self.frame());
        let (now, later): (Vec<_>, Vec<_>) =
            plans.into_iter().partition(|plan| plan.only_adds() && !self.ask.dry);
        for plan in &later {
            for row in &plan.keep {
                self.set_aside(row.item.clone(), News::Present(row.clone()));
            }
            self.pending_series.insert(plan.series.clone());
        }
        self.count(&now);
        self.stored_early += now.iter().map(|p| future(&p.diff.inserts, self.began)).sum::<usize>();
        self.store_early(now).await
    }

    /// Reads items, sets aside those that wait for others, and answers the rest by name.
    fn sort_out(&mut self, items: &[Item], stored: &Stored) -> BTreeMap<String, News> {
        let mut news = BTreeMap::new();
        for item in items {
            let name = item.item.as_str();
            let before = stored.events.get(name);
            let row = read(item, before);
            // An item that changes its series takes from one what it gives to the other.
            let moves = before.filter(|before| before.series != row.series);
            self.pending_series.extend(moves.map(|before| before.series.clone()));
            if moves.is_some()
                || self.pending_series.contains(&row.series)
                || self.pending.contains_key(name)
            {
                self.set_aside(name.to_owned(), News::Present(row));
            } else {
                news.insert(name.to_owned(), News::Present(row));
            }
        }
        news
    }

    async fn store_early(&self, plans: Vec<SeriesPlan<EventRow>>) -> Result<(), SyncError> {
        for batch in cut(plans.into_iter().flat_map(SeriesPlan::steps), ROWS) {
            let mut tx = self.engine.begin_for(&self.subject).await?;
            self.engine.put(&mut tx, &self.subject, batch).await?;
            reach(Point::PageWritten).await;
            self.engine.commit_held(tx, self.ask.row).await?;
            reach(Point::PageStored).await;
        }
        Ok(())
    }

    fn set_aside(&mut self, item: String, news: News) {
        if let News::Present(row) = &news {
            self.pending_series.insert(row.series.clone());
        }
        self.pending.insert(item, news);
    }

    /// Plans what waited, after adding what a complete listing did not show.
    pub(in crate::sync) async fn pending_plans(
        &mut self,
    ) -> Result<Vec<SeriesPlan<EventRow>>, SyncError> {
        if self.lists_everything {
            for item in self.absent().await? {
                self.pending.entry(item).or_insert(News::Gone);
            }
        }
        let frame = self.frame();
        let pending: Vec<(String, News)> = std::mem::take(&mut self.pending).into_iter().collect();
        // Items of one series must be planned together, and a series may be spread over all of them.
        let chunks = self.by_series(pending).await?;
        let mut all = Vec::new();
        for news in chunks {
            let series = news.values().filter_map(|what| match what {
                News::Present(row) => Some(row.series.clone()),
                News::Gone => None,
            });
            let stored = self.stored(news.keys().cloned().collect(), series.collect()).await?;
            all.extend(plans(&stored, &news, &frame));
        }
        self.count(&all);
        Ok(all)
    }

    /// Cuts news into chunks without tearing a series apart.
    async fn by_series(
        &self,
        pending: Vec<(String, News)>,
    ) -> Result<Vec<BTreeMap<String, News>>, SyncError> {
        let names: Vec<String> = pending.iter().map(|(item, _)| item.clone()).collect();
        let mut tx = self.engine.store.read().await?;
        let (tenant, calendar) = (&self.subject.tenant, &self.subject.calendar.calendar_id);
        let homes = tx.events().series_of_items(tenant, calendar, &names).await?;
        let mut groups: BTreeMap<String, BTreeMap<String, News>> = BTreeMap::new();
        for (item, what) in pending {
            let home = homes.get(&item).cloned();
            let series = match &what {
                News::Present(row) => row.series.clone(),
                News::Gone => home.unwrap_or_else(|| item.clone()),
            };
            groups.entry(series).or_default().insert(item, what);
        }
        let mut chunks: Vec<BTreeMap<String, News>> = Vec::new();
        for group in groups.into_values() {
            match chunks.last_mut() {
                Some(chunk) if chunk.len() + group.len() <= CHUNK => chunk.extend(group),
                _ => chunks.push(group),
            }
        }
        Ok(chunks)
    }

    async fn absent(&self) -> Result<Vec<String>, SyncError> {
        let (tenant, calendar) = (&self.subject.tenant, &self.subject.calendar.calendar_id);
        let mut tx = self.engine.store.read().await?;
        let known = tx.events().versions(tenant, calendar).await?;
        let later = self.began.saturating_add(jiff::SignedDuration::from_micros(1));
        let (later, now) = (later.unwrap_or(self.began), self.engine.clock.now());
        let touched = tx.events().touched_since(tenant, calendar, later, now).await?;
        Ok(absent(known.into_keys(), &self.seen, &touched.into_iter().collect()))
    }

    /// Reads what is stored of some items and series.
    async fn stored(
        &self,
        items: Vec<String>,
        mut series: HashSet<String>,
    ) -> Result<Stored, SyncError> {
        let (tenant, calendar) = (&self.subject.tenant, &self.subject.calendar.calendar_id);
        let mut tx = self.engine.store.read().await?;
        series.extend(tx.events().series_of_items(tenant, calendar, &items).await?.into_values());
        let series: Vec<String> = series.into_iter().collect();
        let events = tx.events().bodies_of_series(tenant, calendar, &series).await?;
        let busy = tx.events().busy_of_series(tenant, calendar, &series).await?;
        Ok(Stored::new(events, busy))
    }

    fn count(&mut self, plans: &[SeriesPlan<EventRow>]) {
        for plan in plans {
            self.pulled.items_changed += plan.keep.len();
            self.pulled.items_gone += plan.drop.len();
            self.pulled.added += plan.diff.inserts.len();
            self.pulled.removed += plan.diff.deletes.len();
            // Before the first listing there is nothing to lose.
            if self.subject.calendar.synced_at.is_some() {
                self.balance.count(&plan.series, &plan.diff, self.began);
            }
        }
    }

    pub(in crate::sync) fn frame(&self) -> Frame {
        let calendar = &self.subject.calendar;
        let stated = self.facts.time_zone.as_deref().or(calendar.time_zone.as_deref());
        let stated = calendar.time_zone_set.as_deref().or(stated);
        Frame { allowance: Arc::clone(&self.allowance), ..Frame::stated(self.covered, stated) }
    }
}
