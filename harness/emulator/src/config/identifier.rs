//! Identifiers of a namespace that no other namespace in the world has.

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error};

use super::Config;

/// A globally unique identifier of N bytes: `"none"`, `"derived"`, or its bytes in hexadecimal.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Identifier<const N: usize> {
    /// The namespace has none.
    None,
    /// Made from SUBNQN, serial number and NSID: the same after every restart.
    Derived,
    /// These bytes, the most significant first.
    Given([u8; N]),
}

/// An organisation's identifier (OUI), most significant byte first: that of QEMU's devices.
const OUI: [u8; 3] = [0x52, 0x54, 0x00];

impl<const N: usize> Identifier<N> {
    /// Whether it can be an identifier: all zeroes mean that there is none.
    pub fn is_possible(&self) -> bool {
        *self != Self::Given([0; N])
    }

    /// Whether the configuration says its bytes.
    pub const fn is_given(&self) -> bool {
        matches!(self, Self::Given(_))
    }

    fn bytes(&self, derived: impl FnOnce() -> [u8; N]) -> [u8; N] {
        match self {
            Self::None => [0; N],
            Self::Derived => derived(),
            Self::Given(bytes) => *bytes,
        }
    }
}

impl Identifier<8> {
    /// The EUI-64: OUI and extension identifier; 0 is none. Base-2.3 §4.7.1.
    pub fn eui64(&self, config: &Config, nsid: u32) -> [u8; 8] {
        self.bytes(|| {
            let mut id = digest(config, nsid, "EUI64").to_be_bytes();
            id[..3].copy_from_slice(&OUI);
            id
        })
    }
}

impl Identifier<16> {
    /// The NGUID: vendor specific extension, OUI, extension identifier; 0 is none. NVM-1.0 figure 97.
    pub fn nguid(&self, config: &Config, nsid: u32) -> [u8; 16] {
        self.bytes(|| {
            let mut id = two_digests(config, nsid, ["NGUID extension", "NGUID"]);
            id[8..11].copy_from_slice(&OUI);
            id
        })
    }

    /// The UUID, of version 8 (made in a way of one's own); 0 is none. RFC 9562 §5.8.
    pub fn uuid(&self, config: &Config, nsid: u32) -> [u8; 16] {
        self.bytes(|| {
            let mut id = two_digests(config, nsid, ["UUID high", "UUID low"]);
            id[6] = id[6] & 0x0f | 0x80;
            id[8] = id[8] & 0x3f | 0x80;
            id
        })
    }
}

fn two_digests(config: &Config, nsid: u32, names: [&str; 2]) -> [u8; 16] {
    let mut both = [0; 16];
    for (half, name) in both.as_chunks_mut::<8>().0.iter_mut().zip(names) {
        *half = digest(config, nsid, name).to_be_bytes();
    }
    both
}

/// FNV-1a over what tells the namespace from others, each part ended by a byte that it has not.
fn digest(config: &Config, nsid: u32, name: &str) -> u64 {
    let parts = [config.subnqn.as_bytes(), config.serial.as_bytes(), name.as_bytes()];
    let bytes = parts.iter().flat_map(|part| part.iter().chain(&[0xff]));
    let mix = |hash: u64, byte: &u8| (hash ^ u64::from(*byte)).wrapping_mul(0x100_0000_01b3);
    let hash = bytes.chain(&nsid.to_be_bytes()).fold(0xcbf2_9ce4_8422_2325, mix);
    // The last bytes have hardly reached the high bits.
    (hash ^ hash >> 32).wrapping_mul(0x9e37_79b9_7f4a_7c15)
}

impl<const N: usize> fmt::Display for Identifier<N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::None => f.write_str("none"),
            Self::Derived => f.write_str("derived"),
            Self::Given(bytes) => bytes.iter().try_for_each(|byte| write!(f, "{byte:02x}")),
        }
    }
}

impl<const N: usize> Serialize for Identifier<N> {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(self)
    }
}

impl<'de, const N: usize> Deserialize<'de> for Identifier<N> {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let text = String::deserialize(from)?;
        match text.as_str() {
            "none" => return Ok(Self::None),
            "derived" => return Ok(Self::Derived),
            _ => {}
        }
        let digits: Option<Vec<u8>> = text
            .chars()
            .filter(|c| *c != '-')
            .map(|c| c.to_digit(16).map(|digit| digit as u8))
            .collect();
        let bytes = digits.filter(|digits| digits.len() == 2 * N).map(|digits| {
            let pairs = digits.as_chunks::<2>().0;
            std::array::from_fn(|n| pairs[n][0] << 4 | pairs[n][1])
        });
        bytes.map(Self::Given).ok_or_else(|| {
            D::Error::custom(format!("\"{text}\" is no \"none\", \"derived\" or {N} bytes in hex"))
        })
    }
}
