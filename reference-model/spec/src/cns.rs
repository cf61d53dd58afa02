//! Identify: what the Controller or Namespace Structure field (CNS) asks for. Base-2.3 §5.2.13,
//! figure 326.

use crate::num::codes;

codes! {
    /// Controller or Namespace Structure (CNS). Base-2.3 figure 326.
    Cns {
        IDENTIFY_NAMESPACE = 0x00, "Identify Namespace";
        IDENTIFY_CONTROLLER = 0x01, "Identify Controller";
        ACTIVE_NAMESPACE_ID_LIST = 0x02, "Active Namespace ID List";
        NAMESPACE_IDENTIFICATION_DESCRIPTOR_LIST = 0x03, "Namespace Identification Descriptor List";
        NVM_SET_LIST = 0x04, "NVM Set List";
        IO_COMMAND_SET_SPECIFIC_IDENTIFY_NAMESPACE = 0x05,
            "I/O Command Set Specific Identify Namespace";
        IO_COMMAND_SET_SPECIFIC_IDENTIFY_CONTROLLER = 0x06,
            "I/O Command Set Specific Identify Controller";
        IO_COMMAND_SET_SPECIFIC_ACTIVE_NAMESPACE_ID_LIST = 0x07,
            "I/O Command Set Specific Active Namespace ID List";
        IO_COMMAND_SET_INDEPENDENT_IDENTIFY_NAMESPACE = 0x08,
            "I/O Command Set Independent Identify Namespace";
        IDENTIFY_NAMESPACE_FOR_USER_DATA_FORMAT = 0x09, "Identify Namespace for User Data Format";
        IO_COMMAND_SET_SPECIFIC_IDENTIFY_NAMESPACE_FOR_USER_DATA_FORMAT = 0x0a,
            "I/O Command Set Specific Identify Namespace for User Data Format";
        ALLOCATED_NAMESPACE_ID_LIST = 0x10, "Allocated Namespace ID List";
        IDENTIFY_NAMESPACE_FOR_ALLOCATED_NSID = 0x11, "Identify Namespace for Allocated NSID";
        NAMESPACE_ATTACHED_CONTROLLER_LIST = 0x12, "Namespace Attached Controller List";
        CONTROLLER_LIST = 0x13, "Controller List";
        PRIMARY_CONTROLLER_CAPABILITIES = 0x14, "Primary Controller Capabilities";
        SECONDARY_CONTROLLER_LIST = 0x15, "Secondary Controller List";
        NAMESPACE_GRANULARITY_LIST = 0x16, "Namespace Granularity List";
        UUID_LIST = 0x17, "UUID List";
        DOMAIN_LIST = 0x18, "Domain List";
        ENDURANCE_GROUP_LIST = 0x19, "Endurance Group List";
        IO_COMMAND_SET_SPECIFIC_ALLOCATED_NAMESPACE_ID_LIST = 0x1a,
            "I/O Command Set Specific Allocated Namespace ID List";
        IO_COMMAND_SET_SPECIFIC_IDENTIFY_NAMESPACE_FOR_ALLOCATED_NSID = 0x1b,
            "I/O Command Set Specific Identify Namespace for Allocated NSID";
        IDENTIFY_IO_COMMAND_SET = 0x1c, "Identify I/O Command Set";
        UNDERLYING_NAMESPACE_LIST = 0x1d, "Underlying Namespace List";
        PORTS_LIST = 0x1e, "Ports List";
        IO_COMMAND_SET_INDEPENDENT_IDENTIFY_NAMESPACE_FOR_ALLOCATED_NSID = 0x1f,
            "I/O Command Set Independent Identify Namespace for Allocated NSID";
        SUPPORTED_CONTROLLER_STATE_FORMATS = 0x20, "Supported Controller State Formats";
    }
}
