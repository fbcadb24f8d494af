//! The mail server's URL. There is no "encrypt if the server offers it": whoever can cut the offer out could
//! then read everything.

use std::fmt;

use secrecy::SecretString;
use url::{Host, Url};

use super::value::{FromRaw, Raw};

/// What protects the connection to the mail server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SmtpTls {
    /// TLS from the first byte: `smtps://`.
    Implicit,
    /// STARTTLS or nothing is sent: `smtp://…`.
    StartTls,
    /// None; on loopback only.
    Plain,
}

/// A mail server. `Debug` never shows the password.
#[derive(Clone)]
pub struct SmtpUrl {
    /// Name or address.
    pub host: Host,
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
     \"smtp://user:password@host:587\"";

impl FromRaw for SmtpUrl {
    fn from_raw(raw: &Raw) -> Result<Self, String> {
        // Never repeated in a complaint: it holds a password.
        let text = String::from_raw(raw)?;
        let url = Url::parse(&text).map_err(|why| format!("is not a URL ({why}): {SMTP_FORM}"))?;
        if !matches!(url.path(), "" | "/") || url.fragment().is_some() {
            return Err(format!("has something behind the host that means nothing here: {SMTP_FORM}"));
        }
        let host = host_of(&url).ok_or_else(|| format!("names no host: {SMTP_FORM}"))?;
        let tls = tls_of(&url, is_loopback(&host))?;
        let default_port = match tls {
            SmtpTls::Implicit => 465,
            SmtpTls::StartTls => 587,
            SmtpTls::Plain => 25,
        };
        Ok(SmtpUrl { host, port: url.port().unwrap_or(default_port), tls, credentials: credentials_of(&url)? })
    }

    fn shown(&self) -> String {
        let scheme = if self.tls == SmtpTls::Implicit { "smtps" } else { "smtp" };
        let login = if self.credentials.is_some() { "***@" } else { "" };
        let required = if self.tls == SmtpTls::StartTls { "?tls=required" } else { "" };
        format!("{scheme}://{login}{}:{}{required}", self.host, self.port)
    }
}

fn host_of(url: &Url) -> Option<Host> {
    match url.host()?.to_owned() {
        // `smtp` is no scheme that the URL standard knows, so an IPv4 address comes as a name.
        Host::Domain(name) => match name.parse() {
            Ok(ip) => Some(Host::Ipv4(ip)),
            Err(_) => Some(Host::Domain(name)).filter(|_| !url.host_str().is_none_or(str::is_empty)),
        },
        ip => Some(ip),
    }
}

/// Without a word about TLS it is required, except on this machine.
fn tls_of(url: &Url, on_this_machine: bool) -> Result<SmtpTls, String> {
    let parameters: Vec<(String, String)> = url.query_pairs().into_owned().collect();
    if parameters.iter().any(|(name, _)| name != "tls") {
        // Its name is not repeated: behind a `?` that was not escaped, it is half a password.
        return Err(format!(
            "has a parameter other than tls, the only one there is (a ? in a password is %3F): {SMTP_FORM}"
        ));
    }
    let wanted = parameters.first().map(|(_, wanted)| wanted.as_str());
    match (url.scheme(), wanted) {
        ("smtps", None) => Ok(SmtpTls::Implicit),
        ("smtps", Some(_)) => Err("smtps:// is TLS already: leave ?tls out".to_owned()),
        ("smtp", None | Some("none")) if on_this_machine => Ok(SmtpTls::Plain),
        ("smtp", None | Some("required")) => Ok(SmtpTls::StartTls),
        ("smtp", Some(_)) => {
            Err("may send mail in the clear, which is only for this machine: write ?tls=required for \
             STARTTLS, or smtps:// for TLS at once"
                .to_owned())
        }
        (scheme, _) => Err(format!("{scheme}:// is not a mail server: {SMTP_FORM}")),
    }
}

fn is_loopback(host: &Host) -> bool {
    match host {
        Host::Ipv4(ip) => ip.is_loopback(),
        Host::Ipv6(ip) => ip.is_loopback(),
        Host::Domain(name) => name.eq_ignore_ascii_case("localhost"),
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
            ("smtp://mx.example.com", "mx.example.com:587 StartTls as None"),
            ("smtp://mx.example.com:2525?tls=required", "mx.example.com:2525 StartTls as None"),
            ("smtp://127.0.0.1.example.com", "127.0.0.1.example.com:587 StartTls as None"),
            ("smtp://127.0.0.1?tls=required", "127.0.0.1:587 StartTls as None"),
            ("smtp://127.0.0.2?tls=none", "127.0.0.2:25 Plain as None"),
            ("smtp://127.0.0.1:1025", "127.0.0.1:1025 Plain as None"),
            ("smtp://localhost", "localhost:25 Plain as None"),
            ("smtp://[::1]:25", "[::1]:25 Plain as None"),
        ] {
            assert_eq!(parse(url), Ok(shown.to_owned()));
        }
    }

    #[test]
    fn what_could_go_in_the_clear_is_refused() {
        for (url, complaint) in [
            ("smtp://mx.example.com?tls=none", "may send mail in the clear"),
            ("smtp://127.0.0.1.example.com?tls=none", "may send mail in the clear"),
            ("smtp://mx.example.com/inbox", "something behind the host"),
            ("smtp://localhost?tls=opportunistic", "may send mail in the clear"),
            ("smtp://localhost?tsl=required", "a parameter other than tls"),
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
}
