//! Completion scripts. What clap generates knows verbs and options; bash also asks for the profiles of the experiment file
//! that stands on the line.

use clap::Command;
use clap_complete::{Shell, generate};

/// Before clap's own function: after `--profile`, the profiles of the first `.toml` file of the line.
const BASH_PROFILES: &str = r#"
_valor_profiles() {
    local word="${COMP_WORDS[COMP_CWORD]}" before="${COMP_WORDS[COMP_CWORD-1]}" file name
    # bash parts --profile=quick at the sign.
    if [[ $word == "=" ]]; then word=""; elif [[ $before == "=" ]]; then before="${COMP_WORDS[COMP_CWORD-2]}"; fi
    if [[ $before == --profile ]]; then
        for file in "${COMP_WORDS[@]:1}"; do
            if [[ $file == *.toml* ]]; then
                file="${file#[\"\']}"
                file="${file%%.toml*}.toml"
                file="${file//\\ / }"
                COMPREPLY=()
                while IFS= read -r name; do
                    if [[ $name == "$word"* ]]; then COMPREPLY+=("$(printf %q "$name")"); fi
                done < <("${COMP_WORDS[0]}" profiles "${file/#\~/$HOME}" 2>/dev/null)
                return 0
            fi
        done
    fi
    _valor "$@"
}
complete -F _valor_profiles -o bashdefault -o default valor
"#;

/// The script for a shell.
pub(super) fn script(command: &mut Command, shell: Shell) -> String {
    let mut script = Vec::new();
    generate(shell, command, "valor", &mut script);
    let script = String::from_utf8_lossy(&script).trim_end().to_string();
    match shell {
        Shell::Bash => script + "\n" + BASH_PROFILES.trim_end(),
        _ => script,
    }
}
