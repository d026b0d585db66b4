//! How many connections are open, of this node and of each address; one too many is closed when it comes.
//!
//! A slot is held as long as the connection's stream is there: also after it has become a WebSocket.

use std::io;
use std::net::IpAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use ipnet::IpNet;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;

use crate::config::LimitSettings;
use crate::peer::{is_trusted, network};
use crate::slots::{Slot, Slots};

/// What is counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum ConnectionKey {
    All,
    Network(IpAddr),
}

#[derive(Clone, Debug)]
pub(super) struct ConnectionSlots {
    slots: Slots<ConnectionKey>,
    most: usize,
    most_of_one: usize,
    trusted: Arc<[IpNet]>,
}

impl ConnectionSlots {
    pub(super) fn new(settings: &LimitSettings) -> Self {
        let bound = |setting: u32| usize::try_from(setting).unwrap_or(usize::MAX);
        Self {
            slots: Slots::default(),
            most: bound(settings.connections),
            most_of_one: bound(settings.connections_per_address),
            trusted: settings.trusted_proxies.clone().into(),
        }
    }

    /// None: there is no slot left for it.
    pub(super) fn take(&self, stream: TcpStream, address: IpAddr) -> Option<Connection> {
        Some(Connection { stream, _slot: self.slot(address)? })
    }

    fn slot(&self, address: IpAddr) -> Option<Slot<ConnectionKey>> {
        let counted = (!is_trusted(address, &self.trusted)).then(|| network(address));
        let of_network = counted.map(|network| (ConnectionKey::Network(network), self.most_of_one));
        self.slots.take([Some((ConnectionKey::All, self.most)), of_network])
    }
}

/// A stream that gives its slot back when it goes.
#[derive(Debug)]
pub(super) struct Connection {
    stream: TcpStream,
    _slot: Slot<ConnectionKey>,
}

impl Connection {
    pub(super) fn set_nodelay(&self) -> io::Result<()> {
        self.stream.set_nodelay(true)
    }
}

impl AsyncRead for Connection {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(cx, buffer)
    }
}

impl AsyncWrite for Connection {
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
    fn slots_are_counted_by_node_and_by_address_and_given_back() {
        let flags = ["secure-payment", "--connections", "4", "--connections-per-address", "2"];
        let flags = flags.into_iter().chain(["--trusted-proxies", "10.0.0.0/8"]);
        let slots = ConnectionSlots::new(&Cli::try_parse_from(flags).expect("parses").settings.limits);
        let slot = |address: &str| slots.slot(address.parse().expect("an address"));

        let (first, second) = (slot("192.0.2.1").expect("a slot"), slot("192.0.2.1").expect("a slot"));
        assert!(slot("192.0.2.1").is_none(), "one address has no more than two");
        let proxied: Vec<_> = [slot("10.0.0.1"), slot("10.0.0.1")].into_iter().flatten().collect();
        assert_eq!(proxied.len(), 2);
        assert!(slot("10.0.0.1").is_none() && slot("192.0.2.2").is_none(), "the node has no more than four");
        drop(first);
        let again = slot("192.0.2.1").expect("a slot");
        drop((again, second, proxied));
        assert!(slots.slots.is_empty(), "nothing is remembered");
    }
}
