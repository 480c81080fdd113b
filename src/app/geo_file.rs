//! The city database as a private, memory-mapped copy.
//!
//! The copy lies in `<data_dir>/cache/geo/` and is replaced by rename, never written in place, so
//! that an operator may replace the original under a running server: then the new file is copied
//! and checked whole before it takes the old one's place.

use std::fs::{self, DirBuilder, File};
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use maxminddb::{Mmap, Reader};

use crate::ingest::{Geo, location};

/// At most one file for each address family.
const FILES_MAX: usize = 2;

/// Opens the databases of `paths` (one for both families, or one each).
///
/// # Errors
/// When a file cannot be copied, mapped, or is no city database.
pub fn open(paths: &[PathBuf], cache_dir: &Path) -> Result<Geo> {
    gather(paths, cache_dir, |path, copy| {
        refresh(path, copy)
            .with_context(|| format!("cannot copy the city database {}", path.display()))?;
        map(copy)
    })
}

/// Opens them anew after they were replaced: every record is looked at before they are used, since
/// a file may be half copied or damaged. Takes seconds.
///
/// # Errors
/// As [`open`], and when any part of a file is damaged.
pub fn replace(paths: &[PathBuf], cache_dir: &Path) -> Result<Geo> {
    gather(paths, cache_dir, |path, copy| {
        let new = copy.with_extension("new");
        copy_to(path, &new)
            .with_context(|| format!("cannot copy the city database {}", path.display()))?;
        let reader = map(&new)?;
        location::check(&reader)?;
        fs::rename(&new, copy)?;
        Ok(reader)
    })
}

fn gather(
    paths: &[PathBuf],
    cache_dir: &Path,
    get: impl Fn(&Path, &Path) -> Result<Reader<Mmap>>,
) -> Result<Geo> {
    if paths.len() > FILES_MAX {
        bail!("geo_path takes at most two files: one for IPv4 and one for IPv6");
    }
    let dir = cache_dir.join("geo");
    DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(&dir)
        .with_context(|| format!("cannot make {}", dir.display()))?;
    let (mut v4, mut v6) = (None, None);
    for (number, path) in paths.iter().enumerate() {
        let copy = dir.join(format!("{number}.mmdb"));
        let reader = get(path, &copy).with_context(|| {
            format!("geo_path {} is not a whole city database in the MMDB format", path.display())
        })?;
        let family = if reader.metadata().ip_version == 4 { &mut v4 } else { &mut v6 };
        if family.replace(reader).is_some() {
            bail!("geo_path names two databases of the same address family");
        }
    }
    Ok(Geo::new(v4, v6))
}

/// Copies `source` unless the copy has the same size and time of change.
fn refresh(source: &Path, copy: &Path) -> Result<()> {
    let wanted = fs::metadata(source)?;
    if let Ok(present) = fs::metadata(copy)
        && present.len() == wanted.len()
        && present.modified()? == wanted.modified()?
    {
        return Ok(());
    }
    let partial = copy.with_extension("partial");
    copy_to(source, &partial)?;
    fs::rename(&partial, copy)?;
    Ok(())
}

/// Copies with the time of change, which tells later whether the copy is still the same file's.
fn copy_to(source: &Path, target: &Path) -> Result<()> {
    let changed = fs::metadata(source)?.modified()?;
    fs::copy(source, target)?;
    let file = File::options().write(true).open(target)?;
    file.set_modified(changed)?;
    file.sync_all()?;
    Ok(())
}

fn map(copy: &Path) -> Result<Reader<Mmap>> {
    #[expect(unsafe_code, reason = "the mapped file is our private copy, never written in place")]
    // SAFETY: the copy is replaced by rename only, so the mapped inode never changes.
    let reader = unsafe { Reader::open_mmap(copy) };
    Ok(reader?)
}
