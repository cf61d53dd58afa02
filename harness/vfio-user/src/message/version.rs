//! VERSION: the first message either way.

use serde::{Deserialize, Serialize};

use super::{Layout, Malformed, layout};

layout! {
    /// The fixed part of VERSION.
    Numbers = "VERSION" {
        /// Major version: both sides have the same, or part.
        major: u16,
        /// Minor version: the server's is at most the client's.
        minor: u16,
    }
}

/// The version that this codec speaks.
pub const MAJOR: u16 = 0;
/// The version that this codec speaks.
pub const MINOR: u16 = 1;

/// The longest version data that is looked at, in bytes.
const DATA_MAX: usize = 16 << 10;

/// VERSION, as a command and as a reply.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Version {
    /// Major version.
    pub major: u16,
    /// Minor version.
    pub minor: u16,
    /// What the sender can do; what is left out has the protocol's default.
    pub capabilities: Capabilities,
}

/// Version data.
#[derive(Serialize, Deserialize, Default)]
struct Data {
    #[serde(default)]
    capabilities: Capabilities,
}

/// Capabilities of the sender. Those that nobody here knows are passed over.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Capabilities {
    /// How many file descriptors it takes in one message; default 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_msg_fds: Option<u64>,
    /// The largest `count` of an access; default 1 MiB.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_data_xfer_size: Option<u64>,
    /// How many DMA maps there may be at a time; default 65,535.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_dma_maps: Option<u64>,
    /// Page sizes of DMA maps, or'ed; default 4,096.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pgsizes: Option<u64>,
    /// Whether REGION_WRITE_MULTI is known; default no.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub write_multiple: Option<bool>,
    /// A capability of this project's own.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub lockstep: Option<Lockstep>,
}

/// What lockstep's client and server tell each other beyond the protocol. A client proposes it empty;
/// a server that knows it fills it in.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Lockstep {
    /// Nothing on this device is worth anything: tests may erase it without further consent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub expendable: Option<bool>,
    /// Masks in the MSI-X table and the pending bits work as on hardware.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub msix_table: Option<bool>,
    /// What the device calls itself.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub device: Option<String>,
}

impl Version {
    /// The version of this codec with these capabilities.
    pub fn ours(capabilities: Capabilities) -> Self {
        Self { major: MAJOR, minor: MINOR, capabilities }
    }

    /// From a payload. No version data is the same as none of the capabilities.
    pub fn decode(bytes: &[u8]) -> Result<Self, Malformed> {
        let (Numbers { major, minor }, data) = Numbers::split(bytes)?;
        let wrong = |why: String| Malformed::Field { what: "VERSION", why };
        if data.len() > DATA_MAX {
            return Err(wrong(format!("{} bytes of version data", data.len())));
        }
        let text = data.split(|byte| *byte == 0).next().unwrap_or_default();
        if text.is_empty() {
            return Ok(Self { major, minor, capabilities: Capabilities::default() });
        }
        let data: Data = serde_json::from_slice(text).map_err(|error| wrong(error.to_string()))?;
        Ok(Self { major, minor, capabilities: data.capabilities })
    }

    /// Appends a payload.
    pub fn encode(&self, to: &mut Vec<u8>) {
        Numbers { major: self.major, minor: self.minor }.encode(to);
        let data = Data { capabilities: self.capabilities.clone() };
        // Plain structures of numbers and strings always serialize, and a Vec takes everything.
        let written = serde_json::to_writer(&mut *to, &data);
        debug_assert!(written.is_ok());
        to.push(0);
    }
}
