package engine

import (
	"regexp"
	"sync"
)

// onDemand is a regular expression that is compiled when it is first asked for.
// Those of this package are for checkers and editors; a run needs none.
func onDemand(pattern string) func() *regexp.Regexp {
	return sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(pattern) })
}
