//! Keys are changed while hubs run: nothing stops opening, nothing that was replaced comes back, and what was
//! interrupted goes on.

use std::{path::Path, sync::Arc, time::Duration};

use calhub::{
    clock::{Clock, ManualClock, SeededEntropy},
    model::{
        ids::{BookingId, ConnectionId, TenantId},
        interval::Span,
        states::BookingStatus,
    },
    secrets::{Kek, Place, SecretsError, Step, Vault},
    store::{
        BookingRow, ConnectionRow, IdempotencyKey, Sealed, SealedColumn, Store, TenantRow, Tx,
    },
};
use serde_json::json;

use crate::support::engines::{Bed, on_each_engine, on_postgres};

const TENANTS: usize = 3;

/// Bookings of each tenant: more than one step reseals.
const BOOKINGS: usize = 120;

/// Logins of each tenant; `scripts/secrets-rotation` asks for more.
fn logins() -> usize {
    std::env::var("CALHUB_TEST_TOKENS").ok().and_then(|text| text.parse().ok()).unwrap_or(230)
}

/// A store with sealed logins and answers of several tenants, and its key file.
struct Safe {
    store: Store,
    dir: tempfile::TempDir,
    clock: ManualClock,
    entropy: Arc<SeededEntropy>,
    vault: Vault,
}

fn tenant(n: usize) -> TenantId {
    format!("ten_{n}").parse().unwrap()
}

fn connection(n: usize) -> ConnectionId {
    format!("con_{n:05}").parse().unwrap()
}

fn booking(n: usize) -> BookingId {
    format!("bkg_{n:05}").parse().unwrap()
}

fn details<'a>(tenant: &'a TenantId, row: &'a BookingId) -> Place<'a> {
    Place { tenant, row: row.as_str(), column: "bookings.details" }
}

fn place<'a>(tenant: &'a TenantId, row: &'a ConnectionId) -> Place<'a> {
    Place { tenant, row: row.as_str(), column: "login" }
}

fn plain(tenant: usize, row: usize) -> String {
    format!("login {tenant} {row}")
}

pub fn row_of(tenant: &TenantId, connection: &ConnectionId, login: Sealed) -> ConnectionRow {
    let now = jiff::Timestamp::UNIX_EPOCH;
    ConnectionRow {
        tenant_id: tenant.clone(),
        connection_id: connection.clone(),
        provider: calhub::model::states::Provider::Ics,
        identity: connection.to_string(),
        account_label: "feed".to_owned(),
        external_id: None,
        access: calhub::model::states::Access::Read,
        state: calhub::model::states::ConnectionState::Healthy,
        login,
        learned: json!(null),
        metadata: json!({}),
        last_ok_at: None,
        last_error: None,
        failures: 0,
        revision: 1,
        created_at: now,
        touched_at: now,
    }
}

impl Safe {
    async fn new(bed: &Bed) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let entropy = Arc::new(SeededEntropy::new(5));
        let clock = ManualClock::at("2027-03-01T08:00:00Z".parse().unwrap());
        let vault = vault(&bed.store, dir.path(), &clock, &entropy).await;
        let safe = Self { store: bed.store.clone(), dir, clock, entropy, vault };
        for n in 0..TENANTS {
            let tenant = tenant(n);
            let mut tx = safe.store.begin().await.unwrap();
            let row = TenantRow {
                tenant_id: tenant.clone(),
                name: "t".to_owned(),
                policy: json!({}),
                allow_net: None,
                created_at: safe.clock.now(),
            };
            tx.tenants().create(&row).await.unwrap();
            for m in 0..logins() {
                let id = connection(m);
                let text = plain(n, m);
                let login =
                    safe.vault.seal(&mut tx, place(&tenant, &id), text.as_bytes()).await.unwrap();
                tx.connections().insert(&row_of(&tenant, &id, login)).await.unwrap();
            }
            let key = answer_key(&tenant);
            let now = safe.clock.now();
            tx.idempotency()
                .begin(&key, b"hash", "hub", Duration::from_secs(60), now)
                .await
                .unwrap();
            let row = calhub::secrets::answer_row(&key.route, &key.key);
            let place = Place { tenant: &tenant, row: &row, column: "idempotency.answer" };
            let answer = safe.vault.seal(&mut tx, place, b"answer").await.unwrap();
            tx.idempotency().finish(&key, 201, answer.as_bytes()).await.unwrap();
            for m in 0..BOOKINGS {
                let row = safe.booking_row(&mut tx, &tenant, m).await;
                tx.bookings().insert(&row).await.unwrap();
            }
            tx.commit().await.unwrap();
        }
        safe.clock.advance(Duration::from_secs(60));
        safe
    }

    /// A booking of which something was said; of the first one, nothing.
    async fn booking_row(&self, tx: &mut Tx, tenant: &TenantId, m: usize) -> BookingRow {
        let id = booking(m);
        let text = format!("words {m}");
        let details = match m {
            0 => Sealed::new(Vec::new()),
            _ => self.vault.seal(tx, details(tenant, &id), text.as_bytes()).await.unwrap(),
        };
        let now = self.clock.now();
        BookingRow {
            tenant_id: tenant.clone(),
            booking_id: id,
            external_id: None,
            status: BookingStatus::Confirmed,
            resources: Vec::new(),
            span: Span::new(now, now + Duration::from_secs(60)).unwrap(),
            time_zone: None,
            details,
            metadata: json!({}),
            verified: true,
            revision: 1,
            created_at: now,
            touched_at: now,
        }
    }

    async fn booking(&self, tenant: &TenantId, m: usize) -> BookingRow {
        let mut tx = self.store.read().await.unwrap();
        tx.bookings().get(tenant, &booking(m)).await.unwrap().unwrap()
    }

    /// Another process with the same key file.
    async fn another(&self) -> Vault {
        vault(&self.store, self.dir.path(), &self.clock, &self.entropy).await
    }

    async fn login(&self, tenant: &TenantId, id: &ConnectionId) -> Sealed {
        let mut tx = self.store.read().await.unwrap();
        tx.connections().get(tenant, id).await.unwrap().unwrap().login
    }

    /// Opens everything by this vault; panics where something does not open.
    async fn all_opens(&self, vault: &Vault) {
        for n in 0..TENANTS {
            let tenant = tenant(n);
            let mut tx = self.store.read().await.unwrap();
            for m in 0..logins() {
                let id = connection(m);
                let row = tx.connections().get(&tenant, &id).await.unwrap().unwrap();
                let open = vault.unseal(&mut tx, place(&tenant, &id), &row.login).await.unwrap();
                assert_eq!(open.as_slice(), plain(n, m).as_bytes());
            }
            for m in 1..BOOKINGS {
                let id = booking(m);
                let row = tx.bookings().get(&tenant, &id).await.unwrap().unwrap();
                let place = details(&tenant, &id);
                let open = vault.unseal(&mut tx, place, &row.details).await.unwrap();
                assert_eq!(open.as_slice(), format!("words {m}").as_bytes());
            }
            let said_nothing = tx.bookings().get(&tenant, &booking(0)).await.unwrap().unwrap();
            assert!(said_nothing.details.as_bytes().is_empty());
        }
    }

    /// The numbers of a tenant's data keys.
    async fn numbers(&self, tenant: &TenantId) -> Vec<i64> {
        let mut tx = self.store.read().await.unwrap();
        let all = tx.data_keys().all(None, 1000).await.unwrap();
        all.into_iter().filter(|row| row.tenant_id == *tenant).map(|row| row.data_key).collect()
    }
}

/// Drops a rotation after its `nth` step, as a crash would.
async fn cut(vault: &Vault, store: &Store, nth: usize) {
    let (mut steps, reached) = (0, tokio::sync::Notify::new());
    let rotating = vault.rotate(store, async |_| {
        steps += 1;
        if steps == nth {
            reached.notify_one();
            std::future::pending::<()>().await;
        }
    });
    tokio::select! {
        () = reached.notified() => {}
        ended = rotating => panic!("ended before step {nth}: {ended:?}"),
    }
}

fn answer_key(tenant: &TenantId) -> IdempotencyKey {
    IdempotencyKey {
        tenant_id: tenant.clone(),
        route: "POST /v1/keys".to_owned(),
        key: "k".to_owned(),
    }
}

async fn vault(
    store: &Store,
    dir: &Path,
    clock: &ManualClock,
    entropy: &Arc<SeededEntropy>,
) -> Vault {
    let kek = Kek::load_or_create(&dir.join("kek"), &**entropy).unwrap();
    Vault::open(kek, store, Arc::new(clock.clone()), entropy.clone()).await.unwrap()
}

#[tokio::test]
async fn every_secret_gets_a_new_seal_and_the_old_keys_go() {
    on_each_engine(async |bed| {
        let safe = Safe::new(bed).await;
        let before = safe.login(&tenant(0), &connection(0)).await;
        let mut told = 0;
        let began = std::time::Instant::now();
        let rotated = safe
            .vault
            .rotate(&safe.store, async |step| {
                if let Step::Secrets(n) = step {
                    told = n;
                }
            })
            .await
            .unwrap();
        let secrets = u64::try_from(TENANTS * (logins() + 1 + BOOKINGS - 1)).unwrap();
        eprintln!("{secrets} secrets sealed anew on {:?} in {:?}", bed.engine, began.elapsed());
        assert_eq!((rotated.secrets_resealed, told), (secrets, secrets));
        assert_eq!((rotated.data_keys_made, rotated.data_keys_dropped), (3, 3));
        assert_eq!((rotated.kek_changed, rotated.resumed), (false, false));
        assert_ne!(before, safe.login(&tenant(0), &connection(0)).await);
        assert_eq!(safe.numbers(&tenant(1)).await, [2]);
        safe.all_opens(&safe.vault).await;
        safe.all_opens(&safe.another().await).await;
        // The old ciphertext is of no use to whoever kept it.
        let mut tx = safe.store.read().await.unwrap();
        let (tenant, id) = (tenant(0), connection(0));
        let refused = safe.vault.unseal(&mut tx, place(&tenant, &id), &before).await;
        assert!(matches!(refused, Err(SecretsError::Tampered)));
    })
    .await;
}

#[tokio::test]
async fn a_new_key_encryption_key_is_met_by_hubs_that_run() {
    on_each_engine(async |bed| {
        let safe = Safe::new(bed).await;
        let path = safe.dir.path().join("kek");
        let secret = "a caller's secret";
        let hash = safe.vault.hash_secret(secret);
        Kek::add_to(&path, &*safe.entropy).unwrap();
        let early = safe.vault.standing(&safe.store).await.unwrap();
        let rotating = safe.another().await;
        let waiting = rotating.standing(&safe.store).await.unwrap();
        assert!(early.kek_is_newest && !waiting.kek_is_newest);
        let refused = rotating.forget_older_keks(&safe.store).await;
        assert!(matches!(refused, Err(SecretsError::StillUsed)));
        let rotated = rotating.rotate(&safe.store, async |_| {}).await.unwrap();
        assert_eq!((rotated.kek_changed, rotated.data_keys_resealed), (true, 3));
        // The first vault read the file before the new key was in it.
        safe.all_opens(&safe.vault).await;
        assert!(safe.vault.matches(&hash, secret) && safe.another().await.matches(&hash, secret));
        assert_eq!(rotating.forget_older_keks(&safe.store).await.unwrap(), 1);
        safe.all_opens(&safe.another().await).await;
        // A file from before knows nothing any more.
        let other = tempfile::tempdir().unwrap();
        let stranger = Kek::load_or_create(&other.path().join("kek"), &SeededEntropy::new(77));
        let clock = Arc::new(safe.clock.clone());
        let refused =
            Vault::open(stranger.unwrap(), &safe.store, clock, safe.entropy.clone()).await;
        assert!(matches!(refused, Err(SecretsError::WrongKey)));
    })
    .await;
}

#[tokio::test]
async fn a_tenant_that_comes_during_a_rotation_is_sealed_by_the_key_that_seals() {
    on_each_engine(async |bed| {
        let safe = Safe::new(bed).await;
        let path = safe.dir.path().join("kek");
        Kek::add_to(&path, &*safe.entropy).unwrap();
        let rotating = safe.another().await;
        cut(&rotating, &safe.store, 1).await;
        // A hub that read the key file before makes the first data key of a new tenant.
        let late: TenantId = "ten_late".parse().unwrap();
        let id = connection(1);
        let mut tx = safe.store.begin().await.unwrap();
        let row = TenantRow {
            tenant_id: late.clone(),
            name: "late".to_owned(),
            policy: json!({}),
            allow_net: None,
            created_at: safe.clock.now(),
        };
        tx.tenants().create(&row).await.unwrap();
        let sealed = safe.vault.seal(&mut tx, place(&late, &id), b"late").await.unwrap();
        tx.commit().await.unwrap();
        assert!(safe.another().await.rotate(&safe.store, async |_| {}).await.unwrap().resumed);
        assert_eq!(rotating.forget_older_keks(&safe.store).await.unwrap(), 1);
        let mut tx = safe.store.read().await.unwrap();
        let last = safe.another().await;
        // Its data key is younger than the rotation, so its seal stayed.
        let open = last.unseal(&mut tx, place(&late, &id), &sealed).await.unwrap();
        assert_eq!(open.as_slice(), b"late");
    })
    .await;
}

#[tokio::test]
async fn what_was_interrupted_anywhere_goes_on() {
    on_each_engine(async |bed| {
        let safe = Safe::new(bed).await;
        Kek::add_to(&safe.dir.path().join("kek"), &*safe.entropy).unwrap();
        for stop in 1..=6 {
            let rotating = safe.another().await;
            cut(&rotating, &safe.store, stop).await;
            safe.all_opens(&safe.vault).await;
            assert!(rotating.standing(&safe.store).await.unwrap().rotating);
            safe.clock.advance(Duration::from_secs(3600));
        }
        let rotated = safe.another().await.rotate(&safe.store, async |_| {}).await.unwrap();
        assert!(rotated.resumed && !rotated.kek_changed);
        for n in 0..TENANTS {
            assert_eq!(safe.numbers(&tenant(n)).await, [2], "one new data key for one rotation");
        }
        safe.all_opens(&safe.vault).await;
    })
    .await;
}

#[tokio::test]
async fn a_login_that_is_linked_anew_meanwhile_is_not_overwritten() {
    on_each_engine(async |bed| {
        let safe = Safe::new(bed).await;
        let (tenant, id) = (tenant(0), connection(7));
        // What a rotation has read just before the person links again.
        let mut tx = safe.store.read().await.unwrap();
        let seen = tx
            .data_keys()
            .sealed_by_others(&tenant, SealedColumn::Login, 2, None, 500)
            .await
            .unwrap();
        let seen = seen.into_iter().find(|row| row.part == id.as_str()).unwrap();
        tx.rollback().await.unwrap();
        let mut tx = safe.store.begin().await.unwrap();
        let login = safe.vault.seal(&mut tx, place(&tenant, &id), b"linked anew").await.unwrap();
        tx.connections().set_login(&tenant, &id, &login).await.unwrap();
        let stale = safe.vault.seal(&mut tx, place(&tenant, &id), b"stale").await.unwrap();
        let own = tx
            .data_keys()
            .reseal_secret(&tenant, SealedColumn::Login, &seen, &stale)
            .await
            .unwrap();
        assert!(!own);
        tx.commit().await.unwrap();
        safe.vault.rotate(&safe.store, async |_| {}).await.unwrap();
        let mut tx = safe.store.read().await.unwrap();
        let row = tx.connections().get(&tenant, &id).await.unwrap().unwrap();
        let open = safe.vault.unseal(&mut tx, place(&tenant, &id), &row.login).await.unwrap();
        assert_eq!(open.as_slice(), b"linked anew");
        // Nor does a change of something else bring an old seal back.
        let before = row.login.clone();
        let mut stale = row;
        stale.login = seen.sealed;
        stale.account_label = "renamed".to_owned();
        tx.rollback().await.unwrap();
        let mut tx = safe.store.begin().await.unwrap();
        tx.connections().update(&stale, None).await.unwrap();
        tx.commit().await.unwrap();
        assert_eq!(safe.login(&tenant, &id).await, before);
    })
    .await;
}

#[tokio::test]
async fn a_data_key_stays_while_somebody_seals_with_it() {
    on_postgres(async |bed| {
        let safe = Safe::new(bed).await;
        let (tenant, id) = (tenant(0), connection(3));
        let sealer = async {
            let mut tx = safe.store.begin().await.unwrap();
            let login = safe.vault.seal(&mut tx, place(&tenant, &id), b"slow").await.unwrap();
            // Long enough for the rotation to come to the old data key, and to wait for it.
            tokio::time::sleep(Duration::from_millis(700)).await;
            tx.connections().set_login(&tenant, &id, &login).await.unwrap();
            tx.commit().await.unwrap();
        };
        let rotating = async {
            tokio::time::sleep(Duration::from_millis(50)).await;
            safe.vault.rotate(&safe.store, async |_| {}).await.unwrap()
        };
        let ((), rotated) = tokio::join!(sealer, rotating);
        assert!(rotated.unreadable.is_empty(), "{rotated:?}");
        assert_eq!(safe.numbers(&tenant).await, [2]);
        let mut tx = safe.store.read().await.unwrap();
        let row = tx.connections().get(&tenant, &id).await.unwrap().unwrap();
        let open = safe.vault.unseal(&mut tx, place(&tenant, &id), &row.login).await.unwrap();
        assert_eq!(open.as_slice(), b"slow");
    })
    .await;
}

#[tokio::test]
async fn what_does_not_open_is_told_and_left_with_its_key() {
    on_each_engine(async |bed| {
        let safe = Safe::new(bed).await;
        let (tenant, id) = (tenant(1), connection(9));
        let mut bytes = safe.login(&tenant, &id).await.as_bytes().to_vec();
        *bytes.last_mut().unwrap() ^= 1;
        let damaged = Sealed::new(bytes);
        let mut tx = safe.store.begin().await.unwrap();
        tx.connections().set_login(&tenant, &id, &damaged).await.unwrap();
        tx.commit().await.unwrap();
        let rotated = safe.vault.rotate(&safe.store, async |_| {}).await.unwrap();
        assert_eq!(rotated.unreadable, [format!("{tenant} {id} login")]);
        assert_eq!((rotated.data_keys_kept, rotated.data_keys_dropped), (1, 2));
        assert_eq!(safe.login(&tenant, &id).await, damaged);
        assert_eq!(safe.numbers(&tenant).await, [1, 2]);
    })
    .await;
}

#[tokio::test]
async fn a_booking_that_is_changed_meanwhile_keeps_its_words() {
    on_each_engine(async |bed| {
        let safe = Safe::new(bed).await;
        let tenant = tenant(0);
        // What a change of something else has read just before the rotation, and writes just after.
        let stale = safe.booking(&tenant, 7).await;
        safe.vault.rotate(&safe.store, async |_| {}).await.unwrap();
        let resealed = safe.booking(&tenant, 7).await.details;
        assert_ne!(stale.details, resealed);
        let mut tx = safe.store.begin().await.unwrap();
        let row = BookingRow { status: BookingStatus::Completed, ..stale };
        assert_eq!(tx.bookings().update(&row).await.unwrap(), Some(2));
        tx.commit().await.unwrap();
        assert_eq!(safe.booking(&tenant, 7).await.details, resealed);
        safe.all_opens(&safe.vault).await;
        // Words that are said anew while a rotation goes on are not overwritten.
        let mut tx = safe.store.read().await.unwrap();
        let column = SealedColumn::Details;
        let seen = tx.data_keys().sealed_by_others(&tenant, column, 3, None, 500).await.unwrap();
        assert_eq!(seen.len(), BOOKINGS - 1, "the one without words is skipped");
        let seen = seen.into_iter().find(|row| row.part == booking(7).as_str()).unwrap();
        tx.rollback().await.unwrap();
        let mut tx = safe.store.begin().await.unwrap();
        let id = booking(7);
        let place = details(&tenant, &id);
        let said = safe.vault.seal(&mut tx, place, b"said anew").await.unwrap();
        tx.bookings().set_details(&tenant, &id, &said).await.unwrap();
        let old = safe.vault.seal(&mut tx, place, b"words 7").await.unwrap();
        assert!(!tx.data_keys().reseal_secret(&tenant, column, &seen, &old).await.unwrap());
        tx.commit().await.unwrap();
        assert_eq!(safe.booking(&tenant, 7).await.details, said);
    })
    .await;
}
