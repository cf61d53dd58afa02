//! MSI-X vectors of one function: each is a dword of the transport's MiB of guest memory.
//!
//! A message stores the vector's data word there. The harness takes it away when it looks, so
//! messages between two looks are one: *at least once*.

use dut::{Arena, Ctrl};
use spec::Addr;

use crate::options::MAX_CONTROLLERS;
use crate::pci::Function;
use crate::qtest::{Qtest, Trouble};

/// Where the vectors of the first function are.
const FIRST: u64 = 0x1_0000;
/// The most vectors a function can have: 2,048, a dword each.
const STRIDE: u64 = 0x2000;
/// Where the vectors of all functions are.
pub(crate) const WORDS: std::ops::Range<u64> = FIRST..FIRST + STRIDE * MAX_CONTROLLERS as u64;
/// Data word of vector 0; never 0, so that a store is seen.
const DATA: u32 = 0x4c53_0000;

/// The words of one function's vectors. They are watched while MSI-X is off too: then a message is
/// one that should not be.
#[derive(Debug, Default)]
pub(crate) struct Msix {
    /// How many words are watched: as many as vectors were ever programmed.
    watched: u16,
    /// When they were last looked at.
    looked: u64,
    /// What the function adds to the address of a word: its IOMMU's offset.
    offset: u64,
}

impl Msix {
    /// For a function that sees guest memory at `offset`.
    pub fn new(offset: u64) -> Self {
        Self { offset, ..Self::default() }
    }

    fn word(ctrl: Ctrl, vector: u16) -> Addr {
        Addr(FIRST + u64::from(ctrl.0) * STRIDE + 4 * u64::from(vector))
    }

    /// Programs `vectors` vectors, unmasked, masks the others, and turns MSI-X on, or off for 0. Done
    /// when it returns.
    pub fn set_up(
        &mut self,
        qtest: &mut Qtest,
        function: &Function,
        ctrl: Ctrl,
        vectors: u16,
    ) -> Result<(), Trouble> {
        let Some(place) = function.msix else { return Ok(()) };
        self.watched = self.watched.max(vectors);
        function.enable_msix(qtest, false)?;
        for vector in 0..place.vectors {
            let entry = place.table + 16 * u64::from(vector);
            if vector >= vectors {
                qtest.queue(format_args!("writel {:#x} 1", entry + 12))?;
                continue;
            }
            let data = DATA | u32::from(vector);
            let word = Self::word(ctrl, vector).0 + self.offset;
            qtest.queue(format_args!("writel {entry:#x} {:#x}", word as u32))?;
            qtest.queue(format_args!("writel {:#x} {:#x}", entry + 4, word >> 32))?;
            qtest.queue(format_args!("writel {:#x} {data:#x}", entry + 8))?;
            qtest.queue(format_args!("writel {:#x} 0", entry + 12))?;
        }
        function.enable_msix(qtest, vectors != 0)?;
        qtest.settle()
    }

    /// Masks or unmasks one vector. Done when it returns: a posted write would leave it open from
    /// when on the mask holds.
    pub fn mask(
        qtest: &mut Qtest,
        function: &Function,
        vector: u16,
        masked: bool,
    ) -> Result<(), Trouble> {
        let Some(place) = function.msix else { return Ok(()) };
        let control = place.table + 16 * u64::from(vector) + 12;
        qtest.queue(format_args!("writel {control:#x} {:#x}", u32::from(masked)))?;
        qtest.settle()
    }

    /// The pending bit of one vector.
    pub fn pending(qtest: &mut Qtest, function: &Function, vector: u16) -> Result<bool, Trouble> {
        let Some(place) = function.msix else { return Ok(false) };
        let dword = place.pending + 4 * u64::from(vector / 32);
        let bits = qtest.ask(format_args!("readl {dword:#x}"))?;
        Ok(bits >> (vector % 32) & 1 != 0)
    }

    /// Takes the messages that have come: vector, when last looked, and the word if it is not the
    /// vector's own.
    pub fn take(
        &mut self,
        words: &Arena,
        ctrl: Ctrl,
        now: u64,
        sink: &mut dyn FnMut(u16, u64, Option<u32>),
    ) {
        let not_before = std::mem::replace(&mut self.looked, now);
        for vector in 0..self.watched {
            let at = Self::word(ctrl, vector);
            // A plain load first: it leaves the line shared with QEMU's thread.
            if words.load_acquire(at).is_none_or(|word| word == 0) {
                continue;
            }
            let Some(word) = words.swap(at, 0) else { continue };
            let own = word == DATA | u32::from(vector);
            sink(vector, not_before, (!own).then_some(word));
        }
    }
}
