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

/// The vectors of one function, as the host programmed them.
#[derive(Debug, Default)]
pub(crate) struct Msix {
    /// Whether each is masked; empty: MSI-X is off.
    masked: Vec<bool>,
    /// When the words were last looked at.
    looked: u64,
    /// What the function adds to the address of a word: its IOMMU's offset.
    offset: u64,
}

impl Msix {
    /// MSI-X off; the function sees guest memory at `offset`.
    pub fn new(offset: u64) -> Self {
        Self { offset, ..Self::default() }
    }

    /// How many vectors are programmed.
    pub fn vectors(&self) -> u16 {
        self.masked.len() as u16
    }

    fn word(ctrl: Ctrl, vector: u16) -> Addr {
        Addr(FIRST + u64::from(ctrl.0) * STRIDE + 4 * u64::from(vector))
    }

    /// Programs `vectors` vectors, unmasked, and turns MSI-X on, or off for 0.
    pub fn set_up(
        &mut self,
        qtest: &mut Qtest,
        function: &Function,
        ctrl: Ctrl,
        vectors: u16,
        now: u64,
    ) -> Result<(), Trouble> {
        self.masked = vec![false; usize::from(vectors)];
        self.looked = now;
        self.program(qtest, function, ctrl)
    }

    /// Writes the table and the enable bit as last programmed: also after a reset.
    pub fn program(
        &self,
        qtest: &mut Qtest,
        function: &Function,
        ctrl: Ctrl,
    ) -> Result<(), Trouble> {
        let Some(place) = function.msix else { return Ok(()) };
        function.enable_msix(qtest, false)?;
        for vector in 0..place.vectors {
            let entry = place.table + 16 * u64::from(vector);
            let Some(&masked) = self.masked.get(usize::from(vector)) else {
                qtest.queue(format_args!("writel {:#x} 1", entry + 12))?;
                continue;
            };
            let data = DATA | u32::from(vector);
            let word = Self::word(ctrl, vector).0 + self.offset;
            qtest.queue(format_args!("writel {entry:#x} {:#x}", word as u32))?;
            qtest.queue(format_args!("writel {:#x} {:#x}", entry + 4, word >> 32))?;
            qtest.queue(format_args!("writel {:#x} {data:#x}", entry + 8))?;
            qtest.queue(format_args!("writel {:#x} {:#x}", entry + 12, u32::from(masked)))?;
        }
        if !self.masked.is_empty() {
            function.enable_msix(qtest, true)?;
        }
        qtest.flush()
    }

    /// Masks or unmasks one vector that is programmed.
    pub fn mask(
        &mut self,
        qtest: &mut Qtest,
        function: &Function,
        vector: u16,
        masked: bool,
    ) -> Result<(), Trouble> {
        let (Some(place), Some(slot)) = (function.msix, self.masked.get_mut(usize::from(vector)))
        else {
            return Ok(());
        };
        *slot = masked;
        let control = place.table + 16 * u64::from(vector) + 12;
        qtest.queue(format_args!("writel {control:#x} {:#x}", u32::from(masked)))?;
        qtest.flush()
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
        for vector in 0..self.vectors() {
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
