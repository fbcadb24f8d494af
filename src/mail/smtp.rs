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
use url::Host;

use crate::ports::MailFailure;

use super::compose::Parcel;
use super::settings::{MailSetupError, Security, SmtpServer, is_loopback};
use super::text::one_line;

/// An accepted email stays accepted however the server takes the goodbye; we do not wait long for it.
const GOODBYE_MAX: Duration = Duration::from_secs(2);

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
        let Ok(talk) = tokio::time::timeout(self.timeout, self.talk(parcel)).await else {
            let limit_ms = self.timeout.as_millis();
            return Err(MailFailure::Transient(format!("{} did not take the email within {limit_ms} ms", self.name())));
        };
        let mut connection = talk?;
        // An error here cannot take the 250 back.
        let _ = tokio::time::timeout(GOODBYE_MAX.min(self.timeout), connection.quit()).await;
        Ok(())
    }

    async fn talk(&self, parcel: &Parcel) -> Result<AsyncSmtpConnection, MailFailure> {
        let mut connection = self.connect().await?;
        self.log_in(&mut connection).await?;
        let said = |step| move |error: Error| self.refusal(step, parcel, &error);
        let from = Mail::new(Some(parcel.from.clone()), self.parameters(&connection, parcel)?);
        let reply = connection.command(from).await.map_err(said(Step::Sender))?;
        self.expect(&reply, &[250], Step::Sender)?;
        let to = Rcpt::new(parcel.to.clone(), vec![]);
        let reply = connection.command(to).await.map_err(said(Step::Recipient))?;
        self.expect(&reply, &[250, 251, 252], Step::Recipient)?;
        let reply = connection.command(Data).await.map_err(said(Step::Content))?;
        self.expect(&reply, &[354], Step::Content)?;
        let reply = connection.message(&parcel.bytes).await.map_err(said(Step::Content))?;
        self.expect(&reply, &[250], Step::Content)?;
        Ok(connection)
    }

    async fn connect(&self) -> Result<AsyncSmtpConnection, MailFailure> {
        let host = match &self.server.host {
            Host::Domain(name) => name.clone(),
            Host::Ipv4(address) => address.to_string(),
            Host::Ipv6(address) => address.to_string(),
        };
        let wrapped = self.tls.clone().filter(|_| self.server.security == Security::Tls);
        let address = (host, self.server.port);
        // No timeout of lettre's: ours runs around the whole conversation.
        let mut connection = AsyncSmtpConnection::connect_tokio1(address, None, &self.hello, wrapped, None)
            .await
            .map_err(|error| self.trouble(Step::Connect, &error))?;
        if let (Security::StartTls, Some(tls)) = (self.server.security, self.tls.clone()) {
            if !connection.can_starttls() {
                return Err(MailFailure::Transient(format!(
                    "{} does not offer STARTTLS, and no mail is sent in plain text; use smtps://, or mend the server",
                    self.name()
                )));
            }
            connection.starttls(tls, &self.hello).await.map_err(|error| self.trouble(Step::StartTls, &error))?;
        }
        Ok(connection)
    }

    async fn log_in(&self, connection: &mut AsyncSmtpConnection) -> Result<(), MailFailure> {
        let Some(login) = &self.server.login else {
            return Ok(());
        };
        let credentials = Credentials::new(login.user.clone(), login.password.expose_secret().to_owned());
        let reply = connection
            .auth(&[Mechanism::Plain, Mechanism::Login], &credentials)
            .await
            .map_err(|error| self.trouble(Step::Login, &error))?;
        self.expect(&reply, &[235], Step::Login)
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
    fn expect(&self, reply: &Response, codes: &[u16], step: Step) -> Result<(), MailFailure> {
        if codes.iter().any(|code| reply.has_code(*code)) {
            return Ok(());
        }
        let words = one_line(reply.first_line().unwrap_or_default(), 200);
        let why = format!("{} answered {} {words} when {}", self.name(), reply.code(), step.asked());
        Err(MailFailure::Transient(why))
    }

    /// No to this recipient or this email is for good, if the server says so; no to us is not.
    fn refusal(&self, step: Step, parcel: &Parcel, error: &Error) -> MailFailure {
        let for_good = error.is_permanent() && matches!(step, Step::Recipient | Step::Content) && !is_about_us(error);
        let recipient: &str = parcel.to.as_ref();
        let why = self.words(step, error).replace(recipient, "the recipient");
        if for_good { MailFailure::Permanent(why) } else { MailFailure::Transient(why) }
    }

    fn trouble(&self, step: Step, error: &Error) -> MailFailure {
        MailFailure::Transient(self.words(step, error))
    }

    fn words(&self, step: Step, error: &Error) -> String {
        let said = error.source().map(chain).unwrap_or_else(|| error.to_string());
        let code = error.status().map(|code| format!("{code} ")).unwrap_or_default();
        format!("{}: {code}{} (when {})", self.name(), one_line(&said, 300), step.asked())
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

fn tls(server: &SmtpServer) -> Result<TlsParameters, MailSetupError> {
    let wrong = |why: Error| MailSetupError::Tls { host: server.host.to_string(), why: why.to_string() };
    let name = match &server.host {
        Host::Ipv6(address) => address.to_string(),
        other => other.to_string(),
    };
    let mut builder = TlsParameters::builder(name);
    if let Some(pem) = &server.trusted_pem {
        builder = builder.add_root_certificate(Certificate::from_pem(pem).map_err(wrong)?);
    }
    builder.build_rustls().map_err(wrong)
}
