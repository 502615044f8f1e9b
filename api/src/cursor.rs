//! Where the next page begins: opaque to clients, so that an order can change without them.

use data_encoding::BASE64URL_NOPAD;

use crate::error::Error;

/// Longest cursor read; ids are at most 256 bytes.
const MAX: usize = 600;

/// Parts as one word that needs no escaping in a query.
pub(crate) fn write(parts: &[&str]) -> String {
    BASE64URL_NOPAD.encode(parts.join("\n").as_bytes())
}

/// The parts of a cursor; as many as it must have.
pub(crate) fn read<const N: usize>(text: Option<&str>) -> Result<Option<[String; N]>, Error> {
    let Some(text) = text else { return Ok(None) };
    let parts = || {
        let bytes = BASE64URL_NOPAD.decode(text.get(..MAX.min(text.len()))?.as_bytes()).ok()?;
        let text = String::from_utf8(bytes).ok().filter(|text| !text.contains('\0'))?;
        let parts: Vec<String> = text.split('\n').map(str::to_owned).collect();
        parts.try_into().ok()
    };
    parts().map(Some).ok_or_else(invalid)
}

/// What is said of a cursor that nobody here has written.
pub(crate) fn invalid() -> Error {
    Error::Parameter {
        parameter: "after",
        reason: "it is not what `next` of a page said; leave it out to begin anew".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_written_is_read_and_nothing_else() {
        let cursor = write(&["2026-03-29", "a&b c"]);
        assert!(cursor.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte)));
        let read_back = read::<2>(Some(&cursor)).unwrap().unwrap();
        assert_eq!(read_back, ["2026-03-29", "a&b c"]);
        assert!(read::<3>(Some(&cursor)).is_err());
        for text in ["", "!", "é", &"A".repeat(5000), &write(&["2026-03-29", "\0"])] {
            assert!(read::<2>(Some(text)).is_err(), "{text}");
        }
        assert!(read::<2>(None).unwrap().is_none());
    }
}
