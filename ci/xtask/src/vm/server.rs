//! `lockstep serve`, started beside a machine.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use serde_json::json;

use super::finish;
use super::machine::on_a_leash;
use super::text::last_lines;

/// How long a server may take to listen.
const LIMIT: Duration = Duration::from_secs(20);

/// The IOMMU of a machine with such a device. QEMU has to be told what the guest maps, and caching mode
/// makes the guest say it.
pub const IOMMU_OF_VFIO_USER: &str = "intel-iommu,intremap=on,caching-mode=on";

/// QEMU's device for the controller behind a socket, at 0000:00:04.0. QEMU 11 or newer has it.
pub fn vfio_user_device(socket: &Path) -> String {
    let socket = json!({ "type": "unix", "path": socket });
    json!({ "driver": "vfio-user-pci", "addr": "04.0", "socket": socket }).to_string()
}

/// A server that runs. It is killed when this is dropped.
pub struct Server {
    child: Child,
    log: PathBuf,
}

impl Server {
    /// Starts `program serve --socket SOCKET ARGUMENTS...` and waits until it listens. What it says
    /// goes to the end of the file `log`.
    pub fn start(program: &Path, socket: &Path, arguments: &[String], log: &Path) -> Result<Self> {
        if socket.exists() {
            fs::remove_file(socket).context("the socket of an earlier server")?;
        }
        let file = File::options().create(true).append(true).open(log).context("a server's log")?;
        let errors = file.try_clone().context("a server's log")?;
        let child = on_a_leash(program)
            .args(["serve", "--socket"])
            .arg(socket)
            .args(arguments)
            .stdin(Stdio::null())
            .stdout(file)
            .stderr(errors)
            .spawn()
            .with_context(|| format!("{} does not start", program.display()))?;
        let mut server = Self { child, log: log.to_path_buf() };
        let begin = Instant::now();
        while !socket.exists() {
            if let Some(status) = server.child.try_wait().context("waiting for the server")? {
                bail!("lockstep serve ended ({status})\n{}", server.last_words());
            }
            if begin.elapsed() > LIMIT {
                bail!("lockstep serve does not listen\n{}", server.last_words());
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        Ok(server)
    }

    /// Fails if it has ended by itself.
    pub fn still_runs(&mut self) -> Result<()> {
        match self.child.try_wait().context("waiting for the server")? {
            None => Ok(()),
            Some(status) => bail!("lockstep serve ended ({status})\n{}", self.last_words()),
        }
    }

    /// Kills it, as a crash would.
    pub fn kill(mut self) -> Result<()> {
        self.still_runs()?;
        self.child.kill().context("the server cannot be killed")?;
        self.child.wait().context("the server cannot be killed")?;
        Ok(())
    }

    /// Ends it as Ctrl-C would; its exit code, and the last lines that it said.
    pub fn interrupt(mut self) -> Result<(i32, String)> {
        self.still_runs()?;
        let id = self.child.id().to_string();
        finish(Command::new("sh").args(["-c", "kill -INT $0", &id]), "a signal to the server")?;
        let begin = Instant::now();
        loop {
            if let Some(status) = self.child.try_wait().context("waiting for the server")? {
                let code = status.code().context("the server was killed")?;
                return Ok((code, self.last_words()));
            }
            if begin.elapsed() > LIMIT {
                bail!("lockstep serve does not end on Ctrl-C\n{}", self.last_words());
            }
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    fn last_words(&self) -> String {
        last_lines(&fs::read_to_string(&self.log).unwrap_or_default(), 12)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It may be gone already; nothing else can be done here.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A program. Another process writes it: what a test beside this one starts would inherit a
    /// descriptor that is open for writing, and the program could not be run.
    fn program(folder: &Path, text: &str) -> PathBuf {
        let (draft, program) = (folder.join("draft"), folder.join("program"));
        fs::write(&draft, text).unwrap();
        let status = Command::new("install").args(["-m", "755"]).args([&draft, &program]).status();
        assert!(status.unwrap().success());
        program
    }

    #[test]
    fn a_server_that_ends_is_an_error_with_its_words() {
        let folder = tempfile::tempdir().unwrap();
        let program = program(folder.path(), "#!/bin/sh\necho no such option; exit 2\n");
        let (socket, log) = (folder.path().join("socket"), folder.path().join("log"));
        let started = Server::start(&program, &socket, &[], &log);
        let error = started.err().expect("it ended").to_string();
        assert!(error.contains("exit status: 2") && error.contains("no such option"), "{error}");
    }

    #[test]
    fn a_server_is_killed_once_it_listens() {
        let folder = tempfile::tempdir().unwrap();
        let text = "#!/bin/sh\necho $*; touch $3; exec sleep 60\n";
        let program = program(folder.path(), text);
        let (socket, log) = (folder.path().join("socket"), folder.path().join("log"));
        let server = Server::start(&program, &socket, &["--judge".into()], &log).unwrap();
        server.kill().unwrap();
        let said = fs::read_to_string(&log).unwrap();
        assert_eq!(said, format!("serve --socket {} --judge\n", socket.display()));
    }

    #[test]
    fn a_server_tells_what_it_found_when_it_is_interrupted() {
        let folder = tempfile::tempdir().unwrap();
        // A shell cannot trap what was ignored when it began, as in a job that runs in the background.
        let text = "#!/usr/bin/env -S --default-signal=INT bash\ntrap 'echo 1 diverged; exit 1' INT\ntouch $3\n\
                    while :; do sleep 0.1; done\n";
        let program = program(folder.path(), text);
        let (socket, log) = (folder.path().join("socket"), folder.path().join("log"));
        let server = Server::start(&program, &socket, &[], &log).unwrap();
        assert_eq!(server.interrupt().unwrap(), (1, "1 diverged".to_owned()));
    }
}
