//! One machine: QEMU is started, a job runs in it, and what the job says comes back.
//!
//! The *control folder* is a folder of the host that the machine mounts (9p). In it lie the job and
//! what comes of it, each a file: `job` in; `booted`, `stdout`, `stderr`, `exit` out. A job may ask
//! its host for something (`request`, answered by `answer`).

use std::fs::{self, File};
use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, anyhow, bail, ensure};
use tempfile::TempDir;

use super::interrupted;
use super::text::{for_qemu, last_lines, quoted};

/// Between two looks at a machine.
const TICK: Duration = Duration::from_millis(20);
/// For a machine that is told to end.
const END: Duration = Duration::from_secs(20);

/// What executes the guest's instructions.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Accelerator {
    /// QEMU itself; works everywhere.
    Tcg,
    /// The host's processor.
    Kvm,
}

/// What runs in a machine: a shell file of `ci/vm`, and what it is given.
pub struct Job {
    /// The file.
    pub script: PathBuf,
    /// Shell variables.
    pub settings: Vec<(&'static str, String)>,
    /// Its arguments.
    pub arguments: Vec<String>,
    /// How long it may take.
    pub limit: Duration,
}

/// A machine to be started.
pub struct Machine {
    /// The QEMU program.
    pub qemu: PathBuf,
    /// What executes it.
    pub accelerator: Accelerator,
    /// An uncompressed kernel.
    pub vmlinux: PathBuf,
    /// The first file system ([`super::image`]).
    pub image: Vec<u8>,
    /// Memory in MiB. It is shared memory, as vfio-user needs it.
    pub memory: u32,
    /// Processors.
    pub cpus: u32,
    /// More for the kernel's command line.
    pub kernel_arguments: String,
    /// More arguments for QEMU: the devices.
    pub devices: Vec<String>,
    /// Folders that the machine sees at the same paths.
    pub shares: Vec<PathBuf>,
    /// A folder that the machine may mount under the tag `tools`.
    pub tools: Option<PathBuf>,
    /// How long it may take to boot.
    pub boot_limit: Duration,
    /// How often a machine that does not boot is started.
    pub boots: u32,
}

/// How a job ended.
pub struct Ended {
    /// Its exit code.
    pub code: u8,
    /// From the start of QEMU to the job.
    pub booted: Duration,
    /// From the start of QEMU to the end of the job.
    pub ended: Duration,
    /// What the job left of its kernel's log, as `dmesg -r` gives it.
    pub dmesg: Option<String>,
}

/// What follows a job from outside.
pub trait Host {
    /// New output of the job.
    fn output(&mut self, text: &[u8], errors: bool) -> Result<()>;
    /// The job asks for something; the answer.
    fn request(&mut self, words: &str) -> Result<String>;
}

/// A host that passes output on and answers nothing.
pub struct Relay;

impl Host for Relay {
    fn output(&mut self, text: &[u8], errors: bool) -> Result<()> {
        // A reader that went away ends neither the job nor its exit code.
        if errors {
            let _ = std::io::stderr().write_all(text);
        } else {
            let mut out = std::io::stdout();
            let _ = out.write_all(text).and_then(|()| out.flush());
        }
        Ok(())
    }

    fn request(&mut self, words: &str) -> Result<String> {
        bail!("the job asked for `{words}`, which its host does not know")
    }
}

/// Why a machine did not end well.
enum Trouble {
    /// It did not come to its job.
    Boot(String),
    /// Everything else.
    Error(anyhow::Error),
}

impl Machine {
    /// Boots, once more if that fails, and follows the job to its end.
    pub fn run(&self, job: &Job, host: &mut dyn Host) -> Result<Ended> {
        let mut said = String::new();
        let boots = self.boots;
        for attempt in 1..=boots {
            match self.try_once(job, host) {
                Ok(ended) => return Ok(ended),
                Err(Trouble::Error(error)) => return Err(error),
                Err(Trouble::Boot(why)) => {
                    if attempt < boots {
                        eprintln!("the machine did not boot and is started once more: {why}");
                    }
                    said = why;
                }
            }
        }
        bail!("the machine did not boot in {boots} attempt(s): {said}")
    }

    fn try_once(&self, job: &Job, host: &mut dyn Host) -> Result<Ended, Trouble> {
        let mut running = self.start(job).map_err(Trouble::Error)?;
        let booted = running.boot(self.boot_limit)?;
        let code = running.follow(job.limit, host).map_err(Trouble::Error)?;
        let ended = running.since.elapsed();
        running.off().map_err(Trouble::Error)?;
        let dmesg = fs::read(running.control("dmesg")).ok();
        let dmesg = dmesg.map(|bytes| String::from_utf8_lossy(&bytes).into_owned());
        Ok(Ended { code, booted, ended, dmesg })
    }

    fn start(&self, job: &Job) -> Result<Running> {
        let folder = tempfile::Builder::new().prefix("lockstep-vm-").tempdir();
        let folder = folder.context("a folder for the machine")?;
        let (control, image) = (folder.path().join("control"), folder.path().join("image"));
        fs::create_dir(&control).context("the control folder")?;
        fs::write(&image, &self.image).context("the machine's image")?;
        fs::write(control.join("job"), self.job(job)?).context("the machine's job")?;
        let errors = folder.path().join("qemu-errors");
        let mut command = on_a_leash(&self.qemu);
        command
            .args(self.arguments(&control, &image, &folder.path().join("console")))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(File::create(&errors).context("QEMU's errors")?);
        let child =
            command.spawn().with_context(|| format!("{} does not start", self.qemu.display()))?;
        Ok(Running { child, folder, since: Instant::now(), read: [0, 0] })
    }

    /// The file that `ci/vm/init` runs.
    fn job(&self, job: &Job) -> Result<String> {
        let mut text = String::new();
        for (n, share) in self.shares.iter().enumerate() {
            text += &format!("share share{n} {}\n", quoted(&share.display().to_string()));
        }
        for (name, value) in &job.settings {
            text += &format!("{name}={}\n", quoted(value));
        }
        let words: Vec<String> = job.arguments.iter().map(|word| quoted(word)).collect();
        text += &format!("set -- {}\n", words.join(" "));
        let script = fs::read_to_string(&job.script);
        text += &script.with_context(|| job.script.display().to_string())?;
        Ok(text)
    }

    fn arguments(&self, control: &Path, image: &Path, console: &Path) -> Vec<String> {
        let (machine, accelerator, cpu) = match self.accelerator {
            Accelerator::Tcg => ("q35", "tcg,thread=multi", "max"),
            Accelerator::Kvm => ("q35,kernel-irqchip=split", "kvm", "host"),
        };
        let memory = self.memory;
        let mut args: Vec<String> = [
            "-machine",
            &format!("{machine},memory-backend=ram"),
            "-accel",
            accelerator,
            "-cpu",
            cpu,
            "-smp",
            &self.cpus.to_string(),
            "-m",
            &format!("{memory}M"),
            "-object",
            &format!("memory-backend-memfd,id=ram,size={memory}M,share=on"),
            "-nodefaults",
            "-no-reboot",
            "-display",
            "none",
            "-serial",
            &format!("file:{}", for_qemu(&console.display().to_string())),
            // The firmware has an NVMe driver of its own: it must not be the first.
            "-boot",
            "strict=on",
            "-kernel",
            &self.vmlinux.display().to_string(),
            "-initrd",
            &image.display().to_string(),
            "-append",
            // On a busy host QEMU's timer may be late, and the kernel would panic over it.
            &format!("console=ttyS0 quiet panic=-1 no_timer_check {}", self.kernel_arguments),
        ]
        .map(str::to_owned)
        .to_vec();
        let control = ("control".to_owned(), control);
        let shares = self.shares.iter().enumerate();
        let shares = shares.map(|(n, share)| (format!("share{n}"), share.as_path()));
        let tools = self.tools.iter().map(|tools| ("tools".to_owned(), tools.as_path()));
        for (tag, folder) in [control].into_iter().chain(tools).chain(shares) {
            let path = for_qemu(&folder.display().to_string());
            args.push("-fsdev".into());
            args.push(format!("local,id={tag},path={path},security_model=none,multidevs=remap"));
            args.push("-device".into());
            args.push(format!("virtio-9p-pci,fsdev={tag},mount_tag={tag}"));
        }
        args.extend(self.devices.iter().cloned());
        args
    }
}

/// A command for `program` that ends when this process does, however that ends.
pub fn on_a_leash(program: &Path) -> Command {
    let mut command = Command::new("setpriv");
    command.args(["--pdeathsig", "KILL", "--"]).arg(program);
    command
}

/// A machine that runs.
struct Running {
    child: Child,
    folder: TempDir,
    since: Instant,
    /// How much of the job's output and errors was passed on.
    read: [u64; 2],
}

impl Running {
    fn control(&self, name: &str) -> PathBuf {
        self.folder.path().join("control").join(name)
    }

    fn text(&self, name: &str) -> String {
        let bytes = fs::read(self.folder.path().join(name)).unwrap_or_default();
        String::from_utf8_lossy(&bytes).into_owned()
    }

    fn console(&self) -> String {
        self.text("console")
    }

    /// The last words of kernel and QEMU.
    fn last_words(&self) -> String {
        let words = format!("{}\n{}", self.console(), self.text("qemu-errors"));
        last_lines(&words, 12)
    }

    fn gone(&mut self) -> Result<Option<ExitStatus>> {
        self.child.try_wait().context("waiting for QEMU")
    }

    fn boot(&mut self, limit: Duration) -> Result<Duration, Trouble> {
        loop {
            if self.control("booted").exists() {
                return Ok(self.since.elapsed());
            }
            if let Some(status) = self.gone().map_err(Trouble::Error)?
                && !interrupted()
            {
                let words = format!("QEMU ended ({status})\n{}", self.last_words());
                // Before the first word of a kernel it was QEMU that did not like something.
                return Err(match self.console().is_empty() && status.code() == Some(1) {
                    true => Trouble::Error(anyhow!("{words}")),
                    false => Trouble::Boot(words),
                });
            }
            if interrupted() {
                return Err(Trouble::Error(anyhow!("interrupted")));
            }
            if self.since.elapsed() > limit {
                let words = self.last_words();
                return Err(Trouble::Boot(format!("not within {} s\n{words}", limit.as_secs())));
            }
            std::thread::sleep(TICK);
        }
    }

    fn follow(&mut self, limit: Duration, host: &mut dyn Host) -> Result<u8> {
        let begin = Instant::now();
        loop {
            // The end is looked for first, so that the last output is passed on after it.
            let exit = self.exit()?;
            let gone = self.gone()?;
            self.pass_on(host)?;
            if let Some(code) = exit {
                return Ok(code);
            }
            if interrupted() {
                bail!("interrupted");
            }
            if let Some(status) = gone {
                bail!("QEMU ended ({status}) before the job did\n{}", self.last_words());
            }
            if begin.elapsed() > limit {
                let words = self.last_words();
                bail!("the job did not end within {} s\n{words}", limit.as_secs());
            }
            self.answer(host)?;
            std::thread::sleep(TICK);
        }
    }

    fn exit(&self) -> Result<Option<u8>> {
        let Ok(text) = fs::read_to_string(self.control("exit")) else { return Ok(None) };
        let code = text.trim().parse();
        Ok(Some(code.with_context(|| format!("the job's exit code is `{}`", text.trim()))?))
    }

    fn pass_on(&mut self, host: &mut dyn Host) -> Result<()> {
        for (n, name) in ["stdout", "stderr"].into_iter().enumerate() {
            let Ok(file) = File::open(self.control(name)) else { continue };
            let mut bytes = Vec::new();
            read_from(file, self.read[n], &mut bytes).with_context(|| name.to_owned())?;
            if !bytes.is_empty() {
                self.read[n] += bytes.len() as u64;
                host.output(&bytes, n == 1)?;
            }
        }
        Ok(())
    }

    fn answer(&self, host: &mut dyn Host) -> Result<()> {
        let request = self.control("request");
        let Ok(words) = fs::read_to_string(&request) else { return Ok(()) };
        fs::remove_file(&request).context("a request")?;
        let answer = host.request(words.trim())?;
        let unfinished = self.control("answer.new");
        fs::write(&unfinished, answer + "\n").context("an answer")?;
        fs::rename(unfinished, self.control("answer")).context("an answer")
    }

    /// Waits for the machine to turn itself off.
    fn off(&mut self) -> Result<()> {
        let begin = Instant::now();
        while begin.elapsed() < END {
            if let Some(status) = self.gone()? {
                let errors = self.text("qemu-errors");
                ensure!(status.success(), "QEMU ended with {status}: {errors}");
                return Ok(());
            }
            std::thread::sleep(TICK);
        }
        bail!("the machine does not turn itself off\n{}", self.last_words())
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // It may be gone already; nothing else can be done here.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn read_from(mut file: File, at: u64, bytes: &mut Vec<u8>) -> std::io::Result<()> {
    use std::io::{Seek, SeekFrom};
    file.seek(SeekFrom::Start(at))?;
    file.read_to_end(bytes)?;
    Ok(())
}
