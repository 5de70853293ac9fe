//! The tables by name, for what is done to all of them alike.

use serde::{Deserialize, Serialize};
use sqlx::{PgConnection, SqliteConnection};

use super::error::Result;

/// Every table of ours, those that others point at before those that point.
pub(super) const TABLES: &[&str] = &[
    "instance",
    "tenants",
    "data_keys",
    "api_keys",
    "provider_apps",
    "connections",
    "grants",
    "link_sessions",
    "oauth_trips",
    "calendars",
    "channels",
    "timeline",
    "provider_requests",
    "events",
    "busy",
    "resources",
    "resource_calendars",
    "feeds",
    "claims",
    "holds",
    "bookings",
    "booking_history",
    "conflicts",
    "outbox",
    "attempts",
    "drift",
    "changes",
    "work",
    "hosts",
    "idempotency",
    "audit",
    "pauses",
];

/// Columns whose values mean something in one database only: the places of the change log.
const LOCAL: &[(&str, &str)] = &[("changes", "txid"), ("changes", "n")];

/// What a column holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Kind {
    Text,
    Int,
    SmallInt,
    Bool,
    Bytes,
}

impl Kind {
    /// From the engine's word for the type.
    fn parse(declared: &str) -> Option<Self> {
        Some(match declared.to_ascii_lowercase().as_str() {
            "text" => Self::Text,
            "bigint" | "integer" => Self::Int,
            "smallint" => Self::SmallInt,
            "boolean" => Self::Bool,
            "blob" | "bytea" => Self::Bytes,
            _ => return None,
        })
    }
}

/// A column's name and what it holds.
pub(super) type Column = (String, Kind);

pub(super) async fn sqlite_columns(
    conn: &mut SqliteConnection,
    table: &str,
) -> Result<Vec<Column>> {
    let sql = include_str!("sql/table_columns.sqlite.sql");
    Ok(known(table, sqlx::query_as(sql).bind(table).fetch_all(conn).await?))
}

pub(super) async fn postgres_columns(conn: &mut PgConnection, table: &str) -> Result<Vec<Column>> {
    let sql = include_str!("sql/table_columns.postgres.sql");
    Ok(known(table, sqlx::query_as(sql).bind(table).fetch_all(conn).await?))
}

fn known(table: &str, found: Vec<(String, String)>) -> Vec<Column> {
    let is_local = |column: &str| LOCAL.contains(&(table, column));
    found
        .into_iter()
        .filter(|(name, _)| !is_local(name))
        .filter_map(|(name, declared)| Kind::parse(&declared).map(|kind| (name, kind)))
        .collect()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    /// A table or a type that is forgotten here would be missing from every backup.
    #[test]
    fn every_table_and_type_of_the_migrations_is_known() {
        for engine in ["sqlite", "postgres"] {
            let dir =
                std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("migrations").join(engine);
            let mut made = BTreeSet::new();
            for entry in std::fs::read_dir(dir).unwrap() {
                let text = std::fs::read_to_string(entry.unwrap().path()).unwrap();
                for part in text.split("CREATE TABLE ").skip(1) {
                    made.insert(part.split_whitespace().next().unwrap().to_owned());
                    let columns = part.lines().skip(1).take_while(|line| line.starts_with("    "));
                    for line in columns {
                        let mut words = line.split_whitespace();
                        let name = words.next().unwrap();
                        if name.chars().next().unwrap().is_ascii_uppercase() || name == "--" {
                            continue;
                        }
                        let declared = words.next().unwrap().trim_end_matches(',');
                        assert!(Kind::parse(declared).is_some(), "{engine}: {line}");
                    }
                }
            }
            assert_eq!(made, TABLES.iter().map(|&name| name.to_owned()).collect());
        }
    }
}
