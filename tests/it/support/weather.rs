//! Bad weather between a program and its ClickHouse: a proxy before one port that passes everything
//! on until it is told to trouble those who pass.
//!
//! Trouble ends for everybody at once: connections that were held up are cut when it changes.

use std::io::{BufReader, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use rustix::net::sockopt::set_socket_linger;

use crate::support::fault::message;

/// How often the proxy looks whether something changed.
const LOOK_EVERY: Duration = Duration::from_millis(3);
/// Pause between two bytes of a slow answer, which is some hundred bytes long.
const TRICKLE: Duration = Duration::from_millis(3);
/// How long a slow request waits between its halves.
const SLOW: Duration = Duration::from_millis(300);

/// What happens to those who pass.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Trouble {
    /// Nothing.
    None,
    /// Nobody listens.
    Refused,
    /// Connections are taken, nothing is ever said.
    Hangs,
    /// Requests arrive in halves, answers byte by byte.
    Slow,
    /// The server gets the request; its answer ends in the middle, with a reset.
    Reset,
    /// 500 instead of the request being passed on.
    Error,
    /// The server gets the request; its answer is replaced by 500.
    ErrorAfter,
    /// 502 with a page, as proxies do.
    BadGateway,
    /// As `Hangs`; and the requests are kept, to be passed on whenever [`Weather::pass_on`] says so.
    Kept,
}

/// All but none and `Kept`, each of which ends when the weather changes.
pub(crate) const TROUBLES: [Trouble; 7] = [
    Trouble::Refused,
    Trouble::Hangs,
    Trouble::Slow,
    Trouble::Reset,
    Trouble::Error,
    Trouble::ErrorAfter,
    Trouble::BadGateway,
];

/// A running proxy; it ends with the test's process.
pub(crate) struct Weather {
    address: SocketAddr,
    shared: Arc<Shared>,
}

struct Shared {
    server: u16,
    now: Mutex<(Trouble, Arc<AtomicBool>)>,
    troubled: AtomicUsize,
    kept: Mutex<Vec<Vec<u8>>>,
}

impl Weather {
    /// Starts in front of `server`, in good weather.
    pub(crate) fn start(server: u16) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = listener.local_addr().expect("its address");
        let now = Mutex::new((Trouble::None, Arc::default()));
        let shared =
            Arc::new(Shared { server, now, troubled: AtomicUsize::new(0), kept: Mutex::default() });
        let of_thread = Arc::clone(&shared);
        drop(std::thread::spawn(move || listen(listener, address, &of_thread)));
        Self { address, shared }
    }

    /// `http://127.0.0.1:P`.
    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// From now on this happens, and what happened before does not.
    pub(crate) fn set(&self, trouble: Trouble) {
        let mut now = self.shared.now.lock().unwrap_or_else(PoisonError::into_inner);
        now.1.store(true, Ordering::SeqCst);
        *now = (trouble, Arc::default());
    }

    /// Whether a request is kept that names `word`.
    pub(crate) fn has_kept(&self, word: &str) -> bool {
        self.shared.kept().iter().any(|request| String::from_utf8_lossy(request).contains(word))
    }

    /// The server gets the requests that were kept, long after who sent them has gone. Its answers,
    /// of those that name `word`.
    pub(crate) fn pass_on(&self, word: &str) -> Vec<String> {
        let kept = std::mem::take(&mut *self.shared.kept());
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        let named = kept.iter().filter(|request| text(request).contains(word));
        let ask = |request: &Vec<u8>| self.shared.ask(&mut None, request, Trouble::None);
        named.map(|request| text(&ask(request).expect("an answer"))).collect()
    }

    /// Requests and connections that were troubled so far.
    pub(crate) fn troubled(&self) -> usize {
        self.shared.troubled.load(Ordering::SeqCst)
    }
}

impl Shared {
    fn now(&self) -> (Trouble, Arc<AtomicBool>) {
        self.now.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn kept(&self) -> std::sync::MutexGuard<'_, Vec<Vec<u8>>> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn count(&self) {
        self.troubled.fetch_add(1, Ordering::SeqCst);
    }

    /// Serves one connection until it ends.
    fn serve(&self, client: &TcpStream) -> std::io::Result<()> {
        client.set_nonblocking(false)?;
        client.set_nodelay(true)?;
        let (mut from_client, mut to_client) = (BufReader::new(client.try_clone()?), client);
        let mut server = None;
        loop {
            let request = message(&mut from_client)?;
            let (trouble, over) = self.now();
            if trouble != Trouble::None {
                self.count();
            }
            match trouble {
                Trouble::Refused => return reset(client),
                Trouble::Hangs | Trouble::Kept => {
                    if trouble == Trouble::Kept {
                        self.kept().push(request);
                    }
                    while !over.load(Ordering::SeqCst) {
                        std::thread::sleep(LOOK_EVERY);
                    }
                    return client.shutdown(Shutdown::Both);
                }
                Trouble::Error => {
                    to_client.write_all(&error())?;
                    continue;
                }
                Trouble::BadGateway => {
                    let page = "<html>502 Bad Gateway</html>";
                    let length = page.len();
                    write!(
                        to_client,
                        "HTTP/1.1 502 Bad Gateway\r\nContent-Length: {length}\r\n\r\n{page}"
                    )?;
                    continue;
                }
                _ => {}
            }
            let answer = self.ask(&mut server, &request, trouble)?;
            match trouble {
                Trouble::Reset => {
                    to_client.write_all(&answer[..answer.len() / 2])?;
                    return reset(client);
                }
                Trouble::ErrorAfter => to_client.write_all(&error())?,
                Trouble::Slow => {
                    for byte in answer.chunks(1) {
                        to_client.write_all(byte)?;
                        if !over.load(Ordering::SeqCst) {
                            std::thread::sleep(TRICKLE);
                        }
                    }
                }
                _ => to_client.write_all(&answer)?,
            }
        }
    }

    /// The server's answer, over the connection in `server`, which is opened when needed.
    fn ask(
        &self,
        server: &mut Option<TcpStream>,
        request: &[u8],
        trouble: Trouble,
    ) -> std::io::Result<Vec<u8>> {
        let stream = match server {
            Some(stream) => stream,
            None => server.insert(TcpStream::connect(("127.0.0.1", self.server))?),
        };
        let half = if trouble == Trouble::Slow { request.len() / 2 } else { 0 };
        if half > 0 {
            stream.write_all(&request[..half])?;
            std::thread::sleep(SLOW);
        }
        stream.write_all(&request[half..])?;
        message(&mut BufReader::new(stream))
    }
}

/// Takes connections, except while nobody is to listen.
fn listen(listener: TcpListener, address: SocketAddr, shared: &Arc<Shared>) {
    let mut listener = Some(listener);
    loop {
        let refuses = shared.now().0 == Trouble::Refused;
        if refuses && listener.take().is_some() {
            shared.count();
        } else if !refuses && listener.is_none() {
            listener = TcpListener::bind(address).ok();
        }
        let Some(open) = &listener else {
            std::thread::sleep(LOOK_EVERY);
            continue;
        };
        open.set_nonblocking(true).expect("our own socket");
        match open.accept() {
            Ok((client, _)) => {
                let shared = Arc::clone(shared);
                drop(std::thread::spawn(move || drop(shared.serve(&client))));
            }
            Err(_) => std::thread::sleep(LOOK_EVERY),
        }
    }
}

/// Ends a connection without goodbye.
fn reset(client: &TcpStream) -> std::io::Result<()> {
    set_socket_linger(client, Some(Duration::ZERO))?;
    // Closed by being dropped; the reader's copy must not keep it.
    client.shutdown(Shutdown::Read)
}

/// What ClickHouse says when it has no memory.
fn error() -> Vec<u8> {
    let text = "Code: 241. DB::Exception: Memory limit exceeded. (MEMORY_LIMIT_EXCEEDED)\n";
    format!(
        "HTTP/1.1 500 Internal Server Error\r\nX-ClickHouse-Exception-Code: 241\r\n\
         Content-Length: {}\r\n\r\n{text}",
        text.len()
    )
    .into_bytes()
}
