//! The filters a placeholder may use.

use jiff::Timestamp;
use jiff::fmt::strtime;
use minijinja::{Environment, Error, ErrorKind, Value};

use super::value::{text, to_json};

/// Their names, in the order of the documentation.
pub(super) const NAMES: &[&str] = &[
    "upper",
    "lower",
    "title",
    "capitalize",
    "trim",
    "default",
    "json",
    "urlencode",
    "truncate",
    "replace",
    "join",
    "first",
    "last",
    "length",
    "round",
    "date",
    "duration",
];

/// Longest text a filter works on, in bytes; also what keeps `replace` from exploding.
const MAX_TEXT_BYTES: usize = 64 << 10;

/// Registers every filter of [`NAMES`].
pub(super) fn register(environment: &mut Environment<'static>) {
    environment.add_filter("upper", |value: &Value| text(value).to_uppercase());
    environment.add_filter("lower", |value: &Value| text(value).to_lowercase());
    environment.add_filter("title", |value: &Value| title(&text(value)));
    environment.add_filter("capitalize", |value: &Value| capitalize(&text(value)));
    environment.add_filter("trim", |value: &Value| text(value).trim().to_owned());
    environment.add_filter("default", default);
    environment
        .add_filter("json", |value: &Value| Value::from_safe_string(to_json(value, 0).to_string()));
    environment.add_filter("urlencode", |value: &Value| urlencode(&text(value)));
    environment.add_filter("truncate", truncate);
    environment.add_filter("replace", replace);
    environment.add_filter("join", join);
    environment.add_filter("first", |value: &Value| item(value, true));
    environment.add_filter("last", |value: &Value| item(value, false));
    environment.add_filter("length", length);
    environment.add_filter("round", round);
    environment.add_filter("date", date);
    environment.add_filter("duration", duration);
}

fn failed(why: impl Into<String>) -> Error {
    Error::new(ErrorKind::InvalidOperation, why.into())
}

fn capitalize(text: &str) -> String {
    let mut characters = text.chars();
    characters.next().map_or_else(String::new, |first| {
        first.to_uppercase().chain(characters.flat_map(char::to_lowercase)).collect()
    })
}

fn title(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut starts = true;
    for character in text.chars() {
        if starts {
            out.extend(character.to_uppercase());
        } else {
            out.extend(character.to_lowercase());
        }
        starts = !character.is_alphanumeric() && character != '\'';
    }
    out
}

/// The fallback when the value is absent or empty.
fn default(value: &Value, fallback: Option<&Value>) -> Value {
    if text(value).is_empty() { fallback.cloned().unwrap_or_default() } else { value.clone() }
}

fn urlencode(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.' | b'~') {
            out.push(char::from(byte));
        } else {
            out.push('%');
            for half in [byte >> 4, byte & 15] {
                out.extend(char::from_digit(half.into(), 16).map(|c| c.to_ascii_uppercase()));
            }
        }
    }
    out
}

/// At most so many characters, the last of them an ellipsis when something was cut.
fn truncate(value: &Value, length: Option<i64>) -> String {
    let text = text(value);
    let length = usize::try_from(length.unwrap_or(255)).unwrap_or(0);
    if text.chars().count() <= length {
        return text;
    }
    let mut short: String = text.chars().take(length.saturating_sub(1)).collect();
    if length > 0 {
        short.push('…');
    }
    short
}

fn replace(value: &Value, from: &Value, to: &Value) -> Result<String, Error> {
    let (whole, from, to) = (text(value), text(from), text(to));
    if from.is_empty() {
        return Ok(whole);
    }
    let size = whole.len() + whole.matches(from.as_str()).count().saturating_mul(to.len());
    if size > MAX_TEXT_BYTES {
        return Err(failed("`replace` makes the text too long"));
    }
    Ok(whole.replace(from.as_str(), &to))
}

fn join(value: &Value, separator: Option<&str>) -> Result<String, Error> {
    let separator = separator.unwrap_or(", ");
    let Ok(items) = value.try_iter() else {
        return Ok(text(value));
    };
    let mut out = String::new();
    for (index, item) in items.enumerate() {
        if index > 0 {
            out.push_str(separator);
        }
        out.push_str(&text(&item));
        if out.len() > MAX_TEXT_BYTES {
            return Err(failed("`join` makes the text too long"));
        }
    }
    Ok(out)
}

fn item(value: &Value, first: bool) -> Value {
    if let Some(text) = value.as_str() {
        let character = if first { text.chars().next() } else { text.chars().last() };
        return character.map(|c| Value::from(c.to_string())).unwrap_or_default();
    }
    let Ok(mut items) = value.try_iter() else {
        return Value::UNDEFINED;
    };
    (if first { items.next() } else { items.last() }).unwrap_or_default()
}

fn length(value: &Value) -> usize {
    value.as_str().map(|text| text.chars().count()).or_else(|| value.len()).unwrap_or(0)
}

fn round(value: &Value, digits: Option<i32>) -> Result<Value, Error> {
    let Some(number) = number(value)? else {
        return Ok(Value::UNDEFINED);
    };
    let digits = usize::try_from(digits.unwrap_or(0).clamp(0, 9)).unwrap_or(0);
    Ok(Value::from(format!("{number:.digits$}")))
}

/// A number, or nothing when the value is absent.
fn number(value: &Value) -> Result<Option<f64>, Error> {
    if value.is_undefined() || value.is_none() {
        return Ok(None);
    }
    if let Some(text) = value.as_str() {
        return text.trim().parse().map(Some).map_err(|_| failed(format!("`{text}` is no number")));
    }
    f64::try_from(value.clone())
        .map(Some)
        .map_err(|_| failed(format!("`{}` is no number", text(value))))
}

/// A time (RFC 3339, or seconds or milliseconds since 1970) in strftime's format, in UTC.
fn date(value: &Value, format: Option<&str>) -> Result<String, Error> {
    let written = text(value);
    if written.is_empty() {
        return Ok(String::new());
    }
    let time = match value.as_i64() {
        // Seconds reach this size in the year 5138, milliseconds passed it in 1973.
        Some(number) if number.abs() < 100_000_000_000 => Timestamp::from_second(number).ok(),
        Some(number) => Timestamp::from_millisecond(number).ok(),
        None => written.parse().ok(),
    };
    let time = time.ok_or_else(|| failed(format!("`{written}` is no time")))?;
    strtime::format(format.unwrap_or("%Y-%m-%d %H:%M:%S UTC"), time)
        .map_err(|error| failed(error.to_string()))
}

/// A number of seconds as people say it: `2d 3h`, `1h 5m`, `12s`.
fn duration(value: &Value) -> Result<String, Error> {
    if let Some(text) = value.as_str()
        && text.trim().parse::<f64>().is_err()
    {
        // Already worded.
        return Ok(text.to_owned());
    }
    let Some(seconds) = number(value)? else {
        return Ok(String::new());
    };
    if !seconds.is_finite() || seconds < 0.0 {
        return Err(failed(format!("`{seconds}` is no duration")));
    }
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "finite and not negative; casts of floats saturate"
    )]
    let total = seconds as u64;
    let parts = [
        (total / 86_400, "d"),
        (total / 3_600 % 24, "h"),
        (total / 60 % 60, "m"),
        (total % 60, "s"),
    ];
    let words: Vec<_> = parts
        .iter()
        .skip_while(|(count, _)| *count == 0)
        .take(2)
        .filter(|(count, _)| *count > 0)
        .map(|(count, unit)| format!("{count}{unit}"))
        .collect();
    Ok(if words.is_empty() { "0s".to_owned() } else { words.join(" ") })
}
