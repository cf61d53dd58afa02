//! Namespace Identification Descriptor list.

use std::borrow::Borrow;
use std::fmt;

use crate::num::codes;

codes! {
    /// Namespace Identifier Type (NIDT). Base-2.3 figure 331.
    Nidt {
        EUI64 = 0x1, "IEEE Extended Unique Identifier";
        NGUID = 0x2, "Namespace Globally Unique Identifier";
        UUID = 0x3, "Namespace UUID";
        CSI = 0x4, "Command Set Identifier";
    }
}

impl Nidt {
    /// The length (NIDL) that goes with the type, if the type is a known one. CSI is from 2.0.
    pub const fn length(self) -> Option<u8> {
        match self {
            Self::EUI64 => Some(8),
            Self::NGUID | Self::UUID => Some(16),
            Self::CSI => Some(1),
            _ => None,
        }
    }
}

/// One Namespace Identification Descriptor. Base-2.3 figure 331.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct NamespaceIdentification<'a> {
    /// Namespace Identifier Type (NIDT).
    pub nidt: Nidt,
    /// Namespace Identifier (NID); its length is NIDL. EUI64 and NGUID are big endian, as in
    /// Identify Namespace.
    pub nid: &'a [u8],
    /// Bytes 3:2, reserved.
    pub reserved: [u8; 2],
}

/// Namespace Identification Descriptor list (CNS 03h): descriptors of 4 + NIDL bytes each, ended by
/// NIDL = 0. Base-2.3 §5.2.13.2.3, figure 331. From 1.3.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct NamespaceIdentificationList<B = [u8; 4096]>(pub B);

/// Bytes of a descriptor before its NID.
const HEAD: usize = 4;

impl NamespaceIdentificationList {
    /// The list of these identifiers. What does not fit any more is left out; an identifier is cut
    /// off after 255 bytes.
    pub fn of<'a>(ids: impl IntoIterator<Item = (Nidt, &'a [u8])>) -> Self {
        let mut bytes = [0; 4096];
        let mut at = 0;
        for (nidt, nid) in ids {
            let nid = &nid[..nid.len().min(255)];
            let Some(place) = bytes.get_mut(at..at + HEAD + nid.len()) else { break };
            place[0] = nidt.0;
            place[1] = nid.len() as u8;
            place[HEAD..].copy_from_slice(nid);
            at += HEAD + nid.len();
        }
        Self(bytes)
    }
}

impl<B: Borrow<[u8; 4096]>> NamespaceIdentificationList<B> {
    /// The descriptors up to the first with NIDL = 0, or to the last that lies wholly inside.
    pub fn iter(&self) -> impl Iterator<Item = NamespaceIdentification<'_>> {
        self.places().map(|at| {
            let bytes: &[u8; 4096] = self.0.borrow();
            NamespaceIdentification {
                nidt: Nidt(bytes[at]),
                nid: &bytes[at + HEAD..at + HEAD + usize::from(bytes[at + 1])],
                reserved: [bytes[at + 2], bytes[at + 3]],
            }
        })
    }

    /// The identifier of a type: the first, if there are several.
    pub fn find(&self, nidt: Nidt) -> Option<&[u8]> {
        self.iter().find(|descriptor| descriptor.nidt == nidt).map(|descriptor| descriptor.nid)
    }

    /// The bytes behind the last descriptor: they ought to be 0.
    pub fn rest(&self) -> &[u8] {
        let bytes: &[u8; 4096] = self.0.borrow();
        let end = self.places().last().map_or(0, |at| at + HEAD + usize::from(bytes[at + 1]));
        &bytes[end..]
    }

    /// Where each descriptor begins.
    fn places(&self) -> impl Iterator<Item = usize> {
        let bytes: &[u8; 4096] = self.0.borrow();
        let whole = |at: usize| {
            let length = usize::from(*bytes.get(at + 1)?);
            (length != 0 && at + HEAD + length <= bytes.len()).then_some(at)
        };
        std::iter::successors(whole(0), move |at| whole(at + HEAD + usize::from(bytes[at + 1])))
    }
}

impl<B: Borrow<[u8; 4096]>> fmt::Display for NamespaceIdentificationList<B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for descriptor in self.iter() {
            write!(f, "{:<10} ", format!("nidt {}", descriptor.nidt))?;
            descriptor.nid.iter().try_for_each(|byte| write!(f, "{byte:02x}"))?;
            writeln!(f)?;
        }
        Ok(())
    }
}

impl<B: Borrow<[u8; 4096]>> fmt::Debug for NamespaceIdentificationList<B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}
