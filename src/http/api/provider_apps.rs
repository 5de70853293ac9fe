//! `/v1/provider-apps`: a tenant's own OAuth clients. Their secrets are taken and never told.

use axum::{Json, extract::State, http::StatusCode};
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};
use serde_json::json;
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};

use crate::{
    audit::{Act, Verb},
    http::{
        Api, Problem,
        auth::Caller,
        extract::{Body, Path, check_text},
        wire::Instant,
    },
    link::seal_app,
    model::states::Provider,
    store::ProviderAppRow,
};

pub(super) fn router() -> OpenApiRouter<Api> {
    OpenApiRouter::new().routes(routes!(put, get, remove))
}

/// An OAuth client of the tenant's own.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"client_id": "1234.apps.googleusercontent.com", "client_secret": "GOCSPX-..."}))]
struct NewProviderApp {
    client_id: String,
    #[schema(value_type = String)]
    client_secret: SecretString,
}

/// An OAuth client, without its secret.
#[derive(Debug, Serialize, ToSchema)]
#[schema(example = json!({"provider": "google", "client_id": "1234.apps.googleusercontent.com",
    "redirect_uri": "https://hub.example.org/oauth/google/callback", "updated_at": "2026-03-02T09:00:00Z"}))]
struct ProviderAppView {
    provider: &'static str,
    client_id: String,
    /// What must stand, to the letter, among the client's redirect addresses in the provider's console.
    redirect_uri: String,
    updated_at: Instant,
}

impl ProviderAppView {
    fn of(api: &Api, row: &ProviderAppRow) -> Self {
        Self {
            provider: row.provider.as_str(),
            client_id: row.client_id.clone(),
            redirect_uri: api.hub.visits.redirect_uri(row.provider),
            updated_at: row.touched_at.into(),
        }
    }
}

fn provider_of(word: &str) -> Result<Provider, Problem> {
    Provider::parse(word)
        .filter(|it| matches!(it, Provider::Google | Provider::Microsoft))
        .ok_or_else(|| Problem::not_found("provider with OAuth clients"))
}

/// Sets the tenant's own OAuth client. Grants that were given to another one stay bound to that.
#[utoipa::path(put, path = "/v1/provider-apps/{provider}", tag = "Connections and calendars",
    security(("key" = ["admin"])), request_body = NewProviderApp,
    params(("provider" = String, Path, description = "`google` or `microsoft`.")),
    responses((status = 200, body = ProviderAppView), (status = "default", body = Problem)))]
async fn put(
    State(api): State<Api>,
    caller: Caller,
    Path(provider): Path<String>,
    Body(new): Body<NewProviderApp>,
) -> Result<Json<ProviderAppView>, Problem> {
    let provider = provider_of(&provider)?;
    check_text("/client_id", &new.client_id, 300)?;
    check_text("/client_secret", new.client_secret.expose_secret(), 300)?;
    let mut tx = api.hub.store.begin().await?;
    let sealed = seal_app(&api.hub.vault, &mut tx, &caller.tenant, provider, &new.client_secret);
    let secret = sealed.await.map_err(|error| Problem::shut(error, "provider app"))?;
    let row = ProviderAppRow {
        tenant_id: caller.tenant.clone(),
        provider,
        client_id: new.client_id,
        secret,
        touched_at: api.hub.clock.now(),
    };
    tx.provider_apps().put(&row).await?;
    let act = Act::on(&caller.tenant, Verb::ProviderAppSet, provider.as_str());
    api.hub.audit.note(&mut tx, &caller.by(), act.with(json!({}))).await?;
    tx.commit().await?;
    Ok(Json(ProviderAppView::of(&api, &row)))
}

/// Reads the tenant's own OAuth client, without its secret.
#[utoipa::path(get, path = "/v1/provider-apps/{provider}", tag = "Connections and calendars",
    security(("key" = ["admin"])), params(("provider" = String, Path)),
    responses((status = 200, body = ProviderAppView), (status = "default", body = Problem)))]
async fn get(
    State(api): State<Api>,
    caller: Caller,
    Path(provider): Path<String>,
) -> Result<Json<ProviderAppView>, Problem> {
    let provider = provider_of(&provider)?;
    let row = api.hub.store.read().await?.provider_apps().get(&caller.tenant, provider).await?;
    let row = row.ok_or_else(|| Problem::not_found("provider app"))?;
    Ok(Json(ProviderAppView::of(&api, &row)))
}

/// Removes the tenant's own OAuth client. Its grants cannot be renewed from then on.
#[utoipa::path(delete, path = "/v1/provider-apps/{provider}", tag = "Connections and calendars",
    security(("key" = ["admin"])), params(("provider" = String, Path)),
    responses((status = 204, description = "Removed."), (status = "default", body = Problem)))]
async fn remove(
    State(api): State<Api>,
    caller: Caller,
    Path(provider): Path<String>,
) -> Result<StatusCode, Problem> {
    let provider = provider_of(&provider)?;
    let mut tx = api.hub.store.begin().await?;
    if !tx.provider_apps().delete(&caller.tenant, provider).await? {
        return Err(Problem::not_found("provider app"));
    }
    let act = Act::on(&caller.tenant, Verb::ProviderAppRemoved, provider.as_str());
    api.hub.audit.note(&mut tx, &caller.by(), act).await?;
    tx.commit().await?;
    Ok(StatusCode::NO_CONTENT)
}
