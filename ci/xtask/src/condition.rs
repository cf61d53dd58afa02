//! The grammar of `when`, and its compilation to a `Condition` of the spec crate.
//!
//! ```text
//! or         = and { "or" and }
//! and        = not { "and" not }
//! not        = "not" not | "(" or ")" | "always" | FACT [ ("==" | "!=" | "<" | ">=") NUMBER ] | FACT ".bit" N
//! NUMBER     = decimal | hexadecimal with h behind it | for VS a revision, 1.3 or 1.2.1
//! ```
//!
//! A bare fact means that it is not zero. The facts are those that `requirement.rs` declares.

/// The facts a condition may name: spelling in `when`, and variant of `Fact`.
pub type Facts = Vec<(String, String)>;

/// Reads the `facts!` list out of the source of `requirement.rs`.
pub fn facts(source: &str) -> Facts {
    let list = source.split("\nfacts! {").nth(1).and_then(|rest| rest.split("\n}").next());
    let declaration = |line: &str| {
        let (variant, text) = line.trim().strip_suffix("\";")?.split_once(" = \"")?;
        Some((text.to_owned(), variant.to_owned()))
    };
    list.unwrap_or_default().lines().filter_map(declaration).collect()
}

/// Compiles `text` to a Rust expression of type `Condition`.
pub fn compile(text: &str, facts: &Facts) -> Result<String, String> {
    let tokens = tokens(text)?;
    let mut parser = Parser { tokens: &tokens, facts };
    let condition = parser.or()?;
    match parser.tokens.first() {
        None => Ok(condition),
        Some(token) => Err(format!("when: unexpected {token:?}")),
    }
}

fn tokens(text: &str) -> Result<Vec<String>, String> {
    let mut tokens = Vec::new();
    let mut rest = text.trim_start();
    while let Some(first) = rest.chars().next() {
        let word = |c: char| c.is_ascii_alphanumeric() || "._-".contains(c);
        let length = if word(first) {
            rest.find(|c| !word(c)).unwrap_or(rest.len())
        } else if ["==", "!=", ">="].iter().any(|operator| rest.starts_with(operator)) {
            2
        } else if "<()".contains(first) {
            1
        } else {
            return Err(format!("when: unexpected {first:?}"));
        };
        tokens.push(rest[..length].to_owned());
        rest = rest[length..].trim_start();
    }
    Ok(tokens)
}

struct Parser<'a> {
    tokens: &'a [String],
    facts: &'a Facts,
}

impl Parser<'_> {
    fn next(&mut self) -> Option<&str> {
        let (first, rest) = self.tokens.split_first()?;
        self.tokens = rest;
        Some(first)
    }

    fn take(&mut self, token: &str) -> bool {
        let found = self.tokens.first().is_some_and(|first| first == token);
        if found {
            self.tokens = &self.tokens[1..];
        }
        found
    }

    fn or(&mut self) -> Result<String, String> {
        let mut parts = vec![self.and()?];
        while self.take("or") {
            parts.push(self.and()?);
        }
        Ok(join("Any", parts))
    }

    fn and(&mut self) -> Result<String, String> {
        let mut parts = vec![self.not()?];
        while self.take("and") {
            parts.push(self.not()?);
        }
        Ok(join("All", parts))
    }

    fn not(&mut self) -> Result<String, String> {
        if self.take("not") {
            return Ok(format!("Condition::Not(&{})", self.not()?));
        }
        if self.take("(") {
            let inner = self.or()?;
            return if self.take(")") { Ok(inner) } else { Err("when: missing )".into()) };
        }
        if self.take("always") {
            return Ok("Condition::Always".into());
        }
        let word = self.next().ok_or("when: ends too early")?.to_owned();
        if let Some((fact, bit)) = word.rsplit_once(".bit") {
            let bit: u8 = bit.parse().map_err(|_| format!("when: {word}: no bit number"))?;
            if bit > 63 {
                return Err(format!("when: {word}: bits end at 63"));
            }
            return Ok(format!("Condition::Bit({}, {bit})", self.fact(fact)?));
        }
        let fact = self.fact(&word)?;
        let comparison = match self.tokens.first().map(String::as_str) {
            Some("==") => "Eq",
            Some("!=") => "Ne",
            Some("<") => "Lt",
            Some(">=") => "Ge",
            _ => return Ok(format!("Condition::Compare({fact}, Comparison::Ne, 0)")),
        };
        self.next();
        let number = self.next().ok_or("when: a number is missing")?;
        let number = number_of(&word, number).ok_or(format!("when: {number:?} is no number"))?;
        Ok(format!("Condition::Compare({fact}, Comparison::{comparison}, {number:#x})"))
    }

    fn fact(&self, text: &str) -> Result<String, String> {
        let found = self.facts.iter().find(|(spelling, _)| spelling == text);
        let (_, variant) = found.ok_or(format!("when: {text} is no fact of requirement.rs"))?;
        Ok(format!("Fact::{variant}"))
    }
}

fn join(kind: &str, mut parts: Vec<String>) -> String {
    if parts.len() == 1 {
        return parts.remove(0);
    }
    format!("Condition::{kind}(&[{}])", parts.join(", "))
}

fn number_of(fact: &str, text: &str) -> Option<u64> {
    if fact == "VS" {
        let (major, minor, tertiary) = crate::levels::version(text)?;
        return Some(u64::from(major) << 16 | u64::from(minor) << 8 | u64::from(tertiary));
    }
    match text.strip_suffix('h') {
        Some(digits) => u64::from_str_radix(digits, 16).ok(),
        None => text.parse().ok(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn compiled(text: &str) -> Result<String, String> {
        let source = "\nfacts! {\n    /// VS.\n    Vs = \"VS\";\n    CapCqr = \"CAP.CQR\";\n}\n";
        compile(text, &facts(source))
    }

    #[test]
    fn compiles_each_form() {
        let cqr = "Condition::Compare(Fact::CapCqr, Comparison::Ne, 0)";
        assert_eq!(compiled("always").unwrap(), "Condition::Always");
        assert_eq!(compiled("CAP.CQR").unwrap(), cqr);
        assert_eq!(compiled("CAP.CQR.bit3").unwrap(), "Condition::Bit(Fact::CapCqr, 3)");
        assert_eq!(compiled("not (CAP.CQR)").unwrap(), format!("Condition::Not(&{cqr})"));
        assert_eq!(
            compiled("VS >= 1.3 and CAP.CQR == 10h").unwrap(),
            "Condition::All(&[Condition::Compare(Fact::Vs, Comparison::Ge, 0x10300), \
             Condition::Compare(Fact::CapCqr, Comparison::Eq, 0x10)])"
        );
    }

    #[test]
    fn and_binds_closer_than_or() {
        let text = compiled("CAP.CQR or CAP.CQR and VS < 2.0").unwrap();
        assert!(text.starts_with("Condition::Any("), "{text}");
    }

    #[test]
    fn refuses_what_it_does_not_know() {
        for text in ["", "ONCS", "CAP.CQR ==", "(VS", "VS >= x", "CAP.CQR VS", "CAP.CQR & 1"] {
            assert!(compiled(text).is_err(), "{text:?}");
        }
    }
}
