//! Reading typed values out of a row of either engine.

use std::time::Duration;

use jiff::Timestamp;
use sqlx::{Row as _, postgres::PgRow, sqlite::SqliteRow};

use super::{
    Sealed,
    error::{Result, StoreError},
};
use crate::model::{
    event::Event,
    ids::{
        BookingId, CalendarId, ChangeId, ChannelId, ConflictId, ConnectionId, FeedId, HoldId,
        KeyId, LinkSessionId, ResourceId, TenantId,
    },
    states::{
        Access, BookingStatus, ConnectionState, Delivery, HoldState, InitialSync, Provider,
        PushState,
    },
};

/// A row type of the store.
pub(super) trait Stored: Sized {
    /// Named in [`StoreError::Corrupt`].
    const TABLE: &'static str;

    fn read(columns: &Columns<'_>) -> Result<Self>;
}

/// One row, of whichever engine.
#[derive(Debug)]
pub(super) enum Columns<'r> {
    Sqlite(&'static str, &'r SqliteRow),
    Postgres(&'static str, &'r PgRow),
}

impl Columns<'_> {
    /// Reads the column `name` as what the caller expects there.
    pub(super) fn get<T: Column>(&self, name: &'static str) -> Result<T> {
        let table = match self {
            Self::Sqlite(table, _) | Self::Postgres(table, _) => table,
        };
        let corrupt = StoreError::Corrupt { table, column: name };
        match T::Raw::read(self, name) {
            Ok(raw) => T::from_column(raw).ok_or(corrupt),
            Err(_) => Err(corrupt),
        }
    }
}

/// One of the four shapes that both engines store.
pub(super) trait Raw: Sized {
    fn read(row: &Columns<'_>, name: &str) -> Result<Option<Self>, sqlx::Error>;
}

impl Raw for String {
    fn read(row: &Columns<'_>, name: &str) -> Result<Option<Self>, sqlx::Error> {
        match row {
            Columns::Sqlite(_, row) => row.try_get(name),
            Columns::Postgres(_, row) => row.try_get(name),
        }
    }
}

impl Raw for i64 {
    fn read(row: &Columns<'_>, name: &str) -> Result<Option<Self>, sqlx::Error> {
        match row {
            Columns::Sqlite(_, row) => row.try_get(name),
            Columns::Postgres(_, row) => row.try_get(name),
        }
    }
}

impl Raw for bool {
    fn read(row: &Columns<'_>, name: &str) -> Result<Option<Self>, sqlx::Error> {
        match row {
            Columns::Sqlite(_, row) => row.try_get(name),
            Columns::Postgres(_, row) => row.try_get(name),
        }
    }
}

impl Raw for Vec<u8> {
    fn read(row: &Columns<'_>, name: &str) -> Result<Option<Self>, sqlx::Error> {
        match row {
            Columns::Sqlite(_, row) => row.try_get(name),
            Columns::Postgres(_, row) => row.try_get(name),
        }
    }
}

/// A type that a column can hold; `None` from its readers means that it cannot hold this value.
pub(super) trait Column: Sized {
    type Raw: Raw;

    fn from_raw(raw: Self::Raw) -> Option<Self>;

    fn from_column(raw: Option<Self::Raw>) -> Option<Self> {
        raw.and_then(Self::from_raw)
    }
}

impl<T: Column> Column for Option<T> {
    type Raw = T::Raw;

    fn from_raw(raw: T::Raw) -> Option<Self> {
        T::from_raw(raw).map(Some)
    }

    fn from_column(raw: Option<T::Raw>) -> Option<Self> {
        raw.map_or(Some(None), |raw| T::from_raw(raw).map(Some))
    }
}

macro_rules! column {
    ($($name:ty, $raw:ty, $read:expr;)*) => {$(
        impl Column for $name {
            type Raw = $raw;

            fn from_raw(raw: $raw) -> Option<Self> {
                let read: fn($raw) -> Option<Self> = $read;
                read(raw)
            }
        }
    )*};
}

column! {
    String, String, Some;
    i64, i64, Some;
    bool, bool, Some;
    Vec<u8>, Vec<u8>, Some;
    Sealed, Vec<u8>, |raw| Some(Sealed::new(raw));
    Timestamp, i64, |raw| Timestamp::from_microsecond(raw).ok();
    Duration, i64, |raw| u64::try_from(raw).ok().map(Duration::from_secs);
    serde_json::Value, String, |raw| serde_json::from_str(&raw).ok();
    Vec<String>, String, |raw| serde_json::from_str(&raw).ok();
    Vec<Event>, String, |raw| serde_json::from_str(&raw).ok();
    TenantId, String, |raw| raw.parse().ok();
    KeyId, String, |raw| raw.parse().ok();
    ConnectionId, String, |raw| raw.parse().ok();
    CalendarId, String, |raw| raw.parse().ok();
    ResourceId, String, |raw| raw.parse().ok();
    HoldId, String, |raw| raw.parse().ok();
    BookingId, String, |raw| raw.parse().ok();
    ConflictId, String, |raw| raw.parse().ok();
    FeedId, String, |raw| raw.parse().ok();
    LinkSessionId, String, |raw| raw.parse().ok();
    ChangeId, String, |raw| raw.parse().ok();
    Provider, String, |raw| Provider::parse(&raw);
    ConnectionState, String, |raw| ConnectionState::parse(&raw);
    Access, String, |raw| Access::parse(&raw);
    Vec<ResourceId>, String, |raw| serde_json::from_str(&raw).ok();
    HoldState, String, |raw| HoldState::parse(&raw);
    BookingStatus, String, |raw| BookingStatus::parse(&raw);
    Delivery, String, |raw| Delivery::parse(&raw);
    InitialSync, String, |raw| InitialSync::parse(&raw);
    PushState, String, |raw| PushState::parse(&raw);
    ChannelId, String, |raw| raw.parse().ok();
}
