//! Asynchronous events. Base-2.3 §5.2.2, figures 150 to 157.

use bitfield_struct::bitfield;

use crate::Lid;

/// Dword 0 of the completion of an Asynchronous Event Request. Base-2.3 figure 150.
#[bitfield(u32)]
#[derive(PartialEq, Eq)]
pub struct AsyncEvent {
    /// Asynchronous Event Type (AET): see [`TYPES`].
    #[bits(3)]
    pub aet: u8,
    #[bits(5)]
    __: u8,
    /// Asynchronous Event Information (AEI): which event of the type.
    pub aei: u8,
    /// Log Page Identifier (LID): the page whose reading with RAE = 0 clears the event.
    pub lid: u8,
    __: u8,
}

impl AsyncEvent {
    /// What happened, if the specification names it.
    pub fn def(self) -> Option<&'static EventDef> {
        TABLE.iter().find(|event| event.aet == self.aet() && event.aei == self.aei())
    }
}

/// The Asynchronous Event Types with a name: (AET, name). Base-2.3 figure 150.
pub const TYPES: &[(u8, &str)] = &[
    (0, "Error status"),
    (1, "SMART / Health status"),
    (2, "Notice"),
    (3, "Immediate"),
    (4, "One-Shot"),
    (6, "I/O Command specific status"),
    (7, "Vendor specific"),
];

/// One asynchronous event.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct EventDef {
    /// Asynchronous Event Type (AET).
    pub aet: u8,
    /// Asynchronous Event Information (AEI).
    pub aei: u8,
    /// The log page that clears it, if it has one.
    pub lid: Option<Lid>,
    /// The specification's name.
    pub name: &'static str,
}

impl EventDef {
    /// Dword 0 of the completion that reports the event. LID is 0 where there is no page.
    pub const fn dword0(&self) -> AsyncEvent {
        let lid = match self.lid {
            Some(lid) => lid.0,
            None => 0,
        };
        AsyncEvent::new().with_aet(self.aet).with_aei(self.aei).with_lid(lid)
    }
}

/// Declares the events and their table: AET / AEI, log page, name.
macro_rules! events {
    ($( $const:ident = $aet:literal / $aei:literal, $lid:expr, $name:literal; )*) => {
        $( #[doc = concat!($name, ".")]
        pub const $const: EventDef = EventDef { aet: $aet, aei: $aei, lid: $lid, name: $name }; )*

        /// Every event with a name, by type and information. Base-2.3 figures 152 to 157.
        pub const TABLE: &[EventDef] = &[ $( $const, )* ];
    };
}

events! {
    WRITE_TO_INVALID_DOORBELL_REGISTER = 0 / 0x00, Some(Lid::ERROR_INFORMATION),
        "Write to Invalid Doorbell Register";
    INVALID_DOORBELL_WRITE_VALUE = 0 / 0x01, Some(Lid::ERROR_INFORMATION),
        "Invalid Doorbell Write Value";
    DIAGNOSTIC_FAILURE = 0 / 0x02, Some(Lid::ERROR_INFORMATION), "Diagnostic Failure";
    PERSISTENT_INTERNAL_ERROR = 0 / 0x03, Some(Lid::ERROR_INFORMATION), "Persistent Internal Error";
    TRANSIENT_INTERNAL_ERROR = 0 / 0x04, Some(Lid::ERROR_INFORMATION), "Transient Internal Error";
    FIRMWARE_IMAGE_LOAD_ERROR = 0 / 0x05, Some(Lid::ERROR_INFORMATION), "Firmware Image Load Error";
    NVM_SUBSYSTEM_RELIABILITY = 1 / 0x00, Some(Lid::SMART_HEALTH_INFORMATION),
        "NVM Subsystem Reliability";
    TEMPERATURE_THRESHOLD = 1 / 0x01, Some(Lid::SMART_HEALTH_INFORMATION), "Temperature Threshold";
    SPARE_BELOW_THRESHOLD = 1 / 0x02, Some(Lid::SMART_HEALTH_INFORMATION), "Spare Below Threshold";
    ATTACHED_NAMESPACE_ATTRIBUTE_CHANGED = 2 / 0x00, Some(Lid::CHANGED_ATTACHED_NAMESPACE_LIST),
        "Attached Namespace Attribute Changed";
    FIRMWARE_ACTIVATION_STARTING = 2 / 0x01, Some(Lid::FIRMWARE_SLOT_INFORMATION),
        "Firmware Activation Starting";
    TELEMETRY_LOG_CHANGED = 2 / 0x02, Some(Lid::TELEMETRY_CONTROLLER_INITIATED),
        "Telemetry Log Changed";
    ASYMMETRIC_NAMESPACE_ACCESS_CHANGE = 2 / 0x03, Some(Lid::ASYMMETRIC_NAMESPACE_ACCESS),
        "Asymmetric Namespace Access Change";
    PREDICTABLE_LATENCY_EVENT_AGGREGATE_LOG_PAGE_CHANGE = 2 / 0x04,
        Some(Lid::PREDICTABLE_LATENCY_EVENT_AGGREGATE),
        "Predictable Latency Event Aggregate Log Page Change";
    LBA_STATUS_INFORMATION_ALERT = 2 / 0x05, Some(Lid::LBA_STATUS_INFORMATION),
        "LBA Status Information Alert";
    ENDURANCE_GROUP_EVENT_AGGREGATE_LOG_PAGE_CHANGE = 2 / 0x06,
        Some(Lid::ENDURANCE_GROUP_EVENT_AGGREGATE),
        "Endurance Group Event Aggregate Log Page Change";
    REACHABILITY_GROUP_CHANGE = 2 / 0x07, Some(Lid::REACHABILITY_GROUPS),
        "Reachability Group Change";
    REACHABILITY_ASSOCIATION_CHANGE = 2 / 0x08, Some(Lid::REACHABILITY_ASSOCIATIONS),
        "Reachability Association Change";
    ALLOCATED_NAMESPACE_ATTRIBUTE_CHANGED = 2 / 0x09, Some(Lid::CHANGED_ALLOCATED_NAMESPACE_LIST),
        "Allocated Namespace Attribute Changed";
    ZONE_DESCRIPTOR_CHANGED = 2 / 0xef, Some(Lid::CHANGED_ZONE_LIST), "Zone Descriptor Changed";
    DISCOVERY_LOG_PAGE_CHANGE = 2 / 0xf0, Some(Lid::DISCOVERY), "Discovery Log Page Change";
    HOST_DISCOVERY_LOG_PAGE_CHANGE = 2 / 0xf1, Some(Lid::HOST_DISCOVERY),
        "Host Discovery Log Page Change";
    AVE_DISCOVERY_LOG_PAGE_CHANGE = 2 / 0xf2, Some(Lid::AVE_DISCOVERY),
        "AVE Discovery Log Page Change";
    PULL_MODEL_DDC_REQUEST = 2 / 0xf3, Some(Lid::PULL_MODEL_DDC_REQUEST), "Pull Model DDC Request";
    CROSS_CONTROLLER_RESET_COMPLETED = 2 / 0xf4, Some(Lid::CROSS_CONTROLLER_RESET),
        "Cross-Controller Reset Completed";
    LOST_HOST_COMMUNICATION = 2 / 0xf5, Some(Lid::LOST_HOST_COMMUNICATION),
        "Lost Host Communication";
    NVM_SUBSYSTEM_NORMAL_SHUTDOWN = 3 / 0x00, None, "NVM Subsystem Normal Shutdown";
    TEMPERATURE_THRESHOLD_HYSTERESIS_RECOVERY = 3 / 0x01, None,
        "Temperature Threshold Hysteresis Recovery";
    CONTROLLER_DATA_QUEUE_TAIL_POINTER = 4 / 0x00, None, "Controller Data Queue Tail Pointer";
    CONTROLLER_DATA_QUEUE_FULL_ERROR = 4 / 0x01, None, "Controller Data Queue Full Error";
    POWER_THRESHOLD_EXCEEDED = 4 / 0x02, None, "Power Threshold Exceeded";
    RESERVATION_LOG_PAGE_AVAILABLE = 6 / 0x00, Some(Lid::RESERVATION_NOTIFICATION),
        "Reservation Log Page Available";
    SANITIZE_OPERATION_COMPLETED = 6 / 0x01, Some(Lid::SANITIZE_STATUS),
        "Sanitize Operation Completed";
    SANITIZE_OPERATION_COMPLETED_WITH_UNEXPECTED_DEALLOCATION = 6 / 0x02,
        Some(Lid::SANITIZE_STATUS),
        "Sanitize Operation Completed With Unexpected Deallocation";
    SANITIZE_OPERATION_ENTERED_MEDIA_VERIFICATION_STATE = 6 / 0x03, Some(Lid::SANITIZE_STATUS),
        "Sanitize Operation Entered Media Verification State";
}
