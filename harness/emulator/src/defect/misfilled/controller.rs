//! Identify Controller.

use spec::Cns;
use spec::identify::{IdentifyController, PowerState};
use spec::structure::Text;

use super::misfilled;
use crate::defect::identifies;

misfilled! {
    /// Claims of Identify Controller (CNS 01h), Base-2.3 figure 328.
    TABLE: IdentifyController when |scene| identifies(scene, Cns::IDENTIFY_CONTROLLER), with |_| {};

    "serial-number-with-nul" breaks "identify-controller.strings"
        |id| id.set().sn(Text::padded("LOCKSTEP0001", 0))
        => "Strings padded as C does it: tools that print 20 characters print rubbish."
    "oui-zero" breaks "identify-controller.ieee" |id| id.set().ieee([0; 3])
        => "A template from before the vendor had an identifier of its own."
    "cmic-reserved-bits" breaks "identify-controller.cmic" |id| id.set().cmic(0x80)
        => "A private flag in a byte that looked unused."
    "sets-without-groups" breaks "identify-controller.ctratt-sets" |id| id.set().ctratt(1 << 2)
        => "NVM Sets and Endurance Groups brought up by two teams."
    "fdp-with-management" breaks "identify-controller.ctratt-fdp"
        |id| id.set().ctratt(1 << 19 | 1 << 11)
        => "The attributes of two product lines in one word."
    "granularity-without-management" breaks "identify-controller.ctratt-granularity"
        |id| id.set().ctratt(1 << 7)
        => "Granularity claimed for a command that is not there."
    "boot-partitions-unfilled" breaks "identify-controller.bpcap" |id| id.set().bpcap(0)
        => "A byte that came with 2.1 and was left out when VS went up."
    "cntrltype-unfilled" breaks "identify-controller.cntrltype" |id| id.set().cntrltype(0)
        => "A byte that came with 1.4: firmware that raised VS and not the structure."
    "vpd-cycles-without-bit" breaks "identify-controller.vwci" |id| id.set().vwci(5)
        => "The number of write cycles left without the bit that makes it valid."
    "acl-too-small" breaks "identify-controller.acl" |id| id.set().acl(0)
        => "The field is 0's based and 3 is wanted: one command was thought enough."
    "no-firmware-slot" breaks "identify-controller.frmw" |id| id.set().frmw(1)
        => "Slot 1 read-only, and none there: a product without firmware update."
    "power-states-beyond-31" breaks "identify-controller.npss" |id| id.set().npss(32)
        => "The number of power states where the highest one is asked for."
    "temperatures-unfilled" breaks "identify-controller.temperatures"
        |id| id.set().wctemp(0).cctemp(0)
        => "Thresholds that became mandatory with 1.2, in a model without a sensor."
    "hmpre-below-hmmin" breaks "identify-controller.hmpre" |id| id.set().hmpre(1).hmmin(2)
        => "Preferred and minimum size of the Host Memory Buffer swapped."
    "rpmb-without-security" breaks "identify-controller.rpmb" |id| id.set().rpmbs(1)
        => "RPMB units in a controller that has no Security Send to reach them."
    "self-test-without-command" breaks "identify-controller.dsto" |id| id.set().dsto(2)
        => "Options of Device Self-test kept when the command was cut."
    "sanitize-without-type" breaks "identify-controller.sanicap" |id| id.set().sanicap(1 << 29)
        => "A byte order mistake: the attributes of sanitize without any kind of it."
    "verification-without-sanitize" breaks "identify-controller.sanicap-verification"
        |id| id.set().sanicap(1 << 3)
        => "Media verification claimed by a drive that cannot sanitize."
    "ana-times-without-ana" breaks "identify-controller.ana" |id| id.set().anatt(10)
        => "Values of the multipath product in the single path one."
    "domain-without-domains" breaks "identify-controller.domain" |id| id.set().did(1)
        => "A domain identifier in a subsystem that does not divide itself."
    "sqes-unfilled" breaks "identify-controller.sqes" |id| id.set().sqes(0)
        => "Entry sizes taken for constants that no host looks at."
    "cqes-unfilled" breaks "identify-controller.cqes" |id| id.set().cqes(0)
        => "Entry sizes taken for constants that no host looks at."
    "fuses-reserved-bits" breaks "identify-controller.fuses" |id| id.set().fuses(2)
        => "A fused pair of the vendor's own in a reserved bit."
    "flush-bits-unfilled" breaks "identify-controller.vwc-flush"
        |id| { let vwc = id.vwc(); id.set().vwc(vwc & 1) }
        => "Bits 2:1 of VWC came with 1.4; 00b was what older controllers had there."
    "awupf-above-awun" breaks "identify-controller.awupf" |id| id.set().awupf(1).awun(0)
        => "Atomicity over a loss of power that normal operation does not have."
    "write-protection-half-claimed" breaks "identify-controller.nwpc" |id| id.set().nwpc(2)
        => "Protection until the next power cycle without protection at all."
    "acwu-without-fused" breaks "identify-controller.acwu" |id| id.set().acwu(1)
        => "The unit of an operation that is not supported."
    "maxcna-above-nn" breaks "identify-controller.maxcna" |id| id.set().maxcna(0xffff)
        => "The limit of the subsystem where that of the controller is asked for."
    "trackers-without-support" breaks "identify-controller.trattr" |id| id.set().mcudmq(1)
        => "Attributes of migration in a product without it."
    "subnqn-no-nqn" breaks "identify-controller.subnqn"
        |id| id.set().subnqn(Text::padded("lockstep", 0))
        => "The model name where the qualified name belongs: Linux warns of it and makes its own up."
    "activation-time-without-activation" breaks "identify-controller.mptfawr"
        |id| id.set().mptfawr(10)
        => "The time of an activation without reset in a product that needs the reset."
    "power-states-rising" breaks "identify-controller.power-order"
        |id| {
            id.set().npss(1).psd(states([1, 2].map(|mp| {
                let mut state = PowerState::zeroed();
                state.set().mp(mp);
                state
            })))
        }
        => "Power states listed from the lowest to the highest."
    "active-power-while-idle" breaks "identify-controller.power-nops"
        |id| {
            let mut state = PowerState::zeroed();
            state.set().flags(2).actp(1).apws(0x41);
            id.set().psd(states([state, PowerState::zeroed()]))
        }
        => "Active power of a state in which nothing is active."
    "relative-latency-beyond-states" breaks "identify-controller.power-relative"
        |id| {
            let mut state = PowerState::zeroed();
            state.set().rrt(31);
            id.set().psd(states([state, PowerState::zeroed()]))
        }
        => "Relative values of the product with more power states."
    "workload-without-scale" breaks "identify-controller.power-active"
        |id| {
            let mut state = PowerState::zeroed();
            state.set().actp(1).apws(1);
            id.set().psd(states([state, PowerState::zeroed()]))
        }
        => "A power without its unit."
}

/// Power state descriptors: the first two, and zeroes.
fn states(two: [PowerState; 2]) -> [u8; 1024] {
    let mut bytes = [0; 1024];
    for (to, state) in bytes.as_chunks_mut::<32>().0.iter_mut().zip(two) {
        *to = state.0;
    }
    bytes
}
