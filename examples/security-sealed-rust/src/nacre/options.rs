//! A plugin's options: one flat JSON object, which Nacre has checked against the plugin's own description and
//! filled with the defaults. So a value of another type than described is a mistake of the plugin's own.

use super::{failure, Failure, NACRE_E_INVALID_ARGUMENT};
use std::collections::BTreeMap;
use std::iter::Peekable;
use std::str::Chars;

#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    Boolean(bool),
    Number(f64),
    Text(String),
    List(Vec<String>),
}

#[derive(Default)]
pub struct Options(BTreeMap<String, Value>);

impl Options {
    pub fn parse(json: &str) -> Result<Options, Failure> {
        let mut reader = Reader(json.chars().peekable());
        reader.object().map(Options).ok_or_else(|| {
            failure(NACRE_E_INVALID_ARGUMENT, "the options are no flat JSON object")
        })
    }
    /// These give none when the key has no value.
    pub fn boolean(&self, key: &str) -> Option<bool> {
        match self.0.get(key)? {
            Value::Boolean(value) => Some(*value),
            _ => None,
        }
    }
    pub fn integer(&self, key: &str) -> Option<i64> {
        match self.0.get(key)? {
            Value::Number(value) => Some(*value as i64),
            _ => None,
        }
    }
    pub fn text(&self, key: &str) -> Option<&str> {
        match self.0.get(key)? {
            Value::Text(value) => Some(value),
            _ => None,
        }
    }
    pub fn list(&self, key: &str) -> Option<&[String]> {
        match self.0.get(key)? {
            Value::List(value) => Some(value),
            _ => None,
        }
    }
}

struct Reader<'a>(Peekable<Chars<'a>>);

impl Reader<'_> {
    fn accept(&mut self, wanted: char) -> Option<()> {
        while self.0.next_if(|c| c.is_ascii_whitespace()).is_some() {}
        self.0.next_if_eq(&wanted).map(|_| ())
    }
    fn object(&mut self) -> Option<BTreeMap<String, Value>> {
        let mut values = BTreeMap::new();
        self.accept('{')?;
        if self.accept('}').is_some() {
            return Some(values);
        }
        loop {
            self.accept('"')?;
            let key = self.string()?;
            self.accept(':')?;
            let value = self.value()?;
            values.insert(key, value);
            if self.accept(',').is_none() {
                break;
            }
        }
        self.accept('}')?;
        Some(values)
    }
    fn value(&mut self) -> Option<Value> {
        if self.accept('"').is_some() {
            return self.string().map(Value::Text);
        }
        if self.accept('[').is_some() {
            return self.list().map(Value::List);
        }
        let mut word = String::new();
        while let Some(c) = self.0.next_if(|c| c.is_ascii_alphanumeric() || "+-.".contains(*c)) {
            word.push(c);
        }
        match word.as_str() {
            "true" => Some(Value::Boolean(true)),
            "false" => Some(Value::Boolean(false)),
            number => number.parse().ok().map(Value::Number),
        }
    }
    fn list(&mut self) -> Option<Vec<String>> {
        let mut texts = Vec::new();
        while self.accept('"').is_some() {
            texts.push(self.string()?);
            if self.accept(',').is_none() {
                break;
            }
        }
        self.accept(']').map(|_| texts)
    }
    // After the opening quote.
    fn string(&mut self) -> Option<String> {
        let mut units: Vec<u16> = Vec::new(); // as JSON writes them: \u may be half a character
        loop {
            let c = match self.0.next()? {
                '"' => return String::from_utf16(&units).ok(),
                '\\' => match self.0.next()? {
                    'n' => '\n',
                    't' => '\t',
                    'r' => '\r',
                    'b' => '\u{8}',
                    'f' => '\u{c}',
                    'u' => {
                        let digits: String = self.0.by_ref().take(4).collect();
                        units.push(u16::from_str_radix(&digits, 16).ok()?);
                        continue;
                    }
                    other => other,
                },
                other => other,
            };
            units.extend_from_slice(c.encode_utf16(&mut [0; 2]));
        }
    }
}
