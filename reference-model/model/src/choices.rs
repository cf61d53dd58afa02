//! Named choices: where the text is unclear, both readings have a name.
//!
//! Unpinned, a choice accuses nobody: the judge only counts which reading the DUT showed. A profile may
//! pin a reading; whoever shows the other then diverges from the *profile*.

/// A place where the text is unclear, or leaves exactly two answers to the controller.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Choice {
    /// Its name: `abort.unknown-queue`.
    pub name: &'static str,
    /// The question.
    pub question: &'static str,
    /// The clauses that leave it open.
    pub clauses: &'static str,
    /// The readings, by name.
    pub readings: &'static [&'static str],
}

/// Declares the choices, in the order in which reports list them.
macro_rules! choices {
    ($( $id:ident $name:literal $question:literal $clauses:literal [$first:literal, $second:literal]; )*) => {
        /// The choices by name; the number is the place in [`CHOICES`].
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
        #[expect(missing_docs, reason = "each is documented by its question")]
        pub enum ChoiceId {
            $( $id, )*
        }

        /// Every named choice that a rule asks for. Profiles pin them by name; reports list them with the
        /// readings that the DUT showed.
        pub const CHOICES: &[Choice] = &[
            $( Choice {
                name: $name,
                question: $question,
                clauses: $clauses,
                readings: &[$first, $second],
            }, )*
        ];
    };
}

choices! {
    AbsentCqidBeyondGrant "create-io-sq.absent-cqid-beyond-grant"
        "A CQID beyond the granted range that was never created: out of range, or not created?"
        "Base-2.3 §5.3.2 figures 508 and 510"
        ["invalid-queue-identifier", "completion-queue-invalid"];
    PrpLowBits "prp.low-bits"
        "Bits 1:0 of a PRP entry: checked, or taken as 0? The text allows both."
        "Base-2.3 §4.3.1"
        ["refused", "ignored"];
    NumberOfQueuesAfterDeletion "number-of-queues.set-after-deletion"
        "Set Features 07h when every I/O queue that was created is deleted again: still after creation?"
        "Base-2.3 §5.2.26.2.1"
        ["refused", "accepted"];
    AbortUnknownQueue "abort.unknown-queue"
        "Abort of a command in a queue that does not exist: an error, or nothing to abort?"
        "Base-2.3 §5.2.1, figures 146 and 148"
        ["refused", "not-aborted"];
    LogOffsetAtEnd "get-log-page.offset-at-end"
        "A Log Page Offset equal to the size of the page: greater than the page?"
        "Base-2.3 §5.2.12 figures 203 and 204"
        ["refused", "accepted"];
    PsdtWithoutData "common.psdt-without-data"
        "PSDT in a command that transfers no data by its data pointer: checked, or ignored?"
        "Base-2.3 §4.1.1 figure 91"
        ["refused", "ignored"];
    FeatureNsidAboveNn "features.nsid-above-nn"
        "An NSID above NN for a feature of the controller: invalid, or not looked at?"
        "Base-2.3 §4.4, §3.2.1.2"
        ["refused", "ignored"];
    DatasetHints "read-write.several-hints"
        "Several access hints at once, or a reserved access frequency: conflicting, or advice?"
        "NVM Command Set 1.0 §3.2.4, §3.2.6"
        ["refused", "ignored"];
    SameTail "queue.same-tail"
        "A tail doorbell written with the value it already has: an invalid value, or no new command?"
        "Base-2.3 §3.3.1.2, §5.2.2.1 figure 152"
        ["invalid-value", "no-command"];
    FieldsOfDisable "cc.fields-of-disable"
        "The write that clears CC.EN carries the other fields: does the write win, or the reset?"
        "Base-2.3 §3.1.4.5, §3.7.2"
        ["write", "reset"];
    OutstandingRequest "async-event.outstanding-request"
        "An invalid doorbell beside a request that may not have been fetched: outstanding when rung, or fetched?"
        "Base-2.3 §3.3.1.3, §3.4.5"
        ["rung", "fetched"];
    EntryOfMore "error-log.entry-of-more"
        "More = 1, and the Error Information log has room and no entry of the command: lost, or a lie?"
        "Base-2.3 §4.2.3 figure 100, §5.2.12.1.2 figure 209 (ECNT)"
        ["entry-may-be-lost", "entry-is-there"];
    EqualThreshold "temperature-threshold.equal"
        "Up to 1.4, a temperature equal to its threshold: crossed, as the feature says, or not, as the page says?"
        "Base-1.3c §5.21.1.4, §5.14.1.2 figure 93"
        ["crossed", "not-crossed"];
}

impl ChoiceId {
    /// The choice.
    pub fn info(self) -> &'static Choice {
        &CHOICES[self as usize]
    }
}
