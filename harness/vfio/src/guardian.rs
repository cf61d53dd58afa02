//! The guardian: a process that outlives this one, to give the function back whatever ends it.
//!
//! It is this program again, with a hidden command. It holds the reading end of a pipe; when the
//! writing end is closed, because this process is done with the function or because it is no more, the
//! guardian gives the function back. So success, failure, Ctrl-C, panic and SIGKILL end alike.

use std::io::{self, Read, Write};
use std::path::Path;
use std::process::{Child, ChildStdin, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use crate::binding::{Bound, give_back, take};
use crate::tree::Tree;
use crate::{Bdf, OpenError};

/// The hidden command of the program: `guard ROOT BDF`.
pub const COMMAND: &str = "guard";
/// What the guardian writes when it is on watch.
const READY: u8 = b'r';
/// How long it may take to give the function back.
const PATIENCE: Duration = Duration::from_secs(60);

/// A function that this process has taken. It goes back when this is dropped, or when the process ends.
#[derive(Debug)]
pub struct Taken {
    tree: Tree,
    bdf: Bdf,
    guardian: Option<(Child, ChildStdin)>,
    bound: Bound,
}

impl Taken {
    /// Takes the function from its driver under a guardian, unless it is bound to vfio-pci already.
    /// `program` is this program, which knows [`COMMAND`].
    pub fn take(tree: &Tree, bdf: Bdf, program: &Path) -> Result<Self, OpenError> {
        let mut taken = Self { tree: tree.clone(), bdf, guardian: None, bound: Bound::Now };
        let guardian = Self::watch(tree, bdf, program).map_err(|error| {
            let program = program.display().to_string();
            OpenError::file(&program, &error, "the guardian does not start; nothing was touched")
        })?;
        // From here on an error drops the guardian, which gives back what was taken so far.
        taken.guardian = Some(guardian);
        taken.bound = take(tree, bdf, false)?;
        if taken.bound == Bound::ByHand {
            taken.dismiss();
        }
        Ok(taken)
    }

    /// The function could not be opened: everything becomes as it was. What an earlier run has taken
    /// stays taken, for that run may be alive.
    pub fn undo(mut self) -> Result<(), OpenError> {
        if self.bound == Bound::Before {
            self.dismiss();
        }
        self.finish()
    }

    fn watch(tree: &Tree, bdf: Bdf, program: &Path) -> io::Result<(Child, ChildStdin)> {
        let mut command = Command::new(program);
        command.arg(COMMAND).arg(tree.root()).arg(bdf.to_string());
        command.stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = command.spawn()?;
        let pipes = child.stdin.take().zip(child.stdout.take());
        let (stdin, mut stdout) = pipes.ok_or(io::ErrorKind::BrokenPipe)?;
        let mut byte = [0];
        stdout.read_exact(&mut byte)?;
        if byte[0] != READY {
            return Err(io::Error::other("it does not understand its command"));
        }
        Ok((child, stdin))
    }

    /// Nothing was taken: the guardian has nothing to do. It finds no journal, or one that is kept.
    fn dismiss(&mut self) {
        if let Some((mut child, stdin)) = self.guardian.take() {
            let _ = child.kill();
            drop(stdin);
            let _ = child.wait();
        }
    }

    /// Gives the function back now, and says whether that worked. Nobody may hold it open any more.
    pub fn finish(mut self) -> Result<(), OpenError> {
        let Some((mut child, stdin)) = self.guardian.take() else { return Ok(()) };
        drop(stdin);
        let advice = format!("`lockstep unbind {} --restore` gives it back", self.bdf);
        match ended(&mut child) {
            Some(status) if status.success() => Ok(()),
            // It was killed, or has failed and said why: once more, from here.
            Some(_) => give_back(&self.tree, self.bdf).map(drop).map_err(|error| {
                OpenError::machine(format!("{} was not given back: {error}; {advice}", self.bdf))
            }),
            None => Err(OpenError::machine(format!(
                "{} was not given back within {} s; {advice}",
                self.bdf,
                PATIENCE.as_secs()
            ))),
        }
    }
}

impl Drop for Taken {
    fn drop(&mut self) {
        if let Some((mut child, stdin)) = self.guardian.take() {
            drop(stdin);
            // It goes on by itself; it is waited for so that it does not surprise whoever comes next.
            ended(&mut child);
        }
    }
}

fn ended(child: &mut Child) -> Option<ExitStatus> {
    let deadline = Instant::now() + PATIENCE;
    loop {
        match child.try_wait() {
            Ok(None) if Instant::now() < deadline => std::thread::sleep(Duration::from_millis(2)),
            Ok(status) => return status,
            Err(_) => return None,
        }
    }
}

/// The guardian's own life: waits for the end of the process that started it, then gives the function
/// back if the journal says that it was taken.
pub fn guard(tree: &Tree, bdf: Bdf) -> Result<(), OpenError> {
    // Ctrl-C and a closed terminal are for the process that is guarded.
    let _ = rustix::process::setsid();
    let lost = |error: io::Error| OpenError::machine(format!("the guarded process: {error}"));
    let mut out = io::stdout();
    out.write_all(&[READY]).and_then(|()| out.flush()).map_err(lost)?;
    let mut rest = Vec::new();
    io::stdin().read_to_end(&mut rest).map_err(lost)?;
    match crate::Journal::of(tree).entry(bdf)? {
        Some(entry) if !entry.kept => give_back(tree, bdf).map(drop),
        _ => Ok(()),
    }
}
