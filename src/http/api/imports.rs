//! `/v1/connections/import`: many accounts at once, a result a row.

use axum::{
    body::Body as AxumBody,
    extract::State,
    http::header,
    response::{IntoResponse, Response},
};
use futures::StreamExt;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::{router::OpenApiRouter, routes};

use super::{
    connections::{NewConnection, client_of},
    events::settle,
    refusal::by,
};
use crate::{
    http::{
        Api, Problem,
        auth::Caller,
        extract::{PATIENCE, Query, arrived, typed},
        problem::Passing,
    },
    model::ids::ConnectionId,
};

pub(super) fn router() -> OpenApiRouter<Api> {
    OpenApiRouter::new().routes(routes!(import))
}

/// Rows of one request.
const MOST: usize = 200;
/// Accounts that are looked at at the same time.
const AT_ONCE: usize = 8;

/// How to import.
#[derive(Clone, Copy, Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
struct ImportQuery {
    /// Look at every account and keep nothing.
    #[serde(default)]
    dry_run: bool,
    /// Leave rows alone whose `external_id` is linked already: what was interrupted goes on where it was.
    #[serde(default)]
    skip_linked: bool,
}

/// What became of a row. It repeats nothing secret.
#[derive(Debug, Serialize, ToSchema)]
#[schema(example = json!({"row": 1, "external_id": "doctor_482", "status": "created", "connection_id": "con_0198c1"}))]
struct ImportResult {
    /// Counted from 1, empty lines too.
    row: usize,
    #[serde(skip_serializing_if = "Option::is_none")]
    external_id: Option<String>,
    /// `created`, `existing` (its login is the new one now), `skipped`, `failed`; of a dry run `would_create`,
    /// `would_update`.
    status: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    connection_id: Option<String>,
    /// As of the problem that linking this row alone would answer.
    #[serde(skip_serializing_if = "Option::is_none")]
    code: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    detail: Option<String>,
    /// Whether the same row may succeed later.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    retryable: bool,
}

/// Links many accounts: a line each as for `POST /v1/connections`, and a line of answer each, in the same order.
///
/// Sent again, an account that is linked stays the same connection. At most 200 lines and 1 MiB a request.
#[utoipa::path(post, path = "/v1/connections/import", tag = "Connections and calendars",
    security(("key" = ["connections:write"])), params(ImportQuery),
    request_body(content = String, content_type = "application/x-ndjson"),
    responses((status = 200, content_type = "application/x-ndjson", body = ImportResult), (status = "default", body = Problem)))]
async fn import(
    State(api): State<Api>,
    caller: Caller,
    Query(query): Query<ImportQuery>,
    body: AxumBody,
) -> Result<Response, Problem> {
    let bytes = arrived(body, PATIENCE).await?;
    let text = std::str::from_utf8(&bytes)
        .map_err(|_| Problem::new("invalid_json", "The body is not UTF-8."))?;
    let is_row = |(_, line): &(usize, String)| !line.trim().is_empty();
    let rows: Vec<(usize, String)> =
        text.lines().map(str::to_owned).enumerate().filter(is_row).collect();
    if rows.len() > MOST {
        return Err(Problem::new("body_too_large", "Send at most 200 lines at once."));
    }
    let results = futures::stream::iter(rows)
        .map(|(at, line)| row(api.clone(), caller.clone(), query, at + 1, line))
        .buffered(AT_ONCE);
    let results: Vec<ImportResult> = results.collect().await;
    settle(&api).await;
    let mut lines = String::new();
    for result in &results {
        lines.push_str(&serde_json::to_string(result).unwrap_or_default());
        lines.push('\n');
    }
    let mut answer = ([(header::CONTENT_TYPE, "application/x-ndjson")], lines).into_response();
    // Rows that failed are tried again by sending them again.
    answer.extensions_mut().insert(Passing);
    Ok(answer)
}

async fn row(
    api: Api,
    caller: Caller,
    query: ImportQuery,
    at: usize,
    line: String,
) -> ImportResult {
    let mut result = ImportResult {
        row: at,
        external_id: None,
        status: "failed",
        connection_id: None,
        code: None,
        detail: None,
        retryable: false,
    };
    match Box::pin(link(&api, &caller, query, &line, &mut result.external_id)).await {
        Ok((status, connection)) => {
            result.status = status;
            result.connection_id = connection.map(|id| id.to_string());
        }
        Err(problem) => {
            result.code = Some(problem.code);
            result.retryable = problem.retryable;
            result.detail = Some(problem.detail);
        }
    }
    result
}

async fn link(
    api: &Api,
    caller: &Caller,
    query: ImportQuery,
    line: &str,
    external_id: &mut Option<String>,
) -> Result<(&'static str, Option<ConnectionId>), Problem> {
    let value: Value = serde_json::from_str(line)
        .map_err(|_| Problem::new("invalid_json", "The line is not JSON."))?;
    let new: NewConnection = typed(value)?;
    external_id.clone_from(&new.external_id);
    if let Some(id) = new.external_id.as_ref().filter(|_| query.skip_linked) {
        let mut tx = api.hub.store.read().await?;
        if let Some(found) = tx.connections().by_external_id(&caller.tenant, id).await? {
            return Ok(("skipped", Some(found.connection_id)));
        }
    }
    let client_id = client_of(api, caller, &new).await?;
    let request = new.into_request(client_id)?;
    let provider = request.login.provider();
    let linker = api.hub.linker.acting(caller.by());
    if query.dry_run {
        let found = linker.rehearse(&caller.tenant, &request).await;
        let found = found.map_err(|error| by(provider, error))?;
        let status = if found.is_some() { "would_update" } else { "would_create" };
        return Ok((status, found));
    }
    let linked = Box::pin(linker.link(&caller.tenant, request)).await;
    let linked = linked.map_err(|error| by(provider, error))?;
    let status = if linked.created { "created" } else { "existing" };
    Ok((status, Some(linked.connection_id)))
}
