//! The settings: strict TOML, the environment over it, and every rule that values must keep.
//! Read by main, cli and app only, which hand each room what it needs; no other room knows it.

mod after;
mod api;
mod catch_up;
mod checker;
mod credentials;
mod cron;
mod daily;
mod database;
mod duration;
mod fingerprint;
mod gather;
mod keys;
mod mail;
mod money;
mod onboarding;
mod origin;
mod reader;
mod require;
mod retention;
mod running;
mod session;
mod smtp;
mod stripe;
mod value;
mod zone;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::time::Duration;

pub use after::{AfterTransfer, FeeBearer, LateAction};
pub use api::Api;
pub use catch_up::{CatchUp, Reconcile};
pub use cron::Cron;
pub use daily::{Audit, daily};
pub use database::{Database, DatabaseUrl, Migrate};
pub use duration::{parse_duration, show_duration};
pub use gather::Gathered;
pub use keys::env_name;
pub use mail::{Mail, Transport};
pub use money::{Fees, Metadata, Release, Window};
pub use onboarding::Onboarding;
pub use origin::{ConfigError, Origin, Problem};
pub use reader::Shown;
pub use require::{MailParts, MailTransport, ServeParts, StripeParts};
pub use retention::{Keep, Retention};
pub use running::{Breaker, Log, LogFormat, Metrics, Rescue, Retry, Shutdown, Webhook};
pub use session::{Cancellation, Capture, Tier};
pub use smtp::{SmtpTls, SmtpUrl};
pub use stripe::{KeyMode, Stripe};

use checker::Checker;
use fingerprint::Fingerprint;
use reader::Reader;

/// Read when no other file is named and it exists.
pub const DEFAULT_PATH: &str = "/etc/payoutd/payoutd.toml";
const SYSTEM_STATE_DIR: &str = "/var/lib/payoutd";
const LOCAL_STATE_DIR: &str = "payoutd-state";
/// What a worker needs besides the call itself: the queue for a slot, and two transactions.
const LEASE_MARGIN: Duration = Duration::from_secs(15);
/// How much longer than a lease Stripe must go on saying that there is no such transfer.
const ABSENCE_MARGIN: Duration = Duration::from_secs(5 * 60);

/// Every setting, typed and checked. `Debug` shows no secret.
#[derive(Debug, Clone)]
pub struct Config {
    /// Where the daemon keeps its files.
    pub state_dir: PathBuf,
    /// Where the rows are.
    pub database: Database,
    /// How Stripe is reached.
    pub stripe: Stripe,
    /// The webhook listener.
    pub webhook: Webhook,
    /// What the platform keeps.
    pub fees: Fees,
    /// How long a charge is held.
    pub window: Window,
    /// When and how due payments are released.
    pub release: Release,
    /// What to do once the money has left.
    pub after_transfer: AfterTransfer,
    /// What cancelling gives back.
    pub cancellation: Cancellation,
    /// When what was authorised is captured.
    pub capture: Capture,
    /// How attempts are spaced.
    pub retry: Retry,
    /// What happens to unknown outcomes.
    pub rescue: Rescue,
    /// When calls to Stripe are stopped altogether.
    pub breaker: Breaker,
    /// How emails are sent.
    pub mail: Mail,
    /// The daily look at the books.
    pub audit: Audit,
    /// Asking for events that no webhook brought.
    pub catch_up: CatchUp,
    /// The daily comparison with Stripe.
    pub reconcile: Reconcile,
    /// Removing what nobody needs any more.
    pub retention: Retention,
    /// Names to look for in Stripe's metadata.
    pub metadata: Metadata,
    /// Smallest amount to pay, in minor units by lower-case currency.
    pub minimums: BTreeMap<String, i64>,
    /// Smallest amount to withdraw, in minor units by lower-case currency.
    pub withdrawal_minimums: BTreeMap<String, i64>,
    /// Accounts that are made for mentors.
    pub onboarding: Onboarding,
    /// The endpoint that starts a run from outside.
    pub cron: Cron,
    /// Who may use the API.
    pub api: Api,
    /// What is logged and how.
    pub log: Log,
    /// The end.
    pub shutdown: Shutdown,
    /// The figures for Prometheus.
    pub metrics: Metrics,
    origins: BTreeMap<String, Origin>,
    fingerprints: BTreeMap<String, Fingerprint>,
    shown: BTreeMap<String, Shown>,
}

impl Config {
    /// What can be shown of each value, by key. Never a secret.
    pub fn shown(&self) -> &BTreeMap<String, Shown> {
        &self.shown
    }

    /// The keys that hold secrets, whether they are set or not.
    pub fn secret_keys() -> [&'static str; 6] {
        keys::SECRETS
    }

    /// Where each value came from, by key; a key that nobody set says `Default`.
    pub fn origins(&self) -> &BTreeMap<String, Origin> {
        &self.origins
    }

    /// The keys whose values differ from those of `other`.
    pub fn changed(&self, other: &Config) -> Vec<String> {
        let keys: BTreeSet<&String> = self.fingerprints.keys().chain(other.fingerprints.keys()).collect();
        let differs = |key: &&String| self.fingerprints.get(*key) != other.fingerprints.get(*key);
        keys.into_iter().filter(differs).cloned().collect()
    }

    /// Every key there is, as `section.name`, in order. `minimums.<currency>` and
    /// `withdrawal_minimums.<currency>` are not among them: their keys are free.
    pub fn keys() -> BTreeSet<String> {
        let nothing = BTreeMap::new();
        match Reader::new(Path::new(""), "", &nothing) {
            Ok(mut reader) => {
                Config::read(&mut reader, &nothing);
                reader.known().clone()
            }
            Err(_) => BTreeSet::new(),
        }
    }

    /// What to say of a configuration file with this mode that holds a secret itself.
    fn open_secrets(&self, path: &Path, mode: u32) -> Vec<Problem> {
        let Some(message) = credentials::open_to_all(mode, path) else { return Vec::new() };
        let in_file = |key: &&str| matches!(self.origins.get(*key), Some(Origin::File { .. })) && self.is_secret(key);
        let problem = |key: &str| Problem::new(self.origins[key].clone(), key, message.clone());
        keys::SECRETS.into_iter().filter(in_file).map(problem).collect()
    }

    /// Whether what is set is one: the URL of a database or mail server without a password is not.
    fn is_secret(&self, key: &str) -> bool {
        match key {
            "database.url" => self.database.url.has_password(),
            "mail.smtp_url" => self.mail.smtp.as_ref().is_some_and(|url| url.credentials.is_some()),
            _ => true,
        }
    }

    fn read(r: &mut Reader, env: &BTreeMap<String, String>) -> Config {
        let state_dir = r.take("state_dir", default_state_dir(env));
        Config {
            database: Database::read(r, &state_dir),
            stripe: Stripe::read(r),
            webhook: Webhook::read(r),
            fees: Fees::read(r),
            window: Window::read(r),
            release: Release::read(r),
            after_transfer: AfterTransfer::read(r),
            cancellation: Cancellation::read(r),
            capture: Capture::read(r),
            retry: Retry::read(r),
            rescue: Rescue::read(r),
            breaker: Breaker::read(r),
            mail: Mail::read(r, &state_dir),
            audit: Audit::read(r),
            catch_up: CatchUp::read(r),
            reconcile: Reconcile::read(r),
            retention: Retention::read(r),
            metadata: Metadata::read(r),
            minimums: money::read_minimums(r),
            withdrawal_minimums: onboarding::read_minimums(r),
            onboarding: Onboarding::read(r),
            cron: Cron::read(r),
            api: Api::read(r),
            log: Log::read(r),
            shutdown: Shutdown::read(r),
            metrics: Metrics::read(r),
            state_dir,
            origins: BTreeMap::new(),
            fingerprints: BTreeMap::new(),
            shown: BTreeMap::new(),
        }
    }

    /// Every rule, those about two sections included.
    fn check(&self) -> Vec<Problem> {
        let mut c = Checker::new(&self.origins);
        self.stripe.check(&mut c);
        self.webhook.check(&mut c);
        self.window.check(&mut c);
        self.release.check(&mut c);
        self.cancellation.check(&mut c);
        self.capture.check(&mut c);
        self.retry.check(&mut c);
        self.rescue.check(&mut c);
        self.breaker.check(&mut c);
        self.mail.check(self.release.time_zone, &mut c);
        self.audit.check(self.release.time_zone, &mut c);
        self.catch_up.check(&mut c);
        self.reconcile.check(self.release.time_zone, &mut c);
        self.retention.check(self.release.time_zone, &mut c);
        self.metadata.check(&mut c);
        money::check_minimums(&self.minimums, &mut c);
        onboarding::check_minimums(&self.withdrawal_minimums, &mut c);
        self.onboarding.check(&mut c);
        self.cron.check(&mut c);
        self.api.check(&mut c);
        self.log.check(&mut c);
        self.shutdown.check(&mut c);
        self.metrics.check(&self.webhook, &mut c);
        self.check_lease(&mut c);
        self.check_absence_grace(&mut c);
        c.into_problems()
    }

    /// A transfer that cannot be found is proven absent only when no request for it can be under way any more: neither
    /// a worker's, whose lease must be over, nor one that Stripe is still working on. A sandbox may be quicker.
    fn check_absence_grace(&self, c: &mut Checker<'_>) {
        let grace = self.rescue.absence_grace;
        let least = self.rescue.lease.saturating_add(ABSENCE_MARGIN);
        let with_stripe = self.stripe.api_base.host_str() == Some("api.stripe.com");
        c.require(grace >= least || !with_stripe, "rescue.absence_grace", || {
            format!(
                "{} is too short for rescue.lease {}: write at least {}, since a request may still be under way",
                show_duration(grace),
                show_duration(self.rescue.lease),
                show_duration(least)
            )
        });
    }

    /// A lease that ends before the call may end would let two workers hold one operation.
    fn check_lease(&self, c: &mut Checker<'_>) {
        let (lease, timeout) = (self.rescue.lease, self.stripe.call_timeout);
        let least = timeout.saturating_add(LEASE_MARGIN);
        c.require(lease >= least, "rescue.lease", || {
            format!(
                "{} is too short for stripe.call_timeout {}: write at least {}",
                show_duration(lease),
                show_duration(timeout),
                show_duration(least)
            )
        });
    }
}

/// systemd's directory, else the system's where it is installed, else one beside the caller. It is
/// not asked whether it can be written: falling back to an empty database when the permissions are
/// wrong would hide every payment there is.
fn default_state_dir(env: &BTreeMap<String, String>) -> PathBuf {
    let from_systemd = env.get("STATE_DIRECTORY").and_then(|dirs| {
        // systemd separates several with colons.
        dirs.split(':').find(|dir| !dir.is_empty())
    });
    match from_systemd {
        Some(dir) => PathBuf::from(dir),
        None if Path::new(SYSTEM_STATE_DIR).is_dir() => PathBuf::from(SYSTEM_STATE_DIR),
        None => PathBuf::from(LOCAL_STATE_DIR),
    }
}
