//! `calhub connections import`: many accounts from a file, some at a time.

use anyhow::Context as _;
use serde_json::Value;

use super::{
    ending::Form,
    session::{Progress, Session, say},
    show,
};

/// Lines of one request: what a hub links well within a client's patience.
const SOME: usize = 25;

/// Sends a file's lines and prints a result a line; nothing of what was sent is printed.
///
/// # Errors
///
/// When the hub cannot be asked, or when a row failed.
pub(crate) async fn import(
    session: &Session,
    file: &str,
    dry_run: bool,
    again: bool,
) -> anyhow::Result<()> {
    let text = std::fs::read_to_string(file).with_context(|| format!("cannot read {file}"))?;
    let lines: Vec<&str> = text.lines().collect();
    let mut query = Vec::new();
    if dry_run {
        query.push(("dry_run", "true"));
    }
    if !again {
        query.push(("skip_linked", "true"));
    }
    let mut progress = Progress::start(session.form);
    let (mut failed, mut done) = (0, 0);
    for (part, some) in lines.chunks(SOME).enumerate() {
        progress.show(&format!("{done} of {} lines", lines.len()));
        let path = ["v1", "connections", "import"];
        let results = session.client.post_lines(&path, &query, &some.join("\n")).await?;
        for mut result in results {
            let row = result.get("row").and_then(Value::as_u64).unwrap_or(0);
            let row = usize::try_from(row).unwrap_or(0) + part * SOME;
            if let Value::Object(fields) = &mut result {
                fields.insert("row".to_owned(), row.into());
            }
            failed += usize::from(show::field(&result, "status") == "failed");
            match session.form {
                Form::Json => say(&result.to_string())?,
                Form::Human => say(&line(row, &result))?,
            }
        }
        done += some.len();
    }
    drop(progress);
    if failed > 0 {
        anyhow::bail!("{failed} rows failed; run it again to try those alone");
    }
    Ok(())
}

fn line(row: usize, result: &Value) -> String {
    let parts = ["status", "external_id", "connection_id", "code", "detail"];
    let told = parts.map(|name| show::field(result, name));
    let told: Vec<_> = told.into_iter().filter(|text| !text.is_empty() && text != "-").collect();
    format!("{row}: {}", told.join("  "))
}
