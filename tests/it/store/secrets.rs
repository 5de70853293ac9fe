//! Sealed secrets open only where they were sealed, and only with the key that sealed them.

use std::sync::Arc;

use calhub::{
    secrets::{Kek, Place, SecretsError, Vault, mint_secret},
    store::Store,
};
use secrecy::ExposeSecret;

use super::*;
use crate::support::engines::on_each_engine;

async fn vault(store: &Store, key_seed: u64) -> Result<Vault, SecretsError> {
    let kek = Kek::generate(&entropy(key_seed));
    Vault::open(kek, store, Arc::new(clock()), Arc::new(entropy(key_seed + 100))).await
}

#[tokio::test]
async fn a_sealed_secret_opens_only_in_its_own_place() {
    on_each_engine(async |bed| {
        let (ours, theirs) = (tenant_id("ours"), tenant_id("theirs"));
        let vault = vault(&bed.store, 1).await.unwrap();
        let mut tx = bed.store.begin().await.unwrap();
        seed(&mut tx, &ours).await;
        seed(&mut tx, &theirs).await;
        let place = Place { tenant: &ours, row: "con_a", column: "login" };
        let sealed = vault.seal(&mut tx, place, b"hunter2").await.unwrap();
        assert!(!sealed.as_bytes().windows(7).any(|part| part == b"hunter2"));
        let again = vault.seal(&mut tx, place, b"hunter2").await.unwrap();
        assert_ne!(sealed, again, "no nonce is used twice");
        let opened = vault.unseal(&mut tx, place, &sealed).await.unwrap();
        assert_eq!(opened.as_slice(), b"hunter2");
        // The other tenant has a data key too, so that it is not its absence that refuses.
        let elsewhere = Place { tenant: &theirs, ..place };
        vault.seal(&mut tx, elsewhere, b"x").await.unwrap();
        for wrong in
            [elsewhere, Place { row: "con_b", ..place }, Place { column: "learned", ..place }]
        {
            let refused = vault.unseal(&mut tx, wrong, &sealed).await;
            assert!(matches!(refused, Err(SecretsError::Tampered)), "{wrong:?}");
        }
        let short = Sealed::new(sealed.as_bytes()[..20].to_vec());
        assert!(vault.unseal(&mut tx, place, &short).await.is_err());
    })
    .await;
}

#[tokio::test]
async fn a_swapped_data_key_opens_nothing() {
    on_each_engine(async |bed| {
        let (ours, theirs) = (tenant_id("ours"), tenant_id("theirs"));
        let vault = vault(&bed.store, 1).await.unwrap();
        let mut tx = bed.store.begin().await.unwrap();
        seed(&mut tx, &ours).await;
        seed(&mut tx, &theirs).await;
        let place = Place { tenant: &ours, row: "con_a", column: "login" };
        let sealed = vault.seal(&mut tx, place, b"hunter2").await.unwrap();
        vault.seal(&mut tx, Place { tenant: &theirs, ..place }, b"x").await.unwrap();
        let other = tx.data_keys().latest(&theirs).await.unwrap().unwrap();
        let own = tx.data_keys().latest(&ours).await.unwrap().unwrap();
        tx.data_keys().reseal(&ours, 1, &own.sealed, &other.sealed).await.unwrap();
        let refused = vault.unseal(&mut tx, place, &sealed).await;
        assert!(matches!(refused, Err(SecretsError::Tampered)));
    })
    .await;
}

#[tokio::test]
async fn another_key_file_is_noticed_at_the_start() {
    on_each_engine(async |bed| {
        let first = vault(&bed.store, 1).await.unwrap();
        let secret = mint_secret(&entropy(5));
        let hash = first.hash_secret(secret.expose_secret());
        let again = vault(&bed.store, 1).await.unwrap();
        assert!(again.matches(&hash, secret.expose_secret()), "the hash key is kept");
        assert!(!again.matches(&hash, "another secret"));
        assert!(!again.matches(&hash[..31], secret.expose_secret()));
        assert!(matches!(vault(&bed.store, 2).await, Err(SecretsError::WrongKey)));
    })
    .await;
}
