//! Starting and ending: clear errors, death noticed, nothing left behind.

mod common;

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use common::{Host, open, ready};
use dut::{Ctrl, Dut, Fault, Width};
use lockstep_qemu::{Namespace, OpenError, Options, Qemu};
use log::ResetKind;

fn runs(process: u32) -> bool {
    Path::new(&format!("/proc/{process}")).exists()
}

fn refused(options: Options) -> OpenError {
    Qemu::open(options).err().expect("an error")
}

/// A program of this folder that only pretends to be QEMU.
fn pretender(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/programs").join(name)
}

#[test]
fn says_what_is_wrong_with_the_program() {
    let with = |program: &Path| refused(Options { program: program.into(), ..Options::default() });
    let missing = with(Path::new("/nonexistent/qemu"));
    assert!(matches!(missing, OpenError::Missing { .. }));
    assert!(missing.to_string().contains("/nonexistent/qemu"), "{missing}");
    let wrong = with(Path::new("/bin/cat"));
    assert!(matches!(wrong, OpenError::NotQemu { .. }) && wrong.to_string().contains("cat"));

    let old = with(&pretender("old-qemu"));
    assert!(matches!(old, OpenError::TooOld { .. }) && old.to_string().contains("5.2.0"), "{old}");
}

#[test]
fn a_program_that_never_answers_is_given_up() {
    let program = pretender("silent-qemu");
    let start = Instant::now();
    let start_time = Duration::from_millis(300);
    let error = refused(Options { program, start_time, ..Options::default() });
    assert!(matches!(error, OpenError::Silent { socket: "QMP", .. }), "{error}");
    assert!(error.to_string().contains("busy"), "{error}");
    assert!(start.elapsed() < Duration::from_secs(30));
}

#[test]
fn hands_over_what_qemu_says_about_bad_options() {
    if open(Options::default()).is_none() {
        return;
    }
    let device = vec!["no-such-property=1".to_owned()];
    let error = refused(Options { device, ..Options::default() });
    assert!(matches!(error, OpenError::Refused { .. }));
    assert!(error.to_string().contains("no-such-property"), "{error}");

    let odd = Namespace { device: vec!["ms=3".into(), "pi=9".into()], ..Namespace::default() };
    let error = refused(Options { namespaces: vec![odd], ..Options::default() });
    assert!(matches!(error, OpenError::Refused { .. }), "{error}");
    let image_dir = Some("/nonexistent".into());
    let error = refused(Options { image_dir, ..Options::default() });
    assert!(matches!(error, OpenError::Host { .. }), "{error}");
}

#[test]
fn notices_death_everywhere_and_comes_back_by_a_power_cycle() {
    let Some(mut host) = ready(Options::default()) else { return };
    let process = host.qemu.process_id();
    assert!(Command::new("kill").args(["-ABRT", &process.to_string()]).status().unwrap().success());
    let end = host.qemu.now() + common::SOON;
    let fault = loop {
        match host.qemu.wait(end) {
            Ok(progress) => assert_ne!(progress, dut::Progress::TimeUp, "death was not noticed"),
            Err(fault) => break fault,
        }
    };
    assert!(matches!(&fault, Fault::Gone(words) if words.contains("SIGABRT")), "{fault}");
    assert_eq!(host.qemu.read(Ctrl(0), 0, Width::U32), Err(fault.clone()));
    assert_eq!(host.qemu.ring(Ctrl(0), &[]), Err(fault));
    host.qemu.reset(Ctrl(0), ResetKind::PowerCycle).unwrap();
    host.enable();
    host.identify();
}

#[test]
fn death_at_an_access_is_gone_too() {
    let Some(mut host) = ready(Options::default()) else { return };
    let process = host.qemu.process_id().to_string();
    assert!(Command::new("kill").args(["-KILL", &process]).status().unwrap().success());
    let fault = loop {
        match host.qemu.read(Ctrl(0), 0x1c, Width::U32) {
            Ok(_) => {}
            Err(fault) => break fault,
        }
    };
    assert!(matches!(&fault, Fault::Gone(words) if words.contains("SIGKILL")), "{fault}");
}

#[test]
fn no_orphan_after_drop_panic_or_the_end_of_the_opening_thread() {
    // Opened on a thread that ends: QEMU stays, it dies with the process and not with the thread.
    let opened = std::thread::spawn(|| {
        open(Options::default()).map(|qemu| {
            let process = qemu.process_id();
            (qemu, process)
        })
    });
    let Some((qemu, process)) = opened.join().unwrap() else { return };
    std::thread::sleep(Duration::from_millis(50));
    assert!(runs(process));
    let mut host = Host::new(qemu, Ctrl(0));
    host.enable();
    drop(host);
    assert!(!runs(process));

    let (tell, told) = std::sync::mpsc::channel();
    let panicked = std::thread::spawn(move || {
        let qemu = open(Options::default()).unwrap();
        tell.send(qemu.process_id()).unwrap();
        panic!("on purpose, with QEMU running");
    });
    assert!(panicked.join().is_err());
    assert!(!runs(told.recv().unwrap()));
}

/// QEMU ends when the harness is killed without a chance to clean up. This test runs itself as the
/// harness to be killed.
#[test]
fn no_orphan_after_the_harness_is_killed() {
    if std::env::var_os("LOCKSTEP_QEMU_VICTIM").is_some() {
        let qemu = open(Options::default()).unwrap();
        println!("victim {}", qemu.process_id());
        std::thread::sleep(Duration::from_secs(60));
        return;
    }
    if open(Options::default()).is_none() {
        return;
    }
    let mut victim = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "no_orphan_after_the_harness_is_killed", "--nocapture"])
        .env("LOCKSTEP_QEMU_VICTIM", "1")
        .stdout(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    let output = std::io::BufReader::new(victim.stdout.take().unwrap());
    let process = std::io::BufRead::lines(output)
        .map_while(Result::ok)
        .find_map(|line| line.split_once("victim ")?.1.trim().parse::<u32>().ok())
        .expect("the victim names its QEMU");
    assert!(runs(process));
    victim.kill().unwrap();
    victim.wait().unwrap();
    let end = Instant::now() + Duration::from_secs(10);
    while runs(process) {
        assert!(Instant::now() < end, "QEMU {process} outlives the harness");
        std::thread::sleep(Duration::from_millis(5));
    }
}
