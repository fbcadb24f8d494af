//! A mail server for the tests: the protocol is the `mailin` crate's, on a real TCP socket, with TLS by rustls. It
//! keeps what it accepts, and can be told to refuse, to hang or to hang up.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{IpAddr, Ipv4Addr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use mailin::{Action, AuthMechanism, Handler, Response, Session, SessionBuilder, response};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject};
use rustls::{ServerConfig, ServerConnection, StreamOwned};

/// The authority to trust to reach the server over TLS.
pub const AUTHORITY_PEM: &[u8] = include_bytes!("certificates/authority.pem");
const SERVER_PEM: &[u8] = include_bytes!("certificates/server.pem");
const SERVER_KEY_PEM: &[u8] = include_bytes!("certificates/server.key.pem");

/// An email that was accepted, or only begun.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Received {
    pub hello: String,
    pub login: Option<(String, String)>,
    pub from: String,
    pub to: String,
    pub bytes: Vec<u8>,
    pub encrypted: bool,
}

/// What the server does.
#[derive(Clone)]
pub struct Manners {
    pub start_tls: bool,
    pub wrapped_tls: bool,
    pub password: Option<&'static str>,
    pub to_sender: Response,
    pub to_recipient: Response,
    pub to_content: Response,
    pub hang: Hang,
}

/// Where it says nothing more.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Hang {
    Never,
    BeforeGreeting,
    AtVerb(&'static str),
    AfterContent,
}

impl Default for Manners {
    fn default() -> Self {
        Self {
            start_tls: false,
            wrapped_tls: false,
            password: None,
            to_sender: response::OK,
            to_recipient: response::OK,
            to_content: response::OK,
            hang: Hang::Never,
        }
    }
}

/// A running server; it stops when dropped.
pub struct MailServer {
    pub port: u16,
    seen: Arc<Mutex<Seen>>,
    stop: Arc<AtomicBool>,
}

#[derive(Default)]
struct Seen {
    accepted: Vec<Received>,
    plain_verbs: Vec<String>,
}

impl MailServer {
    pub fn start(manners: Manners) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let port = listener.local_addr().unwrap().port();
        let (seen, stop) = (Arc::<Mutex<Seen>>::default(), Arc::<AtomicBool>::default());
        let (for_thread, stopped) = (seen.clone(), stop.clone());
        std::thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok).take_while(|_| !stopped.load(Ordering::SeqCst)) {
                let (manners, seen) = (manners.clone(), for_thread.clone());
                // A client that goes away in the middle is what some tests are about.
                std::thread::spawn(move || Visit::new(manners, seen).receive(stream).ok());
            }
        });
        Self { port, seen, stop }
    }

    /// What was answered with 250, in order.
    pub fn accepted(&self) -> Vec<Received> {
        self.seen.lock().unwrap().accepted.clone()
    }

    /// The verbs that came over the wire in plain text.
    pub fn plain_verbs(&self) -> Vec<String> {
        self.seen.lock().unwrap().plain_verbs.clone()
    }
}

impl Drop for MailServer {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::SeqCst);
        let _ = TcpStream::connect((Ipv4Addr::LOCALHOST, self.port));
    }
}

/// One connection.
struct Visit {
    manners: Manners,
    seen: Arc<Mutex<Seen>>,
}

impl Visit {
    fn new(manners: Manners, seen: Arc<Mutex<Seen>>) -> Self {
        Self { manners, seen }
    }

    fn receive(self, mut stream: TcpStream) -> std::io::Result<()> {
        stream.set_read_timeout(Some(Duration::from_secs(30)))?;
        if self.manners.hang == Hang::BeforeGreeting {
            return swallow(&mut stream);
        }
        let mut builder = SessionBuilder::new("mail.test");
        if self.manners.start_tls {
            builder.enable_start_tls();
        }
        if self.manners.password.is_some() {
            builder.enable_auth(AuthMechanism::Plain);
            builder.insecure_enable_plaintext_auth();
        }
        let keeper = Keeper { manners: self.manners.clone(), seen: self.seen.clone(), mail: Received::default() };
        let mut session = builder.build(IpAddr::V4(Ipv4Addr::LOCALHOST), keeper);
        if self.manners.wrapped_tls {
            return self.converse(&mut BufReader::new(encrypted(stream)?), &mut session, true, true).map(drop);
        }
        let mut plain = BufReader::new(stream);
        if self.converse(&mut plain, &mut session, false, true)? == Ended::Upgrade {
            session.tls_active();
            let mut secure = BufReader::new(encrypted(plain.into_inner())?);
            self.converse(&mut secure, &mut session, true, false)?;
        }
        Ok(())
    }

    fn converse<S: Read + Write>(
        &self,
        stream: &mut BufReader<S>,
        session: &mut Session<Keeper>,
        encrypted: bool,
        greet: bool,
    ) -> std::io::Result<Ended> {
        if greet {
            say(stream.get_mut(), &session.greeting())?;
        }
        let (mut line, mut in_content) = (Vec::new(), false);
        while stream.read_until(b'\n', &mut line)? > 0 {
            let verb = String::from_utf8_lossy(&line).split_whitespace().next().unwrap_or_default().to_uppercase();
            if !in_content {
                self.note(&verb, encrypted);
                if matches!(self.manners.hang, Hang::AtVerb(hang) if hang == verb) {
                    swallow(stream.get_mut())?;
                }
            }
            let reply = session.process(&line);
            if in_content && reply.code != 0 && self.manners.hang == Hang::AfterContent {
                swallow(stream.get_mut())?;
            }
            in_content = if in_content { reply.code == 0 } else { reply.code == 354 };
            match reply.action {
                Action::NoReply => {}
                Action::Reply => say(stream.get_mut(), &reply)?,
                Action::Close => return say(stream.get_mut(), &reply).map(|()| Ended::Closed),
                Action::UpgradeTls => return say(stream.get_mut(), &reply).map(|()| Ended::Upgrade),
            }
            line.clear();
        }
        Ok(Ended::Closed)
    }

    fn note(&self, verb: &str, encrypted: bool) {
        if !encrypted {
            self.seen.lock().unwrap().plain_verbs.push(verb.to_owned());
        }
    }
}

#[derive(PartialEq, Eq)]
enum Ended {
    Closed,
    Upgrade,
}

/// What `mailin` asks about each step.
struct Keeper {
    manners: Manners,
    seen: Arc<Mutex<Seen>>,
    mail: Received,
}

impl Handler for Keeper {
    fn helo(&mut self, _ip: IpAddr, domain: &str) -> Response {
        self.mail.hello = domain.to_owned();
        response::OK
    }

    fn auth_plain(&mut self, _as: &str, user: &str, password: &str) -> Response {
        if self.manners.password != Some(password) {
            return response::INVALID_CREDENTIALS;
        }
        self.mail.login = Some((user.to_owned(), password.to_owned()));
        response::AUTH_OK
    }

    fn mail(&mut self, _ip: IpAddr, _domain: &str, from: &str) -> Response {
        self.mail.from = from.to_owned();
        self.manners.to_sender.clone()
    }

    fn rcpt(&mut self, to: &str) -> Response {
        self.mail.to = to.to_owned();
        self.manners.to_recipient.clone()
    }

    fn data(&mut self, line: &[u8]) -> std::io::Result<()> {
        self.mail.bytes.extend_from_slice(line);
        Ok(())
    }

    fn data_end(&mut self) -> Response {
        let answer = self.manners.to_content.clone();
        if answer.code == 250 {
            self.seen.lock().unwrap().accepted.push(self.mail.clone());
        }
        answer
    }
}

fn encrypted(stream: TcpStream) -> std::io::Result<StreamOwned<ServerConnection, TcpStream>> {
    let chain = CertificateDer::pem_slice_iter(SERVER_PEM).map(Result::unwrap).collect();
    let key = PrivateKeyDer::from_pem_slice(SERVER_KEY_PEM).unwrap();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(chain, key)
        .unwrap();
    let connection = ServerConnection::new(Arc::new(config)).map_err(std::io::Error::other)?;
    Ok(StreamOwned::new(connection, stream))
}

fn say(stream: &mut impl Write, reply: &Response) -> std::io::Result<()> {
    stream.write_all(&reply.buffer()?)?;
    stream.flush()
}

/// Reads on and says nothing, until the client has had enough.
fn swallow(stream: &mut impl Read) -> std::io::Result<()> {
    std::io::copy(stream, &mut std::io::sink()).map(drop)
}
