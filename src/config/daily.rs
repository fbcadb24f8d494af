//! What is done once a day: its schedule, or `"off"`.

use chrono_tz::Tz;

use super::checker::Checker;
use super::reader::Reader;
use crate::domain::timetable::{BadSchedule, Timetable};

/// The daily look at the books.
#[derive(Debug, Clone)]
pub struct Audit {
    /// When; `off` for never.
    pub schedule: String,
}

impl Audit {
    pub(super) fn read(r: &mut Reader) -> Self {
        Audit { schedule: r.take("audit.schedule", "0 0 4 * * *".to_owned()) }
    }

    pub(super) fn check(&self, zone: Tz, c: &mut Checker<'_>) {
        check_daily(&self.schedule, zone, "audit.schedule", c);
    }
}

/// Reads a schedule of days; `None` when it is off.
///
/// # Errors
/// When it is neither.
pub fn daily(schedule: &str, zone: Tz) -> Result<Option<Timetable>, BadSchedule> {
    match schedule.trim() {
        "off" => Ok(None),
        schedule => Timetable::new(schedule, zone).map(Some),
    }
}

pub(super) fn check_daily(schedule: &str, zone: Tz, key: &str, c: &mut Checker<'_>) {
    let read = daily(schedule, zone).map(drop);
    c.accept(read.map_err(|why| format!("{why}; or \"off\"")), key);
}
