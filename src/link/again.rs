//! Addresses at which a person links a connection again, for platforms to pass on.

use std::time::Duration;

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use secrecy::SecretString;
use subtle::ConstantTimeEq;

use super::{Asked, Mode, NewVisit, NotLetIn, Visits};
use crate::{
    audit::By,
    model::{
        ids::{ConnectionId, LinkSessionId, TenantId},
        states::ConnectionState,
    },
};

/// How long a visit to link again lasts, and how long its address is good.
const AGAIN: Duration = Duration::from_secs(1800);
const AGAIN_GOOD_S: i64 = 7 * 86_400;
const DAY_S: i64 = 86_400;

impl Visits {
    /// An address at which a person links a connection again, the same for a day. It lets nobody link another account,
    /// and shows nothing but which provider it is about.
    pub fn again_url(&self, tenant: &TenantId, connection: &ConnectionId) -> String {
        let now = self.linker.engine.clock.now().as_second();
        let until = (now + AGAIN_GOOD_S).div_euclid(DAY_S) * DAY_S;
        let proof = self.again_proof(tenant, connection, until);
        format!("{}/link/again/{tenant}/{connection}/{until}-{proof}", self.base)
    }

    fn again_proof(&self, tenant: &TenantId, connection: &ConnectionId, until: i64) -> String {
        let until = until.to_be_bytes();
        let parts = [tenant.as_str().as_bytes(), connection.as_str().as_bytes(), &until];
        URL_SAFE_NO_PAD.encode(self.linker.engine.vault.mac("link.again", &parts))
    }

    /// Makes a visit for whoever has such an address.
    ///
    /// # Errors
    ///
    /// [`NotLetIn::Ended`] when the address is none of ours, or too old, or the connection is gone.
    pub async fn again(
        &self,
        tenant: &TenantId,
        connection: &ConnectionId,
        proof: &str,
    ) -> Result<SecretString, NotLetIn> {
        let engine = &self.linker.engine;
        let (until, proof) = proof.split_once('-').ok_or(NotLetIn::Ended)?;
        let until: i64 = until.parse().map_err(|_| NotLetIn::Ended)?;
        let right = self.again_proof(tenant, connection, until);
        let is_right: bool = right.as_bytes().ct_eq(proof.as_bytes()).into();
        if !is_right || engine.clock.now().as_second() >= until {
            return Err(NotLetIn::Ended);
        }
        let row = engine.store.read().await?.connections().get(tenant, connection).await?;
        if row.is_none_or(|row| row.state == ConnectionState::Removing) {
            return Err(NotLetIn::Ended);
        }
        let new = NewVisit {
            mode: Mode::Relink,
            connection: Some(connection.clone()),
            resource: None,
            asked: Asked::default(),
            lasts: AGAIN,
        };
        let id = LinkSessionId::mint(&*engine.clock, &*engine.entropy);
        let by = By { actor: "page".into(), request: None };
        Ok(self.make(&by, tenant, id, new).await?.1)
    }
}
