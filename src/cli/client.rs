//! The HTTP client of a hub, over its address or over its local socket.

use std::{path::PathBuf, time::Duration};

use reqwest::{Method, RequestBuilder};
use secrecy::{ExposeSecret, SecretString};
use serde_json::{Value, json};
use url::Url;

use super::problem::Problem;

/// Linking waits for the provider, so a request may take a while.
const PATIENCE: Duration = Duration::from_secs(120);

/// A look at whether a hub is there must not.
const GLANCE: Duration = Duration::from_secs(5);

/// Why a request brought no answer that can be used.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Failure {
    #[error("{}", .0.sentence())]
    Refused(Box<Problem>),
    #[error("no hub runs here: there is no socket {}", path.display())]
    NoSocket { path: PathBuf },
    #[error("the hub at {place} cannot be reached")]
    Unreachable { place: String, source: reqwest::Error },
    #[error("what answers at {place} is no hub (status {status})")]
    NotAHub { place: String, status: u16 },
    #[error("{0:?} cannot be an id")]
    NotAnId(String),
}

/// A hub and the right to ask it.
#[derive(Clone, Debug)]
pub(crate) struct Client {
    http: reqwest::Client,
    base: Url,
    place: String,
    key: Option<SecretString>,
    tenant: Option<String>,
}

/// An answer that is no problem.
#[derive(Clone, Debug)]
pub(crate) struct Answer {
    pub(crate) body: Value,
    /// As it came, for scripts.
    pub(crate) raw: String,
    pub(crate) etag: Option<String>,
    pub(crate) status: u16,
}

impl Client {
    /// A hub at an address.
    pub(crate) fn at_url(base: Url, key: Option<SecretString>) -> Result<Self, Failure> {
        let place = shown(&base);
        let built = reqwest::Client::builder().timeout(PATIENCE).build();
        let http = built.map_err(|source| unreachable_at(&place, source))?;
        Ok(Self { http, base, place, key, tenant: None })
    }

    /// The hub of a data directory, over its socket. Whoever may open the socket needs no key.
    pub(crate) fn at_socket(path: PathBuf, key: Option<SecretString>) -> Result<Self, Failure> {
        if !path.exists() {
            return Err(Failure::NoSocket { path });
        }
        let place = path.display().to_string();
        let built = reqwest::Client::builder().timeout(PATIENCE).unix_socket(path).build();
        let http = built.map_err(|source| unreachable_at(&place, source))?;
        let base = Url::parse("http://localhost/").expect("a fixed text");
        Ok(Self { http, base, place, key, tenant: None })
    }

    /// Acts for one tenant; needs an instance key or the socket.
    #[must_use]
    pub(crate) fn acting_for(mut self, tenant: Option<String>) -> Self {
        self.tenant = tenant;
        self
    }

    pub(crate) async fn get(
        &self,
        path: &[&str],
        query: &[(&str, &str)],
    ) -> Result<Answer, Failure> {
        self.send(self.request(Method::GET, path, query)?).await
    }

    /// Reads a page whose body says something whatever its status is (`/readyz`).
    pub(crate) async fn look(&self, path: &[&str]) -> Result<(u16, Value), Failure> {
        let failed = |source| unreachable_at(&self.place, source);
        let reply =
            self.request(Method::GET, path, &[])?.timeout(GLANCE).send().await.map_err(failed)?;
        let status = reply.status().as_u16();
        let raw = reply.text().await.map_err(failed)?;
        match serde_json::from_str(&raw) {
            Ok(body) => Ok((status, body)),
            Err(_) => Err(Failure::NotAHub { place: self.place.clone(), status }),
        }
    }

    pub(crate) async fn post(&self, path: &[&str], body: &Value) -> Result<Answer, Failure> {
        self.send(self.request(Method::POST, path, &[])?.json(body)).await
    }

    /// Sends lines of JSON and reads as many back.
    pub(crate) async fn post_lines(
        &self,
        path: &[&str],
        query: &[(&str, &str)],
        lines: &str,
    ) -> Result<Vec<Value>, Failure> {
        let failed = |source| unreachable_at(&self.place, source);
        let request = self.request(Method::POST, path, query)?;
        let request = request.header("content-type", "application/x-ndjson").body(lines.to_owned());
        let reply = request.send().await.map_err(failed)?;
        let status = reply.status();
        let raw = reply.text().await.map_err(failed)?;
        let read: Result<Vec<Value>, _> =
            raw.lines().filter(|line| !line.trim().is_empty()).map(serde_json::from_str).collect();
        match read {
            Ok(rows) if status.is_success() => Ok(rows),
            Ok(rows) if rows.first().is_some_and(|body| body.get("code").is_some()) => {
                let body = rows.into_iter().next().unwrap_or_default();
                Err(Failure::Refused(Box::new(Problem::read(status.as_u16(), &body, raw))))
            }
            _ => Err(Failure::NotAHub { place: self.place.clone(), status: status.as_u16() }),
        }
    }

    /// Asks for the answer to wait for a provider, for so many seconds at most.
    pub(crate) async fn post_and_wait(
        &self,
        path: &[&str],
        body: &Value,
        seconds: u32,
    ) -> Result<Answer, Failure> {
        let request = self.request(Method::POST, path, &[])?.json(body);
        self.send(request.header("prefer", format!("wait={seconds}"))).await
    }

    /// Merges `changes` into what was read last, and refuses when someone else changed it meanwhile.
    pub(crate) async fn patch(&self, path: &[&str], changes: &Value) -> Result<Answer, Failure> {
        let before = self.get(path, &[]).await?;
        let etag = before.etag.unwrap_or_else(|| "*".to_owned());
        let request = self.request(Method::PATCH, path, &[])?.json(changes);
        self.send(request.header("if-match", etag)).await
    }

    pub(crate) async fn put(&self, path: &[&str], body: &Value) -> Result<Answer, Failure> {
        self.send(self.request(Method::PUT, path, &[])?.json(body)).await
    }

    pub(crate) async fn delete(
        &self,
        path: &[&str],
        query: &[(&str, &str)],
    ) -> Result<Answer, Failure> {
        self.send(self.request(Method::DELETE, path, query)?).await
    }

    /// Reads a list to its end, page by page.
    pub(crate) async fn list(
        &self,
        path: &[&str],
        query: &[(&str, &str)],
    ) -> Result<Vec<Value>, Failure> {
        self.list_some(path, query, usize::MAX).await
    }

    /// Reads the first so many of a list.
    pub(crate) async fn list_some(
        &self,
        path: &[&str],
        query: &[(&str, &str)],
        most: usize,
    ) -> Result<Vec<Value>, Failure> {
        let mut items = Vec::new();
        let mut after: Option<String> = None;
        loop {
            let limit = most.saturating_sub(items.len()).clamp(1, 500).to_string();
            let mut asked = query.to_vec();
            asked.push(("limit", &limit));
            asked.extend(after.as_deref().map(|cursor| ("after", cursor)));
            let page = self.get(path, &asked).await?.body;
            items
                .extend(page.get("items").and_then(Value::as_array).into_iter().flatten().cloned());
            let next = page.get("next").and_then(Value::as_str).map(str::to_owned);
            if next.is_none() || next == after || items.len() >= most {
                return Ok(items);
            }
            after = next;
        }
    }

    fn request(
        &self,
        method: Method,
        path: &[&str],
        query: &[(&str, &str)],
    ) -> Result<RequestBuilder, Failure> {
        let mut request = self.http.request(method, address(&self.base, path, query)?);
        if let Some(key) = &self.key {
            request = request.bearer_auth(key.expose_secret());
        }
        if let Some(tenant) = &self.tenant {
            request = request.header("calhub-tenant", tenant);
        }
        Ok(request)
    }

    async fn send(&self, request: RequestBuilder) -> Result<Answer, Failure> {
        let failed = |source| unreachable_at(&self.place, source);
        let reply = request.send().await.map_err(failed)?;
        let status = reply.status();
        let etag = reply.headers().get("etag").and_then(|tag| tag.to_str().ok()).map(str::to_owned);
        let raw = reply.text().await.map_err(failed)?;
        let body = if raw.trim().is_empty() { Ok(json!({})) } else { serde_json::from_str(&raw) };
        match body {
            Ok(body) if status.is_success() => {
                Ok(Answer { body, raw, etag, status: status.as_u16() })
            }
            Ok(body) if body.get("code").is_some() => {
                Err(Failure::Refused(Box::new(Problem::read(status.as_u16(), &body, raw))))
            }
            _ => Err(Failure::NotAHub { place: self.place.clone(), status: status.as_u16() }),
        }
    }
}

/// Ids come from people: each stays one segment of the path.
fn address(base: &Url, path: &[&str], query: &[(&str, &str)]) -> Result<Url, Failure> {
    let mut url = base.clone();
    if let Some(odd) = path.iter().find(|part| matches!(**part, "" | "." | "..")) {
        return Err(Failure::NotAnId((*odd).to_owned()));
    }
    if let Ok(mut segments) = url.path_segments_mut() {
        segments.pop_if_empty().extend(path);
    }
    if !query.is_empty() {
        url.query_pairs_mut().extend_pairs(query);
    }
    Ok(url)
}

/// An address without what may be secret in it.
fn shown(base: &Url) -> String {
    base.origin().ascii_serialization()
}

fn unreachable_at(place: &str, source: reqwest::Error) -> Failure {
    Failure::Unreachable { place: place.to_owned(), source: source.without_url() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_from_a_person_never_leaves_its_place_in_the_path() {
        let base = Url::parse("https://hub.example/calhub/").unwrap();
        let to = |id| address(&base, &["v1", "connections", id], &[]);
        assert_eq!(
            to("../tenants?x").unwrap().as_str(),
            "https://hub.example/calhub/v1/connections/..%2Ftenants%3Fx"
        );
        assert_eq!(to("ext:a b").unwrap().path(), "/calhub/v1/connections/ext:a%20b");
        assert!(matches!(to(".."), Err(Failure::NotAnId(_))));
        assert!(matches!(to(""), Err(Failure::NotAnId(_))));
    }

    #[test]
    fn a_missing_socket_is_told_as_no_hub() {
        let error = Client::at_socket(PathBuf::from("/nowhere/calhub.sock"), None).unwrap_err();
        assert!(error.to_string().starts_with("no hub runs here"));
    }
}
