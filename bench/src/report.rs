//! Figures as a table for people and as JSON, beside the committed baseline.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use anyhow::Context as _;
use serde_json::{Map, Value, json};

/// Which way is better.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Better {
    Higher,
    Lower,
    /// Says how it was, no quality.
    Neither,
}

/// One figure.
#[derive(Debug, Clone)]
pub(crate) struct Figure {
    pub(crate) name: String,
    pub(crate) value: f64,
    pub(crate) unit: &'static str,
    pub(crate) better: Better,
}

/// The figures of a run.
#[derive(Debug, Default)]
pub(crate) struct Report {
    figures: Vec<Figure>,
}

impl Report {
    /// Adds a figure that shall be high.
    pub(crate) fn high(&mut self, name: impl Into<String>, value: f64, unit: &'static str) {
        self.add(name, value, unit, Better::Higher);
    }

    /// Adds a figure that shall be low.
    pub(crate) fn low(&mut self, name: impl Into<String>, value: f64, unit: &'static str) {
        self.add(name, value, unit, Better::Lower);
    }

    /// Adds a figure that says how it was measured.
    pub(crate) fn note(&mut self, name: impl Into<String>, value: f64, unit: &'static str) {
        self.add(name, value, unit, Better::Neither);
    }

    fn add(&mut self, name: impl Into<String>, value: f64, unit: &'static str, better: Better) {
        self.figures.push(Figure { name: name.into(), value, unit, better });
    }

    /// Adds the figures of another report.
    pub(crate) fn extend(&mut self, other: Self) {
        self.figures.extend(other.figures);
    }

    /// The median of several runs, figure by figure, in the order of the first.
    pub(crate) fn median(runs: &[Self]) -> Self {
        let mut all: BTreeMap<&str, Vec<f64>> = BTreeMap::new();
        for figure in runs.iter().flat_map(|run| &run.figures) {
            all.entry(&figure.name).or_default().push(figure.value);
        }
        let figures = runs.first().map(|run| run.figures.clone()).unwrap_or_default();
        let figures = figures.into_iter().map(|mut figure| {
            if let Some(values) = all.get_mut(figure.name.as_str()) {
                figure.value = median(values);
            }
            figure
        });
        Self { figures: figures.collect() }
    }

    /// As JSON: name to value and unit.
    pub(crate) fn json(&self) -> Value {
        let figures = self.figures.iter().map(|figure| {
            (figure.name.clone(), json!({"value": rounded(figure.value), "unit": figure.unit}))
        });
        Value::Object(figures.collect::<Map<_, _>>())
    }

    /// As a table, with the baseline's values and what changed.
    pub(crate) fn table(&self, baseline: &Baseline) -> String {
        let mut rows = vec![["figure", "value", "unit", "baseline", "change"].map(str::to_owned)];
        for figure in &self.figures {
            let before = baseline.value(&figure.name);
            rows.push([
                figure.name.clone(),
                shown(figure.value),
                figure.unit.to_owned(),
                before.map(shown).unwrap_or_default(),
                before.map(|before| change(figure, before)).unwrap_or_default(),
            ]);
        }
        aligned(&rows)
    }
}

/// What was measured before, from `bench/baseline.json`.
#[derive(Debug, Default)]
pub(crate) struct Baseline(Value);

impl Baseline {
    /// Reads the file; without one nothing is compared.
    pub(crate) fn read(path: &Path) -> anyhow::Result<Self> {
        match fs::read_to_string(path) {
            Ok(text) => Ok(Self(
                serde_json::from_str(&text)
                    .with_context(|| format!("{} is no baseline", path.display()))?,
            )),
            Err(_) => Ok(Self::default()),
        }
    }

    /// Puts the figures of a run in place of those with the same names.
    pub(crate) fn replace(
        mut self,
        machine: &Value,
        report: &Report,
        path: &Path,
    ) -> anyhow::Result<()> {
        if !self.0.is_object() {
            self.0 = json!({"figures": {}});
        }
        self.0["machine"] = machine.clone();
        if let Some(figures) = self.0["figures"].as_object_mut()
            && let Value::Object(new) = report.json()
        {
            figures.extend(new);
        }
        fs::write(path, serde_json::to_string_pretty(&self.0)? + "\n")?;
        Ok(())
    }

    fn value(&self, name: &str) -> Option<f64> {
        self.0.get("figures")?.get(name)?.get("value")?.as_f64()
    }
}

fn change(figure: &Figure, before: f64) -> String {
    if before.abs() < 1e-9 {
        return String::new();
    }
    let percent = (figure.value / before - 1.0) * 100.0;
    let better = match figure.better {
        Better::Neither => "",
        Better::Higher if percent > 5.0 => " better",
        Better::Lower if percent < -5.0 => " better",
        _ if percent.abs() <= 5.0 => "",
        _ => " worse",
    };
    format!("{percent:+.0} %{better}")
}

/// Sorts the values; 0 when there is none.
pub(crate) fn median(values: &mut [f64]) -> f64 {
    quantile(values, 0.5)
}

/// The nearest-rank quantile; sorts the values, 0 when there is none.
pub(crate) fn quantile(values: &mut [f64], share: f64) -> f64 {
    values.sort_by(f64::total_cmp);
    let rank = (values.len() as f64 * share).ceil().max(1.0);
    let found = values.iter().enumerate().find(|(at, _)| *at as f64 + 1.0 >= rank);
    found.map_or(0.0, |(_, value)| *value)
}

fn rounded(value: f64) -> f64 {
    if value.abs() >= 100.0 { value.round() } else { (value * 1000.0).round() / 1000.0 }
}

fn shown(value: f64) -> String {
    match value.abs() {
        large if large >= 100.0 => format!("{value:.0}"),
        small if small < 1.0 => format!("{value:.3}"),
        _ => format!("{value:.1}"),
    }
}

fn aligned(rows: &[[String; 5]]) -> String {
    let width = |column: usize| {
        rows.iter().map(|row| row[column].chars().count()).max().unwrap_or_default()
    };
    let widths = [width(0), width(1), width(2), width(3), width(4)];
    let mut text = String::new();
    for row in rows {
        let [name, value, unit, baseline, change] = row;
        let line = format!(
            "{name:<w0$}  {value:>w1$}  {unit:<w2$}  {baseline:>w3$}  {change}",
            w0 = widths[0],
            w1 = widths[1],
            w2 = widths[2],
            w3 = widths[3],
        );
        text.push_str(line.trim_end());
        text.push('\n');
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report(value: f64) -> Report {
        let mut report = Report::default();
        report.high("rate", value, "checks/s");
        report
    }

    #[test]
    fn the_median_is_taken_figure_by_figure() {
        let runs = [report(3.0), report(1.0), report(2.0)];
        assert_eq!(Report::median(&runs).json()["rate"]["value"], 2.0);
    }

    #[test]
    fn quantiles_are_ranks() {
        let mut values: Vec<f64> = (1..=100).map(f64::from).collect();
        assert!((quantile(&mut values, 0.99) - 99.0).abs() < 1e-9);
        assert!((quantile(&mut [], 0.5)).abs() < 1e-9);
    }

    #[test]
    fn the_table_says_what_got_worse() {
        let baseline = Baseline(json!({"figures": {"rate": {"value": 10.0}}}));
        let table = report(5.0).table(&baseline);
        assert!(table.contains("-50 % worse"), "{table}");
    }
}
