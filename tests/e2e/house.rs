//! A daemon in a runtime of its own, so that it can be taken away as a crash does it: in the middle of anything.

use payoutd::app::Daemon;
use payoutd::config::Config;
use payoutd::ports::{RunCounts, Trigger};
use tokio::runtime::{Builder, Runtime};

pub struct House {
    daemon: Option<Daemon>,
    runtime: Option<Runtime>,
}

impl House {
    pub async fn open(config: Config) -> House {
        crate::support::logs::begin();
        let runtime = Builder::new_multi_thread().worker_threads(2).enable_all().build().expect("a runtime");
        let started = runtime.spawn(async move { Daemon::start(&config).await }).await.expect("no panic");
        let daemon = started.unwrap_or_else(|why| panic!("the daemon does not start: {why}"));
        House { daemon: Some(daemon), runtime: Some(runtime) }
    }

    pub fn daemon(&self) -> &Daemon {
        self.daemon.as_ref().expect("open")
    }

    /// One release run, as the daemon's own.
    pub async fn run(&self) -> RunCounts {
        self.begin_run().await.expect("no panic")
    }

    /// Begins a run and does not wait for it.
    pub fn begin_run(&self) -> tokio::task::JoinHandle<RunCounts> {
        let jobs = self.daemon().worker().jobs.clone();
        let runtime = self.runtime.as_ref().expect("open");
        runtime.spawn(async move { jobs.run(Trigger::Cli).await.expect("a run") })
    }

    /// Ends in order. Answers whether it ended within its grace.
    pub async fn close(mut self) -> bool {
        let daemon = self.daemon.take().expect("open");
        let stopping = self.runtime.as_ref().expect("open").spawn(daemon.stop());
        stopping.await.expect("no panic")
    }

    /// The process is gone: every task ends where it stands, and writes nothing more.
    pub fn crash(mut self) {
        let runtime = self.runtime.take().expect("open");
        std::thread::spawn(move || runtime.shutdown_timeout(std::time::Duration::from_secs(5))).join().expect("ended");
    }
}

impl Drop for House {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}
