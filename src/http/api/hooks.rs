//! `/hooks`: where providers tell that something has changed. Nothing that they say is believed, and nothing is said
//! to whoever was not asked.

use std::collections::BTreeSet;

use axum::{
    body::Body,
    extract::State,
    http::{HeaderMap, StatusCode, header},
    response::{IntoResponse, Response},
};
use serde::Deserialize;
use utoipa::IntoParams;
use utoipa_axum::{router::OpenApiRouter, routes};

use crate::{
    http::{
        Api, Problem,
        extract::{PATIENCE, Path, Query, arrived},
    },
    sync::channel::{Fate, Hearing, Told},
};

pub(super) fn router() -> OpenApiRouter<Api> {
    OpenApiRouter::new().routes(routes!(google)).routes(routes!(microsoft))
}

/// A notification of Google Calendar: only its headers count.
///
/// 204 once the calendar's pull is due for certain, or was already. Whatever does not carry the secret of a channel that
/// this hub has opened is answered 404, and costs no look at anything.
#[utoipa::path(post, path = "/hooks/google/{channel}", tag = "Provider hooks", security(()),
    params(("channel" = String, Path, description = "`chn_..`"),
        ("X-Goog-Channel-ID" = String, Header), ("X-Goog-Channel-Token" = String, Header),
        ("X-Goog-Resource-ID" = String, Header), ("X-Goog-Resource-State" = String, Header),
        ("X-Goog-Message-Number" = i64, Header)),
    responses((status = 204, description = "Heard."), (status = "default", body = Problem)))]
async fn google(
    State(api): State<Api>,
    Path(channel): Path<String>,
    headers: HeaderMap,
) -> Result<StatusCode, Problem> {
    let unknown = || Problem::not_found("channel");
    let header = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    if header("x-goog-channel-id") != Some(channel.as_str()) {
        return Err(unknown());
    }
    let number = header("x-goog-message-number").and_then(|text| text.parse().ok());
    let told = Told {
        channel: &channel,
        secret: header("x-goog-channel-token").ok_or_else(unknown)?,
        resource: header("x-goog-resource-id").ok_or_else(unknown)?,
        number: Some(number.ok_or_else(unknown)?),
        is_greeting: header("x-goog-resource-state") == Some("sync"),
    };
    match api.hub.engine.hear(told).await? {
        Hearing::Nudged | Hearing::Covered => Ok(StatusCode::NO_CONTENT),
        Hearing::Forged | Hearing::Unknown => Err(unknown()),
    }
}

/// The longest token that is given back.
const LONGEST_TOKEN: usize = 2_048;
/// Different notices of one channel that are looked at in one message; more say nothing else.
const MOST_NOTICES: usize = 32;

/// What Microsoft asks before it opens a subscription.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
struct Handshake {
    #[serde(rename = "validationToken")]
    #[param(rename = "validationToken")]
    validation_token: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Notices {
    value: Vec<Notice>,
}

/// One notification of a change, or of what becomes of a subscription. What it says of events is not read.
#[derive(Debug, Default, Deserialize, PartialEq, Eq, PartialOrd, Ord)]
#[serde(default, rename_all = "camelCase")]
struct Notice {
    client_state: String,
    subscription_id: String,
    lifecycle_event: Option<String>,
}

/// Notifications of Microsoft Graph, and what becomes of its subscriptions.
///
/// A `validationToken` is given back as plain text while a subscription of this hub's is being opened, and never
/// otherwise. 202 once the calendar's pull is due for certain, or was already. Whatever does not carry the secret of a
/// subscription that this hub has asked for is answered 404, and costs no look at anything.
#[utoipa::path(post, path = "/hooks/microsoft/{channel}", tag = "Provider hooks", security(()),
    params(("channel" = String, Path, description = "`chn_..`"), Handshake),
    request_body(content = Object, content_type = "application/json"),
    responses((status = 200, content_type = "text/plain", body = String, description = "The token."),
        (status = 202, description = "Heard."), (status = "default", body = Problem)))]
async fn microsoft(
    State(api): State<Api>,
    Path(channel): Path<String>,
    Query(handshake): Query<Handshake>,
    body: Body,
) -> Result<Response, Problem> {
    let unknown = || Problem::not_found("channel");
    if let Some(token) = handshake.validation_token {
        let is_asked = token.len() <= LONGEST_TOKEN && api.hub.engine.is_opening(&channel).await?;
        return if is_asked { Ok(given_back(token)) } else { Err(unknown()) };
    }
    let bytes = arrived(body, PATIENCE).await?;
    let notices: Notices = serde_json::from_slice(&bytes).map_err(|_| unknown())?;
    let different: BTreeSet<Notice> = notices.value.into_iter().collect();
    let mut is_ours = false;
    for notice in different.iter().take(MOST_NOTICES) {
        let heard = hear(&api, &channel, notice).await?;
        is_ours |= heard != Hearing::Forged;
    }
    if is_ours { Ok(StatusCode::ACCEPTED.into_response()) } else { Err(unknown()) }
}

async fn hear(api: &Api, channel: &str, notice: &Notice) -> Result<Hearing, Problem> {
    let told = Told {
        channel,
        secret: &notice.client_state,
        resource: &notice.subscription_id,
        number: None,
        is_greeting: false,
    };
    let engine = &api.hub.engine;
    Ok(match notice.lifecycle_event.as_deref() {
        Some("reauthorizationRequired") => engine.hear_fate(told, Fate::Ending).await?,
        Some("subscriptionRemoved") => engine.hear_fate(told, Fate::Removed).await?,
        // A change, `missed`, or what nobody knows yet: the calendar says what there is.
        Some(_) | None => engine.hear(told).await?,
    })
}

/// The token to the letter. Whoever sent it chose it: no browser is to take it for a page.
fn given_back(token: String) -> Response {
    let headers = [
        (header::CONTENT_TYPE, "text/plain; charset=utf-8"),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::CACHE_CONTROL, "no-store"),
    ];
    (StatusCode::OK, headers, token).into_response()
}
