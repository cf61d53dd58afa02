//! NVMe-MI Commands Supported and Effects (LID 13h). Base-2.3 §5.2.12.1.19, figure 268.

use spec::Lid;
use spec::log_page::NvmeMiCommandsSupportedAndEffects;

use super::LogPageDef;

/// 2.0 has this page as mandatory. No Management Interface command is supported: all of it is 0.
pub(super) const DEFINITION: LogPageDef = LogPageDef {
    lid: Lid::NVME_MI_COMMANDS_SUPPORTED_AND_EFFECTS,
    since: (2, 0),
    bytes: |_| NvmeMiCommandsSupportedAndEffects::BYTES,
    fill: |_, _| {},
    clears: None,
};
