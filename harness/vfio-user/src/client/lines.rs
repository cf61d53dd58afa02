//! The connections to all servers. Whoever waits for one answers them all: a server that serves
//! several controllers may wait for an answer on another connection.

use std::os::fd::AsFd;
use std::time::{Duration, Instant};

use dut::Ctrl;
use rustix::event::{PollFd, Timespec, poll};

use super::host::HostSide;
use crate::channel::{Broken, Channel, Received};

/// Commands of one server that are answered before anything else is looked at: one that sends them
/// without end holds nobody up.
const TURN: usize = 64;

/// All connections, and the host that answers on them.
pub struct Lines {
    channels: Vec<Channel>,
    pub host: HostSide,
    start: Instant,
}

impl Lines {
    pub fn new(host: HostSide, start: Instant) -> Self {
        Self { channels: Vec::new(), host, start }
    }

    /// One more connection: its index is that of the controller.
    pub fn add(&mut self, channel: Channel) {
        self.channels.push(channel);
    }

    pub fn channel(&mut self, n: usize) -> Result<&mut Channel, Broken> {
        self.channels.get_mut(n).ok_or(Broken::Closed)
    }

    /// Answers what has come on a connection by itself; the first reply on it.
    pub fn receive(&mut self, n: usize) -> Result<Option<Received>, Broken> {
        let Some(channel) = self.channels.get_mut(n) else { return Err(Broken::Closed) };
        if channel.has_unsent() {
            channel.flush()?;
        }
        for _ in 0..TURN {
            let Some(received) = channel.receive()? else { break };
            if !received.header.is_command() {
                return Ok(Some(received));
            }
            let time = self.start.elapsed().as_nanos() as u64;
            let ctrl = Ctrl(n as u8);
            let reply = self.host.answer(ctrl, time, &received.header, channel.payload());
            if let Some(reply) = reply {
                channel.send(reply, &[])?;
            }
        }
        Ok(None)
    }

    /// The next reply on a connection, waited for until a deadline; the others are answered meanwhile.
    pub fn reply(&mut self, n: usize, until: Instant) -> Result<Option<Received>, Broken> {
        loop {
            if let Some(received) = self.receive(n)? {
                return Ok(Some(received));
            }
            for other in (0..self.channels.len()).filter(|other| *other != n) {
                // Trouble there shows when it is used. Nobody waits for a reply on it.
                let _ = self.receive(other);
            }
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Ok(None);
            }
            self.rest(left, n);
        }
    }

    /// Waits until something comes on a connection, or for a while. Others that are broken would end
    /// the wait at once, so they are left out; what they are told meanwhile they are told soon.
    fn rest(&self, time: Duration, n: usize) {
        const SLICE: Duration = Duration::from_millis(50);
        match &self.channels[..] {
            [only] => wait(&mut [interest(only)], time),
            all => {
                let alive = all.iter().enumerate().filter(|(at, one)| *at == n || !one.is_dead());
                let mut fds: Vec<_> = alive.map(|(_, one)| interest(one)).collect();
                wait(&mut fds, time.min(SLICE));
            }
        }
    }

    /// Waits until something comes on any connection, or for a while.
    pub fn nap(&self, time: Duration) {
        match &self.channels[..] {
            [only] if !only.is_dead() => wait(&mut [interest(only)], time),
            all => {
                let alive = all.iter().filter(|one| !one.is_dead());
                let mut fds: Vec<_> = alive.map(interest).collect();
                wait(&mut fds, time);
            }
        }
    }

    /// The payload of the reply received last on a connection.
    pub fn payload(&self, n: usize) -> &[u8] {
        self.channels.get(n).map_or(&[], Channel::payload)
    }
}

fn interest(channel: &Channel) -> PollFd<'_> {
    PollFd::from_borrowed_fd(channel.as_fd(), channel.interest())
}

fn wait(fds: &mut [PollFd<'_>], time: Duration) {
    let limit = Timespec::try_from(time).unwrap_or(Timespec { tv_sec: 1, tv_nsec: 0 });
    // An error or a signal ends the wait early, and nothing else.
    let _ = poll(fds, Some(&limit));
}
