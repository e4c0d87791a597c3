# Completion of orcio's commands, options, services, dates and archived paths. orcio itself says what fits.

function __orcio_complete
    set -l words (string unescape -- (commandline -opc))
    set -l typed (string unescape -- "$(commandline -ct)")
    set -l lines ($words[1] __complete $words[2..-1] "$typed" 2>/dev/null)
    set -l option (string match -r -- '^--[^=]*=' "$typed")
    set -l file (string replace -r -- '^--[^=]*=' '' "$typed")
    switch "$lines[1]"
        case directories
            printf "$option%s\n" (__fish_complete_directories "$file" '')
        case files
            printf "$option%s\n" (__fish_complete_path "$file")
    end
    printf '%s\n' $lines[2..-1]
end

complete -c orcio -f -a '(__orcio_complete)'
