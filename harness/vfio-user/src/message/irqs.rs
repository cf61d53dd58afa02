//! DEVICE_GET_IRQ_INFO and DEVICE_SET_IRQS: interrupts.

use super::{Layout, Malformed, layout, tail};

layout! {
    /// DEVICE_GET_IRQ_INFO, as a command (`argsz` and `index` count) and as a reply.
    IrqInfo = "DEVICE_GET_IRQ_INFO" {
        /// The largest reply; in the reply the size of all there is.
        argsz: u32,
        /// [`IrqInfo::EVENTFD`] and the others.
        flags: u32,
        /// Which type: see [`super::device_info::irq`].
        index: u32,
        /// How many interrupts of the type.
        count: u32,
    }
}

impl IrqInfo {
    /// Interrupts are signalled by eventfd.
    pub const EVENTFD: u32 = 1;
    /// They can be masked and unmasked.
    pub const MASKABLE: u32 = 1 << 1;
    /// Each masks itself when it fires.
    pub const AUTOMASKED: u32 = 1 << 2;
    /// Those of a type are set up together.
    pub const NORESIZE: u32 = 1 << 3;
}

layout! {
    /// The fixed part of DEVICE_SET_IRQS. Eventfds may come with it.
    IrqSet = "DEVICE_SET_IRQS" {
        /// Size of the payload.
        argsz: u32,
        /// One of `DATA_*` and one of `ACTION_*`.
        flags: u32,
        /// Which type.
        index: u32,
        /// The first interrupt.
        start: u32,
        /// How many interrupts. 0, with start 0 and [`IrqSet::DATA_NONE`]: all are turned off.
        count: u32,
    }
}

impl IrqSet {
    /// No data: the action is for all of the range.
    pub const DATA_NONE: u32 = 1;
    /// A byte for each of the range says whether the action is for it.
    pub const DATA_BOOL: u32 = 1 << 1;
    /// Eventfds come along; none: the range gets none.
    pub const DATA_EVENTFD: u32 = 1 << 2;
    /// Mask.
    pub const ACTION_MASK: u32 = 1 << 3;
    /// Unmask.
    pub const ACTION_UNMASK: u32 = 1 << 4;
    /// Trigger, or what happens when the device does.
    pub const ACTION_TRIGGER: u32 = 1 << 5;
    /// All data flags.
    pub const DATA: u32 = Self::DATA_NONE | Self::DATA_BOOL | Self::DATA_EVENTFD;
    /// All action flags.
    pub const ACTION: u32 = Self::ACTION_MASK | Self::ACTION_UNMASK | Self::ACTION_TRIGGER;
}

/// DEVICE_SET_IRQS.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct SetIrqs<'a> {
    /// The fixed part.
    pub set: IrqSet,
    /// A byte for each interrupt of the range, with [`IrqSet::DATA_BOOL`]; else empty.
    pub bools: &'a [u8],
}

impl<'a> SetIrqs<'a> {
    /// From a payload.
    pub fn decode(bytes: &'a [u8]) -> Result<Self, Malformed> {
        let (set, rest) = IrqSet::split(bytes)?;
        let bools = match set.flags & IrqSet::DATA_BOOL {
            0 => &[],
            _ => tail(IrqSet::NAME, rest, set.count.into())?,
        };
        Ok(Self { set, bools })
    }

    /// Appends a payload; `argsz` becomes its size.
    pub fn encode(&self, to: &mut Vec<u8>) {
        let argsz = (IrqSet::BYTES + self.bools.len()) as u32;
        IrqSet { argsz, ..self.set }.encode(to);
        to.extend_from_slice(self.bools);
    }
}
