//! Times as the contract writes them.

use std::{borrow::Cow, fmt, str::FromStr};

use jiff::Timestamp;
use serde::{Deserialize, Deserializer, Serialize, de::Error as _};

/// A `date-time`: RFC 3339, which sets no limit to the digits of a second. What is beyond
/// nanoseconds is cut, since senders differ and nobody measures it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(transparent)]
pub struct DateTime(pub Timestamp);

/// Digits of a second that are kept.
const DIGITS: usize = 9;

impl FromStr for DateTime {
    type Err = jiff::Error;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let begins = text.find('.').map_or(text.len(), |dot| dot + 1);
        let digits = text[begins..].bytes().take_while(u8::is_ascii_digit).count();
        if digits <= DIGITS {
            return text.parse().map(Self);
        }
        format!("{}{}", &text[..begins + DIGITS], &text[begins + digits..]).parse().map(Self)
    }
}

impl<'de> Deserialize<'de> for DateTime {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        // The error's own text would repeat what was sent.
        Cow::<str>::deserialize(deserializer)?.parse().map_err(|_| D::Error::custom("not a time that can be represented"))
    }
}

impl fmt::Display for DateTime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl From<Timestamp> for DateTime {
    fn from(time: Timestamp) -> Self {
        Self(time)
    }
}

impl From<DateTime> for Timestamp {
    fn from(time: DateTime) -> Self {
        time.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digits_beyond_nanoseconds_are_cut() {
        let read = |text: &str| text.parse::<DateTime>().map(|time| time.to_string()).ok();
        for (text, wanted) in [
            ("2026-11-23T16:40:02Z", "2026-11-23T16:40:02Z"),
            ("2026-11-23T16:40:02.1Z", "2026-11-23T16:40:02.1Z"),
            ("2026-11-23T16:40:02.123456789Z", "2026-11-23T16:40:02.123456789Z"),
            ("2026-11-23T16:40:02.1234567899Z", "2026-11-23T16:40:02.123456789Z"),
            ("2026-11-23T18:40:02.123456789987654321+02:00", "2026-11-23T16:40:02.123456789Z"),
            // What follows fewer digits is the offset.
            ("2026-11-23T18:40:02.1234+02:00", "2026-11-23T16:40:02.1234Z"),
            ("2026-11-23T18:40:02.12345+02:17", "2026-11-23T16:23:02.12345Z"),
            ("2026-11-23T18:40:02.123456+02:00", "2026-11-23T16:40:02.123456Z"),
            ("2026-11-23T18:40:02.1234567+02:00", "2026-11-23T16:40:02.1234567Z"),
            ("2026-11-23T18:40:02.12345678-02:00", "2026-11-23T20:40:02.12345678Z"),
        ] {
            assert_eq!(read(text).as_deref(), Some(wanted), "{text}");
        }
        for text in ["", ".", "yesterday", "2026-11-23T16:40:02.", "2026-11-23T16:40:02.1é345678901Z", "2026-11-23T16:40:02.12345678é0Z"]
        {
            assert_eq!(read(text), None, "{text}");
        }
    }
}
