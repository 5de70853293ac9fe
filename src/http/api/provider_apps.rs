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
    link::{is_cloud, seal_app},
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
    /// Of Microsoft's: the cloud that it is registered in: `global`, `us_gov`, `us_gov_dod` or `china`. As the operator
    /// has it when left out.
    cloud: Option<String>,
    /// Of Microsoft's: who may sign in: `common`, `organizations`, `consumers`, or the id or domain of one directory
    /// (which Microsoft calls a tenant). As the operator has it when left out.
    directory: Option<String>,
}

impl NewProviderApp {
    fn check(&self, provider: Provider) -> Result<(), Problem> {
        check_text("/client_id", &self.client_id, 300)?;
        check_text("/client_secret", self.client_secret.expose_secret(), 300)?;
        for (pointer, stated) in [("/cloud", &self.cloud), ("/directory", &self.directory)] {
            if stated.is_some() && provider != Provider::Microsoft {
                return Err(Problem::field(pointer, "invalid", "means nothing to this provider"));
            }
        }
        if self.cloud.as_deref().is_some_and(|word| !is_cloud(word)) {
            let detail = "must be global, us_gov, us_gov_dod or china";
            return Err(Problem::field("/cloud", "invalid", detail));
        }
        // It becomes a part of an address.
        let is_plain = |letter: char| letter.is_ascii_alphanumeric() || matches!(letter, '-' | '.');
        let is_name = |name: &str| {
            (1..=253).contains(&name.len())
                && name.chars().all(is_plain)
                && name.starts_with(|letter: char| letter.is_ascii_alphanumeric())
        };
        if self.directory.as_deref().is_some_and(|name| !is_name(name)) {
            let detail = "must be common, organizations, consumers, or the id or domain of one";
            return Err(Problem::field("/directory", "invalid", detail));
        }
        Ok(())
    }
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
    #[serde(skip_serializing_if = "Option::is_none")]
    cloud: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    directory: Option<String>,
    updated_at: Instant,
}

impl ProviderAppView {
    fn of(api: &Api, row: &ProviderAppRow) -> Self {
        Self {
            provider: row.provider.as_str(),
            client_id: row.client_id.clone(),
            redirect_uri: api.hub.visits.redirect_uri(row.provider),
            cloud: row.cloud.clone(),
            directory: row.directory.clone(),
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
    new.check(provider)?;
    let mut tx = api.hub.store.begin().await?;
    let sealed = seal_app(&api.hub.vault, &mut tx, &caller.tenant, provider, &new.client_secret);
    let secret = sealed.await.map_err(|error| Problem::shut(error, "provider app"))?;
    let row = ProviderAppRow {
        tenant_id: caller.tenant.clone(),
        provider,
        client_id: new.client_id,
        cloud: new.cloud,
        directory: new.directory,
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
