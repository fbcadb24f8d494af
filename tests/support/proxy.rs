//! A network that a test can cut: it stands before a server on loopback, and takes it away and gives
//! it back.

use std::net::SocketAddr;

use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use url::Url;

/// Forwards connections to a server for as long as the network is up.
pub struct Proxy {
    url: String,
    is_up: watch::Sender<bool>,
}

impl Proxy {
    /// Before the server of `url`, which names a host and a port.
    pub async fn before(url: &str) -> Proxy {
        let mut url = Url::parse(url).expect("a URL");
        let host = url.host_str().expect("a host").to_owned();
        let port = url.port_or_known_default().expect("a port");
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("loopback");
        let here = listener.local_addr().expect("bound");
        url.set_host(Some(&here.ip().to_string())).expect("an address is a host");
        url.set_port(Some(here.port())).expect("a server's URL takes a port");
        let (is_up, network) = watch::channel(true);
        tokio::spawn(accept(listener, format!("{host}:{port}"), network));
        Proxy { url: url.into(), is_up }
    }

    /// The server's URL, through this proxy.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Ends every connection and answers no new one, until [`Proxy::restore`].
    pub fn cut(&self) {
        self.is_up.send_replace(false);
    }

    /// The network is back; connections must be made anew.
    pub fn restore(&self) {
        self.is_up.send_replace(true);
    }
}

/// Ends with the proxy.
async fn accept(listener: TcpListener, server: String, mut network: watch::Receiver<bool>) {
    let mut gone = network.clone();
    loop {
        let accepted: std::io::Result<(TcpStream, SocketAddr)> = tokio::select! {
            accepted = listener.accept() => accepted,
            ended = async { while gone.changed().await.is_ok() {} } => return ended,
        };
        let is_up = *network.borrow_and_update();
        // A connection made while the network is down is closed at once.
        if let (Ok((client, _)), true) = (accepted, is_up) {
            tokio::spawn(forward(client, server.clone(), network.clone()));
        }
    }
}

async fn forward(mut client: TcpStream, server: String, mut network: watch::Receiver<bool>) {
    let Ok(mut server) = TcpStream::connect(server).await else { return };
    tokio::select! {
        _ = tokio::io::copy_bidirectional(&mut client, &mut server) => {}
        // Any change: the network may be back before this is noticed.
        _ = network.changed() => {}
    }
}
