//! Log pages.

use spec::Lid;
use spec::log_page::{
    CommandsSupportedAndEffects, ErrorInformation, FeatureIdentifiersSupportedAndEffects,
    FirmwareSlot, SmartHealth,
};
use spec::structure::Text;

use super::misfilled;
use crate::defect::reads_page;

misfilled! {
    /// Claims of SMART / Health Information (LID 02h), Base-2.3 figure 210.
    SMART: SmartHealth when |scene| reads_page(scene, Lid::SMART_HEALTH_INFORMATION), with |_| {};

    "spare-above-100" breaks "smart.ranges" |page| page.set().avsp(255)
        => "Spare blocks in 255ths where a percentage is asked for."
    "smart-counts-no-errors" breaks "error-log.smart-count" |page| page.set().neile(0)
        => "The number of error log entries counted since power on and not over the life."
    "reads-uncounted" breaks "smart.host-commands" |page| page.set().hrc(0)
        => "Only what misses the cache is counted."
    "smart-reserved-bits" breaks "identify.reserved-zero"
        |page| { let cw = page.cw(); page.set().cw(cw | 0x80) }
        => "A vendor's own warning in the reserved bit of the critical warnings."
}

misfilled! {
    /// Claims of Firmware Slot Information (LID 03h), Base-2.3 figure 212.
    FIRMWARE: FirmwareSlot when |scene| reads_page(scene, Lid::FIRMWARE_SLOT_INFORMATION), with |_| {};

    "active-slot-0" breaks "firmware-slot.active" |page| page.set().afi(0)
        => "Slots counted from 0."
    "absent-slot-with-revision" breaks "firmware-slot.empty"
        |page| page.set().frs7(Text::padded("1.0", b' '))
        => "Seven slots in the page, whatever FRMW says."
}

misfilled! {
    /// Claims of Error Information (LID 01h), Base-2.3 figure 209.
    ERRORS: ErrorInformation when |scene| reads_page(scene, Lid::ERROR_INFORMATION), with |_| {};

    "error-of-half-a-command" breaks "error-log.no-command"
        |entry| if entry.ecnt() != 0 { entry.set().cid(0).pel(0); }
        => "An error of a doorbell logged with the CID of a command that happened to be there."
    "error-log-version-unfilled" breaks "error-log.version"
        |entry| if entry.ecnt() != 0 { entry.set().lpver(0); }
        => "The version of the page came with 2.3 and was left out when VS went up."
    "error-log-reserved-bytes" breaks "error-log.reserved-zero"
        |entry| if entry.ecnt() != 0 { entry.0[62] = 1; }
        => "An entry built in a buffer that held something else."
    "error-log-oldest-first" breaks "error-log.order"
        |entry| if entry.ecnt() > 1 { entry.set().ecnt(1); }
        => "A ring of entries returned from its beginning."
}

misfilled! {
    /// Claims of Commands Supported and Effects (LID 05h), Base-2.3 figure 213.
    EFFECTS: CommandsSupportedAndEffects
        when |scene| reads_page(scene, Lid::COMMANDS_SUPPORTED_AND_EFFECTS), with |_| {};

    "identify-not-listed" breaks "commands-supported.entries"
        |page| page.set_acs(6, Default::default())
        => "A list of the optional commands, where all are asked for."
    "relaxed-without-restriction" breaks "commands-supported.relaxation"
        |page| { let entry = page.acs(6); page.set_acs(6, entry.with_cser(1)) }
        => "The relaxation of a restriction that is not there."
    "scopes-without-attribute" breaks "commands-supported.scope"
        |page| { let entry = page.acs(6); page.set_acs(6, entry.with_csp(1)) }
        => "Scopes came with 2.0; a host is told of them by LPA bit 5, which is 0 here."
    "security-listed-alone" breaks "commands-supported.as-identify"
        |page| { let entry = page.acs(6); page.set_acs(0x81, entry) }
        => "The list of the product family, where Identify Controller is that of the product."
}

misfilled! {
    /// Claims of Feature Identifiers Supported and Effects (LID 12h), Base-2.3 figure 266.
    FEATURES: FeatureIdentifiersSupportedAndEffects
        when |scene| reads_page(scene, Lid::FEATURE_IDENTIFIERS_SUPPORTED_AND_EFFECTS), with |_| {};

    "absent-feature-with-effects" breaks "features-supported.entries"
        |page| { let fid = spec::Fid::TIMESTAMP; let entry = page.fis(fid); page.set_fis(fid, entry.with_udcc(true).with_fsupp(false)) }
        => "Effects from the table of the product family under a feature that is not there."
}
