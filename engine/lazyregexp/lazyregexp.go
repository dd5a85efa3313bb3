// Package lazyregexp compiles regular expressions when they are first asked for.
//
// As package variables they are compiled while the program starts, whether the
// run needs them or not: all of ours took more than one of the ten milliseconds
// that starting takes.
package lazyregexp

import (
	"regexp"
	"sync"
)

// New returns a function that compiles pattern at its first call and returns the
// same expression at every call. It panics on what is no pattern, as MustCompile.
func New(pattern string) func() *regexp.Regexp {
	return sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(pattern) })
}
