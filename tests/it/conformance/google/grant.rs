//! Access tokens of a simulated grant, refreshed as Google's documentation says and not as the hub does.

use std::sync::Mutex;

use async_trait::async_trait;
use bytes::Bytes;
use connectors::{Kind, Result, oauth::Tokens};
use secrecy::{ExposeSecret, SecretString};
use serde_json::Value;
use simulators::World;

pub(super) const CLIENT: &str = "client-1";

/// A refresh token and what it was last turned into.
pub(super) struct Grant {
    world: World,
    refresh_token: String,
    access: Mutex<Option<String>>,
}

impl std::fmt::Debug for Grant {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Grant")
    }
}

impl Grant {
    pub(super) fn new(world: World, refresh_token: String) -> Self {
        Self { world, refresh_token, access: Mutex::default() }
    }

    pub(super) fn secrets(&self) -> Vec<SecretString> {
        let access = self.access.lock().unwrap().clone();
        [Some(self.refresh_token.clone()), access].into_iter().flatten().map(Into::into).collect()
    }

    async fn refresh(&self) -> Result<SecretString> {
        let form = format!(
            "grant_type=refresh_token&client_id={CLIENT}&client_secret=secret&refresh_token={}",
            self.refresh_token
        );
        let request = http::Request::post("https://sim.example/g/token")
            .header("content-type", "application/x-www-form-urlencoded")
            .body(Bytes::from(form))
            .unwrap();
        let reply = self.world.call(request).await.unwrap();
        let body: Value = serde_json::from_slice(reply.body()).unwrap();
        let Some(token) = body["access_token"].as_str() else {
            assert_eq!(body["error"], "invalid_grant");
            return Err(Kind::Unauthorized.error("the grant was revoked"));
        };
        *self.access.lock().unwrap() = Some(token.to_owned());
        Ok(token.into())
    }
}

#[async_trait]
impl Tokens for Grant {
    async fn access_token(&self) -> Result<SecretString> {
        let known = self.access.lock().unwrap().clone();
        match known {
            Some(token) => Ok(token.into()),
            None => self.refresh().await,
        }
    }

    async fn instead_of(&self, refused: &SecretString) -> Result<SecretString> {
        assert_eq!(self.access.lock().unwrap().as_deref(), Some(refused.expose_secret()));
        self.refresh().await
    }
}
