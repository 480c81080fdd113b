//! The hidden `engine` command: this process becomes the engine.
//!
//! It leaves the terminal's process group, so that Ctrl-C reaches the parent alone; it ends as soon
//! as its standard input ends, which is when the parent is gone; and it calls the one function of
//! the library that can listen. It must be called before any other thread exists and does nothing
//! else of ours. All unsafe code of the engine is here.

use std::ffi::{CString, OsString, c_char, c_int, c_void};
use std::io::{Read as _, Write as _};
use std::os::unix::ffi::OsStringExt as _;
use std::path::PathBuf;
use std::process::ExitCode;

use rustix::process::{Resource, Rlimit, Signal};

/// What the engine does once it runs: listen, then sleep for ever. Ending this query ends it.
const QUERY: &str = "system start listen http; \
    select count() from numbers(1000000000000) where sleepEachRow(3)=1 \
    settings max_block_size=1, max_threads=1";

/// Name of the function in the library: it reads a command line as the `clickhouse` program does.
const ENTRY: &[u8] = b"chdb_query_cmdline\0";

type Entry = unsafe extern "C" fn(c_int, *mut *mut c_char) -> *mut c_void;

/// The arguments of the hidden command.
#[derive(Debug, PartialEq, Eq)]
struct Arguments {
    library: PathBuf,
    config: OsString,
    data: OsString,
    http_port: OsString,
    tcp_port: OsString,
}

/// Why the engine could not be entered.
#[derive(Debug, thiserror::Error)]
enum LibraryError {
    #[error("the engine command is for headcount itself: {0}")]
    Usage(&'static str),
    #[error("the engine library {0} cannot be loaded: {1}")]
    Load(PathBuf, libloading::Error),
    #[error("an argument holds a zero byte")]
    ZeroByte,
}

/// Runs the engine until it ends; `arguments` are those after the word `engine`.
///
/// Returns success when the engine ended by itself, failure when it could not be entered.
#[must_use]
pub fn main(arguments: impl IntoIterator<Item = OsString>) -> ExitCode {
    let entered = parse(arguments).and_then(|arguments| enter(&arguments));
    match entered {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // The parent reads this; if it is gone there is nobody to tell.
            writeln!(std::io::stderr(), "{error}").ok();
            ExitCode::FAILURE
        }
    }
}

fn parse(arguments: impl IntoIterator<Item = OsString>) -> Result<Arguments, LibraryError> {
    let (mut library, mut config, mut data, mut http, mut tcp) = (None, None, None, None, None);
    let mut arguments = arguments.into_iter();
    while let Some(name) = arguments.next() {
        let value = arguments.next();
        match name.to_str() {
            Some("--library") => library = value,
            Some("--config") => config = value,
            Some("--data") => data = value,
            Some("--http-port") => http = value,
            Some("--tcp-port") => tcp = value,
            _ => return Err(LibraryError::Usage("unknown argument")),
        }
    }
    let missing = LibraryError::Usage;
    Ok(Arguments {
        library: library.ok_or(missing("--library is missing"))?.into(),
        config: config.ok_or(missing("--config is missing"))?,
        data: data.ok_or(missing("--data is missing"))?,
        http_port: http.ok_or(missing("--http-port is missing"))?,
        tcp_port: tcp.ok_or(missing("--tcp-port is missing"))?,
    })
}

/// The command line that the library is given.
fn command_line(arguments: &Arguments) -> Result<Vec<CString>, LibraryError> {
    let option = |name: &str, value: &OsString| {
        let mut text = OsString::from(name);
        text.push(value);
        text
    };
    let words = [
        OsString::from("clickhouse"),
        option("--config-file=", &arguments.config),
        option("--path=", &arguments.data),
        option("--http_port=", &arguments.http_port),
        option("--tcp_port=", &arguments.tcp_port),
        OsString::from("--listen_host=127.0.0.1"),
        OsString::from("--query"),
        OsString::from(QUERY),
    ];
    words
        .into_iter()
        .map(|word| CString::new(word.into_vec()).map_err(|_| LibraryError::ZeroByte))
        .collect()
}

fn enter(arguments: &Arguments) -> Result<(), LibraryError> {
    // Fails only for a process that leads its group already, which then needs no new session.
    rustix::process::setsid().ok();
    // A core file would hold rows. If it cannot be forbidden the engine still has to run.
    let none = Rlimit { current: Some(0), maximum: Some(0) };
    rustix::process::setrlimit(Resource::Core, none).ok();
    // Many systems start with 1024 open files, which a day with many parts can need at once.
    let files = rustix::process::getrlimit(Resource::Nofile);
    let most = Rlimit { current: files.maximum, maximum: files.maximum };
    rustix::process::setrlimit(Resource::Nofile, most).ok();
    drop(std::thread::spawn(end_with_standard_input));

    let mut words = command_line(arguments)?.into_iter().map(CString::into_raw).collect::<Vec<_>>();
    let count = c_int::try_from(words.len()).map_err(|_| LibraryError::ZeroByte)?;
    words.push(std::ptr::null_mut());
    call(&arguments.library, count, &mut words)
}

#[expect(unsafe_code, reason = "loading a C library and calling it")]
fn call(path: &PathBuf, count: c_int, words: &mut [*mut c_char]) -> Result<(), LibraryError> {
    // SAFETY: the library is the pinned engine of the operator's choice; its initialisers run in
    // this process, which exists for nothing else.
    let library = unsafe { libloading::Library::new(path) }
        .map_err(|error| LibraryError::Load(path.clone(), error))?;
    // SAFETY: the symbol has this signature in the library's public header (`chdb.h`).
    let entry = unsafe { library.get::<Entry>(ENTRY) }
        .map_err(|error| LibraryError::Load(path.clone(), error))?;
    // SAFETY: `words` holds `count` zero-terminated strings that are never freed, and a null.
    let _result = unsafe { entry(count, words.as_mut_ptr()) };
    // Its threads may still run: unloading would pull the code from under them.
    std::mem::forget(library);
    Ok(())
}

/// Blocks until standard input ends, then ends the process at once: the parent is gone.
fn end_with_standard_input() {
    let mut input = std::io::stdin().lock();
    let mut buffer = [0_u8; 64];
    loop {
        match input.read(&mut buffer) {
            Ok(0) => break,
            Ok(_) => {}
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
            Err(_) => break,
        }
    }
    // SIGKILL to oneself cannot fail, and no handler or exit hook of the library runs.
    rustix::process::kill_process(rustix::process::getpid(), Signal::KILL).ok();
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(text: &str) -> Vec<OsString> {
        text.split(' ').map(OsString::from).collect()
    }

    #[test]
    fn the_command_line_listens_on_loopback_only() {
        let text = "--library /l --config /c.xml --data /d --http-port 1 --tcp-port 2";
        let arguments = parse(words(text)).unwrap();
        let line = command_line(&arguments).unwrap();
        let line: Vec<_> = line.iter().map(|word| word.to_str().unwrap()).collect();
        assert!(line.contains(&"--listen_host=127.0.0.1"));
        assert!(line.contains(&"--config-file=/c.xml"));
        // Without a port of ours the engine would open 9000 for whoever asks.
        assert!(line.contains(&"--tcp_port=2"));
    }

    #[test]
    fn a_missing_argument_is_named() {
        let error = parse(words("--library /l")).unwrap_err();
        assert!(error.to_string().contains("--config is missing"), "{error}");
        assert!(parse(words("--verbose 1")).is_err());
    }
}
