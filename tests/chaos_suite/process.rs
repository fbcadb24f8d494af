//! A process that was started here, and that ends at the latest when its value does.

use std::fs::OpenOptions;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};

use anyhow::{Context, Result};
use rustix::process::{Pid, Signal, kill_process};

pub struct Process {
    child: Child,
    /// Where it writes to.
    pub log: PathBuf,
}

impl Process {
    /// What it says is added to a file.
    pub fn start(command: &mut Command, log: &Path) -> Result<Process> {
        let file = OpenOptions::new().create(true).append(true).open(log).context("a log")?;
        let both = file.try_clone().context("a log")?;
        let child = command.stdin(Stdio::null()).stdout(both).stderr(file).spawn().context("it cannot be started")?;
        Ok(Process { child, log: log.to_owned() })
    }

    /// Ends it as a power cut would.
    pub fn kill(&mut self) -> Result<()> {
        self.child.kill().context("it cannot be killed")?;
        self.child.wait().context("it does not end")?;
        Ok(())
    }

    /// How it ended, if it did.
    pub fn ended(&mut self) -> Result<Option<ExitStatus>> {
        self.child.try_wait().context("its state")
    }

    /// It stands still, with its sockets open, until [`Process::thaw`].
    pub fn freeze(&self) -> Result<()> {
        self.signal(Signal::STOP)
    }

    pub fn thaw(&self) -> Result<()> {
        self.signal(Signal::CONT)
    }

    fn signal(&self, signal: Signal) -> Result<()> {
        kill_process(Pid::from_child(&self.child), signal).context("a signal")
    }

    /// What it wrote.
    pub fn said(&self) -> String {
        std::fs::read_to_string(&self.log).unwrap_or_default()
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
