use proptest::prelude::*;

use super::*;

const COLUMNS: usize = 3;

/// Every row of a file with three columns, the last of which is text.
fn read(file: &[u8]) -> Vec<(u64, Result<Vec<String>, String>)> {
    let mut records = Records::new(file);
    let mut rows = Vec::new();
    while let Some(record) = records.next(COLUMNS, |column| column == 2).unwrap() {
        rows.push((record.line, record.cells));
    }
    rows
}

fn cells(words: [&str; COLUMNS]) -> Vec<String> {
    words.map(str::to_owned).to_vec()
}

#[track_caller]
fn check(row: &str, expected: [&str; COLUMNS]) {
    assert_eq!(read(row.as_bytes()), [(1, Ok(cells(expected)))], "{row}");
}

#[test]
fn json_cells_are_read_despite_bad_quoting() {
    check(r#"a;{"deep": 51, "timing": null};c"#, ["a", r#"{"deep": 51, "timing": null}"#, "c"]);
    check(r#"a;"{""deep"": 51}";c"#, ["a", r#"{"deep": 51}"#, "c"]);
    check(r#"a;"{"deep": 51}";c"#, ["a", r#"{"deep": 51}"#, "c"]);
    check(r#""a";"";"c;d""#, ["a", "", "c;d"]);
    check(r#"a;b;"say ""no""""#, ["a", "b", r#"say "no""#]);
    check("a;;\r\n", ["a", "", ""]);
}

#[test]
fn malformed_line_costs_only_itself() {
    let file =
        b"1;a;b\n2;\"{broken;c\n3;\"{\"\"x\"\":1}\";c\n\n4;short\n5;a;b;c\n6;\xff;b\n7;\"open;b\n8;a;b\n";
    let rows = read(file);
    let wrong = |reason: &str| Err(reason.to_owned());
    assert_eq!(
        rows,
        [
            (1, Ok(cells(["1", "a", "b"]))),
            (2, wrong("a quote is never closed")),
            (3, Ok(cells(["3", r#"{"x":1}"#, "c"]))),
            (5, wrong("2 cells where the header has 3")),
            (6, wrong("4 cells where the header has 3")),
            (7, wrong("not UTF-8")),
            (8, wrong("a quote is never closed")),
            (9, Ok(cells(["8", "a", "b"]))),
        ]
    );
}

#[test]
fn only_text_cells_may_span_lines() {
    let rows = read(b"1;a;\"two\nlines; and \"\"more\"\"\"\n2;\"two\nlines\";c\n3;a;b\n");
    assert_eq!(rows[0], (1, Ok(cells(["1", "a", "two\nlines; and \"more\""]))));
    assert_eq!(rows[1], (3, Err("a quote is never closed".to_owned())));
    assert_eq!(rows[2], (4, Err("2 cells where the header has 3".to_owned())));
    assert_eq!(rows[3], (5, Ok(cells(["3", "a", "b"]))));
}

#[test]
fn endless_line_is_not_buffered() {
    let mut file = vec![b'x'; 3 * MAX_ROW];
    file.extend_from_slice(b"\n1;a;b");
    let mut records = Records::new(file.as_slice());
    let long = records.next(COLUMNS, |_| false).unwrap().unwrap();
    assert_eq!((long.line, long.cells), (1, Err("longer than 1 MiB".to_owned())));
    assert!(long.text.len() <= KEPT_BYTES);
    let next = records.next(COLUMNS, |_| false).unwrap().unwrap();
    assert_eq!((next.line, next.cells), (2, Ok(cells(["1", "a", "b"]))));
}

#[test]
fn unclosed_quotes_take_linear_time() {
    let file = "\"open;a;b\n".repeat(20_000);
    assert_eq!(read(file.as_bytes()).len(), 20_000);
}

proptest! {
    #[test]
    fn rows_of_rfc_4180_round_trip(table in prop::collection::vec(["[a-c\"; ]{0,6}", "[a-c\"; ]{0,6}", "[a-c\"; \n]{0,6}"], 0..6)) {
        let file: String = table.iter().map(|row| {
            let cells = row.iter().map(|cell| format!("\"{}\"", cell.replace('"', "\"\"")));
            cells.collect::<Vec<_>>().join(";") + "\n"
        }).collect();
        // A cell that ends or begins with a quote before a separator cannot be told from the end of its cell.
        prop_assume!(!file.contains("\"\";\"\"") && table.iter().flatten().all(|cell| !cell.contains("\";") && !cell.contains('\n')));
        let read: Vec<Vec<String>> = read(file.as_bytes()).into_iter().map(|(_, cells)| cells.unwrap()).collect();
        let written: Vec<Vec<String>> = table.iter().map(|row| row.to_vec()).collect();
        prop_assert_eq!(read, written);
    }

    #[test]
    fn arbitrary_bytes_never_panic_and_every_line_is_accounted_for(file in prop::collection::vec(prop::sample::select(b"a;\"\n\r\xc3{".to_vec()), 0..300)) {
        let rows = read(&file);
        let lines = file.split(|byte| *byte == b'\n').count() as u64;
        prop_assert!(rows.windows(2).all(|pair| pair[0].0 < pair[1].0));
        prop_assert!(rows.last().is_none_or(|row| row.0 <= lines));
    }
}
