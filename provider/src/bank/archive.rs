//! Archives that banks' connections bring files in: zip with any number of them, gz with one.
//!
//! What is unpacked is bounded, whatever an archive says of itself; an archive inside of one is not opened.

use std::io::{Cursor, ErrorKind, Read};

use flate2::read::MultiGzDecoder;
use zip::ZipArchive;
use zip::result::ZipError;

use super::encoding::Unreadable;
use crate::webhook::Enclosed;

/// A statement of a day with ten thousand bookings.
pub(super) const LONGEST_FILE: usize = 16 * 1024 * 1024;
/// Of all the files of one archive.
const LONGEST_ARCHIVE: usize = 4 * LONGEST_FILE;
const MOST_FILES: usize = 1_000;
const LONGEST_NAME: usize = 200;

/// The files that are in an archive; none of what is no archive.
pub(super) fn unpack(bytes: &[u8]) -> Result<Option<Vec<Enclosed>>, Unreadable> {
    match bytes {
        [b'P', b'K', 3, 4, ..] | [b'P', b'K', 5, 6, ..] => unzip(bytes).map(Some),
        [0x1f, 0x8b, ..] => gunzip(bytes).map(|only| Some(vec![only])),
        _plain => Ok(None),
    }
}

fn gunzip(bytes: &[u8]) -> Result<Enclosed, Unreadable> {
    match read_up_to(LONGEST_FILE, MultiGzDecoder::new(bytes)) {
        Ok(Some(bytes)) => Ok(Enclosed::new(String::new(), bytes)),
        Ok(None) => Err("it is a gz with a file of more than 16 MiB in it".into()),
        Err(error) if error.kind() == ErrorKind::UnexpectedEof => Err(Unreadable::cut("it is a gz that is cut off")),
        Err(_broken) => Err("it is a gz that can't be unpacked".into()),
    }
}

fn unzip(bytes: &[u8]) -> Result<Vec<Enclosed>, Unreadable> {
    let mut archive = ZipArchive::new(Cursor::new(bytes))
        .map_err(|_no_directory| Unreadable::cut("it is a zip that is cut off, or can't be unpacked"))?;
    if archive.len() > MOST_FILES {
        return Err("it is a zip with more than 1000 files".into());
    }
    if entries_of(bytes).is_some_and(|entries| entries != archive.len()) {
        return Err("it is a zip with several files of one name".into());
    }
    let names: Vec<String> = (0..archive.len()).map(|index| name_of(&archive, index)).collect();
    if names.iter().any(|name| name == "[Content_Types].xml") {
        return Err("it is an Office document, and not one of the bank's files in XML".into());
    }
    let (mut files, mut left) = (Vec::new(), LONGEST_ARCHIVE);
    for (index, name) in names.into_iter().enumerate() {
        if is_of_the_packer(&name) {
            continue;
        }
        let file = match archive.by_index(index) {
            Ok(file) if file.is_dir() => continue,
            Ok(file) => file,
            Err(ZipError::UnsupportedArchive(why)) if why == ZipError::PASSWORD_REQUIRED => {
                files.push(Enclosed::unusable(name, "it is encrypted"));
                continue;
            }
            Err(_unsupported) => {
                files.push(Enclosed::unusable(name, "it is packed in a way that is not known here"));
                continue;
            }
        };
        match read_up_to(left.min(LONGEST_FILE), file) {
            Ok(Some(bytes)) => {
                left -= bytes.len();
                files.push(Enclosed::new(name, bytes));
            }
            Ok(None) if left < LONGEST_FILE => return Err("it is a zip with more than 64 MiB in it".into()),
            Ok(None) => files.push(Enclosed::unusable(name, "it has more than 16 MiB")),
            Err(_broken) => files.push(Enclosed::unusable(name, "it can't be unpacked")),
        }
    }
    if files.is_empty() { Err("it is a zip with nothing in it".into()) } else { Ok(files) }
}

/// How many it says that it has: what reads it knows them by their names, and would leave out the first of two.
fn entries_of(bytes: &[u8]) -> Option<usize> {
    let end = bytes.windows(4).rposition(|window| window == b"PK\x05\x06")?;
    let entries = u16::from_le_bytes(bytes.get(end + 10..end + 12)?.try_into().ok()?);
    (entries != u16::MAX).then_some(usize::from(entries))
}

fn name_of(archive: &ZipArchive<Cursor<&[u8]>>, index: usize) -> String {
    let name = archive.name_for_index(index).and_then(Result::ok).unwrap_or_default();
    name.chars().filter(|c| !c.is_control()).take(LONGEST_NAME).collect()
}

/// What programs put into archives for themselves.
fn is_of_the_packer(name: &str) -> bool {
    name.starts_with("__MACOSX/") || name.rsplit('/').next().is_some_and(|last| last == ".DS_Store")
}

/// None if there is more.
fn read_up_to(most: usize, from: impl Read) -> std::io::Result<Option<Vec<u8>>> {
    let mut bytes = Vec::new();
    let limit = u64::try_from(most).unwrap_or(u64::MAX);
    from.take(limit.saturating_add(1)).read_to_end(&mut bytes)?;
    Ok((bytes.len() <= most).then_some(bytes))
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use flate2::Compression;
    use flate2::write::GzEncoder;
    use zip::ZipWriter;
    use zip::write::SimpleFileOptions;

    use super::*;

    fn zipped(files: &[(&str, &[u8])]) -> Vec<u8> {
        let mut writer = ZipWriter::new(Cursor::new(Vec::new()));
        for (name, bytes) in files {
            writer.start_file(*name, SimpleFileOptions::default()).expect("starts");
            writer.write_all(bytes).expect("writes");
        }
        writer.finish().expect("ends").into_inner()
    }

    fn gzipped(bytes: &[u8]) -> Vec<u8> {
        let mut writer = GzEncoder::new(Vec::new(), Compression::default());
        writer.write_all(bytes).expect("writes");
        writer.finish().expect("ends")
    }

    fn files(bytes: &[u8]) -> Vec<(String, Vec<u8>, Option<String>)> {
        let files = unpack(bytes).expect("unpacks").expect("an archive");
        files.into_iter().map(|file| (file.name, file.bytes, file.problem)).collect()
    }

    fn problem(bytes: &[u8]) -> Unreadable {
        unpack(bytes).expect_err("must refuse")
    }

    #[test]
    fn every_file_of_an_archive_is_its_own() {
        let zip = zipped(&[("a/b.xml", b"one"), ("a/", b""), ("__MACOSX/a/._b.xml", b"x"), ("c.xml", b"two")]);
        let plain = |name: &str, bytes: &[u8]| (name.to_owned(), bytes.to_vec(), None);
        assert_eq!(files(&zip), [plain("a/b.xml", b"one"), plain("c.xml", b"two")]);
        assert_eq!(files(&gzipped(b"one")), [plain("", b"one")]);
        let two = [gzipped(b"one"), gzipped(b"two")].concat();
        assert_eq!(files(&two), [plain("", b"onetwo")]);
        assert_eq!(unpack(b"<a/>"), Ok(None));
        assert_eq!(unpack(b""), Ok(None));
    }

    #[test]
    fn an_archive_that_is_no_archive_or_too_much_is_refused() {
        let (zip, gz) = (zipped(&[("a.xml", b"one")]), gzipped(&b"one".repeat(100)));
        for end in 4..zip.len() {
            assert!(zip.get(..end).is_some_and(|cut| problem(cut).is_cut), "{end}");
        }
        for end in 2..gz.len() {
            assert!(gz.get(..end).is_some_and(|cut| problem(cut).is_cut), "{end}");
        }
        assert!(!problem(&[&gz[..20], b"garbage garbage"].concat()).problem.is_empty());
        assert!(problem(&zipped(&[])).problem.contains("nothing"));
        assert!(problem(&zipped(&[("[Content_Types].xml", b"x")])).problem.contains("Office"));
        let bomb = vec![0; LONGEST_FILE + 1];
        assert!(problem(&gzipped(&bomb)).problem.contains("16 MiB"));
        let large = files(&zipped(&[("large.xml", &bomb), ("a.xml", b"one")]));
        assert!(large[0].2.as_deref().is_some_and(|why| why.contains("16 MiB")));
        assert_eq!(large[1], ("a.xml".to_owned(), b"one".to_vec(), None));
        let names: Vec<String> = (0..5).map(|number| format!("{number}.xml")).collect();
        let full: Vec<(&str, &[u8])> = names.iter().map(|name| (name.as_str(), &bomb[1..])).collect();
        assert!(problem(&zipped(&full)).problem.contains("64 MiB"));
        // Two of one name: the second name is made the first one's in both places where it stands.
        let mut twice = zipped(&[("a.xml", b"one"), ("b.xml", b"two")]);
        while let Some(at) = twice.windows(5).position(|window| window == b"b.xml") {
            twice[at] = b'a';
        }
        assert!(problem(&twice).problem.contains("one name"));
    }
}
