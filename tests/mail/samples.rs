//! Notices, letters and settings for the tests, with fixed dates and numbers.

use std::time::Duration;

use chrono::{DateTime, TimeZone, Utc};
use chrono_tz::Tz;
use mailparse::ParsedMail;
use payoutd::domain::conversion::{Conversion, Converted};
use payoutd::domain::digest::{Digest, HeldFor, Standing, Sum};
use payoutd::domain::dispute_news::{Audience, DisputeBrief, MentorMoney, Turn};
use payoutd::domain::holding::LimitBrief;
use payoutd::domain::ids::{MentorId, OperationId, PaymentId, RequestId, WithdrawalId};
use payoutd::domain::money::{Currency, MinorUnits};
use payoutd::domain::notice::{MentorTask, Notice, PaymentBrief, WithdrawalBrief, WithdrawalNews};
use payoutd::mail::{MailRoom, Settings, Transport, Voice};
use payoutd::ports::Letter;

pub fn voice() -> Voice {
    Voice { platform_name: "Example Academy".into(), contact: "help@example.com".into(), time_zone: Tz::UTC }
}

pub fn settings(transport: Transport) -> Settings {
    Settings {
        transport,
        from: "payouts@example.com".into(),
        platform_name: "Example Academy".into(),
        contact: "help@example.com".into(),
        time_zone: Tz::UTC,
        timeout: Duration::from_secs(20),
    }
}

pub fn room(transport: Transport) -> MailRoom {
    MailRoom::new(settings(transport)).unwrap()
}

pub fn letter(notices: Vec<Notice>) -> Letter {
    Letter { message_id: "paid-42-1".into(), to: "ada@example.org".into(), written_at: at(14, 5), notices }
}

pub fn at(hour: u32, minute: u32) -> DateTime<Utc> {
    Utc.with_ymd_and_hms(2026, 3, 3, hour, minute, 7).unwrap()
}

pub fn payment(id: i64, minor: i64, currency: &str) -> PaymentBrief {
    PaymentBrief {
        payment_id: PaymentId(id),
        booking_id: Some(format!("B-{}", id - 25)),
        mentor: Some("Ada Mentor".into()),
        amount_minor: MinorUnits::new(minor).unwrap(),
        currency: Currency::parse(currency).unwrap(),
    }
}

pub fn paid() -> Notice {
    Notice::Paid {
        payment: payment(42, 9_000, "usd"),
        at: at(14, 5),
        netted: MinorUnits::ZERO,
        carried: MinorUnits::ZERO,
        converted: None,
        stays: false,
    }
}

/// 100.00 USD that came in as 92.00 EUR.
fn converted() -> Converted {
    let [usd, eur] = ["usd", "eur"].map(|code| Currency::parse(code).unwrap());
    let [charged, settled, due] = [10_000, 9_200, 9_000].map(|minor| MinorUnits::new(minor).unwrap());
    Converted { by: Conversion { from: usd, charged, into: eur, settled }, due }
}

fn kept(id: i64, minor: i64, together: i64) -> Notice {
    Notice::Carried { payment: payment(id, minor, "usd"), together: MinorUnits::new(together).unwrap() }
}

/// One or several notices of every kind, by the name of their snapshot.
pub fn every_kind() -> Vec<(&'static str, Vec<Notice>)> {
    let mut all = to_mentors();
    all.extend(about_transfers());
    all.extend(about_holds());
    all.extend(about_requests());
    all.extend(about_accounts());
    all.extend(about_everything());
    all.extend(about_disputes());
    all.extend(about_days());
    all
}

const REFUNDED: &str = "the customer was refunded";

fn paid_and_stays() -> Notice {
    let Notice::Paid { payment, at, netted, carried, converted, .. } = paid() else { unreachable!("it is made so") };
    Notice::Paid { payment, at, netted, carried, converted, stays: true }
}

fn to_mentors() -> Vec<(&'static str, Vec<Notice>)> {
    let hold = |payment, task| Notice::OnHold { payment, task };
    let without_booking =
        PaymentBrief { booking_id: None, mentor: Some("mentor_17".into()), ..payment(50, 1_234, "jpy") };
    vec![
        ("paid", vec![paid()]),
        ("paid_stays", vec![paid_and_stays()]),
        (
            "paid_merged",
            vec![
                paid(),
                Notice::Paid {
                    payment: payment(43, 123_450, "eur"),
                    at: at(14, 6),
                    netted: MinorUnits::ZERO,
                    carried: MinorUnits::ZERO,
                    converted: None,
                    stays: false,
                },
                Notice::Paid {
                    payment: without_booking.clone(),
                    at: at(14, 7),
                    netted: MinorUnits::ZERO,
                    carried: MinorUnits::ZERO,
                    converted: None,
                    stays: false,
                },
                Notice::Paid {
                    payment: payment(51, 1_050, "usd"),
                    at: at(14, 7),
                    netted: MinorUnits::ZERO,
                    carried: MinorUnits::ZERO,
                    converted: None,
                    stays: false,
                },
            ],
        ),
        (
            "paid_converted",
            vec![Notice::Paid {
                payment: payment(42, 8_280, "eur"),
                at: at(14, 5),
                netted: MinorUnits::ZERO,
                carried: MinorUnits::ZERO,
                converted: Some(converted()),
                stays: false,
            }],
        ),
        (
            "paid_carried",
            vec![Notice::Paid {
                payment: payment(42, 1_350, "usd"),
                at: at(14, 5),
                netted: MinorUnits::ZERO,
                carried: MinorUnits::new(900).unwrap(),
                converted: None,
                stays: false,
            }],
        ),
        ("carried", vec![kept(42, 450, 450)]),
        ("carried_again", vec![kept(43, 450, 900)]),
        ("kept_less", vec![Notice::KeptLess { payment: payment(42, 450, "usd"), why: REFUNDED.into() }]),
        ("carried_merged", vec![kept(42, 450, 450), kept(43, 450, 900)]),
        (
            "paid_netted",
            vec![Notice::Paid {
                payment: payment(42, 4_000, "usd"),
                at: at(14, 5),
                netted: MinorUnits::new(5_000).unwrap(),
                carried: MinorUnits::ZERO,
                converted: None,
                stays: false,
            }],
        ),
        ("netted", vec![Notice::Netted { payment: payment(42, 9_000, "usd") }]),
        ("taken_back", vec![Notice::TakenBack { payment: payment(42, 2_250, "usd"), why: REFUNDED.into() }]),
        (
            "taken_back_merged",
            vec![
                Notice::TakenBack { payment: payment(42, 2_250, "usd"), why: REFUNDED.into() },
                Notice::TakenBack { payment: payment(43, 9_000, "eur"), why: REFUNDED.into() },
            ],
        ),
        ("paid_again", vec![Notice::PaidAgain { payment: payment(42, 9_000, "usd") }]),
        ("owed", vec![Notice::Owed { payment: payment(42, 9_000, "usd"), why: REFUNDED.into() }]),
        ("on_hold_connect", vec![hold(Some(payment(42, 9_000, "usd")), MentorTask::ConnectAccount)]),
        ("on_hold_onboarding", vec![hold(Some(without_booking.clone()), MentorTask::FinishOnboarding)]),
        ("on_hold_review", vec![hold(Some(payment(42, 9_000, "usd")), MentorTask::AwaitReview)]),
        ("on_hold_reconnect", vec![hold(Some(payment(42, 9_000, "usd")), MentorTask::Reconnect)]),
        ("on_hold_account", vec![hold(None, MentorTask::ResolveRestriction)]),
        (
            "on_hold_merged",
            vec![
                hold(Some(payment(42, 9_000, "usd")), MentorTask::FinishOnboarding),
                hold(Some(payment(43, 123_450, "eur")), MentorTask::FinishOnboarding),
                hold(Some(payment(44, 500, "usd")), MentorTask::ResolveRestriction),
            ],
        ),
        ("not_paid", vec![Notice::NotPaid { payment: payment(42, 9_000, "usd") }]),
        (
            "not_paid_merged",
            vec![
                Notice::NotPaid { payment: payment(42, 9_000, "usd") },
                Notice::NotPaid { payment: payment(43, 1_000, "usd") },
            ],
        ),
    ]
}

fn about_transfers() -> Vec<(&'static str, Vec<Notice>)> {
    let failed = |payment, attempts| Notice::PaymentFailed {
        payment,
        why: "This account can currently not receive transfers in gbp.".into(),
        code: "invalid_request_error".into(),
        attempts,
    };
    let unknown = |payment, id, since| Notice::OutcomeUnknown { payment, operation_id: OperationId(id), since };
    let despite = |payment, why: &str| Notice::PaidDespite { payment, why: why.into() };
    vec![
        (
            "unsettled",
            vec![Notice::Unsettled {
                payment: payment(42, 4_500, "usd"),
                why: "this is to be paid again, but not yet: the mentor is on hold by ana: identity in doubt".into(),
            }],
        ),
        ("debt_recorded", vec![Notice::DebtRecorded { payment: payment(42, 9_000, "usd"), why: REFUNDED.into() }]),
        ("payment_failed", vec![failed(payment(42, 4_500, "gbp"), 3)]),
        ("payment_failed_merged", vec![failed(payment(42, 4_500, "gbp"), 3), failed(payment(43, 77, "gbp"), 1)]),
        ("outcome_unknown", vec![unknown(payment(42, 9_000, "usd"), 7, at(12, 0))]),
        (
            "outcome_unknown_merged",
            vec![unknown(payment(42, 9_000, "usd"), 7, at(12, 0)), unknown(payment(43, 5, "jpy"), 8, at(12, 30))],
        ),
        ("paid_despite", vec![despite(payment(42, 9_000, "usd"), "flagged by an admin: the session did not happen")]),
        (
            "paid_despite_merged",
            vec![
                despite(payment(42, 9_000, "usd"), "flagged by an admin: the session did not happen"),
                despite(payment(43, 1_000, "usd"), "an open dispute (needs response)"),
            ],
        ),
    ]
}

fn about_holds() -> Vec<(&'static str, Vec<Notice>)> {
    let unassigned = |id, mentor: Option<&str>, why: &str| Notice::Unassigned {
        payment: PaymentBrief { mentor: mentor.map(Into::into), ..payment(id, 9_000, "usd") },
        why: why.into(),
    };
    let attention = |payment, why: &str| Notice::NeedsAttention { payment, why: why.into() };
    let held = |id: &str, mentor: &str| Notice::MentorHeld {
        mentor_id: MentorId::new(id),
        mentor: mentor.into(),
        why: "Stripe rejected the account (rejected.fraud).".into(),
    };
    let unknown = "mentor `mentor_9` is not registered (payoutd mentor add)";
    let conflict = "the fee in the metadata (10.00 USD) and the mentor's amount (95.00 USD) do not make 100.00 USD";
    vec![
        ("unassigned", vec![unassigned(42, Some("mentor_9"), unknown)]),
        ("unassigned_unnamed", vec![unassigned(42, None, "no mentor in the metadata")]),
        (
            "unassigned_merged",
            vec![
                unassigned(42, Some("mentor_9"), unknown),
                unassigned(43, Some("mentor_9"), unknown),
                unassigned(44, None, "no mentor in the metadata"),
            ],
        ),
        ("needs_attention", vec![attention(payment(42, 9_500, "usd"), conflict)]),
        (
            "needs_attention_merged",
            vec![
                attention(payment(42, 9_500, "usd"), conflict),
                attention(payment(42, 9_500, "usd"), "charged in usd, settled in eur"),
                attention(payment(43, 10, "usd"), "0.10 USD is under the minimum of 1.00 USD"),
            ],
        ),
        ("mentor_held", vec![held("mentor_17", "Ada Mentor")]),
        ("mentor_held_merged", vec![held("mentor_17", "Ada Mentor"), held("mentor_18", "Bea Mentor")]),
    ]
}

fn about_requests() -> Vec<(&'static str, Vec<Notice>)> {
    let customer = || Some("Casey Customer".to_owned());
    let minor = |n| MinorUnits::new(n).unwrap();
    let failed = |id, request, why: &str| Notice::RefundFailed {
        payment: payment(id, 10_000, "usd"),
        request: RequestId(request),
        why: why.into(),
    };
    let left = |left| Notice::CustomerRefunded { payment: payment(42, 2_500, "usd"), left: minor(left) };
    let too_much = "100.00 USD is more than the 75.00 USD that are left of the payment";
    let declined = "The card was declined.";
    let not_completed = "nobody said that the session was completed (payoutd complete)";
    let flagged = "flagged by an admin: the session did not happen";
    let expiring = |id| Notice::AuthorizationExpiring {
        payment: payment(id, 80_000, "usd"),
        at: at(14, 5),
        why: not_completed.into(),
    };
    let capture = |id| Notice::CaptureFailed { payment: payment(id, 80_000, "usd"), why: declined.into() };
    let canceled = |id| Notice::AuthorizationCanceled { payment: payment(id, 80_000, "usd"), why: flagged.into() };
    vec![
        ("refunded", vec![Notice::Refunded { payment: payment(42, 2_500, "usd"), customer: customer() }]),
        ("refunded_nameless", vec![Notice::Refunded { payment: payment(42, 2_500, "jpy"), customer: None }]),
        ("not_charged", vec![Notice::NotCharged { payment: payment(42, 80_000, "usd"), customer: customer() }]),
        ("customer_refunded", vec![left(6_750)]),
        ("customer_refunded_all", vec![left(0)]),
        ("refund_failed", vec![failed(42, 7, too_much)]),
        ("refund_failed_merged", vec![failed(42, 7, too_much), failed(43, 8, "it is disputed")]),
        ("capture_failed", vec![capture(42)]),
        ("capture_failed_merged", vec![capture(42), capture(43)]),
        ("authorization_expiring", vec![expiring(42)]),
        ("authorization_expiring_merged", vec![expiring(42), expiring(43)]),
        ("authorization_canceled", vec![canceled(42)]),
        ("authorization_canceled_merged", vec![canceled(42), canceled(43)]),
    ]
}

fn about_everything() -> Vec<(&'static str, Vec<Notice>)> {
    let opened = |why: &str, at| Notice::BreakerOpened { why: why.into(), at };
    let short = |payment| Notice::FundsShort { payment };
    let unread = |event: &str, why: &str| Notice::EventUnreadable { event: event.into(), why: why.into() };
    let differing = |count| Notice::Discrepancies {
        count,
        first: vec![("payment 42, a transfer".into(), "Stripe has it, payoutd does not".into())],
    };
    let audited = |count| Notice::AuditDifference {
        count,
        first: vec![
            (
                "payment 42".into(),
                "what Stripe transferred is not what was ordered or due: should be 9000, is 8000, in \
                minor units"
                    .into(),
            ),
            ("journal 7".into(), "its two sides do not balance: should be 0, is -1, in minor units".into()),
        ],
    };
    vec![
        ("audit_difference", vec![audited(12)]),
        ("audit_difference_merged", vec![audited(12), audited(2)]),
        ("discrepancies", vec![differing(3)]),
        ("discrepancies_merged", vec![differing(3), differing(1)]),
        ("breaker_opened", vec![opened("Stripe refused the API key (401).", at(14, 5))]),
        (
            "breaker_opened_merged",
            vec![
                opened("Stripe did not answer 5 times in a row.", at(13, 0)),
                opened("Stripe refused the API key (401).", at(14, 5)),
            ],
        ),
        ("event_unreadable", vec![unread("charge.succeeded", "`amount` is `0`, which must be more than zero")]),
        (
            "event_unreadable_merged",
            vec![
                unread("charge.succeeded", "`amount` is `0`, which must be more than zero"),
                unread("payment_intent.succeeded", "`currency` is `zzz`, which is not one that Stripe charges in"),
            ],
        ),
        ("funds_short", vec![short(payment(42, 9_000, "usd"))]),
        ("funds_short_merged", vec![short(payment(42, 9_000, "usd")), short(payment(43, 1_000, "eur"))]),
    ]
}

fn about_disputes() -> Vec<(&'static str, Vec<Notice>)> {
    use Audience::{Admin, Customer, Mentor};
    let of = |audience, turn, money, payment| {
        Notice::Dispute(DisputeBrief {
            audience,
            turn,
            payment,
            money: Some(money),
            reason: "product_not_received".into(),
            due_by: Some(at(23, 59)).filter(|_| !turn.is_end()),
            customer: Some("Casey Customer".into()),
            untold: None,
        })
    };
    let untold = |notice| match notice {
        Notice::Dispute(dispute) => {
            let untold = Some("the mentor: no address of theirs is known".into());
            Notice::Dispute(DisputeBrief { untold, ..dispute })
        }
        other => other,
    };
    let (usd, yen, dinar) = (payment(42, 10_000, "usd"), payment(43, 12_000, "jpy"), payment(44, 12_345, "kwd"));
    vec![
        ("dispute_inquiry", vec![of(Admin, Turn::Inquiry, MentorMoney::Held, usd.clone())]),
        ("dispute_opened", vec![of(Admin, Turn::Opened, MentorMoney::Held, yen.clone())]),
        ("dispute_opened_kept", vec![untold(of(Admin, Turn::Escalated, MentorMoney::Kept, usd.clone()))]),
        (
            "dispute_opened_merged",
            vec![
                of(Admin, Turn::Opened, MentorMoney::Held, usd.clone()),
                untold(of(Admin, Turn::Escalated, MentorMoney::GoesBack, dinar.clone())),
            ],
        ),
        ("dispute_appealed", vec![of(Admin, Turn::Appealed, MentorMoney::Kept, usd.clone())]),
        ("dispute_won", vec![of(Admin, Turn::Won, MentorMoney::Due, usd.clone())]),
        ("dispute_lost", vec![of(Admin, Turn::Lost, MentorMoney::GoesBack, dinar.clone())]),
        (
            "dispute_closed_merged",
            vec![
                of(Admin, Turn::Won, MentorMoney::Stays, usd.clone()),
                of(Admin, Turn::InquiryClosed, MentorMoney::Due, yen.clone()),
            ],
        ),
        ("payment_disputed_held", vec![of(Mentor, Turn::Opened, MentorMoney::Held, usd.clone())]),
        ("payment_disputed_kept", vec![of(Mentor, Turn::Escalated, MentorMoney::Kept, yen.clone())]),
        ("payment_disputed_taken", vec![of(Mentor, Turn::Opened, MentorMoney::GoesBack, usd.clone())]),
        (
            "payment_disputed_merged",
            vec![
                of(Mentor, Turn::Opened, MentorMoney::Held, usd.clone()),
                of(Mentor, Turn::Inquiry, MentorMoney::Kept, dinar),
            ],
        ),
        ("dispute_decided_won", vec![of(Mentor, Turn::Won, MentorMoney::ComesBack, usd.clone())]),
        ("dispute_decided_lost", vec![of(Mentor, Turn::Lost, MentorMoney::Gone, usd.clone())]),
        ("dispute_decided_settled", vec![of(Mentor, Turn::Prevented, MentorMoney::Due, usd.clone())]),
        (
            "dispute_decided_merged",
            vec![
                of(Mentor, Turn::Won, MentorMoney::Stays, usd.clone()),
                of(Mentor, Turn::Lost, MentorMoney::GoesBack, yen),
            ],
        ),
        ("dispute_acknowledged", vec![of(Customer, Turn::Opened, MentorMoney::Held, usd)]),
    ]
}

fn about_days() -> Vec<(&'static str, Vec<Notice>)> {
    let day = |day: u32| Utc.with_ymd_and_hms(2026, 3, day, 7, 0, 0).unwrap();
    let near = |id, limit_at: DateTime<Utc>, why: &str| {
        Notice::PlatformLimit(LimitBrief {
            payment: payment(id, 9_000, "usd"),
            paid_at: limit_at - chrono::TimeDelta::days(90),
            limit_at,
            why: why.into(),
        })
    };
    let sum = |count, amount, code| Sum {
        count,
        amount_minor: MinorUnits::new(amount).unwrap(),
        currency: Currency::parse(code).unwrap(),
    };
    let held = |reason: &str, count, on| HeldFor { reason: reason.into(), count, oldest: Some(day(on)) };
    let quiet = Digest { paid: vec![sum(12, 108_000, "usd")], ..Digest::empty(day(2), day(3)) };
    let busy = Digest {
        paid: vec![sum(12, 108_000, "usd"), sum(3, 9_000, "jpy")],
        taken_back: vec![sum(1, 4_500, "usd")],
        withdrawn: vec![sum(3, 120_000, "usd")],
        refunded: vec![sum(2, 12_345, "kwd")],
        held_count: 5,
        held: vec![held("dispute_open", 4, 1), held("mentor_unknown", 1, 2)],
        failed: vec![sum(1, 9_000, "usd")],
        unknown: Standing { count: 1, oldest: Some(day(2)) },
        debts: vec![sum(1, 500, "usd")],
        disputes: vec![sum(4, 40_000, "usd")],
        evidence_due_by: Some(day(9)),
        expiring: Standing { count: 2, oldest: Some(day(4)) },
        near_limit: vec![sum(1, 9_000, "usd")],
        limit_at: Some(day(17)),
        ..Digest::empty(day(2), day(3))
    };
    let flagged = "flagged by an admin: the session did not happen";
    vec![
        ("platform_limit", vec![near(42, day(17), flagged)]),
        (
            "platform_limit_merged",
            vec![near(42, day(17), flagged), near(43, day(8), "the mentor has no Stripe account yet")],
        ),
        ("digest", vec![Notice::Digest(Box::new(busy))]),
        ("digest_quiet", vec![Notice::Digest(Box::new(quiet))]),
    ]
}

/// What a mail client makes of a message.
#[derive(Debug, PartialEq, Eq)]
pub struct Read {
    pub headers: Vec<(String, String)>,
    pub text: String,
    pub html: String,
}

impl Read {
    pub fn header(&self, name: &str) -> Option<&str> {
        let found: Vec<_> = self.headers.iter().filter(|(key, _)| key.eq_ignore_ascii_case(name)).collect();
        assert!(found.len() <= 1, "{name} stands {} times", found.len());
        found.first().map(|(_, value)| value.as_str())
    }
}

/// Reads a message as a mail client does, and insists on its shape.
pub fn read(bytes: &[u8]) -> Read {
    let mail = mailparse::parse_mail(bytes).unwrap();
    assert_eq!(mail.ctype.mimetype, "multipart/alternative");
    let [text, html] = mail.subparts.as_slice() else { panic!("{} parts", mail.subparts.len()) };
    let body = |part: &ParsedMail<'_>, kind: &str| {
        assert_eq!((part.ctype.mimetype.as_str(), part.ctype.charset.as_str()), (kind, "utf-8"));
        part.get_body().unwrap().replace("\r\n", "\n").trim_end().to_owned()
    };
    Read {
        text: body(text, "text/plain"),
        html: body(html, "text/html"),
        headers: mail.headers.iter().map(|header| (header.get_key(), header.get_value())).collect(),
    }
}

/// What is told of withdrawals and connected accounts.
fn about_accounts() -> Vec<(&'static str, Vec<Notice>)> {
    let brief = |id, money: Option<(i64, &str)>| WithdrawalBrief {
        withdrawal_id: WithdrawalId(id),
        mentor: "Ada Mentor".into(),
        money: money.map(|(minor, code)| (MinorUnits::new(minor).unwrap(), Currency::parse(code).unwrap())),
    };
    let told = |id, news| Notice::Withdrawal { withdrawal: brief(id, Some((5_000, "usd"))), news };
    let all = |news| Notice::Withdrawal { withdrawal: brief(8, None), news };
    let closed = || "The bank account has been closed.".to_owned();
    let short = || "90.01 USD is more than the 90.00 USD that are available".to_owned();
    let account = |why: &str| Notice::AccountTrouble {
        mentor_id: MentorId::new("ada"),
        mentor: "Ada Mentor".into(),
        why: why.into(),
    };
    let manual = "it could not be set to manual payouts; set it in Stripe's dashboard: No.";
    vec![
        ("withdrawal_paid", vec![told(7, WithdrawalNews::Paid)]),
        ("withdrawal_failed", vec![told(7, WithdrawalNews::Failed { why: closed() })]),
        ("withdrawal_canceled", vec![told(7, WithdrawalNews::Canceled)]),
        ("withdrawal_refused", vec![told(7, WithdrawalNews::Refused { why: short() })]),
        (
            "withdrawal_refused_all",
            vec![all(WithdrawalNews::Refused { why: "nothing is available to withdraw".into() })],
        ),
        ("withdrawal_trouble", vec![told(7, WithdrawalNews::Trouble { why: closed() })]),
        (
            "withdrawal_trouble_merged",
            vec![
                told(7, WithdrawalNews::Trouble { why: closed() }),
                all(WithdrawalNews::Trouble { why: "there is no mentor `nobody`".into() }),
            ],
        ),
        ("account_trouble", vec![account(manual)]),
        ("account_trouble_merged", vec![account(manual), account("it could not be made: No.")]),
    ]
}
