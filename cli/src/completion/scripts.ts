import type { shells } from './candidates.ts';

/** The script that makes a shell complete `weir`; each asks `weir __complete`. */
export const scripts: Readonly<Record<(typeof shells)[number], string>> = {
  // Bash cuts words at `:`, `=` and `@`, which keys hold: the line is read whole, and what Bash
  // takes for words of their own is cut from the answers again.
  bash: `# Completion of weir for Bash. Use it with: source <(weir completion bash)
_weir() {
  local line="\${COMP_LINE:0:COMP_POINT}" words word settled value _text
  read -ra words <<< "$line"
  if [[ "$line" == *[[:space:]] ]]; then words+=(""); fi
  word="\${words[\${#words[@]}-1]}"
  settled="\${word%"$2"}"
  COMPREPLY=()
  while IFS=$'\\t' read -r value _text; do
    if [[ "$value" == ":files" ]]; then
      compopt -o default 2>/dev/null
      return
    fi
    if [[ "$value" == */ ]]; then compopt -o nospace 2>/dev/null; fi
    COMPREPLY+=("\${value#"$settled"}")
  done < <("\${words[0]}" __complete -- "\${words[@]:1}" 2>/dev/null)
}
complete -F _weir weir
`,
  zsh: `#compdef weir
# Completion of weir for Zsh. Use it with: source <(weir completion zsh)
_weir() {
  local line value text
  local -a described plain
  while IFS= read -r line; do
    if [[ "$line" == ":files" ]]; then
      _files
      return
    fi
    value="\${line%%$'\\t'*}"
    text="\${line#"$value"}"
    text="\${text#$'\\t'}"
    if [[ "$value" == */ ]]; then
      plain+=("\${value//:/\\\\:}:$text")
    else
      described+=("\${value//:/\\\\:}:$text")
    fi
  done < <("\${words[1]}" __complete -- "\${(@)words[2,CURRENT]}" 2>/dev/null)
  (( \${#plain} )) && _describe 'weir' plain -S ''
  (( \${#described} )) && _describe 'weir' described
}
if [[ "\${funcstack[1]}" == "_weir" ]]; then _weir "$@"; else compdef _weir weir; fi
`,
  fish: `# Completion of weir for fish. Use it with: weir completion fish | source
function __weir_complete
  set -l before (commandline -opc)
  set -l typed (commandline -ct)
  set -l lines ($before[1] __complete -- $before[2..-1] "$typed" 2>/dev/null)
  if test "$lines[1]" = ":files"
    __fish_complete_path $typed
    return
  end
  printf '%s\\n' $lines
end
complete -c weir -f -a '(__weir_complete)'
`,
};
