//! Which of the wanted kernels there are: what a command runs on, and what it must skip.

use std::fmt;

use anyhow::{Result, bail};

use super::{Asked, Kernel, Line, gap, installed};
use crate::setup;

/// The kernels that are set up, and those that could not be had.
#[derive(Debug)]
pub(crate) struct Survey {
    /// Oldest first.
    pub(crate) present: Vec<Kernel>,
    pub(crate) gaps: Vec<Gap>,
}

/// A kernel that the package index does not offer. Its text is a skip, to be counted once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Gap {
    pub(crate) line: Line,
    pub(crate) reason: String,
}

impl fmt::Display for Gap {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SKIP kernel {}: {}", self.line, self.reason)
    }
}

/// Looks at what set-up left; call `setup::ensure` first.
pub(crate) fn survey() -> Result<Survey> {
    let mut survey = Survey {
        present: Vec::new(),
        gaps: Vec::new(),
    };
    for line in Line::ALL {
        match gap(line) {
            Some(reason) => survey.gaps.push(Gap { line, reason }),
            None => survey.present.push(installed(line)?),
        }
    }
    Ok(survey)
}

impl Survey {
    /// Why a line is missing, if it is.
    pub(crate) fn gap(&self, line: Line) -> Option<&Gap> {
        self.gaps.iter().find(|gap| gap.line == line)
    }

    /// Whether every kernel is there that these arguments of `cargo xtask lab` name; without one
    /// the lab takes any.
    pub(crate) fn can_run(&self, lab: &[&str]) -> bool {
        let named = lab
            .windows(2)
            .filter(|pair| ["--kernel", "--hosts"].contains(&pair[0]))
            .flat_map(|pair| pair[1].split(','))
            .filter_map(|name| name.parse::<Asked>().ok());
        self.gaps.len() < Line::ALL.len()
            && named
                .into_iter()
                .all(|asked| self.gap(asked.line).is_none())
    }
}

/// The lines for which set-up found a kernel, or has not looked yet; oldest first.
pub(crate) fn present() -> Vec<Line> {
    let all = Line::ALL.into_iter();
    all.filter(|line| gap(*line).is_none()).collect()
}

/// The line that is taken where none is named: the first that there is.
pub(crate) fn first() -> Line {
    present().first().copied().unwrap_or(Line::Lts)
}

/// Sets up what is missing, and returns the lines that a command runs on: the one asked for, or
/// all there are. What is skipped, or stands in for another version, is said on standard error.
pub(crate) fn to_run_on(asked: Option<Asked>) -> Result<Vec<Line>> {
    setup::ensure()?;
    if let Some(asked) = asked {
        if asked.line == Line::Debug {
            setup::debugkernel::ensure()?;
        }
        installed(asked.line)?;
        asked.report();
        return Ok(vec![asked.line]);
    }
    let survey = survey()?;
    for gap in &survey.gaps {
        eprintln!("{gap}");
    }
    if survey.present.is_empty() {
        bail!("there is no kernel to run on; `cargo xtask setup --upgrade` looks again");
    }
    Ok(survey.present.iter().map(|kernel| kernel.line).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn without(lines: &[Line]) -> Survey {
        let gaps = lines.iter().map(|line| Gap {
            line: *line,
            reason: "not offered".to_owned(),
        });
        Survey {
            present: Vec::new(),
            gaps: gaps.collect(),
        }
    }

    #[test]
    fn what_needs_a_kernel_that_is_missing_cannot_run_and_the_rest_can() {
        let survey = without(&[Line::Lts]);
        for (lab, runs) in [
            (&[][..], true),
            (&["--kernel", "7.3", "--memory", "cxl"], true),
            (&["--deterministic", "--kernel", "current"], true),
            (&["--timeout", "12"], true),
            (&["--kernel", "6.12"], false),
            (&["--kernel", "lts", "--devices", "2"], false),
            (&["--hosts", "7.3,6.12", "--size", "256M"], false),
            (&["--hosts", "7.3,7.3"], true),
        ] {
            assert_eq!(survey.can_run(lab), runs, "{lab:?}");
            assert!(without(&[]).can_run(lab), "{lab:?}");
            assert!(!without(&Line::ALL).can_run(lab), "{lab:?}");
        }
        assert_eq!(survey.gaps[0].to_string(), "SKIP kernel lts: not offered");
    }
}
