//! One command is one file in four layers, and one line in each layer's table; so is a feature, a log page,
//! an Identify structure. Here the four are compared: what some layer lacks is listed by name.
//!
//! `docs/modelled.md` is written from them by `LOCKSTEP_BLESS=1 cargo test -p lockstep-suites --test tables`.

use std::collections::BTreeSet;
use std::fmt::Write;
use std::sync::Arc;

use emulator::EmulatorDut;
use lab::{Action, Bench, Settings};
use runner::lane::default_emulator;
use spec::command::{Command, GetFeatures, GetLogPage, Identify, SetFeatures};
use spec::opcode::{admin, nvm};
use spec::{Cns, Fid, Lid, Qid, QueueKind, Sqe};
// Without a name used from it the linker drops the suites, and with them every test.
use lockstep_suites as _;

/// What some layers have and others lack on purpose: the name as in the page, and why. An entry that no
/// longer says the truth fails the test.
const IN_PART: &[(&str, &str)] = &[];

/// A code that the specification names.
struct Entry {
    /// `Abort (admin 08h)`.
    name: String,
    /// Where it is missing, in words.
    missing: Vec<&'static str>,
}

/// All codes of a kind.
struct Kind {
    heading: &'static str,
    layers: usize,
    entries: Vec<Entry>,
}

/// What every test of the suites sends to the emulator: queue, and entry.
fn sent() -> Vec<(QueueKind, Sqe)> {
    let mut all = Vec::new();
    for case in lab::tests() {
        let mut dut = EmulatorDut::new(default_emulator()).expect("the default opens");
        let mut bench = Bench::new(&mut dut, Arc::default(), Settings::default());
        for action in bench.run(case, 0x5eed).sequence.actions {
            if let Action::Submit { sqid, sqe, .. } | Action::Send { sqid, sqe, .. } = action {
                let admin = sqid == Qid(0);
                all.push((if admin { QueueKind::Admin } else { QueueKind::Nvm }, sqe));
            }
        }
    }
    all
}

/// Whether the model has a rule for this very command, and not that of what is undefined or known by name
/// alone.
fn has_rule(queue: QueueKind, sqe: Sqe) -> bool {
    model::rules::find(queue, &sqe).is_some_and(model::rules::is_modelled)
}

fn lacking(layers: &[(&'static str, bool)]) -> Vec<&'static str> {
    layers.iter().filter(|(_, there)| !there).map(|(layer, _)| *layer).collect()
}

const FORMAT: &str = "no format in spec";
const RULE: &str = "no rule in the model";
const EMULATION: &str = "no emulation";
const TEST: &str = "no test sends it";

fn commands(sent: &[(QueueKind, Sqe)]) -> Kind {
    let queues = [("admin", QueueKind::Admin, admin::TABLE), ("NVM", QueueKind::Nvm, nvm::TABLE)];
    let of = |(word, queue, table): (&str, QueueKind, &'static [spec::opcode::OpcodeDef])| {
        let emulated = match queue {
            QueueKind::Admin => emulator::admin::TABLE,
            QueueKind::Nvm => emulator::nvm::TABLE,
        };
        let entry = |code: &spec::opcode::OpcodeDef| {
            let opcode = code.opcode;
            let typed = spec::command::TABLE.iter();
            let missing = lacking(&[
                (FORMAT, typed.into_iter().any(|c| (c.queue, c.opcode) == (queue, opcode))),
                // Commands with a rule for each code within them have one for some code.
                (RULE, (0..=255).any(|within| has_rule(queue, with_code(opcode, within)))),
                (EMULATION, emulated.iter().any(|command| command.opcode == opcode)),
                (TEST, sent.iter().any(|(q, sqe)| (*q, sqe.opcode()) == (queue, opcode))),
            ]);
            Entry { name: format!("{} ({word} {opcode:02X}h)", code.name), missing }
        };
        table.iter().map(entry).collect::<Vec<_>>()
    };
    Kind { heading: "Commands", layers: 4, entries: queues.into_iter().flat_map(of).collect() }
}

fn with_code(opcode: u8, within: u32) -> Sqe {
    let mut sqe = Sqe::new(opcode);
    sqe.dw[10] = within;
    sqe
}

/// The codes of a table, which stand in CDW10 bits 7:0 of one or two commands.
fn codes(
    heading: &'static str,
    table: impl Iterator<Item = (u8, &'static str)>,
    commands: &[u8],
    emulated: &BTreeSet<u8>,
    sent: &[(QueueKind, Sqe)],
) -> Kind {
    let entry = |(code, name): (u8, &str)| {
        let rule = |opcode: &u8| has_rule(QueueKind::Admin, with_code(*opcode, code.into()));
        let is_sent = |opcode: &u8| {
            let wanted = |(queue, sqe): &(QueueKind, Sqe)| {
                *queue == QueueKind::Admin && sqe.opcode() == *opcode && sqe.dw[10] as u8 == code
            };
            sent.iter().any(wanted)
        };
        // A list of pages or features may make a test ask for one that nothing else models.
        let asked_for = |opcode: &u8| rule(opcode) && is_sent(opcode);
        let missing = lacking(&[
            (RULE, commands.iter().all(rule)),
            (EMULATION, emulated.contains(&code)),
            (TEST, commands.iter().all(asked_for)),
        ]);
        Entry { name: format!("{name} ({code:02X}h)"), missing }
    };
    Kind { heading, layers: 3, entries: table.map(entry).collect() }
}

fn kinds() -> [Kind; 4] {
    let sent = sent();
    let features = emulator::feature::TABLE.iter().map(|feature| feature.fid.0).collect();
    let pages = emulator::log_page::TABLE.iter().map(|page| page.lid.0).collect();
    let structures = emulator::identify::TABLE.iter().map(|structure| structure.cns.0).collect();
    let fids = Fid::TABLE.iter().map(|(fid, name)| (fid.0, *name));
    let lids = Lid::TABLE.iter().map(|(lid, name)| (lid.0, *name));
    let all_cns = Cns::TABLE.iter().map(|(cns, name)| (cns.0, *name));
    let both = [SetFeatures::OPCODE, GetFeatures::OPCODE];
    [
        commands(&sent),
        codes("Features, set and get", fids, &both, &features, &sent),
        codes("Log pages", lids, &[GetLogPage::OPCODE], &pages, &sent),
        codes("Identify structures", all_cns, &[Identify::OPCODE], &structures, &sent),
    ]
}

/// `docs/modelled.md` as it has to be.
fn page(kinds: &[Kind]) -> String {
    let mut text = String::from(
        "# What is modelled\n\n\
         What the specification names, and which of it all four layers have: its format in `spec`, a rule in the\n\
         model, an emulation, and a test of the suites that sends it. Of the rest, tests ask at most whether it is there,\n\
         to hold a list against the answer; its content is a *gap*, and so is whatever arrives from elsewhere.\n\
         Subcommands, fields and what a rule does not decide are not told here.\n\n\
         This page is written from the tables of the four layers by\n\
         `LOCKSTEP_BLESS=1 cargo test -p lockstep-suites --test tables`, and checked by the same test without it.\n",
    );
    for Kind { heading, layers, entries } in kinds {
        let names = |wanted: &dyn Fn(usize) -> bool| {
            let all = entries.iter().filter(|entry| wanted(entry.missing.len()));
            all.map(|entry| entry.name.as_str()).collect::<Vec<_>>().join(", ")
        };
        let (there, gone) = (names(&|missing| missing == 0), names(&|missing| missing == *layers));
        write!(text, "\n## {heading}\n\n- modelled: {there}\n").expect("a String takes it");
        for entry in entries.iter().filter(|entry| (1..*layers).contains(&entry.missing.len())) {
            let missing = entry.missing.join(", ");
            writeln!(text, "- in part: {}: {missing}", entry.name).expect("a String takes it");
        }
        writeln!(text, "- not modelled: {gone}").expect("a String takes it");
    }
    text
}

#[test]
fn what_one_layer_has_all_four_have() {
    let kinds = kinds();
    let in_part = kinds.iter().flat_map(|kind| {
        kind.entries.iter().filter(|entry| (1..kind.layers).contains(&entry.missing.len()))
    });
    let found: Vec<(String, String)> =
        in_part.map(|entry| (entry.name.clone(), entry.missing.join(", "))).collect();
    let known: Vec<&str> = IN_PART.iter().map(|(name, _)| *name).collect();
    let forgotten: Vec<_> =
        found.iter().filter(|(name, _)| !known.contains(&name.as_str())).collect();
    assert!(forgotten.is_empty(), "a layer was forgotten: {forgotten:#?}");
    let stale = known.iter().filter(|name| !found.iter().any(|(found, _)| found == *name));
    assert_eq!(stale.count(), 0, "IN_PART names what is whole: {IN_PART:?}");

    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/modelled.md");
    if std::env::var("LOCKSTEP_BLESS").is_ok_and(|value| value == "1") {
        std::fs::write(path, page(&kinds)).expect("the page can be written");
    }
    let text = std::fs::read_to_string(path).expect("docs/modelled.md can be read");
    assert!(text == page(&kinds), "docs/modelled.md is not up to date: LOCKSTEP_BLESS=1 writes it");
}
