//! Many rows in one statement, from text that is fixed in advance.
//!
//! A list of rows is cut into pieces of a few fixed lengths, so that the
//! engines see a handful of texts and keep them prepared.

/// Lengths a list is cut into, longest first.
const PIECES: [usize; 4] = [64, 16, 4, 1];

/// Cuts `rows` into pieces, each of a length that `PIECES` names.
pub fn pieces<T>(mut rows: &[T]) -> impl Iterator<Item = &[T]> {
    std::iter::from_fn(move || {
        let length = PIECES.into_iter().find(|length| *length <= rows.len())?;
        let (piece, rest) = rows.split_at(length);
        rows = rest;
        Some(piece)
    })
}

/// `head`, then `rows` times the row written in `row` with its `$1`, `$2` …
/// numbered on, separated by commas, then `tail`.
pub fn statement(head: &str, row: &str, rows: usize, tail: &str) -> String {
    let columns = row.matches('$').count();
    let mut text = String::with_capacity(head.len() + rows * (row.len() + 2 * columns) + tail.len());
    text.push_str(head);
    for number in 0..rows {
        if number > 0 {
            text.push_str(", ");
        }
        let mut parts = row.split('$');
        text.push_str(parts.next().unwrap_or(""));
        for (column, part) in parts.enumerate() {
            text.push('$');
            text.push_str(&(number * columns + column + 1).to_string());
            text.push_str(part.trim_start_matches(|digit: char| digit.is_ascii_digit()));
        }
    }
    text.push_str(tail);
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameters_are_numbered_on_from_row_to_row() {
        let text = statement("insert into t values ", "($1, 'x', $2)", 3, " returning id");
        assert_eq!(text, "insert into t values ($1, 'x', $2), ($3, 'x', $4), ($5, 'x', $6) returning id");
    }

    #[test]
    fn a_list_is_cut_into_few_lengths_and_loses_nothing() {
        for count in 0..300 {
            let rows: Vec<usize> = (0..count).collect();
            let joined: Vec<usize> = pieces(&rows).flatten().copied().collect();
            assert_eq!(joined, rows);
            assert!(pieces(&rows).all(|piece| PIECES.contains(&piece.len())));
        }
    }
}
