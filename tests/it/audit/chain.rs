//! Every change of one row, of every column, on both engines, is found, and the first broken entry is the right one.

use calhub::audit::{Fault, NotedHead};

use super::{Book, at, log_on};
use crate::support::engines::on_each_engine;

const ENTRIES: i64 = 12;

/// A change of the row at place `{n}`, and what may be found then at that place.
const EDITS: &[(&str, &[Fault])] = &[
    ("tenant_id = 'ten_c'", &[Fault::Altered]),
    ("tenant_id = tenant_id || ' '", &[Fault::Altered]),
    ("audit_id = audit_id || '0'", &[Fault::Altered]),
    ("verb = 'key.made'", &[Fault::Altered]),
    ("subject = subject || '0'", &[Fault::Altered]),
    ("actor = 'key:other'", &[Fault::Altered]),
    ("request_id = COALESCE(request_id, '') || 'x'", &[Fault::Altered]),
    ("request_id = CASE WHEN request_id IS NULL THEN '' END", &[Fault::Altered]),
    ("detail = detail || ' '", &[Fault::Altered]),
    ("at_us = at_us + 1", &[Fault::Altered]),
    ("mac = REPLACE(mac, SUBSTR(mac, 1, 1), 'z')", &[Fault::Altered]),
    ("mac = ''", &[Fault::Altered]),
    ("n = n + 1000", &[Fault::Missing]),
    ("n = -n", &[Fault::Doubled, Fault::Missing]),
    ("n = NULL", &[Fault::Missing]),
    ("link = REPLACE(link, SUBSTR(link, 1, 1), 'z')", &[Fault::Misplaced]),
    ("link = NULL", &[Fault::Misplaced]),
];

#[tokio::test]
async fn every_edit_of_every_column_of_every_row_is_found() {
    on_each_engine(async |bed| {
        let book = Book::new(bed).await;
        book.chain(ENTRIES as usize).await;
        book.whole(ENTRIES).await;
        book.keep().await;
        for n in 1..=ENTRIES {
            for (edit, faults) in EDITS {
                assert_eq!(book.tamper(&format!("UPDATE audit SET {edit} WHERE n = {n}")).await, 1);
                let (place, fault) = at(book.broken().await)
                    .unwrap_or_else(|| panic!("{:?}: {edit} of {n} was not found", bed.engine));
                assert!(faults.contains(&fault), "{edit} of {n}: {fault:?}");
                let is_there = place == Some(n) || (place == Some(-n) && fault == Fault::Doubled);
                assert!(is_there, "{edit} of {n} was found at {place:?}");
                book.put_back().await;
            }
        }
        book.whole(ENTRIES).await;
        book.close().await;
    })
    .await;
}

/// Columns that only one engine takes another type into: the row cannot even be read, and is named all the same.
#[tokio::test]
async fn a_row_that_cannot_be_read_is_named() {
    crate::support::engines::on_sqlite(async |bed| {
        let book = Book::new(bed).await;
        book.chain(ENTRIES as usize).await;
        book.keep().await;
        for n in [1, 5, ENTRIES] {
            for edit in ["at_us = 'soon'", "subject = x'ff'", "mac = x'ff'"] {
                book.tamper(&format!("UPDATE audit SET {edit} WHERE n = {n}")).await;
                assert_eq!(at(book.broken().await), Some((Some(n), Fault::Unreadable)), "{edit}");
                book.put_back().await;
            }
        }
        book.close().await;
    })
    .await;
}

#[tokio::test]
async fn an_entry_that_is_taken_out_put_in_moved_or_cut_off_is_found() {
    on_each_engine(async |bed| {
        let book = Book::new(bed).await;
        book.chain(ENTRIES as usize).await;
        book.keep().await;
        let found = async |what: &str, expected: (Option<i64>, Fault)| {
            assert_eq!(at(book.broken().await), Some(expected), "{:?}: {what}", bed.engine);
            book.put_back().await;
        };
        for n in 1..=ENTRIES {
            book.tamper(&format!("DELETE FROM audit WHERE n = {n}")).await;
            found("taken out", (Some(n), Fault::Missing)).await;
            book.tamper(&format!("DELETE FROM audit WHERE n >= {n}")).await;
            found("cut off", (Some(n), Fault::Missing)).await;
            // The same entry once more, under another id, at its own place and at the end.
            let copy = |place: &str| {
                format!(
                    "INSERT INTO audit SELECT tenant_id, audit_id || '0', verb, subject, actor, request_id, detail, \
                     at_us, mac, {place}, link FROM audit WHERE n = {n}"
                )
            };
            book.tamper(&copy("n")).await;
            found("put in at its place", (Some(n), Fault::Doubled)).await;
            book.tamper(&copy(&format!("{ENTRIES} + 1"))).await;
            found("put in at the end", (Some(ENTRIES + 1), Fault::BeyondHead)).await;
            book.tamper(&copy("NULL")).await;
            found("put in to be sealed", (None, Fault::Forged)).await;
        }
        for n in 1..ENTRIES {
            let next = n + 1;
            let places = format!("n = CASE n WHEN {n} THEN {next} ELSE {n} END");
            let links = format!(
                "link = (SELECT other.link FROM audit AS other WHERE other.n = {n} + {next} - audit.n)"
            );
            for change in [places.clone(), links.clone(), format!("{places}, {links}")] {
                book.tamper(&format!("UPDATE audit SET {change} WHERE n IN ({n}, {next})")).await;
                found(&change, (Some(n), Fault::Misplaced)).await;
            }
        }
        book.whole(ENTRIES).await;
        book.close().await;
    })
    .await;
}

#[tokio::test]
async fn a_head_that_is_gone_edited_or_older_is_found() {
    on_each_engine(async |bed| {
        let book = Book::new(bed).await;
        book.chain(5).await;
        let early = book.log.verify(None).await.unwrap().head.unwrap().0;
        book.tamper("CREATE TABLE old_head AS SELECT * FROM instance WHERE name = 'audit.head'").await;
        book.chain(ENTRIES as usize - 5).await;
        book.keep().await;
        let gone = "DELETE FROM instance WHERE name = 'audit.head'";
        book.tamper(gone).await;
        assert_eq!(at(book.broken().await), Some((None, Fault::HeadMissing)));
        book.put_back().await;
        for (from, to) in [("\"n\":12", "\"n\":11"), ("2026", "2025"), ("\"link\":\"", "\"link\":\"0"), ("}", " }")] {
            let edit = format!(
                "UPDATE instance SET value = REPLACE(value, '{from}', '{to}') WHERE name = 'audit.head'"
            );
            assert_eq!(book.tamper(&edit).await, 1);
            assert_eq!(at(book.broken().await), Some((None, Fault::HeadForged)), "{from}");
            book.put_back().await;
        }
        // A head that the hub did sign, but earlier.
        let older = "UPDATE instance SET value = (SELECT value FROM old_head) WHERE name = 'audit.head'";
        book.tamper(older).await;
        assert_eq!(at(book.broken().await), Some((Some(6), Fault::BeyondHead)));
        // With all that was sealed since taken out, it is the truth of then: the hub that saw more knows better,
        book.tamper("DELETE FROM audit WHERE n > 5").await;
        assert_eq!(at(book.broken().await), Some((Some(6), Fault::PutBack)));
        // and so does one that was started since, if somebody has noted a head elsewhere.
        let newer = log_on(&bed.store, &book.clock, 1).await;
        assert_eq!(newer.verify(None).await.unwrap().broken, None);
        assert_eq!(newer.verify(Some(early.clone())).await.unwrap().broken, None);
        book.put_back().await;
        let late = newer.verify(None).await.unwrap().head.unwrap().0;
        assert_eq!(late.n, ENTRIES);
        book.tamper(older).await;
        book.tamper("DELETE FROM audit WHERE n > 5").await;
        let newest = log_on(&bed.store, &book.clock, 2).await;
        let found = newest.verify(Some(late)).await.unwrap().broken;
        assert_eq!(at(found), Some((Some(6), Fault::PutBack)));
        // One that went on from there differs from what was noted.
        let other = NotedHead { n: 3, link: early.link };
        let found = newest.verify(Some(other)).await.unwrap().broken;
        assert_eq!(at(found), Some((Some(3), Fault::PutBack)));
        book.close().await;
    })
    .await;
}

/// The walk reads a page at a time; what lies at its edges is seen as well.
#[tokio::test]
async fn a_chain_of_several_pages_is_walked_to_its_end() {
    on_each_engine(async |bed| {
        let book = Book::new(bed).await;
        book.chain(1_203).await;
        book.whole(1_203).await;
        book.keep().await;
        for n in [1, 499, 500, 501, 1_000, 1_001, 1_203] {
            book.tamper(&format!("UPDATE audit SET at_us = at_us + 1 WHERE n = {n}")).await;
            assert_eq!(at(book.broken().await), Some((Some(n), Fault::Altered)));
            book.put_back().await;
            book.tamper(&format!("DELETE FROM audit WHERE n = {n}")).await;
            assert_eq!(at(book.broken().await), Some((Some(n), Fault::Missing)));
            book.put_back().await;
            // Two at one place, with the edge of a page between them.
            book.tamper(&format!("UPDATE audit SET n = {n} WHERE n = {n} + 1")).await;
            if n < 1_203 {
                assert_eq!(at(book.broken().await), Some((Some(n), Fault::Doubled)));
            }
            book.put_back().await;
        }
        book.close().await;
    })
    .await;
}

/// Nobody without the hub's key mends a chain: the same forger, with the hashes worked out as far as they can be.
#[tokio::test]
async fn a_log_under_another_key_is_not_ours() {
    on_each_engine(async |bed| {
        let book = Book::new(bed).await;
        book.chain(3).await;
        // What another key has written, hung on nothing of ours.
        let elsewhere = tempfile::tempdir().unwrap();
        let url = format!("sqlite:{}", elsewhere.path().join("calhub.db").display());
        let store = calhub::store::Store::open(
            &url,
            &calhub::store::Options::default(),
            &calhub::clock::SeededEntropy::new(3),
        )
        .await
        .unwrap();
        let theirs = log_on(&store, &book.clock, 3).await;
        let mut tx = store.begin().await.unwrap();
        theirs.begin(&mut tx).await.unwrap();
        tx.commit().await.unwrap();
        let mut tx = store.read().await.unwrap();
        let head = tx.instance().get("audit.head").await.unwrap().unwrap();
        tx.rollback().await.unwrap();
        book.tamper("DELETE FROM audit").await;
        let set = format!("UPDATE instance SET value = '{head}' WHERE name = 'audit.head'");
        book.tamper(&set).await;
        assert_eq!(at(book.broken().await), Some((None, Fault::HeadForged)));
        store.close().await;
        book.close().await;
    })
    .await;
}
