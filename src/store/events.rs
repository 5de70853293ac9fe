//! Events as provider items, and the busy intervals expanded from them.

use std::{borrow::Cow, collections::HashMap};

use jiff::Timestamp;
use serde::Serialize;

use super::{
    StoreError, Tx,
    args::{json_array, storable},
    columns::{Columns, Stored},
    error::Result,
    tx::Sql,
};
use crate::model::{
    busy::BusyClass,
    event::Event,
    ids::{CalendarId, TenantId},
    interval::Span,
};

/// One provider item and its components.
#[derive(Clone, Debug, PartialEq)]
pub struct EventRow {
    /// The provider's name for it; opaque.
    pub item: String,
    /// Items that expand together share this.
    pub series: String,
    pub version: Option<String>,
    pub events: Vec<Event>,
    /// What could not be read of it, without personal content.
    pub faults: Vec<String>,
    /// By which words it says that a hub has written it: our marker, or a UID of our making.
    pub origin: Option<String>,
}

impl Stored for EventRow {
    const TABLE: &'static str = "events";

    fn read(columns: &Columns<'_>) -> Result<Self> {
        Ok(Self {
            item: columns.get("item")?,
            series: columns.get("series")?,
            version: columns.get("version")?,
            events: columns.get("body")?,
            faults: columns.get::<Option<_>>("faults")?.unwrap_or_default(),
            origin: columns.get("origin")?,
        })
    }
}

/// The two columns by which items are compared with a listing.
struct Pair(String, Option<String>);

impl Stored for Pair {
    const TABLE: &'static str = "events";

    fn read(columns: &Columns<'_>) -> Result<Self> {
        Ok(Self(columns.get("item")?, columns.get("value")?))
    }
}

/// One busy interval of a series.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct BusyRow {
    pub series: String,
    pub span: Span,
    pub class: BusyClass,
}

impl Stored for BusyRow {
    const TABLE: &'static str = "busy";

    fn read(columns: &Columns<'_>) -> Result<Self> {
        let class: i64 = columns.get("class")?;
        let span = Span::new(columns.get("start_us")?, columns.get("end_us")?);
        Ok(Self {
            series: columns.get("series")?,
            span: span.ok_or(StoreError::Corrupt { table: Self::TABLE, column: "end_us" })?,
            class: BusyClass::from_code(i16::try_from(class).unwrap_or(i16::MAX)),
        })
    }
}

/// A busy interval with whose it is, for lists across calendars.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CalendarBusyRow {
    pub tenant_id: TenantId,
    pub calendar_id: CalendarId,
    pub busy: BusyRow,
}

impl Stored for CalendarBusyRow {
    const TABLE: &'static str = "busy";

    fn read(columns: &Columns<'_>) -> Result<Self> {
        Ok(Self {
            tenant_id: columns.get("tenant_id")?,
            calendar_id: columns.get("calendar_id")?,
            busy: BusyRow::read(columns)?,
        })
    }
}

/// All busy intervals of one calendar. The database joins them into one text, because a row an interval costs many
/// times what the interval does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CalendarSpans {
    pub tenant_id: TenantId,
    pub calendar_id: CalendarId,
    /// Start and end in microseconds since 1970, and the class; in no order.
    pub spans: Vec<(i64, i64, BusyClass)>,
}

impl Stored for CalendarSpans {
    const TABLE: &'static str = "busy";

    fn read(columns: &Columns<'_>) -> Result<Self> {
        let text: String = columns.get("spans")?;
        let corrupt = StoreError::Corrupt { table: Self::TABLE, column: "spans" };
        Ok(Self {
            tenant_id: columns.get("tenant_id")?,
            calendar_id: columns.get("calendar_id")?,
            spans: spans(&text).ok_or(corrupt)?,
        })
    }
}

/// Reads pairs of a start and sixteen times the length plus the class.
fn spans(text: &str) -> Option<Vec<(i64, i64, BusyClass)>> {
    let mut numbers = text.split(' ');
    let mut spans = Vec::with_capacity(text.len() / 24);
    while let Some(start) = numbers.next() {
        let start: i64 = start.parse().ok()?;
        let rest: i64 = numbers.next()?.parse().ok()?;
        let class = BusyClass::from_code(i16::try_from(rest.rem_euclid(16)).ok()?);
        spans.push((start, start.checked_add(rest.div_euclid(16))?, class));
    }
    Some(spans)
}

/// Statements on events and busy intervals.
#[derive(Debug)]
pub struct Events<'t>(&'t mut Tx);

impl Tx {
    pub fn events(&mut self) -> Events<'_> {
        Events(self)
    }
}

#[derive(Serialize)]
struct EventJson<'a> {
    item: Cow<'a, str>,
    series: Cow<'a, str>,
    version: Option<Cow<'a, str>>,
    body: String,
    faults: Option<String>,
    origin: Option<Cow<'a, str>>,
}

#[derive(Serialize)]
struct BusyJson<'a> {
    series: Cow<'a, str>,
    start_us: i64,
    end_us: i64,
    class: i16,
}

fn busy_json(rows: &[BusyRow]) -> String {
    let rows: Vec<_> = rows
        .iter()
        .map(|row| BusyJson {
            series: storable(&row.series),
            start_us: row.span.start_us(),
            end_us: row.span.end_us(),
            class: row.class.code(),
        })
        .collect();
    json_array(&rows)
}

fn names_json(names: &[String]) -> String {
    let names: Vec<_> = names.iter().map(|name| storable(name)).collect();
    json_array(&names)
}

impl Events<'_> {
    /// Reads the version of every item, for comparing with a listing.
    pub async fn versions(
        &mut self,
        tenant: &TenantId,
        calendar: &CalendarId,
    ) -> Result<HashMap<String, Option<String>>> {
        self.pairs(include_str!("sql/event_versions.sql"), tenant, calendar).await
    }

    /// Reads the version of every item that could not be read so far, which is how often that was tried.
    pub async fn unread(
        &mut self,
        tenant: &TenantId,
        calendar: &CalendarId,
    ) -> Result<HashMap<String, Option<String>>> {
        self.pairs(include_str!("sql/event_unread.sql"), tenant, calendar).await
    }

    async fn pairs(
        &mut self,
        sql: &'static str,
        tenant: &TenantId,
        calendar: &CalendarId,
    ) -> Result<HashMap<String, Option<String>>> {
        let pairs: Vec<Pair> = self.0.all(sql, &[tenant.into(), calendar.into()]).await?;
        Ok(pairs.into_iter().map(|Pair(item, version)| (item, version)).collect())
    }

    /// Tells which series those of `items` that are stored belong to.
    pub async fn series_of_items(
        &mut self,
        tenant: &TenantId,
        calendar: &CalendarId,
        items: &[String],
    ) -> Result<HashMap<String, String>> {
        const SQL: Sql = Sql::parted(
            include_str!("sql/event_series_of_items.sqlite.sql"),
            include_str!("sql/event_series_of_items.postgres.sql"),
        );
        let args = [tenant.into(), calendar.into(), names_json(items).into()];
        let pairs: Vec<Pair> = self.0.all(SQL, &args).await?;
        Ok(pairs.into_iter().filter_map(|Pair(item, series)| Some((item, series?))).collect())
    }

    /// Reads every item of each of `series`, by (series, item).
    pub async fn bodies_of_series(
        &mut self,
        tenant: &TenantId,
        calendar: &CalendarId,
        series: &[String],
    ) -> Result<Vec<EventRow>> {
        const SQL: Sql = Sql::parted(
            include_str!("sql/event_bodies_of_series.sqlite.sql"),
            include_str!("sql/event_bodies_of_series.postgres.sql"),
        );
        let args = [tenant.into(), calendar.into(), names_json(series).into()];
        self.0.all(SQL, &args).await
    }

    /// Reads every item of the next `limit` series after the series `after`, by (series, item): a series
    /// is never torn apart by a page's end.
    pub async fn all_bodies(
        &mut self,
        tenant: &TenantId,
        calendar: &CalendarId,
        after: Option<&str>,
        limit: i64,
    ) -> Result<Vec<EventRow>> {
        let args = [tenant.into(), calendar.into(), after.into(), limit.into()];
        self.0.all(include_str!("sql/event_all_bodies.sql"), &args).await
    }

    /// Marks the time of some series that stands as the hub itself has written it. Not the calendar's own word any
    /// more: what the bookings want counts in its place.
    pub async fn mark_mirrors(
        &mut self,
        tenant: &TenantId,
        calendar: &CalendarId,
        series: &[&str],
    ) -> Result<u64> {
        const SQL: Sql = Sql::parted(
            include_str!("sql/busy_mirror.sqlite.sql"),
            include_str!("sql/busy_mirror.postgres.sql"),
        );
        let series: Vec<_> = series.iter().map(|one| storable(one)).collect();
        self.0.execute(SQL, &[tenant.into(), calendar.into(), json_array(&series).into()]).await
    }

    /// Stores items in one statement; those that are stored like this already are not written. Answers
    /// how many were.
    pub async fn upsert_many(
        &mut self,
        tenant: &TenantId,
        calendar: &CalendarId,
        rows: &[EventRow],
        now: Timestamp,
    ) -> Result<u64> {
        const SQL: Sql = Sql::parted(
            include_str!("sql/event_upsert_many.sqlite.sql"),
            include_str!("sql/event_upsert_many.postgres.sql"),
        );
        if rows.is_empty() {
            return Ok(0);
        }
        let rows: Vec<_> = rows
            .iter()
            .map(|row| EventJson {
                item: storable(&row.item),
                series: storable(&row.series),
                version: row.version.as_deref().map(storable),
                body: json_array(&row.events),
                faults: (!row.faults.is_empty()).then(|| json_array(&row.faults)),
                origin: row.origin.as_deref().map(storable),
            })
            .collect();
        let args = [tenant.into(), calendar.into(), json_array(&rows).into(), now.into()];
        self.0.execute(SQL, &args).await
    }

    /// Deletes items; their busy intervals are the caller's to delete, as a series may live on.
    pub async fn delete_many(
        &mut self,
        tenant: &TenantId,
        calendar: &CalendarId,
        items: &[String],
    ) -> Result<u64> {
        const SQL: Sql = Sql::parted(
            include_str!("sql/event_delete_many.sqlite.sql"),
            include_str!("sql/event_delete_many.postgres.sql"),
        );
        if items.is_empty() {
            return Ok(0);
        }
        let args = [tenant.into(), calendar.into(), names_json(items).into()];
        self.0.execute(SQL, &args).await
    }

    /// Lists the items written at `since` or later: a listing that began before must not sweep them. What was
    /// written later than `now` was written long ago, by a clock that was ahead.
    pub async fn touched_since(
        &mut self,
        tenant: &TenantId,
        calendar: &CalendarId,
        since: Timestamp,
        now: Timestamp,
    ) -> Result<Vec<String>> {
        let args = [tenant.into(), calendar.into(), since.into(), now.into()];
        self.0.values(include_str!("sql/event_touched_since.sql"), &args).await
    }

    /// Counts a calendar's items.
    pub async fn count(&mut self, tenant: &TenantId, calendar: &CalendarId) -> Result<i64> {
        let args = [tenant.into(), calendar.into()];
        self.0.value(include_str!("sql/event_count.sql"), &args).await
    }

    pub async fn busy_of_series(
        &mut self,
        tenant: &TenantId,
        calendar: &CalendarId,
        series: &[String],
    ) -> Result<Vec<BusyRow>> {
        const SQL: Sql = Sql::parted(
            include_str!("sql/busy_of_series.sqlite.sql"),
            include_str!("sql/busy_of_series.postgres.sql"),
        );
        let args = [tenant.into(), calendar.into(), names_json(series).into()];
        self.0.all(SQL, &args).await
    }

    pub async fn busy_of_calendar(
        &mut self,
        tenant: &TenantId,
        calendar: &CalendarId,
    ) -> Result<Vec<BusyRow>> {
        let args = [tenant.into(), calendar.into()];
        self.0.all(include_str!("sql/busy_of_calendar.sql"), &args).await
    }

    /// Reads the intervals that share an instant with `span`, by start.
    pub async fn busy_between(
        &mut self,
        tenant: &TenantId,
        calendar: &CalendarId,
        span: Span,
    ) -> Result<Vec<BusyRow>> {
        let args = [tenant.into(), calendar.into(), span.start_us().into(), span.end_us().into()];
        self.0.all(include_str!("sql/busy_between.sql"), &args).await
    }

    /// Deletes exactly these intervals.
    pub async fn busy_delete(
        &mut self,
        tenant: &TenantId,
        calendar: &CalendarId,
        rows: &[BusyRow],
    ) -> Result<u64> {
        const SQL: Sql = Sql::parted(
            include_str!("sql/busy_delete.sqlite.sql"),
            include_str!("sql/busy_delete.postgres.sql"),
        );
        if rows.is_empty() {
            return Ok(0);
        }
        self.0.execute(SQL, &[tenant.into(), calendar.into(), busy_json(rows).into()]).await
    }

    /// Adds intervals; those that are there already stay as they are.
    pub async fn busy_insert(
        &mut self,
        tenant: &TenantId,
        calendar: &CalendarId,
        rows: &[BusyRow],
    ) -> Result<u64> {
        const SQL: Sql = Sql::parted(
            include_str!("sql/busy_insert.sqlite.sql"),
            include_str!("sql/busy_insert.postgres.sql"),
        );
        if rows.is_empty() {
            return Ok(0);
        }
        self.0.execute(SQL, &[tenant.into(), calendar.into(), busy_json(rows).into()]).await
    }

    /// Reads the intervals of the calendars after the first bound up to and with the second, of every
    /// tenant, for loading the index page by page beside [`Calendars::all`](super::Calendars::all).
    pub async fn busy_by_calendar(
        &mut self,
        after: Option<(&TenantId, &CalendarId)>,
        upto: (&TenantId, &CalendarId),
    ) -> Result<Vec<CalendarSpans>> {
        const SQL: Sql = Sql::parted(
            include_str!("sql/busy_by_calendar.sqlite.sql"),
            include_str!("sql/busy_by_calendar.postgres.sql"),
        );
        let args = [
            after.map(|(tenant, _)| tenant).into(),
            after.map(|(_, calendar)| calendar).into(),
            upto.0.into(),
            upto.1.into(),
        ];
        self.0.all(SQL, &args).await
    }

    /// Lists spans that could not be expanded, by (calendar, series).
    pub async fn unexpandable(
        &mut self,
        tenant: &TenantId,
        limit: i64,
    ) -> Result<Vec<CalendarBusyRow>> {
        self.0.all(include_str!("sql/busy_unexpandable.sql"), &[tenant.into(), limit.into()]).await
    }
}
