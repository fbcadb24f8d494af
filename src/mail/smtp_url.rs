//! Reads `smtp://` and `smtps://` URLs. An error never repeats the URL, which may hold a password.

use percent_encoding::percent_decode_str;
use secrecy::SecretString;
use url::{Host, Url};

use super::settings::{Login, Security, SmtpServer, is_loopback};

/// What is wrong with an SMTP URL.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SmtpUrlError {
    /// Not a URL.
    #[error("the SMTP URL cannot be read ({0}); write it like smtp://user:password@mail.example.com:587")]
    Unreadable(url::ParseError),
    /// Another protocol.
    #[error("the SMTP URL begins with `{0}://`; use smtp:// (STARTTLS) or smtps:// (TLS)")]
    Scheme(String),
    /// No server named.
    #[error("the SMTP URL names no host; write it like smtp://mail.example.com:587")]
    NoHost,
    /// A name without a password, or the other way round.
    #[error("the SMTP URL has only one of user and password; give both (smtp://user:password@host) or neither")]
    HalfLogin,
    /// A user or a password that is not text.
    #[error("user or password in the SMTP URL is not UTF-8 after decoding its %-escapes")]
    NotText,
    /// Plain text to another machine.
    #[error(
        "the SMTP URL asks for no TLS with {0}, which is not this machine: anyone on the way could read the mail; \
         remove `tls=none`, or use smtps://"
    )]
    PlainText(String),
    /// Encryption that depends on the server's mood.
    #[error(
        "tls=opportunistic falls back to plain text and is not supported; remove it to require STARTTLS, or use smtps://"
    )]
    Opportunistic,
    /// A `tls` that is not known, or that contradicts `smtps://`.
    #[error("`tls={0}` does not go with this SMTP URL; with smtp:// it may be `required`, or `none` on this machine")]
    Tls(String),
    /// Something after the host that has no meaning here.
    #[error("the SMTP URL has a part that means nothing here: `{0}`; only `?tls=` may follow the host")]
    Excess(String),
}

impl SmtpServer {
    /// Reads a URL:
    ///
    /// | URL | meaning |
    /// |---|---|
    /// | `smtps://user:password@host` | TLS from the first byte, port 465 |
    /// | `smtp://user:password@host` | STARTTLS or nothing, port 587 |
    /// | `smtp://127.0.0.1:2525` | plain, because it is this machine; port 25; `?tls=required` for STARTTLS |
    pub fn from_url(text: &str) -> Result<Self, SmtpUrlError> {
        let url = Url::parse(text.trim()).map_err(SmtpUrlError::Unreadable)?;
        if !matches!(url.scheme(), "smtp" | "smtps") {
            return Err(SmtpUrlError::Scheme(url.scheme().to_owned()));
        }
        let host = host(&url)?;
        if !matches!(url.path(), "" | "/") || url.fragment().is_some() {
            let fragment = url.fragment().map(|fragment| format!("#{fragment}")).unwrap_or_default();
            return Err(SmtpUrlError::Excess(format!("{}{fragment}", url.path())));
        }
        let security = security(&url, &host)?;
        let port = url.port().unwrap_or(match security {
            Security::Tls => 465,
            Security::StartTls => 587,
            Security::Plain => 25,
        });
        Ok(Self { host, port, security, login: login(&url)?, trusted_pem: None })
    }
}

/// `url` reads numbers as addresses for the web's schemes only, so that is done here.
fn host(url: &Url) -> Result<Host<String>, SmtpUrlError> {
    match url.host() {
        Some(Host::Domain(name)) if !name.is_empty() => Host::parse(name).map_err(SmtpUrlError::Unreadable),
        Some(Host::Ipv4(address)) => Ok(Host::Ipv4(address)),
        Some(Host::Ipv6(address)) => Ok(Host::Ipv6(address)),
        _ => Err(SmtpUrlError::NoHost),
    }
}

fn security(url: &Url, host: &Host<String>) -> Result<Security, SmtpUrlError> {
    let mut tls = None;
    for (key, value) in url.query_pairs() {
        match key.as_ref() {
            "tls" if tls.is_none() => tls = Some(value.into_owned()),
            _ => return Err(SmtpUrlError::Excess(format!("?{key}="))),
        }
    }
    match (url.scheme(), tls.as_deref()) {
        ("smtps", None) => Ok(Security::Tls),
        ("smtp", None) if is_loopback(host) => Ok(Security::Plain),
        ("smtp", None | Some("required")) => Ok(Security::StartTls),
        ("smtp", Some("none")) if is_loopback(host) => Ok(Security::Plain),
        ("smtp", Some("none")) => Err(SmtpUrlError::PlainText(host.to_string())),
        ("smtp", Some("opportunistic")) => Err(SmtpUrlError::Opportunistic),
        (_, tls) => Err(SmtpUrlError::Tls(tls.unwrap_or_default().to_owned())),
    }
}

fn login(url: &Url) -> Result<Option<Login>, SmtpUrlError> {
    let text = |part: &str| match percent_decode_str(part).decode_utf8() {
        Ok(text) => Ok(text.into_owned()),
        Err(_) => Err(SmtpUrlError::NotText),
    };
    match (url.username(), url.password()) {
        ("", None) => Ok(None),
        ("", Some(_)) | (_, None) => Err(SmtpUrlError::HalfLogin),
        (user, Some(password)) => Ok(Some(Login { user: text(user)?, password: SecretString::from(text(password)?) })),
    }
}

#[cfg(test)]
mod tests {
    use secrecy::ExposeSecret;

    use super::*;

    fn read(url: &str) -> (String, u16, Security) {
        let server = SmtpServer::from_url(url).unwrap();
        (server.host.to_string(), server.port, server.security)
    }

    #[test]
    fn the_safe_way_is_the_default() {
        for (url, host, port, security) in [
            ("smtp://mail.example.com", "mail.example.com", 587, Security::StartTls),
            ("smtp://u:p@mail.example.com:2587/", "mail.example.com", 2587, Security::StartTls),
            ("smtp://mail.example.com?tls=required", "mail.example.com", 587, Security::StartTls),
            ("smtps://mail.example.com", "mail.example.com", 465, Security::Tls),
            ("smtps://127.0.0.1:4650", "127.0.0.1", 4650, Security::Tls),
            ("smtp://127.0.0.1:2525", "127.0.0.1", 2525, Security::Plain),
            ("smtp://127.8.9.1", "127.8.9.1", 25, Security::Plain),
            ("smtp://localhost?tls=none", "localhost", 25, Security::Plain),
            ("smtp://[::1]:2525", "[::1]", 2525, Security::Plain),
            ("smtp://localhost?tls=required", "localhost", 587, Security::StartTls),
            ("smtp://192.0.2.7", "192.0.2.7", 587, Security::StartTls),
            ("smtp://127.0.0.1.example.com", "127.0.0.1.example.com", 587, Security::StartTls),
            ("smtp://localhost.example.com", "localhost.example.com", 587, Security::StartTls),
        ] {
            assert_eq!(read(url), (host.into(), port, security), "{url}");
        }
    }

    #[test]
    fn a_login_is_decoded_and_never_shown() {
        let server = SmtpServer::from_url("smtp://ada%40example.com:p%3Aw%2Ford%25@mail.example.com").unwrap();
        let shown = format!("{server:?}");
        let login = server.login.unwrap();
        assert_eq!((login.user.as_str(), login.password.expose_secret()), ("ada@example.com", "p:w/ord%"));
        assert!(!shown.contains("p:w/ord%"), "{shown}");
    }

    #[test]
    fn what_cannot_work_says_how_to_mend_it() {
        for (url, words) in [
            ("mail.example.com:587", "smtp://"),
            ("", "smtp://user:password@mail.example.com"),
            ("https://mail.example.com", "smtps://"),
            ("smtp://", "names no host"),
            ("smtp://ada@mail.example.com", "give both"),
            ("smtp://:secret@mail.example.com", "give both"),
            ("smtp://a:%ff@mail.example.com", "UTF-8"),
            ("smtp://mail.example.com?tls=none", "remove `tls=none`"),
            ("smtp://mail.example.com?tls=opportunistic", "require STARTTLS"),
            ("smtp://mail.example.com?tls=maybe", "tls=maybe"),
            ("smtps://mail.example.com?tls=none", "tls=none"),
            ("smtp://mail.example.com/inbox", "/inbox"),
            ("smtp://mail.example.com?timeout=3", "?timeout="),
            ("smtp://mail.example.com?tls=required&tls=none", "?tls="),
            ("smtp://mail.example.com:99999", "port"),
        ] {
            let error = SmtpServer::from_url(url).unwrap_err().to_string();
            assert!(error.contains(words), "{url}: {error}");
            assert!(!error.contains("secret"), "{error}");
        }
    }
}
