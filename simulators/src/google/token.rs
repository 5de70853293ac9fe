//! The token endpoint, revocation, user information, and grants as they live and die.

use std::collections::BTreeSet;

use bytes::Bytes;
use http::Request;
use jiff::Timestamp;
use serde_json::{Value, json};

use super::{
    spec::{GoogleClientSpec, Publishing},
    state::{Access, Code, Google, Grant},
};
use crate::{
    oauth::{self, answer, credentials, later, proves},
    query::Query,
    reply::Reply,
};

/// A refusal of the token endpoint.
struct TokenError {
    status: u16,
    error: &'static str,
    description: &'static str,
}

impl TokenError {
    fn new(error: &'static str, description: &'static str) -> Self {
        Self { status: 400, error, description }
    }

    fn dead() -> Self {
        Self::new("invalid_grant", "Token has been expired or revoked.")
    }

    fn reply(&self) -> Reply {
        answer(self.status, &json!({ "error": self.error, "error_description": self.description }))
    }
}

fn scopes_text(scopes: &BTreeSet<String>) -> String {
    scopes.iter().map(String::as_str).collect::<Vec<_>>().join(" ")
}

impl Google {
    /// `POST /g/token`.
    pub(crate) fn token(
        &mut self,
        request: &Request<Bytes>,
        origin: &str,
        now: Timestamp,
    ) -> Reply {
        let form = Query::parse(&String::from_utf8_lossy(request.body()));
        match self.exchange(request, &form, origin, now) {
            Ok(body) => answer(200, &body),
            Err(error) => error.reply(),
        }
    }

    fn exchange(
        &mut self,
        request: &Request<Bytes>,
        form: &Query,
        origin: &str,
        now: Timestamp,
    ) -> Result<Value, TokenError> {
        let (id, secret) = credentials(request, form);
        let client = self.clients.get(&id).filter(|client| client.client_secret == secret);
        let Some(client) = client.cloned() else {
            let description = "The OAuth client was not found.";
            return Err(TokenError { status: 401, error: "invalid_client", description });
        };
        if client.unauthorized {
            return Err(TokenError::new("unauthorized_client", "Unauthorized"));
        }
        match form.get("grant_type") {
            Some("authorization_code") => self.redeem(&client, form, origin, now),
            Some("refresh_token") => self.refresh(&client, form, now),
            Some(_) => Err(TokenError::new("unsupported_grant_type", "Invalid grant_type")),
            None => {
                Err(TokenError::new("invalid_request", "Missing required parameter: grant_type"))
            }
        }
    }

    fn redeem(
        &mut self,
        client: &GoogleClientSpec,
        form: &Query,
        origin: &str,
        now: Timestamp,
    ) -> Result<Value, TokenError> {
        let malformed = || TokenError::new("invalid_grant", "Malformed auth code.");
        let code =
            self.codes.get_mut(form.get("code").unwrap_or_default()).ok_or_else(malformed)?;
        let is_good = code.client == client.client_id
            && Some(code.redirect_uri.as_str()) == form.get("redirect_uri")
            && proves(code.challenge.as_ref(), form.get("code_verifier"));
        if std::mem::replace(&mut code.is_used, true) || code.expires_at <= now || !is_good {
            return Err(TokenError::new("invalid_grant", "Bad Request"));
        }
        let code = code.clone();
        let is_first = !self.grants.values().any(|grant| {
            grant.email == code.email && grant.client == code.client && !self.is_dead(grant, now)
        });
        let keeps = code.is_offline && (is_first || code.forces_refresh);
        let refresh = self.add_grant(&code.email, client, code.scopes.clone(), keeps, now);
        let mut body = self.access_answer(&code.email, &code.client, &code.scopes, now);
        if let Some(fields) = body.as_object_mut() {
            if keeps {
                fields.insert("refresh_token".into(), json!(refresh));
            }
            if keeps && client.publishing == Publishing::Testing {
                fields.insert("refresh_token_expires_in".into(), json!(self.knobs.testing_grant_s));
            }
            if code.scopes.contains("openid") {
                fields.insert("id_token".into(), json!(self.id_token(&code, origin, now)));
            }
        }
        Ok(body)
    }

    /// Adds a grant, of which a client that may not keep it gets no refresh token.
    pub(crate) fn add_grant(
        &mut self,
        email: &str,
        client: &GoogleClientSpec,
        scopes: BTreeSet<String>,
        keeps: bool,
        now: Timestamp,
    ) -> String {
        let n = self.next();
        let refresh = format!("1//{}", self.secret("refresh"));
        let is_testing = client.publishing == Publishing::Testing;
        let grant = Grant {
            n,
            email: email.to_owned(),
            client: client.client_id.clone(),
            scopes,
            expires_at: is_testing.then(|| later(now, self.knobs.testing_grant_s)),
            used_at: now,
            is_dead: false,
        };
        if keeps {
            self.grants.insert(refresh.clone(), grant);
            self.drop_oldest_grants(email, &client.client_id, now);
        }
        refresh
    }

    /// More grants than the limit: the oldest die and nobody is told.
    fn drop_oldest_grants(&mut self, email: &str, client: &str, now: Timestamp) {
        let mut live: Vec<(u64, String)> = self
            .grants
            .iter()
            .filter(|(_, grant)| grant.email == email && grant.client == client)
            .filter(|(_, grant)| !self.is_dead(grant, now))
            .map(|(token, grant)| (grant.n, token.clone()))
            .collect();
        live.sort();
        let excess = live.len().saturating_sub(self.knobs.most_grants);
        for (_, token) in live.into_iter().take(excess) {
            if let Some(grant) = self.grants.get_mut(&token) {
                grant.is_dead = true;
            }
        }
    }

    fn is_dead(&self, grant: &Grant, now: Timestamp) -> bool {
        let is_idle = later(grant.used_at, self.knobs.idle_grant_s) <= now;
        grant.is_dead || is_idle || grant.expires_at.is_some_and(|at| at <= now)
    }

    fn access_answer(
        &mut self,
        email: &str,
        client: &str,
        scopes: &BTreeSet<String>,
        now: Timestamp,
    ) -> Value {
        let token = format!("ya29.{}", self.secret("access"));
        let expires_in = self.knobs.access_token_s;
        self.access.retain(|_, access| access.expires_at > now);
        let access = Access {
            email: email.to_owned(),
            client: client.to_owned(),
            scopes: scopes.clone(),
            expires_at: later(now, expires_in),
        };
        self.access.insert(token.clone(), access);
        json!({ "access_token": token, "expires_in": expires_in, "scope": scopes_text(scopes),
            "token_type": "Bearer" })
    }

    fn refresh(
        &mut self,
        client: &GoogleClientSpec,
        form: &Query,
        now: Timestamp,
    ) -> Result<Value, TokenError> {
        let told = form.get("refresh_token").unwrap_or_default();
        if told.is_empty() {
            return Err(TokenError::new(
                "invalid_request",
                "Missing required parameter: refresh_token",
            ));
        }
        let grant =
            self.grants.get(told).ok_or_else(|| TokenError::new("invalid_grant", "Bad Request"))?;
        if grant.client != client.client_id {
            return Err(TokenError::new("unauthorized_client", "Unauthorized"));
        }
        if self.is_dead(grant, now) || !self.people.contains_key(&grant.email) {
            return Err(TokenError::dead());
        }
        let mut grant = grant.clone();
        if let Some(there) = self.grants.get_mut(told) {
            there.used_at = now;
        }
        if let Some(asked) = form.get("scope") {
            let asked: BTreeSet<String> = asked.split(' ').map(str::to_owned).collect();
            if !asked.is_subset(&grant.scopes) {
                return Err(TokenError::new(
                    "invalid_scope",
                    "Some requested scopes were not granted.",
                ));
            }
            grant.scopes = asked;
        }
        let mut body = self.access_answer(&grant.email, &grant.client, &grant.scopes, now);
        if let (Some(at), Some(fields)) = (grant.expires_at, body.as_object_mut()) {
            fields
                .insert("refresh_token_expires_in".into(), json!(at.duration_since(now).as_secs()));
        }
        Ok(body)
    }

    /// `POST /g/revoke`: the grant and all that came of it.
    pub(crate) fn revoke(&mut self, request: &Request<Bytes>) -> Reply {
        let form = Query::parse(&String::from_utf8_lossy(request.body()));
        let in_query = Query::parse(request.uri().query().unwrap_or_default());
        let token = form.get("token").or_else(|| in_query.get("token")).unwrap_or_default();
        let found = match (self.grants.get(token), self.access.get(token)) {
            (Some(grant), _) if !grant.is_dead => Some((grant.email.clone(), grant.client.clone())),
            (_, Some(access)) => Some((access.email.clone(), access.client.clone())),
            _ => None,
        };
        let Some((email, client)) = found else {
            let description = "Token expired or revoked";
            return TokenError::new("invalid_token", description).reply();
        };
        self.end_grants(&email, Some(&client));
        answer(200, &json!({}))
    }

    /// Ends what an account allowed, to one client or to all. A revocation takes all tokens of the client with it.
    pub(crate) fn end_grants(&mut self, email: &str, client: Option<&str>) {
        let is_it = |of: &str, by: &str| of == email && client.is_none_or(|client| client == by);
        for grant in self.grants.values_mut() {
            if is_it(&grant.email, &grant.client) {
                grant.is_dead = true;
            }
        }
        self.access.retain(|_, access| !is_it(&access.email, &access.client));
    }

    /// Who speaks with an access token.
    pub(crate) fn bearer(&self, request: &Request<Bytes>) -> Option<&Access> {
        self.access.get(oauth::bearer(request)?)
    }

    /// `GET /g/userinfo`.
    pub(crate) fn userinfo(&self, request: &Request<Bytes>, now: Timestamp) -> Reply {
        let access = self.bearer(request).filter(|access| access.expires_at > now);
        let known = access.and_then(|access| Some((access, self.people.get(&access.email)?)));
        let Some((access, person)) = known else {
            let description = "Invalid Credentials";
            return TokenError { status: 401, error: "invalid_request", description }.reply();
        };
        let has = |scope: &str| access.scopes.contains(scope);
        if !has("openid") && !has("email") && !has("https://www.googleapis.com/auth/userinfo.email")
        {
            return TokenError { status: 403, error: "insufficient_scope", description: "" }
                .reply();
        }
        let mut told = json!({ "sub": person.sub() });
        if let Some(fields) = told.as_object_mut() {
            if has("email") || has("https://www.googleapis.com/auth/userinfo.email") {
                fields.insert("email".into(), json!(person.spec.email));
                fields.insert("email_verified".into(), json!(true));
            }
            if let (Some(name), true) = (&person.spec.name, has("profile")) {
                fields.insert("name".into(), json!(name));
            }
        }
        answer(200, &told)
    }

    /// A token about the account. It is not signed by anybody; it comes from the token endpoint itself.
    fn id_token(&self, code: &Code, origin: &str, now: Timestamp) -> String {
        let sub = self.people.get(&code.email).map(super::state::Person::sub).unwrap_or_default();
        let second = now.as_second();
        let mut claims = json!({ "iss": format!("{origin}/g"), "aud": code.client, "azp": code.client,
            "sub": sub, "iat": second, "exp": second + 3_600 });
        if let Some(fields) = claims.as_object_mut() {
            if code.scopes.contains("email") {
                fields.insert("email".into(), json!(code.email));
                fields.insert("email_verified".into(), json!(true));
            }
            if let Some(nonce) = &code.nonce {
                fields.insert("nonce".into(), json!(nonce));
            }
        }
        oauth::id_token(&claims)
    }
}
