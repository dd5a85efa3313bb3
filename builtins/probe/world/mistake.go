package world

import (
	"fmt"
	"strings"
)

// Mistake is what is wrong in the text of a world, and in which of its lines.
type Mistake struct {
	Line int // from 1
	Err  error
}

func (m *Mistake) Error() string { return fmt.Sprintf("line %d: %v", m.Line, m.Err) }
func (m *Mistake) Unwrap() error { return m.Err }

// Unknown is a word that stands where only some may: who knows which of these
// was probably meant can say so.
type Unknown struct {
	Says  string // `no option "inode"`
	Word  string
	Known []string
}

func (u *Unknown) Error() string { return u.Says + "; there are " + strings.Join(u.Known, ", ") }

func unknown(what, word string, known []string) *Unknown {
	word = bare(word)
	return &Unknown{fmt.Sprintf("no %s %q", what, word), word, known}
}
