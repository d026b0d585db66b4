//! The JSON object that an answer is, field by field. What can't be read leaves it unknown what the answer says.

use serde_json::Value;

use crate::interface::ProviderError;

#[derive(Debug)]
pub(crate) struct Document(Value);

impl Document {
    /// Of an answer that is the provider's, and says that the call succeeded.
    pub(crate) fn of(object: Value) -> Self {
        Self(object)
    }

    pub(crate) fn has(&self, field: &str) -> bool {
        self.0.get(field).is_some()
    }

    pub(crate) fn text(&self, field: &str) -> Option<&str> {
        self.0.get(field).and_then(Value::as_str)
    }

    pub(crate) fn id(&self, field: &str, longest: usize) -> Result<String, ProviderError> {
        let id = self.text(field).and_then(|id| super::checked(id, longest));
        id.ok_or_else(|| ProviderError::Unknown(format!("the answer has no usable {field}")))
    }

    /// By the provider's own form of such a value; a field that is missing is null.
    pub(crate) fn read<T>(
        &self,
        field: &str,
        form: impl FnOnce(&Value) -> Result<T, String>,
    ) -> Result<T, ProviderError> {
        form(self.0.get(field).unwrap_or(&Value::Null))
            .map_err(|error| ProviderError::Unknown(format!("the answer's {field} can't be read: {error}")))
    }

    /// An answer must be about what we asked; any other leaves it unknown.
    pub(crate) fn about(&self, field: &str, reference: &str) -> Result<(), ProviderError> {
        if self.text(field) == Some(reference) {
            return Ok(());
        }
        Err(ProviderError::Unknown(format!("the answer's {field} is another one")))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_is_missing_or_another_is_unknown() {
        let document = Document::of(json!({ "id": "x1", "long": "12345", "lines": "a\nb", "number": 1 }));
        assert_eq!(document.id("id", 4), Ok("x1".to_owned()));
        assert_eq!(document.about("id", "x1"), Ok(()));
        for field in ["long", "lines", "number", "none"] {
            assert!(matches!(document.id(field, 4), Err(ProviderError::Unknown(_))), "{field}");
            assert!(matches!(document.about(field, "x1"), Err(ProviderError::Unknown(_))), "{field}");
        }
        let number = |value: &Value| value.as_i64().ok_or_else(|| "not a number".to_owned());
        assert_eq!(document.read("number", number), Ok(1));
        assert!(matches!(document.read("none", number), Err(ProviderError::Unknown(_))));
    }
}
