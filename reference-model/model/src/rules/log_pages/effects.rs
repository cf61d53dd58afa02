//! Commands Supported and Effects (LID 05h). Base-2.3 §5.2.12.1.6, figures 213 and 214.

use spec::QueueKind;
use spec::command::{Command, GetLogPage};
use spec::log_page::{CommandEffects, CommandsSupportedAndEffects};
use spec::opcode::{admin, nvm};

use super::*;
use crate::rules::claims::{Seen, claims, hold_all};

/// The rule.
pub static RULE: Rule = Rule {
    name: "get-log-page 05h",
    queue: QueueKind::Admin,
    opcode: GetLogPage::OPCODE,
    tables: &[
        &DWORD_0,
        &PSDT_ADMIN,
        &RESERVED_BESIDE_CSI,
        &CONTROLLER_PAGE,
        &OPTIONAL,
        &OFFSETS,
        &PRPS,
    ],
    succeeds: Some(get_log_page::MANDATORY),
    data: |sqe, view| returns(sqe, view, seen),
    footprint: no_footprint,
    accept: accept_page_of_set,
    refuse: refuse_page,
};

/// The page, and whether its I/O commands are those of the NVM command set.
struct Page {
    effects: CommandsSupportedAndEffects,
    of_nvm: bool,
}

/// One entry: an admin or an I/O command.
type Entry = (bool, u8, CommandEffects);

/// Admin commands that every I/O controller supports. Base-2.3 figure 28.
const ADMIN: [u8; 10] = [
    admin::DELETE_IO_SUBMISSION_QUEUE,
    admin::CREATE_IO_SUBMISSION_QUEUE,
    admin::GET_LOG_PAGE,
    admin::DELETE_IO_COMPLETION_QUEUE,
    admin::CREATE_IO_COMPLETION_QUEUE,
    admin::IDENTIFY,
    admin::ABORT,
    admin::SET_FEATURES,
    admin::GET_FEATURES,
    admin::ASYNCHRONOUS_EVENT_REQUEST,
];

/// Commands that every controller with the NVM command set supports. NVM-1.0 §3.
const NVM: [u8; 3] = [nvm::FLUSH, nvm::WRITE, nvm::READ];

impl Page {
    fn entries(&self) -> impl Iterator<Item = Entry> {
        let acs = (0..=u8::MAX).map(|opcode| (false, opcode, self.effects.acs(opcode)));
        acs.chain((0..=u8::MAX).map(|opcode| (true, opcode, self.effects.iocs(opcode))))
    }

    fn first(&self, bad: impl Fn(&Entry) -> bool) -> Option<Entry> {
        self.entries().find(|entry| bad(entry))
    }

    /// An entry that says something of a command that is not supported, or leaves out one that is.
    fn misfit(&self, v: &Seen) -> Option<Entry> {
        let mandatory = |io: bool, opcode: &u8| match io {
            false => v.claims.is_some_and(|c| c.cntrltype <= 1) && ADMIN.contains(opcode),
            true => self.of_nvm && NVM.contains(opcode),
        };
        self.first(|(io, opcode, entry)| {
            let empty = entry.into_bits() == 0;
            !entry.csupp() && (!empty || mandatory(*io, opcode))
        })
    }

    /// A supported command that changes something which its entry denies.
    fn denied(&self) -> Option<Entry> {
        let data = |io: bool, opcode: u8| match io {
            false => matches!(opcode, admin::FORMAT_NVM | admin::SANITIZE),
            true => {
                self.of_nvm
                    && matches!(
                        opcode,
                        nvm::WRITE | nvm::WRITE_UNCORRECTABLE | nvm::WRITE_ZEROES | nvm::COPY
                    )
            }
        };
        self.first(|(io, opcode, entry)| {
            let inventory = !io && *opcode == admin::NAMESPACE_MANAGEMENT;
            entry.csupp() && (data(*io, *opcode) && !entry.lbcc() || inventory && !entry.nic())
        })
    }

    /// A command that Identify Controller claims and the page does not, or the other way.
    fn unlike_identify(&self, v: &Seen) -> Option<String> {
        let claims = v.claims?;
        let optional =
            ADMIN_BITS.iter().map(|(bit, ops)| (claims.oacs >> bit & 1, false, true, ops));
        let io = IO_BITS.iter().filter(|_| self.of_nvm);
        let io = io.map(|(bit, both, ops)| (claims.oncs >> bit & 1, true, *both, ops));
        optional.chain(io).find_map(|(claimed, io, both, ops)| {
            ops.iter().find_map(|opcode| {
                let entry = if io { self.effects.iocs(*opcode) } else { self.effects.acs(*opcode) };
                let odd = if claimed == 1 { !entry.csupp() } else { both && entry.csupp() };
                let (set, field) = if io { ("I/O", "ONCS") } else { ("admin", "OACS") };
                odd.then(|| {
                    let csupp = u8::from(entry.csupp());
                    format!("{set} {opcode:02X}h: CSUPP {csupp}, its bit of {field} {claimed}")
                })
            })
        })
    }
}

/// Bits of OACS, and the opcodes that they speak for. Base-2.3 figure 328.
const ADMIN_BITS: [(u32, &[u8]); 8] = [
    (0, &[admin::SECURITY_SEND, admin::SECURITY_RECEIVE]),
    (1, &[admin::FORMAT_NVM]),
    (2, &[admin::FIRMWARE_COMMIT, admin::FIRMWARE_IMAGE_DOWNLOAD]),
    (3, &[admin::NAMESPACE_MANAGEMENT, admin::NAMESPACE_ATTACHMENT]),
    (4, &[admin::DEVICE_SELF_TEST]),
    (5, &[admin::DIRECTIVE_SEND, admin::DIRECTIVE_RECEIVE]),
    (6, &[admin::NVME_MI_SEND, admin::NVME_MI_RECEIVE]),
    (8, &[admin::DOORBELL_BUFFER_CONFIG]),
];

/// Bits of ONCS, whether a bit of 0 says that the command is missing (a limit in the structure of CNS
/// 06h may say otherwise), and the opcodes.
const IO_BITS: [(u32, bool, &[u8]); 7] = [
    (0, true, &[nvm::COMPARE]),
    (1, false, &[nvm::WRITE_UNCORRECTABLE]),
    (2, false, &[nvm::DATASET_MANAGEMENT]),
    (3, false, &[nvm::WRITE_ZEROES]),
    (5, true, &[nvm::RESERVATION_REGISTER, nvm::RESERVATION_REPORT]),
    (7, false, &[nvm::VERIFY]),
    (8, true, &[nvm::COPY]),
];

claims! {
    static CLAIMS: Page[page, v] in commands_supported {
        ENTRIES: page.misfit(v).is_none() && is_zero(&page.effects.bytes()[2048..]),
            "mandatory commands supported, 0 for those that are not, 0 behind the last",
            "{}", told(page.misfit(v));
        EFFECTS: page.denied().is_none(),
            "the effects that the command has", "{}", told(page.denied());
        AS_IDENTIFY: v.claims.is_some().then(|| page.unlike_identify(v).is_none()),
            "the commands that OACS and ONCS claim",
            "{}", page.unlike_identify(v).unwrap_or_default();
        RELAXATION: page.first(badly_relaxed).is_none(),
            "CSER 0, or 1 with CSE 1; CSE at most 2", "{}", told(page.first(badly_relaxed));
        SCOPE: page.first(|(.., entry)| entry.csp() != 0).is_none(),
            "no scope without LPA bit 5",
            "{}", told(page.first(|(.., entry)| entry.csp() != 0));
    }
}

claims! {
    static RESERVED_ZERO: Page[page, v] in identify {
        RESERVED_ZERO: page.first(leftover).is_none(), "0 in reserved bits",
            "{}", told(page.first(leftover));
    }
}

fn badly_relaxed((.., entry): &Entry) -> bool {
    entry.cser() > 1 || entry.cse() > 2 || entry.cser() == 1 && entry.cse() != 1
}

/// Bits 13:5, and scopes that have no meaning.
fn leftover((.., entry): &Entry) -> bool {
    entry.into_bits() & 0x3fe0 != 0 || entry.csp() & 0xfc0 != 0
}

fn is_zero(bytes: &[u8]) -> bool {
    bytes.iter().all(|byte| *byte == 0)
}

fn told(entry: Option<Entry>) -> String {
    match entry {
        Some((io, opcode, entry)) => {
            let set = if io { "I/O" } else { "admin" };
            format!("{set} {opcode:02X}h: {:08X}h", entry.into_bits())
        }
        None => "bytes behind 2047 are not 0".into(),
    }
}

fn seen(apply: &mut Apply, bytes: &[u8]) {
    let Some(bytes) = steady::<4096>(apply, bytes) else { return };
    let of_nvm = chosen_set(apply.sqe, apply.controller()) == Some(0);
    let page = Page { effects: CommandsSupportedAndEffects(bytes), of_nvm };
    hold_all(apply, &page, CLAIMS);
    hold_all(apply, &page, RESERVED_ZERO);
}
