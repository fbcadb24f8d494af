//! One conversation with an SMTP server for each email. Each step is ours, so that we know which one failed: a server
//! that refuses *us* can be mended, a server that refuses the recipient or the email cannot.

use std::error::Error as _;
use std::time::Duration;

use lettre::Address;
use lettre::transport::smtp::authentication::{Credentials, Mechanism};
use lettre::transport::smtp::client::{AsyncSmtpConnection, Certificate, TlsParameters};
use lettre::transport::smtp::commands::{Data, Mail, Rcpt};
use lettre::transport::smtp::extension::{ClientId, Extension, MailBodyParameter, MailParameter};
use lettre::transport::smtp::{Error, response::Response};
use secrecy::ExposeSecret;
use tokio::time::{Instant, timeout, timeout_at};
use url::Host;

use crate::ports::MailFailure;

use super::compose::Parcel;
use super::settings::{MailSetupError, Security, SmtpServer, is_loopback};
use super::text::one_line;

/// An accepted email stays accepted however the server takes the goodbye; we do not wait long for it.
const GOODBYE_MAX: Duration = Duration::from_secs(2);

/// How a certificate begins in a PEM file; a file without one would silently add nothing.
const BEGIN_CERTIFICATE: &[u8] = b"-----BEGIN CERTIFICATE-----";

/// The usual cause of silence at the start, and of words where TLS was expected.
const WRAPPED_HINT: &str = "; if that port speaks TLS from the first byte, as 465 does, use smtps://";
const PLAIN_HINT: &str = "; if that port speaks STARTTLS, as 587 does, use smtp://";

/// Sends to one server.
pub struct Smtp {
    server: SmtpServer,
    tls: Option<TlsParameters>,
    hello: ClientId,
    timeout: Duration,
}

/// What the server was asked when it said no.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Step {
    Connect,
    StartTls,
    Login,
    Sender,
    Recipient,
    Content,
}

impl Smtp {
    /// Checks the settings; connects to nothing yet.
    pub fn new(server: SmtpServer, hello_name: &str, timeout: Duration) -> Result<Self, MailSetupError> {
        let tls = match server.security {
            Security::Plain if is_loopback(&server.host) => None,
            Security::Plain => return Err(MailSetupError::PlainText { host: server.host.to_string() }),
            Security::StartTls | Security::Tls => Some(tls(&server)?),
        };
        Ok(Self { server, tls, hello: ClientId::Domain(hello_name.to_owned()), timeout })
    }

    /// Hands one email over. `Ok` means that the server answered 250 to the whole of it.
    pub async fn send(&self, parcel: &Parcel) -> Result<(), MailFailure> {
        let recipient: &str = parcel.to.as_ref();
        let hidden = |why: String| why.replace(recipient, "the recipient");
        let mut connection = self.talk(parcel).await.map_err(|failure| match failure {
            MailFailure::Transient(why) => MailFailure::Transient(hidden(why)),
            MailFailure::Permanent(why) => MailFailure::Permanent(hidden(why)),
        })?;
        // An error here cannot take the 250 back.
        let _ = timeout(GOODBYE_MAX.min(self.timeout), connection.quit()).await;
        Ok(())
    }

    /// Goes as far as naming a sender: connects, says hello, starts TLS and logs in, as it is set up. Sends nothing.
    pub async fn probe(&self) -> Result<String, MailFailure> {
        let end = Instant::now() + self.timeout;
        let mut connection = self.connect(end).await?;
        self.log_in(&mut connection, end).await?;
        let name = one_line(connection.server_info().name(), 80);
        let _ = timeout(GOODBYE_MAX.min(self.timeout), connection.quit()).await;
        let how = match self.server.security {
            Security::Plain => "without TLS, on this machine",
            Security::StartTls => "with STARTTLS",
            Security::Tls => "with TLS",
        };
        let login = if self.server.login.is_some() { ", and takes the login" } else { "" };
        Ok(format!("{} says hello as {name} {how}{login}", self.name()))
    }

    async fn talk(&self, parcel: &Parcel) -> Result<AsyncSmtpConnection, MailFailure> {
        let end = Instant::now() + self.timeout;
        let mut connection = self.connect(end).await?;
        self.log_in(&mut connection, end).await?;
        let from = Mail::new(Some(parcel.from.clone()), self.parameters(&connection, parcel)?);
        let reply = self.step(Step::Sender, end, connection.command(from)).await?;
        self.require(&reply, &[250], Step::Sender)?;
        let to = Rcpt::new(parcel.to.clone(), vec![]);
        let reply = self.step(Step::Recipient, end, connection.command(to)).await?;
        self.require(&reply, &[250, 251, 252], Step::Recipient)?;
        let reply = self.step(Step::Content, end, connection.command(Data)).await?;
        self.require(&reply, &[354], Step::Content)?;
        let reply = self.step(Step::Content, end, connection.message(&parcel.bytes)).await?;
        self.require(&reply, &[250], Step::Content)?;
        Ok(connection)
    }

    async fn connect(&self, end: Instant) -> Result<AsyncSmtpConnection, MailFailure> {
        let host = bare(&self.server.host);
        let wrapped = self.tls.clone().filter(|_| self.server.security == Security::Tls);
        // No timeout of lettre's: ours runs on over all steps.
        let connecting =
            AsyncSmtpConnection::connect_tokio1((host, self.server.port), None, &self.hello, wrapped, None);
        let mut connection = self.step(Step::Connect, end, connecting).await?;
        if let (Security::StartTls, Some(tls)) = (self.server.security, self.tls.clone()) {
            if !connection.can_starttls() {
                return Err(MailFailure::Transient(format!(
                    "{} does not offer STARTTLS, and no mail is sent in plain text; use smtps://, or mend the server",
                    self.name()
                )));
            }
            self.step(Step::StartTls, end, connection.starttls(tls, &self.hello)).await?;
        }
        Ok(connection)
    }

    async fn log_in(&self, connection: &mut AsyncSmtpConnection, end: Instant) -> Result<(), MailFailure> {
        let Some(login) = &self.server.login else {
            return Ok(());
        };
        let credentials = Credentials::new(login.user.clone(), login.password.expose_secret().to_owned());
        let mechanisms = [Mechanism::Plain, Mechanism::Login];
        let reply = self.step(Step::Login, end, connection.auth(&mechanisms, &credentials)).await?;
        self.require(&reply, &[235], Step::Login)
    }

    /// One step of the conversation, in what is left of the time.
    async fn step<T>(
        &self,
        step: Step,
        end: Instant,
        doing: impl Future<Output = Result<T, Error>>,
    ) -> Result<T, MailFailure> {
        match timeout_at(end, doing).await {
            Ok(Ok(done)) => Ok(done),
            Ok(Err(error)) => Err(self.refusal(step, &error)),
            Err(_) => {
                let hint =
                    if step == Step::Connect && self.server.security != Security::Tls { WRAPPED_HINT } else { "" };
                let (name, limit_ms, asked) = (self.name(), self.timeout.as_millis(), step.asked());
                Err(MailFailure::Transient(format!("{name} did not answer within {limit_ms} ms (when {asked}){hint}")))
            }
        }
    }

    /// What the server must be told about this email, or why it cannot take it.
    fn parameters(&self, connection: &AsyncSmtpConnection, parcel: &Parcel) -> Result<Vec<MailParameter>, MailFailure> {
        let offers = |extension| connection.server_info().supports_feature(extension);
        let mut parameters = Vec::new();
        let beyond_ascii = |address: &Address| !AsRef::<str>::as_ref(address).is_ascii();
        if beyond_ascii(&parcel.to) || beyond_ascii(&parcel.from) {
            if !offers(Extension::SmtpUtfEight) {
                let why = "cannot take addresses with letters beyond ASCII (SMTPUTF8)";
                return Err(MailFailure::Permanent(format!("{} {why}", self.name())));
            }
            parameters.push(MailParameter::SmtpUtfEight);
        }
        if !parcel.bytes.is_ascii() && offers(Extension::EightBitMime) {
            parameters.push(MailParameter::Body(MailBodyParameter::EightBitMime));
        }
        Ok(parameters)
    }

    /// A positive answer that is not the one that means yes.
    fn require(&self, reply: &Response, codes: &[u16], step: Step) -> Result<(), MailFailure> {
        if codes.iter().any(|code| reply.has_code(*code)) {
            return Ok(());
        }
        let words = one_line(reply.first_line().unwrap_or_default(), 200);
        let why = format!("{} answered {} {words} when {}", self.name(), reply.code(), step.asked());
        Err(MailFailure::Transient(why))
    }

    /// No to this recipient or this email is for good, if the server says so; no to us is not.
    fn refusal(&self, step: Step, error: &Error) -> MailFailure {
        let for_good = error.is_permanent() && matches!(step, Step::Recipient | Step::Content) && !is_about_us(error);
        let said = error.source().map(chain).unwrap_or_else(|| error.to_string());
        let code = error.status().map(|code| format!("{code} ")).unwrap_or_default();
        let hint = if said.contains("InvalidContentType") { PLAIN_HINT } else { "" };
        let why = format!("{}: {code}{} (when {}){hint}", self.name(), one_line(&said, 300), step.asked());
        if for_good { MailFailure::Permanent(why) } else { MailFailure::Transient(why) }
    }

    fn name(&self) -> String {
        format!("mail server {}:{}", self.server.host, self.server.port)
    }
}

impl Step {
    fn asked(self) -> &'static str {
        match self {
            Self::Connect => "connecting",
            Self::StartTls => "starting TLS",
            Self::Login => "logging in",
            Self::Sender => "naming the sender",
            Self::Recipient => "naming the recipient",
            Self::Content => "handing the email over",
        }
    }
}

/// 530, 534, 535 and 538 say that the server wants a login, or another one: <https://www.rfc-editor.org/rfc/rfc4954>.
fn is_about_us(error: &Error) -> bool {
    error.status().is_some_and(|code| matches!(u16::from(code), 530 | 534 | 535 | 538))
}

/// An error and what is behind it, in one line.
fn chain(error: &(dyn std::error::Error + 'static)) -> String {
    let mut words = error.to_string();
    let mut source = error.source();
    while let Some(inner) = source {
        let more = inner.to_string();
        if !words.contains(&more) {
            words = format!("{words}: {more}");
        }
        source = inner.source();
    }
    words
}

/// The host without the brackets that URLs set around an IPv6 address.
fn bare(host: &Host<String>) -> String {
    match host {
        Host::Ipv6(address) => address.to_string(),
        other => other.to_string(),
    }
}

fn tls(server: &SmtpServer) -> Result<TlsParameters, MailSetupError> {
    let wrong = |why: Error| MailSetupError::Tls { host: server.host.to_string(), why: why.to_string() };
    let mut builder = TlsParameters::builder(bare(&server.host));
    if let Some(pem) = &server.trusted_pem {
        if !pem.windows(BEGIN_CERTIFICATE.len()).any(|text| text == BEGIN_CERTIFICATE) {
            let why = "there is no PEM certificate among those to trust".into();
            return Err(MailSetupError::Tls { host: server.host.to_string(), why });
        }
        builder = builder.add_root_certificate(Certificate::from_pem(pem).map_err(wrong)?);
    }
    builder.build_rustls().map_err(wrong)
}
