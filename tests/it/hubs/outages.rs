//! A hub that loses its database, or a part of it: it says so, answers unknown, and comes back by itself.

use std::{
    process::Command,
    time::{Duration, Instant},
};

use tokio::{
    io,
    net::{TcpListener, TcpStream},
    sync::watch,
    task::JoinHandle,
};

use super::{
    cell::{Cell, Hub, put},
    site::Site,
};
use crate::support::hub::until;

/// What a wire does with what is sent over it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Open,
    /// Nothing gets through, and nobody is told.
    Silent,
    /// Every connection ends, and none is taken.
    Cut,
}

/// A TCP wire between a hub and PostgreSQL.
struct Wire {
    pub url: String,
    state: watch::Sender<State>,
    task: JoinHandle<()>,
}

impl Wire {
    async fn to(database: &str) -> Self {
        let mut url = url::Url::parse(database).unwrap();
        let target = format!("{}:{}", url.host_str().unwrap(), url.port().unwrap());
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        url.set_port(Some(listener.local_addr().unwrap().port())).unwrap();
        let (state, watching) = watch::channel(State::Open);
        let task = tokio::spawn(async move {
            loop {
                let Ok((near, _)) = listener.accept().await else { return };
                if *watching.borrow() == State::Cut {
                    continue;
                }
                let (target, watching) = (target.clone(), watching.clone());
                tokio::spawn(async move {
                    let Ok(far) = TcpStream::connect(&target).await else { return };
                    carry(near, far, watching).await;
                });
            }
        });
        Self { url: url.into(), state, task }
    }

    fn set(&self, state: State) {
        self.state.send_replace(state);
    }
}

impl Drop for Wire {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Carries bytes both ways until the wire is cut.
async fn carry(near: TcpStream, far: TcpStream, watching: watch::Receiver<State>) {
    let (near_in, near_out) = near.into_split();
    let (far_in, far_out) = far.into_split();
    let mut cut = watching.clone();
    tokio::select! {
        _ = one_way(near_in, far_out, watching.clone()) => {}
        _ = one_way(far_in, near_out, watching) => {}
        _ = cut.wait_for(|state| *state == State::Cut) => {}
    }
}

async fn one_way(
    mut from: tokio::net::tcp::OwnedReadHalf,
    mut to: tokio::net::tcp::OwnedWriteHalf,
    mut watching: watch::Receiver<State>,
) -> io::Result<()> {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    let mut buffer = vec![0; 16_384];
    loop {
        let read = from.read(&mut buffer).await?;
        if read == 0 {
            return Ok(());
        }
        let _ = watching.wait_for(|state| *state != State::Silent).await;
        to.write_all(&buffer[..read]).await?;
    }
}

/// Waits until the hub says that it is not ready and vouches for nothing.
async fn fails(hub: &Hub, resource: &str) {
    until("the hub to say that it is not ready", || async {
        (hub.readiness().await == 503).then_some(())
    })
    .await;
    until("the answers to turn unknown", || async {
        hub.busy(resource).await.is_none().then_some(())
    })
    .await;
}

async fn a_wire_fails(state: State) {
    let Some(cell) = Cell::open().await else { return };
    let site = Site::open().await;
    let work = site.calendar("work");
    put(&work, "one", 1);
    let wire = Wire::to(&cell.url).await;
    let far = cell.serve_as("", &wire.url).await;
    let near = cell.serve().await;
    let resource = far.link(&cell, &site).await;
    far.shows(&resource, &[1]).await;
    wire.set(state);
    let began = Instant::now();
    put(&work, "two", 3);
    cell.nudge().await;
    fails(&far, &resource).await;
    let told = began.elapsed();
    // The other hub goes on, also with what the first had in hand.
    near.shows(&resource, &[1, 3]).await;
    let followed = began.elapsed();
    assert_eq!(near.readiness().await, 200);
    wire.set(State::Open);
    let opened = Instant::now();
    far.ready().await;
    far.shows(&resource, &[1, 3]).await;
    println!(
        "wire {state:?}: not ready and unknown after {told:.1?}, the other hub has the news after {followed:.1?}; \
         {:.1?} after the wire is back it answers",
        opened.elapsed()
    );
    put(&work, "three", 5);
    cell.nudge().await;
    for hub in [&far, &near] {
        hub.shows(&resource, &[1, 3, 5]).await;
    }
    cell.quiet().await;
    assert_eq!(cell.told().await, 3, "each change is told once");
    drop((far, near));
    cell.close().await;
}

#[tokio::test]
async fn a_hub_that_is_cut_off_says_so_and_recovers_by_itself() {
    a_wire_fails(State::Cut).await;
}

#[tokio::test]
async fn a_hub_whose_database_falls_silent_says_so_and_recovers_by_itself() {
    a_wire_fails(State::Silent).await;
}

#[tokio::test]
async fn sessions_that_the_server_ends_are_made_anew() {
    let Some(cell) = Cell::open().await else { return };
    let site = Site::open().await;
    let work = site.calendar("work");
    let hubs = [cell.serve().await, cell.serve().await];
    let resource = hubs[0].link(&cell, &site).await;
    for round in 0..4 {
        put(&work, &format!("e{round}"), round * 2);
        cell.nudge().await;
        cell.sql(
            "SELECT COUNT(pg_terminate_backend(pid)) FROM pg_stat_activity \
             WHERE datname = current_database() AND application_name = 'calhub'",
        )
        .await;
        let hours: Vec<i64> = (0..=round).map(|n| n * 2).collect();
        for hub in &hubs {
            hub.shows(&resource, &hours).await;
        }
    }
    cell.quiet().await;
    assert_eq!(cell.told().await, 4, "each change is told once");
    for hub in &hubs {
        hub.ready().await;
    }
    drop(hubs);
    cell.close().await;
}

fn test_postgres(args: &[&str]) -> String {
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/scripts/test-postgres");
    let ended = Command::new(script).args(args).output().unwrap();
    assert!(ended.status.success(), "{}", String::from_utf8_lossy(&ended.stderr));
    String::from_utf8(ended.stdout).unwrap().trim().to_owned()
}

/// A cluster of this test's own, removed at the end.
struct Cluster(String);

impl Drop for Cluster {
    fn drop(&mut self) {
        test_postgres(&["stop", &self.0]);
    }
}

#[tokio::test]
async fn hubs_outlive_a_restart_of_postgresql() {
    if crate::support::engines::postgres_server().is_none() {
        return;
    }
    let cluster = Cluster(test_postgres(&["start"]));
    let cell = Cell::open_on(cluster.0.clone()).await;
    // The tests' clusters forget what they committed last when they are halted: this one must not.
    let name = url::Url::parse(&cell.url).unwrap().path()[1..].to_owned();
    cell.sql(&format!("ALTER DATABASE {name} SET synchronous_commit = on")).await;
    let site = Site::open().await;
    let work = site.calendar("work");
    put(&work, "one", 1);
    let hubs = [cell.serve().await, cell.serve().await];
    let resource = hubs[0].link(&cell, &site).await;
    for hub in &hubs {
        hub.shows(&resource, &[1]).await;
    }
    site.slow(100);
    put(&work, "two", 3);
    cell.nudge().await;
    test_postgres(&["halt", &cluster.0]);
    let halted = Instant::now();
    for hub in &hubs {
        fails(hub, &resource).await;
    }
    let told = halted.elapsed();
    tokio::time::sleep(Duration::from_secs(1)).await;
    test_postgres(&["resume", &cluster.0]);
    let resumed = Instant::now();
    for hub in &hubs {
        hub.ready().await;
        hub.shows(&resource, &[1, 3]).await;
    }
    println!(
        "PostgreSQL halted: unknown after {told:.1?}; both hubs answer {:.1?} after it is back",
        resumed.elapsed()
    );
    put(&work, "three", 5);
    cell.nudge().await;
    for hub in &hubs {
        hub.shows(&resource, &[1, 3, 5]).await;
    }
    cell.quiet().await;
    assert_eq!(cell.told().await, 3, "each change is told once");
    drop(hubs);
    drop(cell);
}
