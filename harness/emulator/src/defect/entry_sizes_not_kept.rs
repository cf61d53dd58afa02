//! CC does not read back the entry sizes that were written.

use spec::register::{CC, Cc};

use crate::seam::{Defect, Scene};

pub(super) struct EntrySizesNotKept;

impl Defect for EntrySizesNotKept {
    fn name(&self) -> &'static str {
        "entry-sizes-not-kept"
    }

    fn breaks(&self) -> &'static [&'static str] {
        &["register.cc-reads-back"]
    }

    fn story(&self) -> &'static str {
        "IOSQES and IOCQES taken for constants, since the command set leaves no choice, and \
         read as 0."
    }

    fn on_reg_read(&self, _: &mut Scene, offset: u32, value: u32) -> u32 {
        if offset == CC {
            Cc::from_bits(value).with_iosqes(0).with_iocqes(0).into_bits()
        } else {
            value
        }
    }
}
