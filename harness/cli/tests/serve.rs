//! `lockstep serve` and `--dut vfio-user:SOCKET`, end to end: the built binary at both ends.

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

const HERE: &str = env!("CARGO_BIN_EXE_lockstep");

/// A folder, and the program run in it.
struct Desk {
    dir: tempfile::TempDir,
}

impl Desk {
    fn new() -> Self {
        Self { dir: tempfile::tempdir().unwrap() }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    fn run(&self, args: &[&str]) -> Output {
        let mut command = Command::new(HERE);
        command.args(args).current_dir(self.dir.path()).stdin(Stdio::null());
        command.output().unwrap()
    }

    /// Runs, and expects this exit code. What was said.
    fn expect(&self, args: &[&str], code: i32) -> String {
        let output = self.run(args);
        let text = String::from_utf8_lossy(&output.stdout).into_owned()
            + &String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(code), "{args:?}\n{text}");
        text
    }

    /// Starts a server with these arguments, whose sockets are the files named.
    fn serve(&self, sockets: &[&str], args: &[&str]) -> Serving {
        let mut command = Command::new(HERE);
        command.arg("serve");
        for socket in sockets {
            command.args(["--socket", socket]);
        }
        let child = command.args(args).current_dir(self.dir.path());
        let mut child = child.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        for socket in sockets {
            let line = lines.next().expect("the server listens").unwrap();
            assert_eq!(line, format!("serving on {socket}"));
        }
        Serving { child }
    }
}

/// A server; killed when it is dropped.
struct Serving {
    child: Child,
}

impl Serving {
    fn send(&mut self, signal: Signal) -> Option<i32> {
        let pid = Pid::from_child(&self.child);
        kill_process(pid, signal).unwrap();
        self.child.wait().unwrap().code()
    }

    /// Processor time that it has taken, in clock ticks of 10 ms.
    fn ticks(&self) -> u64 {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", self.child.id())).unwrap();
        let fields: Vec<_> = stat.rsplit(')').next().unwrap().split_whitespace().collect();
        fields[11].parse::<u64>().unwrap() + fields[12].parse::<u64>().unwrap()
    }
}

impl Drop for Serving {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The whole slice: what the emulator gets in process it gets behind sockets too, test by test, save
/// what the report explains by a capability of the transport.
#[test]
fn the_same_verdicts_in_process_and_over_vfio_user() {
    let desk = Desk::new();
    let _serving = desk.serve(&["a", "b"], &["--expendable"]);
    desk.expect(&["run", "--json", "in-process.json"], 0);
    for (dma, ring) in [("descriptors", "safely"), ("messages", "messages")] {
        let dut = ["run", "--dut", "vfio-user:a,b", "--dma", dma, "--ring", ring];
        desk.expect(&[&dut[..], &["--json", "behind.json"]].concat(), 0);
        // Which races are met depends on the clock, and with them which requirements are judged at all;
        // verdicts do not.
        let compared = desk.run(&["compare", "in-process.json", "behind.json"]);
        let said = String::from_utf8_lossy(&compared.stdout);
        assert!(said.contains(" explained, 0 different\n"), "{said}");
        assert!(said.contains("0 choices with other readings"), "{said}");
    }
}

#[test]
fn a_defect_is_found_behind_a_socket() {
    let desk = Desk::new();
    let _serving = desk.serve(&["a"], &["--expendable", "--defect", "accept-any-cqid"]);
    let filter = "req:create-io-sq.cqid-not-created";
    let said = desk.expect(&["run", "--dut", "vfio-user:a", "--filter", filter], 1);
    assert!(said.contains("with defect accept-any-cqid"), "{said}");
}

/// To a client that knows MSI-X alone, a function with MSI in its place is one without messages.
#[test]
fn what_needs_msix_is_not_applicable_to_a_function_with_msi() {
    let desk = Desk::new();
    let _serving = desk.serve(&["a"], &["--expendable", "--interrupts", "msi"]);
    let said = desk.expect(&["run", "--dut", "vfio-user:a", "--filter", "create_io_cq"], 0);
    assert!(said.contains("MSI-X with two vectors [transport: msix-vectors]"), "{said}");
    assert!(said.contains("7 passed, 2 n/a"), "{said}");
}

#[test]
fn without_consent_nothing_is_changed() {
    let desk = Desk::new();
    std::fs::write(desk.path("ns"), vec![0; 1 << 20]).unwrap();
    let mut serving = desk.serve(&["a"], &["--namespace-file", "ns"]);
    let run = ["run", "--dut", "vfio-user:a", "--filter", "nvm/write or base/reset"];
    let said = desk.expect(&run, 2);
    assert!(said.contains("beyond what was consented to"), "{said}");
    let wrong = desk.expect(&[&run[..], &["--erase", "SOMEBODY"]].concat(), 2);
    assert!(wrong.contains("LOCKSTEP0001"), "{wrong}");
    assert_eq!(serving.send(Signal::INT), Some(0));
    assert!(std::fs::read(desk.path("ns")).unwrap().iter().all(|byte| *byte == 0));

    let _serving = desk.serve(&["a"], &["--namespace-file", "ns"]);
    let said = desk.expect(&[&run[..], &["--erase", "LOCKSTEP0001"]].concat(), 0);
    assert!(!said.contains("consent to erasing"), "{said}");
}

const WRITES: &str = "lockstep sequence 1
start enabled

pair qid=1 entries=16
b0 = buffer bytes=4096 perm=to-controller
fill b0 blocks=1 size=512 nsid=1 lba=5
c0 = send sq=1 write nsid=1 slba=5 nlb=1 prp1=b0
c1 = send sq=1 flush nsid=1
b1 = buffer bytes=4096 perm=to-controller
fill b1 blocks=1 size=512 nsid=1 lba=6
c2 = send sq=1 write nsid=1 slba=6 nlb=1 prp1=b1
";

/// Whether block `lba` of the namespace file has been written.
fn is_written(path: &Path, lba: usize) -> bool {
    std::fs::read(path).unwrap()[512 * lba..][..512].iter().any(|byte| *byte != 0)
}

#[test]
fn a_namespace_file_holds_what_a_drive_would() {
    let desk = Desk::new();
    std::fs::write(desk.path("writes.seq"), WRITES).unwrap();
    let file = desk.path("ns");
    let replay = ["replay", "writes.seq", "--dut", "vfio-user:a"];
    // Killed, it has what was flushed; ended in order, all that was written.
    for (signal, code, unflushed) in [(Signal::KILL, None, false), (Signal::INT, Some(0), true)] {
        std::fs::write(&file, vec![0; 1 << 20]).unwrap();
        let mut serving = desk.serve(&["a"], &["--namespace-file", "ns", "--expendable"]);
        desk.expect(&replay, 0);
        assert_eq!(serving.send(signal), code);
        assert!(is_written(&file, 5) && !is_written(&file, 7));
        assert_eq!(is_written(&file, 6), unflushed, "{signal:?}");
        // A killed server leaves its socket; the next one takes its place.
        assert_eq!(desk.path("a").exists(), signal == Signal::KILL);
    }
}

#[test]
fn sockets_and_files_in_use_are_left_alone() {
    let desk = Desk::new();
    std::fs::write(desk.path("ns"), vec![0; 4096]).unwrap();
    std::fs::write(desk.path("odd"), vec![0; 1000]).unwrap();
    std::fs::write(desk.path("two.toml"), "controllers = 2\n").unwrap();
    let _serving = desk.serve(&["a"], &["--namespace-file", "ns"]);
    for (args, code, words) in [
        (&["--socket", "a"][..], 4, "in use"),
        (&["--socket", "odd"], 4, "in use"),
        (&["--socket", "no/such/folder"], 4, "No such file"),
        (&["--socket", "b", "--namespace-file", "ns"], 2, "in use by another emulator"),
        (&["--socket", "b", "--namespace-file", "odd"], 2, "1000 bytes"),
        (&["--socket", "b", "--namespace-file", "none"], 2, "truncate -s"),
        (&["--socket", "b", "--config", "two.toml"], 2, "2 controllers"),
        (&["--socket", "b", "--namespace", "2000"], 2, "1 GiB"),
        (&["--socket", "b", "--defect", "nothing"], 2, "no defect is called"),
        (&["--socket", "b", "--judge", "--interrupts", "msi"], 2, "leave out --interrupts msi"),
        (&[], 2, "--socket"),
    ] {
        let said = desk.expect(&[&["serve"], args].concat(), code);
        assert!(said.contains(words), "{args:?}: {said}");
        assert!(!desk.path("b").exists(), "{args:?}");
    }
    assert!(desk.path("a").exists() && desk.path("odd").exists());
    let said = desk.expect(&["run", "--dut", "vfio-user:nobody"], 2);
    assert!(said.contains("lockstep serve --socket nobody"), "{said}");
    let said = desk.expect(&["run", "--dut", "vfio-user:odd"], 2);
    assert!(said.contains("Connection refused"), "{said}");
}

/// Idle, with an enabled controller or without a client, the server takes next to no time.
#[test]
fn an_idle_server_does_not_burn_a_core() {
    let desk = Desk::new();
    let serving = desk.serve(&["a"], &["--expendable"]);
    let sockets = vec![desk.path("a")];
    let options = vfio_user::Options { sockets, ..vfio_user::Options::default() };
    let mut dut = vfio_user::VfioUser::open(options).unwrap();
    enable(&mut dut);
    std::thread::sleep(Duration::from_secs(2));
    let before = serving.ticks();
    std::thread::sleep(Duration::from_secs(3));
    let taken = serving.ticks() - before;
    // 10 % of a core; it is about 2 %.
    assert!(taken <= 30, "{taken} ticks of 10 ms in 3 s");
}

/// Enables the controller, so that its doorbells have to be watched.
fn enable(dut: &mut dyn dut::Dut) {
    use dut::{Ctrl, Width};
    use spec::register;
    let ctrl = Ctrl(0);
    let base = dut.memory().base().0;
    dut.write(ctrl, register::AQA, Width::U32, 0x000f_000f).unwrap();
    dut.write(ctrl, register::ASQ, Width::U64, base).unwrap();
    dut.write(ctrl, register::ACQ, Width::U64, base + 4096).unwrap();
    dut.write(ctrl, register::CC, Width::U32, 0x0046_0001).unwrap();
    let until = Instant::now() + Duration::from_secs(20);
    while dut.read(ctrl, register::CSTS, Width::U32).unwrap() & 1 == 0 {
        assert!(Instant::now() < until, "CSTS.RDY stays 0");
    }
}
