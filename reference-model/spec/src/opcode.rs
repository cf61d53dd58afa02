//! Opcodes by queue kind and command set. Base-2.3 figures 142 and 589, and the command sets.

use crate::QueueKind;

/// One opcode.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct OpcodeDef {
    /// The combined opcode (SQE dword 0, bits 7:0).
    pub opcode: u8,
    /// The specification's name: `Create I/O Submission Queue`.
    pub name: &'static str,
}

/// Which way the data of a command goes: bits 1:0 of its opcode. Base-2.3 figure 91.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Direction {
    /// No data (00b).
    None,
    /// From the host to the controller (01b).
    ToController,
    /// From the controller to the host (10b).
    ToHost,
    /// Both ways (11b).
    Both,
}

/// Which way the data of a command with this opcode goes.
pub const fn direction(opcode: u8) -> Direction {
    match opcode & 3 {
        0 => Direction::None,
        1 => Direction::ToController,
        2 => Direction::ToHost,
        _ => Direction::Both,
    }
}

/// Whether the opcode is a vendor's: 80h to FFh for I/O commands, C0h to FFh for admin commands.
pub const fn vendor_specific(queue: QueueKind, opcode: u8) -> bool {
    match queue {
        QueueKind::Admin => opcode >= 0xc0,
        QueueKind::Nvm => opcode >= 0x80,
    }
}

impl OpcodeDef {
    /// The name as reports print it: with SQ and CQ for the queues.
    pub fn short_name(&self) -> String {
        self.name.replace("Submission Queue", "SQ").replace("Completion Queue", "CQ")
    }

    /// Which way the data goes.
    pub const fn direction(&self) -> Direction {
        direction(self.opcode)
    }
}

/// The entry of an opcode. Commands in I/O queues are looked up in the NVM command set.
pub fn lookup(queue: QueueKind, opcode: u8) -> Option<&'static OpcodeDef> {
    let table = match queue {
        QueueKind::Admin => admin::TABLE,
        QueueKind::Nvm => nvm::TABLE,
    };
    table.iter().find(|entry| entry.opcode == opcode)
}

/// Declares the opcodes of one command set.
macro_rules! opcodes {
    ($(#[$doc:meta])* $module:ident { $( $const:ident = $opcode:literal, $name:literal; )* }) => {
        $(#[$doc])*
        pub mod $module {
            use super::OpcodeDef;

            $( #[doc = concat!($name, ".")] pub const $const: u8 = $opcode; )*

            /// All of them, in the order of their opcodes.
            pub const TABLE: &[OpcodeDef] =
                &[ $( OpcodeDef { opcode: $const, name: $name }, )* ];
        }
    };
}

opcodes! {
    /// Admin commands. Base-2.3 §5, figure 142.
    admin {
        DELETE_IO_SUBMISSION_QUEUE = 0x00, "Delete I/O Submission Queue";
        CREATE_IO_SUBMISSION_QUEUE = 0x01, "Create I/O Submission Queue";
        GET_LOG_PAGE = 0x02, "Get Log Page";
        DELETE_IO_COMPLETION_QUEUE = 0x04, "Delete I/O Completion Queue";
        CREATE_IO_COMPLETION_QUEUE = 0x05, "Create I/O Completion Queue";
        IDENTIFY = 0x06, "Identify";
        ABORT = 0x08, "Abort";
        SET_FEATURES = 0x09, "Set Features";
        GET_FEATURES = 0x0a, "Get Features";
        ASYNCHRONOUS_EVENT_REQUEST = 0x0c, "Asynchronous Event Request";
        NAMESPACE_MANAGEMENT = 0x0d, "Namespace Management";
        FIRMWARE_COMMIT = 0x10, "Firmware Commit";
        FIRMWARE_IMAGE_DOWNLOAD = 0x11, "Firmware Image Download";
        DEVICE_SELF_TEST = 0x14, "Device Self-test";
        NAMESPACE_ATTACHMENT = 0x15, "Namespace Attachment";
        KEEP_ALIVE = 0x18, "Keep Alive";
        DIRECTIVE_SEND = 0x19, "Directive Send";
        DIRECTIVE_RECEIVE = 0x1a, "Directive Receive";
        VIRTUALIZATION_MANAGEMENT = 0x1c, "Virtualization Management";
        NVME_MI_SEND = 0x1d, "NVMe-MI Send";
        NVME_MI_RECEIVE = 0x1e, "NVMe-MI Receive";
        CAPACITY_MANAGEMENT = 0x20, "Capacity Management";
        DISCOVERY_INFORMATION_MANAGEMENT = 0x21, "Discovery Information Management";
        FABRIC_ZONING_RECEIVE = 0x22, "Fabric Zoning Receive";
        LOCKDOWN = 0x24, "Lockdown";
        FABRIC_ZONING_LOOKUP = 0x25, "Fabric Zoning Lookup";
        CLEAR_EXPORTED_NVM_RESOURCE_CONFIGURATION = 0x28,
            "Clear Exported NVM Resource Configuration";
        FABRIC_ZONING_SEND = 0x29, "Fabric Zoning Send";
        CREATE_EXPORTED_NVM_SUBSYSTEM = 0x2a, "Create Exported NVM Subsystem";
        MANAGE_EXPORTED_NVM_SUBSYSTEM = 0x2d, "Manage Exported NVM Subsystem";
        MANAGE_EXPORTED_NAMESPACE = 0x31, "Manage Exported Namespace";
        MANAGE_EXPORTED_PORT = 0x35, "Manage Exported Port";
        CROSS_CONTROLLER_RESET = 0x38, "Cross-Controller Reset";
        SEND_DISCOVERY_LOG_PAGE = 0x39, "Send Discovery Log Page";
        TRACK_SEND = 0x3d, "Track Send";
        TRACK_RECEIVE = 0x3e, "Track Receive";
        MIGRATION_SEND = 0x41, "Migration Send";
        MIGRATION_RECEIVE = 0x42, "Migration Receive";
        CONTROLLER_DATA_QUEUE = 0x45, "Controller Data Queue";
        DOORBELL_BUFFER_CONFIG = 0x7c, "Doorbell Buffer Config";
        FABRICS_COMMANDS = 0x7f, "Fabrics commands";
        FORMAT_NVM = 0x80, "Format NVM";
        SECURITY_SEND = 0x81, "Security Send";
        SECURITY_RECEIVE = 0x82, "Security Receive";
        SANITIZE = 0x84, "Sanitize";
        LOAD_PROGRAM = 0x85, "Load Program";
        GET_LBA_STATUS = 0x86, "Get LBA Status";
        PROGRAM_ACTIVATION_MANAGEMENT = 0x88, "Program Activation Management";
        MEMORY_RANGE_SET_MANAGEMENT = 0x89, "Memory Range Set Management";
        SANITIZE_NAMESPACE = 0x8c, "Sanitize Namespace";
    }
}

opcodes! {
    /// I/O commands of the NVM command set (CSI 00h). NVM-1.0 §3, Base-2.3 §7.
    nvm {
        FLUSH = 0x00, "Flush";
        WRITE = 0x01, "Write";
        READ = 0x02, "Read";
        WRITE_UNCORRECTABLE = 0x04, "Write Uncorrectable";
        COMPARE = 0x05, "Compare";
        WRITE_ZEROES = 0x08, "Write Zeroes";
        DATASET_MANAGEMENT = 0x09, "Dataset Management";
        VERIFY = 0x0c, "Verify";
        RESERVATION_REGISTER = 0x0d, "Reservation Register";
        RESERVATION_REPORT = 0x0e, "Reservation Report";
        RESERVATION_ACQUIRE = 0x11, "Reservation Acquire";
        IO_MANAGEMENT_RECEIVE = 0x12, "I/O Management Receive";
        RESERVATION_RELEASE = 0x15, "Reservation Release";
        CANCEL = 0x18, "Cancel";
        COPY = 0x19, "Copy";
        IO_MANAGEMENT_SEND = 0x1d, "I/O Management Send";
        FABRICS_COMMANDS = 0x7f, "Fabrics commands";
    }
}

opcodes! {
    /// What the Zoned Namespace command set (CSI 02h) adds to the NVM command set. ZNS-1.1 §3.
    zoned {
        ZONE_MANAGEMENT_SEND = 0x79, "Zone Management Send";
        ZONE_MANAGEMENT_RECEIVE = 0x7a, "Zone Management Receive";
        ZONE_APPEND = 0x7d, "Zone Append";
    }
}

opcodes! {
    /// I/O commands of the Key Value command set (CSI 01h). KV-1.0 §3.
    key_value {
        FLUSH = 0x00, "Flush";
        STORE = 0x01, "Store";
        RETRIEVE = 0x02, "Retrieve";
        LIST = 0x06, "List";
        RESERVATION_REGISTER = 0x0d, "Reservation Register";
        RESERVATION_REPORT = 0x0e, "Reservation Report";
        DELETE = 0x10, "Delete";
        RESERVATION_ACQUIRE = 0x11, "Reservation Acquire";
        EXIST = 0x14, "Exist";
        RESERVATION_RELEASE = 0x15, "Reservation Release";
    }
}

opcodes! {
    /// I/O commands of the Subsystem Local Memory command set (CSI 03h), from implementations.
    local_memory {
        MEMORY_COPY = 0x01, "Memory Copy";
        MEMORY_READ = 0x02, "Memory Read";
        MEMORY_FILL = 0x04, "Memory Fill";
        MEMORY_WRITE = 0x05, "Memory Write";
    }
}

opcodes! {
    /// I/O commands of the Computational Programs command set (CSI 04h), from implementations.
    programs {
        EXECUTE_PROGRAM = 0x01, "Execute Program";
    }
}
