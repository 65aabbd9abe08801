//! Actions, and verifications, whose texts are filled from the event: `${ CEL }` in any text that is a parameter.
//!
//! ```text
//!  policy file ─▶ expressions compiled ──▶ filled with a placeholder ─▶ a valid action? ── no ─▶ a mistake of the file
//!  event ───────▶ expressions evaluated ─▶ filled with their values ──▶ a valid action? ── no ─▶ `default` is proposed
//! ```
//!
//! Keys stay as they are: the policy says what is set, the event at most to which value. In a verification the value is
//! letters, digits, `-`, `_` and `.` at most: whoever has a say in an event must not have one in what is asked, as by a quote in a query.

use std::convert::Infallible;

use serde_json::Value;

use super::Measures;
use super::expression::{Expression, NoAnswer, NotAnExpression, Variables};

/// Expressions of one action.
const MAX_EXPRESSIONS: usize = 32;
/// Bytes of one filled text.
const MAX_FILLED: usize = 1_024;
/// Stands for a value while there is no event: good for a label, an image and a name.
const PLACEHOLDER: &str = "placeholder";

/// What a rule does: measures as they stand, or such that are filled from each event.
#[derive(Debug)]
pub(super) enum Recipe {
    Fixed(Measures),
    Filled(Template),
}

/// Measures, with expressions in their texts.
#[derive(Debug)]
pub(super) struct Template {
    measures: Value,
    /// Of each text with expressions its pointer and its parts.
    texts: Vec<(String, Vec<Part>)>,
}

#[derive(Debug)]
enum Part {
    Text(String),
    Expression(Expression),
}

/// Why an action is no template.
#[derive(Debug, thiserror::Error)]
pub(super) enum NotATemplate {
    #[error("an expression begins with `${{` and has no end")]
    Open,
    #[error("`${{{text}}}` {why}")]
    Expression { text: String, why: NotAnExpression },
    #[error("an action has at most {MAX_EXPRESSIONS} expressions")]
    TooMany,
}

/// Why an event gives no action.
#[derive(Debug, thiserror::Error)]
pub(super) enum NotFilled {
    #[error("`${{{expression}}}`: {why}")]
    NoAnswer { expression: String, why: NoAnswer },
    #[error("a text of the action would have more than {MAX_FILLED} bytes")]
    TooLong,
    #[error("the action would not be valid: {0}")]
    Invalid(String),
    #[error("`${{{expression}}}`: in a verification its value may have letters, digits, '-', '_' and '.' only")]
    NotPlain { expression: String },
}

impl Template {
    /// Reads measures.
    pub(super) fn compile(measures: Value) -> Result<Self, NotATemplate> {
        let mut texts = Vec::new();
        collect(&measures, String::new(), &mut texts)?;
        let expressions = texts.iter().flat_map(|(_, parts)| parts).filter(|part| matches!(part, Part::Expression(_))).count();
        if expressions > MAX_EXPRESSIONS { Err(NotATemplate::TooMany) } else { Ok(Self { measures, texts }) }
    }

    /// Whether it is the same for every event.
    pub(super) fn is_fixed(&self) -> bool {
        self.texts.is_empty()
    }

    /// The measures where nothing is known of the event.
    pub(super) fn example(&self) -> Value {
        let placeholder = |_: &str, _: &Expression| Ok::<_, Infallible>(PLACEHOLDER.to_owned());
        let Ok(example) = self.with(placeholder);
        example
    }

    /// The measures for an event.
    pub(super) fn fill(&self, event: &Variables) -> Result<Measures, NotFilled> {
        let is_plain = |text: &str| text.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.'));
        let value = |pointer: &str, expression: &Expression| {
            let text = expression.text(event).map_err(|why| NotFilled::NoAnswer { expression: expression.to_string(), why })?;
            if pointer.starts_with("/verification/") && !is_plain(&text) {
                return Err(NotFilled::NotPlain { expression: expression.to_string() });
            }
            Ok(text)
        };
        let filled = self.with(value)?;
        let too_long = |pointer: &str| filled.pointer(pointer).and_then(Value::as_str).is_some_and(|text| text.len() > MAX_FILLED);
        if self.texts.iter().any(|(pointer, _)| too_long(pointer)) {
            return Err(NotFilled::TooLong);
        }
        let measures: Measures = serde_json::from_value(filled).map_err(|error| NotFilled::Invalid(error.to_string()))?;
        match measures.problem() {
            Some(problem) => Err(NotFilled::Invalid(problem)),
            None => Ok(measures),
        }
    }

    fn with<E>(&self, value: impl Fn(&str, &Expression) -> Result<String, E>) -> Result<Value, E> {
        let mut measures = self.measures.clone();
        for (pointer, parts) in &self.texts {
            let mut text = String::new();
            for part in parts {
                match part {
                    Part::Text(fixed) => text.push_str(fixed),
                    Part::Expression(expression) => text.push_str(&value(pointer, expression)?),
                }
            }
            if let Some(place) = measures.pointer_mut(pointer) {
                *place = text.into();
            }
        }
        Ok(measures)
    }
}

impl Recipe {
    /// The measures for an event.
    pub(super) fn measures(&self, event: &Variables) -> Result<Measures, NotFilled> {
        match self {
            Self::Fixed(measures) => Ok(measures.clone()),
            Self::Filled(template) => template.fill(event),
        }
    }
}

/// Finds the texts with expressions in them, keys aside.
fn collect(value: &Value, pointer: String, texts: &mut Vec<(String, Vec<Part>)>) -> Result<(), NotATemplate> {
    match value {
        Value::String(text) if text.contains("${") => texts.push((pointer, parts(text)?)),
        Value::Array(list) => {
            for (index, item) in list.iter().enumerate() {
                collect(item, format!("{pointer}/{index}"), texts)?;
            }
        }
        Value::Object(fields) => {
            for (name, field) in fields {
                collect(field, format!("{pointer}/{}", name.replace('~', "~0").replace('/', "~1")), texts)?;
            }
        }
        _ => {}
    }
    Ok(())
}

fn parts(text: &str) -> Result<Vec<Part>, NotATemplate> {
    let (mut parts, mut rest) = (Vec::new(), text);
    while let Some((fixed, inside)) = rest.split_once("${") {
        let end = end(inside).ok_or(NotATemplate::Open)?;
        let text = inside[..end].trim();
        let expression = Expression::compile(text);
        parts.push(Part::Text(fixed.to_owned()));
        parts.push(Part::Expression(expression.map_err(|why| NotATemplate::Expression { text: text.to_owned(), why })?));
        rest = &inside[end + 1..];
    }
    parts.push(Part::Text(rest.to_owned()));
    Ok(parts)
}

/// Where the brace stands that ends an expression: not one of a map in it, nor one in a text in it.
fn end(expression: &str) -> Option<usize> {
    let (mut depth, mut quote, mut escaped) = (0_usize, None, false);
    for (at, c) in expression.char_indices() {
        match (quote, c) {
            _ if escaped => escaped = false,
            (Some(_), '\\') => escaped = true,
            (Some(open), c) if c == open => quote = None,
            (Some(_), _) => {}
            (None, '"' | '\'') => quote = Some(c),
            (None, '{') => depth += 1,
            (None, '}') if depth == 0 => return Some(at),
            (None, '}') => depth -= 1,
            (None, _) => {}
        }
    }
    None
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    #[test]
    fn an_expression_ends_with_its_own_brace() {
        for (text, wanted) in [
            ("a${rule}b${source}", vec!["a", "<rule>", "b", "<source>", ""]),
            (r#"${ {"}": rule}["}"] }"#, vec!["", r#"<{"}": rule}["}"]>"#, ""]),
            (r#"${"\"}"}}"#, vec!["", r#"<"\"}">"#, "}"]),
            ("$ {} $", vec!["$ {} $"]),
        ] {
            let shown = |part: &Part| match part {
                Part::Text(text) => text.clone(),
                Part::Expression(expression) => format!("<{expression}>"),
            };
            assert_eq!(parts(text).unwrap().iter().map(shown).collect::<Vec<_>>(), wanted, "{text}");
        }
        for open in ["${", "${rule", "${'}", "a${{}"] {
            assert!(matches!(parts(open), Err(NotATemplate::Open)), "{open}");
        }
    }
}
