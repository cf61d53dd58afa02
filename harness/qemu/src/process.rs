//! The QEMU process: started, guarded, and described when it is gone.

#![expect(unsafe_code, reason = "what the child does between fork and exec")]

use std::collections::BTreeMap;
use std::io::Read;
use std::os::fd::{BorrowedFd, RawFd};
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Sender, channel};
use std::sync::{Mutex, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use rustix::process::{Signal, getpid, getppid, set_parent_process_death_signal};

use crate::OpenError;
use crate::tail::Tail;

/// The oldest QEMU whose NVMe queues run from bottom halves, not from the guest's clock.
const OLDEST: (u32, u32) = (7, 2);

/// A running QEMU. Dropping it kills it and waits for its end.
pub(crate) struct Process {
    child: Child,
    stderr: Tail,
}

impl Process {
    /// Starts `program`; the child inherits `fds`.
    pub fn start(program: &Path, arguments: &[String], fds: Vec<RawFd>) -> Result<Self, OpenError> {
        let stderr = Tail::new().map_err(OpenError::host("standard error of QEMU"))?;
        let output = || stderr.file().try_clone().map(Stdio::from);
        let mut command = Command::new(program);
        command.args(arguments).stdin(Stdio::null());
        command.stdout(output().map_err(OpenError::host("standard output of QEMU"))?);
        command.stderr(output().map_err(OpenError::host("standard error of QEMU"))?);
        guard(&mut command, fds);
        let child = spawn(command)
            .map_err(|source| OpenError::Missing { program: program.to_owned(), source })?;
        Ok(Self { child, stderr })
    }

    /// The process identifier.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// What it last wrote to standard error.
    pub fn stderr(&self) -> String {
        self.stderr.end()
    }

    /// How it ended, if it did within `time`.
    pub fn ended(&mut self, time: Duration) -> Option<String> {
        let end = Instant::now() + time;
        loop {
            match self.child.try_wait() {
                Ok(Some(status)) => return Some(in_words(status)),
                Ok(None) if Instant::now() < end => std::thread::sleep(Duration::from_millis(1)),
                Ok(None) | Err(_) => return None,
            }
        }
    }

    /// Why a socket closed: how QEMU ended and its last words.
    pub fn post_mortem(&mut self) -> String {
        let ended = self
            .ended(Duration::from_secs(2))
            .unwrap_or_else(|| "its sockets closed, the process still runs".into());
        format!("QEMU: {ended}; stderr: {}", self.stderr())
    }

    /// Kills it and waits for its end: until then it holds locks on its images.
    pub fn kill(&mut self) {
        // Both fail only if it has been waited for already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.kill();
    }
}

fn in_words(status: ExitStatus) -> String {
    match (status.code(), status.signal()) {
        (Some(code), _) => format!("exit code {code}"),
        (None, Some(signal)) => format!("killed by signal {signal}{}", signal_name(signal)),
        (None, None) => "ended".into(),
    }
}

fn signal_name(signal: i32) -> &'static str {
    match signal {
        4 => " (SIGILL)",
        6 => " (SIGABRT)",
        7 => " (SIGBUS)",
        8 => " (SIGFPE)",
        9 => " (SIGKILL)",
        11 => " (SIGSEGV)",
        15 => " (SIGTERM)",
        _ => "",
    }
}

/// The child dies with this process, and keeps `fds` open over exec.
fn guard(command: &mut Command, fds: Vec<RawFd>) {
    let parent = getpid();
    let prepare = move || {
        set_parent_process_death_signal(Some(Signal::KILL))?;
        // The parent may have gone before the line above: then no signal will ever come.
        if getppid() != Some(parent) {
            return Err(rustix::io::Errno::SRCH.into());
        }
        for &fd in &fds {
            // SAFETY: the caller of `Process::start` keeps these open until the child runs, and
            // the child has its own copies of them.
            let fd = unsafe { BorrowedFd::borrow_raw(fd) };
            rustix::io::fcntl_setfd(fd, rustix::io::FdFlags::empty())?;
        }
        Ok(())
    };
    // SAFETY: `prepare` makes system calls only: no allocation, no locks.
    unsafe { command.pre_exec(prepare) };
}

/// Spawns from a thread that never ends: the death signal comes when the *thread* that forked ends,
/// and a DUT may outlive the thread that opened it.
fn spawn(command: Command) -> std::io::Result<Child> {
    type Job = (Command, Sender<std::io::Result<Child>>);
    static SPAWNER: OnceLock<Sender<Job>> = OnceLock::new();
    let spawner = SPAWNER.get_or_init(|| {
        let (sender, jobs) = channel::<Job>();
        std::thread::spawn(move || {
            for (mut command, reply) in jobs {
                // Nobody may be waiting any more: then the child is dropped, and dies with us.
                let _ = reply.send(command.spawn());
            }
        });
        sender
    });
    let (reply, answer) = channel();
    let gone = || std::io::Error::other("the thread that starts processes has ended");
    spawner.send((command, reply)).map_err(|_| gone())?;
    answer.recv().map_err(|_| gone())?
}

/// Makes sure that `program` is a QEMU, and one that can be driven. The answer is remembered.
pub(crate) fn check_version(program: &Path) -> Result<String, OpenError> {
    static KNOWN: Mutex<BTreeMap<PathBuf, String>> = Mutex::new(BTreeMap::new());
    let known = KNOWN.lock().unwrap_or_else(PoisonError::into_inner).get(program).cloned();
    if let Some(version) = known {
        return Ok(version);
    }
    let said = first_line(program)?;
    let not_qemu = || OpenError::NotQemu { program: program.to_owned(), said: said.clone() };
    let version = said.strip_prefix("QEMU emulator version ").ok_or_else(not_qemu)?.trim();
    let mut numbers = version.split(|c: char| !c.is_ascii_digit()).map(|n| n.parse().unwrap_or(0));
    let number = (numbers.next().unwrap_or(0), numbers.next().unwrap_or(0));
    if number < OLDEST {
        return Err(OpenError::TooOld { program: program.to_owned(), version: version.into() });
    }
    let mut known = KNOWN.lock().unwrap_or_else(PoisonError::into_inner);
    known.insert(program.to_owned(), version.to_owned());
    Ok(version.to_owned())
}

/// The first line that `program --version` prints, within 10 seconds.
fn first_line(program: &Path) -> Result<String, OpenError> {
    let mut command = Command::new(program);
    command.arg("--version").stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null());
    guard(&mut command, Vec::new());
    let missing = |source| OpenError::Missing { program: program.to_owned(), source };
    let mut child = spawn(command).map_err(missing)?;
    let stdout = child.stdout.take();
    let (sender, answer) = channel();
    std::thread::spawn(move || {
        let mut text = Vec::new();
        if let Some(stdout) = stdout {
            // What was read before an error is shown all the same.
            let _ = stdout.take(4096).read_to_end(&mut text);
        }
        // The asker may have given up.
        let _ = sender.send(text);
    });
    let text = answer.recv_timeout(Duration::from_secs(10)).unwrap_or_default();
    // It may have ended by itself; it is not needed any more.
    let _ = child.kill();
    let _ = child.wait();
    Ok(String::from_utf8_lossy(&text).lines().next().unwrap_or_default().to_owned())
}
