package markdown

import (
	"regexp"
	"sync"
)

// onDemand is a regular expression that is compiled when it is first asked for.
// A run that finds nothing draws nearly no markdown.
func onDemand(pattern string) func() *regexp.Regexp {
	return sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(pattern) })
}
