//! Places and fields.

use jiff::Timestamp;

use super::{Place, pick};

#[test]
fn page_position_survives_its_token() {
    let at = |text: &str| text.parse::<Timestamp>().unwrap();
    for from in [Timestamp::MIN, at("2024-02-29T01:02:03Z")] {
        let place = Place { from, to: at("2026-01-01T00:00:00Z"), at: at("1960-01-01T00:00:00Z"), sent: 17 };
        assert_eq!(
            Place::read(&place.write()).map(|it| (it.to, it.at, it.sent)),
            Some((place.to, place.at, 17))
        );
    }
    for token in ["", "nonsense", "ä", &"7".repeat(49)] {
        assert_eq!(Place::read(token).map(|it| it.sent), None, "{token}");
    }
}

#[test]
fn selected_fields_keep_document_order() {
    let document = r#"{"id":"a","steps":5,"met":{"items":[1.0,null]},"day":"2024-01-01"}"#;
    let check = |fields: &str, expected: &str| {
        let fields: Vec<_> = fields.split(',').filter(|f| !f.is_empty()).map(ToOwned::to_owned).collect();
        assert_eq!(pick(document, &fields), expected);
    };
    check("", document);
    check("nothing,of,this", document);
    check("met,unknown", r#"{"id":"a","met":{"items":[1.0,null]},"day":"2024-01-01"}"#);
    check("day,steps", r#"{"id":"a","steps":5,"day":"2024-01-01"}"#);
}
