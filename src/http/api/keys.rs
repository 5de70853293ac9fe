//! `/v1/keys`: making, listing and revoking API keys.

use axum::{Json, extract::State, http::StatusCode, response::IntoResponse};
use secrecy::ExposeSecret;
use serde::{Deserialize, Serialize};
use serde_json::json;
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};

use crate::{
    audit::{Act, Verb},
    http::{
        Api, Problem, Scope,
        auth::Caller,
        extract::{Body, Page, PageQuery, Path, Query, check_text},
        wire::Instant,
    },
    model::ids::KeyId,
    secrets::mint_secret,
    store::KeyRow,
};

pub(super) fn router() -> OpenApiRouter<Api> {
    OpenApiRouter::new().routes(routes!(create, list)).routes(routes!(remove))
}

const LAST_ADMIN: &str = "This is the tenant's last key that may make keys. Make another one with the scope `admin` \
    first. Without any, only an `instance` key or `calhub keys` on the hub's machine could make one.";

/// A key to be made.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"name": "booking platform", "scopes": ["availability:read", "connections:read"]}))]
struct NewKey {
    name: String,
    scopes: Vec<Scope>,
    expires_at: Option<Instant>,
}

/// A key, without its secret.
#[derive(Debug, Serialize, ToSchema)]
struct KeyView {
    id: String,
    name: String,
    scopes: Vec<String>,
    created_at: Instant,
    expires_at: Option<Instant>,
}

/// A key that was just made, with its secret: shown this once.
#[derive(Debug, Serialize, ToSchema)]
#[schema(example = json!({"id": "0198c1f2", "key": "chk_0198c1f2_5f0c...", "name": "booking platform",
    "scopes": ["availability:read"], "created_at": "2026-03-02T09:00:00Z", "expires_at": null}))]
struct MadeKey {
    /// `chk_<id>_<secret>`, for `Authorization: Bearer`.
    key: String,
    #[serde(flatten)]
    view: KeyView,
}

impl From<KeyRow> for KeyView {
    fn from(row: KeyRow) -> Self {
        Self {
            id: row.key_id,
            name: row.name,
            scopes: row.scopes,
            created_at: row.created_at.into(),
            expires_at: row.expires_at.map(Into::into),
        }
    }
}

/// Makes a key. The answer is the only place where its secret is ever shown.
#[utoipa::path(post, path = "/v1/keys", tag = "Keys and tenants",
    security(("key" = ["admin"])), request_body = NewKey,
    responses((status = 201, body = MadeKey), (status = "default", body = Problem)))]
async fn create(
    State(api): State<Api>,
    caller: Caller,
    Body(new): Body<NewKey>,
) -> Result<impl IntoResponse, Problem> {
    check_text("/name", &new.name, 200)?;
    if new.scopes.is_empty() {
        return Err(Problem::field("/scopes", "required", "name at least one scope"));
    }
    if let Some(beyond) = new.scopes.iter().find(|scope| !caller.may(**scope)) {
        let detail = format!("A key cannot grant what it does not have: {}.", beyond.as_str());
        return Err(Problem::new("insufficient_scope", detail));
    }
    let now = api.hub.clock.now();
    if new.expires_at.is_some_and(|end| end.0 <= now) {
        return Err(Problem::field("/expires_at", "invalid", "lies in the past"));
    }
    let secret = mint_secret(&*api.hub.entropy);
    let minted = caller.chance.mint(&api.hub, KeyId::mint).to_string();
    let id = minted.strip_prefix("key_").unwrap_or(&minted).to_owned();
    let by = caller.by();
    let row = KeyRow {
        tenant_id: caller.tenant,
        key_id: id,
        name: new.name,
        hash: api.hub.vault.hash_secret(secret.expose_secret()).to_vec(),
        scopes: new.scopes.iter().map(|scope| scope.as_str().to_owned()).collect(),
        created_at: now,
        expires_at: new.expires_at.map(|end| end.0),
    };
    let mut tx = api.hub.store.begin().await?;
    // An earlier try may have made it: nobody has its secret, which only the answer told.
    tx.keys().delete(&row.tenant_id, &row.key_id).await?;
    tx.keys().insert(&row).await?;
    let made = Act::on(&row.tenant_id, Verb::KeyMade, &row.key_id);
    api.hub.audit.note(&mut tx, &by, made.with(json!({"scopes": row.scopes}))).await?;
    tx.commit().await?;
    let key = format!("chk_{}_{}", row.key_id, secret.expose_secret());
    Ok((StatusCode::CREATED, Json(MadeKey { key, view: row.into() })))
}

/// Lists the tenant's keys, without their secrets.
#[utoipa::path(get, path = "/v1/keys", tag = "Keys and tenants",
    security(("key" = ["admin"])), params(PageQuery),
    responses((status = 200, body = Page<KeyView>), (status = "default", body = Problem)))]
async fn list(
    State(api): State<Api>,
    caller: Caller,
    Query(page): Query<PageQuery>,
) -> Result<Json<Page<KeyView>>, Problem> {
    let after: Option<String> = page.after()?;
    let rows = api
        .hub
        .store
        .read()
        .await?
        .keys()
        .list(&caller.tenant, after.as_deref(), page.rows()?)
        .await?;
    Ok(Json(Page::cut(rows, page.limit()?, |row| row.key_id.clone()).map(KeyView::from)))
}

/// Revokes a key. The hub that is asked stops honouring it at once, the others within three seconds. The last key of a
/// tenant that may make others is revoked only by an `instance` key: `409 conflict` otherwise.
#[utoipa::path(delete, path = "/v1/keys/{id}", tag = "Keys and tenants",
    security(("key" = ["admin"])), params(("id" = String, Path)),
    responses((status = 204, description = "Revoked."), (status = "default", body = Problem)))]
async fn remove(
    State(api): State<Api>,
    caller: Caller,
    Path(id): Path<String>,
) -> Result<StatusCode, Problem> {
    let mut tx = api.hub.store.begin().await?;
    if !caller.may(Scope::Instance) {
        let admins = tx.keys().admins(&caller.tenant, api.hub.clock.now()).await?;
        if matches!(admins.as_slice(), [last] if last.key_id == id) {
            return Err(Problem::new("conflict", LAST_ADMIN));
        }
    }
    let gone = tx.keys().delete(&caller.tenant, &id).await?;
    if gone {
        let removed = Act::on(&caller.tenant, Verb::KeyRemoved, &id);
        api.hub.audit.note(&mut tx, &caller.by(), removed).await?;
    }
    tx.commit().await?;
    api.keyring.forget(&id);
    if gone { Ok(StatusCode::NO_CONTENT) } else { Err(Problem::not_found("key")) }
}
