package probe

import (
	"regexp"
	"sync"
)

// onDemand is a regular expression that is compiled when it is first asked for.
// Compiled while the program starts, those of this package cost each run half a
// millisecond, needed or not.
func onDemand(pattern string) func() *regexp.Regexp {
	return sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(pattern) })
}
