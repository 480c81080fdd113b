//! Where the server listens, and connections to it that nobody waits for.

use std::io;
use std::net::ToSocketAddrs as _;
use std::os::fd::OwnedFd;

use rustix::io::Errno;
use rustix::net::{AddressFamily, SocketFlags, SocketType, connect, socket_with, sockopt};

use crate::app::fatal::{FAILED, Fatal, USAGE};

type Open = dyn Fn() -> io::Result<OwnedFd> + Send + Sync;

/// A server by its URL.
pub struct Door {
    /// The value of the header `Host`.
    pub authority: String,
    /// Path before that of events, without a slash at its end.
    pub prefix: String,
    open: Box<Open>,
}

impl Door {
    /// Finds the server behind `http://HOST[:PORT][/PATH]`; its name is looked up once.
    ///
    /// # Errors
    /// A URL that is not of this form, or a name without an address.
    pub fn find(text: &str) -> Result<Self, Fatal> {
        let wrong = |why: &str| Fatal::say(USAGE, format!("URL {why}"));
        let url = url::Url::parse(text)
            .map_err(|_| wrong("is not a URL, such as http://127.0.0.1:8000"))?;
        if url.scheme() != "http" {
            return Err(wrong(
                "must begin with http://: bench speaks no TLS; aim at headcount itself, behind the proxy",
            ));
        }
        let host = url.host_str().unwrap_or_default();
        let port = url.port().unwrap_or(80);
        let address = (host.trim_matches(['[', ']']), port)
            .to_socket_addrs()
            .ok()
            .and_then(|mut found| found.next())
            .ok_or_else(|| Fatal::say(FAILED, format!("no address is known of {host}")))?;
        let family = if address.is_ipv4() { AddressFamily::INET } else { AddressFamily::INET6 };
        let flags = SocketFlags::NONBLOCK | SocketFlags::CLOEXEC;
        let open = move || {
            let socket = socket_with(family, SocketType::STREAM, flags, None)?;
            // Requests are small: waiting to fill a packet would only add latency.
            sockopt::set_tcp_nodelay(&socket, true)?;
            match connect(&socket, &address) {
                Ok(()) | Err(Errno::INPROGRESS) => Ok(socket),
                Err(error) => Err(error.into()),
            }
        };
        Ok(Self {
            authority: url.authority().to_owned(),
            prefix: url.path().trim_end_matches('/').to_owned(),
            open: Box::new(open),
        })
    }

    /// Begins a connection; the socket is writable, or has an error, when it is decided.
    ///
    /// # Errors
    /// When it fails at once, such as when no file may be opened any more.
    pub fn open(&self) -> io::Result<OwnedFd> {
        (self.open)()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(url: &str) -> String {
        Door::find(url).err().map(|error| error.message).unwrap_or_default()
    }

    #[test]
    fn a_url_names_host_port_and_path() {
        let door = Door::find("http://127.0.0.1:8000/").ok().unwrap();
        assert_eq!((door.authority.as_str(), door.prefix.as_str()), ("127.0.0.1:8000", ""));
        let door = Door::find("http://[::1]:81/stats/").ok().unwrap();
        assert_eq!((door.authority.as_str(), door.prefix.as_str()), ("[::1]:81", "/stats"));
    }

    #[test]
    fn what_cannot_be_reached_is_said() {
        assert!(refused("https://127.0.0.1/").contains("TLS"));
        assert!(refused("127.0.0.1:8000").contains("URL"));
        assert!(refused("http://no-such-name.invalid/").contains("no address"));
    }
}
