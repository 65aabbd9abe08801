//! Server-sent events out of chunks (WHATWG HTML, "Server-sent events"), as far as the agent uses them.

/// The longest event that is read; the agent's are a few kilobytes.
const MAX_BYTES: usize = 4 * 1_024 * 1_024;

/// Reads one stream.
#[derive(Default)]
pub(super) struct Events {
    pending: Vec<u8>,
    current: Event,
}

/// One event.
#[derive(Default)]
pub(super) struct Event {
    /// The position after it, where it has one.
    pub(super) id: Option<String>,
    /// Its type, where it has one.
    pub(super) kind: Option<String>,
    /// What it says; nothing where it only moves the position on.
    pub(super) data: String,
}

/// The stream is not one of the agent's.
#[derive(Debug)]
pub(super) struct TooLong;

impl Events {
    /// The events that are complete with this chunk.
    pub(super) fn push(&mut self, chunk: &[u8]) -> Result<Vec<Event>, TooLong> {
        let mut complete = Vec::new();
        self.pending.extend_from_slice(chunk);
        while let Some(end) = self.pending.iter().position(|byte| *byte == b'\n') {
            let line: Vec<u8> = self.pending.drain(..=end).collect();
            let line = String::from_utf8_lossy(&line);
            match line.trim_end_matches(['\r', '\n']).split_once(':') {
                Some(("data", value)) => {
                    if !self.current.data.is_empty() {
                        self.current.data.push('\n');
                    }
                    self.current.data.push_str(value.strip_prefix(' ').unwrap_or(value));
                }
                Some(("id", value)) => self.current.id = Some(value.trim().to_owned()),
                Some(("event", value)) => self.current.kind = Some(value.trim().to_owned()),
                None if line.trim().is_empty() => {
                    let event = std::mem::take(&mut self.current);
                    if event.id.is_some() || !event.data.is_empty() {
                        complete.push(event);
                    }
                }
                _ => {}
            }
        }
        if self.pending.len() + self.current.data.len() > MAX_BYTES { Err(TooLong) } else { Ok(complete) }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;

    #[test]
    fn events_are_read_however_the_bytes_are_cut() {
        let text = b": keep-alive\n\nid: 7\nevent: added\ndata: {\"a\":1}\n\ndata: x\ndata: y\n\nid: 9\ndata: \n\nid: 10\n";
        for size in 1..text.len() {
            let mut events = Events::default();
            let read: Vec<Event> = text.chunks(size).flat_map(|chunk| events.push(chunk).unwrap()).collect();
            let read: Vec<_> = read.iter().map(|event| (event.id.as_deref(), event.kind.as_deref(), event.data.as_str())).collect();
            assert_eq!(read, [(Some("7"), Some("added"), "{\"a\":1}"), (None, None, "x\ny"), (Some("9"), None, "")]);
        }
    }

    #[test]
    fn an_endless_event_is_given_up() {
        let mut events = Events::default();
        let line = format!("data: {}\n", "x".repeat(64 * 1_024));
        assert!((0..100).any(|_| events.push(line.as_bytes()).is_err()));
    }
}
