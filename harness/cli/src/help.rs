//! What `--help` teaches beside the options: what things are, and lines to begin with. A test runs every
//! line that can be run anywhere.

/// Of the bare program, after the list of commands.
pub const PROGRAM: &str = "\
A DUT (device under test) is an NVMe controller: the bundled emulator, QEMU's, or a real one.

Begin here:
  lockstep run                              judge the bundled emulator with every test
  lockstep run --dut qemu                   judge QEMU's NVMe controller with the same tests
  lockstep run --defect accept-any-cqid     plant a bug and see it found
  lockstep list req:create-io-sq.*          the tests of some requirements
  lockstep run --filter 'abort and not req:abort.not-aborted' --seed 7
  lockstep replay reports/out/…/x.trace --dut qemu
  lockstep doctor                           is this machine ready?

Exit codes: 0 passed, 1 diverged, 2 bad usage, 3 unproved, 4 harness error, 5 nothing ran,
130 interrupted. The whole story: docs/exit-codes.md.";

/// Of `run`.
pub const RUN: &str = "\
Filters: a word selects the tests whose id contains it, `=ID` that very test, `req:NAME` the tests
of a requirement (`req:create-io-sq.*` of several), `hazard:harmless` those that change nothing on
the controller; combine with and, or, not and parentheses.

Results are written to OUT/events.jsonl one by one as they come, and traces of tests that did not
pass beside them; nothing that finished is lost to Ctrl-C or a full disk.

Verdicts: passed; warned (a recommendation was not followed); diverged (the DUT broke a requirement);
unproved (nothing was wrong, and the point of the test was not proved); error (of ours); waived (a
known deviation); n/a (the DUT or its transport lacks what the test needs).

Profiles, waivers and configurations: docs/files.md tells every key.";

/// Of `list`.
pub const LIST: &str = "\
The id of a test is its place in the suites and its name, which says what a controller does.

  lockstep list                             every test, with its point and its requirements
  lockstep list 'abort or req:reset.*'      those that a filter selects; `run --help` tells of filters";

/// Of `requirements`.
pub const REQUIREMENTS: &str = "\
Of each: level, clause and text, and whether a rule of the model judges it, with the tests that prove
it; an entry without a rule says why. Nothing is judged that has no name.

  lockstep requirements --summary           how many entries there are of each kind
  lockstep requirements create-io-sq        those of a command";

/// Of `claims`.
pub const CLAIMS: &str = "\
Every controller is enabled and identified, and what it says is judged as in any test.

  lockstep claims                           registers and Identify data of the emulator
  lockstep claims --dut qemu                the same of QEMU's controller";

/// Of `replay`.
pub const REPLAY: &str = "\
A trace is what `run` keeps of a test: what the host did and what it saw. A sequence is text, the
host's steps alone; docs/sequences.md tells of it.

  lockstep generate --to x.seq              a sequence to play with
  lockstep replay x.seq                     perform it on the emulator, and judge what is seen
  lockstep replay x.trace --dut qemu        the steps of a trace on another DUT
  lockstep replay x.trace --show            its steps as a sequence, to read and edit";

/// Of `judge`.
pub const JUDGE: &str = "\
Findings and verdict follow from the trace and the profile alone: the same as when it was recorded,
unless `--profile` names another.

  lockstep judge reports/out/…/x.trace      what a run kept of a test that did not pass";

/// Of `shrink`.
pub const SHRINK: &str = "\
The shorter sequence diverges by the same requirement; what it finds is the DUT's doing, never that of
a step which makes no sense alone.

  lockstep shrink x.trace --dut qemu --to short.seq";

/// Of `compare`.
pub const COMPARE: &str = "\
Compared are the verdict and findings of every test, the profile, the readings of named choices that
the DUTs show, and which requirements were judged. A test that is n/a because the transport lacks a
capability, which the report names and in which the two transports differ, explains a difference.
Nothing else does, save for requirements that only a transport shows at all (DMA, interrupts), or that
timing decides on a clock of the wall.

Exit codes: 0 they agree, 1 they differ, 2 a file is no report, 5 no test is in both.

  lockstep run --json a.json
  lockstep run --dut qemu --json b.json
  lockstep compare a.json b.json";

/// Of `sabotage`.
pub const SABOTAGE: &str = "\
A defect is killed if a test diverges by a requirement that the defect breaks, and the same test does
not diverge on the emulator without it. One that survives is a hole in the tests.

  lockstep sabotage --list                  every defect, and the real bug it is modelled on
  lockstep sabotage abort                   those with `abort` in their names";

/// Of `panel`.
pub const PANEL: &str = "\
Emulators of random legal configurations, with every order and delay that a controller may choose,
run all tests and random sequences. Whatever is found on them is a false alarm of ours.

  lockstep panel --configs 2 --sequences 4";

/// After the arguments of `rates`.
pub const RATES: &str = "\
Raw is a client without log and judge; lockstep is the lab with both. They take turns, each on a DUT
opened anew. Only enabling, queues, Flush and Read are done: nothing is written. In virtual time the
emulator's own work counts in both.

  lockstep rates
  lockstep rates --dut qemu --backend null
  lockstep rates --dut vfio-user:/tmp/ls --ring messages --batch 1";

/// Of `generate`.
pub const GENERATE: &str = "\
It does nothing that the specification leaves undefined, so a correct controller raises nothing.

  lockstep generate --seed 7 --to x.seq
  lockstep replay x.seq";
