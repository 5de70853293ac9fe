//! Where an SQLite database lies: room, kind of file system, write-ahead log, and who else uses it.

use std::{
    fs::{self, File},
    path::{Path, PathBuf},
};

use super::{
    check::Check,
    classes::{ANOTHER_HUB, DISK_LOW, NETWORK_FILE_SYSTEM, OPEN_FILES_LOW, WAL_LARGE},
};
use crate::cli::show::bytes;

/// Less room than this, or a smaller part of the disk, is not enough for a busy day.
const ROOM: u64 = 1 << 30;
const ROOM_PERCENT: u64 = 5;
const WAL: u64 = 64 << 20;
const FILES: u64 = 1024;
/// What `statfs(2)` calls file systems that live on another machine.
const REMOTE: [(i64, &str); 9] = [
    (0x6969, "NFS"),
    (0xff53_4d42, "CIFS"),
    (0xfe53_4d42, "SMB2"),
    (0x517b, "SMB"),
    (0x5346_414f, "AFS"),
    (0x7375_7245, "Coda"),
    (0x0102_1997, "9P"),
    (0x00c3_6400, "Ceph"),
    (0x0bd0_0bd0, "Lustre"),
];

/// Room on the disk of `dir`; nothing where it cannot be told.
pub(crate) fn room(dir: &Path) -> Option<Check> {
    let found = rustix::fs::statvfs(dir).ok()?;
    let free = found.f_bavail.saturating_mul(found.f_frsize);
    let all = found.f_blocks.saturating_mul(found.f_frsize);
    Some(judge_room(dir, free, all))
}

fn judge_room(dir: &Path, free: u64, all: u64) -> Check {
    const NAME: &str = "disk";
    let shown = dir.display();
    let says = format!("{} of {} are free at {shown}", bytes(free), bytes(all));
    let is_low = free < ROOM && free.saturating_mul(100) < all.saturating_mul(50);
    if is_low || free.saturating_mul(100) < all.saturating_mul(ROOM_PERCENT) {
        let fix = format!("make room: `du -xh -d 2 {shown}`; or move the data directory");
        return Check::action(DISK_LOW, NAME, says, fix);
    }
    Check::ok(NAME, says)
}

/// Whether the directory lies on another machine.
pub(crate) fn file_system(dir: &Path) -> Option<Check> {
    let found = rustix::fs::statfs(dir).ok()?;
    // The field is of another width on every platform; only its low half names the kind.
    judge_file_system(dir, i64::from(found.f_type as u32))
}

fn judge_file_system(dir: &Path, kind: i64) -> Option<Check> {
    let (_, name) = REMOTE.into_iter().find(|(magic, _)| *magic == kind)?;
    Some(Check::action(
        NETWORK_FILE_SYSTEM,
        "file system",
        format!("{} lies on {name}, over a network", dir.display()),
        "move the data directory to a local disk, or use PostgreSQL: --database-url postgres://...",
    ))
}

/// SQLite's write-ahead log, which shrinks again unless somebody holds it.
pub(crate) fn write_ahead_log(database: &Path) -> Option<Check> {
    let path = beside(database, "-wal");
    let size = fs::metadata(&path).ok()?.len();
    if size < WAL {
        return None;
    }
    let shown = path.display();
    Some(Check::note(
        WAL_LARGE,
        "write-ahead log",
        format!("{shown} has grown to {}", bytes(size)),
        format!(
            "find who holds it (`fuser -v {}`), end that, and restart the hub",
            database.display()
        ),
    ))
}

/// Whether some process has taken the database although no hub answers here.
pub(crate) fn other_hub(database: &Path, answers: bool) -> Option<Check> {
    if answers {
        return None;
    }
    let path = beside(database, ".lock");
    let file = File::open(&path).ok()?;
    // A lock that is got is given back when the file is closed, right here.
    let taken = file.try_lock_shared().is_err();
    taken.then(|| {
        Check::action(
            ANOTHER_HUB,
            "database",
            format!("another calhub uses {}, and does not answer here", database.display()),
            format!(
                "find it with `fuser -v {}`: stop it, or ask it with --data-dir or --url",
                path.display()
            ),
        )
    })
}

fn beside(database: &Path, end: &str) -> PathBuf {
    let mut path = database.as_os_str().to_owned();
    path.push(end);
    path.into()
}

/// How many files a process may have open.
pub(crate) fn open_files() -> Check {
    const NAME: &str = "open files";
    match rustix::process::getrlimit(rustix::process::Resource::Nofile).current {
        Some(most) if most < FILES => Check::note(
            OPEN_FILES_LOW,
            NAME,
            format!("this shell allows {most}"),
            "raise it where the hub is started: `ulimit -n 65536`, or LimitNOFILE=65536 in its unit",
        ),
        Some(most) => Check::ok(NAME, format!("{most} are allowed")),
        None => Check::ok(NAME, "any number is allowed"),
    }
}

#[cfg(test)]
mod tests {
    use super::{super::check::State, *};

    #[test]
    fn little_room_needs_action_and_a_small_disk_that_is_empty_does_not() {
        let state = |free, all| judge_room(Path::new("/data"), free, all).state;
        assert_eq!(state(500 << 30, 900 << 30), State::Ok);
        assert_eq!(state(20 << 30, 900 << 30), State::Action, "2 %");
        assert_eq!(state(500 << 20, 2 << 30), State::Action, "half a gigabyte of two");
        assert_eq!(state(500 << 20, 600 << 20), State::Ok, "a small volume, hardly used");
    }

    #[test]
    fn a_disk_on_another_machine_needs_action() {
        let found = |kind| judge_file_system(Path::new("/data"), kind).map(|check| check.state);
        assert_eq!(found(0x6969), Some(State::Action));
        assert_eq!(found(0xff53_4d42), Some(State::Action));
        assert_eq!(found(0xef53), None, "ext4");
        assert_eq!(found(0x0102_1994), None, "tmpfs");
    }
}
