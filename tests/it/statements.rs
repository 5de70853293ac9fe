//! Every SQL file is prepared on the engines it is for, is used, and stays within its tenant.

use std::{collections::BTreeMap, fs, path::PathBuf};

use calhub::store::Engine;
use sqlx::{
    AssertSqlSafe, Connection, Executor, PgConnection, Row as _, SqlSafeStr, SqliteConnection,
};

use crate::support::engines::{on_each_engine, on_sqlite};

/// The tables whose rows belong to tenants.
const TENANT_TABLES: &[&str] = &[
    "tenants",
    "data_keys",
    "api_keys",
    "provider_apps",
    "connections",
    "grants",
    "link_sessions",
    "oauth_trips",
    "calendars",
    "events",
    "busy",
    "resources",
    "channels",
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
    "provider_requests",
    "changes",
    "timeline",
    "work",
    "audit",
    "pauses",
];

/// Statements that cross tenants, and why they may.
const ACROSS_TENANTS: &[(&str, &str)] = &[
    ("audit_list_all.sql", "an instance key lists everybody's acts"),
    ("audit_sealed.sql", "one chain a hub"),
    ("audit_tail.sql", "one chain a hub"),
    ("audit_unsealed.sql", "one chain a hub"),
    ("busy_by_calendar.postgres.sql", "loads the index"),
    ("busy_by_calendar.sqlite.sql", "loads the index"),
    ("conflict_to_settle.sql", "policies of every tenant are followed"),
    ("connection_elsewhere.sql", "a grant that serves two tenants is taken back with the last"),
    ("data_key_all.sql", "secrets are rotated for every tenant"),
    ("calendar_all.sql", "loads the index"),
    ("calendar_turn_back.sql", "the clock is everybody's"),
    ("calendar_touched_since.sql", "keeps the index current"),
    ("census_connections.sql", "numbers for operators"),
    ("census_drift.sql", "numbers for operators"),
    ("census_failing.sql", "numbers for operators"),
    ("census_held.postgres.sql", "numbers for operators"),
    ("census_held.sqlite.sql", "numbers for operators"),
    ("census_outbox.sql", "numbers for operators"),
    ("census_push.sql", "numbers for operators"),
    ("census_quarantined.sql", "numbers for operators"),
    ("census_unexpandable.sql", "numbers for operators"),
    ("census_unwatched.sql", "numbers for operators"),
    ("change_first_since.postgres.sql", "prunes the log"),
    ("change_first_since.sqlite.sql", "prunes the log"),
    ("change_last_below.postgres.sql", "prunes the log"),
    ("change_last_below.sqlite.sql", "prunes the log"),
    ("change_prune.postgres.sql", "prunes the log"),
    ("change_prune.sqlite.sql", "prunes the log"),
    ("change_read_all.postgres.sql", "keeps the index current"),
    ("change_read_all.sqlite.sql", "keeps the index current"),
    ("channel_find.sql", "a notification names nothing but its channel"),
    ("claim_all.sql", "loads the index"),
    ("feed_find.sql", "the address is all that its reader has"),
    ("hold_expired.sql", "holds of every tenant end by themselves"),
    ("idempotency_forget.sql", "prunes old answers"),
    ("idempotency_take_over.postgres.sql", "a hub that starts again takes up what it had begun"),
    ("idempotency_take_over.sqlite.sql", "the only hub takes up what its predecessor left"),
    ("key_find.sql", "a key tells its tenant"),
    ("link_session_by_hash.sql", "the address is all that its opener has"),
    ("link_session_by_id.sql", "the id and a cookie are all that a browser has"),
    ("link_session_forget.sql", "prunes old visits"),
    ("lock_turned_back.postgres.sql", "the clock is everybody's"),
    ("lock_turned_back_work.postgres.sql", "the clock is everybody's"),
    ("oauth_trip_take.sql", "the state is all that a browser brings back"),
    ("outbox_spans.sql", "loads the index"),
    ("pause_all.sql", "numbers for operators; an instance key lists everybody's"),
    ("planner_hints.sqlite.sql", "describes the tables to the planner"),
    ("provider_requests_forget.sql", "prunes old counts"),
    ("provider_requests_spread.sql", "numbers for operators"),
    ("resource_all.sql", "loads the index"),
    ("resource_all_links.sql", "loads the index"),
    ("restore_calendars.sql", "a restored database as a whole"),
    ("restore_channels.sql", "a restored database as a whole"),
    ("restore_idempotency.sql", "a restored database as a whole"),
    ("restore_work.sql", "a restored database as a whole"),
    ("tenant_count.sql", "asks whether a database is empty"),
    ("tenant_list.sql", "lists tenants"),
    ("work_candidate.postgres.sql", "a lane serves every tenant"),
    ("work_candidate.sqlite.sql", "a lane serves every tenant"),
    ("work_beat.sqlite.sql", "one heartbeat for all that a hub works on"),
    ("work_turn_back.sql", "the clock is everybody's"),
    ("work_turn_back_leases.sql", "the clock is everybody's"),
    ("work_demanded.sql", "cancels bookings with the connections of every tenant"),
    ("work_counts.postgres.sql", "numbers for operators"),
    ("work_counts.sqlite.sql", "numbers for operators"),
    ("work_give_back.sqlite.sql", "a hub that stops gives back all that it claimed"),
    ("work_oldest_due.sql", "doctor asks whether anything waits"),
    ("work_due.postgres.sql", "a lane serves every tenant"),
    ("work_due.sqlite.sql", "a lane serves every tenant"),
    ("work_take_over.postgres.sql", "a hub that starts again takes up what it had begun"),
    ("work_take_over.sqlite.sql", "the only hub takes up what its predecessor left"),
];

/// Statements that read a whole table or everything of a tenant, and why they may. All others take as long with a million rows
/// as with a thousand.
const READ_EVERYTHING: &[(&str, &str)] = &[
    ("audit_list.sql", "a page, in order"),
    ("audit_list_all.sql", "a page, in order"),
    ("audit_tail.sql", "what is unsealed is few"),
    ("busy_unexpandable.sql", "by an index of the few that are"),
    ("calendar_quarantined.sql", "by an index of the few that are"),
    ("census_connections.sql", "counts, once a scrape"),
    ("census_drift.sql", "counts, once a scrape"),
    ("census_failing.sql", "by an index of the few that are"),
    ("census_held.sqlite.sql", "by an index of the few that are"),
    ("census_push.sql", "counts, once a scrape"),
    ("census_quarantined.sql", "by an index of the few that are"),
    ("census_unexpandable.sql", "by an index of the few that are"),
    ("change_blank.sqlite.sql", "somebody unlinks"),
    ("change_erase.sql", "somebody unlinks"),
    ("change_first_since.sqlite.sql", "prunes the log, and ends at the first it keeps"),
    ("channel_list.sql", "a page, in order"),
    ("conflict_to_settle.sql", "by an index of the few that are"),
    ("data_key_latest.sqlite.sql", "a tenant has one or two"),
    ("data_key_uses.sql", "before a key is dropped"),
    ("drift_calendars.sql", "the round of a reconciliation"),
    ("host_closed.sql", "hosts are few"),
    ("host_forget.sqlite.sql", "hosts are few"),
    ("host_take_over.sqlite.sql", "once a start"),
    ("host_turn_back.sql", "the clock was set back"),
    ("host_turn_back_leases.sql", "the clock was set back"),
    ("idempotency_erase.sqlite.sql", "a tenant is erased"),
    ("idempotency_take_over.sqlite.sql", "once a start"),
    ("key_admins.sqlite.sql", "a tenant's keys are few"),
    ("link_session_about.sql", "what is open is few, and ends"),
    ("migrations_applied.sql", "migrations are few"),
    ("pause_all.sql", "pauses are few"),
    ("pause_erase.sql", "pauses are few"),
    ("pause_of_tenant.sql", "pauses are few"),
    ("provider_requests_forget.sql", "prunes old counts"),
    ("provider_requests_spread.sql", "counts, once a scrape"),
    ("restore_calendars.sql", "a database is restored"),
    ("restore_channels.sql", "a database is restored"),
    ("restore_idempotency.sql", "a database is restored"),
    ("restore_work.sql", "a database is restored"),
    ("tenant_count.sql", "asks whether a database is empty"),
    ("tenant_delete.sql", "a tenant is erased"),
    ("work_counts.sqlite.sql", "counts, once a scrape"),
    ("work_take_over.sqlite.sql", "once a start"),
    ("work_turn_back.sql", "the clock was set back"),
];

fn directory() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("src/store")
}

/// Every SQL file by name.
fn statements() -> BTreeMap<String, String> {
    fs::read_dir(directory().join("sql"))
        .unwrap()
        .map(|entry| {
            let path = entry.unwrap().path();
            (
                path.file_name().unwrap().to_str().unwrap().to_owned(),
                fs::read_to_string(path).unwrap(),
            )
        })
        .collect()
}

fn without_comments(sql: &str) -> String {
    sql.lines().filter(|line| !line.trim_start().starts_with("--")).collect::<Vec<_>>().join("\n")
}

#[tokio::test]
async fn every_statement_can_be_prepared_on_its_engines() {
    on_each_engine(async |bed| {
        let mut faults = Vec::new();
        for (name, sql) in statements() {
            let sql = AssertSqlSafe(sql).into_sql_str();
            let prepared = match bed.engine {
                Engine::Sqlite if name.ends_with(".postgres.sql") => continue,
                Engine::Postgres if name.ends_with(".sqlite.sql") => continue,
                Engine::Sqlite => {
                    let mut conn = SqliteConnection::connect(&bed.url).await.unwrap();
                    conn.prepare(sql).await.map(|_| ())
                }
                Engine::Postgres => {
                    let mut conn = PgConnection::connect(&bed.url).await.unwrap();
                    conn.prepare(sql).await.map(|_| ())
                }
            };
            if let Err(error) = prepared {
                faults.push(format!("{name}: {error}"));
            }
        }
        assert!(faults.is_empty(), "on {:?}:\n{}", bed.engine, faults.join("\n"));
    })
    .await;
}

#[test]
fn every_statement_on_a_tenants_rows_names_the_tenant() {
    let allowed: BTreeMap<_, _> = ACROSS_TENANTS.iter().copied().collect();
    let all = statements();
    for (name, sql) in &all {
        let sql = without_comments(sql);
        let words: Vec<&str> = sql.split_whitespace().collect();
        let references = words
            .windows(2)
            .filter(|pair| ["FROM", "UPDATE", "JOIN"].contains(&pair[0]))
            .filter(|pair| TENANT_TABLES.contains(&pair[1]) || pair[1] == "idempotency")
            .count();
        let inserts = sql.matches("INSERT INTO").count();
        // `DO UPDATE` of an upsert touches only the row of the key, which begins with the tenant.
        let leads = sql.replace("(\n    tenant_id,", "(tenant_id,");
        let predicates = sql.matches("tenant_id = ").count();
        let is_fenced = predicates >= references
            && (inserts == 0
                || leads.contains("(tenant_id,")
                || sql.contains("INTO instance")
                || sql.contains("INTO hosts"));
        assert!(
            is_fenced != allowed.contains_key(name.as_str()),
            "{name}: {references} uses of tenants' tables, {predicates} predicates"
        );
    }
    let stale: Vec<_> = allowed.keys().filter(|name| !all.contains_key(**name)).collect();
    assert!(stale.is_empty(), "allowed but gone: {stale:?}");
}

/// How SQLite would run a statement, a step a line.
async fn plan(conn: &mut SqliteConnection, sql: &str) -> Vec<String> {
    let parameters = (1..20).rev().find(|n| sql.contains(&format!("${n}"))).unwrap_or(0);
    let explain = AssertSqlSafe(format!("EXPLAIN QUERY PLAN {sql}")).into_sql_str();
    let mut query = sqlx::query(explain);
    for _ in 0..parameters {
        query = query.bind(None::<String>);
    }
    query.fetch_all(conn).await.unwrap().iter().map(|row| row.get("detail")).collect()
}

#[tokio::test]
async fn no_statement_reads_everything_of_a_tenant_on_sqlite() {
    on_sqlite(async |bed| {
        let mut conn = SqliteConnection::connect(&bed.url).await.unwrap();
        let tables: Vec<String> =
            sqlx::query_scalar("SELECT name FROM sqlite_schema WHERE type = 'table'")
                .fetch_all(&mut conn)
                .await
                .unwrap();
        let reads_everything = |step: &String| {
            let is_scan = step.strip_prefix("SCAN ").is_some_and(|rest| {
                let table = rest.split(' ').next().unwrap_or(rest);
                tables.iter().any(|name| name == table && name != "sqlite_sequence")
            });
            let is_wide = ["(tenant_id=?)", "(lane=?)"].iter().any(|bound| step.ends_with(bound));
            is_scan || is_wide && !step.starts_with("SEARCH tenants ")
        };
        let allowed: BTreeMap<_, _> = READ_EVERYTHING.iter().copied().collect();
        let mut faults = Vec::new();
        for (name, sql) in statements() {
            if name.ends_with(".postgres.sql") || name == "planner_hints.sqlite.sql" {
                continue;
            }
            let steps = plan(&mut conn, &sql).await;
            let wide: Vec<_> = steps.into_iter().filter(reads_everything).collect();
            if wide.is_empty() == allowed.contains_key(name.as_str()) {
                faults.push(format!("{name}: {wide:?}"));
            }
        }
        assert!(faults.is_empty(), "{}", faults.join("\n"));
        let claims = fs::read_to_string(directory().join("sql/claim_of_resource.sql")).unwrap();
        sqlx::query("DELETE FROM sqlite_stat1").execute(&mut conn).await.unwrap();
        let mut unhinted = SqliteConnection::connect(&bed.url).await.unwrap();
        let steps = plan(&mut unhinted, &claims).await;
        assert!(steps.iter().any(reads_everything), "the hints are not needed any more: {steps:?}");
    })
    .await;
}

/// While a table has no statistics, PostgreSQL plans the subquery as a loop over all rows for each of its names.
#[test]
fn lists_of_names_are_no_subquery_of_in_to_postgresql() {
    for (name, sql) in statements() {
        assert!(!sql.contains("IN (SELECT jsonb_array_elements"), "{name}");
    }
}

#[test]
fn every_statement_is_used_and_none_is_written_in_the_code() {
    let mut code = String::new();
    for entry in fs::read_dir(directory()).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|extension| extension == "rs") {
            code += &fs::read_to_string(path).unwrap();
        }
    }
    for name in statements().keys() {
        assert!(code.contains(&format!("include_str!(\"sql/{name}\")")), "{name} is not used");
    }
    for word in ["\"SELECT ", "\"INSERT ", "\"UPDATE ", "\"DELETE "] {
        assert!(!code.contains(word), "a statement {word} in the code instead of a file");
    }
}

#[test]
fn the_tenant_leads_every_key() {
    for engine in ["sqlite", "postgres"] {
        let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("migrations").join(engine);
        for entry in fs::read_dir(path).unwrap() {
            for line in fs::read_to_string(entry.unwrap().path()).unwrap().lines() {
                let is_key = ["PRIMARY KEY (", "UNIQUE INDEX", "FOREIGN KEY ("]
                    .iter()
                    .any(|mark| line.contains(mark));
                assert!(!is_key || line.contains("(tenant_id"), "{engine}: {line}");
            }
        }
    }
}

#[test]
fn both_engines_have_the_same_migrations() {
    let names = |engine: &str| -> Vec<_> {
        let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("migrations").join(engine);
        let mut names: Vec<_> =
            fs::read_dir(path).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        names.sort();
        names
    };
    assert_eq!(names("sqlite"), names("postgres"));
}
