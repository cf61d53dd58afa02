//! Taking controllers from their drivers and giving them back, on a tree of plain files with a thread
//! that plays the kernel: it unbinds, binds and probes as drivers do.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use vfio::{Bdf, Bound, Journal, Taken, Tree};

const PROGRAM: &str = env!("CARGO_BIN_EXE_lockstep");
const DRIVE: &str = "0000:01:00.0";
const OTHER: &str = "0000:01:00.1";

/// A machine of files.
struct Machine {
    folder: tempfile::TempDir,
    stop: Arc<AtomicBool>,
    kernel: Option<JoinHandle<()>>,
}

impl Drop for Machine {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        if let Some(kernel) = self.kernel.take() {
            let _ = kernel.join();
        }
    }
}

fn put(path: &Path, text: &str) {
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, text).unwrap();
}

impl Machine {
    /// One drive that the kernel's nvme drives, alone in IOMMU group 7.
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path();
        let device = root.join("sys/bus/pci/devices").join(DRIVE);
        for (name, text) in [
            ("class", "0x010802"),
            ("vendor", "0x1b36"),
            ("device", "0x0010"),
            ("driver_override", "(null)"),
            ("nvme/nvme0/serial", "SERIAL 1            "),
            ("nvme/nvme0/model", "A model"),
        ] {
            put(&device.join(name), text);
        }
        // The namespace, one of its partitions, and the second path of another one.
        fs::create_dir_all(device.join("nvme/nvme0/nvme0n1")).unwrap();
        put(&root.join("sys/class/block/nvme0n1/dev"), "259:0");
        put(&root.join("sys/class/block/nvme0n1/nvme0n1p1/partition"), "1");
        put(&root.join("sys/class/block/nvme0n1p1/dev"), "259:1");
        fs::create_dir_all(root.join("sys/class/block/nvme0n1p1/holders")).unwrap();
        put(&root.join("proc/self/mountinfo"), "21 1 8:1 / / rw - ext4 /dev/sda1 rw\n");
        put(&root.join("proc/swaps"), "Filename Type Size Used Priority\n");
        let drivers = root.join("sys/bus/pci/drivers");
        for driver in ["nvme", "vfio-pci", "snd"] {
            for file in ["bind", "unbind"] {
                put(&drivers.join(driver).join(file), "");
            }
        }
        put(&root.join("sys/bus/pci/drivers_probe"), "");
        let group = root.join("sys/kernel/iommu_groups/7");
        fs::create_dir_all(group.join("devices")).unwrap();
        symlink(&device, group.join("devices").join(DRIVE)).unwrap();
        symlink(&group, device.join("iommu_group")).unwrap();
        symlink(drivers.join("nvme"), device.join("driver")).unwrap();
        let stop = Arc::new(AtomicBool::new(false));
        let (root, stopped) = (root.to_path_buf(), Arc::clone(&stop));
        let kernel = std::thread::spawn(move || {
            while !stopped.load(Ordering::Relaxed) {
                play(&root);
                std::thread::sleep(Duration::from_millis(1));
            }
        });
        Self { folder, stop, kernel: Some(kernel) }
    }

    fn path(&self, below: &str) -> PathBuf {
        self.folder.path().join(below)
    }

    fn device(&self) -> PathBuf {
        self.path("sys/bus/pci/devices").join(DRIVE)
    }

    fn tree(&self) -> Tree {
        Tree::at(self.folder.path())
    }

    fn driver(&self) -> Option<String> {
        let link = fs::read_link(self.device().join("driver")).ok()?;
        Some(link.file_name()?.to_str()?.to_string())
    }

    fn driver_override(&self) -> String {
        fs::read_to_string(self.device().join("driver_override")).unwrap().trim().to_string()
    }

    /// Runs the program on this machine.
    fn lockstep(&self, arguments: &[&str]) -> (i32, String) {
        let mut command = Command::new(PROGRAM);
        command.args(arguments).arg("--root").arg(self.folder.path());
        let Output { status, stdout, stderr } = command.output().unwrap();
        let text = String::from_utf8_lossy(&stdout) + String::from_utf8_lossy(&stderr);
        (status.code().unwrap_or(-1), text.into_owned())
    }

    fn as_it_was(&self) {
        assert_eq!(self.driver().as_deref(), Some("nvme"));
        assert!(["", "(null)"].contains(&self.driver_override().as_str()));
        assert_eq!(Journal::of(&self.tree()).bdfs(), []);
    }
}

/// Takes what was written into a file, as the kernel does.
fn written(path: &Path) -> Option<String> {
    let text = fs::read_to_string(path).ok()?;
    if text.is_empty() {
        return None;
    }
    fs::write(path, "").unwrap();
    Some(text.trim().to_string())
}

/// One look of the kernel.
fn play(root: &Path) {
    let devices = root.join("sys/bus/pci/devices");
    let drivers = root.join("sys/bus/pci/drivers");
    for driver in ["nvme", "vfio-pci", "snd"] {
        if let Some(bdf) = written(&drivers.join(driver).join("unbind")) {
            let _ = fs::remove_file(devices.join(bdf).join("driver"));
        }
        if let Some(bdf) = written(&drivers.join(driver).join("bind")) {
            let _ = symlink(drivers.join(driver), devices.join(bdf).join("driver"));
        }
    }
    if let Some(bdf) = written(&root.join("sys/bus/pci/drivers_probe")) {
        let device = devices.join(&bdf);
        let forced = fs::read_to_string(device.join("driver_override")).unwrap_or_default();
        let driver = match forced.trim() {
            "" | "(null)" => "nvme",
            forced => forced,
        };
        let broken = driver == "vfio-pci" && root.join("vfio-is-broken").exists();
        if drivers.join(driver).exists() && !broken {
            let _ = symlink(drivers.join(driver), device.join("driver"));
        }
    }
}

fn bdf() -> Bdf {
    DRIVE.parse().unwrap()
}

#[test]
fn a_controller_is_bound_and_given_back_by_hand() {
    let machine = Machine::new();
    let (code, text) = machine.lockstep(&["bind", DRIVE]);
    assert_eq!(code, 0, "{text}");
    assert!(text.contains("its driver was: nvme") && text.contains("/dev/vfio/7"), "{text}");
    assert_eq!(machine.driver().as_deref(), Some("vfio-pci"));
    assert_eq!(machine.driver_override(), "vfio-pci");
    // Once more changes nothing, and does not forget the former driver.
    assert_eq!(machine.lockstep(&["bind", "01:00.0"]).0, 0);
    let (code, text) = machine.lockstep(&["unbind", DRIVE]);
    assert_eq!((code, text.contains("is bound to nvme")), (0, true), "{text}");
    machine.as_it_was();
    // There is nothing more to give back.
    let (code, text) = machine.lockstep(&["unbind", DRIVE, "--restore"]);
    assert_eq!((code, text.contains("nothing was taken from it")), (2, true), "{text}");
    let (code, text) = machine.lockstep(&["unbind", "--restore"]);
    assert_eq!((code, text.contains("nothing is to be given back")), (0, true), "{text}");
}

#[test]
fn bind_and_doctor_name_the_files_by_which_the_controller_is_opened() {
    let machine = Machine::new();
    let bind = || {
        let (code, text) = machine.lockstep(&["bind", DRIVE]);
        assert_eq!(code, 0, "{text}");
        text
    };
    let doctor = || machine.lockstep(&["doctor", "--qemu", "/nonexistent"]).1;
    put(&machine.path("dev/vfio/vfio"), "");
    let text = bind();
    assert!(text.contains("opened by IOMMU group 7 (there is no /dev/iommu)"), "{text}");
    assert!(text.contains("chown USER /dev/vfio/7, and"), "{text}");
    let text = doctor();
    assert!(text.contains("/dev/vfio/vfio can be opened: by IOMMU groups"), "{text}");
    assert!(text.contains("opened by IOMMU group 7 (there is no /dev/iommu)"), "{text}");
    assert!(text.contains("/dev/vfio/7: No such file"), "{text}");
    // A kernel with iommufd and device files.
    put(&machine.path("dev/iommu"), "");
    put(&machine.device().join("vfio-dev/vfio3/dev"), "511:3\n");
    let text = bind();
    assert!(text.contains("opened by iommufd (/dev/vfio/devices/vfio3)"), "{text}");
    assert!(text.contains("chown USER /dev/vfio/devices/vfio3 /dev/iommu, and"), "{text}");
    let text = doctor();
    assert!(text.contains("/dev/iommu can be opened: by iommufd"), "{text}");
    assert!(text.contains("note     nvme"), "{text}");
    assert!(text.contains("/dev/vfio/devices/vfio3: No such file"), "{text}");
    put(&machine.path("dev/vfio/devices/vfio3"), "");
    let text = doctor();
    assert!(text.contains("ok       nvme"), "{text}");
    assert!(text.contains("opened by iommufd (/dev/vfio/devices/vfio3)"), "{text}");
}

#[test]
fn a_controller_without_a_driver_is_left_without_one() {
    let machine = Machine::new();
    fs::remove_file(machine.device().join("driver")).unwrap();
    fs::write(machine.device().join("driver_override"), "snd").unwrap();
    assert_eq!(machine.lockstep(&["bind", DRIVE]).0, 0);
    let (code, text) = machine.lockstep(&["unbind", DRIVE]);
    assert_eq!((code, text.contains("no driver, as before")), (0, true), "{text}");
    assert_eq!((machine.driver(), machine.driver_override().as_str()), (None, "snd"));
}

#[test]
fn what_a_run_has_taken_goes_back_when_it_is_done_and_when_it_is_no_more() {
    let machine = Machine::new();
    let program = Path::new(PROGRAM);
    let taken = Taken::take(&machine.tree(), bdf(), program).unwrap();
    assert_eq!(machine.driver().as_deref(), Some("vfio-pci"));
    taken.finish().unwrap();
    machine.as_it_was();
    // Dropped by a panic, say.
    drop(Taken::take(&machine.tree(), bdf(), program).unwrap());
    machine.as_it_was();
    // Killed: all that the guardian sees of it is the end of its standard input.
    let mut guardian = Command::new(PROGRAM);
    guardian.arg(vfio::GUARD).arg(machine.folder.path()).arg(DRIVE);
    let mut guardian = guardian.stdin(Stdio::piped()).stdout(Stdio::null()).spawn().unwrap();
    assert_eq!(vfio::take(&machine.tree(), bdf(), false).unwrap(), Bound::Now);
    assert_eq!(machine.driver().as_deref(), Some("vfio-pci"));
    drop(guardian.stdin.take());
    assert!(guardian.wait().unwrap().success());
    machine.as_it_was();
}

#[test]
fn what_was_left_by_a_run_and_its_guardian_is_restored_by_hand_or_by_the_next_run() {
    let machine = Machine::new();
    assert_eq!(vfio::take(&machine.tree(), bdf(), false).unwrap(), Bound::Now);
    let (code, text) = machine.lockstep(&["unbind", "--restore"]);
    assert_eq!((code, text.contains("is bound to nvme")), (0, true), "{text}");
    machine.as_it_was();
    assert_eq!(vfio::take(&machine.tree(), bdf(), false).unwrap(), Bound::Now);
    Taken::take(&machine.tree(), bdf(), Path::new(PROGRAM)).unwrap().finish().unwrap();
    machine.as_it_was();
}

#[test]
fn what_a_run_that_is_alive_has_taken_stays_with_it() {
    let machine = Machine::new();
    let program = Path::new(PROGRAM);
    let first = Taken::take(&machine.tree(), bdf(), program).unwrap();
    // A second run finds the group busy.
    Taken::take(&machine.tree(), bdf(), program).unwrap().undo().unwrap();
    assert_eq!(machine.driver().as_deref(), Some("vfio-pci"));
    assert_eq!(Journal::of(&machine.tree()).bdfs(), [bdf()]);
    first.finish().unwrap();
    machine.as_it_was();
    // What could not be opened by the run that has taken it goes back.
    Taken::take(&machine.tree(), bdf(), program).unwrap().undo().unwrap();
    machine.as_it_was();
}

#[test]
fn what_was_bound_by_hand_stays_bound_after_a_run() {
    let machine = Machine::new();
    assert_eq!(machine.lockstep(&["bind", DRIVE]).0, 0);
    let taken = Taken::take(&machine.tree(), bdf(), Path::new(PROGRAM)).unwrap();
    taken.finish().unwrap();
    assert_eq!(machine.driver().as_deref(), Some("vfio-pci"));
    assert_eq!(machine.lockstep(&["unbind", DRIVE]).0, 0);
    machine.as_it_was();
}

/// A change to a machine, the exit code of `bind` after it, and what it says.
type Obstacle = (&'static str, fn(&Machine), i32, &'static [&'static str]);

const OBSTACLES: &[Obstacle] = &[
    (
        "a mounted partition",
        |m| put(&m.path("proc/self/mountinfo"), "30 1 259:1 / /home/a\\040b rw - ext4 /dev/x rw\n"),
        4,
        &["nvme0n1p1 is mounted at /home/a b", "nothing was touched"],
    ),
    (
        "a mount that only init sees",
        |m| put(&m.path("proc/1/mountinfo"), "30 1 0:45 / /data rw - btrfs /dev/nvme0n1 rw\n"),
        4,
        &["nvme0n1 is mounted at /data"],
    ),
    (
        "swap",
        |m| put(&m.path("proc/swaps"), "Filename Type\n/dev/nvme0n1p1 partition 1 0 -2\n"),
        4,
        &["nvme0n1p1 is swap"],
    ),
    (
        "a holder",
        |m| put(&m.path("sys/class/block/nvme0n1p1/holders/dm-0"), ""),
        4,
        &["nvme0n1p1 is part of dm-0"],
    ),
    (
        "another controller of the subsystem whose namespace is mounted",
        |m| {
            let other = m.path("sys/bus/pci/devices/0000:02:00.0");
            put(&other.join("class"), "0x010802");
            put(&other.join("nvme/nvme1/serial"), "SERIAL 1");
            fs::create_dir_all(other.join("nvme/nvme1/nvme0c1n2")).unwrap();
            put(&m.path("sys/class/block/nvme0n2/dev"), "259:7");
            put(&m.path("proc/self/mountinfo"), "30 1 259:7 / /srv rw - xfs /dev/nvme0n2 rw\n");
        },
        4,
        &["nvme0n2 is mounted at /srv"],
    ),
    (
        "no IOMMU",
        |m| fs::remove_file(m.device().join("iommu_group")).unwrap(),
        4,
        &["is in no IOMMU group", "intel_iommu=on"],
    ),
    (
        "a stranger in the group",
        |m| {
            let other = m.path("sys/bus/pci/devices").join(OTHER);
            put(&other.join("class"), "0x040300");
            symlink(m.path("sys/bus/pci/drivers/snd"), other.join("driver")).unwrap();
            symlink(&other, m.path("sys/kernel/iommu_groups/7/devices").join(OTHER)).unwrap();
        },
        4,
        &["IOMMU group 7", "0000:01:00.1 (snd)"],
    ),
    (
        "no vfio-pci",
        |m| fs::remove_dir_all(m.path("sys/bus/pci/drivers/vfio-pci")).unwrap(),
        4,
        &["modprobe vfio-pci"],
    ),
    (
        "not an NVMe controller",
        |m| put(&m.device().join("class"), "0x030000"),
        2,
        &["is of class 0x030000", "no NVMe controller"],
    ),
    (
        "a journal that is not ours",
        |m| put(&m.path("run/lockstep/0000:01:00.0.json"), "{\"x\": 1}"),
        4,
        &["not a journal of lockstep"],
    ),
    (
        "no place for a journal",
        |m| put(&m.path("run/lockstep"), "a file"),
        4,
        &["run/lockstep", "Not a directory"],
    ),
];

#[test]
fn an_obstacle_is_named_and_nothing_is_touched() {
    for (what, change, code, words) in OBSTACLES {
        let machine = Machine::new();
        change(&machine);
        let (found, text) = machine.lockstep(&["bind", DRIVE]);
        assert_eq!(found, *code, "{what}: {text}");
        for word in *words {
            assert!(text.contains(word), "{what}: {word}: {text}");
        }
        assert_eq!(machine.driver().as_deref(), Some("nvme"), "{what}");
        assert_eq!(machine.driver_override(), "(null)", "{what}");
    }
}

#[test]
fn an_address_where_nothing_is_names_the_controllers_that_are() {
    let machine = Machine::new();
    for command in ["bind", "unbind"] {
        let (code, text) = machine.lockstep(&[command, "0000:09:00.0"]);
        assert_eq!((code, text.contains("NVMe controllers are 0000:01:00.0")), (2, true), "{text}");
    }
}

#[test]
fn the_doctor_tells_of_each_controller_what_keeps_it_from_a_test() {
    let machine = Machine::new();
    put(&machine.path("proc/cmdline"), "root=/dev/sda1 intel_iommu=on\n");
    let drives = |machine: &Machine| {
        let (_, text) = machine.lockstep(&["doctor", "--qemu", "/nonexistent"]);
        let at = text.find("iommu  ").unwrap_or_else(|| panic!("{text}"));
        text[at..].to_string()
    };
    let text = drives(&machine);
    for word in [
        "1 groups; the kernel's command line says intel_iommu=on",
        "0000:01:00.0 (1b36:0010), driver nvme, IOMMU group 7, nvme0, A model, serial \"SERIAL 1\"",
        "namespaces nvme0n1",
    ] {
        assert!(text.contains(word), "{word}: {text}");
    }
    for (what, change, _, words) in OBSTACLES {
        let machine = Machine::new();
        change(&machine);
        let told = ["a mounted partition", "swap", "a holder", "a stranger in the group"];
        if told.contains(what) {
            let text = drives(&machine);
            assert!(text.contains("note     nvme"), "{what}: {text}");
            assert!(text.contains(words[0]), "{what}: {text}");
        }
    }
    assert_eq!(vfio::take(&machine.tree(), bdf(), false).unwrap(), Bound::Now);
    let text = drives(&machine);
    assert!(text.contains("lockstep unbind 0000:01:00.0 --restore"), "{text}");
}

#[test]
fn bridges_and_functions_of_vfio_in_the_group_are_no_obstacle() {
    let machine = Machine::new();
    for (name, class, driver) in
        [("0000:00:01.0", "0x060400", "snd"), (OTHER, "0x040300", "vfio-pci")]
    {
        let other = machine.path("sys/bus/pci/devices").join(name);
        put(&other.join("class"), class);
        symlink(machine.path("sys/bus/pci/drivers").join(driver), other.join("driver")).unwrap();
        let place = machine.path("sys/kernel/iommu_groups/7/devices").join(name);
        symlink(&other, place).unwrap();
    }
    assert_eq!(machine.lockstep(&["bind", DRIVE]).0, 0);
}

#[test]
fn a_controller_that_was_pulled_out_meanwhile_is_forgotten() {
    let machine = Machine::new();
    assert_eq!(vfio::take(&machine.tree(), bdf(), false).unwrap(), Bound::Now);
    fs::remove_dir_all(machine.device()).unwrap();
    let (code, text) = machine.lockstep(&["unbind", "--restore"]);
    assert_eq!(code, 0, "{text}");
    assert_eq!(Journal::of(&machine.tree()).bdfs(), []);
}
