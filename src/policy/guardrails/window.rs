//! Maintenance windows: weekly times in a time zone.

use std::time::Duration;

use jiff::{
    Timestamp, ToSpan,
    civil::{Time, Weekday},
    tz::TimeZone,
};

const WEEK: i8 = 7;
/// The longest window.
const LONGEST: Duration = Duration::from_secs(7 * 86_400);

/// A time that comes back on some days of the week.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Window {
    days: Vec<Weekday>,
    from: Time,
    length: Duration,
    zone: TimeZone,
}

/// Why a text is no window.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotAWindow {
    /// A day.
    #[error("a day is mon, tue, wed, thu, fri, sat or sun")]
    Day,
    /// The beginning.
    #[error("`from` is a time of day such as 22:00")]
    From,
    /// The length.
    #[error("`for` is a duration such as 4h, above none and up to 7d")]
    For,
    /// The time zone.
    #[error("`timeZone` is a name of the IANA time zone database, such as Europe/Berlin")]
    TimeZone,
}

impl Window {
    /// A window that begins on `days` (any when empty) at `from`, and lasts for `length`; in UTC where no zone is named.
    ///
    /// # Errors
    /// What of it is no part of a window.
    pub fn new(days: &[String], from: &str, length: Duration, zone: Option<&str>) -> Result<Self, NotAWindow> {
        let days = days.iter().map(|day| weekday(day).ok_or(NotAWindow::Day)).collect::<Result<_, _>>()?;
        let from = Time::strptime("%H:%M", from).map_err(|_| NotAWindow::From)?;
        let zone = zone.map_or(Ok(TimeZone::UTC), |name| TimeZone::get(name).map_err(|_| NotAWindow::TimeZone))?;
        if length.is_zero() || length > LONGEST {
            return Err(NotAWindow::For);
        }
        Ok(Self { days, from, length, zone })
    }

    /// How long until it is open; nothing while it is.
    pub fn opens_in(&self, now: Timestamp) -> Duration {
        // One that began up to its longest length ago may still be open.
        (-WEEK..=WEEK + 1).filter_map(|day| self.on(now, day)).min().unwrap_or(LONGEST)
    }

    /// How long until the window that begins so many days from today is open, if it is not over by then.
    fn on(&self, now: Timestamp, days_from_now: i8) -> Option<Duration> {
        let date = now.to_zoned(self.zone.clone()).date().checked_add(i64::from(days_from_now).days()).ok()?;
        if !(self.days.is_empty() || self.days.contains(&date.weekday())) {
            return None;
        }
        // Where the clocks go forward over it, it begins when they have.
        let begins = date.to_datetime(self.from).to_zoned(self.zone.clone()).ok()?.timestamp();
        match Duration::try_from(begins.duration_since(now)) {
            Ok(wait) => Some(wait),
            Err(_) => {
                let since = Duration::try_from(now.duration_since(begins)).ok()?;
                (since < self.length).then_some(Duration::ZERO)
            }
        }
    }
}

fn weekday(text: &str) -> Option<Weekday> {
    Some(match text {
        "mon" => Weekday::Monday,
        "tue" => Weekday::Tuesday,
        "wed" => Weekday::Wednesday,
        "thu" => Weekday::Thursday,
        "fri" => Weekday::Friday,
        "sat" => Weekday::Saturday,
        "sun" => Weekday::Sunday,
        _ => return None,
    })
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    fn hours(count: u64) -> Duration {
        Duration::from_secs(count * 3_600)
    }

    fn window(days: &[&str], from: &str, length: Duration, zone: &str) -> Window {
        Window::new(&days.iter().map(|day| (*day).to_owned()).collect::<Vec<_>>(), from, length, Some(zone)).unwrap()
    }

    #[test]
    fn it_is_open_from_its_beginning_to_its_end_also_past_midnight() {
        // 2026-11-30 is a Monday.
        let window = window(&["mon"], "22:00", hours(4), "UTC");
        let opens = |at: &str| window.opens_in(at.parse().unwrap());
        assert_eq!(opens("2026-11-30T21:00:00Z"), hours(1));
        assert_eq!(opens("2026-11-30T22:00:00Z"), Duration::ZERO);
        assert_eq!(opens("2026-12-01T01:59:59Z"), Duration::ZERO);
        assert_eq!(opens("2026-12-01T02:00:00Z"), hours(6 * 24 + 20));
    }

    #[test]
    fn it_follows_the_clocks_of_its_zone() {
        let window = window(&[], "02:00", hours(1), "Europe/Berlin");
        let opens = |at: &str| window.opens_in(at.parse().unwrap());
        // Winter is one hour ahead of UTC, summer two.
        assert_eq!(opens("2026-01-10T00:30:00Z"), hours(1) / 2);
        assert_eq!(opens("2026-07-10T00:30:00Z"), Duration::ZERO);
        // On 2026-03-29 there is no 02:00 there: it is open from 03:00, which is 01:00 UTC.
        assert_eq!(opens("2026-03-29T00:30:00Z"), hours(1) / 2);
    }

    #[test]
    fn what_is_no_window_says_which_part() {
        let new = |day: &str, from: &str, length, zone: &str| Window::new(&[day.to_owned()], from, length, Some(zone));
        assert_eq!(new("Monday", "22:00", hours(1), "UTC"), Err(NotAWindow::Day));
        assert_eq!(new("mon", "25:00", hours(1), "UTC"), Err(NotAWindow::From));
        assert_eq!(new("mon", "22:00", Duration::ZERO, "UTC"), Err(NotAWindow::For));
        assert_eq!(new("mon", "22:00", hours(169), "UTC"), Err(NotAWindow::For));
        assert_eq!(new("mon", "22:00", hours(1), "Mars/Olympus"), Err(NotAWindow::TimeZone));
    }
}
