package probe

import (
	"context"
	"regexp"
)

// LogScan is what patterns matched in log files.
type LogScan struct {
	Files []LogFile
	Hits  []LogHits // one a pattern, in their order
}

// Find reads logs and counts the lines that patterns match; the first of each
// are kept.
func (l *Logs) Find(ctx context.Context, paths []string, patterns []*regexp.Regexp) (LogScan, error) {
	hits := make([]LogHits, len(patterns))
	files, err := l.Read(ctx, paths, newLogNet(patterns), func(line *LogLine) { takeHits(hits, patterns, line, line.Hits) })
	return LogScan{files, hits}, err
}
