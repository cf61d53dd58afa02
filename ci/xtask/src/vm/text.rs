//! Text for shells, for QEMU and for people.

/// `word` quoted for a shell, whatever it holds.
pub fn quoted(word: &str) -> String {
    format!("'{}'", word.replace('\'', r"'\''"))
}

/// `value` as the value of a QEMU option, where a comma would end it.
pub fn for_qemu(value: &str) -> String {
    value.replace(',', ",,")
}

/// The last `count` lines that hold anything.
pub fn last_lines(text: &str, count: usize) -> String {
    let lines: Vec<&str> = text.lines().map(str::trim_end).filter(|l| !l.is_empty()).collect();
    lines[lines.len().saturating_sub(count)..].join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_survive_a_shell() {
        for word in ["", "a b", "it's", "$HOME `x` \\ \" *", "two\nlines", "'"] {
            let script = format!("printf %s {}", quoted(word));
            let done = std::process::Command::new("sh").args(["-c", &script]).output().unwrap();
            assert_eq!(String::from_utf8_lossy(&done.stdout), word);
        }
    }

    #[test]
    fn commas_are_doubled_for_qemu() {
        assert_eq!(for_qemu("/a,b/c"), "/a,,b/c");
    }

    #[test]
    fn the_end_of_a_text_is_what_is_kept() {
        assert_eq!(last_lines("a\n\nb \nc\n\n", 2), "b\nc");
        assert_eq!(last_lines("", 2), "");
    }
}
