//! `/v1/resources`: what is booked, and which calendars tell when it is busy.

mod body;

use axum::{
    Json,
    extract::State,
    http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header},
    response::IntoResponse,
};
use serde::Deserialize;
use serde_json::{Value, json};
use utoipa::IntoParams;
use utoipa_axum::{router::OpenApiRouter, routes};

use self::body::{ResourceBody, ResourceView, as_json, flag, utc};
use super::events::{settle, tell};
use crate::{
    audit::{Act, Verb},
    http::{
        Api, Problem,
        auth::Caller,
        extract::{Body, IfMatch, Page, PageQuery, Path, Query, etag, merge_patch, typed},
    },
    model::{
        ids::{CalendarId, ResourceId},
        states::Access,
    },
    store::{LinkRow, ResourceRow, StoreError, Tx, rules},
};

pub(super) fn router() -> OpenApiRouter<Api> {
    OpenApiRouter::new().routes(routes!(create, list)).routes(routes!(get, put, patch, remove))
}

fn blank(api: &Api, caller: &Caller) -> ResourceRow {
    let now = api.hub.clock.now();
    ResourceRow {
        tenant_id: caller.tenant.clone(),
        resource_id: caller.chance.mint(&api.hub, ResourceId::mint),
        external_id: None,
        name: String::new(),
        time_zone: utc(),
        capacity: 1,
        write_to: None,
        policy: json!({}),
        event_template: json!({}),
        on_provider_move: flag(),
        on_provider_delete: flag(),
        metadata: json!({}),
        revision: 1,
        created_at: now,
        touched_at: now,
    }
}

type Rendered = (StatusCode, [(HeaderName, HeaderValue); 1], Json<ResourceView>);

fn rendered(status: StatusCode, row: &ResourceRow, links: &[LinkRow]) -> Rendered {
    let view = ResourceView {
        id: row.resource_id.to_string(),
        body: ResourceBody::of(row, links),
        created_at: row.created_at.into(),
    };
    (status, [(header::ETAG, etag(row.revision))], Json(view))
}

/// Finds a resource by its id or by `ext:` and its external id.
async fn lookup(tx: &mut Tx, caller: &Caller, text: &str) -> Result<Option<ResourceRow>, Problem> {
    Ok(match text.strip_prefix("ext:") {
        Some(external_id) => tx.resources().by_external_id(&caller.tenant, external_id).await?,
        None => match text.parse() {
            Ok(resource) => tx.resources().get(&caller.tenant, &resource).await?,
            Err(_) => None,
        },
    })
}

/// As [`lookup`], where it must be there.
pub(super) async fn find(tx: &mut Tx, caller: &Caller, text: &str) -> Result<ResourceRow, Problem> {
    lookup(tx, caller, text).await?.ok_or_else(|| Problem::not_found("resource"))
}

/// Reads a list of resources named by id or `ext:`; `pointer` is where the list stands in the body.
pub(super) async fn named(
    tx: &mut Tx,
    caller: &Caller,
    names: &[String],
    pointer: &str,
) -> Result<Vec<ResourceId>, Problem> {
    if names.is_empty() {
        return Err(Problem::field(pointer, "required", "name at least one resource"));
    }
    if names.len() > 100 {
        return Err(Problem::field(pointer, "too_many", "at most 100 resources"));
    }
    let mut ids = Vec::with_capacity(names.len());
    for (place, name) in names.iter().enumerate() {
        // An id is judged where it is claimed.
        ids.push(match name.parse() {
            Ok(id) => id,
            Err(_) => {
                let pointer = format!("{pointer}/{place}");
                let row = lookup(tx, caller, name).await?;
                let none = || Problem::field(&pointer, "not_found", "there is no such resource");
                row.ok_or_else(none)?.resource_id
            }
        });
    }
    Ok(ids)
}

/// Sees that every calendar that is named is the tenant's, and that bookings go where they can be written.
async fn check_calendars(
    tx: &mut Tx,
    caller: &Caller,
    row: &ResourceRow,
    links: &[LinkRow],
) -> Result<(), Problem> {
    let mut ids: Vec<CalendarId> = links.iter().map(|link| link.calendar_id.clone()).collect();
    ids.extend(row.write_to.clone());
    if ids.is_empty() {
        return Ok(());
    }
    let known = tx.calendars().get_many(&caller.tenant, &ids).await?;
    let is_known = |id: &CalendarId| known.iter().any(|calendar| calendar.calendar_id == *id);
    if let Some((place, _)) =
        links.iter().enumerate().find(|(_, link)| !is_known(&link.calendar_id))
    {
        let pointer = format!("/calendars/{place}/calendar_id");
        return Err(Problem::field(&pointer, "not_found", "there is no such calendar"));
    }
    let Some(write_to) = &row.write_to else { return Ok(()) };
    match known.iter().find(|calendar| calendar.calendar_id == *write_to) {
        None => Err(Problem::field("/write_to", "not_found", "there is no such calendar")),
        Some(calendar) if !calendar.writable => {
            Err(Problem::field("/write_to", "not_writable", "this calendar cannot be written"))
        }
        Some(calendar) => {
            let connection = tx.connections().get(&caller.tenant, &calendar.connection_id).await?;
            if connection.is_some_and(|connection| connection.access == Access::ReadWrite) {
                return Ok(());
            }
            let detail = "its connection's access is not read_write";
            Err(Problem::field("/write_to", "not_writable", detail))
        }
    }
}

/// What an earlier try of the same request has made, when nobody got its answer.
async fn made_before(
    tx: &mut Tx,
    caller: &Caller,
    id: &ResourceId,
) -> Result<Option<Rendered>, Problem> {
    if !caller.chance.may_repeat() {
        return Ok(None);
    }
    let Some(row) = tx.resources().get(&caller.tenant, id).await? else { return Ok(None) };
    let links = tx.resources().links(&caller.tenant, id).await?;
    Ok(Some(rendered(StatusCode::CREATED, &row, &links)))
}

async fn insert(
    api: &Api,
    tx: &mut Tx,
    caller: &Caller,
    body: &ResourceBody,
) -> Result<Rendered, Problem> {
    let (row, links) = body.lay(blank(api, caller))?;
    if let Some(made) = made_before(tx, caller, &row.resource_id).await? {
        return Ok(made);
    }
    check_calendars(tx, caller, &row, &links).await?;
    tx.resources().insert(&row).await?;
    tx.resources().set_links(&caller.tenant, &row.resource_id, &links).await?;
    let told =
        json!({"resource_id": row.resource_id, "external_id": row.external_id, "after": body});
    tell(api, tx, caller, "resource.created", row.resource_id.as_str(), told).await?;
    note_policies(api, tx, caller, (&flag(), &flag()), &row).await?;
    Ok(rendered(StatusCode::CREATED, &row, &links))
}

/// Notes that what happens without anybody being asked is another than `before`.
async fn note_policies(
    api: &Api,
    tx: &mut Tx,
    caller: &Caller,
    before: (&str, &str),
    row: &ResourceRow,
) -> Result<(), StoreError> {
    let after = (&*row.on_provider_move, &*row.on_provider_delete);
    if before == after {
        return Ok(());
    }
    let detail = json!({"on_provider_move": after.0, "on_provider_delete": after.1});
    let act = Act::on(&caller.tenant, Verb::PolicySet, row.resource_id.as_str()).with(detail);
    api.hub.audit.note(tx, &caller.by(), act).await
}

async fn store(
    api: &Api,
    tx: &mut Tx,
    caller: &Caller,
    before: ResourceRow,
    body: &ResourceBody,
) -> Result<Rendered, Problem> {
    // Who takes its time meanwhile must know its calendars and its seats.
    tx.claims().lock_resources(std::slice::from_ref(&before.resource_id)).await?;
    let old_links = tx.resources().links(&caller.tenant, &before.resource_id).await?;
    let old = ResourceBody::of(&before, &old_links);
    let (expected, seats) = (before.revision, before.capacity);
    let (row, links) = body.lay(ResourceRow { touched_at: api.hub.clock.now(), ..before })?;
    check_calendars(tx, caller, &row, &links).await?;
    if row.capacity < seats
        && !api.hub.desk.reseat(tx, &caller.tenant, &row.resource_id, row.capacity).await?
    {
        let detail = "More than that are booked or held at once at present or in the future. Cancel or move some first.";
        return Err(Problem::new("in_use", detail));
    }
    let revision = tx.resources().update(&row, Some(expected)).await?.ok_or_else(IfMatch::stale)?;
    let row = ResourceRow { revision, ..row };
    tx.resources().set_links(&caller.tenant, &row.resource_id, &links).await?;
    let told = json!({
        "resource_id": row.resource_id, "external_id": row.external_id, "before": old, "after": body,
    });
    tell(api, tx, caller, "resource.updated", row.resource_id.as_str(), told).await?;
    let policies = (&*old.on_provider_move, &*old.on_provider_delete);
    note_policies(api, tx, caller, policies, &row).await?;
    Ok(rendered(StatusCode::OK, &row, &links))
}

/// Makes a resource.
#[utoipa::path(post, path = "/v1/resources", tag = "Resources",
    security(("key" = ["resources:write"])), request_body = ResourceBody,
    responses((status = 201, body = ResourceView), (status = "default", body = Problem)))]
async fn create(
    State(api): State<Api>,
    caller: Caller,
    Body(body): Body<ResourceBody>,
) -> Result<impl IntoResponse, Problem> {
    let mut tx = api.hub.store.begin().await?;
    let answer = insert(&api, &mut tx, &caller, &body).await?;
    tx.commit().await?;
    settle(&api).await;
    Ok(answer)
}

/// Which resources to list.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
struct ResourceQuery {
    external_id: Option<String>,
    limit: Option<u32>,
    after: Option<String>,
}

/// Lists resources.
#[utoipa::path(get, path = "/v1/resources", tag = "Resources",
    security(("key" = ["availability:read"]), ("key" = ["resources:write"])), params(ResourceQuery),
    responses((status = 200, body = Page<ResourceView>), (status = "default", body = Problem)))]
async fn list(
    State(api): State<Api>,
    caller: Caller,
    Query(query): Query<ResourceQuery>,
) -> Result<Json<Page<ResourceView>>, Problem> {
    let page = PageQuery { limit: query.limit, after: query.after };
    let after: Option<ResourceId> = page.after()?;
    let mut tx = api.hub.store.read().await?;
    let external_id = query.external_id.as_deref();
    let rows =
        tx.resources().list(&caller.tenant, external_id, after.as_ref(), page.rows()?).await?;
    let rows = Page::cut(rows, page.limit()?, |row| row.resource_id.to_string());
    let mut items = Vec::with_capacity(rows.items.len());
    for row in &rows.items {
        let links = tx.resources().links(&caller.tenant, &row.resource_id).await?;
        items.push(ResourceView {
            id: row.resource_id.to_string(),
            body: ResourceBody::of(row, &links),
            created_at: row.created_at.into(),
        });
    }
    Ok(Json(Page { items, next: rows.next }))
}

/// Reads a resource.
#[utoipa::path(get, path = "/v1/resources/{id}", tag = "Resources",
    security(("key" = ["availability:read"]), ("key" = ["resources:write"])),
    params(("id" = String, Path, description = "`res_..`, or `ext:` and the external id.")),
    responses((status = 200, body = ResourceView), (status = "default", body = Problem)))]
async fn get(
    State(api): State<Api>,
    caller: Caller,
    Path(text): Path<String>,
) -> Result<impl IntoResponse, Problem> {
    let mut tx = api.hub.store.read().await?;
    let row = find(&mut tx, &caller, &text).await?;
    let links = tx.resources().links(&caller.tenant, &row.resource_id).await?;
    Ok(rendered(StatusCode::OK, &row, &links))
}

/// Makes the resource with this external id, or replaces everything about it.
#[utoipa::path(put, path = "/v1/resources/{id}", tag = "Resources",
    security(("key" = ["resources:write"])), request_body = ResourceBody,
    params(("id" = String, Path, description = "`ext:` and the external id.")),
    responses((status = 200, body = ResourceView), (status = 201, body = ResourceView),
        (status = "default", body = Problem)))]
async fn put(
    State(api): State<Api>,
    caller: Caller,
    Path(text): Path<String>,
    headers: HeaderMap,
    Body(mut value): Body<Value>,
) -> Result<impl IntoResponse, Problem> {
    let external_id = text
        .strip_prefix("ext:")
        .ok_or_else(|| {
            Problem::parameter("id", "PUT takes ext:{external_id}; a res_ id is changed by PATCH")
        })?
        .to_owned();
    if let Value::Object(fields) = &mut value {
        let stated = fields.insert("external_id".to_owned(), Value::from(external_id.clone()));
        if stated.is_some_and(|stated| !stated.is_null() && stated != external_id.as_str()) {
            return Err(Problem::field(
                "/external_id",
                "invalid",
                "differs from the one in the address",
            ));
        }
    }
    let body: ResourceBody = typed(value)?;
    let mut tx = api.hub.store.begin().await?;
    let answer = match tx.resources().by_external_id(&caller.tenant, &external_id).await? {
        None => match insert(&api, &mut tx, &caller, &body).await {
            Err(problem) if problem.code == "external_id_taken" => {
                return Err(problem.retry_after(1));
            }
            other => other?,
        },
        Some(row) => {
            if headers.contains_key(header::IF_MATCH) {
                IfMatch::of(&headers)?.check(row.revision)?;
            }
            store(&api, &mut tx, &caller, row, &body).await?
        }
    };
    tx.commit().await?;
    settle(&api).await;
    Ok(answer)
}

/// Changes a resource (RFC 7396); `calendars` is replaced as a whole.
#[utoipa::path(patch, path = "/v1/resources/{id}", tag = "Resources",
    security(("key" = ["resources:write"])), request_body = ResourceBody,
    params(("id" = String, Path), ("If-Match" = String, Header, description = "The ETag that was read, or `*`.")),
    responses((status = 200, body = ResourceView), (status = "default", body = Problem)))]
async fn patch(
    State(api): State<Api>,
    caller: Caller,
    Path(text): Path<String>,
    if_match: IfMatch,
    Body(patch): Body<Value>,
) -> Result<impl IntoResponse, Problem> {
    let mut tx = api.hub.store.begin().await?;
    let row = find(&mut tx, &caller, &text).await?;
    if_match.check(row.revision)?;
    let links = tx.resources().links(&caller.tenant, &row.resource_id).await?;
    let mut value = as_json(&ResourceBody::of(&row, &links));
    merge_patch(&mut value, patch);
    let body: ResourceBody = typed(value)?;
    let answer = store(&api, &mut tx, &caller, row, &body).await?;
    tx.commit().await?;
    settle(&api).await;
    Ok(answer)
}

/// Erases a resource; the calendars stay linked.
#[utoipa::path(delete, path = "/v1/resources/{id}", tag = "Resources",
    security(("key" = ["resources:write"])), params(("id" = String, Path)),
    responses((status = 204, description = "Erased."), (status = "default", body = Problem)))]
async fn remove(
    State(api): State<Api>,
    caller: Caller,
    Path(text): Path<String>,
) -> Result<StatusCode, Problem> {
    let mut tx = api.hub.store.begin().await?;
    let row = find(&mut tx, &caller, &text).await?;
    tx.claims().lock_resources(std::slice::from_ref(&row.resource_id)).await?;
    let now = tx.now(&*api.hub.clock).await?;
    if tx.claims().is_needed(&caller.tenant, &row.resource_id, now).await? {
        let detail = "It is booked or held at present or in the future. Cancel that first.";
        return Err(Problem::new("in_use", detail));
    }
    tx.claims().forget(&caller.tenant, &row.resource_id).await?;
    match tx.resources().delete(&caller.tenant, &row.resource_id).await {
        Err(StoreError::Conflict(rule)) if rule == rules::REFERENCE => {
            return Err(Problem::new("in_use", "Something still points at this resource."));
        }
        other => other?,
    };
    let told = json!({"resource_id": row.resource_id, "external_id": row.external_id});
    tell(&api, &mut tx, &caller, "resource.removed", row.resource_id.as_str(), told).await?;
    tx.commit().await?;
    settle(&api).await;
    Ok(StatusCode::NO_CONTENT)
}
