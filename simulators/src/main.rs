//! The simulators as a program: a world from seed files, served until it is interrupted.

use std::{fmt, future::Future, io::Write as _, net::SocketAddr, path::PathBuf, time::Duration};

use anyhow::{Context as _, Result};
use clap::Parser;
use futures::future::BoxFuture;
use jiff::Timestamp;
use simulators::{
    Clock, Seed, Sleeper, World,
    seed::{DEMO, ODDITIES},
    serve,
};
use tokio::net::TcpListener;

/// Behaves as calendar servers: Google, Microsoft, CalDAV dialects and iCalendar feeds, with faults on demand.
///
/// Everything lives in memory. Open the printed address in a browser to see the accounts, calendars and feeds, and
/// ADDRESS/_sim/ for the control API, with which you edit events as their owner would, script faults (lost answers,
/// expired cursors, throttling, truncated bodies), move the clock and read the request log.
#[derive(Debug, Parser)]
#[command(version, after_help = EXAMPLES)]
struct Options {
    /// Address to listen on; port 0 takes a free one. The second one serves as the other host of servers that keep
    /// their calendars elsewhere (profile icloud).
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:0")]
    listen: Vec<SocketAddr>,
    /// Seed file to sow; may be given more than once.
    #[arg(long, value_name = "FILE.json")]
    seed: Vec<PathBuf>,
    /// Sow the built-in demo: the CalDAV account `anna` (password `anna-secret`), one feed, the Google account
    /// `ana@example.com` with the OAuth client `demo-client.apps.example` (secret `demo-secret`), and the Microsoft account
    /// `lea@contoso.example` with the app `00000000-0000-4000-8000-000000000001` (secret `demo-secret`).
    #[arg(long)]
    demo: bool,
    /// Sow the built-in oddities: the CalDAV account `odd` (password `odd-secret`) with events that are hard to read.
    #[arg(long)]
    oddities: bool,
    /// Redirect URI that every OAuth client of the seeds may use as well; may be given more than once.
    #[arg(long, value_name = "URI")]
    google_redirect_uri: Vec<String>,
    /// Redirect URI that every app registration of the seeds may use as well; may be given more than once.
    #[arg(long, value_name = "URI")]
    microsoft_redirect_uri: Vec<String>,
    /// Print the built-in demo seed, as a pattern for your own, and stop.
    #[arg(long)]
    print_demo: bool,
}

const EXAMPLES: &str = "\
Examples:
  simulators --demo --listen 127.0.0.1:5232
  simulators --demo --google-redirect-uri http://localhost:8080/oauth/google/callback
  simulators --seed fixtures/simulators/demo.json
  simulators --print-demo > my-seed.json

Profiles for accounts in a seed: generic, sabre, baikal, nextcloud, radicale, xandikos, cyrus, icloud, sogo, davmail,
stalwart, zimbra, ctag_only, bare. Single knobs of a profile can be set under \"knobs\".";

#[derive(Clone, Copy, Debug)]
struct WallClock;

impl Clock for WallClock {
    #[expect(clippy::disallowed_methods, reason = "the one place that reads the machine's clock")]
    fn now(&self) -> Timestamp {
        Timestamp::now()
    }
}

#[derive(Clone, Copy, Debug)]
struct RealSleep;

impl Sleeper for RealSleep {
    fn sleep(&self, span: Duration) -> BoxFuture<'static, ()> {
        Box::pin(tokio::time::sleep(span))
    }
}

#[tokio::main]
async fn main() -> Result<()> {
    let options = Options::parse();
    tracing_subscriber::fmt().with_writer(std::io::stderr).init();
    if options.print_demo {
        return say(DEMO);
    }
    let world = World::with_clock(Box::new(WallClock), Box::new(RealSleep));
    sow(&world, &options)?;
    let mut servers = Vec::new();
    for address in &options.listen {
        let listener = TcpListener::bind(address)
            .await
            .with_context(|| format!("cannot listen on {address}"))?;
        let address = listener.local_addr()?;
        if servers.len() == 1 {
            world.set_partition(&format!("http://{address}"));
        }
        announce(&world, address)?;
        servers.push(serve(world.clone(), listener));
    }
    until_interrupted(futures::future::try_join_all(servers)).await
}

fn sow(world: &World, options: &Options) -> Result<()> {
    if options.demo {
        world.sow(&Seed::parse(DEMO)?)?;
    }
    if options.oddities {
        world.sow(&Seed::parse(ODDITIES)?)?;
    }
    for file in &options.seed {
        let text = std::fs::read_to_string(file)
            .with_context(|| format!("cannot read {}", file.display()))?;
        let seed = Seed::parse(&text).with_context(|| format!("cannot use {}", file.display()))?;
        world.sow(&seed).with_context(|| format!("cannot sow {}", file.display()))?;
    }
    // Nobody has a trusted certificate here.
    world.tune_google(|knobs| knobs.allow_http_push = true);
    world.tune_microsoft(|knobs| knobs.allow_http_push = true);
    for mut client in world.google_clients() {
        client.redirect_uris.extend(options.google_redirect_uri.iter().cloned());
        world.add_google_client(client);
    }
    for mut client in world.microsoft_clients() {
        client.redirect_uris.extend(options.microsoft_redirect_uri.iter().cloned());
        world.add_microsoft_client(client);
    }
    Ok(())
}

fn announce(world: &World, address: SocketAddr) -> Result<()> {
    say(format_args!("listening on http://{address}/"))?;
    for account in world.accounts() {
        say(format_args!("  caldav http://{address}{}  user {}", account.path(), account.user()))?;
    }
    for account in world.google_accounts() {
        say(format_args!("  google {}", account.email()))?;
    }
    for account in world.microsoft_accounts() {
        say(format_args!("  microsoft {}", account.email()))?;
    }
    if !world.microsoft_clients().is_empty() {
        say(format_args!("  hub    --microsoft-base-url http://{address}"))?;
        say(format_args!("         --microsoft-oauth-base-url http://{address}"))?;
    }
    if !world.google_clients().is_empty() {
        say(format_args!("  hub    --google-base-url http://{address}"))?;
        say(format_args!("         --google-oauth-base-url http://{address}/g"))?;
    }
    for feed in world.feeds() {
        say(format_args!("  feed   http://{address}{}", feed.path()))?;
    }
    Ok(())
}

fn say(text: impl fmt::Display) -> Result<()> {
    writeln!(std::io::stdout(), "{text}").context("cannot write")
}

async fn until_interrupted<T>(servers: impl Future<Output = std::io::Result<T>>) -> Result<()> {
    tokio::select! {
        ended = servers => ended.map(|_| ()).context("the listener failed"),
        interrupted = tokio::signal::ctrl_c() => interrupted.context("cannot wait for the interrupt"),
    }
}
