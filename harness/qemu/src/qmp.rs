//! QMP: QEMU's monitor, JSON objects separated by line ends.

use std::collections::VecDeque;
use std::os::unix::net::UnixStream;
use std::time::{Duration, Instant};

use rustix::event::PollFlags;
use rustix::io::Errno;
use rustix::net::{RecvFlags, SendFlags, recv, send};
use serde_json::{Value, json};

use crate::qtest::{Trouble, await_socket};

pub(crate) struct Qmp {
    socket: UnixStream,
    input: Vec<u8>,
    /// The identifier of the last command: answers to earlier ones, that came late, are skipped.
    last: u64,
    /// Names of events not yet asked for.
    events: VecDeque<String>,
    pub patience: Duration,
}

impl Qmp {
    /// Takes the greeting, within `start`, and enters command mode.
    pub fn new(socket: UnixStream, start: Duration, patience: Duration) -> Result<Self, Trouble> {
        socket.set_nonblocking(true).map_err(|e| Trouble::Strange(e.to_string()))?;
        let mut qmp =
            Self { socket, input: Vec::new(), last: 0, events: VecDeque::new(), patience: start };
        let greeting = qmp.object(Instant::now() + start)?;
        if greeting.get("QMP").is_none() {
            return Err(Trouble::Strange(format!("QMP greets with {greeting}")));
        }
        qmp.execute("qmp_capabilities", &json!({}))?;
        qmp.patience = patience;
        Ok(qmp)
    }

    /// Executes a command and gives what it returns.
    pub fn execute(&mut self, command: &str, arguments: &Value) -> Result<Value, Trouble> {
        self.last += 1;
        let id = self.last;
        let mut text = json!({ "execute": command, "arguments": arguments, "id": id }).to_string();
        text.push('\n');
        let end = Instant::now() + self.patience;
        self.send(text.as_bytes(), end)?;
        loop {
            let mut object = self.object(end)?;
            if let Some(event) = object.get("event").and_then(Value::as_str) {
                self.events.push_back(event.to_owned());
            } else if object.get("id").and_then(Value::as_u64) == Some(id) {
                return match object.get_mut("return") {
                    Some(value) => Ok(value.take()),
                    None => Err(Trouble::Strange(format!("QMP {command}: {object}"))),
                };
            }
        }
    }

    /// Executes a line of the human monitor and gives what it prints.
    pub fn human(&mut self, line: &str) -> Result<String, Trouble> {
        let value = self.execute("human-monitor-command", &json!({ "command-line": line }))?;
        Ok(value.as_str().unwrap_or_default().to_owned())
    }

    /// Forgets the events seen so far.
    pub fn forget_events(&mut self) {
        self.events.clear();
    }

    /// Waits for an event of this name.
    pub fn await_event(&mut self, name: &str) -> Result<(), Trouble> {
        let end = Instant::now() + self.patience;
        loop {
            while let Some(event) = self.events.pop_front() {
                if event == name {
                    return Ok(());
                }
            }
            let object = self.object(end)?;
            if let Some(event) = object.get("event").and_then(Value::as_str) {
                self.events.push_back(event.to_owned());
            }
        }
    }

    fn send(&mut self, mut text: &[u8], end: Instant) -> Result<(), Trouble> {
        while !text.is_empty() {
            match send(&self.socket, text, SendFlags::NOSIGNAL) {
                Ok(n) => text = &text[n..],
                Err(Errno::AGAIN) => self.wait(PollFlags::OUT, end)?,
                Err(Errno::INTR) => {}
                Err(_) => return Err(Trouble::Closed),
            }
        }
        Ok(())
    }

    /// The next JSON object.
    fn object(&mut self, end: Instant) -> Result<Value, Trouble> {
        loop {
            if let Some(len) = self.input.iter().position(|&b| b == b'\n') {
                let line: Vec<u8> = self.input.drain(..=len).collect();
                return serde_json::from_slice(&line).map_err(|error| {
                    Trouble::Strange(format!(
                        "QMP sent {:?}: {error}",
                        String::from_utf8_lossy(line.trim_ascii())
                    ))
                });
            }
            let mut block = [0; 4096];
            match recv(&self.socket, &mut block, RecvFlags::empty()) {
                Ok((0, _)) => return Err(Trouble::Closed),
                Ok((n, _)) => self.input.extend_from_slice(&block[..n]),
                Err(Errno::AGAIN) => self.wait(PollFlags::IN, end)?,
                Err(Errno::INTR) => {}
                Err(_) => return Err(Trouble::Closed),
            }
        }
    }

    fn wait(&self, what: PollFlags, end: Instant) -> Result<(), Trouble> {
        await_socket(&self.socket, what, end).map_err(|trouble| match trouble {
            Trouble::Late(_) => Trouble::Late(format!(
                "QMP gave no answer within {} ms; QEMU may wait for a held request",
                self.patience.as_millis()
            )),
            other => other,
        })
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    #[test]
    fn greets_skips_events_and_late_answers() {
        let (ours, mut qemu) = UnixStream::pair().unwrap();
        qemu.write_all(b"{\"QMP\": {}}\r\n{\"return\": {}, \"id\": 1}\n").unwrap();
        let time = Duration::from_millis(50);
        let mut qmp = Qmp::new(ours, time, time).unwrap();
        let none = json!({});
        assert!(matches!(qmp.execute("late", &none), Err(Trouble::Late(_))));
        qemu.write_all(b"{\"return\": 2, \"id\": 2}\n{\"event\": \"RESET\"}\n").unwrap();
        qemu.write_all(b"{\"return\": 3, \"id\": 3}\n{\"error\": {}, \"id\": 4}\n").unwrap();
        assert_eq!(qmp.execute("three", &none).unwrap(), 3);
        qmp.await_event("RESET").unwrap();
        assert!(
            matches!(qmp.execute("four", &none), Err(Trouble::Strange(s)) if s.contains("error"))
        );
        drop(qemu);
        assert!(matches!(qmp.execute("five", &none), Err(Trouble::Closed)));
    }
}
