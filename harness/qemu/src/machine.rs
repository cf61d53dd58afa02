//! One QEMU process, started and brought up.

use std::fs::File;
use std::os::fd::AsRawFd;
use std::os::unix::net::UnixStream;
use std::time::Duration;

use crate::OpenError;
use crate::nbd::Hold;
use crate::options::{Descriptors, FIRST_SLOT, Options};
use crate::pci::{Function, PciError, Window};
use crate::process::Process;
use crate::qmp::Qmp;
use crate::qtest::{Qtest, Trouble};
use crate::tail::Tail;

/// One QEMU process and what is connected to it.
pub(crate) struct Machine {
    pub qtest: Qtest,
    pub qmp: Qmp,
    pub functions: Vec<Function>,
    pub trace: Option<Tail>,
    pub process: Process,
}

impl Machine {
    /// Starts QEMU on memory, images and NBD servers that outlive it, and brings its functions up.
    pub fn start(
        options: &Options,
        memory: &File,
        images: &[File],
        holds: &[Hold],
    ) -> Result<Self, OpenError> {
        let pair = || UnixStream::pair().map_err(OpenError::host("a socket pair"));
        let (qtest, qtest_theirs) = pair()?;
        let (qmp, qmp_theirs) = pair()?;
        let mut theirs = Vec::new();
        for hold in holds {
            let (ours, nbd_theirs) = pair()?;
            hold.serve(ours).map_err(OpenError::host("the NBD server"))?;
            theirs.push(nbd_theirs);
        }
        let trace = (options.trace || options.iommu).then(Tail::new).transpose();
        let trace = trace.map_err(OpenError::host("the trace"))?;
        let media = images.iter().map(AsRawFd::as_raw_fd);
        let fds = Descriptors {
            memory: memory.as_raw_fd(),
            qtest: qtest_theirs.as_raw_fd(),
            qmp: qmp_theirs.as_raw_fd(),
            trace: trace.as_ref().map(|t| t.file().as_raw_fd()),
            media: media.chain(theirs.iter().map(AsRawFd::as_raw_fd)).collect(),
        };
        let inherited = [fds.memory, fds.qtest, fds.qmp].into_iter();
        let inherited = inherited.chain(fds.trace).chain(fds.media.iter().copied()).collect();
        let process = Process::start(&options.program, &options.arguments(&fds)?, inherited)?;
        // Only QEMU holds its ends now: when it dies, ours say so.
        drop((qtest_theirs, qmp_theirs, theirs));
        Self::connect(options, process, qtest, qmp, trace)
    }

    fn connect(
        options: &Options,
        mut process: Process,
        qtest: UnixStream,
        qmp: UnixStream,
        trace: Option<Tail>,
    ) -> Result<Self, OpenError> {
        let (start, patience) = (options.start_time, options.answer_time);
        let qmp = Qmp::new(qmp, start, patience)
            .map_err(|trouble| not_started(&mut process, "QMP", start, trouble))?;
        let mut qtest = Qtest::new(qtest, start).map_err(OpenError::host("the qtest socket"))?;
        let mut window = Window::new();
        let mut functions = Vec::new();
        for n in 0..options.controllers {
            let found = Function::find(&mut qtest, FIRST_SLOT + n, &mut window);
            functions.push(found.map_err(|error| match error {
                PciError::Unsuitable(why) => OpenError::Pci(why),
                PciError::Trouble(t) => not_started(&mut process, "qtest", start, t),
            })?);
        }
        // Everything posted has been done, or the first access would carry the blame.
        qtest.settle().map_err(|t| not_started(&mut process, "qtest", start, t))?;
        qtest.patience = patience;
        Ok(Self { qtest, qmp, functions, trace, process })
    }
}

fn not_started(
    process: &mut Process,
    socket: &'static str,
    within: Duration,
    trouble: Trouble,
) -> OpenError {
    match trouble {
        Trouble::Late(_) => OpenError::Silent { socket, within, stderr: process.stderr() },
        Trouble::Closed => {
            let ended = process.ended(Duration::from_secs(2));
            OpenError::Refused {
                ended: ended.unwrap_or_else(|| "it closed its socket".into()),
                stderr: process.stderr(),
            }
        }
        Trouble::Strange(what) => OpenError::Pci(what),
    }
}
