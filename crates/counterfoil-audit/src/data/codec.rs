//! How a member's type is written and read: one marker per type of the schemas.

use std::str::FromStr;

use counterfoil_core::{ChainId, Digest, Timestamp, TraceContext};

use super::closed::{ClosedSet, PayloadDigest};
use super::log_records::{LanePositions, MAX_LANES};
use crate::body::json::JsonOut;
use crate::erasure::Texts;
use crate::value::MAX_INTEGER;
use crate::{Instance, Lane, Metadata, Object, SrcId, Text, Value};

/// Writes and reads the member type `T` in one of the forms that the schemas know.
pub(crate) trait Codec<T> {
    /// What a member of this type is, for messages: "… is not <WHAT>".
    const WHAT: &'static str;

    /// Whether the member is there at all.
    fn is_present(_value: &T) -> bool {
        true
    }

    /// Writes the value; false when the type refuses it.
    fn write(value: &T, out: &mut JsonOut<'_>) -> bool;

    /// Reads the value; `None` when the type refuses it.
    fn read(value: &Value) -> Option<T>;

    /// Shows the texts of the value, in place.
    fn texts(_value: &mut T, _texts: &mut Texts<'_>) {}

    /// What an absent member stands for; `None` where it must be there.
    fn absent() -> Option<T> {
        None
    }
}

/// A member of the data of a kind that does not follow its schema.
#[derive(Debug)]
pub(crate) struct Mismatch(pub(crate) String);

/// Data as a struct: an object with known members.
pub(crate) trait Members: Sized {
    fn write(&self, out: &mut JsonOut<'_>);
    fn read(object: &Object) -> Result<Self, Mismatch>;
    fn texts(&mut self, texts: &mut Texts<'_>);
}

/// Declares a data struct. The members stand in the order of their keys; the codec of each says how it is written.
macro_rules! data_struct {
    ($(#[$meta:meta])* $name:ident $(where $check:path)? {
        $($(#[$doc:meta])* $member:ident: $type:ty => $codec:ty,)+
    }) => {
        $(#[$meta])*
        #[derive(Clone, Debug, PartialEq, Eq)]
        pub struct $name { $($(#[$doc])* pub $member: $type,)+ }

        impl crate::data::codec::Members for $name {
            fn write(&self, out: &mut crate::body::json::JsonOut<'_>) {
                use crate::data::codec::Codec;
                out.open();
                $(if <$codec as Codec<$type>>::is_present(&self.$member) {
                    out.key(stringify!($member));
                    if !<$codec as Codec<$type>>::write(&self.$member, out) {
                        out.refuse(stringify!($member), <$codec as Codec<$type>>::WHAT);
                    }
                })+
                out.close();
                $(if let Err(rule) = $check(self) { out.refuse(stringify!($name), rule); })?
            }

            fn read(object: &crate::Object) -> Result<Self, crate::data::codec::Mismatch> {
                use crate::data::codec::{Codec, Mismatch};
                const MEMBERS: &[&str] = &[$(stringify!($member)),+];
                if let Some((unknown, _)) = object.iter().find(|(key, _)| !MEMBERS.contains(key)) {
                    return Err(Mismatch(format!("{unknown} is no member of it")));
                }
                let read = Self {
                    $($member: match object.get(stringify!($member)) {
                        Some(value) => <$codec as Codec<$type>>::read(value),
                        None => <$codec as Codec<$type>>::absent(),
                    }
                    .ok_or_else(|| Mismatch(format!(
                        concat!(stringify!($member), " is not {}"), <$codec as Codec<$type>>::WHAT
                    )))?,)+
                };
                $($check(&read).map_err(|rule| Mismatch(format!("it is not {rule}")))?;)?
                Ok(read)
            }

            fn texts(&mut self, texts: &mut crate::erasure::Texts<'_>) {
                use crate::data::codec::Codec;
                $(if <$codec as Codec<$type>>::is_present(&self.$member) {
                    texts.within(stringify!($member), |texts| {
                        <$codec as Codec<$type>>::texts(&mut self.$member, texts);
                    });
                })+
            }
        }
    };
}
pub(crate) use data_struct;

/// A member that may be absent.
pub(crate) struct Opt<C>(std::marker::PhantomData<C>);

impl<T, C: Codec<T>> Codec<Option<T>> for Opt<C> {
    const WHAT: &'static str = C::WHAT;

    fn is_present(value: &Option<T>) -> bool {
        value.is_some()
    }

    fn write(value: &Option<T>, out: &mut JsonOut<'_>) -> bool {
        value.as_ref().is_none_or(|value| C::write(value, out))
    }

    fn read(value: &Value) -> Option<Option<T>> {
        C::read(value).map(Some)
    }

    fn texts(value: &mut Option<T>, texts: &mut Texts<'_>) {
        value.iter_mut().for_each(|value| C::texts(value, texts));
    }

    fn absent() -> Option<Option<T>> {
        Some(None)
    }
}

/// Text that `FromStr` and `Display` of a core type know.
fn string(value: &Value) -> Option<&str> {
    match value {
        Value::Text(Text::Plain(text)) => Some(text),
        _ => None,
    }
}

pub(crate) struct U64Text;

impl Codec<u64> for U64Text {
    const WHAT: &'static str = "a decimal string below 2^64";

    fn write(value: &u64, out: &mut JsonOut<'_>) -> bool {
        out.number_text(*value);
        true
    }

    fn read(value: &Value) -> Option<u64> {
        let text = string(value)?;
        let canonical = text == "0" || text.starts_with(|c: char| matches!(c, '1'..='9'));
        canonical.then(|| text.parse().ok())?
    }
}

pub(crate) struct I64Text;

impl Codec<i64> for I64Text {
    const WHAT: &'static str = "a decimal string of 64 bits with a sign";

    fn write(value: &i64, out: &mut JsonOut<'_>) -> bool {
        out.raw(b"\"");
        out.integer(*value);
        out.raw(b"\"");
        true
    }

    fn read(value: &Value) -> Option<i64> {
        let text = string(value)?;
        let number: i64 = text.parse().ok()?;
        (number.to_string() == text).then_some(number)
    }
}

pub(crate) struct Position;

impl Codec<u64> for Position {
    const WHAT: &'static str = "an integer from 1 to 2^53-1";

    fn write(value: &u64, out: &mut JsonOut<'_>) -> bool {
        out.number(*value);
        (1..=MAX_INTEGER).contains(value)
    }

    fn read(value: &Value) -> Option<u64> {
        Count::read(value).filter(|number| *number > 0)
    }
}

pub(crate) struct Count;

impl Codec<u64> for Count {
    const WHAT: &'static str = "an integer from 0 to 2^53-1";

    fn write(value: &u64, out: &mut JsonOut<'_>) -> bool {
        out.number(*value);
        *value <= MAX_INTEGER
    }

    fn read(value: &Value) -> Option<u64> {
        match value {
            Value::Integer(number) => u64::try_from(*number).ok(),
            _ => None,
        }
    }
}

pub(crate) struct Bool;

impl Codec<bool> for Bool {
    const WHAT: &'static str = "true or false";

    fn write(value: &bool, out: &mut JsonOut<'_>) -> bool {
        out.raw(if *value { b"true" } else { b"false" });
        true
    }

    fn read(value: &Value) -> Option<bool> {
        match value {
            Value::Bool(value) => Some(*value),
            _ => None,
        }
    }
}

/// `true` or absent.
pub(crate) struct Flag;

impl Codec<bool> for Flag {
    const WHAT: &'static str = "true or absent";

    fn is_present(value: &bool) -> bool {
        *value
    }

    fn write(_value: &bool, out: &mut JsonOut<'_>) -> bool {
        out.raw(b"true");
        true
    }

    fn read(value: &Value) -> Option<bool> {
        Bool::read(value).filter(|value| *value)
    }

    fn absent() -> Option<bool> {
        Some(false)
    }
}

pub(crate) struct Closed;

impl<T: ClosedSet> Codec<T> for Closed {
    const WHAT: &'static str = "one of the texts of its closed set";

    fn write(value: &T, out: &mut JsonOut<'_>) -> bool {
        out.plain(value.text().as_bytes());
        true
    }

    fn read(value: &Value) -> Option<T> {
        T::from_text(string(value)?)
    }
}

pub(crate) struct FreeText;

impl Codec<Text> for FreeText {
    const WHAT: &'static str = "a text of at most 1024 bytes";

    fn write(value: &Text, out: &mut JsonOut<'_>) -> bool {
        out.text(value);
        true
    }

    fn read(value: &Value) -> Option<Text> {
        match value {
            Value::Text(Text::Plain(text)) if text.len() > crate::text::MAX_TEXT => None,
            Value::Text(text) => Some(text.clone()),
            _ => None,
        }
    }

    fn texts(value: &mut Text, texts: &mut Texts<'_>) {
        texts.text(value);
    }
}

/// Metadata; absent when empty.
pub(crate) struct Meta;

impl Codec<Metadata> for Meta {
    const WHAT: &'static str = "an object with allow-listed keys";

    fn is_present(value: &Metadata) -> bool {
        !value.is_empty()
    }

    fn write(value: &Metadata, out: &mut JsonOut<'_>) -> bool {
        out.open();
        for (key, text) in value.iter() {
            out.key(key);
            out.text(text);
        }
        out.close();
        true
    }

    fn read(value: &Value) -> Option<Metadata> {
        let Value::Object(object) = value else {
            return None;
        };
        let mut metadata = Metadata::new();
        for (key, value) in object.iter() {
            metadata.insert(key, FreeText::read(value)?).ok()?;
        }
        (!metadata.is_empty()).then_some(metadata)
    }

    fn texts(value: &mut Metadata, texts: &mut Texts<'_>) {
        for (key, text) in value.iter_mut() {
            texts.within(key, |texts| texts.text(text));
        }
    }

    fn absent() -> Option<Metadata> {
        Some(Metadata::new())
    }
}

pub(crate) struct Hash;

impl Codec<Digest> for Hash {
    const WHAT: &'static str = "64 lower-case hexadecimal digits";

    fn write(value: &Digest, out: &mut JsonOut<'_>) -> bool {
        out.hex(value.as_bytes());
        true
    }

    fn read(value: &Value) -> Option<Digest> {
        Digest::from_hex(string(value)?.as_bytes())
    }
}

pub(crate) struct NamedDigest;

impl Codec<PayloadDigest> for NamedDigest {
    const WHAT: &'static str = "sha256: or blake3: and 64 hexadecimal digits";

    fn write(value: &PayloadDigest, out: &mut JsonOut<'_>) -> bool {
        out.plain(value.to_string().as_bytes());
        true
    }

    fn read(value: &Value) -> Option<PayloadDigest> {
        PayloadDigest::from_text(string(value)?)
    }
}

pub(crate) struct Time;

impl Codec<Timestamp> for Time {
    const WHAT: &'static str = "a time such as 2026-11-20T19:55:54.000000000Z";

    fn write(value: &Timestamp, out: &mut JsonOut<'_>) -> bool {
        out.plain(&value.to_text());
        true
    }

    fn read(value: &Value) -> Option<Timestamp> {
        Timestamp::from_text(string(value)?.as_bytes())
    }
}

/// Types of core whose only text form `Display` and `FromStr` know.
pub(crate) struct Displayed;

macro_rules! displayed {
    ($($type:ty => $what:literal,)+) => {$(
        impl Codec<$type> for Displayed {
            const WHAT: &'static str = $what;

            fn write(value: &$type, out: &mut JsonOut<'_>) -> bool {
                out.plain(value.to_string().as_bytes());
                true
            }

            fn read(value: &Value) -> Option<$type> {
                let text = string(value)?;
                let parsed = <$type>::from_str(text).ok()?;
                (parsed.to_string() == text).then_some(parsed)
            }
        }
    )+};
}
displayed! {
    ChainId => "a chain id",
    TraceContext => "a W3C trace context of version 00",
    Instance => "an instance of 16 hexadecimal digits",
    SrcId => "a source id such as 0123456789abcdef/t0",
}

/// A string with a grammar of its own.
pub(crate) struct Checked<G>(std::marker::PhantomData<G>);

/// The grammar of a [`Checked`] string.
pub(crate) trait Grammar {
    const WHAT: &'static str;
    fn accepts(text: &[u8]) -> bool;
}

impl<G: Grammar> Codec<String> for Checked<G> {
    const WHAT: &'static str = G::WHAT;

    fn write(value: &String, out: &mut JsonOut<'_>) -> bool {
        out.string(value);
        G::accepts(value.as_bytes())
    }

    fn read(value: &Value) -> Option<String> {
        string(value)
            .filter(|text| G::accepts(text.as_bytes()))
            .map(str::to_owned)
    }
}

/// A list within bounds, without duplicates.
pub(crate) struct List<C, const MIN: usize, const MAX: usize>(std::marker::PhantomData<C>);

impl<T: PartialEq, C: Codec<T>, const MIN: usize, const MAX: usize> Codec<Vec<T>>
    for List<C, MIN, MAX>
{
    const WHAT: &'static str = "a list of different items within the schema's bounds";

    fn write(value: &Vec<T>, out: &mut JsonOut<'_>) -> bool {
        out.raw(b"[");
        let mut accepted = is_list::<T, MIN, MAX>(value);
        for item in value {
            out.separate();
            accepted &= C::write(item, out);
        }
        out.raw(b"]");
        accepted
    }

    fn read(value: &Value) -> Option<Vec<T>> {
        let Value::Array(items) = value else {
            return None;
        };
        let items = items.iter().map(C::read).collect::<Option<Vec<T>>>()?;
        is_list::<T, MIN, MAX>(&items).then_some(items)
    }
}

fn is_list<T: PartialEq, const MIN: usize, const MAX: usize>(items: &[T]) -> bool {
    (MIN..=MAX).contains(&items.len())
        && items
            .iter()
            .enumerate()
            .all(|(at, item)| !items[..at].contains(item))
}

/// A data struct within another one.
pub(crate) struct Nested;

impl<T: Members> Codec<T> for Nested {
    const WHAT: &'static str = "an object as its schema has it";

    fn write(value: &T, out: &mut JsonOut<'_>) -> bool {
        value.write(out);
        true
    }

    fn read(value: &Value) -> Option<T> {
        match value {
            Value::Object(object) => T::read(object).ok(),
            _ => None,
        }
    }

    fn texts(value: &mut T, texts: &mut Texts<'_>) {
        value.texts(texts);
    }
}

/// Lane to position, in the order of the lanes' names.
pub(crate) struct Lanes;

impl Codec<LanePositions> for Lanes {
    const WHAT: &'static str = "an object of at most 1024 lanes to integers from 0 to 2^53-1";

    fn write(value: &LanePositions, out: &mut JsonOut<'_>) -> bool {
        out.open();
        for (lane, n) in value {
            out.key(lane.as_str());
            out.number(*n);
        }
        out.close();
        value.len() <= MAX_LANES && value.values().all(|n| *n <= MAX_INTEGER)
    }

    fn read(value: &Value) -> Option<LanePositions> {
        let Value::Object(object) = value else {
            return None;
        };
        let lanes: LanePositions = object
            .iter()
            .map(|(lane, n)| Some((Lane::from_text(lane.as_bytes())?, Count::read(n)?)))
            .collect::<Option<_>>()?;
        (lanes.len() <= MAX_LANES).then_some(lanes)
    }
}
