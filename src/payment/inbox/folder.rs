//! Files that are picked up from folders: the bank's, which its connection puts there (`BANK_INBOX`), and the settlement reports
//! of providers (`<PROVIDER>_REPORTS`).
//!
//! A file is written into the inbox of notifications exactly like one that was posted, and only then moved to `done/`: a crash
//! in between, or another node at the same file, makes a duplicate, which changes nothing. Each file of an archive is one. What
//! can't be used goes to `refused/` at once, with its reason beside it, and into quarantine, for operators to see; so does what
//! can be read and not be understood, which is kept whole in the inbox.
//!
//! A file that is being written is left alone: by its name (hidden, `.part`, `.tmp`), or because it has no end yet.

use std::fs;
use std::io::{ErrorKind, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use sha2::{Digest, Sha256};

use super::store::{RefusedFile, store_notification, store_refused};
use crate::app::App;
use crate::error::{Error, Result};
use provider::{Enclosed, NoBankFile, PaymentProvider, Verified, bank_file, bank_files, report_file, unpacked};

/// A statement of a day with ten thousand bookings.
const LONGEST_FILE: u64 = 16 * 1024 * 1024;
/// Whoever writes a file goes on within this time, or has given up.
const UNFINISHED_FOR: Duration = Duration::from_secs(60);
/// Names that connections give to what they have not written to its end.
const UNFINISHED_NAMES: [&str; 4] = [".part", ".filepart", ".partial", ".tmp"];
/// What is kept in the folder of those that were refused, beside the file.
const REASON: &str = ".reason.txt";

/// A folder, and whose files are in it.
#[derive(Clone)]
struct Source {
    folder: PathBuf,
    provider: Arc<dyn PaymentProvider>,
    kind: SourceKind,
}

#[derive(Clone, Copy)]
enum SourceKind {
    /// What the bank would post, too.
    Messages,
    Reports,
}

impl Source {
    /// The files that came as one.
    fn files(&self, bytes: &[u8]) -> Result<Vec<Enclosed>, NoBankFile> {
        match self.kind {
            SourceKind::Messages => bank_files(bytes),
            SourceKind::Reports => match unpacked(bytes)? {
                Some(enclosed) => Ok(enclosed),
                None => Ok(vec![Enclosed::new(String::new(), bytes.to_vec())]),
            },
        }
    }

    /// Why it can't be used.
    fn problem(&self, bytes: &[u8]) -> Option<String> {
        let read = match (self.kind, self.provider.settlement()) {
            (SourceKind::Reports, Some(reports)) => reports.interpret(bytes),
            (SourceKind::Reports | SourceKind::Messages, _) => self.provider.interpret(bytes),
        };
        read.err().map(|why| why.to_string())
    }

    /// Whether the rest of it may still be to come: a table has no other end than that of its last line.
    fn has_no_end(&self, bytes: &[u8]) -> bool {
        matches!(self.kind, SourceKind::Reports) && matches!(unpacked(bytes), Ok(None)) && !bytes.ends_with(b"\n")
    }

    fn named(&self, bytes: &[u8]) -> Verified {
        match self.kind {
            SourceKind::Messages => bank_file(bytes),
            SourceKind::Reports => report_file(bytes),
        }
    }

    fn refused(&self, file: RefusedFile) -> RefusedFile {
        match self.kind {
            SourceKind::Messages => file,
            SourceKind::Reports => file.as_report(),
        }
    }
}

/// Whether there is a folder to look into.
#[must_use]
pub fn has_folder(app: &App) -> bool {
    !sources(app).is_empty()
}

fn sources(app: &App) -> Vec<Source> {
    let inbox = app.settings.providers.bank.inbox.as_deref().map(str::trim).filter(|inbox| !inbox.is_empty());
    let bank = inbox.zip(app.providers.find("bank")).map(|(inbox, provider)| Source {
        folder: PathBuf::from(inbox),
        provider,
        kind: SourceKind::Messages,
    });
    let reports = app.providers.iter().filter_map(|provider| {
        let folder = provider.settlement()?.folder().to_owned();
        Some(Source { folder, provider: Arc::clone(provider), kind: SourceKind::Reports })
    });
    bank.into_iter().chain(reports).collect()
}

/// Takes all that is there now, in the order of the names. What fails is left for the next look, and holds nothing else up.
pub async fn pick_up_files(app: &App) {
    for source in sources(app) {
        pick_up(app, &source).await;
    }
}

async fn pick_up(app: &App, source: &Source) {
    let folder = source.folder.clone();
    let provider = source.provider.name();
    let paths = match blocking(move || waiting(&folder)).await {
        Ok(paths) => paths,
        Err(error) => {
            tracing::error!(provider, %error, "a folder could not be looked at; trying again");
            return;
        }
    };
    for path in paths {
        if let Err(error) = take(app, source, path.clone()).await {
            tracing::error!(provider, file = %path.display(), %error, "a file could not be picked up; trying again");
        }
    }
}

async fn take(app: &App, source: &Source, path: PathBuf) -> Result<()> {
    let now = SystemTime::from(app.clock.wall());
    let looked = {
        let (source, path) = (source.clone(), path.clone());
        blocking(move || look(&path, now, &source)).await?
    };
    let (seen, reason) = match looked {
        // Another node was quicker, or it isn't all there yet.
        Found::Gone | Found::Unfinished => return Ok(()),
        Found::Refused { seen, begins, reason } => {
            let refused = source.refused(RefusedFile::new(&name_of(&path), &begins, seen.length, &reason));
            store_refused(app, source.provider.name(), &refused).await?;
            (seen, Some(reason))
        }
        Found::Files(seen, files) => {
            let reason = keep(app, source, &path, &files).await?;
            (seen, reason)
        }
    };
    blocking(move || put_away(&path, &seen, reason.as_deref())).await
}

/// Writes what came as one into the inbox; the reason, if something of it can't be used.
async fn keep(app: &App, source: &Source, path: &Path, files: &[Enclosed]) -> Result<Option<String>> {
    let provider = source.provider.name();
    let mut reasons = Vec::new();
    for file in files {
        let name = if file.name.is_empty() { name_of(path) } else { format!("{}/{}", name_of(path), file.name) };
        if let Some(why) = &file.problem {
            let length = u64::try_from(file.bytes.len()).unwrap_or(u64::MAX);
            let refused = source.refused(RefusedFile::new(&name, &file.bytes, length, why));
            store_refused(app, provider, &refused).await?;
            reasons.push(if file.name.is_empty() { why.clone() } else { format!("{}: {why}", file.name) });
            continue;
        }
        let verified = source.named(&file.bytes);
        let outcome = store_notification(app, provider, &verified, &file.bytes).await?;
        tracing::info!(provider, file = name, event_id = verified.event_id, ?outcome, "a file was picked up");
        if files.len() > 1 {
            reasons.push(format!("{}: taken", file.name));
        }
    }
    let is_refused = files.iter().any(|file| file.problem.is_some());
    Ok(is_refused.then(|| reasons.join("\n")))
}

async fn blocking<T: Send + 'static>(work: impl FnOnce() -> std::io::Result<T> + Send + 'static) -> Result<T> {
    let done = tokio::task::spawn_blocking(work).await.map_err(|error| Error::internal(error.to_string()))?;
    done.map_err(|error| Error::internal(format!("a folder of files: {error}")))
}

/// By name, so that what was numbered by its sender comes in that order. Whatever it is called: what can't be used should not
/// lie there unseen.
fn waiting(folder: &Path) -> std::io::Result<Vec<PathBuf>> {
    let mut paths = Vec::new();
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let name = entry.file_name().to_string_lossy().to_ascii_lowercase();
        let is_unfinished = name.starts_with('.') || UNFINISHED_NAMES.iter().any(|end| name.ends_with(end));
        if !is_unfinished && entry.file_type().is_ok_and(|kind| kind.is_file()) {
            paths.push(entry.path());
        }
    }
    paths.sort();
    Ok(paths)
}

fn name_of(path: &Path) -> String {
    path.file_name().unwrap_or_default().to_string_lossy().into_owned()
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
    Refused {
        seen: Seen,
        /// What could be read of it.
        begins: Vec<u8>,
        reason: String,
    },
    Files(Seen, Vec<Enclosed>),
}

/// What a file is; those that its adapter can't make anything of say why.
fn look(path: &Path, now: SystemTime, source: &Source) -> std::io::Result<Found> {
    let Some((length, modified)) = as_it_is(path)? else { return Ok(Found::Gone) };
    let seen = |bytes: &[u8]| Seen { length, modified, hash: hex::encode(&Sha256::digest(bytes)[..6]) };
    // A clock that is wrong, here or there, makes a file no younger.
    let age = now.duration_since(modified).unwrap_or_else(|error| error.duration());
    let mut bytes = Vec::new();
    match fs::File::open(path).and_then(|file| file.take(LONGEST_FILE).read_to_end(&mut bytes)) {
        Ok(_) => {}
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Found::Gone),
        Err(_) if age < UNFINISHED_FOR => return Ok(Found::Unfinished),
        Err(error) => {
            let reason = format!("it can't be read: {error}");
            return Ok(Found::Refused { seen: seen(&bytes), begins: bytes, reason });
        }
    }
    if length > LONGEST_FILE {
        let reason = "it has more than 16 MiB".to_owned();
        return Ok(Found::Refused { seen: seen(&bytes), begins: bytes, reason });
    }
    let seen = seen(&bytes);
    if source.has_no_end(&bytes) && age < UNFINISHED_FOR {
        return Ok(Found::Unfinished);
    }
    let mut files = match source.files(&bytes) {
        Ok(files) => files,
        Err(cut) if cut.is_cut && age < UNFINISHED_FOR => return Ok(Found::Unfinished),
        Err(problem) => return Ok(Found::Refused { seen, begins: bytes, reason: problem.reason }),
    };
    for file in files.iter_mut().filter(|file| file.problem.is_none()) {
        file.problem = source.problem(&file.bytes);
    }
    Ok(Found::Files(seen, files))
}

fn as_it_is(path: &Path) -> std::io::Result<Option<(u64, SystemTime)>> {
    match fs::metadata(path) {
        Ok(found) => Ok(Some((found.len(), found.modified()?))),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

/// What is there under that name in the other folder stays: names are used again.
fn put_away(path: &Path, seen: &Seen, reason: Option<&str>) -> std::io::Result<()> {
    if !is_as_seen(path, seen)? {
        return Ok(());
    }
    let (Some(inbox), Some(name)) = (path.parent(), path.file_name()) else { return Ok(()) };
    let folder = inbox.join(if reason.is_some() { "refused" } else { "done" });
    fs::create_dir_all(&folder)?;
    let mut target = folder.join(name);
    if target.exists() {
        target = folder.join(format!("{}.{}", seen.hash, name.to_string_lossy()));
    }
    match fs::rename(path, &target) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
        other => other?,
    }
    if !is_as_seen(&target, seen)? {
        // Another one has come under the name in the meantime, which nobody has read.
        return fs::rename(&target, inbox.join(format!("{}.{}", seen.hash, name.to_string_lossy())));
    }
    let Some(reason) = reason else { return Ok(()) };
    let mut beside = target.into_os_string();
    beside.push(REASON);
    fs::write(beside, format!("{reason}\n"))
}

fn is_as_seen(path: &Path, seen: &Seen) -> std::io::Result<bool> {
    Ok(as_it_is(path)? == Some((seen.length, seen.modified)))
}
