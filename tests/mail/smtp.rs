//! SMTP against a real server: what it accepts arrives whole, and each way of not accepting it gets the right name.

use std::net::{Ipv4Addr, TcpListener};
use std::time::{Duration, Instant};

use mailin::{Response, response};
use payoutd::mail::{MailRoom, MailSetupError, Settings, SmtpServer, Transport, render};
use payoutd::ports::{Letter, MailFailure, Mailer};

use super::samples::{every_kind, letter, paid, read, settings, voice};
use super::smtp_server::{AUTHORITY_PEM, Hang, MailServer, Manners};

fn room(url: &str) -> MailRoom {
    room_with(url, Duration::from_secs(20), true)
}

fn room_with(url: &str, timeout: Duration, trusting: bool) -> MailRoom {
    let mut server = SmtpServer::from_url(url).unwrap();
    server.trusted_pem = trusting.then(|| AUTHORITY_PEM.to_owned());
    MailRoom::new(Settings { timeout, ..settings(Transport::Smtp(server)) }).unwrap()
}

fn plain(server: &MailServer) -> MailRoom {
    room(&format!("smtp://127.0.0.1:{}", server.port))
}

fn no(code: u16, words: &str) -> Response {
    Response::custom(code, words.into())
}

/// Sends one email that is refused; what the failure is, and its words.
async fn refused(manners: Manners) -> (bool, String) {
    let server = MailServer::start(manners);
    let failure = plain(&server).send(&letter(vec![paid()])).await.unwrap_err();
    assert_eq!(server.accepted(), []);
    (matches!(failure, MailFailure::Permanent(_)), failure.to_string())
}

#[tokio::test]
async fn an_accepted_email_arrives_whole() {
    let server = MailServer::start(Manners::default());
    let room = plain(&server);
    for (name, notices) in every_kind() {
        let expected = render(&notices, &voice()).unwrap();
        room.send(&Letter { message_id: name.into(), ..letter(notices) }).await.unwrap();
        let got = server.accepted().pop().unwrap();
        assert_eq!((got.from.as_str(), got.to.as_str()), ("payouts@example.com", "ada@example.org"));
        assert_eq!(got.hello, "example.com");
        let email = read(&got.bytes);
        assert_eq!(email.header("Message-ID"), Some(format!("<{name}@example.com>").as_str()));
        assert_eq!(email.header("Subject"), Some(expected.subject.as_str()), "{name}");
        assert_eq!((email.text.as_str(), email.html.as_str()), (expected.text.trim_end(), expected.html.trim_end()));
    }
    assert_eq!(server.accepted().len(), every_kind().len());
}

#[tokio::test]
async fn a_repeated_email_can_be_told_from_a_new_one() {
    let server = MailServer::start(Manners::default());
    let room = plain(&server);
    for _ in 0..2 {
        room.send(&letter(vec![paid()])).await.unwrap();
    }
    let [first, second] = [0, 1].map(|i| read(&server.accepted()[i].bytes));
    for header in ["Message-ID", "Date", "Subject"] {
        assert_eq!(first.header(header).unwrap(), second.header(header).unwrap());
    }
    assert_eq!((first.text, first.html), (second.text, second.html));
}

#[tokio::test]
async fn not_now_is_not_never() {
    let busy = || no(451, "Try again later");
    for manners in [
        Manners { to_sender: busy(), ..Manners::default() },
        Manners { to_recipient: busy(), ..Manners::default() },
        Manners { to_content: busy(), ..Manners::default() },
        Manners { to_recipient: no(421, "Shutting down"), ..Manners::default() },
    ] {
        let (for_good, why) = refused(manners).await;
        assert!(!for_good && (why.contains("451 Try again later") || why.contains("421 Shutting down")), "{why}");
    }
}

#[tokio::test]
async fn no_to_the_recipient_or_the_email_is_for_good() {
    for manners in [
        Manners { to_recipient: no(550, "<ada@example.org>: no such user"), ..Manners::default() },
        Manners { to_content: no(554, "looks like spam for ada@example.org"), ..Manners::default() },
    ] {
        let (for_good, why) = refused(manners).await;
        assert!(for_good, "{why}");
        assert!(why.contains("55") && why.contains("the recipient") && !why.contains("ada@example.org"), "{why}");
    }
}

#[tokio::test]
async fn no_to_us_can_be_mended() {
    for manners in [
        Manners { to_sender: no(550, "sender not allowed"), ..Manners::default() },
        Manners { to_recipient: response::AUTHENTICATION_REQUIRED, ..Manners::default() },
    ] {
        let (for_good, why) = refused(manners).await;
        assert!(!for_good, "{why}");
    }
}

#[tokio::test]
async fn only_250_means_accepted() {
    let (for_good, why) = refused(Manners { to_content: no(252, "perhaps"), ..Manners::default() }).await;
    assert!(!for_good && why.contains("252 perhaps"), "{why}");
}

#[tokio::test]
async fn a_login_is_used_and_a_wrong_one_can_be_mended() {
    let server = MailServer::start(Manners { password: Some("s€cret"), ..Manners::default() });
    let url = |password: &str| format!("smtp://payouts:{password}@127.0.0.1:{}", server.port);
    room(&url("s%E2%82%ACcret")).send(&letter(vec![paid()])).await.unwrap();
    assert_eq!(server.accepted()[0].login, Some(("payouts".into(), "s€cret".into())));

    let failure = room(&url("wrong")).send(&letter(vec![paid()])).await.unwrap_err();
    assert!(matches!(&failure, MailFailure::Transient(why) if why.contains("535") && why.contains("logging in")));
    assert!(!failure.to_string().contains("wrong"), "{failure}");
    assert_eq!(server.accepted().len(), 1);
}

#[tokio::test]
async fn a_server_that_hangs_costs_no_more_than_the_timeout() {
    for hang in [Hang::BeforeGreeting, Hang::AtVerb("EHLO"), Hang::AtVerb("RCPT"), Hang::AfterContent] {
        let server = MailServer::start(Manners { hang, ..Manners::default() });
        let url = format!("smtp://127.0.0.1:{}", server.port);
        let room = room_with(&url, Duration::from_millis(300), true);
        let started = Instant::now();
        let failure = room.send(&letter(vec![paid()])).await.unwrap_err();
        assert!(started.elapsed() < Duration::from_secs(10));
        assert!(matches!(&failure, MailFailure::Transient(why) if why.contains("300 ms")), "{failure:?}");
    }
}

#[tokio::test]
async fn the_wrong_kind_of_tls_for_a_port_is_named() {
    let wrapped = MailServer::start(Manners { wrapped_tls: true, ..Manners::default() });
    let url = format!("smtp://127.0.0.1:{}", wrapped.port);
    let failure = room_with(&url, Duration::from_millis(300), true).send(&letter(vec![paid()])).await.unwrap_err();
    assert!(matches!(&failure, MailFailure::Transient(why) if why.contains("use smtps://")), "{failure:?}");

    let plain = MailServer::start(Manners::default());
    let url = format!("smtps://127.0.0.1:{}", plain.port);
    let failure = room(&url).send(&letter(vec![paid()])).await.unwrap_err();
    assert!(matches!(&failure, MailFailure::Transient(why) if why.contains("use smtp://")), "{failure:?}");
}

#[tokio::test]
async fn an_accepted_email_stays_accepted_when_the_goodbye_hangs() {
    let server = MailServer::start(Manners { hang: Hang::AtVerb("QUIT"), ..Manners::default() });
    let url = format!("smtp://127.0.0.1:{}", server.port);
    room_with(&url, Duration::from_millis(500), true).send(&letter(vec![paid()])).await.unwrap();
    assert_eq!(server.accepted().len(), 1);
}

#[tokio::test]
async fn nobody_listening_is_a_matter_of_time() {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let port = listener.local_addr().unwrap().port();
    drop(listener);
    let failure = room(&format!("smtp://127.0.0.1:{port}")).send(&letter(vec![paid()])).await.unwrap_err();
    let why = failure.to_string();
    assert!(matches!(failure, MailFailure::Transient(_)) && why.contains(&format!("127.0.0.1:{port}")), "{why}");
    assert!(why.contains("refused"), "{why}");
}

#[tokio::test]
async fn starttls_and_tls_encrypt_everything() {
    let start = MailServer::start(Manners { start_tls: true, password: Some("pw"), ..Manners::default() });
    room(&format!("smtp://u:pw@localhost:{}?tls=required", start.port)).send(&letter(vec![paid()])).await.unwrap();
    assert_eq!(start.accepted().len(), 1);
    assert_eq!(start.plain_verbs(), ["EHLO", "STARTTLS"]);

    let wrapped = MailServer::start(Manners { wrapped_tls: true, ..Manners::default() });
    room(&format!("smtps://127.0.0.1:{}", wrapped.port)).send(&letter(vec![paid()])).await.unwrap();
    assert_eq!(wrapped.accepted().len(), 1);
    assert_eq!(wrapped.plain_verbs(), [""; 0]);
}

#[tokio::test]
async fn without_starttls_nothing_is_sent_in_plain() {
    let server = MailServer::start(Manners { password: Some("pw"), ..Manners::default() });
    let url = format!("smtp://u:pw@localhost:{}?tls=required", server.port);
    let failure = room(&url).send(&letter(vec![paid()])).await.unwrap_err();
    assert!(
        matches!(&failure, MailFailure::Transient(why) if why.contains("does not offer STARTTLS") && why.contains("smtps://")),
        "{failure:?}"
    );
    assert!(server.plain_verbs().iter().all(|verb| verb == "EHLO" || verb == "QUIT"), "{:?}", server.plain_verbs());
}

#[tokio::test]
async fn a_server_that_cannot_prove_its_name_gets_nothing() {
    for (manners, url) in [
        (Manners { start_tls: true, ..Manners::default() }, "smtp://localhost:PORT?tls=required"),
        (Manners { wrapped_tls: true, ..Manners::default() }, "smtps://localhost:PORT"),
    ] {
        let server = MailServer::start(manners);
        let room = room_with(&url.replace("PORT", &server.port.to_string()), Duration::from_secs(20), false);
        let failure = room.send(&letter(vec![paid()])).await.unwrap_err();
        assert!(matches!(&failure, MailFailure::Transient(why) if why.contains("certificate")), "{failure:?}");
        assert_eq!(server.accepted(), []);
    }
}

#[tokio::test]
async fn an_address_beyond_ascii_needs_a_server_that_can() {
    let server = MailServer::start(Manners::default());
    let to = "zoë@example.org".to_owned();
    let failure = plain(&server).send(&Letter { to, ..letter(vec![paid()]) }).await.unwrap_err();
    assert!(matches!(&failure, MailFailure::Permanent(why) if why.contains("SMTPUTF8")), "{failure:?}");
    assert_eq!(server.accepted(), []);
}

#[test]
fn plain_text_to_another_machine_is_refused_however_it_was_set_up() {
    let mut server = SmtpServer::from_url("smtp://127.0.0.1").unwrap();
    server.host = url::Host::Domain("mail.example.com".into());
    let error = MailRoom::new(settings(Transport::Smtp(server))).err().unwrap();
    assert!(matches!(error, MailSetupError::PlainText { .. }));
    assert!(error.to_string().contains("smtps://mail.example.com"), "{error}");
}

#[test]
fn certificates_that_cannot_be_read_are_named_at_the_start() {
    let no_certificate = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
    for broken in ["-----BEGIN CERTIFICATE-----\nnot base64!\n-----END CERTIFICATE-----\n", no_certificate, "", "text"]
    {
        let mut server = SmtpServer::from_url("smtps://mail.example.com").unwrap();
        server.trusted_pem = Some(broken.into());
        let error = MailRoom::new(settings(Transport::Smtp(server))).err().unwrap().to_string();
        assert!(error.contains("mail.example.com"), "{error}");
    }
}
