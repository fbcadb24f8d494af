//! The outbox: written once under a key, merged where alerts repeat, sent at least once, given up in the open.

use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use payoutd::domain::ids::MentorId;
use payoutd::domain::notice::{MentorTask, Notice, Outgoing, Recipient};
use payoutd::ports::{DueLetter, Sent, Store};
use serde_json::json;

use crate::events::{hour, minute};
use crate::world::{World, lease, stories};

const WINDOW: Duration = Duration::from_secs(3600);

fn breaker(why: &str, subject: &str) -> Outgoing {
    Outgoing::to_admin(Notice::BreakerOpened { why: why.into(), at: hour(0) }, "breaker_opened", subject, None)
}

fn alone(key: &str) -> Outgoing {
    Outgoing {
        to: Recipient::Mentor { id: MentorId::new("m1"), email: "m1@example.com".into() },
        notice: Notice::OnHold { payment: None, task: MentorTask::ConnectAccount },
        once_key: key.into(),
        merge_key: None,
        payment_id: None,
    }
}

async fn due(w: &World, now: DateTime<Utc>) -> Vec<DueLetter> {
    w.store.due_letters(10, WINDOW, lease("mail", now), now).await.expect("leased")
}

fn whys(letter: &DueLetter) -> Vec<&str> {
    fn why(notice: &Notice) -> &str {
        let Notice::BreakerOpened { why, .. } = notice else { panic!("{notice:?}") };
        why
    }
    letter.notices.iter().map(why).collect()
}

stories! {
    /// Given the same thing to tell twice, then one email is written, as it was told first.
    async fn one_email_a_key(w: World) {
        w.store.tell(vec![breaker("first", "1"), breaker("again", "1")], minute(0)).await.expect("written");
        w.store.tell(vec![breaker("later", "1")], minute(9)).await.expect("written");
        let letters = due(&w, minute(10)).await;
        assert_eq!(letters.len(), 1);
        assert_eq!(whys(&letters[0]), ["first"]);
        assert_eq!((letters[0].to.as_str(), letters[0].written_at), ("admin@example.com", minute(0)));
    }

    /// Given an email that is being sent, then nobody else sends it, until its lease runs out; and it keeps its name.
    async fn a_leased_email_is_left_alone(w: World) {
        w.store.tell(vec![alone("one")], minute(0)).await.expect("written");
        let first = due(&w, minute(0)).await;
        assert_eq!((first.len(), first[0].attempts), (1, 1));
        assert!(due(&w, minute(1)).await.is_empty());
        let again = due(&w, minute(2)).await;
        assert_eq!((again[0].message_id.as_str(), again[0].attempts), (first[0].message_id.as_str(), 2));
        w.store.letter_sent(again[0].clone(), Sent::Accepted, minute(2)).await.expect("recorded");
        assert!(due(&w, hour(99)).await.is_empty());
        assert_eq!(w.sql.row("state, sent_at, error", "emails").await,
            [json!("sent"), json!("2027-01-15T08:02:00.000Z"), json!(null)]);
    }

    /// Given emails with different names, then their Message-IDs differ.
    async fn every_email_has_its_own_name(w: World) {
        w.store.tell(vec![alone("one"), alone("two"), breaker("x", "1")], minute(0)).await.expect("written");
        let mut names: Vec<String> = due(&w, minute(0)).await.into_iter().map(|letter| letter.message_id).collect();
        assert_eq!(names.len(), 3);
        names.sort();
        names.dedup();
        assert_eq!(names.len(), 3);
    }

    /// Given alerts of one kind that wait, then they go out as one; those that come soon after wait and go out together.
    async fn repeated_alerts_are_merged(w: World) {
        w.store.tell(vec![breaker("a", "1"), breaker("b", "2"), alone("mine")], minute(0)).await.expect("written");
        let letters = due(&w, minute(1)).await;
        assert_eq!(letters.len(), 2, "one merged, one alone");
        assert_eq!(whys(&letters[0]), ["a", "b"]);
        w.store.letter_sent(letters[0].clone(), Sent::Accepted, minute(1)).await.expect("recorded");
        w.store.letter_sent(letters[1].clone(), Sent::Accepted, minute(1)).await.expect("recorded");

        w.store.tell(vec![breaker("c", "3")], minute(5)).await.expect("written");
        assert!(due(&w, minute(5)).await.is_empty(), "one of its kind was sent four minutes ago");
        w.store.tell(vec![breaker("d", "4")], minute(30)).await.expect("written");
        assert!(due(&w, minute(60)).await.is_empty());
        let letters = due(&w, minute(61)).await;
        assert_eq!(letters.len(), 1);
        assert_eq!(whys(&letters[0]), ["c", "d"]);
        assert_eq!(letters[0].written_at, minute(5));
    }

    /// Given a merged email that could not be sent, then its repeat has the same rows and name, whatever came since.
    async fn a_repeat_keeps_its_rows(w: World) {
        w.store.tell(vec![breaker("a", "1"), breaker("b", "2")], minute(0)).await.expect("written");
        let first = due(&w, minute(0)).await.remove(0);
        let later = Sent::Later(minute(10), "the server is away".into());
        w.store.letter_sent(first.clone(), later, minute(1)).await.expect("recorded");
        assert_eq!(w.sql.rows("state, error", "emails").await, vec![vec![json!("queued"), json!("the server is away")]; 2]);
        w.store.tell(vec![breaker("c", "3")], minute(5)).await.expect("written");
        let new = due(&w, minute(6)).await;
        assert_eq!((new.len(), whys(&new[0])), (1, vec!["c"]));

        let again = due(&w, minute(10)).await;
        let again = again.iter().find(|letter| letter.row_ids == first.row_ids).expect("the same rows");
        assert_eq!((again.message_id.as_str(), whys(again), again.attempts), (first.message_id.as_str(), vec!["a", "b"], 2));
    }

    /// Given an email that nobody will take, then it is given up, stays with the reason, and is counted.
    async fn an_email_that_is_given_up_is_shown(w: World) {
        w.store.tell(vec![alone("one")], minute(0)).await.expect("written");
        let letter = due(&w, minute(0)).await.remove(0);
        w.store.letter_sent(letter, Sent::GivenUp("550 no such user".into()), minute(1)).await.expect("recorded");
        assert_eq!(w.sql.row("state, error", "emails").await, [json!("failed"), json!("550 no such user")]);
        assert!(due(&w, hour(999)).await.is_empty());
        assert_eq!(w.store.status(hour(1)).await.expect("read").emails, [("failed".to_owned(), 1)].into());
    }

    /// Given many emails, when two daemons send at once, then each row goes out in one letter.
    async fn two_daemons_never_send_the_same_row(w: World) {
        let alerts = (0..30).map(|n| if n % 3 == 0 { breaker("x", &n.to_string()) } else { alone(&n.to_string()) });
        w.store.tell(alerts.collect(), minute(0)).await.expect("written");
        let other = w.another_store();
        // Minute 4: none was recorded as sent, and the leases are over.
        for at in [1, 4] {
            let mut rows = Vec::new();
            for _ in 0..10 {
                let (one, two) = tokio::join!(
                    w.store.due_letters(4, WINDOW, lease("one", minute(at)), minute(at)),
                    other.due_letters(4, WINDOW, lease("two", minute(at)), minute(at)),
                );
                let letters = [one.expect("leased"), two.expect("leased")].concat();
                rows.extend(letters.into_iter().flat_map(|letter| letter.row_ids));
            }
            rows.sort_unstable();
            assert_eq!(rows, (1..=30).collect::<Vec<i64>>());
        }
    }

    /// Given a limit, then no more emails are leased than that, oldest first.
    async fn the_oldest_go_first(w: World) {
        w.store.tell(vec![alone("second")], minute(1)).await.expect("written");
        w.store.tell(vec![alone("first")], minute(0)).await.expect("written");
        let now = minute(1) + TimeDelta::seconds(1);
        let letters = w.store.due_letters(1, WINDOW, lease("mail", now), now).await.expect("leased");
        assert_eq!((letters.len(), letters[0].written_at), (1, minute(0)));
    }
}
