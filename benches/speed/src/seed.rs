//! Calendars made up by the database itself, straight into the hub's tables.

use anyhow::{Context, Result};
use sqlx::{AssertSqlSafe, Connection as _, PgConnection, SqliteConnection};

/// The first midnight of all seeded busy time: 2027-03-01 in UTC.
pub(crate) const BASE: &str = "2027-03-01T00:00:00Z";
const BASE_US: i64 = 1_803_859_200_000_000;

/// What to make up.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Seed {
    /// Calendars from the first to before the last, each with a resource `ext:person-N`.
    pub(crate) calendars: (u32, u32),
    /// So many series, each at its own half hour of the day ...
    pub(crate) series: u32,
    /// ... so many times ...
    pub(crate) times: u32,
    /// ... within so many days.
    pub(crate) days: u32,
}

/// A database that can be seeded.
#[derive(Debug)]
pub(crate) enum Database {
    Sqlite(SqliteConnection),
    Postgres(PgConnection),
}

impl Database {
    pub(crate) async fn open(url: &str) -> Result<Self> {
        if url.starts_with("sqlite:") {
            let mut connection = SqliteConnection::connect(url).await?;
            for pragma in ["PRAGMA synchronous = OFF", "PRAGMA cache_size = -262144"] {
                sqlx::query(pragma).execute(&mut connection).await?;
            }
            return Ok(Self::Sqlite(connection));
        }
        Ok(Self::Postgres(PgConnection::connect(url).await?))
    }

    pub(crate) async fn run(&mut self, sql: &str) -> Result<()> {
        let query = sqlx::raw_sql(AssertSqlSafe(sql.to_owned()));
        match self {
            Self::Sqlite(connection) => query.execute(connection).await.map(|_| ()),
            Self::Postgres(connection) => query.execute(connection).await.map(|_| ()),
        }
        .with_context(|| sql.to_owned())
    }

    pub(crate) async fn number(&mut self, sql: &str) -> Result<i64> {
        let query = sqlx::query_scalar(AssertSqlSafe(sql.to_owned()));
        Ok(match self {
            Self::Sqlite(connection) => query.fetch_one(connection).await?,
            Self::Postgres(connection) => {
                sqlx::query_scalar(AssertSqlSafe(sql.to_owned())).fetch_one(connection).await?
            }
        })
    }

    /// Runs a query and counts the rows that arrive.
    pub(crate) async fn rows(&mut self, sql: &str) -> Result<usize> {
        let query = AssertSqlSafe(sql.to_owned());
        Ok(match self {
            Self::Sqlite(connection) => sqlx::query(query).fetch_all(connection).await?.len(),
            Self::Postgres(connection) => sqlx::query(query).fetch_all(connection).await?.len(),
        })
    }

    /// The numbers from `from` to before `to`, as a table with the column `n`.
    fn numbers(&self, from: u32, to: u32, name: &str) -> String {
        let last = i64::from(to) - 1;
        match self {
            Self::Sqlite(_) => format!(
                "(WITH RECURSIVE s(n) AS (SELECT {from} UNION ALL SELECT n + 1 FROM s WHERE n < {last}) SELECT n FROM s) AS {name}"
            ),
            Self::Postgres(_) => format!("generate_series({from}, {last}) AS {name}(n)"),
        }
    }

    /// A number as 20 digits.
    fn digits(&self, number: &str) -> String {
        match self {
            Self::Sqlite(_) => format!("printf('%020d', {number})"),
            Self::Postgres(_) => format!("lpad(({number})::text, 20, '0')"),
        }
    }

    /// Adds calendars to the default tenant.
    pub(crate) async fn seed(&mut self, seed: Seed) -> Result<()> {
        let Seed { calendars: (from, to), series, times, days } = seed;
        let now = jiff::Timestamp::now().as_microsecond();
        let old = now - 3_600_000_000;
        let day_us = 86_400_000_000_i64;
        let (first, last) = (BASE_US - 365 * day_us, BASE_US + 400 * day_us);
        let tenant = "(SELECT value FROM instance WHERE name = 'tenant.default')";
        let blob = match self {
            Self::Sqlite(_) => "x'00'",
            Self::Postgres(_) => "'\\x00'::bytea",
        };
        let people = self.numbers(from, to, "c");
        let id = |kind: &str, number: String| format!("'{kind}_0198c0000000' || {number}");
        let calendar = id("cal", self.digits("c.n"));
        let resource = id("res", self.digits("c.n"));
        // A thousand calendars a connection.
        let connection = id("con", self.digits("c.n / 1000"));
        self.run("BEGIN").await?;
        self.run(&format!(
            "INSERT INTO connections (tenant_id, connection_id, provider, identity, account_label, access, state, login, created_us, touched_us)
             SELECT DISTINCT {tenant}, {connection}, 'caldav', 'bench-' || (c.n / 1000), 'bench', 'read', 'healthy', {blob}, {old}, {old}
             FROM {people} WHERE true ON CONFLICT DO NOTHING"
        ))
        .await?;
        self.run(&format!(
            "INSERT INTO calendars (tenant_id, calendar_id, connection_id, provider_ref, name, time_zone, writable, transparent, read_cursor,
                initial_sync, synced_us, full_us, covered_from_us, covered_until_us, poll_every_s, expected_max_age_s, created_us, touched_us)
             SELECT {tenant}, {calendar}, {connection}, '/dav/calendars/person-' || c.n || '/', 'Work', 'Europe/Berlin', true, false, 'sync-token',
                'done', {now}, {now}, {first}, {last}, 900, 864000, {old}, {old} FROM {people}"
        ))
        .await?;
        self.run(&format!(
            "INSERT INTO resources (tenant_id, resource_id, external_id, name, time_zone, capacity, event_template, on_provider_move,
                on_provider_delete, created_us, touched_us)
             SELECT {tenant}, {resource}, 'person-' || c.n, 'Person', 'Europe/Berlin', 1, '{{}}', 'flag', 'flag', {old}, {old} FROM {people}"
        ))
        .await?;
        self.run(&format!(
            "INSERT INTO resource_calendars (tenant_id, resource_id, calendar_id, place, blocks)
             SELECT {tenant}, {resource}, {calendar}, 0, true FROM {people}"
        ))
        .await?;
        self.run("COMMIT").await?;
        let step = 5_000;
        let mut at = from;
        while at < to {
            let people = self.numbers(at, to.min(at + step), "c");
            let (rules, turns) = (self.numbers(0, series, "s"), self.numbers(0, times, "o"));
            let name = format!("'uid-0f3c-' || {}", self.digits("s.n"));
            let start = format!(
                "({BASE_US} + ((o.n * {days} / {times} + s.n) % {days}) * {day_us} + (28800 + s.n * 1800 + (c.n % 6) * 300) * CAST(1000000 AS BIGINT))"
            );
            let order = match self {
                Self::Sqlite(_) => "",
                Self::Postgres(_) => "ORDER BY 1, 2, 3, 4",
            };
            self.run(&format!(
                "INSERT INTO busy (tenant_id, calendar_id, series, start_us, end_us, class)
                 SELECT {tenant}, {calendar}, {name}, {start}, {start} + 1500000000, CASE WHEN s.n % 10 = 9 THEN 1 ELSE 0 END
                 FROM {people} CROSS JOIN {rules} CROSS JOIN {turns} {order}"
            ))
            .await?;
            at += step;
        }
        if let Self::Postgres(_) = self {
            self.run("ANALYZE").await?;
        }
        Ok(())
    }
}
