//! Changing keys while hubs run: a new seal on every data key, a new data key for every tenant, and a new
//! seal on every secret.
//!
//! Everything is done in small steps, each in its own transaction, and each only where nobody else was first:
//! a login that is linked anew meanwhile keeps its new seal. A step that is repeated changes nothing, so that
//! what was interrupted is simply run again; the database remembers when the rotation began.

use std::collections::HashMap;

use base64::{Engine as _, engine::general_purpose::STANDARD as BASE64};
use jiff::Timestamp;
use serde::Serialize;

use super::{
    error::{Result, SecretsError},
    kek::{KekName, sealed_by},
    seal::Key,
    standing::all_data_keys,
    vault::{HASH_KEY, HASH_KEY_PLACE, Place, Vault, from_base64, number_of, open_under},
};
use crate::{
    model::ids::TenantId,
    store::{DataKeyRow, SealedColumn, SealedRow, Store, Tx},
};

/// The instance fact that tells when the rotation that has not ended began.
pub(super) const BEGUN: &str = "secrets.rotation";
/// Secrets sealed anew in one transaction: what a hub that writes has to wait for.
const BATCH: i64 = 100;
const PAGE: i64 = 500;
/// How often a data key is looked at again before it is left for the next rotation.
const ROUNDS: usize = 20;

/// What was just done and is committed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// The newest key-encryption key of the file seals from now on; what an older one sealed is as it was.
    KekChanged,
    /// So many data keys have been sealed anew so far.
    DataKeys(u64),
    /// So many secrets have been sealed anew so far.
    Secrets(u64),
}

/// What a rotation changed.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Rotated {
    /// Whether one that was interrupted was gone on with.
    pub resumed: bool,
    /// Whether another key-encryption key seals from now on.
    pub kek_changed: bool,
    /// Data keys that the key-encryption key sealed anew.
    pub data_keys_resealed: u64,
    pub data_keys_made: u64,
    pub data_keys_dropped: u64,
    /// Old data keys that had to stay, because something that they sealed does not open, or is in use.
    pub data_keys_kept: u64,
    pub secrets_resealed: u64,
    /// Secrets that somebody else replaced meanwhile.
    pub secrets_overtaken: u64,
    /// Secrets that do not open, as `tenant row column`. They are left as they are.
    pub unreadable: Vec<String>,
}

/// Where a secret of this column stands.
fn row_of(row: &SealedRow, column: SealedColumn) -> (String, &'static str) {
    match column {
        SealedColumn::Login => (row.part.clone(), "login"),
        SealedColumn::Details => (row.part.clone(), "bookings.details"),
        SealedColumn::Token => (row.part.clone(), "grants.access_token"),
        SealedColumn::App => (row.part.clone(), "provider_apps.secret"),
        SealedColumn::Answer => (answer_row(&row.part, &row.rest), "idempotency.answer"),
    }
}

/// The row of a kept answer: route and key, since one key serves two routes. No route holds a second space.
pub fn answer_row(route: &str, key: &str) -> String {
    format!("{route} {key}")
}

impl Vault {
    /// Changes every key. `progress` is told each step once it is committed, and waited for.
    ///
    /// # Errors
    ///
    /// When the store fails or the key file lacks a key; what was done stays done, and running it again goes on.
    pub async fn rotate(
        &self,
        store: &Store,
        mut progress: impl AsyncFnMut(Step),
    ) -> Result<Rotated> {
        let mut done = Rotated::default();
        let begun = self.begin(store, &mut done).await?;
        self.rotate_kek(store, &mut done, &mut progress).await?;
        for latest in latest_of_each_tenant(store).await? {
            let tenant = &latest.tenant_id;
            let Some(newest) = self.newest_data_key(store, tenant, begun, &mut done).await? else {
                continue;
            };
            self.retire(store, &newest, &mut done, &mut progress).await?;
        }
        done.unreadable.sort();
        done.unreadable.dedup();
        let mut tx = store.begin().await?;
        tx.instance().remove(BEGUN).await?;
        tx.commit().await?;
        Ok(done)
    }

    /// Notes the beginning, or finds that of the rotation that was interrupted.
    async fn begin(&self, store: &Store, done: &mut Rotated) -> Result<Timestamp> {
        let now = self.clock.now();
        let mut tx = store.begin().await?;
        done.resumed = tx.instance().get(BEGUN).await?.is_some();
        let kept = tx.instance().settle(BEGUN, &now.to_string()).await?;
        tx.commit().await?;
        Ok(kept.parse().unwrap_or(now))
    }

    /// Puts everything that a key-encryption key seals under the newest one.
    async fn rotate_kek(
        &self,
        store: &Store,
        done: &mut Rotated,
        progress: &mut impl AsyncFnMut(Step),
    ) -> Result<()> {
        let newest = self.kek.newest()?;
        let mut tx = store.begin().await?;
        if sealing(&mut tx).await? != newest {
            let sealed = self.kek.wrap(newest, HASH_KEY_PLACE, &self.hash_key, &*self.entropy)?;
            // Waits for who makes a data key just now; whoever comes after seals by the new one.
            tx.instance().set(HASH_KEY, &BASE64.encode(sealed)).await?;
            done.kek_changed = true;
        }
        tx.commit().await?;
        if done.kek_changed {
            progress(Step::KekChanged).await;
        }
        let mut after: Option<(TenantId, i64)> = None;
        loop {
            let mut tx = store.begin().await?;
            let from = after.as_ref().map(|(tenant, number)| (tenant, *number));
            let rows = tx.data_keys().all(from, BATCH).await?;
            let Some(last) = rows.last() else { return Ok(()) };
            after = Some((last.tenant_id.clone(), last.data_key));
            for row in rows {
                if sealed_by(row.sealed.as_bytes())? == newest {
                    continue;
                }
                let key = self.data_key(&row)?;
                let new = self.wrap_data_key(newest, &row.tenant_id, row.data_key, &key)?;
                let own =
                    tx.data_keys().reseal(&row.tenant_id, row.data_key, &row.sealed, &new).await?;
                done.data_keys_resealed += u64::from(own);
            }
            tx.commit().await?;
            progress(Step::DataKeys(done.data_keys_resealed)).await;
        }
    }

    /// The tenant's data key of this rotation, made if it is not there. `None` when the tenant is gone.
    async fn newest_data_key(
        &self,
        store: &Store,
        tenant: &TenantId,
        begun: Timestamp,
        done: &mut Rotated,
    ) -> Result<Option<DataKeyRow>> {
        let mut tx = store.begin().await?;
        let Some(latest) = tx.data_keys().latest(tenant).await? else { return Ok(None) };
        if latest.created_at >= begun {
            return Ok(Some(latest));
        }
        let mut row = self.made_data_key(&mut tx, tenant, latest.data_key + 1).await?;
        row.created_at = row.created_at.max(begun);
        done.data_keys_made += u64::from(tx.data_keys().insert(&row).await?);
        let newest = tx.data_keys().latest(tenant).await?;
        tx.commit().await?;
        Ok(newest)
    }

    /// Seals everything of a tenant by its newest data key, then drops the others.
    async fn retire(
        &self,
        store: &Store,
        newest: &DataKeyRow,
        done: &mut Rotated,
        progress: &mut impl AsyncFnMut(Step),
    ) -> Result<()> {
        let tenant = &newest.tenant_id;
        let mut left = 0;
        for _ in 0..ROUNDS {
            let mut keys = Keys::new(self, newest)?;
            for column in SealedColumn::ALL {
                self.reseal_column(store, &mut keys, column, done, progress).await?;
            }
            left = self.drop_older(store, tenant, newest.data_key, done).await?;
            let stays = done.unreadable.iter().any(|one| one.starts_with(tenant.as_str()));
            if left == 0 || stays {
                break;
            }
        }
        done.data_keys_kept += left;
        Ok(())
    }

    async fn reseal_column(
        &self,
        store: &Store,
        keys: &mut Keys<'_>,
        column: SealedColumn,
        done: &mut Rotated,
        progress: &mut impl AsyncFnMut(Step),
    ) -> Result<()> {
        let newest = keys.newest;
        let tenant = &newest.tenant_id;
        let mut after: Option<SealedRow> = None;
        loop {
            let mut tx = store.begin().await?;
            let rows = tx
                .data_keys()
                .sealed_by_others(tenant, column, newest.data_key, after.as_ref(), BATCH)
                .await?;
            for row in &rows {
                let (id, name) = row_of(row, column);
                let place = Place { tenant, row: &id, column: name };
                match keys.open(&mut tx, place, row).await {
                    Ok(plain) => {
                        let new = self.seal_under(newest.data_key, &keys.sealing, place, &plain);
                        if tx.data_keys().reseal_secret(tenant, column, row, &new).await? {
                            done.secrets_resealed += 1;
                        } else {
                            done.secrets_overtaken += 1;
                        }
                    }
                    Err(SecretsError::Tampered) => {
                        done.unreadable.push(format!("{tenant} {id} {name}"));
                    }
                    Err(other) => return Err(other),
                }
            }
            tx.commit().await?;
            progress(Step::Secrets(done.secrets_resealed)).await;
            let is_last = i64::try_from(rows.len()).unwrap_or(i64::MAX) < BATCH;
            match rows.into_iter().next_back() {
                Some(last) if !is_last => after = Some(last),
                _ => return Ok(()),
            }
            // Lets a hub that waits for the one writer of SQLite have its turn.
            tokio::task::yield_now().await;
        }
    }

    /// Drops the tenant's data keys before `newest` that seal nothing any more; answers how many stay.
    async fn drop_older(
        &self,
        store: &Store,
        tenant: &TenantId,
        newest: i64,
        done: &mut Rotated,
    ) -> Result<u64> {
        let mut left = 0;
        for number in older(store, tenant, newest).await? {
            let mut tx = store.begin().await?;
            tx.data_keys().take(tenant, number).await?;
            if tx.data_keys().uses(tenant, number).await? == 0 {
                done.data_keys_dropped += u64::from(tx.data_keys().delete(tenant, number).await?);
            } else {
                left += 1;
            }
            tx.commit().await?;
        }
        Ok(left)
    }
}

/// The open data keys of one tenant, each opened once.
struct Keys<'a> {
    vault: &'a Vault,
    newest: &'a DataKeyRow,
    sealing: Key,
    older: HashMap<i64, Key>,
}

impl<'a> Keys<'a> {
    fn new(vault: &'a Vault, newest: &'a DataKeyRow) -> Result<Self> {
        Ok(Self { vault, newest, sealing: vault.data_key(newest)?, older: HashMap::new() })
    }

    async fn open(
        &mut self,
        tx: &mut Tx,
        place: Place<'_>,
        row: &SealedRow,
    ) -> Result<zeroize::Zeroizing<Vec<u8>>> {
        let number = number_of(&row.sealed)?;
        let key = match self.older.get(&number) {
            Some(key) => key.clone(),
            None => {
                let kept = tx.data_keys().get(place.tenant, number).await?;
                let key = self.vault.data_key(&kept.ok_or(SecretsError::Tampered)?)?;
                self.older.insert(number, key.clone());
                key
            }
        };
        open_under(&key, place, &row.sealed)
    }
}

/// The key-encryption key that seals in the whole cell.
async fn sealing(tx: &mut Tx) -> Result<KekName> {
    let kept = tx.instance().get(HASH_KEY).await?.ok_or(SecretsError::Tampered)?;
    sealed_by(&from_base64(&kept)?)
}

async fn latest_of_each_tenant(store: &Store) -> Result<Vec<DataKeyRow>> {
    let mut latest: HashMap<TenantId, DataKeyRow> = HashMap::new();
    for row in all_data_keys(store).await? {
        latest.insert(row.tenant_id.clone(), row);
    }
    let mut latest: Vec<_> = latest.into_values().collect();
    latest.sort_by(|a, b| a.tenant_id.cmp(&b.tenant_id));
    Ok(latest)
}

async fn older(store: &Store, tenant: &TenantId, newest: i64) -> Result<Vec<i64>> {
    let mut tx = store.read().await?;
    let mut numbers = Vec::new();
    let mut after = 0;
    loop {
        let rows = tx.data_keys().all(Some((tenant, after)), PAGE).await?;
        let own = rows.iter().filter(|row| row.tenant_id == *tenant && row.data_key < newest);
        numbers.extend(own.map(|row| row.data_key));
        match rows.last() {
            Some(last) if last.tenant_id == *tenant && last.data_key < newest => {
                after = last.data_key;
            }
            _ => return Ok(numbers),
        }
    }
}
