//! Drift: where a calendar holds something else than its bookings want, as it was found last.

use jiff::Timestamp;
use serde::Serialize;

use super::{
    Tx,
    args::{json_array, storable},
    columns::{Columns, Stored},
    error::Result,
    tx::Sql,
};
use crate::model::ids::{BookingId, CalendarId, TenantId};

/// An event that is recorded as ours, or says that it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FoundEvent {
    pub item: String,
    pub version: Option<String>,
    /// See [`EventRow::origin`](super::EventRow::origin).
    pub origin: Option<String>,
}

impl Stored for FoundEvent {
    const TABLE: &'static str = "events";

    fn read(columns: &Columns<'_>) -> Result<Self> {
        Ok(Self {
            item: columns.get("item")?,
            version: columns.get("version")?,
            origin: columns.get("origin")?,
        })
    }
}

/// One difference.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DriftRow {
    pub calendar_id: CalendarId,
    pub kind: String,
    pub booking_id: Option<BookingId>,
    pub item: Option<String>,
    /// What the hub does about it by itself, if anything.
    pub act: Option<String>,
    /// When it was found first.
    pub found_at: Timestamp,
}

impl Stored for DriftRow {
    const TABLE: &'static str = "drift";

    fn read(columns: &Columns<'_>) -> Result<Self> {
        let booking: String = columns.get("booking_id")?;
        let item: String = columns.get("item")?;
        Ok(Self {
            calendar_id: columns.get("calendar_id")?,
            kind: columns.get("kind")?,
            booking_id: booking.parse().ok(),
            item: (!item.is_empty()).then_some(item),
            act: columns.get("act")?,
            found_at: columns.get("found_us")?,
        })
    }
}

/// Which differences to list.
#[derive(Clone, Debug, Default)]
pub struct DriftFilter {
    pub calendar: Option<CalendarId>,
    pub kind: Option<String>,
    /// Calendar, kind, booking and item of the last one seen.
    pub after: Option<(String, String, String, String)>,
    pub limit: i64,
}

/// Statements on drift.
#[derive(Debug)]
pub struct Drifts<'t>(&'t mut Tx);

impl Tx {
    pub fn drift(&mut self) -> Drifts<'_> {
        Drifts(self)
    }
}

#[derive(Serialize)]
struct DriftJson<'a> {
    kind: &'a str,
    booking_id: &'a str,
    item: std::borrow::Cow<'a, str>,
    act: Option<&'a str>,
}

impl Drifts<'_> {
    /// Lists the events of a calendar that are recorded as ours or say that they are.
    pub async fn found(
        &mut self,
        tenant: &TenantId,
        calendar: &CalendarId,
    ) -> Result<Vec<FoundEvent>> {
        let args = [tenant.into(), calendar.into()];
        self.0.all(include_str!("sql/drift_found.sql"), &args).await
    }

    /// Lists the series, of some calendars, that say they are of one of these origins.
    pub async fn of_origins(
        &mut self,
        tenant: &TenantId,
        calendars: &[CalendarId],
        origins: &[String],
    ) -> Result<Vec<(CalendarId, String)>> {
        const SQL: Sql = Sql::parted(
            include_str!("sql/event_of_origins.sqlite.sql"),
            include_str!("sql/event_of_origins.postgres.sql"),
        );
        struct Series(CalendarId, String);
        impl Stored for Series {
            const TABLE: &'static str = "events";

            fn read(columns: &Columns<'_>) -> Result<Self> {
                Ok(Self(columns.get("calendar_id")?, columns.get("series")?))
            }
        }
        let args = [tenant.into(), json_array(calendars).into(), json_array(origins).into()];
        let rows: Vec<Series> = self.0.all(SQL, &args).await?;
        Ok(rows.into_iter().map(|Series(calendar, series)| (calendar, series)).collect())
    }

    /// Lists the writable calendars in which anything of ours is wanted or said to stand.
    pub async fn calendars(&mut self, tenant: &TenantId) -> Result<Vec<CalendarId>> {
        struct Id(CalendarId);
        impl Stored for Id {
            const TABLE: &'static str = "calendars";

            fn read(columns: &Columns<'_>) -> Result<Self> {
                Ok(Self(columns.get("calendar_id")?))
            }
        }
        let rows: Vec<Id> =
            self.0.all(include_str!("sql/drift_calendars.sql"), &[tenant.into()]).await?;
        Ok(rows.into_iter().map(|row| row.0).collect())
    }

    /// Keeps what was found of a calendar in the place of what was found before.
    pub async fn replace(
        &mut self,
        tenant: &TenantId,
        calendar: &CalendarId,
        rows: &[DriftRow],
        now: Timestamp,
    ) -> Result<()> {
        const DELETE: Sql = Sql::parted(
            include_str!("sql/drift_delete.sqlite.sql"),
            include_str!("sql/drift_delete.postgres.sql"),
        );
        const INSERT: Sql = Sql::parted(
            include_str!("sql/drift_insert.sqlite.sql"),
            include_str!("sql/drift_insert.postgres.sql"),
        );
        let rows: Vec<_> = rows
            .iter()
            .map(|row| DriftJson {
                kind: &row.kind,
                booking_id: row.booking_id.as_ref().map_or("", BookingId::as_str),
                item: storable(row.item.as_deref().unwrap_or_default()),
                act: row.act.as_deref(),
            })
            .collect();
        let all = json_array(&rows);
        let args = [tenant.into(), calendar.into(), all.as_str().into()];
        self.0.execute(DELETE, &args).await?;
        if !rows.is_empty() {
            let args = [tenant.into(), calendar.into(), all.as_str().into(), now.into()];
            self.0.execute(INSERT, &args).await?;
        }
        Ok(())
    }

    pub async fn list(&mut self, tenant: &TenantId, filter: &DriftFilter) -> Result<Vec<DriftRow>> {
        let after = filter.after.as_ref();
        let args = [
            tenant.into(),
            filter.calendar.as_ref().into(),
            filter.kind.as_deref().into(),
            after.map(|(calendar, ..)| calendar.as_str()).into(),
            after.map(|(_, kind, ..)| kind.as_str()).into(),
            after.map(|(_, _, booking, _)| booking.as_str()).into(),
            after.map(|(.., item)| item.as_str()).into(),
            filter.limit.into(),
        ];
        self.0.all(include_str!("sql/drift_list.sql"), &args).await
    }
}
