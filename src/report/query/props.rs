//! Names of event properties in a query: `event:props:NAME`.

use serde_json::Value;

use crate::report::query::dimension::Dimension;
use crate::report::query::dimension::PROP_PREFIX;
use crate::report::query::error::QueryError;

/// Different properties of one query: each is read from every event.
const MAX_PROPS: usize = 4;
/// Bytes of the name of a property; longer ones are never stored.
const MAX_PROP_NAME_BYTES: usize = 300;

/// The properties that a query names, in the order in which they appear.
#[derive(Debug, Default)]
pub(super) struct Props(Vec<String>);

impl Props {
    /// The dimension that `sent` names.
    ///
    /// # Errors
    /// When there is none of that name, or it is one property too many; `allowed` says which
    /// dimensions there are.
    pub(super) fn dimension(
        &mut self,
        field: &str,
        sent: &Value,
        allowed: &str,
    ) -> Result<Dimension, QueryError> {
        let name = sent.as_str().ok_or_else(|| QueryError::new(field, sent, allowed))?;
        let Some(prop) = name.strip_prefix(PROP_PREFIX) else {
            return Dimension::find(name).ok_or_else(|| QueryError::new(field, sent, allowed));
        };
        let fits = (1..=MAX_PROP_NAME_BYTES).contains(&prop.len());
        if !fits || prop.chars().any(char::is_control) {
            let allowed = format!(
                "{PROP_PREFIX}NAME with a name of 1 to {MAX_PROP_NAME_BYTES} bytes without control \
                 characters"
            );
            return Err(QueryError::new(field, sent, &allowed));
        }
        let place = self.0.iter().position(|known| known == prop).unwrap_or(self.0.len());
        if place >= MAX_PROPS {
            let allowed = format!("at most {MAX_PROPS} different properties in one query");
            return Err(QueryError::new(field, sent, &allowed));
        }
        if place == self.0.len() {
            self.0.push(prop.to_owned());
        }
        Ok(Dimension::Prop(u8::try_from(place).unwrap_or(u8::MAX)))
    }

    /// The names.
    pub(super) fn into_names(self) -> Vec<String> {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn properties_are_numbered_as_they_appear() {
        let mut props = Props::default();
        let mut find = |name: &str| props.dimension("dimensions", &json!(name), "some").unwrap();
        assert_eq!(find("event:props:plan"), Dimension::Prop(0));
        assert_eq!(find("event:props:größe der Hose"), Dimension::Prop(1));
        assert_eq!(find("event:props:plan"), Dimension::Prop(0));
        assert_eq!(find("event:page"), Dimension::Page);
        assert_eq!(props.into_names(), ["plan", "größe der Hose"]);
    }

    #[test]
    fn what_is_no_name_and_what_is_too_many_is_said() {
        let mut props = Props::default();
        let long = format!("event:props:{}", "x".repeat(301));
        for name in ["event:props:", "event:props:a\nb", &long, "event:prop:a"] {
            let error = props.dimension("filters[0]", &json!(name), "a name").unwrap_err();
            assert_eq!(error.field, "filters[0]", "{name}");
        }
        for name in ["a", "b", "c", "d", "a"] {
            let name = json!(format!("event:props:{name}"));
            props.dimension("dimensions", &name, "").unwrap();
        }
        let error = props.dimension("dimensions", &json!("event:props:e"), "").unwrap_err();
        assert!(error.message.contains("at most 4 different"), "{error}");
    }
}
