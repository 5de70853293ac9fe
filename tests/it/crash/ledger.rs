//! Keeps books on what is committed: every change of busy time has its entry, and no entry lacks its change.
//!
//! The rows are read from the database itself, behind the hub's back, once before a kill and once after it.

use std::{
    collections::{BTreeMap, BTreeSet, HashSet},
    path::PathBuf,
    time::Duration,
};

use serde_json::Value;
use sqlx::{Connection, PgConnection, Row, SqliteConnection, sqlite::SqliteConnectOptions};
use tempfile::TempDir;

use super::life::copied;

/// A row of busy time: series, start, end, class.
type Busy = (String, i64, i64, i64);

/// The books at one instant.
#[derive(Default)]
pub struct Books {
    busy: BTreeMap<String, BTreeSet<Busy>>,
    /// Entries in order: id, type, subject, body.
    log: Vec<(String, String, String, Value)>,
}

/// Where the books are.
#[derive(Clone)]
pub enum Database {
    Sqlite(PathBuf),
    Postgres(String),
}

const BUSY: &str = "SELECT calendar_id, series, start_us, end_us, CAST(class AS BIGINT) FROM busy";
const LOG: &str = "SELECT change_id, type, subject, body FROM changes ORDER BY txid, n";

impl Database {
    /// Reads the books of a hub that runs.
    pub async fn books(&self) -> Books {
        match self {
            Self::Sqlite(file) => sqlite_books(file).await,
            Self::Postgres(url) => postgres_books(url).await,
        }
    }

    /// Reads the books that a dead hub has left.
    pub async fn books_after_death(&self) -> Books {
        let (left, _dir) = self.after_death().await;
        left.books().await
    }

    /// What a dead hub has left. Looking must not recover anything on the next life's behalf; and what a server still
    /// does for a dead client must have ended.
    pub async fn after_death(&self) -> (Self, TempDir) {
        let dir = tempfile::tempdir().unwrap();
        match self {
            Self::Sqlite(file) => (Self::Sqlite(copied(file, dir.path())), dir),
            Self::Postgres(url) => {
                let mut conn = PgConnection::connect(url).await.unwrap();
                let others = "SELECT count(*) FROM pg_stat_activity \
                    WHERE datname = current_database() AND application_name = 'calhub'";
                for _ in 0..1_000 {
                    let left: i64 = sqlx::query_scalar(others).fetch_one(&mut conn).await.unwrap();
                    if left == 0 {
                        conn.close().await.unwrap();
                        return (self.clone(), dir);
                    }
                    tokio::time::sleep(Duration::from_millis(5)).await;
                }
                panic!("the server still serves a dead hub");
            }
        }
    }

    /// What these queries find at one instant; every column is text.
    pub async fn rows(&self, queries: &[&'static str]) -> Vec<Rows> {
        match self {
            Self::Sqlite(file) => {
                let options = SqliteConnectOptions::new().filename(file);
                let mut conn = SqliteConnection::connect_with(&options).await.unwrap();
                let mut tx = conn.begin().await.unwrap();
                let mut all = Vec::new();
                for query in queries {
                    let rows = sqlx::query(*query).fetch_all(&mut *tx).await.unwrap();
                    all.push(rows.iter().map(text_of).collect());
                }
                tx.rollback().await.unwrap();
                all
            }
            Self::Postgres(url) => {
                let mut conn = PgConnection::connect(url).await.unwrap();
                let mut tx = conn.begin_with(ONE_INSTANT).await.unwrap();
                let mut all = Vec::new();
                for query in queries {
                    let rows = sqlx::query(*query).fetch_all(&mut *tx).await.unwrap();
                    all.push(rows.iter().map(text_of).collect());
                }
                tx.rollback().await.unwrap();
                conn.close().await.unwrap();
                all
            }
        }
    }
}

/// Rows as text; what is not there is empty.
pub type Rows = Vec<Vec<String>>;

const ONE_INSTANT: &str = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY";

fn text_of<R: Row>(row: &R) -> Vec<String>
where
    usize: sqlx::ColumnIndex<R>,
    for<'r> Option<String>: sqlx::Decode<'r, R::Database> + sqlx::Type<R::Database>,
{
    (0..row.len()).map(|at| row.get::<Option<String>, _>(at).unwrap_or_default()).collect()
}

async fn sqlite_books(file: &std::path::Path) -> Books {
    let options = SqliteConnectOptions::new().filename(file);
    let mut conn = SqliteConnection::connect_with(&options).await.unwrap();
    let mut tx = conn.begin().await.unwrap();
    let mut books = Books::default();
    for row in sqlx::query(BUSY).fetch_all(&mut *tx).await.unwrap() {
        books.note_busy(row.get(0), (row.get(1), row.get(2), row.get(3), row.get(4)));
    }
    for row in sqlx::query(LOG).fetch_all(&mut *tx).await.unwrap() {
        books.note_entry(row.get(0), row.get(1), row.get(2), row.get(3));
    }
    tx.rollback().await.unwrap();
    books
}

async fn postgres_books(url: &str) -> Books {
    let mut conn = PgConnection::connect(url).await.unwrap();
    let mut tx = conn.begin_with(ONE_INSTANT).await.unwrap();
    let mut books = Books::default();
    for row in sqlx::query(BUSY).fetch_all(&mut *tx).await.unwrap() {
        books.note_busy(row.get(0), (row.get(1), row.get(2), row.get(3), row.get(4)));
    }
    for row in sqlx::query(LOG).fetch_all(&mut *tx).await.unwrap() {
        books.note_entry(row.get(0), row.get(1), row.get(2), row.get(3));
    }
    tx.rollback().await.unwrap();
    conn.close().await.unwrap();
    books
}

impl Books {
    fn note_busy(&mut self, calendar: String, busy: Busy) {
        self.busy.entry(calendar).or_default().insert(busy);
    }

    fn note_entry(&mut self, id: String, kind: String, subject: String, body: &str) {
        self.log.push((id, kind, subject, serde_json::from_str(body).unwrap()));
    }

    /// How many entries the log has.
    pub fn entries(&self) -> usize {
        self.log.len()
    }

    /// What is wrong between the books before and these.
    pub fn faults_since(&self, before: &Self) -> Vec<String> {
        let mut faults = Vec::new();
        let mut ids = HashSet::new();
        for (id, ..) in &self.log {
            if !ids.insert(id) {
                faults.push(format!("entry {id} stands twice in the log"));
            }
        }
        let known: HashSet<&String> = before.log.iter().map(|(id, ..)| id).collect();
        if before.log.iter().any(|(id, ..)| !ids.contains(id)) {
            faults.push("an entry went away".to_owned());
        }
        let new: Vec<_> = self.log.iter().filter(|(id, ..)| !known.contains(id)).collect();
        let none = BTreeSet::new();
        let calendars: BTreeSet<&String> = self.busy.keys().chain(before.busy.keys()).collect();
        let of = |books: &Self, calendar: &String| -> BTreeSet<Busy> {
            books.busy.get(calendar).unwrap_or(&none).clone()
        };
        for &calendar in &calendars {
            let differs: Vec<Busy> =
                of(before, calendar).symmetric_difference(&of(self, calendar)).cloned().collect();
            let told = |kind: &str| {
                let kind = kind.to_owned();
                new.iter().filter(move |(_, k, subject, _)| *k == kind && subject == calendar)
            };
            if told("calendar.removed").next().is_some() {
                continue;
            }
            let spans: Vec<(i64, i64)> = told("busy.changed").map(|entry| span(&entry.3)).collect();
            for row in &differs {
                if !spans.iter().any(|(from, to)| *from <= row.1 && row.2 <= *to) {
                    faults.push(format!("{calendar}: {row:?} changed and no entry tells"));
                }
            }
            // An entry names exactly the hull of what its transaction changed.
            for (from, to) in &spans {
                let begins = differs.iter().any(|row| row.1 == *from);
                let ends = differs.iter().any(|row| row.2 == *to);
                if !(begins && ends) {
                    faults.push(format!(
                        "{calendar}: an entry tells of {from}..{to}, where nothing changed"
                    ));
                }
            }
            if spans.iter().collect::<HashSet<_>>().len() < spans.len() {
                faults.push(format!("{calendar}: one change is told twice"));
            }
        }
        for (id, kind, subject, _) in &new {
            if kind == "busy.changed" && !calendars.contains(subject) {
                faults.push(format!("entry {id} tells of {subject}, which has no busy time"));
            }
        }
        faults
    }
}

fn span(body: &Value) -> (i64, i64) {
    let at = |name: &str| {
        body[name].as_str().unwrap().parse::<jiff::Timestamp>().unwrap().as_microsecond()
    };
    (at("start"), at("end"))
}
