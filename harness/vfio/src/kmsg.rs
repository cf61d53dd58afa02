//! The kernel's log: IOMMU faults, and whatever else the kernel says about a function.
//!
//! **How far this can be relied on.** A line of the kernel's own that names the function is true: the
//! IOMMU refused that access; it may be logged late. What programs write into the log is passed over:
//! they cannot give it the kernel's facility. The absence of a line proves nothing: the kernel prints at
//! most a few faults of a burst, the IOMMU has few fault records and drops what does not fit, the log
//! needs a permission (`kernel.dmesg_restrict`), and Arm's IOMMU reports are not read here.

use std::fs::File;
use std::io::{self, Read};
use std::os::unix::fs::OpenOptionsExt;

use crate::Bdf;
use crate::hardware::DmaFault;

/// The log from now on.
#[derive(Debug)]
pub(crate) struct KernelLog {
    file: File,
    /// As IOMMUs print the function, `00:04.0`, and as drivers do, `0000:00:04.0`.
    short: String,
    long: String,
}

/// Lines that are read in one go at most: a log that never ends must not hold the harness.
const LINES_MAX: u32 = 1000;

impl KernelLog {
    /// Opens the log at its end.
    pub fn open(bdf: Bdf) -> io::Result<Self> {
        let nonblocking = rustix::fs::OFlags::NONBLOCK.bits() as i32;
        let mut options = std::fs::OpenOptions::new();
        let file = options.read(true).custom_flags(nonblocking).open("/dev/kmsg")?;
        rustix::fs::seek(&file, rustix::fs::SeekFrom::End(0))?;
        Ok(Self { file, short: bdf.without_domain(), long: bdf.to_string() })
    }

    /// Hands over the new lines that are about the function.
    pub fn drain(&mut self, sink: &mut dyn FnMut(Result<DmaFault, String>)) {
        let mut record = [0; 8192];
        for _ in 0..LINES_MAX {
            match self.file.read(&mut record) {
                Ok(0) => break,
                Ok(bytes) => {
                    let text = String::from_utf8_lossy(&record[..bytes]);
                    if let Some(found) = self.about(&text) {
                        sink(found);
                    }
                }
                // The oldest lines were overwritten: the next read goes on after the gap.
                Err(error) if error.kind() == io::ErrorKind::BrokenPipe => {
                    sink(Err("the kernel's log was overwritten before it was read".into()));
                }
                Err(_) => break,
            }
        }
    }

    /// What a record says, if it is about the function. `prefix;message\n key=value...`.
    fn about(&self, record: &str) -> Option<Result<DmaFault, String>> {
        let (prefix, message) = record.split_once(';')?;
        // Facility (0 is the kernel) and level in one number.
        if prefix.split(',').next()?.parse::<u32>().ok()? >> 3 != 0 {
            return None;
        }
        let message = message.lines().next().unwrap_or_default();
        let intel = format!("[{}]", self.short);
        if !message.contains(&intel) && !message.contains(&self.long) {
            return None;
        }
        Some(fault(message).ok_or_else(|| format!("kernel: {message}")))
    }
}

/// The fault that a message tells, as Intel's and AMD's IOMMU drivers write it.
fn fault(message: &str) -> Option<DmaFault> {
    let hex = |name: &str| {
        let (_, rest) = message.split_once(name)?;
        let rest = rest.strip_prefix("0x").unwrap_or(rest);
        let end = rest.find(|c: char| !c.is_ascii_hexdigit()).unwrap_or(rest.len());
        u64::from_str_radix(&rest[..end], 16).ok()
    };
    if message.contains("DMAR: [DMA ") {
        let at = hex("fault addr ")?;
        return Some(DmaFault { at, write: message.contains("[DMA Write") });
    }
    if message.contains("IO_PAGE_FAULT") {
        // Flags bit 5: a write.
        return Some(DmaFault { at: hex("address=")?, write: hex("flags=")? & 0x20 != 0 });
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn log() -> KernelLog {
        let bdf: Bdf = "0000:00:04.0".parse().unwrap();
        let file = File::open("/dev/null").unwrap();
        KernelLog { file, short: bdf.without_domain(), long: bdf.to_string() }
    }

    #[test]
    fn faults_of_the_function_are_read_and_those_of_others_are_not() {
        let intel = "3,512,4211201,-;DMAR: [DMA Write NO_PASID] Request device [00:04.0] \
            fault addr 0x1000005000 [fault reason 0x05] PTE Write access is not set\n";
        let found = log().about(intel).unwrap();
        assert_eq!(found, Ok(DmaFault { at: 0x10_0000_5000, write: true }));
        assert_eq!(log().about(&intel.replace("00:04.0", "00:05.0")), None);
        let amd = "3,1,2,-;nvme 0000:00:04.0: AMD-Vi: Event logged [IO_PAGE_FAULT domain=0x000a \
            address=0xfdf80000 flags=0x0000]\n SUBSYSTEM=pci\n";
        let found = log().about(amd).unwrap();
        assert_eq!(found, Ok(DmaFault { at: 0xfdf8_0000, write: false }));
    }

    #[test]
    fn other_words_about_the_function_are_lines_and_the_rest_is_nothing() {
        let said = log().about("4,2,3,-;vfio-pci 0000:00:04.0: enabling device\n").unwrap();
        assert_eq!(said, Err("kernel: vfio-pci 0000:00:04.0: enabling device".into()));
        assert_eq!(log().about("6,3,4,-;random: crng init done"), None);
        assert_eq!(log().about(""), None);
        // A program's words, which are worth nothing here.
        let forged = "12,6,7,-;DMAR: [DMA Write] Request device [00:04.0] fault addr 0x1000";
        assert_eq!(log().about(forged), None);
        let torn = log().about("3,5,1,-;DMAR: [DMA Read] Request device [00:04.0] fault addr");
        assert!(torn.unwrap().is_err());
    }
}
