//! JSON values that are read if they are what they should be, and passed over if they are not: one broken field of
//! one event must not cost a page.

use std::{borrow::Cow, fmt, marker::PhantomData};

use serde::de::{Deserialize, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};

/// What a value may be made of. Everything else is odd.
pub(crate) trait Shape<'de>: Sized + Default {
    /// Something else stands there.
    fn odd() -> Self;

    fn text(_text: Cow<'de, str>) -> Self {
        Self::odd()
    }

    fn flag(_is_so: bool) -> Self {
        Self::odd()
    }

    fn number(_number: i64) -> Self {
        Self::odd()
    }

    fn object<A: MapAccess<'de>>(mut object: A) -> Result<Self, A::Error> {
        while object.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        Ok(Self::odd())
    }

    fn list<A: SeqAccess<'de>>(mut list: A) -> Result<Self, A::Error> {
        while list.next_element::<IgnoredAny>()?.is_some() {}
        Ok(Self::odd())
    }
}

struct Reading<T>(PhantomData<T>);

impl<'de, T: Shape<'de>> Visitor<'de> for Reading<T> {
    type Value = T;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("any value")
    }

    fn visit_borrowed_str<E>(self, text: &'de str) -> Result<T, E> {
        Ok(T::text(Cow::Borrowed(text)))
    }

    fn visit_str<E>(self, text: &str) -> Result<T, E> {
        Ok(T::text(Cow::Owned(text.to_owned())))
    }

    fn visit_bool<E>(self, is_so: bool) -> Result<T, E> {
        Ok(T::flag(is_so))
    }

    fn visit_i64<E>(self, number: i64) -> Result<T, E> {
        Ok(T::number(number))
    }

    fn visit_u64<E>(self, number: u64) -> Result<T, E> {
        Ok(i64::try_from(number).map_or_else(|_| T::odd(), T::number))
    }

    fn visit_f64<E>(self, _: f64) -> Result<T, E> {
        Ok(T::odd())
    }

    /// `null` is as good as absent.
    fn visit_unit<E>(self) -> Result<T, E> {
        Ok(T::default())
    }

    fn visit_map<A: MapAccess<'de>>(self, object: A) -> Result<T, A::Error> {
        T::object(object)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, list: A) -> Result<T, A::Error> {
        T::list(list)
    }
}

pub(crate) fn read<'de, T: Shape<'de>, D: Deserializer<'de>>(from: D) -> Result<T, D::Error> {
    from.deserialize_any(Reading(PhantomData))
}

/// Makes a [`Shape`] deserialisable.
macro_rules! lenient {
    ($($name:ident $(<$life:lifetime>)?),* $(,)?) => {$(
        lenient!(@one $name $($life)?);
    )*};
    (@one $name:ident $life:lifetime) => {
        impl<'de: $life, $life> serde::Deserialize<'de> for $name<$life> {
            fn deserialize<D: serde::Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
                crate::lenient::read::<$name<'de>, D>(from)
            }
        }
    };
    (@one $name:ident) => {
        impl<'de> serde::Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
                crate::lenient::read(from)
            }
        }
    };
}
pub(crate) use lenient;

/// A text that is borrowed from the page wherever nothing in it is escaped.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) enum Text<'a> {
    #[default]
    Absent,
    Is(Cow<'a, str>),
    Odd,
}

impl Text<'_> {
    /// The text, unless it is empty.
    pub(crate) fn get(&self) -> Option<&str> {
        match self {
            Text::Is(text) if !text.is_empty() => Some(text),
            _ => None,
        }
    }

    pub(crate) fn is(&self, word: &str) -> bool {
        self.get() == Some(word)
    }
}

impl Text<'_> {
    /// Keeps it beyond the page.
    pub(crate) fn into_owned(self) -> Text<'static> {
        match self {
            Text::Absent => Text::Absent,
            Text::Is(text) => Text::Is(Cow::Owned(text.into_owned())),
            Text::Odd => Text::Odd,
        }
    }
}

impl<'de> Shape<'de> for Text<'de> {
    fn odd() -> Self {
        Text::Odd
    }

    fn text(text: Cow<'de, str>) -> Self {
        Text::Is(text)
    }
}

/// True, or not.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Flag(pub(crate) bool);

impl Shape<'_> for Flag {
    fn odd() -> Self {
        Flag(false)
    }

    fn flag(is_so: bool) -> Self {
        Flag(is_so)
    }
}

/// A number, 0 where there is none.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Number(pub(crate) i64);

impl Shape<'_> for Number {
    fn odd() -> Self {
        Number(0)
    }

    fn number(number: i64) -> Self {
        Number(number)
    }
}

/// A list of texts.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Texts<'a> {
    pub(crate) texts: Vec<Text<'a>>,
    /// Something that is no list stands there.
    pub(crate) is_odd: bool,
}

impl<'de> Shape<'de> for Texts<'de> {
    fn odd() -> Self {
        Self { texts: Vec::new(), is_odd: true }
    }

    fn list<A: SeqAccess<'de>>(mut list: A) -> Result<Self, A::Error> {
        let mut texts = Vec::new();
        while let Some(text) = list.next_element()? {
            texts.push(text);
        }
        Ok(Self { texts, is_odd: false })
    }
}

lenient![Text<'a>, Texts<'a>, Flag, Number];

/// Reads an object of known fields.
pub(crate) fn object<'de, T, A>(object: A) -> Result<T, A::Error>
where
    T: Deserialize<'de>,
    A: MapAccess<'de>,
{
    T::deserialize(serde::de::value::MapAccessDeserializer::new(object))
}
