//! The tables, read by statements of the auditor's own.

use sqlx::{
    Connection, FromRow, PgConnection, SqliteConnection, postgres::PgRow, sqlite::SqliteRow,
};

use crate::support::engines::Bed;

/// tenant, resource, claim, seat, start, end, expiry.
#[derive(Debug, FromRow)]
pub struct Claim {
    pub resource_id: String,
    pub claim_id: String,
    pub seat: i64,
    pub start_us: i64,
    pub end_us: i64,
    pub expires_us: Option<i64>,
}

/// A hold or a booking.
#[derive(Debug, FromRow)]
pub struct Owner {
    pub id: String,
    pub state: String,
    /// A JSON array of ids.
    pub resources: String,
    pub start_us: i64,
    pub end_us: i64,
    /// Zero for bookings.
    pub expires_us: i64,
    pub revision: i64,
}

#[derive(Debug, FromRow)]
pub struct Seats {
    pub resource_id: String,
    pub capacity: i64,
}

#[derive(Debug)]
pub struct Tables {
    pub claims: Vec<Claim>,
    pub holds: Vec<Owner>,
    pub bookings: Vec<Owner>,
    pub seats: Vec<Seats>,
}

impl Tables {
    pub async fn read(bed: &Bed) -> Self {
        const CLAIMS: &str =
            "SELECT resource_id, claim_id, seat, start_us, end_us, expires_us FROM claims";
        const HOLDS: &str = "SELECT hold_id AS id, state, resources, start_us, end_us, expires_us, revision FROM holds";
        const BOOKINGS: &str = "SELECT booking_id AS id, status AS state, resources, start_us, end_us, CAST(0 AS BIGINT) AS expires_us, revision FROM bookings";
        const SEATS: &str = "SELECT resource_id, capacity FROM resources";
        Self {
            claims: all(bed, CLAIMS).await,
            holds: all(bed, HOLDS).await,
            bookings: all(bed, BOOKINGS).await,
            seats: all(bed, SEATS).await,
        }
    }
}

async fn all<T>(bed: &Bed, sql: &'static str) -> Vec<T>
where
    T: Send + Unpin + for<'r> FromRow<'r, PgRow> + for<'r> FromRow<'r, SqliteRow>,
{
    if bed.url.starts_with("sqlite:") {
        let mut conn = SqliteConnection::connect(&bed.url).await.unwrap();
        sqlx::query_as(sql).fetch_all(&mut conn).await.unwrap()
    } else {
        let mut conn = PgConnection::connect(&bed.url).await.unwrap();
        sqlx::query_as(sql).fetch_all(&mut conn).await.unwrap()
    }
}

/// Runs one statement past the hub.
pub async fn execute(bed: &Bed, sql: &'static str) {
    if bed.url.starts_with("sqlite:") {
        let mut conn = SqliteConnection::connect(&bed.url).await.unwrap();
        sqlx::query(sql).execute(&mut conn).await.unwrap();
    } else {
        let mut conn = PgConnection::connect(&bed.url).await.unwrap();
        sqlx::query(sql).execute(&mut conn).await.unwrap();
    }
}

/// Takes the database's own rule away.
pub async fn drop_the_rule(bed: &Bed) {
    let sql = if bed.url.starts_with("sqlite:") {
        "DROP TRIGGER claims_do_not_overlap"
    } else {
        "ALTER TABLE claims DROP CONSTRAINT claims_do_not_overlap"
    };
    execute(bed, sql).await;
}
