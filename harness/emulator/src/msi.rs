//! MSI of a controller: messages for vectors that have something unacknowledged. PCIe Transport §3.5.1.
//!
//! In this mode the interrupt mask (INTMS, INTMC) holds a vector back before MSI sees it, nothing is
//! pending anywhere, and a message goes out when the interrupt status of a vector rises: of a first
//! entry, or of a mask that is lifted. More entries of a vector bring no message; acknowledging some
//! and not all does (figure 9).

use crate::config::Config;
use crate::controller::Controller;
use crate::queue::Cq;
use crate::run::Run;

/// The most messages that a function can have.
pub const MESSAGES_MAX: u16 = 32;

impl Controller {
    /// How many vectors there are for a queue: the messages that MSI was granted, or all there can be.
    pub const fn vectors(&self, config: &Config) -> u16 {
        if self.msi == 0 { config.vectors } else { self.msi }
    }

    /// The interrupt status (IS): a bit for each vector that has something unacknowledged and is not
    /// masked. No host sees it.
    pub fn interrupt_status(&self) -> u32 {
        if !self.finishes() {
            return 0;
        }
        let waiting = self.cqs.iter().flatten().filter(|cq| cq.unacknowledged() != 0);
        waiting.fold(0, |status, cq| status | bit(cq)) & !self.intm
    }

    /// Entries of the vector's queues that the host has not acknowledged, masked or not.
    pub fn unacknowledged(&self, vector: u16) -> u32 {
        let queues = self.cqs.iter().flatten().filter(|cq| cq.iv == vector);
        queues.map(Cq::unacknowledged).sum()
    }

    /// Whether a message of `vector` may go out now.
    pub fn msi_admits(&self, vector: u16) -> bool {
        vector < self.msi && self.interrupt_status() >> vector & 1 != 0
    }
}

/// The vector of a queue; none beyond those that the mask knows.
fn bit(cq: &Cq) -> u32 {
    1u32.checked_shl(cq.iv.into()).unwrap_or(0)
}

impl Run<'_> {
    /// MSI has so many messages from now on; 0 turns it off. What waits is told when it is turned on.
    pub fn set_up_msi(&mut self, messages: u16) {
        let old = std::mem::replace(&mut self.controller.msi, messages);
        if old == 0 {
            self.send_msi(u32::MAX);
        }
    }

    /// INTMC was written. Nothing is done with it here under MSI-X, where the text defines nothing.
    pub fn unmask(&mut self, vectors: u32) {
        let lifted = self.controller.intm & vectors;
        self.controller.intm &= !vectors;
        self.send_msi(lifted);
    }

    /// The host has acknowledged entries of a vector. One message tells of what still waits: of that
    /// vector, or else of the lowest.
    pub fn acknowledge(&mut self, vector: u16) {
        if self.controller.msi == 0 {
            return;
        }
        let left = self.controller.interrupt_status();
        let own = left & 1u32.checked_shl(vector.into()).unwrap_or(0);
        self.send_msi(if own != 0 { own } else { left & left.wrapping_neg() });
    }

    /// Sends a message for each of `vectors` that has something to tell.
    fn send_msi(&mut self, vectors: u32) {
        let told = self.controller.interrupt_status() & vectors;
        let messages = 0..self.controller.msi;
        messages.filter(|vector| told >> vector & 1 != 0).for_each(|vector| self.send_soon(vector));
    }
}
