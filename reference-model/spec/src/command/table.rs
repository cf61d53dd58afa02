//! The table of typed commands, and what every command has in dwords 0 to 9.

use super::*;

/// One typed command, as data.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CommandDef {
    /// The name in sequences and reports: `create-io-sq`.
    pub name: &'static str,
    /// Which kind of queue takes it.
    pub queue: QueueKind,
    /// The combined opcode (SQE dword 0, bits 7:0).
    pub opcode: u8,
    /// The fields that the command itself defines.
    pub fields: &'static [FieldDef],
}

impl CommandDef {
    const fn of<C: Command>() -> Self {
        Self { name: C::NAME, queue: C::QUEUE, opcode: C::OPCODE, fields: C::FIELDS }
    }

    /// The field called `name`: the command's own, or one that every command has and that this
    /// command does not define otherwise (the `cid` of Abort is that of its victim).
    pub fn field(&self, name: &str) -> Option<&'static FieldDef> {
        self.all_fields().find(|field| field.name == name)
    }

    /// The fields that print by name: the command's own in their order, then those of
    /// [`COMMON`] that it leaves alone.
    pub fn all_fields(&self) -> impl Iterator<Item = &'static FieldDef> + use<> {
        let own = self.fields;
        let free =
            move |field: &&FieldDef| !own.iter().any(|o| o.name == field.name || o.overlaps(field));
        own.iter().chain(COMMON.iter().filter(free))
    }

    /// The bits, dword by dword, that the opcode and the named fields cover.
    pub fn named_bits(&self) -> [u32; 16] {
        let mut bits = [0; 16];
        bits[0] = 0xff;
        self.all_fields().for_each(|field| field.write(&mut bits, u64::MAX));
        bits
    }

    /// The bits, dword by dword, that the command defines: dword 0 but for its reserved bits
    /// 13:10, and its own fields. What is left is reserved or unused in this command.
    pub fn defined_bits(&self) -> [u32; 16] {
        let mut bits = [0; 16];
        bits[0] = !0x3c00;
        self.fields.iter().for_each(|field| field.write(&mut bits, u64::MAX));
        bits
    }
}

const fn common(name: &'static str, dword: u8, low: u8, width: u8, kind: Kind) -> FieldDef {
    FieldDef { name, dword, low, width, zero_based: false, kind }
}

/// What the common command format gives every command. Base-2.3 §4.1, figures 91 and 92.
pub const COMMON: &[FieldDef] = &[
    common("cid", 0, 16, 16, Kind::Plain),
    common("fuse", 0, 8, 2, Kind::Plain),
    common("psdt", 0, 14, 2, Kind::Plain),
    common("nsid", 1, 0, 32, Kind::Plain),
    common("mptr", 4, 0, 64, Kind::Address),
    common("prp1", 6, 0, 64, Kind::Address),
    common("prp2", 8, 0, 64, Kind::Address),
];

/// Every typed command, by queue kind and opcode.
pub const TABLE: &[CommandDef] = &[
    CommandDef::of::<DeleteIoSq>(),
    CommandDef::of::<CreateIoSq>(),
    CommandDef::of::<GetLogPage>(),
    CommandDef::of::<DeleteIoCq>(),
    CommandDef::of::<CreateIoCq>(),
    CommandDef::of::<Identify>(),
    CommandDef::of::<Abort>(),
    CommandDef::of::<SetFeatures>(),
    CommandDef::of::<GetFeatures>(),
    CommandDef::of::<AsyncEventRequest>(),
    CommandDef::of::<Flush>(),
    CommandDef::of::<Write>(),
    CommandDef::of::<Read>(),
];

/// The command of that opcode, if it is in the table.
pub fn by_opcode(queue: QueueKind, opcode: u8) -> Option<&'static CommandDef> {
    TABLE.iter().find(|command| command.queue == queue && command.opcode == opcode)
}

/// The command of that name (`create-io-sq`), if it is in the table.
pub fn by_name(name: &str) -> Option<&'static CommandDef> {
    TABLE.iter().find(|command| command.name == name)
}
