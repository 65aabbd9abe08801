//! What lies between a client and the API server, and can be cut.

use std::{net::SocketAddr, path::Path, time::Duration};

use kube::{
    Client, Config,
    config::{KubeConfigOptions, Kubeconfig},
};
use tokio::{
    io::copy_bidirectional,
    net::{TcpListener, TcpStream},
    sync::watch,
};

/// A TCP proxy on loopback; it ends with the test.
pub(crate) struct Proxy {
    address: SocketAddr,
    /// How often it was cut or opened: open when even.
    turns: watch::Sender<u32>,
}

impl Proxy {
    /// Before this address.
    pub(crate) async fn before(server: SocketAddr) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let (address, turns) = (listener.local_addr().unwrap(), watch::Sender::new(0));
        let subscribe = turns.subscribe();
        tokio::spawn(async move {
            loop {
                let Ok((client, _)) = listener.accept().await else { return };
                let mut turns = subscribe.clone();
                tokio::spawn(async move {
                    let now = *turns.borrow_and_update();
                    // Closed with a reset, whatever was on its way.
                    client.set_zero_linger().unwrap();
                    if now % 2 == 0 {
                        tokio::select! {
                            () = pass(client, server) => {}
                            _ = turns.wait_for(|turn| *turn != now) => {}
                        }
                    }
                });
            }
        });
        Self { address, turns }
    }

    /// Resets every connection, and takes no other before [`Self::open`].
    pub(crate) fn cut(&self) {
        self.turns.send_modify(|turn| *turn += 1 - *turn % 2);
    }

    /// Lets them pass again.
    pub(crate) fn open(&self) {
        self.turns.send_modify(|turn| *turn += *turn % 2);
    }

    /// A client of whom the kubeconfig says, by way of this.
    pub(crate) async fn client(&self, kubeconfig: &Path) -> Client {
        let read = Kubeconfig::read_from(kubeconfig).unwrap();
        let mut config = Config::from_custom_kubeconfig(read, &KubeConfigOptions::default()).await.unwrap();
        config.cluster_url = format!("https://{}", self.address).parse().unwrap();
        config.connect_timeout = Some(Duration::from_secs(5));
        Client::try_from(config).unwrap()
    }
}

async fn pass(mut client: TcpStream, server: SocketAddr) {
    // A server that is away closes the client's connection.
    if let Ok(mut server) = TcpStream::connect(server).await {
        drop(copy_bidirectional(&mut client, &mut server).await);
    }
}
