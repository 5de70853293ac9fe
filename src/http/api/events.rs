//! Entries that the API itself adds to the change log, in the transaction of what changed.

use serde_json::Value;

use crate::{
    http::{Api, auth::Caller},
    model::ids::ChangeId,
    store::{NewChange, StoreError, Tx},
};

/// Appends one entry about `subject`.
pub(super) async fn tell(
    api: &Api,
    tx: &mut Tx,
    caller: &Caller,
    kind: &str,
    subject: &str,
    body: Value,
) -> Result<(), StoreError> {
    let change = NewChange {
        tenant_id: caller.tenant.clone(),
        change_id: ChangeId::mint(&*api.hub.clock, &*api.hub.entropy),
        kind: kind.to_owned(),
        actor: caller.actor.to_string(),
        subject: subject.to_owned(),
        body,
        at: api.hub.clock.now(),
    };
    tx.changes().append(&[change]).await
}

/// Lets the index see what was just committed, so that a caller reads its own writes. That it failed is
/// no reason to fail the request: the index says by itself that it is behind.
pub(super) async fn settle(api: &Api) {
    if let Err(error) = api.hub.tail.catch_up().await {
        tracing::warn!(
            error = &error as &dyn std::error::Error,
            "The busy index could not catch up."
        );
    }
}
