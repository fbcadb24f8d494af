//! Strings that customers, mentors, platforms and banks write, on their way through queries, headers and markup: from the
//! webhook to the emails that come of it.

use mailparse::{MailHeaderMap, ParsedMail};
use payoutd::app::SystemClock;
use payoutd::app::sandbox::{NewAccount, NewDispute, Pay};
use payoutd::domain::ids::{AccountId, MentorId};
use payoutd::ports::{Clock, MentorChange, PaymentRef, Store};

use crate::support::on_both_databases;
use crate::town::{ADMIN, Town};

const HEADERS: [&str; 9] =
    ["from", "to", "subject", "date", "message-id", "auto-submitted", "reply-to", "mime-version", "content-type"];

const EVIL: [&str; 12] = [
    "Robert'); DROP TABLE payments; --",
    "x' OR '1'='1",
    "\\'; UPDATE payments SET status = 'pending'; --",
    "%_%",
    "<script>alert(document.domain)</script>",
    "\"><img src=x onerror=alert(1)>",
    "</td></table><form action=https://example.net><input name=iban>",
    "Ada\r\nBcc: eve@example.net\r\n\r\nSend your bank details to eve",
    "Ada\nTo: eve@example.net",
    "Ada <eve@example.net>, Eve",
    "{{ 7 * 7 }} ${7*7} %s%n",
    "a\u{202e}gnp.exe \u{feff}\u{2028}\u{0b}",
];

/// Rows of every table that could have lost some, or got some.
async fn rows(town: &Town) -> Vec<i64> {
    let mut counts = Vec::new();
    for table in ["payments", "mentors", "operations", "holds", "refund_requests", "disputes", "webhook_events"] {
        counts.push(town.sql.count(table).await);
    }
    counts
}

fn emails(town: &Town) -> Vec<Vec<u8>> {
    let entries =
        std::fs::read_dir(town.mailbox.dir()).expect("a mailbox").map(|entry| entry.expect("readable").path());
    let files = entries.filter(|path| path.extension().is_some_and(|kind| kind == "eml"));
    files.map(|path| std::fs::read(path).expect("readable")).collect()
}

fn only_our_headers(mail: &ParsedMail<'_>, raw: &str) {
    for header in &mail.headers {
        assert!(HEADERS.contains(&header.get_key().to_lowercase().as_str()), "{}: {raw}", header.get_key());
    }
    for (name, wanted) in [("to", 1), ("from", 1), ("subject", 1), ("bcc", 0), ("cc", 0)] {
        assert_eq!(mail.headers.get_all_values(name).len(), wanted, "{name}: {raw}");
    }
    let to = mail.headers.get_first_value("to").expect("somebody");
    let addresses = mailparse::addrparse(&to).expect("addresses");
    assert_eq!(addresses.len(), 1, "{to}");
    let address = addresses.extract_single_info().expect("one").addr;
    let known = address == ADMIN || address == "casey@example.com" || address.ends_with("@mentors.example.org");
    assert!(known, "an email to {address}: {raw}");
}

/// Every tag is one that the letters are made of, and none of them does anything.
fn only_our_markup(html: &str) {
    const TAGS: [&str; 26] = [
        "!doctype", "html", "head", "meta", "title", "style", "body", "table", "tbody", "thead", "tr", "td", "th", "p",
        "a", "h1", "h2", "h3", "div", "span", "strong", "em", "br", "ul", "li", "code",
    ];
    for tag in html.split('<').skip(1) {
        let tag = tag.split('>').next().expect("a part").to_lowercase();
        let name = tag.trim_start_matches('/').split([' ', '\n', '/']).next().expect("a name");
        assert!(TAGS.contains(&name) || name == "pre" || name == "hr", "<{tag}> in {html}");
        assert!(!tag.contains(" on") && !tag.contains("javascript:"), "<{tag}> in {html}");
    }
}

async fn evil_mentor(town: &Town, number: usize, name: &str) -> String {
    let id = format!("m{number}");
    let account = town.sandbox.create_account(NewAccount::default()).expect("a free id");
    let change = MentorChange {
        name: Some(name.to_owned()),
        email: Some(format!("{id}@mentors.example.org")),
        account_id: Some(AccountId::new(account)),
    };
    town.store.put_mentor(MentorId::new(&id), change, name.to_owned(), SystemClock.now()).await.expect("recorded");
    id
}

fn pay(town: &Town, mentor: &str, booking: &str, evil: &str) -> String {
    let pay = Pay::new(10_000, "usd")
        .by(evil, "casey@example.com")
        .metadata("mentorUserId", mentor)
        .metadata("bookingId", booking)
        .metadata(&format!("note {}", evil.chars().take(20).collect::<String>()), evil);
    town.sandbox.pay(pay).expect("a valid payment").charge
}

on_both_databases! {
    /// Given such strings as names, bookings, ids, reasons and metadata, when they have gone all the way, then the tables have
    /// the rows that they should, each is found by its own string and no other, and no email has a header, an address or a tag
    /// of theirs.
    async fn no_string_is_more_than_a_string(db: TestDb) {
        let town = Town::new(db).await;
        let mut charges = Vec::new();
        for (number, evil) in EVIL.iter().enumerate() {
            let mentor = evil_mentor(&town, number, evil).await;
            charges.push(pay(&town, &mentor, &format!("{evil} {number}"), evil));
            // Nobody of that id is registered: it is the admin who hears of it.
            pay(&town, evil, &format!("unknown {number}"), evil);
        }
        town.deliver().await;
        let all = i64::try_from(2 * EVIL.len()).expect("few");
        assert_eq!(town.sql.count("webhook_events WHERE state NOT IN ('projected', 'ignored')").await, 0);
        assert_eq!(town.sql.count("payments").await, all);
        let transferred = async || {
            town.run().await;
            town.sql.count("payments WHERE status = 'transferred'").await == all / 2
        };
        town.until("all that may be paid are paid", transferred).await;
        for (number, evil) in EVIL.iter().enumerate() {
            let booking = format!("{evil} {number}");
            let found = town.store.find_payment(PaymentRef::Text(booking.clone())).await.expect("readable");
            let found = found.unwrap_or_else(|| panic!("{booking:?} is not found")).case.payment;
            assert_eq!(found.charge_id.expect("known").as_str(), charges[number], "{booking:?}");
            let reason = NewDispute { reason: (*evil).to_owned(), ..NewDispute::chargeback(&charges[number]) };
            town.sandbox.open_dispute(reason).expect("disputable");
        }
        for text in ["' OR ''='", "%", "_", "1 OR 1=1", "B%"] {
            let found = town.store.find_payment(PaymentRef::Text(text.into())).await.expect("readable");
            assert!(found.is_none(), "{text}: {found:?}");
        }
        town.deliver().await;
        for (number, evil) in EVIL.iter().enumerate() {
            let on = payoutd::domain::hold::Subject::Mentor(MentorId::new(format!("m{number}")));
            let held = town.store.place_hold(on, (*evil).to_owned(), (*evil).to_owned(), SystemClock.now()).await;
            assert!(held.expect("written").is_some());
        }
        town.run().await;
        town.run().await;
        town.mail_sent().await;
        let events = town.sql.count("webhook_events").await;
        let few = i64::try_from(EVIL.len()).expect("few");
        assert_eq!(rows(&town).await, [all, few, few, few, 0, few, events]);
        assert_eq!(town.sql.count("payments WHERE status = 'transferred'").await, few);
        let emails = emails(&town);
        // One to each mentor who was paid, and of each dispute and of each mentor who is nobody to the admin, perhaps merged.
        assert!(emails.len() > EVIL.len(), "{}", emails.len());
        for email in &emails {
            let raw = String::from_utf8_lossy(email);
            let mail = mailparse::parse_mail(email).expect("an email");
            only_our_headers(&mail, &raw);
            let html = mail.parts().find(|part| part.ctype.mimetype == "text/html").expect("an HTML part");
            only_our_markup(&html.get_body().expect("decodable"));
        }
    }

    /// Given an event with what no database takes in its text, when it comes with others, then those are read, and it is
    /// either read or shown to a person, never dropped.
    async fn a_nul_character_loses_nothing(db: TestDb) {
        let town = Town::new(db).await;
        town.mentor("ada").await;
        pay(&town, "ada", "B-nul\u{0}", "Casey\u{0}Customer");
        town.charge("B-1", "ada");
        town.deliver().await;
        town.paid_once("B-1", 9_000).await;
        let told = async || {
            let failed = town.sql.count("webhook_events WHERE state = 'failed'").await;
            let read = town.sql.count("payments WHERE booking_id LIKE 'B-nul%'").await;
            read == 1 || (failed > 0 && town.sql.count("emails WHERE kind = 'event_unreadable'").await > 0)
        };
        town.until("it is read, or somebody is told", told).await;
    }
}
