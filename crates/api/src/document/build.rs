//! Builds a document from parser events: the JSON value and the place of every field at once.

use std::collections::HashMap;

use saphyr_parser::{Event, Marker, Parser, ScalarStyle, ScanError, Span, StrInput, Tag};
use serde_json::{Map, Value};

use super::scalar;
use super::spans::{Place, Spans, child_path, item_path};
use super::{Location, MAX_DEPTH, SyntaxProblem};

/// How much aliases and merge keys may add, in characters and nodes.
const MAX_EXPANSION: usize = 4 << 20;
/// Most problems reported of one document.
const MAX_PROBLEMS: usize = 50;

/// A document that was read to its end.
pub(super) struct Built {
    pub(super) value: Value,
    pub(super) spans: Spans,
    /// Duplicate keys and values that mean nothing.
    pub(super) problems: Vec<SyntaxProblem>,
}

/// Reads one document whose first line is `line`.
pub(super) fn build(text: &str, line: u32) -> Result<Built, Vec<SyntaxProblem>> {
    let mut builder = Builder {
        parser: Parser::new_from_str(text),
        text,
        first_line: line,
        spans: Spans::new(Location { line, column: 1 }),
        anchors: HashMap::new(),
        expansion: 0,
        problems: Vec::new(),
    };
    match builder.document() {
        Ok(value) => Ok(Built { value, spans: builder.spans, problems: builder.problems }),
        Err(stop) => {
            let mut problems = builder.problems;
            problems.push(stop);
            Err(problems)
        }
    }
}

/// An anchored node and what copying it costs.
struct Anchored {
    value: Value,
    size: usize,
}

struct Builder<'a> {
    parser: Parser<'a, StrInput<'a>>,
    text: &'a str,
    first_line: u32,
    spans: Spans,
    anchors: HashMap<usize, Anchored>,
    expansion: usize,
    problems: Vec<SyntaxProblem>,
}

type Stop = SyntaxProblem;

impl<'a> Builder<'a> {
    fn document(&mut self) -> Result<Value, Stop> {
        let mut value = Value::Null;
        let mut seen = false;
        loop {
            let (event, span) = self.next()?;
            match event {
                Event::StreamEnd => return Ok(value),
                Event::DocumentStart(_) if seen => {
                    return Err(SyntaxProblem::new(
                        self.place(span.start),
                        "a second document starts without `---`",
                    ));
                }
                Event::DocumentStart(_) => {
                    seen = true;
                    let (event, span) = self.next()?;
                    let start = self.place(span.start);
                    self.spans.set_start(start);
                    value = self.node(event, span, "", 0)?;
                }
                _ => {}
            }
        }
    }

    fn next(&mut self) -> Result<(Event<'a>, Span), Stop> {
        match self.parser.next_event() {
            Some(Ok(event)) => Ok(event),
            Some(Err(error)) => Err(self.syntax(&error)),
            None => Ok((Event::StreamEnd, Span::default())),
        }
    }

    fn place(&self, marker: Marker) -> Location {
        let line = u32::try_from(marker.line().max(1) - 1).unwrap_or(u32::MAX);
        Location {
            line: self.first_line.saturating_add(line),
            column: u32::try_from(marker.col()).unwrap_or(u32::MAX).saturating_add(1),
        }
    }

    /// Words the parser's error, and says so when it is a tab, which is hard to see.
    fn syntax(&self, error: &ScanError) -> Stop {
        let location = self.place(*error.marker());
        let line = self.text.lines().nth(error.marker().line().max(1) - 1).unwrap_or("");
        let indentation = &line[..line.len() - line.trim_start().len()];
        let problem = SyntaxProblem::new(location, error.info());
        if indentation.contains('\t') && !self.text.trim_start().starts_with(['{', '[']) {
            problem.with_fix("indent with spaces; YAML takes no tabs")
        } else {
            problem
        }
    }

    /// Notes something wrong that does not stop the reading.
    fn note(&mut self, problem: SyntaxProblem) {
        if self.problems.len() < MAX_PROBLEMS {
            self.problems.push(problem);
        }
    }

    fn node(
        &mut self,
        event: Event<'a>,
        span: Span,
        path: &str,
        depth: usize,
    ) -> Result<Value, Stop> {
        let location = self.place(span.start);
        if depth > MAX_DEPTH {
            return Err(SyntaxProblem::new(
                location,
                format!("the document nests deeper than {MAX_DEPTH}"),
            ));
        }
        let (value, anchor) = match event {
            Event::Scalar(text, style, anchor, tag) => {
                let value = self.scalar(&text, style, tag.as_deref(), location);
                (value, anchor)
            }
            Event::SequenceStart(anchor, tag) => {
                self.check_tag(tag.as_deref(), "seq", location);
                (self.sequence(path, depth)?, anchor)
            }
            Event::MappingStart(anchor, tag) => {
                self.check_tag(tag.as_deref(), "map", location);
                (self.mapping(path, depth)?, anchor)
            }
            Event::Alias(anchor) => return self.alias(anchor, location),
            _ => return Err(SyntaxProblem::new(location, "a value is missing here")),
        };
        if anchor > 0 {
            let size = size_of(&value);
            self.spend(size, location)?;
            let anchored = Anchored { value: value.clone(), size };
            self.anchors.insert(anchor, anchored);
        }
        Ok(value)
    }

    fn spend(&mut self, size: usize, location: Location) -> Result<(), Stop> {
        self.expansion = self.expansion.saturating_add(size);
        if self.expansion > MAX_EXPANSION {
            return Err(SyntaxProblem::new(
                location,
                "anchors and aliases make the document too large",
            ));
        }
        Ok(())
    }

    fn alias(&mut self, anchor: usize, location: Location) -> Result<Value, Stop> {
        let Some(anchored) = self.anchors.get(&anchor) else {
            return Err(SyntaxProblem::new(location, "the alias refers to itself"));
        };
        let (value, size) = (anchored.value.clone(), anchored.size);
        self.spend(size, location)?;
        Ok(value)
    }

    fn scalar(
        &mut self,
        text: &str,
        style: ScalarStyle,
        tag: Option<&Tag>,
        location: Location,
    ) -> Value {
        let resolved = match tag {
            Some(tag) if tag.is_yaml_core_schema() => scalar::with_tag(&tag.suffix, text),
            Some(tag) if tag.handle == "!" && tag.suffix.is_empty() => {
                Ok(Value::String(text.to_owned()))
            }
            Some(tag) => Err(format!("the tag {tag} is not supported")),
            None if style == ScalarStyle::Plain => scalar::resolve(text),
            None => Ok(Value::String(text.to_owned())),
        };
        resolved.unwrap_or_else(|why| {
            self.note(SyntaxProblem::new(location, why));
            Value::Null
        })
    }

    fn check_tag(&mut self, tag: Option<&Tag>, expected: &str, location: Location) {
        if let Some(tag) = tag
            && !(tag.is_yaml_core_schema() && tag.suffix == expected)
        {
            self.note(SyntaxProblem::new(location, format!("the tag {tag} is not supported")));
        }
    }

    fn sequence(&mut self, path: &str, depth: usize) -> Result<Value, Stop> {
        let mut items = Vec::new();
        loop {
            let (event, span) = self.next()?;
            if event == Event::SequenceEnd {
                return Ok(Value::Array(items));
            }
            let path = item_path(path, items.len());
            let location = self.place(span.start);
            self.spans.insert(path.clone(), Place { key: location, value: location });
            items.push(self.node(event, span, &path, depth + 1)?);
        }
    }

    fn mapping(&mut self, path: &str, depth: usize) -> Result<Value, Stop> {
        let mut entries = Map::new();
        let mut lines: HashMap<String, u32> = HashMap::new();
        let mut merged = Vec::new();
        loop {
            let (event, span) = self.next()?;
            if event == Event::MappingEnd {
                break;
            }
            let location = self.place(span.start);
            let is_merge =
                matches!(&event, Event::Scalar(text, ScalarStyle::Plain, _, None) if text == "<<");
            let key = self.key(event, span, depth)?;
            let child = child_path(path, &key);
            let (event, span) = self.next()?;
            if is_merge {
                let value = self.node(event, span, &child, depth + 1)?;
                merged.push((value, location));
                continue;
            }
            let on_one_line = matches!(event, Event::Scalar(..) | Event::Alias(_))
                && span.start.line() > 0
                && !span.is_empty();
            let duplicate = lines.get(&key).copied();
            if duplicate.is_none() {
                lines.insert(key.clone(), location.line);
                let value = if on_one_line { self.place(span.start) } else { location };
                self.spans.insert(child.clone(), Place { key: location, value });
            }
            let value = self.node(event, span, &child, depth + 1)?;
            if let Some(first) = duplicate {
                let why = format!(
                    "the key `{key}` is written twice, in line {first} and in line {}",
                    location.line
                );
                self.note(SyntaxProblem::new(location, why).with_fix("remove one of them"));
            } else {
                entries.insert(key, value);
            }
        }
        for (value, location) in merged {
            merge(&mut entries, value, location)?;
        }
        Ok(Value::Object(entries))
    }

    /// A key as text; numbers and booleans become the text that JSON has for them.
    fn key(&mut self, event: Event<'a>, span: Span, depth: usize) -> Result<String, Stop> {
        let location = self.place(span.start);
        match self.node(event, span, "", depth + 1)? {
            Value::String(text) => Ok(text),
            Value::Number(number) => Ok(number.to_string()),
            Value::Bool(flag) => Ok(flag.to_string()),
            Value::Null => Err(SyntaxProblem::new(location, "a key is missing here")),
            Value::Array(_) | Value::Object(_) => {
                Err(SyntaxProblem::new(location, "a key must be text, not a list or an object")
                    .with_fix("put texts that start with `{` or `[` into quotes"))
            }
        }
    }
}

/// `<<: *anchor`: entries that are not written in the object itself.
fn merge(entries: &mut Map<String, Value>, value: Value, location: Location) -> Result<(), Stop> {
    match value {
        Value::Object(more) => {
            for (key, value) in more {
                entries.entry(key).or_insert(value);
            }
            Ok(())
        }
        Value::Array(list) if list.iter().all(Value::is_object) => {
            list.into_iter().try_for_each(|item| merge(entries, item, location))
        }
        _ => Err(SyntaxProblem::new(
            location,
            "the merge key `<<` takes an object or a list of objects",
        )),
    }
}

fn size_of(value: &Value) -> usize {
    match value {
        Value::String(text) => 1 + text.len(),
        Value::Array(items) => 1 + items.iter().map(size_of).sum::<usize>(),
        Value::Object(entries) => {
            1 + entries.iter().map(|(key, value)| 1 + key.len() + size_of(value)).sum::<usize>()
        }
        _ => 1,
    }
}
