//! Structures of namespaces, and lists of them.

use spec::Cns;
use spec::identify::{
    IdentifyNamespace, IndependentIdentifyNamespace, LbaFormat, NamespaceIdentificationList,
    NamespaceList, NvmIdentifyNamespace,
};

use super::misfilled;
use crate::defect::identifies;

misfilled! {
    /// Claims of Identify Namespace (CNS 00h), NVM-CS-1.0 figure 97.
    TABLE: IdentifyNamespace when |scene| identifies(scene, Cns::IDENTIFY_NAMESPACE), with |_| {};

    "nuse-above-ncap" breaks "identify-namespace.capacity-order"
        |ns| { let ncap = ns.ncap(); ns.set().nuse(ncap + 1) }
        => "Blocks in use counted with the over-provisioned ones."
    "ncap-below-nsze" breaks "identify-namespace.ncap"
        |ns| { let ncap = ns.ncap(); ns.set().ncap(ncap - 1).nuse(0) }
        => "Thin provisioning done and not claimed."
    "formats-beyond-63" breaks "identify-namespace.nlbaf" |ns| ns.set().nlbaf(64)
        => "The field is 0's based: the number of formats itself is one too many."
    "blocks-of-256-bytes" breaks "identify-namespace.lbads"
        |ns| {
            let mut formats = ns.lbaf();
            formats[0] = LbaFormat::new().with_lbads(8);
            ns.set().lbaf(formats)
        }
        => "The shift of the block size counted from another base."
    "protection-location-reserved-bits" breaks "identify-namespace.protection-location"
        |ns| ns.set().dps(8)
        => "The location of protection information in bit 3 without a type."
    "protection-without-capability" breaks "identify-namespace.protection-type"
        |ns| ns.set().dps(1)
        => "Protection enabled that the format has no room for."
    "dlfeat-reserved-value" breaks "identify-namespace.dlfeat" |ns| ns.set().dlfeat(7)
        => "What a deallocated block reads as, copied from a wider field."
    "metadata-without-a-way" breaks "identify-namespace.metadata-capabilities"
        |ns| {
            let mut formats = ns.lbaf();
            formats[0] = formats[0].with_ms(8);
            ns.set().lbaf(formats).mc(0)
        }
        => "A format with metadata that can be transferred in no way."
    "nabo-without-boundaries" breaks "identify-namespace.nabo" |ns| ns.set().nabo(1)
        => "An offset of boundaries that do not exist."
}

misfilled! {
    /// Claims of Identify Namespace that is independent of the command set (CNS 08h), Base-2.3 figure 335.
    INDEPENDENT: IndependentIdentifyNamespace
        when |scene| identifies(scene, Cns::IO_COMMAND_SET_INDEPENDENT_IDENTIFY_NAMESPACE), with |_| {};

    "independent-disagrees" breaks "identify-independent.as-namespace"
        |ns| { let nmic = ns.nmic(); ns.set().nmic(nmic ^ 1) }
        => "Two structures with the same fields, filled in at two places."
    "independent-group-unsupported" breaks "identify-independent.unsupported-zero"
        |ns| ns.set().anagrpid(1)
        => "An ANA group in a controller without Asymmetric Namespace Access."
    "dispersed-and-private" breaks "identify-independent.dispersed" |ns| ns.set().nmic(2)
        => "A namespace in several subsystems that is not shared within one."
}

misfilled! {
    /// Claims of Identify Namespace of the NVM Command Set (CNS 05h, CSI 00h) of inactive namespaces.
    INACTIVE: NvmIdentifyNamespace
        when |scene| scene.sqe.nsid().0 > 1
            && identifies(scene, Cns::IO_COMMAND_SET_SPECIFIC_IDENTIFY_NAMESPACE),
        with |config| config.nn = Some(config.nn() + 2);

    "inactive-namespace-filled" breaks "identify-nvm-namespace.nsid-inactive"
        |ns| ns.0[0] = 1
        => "A structure from a template, for whatever namespace is asked."
}

misfilled! {
    /// Claims of the Active Namespace ID list (CNS 02h), Base-2.3 figure 139.
    LIST: NamespaceList when |scene| identifies(scene, Cns::ACTIVE_NAMESPACE_ID_LIST), with |_| {};

    "list-with-a-tail" breaks "identify.list-zero-filled"
        |list| list.0[4092] = 1
        => "A page that is not cleared before the identifiers are put in."
    "list-beyond-nn" breaks "identify-controller.nn"
        |list| list.0[..4].copy_from_slice(&0x00ff_0000u32.to_le_bytes())
        => "Internal handles of namespaces in place of their identifiers."
}

misfilled! {
    /// Claims of the Active Namespace ID list of a command set (CNS 07h).
    SET_LIST: NamespaceList
        when |scene| identifies(scene, Cns::IO_COMMAND_SET_SPECIFIC_ACTIVE_NAMESPACE_ID_LIST), with |_| {};

    "set-list-of-strangers" breaks "identify-io-active-list.order"
        |list| list.0[..4].copy_from_slice(&0x1000u32.to_le_bytes())
        => "Namespaces of all command sets, and of all controllers, in the list of one."
}

misfilled! {
    /// Claims of the Namespace Identification Descriptor list (CNS 03h).
    DESCRIPTORS: NamespaceIdentificationList
        when |scene| identifies(scene, Cns::NAMESPACE_IDENTIFICATION_DESCRIPTOR_LIST), with |_| {};

    "namespace-without-identifier" breaks "identify-descriptors.one-at-least"
        |list| list.0 = [0; 4096]
        => "Linux falls back to the serial number for namespaces that name themselves by nothing."
}
