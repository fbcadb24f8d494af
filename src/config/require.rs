//! What a command needs beyond a well-formed configuration: the daemon needs a key, a person to
//! write to and a way to reach them; `payoutd explain` needs only the database.

use std::path::PathBuf;
use std::time::Duration;

use chrono_tz::Tz;
use secrecy::SecretString;
use url::Url;

use super::Config;
use super::checker::Checker;
use super::mail::Transport;
use super::origin::ConfigError;
use super::smtp::SmtpUrl;
use super::stripe::KeyMode;

/// All that is needed to call Stripe.
#[derive(Debug, Clone)]
pub struct StripeParts {
    /// The account's key.
    pub secret_key: SecretString,
    /// Whether it moves real money.
    pub mode: KeyMode,
    /// Where Stripe (or the sandbox) answers.
    pub api_base: Url,
    /// Shared by all calls of one daemon.
    pub requests_per_second: u32,
    /// Calls that may be on the wire at once.
    pub concurrency: u32,
    /// After this a call's outcome is unknown.
    pub call_timeout: Duration,
}

/// All that is needed to send emails.
#[derive(Debug, Clone)]
pub struct MailParts {
    /// The way, with what it needs.
    pub transport: MailTransport,
    /// The sender, as `name <address>` or an address alone.
    pub from: String,
    /// Who answers mentors' questions.
    pub contact: String,
    /// Who is told about what needs a person.
    pub admin_email: String,
    /// What the platform calls itself in front of its mentors.
    pub platform_name: String,
    /// Where the times in emails are read.
    pub time_zone: Tz,
    /// Attempts before an email counts as failed for good.
    pub max_attempts: u32,
    /// Alerts about the same thing within this time become one email.
    pub merge_window: Duration,
    /// For one email.
    pub timeout: Duration,
}

/// The way emails leave, with what it needs.
#[derive(Debug, Clone)]
pub enum MailTransport {
    /// To a server.
    Smtp {
        /// Where, and how protected.
        server: SmtpUrl,
        /// Certificates (PEM) to trust besides the public ones.
        ca_file: Option<PathBuf>,
    },
    /// Into files.
    File {
        /// Made when it does not exist.
        dir: PathBuf,
    },
    /// Through a program.
    Sendmail {
        /// Full path.
        path: PathBuf,
    },
}

/// All that the daemon needs.
#[derive(Debug, Clone)]
pub struct ServeParts {
    /// To call Stripe.
    pub stripe: StripeParts,
    /// What webhooks may be signed with; never empty.
    pub webhook_secrets: Vec<SecretString>,
    /// To send emails.
    pub mail: MailParts,
}

impl Config {
    /// For commands that call Stripe.
    ///
    /// # Errors
    /// When the key is not set.
    pub fn require_stripe(&self) -> Result<StripeParts, ConfigError> {
        let mut c = Checker::new(&self.origins);
        let parts = self.stripe_parts(&mut c);
        finish(parts, c)
    }

    /// For commands that write or send emails.
    ///
    /// # Errors
    /// When nobody is named to write to, or the transport lacks what it needs.
    pub fn require_mail(&self) -> Result<MailParts, ConfigError> {
        let mut c = Checker::new(&self.origins);
        let parts = self.mail_parts(&mut c);
        finish(parts, c)
    }

    /// For the daemon.
    ///
    /// # Errors
    /// Everything that is missing, at once.
    pub fn require_serve(&self) -> Result<ServeParts, ConfigError> {
        let mut c = Checker::new(&self.origins);
        let stripe = self.stripe_parts(&mut c);
        let webhook_secrets = self.stripe.webhook_secrets.clone();
        c.require(!webhook_secrets.is_empty(), "stripe.webhook_secrets", || {
            "is not set: without it no webhook can be trusted; set STRIPE_WEBHOOK_SECRET to the \
             whsec_… of the endpoint in the Stripe dashboard"
                .to_owned()
        });
        let mail = self.mail_parts(&mut c);
        let parts = stripe.zip(mail).map(|(stripe, mail)| ServeParts { stripe, webhook_secrets, mail });
        finish(parts, c)
    }

    fn stripe_parts(&self, c: &mut Checker<'_>) -> Option<StripeParts> {
        let stripe = &self.stripe;
        let key = stripe.secret_key.clone();
        c.require(key.is_some(), "stripe.secret_key", || {
            "is not set: set STRIPE_SECRET_KEY to the account's sk_… or rk_… key".to_owned()
        });
        let secret_key = key?;
        let mode = KeyMode::of(&secret_key);
        c.require(mode.is_some(), "stripe.secret_key", || "is not a secret key: it begins with sk_ or rk_".to_owned());
        Some(StripeParts {
            mode: mode?,
            secret_key,
            api_base: stripe.api_base.clone(),
            requests_per_second: stripe.requests_per_second,
            concurrency: stripe.concurrency,
            call_timeout: stripe.call_timeout,
        })
    }

    fn mail_parts(&self, c: &mut Checker<'_>) -> Option<MailParts> {
        let mail = &self.mail;
        c.require(mail.admin_email.is_some(), "mail.admin_email", || {
            "is not set: set ADMIN_EMAIL to the person who is told when a payout needs one".to_owned()
        });
        let transport = self.mail_transport(c);
        let admin_email = mail.admin_email.clone()?;
        Some(MailParts {
            transport: transport?,
            from: mail.from.clone().unwrap_or_else(|| admin_email.clone()),
            contact: mail.contact.clone().unwrap_or_else(|| admin_email.clone()),
            admin_email,
            platform_name: mail.platform_name.clone(),
            time_zone: mail.time_zone,
            max_attempts: mail.max_attempts,
            merge_window: mail.merge_window,
            timeout: mail.timeout,
        })
    }

    fn mail_transport(&self, c: &mut Checker<'_>) -> Option<MailTransport> {
        let mail = &self.mail;
        match mail.transport {
            Transport::Smtp => {
                c.require(mail.smtp.is_some(), "mail.smtp_url", || {
                    "is not set: set SMTP_URL to the mail server, or mail.transport to \"file\" \
                     or \"sendmail\""
                        .to_owned()
                });
                let server = mail.smtp.clone()?;
                Some(MailTransport::Smtp { server, ca_file: mail.smtp_ca_file.clone() })
            }
            Transport::File => Some(MailTransport::File { dir: mail.file_dir.clone() }),
            Transport::Sendmail => Some(MailTransport::Sendmail { path: mail.sendmail_path.clone() }),
        }
    }
}

fn finish<T>(parts: Option<T>, c: Checker<'_>) -> Result<T, ConfigError> {
    ConfigError::unless_empty(c.into_problems())?;
    // cannot fail: every `?` above stands after the `require` that notes what is missing
    Ok(parts.expect("a missing part is a noted problem"))
}
