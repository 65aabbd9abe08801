//! Schemas that values are checked against before they are typed.
//!
//! Violations name the place and what the contract asks for there, never what was sent: events stay
//! out of answers and logs.

use std::sync::LazyLock;

use jsonschema::{Draft, PatternOptions, ValidationError, Validator, error::ValidationErrorKind};
use serde_json::{Value, json};

use crate::problem::Violation;

/// At most so many violations are told at once.
pub const MAX_VIOLATIONS: usize = 32;
/// Above so many bytes of body only the first violation is told: finding them all takes memory that
/// grows with the body.
const ALL_VIOLATIONS_BELOW: usize = 64 * 1024;
const MAX_POINTER: usize = 1024;

/// A schema of the contract, compiled when it is first used.
pub struct Schema(LazyLock<Validator>);

impl Schema {
    /// A schema that `compile` makes: [`inline`] or [`component`].
    pub const fn new(compile: fn() -> Validator) -> Self {
        Self(LazyLock::new(compile))
    }

    /// Compiles the schema now, so that the first request does not wait for it.
    pub fn prepare(&self) {
        LazyLock::force(&self.0);
    }

    /// Checks a value that was read from `size` bytes.
    ///
    /// # Errors
    /// One or more violations, at most [`MAX_VIOLATIONS`].
    pub fn check(&self, value: &Value, size: usize) -> Result<(), Vec<Violation>> {
        let Err(first) = self.0.validate(value) else { return Ok(()) };
        let mut violations = Vec::new();
        if size < ALL_VIOLATIONS_BELOW {
            self.0.iter_errors(value).take(MAX_VIOLATIONS).for_each(|error| tell(&error, &mut violations));
        } else {
            tell(&first, &mut violations);
        }
        violations.truncate(MAX_VIOLATIONS);
        Err(violations)
    }
}

/// Compiles a schema that refers to nothing.
pub fn inline(text: &str) -> Validator {
    compile(&super::parse(text))
}

/// Compiles the component `name` of the generated document in `text`.
pub fn component(text: &str, name: &str) -> Validator {
    let mut document = super::parse(text);
    document["$ref"] = json!(format!("#/$defs/{name}"));
    compile(&document)
}

fn compile(schema: &Value) -> Validator {
    // The `regex` crate takes linear time whatever it is given.
    let options =
        jsonschema::options().with_draft(Draft::Draft202012).should_validate_formats(true).with_pattern_options(PatternOptions::regex());
    match options.build(schema) {
        Ok(validator) => validator,
        Err(defect) => unreachable!("every generated schema is compiled by a test: {defect}"),
    }
}

fn tell(error: &ValidationError<'_>, violations: &mut Vec<Violation>) {
    let place = error.instance_path().as_str();
    match error.kind() {
        ValidationErrorKind::Required { property } => {
            violations.push(violation(&below(place, property.as_str().unwrap_or_default()), "is required"));
        }
        ValidationErrorKind::AdditionalProperties { unexpected } => {
            let known_by_place =
                unexpected.iter().take(MAX_VIOLATIONS).map(|name| violation(&below(place, name), "is not in the contract"));
            violations.extend(known_by_place);
        }
        // Its message repeats the name.
        ValidationErrorKind::PropertyNames { .. } => {
            violations.push(violation(place, "has a name that is longer than the contract allows"))
        }
        _ => {
            let message = error.masked().to_string();
            violations.push(violation(place, message.strip_prefix("value ").unwrap_or(&message)));
        }
    }
}

fn violation(pointer: &str, message: &str) -> Violation {
    let end = pointer.floor_char_boundary(MAX_POINTER);
    Violation { pointer: pointer[..end].to_owned(), message: message.to_owned() }
}

fn below(place: &str, property: &str) -> String {
    format!("{place}/{}", property.replace('~', "~0").replace('/', "~1"))
}
