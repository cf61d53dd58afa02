//! CSTS.SHST stays 01b.

use spec::register::{CSTS, Csts};

use crate::seam::{Defect, Scene};

pub(super) struct ShutdownNeverCompletes;

impl Defect for ShutdownNeverCompletes {
    fn name(&self) -> &'static str {
        "shutdown-never-completes"
    }

    fn breaks(&self) -> &'static [&'static str] {
        &["shutdown.normal", "shutdown.abrupt"]
    }

    fn story(&self) -> &'static str {
        "A shutdown that waits for commands that the host will not release: hosts then \
         wait for their whole timeout at power off."
    }

    fn on_reg_read(&self, _: &mut Scene, offset: u32, value: u32) -> u32 {
        let csts = Csts::from_bits(value);
        match csts.shst() {
            2 if offset == CSTS => csts.with_shst(1).into_bits(),
            _ => value,
        }
    }
}
