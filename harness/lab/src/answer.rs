//! The answer to a command: a completion, and the claims a test makes on it.

use spec::{Cid, Cqe, Req, Status};

use crate::action::{Action, BufferId, ClaimOn, CommandId};
use crate::lab::Shared;
use crate::stop::{Outcome, Stop};

/// A command that was submitted and not waited for yet.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Pending {
    /// Its label in the sequence.
    pub id: CommandId,
    /// Its submission queue.
    pub sqid: spec::Qid,
    /// Its identifier.
    pub cid: Cid,
}

/// A completion that was seen.
///
/// Its claims are records: the judge, not the test, decides whether they hold. A claim that does not
/// hold stops the test; one that cannot be decided yet is decided with the verdict.
#[must_use = "an answer that nobody claims anything on proves nothing"]
pub struct Answer<'d> {
    pub(crate) core: Shared<'d>,
    pub(crate) id: CommandId,
    pub(crate) cqe: Cqe,
    pub(crate) data: Option<BufferId>,
}

impl Answer<'_> {
    /// The completion queue entry.
    pub fn cqe(&self) -> Cqe {
        self.cqe
    }

    /// Status Code Type and Status Code.
    pub fn status(&self) -> Status {
        self.cqe.status()
    }

    /// Command specific result: dword 0.
    pub fn dw0(&self) -> u32 {
        self.cqe.dw0()
    }

    /// The command's label.
    pub fn id(&self) -> CommandId {
        self.id
    }

    /// Claims that the model applied this very requirement, and that the DUT refused by it.
    pub fn refused_by(&self, req: Req) -> Outcome {
        self.claim(ClaimOn::RefusedBy(self.id, req))
    }

    /// Claims that no check failed, and that the DUT accepted.
    pub fn accepted(&self) -> Outcome {
        self.claim(ClaimOn::Accepted(self.id))
    }

    /// Claims that the judge ruled on the completion; either answer is fine.
    pub fn ruled(&self) -> Outcome {
        self.claim(ClaimOn::Ruled(self.id))
    }

    /// The data that the command returned, looked at now (and in the log). Empty if the lab made no
    /// buffer for it.
    pub fn bytes(&self) -> Result<Vec<u8>, Stop> {
        let Some(id) = self.data else { return Ok(Vec::new()) };
        let mut core = self.core.borrow_mut();
        let Some(len) = core.host.memory.get(id).map(|buffer| buffer.bytes) else {
            return Ok(Vec::new());
        };
        let at = crate::action::Place::In(id, 0);
        match core.perform(&Action::Bytes { at, len })? {
            crate::action::Seen::Bytes(bytes) => Ok(bytes),
            _ => Ok(Vec::new()),
        }
    }

    /// The data as an Identify Controller data structure.
    pub fn identify_controller(&self) -> Result<spec::identify::IdentifyController, Stop> {
        self.page().map(spec::identify::IdentifyController)
    }

    /// The data as an Identify Namespace data structure.
    pub fn identify_namespace(&self) -> Result<spec::identify::IdentifyNamespace, Stop> {
        self.page().map(spec::identify::IdentifyNamespace)
    }

    /// The data as a namespace list.
    pub fn namespace_list(&self) -> Result<spec::identify::NamespaceList, Stop> {
        self.page().map(spec::identify::NamespaceList)
    }

    fn page(&self) -> Result<[u8; 4096], Stop> {
        let bytes = self.bytes()?;
        bytes.try_into().map_err(|bytes: Vec<u8>| {
            let what = format!("{} bytes where a data structure of 4096 is wanted", bytes.len());
            self.core.borrow_mut().harness(&what)
        })
    }

    fn claim(&self, claim: ClaimOn) -> Outcome {
        self.core.borrow_mut().perform(&Action::Claim(claim)).map(|_| ())
    }
}

impl std::fmt::Debug for Answer<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} {:?}", self.id, self.cqe)
    }
}
