//! `/openapi.json`, made from the routes themselves, and `/docs`, a page rendered from it here: it loads
//! nothing from anywhere.

use std::{fmt::Write, sync::Arc};

use axum::{
    Router,
    extract::State,
    http::{HeaderValue, header},
    response::{IntoResponse, Response},
    routing::get,
};
use serde_json::Value;
use utoipa::openapi::{
    ContentBuilder, HttpMethod, Info, License, OpenApi, ResponseBuilder,
    path::{Operation, OperationBuilder},
    security::{HttpAuthScheme, HttpBuilder, SecurityRequirement, SecurityScheme},
    tag::TagBuilder,
};

use super::{Api, problem::CODES};

const ABOUT: &str = "calhub reads people's calendars, keeps one answer to \"when is this person busy?\", and serves it \
with proof: how fresh it is, how far it reaches, and what is unknown. Unknown is never free.";

const TAGS: [(&str, &str); 9] = [
    ("Keys and tenants", "Who may call, for what, and for which tenant."),
    ("Connections and calendars", "Linking accounts and feeds, and what was found behind them."),
    ("Pages", "Where a person links an account; for browsers."),
    ("Resources", "People, rooms and machines, and the calendars that tell when they are busy."),
    ("Free/busy", "When somebody is busy, what is unknown, and on what the answer rests."),
    (
        "Holds and bookings",
        "Taking time, writing it into calendars, and what people do to it there.",
    ),
    ("Changes", "Everything that happened, in order: in pages and live."),
    ("Provider hooks", "Where providers tell that something has changed; not for anybody else."),
    ("Operations", "Health, meters, and the operator's hand on the hub."),
];

/// Adds to the routes' document what they share.
pub(super) fn complete(mut document: OpenApi) -> OpenApi {
    let mut info = Info::new("calhub", env!("CARGO_PKG_VERSION"));
    info.description = Some(ABOUT.to_owned());
    info.license = Some(License::new("Apache-2.0"));
    document.info = info;
    let tags =
        TAGS.map(|(name, text)| TagBuilder::new().name(name).description(Some(text)).build());
    document.tags = Some(tags.into());
    let components = document.components.get_or_insert_with(Default::default);
    let bearer = HttpBuilder::new()
        .scheme(HttpAuthScheme::Bearer)
        .bearer_format("chk_<id>_<secret>")
        .description(Some(
            "An API key. Each operation names the scopes of which one is needed; `admin` is enough \
             within its tenant, `instance` everywhere, and each `:write` holds its `:read`. An instance \
             key acts for a tenant with `Calhub-Tenant: ten_..`.",
        ))
        .build();
    components.add_security_scheme("key", SecurityScheme::Http(bearer));
    document.security = Some(vec![SecurityRequirement::new("key", Vec::<String>::new())]);
    for (path, summary, kind) in PAGES {
        document.paths.add_path_operation(path, vec![HttpMethod::Get], page_of(summary, kind));
    }
    document
}

/// The pages of this module itself.
pub(super) const PAGES: [(&str, &str, &str); 2] = [
    ("/openapi.json", "This document.", "application/json"),
    ("/docs", "This document for people; it loads nothing from anywhere.", "text/html"),
];

fn page_of(summary: &str, kind: &str) -> Operation {
    let answer = ResponseBuilder::new()
        .description("The page.")
        .content(kind, ContentBuilder::new().build())
        .build();
    OperationBuilder::new()
        .tag("Operations")
        .summary(Some(summary))
        .security(SecurityRequirement::default())
        .response("200", answer)
        .build()
}

/// The two pages, rendered once.
pub(super) fn router(document: &OpenApi) -> Router<Api> {
    let value = serde_json::to_value(document).unwrap_or(Value::Null);
    let json: Arc<str> = Arc::from(value.to_string());
    let page: Arc<str> = Arc::from(page(&value));
    let json = get(move || {
        let json = Arc::clone(&json);
        async move { ([(header::CONTENT_TYPE, "application/json")], json.to_string()) }
    });
    let docs = get(move |State(_): State<Api>| {
        let page = Arc::clone(&page);
        async move { html(&page) }
    });
    let [at_json, at_docs] = PAGES.map(|(path, ..)| path);
    Router::new().route(at_json, json).route(at_docs, docs)
}

fn html(page: &str) -> Response {
    let mut response = page.to_owned().into_response();
    let headers = response.headers_mut();
    let policy = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("text/html; charset=utf-8"));
    headers.insert(header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(policy));
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    response
}

const STYLE: &str = "body{font:16px/1.5 system-ui,sans-serif;max-width:60rem;margin:0 auto;padding:1rem;color:#1b1b1f;background:#fff}\
nav a{display:block}code{overflow-wrap:anywhere}code,pre{font:14px/1.45 ui-monospace,monospace}pre{background:#f4f4f6;padding:.75rem;overflow-x:auto;border-radius:6px}\
details{border:1px solid #d9d9de;border-radius:6px;margin:.5rem 0;padding:.4rem .75rem}summary{cursor:pointer}\
.m{display:inline-block;min-width:4.2rem;font-weight:600}table{border-collapse:collapse;width:100%}td,th{border-bottom:1px solid #e3e3e8;\
padding:.3rem .5rem;text-align:left;vertical-align:top}@media(prefers-color-scheme:dark){body{background:#16161a;color:#e6e6ea}\
pre{background:#222228}details,td,th{border-color:#3a3a42}a{color:#9db7ff}}";

/// Renders the document as one page of plain HTML.
fn page(document: &Value) -> String {
    let mut html = String::with_capacity(64 << 10);
    html.push_str("<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\">");
    html.push_str("<meta name=\"viewport\" content=\"width=device-width,initial-scale=1\"><title>calhub API</title>");
    put(
        &mut html,
        format_args!(
            "<style>{STYLE}</style></head><body><h1>calhub API {}</h1>",
            env!("CARGO_PKG_VERSION")
        ),
    );
    put(&mut html, format_args!("<p>{}</p>", escape(ABOUT)));
    html.push_str("<p>The same as data: <a href=\"/openapi.json\">openapi.json</a>. Try it:</p>");
    html.push_str("<pre>curl -H \"Authorization: Bearer $CALHUB_KEY\" http://127.0.0.1:8420/v1/connections</pre><nav>");
    for (name, _) in TAGS {
        put(&mut html, format_args!("<a href=\"#{}\">{}</a>", anchor(name), escape(name)));
    }
    html.push_str("<a href=\"#problems\">Problem codes</a></nav>");
    for (name, text) in TAGS {
        put(
            &mut html,
            format_args!(
                "<h2 id=\"{}\">{}</h2><p>{}</p>",
                anchor(name),
                escape(name),
                escape(text)
            ),
        );
        operations(&mut html, document, name);
    }
    html.push_str("<h2 id=\"problems\">Problem codes</h2><p>Every error is <code>application/problem+json</code> (RFC 9457).</p>");
    html.push_str("<table><tr><th>code</th><th>status</th><th>title</th></tr>");
    for (code, status, title) in CODES {
        put(
            &mut html,
            format_args!(
                "<tr><td><code>{code}</code></td><td>{status}</td><td>{}</td></tr>",
                escape(title)
            ),
        );
    }
    html.push_str("</table></body></html>");
    html
}

fn operations(html: &mut String, document: &Value, tag: &str) {
    let paths = document.get("paths").and_then(Value::as_object);
    for (path, item) in paths.into_iter().flatten() {
        for (method, operation) in item.as_object().into_iter().flatten() {
            let tags = operation.get("tags").and_then(Value::as_array);
            if !tags.is_some_and(|tags| tags.iter().any(|known| known == tag)) {
                continue;
            }
            let text = |key: &str| operation.get(key).and_then(Value::as_str).unwrap_or("");
            put(
                html,
                format_args!(
                    "<details><summary><span class=\"m\">{}</span> <code>{}</code> {}</summary><p>{}</p>",
                    method.to_uppercase(),
                    escape(path),
                    prose(text("summary")),
                    prose(text("description")),
                ),
            );
            parameters(html, operation);
            let body = operation.pointer("/requestBody/content/application~1json/schema");
            example(html, document, "Body", body);
            for (status, response) in
                operation.get("responses").and_then(Value::as_object).into_iter().flatten()
            {
                if status.starts_with('2') {
                    let schema = response.pointer("/content/application~1json/schema");
                    example(html, document, &format!("Answer {status}"), schema);
                }
            }
            html.push_str("</details>");
        }
    }
}

fn parameters(html: &mut String, operation: &Value) {
    let list = operation.get("parameters").and_then(Value::as_array);
    let Some(list) = list.filter(|list| !list.is_empty()) else { return };
    html.push_str("<table><tr><th>parameter</th><th>in</th><th></th></tr>");
    for parameter in list {
        let text = |key: &str| prose(parameter.get(key).and_then(Value::as_str).unwrap_or(""));
        put(
            html,
            format_args!(
                "<tr><td><code>{}</code></td><td>{}</td><td>{}</td></tr>",
                text("name"),
                text("in"),
                text("description"),
            ),
        );
    }
    html.push_str("</table>");
}

fn example(html: &mut String, document: &Value, title: &str, schema: Option<&Value>) {
    let Some(schema) = schema else { return };
    let referred = schema
        .get("$ref")
        .and_then(Value::as_str)
        .and_then(|path| document.pointer(path.trim_start_matches('#')));
    let schema = referred.unwrap_or(schema);
    let shown = schema.get("example").unwrap_or(schema);
    let text = serde_json::to_string_pretty(shown).unwrap_or_default();
    put(html, format_args!("<p>{}</p><pre>{}</pre>", escape(title), escape(&text)));
}

fn put(html: &mut String, text: std::fmt::Arguments<'_>) {
    // Writing to a string cannot fail.
    let _ = html.write_fmt(text);
}

fn anchor(name: &str) -> String {
    name.chars()
        .map(|c| if c.is_ascii_alphanumeric() { c.to_ascii_lowercase() } else { '-' })
        .collect()
}

/// Text of the document, with what stands between backticks as code.
fn prose(text: &str) -> String {
    let parts = escape(text);
    let parts = parts.split('`').enumerate();
    let html = parts.map(|(n, part)| match n % 2 {
        0 => part.to_owned(),
        _ => format!("<code>{part}</code>"),
    });
    html.collect()
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}
