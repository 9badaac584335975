//! Text in lines of at most 80 columns.

use std::fmt;

use crate::escape::Escaped;

/// The widest line that is printed.
const WIDTH: usize = 80;

/// A text behind a label, broken at spaces and, where a word is longer than a line, within it. The lines after the first are
/// indented by the width of the label. What is in it is escaped first, so that the width holds for what is seen.
#[derive(Debug)]
pub(crate) struct Paragraph<'a> {
    label: &'a str,
    text: String,
}

impl<'a> Paragraph<'a> {
    pub(crate) fn new(label: &'a str, text: &str) -> Self {
        Self {
            label,
            text: Escaped(text).to_string(),
        }
    }
}

impl fmt::Display for Paragraph<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let indent = self.label.chars().count();
        let room = WIDTH.saturating_sub(indent).max(16);
        let mut lines: Vec<String> = vec![String::new()];
        let mut used = 0;
        for word in self.text.split(' ') {
            let mut word: Vec<char> = word.chars().collect();
            let space = usize::from(used > 0);
            if used + space + word.len() > room && used > 0 {
                lines.push(String::new());
                used = 0;
            }
            if used > 0 {
                push(&mut lines, ' ');
                used += 1;
            }
            while word.len() > room {
                let rest = word.split_off(room);
                word.into_iter().for_each(|c| push(&mut lines, c));
                lines.push(String::new());
                word = rest;
            }
            used += word.len();
            word.into_iter().for_each(|c| push(&mut lines, c));
        }
        for (number, line) in lines.iter().enumerate() {
            let label = if number == 0 { self.label } else { "" };
            writeln!(f, "{}", format!("{label:indent$}{line}").trim_end())?;
        }
        Ok(())
    }
}

fn push(lines: &mut [String], character: char) {
    if let Some(line) = lines.last_mut() {
        line.push(character);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_line_is_wider_than_eighty_columns_and_no_word_is_lost() {
        let text = "one two three ".repeat(20) + &"x".repeat(200) + " end \u{1b}[2J";
        let shown = Paragraph::new("label  ", &text).to_string();
        assert!(shown.lines().all(|line| line.chars().count() <= 80));
        let words = |text: &str| text.replace([' ', '\n'], "");
        assert_eq!(words(&shown), words(&format!("label{}", Escaped(&text))));
    }

    #[test]
    fn later_lines_are_indented_by_the_label() {
        let shown = Paragraph::new("  cause  ", &"word ".repeat(30)).to_string();
        assert!(shown.starts_with("  cause  word"));
        assert!(
            shown
                .lines()
                .skip(1)
                .all(|line| line.starts_with("         word"))
        );
    }
}
