//! Structures of one of several controllers that the other ones know nothing of.

use spec::Cns;
use spec::identify::{IdentifyController, IdentifyNamespace};
use spec::structure::Text;

use super::misfilled;
use crate::config::Config;
use crate::defect::identifies;

/// A subsystem with two controllers.
fn two(config: &mut Config) {
    config.controllers = config.controllers.max(2);
}

misfilled! {
    /// Identify Controller (CNS 01h) of the second controller.
    CONTROLLER: IdentifyController
        when |scene| scene.ctrl == 1 && identifies(scene, Cns::IDENTIFY_CONTROLLER), with two;

    "second-controller-denies-the-first" breaks "controller.cmic"
        |id| { let cmic = id.cmic(); id.set().cmic(cmic & !2) }
        => "CMIC of the product with one controller."
    "second-controller-counts-other-namespaces" breaks "controller.same-nn"
        |id| { let nn = id.nn(); id.set().nn(nn + 1).mnan(0) }
        => "NN taken for the number of namespaces attached to the controller."
    "second-controller-of-another-serial" breaks "controller.same-serial-and-model"
        |id| id.set().sn(Text::padded("LOCKSTEP0002", b' '))
        => "A serial number for each function, as PCI devices have one."
    "second-controller-of-another-subsystem" breaks "controller.same-subnqn"
        |id| id.set().subnqn(Text::padded("nqn.2026-11.org.lockstep:second", 0))
        => "A qualified name for each function: hosts find no second path."
}

misfilled! {
    /// Identify Namespace (CNS 00h) through the second controller.
    NAMESPACE: IdentifyNamespace
        when |scene| scene.ctrl == 1 && identifies(scene, Cns::IDENTIFY_NAMESPACE), with two;

    "shared-namespace-differs" breaks "controller.same-namespace-data"
        |ns| { let dlfeat = ns.dlfeat(); ns.set().dlfeat(dlfeat ^ 8) }
        => "What deallocated blocks read as, told by each controller for itself."
    "shared-namespace-unmarked" breaks "controller.shared-marked"
        |ns| { let nmic = ns.nmic(); ns.set().nmic(nmic & !1) }
        => "NMIC of the product with one controller."
}
