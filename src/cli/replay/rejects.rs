//! Why records were rejected, and where: for each reason the first inputs, and where in them it was first.

use std::collections::BTreeMap;

use trailbrake_detectors::decode::{Decoded, Reject};

use crate::limits::REPLAY_REJECTS_NAMED_MAX;

/// How far an input was read.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Progress {
    /// The number of the input among all.
    pub(super) input: usize,
    /// Records received of it.
    records: u64,
    /// Lines read of it.
    lines: usize,
    /// Whether it came in one payload so far.
    is_whole: bool,
}

impl Progress {
    /// Nothing of an input is read yet.
    pub(super) fn of(input: usize) -> Self {
        Self { input, records: 0, lines: 0, is_whole: true }
    }

    /// A payload of so many lines was read.
    pub(super) fn go_on(&mut self, part: &Decoded, lines: usize) {
        self.records = self.records.saturating_add(part.received);
        self.lines = self.lines.saturating_add(lines);
        self.is_whole = false;
    }

    /// Where in the input a reject is: its line, or its record; nothing where it is all that there is.
    fn place_of(&self, reject: &Reject, part: &Decoded) -> Option<String> {
        match reject.line {
            Some(line) => Some(format!("line {}", self.lines.saturating_add(line))),
            None if self.is_whole && part.received <= 1 => None,
            None => Some(format!("record {}", self.records.saturating_add(reject.record as u64).saturating_add(1))),
        }
    }
}

/// Where one input was rejected.
#[derive(Debug)]
struct Named {
    name: String,
    first: Option<String>,
    count: u64,
}

/// What was rejected for one reason.
#[derive(Debug, Default)]
struct Because {
    count: u64,
    named: Vec<Named>,
    /// How many inputs there were.
    inputs: u64,
    /// The last of them.
    last: Option<usize>,
}

/// All rejects by reason.
#[derive(Debug, Default)]
pub(crate) struct Rejects(BTreeMap<&'static str, Because>);

impl Rejects {
    /// Counts the rejects of a payload; `name` says which input it is of.
    pub(super) fn count(&mut self, part: &Decoded, progress: &Progress, name: impl Fn() -> String) {
        for reject in &part.rejects {
            self.add(reject.reason.as_str(), 1, progress.input, &name, || progress.place_of(reject, part));
        }
        if part.rejects_undescribed > 0 {
            self.add("not-described", part.rejects_undescribed, progress.input, &name, || None);
        }
    }

    fn add(
        &mut self,
        reason: &'static str,
        count: u64,
        input: usize,
        name: impl Fn() -> String,
        place: impl FnOnce() -> Option<String>,
    ) {
        let because = self.0.entry(reason).or_default();
        because.count = because.count.saturating_add(count);
        // Inputs come one after the other.
        let is_same = because.last.replace(input) == Some(input);
        if is_same {
            if because.inputs <= because.named.len() as u64
                && let Some(named) = because.named.last_mut()
            {
                named.count = named.count.saturating_add(count);
            }
            return;
        }
        because.inputs += 1;
        if because.named.len() < REPLAY_REJECTS_NAMED_MAX {
            because.named.push(Named { name: name(), first: place(), count });
        }
    }

    /// Each reason with its number, then a line for each input: names are as they are, not escaped.
    pub(crate) fn told(&self) -> Vec<(&'static str, u64, Vec<String>)> {
        let told = self.0.iter().map(|(reason, because)| {
            let mut lines: Vec<String> = because.named.iter().map(Named::told).collect();
            match because.inputs - because.named.len() as u64 {
                0 => {}
                1 => lines.push("and 1 other input".to_owned()),
                others => lines.push(format!("and {others} other inputs")),
            }
            (*reason, because.count, lines)
        });
        told.collect()
    }
}

impl Named {
    fn told(&self) -> String {
        let place = self.first.as_ref().map(|first| format!(": {first}")).unwrap_or_default();
        match self.count {
            1 => format!("{}{place}", self.name),
            count => format!("{}{place} and {} more", self.name, count - 1),
        }
    }
}

#[cfg(test)]
mod tests {
    use trailbrake_detectors::catalog::Catalog;
    use trailbrake_detectors::decode::decode;
    use trailbrake_detectors::time::Millis;

    use super::*;

    /// What is told of inputs, each given as its payloads.
    fn told(inputs: &[&[&[u8]]]) -> Vec<String> {
        let mut rejects = Rejects::default();
        for (number, payloads) in inputs.iter().enumerate() {
            let mut progress = Progress::of(number);
            for payload in *payloads {
                let part = decode(payload, Millis(1_767_225_600_000), Catalog::built_in());
                rejects.count(&part, &progress, || format!("f{number}"));
                progress.go_on(&part, payload.iter().filter(|byte| **byte == b'\n').count());
            }
        }
        let told = rejects.told().into_iter();
        told.map(|(reason, count, lines)| format!("{count} {reason}: {}", lines.join("; "))).collect()
    }

    #[test]
    fn the_first_inputs_of_each_reason_are_named_with_the_first_place() {
        let broken: &[u8] = b"{}\n{}\n{\n";
        for (inputs, expected) in [
            (vec![], vec![]),
            (vec![&[b"{".as_slice()] as &[&[u8]]], vec!["1 not-json: f0"]),
            (vec![&[b"\xff".as_slice()], &[b"{".as_slice()]], vec!["1 not-json: f1", "1 not-utf8: f0"]),
            (vec![&[broken]], vec!["2 not-a-record: f0: line 1 and 1 more", "1 not-json: f0: line 3"]),
            // Lines and records go on from one payload of an input to the next.
            (
                vec![&[b"\n{}\n\n".as_slice(), broken]],
                vec!["3 not-a-record: f0: line 2 and 2 more", "1 not-json: f0: line 6"],
            ),
            (
                vec![&[b"[{},{}]".as_slice(), b"[{},"]],
                vec!["3 not-a-record: f0: record 1 and 2 more", "1 not-json: f0: record 4"],
            ),
            (
                vec![&[b"{}".as_slice()], &[b"{}"], &[b"{}"], &[b"{}"], &[b"{}", b"{}"]],
                vec!["6 not-a-record: f0; f1; f2; and 2 other inputs"],
            ),
        ] {
            assert_eq!(told(&inputs), expected, "{inputs:?}");
        }
    }
}
