//! Conflicts: where a calendar says something else than what was agreed, and what was decided about it.

use jiff::Timestamp;

use super::{
    Tx,
    columns::{Columns, Stored},
    error::Result,
};
use crate::model::{
    ids::{BookingId, CalendarId, ConflictId, TenantId},
    interval::Span,
};

/// One pair of a booking and what contradicts it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConflictRow {
    pub tenant_id: TenantId,
    pub booking_id: BookingId,
    pub conflict_id: ConflictId,
    pub calendar_id: CalendarId,
    /// `moved`, `deleted` or `busy`.
    pub kind: String,
    /// Tells the pair from others of the booking.
    pub pair: String,
    /// `open`, `dismissed`, `accepted`, `reverted` or `gone`.
    pub state: String,
    /// What is done about it without asking: `flag` is nothing.
    pub policy: String,
    pub likely_copy: bool,
    /// The time of what contradicts, if it has one.
    pub span: Option<Span>,
    pub found_at: Timestamp,
    pub settled_at: Option<Timestamp>,
}

impl Stored for ConflictRow {
    const TABLE: &'static str = "conflicts";

    fn read(columns: &Columns<'_>) -> Result<Self> {
        let start: Option<Timestamp> = columns.get("start_us")?;
        let end: Option<Timestamp> = columns.get("end_us")?;
        Ok(Self {
            tenant_id: columns.get("tenant_id")?,
            booking_id: columns.get("booking_id")?,
            conflict_id: columns.get("conflict_id")?,
            calendar_id: columns.get("calendar_id")?,
            kind: columns.get("kind")?,
            pair: columns.get("pair")?,
            state: columns.get("state")?,
            policy: columns.get("policy")?,
            likely_copy: columns.get("likely_copy")?,
            span: start.zip(end).map(|(start, end)| Span::clamped(start, end)),
            found_at: columns.get("found_us")?,
            settled_at: columns.get("settled_us")?,
        })
    }
}

impl ConflictRow {
    pub fn is_open(&self) -> bool {
        self.state == "open"
    }

    /// Whether it is about the booking's own event, and not about another one over it.
    pub fn is_of_own_event(&self) -> bool {
        self.kind != "busy"
    }
}

/// Statements on conflicts.
#[derive(Debug)]
pub struct Conflicts<'t>(&'t mut Tx);

impl Tx {
    pub fn conflicts(&mut self) -> Conflicts<'_> {
        Conflicts(self)
    }
}

impl Conflicts<'_> {
    /// Opens a conflict; `false` when the pair is open already, or was dismissed.
    pub async fn find(&mut self, row: &ConflictRow) -> Result<bool> {
        let args = [
            (&row.tenant_id).into(),
            (&row.booking_id).into(),
            (&row.conflict_id).into(),
            (&row.calendar_id).into(),
            (&row.kind).into(),
            (&row.pair).into(),
            (&row.policy).into(),
            row.likely_copy.into(),
            row.span.map(Span::start).into(),
            row.span.map(Span::end).into(),
            row.found_at.into(),
        ];
        let sql = include_str!("sql/conflict_find.sql");
        Ok(self.0.optional_value::<String>(sql, &args).await?.is_some())
    }

    /// Lists the conflicts of a booking, settled ones too.
    pub async fn of_booking(
        &mut self,
        tenant: &TenantId,
        booking: &BookingId,
    ) -> Result<Vec<ConflictRow>> {
        let args = [tenant.into(), booking.into()];
        self.0.all(include_str!("sql/conflict_of_booking.sql"), &args).await
    }

    /// Settles an open one; `false` when it is not open.
    pub async fn settle(&mut self, row: &ConflictRow, state: &str, now: Timestamp) -> Result<bool> {
        let args = [
            (&row.tenant_id).into(),
            (&row.booking_id).into(),
            (&row.conflict_id).into(),
            state.into(),
            now.into(),
        ];
        Ok(self.0.execute(include_str!("sql/conflict_settle.sql"), &args).await? > 0)
    }

    /// Lists open ones of every tenant that a policy settles.
    pub async fn to_settle(&mut self, limit: i64) -> Result<Vec<ConflictRow>> {
        self.0.all(include_str!("sql/conflict_to_settle.sql"), &[limit.into()]).await
    }

    /// Leaves one to people: its policy cannot be followed.
    pub async fn flag(&mut self, row: &ConflictRow) -> Result<()> {
        let args = [(&row.tenant_id).into(), (&row.booking_id).into(), (&row.conflict_id).into()];
        self.0.execute(include_str!("sql/conflict_flag.sql"), &args).await?;
        Ok(())
    }

    /// Whether bookings have anything to do with a calendar at all. Most have none.
    pub async fn concern(&mut self, tenant: &TenantId, calendar: &CalendarId) -> Result<bool> {
        let args = [tenant.into(), calendar.into()];
        let sql = include_str!("sql/calendar_is_booked.sql");
        Ok(self.0.value::<i64>(sql, &args).await? > 0)
    }

    /// Lists the bookings of resources that a calendar blocks, within a span.
    pub async fn bookings_on(
        &mut self,
        tenant: &TenantId,
        calendar: &CalendarId,
        span: Span,
    ) -> Result<Vec<BookingId>> {
        let args = [tenant.into(), calendar.into(), span.start().into(), span.end().into()];
        self.0.values(include_str!("sql/booking_on_calendar.sql"), &args).await
    }
}
