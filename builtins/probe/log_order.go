package probe

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"runbook/engine/lazyregexp"
)

// LogPart is a file as it stands in the order of reading.
type LogPart struct {
	Path   string
	Stream string
	Err    error // of a pattern that no file fits
}

// LogOrder puts the parts of a rotated log into the order in which they were
// written, x.log.2.gz, x.log.1, x.log, and resolves patterns that the shell left
// alone. Logs of different names stay in the order in which they were given;
// a file that was given twice is read once.
func LogOrder(paths []string) []LogPart {
	type part struct {
		LogPart
		date string
		age  int
	}
	var streams []string
	parts := map[string][]part{}
	seen := map[string]bool{}
	for _, p := range paths {
		files, err := []string{p}, error(nil)
		if _, missing := os.Lstat(p); missing != nil && strings.ContainsAny(p, "*?[") {
			if files, err = filepath.Glob(p); err != nil || len(files) == 0 {
				files, err = []string{p}, fmt.Errorf("logs %s: no file fits this pattern", p)
			}
		}
		for _, f := range files {
			if seen[f] {
				continue
			}
			seen[f] = true
			stream, date, age := rotation(f)
			if parts[stream] == nil {
				streams = append(streams, stream)
			}
			parts[stream] = append(parts[stream], part{LogPart{f, stream, err}, date, age})
		}
	}
	var out []LogPart
	for _, s := range streams {
		slices.SortStableFunc(parts[s], func(a, b part) int {
			switch {
			case a.date != b.date && a.date == "":
				return 1 // what is written now bears no date yet
			case a.date != b.date && b.date == "":
				return -1
			case a.date != b.date:
				return strings.Compare(a.date, b.date)
			}
			return b.age - a.age
		})
		for _, p := range parts[s] {
			out = append(out, p.LogPart)
		}
	}
	return out
}

var (
	packed  = lazyregexp.New(`\.(gz|bz2)$`)
	aged    = lazyregexp.New(`^(.+)\.([0-9]{1,4})$`)
	dated   = lazyregexp.New(`^(.+?)[.-]([0-9]{4}-?[0-9]{2}-?[0-9]{2}(?:[-T_.]?[0-9]{2}(?:[-:]?[0-9]{2}){0,2})?)$`)
	datedIn = lazyregexp.New(`^(.+?)[.-]([0-9]{4}-?[0-9]{2}-?[0-9]{2}(?:[-T_.]?[0-9]{2}(?:[-:]?[0-9]{2}){0,2})?)(\.log)$`)
)

// rotation takes the name of a file apart: the log that it is a part of, and its
// date, or how many rotations ago it was written.
func rotation(path string) (stream, date string, age int) {
	name := packed().ReplaceAllString(path, "")
	if m := datedIn().FindStringSubmatch(name); m != nil {
		return m[1] + m[3], m[2], 0
	}
	if m := dated().FindStringSubmatch(name); m != nil {
		return m[1], m[2], 0
	}
	if m := aged().FindStringSubmatch(name); m != nil {
		n, _ := strconv.Atoi(m[2])
		return m[1], "", n
	}
	return name, "", 0
}
