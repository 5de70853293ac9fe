//! `/hooks`: where providers tell that something has changed. Nothing that they say is believed, and nothing is said
//! to whoever was not asked.

use axum::{
    extract::State,
    http::{HeaderMap, StatusCode},
};
use utoipa_axum::{router::OpenApiRouter, routes};

use crate::{
    http::{Api, Problem, extract::Path},
    sync::channel::{Hearing, Told},
};

pub(super) fn router() -> OpenApiRouter<Api> {
    OpenApiRouter::new().routes(routes!(google))
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
        number: number.ok_or_else(unknown)?,
        is_greeting: header("x-goog-resource-state") == Some("sync"),
    };
    match api.hub.engine.hear(told).await? {
        Hearing::Nudged | Hearing::Covered => Ok(StatusCode::NO_CONTENT),
        Hearing::Forged | Hearing::Unknown => Err(unknown()),
    }
}
