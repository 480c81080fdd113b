//! Small pieces of C that stand under the program or ask the kernel what Rust has no safe call for.

use std::path::{Path, PathBuf};
use std::process::Command;

/// Compiles `NAME.c` of this folder to a library for preloading; where it is.
pub(crate) fn library(folder: &Path, name: &str) -> PathBuf {
    compile(&["-shared", "-fPIC"], name, folder.join(format!("{name}.so")))
}

/// Compiles `NAME.c` of this folder to a program; where it is.
pub(crate) fn program(folder: &Path, name: &str) -> PathBuf {
    compile(&[], name, folder.join(name))
}

fn compile(flags: &[&str], name: &str, to: PathBuf) -> PathBuf {
    if to.exists() {
        return to;
    }
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/it/support");
    let source = format!("{folder}/{name}.c");
    let status = Command::new("cc")
        .args(flags)
        .args(["-O1", "-Wall", "-o"])
        .arg(&to)
        .arg(&source)
        .status()
        .expect("cc is needed to build parts of the tests");
    assert!(status.success(), "cc could not build {source}");
    to
}
