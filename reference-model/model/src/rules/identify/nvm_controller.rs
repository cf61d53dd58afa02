//! I/O Command Set specific Identify Controller (CNS 06h). Base-2.3 §5.2.13.2.6; of the NVM command set
//! NVM-1.0 §4.1.5.4.

use std::ops::Range;
use std::sync::LazyLock;

use spec::Nsid;
use spec::command::{Command, Identify};
use spec::identify::NvmIdentifyController;
use spec::requirement::identify;

use super::*;
use crate::rules::claims::{claims, first_reserved, hold_all};

/// The rule.
pub static RULE: Rule = Rule {
    name: "identify 06h",
    tables: &[&DWORD_0, &PSDT_ADMIN, &RESERVED_BESIDE_CSI, &NSID_UNUSED, &CHECKS, &PRPS],
    succeeds: Some(identify::MANDATORY),
    data: |sqe, view| returns(sqe, view, seen),
    accept: accept_of_set,
    ..STRUCTURE
};

checks! {
    static CHECKS: Identify[cmd, v] in identify_nvm_controller {
        CSI_UNSUPPORTED   INVALID_FIELD_IN_COMMAND
                          if unsupported_set(cmd.csi, v)
                          => "CSI {:02X}h, CAP.CSS {:02X}h", cmd.csi, css(v);
    }
}

claims! {
    static RESERVED_ZERO: NvmIdentifyController[id, v] in identify {
        RESERVED_ZERO: leftover(id).is_none(), "0 in reserved bytes",
            "byte {} is not 0", leftover(id).unwrap_or(0);
    }
}

fn leftover(id: &NvmIdentifyController) -> Option<usize> {
    static RANGES: LazyLock<Vec<Range<usize>>> =
        LazyLock::new(NvmIdentifyController::reserved_ranges);
    first_reserved(id.bytes(), &RANGES)
}

fn seen(apply: &mut Apply, bytes: &[u8]) {
    let Ok(bytes) = <[u8; BYTES as usize]>::try_from(bytes) else { return };
    let cmd = Identify::project(apply.sqe);
    if cmd.csi == NVM {
        hold_all(apply, &NvmIdentifyController(bytes), RESERVED_ZERO);
        again::structure(apply, (cmd.cns, Nsid(0)), &bytes);
    }
}
