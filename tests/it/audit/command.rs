//! `calhub audit` as an operator uses it, with the real program: sealed within seconds, whole after keys were changed and
//! after a restore on either engine, broken with a name after somebody was at the database.

use std::{path::Path, process::Output};

use serde_json::{Value, json};

use crate::support::{
    engines::{create_database, drop_database, postgres_server},
    hub::{HubProcess, calhub, until},
};

fn run(dir: &Path, database: Option<&str>, line: &[&str]) -> Output {
    let mut command = calhub(dir);
    command.args(line);
    if let Some(url) = database {
        command.env("CALHUB_DATABASE_URL", url);
    }
    command.output().unwrap()
}

fn done(dir: &Path, database: Option<&str>, line: &[&str]) -> String {
    let output = run(dir, database, line);
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{line:?}: {text}{error}");
    text
}

/// Waits until everything is sealed; answers the verdict.
async fn sealed(dir: &Path) -> Value {
    until("the seal", || async {
        let output = run(dir, None, &["audit", "verify", "--json"]);
        let verdict: Value = serde_json::from_slice(&output.stdout).ok()?;
        (verdict["unsealed"]["count"] == 0).then_some(verdict)
    })
    .await
}

async fn tamper(dir: &Path, database: Option<&str>, sql: &'static str) {
    match database {
        Some(url) => {
            let pool = sqlx::PgPool::connect(url).await.unwrap();
            sqlx::query(sql).execute(&pool).await.unwrap();
            pool.close().await;
        }
        None => {
            let file = format!("sqlite:{}", dir.join("calhub.db").display());
            let pool = sqlx::SqlitePool::connect(&file).await.unwrap();
            sqlx::query(sql).execute(&pool).await.unwrap();
            pool.close().await;
        }
    }
}

fn verbs(dir: &Path) -> Vec<String> {
    let text = done(dir, None, &["audit", "list", "--json"]);
    let list: Value = serde_json::from_str(&text).unwrap();
    let items = list["items"].as_array().unwrap();
    items.iter().map(|one| one["verb"].as_str().unwrap().to_owned()).collect()
}

async fn story(database: Option<&str>, other: Option<&str>) {
    let hub = HubProcess::start_on(database).await;
    let dir = hub.dir.path();
    hub.post("/v1/keys", &json!({"name": "one", "scopes": ["ops"]})).await;
    let verdict = sealed(dir).await;
    assert_eq!((&verdict["whole"], &verdict["checked"]), (&json!(true), &json!(3)), "{verdict}");
    let noted = verdict["head"]["noted"].as_str().unwrap();
    // Keys are changed, of both kinds, while the hub runs.
    done(dir, database, &["secrets", "rotate", "--new-kek"]);
    done(dir, database, &["secrets", "forget-keks"]);
    let file = dir.join("backup");
    done(dir, database, &["backup", file.to_str().unwrap()]);
    let verdict = sealed(dir).await;
    assert_eq!((&verdict["whole"], &verdict["checked"]), (&json!(true), &json!(7)), "{verdict}");
    let told = verbs(dir);
    let newest =
        ["backup.made", "secrets.keks_forgotten", "secrets.rotated", "secrets.rotation_begun"];
    assert_eq!(told[..4], newest, "{told:?}");
    let text = done(dir, None, &["audit", "verify", "--head", noted]);
    assert!(
        text.starts_with("the audit log is whole: 7 entries\nevery entry is sealed\n"),
        "{text}"
    );
    // Restored on the other engine, under the changed keys.
    let home = tempfile::tempdir().unwrap();
    std::fs::copy(dir.join("kek"), home.path().join("kek")).unwrap();
    done(home.path(), other, &["restore", file.to_str().unwrap()]);
    // Somebody is at the database.
    tamper(dir, database, "UPDATE audit SET actor = 'key:another' WHERE n = 3").await;
    let output = run(dir, None, &["audit", "verify"]);
    let text = String::from_utf8_lossy(&output.stdout);
    assert_eq!(output.status.code(), Some(1), "{text}");
    assert!(text.starts_with("the audit log is BROKEN: entry 3 (aud_"), "{text}");
    assert!(text.contains("the entry was altered"), "{text}");
    drop(hub);
    let again = HubProcess::start_as(other, |command| {
        command.env("CALHUB_DATA_DIR", home.path());
    })
    .await;
    let verdict = sealed(home.path()).await;
    // The backup was made before it was written down; the restore is.
    assert_eq!((&verdict["whole"], &verdict["checked"]), (&json!(true), &json!(7)), "{verdict}");
    assert_eq!(verbs(home.path())[0], "backup.restored");
    done(home.path(), None, &["audit", "verify", "--head", noted]);
    drop(again);
}

#[tokio::test]
async fn an_operator_verifies_across_new_keys_a_backup_and_a_restore() {
    let Some(server) = postgres_server() else { return story(None, None).await };
    for from_postgres in [false, true] {
        let url = create_database(&server).await;
        let (first, second) = if from_postgres { (Some(&*url), None) } else { (None, Some(&*url)) };
        story(first, second).await;
        drop_database(&server, &url).await;
    }
}
