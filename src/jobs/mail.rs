//! The mail loop: sends what stands in the outbox, at least once, and never forgets one.

use std::sync::Arc;
use std::time::Duration;

use super::{Jobs, Loop, span};
use crate::ports::{DueLetter, Letter, MailFailure, Sent, StoreError};

const BATCH: i64 = 20;
/// How often to look, should the hint get lost; also what an email waits that is due later.
const IDLE: Duration = Duration::from_secs(5);
const FIRST_RETRY: Duration = Duration::from_secs(30);
const LONGEST_RETRY: Duration = Duration::from_secs(3600);

pub(super) async fn keep_mailing(jobs: Arc<Jobs>) {
    let _life = jobs.life(Loop::Mail);
    loop {
        jobs.pulse.works(Loop::Mail);
        let sent = jobs.send_mail().await.unwrap_or_else(|error| {
            tracing::error!(%error, "emails cannot be sent now");
            0
        });
        let goes_on = if sent > 0 {
            !jobs.stop.is_cancelled()
        } else {
            jobs.pause_or(Loop::Mail, &jobs.signals.mail, IDLE).await
        };
        if !goes_on {
            return;
        }
    }
}

impl Jobs {
    /// Sends what is due. Answers how many emails were tried.
    pub async fn send_mail(&self) -> Result<usize, StoreError> {
        let now = self.clock.now();
        let window = self.settings.mail_merge_window;
        let letters = self.store.due_letters(BATCH, window, self.lease(now), now).await?;
        let count = letters.len();
        for letter in letters {
            self.pulse.works(Loop::Mail);
            let sent = self.send_one(&letter).await;
            self.store.letter_sent(letter, sent, self.clock.now()).await?;
        }
        Ok(count)
    }

    async fn send_one(&self, due: &DueLetter) -> Sent {
        let letter = Letter {
            message_id: due.message_id.clone(),
            to: due.to.clone(),
            written_at: due.written_at,
            notices: due.notices.clone(),
        };
        let email_id = due.row_ids.first().copied().unwrap_or_default();
        let kind = due.notices.first().map_or("", |notice| notice.kind());
        match self.mailer.send(&letter).await {
            Ok(()) => {
                count("sent");
                tracing::debug!(email.id = email_id, kind, notices = due.notices.len(), "email sent");
                Sent::Accepted
            }
            Err(MailFailure::Transient(why)) if due.attempts.unsigned_abs() < self.settings.mail_attempts => {
                count("later");
                tracing::warn!(email.id = email_id, kind, attempts = due.attempts, error = why, "email not sent yet");
                Sent::Later(self.clock.now() + span(retry_wait(due.attempts)), why)
            }
            Err(MailFailure::Transient(why) | MailFailure::Permanent(why)) => {
                count("given_up");
                tracing::error!(email.id = email_id, kind, attempts = due.attempts, error = why, "email given up");
                Sent::GivenUp(why)
            }
        }
    }
}

fn count(outcome: &'static str) {
    metrics::counter!("payoutd_email_attempts_total", "outcome" => outcome).increment(1);
}

fn retry_wait(attempts: i32) -> Duration {
    let doublings = attempts.unsigned_abs().saturating_sub(1).min(16);
    (FIRST_RETRY * 2_u32.pow(doublings)).min(LONGEST_RETRY)
}
