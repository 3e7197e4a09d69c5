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

/// Cuts `rows` into few pieces, each of a length that `PIECES` names, the last
/// filled up by saying its last row again: for statements that do not mind.
pub fn padded<T>(rows: &[T]) -> impl Iterator<Item = Vec<&T>> {
    rows.chunks(PIECES[0]).map(|chunk| {
        let fitting = PIECES.into_iter().rev().find(|length| *length >= chunk.len());
        let again = fitting.unwrap_or(chunk.len()) - chunk.len();
        chunk.iter().chain(chunk.last().into_iter().cycle().take(again)).collect()
    })
}

/// `head`, then `count` times the row written in `row` with its `$1`, `$2` …
/// numbered on, separated by commas, then `tail`.
pub fn statement(head: &str, row: &str, count: usize, tail: &str) -> String {
    let columns = row.matches('$').count();
    format!("{head}{}{tail}", rows(row, columns, count))
}

/// `count` times the row written in `row`, its parameters numbered on by
/// `columns` from row to row, separated by commas.
pub fn rows(row: &str, columns: usize, count: usize) -> String {
    let mut text = String::with_capacity(count * (row.len() + 2 * columns));
    for number in 0..count {
        if number > 0 {
            text.push_str(", ");
        }
        let mut parts = row.split('$');
        text.push_str(parts.next().unwrap_or(""));
        for part in parts {
            let digits = part.find(|letter: char| !letter.is_ascii_digit()).unwrap_or(part.len());
            let (column, rest) = part.split_at(digits);
            let column: usize = column.parse().expect("a parameter in our own text has a number");
            text.push('$');
            text.push_str(&(number * columns + column).to_string());
            text.push_str(rest);
        }
    }
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
    fn one_column_of_rows_can_be_named_apart() {
        assert_eq!(rows("$1", 2, 3), "$1, $3, $5");
        assert_eq!(rows("($2)", 2, 2), "($2), ($4)");
    }

    #[test]
    fn a_list_is_filled_up_to_few_lengths_with_its_own_rows() {
        for count in 0..300 {
            let rows: Vec<usize> = (0..count).collect();
            let mut said: Vec<usize> = padded(&rows).flatten().copied().collect();
            assert!(padded(&rows).all(|piece| PIECES.contains(&piece.len())));
            assert_eq!(padded(&rows).count(), count.div_ceil(PIECES[0]));
            said.dedup();
            assert_eq!(said, rows);
        }
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
