# Completion of orcio's commands, options, services, dates and archived paths, loaded by bash-completion. orcio itself says what fits.

_orcio() {
  local cur words cword
  _get_comp_words_by_ref -n '=:@' cur words cword || return

  # Typed words as orcio would get them, of what quoting people use at a prompt.
  local word
  local -a plain=()
  for word in "${words[@]:1:cword}"; do
    word=${word#[\'\"]}
    word=${word%[\'\"]}
    plain+=("${word//\\/}")
  done
  local -a lines
  mapfile -t lines < <("${words[0]}" __complete "${plain[@]}" 2>/dev/null)

  # Readline replaces what stands behind the last of the characters at which it breaks words.
  local before='' character
  if [[ $cur != [\'\"]* ]]; then
    for character in '=' ':' '@'; do
      [[ $COMP_WORDBREAKS == *"$character"* && $cur == *"$character"* ]] || continue
      word=${cur%"$character"*}$character
      [[ ${#word} -le ${#before} ]] || before=$word
    done
  fi
  COMPREPLY=()
  for word in "${lines[@]:1}"; do
    word=${word%%$'\t'*}
    word=${word#"${before//\\/}"}
    [[ $cur == [\'\"]* ]] || printf -v word %q "$word"
    COMPREPLY+=("$word")
  done
  [[ ${COMPREPLY[0]-} != *[/:=@] ]] || compopt -o nospace

  [[ $cur != --*=* ]] || cur=${cur#*=}
  case ${lines[0]-} in
    directories) _filedir -d ;;
    files) _filedir ;;
  esac
} && complete -F _orcio orcio
