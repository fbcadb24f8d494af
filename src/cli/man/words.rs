//! What the manual says that the command line's definition does not know: exit codes, files, variables.

use clap::ValueEnum;
use clap_mangen::roff::{Roff, bold, roman};

use crate::cli::exit::Exit;

const FILES: [(&str, &str); 5] = [
    (
        "/etc/payoutd/payoutd.toml",
        "The configuration, read unless --config names another. It shows every key with its default; what stands in \
         the environment wins over it.",
    ),
    (
        "/etc/payoutd/credentials/",
        "The secrets, one a file, root's alone: stripe_secret_key, stripe_webhook_secret, smtp_url, cron_jwt_secret, \
         api_jwt_secret, database_url. systemd hands them to the daemon.",
    ),
    (
        "/var/lib/payoutd/",
        "What the daemon keeps: the SQLite database payoutd.db, unless PostgreSQL is used, and emails that are written \
         to files. It is the record of what was paid: removing the package leaves it where it is.",
    ),
    ("/usr/lib/systemd/system/payoutd.service", "The daemon as a service."),
    (
        "/usr/lib/systemd/system/payoutd-release.timer",
        "Asks for a release run every five minutes, for those who do not use the daemon's own schedule.",
    ),
];

const ENVIRONMENT: [(&str, &str); 13] = [
    ("STRIPE_SECRET_KEY", "The platform's key, sk_… or rk_…"),
    ("STRIPE_WEBHOOK_SECRET", "The signing secrets of the webhook endpoints, with commas between them."),
    ("STRIPE_API_BASE", "Where Stripe answers; the sandbox's address for a trial."),
    ("DATABASE_URL", "sqlite:///path or postgres://user:password@host/database."),
    ("SMTP_URL", "smtps://user:password@host:465 or smtp://user:password@host:587."),
    ("ADMIN_EMAIL", "Who is told when a payout needs a person."),
    ("CRON_JWT_SECRET", "What tokens for the cron endpoint are signed with, 32 bytes or more."),
    ("API_JWT_SECRET", "What tokens for the API are signed with, 32 bytes or more."),
    (
        "STRIPE_SECRET_KEY_FILE, STRIPE_WEBHOOK_SECRET_FILE, DATABASE_URL_FILE, SMTP_URL_FILE, CRON_JWT_SECRET_FILE, \
         API_JWT_SECRET_FILE",
        "A file that holds the secret instead.",
    ),
    (
        "CREDENTIALS_DIRECTORY",
        "A directory with the secrets, one a file, each under its variable's name in lower case. systemd sets it for \
         the daemon; for a command beside it: sudo CREDENTIALS_DIRECTORY=/etc/payoutd/credentials payoutd status",
    ),
    ("PAYOUTD_CONFIG", "The configuration file, where --config does not name one."),
    ("STATE_DIRECTORY", "Where the database and other state go, as systemd sets it."),
    (
        "PAYOUTD_<SECTION>_<KEY>",
        "Every other key of the configuration, such as PAYOUTD_RELEASE_SCHEDULE for schedule in [release].",
    ),
];

/// What holds for every command.
pub(super) fn of_the_program(page: &mut Roff) {
    page.control("SH", ["EXIT STATUS"]);
    entry(page, "0", "Done.");
    for exit in Exit::value_variants() {
        let meaning = exit.to_possible_value().and_then(|value| value.get_help().map(ToString::to_string));
        entry(page, &(*exit as u8).to_string(), &format!("{}.", meaning.unwrap_or_default()));
    }
    page.control("SH", ["FILES"]);
    FILES.iter().for_each(|(path, what)| entry(page, path, what));
    page.control("SH", ["ENVIRONMENT"]);
    ENVIRONMENT.iter().for_each(|(name, what)| entry(page, name, what));
    see_also(page, "systemctl(1), journalctl(1), systemd.exec(5)");
}

/// Where a command's page sends its reader.
pub(super) fn of_a_command(page: &mut Roff) {
    see_also(page, "payoutd(1): exit codes, files and environment");
}

fn entry(page: &mut Roff, term: &str, what: &str) {
    page.control("TP", []);
    page.text([bold(term)]);
    page.text([roman(what)]);
}

fn see_also(page: &mut Roff, whom: &str) {
    page.control("SH", ["SEE ALSO"]);
    page.text([roman(whom)]);
}
