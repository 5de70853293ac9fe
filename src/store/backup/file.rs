//! The file: lines of JSON between a header and a checksum, for its owner alone.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, BufRead as _, BufReader, BufWriter, Read as _, Write as _},
    os::unix::fs::OpenOptionsExt as _,
    path::{Path, PathBuf},
};

use serde::{Serialize, de::DeserializeOwned};
use sha2::{Digest as _, Sha256};

use super::{
    BackupError, Chunk, FORM, Footer, HASH_KEY, Header, Result, SealedKeys, Summary, refused,
};

/// A line is a few hundred rows; anything longer is no backup of ours.
const LONGEST_LINE: u64 = 256 << 20;

/// Writes a backup beside its place, and puts it there when it is whole.
#[derive(Debug)]
pub(super) struct Writer {
    path: PathBuf,
    draft: PathBuf,
    out: BufWriter<File>,
    digest: Sha256,
    written: u64,
    rows: u64,
    is_done: bool,
}

impl Writer {
    pub(super) fn create(path: &Path, replace: bool) -> Result<Self> {
        if !replace && path.exists() {
            return refused(format!("{} is there already", path.display()));
        }
        let mut draft = path.as_os_str().to_owned();
        draft.push(".partial");
        let draft = PathBuf::from(draft);
        let mut options = OpenOptions::new();
        // What a backup that was cut short has left behind is of no use to anybody.
        let _ = fs::remove_file(&draft);
        let file = options.write(true).create_new(true).mode(0o600).open(&draft);
        let file = file.map_err(|source| BackupError::File { path: draft.clone(), source })?;
        let (out, digest) = (BufWriter::new(file), Sha256::new());
        Ok(Self { path: path.to_owned(), draft, out, digest, written: 0, rows: 0, is_done: false })
    }

    pub(super) fn header(&mut self, header: &Header) -> Result<()> {
        self.line(header)
    }

    pub(super) fn chunk(&mut self, chunk: &Chunk) -> Result<()> {
        self.rows += chunk.rows.len() as u64;
        self.line(chunk)
    }

    /// Ends the file and makes it durable under its name.
    pub(super) fn finish(mut self, summary: &mut Summary) -> Result<()> {
        let sha256 = hex(&self.digest.clone().finalize());
        self.line(&Footer { rows: self.rows, sha256: sha256.clone() })?;
        summary.sha256 = sha256;
        summary.bytes = self.written;
        let placed = self.place();
        self.is_done = placed.is_ok();
        placed.map_err(|source| BackupError::File { path: self.path.clone(), source })
    }

    fn place(&mut self) -> io::Result<()> {
        self.out.flush()?;
        self.out.get_ref().sync_all()?;
        fs::rename(&self.draft, &self.path)?;
        let parent = self.path.parent().filter(|parent| !parent.as_os_str().is_empty());
        File::open(parent.unwrap_or(Path::new(".")))?.sync_all()
    }

    fn line(&mut self, line: &impl Serialize) -> Result<()> {
        let mut text = serde_json::to_vec(line).expect("plain structs always serialise");
        text.push(b'\n');
        self.digest.update(&text);
        self.written += text.len() as u64;
        let written = self.out.write_all(&text);
        written.map_err(|source| BackupError::File { path: self.draft.clone(), source })
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        if !self.is_done {
            let _ = fs::remove_file(&self.draft);
        }
    }
}

/// A file that was read to its end once and is whole.
#[derive(Debug)]
pub struct Backup {
    pub header: Header,
    pub keys: SealedKeys,
    pub sha256: String,
    pub bytes: u64,
    path: PathBuf,
}

impl Backup {
    /// Reads a file through, and refuses what is damaged, cut short, or of a form to come.
    ///
    /// # Errors
    ///
    /// [`BackupError::Refused`] with the reason.
    pub fn check(path: &Path) -> Result<Self> {
        let mut lines = Lines::open(path)?;
        let Some(first) = lines.next()? else { return refused(no_backup(path)) };
        let form: serde_json::Value =
            serde_json::from_slice(&first).or_else(|_| refused(no_backup(path)))?;
        match form.get("calhub_backup").and_then(serde_json::Value::as_u64) {
            Some(found) if found == u64::from(FORM) => {}
            Some(newer) => {
                return refused(format!(
                    "{} is a backup of form {newer}, made by a newer calhub; this one reads form {FORM}",
                    path.display()
                ));
            }
            None => return refused(no_backup(path)),
        }
        let header: Header = parsed(&first, path)?;
        let mut digest = Sha256::new();
        digest.update(&first);
        let (mut keys, mut rows) = (SealedKeys::default(), 0);
        let mut held = lines.next()?;
        while let Some(line) = held {
            held = lines.next()?;
            if held.is_none() {
                return Self::ended(path, header, keys, &line, digest, rows);
            }
            digest.update(&line);
            let chunk: Chunk = parsed(&line, path)?;
            rows += chunk.rows.len() as u64;
            note_keys(&header, &chunk, &mut keys);
        }
        refused(format!("{} is cut short", path.display()))
    }

    fn ended(
        path: &Path,
        header: Header,
        keys: SealedKeys,
        last: &[u8],
        digest: Sha256,
        rows: u64,
    ) -> Result<Self> {
        let Ok(footer) = serde_json::from_slice::<Footer>(last) else {
            return refused(format!("{} is cut short", path.display()));
        };
        let sha256 = hex(&digest.finalize());
        if footer.sha256 != sha256 || footer.rows != rows {
            return refused(format!("{} is damaged: its checksum is wrong", path.display()));
        }
        let bytes = fs::metadata(path).map(|found| found.len()).unwrap_or_default();
        Ok(Self { header, keys, sha256, bytes, path: path.to_owned() })
    }

    /// Reads the rows. They are checked once more: the file may have changed since.
    pub(super) fn chunks(&self) -> Result<Chunks<'_>> {
        let mut lines = Lines::open(&self.path)?;
        let mut digest = Sha256::new();
        digest.update(lines.next()?.unwrap_or_default());
        Ok(Chunks { backup: self, lines, digest })
    }
}

/// The rows of a backup, in the order in which they can be stored.
#[derive(Debug)]
pub(super) struct Chunks<'a> {
    backup: &'a Backup,
    lines: Lines,
    digest: Sha256,
}

impl Chunks<'_> {
    pub(super) fn next(&mut self) -> Result<Option<Chunk>> {
        let path = &self.backup.path;
        let changed =
            || BackupError::Refused(format!("{} changes while it is read", path.display()));
        let line = self.lines.next()?.ok_or_else(changed)?;
        if serde_json::from_slice::<Footer>(&line).is_ok() {
            let sha256 = hex(&self.digest.clone().finalize());
            return if sha256 == self.backup.sha256 { Ok(None) } else { Err(changed()) };
        }
        self.digest.update(&line);
        parsed(&line, path).map(Some)
    }
}

#[derive(Debug)]
struct Lines {
    path: PathBuf,
    file: BufReader<File>,
}

impl Lines {
    fn open(path: &Path) -> Result<Self> {
        let file = File::open(path)
            .map_err(|source| BackupError::File { path: path.to_owned(), source })?;
        Ok(Self { path: path.to_owned(), file: BufReader::with_capacity(1 << 16, file) })
    }

    /// The next line with its end.
    fn next(&mut self) -> Result<Option<Vec<u8>>> {
        let mut line = Vec::new();
        let read = self.file.by_ref().take(LONGEST_LINE).read_until(b'\n', &mut line);
        read.map_err(|source| BackupError::File { path: self.path.clone(), source })?;
        Ok(Some(line).filter(|line| !line.is_empty()))
    }
}

fn parsed<T: DeserializeOwned>(line: &[u8], path: &Path) -> Result<T> {
    // The parser's own words could quote what is in the file.
    serde_json::from_slice(line).or_else(|_| {
        refused(format!("{} is damaged or cut short: a line cannot be read", path.display()))
    })
}

fn no_backup(path: &Path) -> String {
    format!("{} is no backup of calhub", path.display())
}

fn note_keys(header: &Header, chunk: &Chunk, keys: &mut SealedKeys) {
    let Some(table) = header.tables.get(chunk.t) else { return };
    let place = |name: &str| table.columns.iter().position(|(column, _)| column == name);
    let text =
        |row: &serde_json::Value, name: &str| Some(row.get(place(name)?)?.as_str()?.to_owned());
    for row in &chunk.rows {
        match table.name.as_str() {
            "instance" if text(row, "name").as_deref() == Some(HASH_KEY) => {
                keys.hash_key = text(row, "value");
            }
            "data_keys" => {
                let number = place("data_key").and_then(|at| row.get(at)?.as_i64());
                let tenant = text(row, "tenant_id").and_then(|id| id.parse().ok());
                let sealed = text(row, "sealed").and_then(|text| unhex(&text));
                if let (Some(tenant), Some(number), Some(sealed)) = (tenant, number, sealed) {
                    keys.data_keys.push((tenant, number, sealed));
                }
            }
            _ => {}
        }
    }
}

pub(super) fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

fn unhex(text: &str) -> Option<Vec<u8>> {
    let digits: Option<Vec<u8>> =
        text.chars().map(|c| u8::try_from(c.to_digit(16)?).ok()).collect();
    let (pairs, rest) = digits.as_deref()?.as_chunks::<2>();
    rest.is_empty().then(|| pairs.iter().map(|[high, low]| high << 4 | low).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_are_written_in_hexadecimal() {
        assert_eq!(hex(&[0, 15, 255]), "000fff");
        assert_eq!(unhex("000fff"), Some(vec![0, 15, 255]));
        assert_eq!(unhex("0"), None);
        assert_eq!(unhex("zz"), None);
    }

    #[test]
    fn what_is_no_backup_is_refused_in_plain_words() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("file");
        for (text, why) in [
            ("", "no backup"),
            ("hello\n", "no backup"),
            ("{\"calhub_backup\":2}\n", "newer calhub"),
            ("{\"calhub_backup\":1}\n", "damaged"),
        ] {
            fs::write(&path, text).unwrap();
            let said = Backup::check(&path).unwrap_err().to_string();
            assert!(said.contains(why), "{text:?}: {said}");
        }
    }
}
