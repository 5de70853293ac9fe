//! `calhub audit`: who did what, and whether the log still says what was written.

use clap::{Args, Subcommand};
use serde_json::Value;

use super::{
    ending::Ending,
    session::{Ask, Reach, Session, Target},
    show,
};

/// Tell who did what, and check that nobody has changed the record of it
#[derive(Debug, Args)]
#[command(after_help = "\
Every entry hangs on the one before by a keyed hash, and the end is signed: an entry that was edited, taken out, put in,
moved or cut off is found. An older state of the whole database is found only with a head that was noted elsewhere.

Examples:
  calhub audit list
  calhub audit list --subject con_... --verb connection.unlinked
  calhub audit verify                       # exit code 1 when something was changed
  calhub audit verify --json | jq -r .head.noted > /safe/place/audit-head
  calhub audit verify --head \"$(cat /safe/place/audit-head)\"")]
pub(crate) struct Audit {
    #[command(subcommand)]
    verb: Verb,
    #[command(flatten)]
    target: Target,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// List what was done, the latest first
    List {
        /// Only what was done to this id
        #[arg(long, value_name = "ID")]
        subject: Option<String>,
        /// Only acts of this kind: key.made, connection.unlinked, outbox.retried, ...
        #[arg(long)]
        verb: Option<String>,
        /// At most so many
        #[arg(long, value_name = "N", default_value_t = 100)]
        limit: usize,
    },
    /// Check every entry; exit code 1, and the first broken entry, when something was changed
    Verify {
        /// A head of an earlier check, which must still be a part of the chain
        #[arg(long, value_name = "N:LINK")]
        head: Option<String>,
    },
}

impl Ask for Audit {
    fn reach(&self) -> Reach {
        self.target.reach()
    }

    async fn ask(&self, session: &Session) -> anyhow::Result<()> {
        match &self.verb {
            Verb::List { subject, verb, limit } => {
                let mut query = Vec::new();
                query.extend(subject.as_deref().map(|id| ("subject", id)));
                query.extend(verb.as_deref().map(|word| ("verb", word)));
                let path = ["v1", "ops", "audit"];
                let items = session.client.list_some(&path, &query, *limit).await?;
                session.print_list(&items, list)
            }
            Verb::Verify { head } => {
                let query: Vec<_> = head.iter().map(|head| ("head", head.as_str())).collect();
                let answer = session.client.get(&["v1", "ops", "audit", "verify"], &query).await?;
                session.print(&answer, verdict)?;
                let is_whole = answer.body.get("whole").and_then(Value::as_bool);
                if is_whole == Some(true) { Ok(()) } else { Err(Ending::Told.into()) }
            }
        }
    }
}

fn list(items: &[Value]) -> String {
    let columns = [
        ("n", "n"),
        ("at", "at"),
        ("verb", "verb"),
        ("subject", "subject"),
        ("actor", "actor"),
        ("request", "request_id"),
        ("detail", "detail"),
    ];
    if items.is_empty() { "nothing was done".to_owned() } else { show::table(&columns, items) }
}

fn verdict(answer: &Value) -> String {
    let field = |name| show::field(answer, name);
    let mut lines = Vec::new();
    if answer.get("whole").and_then(Value::as_bool) == Some(true) {
        lines.push(format!("the audit log is whole: {} entries", field("checked")));
    } else {
        let place = match answer.pointer("/broken/n").and_then(Value::as_i64) {
            Some(n) => format!("entry {n} "),
            None => String::new(),
        };
        let id = answer.pointer("/broken/id").and_then(Value::as_str).map(|id| format!("({id}) "));
        lines.push(format!(
            "the audit log is BROKEN: {place}{}{}",
            id.unwrap_or_default(),
            field("broken.detail")
        ));
        lines.push(format!(
            "entries before it that stand as they were written: {}",
            field("checked")
        ));
    }
    match answer.pointer("/unsealed/count").and_then(Value::as_i64).unwrap_or(0) {
        0 => lines.push("every entry is sealed".to_owned()),
        count => lines.push(format!(
            "not sealed yet: {count}, the oldest of {}",
            field("unsealed.oldest_at")
        )),
    }
    if answer.get("head").is_some_and(|head| !head.is_null()) {
        lines.push(format!("head: {} (signed {})", field("head.noted"), field("head.signed_at")));
    }
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_first_broken_entry_is_named() {
        let answer = json!({"whole": false, "checked": 6, "head": null,
            "unsealed": {"count": 2, "oldest_at": "2026-03-02T09:00:00Z"},
            "broken": {"n": 7, "id": "aud_7", "fault": "altered", "detail": "the entry was altered"}});
        assert_eq!(
            verdict(&answer),
            "the audit log is BROKEN: entry 7 (aud_7) the entry was altered\n\
             entries before it that stand as they were written: 6\n\
             not sealed yet: 2, the oldest of 2026-03-02T09:00:00Z"
        );
    }
}
