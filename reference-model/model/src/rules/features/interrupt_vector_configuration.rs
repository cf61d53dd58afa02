//! Interrupt Vector Configuration (FID 09h): one value for each vector. Base-2.3 §5.2.26.2.3.

use spec::feature::InterruptVectorConfiguration;
use spec::requirement::interrupt_vector;

use super::value::{self, Default, Value, accept_set, stays};
use super::*;

/// Coalescing Disable (CD).
const CD: u32 = 1 << 16;
/// Interrupt Vector (IV).
const IV: u32 = 0xffff;

/// The feature. Of vector 0 the default is not judged: the admin queue's interrupts are never
/// coalesced, and a controller may tell so.
pub static VALUE: Value = Value {
    fid: Fid::INTERRUPT_VECTOR_CONFIGURATION,
    of: |_, dword_11, _| dword_11 & IV,
    bits: |_, _, _| CD,
    reserved: !(CD | IV),
    current: |_| interrupt_vector::VALUE,
    default: |_, iv| {
        (iv != 0).then_some(Default { bits: CD, value: 0, by: interrupt_vector::DEFAULT })
    },
    after_reset: interrupt_vector::DEFAULT,
    moves: stays,
    of_namespace: false,
};

value_rules! {
    INTERRUPT_VECTOR_CONFIGURATION, "09h", reads Cells::ALL_QUEUES;
    get get_features::MANDATORY, get_tables!(&ELSEWHERE, &GET_OWN), accept_get;
    set interrupt_vector::VALUE, set_tables!(&SET_RESERVED, &SET_ELSEWHERE, &SET_OWN),
        |apply| accept_set(apply, &VALUE);
}

static SET_RESERVED: Reserved<SetFeatures> =
    Reserved::and(|cmd, _| set_leftovers(cmd) || cmd.cdw11 & VALUE.reserved != 0);

checks! {
    static GET_OWN: GetFeatures[cmd, v] in interrupt_vector {
        // Only Set Features is spoken of.
        UNUSED            INVALID_FIELD_IN_COMMAND
                          if unused(cmd.cdw11, v) & Maybe
                          => "vector {}, I/O CQs = {}", cmd.cdw11 & IV, v.io_cqs;
    }
}

checks! {
    static SET_OWN: SetFeatures[cmd, v] in interrupt_vector {
        UNUSED            INVALID_FIELD_IN_COMMAND
                          if unused(cmd.cdw11, v)
                          => "vector {}, I/O CQs = {}", cmd.cdw11 & IV, v.io_cqs;
    }
}

/// Whether no I/O completion queue uses the vector. Whether vector 0, which the admin queue uses, and
/// that of a queue without interrupts count as used is not said.
fn unused(dword_11: u32, v: &View) -> Truth {
    let iv = InterruptVectorConfiguration::from_bits(dword_11).iv();
    let mut sharing = v.io_cqs.0.iter().filter(|cq| cq.iv == iv);
    match sharing.clone().next() {
        Some(_) if sharing.any(|cq| cq.ien) => Truth::No,
        Some(_) => Maybe,
        None if iv == 0 => Maybe,
        None => Yes,
    }
}

fn accept_get(apply: &mut Apply) {
    let (asked, dw0) = (GetFeatures::project(apply.sqe).cdw11 & IV, apply.cqe.dw0());
    let is_value = shows_a_value(apply);
    if is_value {
        apply.hold(interrupt_vector::VALUE, dw0 & IV == asked, || {
            (
                format!("vector {}", dw0 & IV),
                format!("vector {asked}"),
                "dword 11 of the command names it".into(),
            )
        });
    }
    value::accept_get(apply, &VALUE);
}
