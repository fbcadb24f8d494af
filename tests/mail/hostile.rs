//! Names, bookings, reasons and addresses are written by others. None of them becomes a header, a tag or a command.

use std::fs;

use payoutd::domain::dispute_news::{Audience, DisputeBrief, MentorMoney, Turn};
use payoutd::domain::holding::LimitBrief;
use payoutd::domain::ids::{MentorId, WithdrawalId};
use payoutd::domain::money::MinorUnits;
use payoutd::domain::notice::{Notice, PaymentBrief, WithdrawalBrief, WithdrawalNews};
use payoutd::mail::{Settings, Transport, Voice, render};
use payoutd::ports::{Letter, MailFailure, Mailer};
use proptest::prelude::*;

use super::samples::{Read, at, letter, paid, payment, read, room, settings, voice};

const HEADERS: [&str; 9] =
    ["From", "To", "Subject", "Date", "Message-ID", "Auto-Submitted", "Reply-To", "MIME-Version", "Content-Type"];

fn written_by(evil: &str) -> PaymentBrief {
    PaymentBrief { booking_id: Some(evil.into()), mentor: Some(evil.into()), ..payment(42, 9_000, "usd") }
}

fn disputed(audience: Audience, evil: &str) -> Notice {
    Notice::Dispute(DisputeBrief {
        audience,
        turn: Turn::Opened,
        payment: written_by(evil),
        money: Some(MentorMoney::Held),
        reason: evil.into(),
        due_by: Some(at(14, 5)),
        customer: Some(evil.into()),
        untold: Some(evil.into()),
    })
}

fn withdrawal(evil: &str, news: WithdrawalNews) -> Notice {
    let withdrawal = WithdrawalBrief { withdrawal_id: WithdrawalId(7), mentor: evil.into(), money: None };
    Notice::Withdrawal { withdrawal, news }
}

fn every_text_from_outside(evil: &str) -> Vec<Vec<Notice>> {
    let payment = || written_by(evil);
    let why = || evil.to_owned();
    let single = vec![
        Notice::Paid {
            payment: payment(),
            at: at(14, 5),
            netted: MinorUnits::ZERO,
            carried: MinorUnits::ZERO,
            converted: None,
            stays: false,
        },
        Notice::NotPaid { payment: payment() },
        Notice::PaymentFailed { payment: payment(), why: why(), code: why(), attempts: 3 },
        Notice::BreakerOpened { why: why(), at: at(14, 5) },
        Notice::Unassigned { payment: payment(), why: why() },
        Notice::NeedsAttention { payment: payment(), why: why() },
        Notice::MentorHeld { mentor_id: MentorId::new(evil), mentor: why(), why: why() },
        Notice::EventUnreadable { event: why(), why: why() },
        Notice::AuditDifference { count: 2, first: vec![(why(), why())] },
        Notice::Discrepancies { count: 2, first: vec![(why(), why())] },
        Notice::FundsShort { payment: payment() },
        Notice::PaidDespite { payment: payment(), why: why() },
        Notice::PlatformLimit(LimitBrief { payment: payment(), paid_at: at(14, 5), limit_at: at(14, 5), why: why() }),
        disputed(Audience::Admin, evil),
        disputed(Audience::Mentor, evil),
        disputed(Audience::Customer, evil),
        Notice::AccountTrouble { mentor_id: MentorId::new(evil), mentor: why(), why: why() },
        withdrawal(evil, WithdrawalNews::Refused { why: why() }),
        withdrawal(evil, WithdrawalNews::Trouble { why: why() }),
    ];
    let merged = |notice: &Notice| vec![notice.clone(), notice.clone()];
    single.iter().map(merged).chain(single.iter().map(|notice| vec![notice.clone()])).collect()
}

async fn sent(letter: &Letter) -> Read {
    let temp = tempfile::tempdir().unwrap();
    room(Transport::Files { dir: temp.path().to_owned() }).send(letter).await.unwrap();
    let file = fs::read_dir(temp.path()).unwrap().next().unwrap().unwrap().path();
    read(&fs::read(file).unwrap())
}

fn assert_only_our_headers(email: &Read) {
    for (name, value) in &email.headers {
        assert!(HEADERS.contains(&name.as_str()), "{name}: {value}");
        email.header(name);
    }
}

#[tokio::test]
async fn a_line_break_in_a_name_makes_no_header() {
    for evil in [
        "Ada\r\nBcc: eve@example.org",
        "Ada\nBcc: eve@example.org",
        "Ada\rBcc: eve@example.org\r\r\n\r\n<p>body</p>",
        "Ada\u{85}Bcc: eve@example.org",
        "Ada\u{2028}Bcc: eve@example.org",
        "=?utf-8?q?Ada=0D=0ABcc:_eve@example.org?=",
    ] {
        for notices in every_text_from_outside(evil) {
            let email = sent(&letter(notices)).await;
            assert_only_our_headers(&email);
            assert_eq!(email.header("To"), Some("ada@example.org"));
            assert!(!email.header("Subject").unwrap().contains(['\r', '\n', '\u{85}', '\u{2028}']));
        }
    }
}

#[tokio::test]
async fn a_line_break_in_our_own_settings_makes_no_header() {
    let temp = tempfile::tempdir().unwrap();
    let transport = Transport::Files { dir: temp.path().to_owned() };
    let evil = Settings { platform_name: "Example\r\nBcc: eve@example.org".into(), ..settings(transport) };
    payoutd::mail::MailRoom::new(evil).unwrap().send(&letter(vec![paid()])).await.unwrap();
    let email = read(&fs::read(temp.path().join("paid-42-1.eml")).unwrap());
    assert_only_our_headers(&email);
    assert_eq!(email.header("From"), Some("Example Bcc: eve@example.org <payouts@example.com>"));
}

#[tokio::test]
async fn a_platform_without_a_name_goes_by_its_domain() {
    let temp = tempfile::tempdir().unwrap();
    let unnamed = Settings {
        platform_name: " ".into(),
        from: "\"Payouts, Example\" <payouts@example.com>".into(),
        ..settings(Transport::Files { dir: temp.path().to_owned() })
    };
    payoutd::mail::MailRoom::new(unnamed).unwrap().send(&letter(vec![paid()])).await.unwrap();
    let email = read(&fs::read(temp.path().join("paid-42-1.eml")).unwrap());
    assert_eq!(email.header("From"), Some("Payouts, Example <payouts@example.com>"));
    assert!(email.text.ends_with("example.com sent you this because you offer sessions there."), "{}", email.text);
}

#[tokio::test]
async fn an_address_that_cannot_be_read_is_refused_for_good() {
    let temp = tempfile::tempdir().unwrap();
    let room = room(Transport::Files { dir: temp.path().to_owned() });
    for to in [
        "",
        "nobody",
        "@example.org",
        "ada@",
        "ada@example.org\r\nBcc: eve@example.org",
        "ada@example.org\n",
        "ada@example.org, eve@example.org",
        "ada@example.org> SIZE=1 <eve@example.org",
        "ada @example.org",
        "ada@exa mple.org",
    ] {
        let failure = room.send(&Letter { to: to.into(), ..letter(vec![paid()]) }).await.unwrap_err();
        assert!(matches!(&failure, MailFailure::Permanent(why) if why.contains("paid-42-1")), "{to:?}: {failure:?}");
        assert!(!failure.to_string().contains("example.org"), "addresses stay out of errors: {failure}");
    }
    assert_eq!(fs::read_dir(temp.path()).unwrap().count(), 0);
}

#[tokio::test]
async fn a_letter_that_cannot_be_written_is_refused_for_good() {
    let temp = tempfile::tempdir().unwrap();
    let failure = room(Transport::Files { dir: temp.path().to_owned() }).send(&letter(vec![])).await.unwrap_err();
    assert!(matches!(failure, MailFailure::Permanent(_)), "{failure:?}");
}

#[tokio::test]
async fn names_and_domains_beyond_ascii_arrive_as_they_are() {
    let notices = vec![Notice::Paid {
        payment: written_by("Zoë Żółć 山田 🎓"),
        at: at(14, 5),
        netted: MinorUnits::ZERO,
        carried: MinorUnits::ZERO,
        converted: None,
        stays: false,
    }];
    let email = sent(&Letter { to: "\"Zoë, of Köln\" <zoe@köln.example>".into(), ..letter(notices) }).await;
    assert_eq!(email.header("Subject"), Some("You were paid 90.00 USD for booking Zoë Żółć 山田 🎓"));
    assert_eq!(email.header("To"), Some("Zoë, of Köln <zoe@xn--kln-sna.example>"));
    assert!(email.text.starts_with("Hello Zoë Żółć 山田 🎓,\n"), "{}", email.text);
    assert!(email.html.contains("Hello Zoë Żółć 山田 🎓,"));
}

#[tokio::test]
async fn a_message_id_stays_one_header_and_one_file() {
    let temp = tempfile::tempdir().unwrap();
    let room = room(Transport::Files { dir: temp.path().join("mail") });
    let message_id = "../../etc/x>\r\nBcc: eve@example.org".to_owned();
    room.send(&Letter { message_id, ..letter(vec![paid()]) }).await.unwrap();
    let name = "%2E%2E%2F%2E%2E%2Fetc%2Fx%3E%0D%0ABcc%3A%20eve%40example%2Eorg";
    let email = read(&fs::read(temp.path().join(format!("mail/{name}.eml"))).unwrap());
    assert_only_our_headers(&email);
    assert_eq!(email.header("Message-ID"), Some(format!("<{name}@example.com>").as_str()));
}

#[tokio::test]
async fn dates_beyond_what_a_header_can_hold_are_cut() {
    use chrono::{DateTime, Utc};
    for (at, expected) in [
        (DateTime::<Utc>::MIN_UTC, "Thu, 01 Jan 1970 00:00:00 +0000"),
        (DateTime::<Utc>::MAX_UTC, "Fri, 31 Dec 9999 00:00:00 +0000"),
    ] {
        let email = sent(&Letter { written_at: at, ..letter(vec![paid()]) }).await;
        assert_eq!(email.header("Date"), Some(expected));
    }
}

#[test]
fn markup_is_shown_and_not_obeyed() {
    let evil = r#"<script>alert("1")</script><img src=x onerror='x'>&amp;"#;
    let voice = Voice { platform_name: evil.into(), ..voice() };
    for notices in every_text_from_outside(evil) {
        let email = render(&notices, &voice).unwrap();
        for tag in ["<script", "<img", "onerror='"] {
            assert!(!email.html.contains(tag), "{}", email.html);
        }
        assert!(email.html.contains("&#60;script&#62;"), "{}", email.html);
        assert!(email.html.contains("<title>"));
    }
}

#[test]
fn a_command_to_paste_does_what_it_says_and_no_more() {
    let evil = "x; rm -rf ~ $(reboot) `id` '";
    let notice = Notice::Unassigned { payment: written_by(evil), why: "no such mentor".into() };
    let email = render(&[notice], &voice()).unwrap();
    let command = email.text.lines().find(|line| line.contains("mentor add")).unwrap();
    assert!(command.ends_with(r" 'x; rm -rf ~ $(reboot) `id` '\'''"), "{command}");
    let held = Notice::MentorHeld { mentor_id: MentorId::new("--all"), mentor: "Ada".into(), why: "closed".into() };
    let email = render(&[held], &voice()).unwrap();
    assert!(email.text.contains("payoutd mentor show -- --all\n"), "{}", email.text);
}

#[test]
fn endless_texts_are_cut() {
    let endless = "word ".repeat(20_000);
    for notices in every_text_from_outside(&endless) {
        let email = render(&notices, &voice()).unwrap();
        assert!(email.subject.chars().count() <= 160, "{}", email.subject);
        assert!(email.text.len() < 6_000 && email.html.len() < 12_000, "{}", email.text);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_text_from_outside_makes_a_header_or_a_panic(evil in any::<String>(), pick in 0_usize..18) {
        let notices = every_text_from_outside(&evil).swap_remove(pick);
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let expected = render(&notices, &voice()).unwrap();
        let email = runtime.block_on(sent(&letter(notices)));
        assert_only_our_headers(&email);
        prop_assert_eq!(email.header("Subject"), Some(expected.subject.as_str()));
        prop_assert_eq!(email.text.as_str(), expected.text.trim_end());
        prop_assert_eq!(email.html.as_str(), expected.html.trim_end());
    }

    #[test]
    fn no_address_makes_a_panic(to in any::<String>()) {
        let temp = tempfile::tempdir().unwrap();
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let room = room(Transport::Files { dir: temp.path().to_owned() });
        let sent = runtime.block_on(room.send(&Letter { to, ..letter(vec![paid()]) }));
        prop_assert!(matches!(sent, Ok(()) | Err(MailFailure::Permanent(_))));
    }
}
