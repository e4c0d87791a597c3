#compdef orcio
# Completion of orcio's commands, options, services, dates and archived paths. orcio itself says what fits.

local line word text
local -a lines closed closed_shown open open_shown
lines=("${(@f)$("${(Q)words[1]}" __complete "${(@Q)words[2,CURRENT-1]}" "${(Q)PREFIX}" 2>/dev/null)}")
for line in "${(@)lines[2,-1]}"; do
  word=${line%%$'\t'*}
  text=${line#*$'\t'}
  text=$word${text:+  -- $text}
  # More follows, and no space before it.
  if [[ $word == *[/:=@] ]]; then
    open+=("$word")
    open_shown+=("$text")
  else
    closed+=("$word")
    closed_shown+=("$text")
  fi
done

local found=1
[[ $#closed -eq 0 ]] || { compadd -d closed_shown -a closed && found=0 }
[[ $#open -eq 0 ]] || { compadd -S '' -d open_shown -a open && found=0 }
compset -P '--*='
case $lines[1] in
  directories) _files -/ && found=0 ;;
  files) _files && found=0 ;;
esac
return found
