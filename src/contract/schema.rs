//! Schemas that values are checked against before they are typed.
//!
//! Violations name the place and what the contract asks for there, never what was sent: events stay
//! out of answers and logs.

use std::sync::LazyLock;

use jsonschema::{Draft, Keyword, PatternOptions, ValidationError, Validator, error::ValidationErrorKind};
use serde_json::{Value, json};

use super::DateTime;
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
    pub fn check(&self, value: &Value, size: usize) -> Result<(), Violations> {
        let Err(first) = self.0.validate(value) else { return Ok(()) };
        let (mut told, all) = (Vec::new(), size < ALL_VIOLATIONS_BELOW);
        if all {
            // One more than is told, to know whether there are more.
            self.0.iter_errors(value).take(MAX_VIOLATIONS + 1).for_each(|error| tell(&error, &mut told));
        } else {
            tell(&first, &mut told);
        }
        let complete = all && told.len() <= MAX_VIOLATIONS;
        told.truncate(MAX_VIOLATIONS);
        Err(Violations { told, complete })
    }
}

/// What a value breaks of its schema.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violations {
    /// Never empty.
    pub told: Vec<Violation>,
    /// Whether there are no more.
    pub complete: bool,
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
    let options = jsonschema::options()
        .with_draft(Draft::Draft202012)
        .should_validate_formats(true)
        // What the types take, lest a value pass here and fail there, where its place is not known.
        .with_format("date-time", |text: &str| text.parse::<DateTime>().is_ok())
        .with_keyword("x-bits", |_, bits, _| Ok(Box::new(if *bits == 32 { Bits::Few } else { Bits::Many })))
        .with_pattern_options(PatternOptions::regex());
    match options.build(schema) {
        Ok(validator) => validator,
        Err(defect) => unreachable!("every generated schema is compiled by a test: {defect}"),
    }
}

/// The size of an integer's type.
enum Bits {
    Few,
    Many,
}

impl<'i> Keyword<'i> for Bits {
    fn validate(&self, instance: &'i Value) -> Result<(), ValidationError<'i>> {
        let bits = match self {
            Self::Few => "32",
            Self::Many => "64",
        };
        let refused = || ValidationError::custom(format!("is not a whole number of {bits} bits, written without a fraction"));
        if self.is_valid(instance) { Ok(()) } else { Err(refused()) }
    }

    fn is_valid(&self, instance: &'i Value) -> bool {
        // What is no number at all is told by its type, and so is what has a fraction.
        let Some(number) = instance.as_number().filter(|number| number.as_f64().is_none_or(|float| float.fract() == 0.0)) else {
            return true;
        };
        match self {
            Self::Few => number.as_i64().is_some_and(|whole| i32::try_from(whole).is_ok()),
            Self::Many => number.is_i64(),
        }
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
        ValidationErrorKind::Custom { message, .. } => violations.push(violation(place, message)),
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
