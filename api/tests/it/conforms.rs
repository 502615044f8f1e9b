//! Whether a value has the shape its schema promises: the part of JSON Schema that the description uses. A keyword this
//! does not know fails, so that nothing is promised and not held.

use serde_json::Value;

/// Panics with the place of the first difference.
pub(crate) fn conforms(description: &Value, schema: &Value, value: &Value) {
    if let Err(reason) = check(description, schema, value, "$") {
        panic!("{reason}\nin {value:#}");
    }
}

pub(crate) fn check(root: &Value, schema: &Value, value: &Value, at: &str) -> Result<(), String> {
    for (keyword, rule) in schema.as_object().ok_or_else(|| format!("{at}: {schema} is no schema"))? {
        keyword_holds(root, schema, (keyword, rule), value, at)?;
    }
    Ok(())
}

fn keyword_holds(
    root: &Value,
    schema: &Value,
    (keyword, rule): (&str, &Value),
    value: &Value,
    at: &str,
) -> Result<(), String> {
    let fail = |what: &str| Err(format!("{at}: {value} is not {what} {rule}"));
    match keyword {
        "$ref" => {
            let pointer = rule.as_str().and_then(|name| name.strip_prefix('#')).unwrap();
            check(root, root.pointer(pointer).unwrap(), value, at)?;
        }
        "type" if !types(rule).iter().any(|name| has_type(name, value)) => return fail("of type"),
        "oneOf" => {
            let options = rule.as_array().unwrap();
            if options.iter().filter(|option| check(root, option, value, at).is_ok()).count() != 1 {
                return fail("exactly one of");
            }
        }
        "enum" if !rule.as_array().unwrap().contains(value) => return fail("one of"),
        "required" => {
            let missing = |name: &&Value| value.get(name.as_str().unwrap()).is_none();
            if rule.as_array().unwrap().iter().any(|name| missing(&name)) {
                return fail("complete:");
            }
        }
        "properties" => {
            for (name, member) in value.as_object().into_iter().flatten() {
                let others = schema.get("additionalProperties");
                let schema = rule.get(name).or(others);
                let schema = schema.ok_or_else(|| format!("{at}.{name} is not documented"))?;
                check(root, schema, member, &format!("{at}.{name}"))?;
            }
        }
        "additionalProperties" if schema.get("properties").is_none() => {
            for (name, member) in value.as_object().into_iter().flatten() {
                check(root, rule, member, &format!("{at}.{name}"))?;
            }
        }
        "items" if rule.is_object() => {
            for (i, item) in value.as_array().into_iter().flatten().enumerate() {
                check(root, rule, item, &format!("{at}[{i}]"))?;
            }
        }
        "prefixItems" => {
            let (rules, items) = (rule.as_array().unwrap(), value.as_array().unwrap());
            if rules.len() != items.len() {
                return fail("as long as");
            }
            for (i, (rule, item)) in rules.iter().zip(items).enumerate() {
                check(root, rule, item, &format!("{at}[{i}]"))?;
            }
        }
        "pattern" => {
            let (pattern, text) = (rule.as_str().unwrap(), value.as_str().unwrap_or_default());
            if !value.is_null() && !regex::Regex::new(pattern).unwrap().is_match(text) {
                return fail("of the pattern");
            }
        }
        "minItems" if value.as_array().is_some_and(|items| (items.len() as u64) < rule.as_u64().unwrap()) => {
            return fail("as long as");
        }
        "maxItems" if value.as_array().is_some_and(|items| items.len() as u64 > rule.as_u64().unwrap()) => {
            return fail("as short as");
        }
        "minimum" if value.as_f64() < rule.as_f64() => return fail("at least"),
        "maximum" if value.as_f64() > rule.as_f64() => return fail("at most"),
        "minLength"
            if value.as_str().is_some_and(|text| (text.chars().count() as u64) < rule.as_u64().unwrap()) =>
        {
            return fail("as long as");
        }
        "maxLength"
            if value.as_str().is_some_and(|text| text.chars().count() as u64 > rule.as_u64().unwrap()) =>
        {
            return fail("as short as");
        }
        "format" if !has_format(rule.as_str().unwrap(), value) => return fail("in the format"),
        // What held above, and what says nothing about the value.
        "type"
        | "enum"
        | "items"
        | "minimum"
        | "maximum"
        | "minItems"
        | "maxItems"
        | "minLength"
        | "maxLength"
        | "format"
        | "additionalProperties"
        | "description"
        | "example"
        | "default"
        | "propertyNames" => {}
        other => return Err(format!("{at}: the schema uses {other}, which nothing here checks")),
    }
    Ok(())
}

fn types(rule: &Value) -> Vec<&str> {
    match rule {
        Value::Array(names) => names.iter().filter_map(Value::as_str).collect(),
        name => name.as_str().into_iter().collect(),
    }
}

fn has_type(name: &str, value: &Value) -> bool {
    match name {
        "string" => value.is_string(),
        "number" => value.is_number(),
        "integer" => value.is_i64() || value.is_u64(),
        "boolean" => value.is_boolean(),
        "array" => value.is_array(),
        "object" => value.is_object(),
        "null" => value.is_null(),
        _ => false,
    }
}

/// Formats are about the type they describe; null has none.
fn has_format(format: &str, value: &Value) -> bool {
    let Some(text) = value.as_str() else {
        return matches!(format, "int32" | "int64" | "double") || value.is_null();
    };
    match format {
        "date" => text.parse::<domain::Day>().is_ok(),
        "date-time" => text.parse::<jiff::Timestamp>().is_ok(),
        "password" => true,
        "uri-reference" => text.starts_with('/') && text.parse::<axum::http::Uri>().is_ok(),
        _ => false,
    }
}
