//! Log pages. Base-2.3 §5.2.12, figure 206, and the I/O command sets.

pub mod effects;
pub mod error_information;
pub mod firmware_slot;
pub mod smart_health;

pub use effects::{
    CommandEffects, CommandsSupportedAndEffects, FeatureIdentifiersSupportedAndEffects, FidEffects,
    LidSupported, NvmeMiCommandsSupportedAndEffects, SupportedLogPages,
};
pub use error_information::ErrorInformation;
pub use firmware_slot::{ActiveFirmwareInfo, FirmwareSlot};
pub use smart_health::{CriticalWarning, SmartHealth};

use crate::num::codes;

codes! {
    /// Log Page Identifier (LID). Base-2.3 figure 206.
    Lid {
        SUPPORTED_LOG_PAGES = 0x00, "Supported Log Pages";
        ERROR_INFORMATION = 0x01, "Error Information";
        SMART_HEALTH_INFORMATION = 0x02, "SMART / Health Information";
        FIRMWARE_SLOT_INFORMATION = 0x03, "Firmware Slot Information";
        CHANGED_ATTACHED_NAMESPACE_LIST = 0x04, "Changed Attached Namespace List";
        COMMANDS_SUPPORTED_AND_EFFECTS = 0x05, "Commands Supported and Effects";
        DEVICE_SELF_TEST = 0x06, "Device Self-test";
        TELEMETRY_HOST_INITIATED = 0x07, "Telemetry Host-Initiated";
        TELEMETRY_CONTROLLER_INITIATED = 0x08, "Telemetry Controller-Initiated";
        ENDURANCE_GROUP_INFORMATION = 0x09, "Endurance Group Information";
        PREDICTABLE_LATENCY_PER_NVM_SET = 0x0a, "Predictable Latency Per NVM Set";
        PREDICTABLE_LATENCY_EVENT_AGGREGATE = 0x0b, "Predictable Latency Event Aggregate";
        ASYMMETRIC_NAMESPACE_ACCESS = 0x0c, "Asymmetric Namespace Access";
        PERSISTENT_EVENT_LOG = 0x0d, "Persistent Event Log";
        LBA_STATUS_INFORMATION = 0x0e, "LBA Status Information";
        ENDURANCE_GROUP_EVENT_AGGREGATE = 0x0f, "Endurance Group Event Aggregate";
        MEDIA_UNIT_STATUS = 0x10, "Media Unit Status";
        SUPPORTED_CAPACITY_CONFIGURATION_LIST = 0x11, "Supported Capacity Configuration List";
        FEATURE_IDENTIFIERS_SUPPORTED_AND_EFFECTS = 0x12,
            "Feature Identifiers Supported and Effects";
        NVME_MI_COMMANDS_SUPPORTED_AND_EFFECTS = 0x13, "NVMe-MI Commands Supported and Effects";
        COMMAND_AND_FEATURE_LOCKDOWN = 0x14, "Command and Feature Lockdown";
        BOOT_PARTITION = 0x15, "Boot Partition";
        ROTATIONAL_MEDIA_INFORMATION = 0x16, "Rotational Media Information";
        DISPERSED_NAMESPACE_PARTICIPATING_NVM_SUBSYSTEMS = 0x17,
            "Dispersed Namespace Participating NVM Subsystems";
        MANAGEMENT_ADDRESS_LIST = 0x18, "Management Address List";
        PHYSICAL_INTERFACE_RECEIVER_EYE_OPENING_MEASUREMENT = 0x19,
            "Physical Interface Receiver Eye Opening Measurement";
        REACHABILITY_GROUPS = 0x1a, "Reachability Groups";
        REACHABILITY_ASSOCIATIONS = 0x1b, "Reachability Associations";
        CHANGED_ALLOCATED_NAMESPACE_LIST = 0x1c, "Changed Allocated Namespace List";
        DEVICE_PERSONALITIES = 0x1d, "Device Personalities";
        CROSS_CONTROLLER_RESET = 0x1e, "Cross-Controller Reset";
        LOST_HOST_COMMUNICATION = 0x1f, "Lost Host Communication";
        FDP_CONFIGURATIONS = 0x20, "FDP Configurations";
        RECLAIM_UNIT_HANDLE_USAGE = 0x21, "Reclaim Unit Handle Usage";
        FDP_STATISTICS = 0x22, "FDP Statistics";
        FDP_EVENTS = 0x23, "FDP Events";
        POWER_MEASUREMENT = 0x25, "Power Measurement";
        DISCOVERY = 0x70, "Discovery";
        HOST_DISCOVERY = 0x71, "Host Discovery";
        AVE_DISCOVERY = 0x72, "AVE Discovery";
        PULL_MODEL_DDC_REQUEST = 0x73, "Pull Model DDC Request";
        SANITIZE_NAMESPACE_STATUS_LIST = 0x7f, "Sanitize Namespace Status List";
        RESERVATION_NOTIFICATION = 0x80, "Reservation Notification";
        SANITIZE_STATUS = 0x81, "Sanitize Status";
        CHANGED_ZONE_LIST = 0xbf, "Changed Zone List";
        OPEN_CHANNEL_CHUNK_INFORMATION = 0xca, "Open-Channel Chunk Information";
        OPEN_CHANNEL_CHUNK_NOTIFICATION = 0xd0, "Open-Channel Chunk Notification";
    }
}
