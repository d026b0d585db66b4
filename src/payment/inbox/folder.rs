//! The bank's files, picked up from the folder that its connection puts them into (`BANK_INBOX`).
//!
//! A file is written into the inbox of notifications exactly like one that was posted, and only then moved to `done/`: a crash
//! in between, or another node at the same file, makes a duplicate, which changes nothing. What can't be read at all goes to
//! `refused/`, with a line in the log; what can be read but not understood is in quarantine, for an operator to see.
//!
//! A file that is being written is left alone: by its name (hidden, `.part`, `.tmp`), or because it has no end yet.

use std::fs;
use std::io::{ErrorKind, Read};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use sha2::{Digest, Sha256};

use super::store::store_notification;
use crate::app::App;
use crate::error::{Error, Result};
use provider::bank_file;

/// A statement of a day with ten thousand bookings.
const LONGEST_FILE: u64 = 16 * 1024 * 1024;
/// Whoever writes a file goes on within this time, or has given up.
const UNFINISHED_FOR: Duration = Duration::from_secs(600);

/// Whether there is a folder to look into.
#[must_use]
pub fn has_folder(app: &App) -> bool {
    folder(app).is_some()
}

fn folder(app: &App) -> Option<PathBuf> {
    app.settings.providers.bank.inbox.as_deref().map(str::trim).filter(|inbox| !inbox.is_empty()).map(PathBuf::from)
}

/// Takes all that is there now, in the order of the names. What fails is left for the next look, and holds nothing else up.
pub async fn pick_up_files(app: &App) {
    let (Some(folder), Some(bank)) = (folder(app), app.providers.find("bank")) else { return };
    let paths = match blocking(move || waiting(&folder)).await {
        Ok(paths) => paths,
        Err(error) => {
            tracing::error!(%error, "the bank's folder could not be looked at; trying again");
            return;
        }
    };
    for path in paths {
        if let Err(error) = take(app, bank.name(), path.clone()).await {
            tracing::error!(file = %path.display(), %error, "a file of the bank's could not be picked up; trying again");
        }
    }
}

async fn take(app: &App, provider: &'static str, path: PathBuf) -> Result<()> {
    let now = SystemTime::from(app.clock.wall());
    let read = {
        let path = path.clone();
        blocking(move || read(&path, now)).await?
    };
    let (seen, to) = match read {
        // Another node was quicker, or it isn't all there yet.
        Found::Gone | Found::Unfinished => return Ok(()),
        Found::Refused(seen, reason) => {
            tracing::error!(file = %path.display(), reason, "a file of the bank's is refused");
            (seen, "refused")
        }
        Found::Whole(seen, bytes) => {
            let verified = bank_file(&bytes);
            let outcome = store_notification(app, provider, &verified, &bytes).await?;
            let event_id = verified.event_id;
            tracing::info!(file = %path.display(), event_id, ?outcome, "a file of the bank's was picked up");
            (seen, "done")
        }
    };
    blocking(move || put_away(&path, &seen, to)).await
}

async fn blocking<T: Send + 'static>(work: impl FnOnce() -> std::io::Result<T> + Send + 'static) -> Result<T> {
    let done = tokio::task::spawn_blocking(work).await.map_err(|error| Error::internal(error.to_string()))?;
    done.map_err(|error| Error::internal(format!("the bank's folder: {error}")))
}

/// By name, so that what was numbered by the bank comes in its order.
fn waiting(folder: &Path) -> std::io::Result<Vec<PathBuf>> {
    let mut paths = Vec::new();
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let name = entry.file_name().to_string_lossy().to_ascii_lowercase();
        if entry.file_type()?.is_file() && name.ends_with(".xml") && !name.starts_with('.') {
            paths.push(entry.path());
        }
    }
    paths.sort();
    Ok(paths)
}

/// A file as it was when it was read: whoever writes under the same name meanwhile puts another one there.
#[derive(PartialEq, Eq)]
struct Seen {
    length: u64,
    modified: SystemTime,
    hash: String,
}

enum Found {
    Gone,
    Unfinished,
    Refused(Seen, &'static str),
    Whole(Seen, Vec<u8>),
}

fn read(path: &Path, now: SystemTime) -> std::io::Result<Found> {
    let Some((length, modified)) = as_it_is(path)? else { return Ok(Found::Gone) };
    let seen = |bytes: &[u8]| Seen { length, modified, hash: hex::encode(&Sha256::digest(bytes)[..6]) };
    if length > LONGEST_FILE {
        return Ok(Found::Refused(seen(&[]), "it is too large"));
    }
    let mut bytes = Vec::new();
    let opened = fs::File::open(path).and_then(|file| file.take(LONGEST_FILE).read_to_end(&mut bytes));
    match opened {
        Ok(_) if has_an_end(&bytes) => Ok(Found::Whole(seen(&bytes), bytes)),
        Ok(_) if now.duration_since(modified).is_ok_and(|age| age > UNFINISHED_FOR) => {
            Ok(Found::Refused(seen(&bytes), "it is no whole document"))
        }
        Ok(_) => Ok(Found::Unfinished),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(Found::Gone),
        Err(error) => {
            tracing::error!(file = %path.display(), %error, "a file of the bank's can't be read");
            Ok(Found::Refused(seen(&[]), "it can't be read"))
        }
    }
}

fn as_it_is(path: &Path) -> std::io::Result<Option<(u64, SystemTime)>> {
    match fs::metadata(path) {
        Ok(found) => Ok(Some((found.len(), found.modified()?))),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

fn has_an_end(bytes: &[u8]) -> bool {
    bytes.trim_ascii_end().strip_suffix(b">").is_some_and(|bytes| bytes.trim_ascii_end().ends_with(b"Document"))
}

/// What is there under that name in the other folder stays: banks use names again.
fn put_away(path: &Path, seen: &Seen, to: &str) -> std::io::Result<()> {
    if as_it_is(path)? != Some((seen.length, seen.modified)) {
        return Ok(());
    }
    let (Some(folder), Some(name)) = (path.parent(), path.file_name()) else { return Ok(()) };
    let folder = folder.join(to);
    fs::create_dir_all(&folder)?;
    let mut target = folder.join(name);
    if target.exists() {
        target = folder.join(format!("{}.{}", seen.hash, name.to_string_lossy()));
    }
    match fs::rename(path, target) {
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
        other => other,
    }
}
