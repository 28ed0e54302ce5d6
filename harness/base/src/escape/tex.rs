//! Text in LaTeX, in table cells and in comments.

use super::is_unseen;

/// Letters and signs that pdfTeX's fonts have in mathematics only.
const SIGNS: [(char, &str); 95] = [
    ('α', "alpha"),
    ('β', "beta"),
    ('γ', "gamma"),
    ('δ', "delta"),
    ('ε', "varepsilon"),
    ('ζ', "zeta"),
    ('η', "eta"),
    ('θ', "theta"),
    ('ι', "iota"),
    ('κ', "kappa"),
    ('λ', "lambda"),
    ('μ', "mu"),
    ('ν', "nu"),
    ('ξ', "xi"),
    ('π', "pi"),
    ('ρ', "rho"),
    ('ς', "varsigma"),
    ('σ', "sigma"),
    ('τ', "tau"),
    ('υ', "upsilon"),
    ('φ', "varphi"),
    ('χ', "chi"),
    ('ψ', "psi"),
    ('ω', "omega"),
    ('Γ', "Gamma"),
    ('Δ', "Delta"),
    ('Θ', "Theta"),
    ('Λ', "Lambda"),
    ('Ξ', "Xi"),
    ('Π', "Pi"),
    ('Σ', "Sigma"),
    ('Φ', "Phi"),
    ('Ψ', "Psi"),
    ('Ω', "Omega"),
    ('ϕ', "phi"),
    ('ϵ', "epsilon"),
    ('←', "leftarrow"),
    ('→', "rightarrow"),
    ('↑', "uparrow"),
    ('↓', "downarrow"),
    ('↔', "leftrightarrow"),
    ('⇒', "Rightarrow"),
    ('≤', "leq"),
    ('≥', "geq"),
    ('≠', "neq"),
    ('≈', "approx"),
    ('∞', "infty"),
    ('−', "-"),
    ('∑', "sum"),
    ('∏', "prod"),
    ('√', "surd"),
    ('∈', "in"),
    ('∂', "partial"),
    ('∇', "nabla"),
    ('∩', "cap"),
    ('∪', "cup"),
    ('⊂', "subset"),
    ('∼', "sim"),
    ('∝', "propto"),
    ('⊥', "perp"),
    ('∘', "circ"),
    ('ά', "acute{\\alpha}"),
    ('έ', "acute{\\varepsilon}"),
    ('ή', "acute{\\eta}"),
    ('ί', "acute{\\iota}"),
    ('ό', "acute{o}"),
    ('ύ', "acute{\\upsilon}"),
    ('ώ', "acute{\\omega}"),
    ('ϊ', "ddot{\\iota}"),
    ('ϋ', "ddot{\\upsilon}"),
    ('ο', "mathit{o}"),
    ('ϑ', "vartheta"),
    ('ϱ', "varrho"),
    ('ϖ', "varpi"),
    ('Α', "mathrm{A}"),
    ('Β', "mathrm{B}"),
    ('Ε', "mathrm{E}"),
    ('Ζ', "mathrm{Z}"),
    ('Η', "mathrm{H}"),
    ('Ι', "mathrm{I}"),
    ('Κ', "mathrm{K}"),
    ('Μ', "mathrm{M}"),
    ('Ν', "mathrm{N}"),
    ('Ο', "mathrm{O}"),
    ('Ρ', "mathrm{P}"),
    ('Τ', "mathrm{T}"),
    ('Υ', "mathrm{Y}"),
    ('Χ', "mathrm{X}"),
    ('Ά', "acute{\\mathrm{A}}"),
    ('Έ', "acute{\\mathrm{E}}"),
    ('Ή', "acute{\\mathrm{H}}"),
    ('Ί', "acute{\\mathrm{I}}"),
    ('Ό', "acute{\\mathrm{O}}"),
    ('Ύ', "acute{\\mathrm{Y}}"),
    ('Ώ', "acute{\\Omega}"),
];

/// Text that LaTeX prints as it is. Brackets and stars stand in braces, so that none is an option of the row's end before
/// it; quotes and dashes do not grow together; signs of mathematics are set as such. What is not seen becomes a space.
/// Other letters outside ASCII are left to LaTeX: pdfLaTeX knows those of Latin scripts, LuaLaTeX and XeLaTeX all that
/// their font has.
pub fn text(text: &str) -> String {
    let next = text.chars().skip(1).map(Some).chain([None]);
    text.chars().zip(next).map(|(character, next)| escaped(character, next)).collect()
}

fn escaped(character: char, next: Option<char>) -> String {
    match character {
        // Two of them would grow together.
        '-' | ',' | '\'' if next == Some(character) => format!("{{{character}}}"),
        '&' | '%' | '$' | '#' | '_' | '{' | '}' => format!("\\{character}"),
        '[' | ']' | '*' => format!("{{{character}}}"),
        '\\' => "\\textbackslash{}".to_string(),
        '~' => "\\textasciitilde{}".to_string(),
        '^' => "\\textasciicircum{}".to_string(),
        '<' => "\\textless{}".to_string(),
        '>' => "\\textgreater{}".to_string(),
        '|' => "\\textbar{}".to_string(),
        '`' => "\\textasciigrave{}".to_string(),
        // Babel makes a plain one active.
        '"' => "{\\char34}".to_string(),
        character if is_unseen(character) => " ".to_string(),
        character => match SIGNS.iter().find(|(sign, _)| *sign == character) {
            Some((_, "-")) => "\\ensuremath{-}".to_string(),
            Some((_, name)) => format!("\\ensuremath{{\\{name}}}"),
            None => character.to_string(),
        },
    }
}

/// Text in a comment: it ends no line.
pub fn comment(text: &str) -> String {
    text.replace(is_unseen, " ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::escape::names;
    use proptest::prelude::*;

    /// What LaTeX prints.
    fn read(escaped: &str) -> String {
        let mut text = escaped.to_string();
        for (sign, name) in SIGNS {
            let command = if name == "-" { "-".to_string() } else { format!("\\{name}") };
            text = text.replace(&format!("\\ensuremath{{{command}}}"), &sign.to_string());
        }
        let named = [
            ("\\textasciitilde{}", "~"),
            ("\\textasciicircum{}", "^"),
            ("\\textless{}", "<"),
            ("\\textgreater{}", ">"),
            ("\\textbar{}", "|"),
            ("\\textasciigrave{}", "`"),
            ("{\\char34}", "\""),
        ];
        let text = named.iter().fold(text, |text, (from, to)| text.replace(from, to));
        let text = "[]*-,'".chars().fold(text, |text, c| text.replace(&format!("{{{c}}}"), &c.to_string()));
        let text = text.replace("\\textbackslash{}", "\u{f8ff}");
        "&%$#_{}"
            .chars()
            .fold(text, |text, c| text.replace(&format!("\\{c}"), &c.to_string()))
            .replace('\u{f8ff}', "\\")
    }

    #[test]
    fn special_characters_are_escaped() {
        assert_eq!(text("a&b%c$d#e_f{g}"), "a\\&b\\%c\\$d\\#e\\_f\\{g\\}");
        assert_eq!(
            text("\\~^<>|"),
            "\\textbackslash{}\\textasciitilde{}\\textasciicircum{}\\textless{}\\textgreater{}\\textbar{}"
        );
        assert_eq!(text("[3cm] --*"), "{[}3cm{]} {-}-{*}");
        assert_eq!(text("\u{3c4} \u{2265} 0"), "\\ensuremath{\\tau} \\ensuremath{\\geq} 0");
        assert_eq!(text("\u{3ac}\u{391}"), "\\ensuremath{\\acute{\\alpha}}\\ensuremath{\\mathrm{A}}");
        assert_eq!(comment("one\ntwo\r\u{85}three\u{2028}"), "one two  three ");
    }

    proptest! {
        #[test]
        fn no_character_means_anything_and_the_text_can_be_read_back(name in names::any()) {
            let escaped = text(&name);
            prop_assert!(!escaped.starts_with(['[', '*']) && !escaped.contains(['\n', '\r', '^', '~', '"', '`']));
            prop_assert!(!escaped.contains("--") && !escaped.contains("''") && !escaped.contains("\\\\"));
            let depth = escaped.replace("\\{", "").replace("\\}", "").chars().try_fold(0_i32, |depth, c| match c {
                '{' => Some(depth + 1),
                '}' => (depth > 0).then_some(depth - 1),
                _ => Some(depth),
            });
            prop_assert_eq!(depth, Some(0), "{}", escaped);
            let seen: String = name.chars().map(|c| if is_unseen(c) { ' ' } else { c }).collect();
            prop_assert_eq!(read(&escaped), seen);
        }

        #[test]
        fn a_comment_is_one_line(name in names::any()) {
            prop_assert!(!comment(&name).contains(is_unseen));
        }
    }
}
