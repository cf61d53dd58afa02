//! Commands Supported and Effects (LID 05h). Base-2.3 §5.2.12.1.6, figures 213 and 214.

use spec::Lid;
use spec::command::{Command, SetFeatures, Write};
use spec::log_page::effects::scope;
use spec::log_page::{CommandEffects, CommandsSupportedAndEffects};

use super::LogPageDef;
use crate::run::Run;
use crate::{admin, nvm};

pub(super) const DEFINITION: LogPageDef = LogPageDef {
    lid: Lid::COMMANDS_SUPPORTED_AND_EFFECTS,
    since: (1, 2),
    bytes: |_| CommandsSupportedAndEffects::BYTES,
    fill,
    clears: None,
};

/// CSI makes no difference: CC.CSS is never 110b here.
fn fill(run: &mut Run, to: &mut [u8]) {
    // The scopes come with LPA bit 5.
    let scopes = run.config.command_scopes && run.config.from(2, 0);
    let scoped = |csp| if scopes { csp } else { 0 };
    let supported = CommandEffects::new().with_csupp(true);
    let mut page = CommandsSupportedAndEffects::zeroed();
    for command in admin::TABLE {
        let csp = match command.opcode {
            SetFeatures::OPCODE => scope::CONTROLLER | scope::NAMESPACE,
            _ => scope::CONTROLLER,
        };
        page.set_acs(command.opcode, supported.with_csp(scoped(csp)));
    }
    for command in nvm::TABLE {
        let writes = command.opcode == Write::OPCODE;
        let effects = supported.with_lbcc(writes).with_csp(scoped(scope::NAMESPACE));
        page.set_iocs(command.opcode, effects);
    }
    to.copy_from_slice(page.bytes());
}
