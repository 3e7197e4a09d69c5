//! One JSON object of a schema, read key by key with its place in the file.
//!
//! Each key is taken once and `finish` refuses what was not taken, so that a
//! misspelt or unsupported key is never passed over. It knows nothing of what
//! the keys mean.

use std::collections::BTreeSet;

use serde_json::{Map, Value};

use super::schema::{Bounds, Complaint, Problem};

pub struct Reader<'a> {
    place: String,
    map: &'a Map<String, Value>,
    taken: BTreeSet<String>,
}

impl<'a> Reader<'a> {
    pub fn new(place: &str, json: &'a Value) -> Result<Self, Complaint> {
        match json.as_object() {
            Some(map) => Ok(Self { place: place.to_owned(), map, taken: BTreeSet::new() }),
            None => Err(Complaint {
                place: place.to_owned(),
                problem: Problem::Malformed("must be an object".to_owned()),
            }),
        }
    }

    pub fn place(&self) -> &str {
        &self.place
    }

    pub fn malformed(&self, what: &str) -> Complaint {
        Complaint { place: self.place.clone(), problem: Problem::Malformed(what.to_owned()) }
    }

    pub fn outside(&self, what: &str) -> Complaint {
        Complaint { place: self.place.clone(), problem: Problem::Outside(what.to_owned()) }
    }

    fn take(&mut self, key: &str) -> Option<&'a Value> {
        self.taken.insert(key.to_owned());
        self.map.get(key)
    }

    fn wrong(&self, key: &str, wanted: &str) -> Complaint {
        self.malformed(&format!("`{key}` must be {wanted}"))
    }

    pub fn text(&mut self, key: &str) -> Result<Option<String>, Complaint> {
        match self.take(key) {
            None => Ok(None),
            Some(Value::String(text)) => Ok(Some(text.clone())),
            Some(_) => Err(self.wrong(key, "a string")),
        }
    }

    pub fn needed_text(&mut self, key: &str) -> Result<String, Complaint> {
        self.text(key)?.ok_or_else(|| self.malformed(&format!("`{key}` is missing")))
    }

    pub fn integer(&mut self, key: &str) -> Result<Option<i64>, Complaint> {
        match self.take(key) {
            None => Ok(None),
            Some(value) => value.as_i64().map(Some).ok_or_else(|| self.wrong(key, "an integer")),
        }
    }

    pub fn boolean(&mut self, key: &str) -> Result<Option<bool>, Complaint> {
        match self.take(key) {
            None => Ok(None),
            Some(value) => value.as_bool().map(Some).ok_or_else(|| self.wrong(key, "a boolean")),
        }
    }

    pub fn map(&mut self, key: &str) -> Result<Option<&'a Map<String, Value>>, Complaint> {
        match self.take(key) {
            None => Ok(None),
            Some(value) => value.as_object().map(Some).ok_or_else(|| self.wrong(key, "an object")),
        }
    }

    pub fn array(&mut self, key: &str) -> Result<Option<&'a [Value]>, Complaint> {
        match self.take(key) {
            None => Ok(None),
            Some(Value::Array(items)) => Ok(Some(items)),
            Some(_) => Err(self.wrong(key, "an array")),
        }
    }

    pub fn texts(&mut self, key: &str) -> Result<Option<Vec<String>>, Complaint> {
        let Some(items) = self.array(key)? else { return Ok(None) };
        let texts = items.iter().map(|item| item.as_str().map(str::to_owned)).collect::<Option<_>>();
        texts.map(Some).ok_or_else(|| self.wrong(key, "an array of strings"))
    }

    pub fn integers(&mut self, key: &str) -> Result<Option<Vec<i64>>, Complaint> {
        let Some(items) = self.array(key)? else { return Ok(None) };
        let integers = items.iter().map(Value::as_i64).collect::<Option<_>>();
        integers.map(Some).ok_or_else(|| self.wrong(key, "an array of integers"))
    }

    /// Two keys that bound one number, as `minLength` and `maxLength`.
    pub fn bounds(&mut self, least: &str, most: &str) -> Result<Bounds, Complaint> {
        let bounds = Bounds { least: self.integer(least)?, most: self.integer(most)? };
        match (bounds.least, bounds.most) {
            (Some(low), Some(high)) if low > high => {
                Err(self.malformed(&format!("`{least}` is above `{most}`")))
            }
            _ => Ok(bounds),
        }
    }

    /// The same, for lengths: below zero makes no sense.
    pub fn lengths(&mut self, least: &str, most: &str) -> Result<Bounds, Complaint> {
        let bounds = self.bounds(least, most)?;
        match bounds.least.is_some_and(|low| low < 0) || bounds.most.is_some_and(|high| high < 0) {
            true => Err(self.malformed(&format!("`{least}` or `{most}` is below zero"))),
            false => Ok(bounds),
        }
    }

    pub fn child(&mut self, key: &str) -> Result<Option<Reader<'a>>, Complaint> {
        let place = format!("{}.{key}", self.place);
        self.take(key).map(|json| Reader::new(&place, json)).transpose()
    }

    pub fn children(&mut self, key: &str) -> Result<Option<Vec<Reader<'a>>>, Complaint> {
        let Some(items) = self.array(key)? else { return Ok(None) };
        let place = |index| format!("{}.{key}[{index}]", self.place);
        let readers = items.iter().enumerate().map(|(index, json)| Reader::new(&place(index), json));
        readers.collect::<Result<_, _>>().map(Some)
    }

    /// Nothing may be left: what we did not read, the generated code would not do.
    pub fn finish(&self) -> Result<(), Complaint> {
        match self.map.keys().find(|key| !self.taken.contains(*key)) {
            None => Ok(()),
            Some(key) => Err(self.outside(&format!("`{key}`"))),
        }
    }
}
