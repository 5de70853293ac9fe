//! `/v1/ops/audit`: who did what, and whether the log still says what was written.

use axum::{Json, extract::State};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::{router::OpenApiRouter, routes};

use crate::{
    audit::{Broken, Fault, NotedHead, Verb, Verdict},
    http::{
        Api, Problem,
        auth::Caller,
        extract::{Page, PageQuery, Query},
        wire::Instant,
    },
    model::ids::AuditId,
    store::{AuditFilter, AuditRow},
};

pub(super) fn router() -> OpenApiRouter<Api> {
    OpenApiRouter::new().routes(routes!(list)).routes(routes!(verify))
}

/// One act.
#[derive(Debug, Serialize, ToSchema)]
#[schema(example = json!({"id": "aud_0198c1", "n": 42, "at": "2026-03-02T09:00:00Z", "tenant_id": "ten_0198c1",
    "verb": "quarantine.confirmed", "subject": "cal_0198c1", "actor": "key:0198c1", "request_id": "req_0198c1",
    "detail": {}}))]
struct EntryView {
    id: String,
    /// Its place in the chain; null for the second or so until it is sealed.
    n: Option<i64>,
    at: Instant,
    /// Whose it is; null for what concerns the hub as a whole.
    tenant_id: Option<String>,
    /// `key.made`, `connection.unlinked`, `outbox.retried`, ...
    verb: String,
    /// The id of what it was done to, or `hub`, or `all`.
    subject: String,
    /// `key:<id>`, `local` (the hub's own socket), `cli` (a command on the hub's machine) or `hub`.
    actor: String,
    request_id: Option<String>,
    /// The hub's own words and ids about it.
    #[schema(value_type = Object)]
    detail: Value,
}

impl From<AuditRow> for EntryView {
    fn from(row: AuditRow) -> Self {
        Self {
            id: row.audit_id,
            n: row.n,
            at: Timestamp::from_microsecond(row.at_us).unwrap_or_default().into(),
            tenant_id: Some(row.tenant_id).filter(|id| !id.is_empty()),
            verb: row.verb,
            subject: row.subject,
            actor: row.actor,
            request_id: row.request_id,
            detail: serde_json::from_str(&row.detail).unwrap_or_default(),
        }
    }
}

/// Which acts to list.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
struct AuditQuery {
    /// Only what was done to this.
    subject: Option<String>,
    /// Only acts of this kind.
    verb: Option<String>,
    limit: Option<u32>,
    after: Option<String>,
}

/// Lists what was done, the latest first: the tenant's, or with an instance key that acts for no tenant everybody's.
#[utoipa::path(get, path = "/v1/ops/audit", tag = "Operations",
    security(("key" = ["ops"])), params(AuditQuery),
    responses((status = 200, body = Page<EntryView>), (status = "default", body = Problem)))]
async fn list(
    State(api): State<Api>,
    caller: Caller,
    Query(query): Query<AuditQuery>,
) -> Result<Json<Page<EntryView>>, Problem> {
    let page = PageQuery { limit: query.limit, after: query.after };
    let is_verb = |word: &String| Verb::ALL.iter().any(|verb| verb.as_str() == word.as_str());
    if query.verb.as_ref().is_some_and(|word| !is_verb(word)) {
        return Err(Problem::parameter("verb", "is nothing that the audit log tells"));
    }
    let after: Option<AuditId> = page.after()?;
    let filter = AuditFilter {
        tenant: (!caller.is_for_all()).then(|| caller.tenant.clone()),
        subject: query.subject,
        verb: query.verb,
        after: after.map(|id| id.to_string()),
        limit: page.rows()?,
    };
    let rows = api.hub.store.read().await?.audit().list(&filter).await?;
    let rows = Page::cut(rows, page.limit()?, |row| row.audit_id.clone());
    Ok(Json(rows.map(EntryView::from)))
}

/// Whether the log still says what was written.
#[derive(Debug, Serialize, ToSchema)]
struct VerdictView {
    /// Whether every entry stands as it was written, up to the signed end.
    whole: bool,
    /// Entries that were found right, from the first on.
    checked: i64,
    /// The signed end. Its `noted` form, kept elsewhere, shows later that the log was not put back.
    head: Option<HeadView>,
    unsealed: UnsealedView,
    /// The first entry that is not as it was written.
    broken: Option<BrokenView>,
}

#[derive(Debug, Serialize, ToSchema)]
struct HeadView {
    n: i64,
    /// `<n>:<link>`, for `?head=`.
    noted: String,
    signed_at: Instant,
}

/// Entries that have no place yet.
#[derive(Debug, Serialize, ToSchema)]
struct UnsealedView {
    count: i64,
    oldest_at: Option<Instant>,
}

#[derive(Debug, Serialize, ToSchema)]
struct BrokenView {
    /// Its place in the chain; null for an entry that waits for one, and for the head.
    n: Option<i64>,
    /// Its id, where there is an entry.
    id: Option<String>,
    /// `missing`, `doubled`, `altered`, `misplaced`, `beyond_head`, `put_back`, `unreadable`, `forged`, `head_missing` or
    /// `head_forged`.
    #[schema(value_type = String)]
    fault: Fault,
    /// The same for people.
    detail: &'static str,
}

impl From<Broken> for BrokenView {
    fn from(broken: Broken) -> Self {
        let (fault, detail) = (broken.fault, broken.fault.in_words());
        Self { n: broken.n, id: broken.audit_id, fault, detail }
    }
}

impl From<Verdict> for VerdictView {
    fn from(verdict: Verdict) -> Self {
        Self {
            whole: verdict.broken.is_none(),
            checked: verdict.checked,
            head: verdict.head.map(|(head, at)| HeadView {
                n: head.n,
                noted: head.to_string(),
                signed_at: at.into(),
            }),
            unsealed: UnsealedView {
                count: verdict.unsealed,
                oldest_at: verdict.oldest_unsealed.map(Into::into),
            },
            broken: verdict.broken.map(Into::into),
        }
    }
}

/// What must still be a part of the chain.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
struct VerifyQuery {
    /// A head from an earlier answer, `<n>:<link>`.
    head: Option<String>,
}

/// Checks the hub's whole audit log, entry by entry: what was edited, taken out, put in, moved or cut off is found, and
/// the first such entry is named.
#[utoipa::path(get, path = "/v1/ops/audit/verify", tag = "Operations",
    security(("key" = ["ops"])), params(VerifyQuery),
    responses((status = 200, body = VerdictView), (status = "default", body = Problem)))]
async fn verify(
    State(api): State<Api>,
    Query(query): Query<VerifyQuery>,
) -> Result<Json<VerdictView>, Problem> {
    let noted = query.head.map(|text| {
        text.parse::<NotedHead>()
            .map_err(|()| Problem::parameter("head", "is not `<n>:<link>` of an earlier answer"))
    });
    let verdict = api.hub.audit.verify(noted.transpose()?).await?;
    Ok(Json(verdict.into()))
}
