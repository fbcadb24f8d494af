//! The objects of one kind, in the order in which they were made, found by id.

use std::collections::HashMap;

use serde_json::Value;

/// What every stored kind can say about itself.
pub(super) trait Object {
    /// As Stripe writes it in "No such …: 'id'".
    const KIND: &'static str;
    fn id(&self) -> &str;
    /// Unix seconds.
    fn created(&self) -> i64;
    fn json(&self) -> Value;
}

/// An object with these fields (names between spaces) added as null.
pub(super) fn with_nulls(mut object: Value, fields: &str) -> Value {
    for field in fields.split_whitespace() {
        object[field] = Value::Null;
    }
    object
}

#[derive(Debug)]
pub(super) struct Store<T> {
    items: Vec<T>,
    places: HashMap<String, usize>,
}

impl<T> Default for Store<T> {
    fn default() -> Self {
        Self { items: Vec::new(), places: HashMap::new() }
    }
}

impl<T: Object> Store<T> {
    pub fn insert(&mut self, item: T) {
        self.places.insert(item.id().to_owned(), self.items.len());
        self.items.push(item);
    }

    pub fn get(&self, id: &str) -> Option<&T> {
        self.places.get(id).map(|&place| &self.items[place])
    }

    pub fn get_mut(&mut self, id: &str) -> Option<&mut T> {
        self.places.get(id).map(|&place| &mut self.items[place])
    }

    /// Oldest first.
    pub fn iter(&self) -> std::slice::Iter<'_, T> {
        self.items.iter()
    }
}
