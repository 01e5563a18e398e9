# Bash completion for sesskill and sesskilld. Commands, options and fields come from the programs'
# own help, instances, nodes and kills from the daemon, so that nothing here has to be kept in step.

# Sets `words` of the caller to those up to the one to be completed. A ":" breaks words in bash, but
# an address is one.
_sesskill_join_words() {
	local i
	words=("${COMP_WORDS[0]}")
	for ((i = 1; i <= COMP_CWORD; i++)); do
		if ((i > 1)) && [[ ${COMP_WORDS[i]} == : || ${COMP_WORDS[i - 1]} == : ]]; then
			words[-1]+=${COMP_WORDS[i]}
		else
			words+=("${COMP_WORDS[i]}")
		fi
	done
}

# What the words before the one to be completed say: sets `command`, `instance` (its first word),
# `socket` and `host`, which the caller has as locals.
_sesskill_read_words() {
	local word expected=""
	for word in "${words[@]:1:${#words[@]}-2}"; do
		# "--socket=PATH" is three words here.
		[[ $word == "=" ]] && continue
		if [[ -n $expected ]]; then
			[[ $expected == --socket ]] && socket=(--socket "$word")
			[[ $expected == --host ]] && host=$word
			expected=""
		elif [[ $word == -s ]]; then
			expected=--socket
		elif [[ $word == -H ]]; then
			expected=--host
		elif [[ $word == -H* ]]; then
			host=$word
		elif [[ $word == -* ]]; then
			_sesskill_takes_value "$word" && expected=$word
		elif [[ -z $command ]]; then
			command=$word
		elif [[ -z $instance ]]; then
			instance=$word
		fi
	done
}

# Lines of the help that stand for options: "--name" and, if there is one, the word for its value.
_sesskill_options() {
	"$program" $command --help 2>/dev/null |
		sed -nE 's/^  (-., |    )(--[a-z-]+)( [A-Z]+)? .*/\2\3/p'
}

_sesskill_takes_value() {
	_sesskill_options | grep -q -- "^$1 [A-Z]" ||
		"$program" $command --help 2>/dev/null | grep -qE -- "^  $1, --[a-z-]+ [A-Z]"
}

_sesskill_takes_file() {
	[[ $1 == -s || $1 == -c ]] || _sesskill_options | grep -qE -- "^$1 (PATH|FILE)$"
}

_sesskill_commands() {
	"$program" --help 2>/dev/null | sed -n '/^Commands:/,/^$/s/^  \([a-z-]*\) .*/\1/p'
}

_sesskill_fields() {
	"$program" list --help 2>/dev/null | tr '\n' ' ' |
		sed -n 's/.*A FIELD is \(.*\), or another.*/\1/p' | tr -d ','
}

# _sesskill_ask KEY WORD...: the values of a key in what the daemon answers to this command. That of
# another host is not asked: ssh would want a password in the middle of a line.
_sesskill_ask() {
	local key=$1
	shift
	[[ -z $host ]] || return
	"$program" "${socket[@]}" --json "$@" 2>/dev/null |
		grep -oE "\"$key\":\"[^\"\\]+\"" | cut -d '"' -f 4 | sort -u
}

# _sesskill_values OPTION: what its value may be.
_sesskill_values() {
	case $1 in
	--by | --group-by | --match | --except) _sesskill_fields ;;
	--sort) _sesskill_fields | tr ' ' '\n' | sed 'p; s/^/-/' ;;
	--pace) echo fast gentle ;;
	--host) compgen -A hostname ;;
	--node) _sesskill_ask address instances "$instance" ;;
	esac
}

_sesskill_words() {
	case $command in
	"") _sesskill_commands ;;
	instances | list | ls | kill | history | top) [[ -n $instance ]] || _sesskill_ask id instances ;;
	kills | cancel) [[ -n $instance ]] || _sesskill_ask request_id kills ;;
	help) [[ -n $instance ]] || _sesskill_commands ;;
	esac
}

# Offers what begins like the word to be completed; what of it stands before its last ":" is not
# bash's to replace.
_sesskill_offer() {
	local before=${word%"${word##*:}"}
	mapfile -t COMPREPLY < <(compgen "$@" -- "$word")
	COMPREPLY=("${COMPREPLY[@]#"$before"}")
}

_sesskill() {
	local command="" instance="" socket=() host=${SESSKILL_HOST-} words=() word previous
	local program=${COMP_WORDS[0]}

	_sesskill_join_words
	word=${words[-1]}
	previous=${words[-2]/#-H/--host}
	# At a "=" it is the value that is to be completed.
	if [[ $word == "=" ]]; then
		word=""
	elif [[ $previous == "=" ]]; then
		previous=${words[-3]}
	fi
	_sesskill_read_words
	COMPREPLY=()
	if [[ $previous == -* ]] && _sesskill_takes_file "$previous"; then
		_sesskill_offer -f
	elif [[ $previous == -* ]] && _sesskill_takes_value "$previous"; then
		_sesskill_offer -W "$(_sesskill_values "$previous")"
		# An expression goes on behind its field.
		[[ $previous == --match || $previous == --except ]] && compopt -o nospace 2>/dev/null
	elif [[ $word == -* ]]; then
		_sesskill_offer -W "$(_sesskill_options | cut -d ' ' -f 1)"
	else
		_sesskill_offer -W "$(_sesskill_words)"
	fi
	return 0
}

_sesskilld() {
	local command="" program=${COMP_WORDS[0]} word=$2
	if [[ $3 == -* ]] && _sesskill_takes_file "$3"; then
		_sesskill_offer -f
	else
		_sesskill_offer -W "$(_sesskill_options | cut -d ' ' -f 1)"
	fi
}

complete -F _sesskill sesskill
complete -F _sesskilld sesskilld
