//! A TCP proxy between a forwarder and the agent that does to their connections what networks do.

use std::{net::SocketAddr, time::Duration};

use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream, tcp::OwnedReadHalf, tcp::OwnedWriteHalf},
    sync::watch,
    time::sleep,
};

/// What it does to what comes from now on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fault {
    None,
    /// Each piece comes so much later.
    Latency(Duration),
    /// So many bytes in a hundredth of a second, each way.
    Bandwidth(usize),
    /// Nothing comes, and nobody says so.
    Silence,
    /// Connections end at once, also those that are open.
    Reset,
}

/// A running proxy; it ends with the test.
pub(super) struct Proxy {
    pub(super) address: SocketAddr,
    fault: watch::Sender<Fault>,
}

impl Proxy {
    pub(super) async fn to(agent: SocketAddr) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let (fault, seen) = watch::channel(Fault::None);
        let address = listener.local_addr().unwrap();
        tokio::spawn(async move {
            while let Ok((socket, _)) = listener.accept().await {
                tokio::spawn(carry(socket, agent, seen.clone()));
            }
        });
        Self { address, fault }
    }

    pub(super) fn set(&self, fault: Fault) {
        self.fault.send_replace(fault);
    }
}

async fn carry(socket: TcpStream, agent: SocketAddr, mut fault: watch::Receiver<Fault>) {
    // Nobody is there while the agent is killed.
    let Ok(server) = TcpStream::connect(agent).await else { return };
    let ((from_client, to_client), (from_server, to_server)) = (socket.into_split(), server.into_split());
    tokio::select! {
        () = pump(from_client, to_server, fault.clone()) => {}
        () = pump(from_server, to_client, fault.clone()) => {}
        _ = fault.wait_for(|fault| *fault == Fault::Reset) => {}
    }
}

async fn pump(mut from: OwnedReadHalf, mut to: OwnedWriteHalf, mut fault: watch::Receiver<Fault>) {
    let mut buffer = vec![0; 16 << 10];
    loop {
        let most = match *fault.borrow_and_update() {
            Fault::Bandwidth(most) => most,
            _ => buffer.len(),
        };
        let Ok(read @ 1..) = from.read(&mut buffer[..most]).await else { return };
        let now = *fault.borrow();
        match now {
            Fault::None | Fault::Reset => {}
            Fault::Latency(latency) => sleep(latency).await,
            Fault::Bandwidth(_) => sleep(Duration::from_millis(10)).await,
            Fault::Silence => drop(fault.wait_for(|fault| *fault != Fault::Silence).await),
        }
        if to.write_all(&buffer[..read]).await.is_err() {
            return;
        }
    }
}
