package stage

import (
	"errors"
	"fmt"
	"strings"

	"runbook/builtins/probe/world"
	"runbook/engine"
)

// Mistake is what is wrong in a part of a scene, and in which of its lines.
type Mistake struct {
	Part string
	Line int // in the part, from 1; 0: in none of them
	Err  error
}

func (m *Mistake) Error() string {
	if m.Line == 0 {
		return fmt.Sprintf("%s: %v", m.Part, m.Err)
	}
	return fmt.Sprintf("%s: line %d: %v", m.Part, m.Line, m.Err)
}

func (m *Mistake) Unwrap() error { return m.Err }

// line is a mistake in a line of a part that is not named yet.
func line(number int, err error) *Mistake { return &Mistake{Line: number, Err: err} }

// in names the part in which the mistake is.
func in(part string, err error) *Mistake {
	var m *Mistake
	if !errors.As(err, &m) {
		m = &Mistake{Err: err}
	}
	m.Part = part
	return m
}

// worldMistake is a mistake in a world, with what was probably meant.
func worldMistake(err error) *Mistake {
	m := in("world", err)
	var where *world.Mistake
	if errors.As(err, &where) {
		m.Line, m.Err = where.Line, where.Err
	}
	var word *world.Unknown
	if errors.As(err, &word) {
		if n := engine.Nearest(word.Word, word.Known); n != "" { // in the place of all that there are
			m.Err = errors.New(strings.Replace(m.Err.Error(), word.Error(), fmt.Sprintf("%s (did you mean %s?)", word.Says, n), 1))
		}
	}
	return m
}
