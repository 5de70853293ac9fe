//! Calendars: what the provider says of them, and how far the last pull got.

use std::time::Duration;

use jiff::Timestamp;
use serde::Serialize;
use serde_json::Value;

use super::{
    Tx,
    args::{json_array, storable},
    columns::{Columns, Stored},
    error::Result,
    tx::{On, Sql},
};
use crate::model::{
    ids::{CalendarId, ConnectionId, ResourceId, TenantId},
    interval::Span,
    states::{InitialSync, PushState},
};

/// The age at which a calendar counts as stale of whose changes the provider tells.
const PUSHED_MAX_AGE: Duration = Duration::from_secs(4 * 60 * 60);

/// One calendar.
#[derive(Clone, Debug, PartialEq)]
pub struct CalendarRow {
    pub tenant_id: TenantId,
    pub calendar_id: CalendarId,
    pub connection_id: ConnectionId,
    pub provider_ref: String,
    pub name: String,
    /// As the provider states it.
    pub time_zone: Option<String>,
    /// As a person set it here; wins.
    pub time_zone_set: Option<String>,
    pub writable: bool,
    /// Nothing in it counts as busy.
    pub transparent: bool,
    /// Whether the connection's last listing had it.
    pub listed: bool,
    pub read_cursor: Option<String>,
    pub generation: i64,
    pub initial_sync: InitialSync,
    /// The instant before the first request of the last completed pull: its age runs from here.
    pub synced_at: Option<Timestamp>,
    /// When the publisher made what was read, where it says so.
    pub published_at: Option<Timestamp>,
    /// When everything was last listed, rather than a delta.
    pub full_at: Option<Timestamp>,
    pub covered_from: Option<Timestamp>,
    pub covered_until: Option<Timestamp>,
    pub poll_every: Duration,
    pub expected_max_age: Duration,
    pub failures: i64,
    pub last_error: Option<String>,
    /// What is kept aside, or `None`.
    pub quarantine: Option<Value>,
    /// Counts the changes that a caller made or that the provider's listing shows; pulls do not move it.
    pub revision: i64,
    /// How well the provider tells of changes.
    pub push: PushState,
    /// When it last did.
    pub heard_at: Option<Timestamp>,
    pub created_at: Timestamp,
    /// Moves with every write to the row.
    pub touched_at: Timestamp,
}

impl Stored for CalendarRow {
    const TABLE: &'static str = "calendars";

    fn read(columns: &Columns<'_>) -> Result<Self> {
        Ok(Self {
            tenant_id: columns.get("tenant_id")?,
            calendar_id: columns.get("calendar_id")?,
            connection_id: columns.get("connection_id")?,
            provider_ref: columns.get("provider_ref")?,
            name: columns.get("name")?,
            time_zone: columns.get("time_zone")?,
            time_zone_set: columns.get("time_zone_set")?,
            writable: columns.get("writable")?,
            transparent: columns.get("transparent")?,
            listed: columns.get("listed")?,
            read_cursor: columns.get("read_cursor")?,
            generation: columns.get("generation")?,
            initial_sync: columns.get("initial_sync")?,
            synced_at: columns.get("synced_us")?,
            published_at: columns.get("published_us")?,
            full_at: columns.get("full_us")?,
            covered_from: columns.get("covered_from_us")?,
            covered_until: columns.get("covered_until_us")?,
            poll_every: columns.get("poll_every_s")?,
            expected_max_age: columns.get("expected_max_age_s")?,
            failures: columns.get("failures")?,
            last_error: columns.get("last_error")?,
            quarantine: columns.get("quarantine")?,
            revision: columns.get("revision")?,
            push: columns.get("push")?,
            heard_at: columns.get("heard_us")?,
            created_at: columns.get("created_us")?,
            touched_at: columns.get("touched_us")?,
        })
    }
}

/// A calendar as a connection's listing shows it.
#[derive(Clone, Debug, PartialEq)]
pub struct RemoteCalendarRow {
    /// The id it gets if it is new; a known calendar keeps its own.
    pub calendar_id: CalendarId,
    pub provider_ref: String,
    pub name: String,
    pub time_zone: Option<String>,
    pub writable: bool,
    pub transparent: bool,
    /// Used if it is new.
    pub poll_every: Duration,
    /// Used if it is new.
    pub expected_max_age: Duration,
}

/// Which calendars to list, by id.
#[derive(Clone, Debug, Default)]
pub struct CalendarFilter {
    pub connection_id: Option<ConnectionId>,
    pub after: Option<CalendarId>,
    pub limit: i64,
}

/// What a completed pull leaves behind; stored with the last page, in one transaction.
#[derive(Clone, Debug, PartialEq)]
pub struct PullOutcome {
    pub cursor: Option<String>,
    pub generation: i64,
    pub synced_at: Timestamp,
    pub covered: Span,
    pub poll_every: Duration,
    pub expected_max_age: Duration,
    pub published_at: Option<Timestamp>,
    /// Kept as it was when `None`.
    pub full_at: Option<Timestamp>,
    /// What a feed says of itself; kept as it was when `None`.
    pub name: Option<String>,
    pub time_zone: Option<String>,
}

/// Statements on calendars.
#[derive(Debug)]
pub struct Calendars<'t>(&'t mut Tx);

impl Tx {
    pub fn calendars(&mut self) -> Calendars<'_> {
        Calendars(self)
    }
}

#[derive(Serialize)]
struct Listed<'a> {
    calendar_id: &'a str,
    provider_ref: std::borrow::Cow<'a, str>,
    name: std::borrow::Cow<'a, str>,
    time_zone: Option<&'a str>,
    writable: bool,
    transparent: bool,
    poll_every_s: u64,
    expected_max_age_s: u64,
}

impl Calendars<'_> {
    /// Stores a listing of the whole connection: new calendars are added, known ones brought up to date,
    /// the others marked as no longer listed. Unchanged rows are not written. Answers how many were.
    /// New ones are made in the order of the listing: two that list at once must give it in the same.
    pub async fn upsert_listed(
        &mut self,
        tenant: &TenantId,
        connection: &ConnectionId,
        listing: &[RemoteCalendarRow],
        now: Timestamp,
    ) -> Result<u64> {
        const UPSERT: Sql = Sql::parted(
            include_str!("sql/calendar_upsert_listed.sqlite.sql"),
            include_str!("sql/calendar_upsert_listed.postgres.sql"),
        );
        const UNLIST: Sql = Sql::parted(
            include_str!("sql/calendar_unlist.sqlite.sql"),
            include_str!("sql/calendar_unlist.postgres.sql"),
        );
        let rows: Vec<_> = listing
            .iter()
            .map(|row| Listed {
                calendar_id: row.calendar_id.as_str(),
                provider_ref: storable(&row.provider_ref),
                name: storable(&row.name),
                time_zone: row.time_zone.as_deref(),
                writable: row.writable,
                transparent: row.transparent,
                poll_every_s: row.poll_every.as_secs(),
                expected_max_age_s: row.expected_max_age.as_secs(),
            })
            .collect();
        let rows = json_array(&rows);
        let args = [tenant.into(), connection.into(), (&rows).into(), now.into()];
        Ok(self.0.execute(UPSERT, &args).await? + self.0.execute(UNLIST, &args).await?)
    }

    pub async fn get(
        &mut self,
        tenant: &TenantId,
        calendar: &CalendarId,
    ) -> Result<Option<CalendarRow>> {
        let args = [tenant.into(), calendar.into()];
        self.0.optional(include_str!("sql/calendar_get.sql"), &args).await
    }

    /// Gets those of `calendars` that exist, by id.
    pub async fn get_many(
        &mut self,
        tenant: &TenantId,
        calendars: &[CalendarId],
    ) -> Result<Vec<CalendarRow>> {
        const SQL: Sql = Sql::parted(
            include_str!("sql/calendar_get_many.sqlite.sql"),
            include_str!("sql/calendar_get_many.postgres.sql"),
        );
        self.0.all(SQL, &[tenant.into(), json_array(calendars).into()]).await
    }

    pub async fn list(
        &mut self,
        tenant: &TenantId,
        filter: &CalendarFilter,
    ) -> Result<Vec<CalendarRow>> {
        let args = [
            tenant.into(),
            filter.connection_id.as_ref().into(),
            filter.after.as_ref().into(),
            filter.limit.into(),
        ];
        self.0.all(include_str!("sql/calendar_list.sql"), &args).await
    }

    /// Lists a connection's calendars, also those no longer listed by the provider.
    pub async fn by_connection(
        &mut self,
        tenant: &TenantId,
        connection: &ConnectionId,
    ) -> Result<Vec<CalendarRow>> {
        let filter = CalendarFilter {
            connection_id: Some(connection.clone()),
            after: None,
            limit: i64::MAX,
        };
        self.list(tenant, &filter).await
    }

    /// Sets a person's word on the zone, or takes it back, and answers the new revision; `None` when the
    /// row is gone or, with `expected`, was changed since.
    pub async fn set_time_zone(
        &mut self,
        tenant: &TenantId,
        calendar: &CalendarId,
        expected: Option<i64>,
        time_zone: Option<&str>,
        now: Timestamp,
    ) -> Result<Option<i64>> {
        let args = [tenant.into(), calendar.into(), expected.into(), time_zone.into(), now.into()];
        self.0.optional_value(include_str!("sql/calendar_set_time_zone.sql"), &args).await
    }

    /// Lists calendars of every tenant that were written at `since` or later, for the index. On
    /// PostgreSQL a slow transaction can still commit an earlier mark: ask with an overlap.
    pub async fn touched_since(&mut self, since: Timestamp) -> Result<Vec<CalendarRow>> {
        self.0.all(include_str!("sql/calendar_touched_since.sql"), &[since.into()]).await
    }

    /// Lists calendars of every tenant in (tenant, id) order, for loading the index.
    pub async fn all(
        &mut self,
        after: Option<(&TenantId, &CalendarId)>,
        limit: i64,
    ) -> Result<Vec<CalendarRow>> {
        let args = [
            after.map(|(tenant, _)| tenant).into(),
            after.map(|(_, calendar)| calendar).into(),
            limit.into(),
        ];
        self.0.all(include_str!("sql/calendar_all.sql"), &args).await
    }

    /// Notes a completed pull: cursor, coverage and age move together with the page's rows. Answers how well the provider
    /// tells of changes by now; `None` when the row is gone.
    pub async fn finish_pull(
        &mut self,
        tenant: &TenantId,
        calendar: &CalendarId,
        outcome: &PullOutcome,
        now: Timestamp,
    ) -> Result<Option<PushState>> {
        let args = [
            tenant.into(),
            calendar.into(),
            outcome.cursor.as_deref().into(),
            outcome.generation.into(),
            outcome.synced_at.into(),
            outcome.published_at.into(),
            outcome.full_at.into(),
            outcome.covered.start_us().into(),
            outcome.covered.end_us().into(),
            outcome.poll_every.into(),
            outcome.expected_max_age.into(),
            outcome.name.as_deref().into(),
            outcome.time_zone.as_deref().into(),
            now.into(),
            PUSHED_MAX_AGE.into(),
        ];
        self.0.optional_value(include_str!("sql/calendar_finish_pull.sql"), &args).await
    }

    /// Notes that the provider told of changes: it is believed to tell of all from now on.
    pub async fn heard(
        &mut self,
        tenant: &TenantId,
        calendar: &CalendarId,
        now: Timestamp,
    ) -> Result<()> {
        let args = [tenant.into(), calendar.into(), now.into(), PUSHED_MAX_AGE.into()];
        self.0.execute(include_str!("sql/calendar_heard.sql"), &args).await?;
        Ok(())
    }

    /// Notes that a change was found of which the provider had told nothing since `since`; `true` when that is news.
    pub async fn doubt_push(
        &mut self,
        tenant: &TenantId,
        calendar: &CalendarId,
        since: Timestamp,
    ) -> Result<bool> {
        let args = [tenant.into(), calendar.into(), since.into()];
        Ok(self.0.execute(include_str!("sql/calendar_doubt_push.sql"), &args).await? > 0)
    }

    /// Notes that the provider tells of nothing, or is about to.
    pub async fn set_push(
        &mut self,
        tenant: &TenantId,
        calendar: &CalendarId,
        push: PushState,
        expected_max_age: Duration,
        now: Timestamp,
    ) -> Result<()> {
        let args =
            [tenant.into(), calendar.into(), (&push).into(), expected_max_age.into(), now.into()];
        self.0.execute(include_str!("sql/calendar_set_push.sql"), &args).await?;
        Ok(())
    }

    /// Notes a failed pull; busy time, age and coverage stay as they were.
    pub async fn fail_pull(
        &mut self,
        tenant: &TenantId,
        calendar: &CalendarId,
        error: &str,
        now: Timestamp,
    ) -> Result<bool> {
        let args = [tenant.into(), calendar.into(), error.into(), now.into()];
        Ok(self.0.execute(include_str!("sql/calendar_fail_pull.sql"), &args).await? > 0)
    }

    /// Forgets the read cursor, so that the next pull lists everything.
    pub async fn forget_cursor(
        &mut self,
        tenant: &TenantId,
        calendar: &CalendarId,
        now: Timestamp,
    ) -> Result<bool> {
        let args = [tenant.into(), calendar.into(), now.into()];
        Ok(self.0.execute(include_str!("sql/calendar_forget_cursor.sql"), &args).await? > 0)
    }

    /// Moves the covered window without a pull, when stored series were expanded further.
    pub async fn set_covered(
        &mut self,
        tenant: &TenantId,
        calendar: &CalendarId,
        covered: Span,
        now: Timestamp,
    ) -> Result<bool> {
        let args = [
            tenant.into(),
            calendar.into(),
            covered.start_us().into(),
            covered.end_us().into(),
            now.into(),
        ];
        Ok(self.0.execute(include_str!("sql/calendar_set_covered.sql"), &args).await? > 0)
    }

    /// Puts a calendar into quarantine with what is kept aside, or takes it out.
    pub async fn set_quarantine(
        &mut self,
        tenant: &TenantId,
        calendar: &CalendarId,
        quarantine: Option<&Value>,
        now: Timestamp,
    ) -> Result<bool> {
        let args = [tenant.into(), calendar.into(), quarantine.into(), now.into()];
        Ok(self.0.execute(include_str!("sql/calendar_set_quarantine.sql"), &args).await? > 0)
    }

    /// Lists the tenant's calendars in quarantine.
    pub async fn quarantined(&mut self, tenant: &TenantId) -> Result<Vec<CalendarRow>> {
        self.0.all(include_str!("sql/calendar_quarantined.sql"), &[tenant.into()]).await
    }

    /// Takes the calendar's exclusive lock until the transaction ends. Take it before the first read and
    /// the first write: the change log is then in commit order for this calendar. SQLite's only writer
    /// holds it already.
    pub async fn lock(&mut self, calendar: &CalendarId) -> Result<()> {
        match &self.0.on {
            On::Sqlite(_) => Ok(()),
            On::Postgres(_) => {
                let sql = include_str!("sql/calendar_lock.postgres.sql");
                self.0.execute(sql, &[calendar.into()]).await.map(|_| ())
            }
        }
    }

    /// Erases a calendar with its events and busy time.
    pub async fn delete(&mut self, tenant: &TenantId, calendar: &CalendarId) -> Result<bool> {
        let args = [tenant.into(), calendar.into()];
        Ok(self.0.execute(include_str!("sql/calendar_delete.sql"), &args).await? > 0)
    }

    /// Lists the resources that this calendar feeds.
    pub async fn resources_of_calendar(
        &mut self,
        tenant: &TenantId,
        calendar: &CalendarId,
    ) -> Result<Vec<ResourceId>> {
        let args = [tenant.into(), calendar.into()];
        self.0.values(include_str!("sql/calendar_resources.sql"), &args).await
    }
}
