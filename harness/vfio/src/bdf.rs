//! PCI addresses.

use std::fmt;
use std::str::FromStr;

/// The address of a PCI function: domain, bus, device, function.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Bdf {
    domain: u32,
    bus: u8,
    device: u8,
    function: u8,
}

impl Bdf {
    /// As `01:00.0`.
    pub fn without_domain(self) -> String {
        format!("{:02x}:{:02x}.{}", self.bus, self.device, self.function)
    }

    /// Domain, bus, and device and function in one byte.
    pub(crate) fn parts(self) -> (u32, u8, u8) {
        (self.domain, self.bus, self.device << 3 | self.function)
    }
}

impl fmt::Display for Bdf {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { domain, bus, device, function } = self;
        write!(f, "{domain:04x}:{bus:02x}:{device:02x}.{function}")
    }
}

impl FromStr for Bdf {
    type Err = String;

    /// `0000:01:00.0`; the domain may be left out.
    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || format!("`{text}` is no PCI address; write it as 0000:01:00.0 or 01:00.0");
        let parts: Vec<&str> = text.split(':').collect();
        let (domain, bus, rest) = match parts[..] {
            [bus, rest] => ("0000", bus, rest),
            [domain, bus, rest] => (domain, bus, rest),
            _ => return Err(wrong()),
        };
        let (device, function) = rest.split_once('.').ok_or_else(wrong)?;
        let number = |text: &str, digits: std::ops::RangeInclusive<usize>, most: u32| {
            let plain = digits.contains(&text.len()) && text.bytes().all(|b| b.is_ascii_hexdigit());
            let value = u32::from_str_radix(text, 16).ok().filter(|&v| plain && v <= most);
            value.ok_or_else(wrong)
        };
        Ok(Self {
            domain: number(domain, 4..=8, u32::MAX)?,
            bus: number(bus, 2..=2, 0xff)? as u8,
            device: number(device, 2..=2, 0x1f)? as u8,
            function: number(function, 1..=1, 7)? as u8,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_read_with_and_without_domain_and_printed_in_full() {
        let bdf: Bdf = "0A:1f.7".parse().unwrap();
        assert_eq!(bdf.to_string(), "0000:0a:1f.7");
        assert_eq!(bdf.to_string().parse(), Ok(bdf));
        assert_eq!(bdf.without_domain(), "0a:1f.7");
        assert_eq!("10000:e1:00.0".parse::<Bdf>().unwrap().to_string(), "10000:e1:00.0");
    }

    #[test]
    fn anything_else_is_refused() {
        for text in [
            "",
            "01:00",
            "01:20.0",
            "01:00.8",
            "01:+1.0",
            "1:2:3:4.5",
            "../x:00:00.0",
            "0000:1:0.0",
        ] {
            assert!(text.parse::<Bdf>().is_err(), "{text}");
        }
    }
}
