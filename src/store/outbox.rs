//! The outbox: what each calendar should hold for a booking, what was last written there, and every try at it.
//!
//! A row is state, not a command: whoever works on it plans from what is wanted, what was written and what is found.

use std::time::Duration;

use jiff::Timestamp;

use super::{
    StoreError, Tx,
    args::{json_array, micros},
    claims::WantedSpan,
    columns::{Columns, Stored},
    error::Result,
    tx::Sql,
};
use crate::model::{
    ids::{BookingId, CalendarId, ConnectionId, TenantId},
    interval::Span,
    states::Delivery,
};

/// One calendar's part of one booking.
#[derive(Clone, Debug, PartialEq)]
pub struct OutboxRow {
    pub booking_id: BookingId,
    pub calendar_id: CalendarId,
    /// Whether there should be an event at all.
    pub present: bool,
    /// The revision of the booking that it should show.
    pub wanted: i64,
    /// The time that the booking wants.
    pub span: Span,
    pub state: Delivery,
    /// Counts the events made for this row: one that was deleted is never made again under its name.
    pub generation: i64,
    /// The revision that was last seen to stand there, at which time.
    pub written: Option<(i64, Span)>,
    /// What was sent since, and nobody knows whether it arrived.
    pub sent: Option<(i64, Span)>,
    /// A keyed hash of the words that were last written.
    pub words: Option<String>,
    /// The same of those that were sent since.
    pub sent_words: Option<String>,
    /// The provider's name for the event.
    pub item: Option<String>,
    pub version: Option<String>,
    pub last_error: Option<String>,
    pub touched_at: Timestamp,
}

impl Stored for OutboxRow {
    const TABLE: &'static str = "outbox";

    fn read(columns: &Columns<'_>) -> Result<Self> {
        let corrupt = StoreError::Corrupt { table: Self::TABLE, column: "end_us" };
        let span = Span::new(columns.get("start_us")?, columns.get("end_us")?);
        Ok(Self {
            booking_id: columns.get("booking_id")?,
            calendar_id: columns.get("calendar_id")?,
            present: columns.get("present")?,
            wanted: columns.get("wanted")?,
            span: span.ok_or(corrupt)?,
            state: columns.get("state")?,
            generation: columns.get("generation")?,
            written: state(columns, ["written", "written_start_us", "written_end_us"])?,
            sent: state(columns, ["sent", "sent_start_us", "sent_end_us"])?,
            words: columns.get("words")?,
            sent_words: columns.get("sent_words")?,
            item: columns.get("item")?,
            version: columns.get("version")?,
            last_error: columns.get("last_error")?,
            touched_at: columns.get("touched_us")?,
        })
    }
}

/// A revision of a booking with its time, from three columns that are all there or none.
fn state(columns: &Columns<'_>, names: [&'static str; 3]) -> Result<Option<(i64, Span)>> {
    let [revision, start, end] = names;
    let revision: Option<i64> = columns.get(revision)?;
    let start: Option<Timestamp> = columns.get(start)?;
    let end: Option<Timestamp> = columns.get(end)?;
    let span = start.zip(end).map(|(start, end)| Span::clamped(start, end));
    Ok(revision.zip(span))
}

impl OutboxRow {
    /// Whether something was sent of which nobody knows whether it arrived.
    pub fn is_in_doubt(&self) -> bool {
        self.sent.is_some()
    }
}

/// One try at a row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AttemptRow {
    pub n: i64,
    /// `create`, `replace`, `delete`, `find` or `get`.
    pub verb: String,
    /// `ok`, or the code of what went wrong.
    pub outcome: String,
    /// The HTTP status, where one was received.
    pub status: Option<i64>,
    /// In words, without content.
    pub detail: Option<String>,
    pub at: Timestamp,
    pub took: Duration,
}

impl Stored for AttemptRow {
    const TABLE: &'static str = "attempts";

    fn read(columns: &Columns<'_>) -> Result<Self> {
        let took: i64 = columns.get("took_us")?;
        Ok(Self {
            n: columns.get("n")?,
            verb: columns.get("verb")?,
            outcome: columns.get("outcome")?,
            status: columns.get("status")?,
            detail: columns.get("detail")?,
            at: columns.get("at_us")?,
            took: Duration::from_micros(u64::try_from(took).unwrap_or(0)),
        })
    }
}

/// Which rows to list.
#[derive(Clone, Debug, Default)]
pub struct OutboxFilter {
    pub state: Option<Delivery>,
    pub calendar: Option<CalendarId>,
    pub after: Option<(BookingId, CalendarId)>,
    pub limit: i64,
}

/// Statements on the outbox.
#[derive(Debug)]
pub struct Outbox<'t>(&'t mut Tx);

impl Tx {
    pub fn outbox(&mut self) -> Outbox<'_> {
        Outbox(self)
    }
}

impl Outbox<'_> {
    /// Says what a calendar should hold for a booking from now on: at this revision and time, or nothing.
    pub async fn want(
        &mut self,
        tenant: &TenantId,
        wanted: &WantedSpan,
        revision: i64,
        present: bool,
        now: Timestamp,
    ) -> Result<()> {
        let args = [
            tenant.into(),
            (&wanted.booking_id).into(),
            (&wanted.calendar_id).into(),
            present.into(),
            revision.into(),
            wanted.span.start().into(),
            wanted.span.end().into(),
            now.into(),
        ];
        self.0.execute(include_str!("sql/outbox_want.sql"), &args).await?;
        Ok(())
    }

    pub async fn get(
        &mut self,
        tenant: &TenantId,
        booking: &BookingId,
        calendar: &CalendarId,
    ) -> Result<Option<OutboxRow>> {
        let args = [tenant.into(), booking.into(), calendar.into()];
        self.0.optional(include_str!("sql/outbox_get.sql"), &args).await
    }

    pub async fn of_booking(
        &mut self,
        tenant: &TenantId,
        booking: &BookingId,
    ) -> Result<Vec<OutboxRow>> {
        let args = [tenant.into(), booking.into()];
        self.0.all(include_str!("sql/outbox_of_booking.sql"), &args).await
    }

    pub async fn list(
        &mut self,
        tenant: &TenantId,
        filter: &OutboxFilter,
    ) -> Result<Vec<OutboxRow>> {
        let args = [
            tenant.into(),
            filter.state.map(Delivery::as_str).into(),
            filter.calendar.as_ref().into(),
            filter.after.as_ref().map(|(booking, _)| booking).into(),
            filter.after.as_ref().map(|(_, calendar)| calendar).into(),
            filter.limit.into(),
        ];
        self.0.all(include_str!("sql/outbox_list.sql"), &args).await
    }

    /// Lists the rows of a calendar whose bookings take time within a span.
    pub async fn of_calendar(
        &mut self,
        tenant: &TenantId,
        calendar: &CalendarId,
        span: Span,
    ) -> Result<Vec<OutboxRow>> {
        let args = [tenant.into(), calendar.into(), span.start().into(), span.end().into()];
        self.0.all(include_str!("sql/outbox_of_calendar.sql"), &args).await
    }

    /// Lists, page by page, the rows of a connection's calendars where something stands, may, or is about to.
    pub async fn standing(
        &mut self,
        tenant: &TenantId,
        connection: &ConnectionId,
        after: Option<&(BookingId, CalendarId)>,
        limit: i64,
    ) -> Result<Vec<OutboxRow>> {
        let args = [
            tenant.into(),
            connection.into(),
            after.map(|(booking, _)| booking).into(),
            after.map(|(_, calendar)| calendar).into(),
            limit.into(),
        ];
        self.0.all(include_str!("sql/outbox_standing.sql"), &args).await
    }

    /// Wants nothing more of a row; `false` when nothing was wanted before.
    pub async fn let_go(
        &mut self,
        tenant: &TenantId,
        row: &OutboxRow,
        now: Timestamp,
    ) -> Result<bool> {
        let (booking, calendar) = (&row.booking_id, &row.calendar_id);
        let args = [tenant.into(), booking.into(), calendar.into(), now.into()];
        Ok(self.0.execute(include_str!("sql/outbox_let_go.sql"), &args).await? > 0)
    }

    /// Finds the rows whose events some of a calendar's items are.
    pub async fn of_items(
        &mut self,
        tenant: &TenantId,
        calendar: &CalendarId,
        items: &[String],
    ) -> Result<Vec<OutboxRow>> {
        const SQL: Sql = Sql::parted(
            include_str!("sql/outbox_of_items.sqlite.sql"),
            include_str!("sql/outbox_of_items.postgres.sql"),
        );
        self.0.all(SQL, &[tenant.into(), calendar.into(), json_array(items).into()]).await
    }

    /// Notes what is about to be sent, as `row` says it now.
    pub async fn doubt(
        &mut self,
        tenant: &TenantId,
        row: &OutboxRow,
        now: Timestamp,
    ) -> Result<()> {
        let args = [
            tenant.into(),
            (&row.booking_id).into(),
            (&row.calendar_id).into(),
            row.generation.into(),
            row.sent.map(|(revision, _)| revision).into(),
            row.sent.map(|(_, span)| span.start()).into(),
            row.sent.map(|(_, span)| span.end()).into(),
            now.into(),
            row.sent_words.as_deref().into(),
        ];
        self.0.execute(include_str!("sql/outbox_doubt.sql"), &args).await?;
        Ok(())
    }

    /// Notes that somebody else has changed the event of a row.
    pub async fn look_again(
        &mut self,
        tenant: &TenantId,
        row: &OutboxRow,
        now: Timestamp,
    ) -> Result<()> {
        let (booking, calendar) = (&row.booking_id, &row.calendar_id);
        let args = [tenant.into(), booking.into(), calendar.into(), now.into()];
        self.0.execute(include_str!("sql/outbox_look.sql"), &args).await?;
        Ok(())
    }

    /// Notes what was found or written, as `row` says it now. If something else has been wanted since it was read,
    /// it stays due.
    pub async fn found(
        &mut self,
        tenant: &TenantId,
        row: &OutboxRow,
        now: Timestamp,
    ) -> Result<()> {
        let args = [
            tenant.into(),
            (&row.booking_id).into(),
            (&row.calendar_id).into(),
            row.written.map(|(revision, _)| revision).into(),
            row.written.map(|(_, span)| span.start()).into(),
            row.written.map(|(_, span)| span.end()).into(),
            row.item.as_deref().into(),
            row.version.as_deref().into(),
            row.last_error.as_deref().into(),
            row.generation.into(),
            row.wanted.into(),
            row.state.as_str().into(),
            now.into(),
            row.words.as_deref().into(),
        ];
        self.0.execute(include_str!("sql/outbox_found.sql"), &args).await?;
        Ok(())
    }

    /// Notes that a row did not get further; `false` when something else has been wanted meanwhile.
    pub async fn fail(
        &mut self,
        tenant: &TenantId,
        row: &OutboxRow,
        state: Delivery,
        error: &str,
        now: Timestamp,
    ) -> Result<bool> {
        let args = [
            tenant.into(),
            (&row.booking_id).into(),
            (&row.calendar_id).into(),
            state.as_str().into(),
            error.into(),
            now.into(),
            row.wanted.into(),
        ];
        Ok(self.0.execute(include_str!("sql/outbox_fail.sql"), &args).await? > 0)
    }

    /// Keeps a try; its number is given here.
    pub async fn attempted(
        &mut self,
        tenant: &TenantId,
        booking: &BookingId,
        calendar: &CalendarId,
        attempt: &AttemptRow,
    ) -> Result<()> {
        let args = [
            tenant.into(),
            booking.into(),
            calendar.into(),
            (&attempt.verb).into(),
            (&attempt.outcome).into(),
            attempt.status.into(),
            attempt.detail.as_deref().into(),
            attempt.at.into(),
            micros(attempt.took).into(),
        ];
        self.0.execute(include_str!("sql/attempt_insert.sql"), &args).await?;
        Ok(())
    }

    /// Lists the last tries at a row, the latest first.
    pub async fn attempts(
        &mut self,
        tenant: &TenantId,
        booking: &BookingId,
        calendar: &CalendarId,
        limit: i64,
    ) -> Result<Vec<AttemptRow>> {
        let args = [tenant.into(), booking.into(), calendar.into(), limit.into()];
        self.0.all(include_str!("sql/attempt_list.sql"), &args).await
    }

    /// Lists what bookings want a calendar to hold after an instant.
    pub async fn spans_of_calendar(
        &mut self,
        tenant: &TenantId,
        calendar: &CalendarId,
        after: Timestamp,
    ) -> Result<Vec<WantedSpan>> {
        let args = [tenant.into(), calendar.into(), after.into()];
        self.0.all(include_str!("sql/outbox_spans_of_calendar.sql"), &args).await
    }

    /// Lists the same of the calendars after the first bound up to and with the second, of every tenant, for loading
    /// the index.
    pub async fn spans(
        &mut self,
        after: Option<(&TenantId, &CalendarId)>,
        upto: (&TenantId, &CalendarId),
        since: Timestamp,
    ) -> Result<Vec<WantedSpan>> {
        let args = [
            after.map(|(tenant, _)| tenant).into(),
            after.map(|(_, calendar)| calendar).into(),
            upto.0.into(),
            upto.1.into(),
            since.into(),
        ];
        self.0.all(include_str!("sql/outbox_spans.sql"), &args).await
    }
}
