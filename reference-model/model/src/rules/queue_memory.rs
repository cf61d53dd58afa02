//! Where the memory of a queue lies: PRP Entry 1 and the PRP list of a queue that is not
//! contiguous. Base-2.3 §5.3.1 figure 502, §5.3.2 figure 506.

use spec::Addr;
use spec::command::{CreateIoCq, CreateIoSq};

use super::{create_io_cq, create_io_sq};
use crate::checks;
use crate::ruling::View;
use crate::truth::{Maybe, No, Truth, Yes};

checks! {
    /// Bits 1:0 of PRP Entry 1 of a submission queue. Base-2.3 figure 110.
    pub static SQ: CreateIoSq[cmd, v] in prp {
        LOW_BITS          PRP_OFFSET_INVALID
                          if create_io_sq::low_bits(cmd, v) => "PRP1 {}", cmd.prp1;
    }
}

checks! {
    /// Bits 1:0 of PRP Entry 1 of a completion queue. Base-2.3 figure 110.
    pub static CQ: CreateIoCq[cmd, v] in prp {
        LOW_BITS          PRP_OFFSET_INVALID
                          if create_io_cq::low_bits(cmd, v) => "PRP1 {}", cmd.prp1;
    }
}

/// Whether bits 1:0, which a controller may check or ignore, are not 0.
pub fn first_entry_has_low_bits(prp1: Addr) -> bool {
    prp1.0 & 3 != 0
}

/// Whether PRP Entry 1 has an offset in its page, bits 1:0 aside.
pub fn bad_first_offset(v: &View, prp1: Addr) -> bool {
    prp1.offset(v.page_bytes()) & !3 != 0
}

/// Whether an entry of the list of a queue that is not contiguous has an offset in its page, bits
/// 1:0 aside.
pub fn bad_list_offset(v: &View, prp1: Addr, pc: bool, bytes: u64) -> Truth {
    if pc || bad_first_offset(v, prp1) {
        return No;
    }
    let page = v.page_bytes();
    let mut left = bytes.div_ceil(page);
    let mut at = Addr(prp1.0 & !3);
    while left != 0 {
        let Some(entry) = v.memory.qword(at) else { return Maybe };
        if Addr(entry).offset(page) & !3 != 0 {
            return Yes;
        }
        // The last slot of a list page leads to the next one if more than one entry is left.
        if at.offset(page) == page - 8 && left > 1 {
            at = Addr(entry & !3);
        } else {
            left -= 1;
            at = Addr(at.0.wrapping_add(8));
        }
    }
    No
}

/// Either of them.
pub fn bad_page_offset(v: &View, prp1: Addr, pc: bool, bytes: u64) -> Truth {
    bad_first_offset(v, prp1) | bad_list_offset(v, prp1, pc, bytes)
}

/// For reports: the sizes that are allowed.
pub fn sizes(v: &View) -> String {
    v.max_entries().map_or("CAP.MQES was not read".into(), |most| format!("2 to {most} allowed"))
}
