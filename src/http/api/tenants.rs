//! `/v1/tenants`: the customers of the hub.

use axum::{
    Json,
    extract::State,
    http::{HeaderValue, StatusCode, header},
    response::IntoResponse,
};
use ipnet::IpNet;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};

use super::events::{settle, tell};
use crate::{
    audit::{Act, Verb},
    http::{
        Api, Problem, Scope,
        auth::Caller,
        extract::{
            Body, IfMatch, Page, PageQuery, Path, Query, check_text, id, merge_patch, typed,
        },
        wire::Instant,
    },
    model::{ids::TenantId, policy::Policy},
    store::TenantRow,
};

pub(super) fn router() -> OpenApiRouter<Api> {
    OpenApiRouter::new().routes(routes!(create, list)).routes(routes!(get, patch, remove))
}

/// A tenant as callers state it.
#[derive(Debug, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"name": "Clinic", "policy": {"tentative": "busy"}}))]
struct TenantBody {
    name: String,
    /// What each class of busy time blocks, unless a resource or link says otherwise.
    #[serde(default)]
    #[schema(value_type = Object)]
    policy: Policy,
    /// Private networks its connectors may reach: a part of the hub's, or null for all of them.
    #[serde(default)]
    #[schema(value_type = Option<Vec<String>>)]
    allow_net: Option<Vec<IpNet>>,
}

/// A tenant.
#[derive(Debug, Serialize, ToSchema)]
struct TenantView {
    id: String,
    name: String,
    #[schema(value_type = Object)]
    policy: Value,
    allow_net: Option<Vec<String>>,
    created_at: Instant,
}

impl From<TenantRow> for TenantView {
    fn from(row: TenantRow) -> Self {
        Self {
            id: row.tenant_id.to_string(),
            name: row.name,
            policy: row.policy,
            allow_net: row.allow_net,
            created_at: row.created_at.into(),
        }
    }
}

impl TenantBody {
    fn check(&self, api: &Api) -> Result<(), Problem> {
        check_text("/name", &self.name, 200)?;
        let allowed = &api.hub.config.allow_net;
        let wider = |net: &IpNet| !allowed.iter().any(|outer| outer.contains(net));
        if self.allow_net.iter().flatten().any(wider) {
            let detail = "a tenant can only narrow what the hub allows with --allow-net";
            return Err(Problem::field("/allow_net", "too_wide", detail));
        }
        Ok(())
    }

    fn lay(self, row: TenantRow) -> TenantRow {
        TenantRow {
            name: self.name,
            policy: serde_json::to_value(self.policy).unwrap_or(Value::Null),
            allow_net: self.allow_net.map(|nets| nets.iter().map(ToString::to_string).collect()),
            ..row
        }
    }
}

/// Tenants have no revision: the tag is made from what they hold.
fn tag(row: &TenantRow) -> String {
    let mut digest = Sha256::new();
    digest.update(row.name.as_bytes());
    digest.update(row.policy.to_string().as_bytes());
    digest.update(format!("{:?}", row.allow_net).as_bytes());
    let digest: [u8; 32] = digest.finalize().into();
    digest.iter().take(8).map(|byte| format!("{byte:02x}")).collect()
}

fn rendered(status: StatusCode, row: TenantRow) -> impl IntoResponse {
    let tag = HeaderValue::from_str(&format!("\"{}\"", tag(&row)))
        .expect("hexadecimal digits and quotes are a header value");
    (status, [(header::ETAG, tag)], Json(TenantView::from(row)))
}

/// Makes a tenant.
#[utoipa::path(post, path = "/v1/tenants", tag = "Keys and tenants",
    security(("key" = ["instance"])), request_body = TenantBody,
    responses((status = 201, body = TenantView), (status = "default", body = Problem)))]
async fn create(
    State(api): State<Api>,
    caller: Caller,
    Body(body): Body<TenantBody>,
) -> Result<impl IntoResponse, Problem> {
    body.check(&api)?;
    let blank = TenantRow {
        tenant_id: caller.chance.mint(&api.hub, TenantId::mint),
        name: String::new(),
        policy: json!({}),
        allow_net: None,
        created_at: api.hub.clock.now(),
    };
    let row = body.lay(blank);
    let caller = Caller { tenant: row.tenant_id.clone(), ..caller };
    let mut tx = api.hub.store.begin().await?;
    // An earlier try may have made it, when nobody got the answer.
    if let Some(made) = tx.tenants().get(&row.tenant_id).await? {
        return Ok(rendered(StatusCode::CREATED, made));
    }
    tx.tenants().create(&row).await?;
    tell(&api, &mut tx, &caller, "tenant.created", row.tenant_id.as_str(), json!({})).await?;
    let act = Act::on(&row.tenant_id, Verb::TenantMade, row.tenant_id.as_str());
    api.hub.audit.note(&mut tx, &caller.by(), act).await?;
    tx.commit().await?;
    settle(&api).await;
    Ok(rendered(StatusCode::CREATED, row))
}

/// Lists all tenants.
#[utoipa::path(get, path = "/v1/tenants", tag = "Keys and tenants",
    security(("key" = ["instance"])), params(PageQuery),
    responses((status = 200, body = Page<TenantView>), (status = "default", body = Problem)))]
async fn list(
    State(api): State<Api>,
    Query(page): Query<PageQuery>,
) -> Result<Json<Page<TenantView>>, Problem> {
    let after: Option<TenantId> = page.after()?;
    let rows = api.hub.store.read().await?.tenants().list(after.as_ref(), page.rows()?).await?;
    Ok(Json(Page::cut(rows, page.limit()?, |row| row.tenant_id.to_string()).map(TenantView::from)))
}

/// A tenant's own admin may look at and change it; any other tenant does not exist for them.
async fn find(api: &Api, caller: &Caller, text: &str) -> Result<TenantRow, Problem> {
    let tenant: TenantId = id(text, "tenant")?;
    if tenant != caller.tenant && !caller.may(Scope::Instance) {
        return Err(Problem::not_found("tenant"));
    }
    let row = api.hub.store.read().await?.tenants().get(&tenant).await?;
    row.ok_or_else(|| Problem::not_found("tenant"))
}

/// Reads a tenant.
#[utoipa::path(get, path = "/v1/tenants/{id}", tag = "Keys and tenants",
    security(("key" = ["admin"])), params(("id" = String, Path)),
    responses((status = 200, body = TenantView), (status = "default", body = Problem)))]
async fn get(
    State(api): State<Api>,
    caller: Caller,
    Path(text): Path<String>,
) -> Result<impl IntoResponse, Problem> {
    Ok(rendered(StatusCode::OK, find(&api, &caller, &text).await?))
}

/// Changes a tenant (RFC 7396).
#[utoipa::path(patch, path = "/v1/tenants/{id}", tag = "Keys and tenants",
    security(("key" = ["admin"])), request_body = TenantBody,
    params(("id" = String, Path), ("If-Match" = String, Header, description = "The ETag that was read, or `*`.")),
    responses((status = 200, body = TenantView), (status = "default", body = Problem)))]
async fn patch(
    State(api): State<Api>,
    caller: Caller,
    Path(text): Path<String>,
    if_match: IfMatch,
    Body(patch): Body<Value>,
) -> Result<impl IntoResponse, Problem> {
    let row = find(&api, &caller, &text).await?;
    if_match.check_tag(&tag(&row))?;
    let mut value = json!({"name": row.name, "policy": row.policy, "allow_net": row.allow_net});
    merge_patch(&mut value, patch);
    let body: TenantBody = typed(value)?;
    body.check(&api)?;
    let row = body.lay(row);
    let caller = Caller { tenant: row.tenant_id.clone(), ..caller };
    let mut tx = api.hub.store.begin().await?;
    if !tx.tenants().update(&row).await? {
        return Err(Problem::not_found("tenant"));
    }
    tell(&api, &mut tx, &caller, "tenant.updated", row.tenant_id.as_str(), json!({})).await?;
    let act = Act::on(&row.tenant_id, Verb::TenantChanged, row.tenant_id.as_str());
    api.hub.audit.note(&mut tx, &caller.by(), act).await?;
    tx.commit().await?;
    settle(&api).await;
    Ok(rendered(StatusCode::OK, row))
}

/// Erases a tenant with everything it has. The tenant of the first run stays.
#[utoipa::path(delete, path = "/v1/tenants/{id}", tag = "Keys and tenants",
    security(("key" = ["instance"])), params(("id" = String, Path)),
    responses((status = 204, description = "Erased."), (status = "default", body = Problem)))]
async fn remove(
    State(api): State<Api>,
    caller: Caller,
    Path(text): Path<String>,
) -> Result<StatusCode, Problem> {
    let row = find(&api, &caller, &text).await?;
    if row.tenant_id == api.hub.default_tenant().await? {
        return Err(Problem::new("in_use", "The default tenant cannot be erased."));
    }
    let mut tx = api.hub.store.begin().await?;
    tx.tenants().delete(&row.tenant_id).await?;
    // For the index of every hub: nobody else can read an entry of a tenant that is gone.
    let caller = Caller { tenant: row.tenant_id.clone(), ..caller };
    tell(&api, &mut tx, &caller, "tenant.removed", row.tenant_id.as_str(), json!({})).await?;
    let act = Act::on(&row.tenant_id, Verb::TenantRemoved, row.tenant_id.as_str());
    api.hub.audit.note(&mut tx, &caller.by(), act).await?;
    tx.commit().await?;
    api.hub.store.scrub().await;
    api.hub.index.remove(&row.tenant_id);
    settle(&api).await;
    api.keyring.forget_all();
    Ok(StatusCode::NO_CONTENT)
}
