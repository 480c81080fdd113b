//! Which directory holds the key files, and whether it can be trusted with them.
//!
//! A directory fits when it is RAM-backed (tmpfs or ramfs), ours, of mode 0700 and not a link. A
//! directory that was named explicitly and does not fit is an error; of the others the first that
//! fits is taken, and none means that keys live in memory only. The files are `file.rs`.

use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};

use rustix::fs::{Mode, OFlags};
use rustix::io::Errno;

use crate::keys::KeysConfig;

/// `f_type` of tmpfs, from `linux/magic.h`.
const TMPFS_MAGIC: i128 = 0x0102_1994;
/// `f_type` of ramfs, from `linux/magic.h`.
const RAMFS_MAGIC: i128 = 0x8584_58f6;
/// The mode of a key directory; nobody but us may even list it.
const DIRECTORY_MODE: u32 = 0o700;

/// Why a directory cannot hold keys.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DirectoryFault {
    /// It does not exist and was not to be made, or could not be.
    #[error("cannot be opened ({0})")]
    Unopened(String),
    /// It is a symbolic link or not a directory.
    #[error("is a link or not a directory")]
    NotDirectory,
    /// It lies on a disk.
    #[error("is not RAM-backed (tmpfs or ramfs)")]
    NotRam,
    /// It belongs to somebody else.
    #[error("belongs to user {0} and not to us")]
    NotOurs(u32),
    /// Others may enter it.
    #[error("has mode {0:04o} and not 0700")]
    Mode(u32),
}

/// An opened directory that holds key files.
pub(super) struct KeyDirectory {
    pub(super) fd: OwnedFd,
    pub(super) path: PathBuf,
}

/// What was chosen.
pub(super) enum Choice {
    Directory(KeyDirectory),
    /// The reason, for people.
    MemoryOnly(String),
}

/// One place that may be taken.
struct Candidate {
    path: PathBuf,
    /// Whether it is made when it does not exist.
    make: bool,
}

/// Chooses the directory of `config`; `swap` says whether memory may reach a disk.
///
/// # Errors
/// When the explicit directory does not fit.
pub(super) fn choose(config: &KeysConfig, swap: bool) -> Result<Choice, (PathBuf, DirectoryFault)> {
    let keep_off = swap && !config.allow_swap;
    let by_swap = "swap is active, so a key file could reach a disk; \
                   switch swap off, use zram, or set allow_swap = true";
    if let Some(path) = &config.explicit {
        let candidate = Candidate { path: path.clone(), make: true };
        let directory = open(&candidate).map_err(|fault| (path.clone(), fault))?;
        return Ok(if keep_off {
            Choice::MemoryOnly(by_swap.to_owned())
        } else {
            Choice::Directory(directory)
        });
    }
    if keep_off {
        return Ok(Choice::MemoryOnly(by_swap.to_owned()));
    }
    Ok(first_of(&candidates(config)))
}

/// The name under `/dev/shm` for a data directory: one for each user and each data directory.
fn shared_memory_name(data_dir: &Path) -> String {
    let absolute = std::fs::canonicalize(data_dir)
        .or_else(|_| std::path::absolute(data_dir))
        .unwrap_or_else(|_| data_dir.to_owned());
    let hash = blake3::hash(absolute.as_os_str().as_encoded_bytes()).to_hex();
    let short: String = hash.chars().take(16).collect();
    format!("headcount-{}-{short}", rustix::process::geteuid().as_raw())
}

fn candidates(config: &KeysConfig) -> Vec<Candidate> {
    let given = config.runtime_directory.clone();
    let mut list: Vec<Candidate> = given
        .into_iter()
        .chain([PathBuf::from("/run/headcount")])
        // Made by whoever runs the service: two data directories must not meet there by chance.
        .map(|path| Candidate { path, make: false })
        .collect();
    let own = Path::new("/dev/shm").join(shared_memory_name(&config.data_dir));
    list.push(Candidate { path: own, make: true });
    list
}

fn first_of(candidates: &[Candidate]) -> Choice {
    let mut reasons = Vec::new();
    for candidate in candidates {
        match open(candidate) {
            Ok(directory) => return Choice::Directory(directory),
            Err(fault) => reasons.push(format!("{} {fault}", candidate.path.display())),
        }
    }
    Choice::MemoryOnly(format!("no directory fits: {}", reasons.join("; ")))
}

fn open(candidate: &Candidate) -> Result<KeyDirectory, DirectoryFault> {
    let unopened = |errno: Errno| DirectoryFault::Unopened(errno.to_string());
    let path = &candidate.path;
    let mut made = false;
    if candidate.make {
        match rustix::fs::mkdir(path, Mode::from_raw_mode(DIRECTORY_MODE)) {
            Ok(()) => made = true,
            Err(Errno::EXIST) => {}
            Err(errno) => return Err(unopened(errno)),
        }
    }
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let fd = match rustix::fs::open(path, flags, Mode::empty()) {
        Ok(fd) => fd,
        Err(Errno::NOTDIR | Errno::LOOP) => return Err(DirectoryFault::NotDirectory),
        Err(errno) => return Err(unopened(errno)),
    };
    let checked = check(&fd);
    if made && checked.is_err() {
        // Leave no trace of a directory that was not taken.
        rustix::fs::rmdir(path).ok();
    }
    checked.map(|()| KeyDirectory { fd, path: path.clone() })
}

fn check(fd: &OwnedFd) -> Result<(), DirectoryFault> {
    let unopened = |errno: Errno| DirectoryFault::Unopened(errno.to_string());
    let kind = i128::from(rustix::fs::fstatfs(fd).map_err(unopened)?.f_type);
    if kind != TMPFS_MAGIC && kind != RAMFS_MAGIC {
        return Err(DirectoryFault::NotRam);
    }
    let stat = rustix::fs::fstat(fd).map_err(unopened)?;
    if stat.st_uid != rustix::process::geteuid().as_raw() {
        return Err(DirectoryFault::NotOurs(stat.st_uid));
    }
    let mode = stat.st_mode & 0o7777;
    if mode != DIRECTORY_MODE {
        return Err(DirectoryFault::Mode(mode));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::fs::Permissions;
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    fn shm() -> tempfile::TempDir {
        tempfile::Builder::new()
            .permissions(Permissions::from_mode(0o700))
            .prefix("hc-keydir-")
            .tempdir_in("/dev/shm")
            .unwrap()
    }

    fn config(explicit: &Path) -> KeysConfig {
        KeysConfig {
            explicit: Some(explicit.to_owned()),
            runtime_directory: None,
            data_dir: PathBuf::from("/nowhere"),
            allow_swap: false,
        }
    }

    fn fault(explicit: &Path) -> DirectoryFault {
        choose(&config(explicit), false).err().expect("refused").1
    }

    #[test]
    fn an_explicit_directory_is_made_and_taken() {
        let room = shm();
        let path = room.path().join("keys");
        let Ok(Choice::Directory(found)) = choose(&config(&path), false) else {
            panic!("not taken")
        };
        assert_eq!(found.path, path);
        let mode = std::fs::metadata(&path).unwrap().permissions().mode() & 0o7777;
        assert_eq!(mode, 0o700);
    }

    #[test]
    fn an_explicit_directory_on_a_disk_is_refused_and_not_left_behind() {
        let room = tempfile::tempdir_in("/var/tmp").unwrap();
        let path = room.path().join("keys");
        assert_eq!(fault(&path), DirectoryFault::NotRam);
        assert!(!path.exists());
    }

    #[test]
    fn a_link_is_refused() {
        let room = shm();
        let real = room.path().join("real");
        std::fs::create_dir(&real).unwrap();
        std::fs::set_permissions(&real, Permissions::from_mode(0o700)).unwrap();
        let link = room.path().join("link");
        std::os::unix::fs::symlink(&real, &link).unwrap();
        assert_eq!(fault(&link), DirectoryFault::NotDirectory);
    }

    #[test]
    fn a_directory_that_others_may_enter_is_refused() {
        let room = shm();
        std::fs::set_permissions(room.path(), Permissions::from_mode(0o750)).unwrap();
        assert_eq!(fault(room.path()), DirectoryFault::Mode(0o750));
    }

    #[test]
    fn a_directory_of_somebody_else_is_refused() {
        if !rustix::process::geteuid().is_root() {
            return; // Only root can give a directory away.
        }
        let room = shm();
        std::os::unix::fs::chown(room.path(), Some(12_345), None).unwrap();
        assert_eq!(fault(room.path()), DirectoryFault::NotOurs(12_345));
    }

    #[test]
    fn swap_means_memory_only_unless_allowed() {
        let room = shm();
        let mut config = config(room.path());
        assert!(matches!(choose(&config, true), Ok(Choice::MemoryOnly(_))));
        config.allow_swap = true;
        assert!(matches!(choose(&config, true), Ok(Choice::Directory(_))));
    }

    #[test]
    fn the_first_candidate_that_fits_is_taken_and_none_says_why() {
        let room = shm();
        let disk = Candidate { path: PathBuf::from("/var/tmp"), make: false };
        let fits = Candidate { path: room.path().to_owned(), make: false };
        let Choice::MemoryOnly(reason) = first_of(&[disk]) else { panic!("a disk was taken") };
        assert!(reason.contains("/var/tmp is not RAM-backed"), "{reason}");
        let gone = Candidate { path: PathBuf::from("/dev/shm/hc-not-there"), make: false };
        assert!(matches!(first_of(&[gone, fits]), Choice::Directory(_)));
    }

    #[test]
    fn two_data_directories_never_share_a_name() {
        let one = shared_memory_name(Path::new("/srv/one"));
        assert_ne!(one, shared_memory_name(Path::new("/srv/two")));
        assert_eq!(one, shared_memory_name(Path::new("/srv/one")));
    }
}
