//! Whether the daemon can do its work: asked of the database, the schema, the inbox and the breaker.

use std::sync::Arc;

use async_trait::async_trait;

use crate::jobs::SharedBreaker;
use crate::ports::{Clock, Health, Readiness, Store, StoreError};

/// Looks when asked.
pub(super) struct Watch {
    pub store: Arc<dyn Store>,
    pub breaker: Arc<SharedBreaker>,
    pub clock: Arc<dyn Clock>,
}

#[async_trait]
impl Health for Watch {
    async fn readiness(&self) -> Readiness {
        let ok = || "ok".to_owned();
        let (database, migrations) = match self.store.check().await {
            Ok(()) => (ok(), ok()),
            Err(StoreError::Schema(why)) => (ok(), why),
            Err(error) => (error.to_string(), "not known".to_owned()),
        };
        let breaker = self.breaker.trouble().map_or("closed".to_owned(), |(why, _)| format!("open: {why}"));
        let oldest = self.store.oldest_unprojected().await.ok().flatten();
        let oldest_s = oldest.map_or(0, |at| (self.clock.now() - at).num_seconds().max(0));
        Readiness {
            ready: database == "ok" && migrations == "ok" && breaker == "closed",
            database,
            migrations,
            breaker,
            oldest_unprojected_event_s: oldest_s,
        }
    }
}
