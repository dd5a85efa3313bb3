package main

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"
)

// bashCompletion makes `completion bash` print a script that works in a bash
// without the bash-completion package too, as in a container: cobra's calls two
// functions of it, whether they are there or not.
func (d *door) bashCompletion(bash *cobra.Command) {
	bash.Long = strings.ReplaceAll(strings.Replace(bash.Long,
		"This script depends on the 'bash-completion' package.\nIf it is not installed already, you can install it via your OS's package manager.\n\n", "", 1), "\t", "  ")
	bash.RunE = func(cmd *cobra.Command, _ []string) error {
		bare, err := cmd.Flags().GetBool("no-descriptions")
		if err != nil {
			return err
		}
		var script strings.Builder
		if err := cmd.Root().GenBashCompletionV2(&script, !bare); err != nil {
			return err
		}
		text := strings.ReplaceAll(script.String(), " _filedir", " __runbook_filedir")
		text = strings.Replace(text, "    _get_comp_words_by_ref \"$@\" cur prev words cword\n", plainWords, 1)
		_, err = fmt.Fprint(d.stdout(), text, plainFiles)
		return err
	}
}

// plainWords puts together what bash takes apart at = and :, as
// _get_comp_words_by_ref -n =: does.
const plainWords = `    if declare -F _get_comp_words_by_ref >/dev/null 2>&1; then
        _get_comp_words_by_ref "$@" cur prev words cword
        return
    fi
    local i word last=""
    words=() cword=-1
    for ((i = 0; i <= COMP_CWORD; i++)); do
        word=${COMP_WORDS[i]}
        if ((cword >= 0)) && [[ $word == [=:]* || $last == *[=:] ]]; then
            words[cword]+=$word
        else
            words[++cword]=$word
        fi
        last=$word
    done
    cur=${words[cword]} prev=""
    ((cword == 0)) || prev=${words[cword - 1]}
`

// plainFiles offers the files, or with -d the directories, that begin as the word.
const plainFiles = `
__runbook_filedir()
{
    if declare -F _filedir >/dev/null 2>&1; then
        _filedir "$@"
        return
    fi
    local kind=f IFS=$'\n'
    [[ ${1-} != -d ]] || kind=d
    COMPREPLY=($(compgen -$kind -- "$cur"))
}
`
