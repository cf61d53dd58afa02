//! What kind of subsystem the emulator is: read from TOML, checked, with working defaults.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};
use spec::{Fid, Version};

use crate::Policy;

mod check;
mod identifier;
mod random;

pub use check::ConfigError;
pub use identifier::Identifier;

/// A subsystem. `Config::default()` is one controller and one namespace of 8 MiB in 512-byte
/// blocks.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// The revision that the controllers implement (VS), 1.3 to 2.3.
    #[serde(with = "version_text")]
    pub version: Version,
    /// Serial Number (SN): at most 20 printable ASCII characters.
    pub serial: String,
    /// NVM Subsystem NVMe Qualified Name (SUBNQN): begins with `nqn.`, at most 223 bytes.
    pub subnqn: String,
    /// The largest I/O queue in entries, 2 to 65,536 (CAP.MQES + 1).
    pub max_queue_entries: u32,
    /// Contiguous Queues Required (CAP.CQR).
    pub cqr: bool,
    /// Doorbell Stride (CAP.DSTRD): doorbells are 2^(2 + DSTRD) bytes apart. 0 to 8.
    pub dstrd: u8,
    /// Memory Page Size Minimum (CAP.MPSMIN): 2^(12 + MPSMIN) bytes.
    pub mpsmin: u8,
    /// Memory Page Size Maximum (CAP.MPSMAX). At most 8 (1 MiB).
    pub mpsmax: u8,
    /// Timeout (CAP.TO and CRTO.CRWMT) in units of 500 ms.
    pub to: u8,
    /// How many controllers, 1 to 64.
    pub controllers: u8,
    /// The namespaces.
    pub namespaces: Vec<NamespaceConfig>,
    /// The largest valid namespace identifier (NN); without it that of the last namespace.
    pub nn: Option<u32>,
    /// Maximum Data Transfer Size (MDTS): 2^n minimum memory pages, 0 is no limit.
    pub mdts: u8,
    /// MSI-X vectors of each controller, 1 to 2,048; messages of MSI where it is exported with that.
    pub vectors: u16,
    /// How many I/O Submission Queues a controller can have, 1 to 1,024.
    pub io_sqs: u16,
    /// How many I/O Completion Queues a controller can have, 1 to 1,024.
    pub io_cqs: u16,
    /// What Set Features (Number of Queues) allocates.
    pub grant: Grant,
    /// Whether there is a volatile write cache (VWC bit 0).
    pub vwc: bool,
    /// Whether the volatile write cache is on by default (default of WCE).
    pub wce_default: bool,
    /// Whether WCE can be saved.
    pub wce_saveable: bool,
    /// Whether Flush takes NSID FFFFFFFFh (VWC bits 2:1; not told before 1.4).
    pub broadcast_flush: bool,
    /// Which features can be saved beside Volatile Write Cache, by identifier: of
    /// [`Config::MAY_BE_SAVEABLE`].
    pub saveable_features: Vec<u8>,
    /// Composite Temperature (CTEMP) in kelvins, 1 to 999.
    pub temperature: u16,
    /// What the temperature sensors report in kelvins, 1 to 999 each: at most 8 of them.
    pub temperature_sensors: Vec<u16>,
    /// Whether the scope of each command is told (LPA bit 5, CSP in log page 05h). From 2.0. Linux
    /// warns of I/O commands with a scope.
    pub command_scopes: bool,
    /// Abort Command Limit (ACL), 0's based.
    pub acl_z: u8,
    /// Asynchronous Event Request Limit (AERL), 0's based.
    pub aerl_z: u8,
    /// Error Log Page Entries (ELPE), 0's based.
    pub elpe_z: u8,
    /// Time from CC.EN = 1 to CSTS.RDY = 1, in microseconds.
    pub ready_us: u64,
    /// Time from CC.EN = 0 to CSTS.RDY = 0, in microseconds.
    pub disable_us: u64,
    /// Time that a shutdown takes, in microseconds.
    pub shutdown_us: u64,
    /// Time that an admin command is in flight before it executes, in nanoseconds.
    pub admin_latency_ns: u64,
    /// Time that an I/O command is in flight before it executes, in nanoseconds.
    pub io_latency_ns: u64,
    /// What becomes of bits 1:0 of a PRP entry.
    pub prp_low_bits: LowBits,
    /// Whether a command that was not fetched yet can be aborted.
    pub abort_unfetched: bool,
    /// Whether commands of a deleted queue are completed with Command Aborted due to SQ Deletion,
    /// as far as their Completion Queue has room, or just dropped.
    pub complete_deleted: bool,
    /// Whether a doorbell written again with the same value counts as an invalid value.
    pub repeated_doorbell_is_invalid: bool,
    /// Delays and orders that a correct controller may choose.
    pub policy: Policy,
}

/// A namespace.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct NamespaceConfig {
    /// Its identifier; without it one more than the one before.
    pub nsid: Option<u32>,
    /// Size in logical blocks.
    pub blocks: u64,
    /// Logical block size in bytes: 512 or 4,096.
    pub block_bytes: u32,
    /// The controllers it is attached to, by index; none named: all of them.
    pub controllers: Vec<u8>,
    /// The file that holds its durable content, `blocks * block_bytes` bytes; made if it is not
    /// there. Without it the content lives in memory.
    pub path: Option<PathBuf>,
    /// IEEE Extended Unique Identifier (EUI64).
    pub eui64: Identifier<8>,
    /// Namespace Globally Unique Identifier (NGUID).
    pub nguid: Identifier<16>,
    /// Namespace UUID.
    pub uuid: Identifier<16>,
}

/// How many queues Set Features (Number of Queues) allocates. Base-2.3 §5.2.26.2.1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Grant {
    /// What was requested, as far as there are so many.
    Requested,
    /// All there are.
    All,
}

/// What becomes of bits 1:0 of a PRP entry: both are legal. Base-2.3 §4.3.1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum LowBits {
    /// The command is refused with PRP Offset Invalid.
    Refused,
    /// They count as 0.
    Ignored,
}

impl Default for NamespaceConfig {
    fn default() -> Self {
        Self {
            nsid: None,
            blocks: 16384,
            block_bytes: 512,
            controllers: Vec::new(),
            path: None,
            eui64: Identifier::Derived,
            nguid: Identifier::Derived,
            uuid: Identifier::None,
        }
    }
}

impl Default for Config {
    fn default() -> Self {
        Self {
            version: Version::new(2, 3),
            serial: "LOCKSTEP0001".into(),
            subnqn: "nqn.2026-11.org.lockstep:emulator".into(),
            max_queue_entries: 1024,
            cqr: false,
            dstrd: 0,
            mpsmin: 0,
            mpsmax: 4,
            to: 20,
            controllers: 1,
            namespaces: vec![NamespaceConfig::default()],
            nn: None,
            mdts: 7,
            vectors: 32,
            io_sqs: 32,
            io_cqs: 32,
            grant: Grant::Requested,
            vwc: true,
            wce_default: true,
            wce_saveable: true,
            broadcast_flush: true,
            saveable_features: vec![Fid::ARBITRATION.0, Fid::TEMPERATURE_THRESHOLD.0],
            temperature: 310,
            temperature_sensors: vec![312, 308],
            command_scopes: false,
            acl_z: 3,
            aerl_z: 3,
            elpe_z: 63,
            ready_us: 1000,
            disable_us: 100,
            shutdown_us: 1000,
            admin_latency_ns: 0,
            io_latency_ns: 0,
            prp_low_bits: LowBits::Refused,
            abort_unfetched: true,
            complete_deleted: false,
            repeated_doorbell_is_invalid: false,
            policy: Policy::default(),
        }
    }
}

impl Config {
    /// The features that [`Config::saveable_features`] may name: those whose reset value the text
    /// does not fix.
    pub const MAY_BE_SAVEABLE: [Fid; 5] = [
        Fid::ARBITRATION,
        Fid::TEMPERATURE_THRESHOLD,
        Fid::ERROR_RECOVERY,
        Fid::WRITE_ATOMICITY_NORMAL,
        Fid::ASYNCHRONOUS_EVENT_CONFIGURATION,
    ];

    /// Whether [`Config::saveable_features`] names a feature.
    pub fn saves(&self, fid: Fid) -> bool {
        self.saveable_features.contains(&fid.0)
    }

    /// The identifier of each namespace, in the order of the list.
    pub fn nsids(&self) -> impl Iterator<Item = u32> {
        self.namespaces.iter().scan(0u32, |last, ns| {
            *last = ns.nsid.unwrap_or_else(|| last.saturating_add(1));
            Some(*last)
        })
    }

    /// The largest valid namespace identifier (NN).
    pub fn nn(&self) -> u32 {
        self.nn.unwrap_or_else(|| self.nsids().max().unwrap_or(0).max(1))
    }

    /// The largest data transfer in bytes (MDTS).
    pub const fn max_transfer(&self) -> u64 {
        if self.mdts == 0 { u64::MAX } else { 1 << (12 + self.mpsmin + self.mdts) }
    }

    /// Whether the controllers implement `major.minor` or a newer revision.
    pub fn from(&self, major: u16, minor: u8) -> bool {
        self.version >= Version::new(major, minor)
    }
}

mod version_text {
    use serde::{Deserialize, Deserializer, Serializer, de::Error};
    use spec::Version;

    pub fn serialize<S: Serializer>(version: &Version, to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(version)
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Version, D::Error> {
        let text = String::deserialize(from)?;
        Version::parse(&text)
            .ok_or_else(|| D::Error::custom(format!("\"{text}\" is no version such as \"2.3\"")))
    }
}
