//! The presets as files: each is read, says what its own comments say, and holds no secret.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use payoutd::config::Config;

fn presets() -> Vec<PathBuf> {
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("config/examples");
    let entries = std::fs::read_dir(dir).expect("they are there").map(|entry| entry.expect("readable").path());
    entries.collect()
}

#[test]
fn each_is_a_configuration_and_holds_no_secret() {
    let needed = [
        ("STRIPE_SECRET_KEY", "sk_test_1"),
        ("STRIPE_WEBHOOK_SECRET", "whsec_1"),
        ("ADMIN_EMAIL", "admin@example.com"),
        ("SMTP_URL", "smtp://localhost:25"),
        ("CRON_JWT_SECRET", "0123456789abcdef0123456789abcdef"),
    ];
    let env: BTreeMap<String, String> = needed.map(|(name, value)| (name.to_owned(), value.to_owned())).into();
    assert_eq!(presets().len(), 5);
    for path in presets() {
        let text = std::fs::read_to_string(&path).expect("readable");
        let config = Config::parse(&path, &text, &env);
        assert!(config.is_ok(), "{}: {}", path.display(), config.err().map_or(String::new(), |why| why.to_string()));
        for secret in ["secret_key =", "webhook_secrets =", "jwt_secret =", "smtp_url =", "sk_", "whsec_"] {
            assert!(!text.contains(secret), "{} has {secret}", path.display());
        }
    }
}
