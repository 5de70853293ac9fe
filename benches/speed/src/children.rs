//! The processes that are measured: each pinned to cores, its CPU time and memory read from the kernel.

use std::{
    fs,
    io::{BufRead, BufReader, Read},
    net::{SocketAddr, TcpListener},
    path::{Path, PathBuf},
    process::{Child, ChildStdout, Command, Stdio},
    time::{Duration, Instant},
};

use anyhow::{Context, Result, ensure};

/// The key that every seeded hub knows.
pub(crate) const KEY: &str = "chk_bench_0123456789abcdef0123456789abcdef0123456789a";

/// The core of what serves; the one that asks has the other.
pub(crate) const SERVER_CORE: &str = "0";

/// A process that ends with this value.
#[derive(Debug)]
pub(crate) struct Running {
    child: Child,
    pub(crate) address: SocketAddr,
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Running {
    /// CPU time of all its threads so far, in seconds.
    pub(crate) fn cpu(&self) -> f64 {
        let tasks = fs::read_dir(format!("/proc/{}/task", self.child.id())).unwrap();
        let spent: u64 = tasks
            .filter_map(|task| {
                let text = fs::read_to_string(task.ok()?.path().join("schedstat")).ok()?;
                text.split_whitespace().next()?.parse::<u64>().ok()
            })
            .sum();
        spent as f64 / 1e9
    }

    /// Resident memory in bytes: (now, at most so far).
    pub(crate) fn memory(&self) -> (f64, f64) {
        memory_of(&self.child.id().to_string())
    }

    /// Tells it to stop, and waits until it has.
    pub(crate) fn stop(mut self) -> Result<()> {
        let told = Command::new("kill").arg(self.child.id().to_string()).status()?;
        ensure!(told.success(), "cannot tell it to stop");
        self.child.wait()?;
        Ok(())
    }
}

/// Resident memory of a process in bytes: (now, at most so far).
pub(crate) fn memory_of(process: &str) -> (f64, f64) {
    let text = fs::read_to_string(format!("/proc/{process}/status")).unwrap_or_default();
    let field = |name: &str| {
        let line = text.lines().find_map(|line| line.strip_prefix(name));
        let kb = line.and_then(|rest| rest.split_whitespace().next()?.parse::<f64>().ok());
        kb.unwrap_or(f64::NAN) * 1024.0
    };
    (field("VmRSS:"), field("VmHWM:"))
}

fn pinned(cores: Option<&str>, program: &Path) -> Command {
    match cores {
        Some(cores) => {
            let mut command = Command::new("taskset");
            command.args(["-c", cores]).arg(program);
            command
        }
        None => {
            let all = format!(
                "0-{}",
                std::thread::available_parallelism().map_or(1, |n| n.get().max(2)) - 1
            );
            let mut command = Command::new("taskset");
            command.args(["-c", &all]).arg(program);
            command
        }
    }
}

fn beside_us(name: &str) -> Result<PathBuf> {
    let us = std::env::current_exe()?;
    Ok(us.parent().context("a program lies in a directory")?.join(name))
}

/// The bare handler that sends `body`.
pub(crate) fn limit(body: &Path) -> Result<Running> {
    let mut child = pinned(Some(SERVER_CORE), &beside_us("speed")?)
        .arg("limit")
        .arg(body)
        .stdout(Stdio::piped())
        .spawn()?;
    let stdout = child.stdout.take().context("its standard output")?;
    let address = first_line(stdout)?.trim().parse()?;
    Ok(Running { child, address })
}

fn first_line(stdout: ChildStdout) -> Result<String> {
    let mut line = String::new();
    BufReader::new(stdout).read_line(&mut line)?;
    Ok(line)
}

/// How a hub is started.
#[derive(Clone, Copy, Debug)]
pub(crate) struct HubOptions<'a> {
    pub(crate) dir: &'a Path,
    /// SQLite in `dir` when left out.
    pub(crate) database: Option<&'a str>,
    pub(crate) cores: Option<&'a str>,
}

/// The released hub, ready; answers also how long that took.
pub(crate) fn hub(options: HubOptions<'_>) -> Result<(Running, Duration)> {
    let address = TcpListener::bind("127.0.0.1:0")?.local_addr()?;
    let log = fs::File::create(options.dir.join("log"))?;
    let began = Instant::now();
    let mut command = pinned(options.cores, &beside_us("calhub")?);
    command
        .arg("serve")
        .env("CALHUB_DATA_DIR", options.dir)
        .env("CALHUB_LISTEN", address.to_string())
        .env("CALHUB_BOOTSTRAP_KEY", KEY)
        // The limit counts, but the load is one caller.
        .env("CALHUB_HTTP_REQUESTS_PER_MINUTE", "4000000000")
        .env("CALHUB_HTTP_BURST", "4000000000")
        .env("CALHUB_ALLOW_NET", "127.0.0.0/8")
        .stdout(Stdio::null())
        .stderr(log);
    if let Some(url) = options.database {
        command.env("CALHUB_DATABASE_URL", url);
    }
    let child = command.spawn()?;
    let mut running = Running { child, address };
    while !is_ready(address) {
        ensure!(began.elapsed() < Duration::from_secs(600), "the hub does not get ready");
        if let Some(ended) = running.child.try_wait()? {
            let log = fs::read_to_string(options.dir.join("log"))?;
            anyhow::bail!("the hub ended: {ended}: {log}");
        }
        std::thread::sleep(Duration::from_millis(5));
    }
    Ok((running, began.elapsed()))
}

fn is_ready(address: SocketAddr) -> bool {
    let asked = || -> Result<bool> {
        let mut stream = std::net::TcpStream::connect(address)?;
        stream.set_read_timeout(Some(Duration::from_secs(5)))?;
        std::io::Write::write_all(
            &mut stream,
            b"GET /readyz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
        )?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer)?;
        Ok(answer.starts_with("HTTP/1.1 200"))
    };
    asked().unwrap_or(false)
}
