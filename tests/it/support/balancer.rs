//! A balancer before collectors: each connection goes to the next one that takes it.

use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

/// A running balancer; it ends with the test's process.
pub(crate) struct Balancer {
    port: u16,
    /// `A:P` of each collector.
    backends: Arc<Mutex<Vec<String>>>,
}

impl Balancer {
    /// Starts before collectors with these `http://A:P`.
    pub(crate) fn start(urls: &[&str]) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let port = listener.local_addr().expect("its address").port();
        let backends = urls.iter().map(|url| address(url)).collect();
        let backends: Arc<Mutex<Vec<String>>> = Arc::new(Mutex::new(backends));
        let shared = Arc::clone(&backends);
        let turn = AtomicUsize::new(0);
        drop(std::thread::spawn(move || {
            for client in listener.incoming().flatten() {
                let all = shared.lock().unwrap_or_else(PoisonError::into_inner).clone();
                let first = turn.fetch_add(1, Ordering::Relaxed);
                let order = (0..all.len()).map(|n| &all[(first + n) % all.len()]);
                // A client that nobody takes is cut off by being dropped.
                if let Some(server) = order.flat_map(TcpStream::connect).next() {
                    drop(join(&client, &server));
                }
            }
        }));
        Self { port, backends }
    }

    /// `http://127.0.0.1:P`.
    pub(crate) fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// The collector at place `at` is now found at `url`.
    pub(crate) fn moved(&self, at: usize, url: &str) {
        self.backends.lock().unwrap_or_else(PoisonError::into_inner)[at] = address(url);
    }
}

fn address(url: &str) -> String {
    url.trim_start_matches("http://").to_owned()
}

fn join(client: &TcpStream, server: &TcpStream) -> std::io::Result<()> {
    for (from, to) in [(client, server), (server, client)] {
        from.set_nodelay(true)?;
        let (mut from, mut to) = (from.try_clone()?, to.try_clone()?);
        drop(std::thread::spawn(move || {
            drop(std::io::copy(&mut from, &mut to));
            // Whoever is left learns at once that the other one is gone.
            drop(to.shutdown(Shutdown::Both));
            drop(from.shutdown(Shutdown::Both));
        }));
    }
    Ok(())
}
