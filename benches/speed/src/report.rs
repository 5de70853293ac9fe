//! What was measured, as a table.

use std::{fmt::Write as _, fs, path::Path};

use anyhow::Result;

use crate::Size;

/// One line of the table.
#[derive(Debug)]
pub(crate) struct Line {
    pub(crate) name: String,
    /// What limits it, measured in the same run.
    pub(crate) limit: String,
    pub(crate) ours: String,
    pub(crate) ratio: String,
    pub(crate) target: &'static str,
    /// `None` where there is no target.
    pub(crate) met: Option<bool>,
}

#[derive(Debug, Default)]
pub(crate) struct Report {
    parts: Vec<(&'static str, Vec<Line>, Vec<String>)>,
}

impl Report {
    /// Begins a part of the table.
    pub(crate) fn part(&mut self, title: &'static str) {
        eprintln!("== {title}");
        self.parts.push((title, Vec::new(), Vec::new()));
    }

    pub(crate) fn add(&mut self, line: Line) {
        eprintln!(
            "   {} | {} | {} | {} | {} | {:?}",
            line.name, line.limit, line.ours, line.ratio, line.target, line.met
        );
        if let Some((_, lines, _)) = self.parts.last_mut() {
            lines.push(line);
        }
    }

    /// A remark below the part's table.
    pub(crate) fn note(&mut self, text: impl Into<String>) {
        let text = text.into();
        eprintln!("   {text}");
        if let Some((_, _, notes)) = self.parts.last_mut() {
            notes.push(text);
        }
    }

    pub(crate) fn markdown(&self) -> String {
        let mut text = String::new();
        for (title, lines, notes) in &self.parts {
            let _ = writeln!(text, "## {title}\n");
            let _ = writeln!(text, "| what | limit in this run | ours | ratio | target | met |");
            let _ = writeln!(text, "|---|---|---|---|---|---|");
            for line in lines {
                let met = line.met.map_or("-", |met| if met { "yes" } else { "**no**" });
                let Line { name, limit, ours, ratio, target, .. } = line;
                let _ =
                    writeln!(text, "| {name} | {limit} | {ours} | {ratio} | {target} | {met} |");
            }
            let _ = writeln!(text);
            for note in notes {
                let _ = writeln!(text, "- {note}");
            }
            if !notes.is_empty() {
                let _ = writeln!(text);
            }
        }
        text
    }

    pub(crate) fn write(&self, path: &Path, size: Size) -> Result<()> {
        let size = if size.quick { " (quick sizes: the numbers mean nothing)" } else { "" };
        let command = std::env::args().skip(1).fold(String::new(), |all, word| all + " " + &word);
        let head = include_str!("head.md").replace("{size}", size).replace("{command}", &command);
        let head = head.replace("{date}", &jiff::Timestamp::now().strftime("%Y-%m-%d").to_string());
        fs::write(path, format!("{head}\n{}", self.markdown().trim_end()) + "\n")?;
        Ok(())
    }
}

/// The middle of some figures.
pub(crate) fn median(figures: &[f64]) -> f64 {
    let mut sorted = figures.to_vec();
    sorted.sort_by(f64::total_cmp);
    sorted.get(sorted.len() / 2).copied().unwrap_or(f64::NAN)
}

/// `12,345` or `1.23`.
pub(crate) fn figure(number: f64) -> String {
    if number.abs() < 10.0 {
        return format!("{number:.2}");
    }
    if number.abs() < 100.0 {
        return format!("{number:.1}");
    }
    let digits = format!("{number:.0}");
    let (sign, digits) = digits.strip_prefix('-').map_or(("", digits.as_str()), |rest| ("-", rest));
    let mut grouped = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    format!("{sign}{grouped}")
}
