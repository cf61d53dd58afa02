//! The argument of `--dut`: which kind of DUT, and which one of it.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

use vfio::Bdf;

/// A device under test, as the user names it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum DutArg {
    /// The bundled controller, in process, in virtual time.
    Emulator,
    /// QEMU's hw/nvme, driven over qtest.
    Qemu,
    /// A PCI Express controller of this machine, by its address, `0000:01:00.0`.
    Vfio(Bdf),
    /// A controller that a vfio-user server exports, by its socket.
    VfioUser(PathBuf),
}

/// The forms, for help and errors.
pub const FORMS: &str = "emulator, qemu, vfio:BDF or vfio-user:SOCKET";

impl DutArg {
    /// The kind alone, as it stands in paths and errors.
    pub fn kind(&self) -> &'static str {
        match self {
            DutArg::Emulator => "emulator",
            DutArg::Qemu => "qemu",
            DutArg::Vfio(_) => "vfio",
            DutArg::VfioUser(_) => "vfio-user",
        }
    }
}

impl fmt::Display for DutArg {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            DutArg::Emulator | DutArg::Qemu => f.write_str(self.kind()),
            DutArg::Vfio(bdf) => write!(f, "vfio:{bdf}"),
            DutArg::VfioUser(socket) => write!(f, "vfio-user:{}", socket.display()),
        }
    }
}

impl FromStr for DutArg {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text.split_once(':') {
            None if text == "emulator" => Ok(DutArg::Emulator),
            None if text == "qemu" => Ok(DutArg::Qemu),
            Some(("vfio", bdf)) => bdf.parse().map(DutArg::Vfio),
            Some(("vfio-user", "")) | None if text.starts_with("vfio-user") => {
                Err("name the server's socket: vfio-user:SOCKET".into())
            }
            Some(("vfio-user", socket)) => Ok(DutArg::VfioUser(socket.into())),
            None if text == "vfio" => {
                Err("name the controller's PCI address, such as vfio:0000:01:00.0; \
                     `lockstep doctor` lists them"
                    .into())
            }
            _ => Err(format!("expected {FORMS}")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_form_is_read_and_printed_as_it_is_written() {
        for text in ["emulator", "qemu", "vfio:0000:01:00.0", "vfio-user:/run/x:y.sock"] {
            assert_eq!(text.parse::<DutArg>().unwrap().to_string(), text);
        }
        let short = "vfio:0A:1f.7".parse::<DutArg>().unwrap();
        assert_eq!(short.to_string(), "vfio:0000:0a:1f.7");
    }

    #[test]
    fn what_is_missing_or_wrong_is_said() {
        for (text, said) in [
            ("vfio", "PCI address"),
            ("vfio:", "is no PCI address"),
            ("vfio:0000:01:00", "is no PCI address"),
            ("vfio-user", "socket"),
            ("vfio-user:", "socket"),
            ("QEMU", "expected emulator"),
            ("nvme", "expected emulator"),
        ] {
            let error = text.parse::<DutArg>().unwrap_err();
            assert!(error.contains(said), "{text}: {error}");
        }
    }
}
