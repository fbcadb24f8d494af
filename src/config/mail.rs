//! `[mail]`: how emails leave, from whom, and to which person of the platform.

use std::fmt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use secrecy::SecretString;
use url::{Host, Url};

use super::checker::Checker;
use super::reader::Reader;
use super::value::{FromRaw, Raw, words};

/// How emails are sent.
#[derive(Debug, Clone)]
pub struct Mail {
    /// By which way.
    pub transport: Transport,
    /// The server, for [`Transport::Smtp`].
    pub smtp: Option<SmtpUrl>,
    /// Where the .eml files go, for [`Transport::File`].
    pub file_dir: PathBuf,
    /// The program, for [`Transport::Sendmail`].
    pub sendmail_path: PathBuf,
    /// The sender, as `name <address>` or an address alone; the admin's address where not set.
    pub from: Option<String>,
    /// Who is told about what needs a person.
    pub admin_email: Option<String>,
    /// What the platform calls itself in front of its mentors.
    pub platform_name: String,
    /// Attempts before an email counts as failed for good.
    pub max_attempts: u32,
    /// Alerts about the same thing within this time become one email.
    pub merge_window: Duration,
    /// For one email, from connecting to the server's last answer.
    pub timeout: Duration,
}

/// The way emails leave.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Transport {
    /// To a server.
    Smtp,
    /// Into files, one an email; nobody receives them.
    File,
    /// Through the local sendmail program.
    Sendmail,
}
words!(Transport {
    "smtp" => Transport::Smtp,
    "file" => Transport::File,
    "sendmail" => Transport::Sendmail,
});

/// What protects the connection to the mail server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SmtpTls {
    /// TLS from the first byte: `smtps://`.
    Implicit,
    /// STARTTLS or nothing is sent: `smtp://…?tls=required`.
    StartTls,
    /// None; on loopback only.
    Plain,
}

/// A mail server. `Debug` never shows the password.
#[derive(Clone)]
pub struct SmtpUrl {
    /// Name or address.
    pub host: String,
    /// 465 for implicit TLS, 587 for STARTTLS, 25 for plain, where the URL names none.
    pub port: u16,
    /// What protects the connection.
    pub tls: SmtpTls,
    /// User and password, decoded.
    pub credentials: Option<(String, SecretString)>,
}

impl fmt::Debug for SmtpUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let user = self.credentials.as_ref().map(|(user, _)| user);
        write!(f, "{}:{} {:?} as {user:?}", self.host, self.port, self.tls)
    }
}

const SMTP_FORM: &str = "write \"smtps://user:password@host:465\" or \
     \"smtp://user:password@host:587?tls=required\"";

impl FromRaw for SmtpUrl {
    fn from_raw(raw: &Raw) -> Result<Self, String> {
        // Never repeated in a complaint: it holds a password.
        let text = String::from_raw(raw)?;
        let url = Url::parse(&text).map_err(|why| format!("is not a URL ({why}): {SMTP_FORM}"))?;
        let host = url.host_str().filter(|host| !host.is_empty());
        let host = host.ok_or_else(|| format!("names no host: {SMTP_FORM}"))?;
        let tls = tls_of(&url)?;
        let default_port = match tls {
            SmtpTls::Implicit => 465,
            SmtpTls::StartTls => 587,
            SmtpTls::Plain => 25,
        };
        Ok(SmtpUrl {
            host: host.trim_matches(['[', ']']).to_owned(),
            port: url.port().unwrap_or(default_port),
            tls,
            credentials: credentials_of(&url)?,
        })
    }
}

fn tls_of(url: &Url) -> Result<SmtpTls, String> {
    let parameters: Vec<(String, String)> = url.query_pairs().into_owned().collect();
    if let Some((name, _)) = parameters.iter().find(|(name, _)| name != "tls") {
        return Err(format!("has the unknown parameter \"{name}\": {SMTP_FORM}"));
    }
    let wanted = parameters.first().map(|(_, wanted)| wanted.as_str());
    match (url.scheme(), wanted) {
        ("smtps", None) => Ok(SmtpTls::Implicit),
        ("smtps", Some(_)) => Err("smtps:// is TLS already: leave ?tls out".to_owned()),
        ("smtp", Some("required")) => Ok(SmtpTls::StartTls),
        ("smtp", Some(other)) => {
            Err(format!("?tls={other} may send mail in the clear: write ?tls=required, or smtps://"))
        }
        ("smtp", None) if is_loopback(url) => Ok(SmtpTls::Plain),
        ("smtp", None) => Err("plain SMTP is only for this machine (localhost): write ?tls=required at the end for \
             STARTTLS, or smtps:// for implicit TLS"
            .to_owned()),
        (scheme, _) => Err(format!("{scheme}:// is not a mail server: {SMTP_FORM}")),
    }
}

fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Ipv4(ip)) => ip.is_loopback(),
        Some(Host::Ipv6(ip)) => ip.is_loopback(),
        // `smtp` is no scheme that the URL standard knows, so an IPv4 address comes as a name.
        Some(Host::Domain(name)) => {
            let ip = name.parse::<std::net::Ipv4Addr>();
            name.eq_ignore_ascii_case("localhost") || ip.is_ok_and(|ip| ip.is_loopback())
        }
        None => false,
    }
}

fn credentials_of(url: &Url) -> Result<Option<(String, SecretString)>, String> {
    let decode = |text: &str| {
        let decoded = percent_encoding::percent_decode_str(text).decode_utf8();
        decoded
            .map(|text| text.into_owned())
            .map_err(|_| "user or password is not UTF-8 after decoding its %".to_owned())
    };
    match (url.username(), url.password()) {
        ("", None) => Ok(None),
        (user, Some(password)) if !user.is_empty() => Ok(Some((decode(user)?, decode(password)?.into()))),
        _ => Err(format!("needs both a user and a password, or neither: {SMTP_FORM}")),
    }
}

impl Mail {
    pub(super) fn read(r: &mut Reader, state_dir: &Path) -> Self {
        Mail {
            transport: r.take("mail.transport", Transport::Smtp),
            smtp: r.take_optional("mail.smtp_url"),
            file_dir: r.take("mail.file_dir", state_dir.join("mail")),
            sendmail_path: r.take("mail.sendmail_path", PathBuf::from("/usr/sbin/sendmail")),
            from: r.take_optional("mail.from"),
            admin_email: r.take_optional("mail.admin_email"),
            platform_name: r.take("mail.platform_name", "Payouts".to_owned()),
            max_attempts: r.take("mail.max_attempts", 10),
            merge_window: r.take("mail.merge_window", Duration::from_secs(3_600)),
            timeout: r.take("mail.timeout", Duration::from_secs(30)),
        }
    }

    pub(super) fn check(&self, c: &mut Checker<'_>) {
        if let Some(from) = &self.from {
            c.accept(mailbox(from), "mail.from");
        }
        if let Some(admin) = &self.admin_email {
            c.accept(address(admin), "mail.admin_email");
        }
        c.require(!self.platform_name.contains(char::is_control), "mail.platform_name", || {
            "must be one line of plain text".to_owned()
        });
        c.range("mail.max_attempts", self.max_attempts, 1, 100);
        c.positive("mail.merge_window", self.merge_window);
        c.positive("mail.timeout", self.timeout);
    }
}

/// `name <address>` or an address alone.
fn mailbox(text: &str) -> Result<(), String> {
    match text.strip_suffix('>').and_then(|text| text.split_once('<')) {
        Some((name, inner)) if !name.contains(|c: char| c.is_control() || "<>".contains(c)) => address(inner),
        Some(_) => Err(format!("\"{}\" is not a sender: write \"Payouts <payouts@example.com>\"", text.escape_debug())),
        None => address(text),
    }
}

/// The shape only; whether it exists, the first email will tell.
fn address(text: &str) -> Result<(), String> {
    let good = text.split_once('@').is_some_and(|(user, host)| {
        let clean = |c: char| c.is_whitespace() || c.is_control() || "<>()[],;:\\\"@".contains(c);
        let labels = host.split('.').all(|l| !l.is_empty() && !l.starts_with('-'));
        !user.is_empty() && !user.contains(clean) && !host.contains(clean) && labels
    });
    if good {
        return Ok(());
    }
    Err(format!(
        "\"{}\" is not an email address: write one address, such as \"payouts@example.com\"",
        text.escape_debug()
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(url: &str) -> Result<String, String> {
        SmtpUrl::from_raw(&Raw::Text(url.to_owned())).map(|url| format!("{url:?}"))
    }

    #[test]
    fn a_server_is_reached_with_tls_or_on_this_machine() {
        for (url, shown) in [
            ("smtps://ada:pw@mx.example.com", "mx.example.com:465 Implicit as Some(\"ada\")"),
            ("smtp://mx.example.com?tls=required", "mx.example.com:587 StartTls as None"),
            ("smtp://127.0.0.1:1025", "127.0.0.1:1025 Plain as None"),
            ("smtp://localhost", "localhost:25 Plain as None"),
            ("smtp://[::1]:25", "::1:25 Plain as None"),
        ] {
            assert_eq!(parse(url), Ok(shown.to_owned()));
        }
    }

    #[test]
    fn what_could_go_in_the_clear_is_refused() {
        for (url, complaint) in [
            ("smtp://mx.example.com", "plain SMTP is only for this machine"),
            ("smtp://127.0.0.1.example.com", "plain SMTP is only for this machine"),
            ("smtp://localhost?tls=opportunistic", "may send mail in the clear"),
            ("smtp://localhost?tsl=required", "the unknown parameter \"tsl\""),
            ("smtps://localhost?tls=required", "leave ?tls out"),
            ("http://localhost", "http:// is not a mail server"),
            ("smtp://", "names no host"),
            ("smtps://ada@mx.example.com", "needs both a user and a password"),
            ("mx.example.com", "is not a URL"),
        ] {
            let why = parse(url).expect_err(url);
            assert!(why.contains(complaint), "{url}: {why}");
        }
    }

    #[test]
    fn a_password_is_decoded_and_not_shown() {
        use secrecy::ExposeSecret;
        let url = Raw::Text("smtps://ada%40example.com:p%2Fw@mx.example.com".to_owned());
        let url = SmtpUrl::from_raw(&url).expect("well formed");
        let (user, password) = url.credentials.clone().expect("given");
        assert_eq!((user.as_str(), password.expose_secret()), ("ada@example.com", "p/w"));
        assert!(!format!("{url:?}").contains("p/w"));
    }

    #[test]
    fn addresses() {
        for good in ["a@example.com", "a.b+c@mail.example.org", "root@localhost"] {
            assert_eq!(address(good), Ok(()), "{good}");
        }
        assert_eq!(mailbox("Pay <a@example.com>"), Ok(()));
        for bad in ["", "a", "a@", "@b", "a@b@c", "a b@c", "a@b..c", "a@b\nc", "a@b, c@d", "<a@b>"] {
            assert!(address(bad).is_err(), "{bad}");
        }
        assert!(mailbox("Pay\r\nBcc: x <a@example.com>").is_err());
        assert!(mailbox("Pay <a@example.com").is_err());
    }
}
