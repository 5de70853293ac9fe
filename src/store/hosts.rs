//! Politeness towards hosts, shared by all hubs: who talks to a host now, and until when it is closed.
//!
//! A host has two places: one for the engine's work, one for live reads. A place is leased like a row of
//! work, by the database's clock on PostgreSQL. Rows are keyed by a keyed hash and belong to no tenant.

use std::time::Duration;

use jiff::Timestamp;
use serde::Serialize;

use super::{
    Tx,
    args::{json_array, micros},
    columns::{Columns, Stored},
    error::{Result, StoreError},
    tx::{On, Sql},
};

/// A place at a host, and who has it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Talk {
    pub host: String,
    pub owner: String,
}

/// Which of a host's places is meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HostPlace {
    Engine,
    Live,
}

/// What came of asking for a place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Taken {
    Yes,
    /// Somebody else is talking to it.
    Busy,
    /// It asked to be left alone until then.
    Closed(Timestamp),
}

/// What came of asking for a part of a budget.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Drawn {
    Yes,
    /// All of it is spent; in so long there is room for this again.
    In(Duration),
}

/// A part of a budget: how long it takes to grow, and how much may lie ahead of the time that has passed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Draw {
    pub grows: Duration,
    pub ahead: Duration,
}

/// Hosts that asked to be left alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ClosedHosts {
    pub count: i64,
    pub latest: Option<Timestamp>,
}

impl Stored for ClosedHosts {
    const TABLE: &'static str = "hosts";

    fn read(columns: &Columns<'_>) -> Result<Self> {
        Ok(Self { count: columns.get("total")?, latest: columns.get("latest_us")? })
    }
}

/// Statements on hosts.
#[derive(Debug)]
pub struct Hosts<'t>(&'t mut Tx);

impl Tx {
    pub fn hosts(&mut self) -> Hosts<'_> {
        Hosts(self)
    }
}

impl Hosts<'_> {
    /// Takes the engine's place at each of these hosts where it is free, and answers at which.
    pub async fn take_each(
        &mut self,
        hosts: &[&str],
        owner: &str,
        lease: Duration,
        now: Timestamp,
    ) -> Result<Vec<String>> {
        const SQL: Sql = Sql::parted(
            include_str!("sql/host_take.sqlite.sql"),
            include_str!("sql/host_take.postgres.sql"),
        );
        let args = [json_array(hosts).into(), owner.into(), micros(lease).into(), now.into()];
        self.0.values(SQL, &args).await
    }

    /// Takes a place at one host.
    pub async fn take(
        &mut self,
        talk: &Talk,
        place: HostPlace,
        lease: Duration,
        now: Timestamp,
    ) -> Result<Taken> {
        const LIVE: Sql = Sql::parted(
            include_str!("sql/host_take_live.sqlite.sql"),
            include_str!("sql/host_take_live.postgres.sql"),
        );
        let Talk { host, owner } = talk;
        let is_taken = match place {
            HostPlace::Engine => !self.take_each(&[host], owner, lease, now).await?.is_empty(),
            HostPlace::Live => {
                let args = [host.into(), owner.into(), micros(lease).into(), now.into()];
                self.0.optional_value::<String>(LIVE, &args).await?.is_some()
            }
        };
        if is_taken {
            return Ok(Taken::Yes);
        }
        Ok(self.closed_until(host, now).await?.map_or(Taken::Busy, Taken::Closed))
    }

    /// Until when a host is to be left alone, if it is.
    pub async fn closed_until(&mut self, host: &str, now: Timestamp) -> Result<Option<Timestamp>> {
        let args = [host.into(), now.into()];
        self.0.optional_value(include_str!("sql/host_closed_until.sql"), &args).await
    }

    /// The same for whichever of two is closed longer.
    pub async fn closed_until_either(
        &mut self,
        (one, other): (&str, &str),
        now: Timestamp,
    ) -> Result<Option<Timestamp>> {
        let args = [one.into(), other.into(), now.into()];
        self.0.optional_value(include_str!("sql/host_closed_until_either.sql"), &args).await
    }

    /// Draws a part of what may be asked of a host, which grows with time; by the database's clock on PostgreSQL, so
    /// that all hubs together draw no more than there is.
    pub async fn draw(&mut self, host: &str, draw: Draw, now: Timestamp) -> Result<Drawn> {
        const DRAW: Sql = Sql::parted(
            include_str!("sql/host_draw.sqlite.sql"),
            include_str!("sql/host_draw.postgres.sql"),
        );
        const ROOM: Sql = Sql::parted(
            include_str!("sql/host_room.sqlite.sql"),
            include_str!("sql/host_room.postgres.sql"),
        );
        let args = [host.into(), micros(draw.grows).into(), micros(draw.ahead).into(), now.into()];
        if self.0.optional_value::<String>(DRAW, &args).await?.is_some() {
            return Ok(Drawn::Yes);
        }
        let wait: Option<i64> = self.0.optional_value(ROOM, &args).await?;
        let wait = u64::try_from(wait.unwrap_or_default()).unwrap_or_default();
        Ok(Drawn::In(Duration::from_micros(wait)))
    }

    /// Keeps everybody from a host until then.
    pub async fn close(&mut self, host: &str, until: Timestamp, now: Timestamp) -> Result<()> {
        let args = [host.into(), until.into(), now.into()];
        self.0.execute(include_str!("sql/host_close.sql"), &args).await?;
        Ok(())
    }

    /// Sets right what a clock wrote that is ahead of ours, which is what is later than `limit`: a closed host
    /// is left alone from now on for as long as it asked for, a place that is taken until then is free, and what was
    /// spent ahead of that time is spent.
    pub async fn turn_back(&mut self, limit: Timestamp, now: Timestamp) -> Result<()> {
        let args = [now.into(), limit.into()];
        self.0.execute(include_str!("sql/host_turn_back.sql"), &args).await?;
        self.0.execute(include_str!("sql/host_turn_back_leases.sql"), &args).await?;
        Ok(())
    }

    /// Gives a place up; nothing when it is somebody else's by now.
    pub async fn leave(&mut self, talk: &Talk) -> Result<()> {
        let args = [(&talk.host).into(), (&talk.owner).into()];
        self.0.execute(include_str!("sql/host_leave.sql"), &args).await?;
        Ok(())
    }

    /// Extends the leases of the engine's places.
    pub async fn beat(&mut self, talks: &[Talk], lease: Duration, now: Timestamp) -> Result<()> {
        let (talks, lease) = (json_array(talks).into(), micros(lease).into());
        match &self.0.on {
            On::Sqlite(_) => {
                let sql = include_str!("sql/host_beat.sqlite.sql");
                self.0.execute(sql, &[talks, lease, now.into()]).await?;
            }
            On::Postgres(_) => {
                self.0.execute(include_str!("sql/host_beat.postgres.sql"), &[talks, lease]).await?;
            }
        }
        Ok(())
    }

    /// Forgets hosts that nobody talks to and that are not closed.
    pub async fn forget(&mut self, now: Timestamp) -> Result<u64> {
        const SQL: Sql = Sql::parted(
            include_str!("sql/host_forget.sqlite.sql"),
            include_str!("sql/host_forget.postgres.sql"),
        );
        self.0.execute(SQL, &[now.into()]).await
    }

    /// Frees the places of the dead: on SQLite all, where whoever opens the file is the only hub; on
    /// PostgreSQL those of an earlier process of the hub of this name.
    pub async fn take_over(&mut self, name: &str) -> Result<()> {
        const SQL: Sql = Sql::parted(
            include_str!("sql/host_take_over.sqlite.sql"),
            include_str!("sql/host_take_over.postgres.sql"),
        );
        self.0.execute(SQL, &[name.into()]).await?;
        Ok(())
    }

    /// How many hosts are closed, and until when the last of them.
    pub async fn closed(&mut self, now: Timestamp) -> Result<ClosedHosts> {
        let found = self.0.optional(include_str!("sql/host_closed.sql"), &[now.into()]).await?;
        found.ok_or(StoreError::Corrupt { table: "hosts", column: "closed_until_us" })
    }
}
