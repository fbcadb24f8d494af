//! SIGHUP: what takes effect at once, what is named, and that a wrong configuration changes nothing.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use crate::world::{CONFIG, PATIENCE, SECRET, Serving, World, get, send_charge, send_event};

/// Given a running daemon, when the secret is rotated by way of both, then there is no moment without a valid one, and
/// the old one is refused once it is gone.
#[test]
fn a_webhook_secret_is_rotated_without_a_gap() {
    let world = World::new();
    let serving = world.serve();
    assert_eq!(send_event(serving.webhooks, SECRET, "evt_1"), 200);
    assert_eq!(send_event(serving.webhooks, "whsec_planted_new", "evt_2"), 400);

    world.configure(&CONFIG.replace(r#"["whsec_planted"]"#, r#"["whsec_planted", "whsec_planted_new"]"#));
    serving.signal("HUP");
    assert_eq!(serving.wait_for("the configuration was read again")["changed"], "stripe.webhook_secrets");
    assert_eq!(send_event(serving.webhooks, "whsec_planted_new", "evt_2"), 200);
    assert_eq!(send_event(serving.webhooks, SECRET, "evt_3"), 200);

    world.configure(&CONFIG.replace("whsec_planted", "whsec_planted_new"));
    serving.signal("HUP");
    serving.wait_for("the configuration was read again");
    assert_eq!(send_event(serving.webhooks, SECRET, "evt_4"), 400);
}

/// Given a change that cannot be taken in, when it is read, then it is named, and named again at the next reading.
#[test]
fn what_needs_a_restart_is_named() {
    let world = World::new();
    let serving = world.serve();
    let batch = "[release]\nbatch_size = 7\n";
    for filter in ["debug", "payoutd=debug,info"] {
        world.configure(&format!("{}filter = \"{filter}\"\n{batch}", CONFIG.trim_start()));
        serving.signal("HUP");
        assert_eq!(serving.wait_for("the configuration was read again")["changed"], "log.filter");
        let warned = serving.wait_for("these changed in the configuration, and need a restart to take effect");
        assert_eq!(warned["keys"], "release.batch_size");
    }
    // The filter is in force: what was not logged before is now.
    assert_eq!(send_event(serving.webhooks, SECRET, "evt_1"), 200);
    world.configure(CONFIG);
    serving.signal("HUP");
    serving.wait_for("the configuration was read again");
}

/// Given a configuration that went wrong, when it is read again, then it is refused with its errors, and all is as before.
#[test]
fn a_broken_configuration_changes_nothing() {
    let world = World::new();
    let serving = world.serve();
    for (broken, complaint) in [
        ("[release]\nbatch_size = 0\n".to_owned() + CONFIG, "release.batch_size"),
        (CONFIG.replace("whsec_planted", "sk_planted"), "stripe.webhook_secrets"),
        (CONFIG.replace(r#"admin_email = "admin@example.com""#, ""), "mail.admin_email"),
        ("[stripe\n".to_owned(), "not valid TOML"),
    ] {
        world.configure(&broken);
        serving.signal("HUP");
        let refused = serving.wait_for("the new configuration is refused; the old one stays in force");
        let error = refused["error"].as_str().expect("words");
        assert!(error.contains(complaint), "{error}");
    }
    assert_eq!(send_event(serving.webhooks, SECRET, "evt_1"), 200);
    let (_, figures) = get(serving.metrics, "/metrics");
    assert!(figures.contains("payoutd_reloads_total{outcome=\"refused\"} 4"), "{figures}");
}

/// Waits until so many emails lie in the directory.
fn emails_in(dir: &Path, count: usize) {
    let deadline = Instant::now() + PATIENCE;
    // One that is being written has another name.
    let is_whole = |path: PathBuf| path.extension().is_some_and(|kind| kind == "eml");
    let written = || {
        let files = std::fs::read_dir(dir).into_iter().flatten();
        files.filter(|file| file.as_ref().is_ok_and(|file| is_whole(file.path()))).count()
    };
    while written() < count {
        assert!(Instant::now() < deadline, "{} emails in {}", written(), dir.display());
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
    assert_eq!(written(), count);
}

/// Waits until a line of the figures is as wanted.
fn until_a_figure(serving: &Serving, wanted: impl Fn(&str) -> bool) {
    let deadline = Instant::now() + PATIENCE;
    let figures = || get(serving.metrics, "/metrics").1;
    while !figures().lines().any(&wanted) {
        assert!(Instant::now() < deadline, "not in: {}", figures());
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// Given emails that go to one place, when the settings name another, then the next email goes there.
#[test]
fn mail_goes_where_the_new_settings_say() {
    let world = World::new();
    let configure = |dir: &Path| {
        let mail = format!("[mail]\nmerge_window = \"1ms\"\nfile_dir = \"{}\"", dir.display());
        let each_second = "[release]\nschedule = \"* * * * * *\"\n";
        world.configure(&(CONFIG.replace("[mail]", &mail) + each_second));
    };
    let (before, after) = (world.path("before"), world.path("after"));
    configure(&before);
    let serving = world.serve();
    // Nothing to catch up with, as long as no event is known: nobody answers for Stripe here.
    let caught_up = |line: &str| line.strip_prefix("payoutd_catch_ups_total ").is_some_and(|count| count != "0");
    until_a_figure(&serving, caught_up);
    assert_eq!(send_charge(serving.webhooks, SECRET, "ch_1"), 200);
    emails_in(&before, 1);
    configure(&after);
    serving.signal("HUP");
    assert_eq!(serving.wait_for("the configuration was read again")["changed"], "mail.file_dir");
    assert_eq!(send_charge(serving.webhooks, SECRET, "ch_2"), 200);
    emails_in(&after, 1);
    emails_in(&before, 1);
    for line in [
        "payoutd_payments{status=\"held\"} 2",
        "payoutd_payments_held{reason=\"mentor_unnamed\"} 2",
        "payoutd_email_attempts_total{outcome=\"sent\"} 2",
        "payoutd_webhook_lag_seconds_count 2",
    ] {
        // An email lies in its directory a moment before it is counted.
        until_a_figure(&serving, |found| found == line);
    }
}
