//! Durations as the contract and the configuration write them: `[0-9]+(s|m|h|d)`.

use std::time::Duration;

/// Reads `90s`, `10m`, `6h` or `7d`.
///
/// # Errors
/// When the text has another form, or stands for more seconds than fit 32 bits (136 years): so much
/// can be added to or taken from any time of this age without overflow.
pub fn parse(text: &str) -> Result<Duration, NotADuration> {
    let unit = match text.as_bytes().last() {
        Some(b's') => 1,
        Some(b'm') => 60,
        Some(b'h') => 3_600,
        Some(b'd') => 86_400,
        _ => return Err(NotADuration),
    };
    let digits = &text[..text.len() - 1];
    // `parse` would take a sign.
    if !digits.bytes().all(|b| b.is_ascii_digit()) {
        return Err(NotADuration);
    }
    let seconds = digits.parse::<u32>().ok().and_then(|count| count.checked_mul(unit)).ok_or(NotADuration)?;
    Ok(Duration::from_secs(seconds.into()))
}

/// The text is no duration.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a duration is a whole number and a unit, s, m, h or d, such as 90s or 7d, up to 136 years")]
pub struct NotADuration;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_unit_is_read() {
        let read = |text| parse(text).map(|duration| duration.as_secs());
        assert_eq!(read("90s"), Ok(90));
        assert_eq!(read("10m"), Ok(600));
        assert_eq!(read("6h"), Ok(21_600));
        assert_eq!(read("7d"), Ok(604_800));
        assert_eq!(read("0s"), Ok(0));
        assert_eq!(read("007d"), Ok(604_800));
    }

    #[test]
    fn anything_else_is_refused() {
        for text in
            ["", "s", "7", "7 d", "-7d", "+7d", "7D", "1.5h", "7dd", "1h30m", "٧d", "7é", "99999d", "4294967296s", "99999999999999999999d"]
        {
            assert_eq!(parse(text), Err(NotADuration), "{text}");
        }
    }
}
