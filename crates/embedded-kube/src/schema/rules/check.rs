//! Whether a rule asks only for what there is and what can be evaluated: a misspelt name would
//! otherwise show only when an object reaches it, and what is not understood would be ignored.

use cel::common::ast::{EntryExpr, Expr, LiteralValue};
use cel::parser::Expression;

use super::super::{ListType, Node};
use super::value::escaped;

/// How deep `all`, `exists`, `map` and `filter` may stand in each other: each level multiplies the work.
const MAX_NESTING: usize = 2;
/// Of values, strings and lists; what Kubernetes adds to CEL is not among them.
const FUNCTIONS: [&str; 11] =
    ["size", "contains", "startsWith", "endsWith", "matches", "int", "uint", "double", "string", "has", "@not_strictly_false"];
const OPERATORS: [&str; 16] =
    ["_?_:_", "_&&_", "_||_", "!_", "_-_", "_+_", "_*_", "_/_", "_%_", "_==_", "_!=_", "_>=_", "_<=_", "_>_", "_<_", "@in"];

/// What is known about an expression's value.
#[derive(Clone, Copy)]
enum Type<'s> {
    /// It is of this place in the schema.
    Of(&'s Node),
    /// It is computed.
    Computed,
}

/// # Errors
/// Why the rule cannot be used.
pub(super) fn check(expression: &Expression, node: &Node) -> Result<(), String> {
    let mut scope = vec![("self".to_owned(), Type::Of(node)), ("oldSelf".to_owned(), Type::Of(node))];
    value_of(expression, &mut scope, 0)
}

type Scope<'s> = Vec<(String, Type<'s>)>;

/// An expression whose value is used as a whole.
fn value_of<'s>(expression: &Expression, scope: &mut Scope<'s>, nesting: usize) -> Result<(), String> {
    match type_of(expression, scope, nesting)? {
        Type::Of(node) if !is_plain(node) => Err(
            "times, durations, bytes, int-or-string, free-form values, and lists of the types set and map are not supported by this server"
                .into(),
        ),
        _ => Ok(()),
    }
}

/// Whether values of this place mean to CEL what they are in JSON.
fn is_plain(node: &Node) -> bool {
    let is_text = !matches!(node.format.as_str(), "date-time" | "date" | "duration" | "byte");
    let is_free = node.preserve || node.embedded || node.ty.is_empty();
    let below = node.properties.values().chain(node.additional.as_deref()).chain(node.items.as_deref());
    is_text && !is_free && matches!(node.list, ListType::Atomic) && below.into_iter().all(is_plain)
}

fn type_of<'s>(expression: &Expression, scope: &mut Scope<'s>, nesting: usize) -> Result<Type<'s>, String> {
    match &expression.expr {
        Expr::Literal(_) => Ok(Type::Computed),
        Expr::Ident(name) => {
            let known = scope.iter().rev().find(|(known, _)| known == name);
            known.map(|(_, ty)| *ty).ok_or_else(|| format!("undeclared reference to '{name}' (in container '')"))
        }
        Expr::Select(select) => match type_of(&select.operand, scope, nesting)? {
            Type::Of(node) if select.test && field(node, &select.field).is_some() => Ok(Type::Computed),
            Type::Of(node) => field(node, &select.field).map(Type::Of).ok_or_else(|| format!("undefined field '{}'", select.field)),
            Type::Computed => Err(format!("'{}' of a computed value is not supported by this server", select.field)),
        },
        Expr::Call(call) if call.func_name == "_[_]" => {
            let [of, index] = call.args.as_slice() else { return Err("an index needs a value".into()) };
            value_of(index, scope, nesting)?;
            match type_of(of, scope, nesting)? {
                Type::Of(node) => node.items.as_deref().or(node.additional.as_deref()).map(Type::Of).ok_or("no such index".into()),
                Type::Computed => Ok(Type::Computed),
            }
        }
        Expr::Call(call) => {
            let name = call.func_name.as_str();
            if !FUNCTIONS.contains(&name) && !OPERATORS.contains(&name) && name != "-_" {
                return Err(format!("the function '{name}' is not supported by this server"));
            }
            for part in call.target.as_deref().into_iter().chain(&call.args) {
                value_of(part, scope, nesting)?;
            }
            // Upstream's types tell for which values this makes sense.
            let is_null = |part: &Expression| matches!(part.expr, Expr::Literal(LiteralValue::Null));
            if matches!(name, "_==_" | "_!=_") && call.args.iter().any(is_null) {
                return Err("a comparison with null is not supported by this server; has() tells what is there".into());
            }
            Ok(Type::Computed)
        }
        Expr::List(list) => {
            for element in &list.elements {
                value_of(element, scope, nesting)?;
            }
            Ok(Type::Computed)
        }
        Expr::Map(map) => {
            for entry in &map.entries {
                let EntryExpr::MapEntry(entry) = &entry.expr else { continue };
                value_of(&entry.key, scope, nesting)?;
                value_of(&entry.value, scope, nesting)?;
            }
            Ok(Type::Computed)
        }
        Expr::Comprehension(loops) => {
            if nesting == MAX_NESTING || loops.iter_var2.is_some() {
                return Err(format!(
                    "more than {MAX_NESTING} macros within each other, or one of two variables, are not supported by this server"
                ));
            }
            let item = match type_of(&loops.iter_range, scope, nesting)? {
                Type::Of(node) => match (&node.items, &node.additional) {
                    (Some(items), _) => Type::Of(items),
                    // The keys.
                    (None, Some(_)) => Type::Computed,
                    (None, None) => return Err("found no matching overload: only lists and maps have items".into()),
                },
                Type::Computed => Type::Computed,
            };
            value_of(&loops.accu_init, scope, nesting)?;
            let outside = scope.len();
            scope.extend([(loops.iter_var.clone(), item), (loops.accu_var.clone(), Type::Computed)]);
            for part in [&loops.loop_cond, &loops.loop_step, &loops.result] {
                value_of(part, scope, nesting + 1)?;
            }
            scope.truncate(outside);
            Ok(Type::Computed)
        }
        Expr::Struct(structure) => Err(format!("undeclared reference to '{}' (in container '')", structure.type_name)),
        Expr::Unspecified => Err("an empty expression".into()),
    }
}

/// The field that a rule calls `name`.
fn field<'s>(node: &'s Node, name: &str) -> Option<&'s Node> {
    let named = node.properties.iter().find(|(property, _)| escaped(property) == name).map(|(_, child)| child);
    named.or(node.additional.as_deref())
}
