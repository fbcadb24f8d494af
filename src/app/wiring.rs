//! From settings to rooms: what each room needs of the configuration, and nothing more.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use secrecy::ExposeSecret;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::reload::SharedMail;
use super::{LockError, SystemClock};
use crate::config::{
    Config, ConfigError, DatabaseUrl, FeeBearer, KeyMode, LateAction, MailParts, MailTransport, Migrate, SmtpTls,
    SmtpUrl, StripeParts, daily,
};
use crate::domain::adjust::{self, AfterPolicy};
use crate::domain::breaker::BreakerPolicy;
use crate::domain::capture::CapturePolicy;
use crate::domain::holding::LetterPolicy;
use crate::domain::money::{Currency, MinorUnits};
use crate::domain::onboarding::OnboardingPolicy;
use crate::domain::policy::{MetadataNames, Policy, RetryPolicy, SendingPolicy};
use crate::domain::retention::RetentionPolicy;
use crate::domain::session::{CancellationPolicy, Tier};
use crate::domain::timetable::{BadSchedule, Timetable};
use crate::domain::withdrawal::WithdrawalPolicy;
use crate::jobs::{CatchUpSettings, DailySchedules, Jobs, OnboardingSettings, Parts, Settings, SweepSettings};
use crate::mail::{MailRoom, MailSetupError};
use crate::ports::{Clock, Store, StoreError, StripeGateway};
use crate::store::Database;
use crate::telemetry::TelemetryError;
use crate::{http, mail, stripe};

/// What has no schedule of its own is due as soon as the day begins.
const FROM_MIDNIGHT: &str = "0 0 0 * * *";

/// Why payoutd, or a part of it, could not be put together.
#[derive(Debug, thiserror::Error)]
pub enum AppError {
    /// The settings lack something, or are wrong.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// The database.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The client for Stripe.
    #[error(transparent)]
    Stripe(#[from] stripe::SetupError),
    /// Mail.
    #[error(transparent)]
    Mail(#[from] MailSetupError),
    /// The schedule.
    #[error("release.schedule: {0}")]
    Schedule(#[from] BadSchedule),
    /// A listener.
    #[error("cannot listen on {address}: {why}; free the port, or set {key} to another")]
    Listen {
        /// The setting.
        key: &'static str,
        /// What was configured.
        address: std::net::SocketAddr,
        /// The system's words.
        why: std::io::Error,
    },
    /// There is no such SQLite file.
    #[error(
        "there is no database at {}: start the daemon or run `payoutd migrate` to make it, or set database.url to where it is",
        path.display()
    )]
    NoDatabase {
        /// Where it was looked for.
        path: PathBuf,
    },
    /// An amount in a currency that there is not.
    #[error("{key}: {why}")]
    Minimum {
        /// The setting.
        key: String,
        /// What is wrong.
        why: crate::domain::money::UnknownCurrency,
    },
    /// What tokens are checked with.
    #[error("{key}: {what} {why}")]
    TokenKey {
        /// The setting.
        key: &'static str,
        /// The secret or the file.
        what: String,
        /// What is wrong with it.
        why: http::KeyError,
    },
    /// The state directory, or another daemon in it.
    #[error(transparent)]
    Lock(#[from] LockError),
    /// The figures.
    #[error("the figures cannot be gathered: {0}")]
    Figures(String),
    /// The log.
    #[error(transparent)]
    Log(#[from] TelemetryError),
    /// A file that the settings name.
    #[error("{key}: cannot read {}: {why}", path.display())]
    File {
        /// The setting.
        key: &'static str,
        /// The file.
        path: PathBuf,
        /// The system's words.
        why: std::io::Error,
    },
}

/// The rules' numbers. Without a Stripe key the mode is test mode.
pub fn policy(config: &Config) -> Result<Policy, AppError> {
    let mode = config.stripe.secret_key.as_ref().and_then(KeyMode::of);
    Ok(Policy {
        livemode: mode.is_some_and(KeyMode::livemode),
        platform_fee_bps: config.fees.platform_fee_bps,
        dispute_window: config.window.dispute_window,
        minimums: minimums("minimums", &config.minimums)?,
        names: MetadataNames {
            mentor_id: config.metadata.mentor_id.clone(),
            booking_id: config.metadata.booking_id.clone(),
            platform_fee: config.metadata.platform_fee.clone(),
            mentor_amount: config.metadata.mentor_amount.clone(),
            session_starts_at: config.metadata.session_starts_at.clone(),
            session_ends_at: config.metadata.session_ends_at.clone(),
        },
        admin_email: config.mail.admin_email.clone().unwrap_or_default(),
        retry: retry_policy(config),
        after: after_policy(config),
        require_completion: config.release.require_completion,
        cancellation: CancellationPolicy::new(config.cancellation.tiers.iter().map(tier).collect()),
        capture: CapturePolicy {
            delay: config.capture.delay,
            lifetime: config.capture.authorization_lifetime,
            warn_before: config.capture.warn_before,
            cancel_before: config.capture.cancel_before,
        },
        sending: SendingPolicy {
            other_settlement: config.release.settlement_currency,
            small_amounts: config.release.small_amounts,
        },
        letters: LetterPolicy {
            dispute_acknowledgement: config.mail.dispute_acknowledgement,
            platform_limit: config.release.platform_limit,
            limit_warn_before: config.release.limit_warn_before,
        },
        withdrawals: WithdrawalPolicy { minimums: minimums("withdrawal_minimums", &config.withdrawal_minimums)? },
        onboarding: OnboardingPolicy { manual_payouts: config.onboarding.manual_payouts },
    })
}

fn minimums(section: &str, amounts: &BTreeMap<String, i64>) -> Result<BTreeMap<Currency, MinorUnits>, AppError> {
    let minimum = |(code, amount): (&String, &i64)| {
        let key = || format!("{section}.{code}");
        let currency = Currency::parse(code).map_err(|why| AppError::Minimum { key: key(), why })?;
        Ok((currency, MinorUnits::new(*amount).unwrap_or_default()))
    };
    amounts.iter().map(minimum).collect()
}

fn tier(tier: &crate::config::Tier) -> Tier {
    Tier { before: tier.before, refund_bps: u16::from(tier.percent) * 100 }
}

fn after_policy(config: &Config) -> AfterPolicy {
    let action = |action: LateAction| match action {
        LateAction::Alert => adjust::LateAction::Alert,
        LateAction::Reverse => adjust::LateAction::Reverse,
    };
    AfterPolicy {
        open_dispute: action(config.after_transfer.open_dispute),
        late_flag: action(config.after_transfer.late_flag),
        mentor_pays_dispute_fee: config.after_transfer.dispute_fee == FeeBearer::Mentor,
    }
}

fn retry_policy(config: &Config) -> RetryPolicy {
    RetryPolicy {
        max_attempts: config.retry.max_attempts,
        base: config.retry.base,
        max: config.retry.max,
        busy: config.retry.busy,
        funds: config.release.funds_retry,
        preflight: config.release.preflight_retry,
        rescue: config.rescue.retry,
        key_max_age: config.rescue.key_max_age,
        absence_grace: config.rescue.absence_grace,
        unknown_alert_after: config.rescue.unknown_alert_after,
        lease: config.rescue.lease,
    }
}

/// The configured database, not yet connected.
pub fn open_database(config: &Config) -> Result<Database, AppError> {
    let url = config.database.url.expose();
    let connections = usize::try_from(config.database.pool_size).unwrap_or(usize::MAX);
    Ok(Database::open_with(&url, connections, Arc::new(policy(config)?))?)
}

/// The configured database as it is, for those who only look or decide: it must be there and up to date. An SQLite file is
/// not made for them.
pub async fn existing_database(config: &Config) -> Result<Database, AppError> {
    if let DatabaseUrl::Sqlite { path } = &config.database.url
        && !path.exists()
    {
        return Err(AppError::NoDatabase { path: path.clone() });
    }
    let database = open_database(config)?;
    database.check().await?;
    Ok(database)
}

/// The configured database, brought up to date where the settings say so, else refused unless it is.
pub async fn ready_database(config: &Config) -> Result<Database, AppError> {
    let database = open_database(config)?;
    let state = database.schema_state().await?;
    state.refuse_newer()?;
    if config.database.migrate == Migrate::Manual {
        state.require_current()?;
    } else if !state.pending.is_empty() {
        let run = database.migrate().await?;
        tracing::info!(migrations = run.join(", "), "the database was brought up to date");
    }
    Ok(database)
}

/// The loops with everything they work with, but without a listener.
pub struct Worker {
    /// The loops.
    pub jobs: Arc<Jobs>,
    /// The database.
    pub database: Database,
    /// Stripe, at the one pace of all of the daemon's calls.
    pub(super) stripe: Arc<dyn StripeGateway>,
    /// Mail, whose settings may change.
    pub(super) mail: SharedMail,
    /// Time.
    pub clock: Arc<dyn Clock>,
    /// Their tasks.
    pub tasks: TaskTracker,
    /// Stops them.
    pub stop: CancellationToken,
}

impl Worker {
    /// Puts it together; nothing runs yet.
    pub async fn new(config: &Config) -> Result<Self, AppError> {
        let (stripe, mail) = (config.require_stripe()?, config.require_mail()?);
        let settings = job_settings(config, &stripe, &mail)?;
        let clock: Arc<dyn Clock> = Arc::new(SystemClock);
        let stripe = client(stripe)?;
        let mail = SharedMail::new(mail_room(mail)?);
        let database = ready_database(config).await?;
        let (stop, tasks) = (CancellationToken::new(), TaskTracker::new());
        let parts = Parts {
            store: Arc::new(database.clone()),
            chores: Arc::new(database.clone()),
            stripe: stripe.clone(),
            mailer: Arc::new(mail.clone()),
            clock: clock.clone(),
            policy: Arc::new(policy(config)?),
            settings,
            stop: stop.clone(),
        };
        Ok(Self { jobs: Jobs::new(parts, &tasks), database, stripe, mail, clock, tasks, stop })
    }
}

fn job_settings(config: &Config, stripe: &StripeParts, mail: &MailParts) -> Result<Settings, BadSchedule> {
    // The sandbox of the unit hides the first.
    let names = ["/proc/sys/kernel/hostname", "/etc/hostname"];
    let host = names.iter().find_map(|file| std::fs::read_to_string(file).ok()).unwrap_or_default();
    Ok(Settings {
        owner: format!("{}:{}", host.trim(), std::process::id()),
        timetable: Timetable::new(&config.release.schedule, config.release.time_zone)?,
        batch_size: usize::try_from(config.release.batch_size).unwrap_or(100),
        concurrency: usize::try_from(stripe.concurrency).unwrap_or(16),
        longest_call: stripe.call_timeout.max(mail.timeout),
        rescue_interval: config.rescue.interval,
        breaker: BreakerPolicy { failures_to_open: config.breaker.failures_to_open, open_for: config.breaker.open_for },
        mail_attempts: mail.max_attempts,
        mail_merge_window: mail.merge_window,
        daily: DailySchedules {
            limit: Timetable::new(FROM_MIDNIGHT, config.release.time_zone)?,
            digest: daily(&config.mail.digest, config.release.time_zone)?,
            audit: daily(&config.audit.schedule, config.release.time_zone)?,
            reconcile: daily(&config.reconcile.schedule, config.release.time_zone)?,
            retention: daily(&config.retention.schedule, config.release.time_zone)?,
        },
        retention: RetentionPolicy {
            events: config.retention.events.time(),
            attempts: config.retention.attempts.time(),
            emails: config.retention.emails.time(),
            api_writes: config.retention.api_writes.time(),
            runs: config.retention.runs.time(),
        },
        catch_up: CatchUpSettings { interval: config.catch_up.interval, max_age: config.catch_up.max_age },
        reconcile_days: config.reconcile.days,
        sweep: SweepSettings {
            preflight: config.release.preflight,
            max_age: config.release.sweep_max_age,
            overlap: config.release.sweep_overlap,
        },
        ahead: ahead(config, stripe),
        onboarding: OnboardingSettings {
            account_type: config.onboarding.account_type,
            country: config.onboarding.country.clone(),
            return_url: config.onboarding.return_url.clone(),
            refresh_url: config.onboarding.refresh_url.clone(),
        },
    })
}

/// How many payments may be on their way to being sent. What is claimed is sent well within its lease: at the pace that is set,
/// and not long after it has its place.
fn ahead(config: &Config, stripe: &StripeParts) -> usize {
    let within_lease = u64::from(stripe.requests_per_second).saturating_mul(config.rescue.lease.as_secs()) / 4;
    usize::try_from(u64::from(2 * stripe.concurrency).min(within_lease).max(1)).unwrap_or(1)
}

/// Our client for Stripe's API.
pub(super) fn client(parts: StripeParts) -> Result<Arc<dyn StripeGateway>, AppError> {
    Ok(Arc::new(stripe::Client::new(stripe_settings(parts), Arc::new(SystemClock))?))
}

pub(super) fn stripe_settings(parts: StripeParts) -> stripe::Settings {
    stripe::Settings {
        api_base: parts.api_base,
        secret_key: parts.secret_key,
        requests_per_second: parts.requests_per_second,
        concurrency: usize::try_from(parts.concurrency).unwrap_or(16),
        call_timeout: parts.call_timeout,
    }
}

/// The mail room as the settings have it.
pub(super) fn mail_room(parts: MailParts) -> Result<MailRoom, AppError> {
    Ok(MailRoom::new(mail_settings(parts)?)?)
}

fn mail_settings(parts: MailParts) -> Result<mail::Settings, AppError> {
    let transport = match parts.transport {
        MailTransport::File { dir } => mail::Transport::Files { dir },
        MailTransport::Sendmail { path } => mail::Transport::Sendmail { path },
        MailTransport::Smtp { server, ca_file } => {
            let read = |path: PathBuf| {
                std::fs::read(&path).map_err(|why| AppError::File { key: "mail.smtp_ca_file", path, why })
            };
            mail::Transport::Smtp(smtp_server(server, ca_file.map(read).transpose()?))
        }
    };
    Ok(mail::Settings {
        transport,
        from: parts.from,
        platform_name: parts.platform_name,
        time_zone: parts.time_zone,
        contact: parts.contact,
        timeout: parts.timeout,
    })
}

fn smtp_server(url: SmtpUrl, trusted_pem: Option<Vec<u8>>) -> mail::SmtpServer {
    mail::SmtpServer {
        host: url.host,
        port: url.port,
        security: match url.tls {
            SmtpTls::Implicit => mail::Security::Tls,
            SmtpTls::StartTls => mail::Security::StartTls,
            SmtpTls::Plain => mail::Security::Plain,
        },
        login: url
            .credentials
            .map(|(user, password)| mail::Login { user, password: password.expose_secret().to_owned().into() }),
        trusted_pem,
    }
}
