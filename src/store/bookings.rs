//! Bookings: what was agreed, and what became of it.

use jiff::Timestamp;
use serde_json::Value;

use super::{
    Sealed, StoreError, Tx,
    args::json_array,
    columns::{Columns, Stored},
    error::Result,
    tx::{On, Sql},
};
use crate::model::{
    ids::{BookingId, CalendarId, ConnectionId, ResourceId, TenantId},
    interval::Span,
    states::BookingStatus,
};

/// One booking.
#[derive(Clone, Debug, PartialEq)]
pub struct BookingRow {
    pub tenant_id: TenantId,
    pub booking_id: BookingId,
    pub external_id: Option<String>,
    pub status: BookingStatus,
    pub resources: Vec<ResourceId>,
    pub span: Span,
    /// In which its people think of it; IANA.
    pub time_zone: Option<String>,
    /// Title, text, place and guests; empty where nothing was said.
    pub details: Sealed,
    pub metadata: Value,
    /// Whether every calendar that blocks was known well enough when it was made or moved.
    pub verified: bool,
    /// Counts what was agreed; how far it has got at the provider does not.
    pub revision: i64,
    pub created_at: Timestamp,
    pub touched_at: Timestamp,
}

impl Stored for BookingRow {
    const TABLE: &'static str = "bookings";

    fn read(columns: &Columns<'_>) -> Result<Self> {
        let span = Span::new(columns.get("start_us")?, columns.get("end_us")?);
        Ok(Self {
            tenant_id: columns.get("tenant_id")?,
            booking_id: columns.get("booking_id")?,
            external_id: columns.get("external_id")?,
            status: columns.get("status")?,
            resources: columns.get("resources")?,
            span: span.ok_or(StoreError::Corrupt { table: Self::TABLE, column: "end_us" })?,
            time_zone: columns.get("time_zone")?,
            details: columns.get("details")?,
            metadata: columns.get("metadata")?,
            verified: columns.get("verified")?,
            revision: columns.get("revision")?,
            created_at: columns.get("created_us")?,
            touched_at: columns.get("touched_us")?,
        })
    }
}

/// One thing that happened to a booking.
#[derive(Clone, Debug, PartialEq)]
pub struct HistoryRow {
    pub kind: String,
    pub actor: String,
    pub body: Value,
    pub at: Timestamp,
}

impl Stored for HistoryRow {
    const TABLE: &'static str = "booking_history";

    fn read(columns: &Columns<'_>) -> Result<Self> {
        Ok(Self {
            kind: columns.get("kind")?,
            actor: columns.get("actor")?,
            body: columns.get("body")?,
            at: columns.get("at_us")?,
        })
    }
}

/// Which bookings to list.
#[derive(Clone, Debug, Default)]
pub struct BookingFilter {
    pub status: Option<BookingStatus>,
    pub resource: Option<ResourceId>,
    /// Those that touch the span.
    pub start: Option<Timestamp>,
    pub end: Option<Timestamp>,
    pub after: Option<BookingId>,
    pub limit: i64,
}

/// Statements on bookings.
#[derive(Debug)]
pub struct Bookings<'t>(&'t mut Tx);

impl Tx {
    pub fn bookings(&mut self) -> Bookings<'_> {
        Bookings(self)
    }
}

impl Bookings<'_> {
    /// Lists bookings that begin after `now` and are to stand in a connection's calendars.
    pub async fn written_to(
        &mut self,
        tenant: &TenantId,
        connection: &ConnectionId,
        now: Timestamp,
        limit: i64,
    ) -> Result<Vec<BookingId>> {
        let args = [tenant.into(), connection.into(), now.into(), limit.into()];
        self.0.values(include_str!("sql/booking_written_to.sql"), &args).await
    }

    /// # Errors
    ///
    /// `Conflict` with `BOOKING_EXTERNAL_ID` of [`rules`](super::rules).
    pub async fn insert(&mut self, row: &BookingRow) -> Result<()> {
        let args = [
            (&row.tenant_id).into(),
            (&row.booking_id).into(),
            row.external_id.as_deref().into(),
            row.status.as_str().into(),
            row.resources.as_slice().into(),
            row.span.start().into(),
            row.span.end().into(),
            row.time_zone.as_deref().into(),
            (&row.details).into(),
            (&row.metadata).into(),
            row.verified.into(),
            row.revision.into(),
            row.created_at.into(),
            row.touched_at.into(),
        ];
        self.0.execute(include_str!("sql/booking_insert.sql"), &args).await?;
        Ok(())
    }

    pub async fn get(
        &mut self,
        tenant: &TenantId,
        booking: &BookingId,
    ) -> Result<Option<BookingRow>> {
        let args = [tenant.into(), booking.into()];
        self.0.optional(include_str!("sql/booking_get.sql"), &args).await
    }

    pub async fn by_external_id(
        &mut self,
        tenant: &TenantId,
        external_id: &str,
    ) -> Result<Option<BookingRow>> {
        let args = [tenant.into(), external_id.into()];
        self.0.optional(include_str!("sql/booking_by_external_id.sql"), &args).await
    }

    pub async fn list(
        &mut self,
        tenant: &TenantId,
        filter: &BookingFilter,
    ) -> Result<Vec<BookingRow>> {
        const SQL: Sql = Sql::parted(
            include_str!("sql/booking_list.sqlite.sql"),
            include_str!("sql/booking_list.postgres.sql"),
        );
        let args = [
            tenant.into(),
            filter.status.map(BookingStatus::as_str).into(),
            filter.resource.as_ref().into(),
            filter.start.into(),
            filter.end.into(),
            filter.after.as_ref().into(),
            filter.limit.into(),
        ];
        self.0.all(SQL, &args).await
    }

    /// Stores everything but ids, creation and details, and answers the new revision; `None` when it is not the row's
    /// revision any more.
    ///
    /// # Errors
    ///
    /// `Conflict` with `BOOKING_EXTERNAL_ID` of [`rules`](super::rules).
    pub async fn update(&mut self, row: &BookingRow) -> Result<Option<i64>> {
        let args = [
            (&row.tenant_id).into(),
            (&row.booking_id).into(),
            row.revision.into(),
            row.external_id.as_deref().into(),
            row.status.as_str().into(),
            row.resources.as_slice().into(),
            row.span.start().into(),
            row.span.end().into(),
            row.time_zone.as_deref().into(),
            (&row.metadata).into(),
            row.verified.into(),
            row.touched_at.into(),
        ];
        self.0.optional_value(include_str!("sql/booking_update.sql"), &args).await
    }

    /// Stores other details. Apart from the rest, so that a change of something else never brings an old seal back
    /// that a rotation has replaced.
    pub async fn set_details(
        &mut self,
        tenant: &TenantId,
        booking: &BookingId,
        details: &Sealed,
    ) -> Result<()> {
        let args = [tenant.into(), booking.into(), details.into()];
        self.0.execute(include_str!("sql/booking_set_details.sql"), &args).await?;
        Ok(())
    }

    /// Lets nobody else write a booking, what calendars should hold for it or what became of it, until the transaction
    /// ends. After the locks of resources and calendars. SQLite has one writer anyway.
    pub async fn lock(&mut self, tenant: &TenantId, booking: &BookingId) -> Result<()> {
        if let On::Postgres(_) = self.0.on {
            let args = [tenant.into(), booking.into()];
            self.0.execute(include_str!("sql/booking_lock.postgres.sql"), &args).await?;
        }
        Ok(())
    }

    /// Adds to what became of a booking; under its [lock](Self::lock), or in the transaction that made it.
    pub async fn remember(
        &mut self,
        tenant: &TenantId,
        booking: &BookingId,
        happened: &HistoryRow,
    ) -> Result<()> {
        let args = [
            tenant.into(),
            booking.into(),
            (&happened.kind).into(),
            (&happened.actor).into(),
            (&happened.body).into(),
            happened.at.into(),
        ];
        self.0.execute(include_str!("sql/history_append.sql"), &args).await?;
        Ok(())
    }

    /// Notes which request did what was remembered last; under the booking's [lock](Self::lock).
    pub async fn done_for(
        &mut self,
        tenant: &TenantId,
        booking: &BookingId,
        request: &str,
    ) -> Result<()> {
        let args = [tenant.into(), booking.into(), request.into()];
        self.0.execute(include_str!("sql/history_done_for.sql"), &args).await?;
        Ok(())
    }

    /// Whether a request has had its effect on a booking already.
    pub async fn was_done(
        &mut self,
        tenant: &TenantId,
        booking: &BookingId,
        request: &str,
    ) -> Result<bool> {
        let args = [tenant.into(), booking.into(), request.into()];
        let found: Option<i64> =
            self.0.optional_value(include_str!("sql/history_was_done.sql"), &args).await?;
        Ok(found.is_some())
    }

    /// Forgets what histories tell of calendars that are about to go; that something happened stays told.
    pub async fn blank_history(
        &mut self,
        tenant: &TenantId,
        calendars: &[CalendarId],
    ) -> Result<()> {
        const SQL: Sql = Sql::parted(
            include_str!("sql/history_blank.sqlite.sql"),
            include_str!("sql/history_blank.postgres.sql"),
        );
        self.0.execute(SQL, &[tenant.into(), json_array(calendars).into()]).await?;
        Ok(())
    }

    /// Lists what became of a booking, in order.
    pub async fn history(
        &mut self,
        tenant: &TenantId,
        booking: &BookingId,
    ) -> Result<Vec<HistoryRow>> {
        let args = [tenant.into(), booking.into()];
        self.0.all(include_str!("sql/history_read.sql"), &args).await
    }
}
