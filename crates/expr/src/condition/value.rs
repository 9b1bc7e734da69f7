//! Values of conditions. They are shared, so that naming one costs nothing.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::Type;

/// A value.
#[derive(Debug, Clone)]
pub enum Value {
    /// Nothing.
    Null,
    /// True or false.
    Bool(bool),
    /// A whole number.
    Int(i64),
    /// A number with a fraction.
    Double(f64),
    /// Text.
    Text(Arc<str>),
    /// A list.
    List(Arc<Vec<Self>>),
    /// A map from text.
    Map(Arc<BTreeMap<Arc<str>, Self>>),
}

impl Value {
    /// A list.
    pub fn list(items: Vec<Self>) -> Self {
        Self::List(Arc::new(items))
    }

    /// A map.
    pub fn map(entries: impl IntoIterator<Item = (Arc<str>, Self)>) -> Self {
        Self::Map(Arc::new(entries.into_iter().collect()))
    }

    /// What it is.
    pub(super) const fn kind(&self) -> Type {
        match self {
            Self::Null => Type::Null,
            Self::Bool(_) => Type::Bool,
            Self::Int(_) => Type::Int,
            Self::Double(_) => Type::Double,
            Self::Text(_) => Type::Text,
            Self::List(_) => Type::List(&Type::Any),
            Self::Map(_) => Type::Map(&Type::Any),
        }
    }

    /// As a message shows it: scalars themselves, the others by their type.
    pub(super) fn shown(&self) -> String {
        match self {
            Self::Null => "null".to_owned(),
            Self::Bool(value) => value.to_string(),
            Self::Int(value) => value.to_string(),
            Self::Double(value) => value.to_string(),
            other => other.kind().with_article(),
        }
    }

    /// As a number, where it is one.
    pub(super) const fn number(&self) -> Option<f64> {
        match self {
            Self::Int(value) => Some(*value as f64),
            Self::Double(value) => Some(*value),
            _ => None,
        }
    }
}

impl From<&str> for Value {
    fn from(text: &str) -> Self {
        Self::Text(text.into())
    }
}

impl From<String> for Value {
    fn from(text: String) -> Self {
        Self::Text(text.into())
    }
}

impl From<serde_json::Value> for Value {
    fn from(value: serde_json::Value) -> Self {
        match value {
            serde_json::Value::Null => Self::Null,
            serde_json::Value::Bool(value) => Self::Bool(value),
            serde_json::Value::Number(number) => match number.as_i64() {
                Some(whole) => Self::Int(whole),
                None => Self::Double(number.as_f64().unwrap_or(f64::NAN)),
            },
            serde_json::Value::String(text) => Self::Text(text.into()),
            serde_json::Value::Array(items) => {
                Self::list(items.into_iter().map(Self::from).collect())
            }
            serde_json::Value::Object(fields) => {
                Self::map(fields.into_iter().map(|(name, value)| (name.into(), value.into())))
            }
        }
    }
}

impl Type {
    /// Its name in the documentation and in messages.
    pub fn name(self) -> String {
        match self {
            Self::Any => "any".to_owned(),
            Self::Null => "null".to_owned(),
            Self::Bool => "bool".to_owned(),
            Self::Int => "int".to_owned(),
            Self::Double => "double".to_owned(),
            Self::Text => "string".to_owned(),
            Self::List(Self::Any) => "list".to_owned(),
            Self::Map(Self::Any) => "map".to_owned(),
            Self::List(of) => format!("list of {}", of.name()),
            Self::Map(of) => format!("map of {}", of.name()),
        }
    }

    /// `an int`, `a string`.
    pub(super) fn with_article(self) -> String {
        match self {
            Self::Null => self.name(),
            Self::Int | Self::Any => format!("an {}", self.name()),
            _ => format!("a {}", self.name()),
        }
    }

    /// Whether it may be a number.
    pub(super) const fn may_be_number(self) -> bool {
        matches!(self, Self::Any | Self::Int | Self::Double)
    }

    /// Whether two values of these types may be equal or be compared.
    pub(super) const fn meets(self, other: Self) -> bool {
        matches!(
            (self, other),
            (Self::Any, _)
                | (_, Self::Any)
                | (Self::Int | Self::Double, Self::Int | Self::Double)
                | (Self::Bool, Self::Bool)
                | (Self::Null, Self::Null)
                | (Self::Text, Self::Text)
                | (Self::List(_), Self::List(_))
                | (Self::Map(_), Self::Map(_))
        )
    }
}
