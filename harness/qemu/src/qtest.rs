//! The qtest protocol: one line per command, one `OK` line per reply, in order.
//!
//! Writes are *posted*: their `OK` is not awaited but counted as owed, and consumed before the next
//! value is read. So a doorbell costs one system call; a value that is read has all earlier writes
//! behind it; and a QEMU that waits for a held request is simply late: what it owes is consumed
//! when it comes.

use std::fmt::{Arguments, Write as _};
use std::os::unix::net::UnixStream;
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;
use rustix::net::{RecvFlags, SendFlags, recv, send};

/// How many replies may be owed. QEMU stops when nobody reads its replies, so this must stay below
/// what a socket buffers (some 200 small messages).
const MOST_OWED: u32 = 64;

/// Why there is no answer.
#[derive(Debug)]
pub(crate) enum Trouble {
    /// The socket closed.
    Closed,
    /// Nothing came in time.
    Late(String),
    /// An answer that makes no sense.
    Strange(String),
}

pub(crate) struct Qtest {
    socket: UnixStream,
    /// Commands to be sent.
    out: String,
    /// Bytes received, consumed up to `at`.
    input: Vec<u8>,
    at: usize,
    /// Commands in `out` or sent whose reply has not been consumed.
    owed: u32,
    /// How long to wait for a reply.
    pub patience: Duration,
}

impl Qtest {
    pub fn new(socket: UnixStream, patience: Duration) -> std::io::Result<Self> {
        socket.set_nonblocking(true)?;
        Ok(Self {
            socket,
            out: String::with_capacity(4096),
            input: Vec::with_capacity(4096),
            at: 0,
            owed: 0,
            patience,
        })
    }

    /// Puts a command into the next send. Its reply carries no value.
    pub fn queue(&mut self, command: Arguments<'_>) -> Result<(), Trouble> {
        if self.owed >= MOST_OWED {
            self.flush()?;
            self.settle_to(MOST_OWED / 2)?;
        }
        // Writing to a string cannot fail.
        let _ = self.out.write_fmt(command);
        self.out.push('\n');
        self.owed += 1;
        Ok(())
    }

    /// Sends what is queued, in one system call where the socket takes it.
    pub fn flush(&mut self) -> Result<(), Trouble> {
        let end = Instant::now() + self.patience;
        while !self.out.is_empty() {
            match send(&self.socket, self.out.as_bytes(), SendFlags::NOSIGNAL) {
                Ok(n) => {
                    self.out.drain(..n);
                }
                Err(Errno::AGAIN) => self.await_socket(PollFlags::OUT, end)?,
                Err(Errno::INTR) => {}
                Err(_) => return Err(Trouble::Closed),
            }
        }
        Ok(())
    }

    /// Sends a command and waits for its value; everything sent before has then been done.
    pub fn ask(&mut self, command: Arguments<'_>) -> Result<u64, Trouble> {
        self.queue(command)?;
        self.flush()?;
        self.settle_to(1)?;
        let line = self.reply()?;
        let value = line.strip_prefix("OK ").map_or(line, str::trim);
        let digits = value.strip_prefix("0x").unwrap_or(value);
        match u64::from_str_radix(digits, 16) {
            Ok(value) => Ok(value),
            Err(_) => Err(Trouble::Strange(format!("qtest answered {line:?}"))),
        }
    }

    /// Waits until everything sent before has been done.
    pub fn settle(&mut self) -> Result<(), Trouble> {
        // Reading a port has no effect, and its reply comes behind all others.
        self.ask(format_args!("inl 0xcf8")).map(|_| ())
    }

    /// Consumes what has come, without waiting; finds out whether QEMU is still there.
    pub fn pump(&mut self) -> Result<(), Trouble> {
        while self.receive()? {}
        while self.owed > 0 && self.has_line() {
            self.reply()?;
        }
        Ok(())
    }

    /// Waits up to `time` for bytes or the end of QEMU, then consumes as [`Self::pump`].
    pub fn doze(&mut self, time: Duration) -> Result<(), Trouble> {
        let time = Timespec { tv_sec: 0, tv_nsec: time.subsec_nanos().into() };
        let mut fds = [PollFd::new(&self.socket, PollFlags::IN)];
        match poll(&mut fds, Some(&time)) {
            Ok(0) | Err(_) => Ok(()),
            Ok(_) => self.pump(),
        }
    }

    fn settle_to(&mut self, owed: u32) -> Result<(), Trouble> {
        while self.owed > owed {
            self.reply()?;
        }
        Ok(())
    }

    /// The next reply, an `OK` line.
    fn reply(&mut self) -> Result<&str, Trouble> {
        let end = Instant::now() + self.patience;
        while !self.has_line() {
            if !self.receive()? {
                self.await_socket(PollFlags::IN, end)?;
            }
        }
        self.owed -= 1;
        let line = self.line();
        if line.starts_with("OK") {
            Ok(line)
        } else {
            Err(Trouble::Strange(format!("qtest answered {line:?}")))
        }
    }

    /// Whether a whole reply has come. Interrupt lines of an intercept may stand before it.
    fn has_line(&mut self) -> bool {
        loop {
            let rest = &self.input[self.at..];
            let Some(len) = rest.iter().position(|&b| b == b'\n') else { return false };
            if !rest.starts_with(b"IRQ ") {
                return true;
            }
            self.at += len + 1;
        }
    }

    /// Takes the line that [`Self::has_line`] has found.
    fn line(&mut self) -> &str {
        let from = self.at;
        let len = self.input[from..].iter().position(|&b| b == b'\n').unwrap_or(0);
        self.at = from + len + 1;
        str::from_utf8(&self.input[from..from + len]).unwrap_or("(not UTF-8)")
    }

    /// Reads what is there. False if nothing is.
    fn receive(&mut self) -> Result<bool, Trouble> {
        if self.at == self.input.len() {
            self.input.clear();
            self.at = 0;
        }
        let mut block = [0; 4096];
        match recv(&self.socket, &mut block, RecvFlags::empty()) {
            Ok((0, _)) => Err(Trouble::Closed),
            Ok((n, _)) => {
                self.input.extend_from_slice(&block[..n]);
                Ok(true)
            }
            Err(Errno::AGAIN) => Ok(false),
            Err(Errno::INTR) => Ok(true),
            Err(_) => Err(Trouble::Closed),
        }
    }

    fn await_socket(&self, what: PollFlags, end: Instant) -> Result<(), Trouble> {
        await_socket(&self.socket, what, end).map_err(|trouble| match trouble {
            Trouble::Late(_) => Trouble::Late(format!(
                "QEMU owes {} qtest replies since {} ms; it may wait for a held request",
                self.owed,
                self.patience.as_millis()
            )),
            other => other,
        })
    }
}

/// Waits until the socket is ready or `end` has come.
pub(crate) fn await_socket(
    socket: &UnixStream,
    what: PollFlags,
    end: Instant,
) -> Result<(), Trouble> {
    let left = end.saturating_duration_since(Instant::now());
    if left.is_zero() {
        return Err(Trouble::Late(String::new()));
    }
    let time = Timespec {
        tv_sec: left.as_secs().try_into().unwrap_or(i64::MAX),
        tv_nsec: left.subsec_nanos().into(),
    };
    let mut fds = [PollFd::new(socket, what)];
    match poll(&mut fds, Some(&time)) {
        Ok(_) | Err(Errno::INTR) => Ok(()),
        Err(error) => Err(Trouble::Strange(format!("poll: {error}"))),
    }
}

#[cfg(test)]
mod tests {
    use std::io::{Read, Write};

    use super::*;

    fn pair() -> (Qtest, UnixStream) {
        let (ours, theirs) = UnixStream::pair().unwrap();
        (Qtest::new(ours, Duration::from_millis(50)).unwrap(), theirs)
    }

    #[test]
    fn posts_writes_and_reads_behind_them_over_irq_lines() {
        let (mut qtest, mut qemu) = pair();
        qtest.queue(format_args!("writel {:#x} 1", 0x1000)).unwrap();
        qemu.write_all(b"IRQ raise 20\nOK\nIRQ lower 20\nOK 0x12\n").unwrap();
        assert_eq!(qtest.ask(format_args!("readl 0x1c")).unwrap(), 0x12);
        let mut sent = [0; 64];
        let n = qemu.read(&mut sent).unwrap();
        assert_eq!(&sent[..n], b"writel 0x1000 1\nreadl 0x1c\n");
    }

    #[test]
    fn a_late_reply_is_consumed_later() {
        let (mut qtest, mut qemu) = pair();
        assert!(matches!(qtest.ask(format_args!("readl 0")), Err(Trouble::Late(_))));
        qemu.write_all(b"OK 0x1\n").unwrap();
        qtest.pump().unwrap();
        qemu.write_all(b"OK 0x2\n").unwrap();
        assert_eq!(qtest.ask(format_args!("readl 4")).unwrap(), 2);
    }

    #[test]
    fn refusals_and_ends_are_told_apart() {
        let (mut qtest, mut qemu) = pair();
        qemu.write_all(b"FAIL Unknown command 'x'\n").unwrap();
        assert!(
            matches!(qtest.ask(format_args!("x")), Err(Trouble::Strange(s)) if s.contains("FAIL"))
        );
        drop(qemu);
        assert!(matches!(qtest.pump(), Err(Trouble::Closed)));
    }
}
