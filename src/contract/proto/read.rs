//! The wire format.
//!
//! Every length is held against the end of what it is in, and every nesting against [`DEEPEST`]; nothing is reserved by what a length
//! says, and whatever is built is announced before ([`Weight`]).

use serde_json::{Map, Number, Value};

use super::{Field, Form, Kind, Label, Message};

/// Most messages in each other. An object or a list of JSON takes two, so this is as deep as a body of JSON may be.
const DEEPEST: usize = 254;
/// Whole numbers up to here are exact as `double`, and so are written as whole numbers.
const EXACT: f64 = 9_007_199_254_740_992.0;

/// Why a body is not read.
#[derive(Debug, PartialEq, Eq)]
pub enum Refused<E> {
    /// It is not the message, at this byte.
    Malformed {
        /// Where.
        at: usize,
        /// Why; never what was sent.
        why: &'static str,
    },
    /// There is no room for what it would be.
    NoRoom(E),
}

/// What is about to be built; the text of a value is part of the body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Weight {
    /// An object or a list.
    Container,
    /// Any other value, with its name.
    Scalar,
}

impl Message {
    /// Reads a body as the JSON that it stands for. A field that the message does not have becomes a member with its number as the
    /// name, which the schema refuses in its place.
    ///
    /// # Errors
    /// [`Refused`], where `room` refuses, too.
    pub fn read<E>(&self, body: &[u8], room: impl FnMut(Weight) -> Result<(), E>) -> Result<Value, Refused<E>> {
        Reader { body, at: 0, room }.message(self, body.len(), DEEPEST)
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Wire {
    Varint,
    Fixed64,
    Length,
    Fixed32,
}

impl Kind {
    fn wire(&self) -> Wire {
        match self {
            Self::Null | Self::Bool | Self::Int | Self::Uint | Self::Enum(_) => Wire::Varint,
            Self::Double => Wire::Fixed64,
            Self::String | Self::Message(_) => Wire::Length,
        }
    }
}

struct Reader<'b, F> {
    body: &'b [u8],
    at: usize,
    room: F,
}

impl<E, F: FnMut(Weight) -> Result<(), E>> Reader<'_, F> {
    /// A message that ends at `end`, with room for `depth` messages in each other.
    fn message(&mut self, message: &Message, end: usize, depth: usize) -> Result<Value, Refused<E>> {
        let Some(depth) = depth.checked_sub(1) else { return self.malformed("more messages in each other than are read") };
        if message.form != Form::Union {
            self.build(Weight::Container)?;
        }
        let mut members = Map::new();
        while self.at < end {
            let (number, wire) = self.tag(end)?;
            match message.fields.iter().find(|field| field.number == number) {
                Some(field) => self.field(message.form, field, wire, end, depth, &mut members)?,
                None if message.form == Form::Object => {
                    self.build(Weight::Scalar)?;
                    self.skip(wire, end)?;
                    members.insert(number.to_string(), Value::Null);
                }
                None => return self.malformed("a field that its message does not have"),
            }
        }
        let only = |members: Map<String, Value>| members.into_iter().next().map(|(_, value)| value);
        match message.form {
            Form::Object => Ok(Value::Object(members)),
            Form::Map => Ok(only(members).unwrap_or_else(|| Value::Object(Map::new()))),
            Form::List => Ok(only(members).unwrap_or_else(|| Value::Array(Vec::new()))),
            Form::Union => only(members).map_or_else(|| self.malformed("a value of no kind"), Ok),
        }
    }

    fn field(
        &mut self,
        form: Form,
        field: &Field,
        wire: Wire,
        end: usize,
        depth: usize,
        members: &mut Map<String, Value>,
    ) -> Result<(), Refused<E>> {
        if field.label == Label::One {
            if members.contains_key(field.name) || (form == Form::Union && !members.is_empty()) {
                return self.malformed("a second value where there is one");
            }
            let value = self.value(&field.kind, wire, end, depth)?;
            members.insert(field.name.to_owned(), value);
            return Ok(());
        }
        if !members.contains_key(field.name) {
            // The message of a map or a list is that map or list.
            if form == Form::Object {
                self.build(Weight::Container)?;
            }
            let empty = if field.label == Label::Map { Value::Object(Map::new()) } else { Value::Array(Vec::new()) };
            members.insert(field.name.to_owned(), empty);
        }
        match members.get_mut(field.name) {
            Some(Value::Array(items)) if wire == Wire::Length && field.kind.wire() != Wire::Length => {
                let end = self.length(end)?;
                while self.at < end {
                    items.push(self.value(&field.kind, field.kind.wire(), end, depth)?);
                }
            }
            Some(Value::Array(items)) => items.push(self.value(&field.kind, wire, end, depth)?),
            Some(Value::Object(entries)) => {
                let (name, value) = self.entry(&field.kind, wire, end, depth)?;
                if entries.insert(name, value).is_some() {
                    return self.malformed("a second value of one name");
                }
            }
            // A list or a map was put there above, or by the same field before.
            _ => return self.malformed("a second value where there is one"),
        }
        Ok(())
    }

    /// A name and a value of a map; what is not there is as if it were empty.
    fn entry(&mut self, kind: &Kind, wire: Wire, end: usize, depth: usize) -> Result<(String, Value), Refused<E>> {
        if wire != Wire::Length {
            return self.malformed("a field of another wire type");
        }
        let end = self.length(end)?;
        let (mut name, mut value) = (None, None);
        while self.at < end {
            match self.tag(end)? {
                (1, Wire::Length) if name.is_none() => name = Some(self.text(end)?),
                (2, wire) if value.is_none() => value = Some(self.value(kind, wire, end, depth)?),
                _ => return self.malformed("something else than a name and a value in a map"),
            }
        }
        let value = match value {
            Some(value) => value,
            None => self.empty(kind, depth)?,
        };
        Ok((name.unwrap_or_default(), value))
    }

    fn empty(&mut self, kind: &Kind, depth: usize) -> Result<Value, Refused<E>> {
        if let Kind::Message(message) = kind {
            return self.message(message, self.at, depth);
        }
        self.build(Weight::Scalar)?;
        Ok(match kind {
            Kind::Bool => Value::Bool(false),
            Kind::Int | Kind::Uint | Kind::Double | Kind::Enum(_) => Value::from(0),
            Kind::String => Value::String(String::new()),
            Kind::Null | Kind::Message(_) => Value::Null,
        })
    }

    fn value(&mut self, kind: &Kind, wire: Wire, end: usize, depth: usize) -> Result<Value, Refused<E>> {
        if wire != kind.wire() {
            return self.malformed("a field of another wire type");
        }
        if let Kind::Message(message) = kind {
            let end = self.length(end)?;
            return self.message(message, end, depth);
        }
        self.build(Weight::Scalar)?;
        Ok(match kind {
            Kind::String => Value::String(self.text(end)?),
            Kind::Double => self.double(end)?,
            Kind::Bool => Value::Bool(self.varint(end)? != 0),
            // Negative numbers are sent as their two's complement.
            Kind::Int => Value::from(self.varint(end)?.cast_signed()),
            Kind::Uint => Value::from(self.varint(end)?),
            Kind::Enum(values) => {
                let number = self.varint(end)?.cast_signed();
                let word = values.iter().find(|(known, _)| i64::from(*known) == number);
                // What stands for no value of the contract stays a number, which the schema refuses.
                word.map_or_else(|| Value::from(number), |(_, word)| Value::from(*word))
            }
            Kind::Null | Kind::Message(_) => {
                self.varint(end)?;
                Value::Null
            }
        })
    }

    fn double(&mut self, end: usize) -> Result<Value, Refused<E>> {
        let bytes = self.bytes(8, end)?;
        let double = bytes.try_into().map(f64::from_le_bytes).unwrap_or(f64::NAN);
        if double.fract() == 0.0 && double.abs() <= EXACT {
            // Exact, by the condition.
            return Ok(Value::from(double as i64));
        }
        Number::from_f64(double).map_or_else(|| self.malformed("a number that JSON does not have"), |number| Ok(Value::Number(number)))
    }

    fn text(&mut self, end: usize) -> Result<String, Refused<E>> {
        let end = self.length(end)?;
        let bytes = self.bytes(end - self.at, end)?;
        match std::str::from_utf8(bytes) {
            Ok(text) => Ok(text.to_owned()),
            Err(_) => self.malformed("a text that is not UTF-8"),
        }
    }

    /// A field's number, and how its value is written.
    fn tag(&mut self, end: usize) -> Result<(u32, Wire), Refused<E>> {
        let tag = self.varint(end)?;
        let wire = match tag & 7 {
            0 => Wire::Varint,
            1 => Wire::Fixed64,
            2 => Wire::Length,
            5 => Wire::Fixed32,
            _ => return self.malformed("a wire type that is not used any more, or never was"),
        };
        match u32::try_from(tag >> 3) {
            Ok(number) if (1..1 << 29).contains(&number) => Ok((number, wire)),
            _ => self.malformed("a number that no field has"),
        }
    }

    fn skip(&mut self, wire: Wire, end: usize) -> Result<(), Refused<E>> {
        match wire {
            Wire::Varint => self.varint(end).map(drop),
            Wire::Fixed64 => self.bytes(8, end).map(drop),
            Wire::Fixed32 => self.bytes(4, end).map(drop),
            Wire::Length => {
                self.at = self.length(end)?;
                Ok(())
            }
        }
    }

    /// Where what begins with its length ends.
    fn length(&mut self, end: usize) -> Result<usize, Refused<E>> {
        let length = self.varint(end)?;
        let stop = usize::try_from(length).ok().and_then(|length| self.at.checked_add(length)).filter(|stop| *stop <= end);
        stop.map_or_else(|| self.malformed("a length beyond the end"), Ok)
    }

    fn varint(&mut self, end: usize) -> Result<u64, Refused<E>> {
        let mut number = 0;
        for shift in (0..u64::BITS).step_by(7) {
            let byte = self.bytes(1, end)?.first().copied().unwrap_or_default();
            // The tenth byte has one bit left.
            if shift == 63 && byte > 1 {
                break;
            }
            number |= u64::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                return Ok(number);
            }
        }
        self.malformed("a number of more than 64 bits")
    }

    fn bytes(&mut self, count: usize, end: usize) -> Result<&[u8], Refused<E>> {
        let from = self.at;
        match from.checked_add(count).filter(|stop| *stop <= end).and_then(|stop| self.body.get(from..stop)) {
            Some(bytes) => {
                self.at += count;
                Ok(bytes)
            }
            None => Err(Refused::Malformed { at: from, why: "an end within a value" }),
        }
    }

    fn build(&mut self, weight: Weight) -> Result<(), Refused<E>> {
        (self.room)(weight).map_err(Refused::NoRoom)
    }

    fn malformed<T>(&self, why: &'static str) -> Result<T, Refused<E>> {
        Err(Refused::Malformed { at: self.at, why })
    }
}
