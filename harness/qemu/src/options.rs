//! What to start, and the command line for it.

use std::os::fd::RawFd;
use std::path::PathBuf;
use std::time::Duration;

use crate::OpenError;

/// The most controllers: they sit in PCI slots 4 to 19.
pub(crate) const MAX_CONTROLLERS: u8 = 16;
/// The PCI slot of the first controller.
pub(crate) const FIRST_SLOT: u8 = 4;

const MIB: u64 = 1 << 20;

/// What the namespaces are stored in.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Backend {
    /// An anonymous raw file per namespace. It keeps data, over a power cycle too.
    #[default]
    Raw,
    /// Nothing (`null-co`): reads give zeroes, writes vanish. For protocol tests and rates only;
    /// never where data is judged.
    Null,
    /// An NBD server in this process: keeps data, and can hold, reorder and fail requests
    /// ([`crate::Qemu::namespace_hold`]).
    Nbd,
}

/// One namespace, shared by all controllers.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Namespace {
    /// Its size in bytes.
    pub bytes: u64,
    /// Bytes per logical block: a power of two, 512 at least.
    pub block_bytes: u32,
    /// More `key=value` properties of QEMU's `nvme-ns` device.
    pub device: Vec<String>,
}

impl Default for Namespace {
    fn default() -> Self {
        Self { bytes: 64 * MIB, block_bytes: 512, device: Vec::new() }
    }
}

/// What to start.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Options {
    /// The QEMU program: a path, or a name to be looked up in PATH.
    pub program: PathBuf,
    /// More `key=value` properties of QEMU's `nvme` device, given to every controller.
    pub device: Vec<String>,
    /// The namespaces: NSID 1, 2, ...
    pub namespaces: Vec<Namespace>,
    /// How many controllers. More than one are put into one NVM subsystem.
    pub controllers: u8,
    /// Guest memory in bytes, whole MiB, 16 MiB to 2 GiB. The first MiB is the transport's.
    pub memory: u64,
    /// Whether QEMU's `pci_nvme*` trace lines are collected.
    pub trace: bool,
    /// Whether DMA goes through QEMU's IOMMU: only what was mapped can be accessed
    /// ([`dut::DmaVisibility::Faulting`]).
    pub iommu: bool,
    /// What the namespaces are stored in.
    pub backend: Backend,
    /// The folder for images of [`Backend::Raw`]; none: they are in memory.
    pub image_dir: Option<PathBuf>,
    /// How long to wait for an answer before [`dut::Fault::NoAnswer`].
    pub answer_time: Duration,
    /// How long QEMU may take to start.
    pub start_time: Duration,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            program: PathBuf::from("qemu-system-x86_64"),
            device: Vec::new(),
            namespaces: vec![Namespace::default()],
            controllers: 1,
            memory: 256 * MIB,
            trace: false,
            iommu: false,
            backend: Backend::Raw,
            image_dir: None,
            answer_time: Duration::from_secs(5),
            start_time: Duration::from_secs(20),
        }
    }
}

/// The file descriptors that QEMU inherits.
pub(crate) struct Descriptors {
    pub memory: RawFd,
    pub qtest: RawFd,
    pub qmp: RawFd,
    pub trace: Option<RawFd>,
    /// Image or NBD socket of each namespace; none for [`Backend::Null`].
    pub media: Vec<RawFd>,
}

impl Options {
    /// Refuses what makes no sense, before QEMU is asked.
    pub(crate) fn check(&self) -> Result<(), OpenError> {
        let refuse = |why: String| Err(OpenError::Options(why));
        if !(1..=MAX_CONTROLLERS).contains(&self.controllers) {
            return refuse(format!(
                "{} controllers: 1 to {MAX_CONTROLLERS} are possible",
                self.controllers
            ));
        }
        if !self.memory.is_multiple_of(MIB) || !(16 * MIB..=2048 * MIB).contains(&self.memory) {
            return refuse(format!("memory of {} bytes: whole MiB, 16 to 2048", self.memory));
        }
        for (n, namespace) in self.namespaces.iter().enumerate() {
            let block = namespace.block_bytes;
            if !block.is_power_of_two() || block < 512 {
                return refuse(format!("namespace {}: blocks of {block} bytes", n + 1));
            }
            if namespace.bytes == 0 || !namespace.bytes.is_multiple_of(u64::from(block)) {
                return refuse(format!(
                    "namespace {}: {} bytes are no whole number of blocks",
                    n + 1,
                    namespace.bytes
                ));
            }
            properties(&namespace.device, &["id", "bus", "drive", "nsid"])?;
        }
        properties(&self.device, &["id", "addr", "bus", "drive", "subsys"])?;
        Ok(())
    }

    /// The machine, its memory and its two sockets.
    fn machine(&self, fds: &Descriptors) -> Vec<String> {
        let memory = self.memory;
        [
            "-machine",
            "q35,memory-backend=ram,hpet=off,pit=off",
            "-accel",
            "tcg",
            "-S",
            "-nodefaults",
            "-display",
            "none",
            "-m",
            &format!("{}M", memory / MIB),
            "-object",
            &format!(
                "memory-backend-file,id=ram,size={memory},share=on,mem-path=/proc/self/fd/{}",
                fds.memory
            ),
            // QEMU before 8 insists on this identifier for qtest's character device.
            "-chardev",
            &format!("socket,id=qtest,fd={}", fds.qtest),
            "-qtest",
            "chardev:qtest",
            // Without this every command is logged to standard error.
            "-qtest-log",
            "/dev/null",
            "-chardev",
            &format!("socket,id=qmp,fd={}", fds.qmp),
            "-mon",
            "chardev=qmp,mode=control",
        ]
        .map(str::to_owned)
        .to_vec()
    }

    /// The arguments for QEMU.
    pub(crate) fn arguments(&self, fds: &Descriptors) -> Result<Vec<String>, OpenError> {
        let mut args = self.machine(fds);
        let mut add = |option: &str, value: String| args.extend([option.to_owned(), value]);
        if let Some(fd) = fds.trace {
            if self.trace {
                add("-trace", "pci_nvme*".into());
            }
            if self.iommu {
                add("-trace", "vtd_dmar_fault".into());
            }
            add("-D", format!("/proc/self/fd/{fd}"));
        }
        for (n, namespace) in self.namespaces.iter().enumerate() {
            add("-blockdev", self.blockdev(n, namespace, fds.media.get(n).copied()));
        }
        if self.iommu {
            // The default width differs between versions; 48 bits mean four levels.
            add("-device", "intel-iommu,aw-bits=48".into());
        }
        let extra = properties(&self.device, &[])?;
        let subsystem = if self.controllers > 1 {
            add("-device", "nvme-subsys,id=subsystem,nqn=lockstep".into());
            ",subsys=subsystem"
        } else {
            ""
        };
        for n in 0..self.controllers {
            let slot = FIRST_SLOT + n;
            add(
                "-device",
                format!("nvme,id=ctrl{n},serial=lockstep,addr={slot:#x}{subsystem}{extra}"),
            );
        }
        for (n, namespace) in self.namespaces.iter().enumerate() {
            let (block, extra) = (namespace.block_bytes, properties(&namespace.device, &[])?);
            // The physical size must not be below the logical one, or the device refuses to start.
            add(
                "-device",
                format!(
                    "nvme-ns,id=ns{nsid},bus=ctrl0,drive=media{n},nsid={nsid},\
                     logical_block_size={block},physical_block_size={block}{extra}",
                    nsid = n + 1
                ),
            );
        }
        Ok(args)
    }

    fn blockdev(&self, n: usize, namespace: &Namespace, fd: Option<RawFd>) -> String {
        let fd = fd.unwrap_or(-1);
        match self.backend {
            Backend::Raw => format!(
                "driver=raw,node-name=media{n},discard=unmap,file.driver=file,\
                 file.discard=unmap,file.filename=/proc/self/fd/{fd}"
            ),
            Backend::Null => {
                format!("driver=null-co,node-name=media{n},size={},read-zeroes=on", namespace.bytes)
            }
            Backend::Nbd => format!(
                "driver=raw,node-name=media{n},discard=unmap,file.driver=nbd,\
                 file.discard=unmap,file.server.type=fd,file.server.str={fd}"
            ),
        }
    }

    /// In words, for reports.
    pub(crate) fn describe(&self) -> String {
        let mut words = format!(
            "{} controller{}",
            self.controllers,
            if self.controllers == 1 { "" } else { "s" }
        );
        for namespace in &self.namespaces {
            words += &format!(
                ", namespace of {} blocks of {} bytes",
                namespace.bytes / u64::from(namespace.block_bytes),
                namespace.block_bytes
            );
            for property in &namespace.device {
                words += &format!(" {property}");
            }
        }
        words += match self.backend {
            Backend::Raw => ", raw images",
            Backend::Null => ", null backend (keeps no data)",
            Backend::Nbd => ", NBD backend",
        };
        if self.iommu {
            words += ", IOMMU";
        }
        for property in &self.device {
            words += &format!(", {property}");
        }
        words
    }
}

/// `,key=value` for each property, commas in values doubled as QEMU wants them; keys in `ours` are
/// what this crate sets itself.
fn properties(list: &[String], ours: &[&str]) -> Result<String, OpenError> {
    let mut text = String::new();
    for property in list {
        let Some((key, value)) = property.split_once('=') else {
            return Err(OpenError::Options(format!("device property {property:?}: no `=`")));
        };
        let known = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_');
        if key.is_empty() || !key.chars().all(known) {
            return Err(OpenError::Options(format!("device property {property:?}: bad name")));
        }
        if ours.contains(&key) {
            return Err(OpenError::Options(format!("device property `{key}` is set by lockstep")));
        }
        text += &format!(",{key}={}", value.replace(',', ",,"));
    }
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refuses_what_makes_no_sense() {
        let refused = |change: fn(&mut Options)| {
            let mut options = Options::default();
            change(&mut options);
            options.check().unwrap_err().to_string()
        };
        assert!(refused(|o| o.controllers = 0).contains("0 controllers"));
        assert!(refused(|o| o.memory = 3).contains("3 bytes"));
        assert!(refused(|o| o.namespaces[0].block_bytes = 520).contains("520"));
        assert!(refused(|o| o.namespaces[0].bytes = 513).contains("whole number"));
        assert!(refused(|o| o.device = vec!["mdts".into()]).contains("no `=`"));
        assert!(refused(|o| o.device = vec!["=1".into()]).contains("bad name"));
        assert!(refused(|o| o.device = vec!["addr=5".into()]).contains("set by lockstep"));
        assert!(Options::default().check().is_ok());
    }

    #[test]
    fn commas_in_values_stay_in_the_value() {
        let list = ["serial=a,drive=b".to_owned()];
        assert_eq!(properties(&list, &[]).unwrap(), ",serial=a,,drive=b");
    }
}
