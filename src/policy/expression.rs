//! CEL over an event: conditions, and the expressions of templates. Compiled once, checked when the file is read, bounded.

use std::{
    collections::HashMap,
    fmt,
    sync::{Arc, LazyLock},
    thread,
};

use cel::{
    Context, Env, ExecutionError, Program, Value,
    common::ast::{EntryExpr, Expr},
    objects::Map,
    parser,
};

use crate::event::{Scalar, SecurityEvent, Target};

const MAX_LENGTH: usize = 2_048;
/// How deep `all`, `exists`, `map` and `filter` may stand in each other: each level multiplies the work.
const MAX_NESTING: usize = 2;
/// How deep parts may stand in each other, which is also how long a chain of an operator may be, but of || and &&: what
/// evaluates them recurses, and without optimization 50 levels fill the stack of a thread.
const MAX_DEPTH: usize = 32;
/// Bytes, of which the system gives what is used; an expression of [`MAX_LENGTH`] needs half of it where nothing is optimized.
const PARSER_STACK: usize = 64 << 20;

/// What an expression may ask for.
pub const VARIABLES: [&str; 5] = ["source", "rule", "severity", "target", "facts"];
/// What an expression may call, beside macros.
pub const FUNCTIONS: [&str; 14] =
    ["size", "contains", "startsWith", "endsWith", "matches", "int", "uint", "double", "string", "bool", "bytes", "type", "dyn", "has"];

/// The standard functions; making them takes longer than most conditions.
static ENVIRONMENT: LazyLock<Arc<Env>> = LazyLock::new(|| Arc::new(Env::stdlib()));

/// An expression over one event.
pub(super) struct Expression {
    text: String,
    program: Program,
}

impl fmt::Debug for Expression {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl fmt::Display for Expression {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// Why a text is no expression.
#[derive(Debug, thiserror::Error)]
pub(super) enum NotAnExpression {
    #[error("is longer than {MAX_LENGTH} characters")]
    TooLong,
    #[error("is no CEL expression: {0}")]
    Syntax(String),
    #[error("asks for `{0}`; there are only {known}", known = VARIABLES.join(", "))]
    UnknownVariable(String),
    #[error("calls `{0}`; there are only {known}, and the macros has, all, exists, exists_one, map, filter", known = FUNCTIONS.join(", "))]
    UnknownFunction(String),
    #[error("nests more than {MAX_NESTING} of all, exists, exists_one, map and filter")]
    TooManyLoops,
    #[error("could not be read: the system gives no thread to read it on")]
    NoThread,
    #[error("is more than {MAX_DEPTH} parts deep, as a chain of as many operators is, but of || and &&")]
    TooDeep,
}

/// Why an expression has no answer for an event: for people who look at a policy, not for logs, as it may quote the event.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum NoAnswer {
    /// It asks for a fact that the event does not have.
    #[error("the event has no `{0}`; ask for it with has(facts.x), or \"x\" in facts")]
    Missing(String),
    /// It is no condition.
    #[error("it is neither true nor false")]
    NotATruthValue,
    /// It cannot stand in a text.
    #[error("it is neither a text, a number nor a truth value")]
    NotAText,
    /// It cannot be computed.
    #[error("{0}")]
    Failed(String),
}

impl From<ExecutionError> for NoAnswer {
    fn from(error: ExecutionError) -> Self {
        match error {
            ExecutionError::NoSuchKey(key) => Self::Missing(key.to_string()),
            other => Self::Failed(other.to_string()),
        }
    }
}

impl Expression {
    pub(super) fn compile(text: &str) -> Result<Self, NotAnExpression> {
        if text.len() > MAX_LENGTH {
            return Err(NotAnExpression::TooLong);
        }
        let program = with_stack(|| {
            let program = Program::compile(text).map_err(|error| NotAnExpression::Syntax(error.to_string()))?;
            check(program.expression(), &mut VARIABLES.to_vec(), Depth::default())?;
            Ok(program)
        })?;
        Ok(Self { text: text.to_owned(), program })
    }

    /// As a condition.
    pub(super) fn holds(&self, variables: &Variables) -> Result<bool, NoAnswer> {
        match self.program.execute(&variables.0)? {
            Value::Bool(holds) => Ok(holds),
            _ => Err(NoAnswer::NotATruthValue),
        }
    }

    /// As a part of a text.
    pub(super) fn text(&self, variables: &Variables) -> Result<String, NoAnswer> {
        match self.program.execute(&variables.0)? {
            Value::String(text) => Ok(text.to_string()),
            Value::Int(number) => Ok(number.to_string()),
            Value::UInt(number) => Ok(number.to_string()),
            Value::Float(number) => Ok(number.to_string()),
            Value::Bool(value) => Ok(value.to_string()),
            _ => Err(NoAnswer::NotAText),
        }
    }
}

/// Where a part of an expression stands.
#[derive(Clone, Copy, Default)]
struct Depth {
    loops: usize,
    parts: usize,
}

/// The parser recurses through a dozen rules of the grammar for each level, which the stack of a worker thread does not hold.
fn with_stack<T: Send>(work: impl FnOnce() -> Result<T, NotAnExpression> + Send) -> Result<T, NotAnExpression> {
    thread::scope(|scope| {
        let thread = thread::Builder::new().stack_size(PARSER_STACK).spawn_scoped(scope, work).map_err(|_| NotAnExpression::NoThread)?;
        thread.join().unwrap_or(Err(NotAnExpression::NoThread))
    })
}

// A misspelt name would otherwise show only when an event reaches it.
fn check<'a>(expression: &'a parser::Expression, scope: &mut Vec<&'a str>, depth: Depth) -> Result<(), NotAnExpression> {
    if depth.parts == MAX_DEPTH {
        return Err(NotAnExpression::TooDeep);
    }
    let depth = Depth { parts: depth.parts + 1, ..depth };
    match &expression.expr {
        Expr::Unspecified | Expr::Literal(_) => Ok(()),
        Expr::Ident(name) if scope.contains(&name.as_str()) => Ok(()),
        Expr::Ident(name) => Err(NotAnExpression::UnknownVariable(name.clone())),
        Expr::Select(select) => check(&select.operand, scope, depth),
        Expr::Call(call) => {
            // Operators are calls too, of names that no one can write: `_==_`, `@in`.
            let operator = !call.func_name.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'.'));
            if !operator && !FUNCTIONS.contains(&call.func_name.as_str()) {
                return Err(NotAnExpression::UnknownFunction(call.func_name.clone()));
            }
            call.target.as_deref().into_iter().chain(&call.args).try_for_each(|part| check(part, scope, depth))
        }
        Expr::List(list) => list.elements.iter().try_for_each(|element| check(element, scope, depth)),
        Expr::Map(map) => map.entries.iter().try_for_each(|entry| check_entry(&entry.expr, scope, depth)),
        Expr::Struct(structure) => Err(NotAnExpression::UnknownFunction(structure.type_name.clone())),
        Expr::Comprehension(loops) => {
            if depth.loops == MAX_NESTING {
                return Err(NotAnExpression::TooManyLoops);
            }
            let inside = Depth { loops: depth.loops + 1, ..depth };
            check(&loops.iter_range, scope, depth)?;
            check(&loops.accu_init, scope, depth)?;
            let outside = scope.len();
            scope.extend([loops.iter_var.as_str(), loops.accu_var.as_str()]);
            scope.extend(loops.iter_var2.as_deref());
            for part in [&loops.loop_cond, &loops.loop_step, &loops.result] {
                check(part, scope, inside)?;
            }
            scope.truncate(outside);
            Ok(())
        }
    }
}

fn check_entry<'a>(entry: &'a EntryExpr, scope: &mut Vec<&'a str>, depth: Depth) -> Result<(), NotAnExpression> {
    match entry {
        EntryExpr::StructField(field) => check(&field.value, scope, depth),
        EntryExpr::MapEntry(entry) => {
            check(&entry.key, scope, depth)?;
            check(&entry.value, scope, depth)
        }
    }
}

/// An event as conditions see it; made once an event, whatever the number of rules.
pub(super) struct Variables(Context<'static, 'static>);

impl Variables {
    pub(super) fn of(event: &SecurityEvent) -> Self {
        let mut context = Context::with_env(ENVIRONMENT.clone());
        context.add_variable_from_value("source", event.source.as_str());
        context.add_variable_from_value("rule", event.rule.as_str());
        context.add_variable_from_value("severity", event.severity.as_str());
        context.add_variable_from_value("target", target(&event.target));
        context.add_variable_from_value("facts", facts(event));
        Self(context)
    }
}

/// Absent parts are empty, so that `target.namespace == "shop"` always has an answer.
fn target(target: &Target) -> Value {
    let text = |text: &Option<String>| text.clone().unwrap_or_default();
    let fields = [
        ("apiVersion", target.api_version.clone()),
        ("kind", target.kind.clone()),
        ("namespace", text(&target.namespace)),
        ("name", target.name.clone()),
        ("uid", text(&target.uid)),
    ];
    Value::Map(Map::from(HashMap::from(fields)))
}

fn facts(event: &SecurityEvent) -> Value {
    let facts: HashMap<String, Value> = event.facts.iter().map(|(key, value)| (key.clone(), scalar(value))).collect();
    Value::Map(Map::from(facts))
}

fn scalar(scalar: &Scalar) -> Value {
    match scalar {
        Scalar::Bool(value) => Value::Bool(*value),
        Scalar::Text(text) => Value::from(text.as_str()),
        Scalar::Number(number) => number
            .as_i64()
            .map(Value::Int)
            .or_else(|| number.as_u64().map(Value::UInt))
            .or_else(|| number.as_f64().map(Value::Float))
            .unwrap_or(Value::Null),
    }
}
