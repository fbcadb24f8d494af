//! The names of settings: how a key is called in the environment, and which key a typing error meant.

/// Every variable of ours that is not named below begins with this.
pub(super) const PREFIX: &str = "PAYOUTD_";

/// Variables with a name of their own, because other tools use the same name or because it is what
/// people look for.
const NAMED: [(&str, &str); 8] = [
    ("database.url", "DATABASE_URL"),
    ("stripe.secret_key", "STRIPE_SECRET_KEY"),
    ("stripe.webhook_secrets", "STRIPE_WEBHOOK_SECRET"),
    ("stripe.api_base", "STRIPE_API_BASE"),
    ("cron.jwt_secret", "CRON_JWT_SECRET"),
    ("api.jwt_secret", "API_JWT_SECRET"),
    ("mail.admin_email", "ADMIN_EMAIL"),
    ("mail.smtp_url", "SMTP_URL"),
];

/// The settings that are secrets: each may also stand in a file of its own.
pub(super) const SECRETS: [&str; 6] = [
    "database.url",
    "stripe.secret_key",
    "stripe.webhook_secrets",
    "cron.jwt_secret",
    "api.jwt_secret",
    "mail.smtp_url",
];

/// `STRIPE_SECRET_KEY` → `STRIPE_SECRET_KEY_FILE`, which names a file that holds the secret.
pub(super) fn file_variable(name: &str) -> String {
    format!("{name}_FILE")
}

/// `STRIPE_SECRET_KEY` → `stripe_secret_key`, the file in systemd's credentials directory.
pub(super) fn credential(name: &str) -> String {
    name.to_lowercase()
}

/// Names the configuration file itself; not a setting in it.
pub(super) const CONFIG_PATH: &str = "PAYOUTD_CONFIG";

/// Variables of the tests; a daemon started by a test inherits them.
const OF_THE_TESTS: [&str; 3] = ["PAYOUTD_TEST_PG", "PAYOUTD_PG_BIN", "PAYOUTD_STRIPE_DATA"];

pub(super) fn is_not_a_setting(name: &str) -> bool {
    name == CONFIG_PATH || OF_THE_TESTS.contains(&name)
}

/// The variable that overrides `key`.
pub fn env_name(key: &str) -> String {
    NAMED.iter().find(|(named, _)| *named == key).map_or_else(|| derived_env_name(key), |(_, name)| (*name).to_owned())
}

/// `release.batch_size` → `PAYOUTD_RELEASE_BATCH_SIZE`.
pub(super) fn derived_env_name(key: &str) -> String {
    format!("{PREFIX}{}", key.replace('.', "_").to_uppercase())
}

/// The known name that was most likely meant, if one is near enough to be worth saying.
pub(super) fn nearest<'a>(unknown: &str, known: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let steps = |name| strsim::damerau_levenshtein(unknown, name);
    known
        .map(|name| (distance(unknown, name), steps(name), name))
        .min()
        .filter(|(distance, _, name)| *distance <= (name.len() / 4).max(2))
        .map(|(_, _, name)| name)
}

/// A right name in the wrong section is one step away, however far apart the sections' names are.
fn distance(unknown: &str, known: &str) -> usize {
    let last = |key: &str| key.rsplit('.').next().map(str::to_owned);
    if known.contains('.') && last(unknown) == last(known) {
        return 1;
    }
    strsim::damerau_levenshtein(unknown, known)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_what_was_meant() {
        let known = ["release.schedule", "release.batch_size", "state_dir", "retry.max"];
        for (unknown, meant) in [
            ("releas.schedule", Some("release.schedule")),
            ("release.shedule", Some("release.schedule")),
            ("webhook.schedule", Some("release.schedule")),
            ("batch_size", Some("release.batch_size")),
            ("statedir", Some("state_dir")),
            ("colour", None),
            ("release.parallelism", None),
        ] {
            assert_eq!(nearest(unknown, known.into_iter()), meant, "{unknown}");
        }
    }

    #[test]
    fn names_in_the_environment() {
        assert_eq!(env_name("database.url"), "DATABASE_URL");
        assert_eq!(env_name("release.batch_size"), "PAYOUTD_RELEASE_BATCH_SIZE");
        assert_eq!(env_name("state_dir"), "PAYOUTD_STATE_DIR");
    }
}
