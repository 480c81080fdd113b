//! A gate in front of a port of this machine: open, it passes everything on; shut, nobody gets
//! through and those who were through are cut off. So one program loses a server that others keep.

use std::io;
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// A running gate; it ends with the test's process.
pub(crate) struct Gate {
    port: u16,
    shared: Arc<Mutex<Passing>>,
}

#[derive(Default)]
struct Passing {
    shut: bool,
    streams: Vec<TcpStream>,
}

impl Gate {
    /// Starts, open, in front of `port`.
    pub(crate) fn start(port: u16) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let own = listener.local_addr().expect("its address").port();
        let shared = Arc::new(Mutex::new(Passing::default()));
        let passing = Arc::clone(&shared);
        drop(std::thread::spawn(move || {
            for client in listener.incoming().flatten() {
                // A client that cannot be served is cut off by being dropped.
                drop(pass(client, port, &passing));
            }
        }));
        Self { port: own, shared }
    }

    /// `http://127.0.0.1:P`.
    pub(crate) fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// From now on nobody gets through.
    pub(crate) fn shut(&self) {
        let mut passing = lock(&self.shared);
        passing.shut = true;
        for stream in passing.streams.drain(..) {
            drop(stream.shutdown(Shutdown::Both));
        }
    }

    /// From now on everybody gets through.
    pub(crate) fn open(&self) {
        lock(&self.shared).shut = false;
    }
}

fn lock(shared: &Mutex<Passing>) -> MutexGuard<'_, Passing> {
    shared.lock().unwrap_or_else(PoisonError::into_inner)
}

fn pass(client: TcpStream, port: u16, shared: &Mutex<Passing>) -> io::Result<()> {
    let mut passing = lock(shared);
    if passing.shut {
        return client.shutdown(Shutdown::Both);
    }
    let server = TcpStream::connect(("127.0.0.1", port))?;
    passing.streams.extend([client.try_clone()?, server.try_clone()?]);
    drop(passing);
    let (mut from, mut to) = (client.try_clone()?, server.try_clone()?);
    drop(std::thread::spawn(move || copy(&mut from, &mut to)));
    let (mut from, mut to) = (server, client);
    drop(std::thread::spawn(move || copy(&mut from, &mut to)));
    Ok(())
}

fn copy(from: &mut TcpStream, to: &mut TcpStream) {
    drop(io::copy(from, to));
    drop(to.shutdown(Shutdown::Write));
}
