//! Completions that tell something wrong: one family, since all of it happens at the same seam.

use spec::command::{Abort, AsyncEventRequest, Command, GetFeatures, SetFeatures};
use spec::feature::TemperatureThreshold;
use spec::{Cqe, Fid};

use super::{is_admin, told};
use crate::seam::{Defect, Posting, Scene};

/// Completions that are changed.
pub(super) struct Misanswered {
    name: &'static str,
    breaks: &'static [&'static str],
    story: &'static str,
    /// Whether the command at hand is one of them; it succeeded.
    which: fn(&mut Scene) -> bool,
    /// Makes the completion wrong.
    change: fn(&mut Cqe),
}

impl Defect for Misanswered {
    told!();

    fn on_cqe(&self, scene: &mut Scene, posting: &mut Posting) {
        if posting.cqe.status().is_success() && (self.which)(scene) {
            (self.change)(&mut posting.cqe);
        }
    }
}

/// Whether the command at hand gets a feature, by this Select value.
fn gets(scene: &Scene, fid: Fid, sel: u8) -> bool {
    let cmd = GetFeatures::project(scene.sqe);
    is_admin(scene, GetFeatures::OPCODE) && cmd.fid == fid && cmd.sel == sel
}

/// The current value.
const CURRENT: u8 = 0;
/// The default value.
const DEFAULT: u8 = 1;
/// The supported capabilities.
const CAPABILITIES: u8 = 3;

/// Whether the command at hand gets this threshold (THSEL) of the composite temperature.
fn gets_threshold(scene: &Scene, thsel: u8) -> bool {
    let asked = TemperatureThreshold::from_bits(scene.sqe.dw[11]);
    gets(scene, Fid::TEMPERATURE_THRESHOLD, CURRENT)
        && (asked.tmpsel(), asked.thsel()) == (0, thsel)
}

macro_rules! misanswered {
    ($( $name:literal breaks [$($breaks:literal),+] $which:expr, $change:expr => $story:literal )*) => {
        &[ $( &Misanswered {
            name: $name,
            breaks: &[$($breaks),+],
            story: $story,
            which: $which,
            change: $change,
        }, )* ]
    };
}

/// Every one.
pub(super) const TABLE: &[&dyn Defect] = misanswered! {
    "retry-bits-on-success" breaks ["cqe.crd-reserved", "cqe.success-dnr-crd"]
        |_| true, |cqe| cqe.dw[3] |= 0b1011 << 28
        => "Retry delays of another product in completions of one without Advanced Command Retry."
    "abort-untold" breaks ["abort.told-aborted"]
        |scene| is_admin(scene, Abort::OPCODE), |cqe| cqe.dw[0] |= 1
        => "QEMU 7.2 answers every Abort with not aborted; here the victim was aborted all the same."
    "event-reserved-bits" breaks ["async-event.dw0"]
        |scene| is_admin(scene, AsyncEventRequest::OPCODE), |cqe| cqe.dw[0] |= 0xff << 24
        => "Dword 0 of an event built on top of what stood there."
    "event-of-another-page" breaks ["async-event.error-event"]
        |scene| is_admin(scene, AsyncEventRequest::OPCODE),
        |cqe| cqe.dw[0] = cqe.dw[0] & !(0xff << 16) | 2 << 16
        => "Events that all name the SMART page: a host reads it and never clears the error."
    "event-of-another-doorbell" breaks ["async-event.which-doorbell-error"]
        |scene| is_admin(scene, AsyncEventRequest::OPCODE), |cqe| cqe.dw[0] &= !(0xff << 8)
        => "One code for all that can be wrong with a doorbell."
    "capabilities-of-another-scope" breaks ["get-features.capabilities"]
        |scene| gets(scene, Fid::ERROR_RECOVERY, CAPABILITIES), |cqe| cqe.dw[0] ^= 2
        => "A table of features in which the scope stands in the wrong column."
    "select-ignored" breaks ["get-features.select", "temperature-threshold.over"]
        |scene| gets(scene, Fid::TEMPERATURE_THRESHOLD, DEFAULT), |cqe| cqe.dw[0] = 9
        => "Select came with 1.1 and is ignored: the current value in place of the default."
    "default-moves" breaks ["get-features.default-constant"]
        |scene| {
            let asked = gets(scene, Fid::TEMPERATURE_THRESHOLD, DEFAULT);
            let again = asked && scene.notes[0] != 0;
            scene.notes[0] += u64::from(asked);
            again
        },
        |cqe| cqe.dw[0] ^= 1
        => "Set Features with Save written over the table of defaults."
    "interrupt-coalescing-swapped" breaks ["interrupt-coalescing.value"]
        |scene| gets(scene, Fid::INTERRUPT_COALESCING, CURRENT),
        |cqe| cqe.dw[0] = (cqe.dw[0] ^ 1) & 0xffff
        => "Threshold and time put together in the wrong order, or one of them lost."
    "write-atomicity-inverted" breaks ["write-atomicity.value"]
        |scene| gets(scene, Fid::WRITE_ATOMICITY_NORMAL, CURRENT), |cqe| cqe.dw[0] ^= 1
        => "Disable Normal: a bit that switches off, stored as one that switches on."
    "cache-setting-inverted" breaks ["volatile-write-cache.wce", "set-features.effective-at-completion"]
        |scene| gets(scene, Fid::VOLATILE_WRITE_CACHE, CURRENT), |cqe| cqe.dw[0] ^= 1
        => "The state of write-through returned in the bit of the write cache."
    "power-state-moves" breaks ["power-management.state"]
        |scene| gets(scene, Fid::POWER_MANAGEMENT, CURRENT), |cqe| cqe.dw[0] ^= 1
        => "The state that the hardware is in, where the one that was asked for is wanted."
    "over-temperature-lost" breaks ["temperature-threshold.over"]
        |scene| gets_threshold(scene, TemperatureThreshold::OVER), |cqe| cqe.dw[0] ^= 1
        => "Kelvin and degrees Celsius: a conversion that does not come back."
    "under-temperature-lost" breaks ["temperature-threshold.under"]
        |scene| gets_threshold(scene, TemperatureThreshold::UNDER), |cqe| cqe.dw[0] ^= 1
        => "Kelvin and degrees Celsius: a conversion that does not come back."
    "event-configuration-lost" breaks ["event-configuration.value"]
        |scene| gets(scene, Fid::ASYNCHRONOUS_EVENT_CONFIGURATION, CURRENT), |cqe| cqe.dw[0] ^= 2
        => "Warnings in the order of another page."
    "coalescing-off-unasked" breaks ["interrupt-vector.value"]
        |scene| gets(scene, Fid::INTERRUPT_VECTOR_CONFIGURATION, CURRENT), |cqe| cqe.dw[0] ^= 1 << 16
        => "Coalescing Disable taken for coalescing enabled."
    "second-queue-count-counts" breaks ["number-of-queues.second-set-keeps"]
        |scene| {
            let sets = is_admin(scene, SetFeatures::OPCODE)
                && SetFeatures::project(scene.sqe).fid == Fid::NUMBER_OF_QUEUES;
            scene.notes[0] += u64::from(sets);
            sets && scene.notes[0].is_multiple_of(2)
        },
        |cqe| cqe.dw[0] ^= 1
        => "The numbers of the last request, where those of the first are allocated."
};
