//! Enough of Rust's grammar to tell code from comments and text, and to find paths in it.

use std::ops::Range;

/// A source file, taken apart once for all rules.
pub struct Source {
    /// As `src/room/file.rs`.
    pub path: String,
    pub lines: Vec<String>,
    /// Every token that is code; comments, text and character literals are none.
    pub tokens: Vec<Token>,
    /// The comments, line by line.
    pub comments: Vec<(usize, String)>,
    /// Tokens under `#[cfg(test)]`.
    tests: Vec<Range<usize>>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Token {
    pub text: String,
    /// Counted from 1.
    pub line: usize,
}

impl Source {
    pub fn new(path: &str, text: &str) -> Source {
        let (code, comments) = split(text);
        let tokens = tokenize(&code);
        let tests = if is_test_file(path) { std::iter::once(0..tokens.len()).collect() } else { tests_in(&tokens) };
        Source {
            path: path.to_owned(),
            lines: text.lines().map(str::to_owned).collect(),
            tokens,
            comments: comments.lines().enumerate().map(|(n, line)| (n + 1, line.trim().to_owned())).collect(),
            tests,
        }
    }

    pub fn is_test(&self, token: usize) -> bool {
        self.tests.iter().any(|range| range.contains(&token))
    }

    /// Whether the line, or the one above it, has a comment with this in it.
    pub fn is_remarked(&self, line: usize, remark: &str) -> bool {
        let near = |(n, text): &(usize, String)| (*n == line || n + 1 == line) && text.contains(remark);
        self.comments.iter().any(near)
    }

    pub fn text_at(&self, token: usize) -> &str {
        self.tokens.get(token).map_or("", |token| &token.text)
    }

    /// Where these tokens follow each other.
    pub fn find(&self, sequence: &[&str]) -> Vec<usize> {
        let matches = |start: &usize| sequence.iter().enumerate().all(|(n, wanted)| self.text_at(start + n) == *wanted);
        (0..self.tokens.len()).filter(matches).collect()
    }

    /// `path:line: message`, as every complaint is written.
    pub fn complain(&self, token: usize, message: &str) -> String {
        let line = self.tokens.get(token).map_or(0, |token| token.line);
        format!("{}:{line}: {message}", self.path)
    }
}

/// `release_tests.rs` holds the tests of `release.rs`.
pub fn is_test_file(path: &str) -> bool {
    path.ends_with("_tests.rs")
}

/// The same text twice: once with everything but code blanked, once with everything but comments.
fn split(text: &str) -> (String, String) {
    let chars: Vec<char> = text.chars().collect();
    let (mut code, mut comments) = (String::new(), String::new());
    let mut at = 0;
    while at < chars.len() {
        let (end, kind) = piece(&chars, at);
        for &c in &chars[at..end] {
            let blank = if c == '\n' { '\n' } else { ' ' };
            code.push(if kind == Kind::Code { c } else { blank });
            comments.push(if kind == Kind::Comment { c } else { blank });
        }
        at = end;
    }
    (code, comments)
}

#[derive(PartialEq)]
enum Kind {
    Code,
    Comment,
    Text,
}

/// The piece that begins at `at`: where it ends, and what it is.
fn piece(chars: &[char], at: usize) -> (usize, Kind) {
    let next = |n: usize| chars.get(at + n).copied().unwrap_or('\0');
    let in_word = at > 0 && is_word(chars[at - 1]);
    match (chars[at], next(1)) {
        ('/', '/') => (chars[at..].iter().position(|c| *c == '\n').map_or(chars.len(), |n| at + n), Kind::Comment),
        ('/', '*') => (end_of_block_comment(chars, at), Kind::Comment),
        ('"', _) => (end_of_text(chars, at + 1), Kind::Text),
        ('r', '"' | '#') if !in_word || chars[at - 1] == 'b' => match end_of_raw_text(chars, at + 1) {
            Some(end) => (end, Kind::Text),
            None => (at + 1, Kind::Code),
        },
        ('\'', '\\') => {
            (chars[at + 3..].iter().position(|c| *c == '\'').map_or(chars.len(), |n| at + n + 4), Kind::Text)
        }
        ('\'', _) if next(2) == '\'' => (at + 3, Kind::Text),
        _ => (at + 1, Kind::Code),
    }
}

fn is_word(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

fn end_of_block_comment(chars: &[char], start: usize) -> usize {
    let (mut at, mut depth) = (start, 0);
    while at < chars.len() {
        match (chars[at], chars.get(at + 1)) {
            ('/', Some('*')) => (at, depth) = (at + 2, depth + 1),
            ('*', Some('/')) => (at, depth) = (at + 2, depth - 1),
            _ => at += 1,
        }
        if depth == 0 {
            return at;
        }
    }
    at
}

fn end_of_text(chars: &[char], mut at: usize) -> usize {
    while at < chars.len() && chars[at] != '"' {
        at += if chars[at] == '\\' { 2 } else { 1 };
    }
    (at + 1).min(chars.len())
}

/// `at` is behind the `r`; `None` for `r#name`.
fn end_of_raw_text(chars: &[char], at: usize) -> Option<usize> {
    let hashes = chars[at..].iter().take_while(|c| **c == '#').count();
    if chars.get(at + hashes) != Some(&'"') {
        return None;
    }
    let closes = |end: &usize| {
        chars[*end] == '"' && chars[end + 1..].iter().take(hashes).filter(|c| **c == '#').count() == hashes
    };
    (at + hashes + 1..chars.len()).find(closes).map(|end| end + 1 + hashes)
}

/// Words, `::`, and every other character for itself.
fn tokenize(code: &str) -> Vec<Token> {
    let mut tokens: Vec<Token> = Vec::new();
    for (n, line) in code.lines().enumerate() {
        let mut rest = line.trim_start();
        while let Some(first) = rest.chars().next() {
            let length = match first {
                _ if is_word(first) => rest.find(|c| !is_word(c)).unwrap_or(rest.len()),
                ':' if rest.starts_with("::") => 2,
                other => other.len_utf8(),
            };
            let (text, after) = rest.split_at(length);
            tokens.push(Token { text: text.to_owned(), line: n + 1 });
            rest = after.trim_start();
        }
    }
    tokens
}

/// From `#[cfg(test)]` to the end of the item it stands on: its `;` or its last brace.
fn tests_in(tokens: &[Token]) -> Vec<Range<usize>> {
    let marker = ["#", "[", "cfg", "(", "test", ")", "]"];
    let is_marker =
        |at: &usize| marker.iter().enumerate().all(|(n, m)| tokens.get(at + n).is_some_and(|t| t.text == *m));
    let end_of_item = |start: usize| {
        let mut depth = 0;
        for (n, token) in tokens.iter().enumerate().skip(start) {
            match token.text.as_str() {
                "{" => depth += 1,
                "}" if depth <= 1 => return n + 1,
                "}" => depth -= 1,
                ";" if depth == 0 => return n + 1,
                _ => {}
            }
        }
        tokens.len()
    };
    (0..tokens.len()).filter(is_marker).map(|start| start..end_of_item(start + marker.len())).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn code(text: &str) -> String {
        let words: Vec<String> = Source::new("t.rs", text).tokens.into_iter().map(|t| t.text).collect();
        words.join(" ")
    }

    #[test]
    fn code_is_told_from_comments_and_text() {
        for (text, tokens) in [
            ("a // b\nc", "a c"),
            ("a /* b /* c */ d */ e", "a e"),
            (r#"a("b \" c", d)"#, "a ( , d )"),
            ("a(r#\"b \" c\"#, br\"d\", e)", "a ( , b , e )"),
            ("'{' '\\'' '\\u{7f}' 'a &'static x", "' a & ' static x"),
            ("r#type::x", "r # type :: x"),
            ("bar\"x\"", "bar"),
        ] {
            assert_eq!(code(text), tokens, "{text}");
        }
    }

    #[test]
    fn tests_end_where_their_braces_do() {
        let text = "fn a() {}\n#[cfg(test)]\nmod t { fn b() { \"}\" } }\nfn c() {}\n#[cfg(test)]\nmod d;\nfn e() {}";
        let source = Source::new("t.rs", text);
        let outside = source.tokens.iter().enumerate().filter(|(n, _)| !source.is_test(*n));
        let lines: Vec<usize> = outside.map(|(_, token)| token.line).collect();
        assert!(!lines.iter().any(|line| [2, 3, 5, 6].contains(line)), "{lines:?}");
        assert!([1, 4, 7].iter().all(|line| lines.contains(line)), "{lines:?}");
    }

    #[test]
    fn a_remark_counts_on_its_line_and_the_one_below() {
        let source = Source::new("t.rs", "// cannot fail: x\na\nb\n\"// cannot fail: y\"");
        let remarked: Vec<bool> = (1..=4).map(|line| source.is_remarked(line, "cannot fail:")).collect();
        assert_eq!(remarked, [true, true, false, false]);
    }
}
