//! The mail server: takes letters, or fails, or takes one and fails to say so.

use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use payoutd::ports::{Letter, MailFailure, Mailer};

use crate::chance::Chance;

/// What was delivered: Message-ID, address, kinds.
pub type Delivered = Arc<Mutex<Vec<(String, String, Vec<&'static str>)>>>;

pub struct Post {
    pub delivered: Delivered,
    pub chance: Mutex<Chance>,
    pub faults: Arc<std::sync::atomic::AtomicBool>,
}

#[async_trait]
impl Mailer for Post {
    async fn send(&self, letter: &Letter) -> Result<(), MailFailure> {
        let faults = self.faults.load(std::sync::atomic::Ordering::SeqCst);
        let fate = self.chance.lock().expect("no panic").below(100);
        if faults && fate < 5 {
            return Err(MailFailure::Transient("the mail server is away".into()));
        }
        let kinds = letter.notices.iter().map(|notice| notice.kind()).collect();
        self.delivered.lock().expect("no panic").push((letter.message_id.clone(), letter.to.clone(), kinds));
        if faults && fate < 8 {
            return Err(MailFailure::Transient("the connection broke after the letter was taken".into()));
        }
        Ok(())
    }
}
