package pystack

import (
	"fmt"
	"testing"
)

func TestIdentifyLeavesUnknownWhatItCannotTell(t *testing.T) {
	sub := Thread{Sub: true}
	for name, x := range map[string]struct {
		threads []Thread
		kernel  kernelThreads
		minor   int
		want    string
	}{
		"an old recording":                         {[]Thread{{TID: 7}}, nil, 11, "7:a"},
		"the only thread is the main one":          {[]Thread{{}}, kernelThreads{7: 7}, 8, "7:a"},
		"one of two is not known":                  {[]Thread{{}}, kernelThreads{7: 7, 8: 8}, 8, "0:a"},
		"two share the only thread":                {[]Thread{{}, {}}, kernelThreads{7: 7}, 8, "0:a 0:b"},
		"a number inherited from the parent":       {[]Thread{{TID: 5}}, kernelThreads{7: 7}, 8, "7:a"},
		"one that has ended":                       {[]Thread{{TID: 7}, {TID: 5}}, kernelThreads{7: 7, 8: 8}, 11, "7:a 0:b"},
		"in a pid namespace":                       {[]Thread{{TID: 1}, {TID: 2}}, kernelThreads{1: 701, 2: 702}, 11, "701:a 702:b"},
		"a subinterpreter has its maker's":         {[]Thread{{TID: 7}, {TID: 7, Sub: true}}, kernelThreads{7: 7, 8: 8}, 12, "7:a 0:b"},
		"a subinterpreter alone with the main one": {[]Thread{{}, sub}, kernelThreads{7: 7}, 10, "7:a 0:b"},
		"a subinterpreter knows where it runs":     {[]Thread{{TID: 7}, {TID: 8}, {TID: 8, Sub: true}}, kernelThreads{7: 7, 8: 8}, 13, "7:a 8:b 8:b"},
	} {
		var threads []*thread
		for i, one := range x.threads {
			if !one.Sub || x.minor < 13 {
				one.Name = string(rune('a' + i))
			}
			threads = append(threads, &thread{Thread: one})
		}
		identify(threads, x.kernel, x.minor)
		got := ""
		for i, one := range threads {
			if i > 0 {
				got += " "
			}
			got += fmt.Sprintf("%d:%s", one.TID, one.Name)
		}
		if got != x.want {
			t.Errorf("%s: %s, want %s", name, got, x.want)
		}
	}
}
