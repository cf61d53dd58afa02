//! How a command is ruled: tables of checks, two forces, and one algorithm (design.md section 5).
//!
//! A [`Rule`] is what one command's file gives: tables of checks, what data it moves, what structure
//! it touches, and what its acceptance does. The checks of a rule are numbered through all its
//! tables; a [`Ruling`] is two masks of those numbers, and makes no allocation. Forces stand in the
//! catalogue, never here: see [`Forces`].

use spec::requirement::{Force, Level, StatusForce};
use spec::{Nsid, Qid, QueueKind, Req, Sqe, Status, Version};

use crate::memory::Memory;
use crate::prp::PrpWalk;
use crate::state::{Controller, World};
use crate::truth::{No, Truth, Yes};

mod apply;
mod footprint;
mod forces;

pub use apply::{Apply, Broken, Held, Weight};
pub use footprint::{Cells, Footprint};
pub use forces::{Applies, Forces};

/// What a check sees beside the command. Dereferences to the controller that runs the command.
#[derive(Clone, Copy, Debug)]
pub struct View<'a> {
    /// Everything believed.
    pub world: &'a World,
    /// The controller that runs the command.
    pub controller: &'a Controller,
    /// Its index.
    pub ctrl: u8,
    /// The submission queue that the command came from.
    pub sqid: Qid,
    /// The revision that the controller is judged by.
    pub version: Version,
    /// What host memory held when the command was rung (lists must not change before its CQE).
    pub memory: &'a Memory,
    /// Other commands that were in flight at some moment of this one's interval.
    pub others: Others,
}

/// Commands in flight beside the one that is judged.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Others {
    /// Asynchronous Event Requests.
    pub aers: u32,
    /// Aborts.
    pub aborts: u32,
    /// Commands of the same queue with the same CID.
    pub same_cid: u32,
}

impl std::ops::Deref for View<'_> {
    type Target = Controller;
    fn deref(&self) -> &Controller {
        self.controller
    }
}

impl<'a> View<'a> {
    /// The walk along the PRP entries of `sqe` for a transfer of `bytes`, at the page size in use.
    pub fn prps(&self, sqe: &Sqe, bytes: u64) -> PrpWalk<'a> {
        PrpWalk::new(self.memory, sqe, self.controller.page_bytes(), bytes)
    }

    /// Logical block size of `nsid` in bytes, once known.
    pub fn block_bytes(&self, nsid: Nsid) -> Option<u32> {
        self.world.namespace(nsid)?.claims.map(|c| c.block_bytes)
    }
}

/// One check: a requirement, the statuses it lists, what is wrong, and why.
pub struct Check<C> {
    /// The requirement; its forces stand in the catalogue.
    pub req: Req,
    /// The statuses that the requirement gives for this fault.
    pub statuses: &'static [Status],
    /// Whether the command has this fault.
    pub fault: fn(&C, &View) -> Truth,
    /// What is believed that makes it a fault. Called on the failing path only.
    pub because: fn(&C, &View) -> String,
}

/// A table of checks over the typed command `C`; see [`checks!`](crate::checks).
pub struct Table<C: 'static> {
    /// The projection, done once for the whole table.
    pub project: fn(&Sqe) -> C,
    /// The checks, in the clause's order.
    pub checks: &'static [Check<C>],
}

/// A table of checks, whatever its command.
pub trait Checks: Sync {
    /// How many checks.
    fn count(&self) -> usize;
    /// Which checks fail surely (bit n: check n), and which may fail.
    fn evaluate(&self, sqe: &Sqe, view: &View) -> Ruling;
    /// The requirement and statuses of check `n`.
    fn check(&self, n: usize) -> (Req, &'static [Status]);
    /// Why check `n` fails.
    fn because(&self, n: usize, sqe: &Sqe, view: &View) -> String;
}

impl<C> Checks for Table<C> {
    fn count(&self) -> usize {
        self.checks.len()
    }

    #[inline]
    fn evaluate(&self, sqe: &Sqe, view: &View) -> Ruling {
        let command = (self.project)(sqe);
        let mut ruling = Ruling::default();
        for (n, check) in self.checks.iter().enumerate() {
            match (check.fault)(&command, view) {
                No => {}
                Yes => ruling.failing |= 1 << n,
                Truth::Maybe => ruling.undecided |= 1 << n,
            }
        }
        ruling
    }

    fn check(&self, n: usize) -> (Req, &'static [Status]) {
        (self.checks[n].req, self.checks[n].statuses)
    }

    fn because(&self, n: usize, sqe: &Sqe, view: &View) -> String {
        (self.checks[n].because)(&(self.project)(sqe), view)
    }
}

/// Declares a table of checks. One line a check, in the clause's order: requirement (a constant of
/// the module after `in`), statuses, fault (`bool`, `Option<bool>` or [`Truth`]), and because.
///
/// ```ignore
/// checks! {
///     /// Create I/O Submission Queue (opcode 01h). Base-2.3 §5.3.2, figures 506 to 510.
///     pub static CHECKS: CreateIoSq[cmd, v] in create_io_sq {
///         QID_ADMIN   INVALID_QUEUE_IDENTIFIER  if cmd.qid.is_admin() => "QID 0 is the admin queue";
///         CQID_RANGE  INVALID_QUEUE_IDENTIFIER | COMPLETION_QUEUE_INVALID
///                     if v.granted.io_cqs.excludes(cmd.cqid) => "granted {}", v.granted.io_cqs;
///     }
/// }
/// ```
///
/// For tables over any command use [`AnyCommand`](crate::ruling::AnyCommand) as the type.
#[macro_export]
macro_rules! checks {
    (
        $(#[$doc:meta])*
        $vis:vis static $table:ident : $command:ty [$cmd:ident, $v:ident] in $group:ident {
            $( $req:ident $($status:ident)|+ if $fault:expr => $because:literal $(, $arg:expr)* ; )*
        }
    ) => {
        $(#[$doc])*
        $vis static $table: $crate::ruling::Table<$command> = $crate::ruling::Table {
            project: <$command as $crate::ruling::Project>::of,
            checks: &[$( $crate::ruling::Check {
                req: spec::requirement::$group::$req,
                statuses: &[$( spec::Status::$status ),+],
                fault: |$cmd: &$command, $v: &$crate::ruling::View| {
                    let _ = (&$cmd, &$v);
                    $crate::truth::Truth::from($fault)
                },
                because: |$cmd: &$command, $v: &$crate::ruling::View| {
                    let _ = (&$cmd, &$v);
                    format!($because $(, $arg)*)
                },
            }, )*],
        };
    };
}

/// How a table gets its command out of an SQE.
pub trait Project {
    /// The command as this SQE gives it.
    fn of(sqe: &Sqe) -> Self;
}

/// Any command: for tables that many commands share. Dereferences to the SQE.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct AnyCommand(pub Sqe);

impl std::ops::Deref for AnyCommand {
    type Target = Sqe;
    fn deref(&self) -> &Sqe {
        &self.0
    }
}

impl Project for AnyCommand {
    fn of(sqe: &Sqe) -> Self {
        Self(*sqe)
    }
}

impl<C: spec::command::Command> Project for C {
    fn of(sqe: &Sqe) -> Self {
        C::project(sqe)
    }
}

/// What data a command moves when it is accepted.
#[derive(Clone, Copy, Debug)]
pub enum Data {
    /// None, or none that is judged.
    None,
    /// Logical blocks to the host.
    Read(Blocks),
    /// Logical blocks from the host.
    Write(Blocks),
    /// What was completed before becomes durable.
    Flush(Nsid),
    /// A structure to the host; `seen` is called when the host has looked at all of it.
    Returns {
        /// How many bytes.
        bytes: u32,
        /// Holds the bytes against requirements, and learns claims from them.
        seen: fn(&mut Apply, &[u8]),
    },
    /// It moves data, but how much is not known yet (a format that was not read).
    Unknown,
}

/// A range of logical blocks.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Blocks {
    /// The namespace.
    pub nsid: Nsid,
    /// Starting LBA.
    pub slba: u64,
    /// How many logical blocks.
    pub count: u32,
    /// Bytes per logical block, without metadata.
    pub block_bytes: u32,
    /// Whether the text says where in host memory the data lies: no PRP entry that must not have an
    /// offset has one, and the list is known.
    pub placed: bool,
}

/// Everything about one command.
pub struct Rule {
    /// The name in reports: `create-io-sq`.
    pub name: &'static str,
    /// Which opcode table it stands in.
    pub queue: QueueKind,
    /// The combined opcode.
    pub opcode: u8,
    /// Its checks: common tables first. At most 64 checks in all.
    pub tables: &'static [&'static dyn Checks],
    /// The requirement that is broken when a command without fault is refused.
    pub succeeds: Option<Req>,
    /// Data that it moves, from the SQE and what is believed of the namespace.
    pub data: fn(&Sqe, &View) -> Data,
    /// Structure that it touches. [`Footprint::NONE`] on the fast path.
    pub footprint: fn(&Sqe, &View) -> Footprint,
    /// Effect of its acceptance, and what is held against the CQE.
    pub accept: fn(&mut Apply),
    /// Effect of its refusal.
    pub refuse: fn(&mut Apply),
}

impl std::fmt::Debug for Rule {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Rule({})", self.name)
    }
}

/// Which checks of a rule fail, and which may. Bits number the checks through all its tables.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Ruling {
    /// The fault is there.
    pub failing: u64,
    /// The fault may be there.
    pub undecided: u64,
}

/// What the algorithm says of one answer.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Decision {
    /// Allowed. `by`: the checks that it was judged by (none: nothing was wrong, and it was accepted).
    Agrees {
        /// The failing checks that list the status.
        by: u64,
    },
    /// Not to be decided: a check that may fail, or that may not accuse, lists it or leaves it open.
    Tolerated,
    /// Allowed against a recommendation of these checks.
    Warns {
        /// The failing checks.
        by: u64,
    },
    /// Not allowed, by these checks; none: no check fails, and it was refused.
    Diverges {
        /// The failing checks.
        by: u64,
    },
    /// A status that fits nearly any command.
    Ambient,
}

impl Rule {
    /// Evaluates all checks.
    #[inline]
    pub fn evaluate(&self, sqe: &Sqe, view: &View) -> Ruling {
        let mut ruling = Ruling::default();
        let mut base = 0;
        for table in self.tables {
            let part = table.evaluate(sqe, view);
            ruling.failing |= part.failing << base;
            ruling.undecided |= part.undecided << base;
            base += table.count();
        }
        ruling
    }

    /// Drops the checks that do not apply here, and turns those that may not accuse into undecided
    /// ones. Called only when some check fails or may fail.
    pub fn in_force(&self, ruling: Ruling, forces: &Forces) -> Ruling {
        let mut kept = Ruling::default();
        for n in bits(ruling.failing | ruling.undecided) {
            let bit = 1 << n;
            match forces.of(self.check(n).0) {
                Applies::Off => {}
                Applies::On(_) if ruling.failing & bit != 0 => kept.failing |= bit,
                Applies::On(_) | Applies::Unknown => kept.undecided |= bit,
            }
        }
        kept
    }

    /// Requirement and statuses of check `n`.
    pub fn check(&self, n: u32) -> (Req, &'static [Status]) {
        let (table, at) = self.table_of(n);
        table.check(at)
    }

    /// Why check `n` fails.
    pub fn because(&self, n: u32, sqe: &Sqe, view: &View) -> String {
        let (table, at) = self.table_of(n);
        table.because(at, sqe, view)
    }

    fn table_of(&self, n: u32) -> (&'static dyn Checks, usize) {
        let mut at = n as usize;
        for table in self.tables {
            if at < table.count() {
                return (*table, at);
            }
            at -= table.count();
        }
        unreachable!("check {n} of {} does not exist", self.name)
    }

    /// Holds `status` against a ruling that is [in force](Self::in_force).
    pub fn decide(&self, ruling: Ruling, status: Status, forces: &Forces) -> Decision {
        let force = |n: u32| match forces.of(self.check(n).0) {
            Applies::On(force) => force,
            Applies::Off | Applies::Unknown => {
                Force { level: Level::May, status: StatusForce::Open }
            }
        };
        if status.is_success() {
            return self.decide_acceptance(ruling, force);
        }
        let lists = |n: &u32| self.check(*n).1.contains(&status);
        let by = mask(bits(ruling.failing).filter(lists));
        if by != 0 {
            return Decision::Agrees { by };
        }
        if bits(ruling.undecided).any(|n| lists(&n)) {
            return Decision::Tolerated;
        }
        if is_ambient(status) {
            return Decision::Ambient;
        }
        if ruling.failing == 0 {
            // A check that may fail might leave its status open; none of them listed this one.
            let open = bits(ruling.undecided).any(|n| force(n).status != StatusForce::Exact);
            // That the command must succeed at all may hang on a revision that is not known.
            let optional = self.succeeds.is_some_and(|req| forces.of(req) == Applies::Unknown);
            let diverges = !open && !optional;
            return if diverges { Decision::Diverges { by: 0 } } else { Decision::Tolerated };
        }
        let weakest = bits(ruling.failing).map(|n| force(n).status).min();
        // Only the checks that leave the status open have judged it.
        let open = |n: &u32| force(*n).status == StatusForce::Open;
        match weakest {
            _ if bits(ruling.undecided).any(|n| force(n).status != StatusForce::Exact) => {
                Decision::Tolerated
            }
            Some(StatusForce::Open) => {
                Decision::Agrees { by: mask(bits(ruling.failing).filter(open)) }
            }
            Some(StatusForce::Recommended) => Decision::Warns { by: ruling.failing },
            _ => Decision::Diverges { by: ruling.failing },
        }
    }

    fn decide_acceptance(&self, ruling: Ruling, force: impl Fn(u32) -> Force) -> Decision {
        let of = |level| mask(bits(ruling.failing).filter(|n| force(*n).level == level));
        let must = of(Level::Shall);
        if must != 0 {
            return Decision::Diverges { by: must };
        }
        match of(Level::Should) {
            0 => Decision::Agrees { by: ruling.failing },
            should => Decision::Warns { by: should },
        }
    }
}

/// The numbers of the bits set in `mask`.
pub fn bits(mask: u64) -> impl Iterator<Item = u32> {
    let mut left = mask;
    std::iter::from_fn(move || {
        let n = (left != 0).then(|| left.trailing_zeros())?;
        left &= left - 1;
        Some(n)
    })
}

fn mask(bits: impl Iterator<Item = u32>) -> u64 {
    bits.fold(0, |mask, n| mask | 1 << n)
}

/// Whether a status is legal, by clause, for nearly any command at any time: Internal Error,
/// transport and path errors, interruption, and errors of the media.
pub const fn is_ambient(status: Status) -> bool {
    match (status.sct(), status.sc()) {
        // Data Transfer Error, Aborted due to Power Loss Notification, Internal Error, Command
        // Interrupted, Transient Transport Error, Namespace Not Ready.
        (0, 0x04..=0x06 | 0x21 | 0x22 | 0x82) => true,
        // Write Fault, Unrecovered Read Error.
        (2, 0x80 | 0x81) => true,
        // Path related and vendor specific.
        (3 | 7, _) => true,
        _ => false,
    }
}

/// For rules that move no data.
pub fn no_data(_: &Sqe, _: &View) -> Data {
    Data::None
}

/// For rules that touch no structure.
pub fn no_footprint(_: &Sqe, _: &View) -> Footprint {
    Footprint::NONE
}

/// For rules without effect on structure.
pub fn no_effect(_: &mut Apply) {}

#[cfg(test)]
mod tests;
