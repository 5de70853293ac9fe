//! Databases that are gone, damaged, old, or not what they should be.

use std::fs;

use sqlx::{AssertSqlSafe, Connection, Executor, PgConnection, SqliteConnection};

use super::{POSTGRES, SQLITE, doctor, expect, healthy, migrated};
use crate::support::{
    engines::{create_database, drop_database, postgres_server},
    hub::{HubProcess, free_port, until},
};

#[tokio::test]
async fn a_database_in_a_file() {
    let dir = tempfile::tempdir().unwrap();
    let found = doctor(dir.path(), &["--database-url", "mysql://somewhere/calhub"]);
    expect(&found, SQLITE, "database_address");
    let data = dir.path().join("damaged");
    fs::create_dir(&data).unwrap();
    fs::write(data.join("calhub.db"), vec![7; 8192]).unwrap();
    expect(&doctor(&data, &[]), SQLITE, "database_damaged");

    let data = migrated(dir.path(), "old");
    let url = format!("sqlite:{}", data.join("calhub.db").display());
    let mut conn = SqliteConnection::connect(&url).await.unwrap();
    conn.execute(
        "INSERT INTO tenants (tenant_id, name, created_us) VALUES ('ten_1', 'a', 0);
         INSERT INTO work (tenant_id, lane, subject, due_us) VALUES ('ten_1', 'pull', 'cal_1', 1000000)",
    )
    .await
    .unwrap();
    expect(&doctor(&data, &[]), SQLITE, "work_overdue");
    conn.execute("DELETE FROM work").await.unwrap();
    healthy(&doctor(&data, &[]), "work_overdue");
    conn.execute(
        "CREATE TABLE kept AS SELECT * FROM _sqlx_migrations; DELETE FROM _sqlx_migrations",
    )
    .await
    .unwrap();
    expect(&doctor(&data, &[]), SQLITE, "migrations_pending");
    conn.execute(
        "INSERT INTO _sqlx_migrations SELECT * FROM kept;
         INSERT INTO _sqlx_migrations SELECT 9999, description, installed_on, success, checksum, execution_time FROM kept LIMIT 1",
    )
    .await
    .unwrap();
    expect(&doctor(&data, &[]), SQLITE, "database_newer");
}

pub(super) fn with(url: &str, change: impl FnOnce(&mut url::Url)) -> String {
    let mut url = url::Url::parse(url).unwrap();
    change(&mut url);
    url.into()
}

#[tokio::test]
async fn a_database_server() {
    let Some(server) = postgres_server() else { return };
    let dir = tempfile::tempdir().unwrap();
    let look = |url: &str| doctor(dir.path(), &["--database-url", url]);
    let nobody = with(&server, |url| url.set_port(Some(free_port())).unwrap());
    expect(&look(&nobody), POSTGRES, "database_unreachable");
    let stranger = with(&server, |url| url.set_username("nobody_of_this_name").unwrap());
    expect(&look(&stranger), POSTGRES, "database_login");
    expect(
        &look(&with(&server, |url| url.set_path("no_such_database"))),
        POSTGRES,
        "database_missing",
    );

    let url = create_database(&server).await;
    let name = url.rsplit('/').next().unwrap().to_owned();
    let hub = HubProcess::start_on(Some(&url)).await;
    let kek = hub.dir.path().join("kek").display().to_string();
    let found = doctor(dir.path(), &["--database-url", &url, "--kek-file", &kek]);
    for (class, _) in POSTGRES {
        healthy(&found, class);
    }
    healthy(&found, "database_pooler");
    healthy(&found, "key_file_wrong");
    let run = async |sql: String| {
        let mut conn = PgConnection::connect(&url).await.unwrap();
        conn.execute(AssertSqlSafe(sql)).await.unwrap();
        conn.close().await.unwrap();
    };
    run(format!("ALTER DATABASE {name} SET default_transaction_read_only = on")).await;
    expect(&look(&url), POSTGRES, "database_read_only");
    let mut conn = PgConnection::connect(&server).await.unwrap();
    conn.execute(AssertSqlSafe(format!(
        "ALTER DATABASE {name} RESET default_transaction_read_only"
    )))
    .await
    .unwrap();
    // A server that says it is another, and one whose clock is an hour off: functions that stand before its own.
    run("CREATE FUNCTION version() RETURNS text LANGUAGE sql AS $$ SELECT 'PostgreSQL 13.2 on x86_64' $$".to_owned()).await;
    run(format!("ALTER DATABASE {name} SET search_path = public, pg_catalog")).await;
    expect(&look(&url), POSTGRES, "database_unfit");
    run("DROP FUNCTION version(); CREATE FUNCTION clock_timestamp() RETURNS timestamptz LANGUAGE sql AS
         $$ SELECT pg_catalog.clock_timestamp() - interval '1 hour' $$".to_owned()).await;
    expect(&look(&url), POSTGRES, "clock_wrong");

    // The hub's database goes away under it.
    drop_database(&server, &url).await;
    let data = hub.dir.path().to_owned();
    until("the hub to notice", || async { (hub.get("/readyz").await.0 == 503).then_some(()) })
        .await;
    let found = tokio::task::spawn_blocking(move || doctor(&data, &["--database-url", &url]))
        .await
        .unwrap();
    expect(&found, POSTGRES, "hub_not_ready");
    expect(&found, POSTGRES, "database_missing");
}
