//! How many connections are open, of this node and of each address; one too many is closed when it comes.
//!
//! A place is held as long as the connection's stream is there: also after it has become a WebSocket.

use std::collections::HashMap;
use std::io;
use std::net::IpAddr;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};

use ipnet::IpNet;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;

use crate::config::LimitSettings;
use crate::peer::{is_trusted, network};

#[derive(Clone, Debug)]
pub(super) struct Places(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    most: u32,
    most_of_one: u32,
    trusted: Vec<IpNet>,
    open: Mutex<Open>,
}

#[derive(Debug, Default)]
struct Open {
    all: u32,
    by_network: HashMap<IpAddr, u32>,
}

impl Places {
    pub(super) fn new(settings: &LimitSettings) -> Self {
        Self(Arc::new(Inner {
            most: settings.connections,
            most_of_one: settings.connections_per_address,
            trusted: settings.trusted_proxies.clone(),
            open: Mutex::default(),
        }))
    }

    /// None: there is no place left for it.
    pub(super) fn take(&self, stream: TcpStream, address: IpAddr) -> Option<Placed> {
        Some(Placed { stream, _place: self.place(address)? })
    }

    fn place(&self, address: IpAddr) -> Option<Place> {
        let inner = &self.0;
        let counted = (!is_trusted(address, &inner.trusted)).then(|| network(address));
        let mut open = inner.open.lock().unwrap_or_else(PoisonError::into_inner);
        if open.all >= inner.most {
            return None;
        }
        if let Some(network) = counted {
            if open.by_network.get(&network).is_some_and(|number| *number >= inner.most_of_one) {
                return None;
            }
            *open.by_network.entry(network).or_default() += 1;
        }
        open.all += 1;
        Some(Place { inner: Arc::clone(inner), counted })
    }
}

#[derive(Debug)]
struct Place {
    inner: Arc<Inner>,
    counted: Option<IpAddr>,
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut open = self.inner.open.lock().unwrap_or_else(PoisonError::into_inner);
        open.all = open.all.saturating_sub(1);
        if let Some(network) = self.counted
            && let Some(number) = open.by_network.get_mut(&network)
        {
            *number = number.saturating_sub(1);
            if *number == 0 {
                open.by_network.remove(&network);
            }
        }
    }
}

/// A stream that gives its place back when it goes.
#[derive(Debug)]
pub(super) struct Placed {
    stream: TcpStream,
    _place: Place,
}

impl Placed {
    pub(super) fn set_nodelay(&self) -> io::Result<()> {
        self.stream.set_nodelay(true)
    }
}

impl AsyncRead for Placed {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(cx, buffer)
    }
}

impl AsyncWrite for Placed {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        parts: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(cx, parts)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;
    use crate::config::Cli;

    #[test]
    fn places_are_counted_by_node_and_by_address_and_given_back() {
        let flags = ["secure-payment", "--connections", "4", "--connections-per-address", "2"];
        let flags = flags.into_iter().chain(["--trusted-proxies", "10.0.0.0/8"]);
        let places = Places::new(&Cli::try_parse_from(flags).expect("parses").settings.limits);
        let place = |address: &str| places.place(address.parse().expect("an address"));

        let (first, second) = (place("192.0.2.1").expect("a place"), place("192.0.2.1").expect("a place"));
        assert!(place("192.0.2.1").is_none(), "one address has no more than two");
        let proxied: Vec<_> = [place("10.0.0.1"), place("10.0.0.1")].into_iter().flatten().collect();
        assert_eq!(proxied.len(), 2);
        assert!(place("10.0.0.1").is_none() && place("192.0.2.2").is_none(), "the node has no more than four");
        drop(first);
        let again = place("192.0.2.1").expect("a place");
        drop((again, second, proxied));
        let open = places.0.open.lock().expect("not poisoned");
        assert_eq!((open.all, open.by_network.len()), (0, 0), "nothing is remembered");
    }
}
