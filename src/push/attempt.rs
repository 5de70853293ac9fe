//! A try at a provider: what is sent, and what is kept of it.

use connectors::{Item, ItemRef, Version, Writer, connector::Draft};
use jiff::Timestamp;

use super::{deliver::Task, identity::key, plan::Step};
use crate::store::{AttemptRow, OutboxRow};

/// Sends what a step says.
pub(super) async fn send(
    task: &Task,
    row: &OutboxRow,
    step: Step,
    writer: &dyn Writer,
    wanted: &Draft,
) -> connectors::Result<Option<Item>> {
    let item = ItemRef::new(row.item.clone().unwrap_or_default());
    let version = Version::new(row.version.clone().unwrap_or_default());
    let calendar = &task.calendar;
    match step {
        Step::Settled => Ok(None),
        Step::Find => Ok(writer.find(calendar, &key(row)).await?.map(|found| found.item)),
        Step::Look => writer.get(calendar, &item).await,
        Step::Create => Ok(Some(writer.create(calendar, &key(row), wanted).await?.item)),
        Step::Replace => {
            Ok(Some(writer.replace(calendar, &key(row), &item, &version, wanted).await?.item))
        }
        Step::Delete => writer.delete(calendar, &item, &version).await.map(|()| None),
    }
}

/// A try, in words without content.
pub(super) fn attempt(
    step: Step,
    outcome: &connectors::Result<Option<Item>>,
    began: Timestamp,
    ended: Timestamp,
) -> AttemptRow {
    let verb = match step {
        Step::Settled => "none",
        Step::Find => "find",
        Step::Look => "get",
        Step::Create => "create",
        Step::Replace => "replace",
        Step::Delete => "delete",
    };
    let (outcome, status, detail) = match outcome {
        Ok(Some(_)) => ("ok", None, None),
        Ok(None) => ("ok", None, Some("nothing is there".to_owned())),
        Err(error) => (error.kind.code(), error.status, Some(error.detail.clone())),
    };
    AttemptRow {
        n: 0,
        verb: verb.to_owned(),
        outcome: outcome.to_owned(),
        status: status.map(i64::from),
        detail,
        at: began,
        took: ended.duration_since(began).try_into().unwrap_or_default(),
    }
}
