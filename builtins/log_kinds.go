package builtins

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"go.starlark.net/starlark"

	"runbook/builtins/probe"
)

func newLogLine(m probe.LogMark) starlark.Value {
	return newRecord(logLineKind, m, "", time.Time{})
}

// lineOrNone gives a line, or None for one that is not there.
func lineOrNone(m probe.LogMark) starlark.Value {
	if m.Line == 0 {
		return starlark.None
	}
	return newLogLine(m)
}

var logLineKind = &kind[probe.LogMark]{
	name: "logline",
	doc:  "A line of a log.",
	text: func(m probe.LogMark) string { return fmt.Sprintf("%s:%d", m.Path, m.Line) },
	fields: []field[probe.LogMark]{
		{name: "path", typ: "string", doc: "the file, as it was named", get: func(m probe.LogMark) starlark.Value { return text(m.Path) }},
		{name: "line", typ: "int", doc: "1 is the first", get: func(m probe.LogMark) starlark.Value { return integer(m.Line) }},
		{name: "time", typ: "string or None", doc: "as the line writes it", aside: true, get: func(m probe.LogMark) starlark.Value { return orNone(m.Time) }},
		{name: "actor", typ: "string or None", doc: "as its header names it", aside: true, get: func(m probe.LogMark) starlark.Value { return orNone(m.Actor) }},
		{name: "text", typ: "string", doc: "its first 300 bytes; what steers a terminal is replaced", get: func(m probe.LogMark) starlark.Value { return text(m.Text) }},
	},
}

func newLogFile(f probe.LogFile) starlark.Value { return newRecord(logFileKind, f, "", time.Time{}) }

var logFileKind = &kind[probe.LogFile]{
	name: "logfile",
	doc:  "How the reading of one log file went.",
	text: func(f probe.LogFile) string { return f.Path },
	fields: []field[probe.LogFile]{
		{name: "path", typ: "string", doc: "as it was named", get: func(f probe.LogFile) starlark.Value { return text(f.Path) }},
		{name: "stream", typ: "string", doc: "the log that it is a part of: x.log of x.log.2.gz", get: func(f probe.LogFile) starlark.Value { return text(f.Stream) }},
		{name: "kind", typ: "string or None", doc: "plain, gzip, bzip2; None when it could not be opened", get: func(f probe.LogFile) starlark.Value { return orNone(f.Kind) }},
		{name: "lines", typ: "int", doc: "that were read", get: func(f probe.LogFile) starlark.Value { return integer(f.Lines) }},
		{name: "bytes", typ: "int", doc: "of text that were read, unpacked", get: func(f probe.LogFile) starlark.Value { return integer(f.Bytes) }},
		{name: "cut", typ: "int", doc: "lines longer than 64 KiB, of which the rest was left out", get: func(f probe.LogFile) starlark.Value { return integer(f.Cut) }},
		{name: "problem", typ: "string or None", doc: "why it was not read, or not to its end", get: func(f probe.LogFile) starlark.Value {
			if f.Err == nil {
				return starlark.None
			}
			return text(f.Err.Error())
		}},
	},
}

func newLogHits(h probe.LogHits) starlark.Value { return newRecord(logHitsKind, h, "", time.Time{}) }

var logHitsKind = &kind[probe.LogHits]{
	name: "loghits",
	doc:  "The lines that a pattern matched.",
	text: func(h probe.LogHits) string { return fmt.Sprint(h.Count) },
	fields: []field[probe.LogHits]{
		{name: "count", typ: "int", doc: "how many", get: func(h probe.LogHits) starlark.Value { return integer(h.Count) }},
		{name: "first", typ: "list of logline", doc: "at most 5", get: func(h probe.LogHits) starlark.Value { return listOf(h.First, newLogLine) }},
	},
}

var logScanKind = &kind[probe.LogScan]{
	name: "logscan",
	doc:  "What patterns matched in log files.",
	fields: []field[probe.LogScan]{
		{name: "files", typ: "list of logfile", doc: "in the order of reading", get: func(s probe.LogScan) starlark.Value { return listOf(s.Files, newLogFile) }},
		{name: "hits", typ: "list of loghits", doc: "one a pattern", get: func(s probe.LogScan) starlark.Value { return listOf(s.Hits, newLogHits) }},
	},
}

var exchangeKind = &kind[probe.Exchange]{
	name: "exchange",
	doc:  "How the responses in log files fall on their queries.",
	fields: []field[probe.Exchange]{
		{name: "files", typ: "list of logfile", doc: "in the order of reading", get: func(x probe.Exchange) starlark.Value { return listOf(x.Files, newLogFile) }},
		{name: "lanes", typ: "list of lane", doc: "in the order in which they appear; [] no query and no response", get: func(x probe.Exchange) starlark.Value {
			return listOf(x.Lanes, func(n *probe.Lane) starlark.Value { return newRecord(laneKind, n, "", time.Time{}) })
		}},
		{name: "also", typ: "list of loghits", doc: "one a pattern", get: func(x probe.Exchange) starlark.Value { return listOf(x.Also, newLogHits) }},
	},
}

var laneKind = &kind[*probe.Lane]{
	name: "lane",
	doc:  "One who asks and is answered: an actor, or a log whose lines name none.",
	text: func(n *probe.Lane) string { return n.String() },
	fields: []field[*probe.Lane]{
		{name: "name", typ: "string", doc: `of the actor; "" none is named`, get: func(n *probe.Lane) starlark.Value { return text(n.Name) }},
		{name: "stream", typ: "string", doc: "the log", get: func(n *probe.Lane) starlark.Value { return text(n.Stream) }},
		{name: "queries", typ: "int", doc: "lines that ask", get: func(n *probe.Lane) starlark.Value { return integer(n.Queries) }},
		{name: "responses", typ: "int", doc: "lines that answer", get: func(n *probe.Lane) starlark.Value { return integer(n.Responses) }},
		{name: "by_id", typ: "int", doc: "responses that were laid to their query by an id", get: func(n *probe.Lane) starlark.Value { return integer(n.ByID) }},
		{name: "strangers", typ: "int", doc: "responses that belong to none of the 17 queries up to the one that they answer", get: func(n *probe.Lane) starlark.Value { return integer(n.Strangers) }},
		{name: "extra", typ: "int", doc: "responses that came after another one, with no query between", get: func(n *probe.Lane) starlark.Value { return integer(n.Extra) }},
		{name: "overlaps", typ: "int", doc: "queries sent while the one before had neither an answer nor an end", get: func(n *probe.Lane) starlark.Value { return integer(n.Overlaps) }},
		{name: "repeats", typ: "int", doc: "lines that were there once more, and were left out", get: func(n *probe.Lane) starlark.Value { return integer(n.Repeats) }},
		{name: "given_up", typ: "int", doc: "requests of which a line says that they were given up", get: func(n *probe.Lane) starlark.Value { return integer(n.GivenUp) }},
		{name: "late", typ: "int", doc: "responses to these", get: func(n *probe.Lane) starlark.Value { return integer(n.Late) }},
		{name: "telling", typ: "int", doc: "responses that would not fit if the shift were another, by 3 or less", get: func(n *probe.Lane) starlark.Value { return integer(n.Telling) }},
		{name: "keys", typ: "int", doc: "different keys of queries, counted up to 8", get: func(n *probe.Lane) starlark.Value { return integer(n.Keys) }},
		{name: "stretches", typ: "list of stretch", doc: "in the order of the log; the 64 longest", get: func(n *probe.Lane) starlark.Value {
			return listOf(n.Stretches, func(s probe.Stretch) starlark.Value { return newRecord(stretchKind, s, "", time.Time{}) })
		}},
		{name: "backlogs", typ: "list of backlog", doc: "one for each floor above which queries were ever open", get: func(n *probe.Lane) starlark.Value {
			return listOf(n.Backlogs, func(b probe.Backlog) starlark.Value { return newRecord(backlogKind, b, "", time.Time{}) })
		}},
		{name: "quiet_since", typ: "int", doc: "queries after the last one that was given up before which none was open: its reply was dropped, or never came", get: func(n *probe.Lane) starlark.Value { return integer(n.QuietSince) }},
		{name: "stretch_count", typ: "int", doc: "of all", get: func(n *probe.Lane) starlark.Value { return integer(n.StretchCount) }},
		{name: "first", typ: "logline", doc: "its first line", aside: true, get: func(n *probe.Lane) starlark.Value { return newLogLine(n.First) }},
	},
}

var backlogKind = &kind[probe.Backlog]{
	name: "backlog",
	doc:  "The longest run of queries before each of which more than `floor` earlier ones had their answer still to come: it came before 16 more were asked.",
	text: func(b probe.Backlog) string { return fmt.Sprintf("%d from #%d above %d", b.Queries, b.From, b.Floor) },
	fields: []field[probe.Backlog]{
		{name: "floor", typ: "int", doc: "0: at least one was open before each", get: func(b probe.Backlog) starlark.Value { return integer(b.Floor) }},
		{name: "begin", typ: "int", doc: "number of its first query", get: func(b probe.Backlog) starlark.Value { return integer(b.From) }},
		{name: "queries", typ: "int", doc: "in it", get: func(b probe.Backlog) starlark.Value { return integer(b.Queries) }},
		{name: "quiet", typ: "int", doc: "queries of the lane before which no more than `floor` were open, and of the last 4 none without an answer", get: func(b probe.Backlog) starlark.Value { return integer(b.Quiet) }},
		{name: "usual", typ: "int", doc: "queries in the longest of the other runs", get: func(b probe.Backlog) starlark.Value { return integer(b.Usual) }},
		{name: "busy", typ: "int", doc: "queries in all other runs", get: func(b probe.Backlog) starlark.Value { return integer(b.Busy) }},
		{name: "left", typ: "bool", doc: "when it ended, or the log, a query that was not given up had no answer: it was not worked off", get: func(b probe.Backlog) starlark.Value { return truth(b.Left) }},
		{name: "owner", typ: "request", doc: "one that was open at the first query", get: func(b probe.Backlog) starlark.Value { return newRequest(b.Owner) }},
		{name: "answer", typ: "logline", doc: "what it was answered by", get: func(b probe.Backlog) starlark.Value { return newLogLine(b.Answer) }},
	},
}

var stretchKind = &kind[probe.Stretch]{
	name: "stretch",
	doc:  "Responses one after another that have the same shift.",
	text: func(s probe.Stretch) string { return fmt.Sprintf("#%d to #%d by %d", s.From, s.To, s.Shift) },
	fields: []field[probe.Stretch]{
		{name: "shift", typ: "int", doc: "by how many queries; 0: each has its own answer. Where several fit, the smallest", get: func(s probe.Stretch) starlark.Value { return integer(s.Shift) }},
		{name: "begin", typ: "int", doc: "number of the first query that it answers; 1 is the first of the lane", get: func(s probe.Stretch) starlark.Value { return integer(s.From) }},
		{name: "end", typ: "int", doc: "number of the last", get: func(s probe.Stretch) starlark.Value { return integer(s.To) }},
		{name: "responses", typ: "int", doc: "how many", get: func(s probe.Stretch) starlark.Value { return integer(s.Responses) }},
		{name: "wrong", typ: "int", doc: "of these, that belong to another query than the one they answer; extra ones aside", get: func(s probe.Stretch) starlark.Value { return integer(s.Wrong) }},
		{name: "extra", typ: "int", doc: "of these, that came with no query between", get: func(s probe.Stretch) starlark.Value { return integer(s.Extra) }},
		{name: "drained", typ: "bool", doc: "ended by a response with no query before it, at a smaller shift: several requests were under way, and all are answered", get: func(s probe.Stretch) starlark.Value { return truth(s.Drained) }},
		{name: "mismatches", typ: "list of mismatch", doc: "the first 3", get: func(s probe.Stretch) starlark.Value {
			return listOf(s.Mismatches, func(p probe.Mismatch) starlark.Value { return newRecord(mismatchKind, p, "", time.Time{}) })
		}},
		{name: "open", typ: "list of request", doc: "from the one to which the first wrong answer belongs, or one for the same right before it, to the one before the one that got it", get: func(s probe.Stretch) starlark.Value { return listOf(s.Open, newRequest) }},
	},
}

var mismatchKind = &kind[probe.Mismatch]{
	name: "mismatch",
	doc:  "An answer that belongs to another request than the one it answers.",
	text: func(p probe.Mismatch) string {
		return fmt.Sprintf("#%d answered by #%d", p.Asked.Number, p.Owner.Number)
	},
	fields: []field[probe.Mismatch]{
		{name: "asked", typ: "request", doc: "the one that was answered", get: func(p probe.Mismatch) starlark.Value { return newRequest(p.Asked) }},
		{name: "answer", typ: "logline", doc: "the response", get: func(p probe.Mismatch) starlark.Value { return newLogLine(p.Answer) }},
		{name: "key", typ: "string or None", doc: "of the response; None: its pattern has no group `key`", get: func(p probe.Mismatch) starlark.Value { return orNone(p.Key) }},
		{name: "owner", typ: "request", doc: "the one that it belongs to", get: func(p probe.Mismatch) starlark.Value { return newRequest(p.Owner) }},
	},
}

func newRequest(r probe.Request) starlark.Value { return newRecord(requestKind, r, "", time.Time{}) }

var requestKind = &kind[probe.Request]{
	name: "request",
	doc:  "A query of a lane.",
	text: func(r probe.Request) string { return fmt.Sprintf("#%d", r.Number) },
	fields: []field[probe.Request]{
		{name: "number", typ: "int", doc: "1 is the first of its lane", get: func(r probe.Request) starlark.Value { return integer(r.Number) }},
		{name: "key", typ: "string", doc: `what it asks for, in small letters; "" the pattern has no group for it`, get: func(r probe.Request) starlark.Value { return text(r.Key) }},
		{name: "id", typ: "string or None", doc: "that it bears", get: func(r probe.Request) starlark.Value { return orNone(r.ID) }},
		{name: "said", typ: "logline", doc: "the line that asks", get: func(r probe.Request) starlark.Value { return newLogLine(r.Mark) }},
		{name: "gave_up", typ: "logline or None", doc: "the line which says that it was given up", get: func(r probe.Request) starlark.Value {
			if r.GaveUp == nil {
				return starlark.None
			}
			return newLogLine(*r.GaveUp)
		}},
	},
}

var learningKind = &kind[probe.Learning]{
	name: "learning",
	doc:  "What the beginning of log files suggests.",
	fields: []field[probe.Learning]{
		{name: "files", typ: "list of logfile", doc: "in the order of reading", get: func(l probe.Learning) starlark.Value { return listOf(l.Files, newLogFile) }},
		{name: "pairs", typ: "list of learnt", doc: "at most 8, the likeliest first", get: func(l probe.Learning) starlark.Value {
			return listOf(l.Pairs, func(x probe.Learnt) starlark.Value { return newRecord(learntKind, x, "", time.Time{}) })
		}},
	},
}

var learntKind = &kind[probe.Learnt]{
	name: "learnt",
	doc:  "Two patterns that the log itself suggests.",
	text: func(l probe.Learnt) string { return l.Query + " " + l.Response },
	fields: []field[probe.Learnt]{
		{name: "query", typ: "string", doc: "with the group `key`", get: func(l probe.Learnt) starlark.Value { return text(l.Query) }},
		{name: "response", typ: "string", doc: "with the group `key`", get: func(l probe.Learnt) starlark.Value { return text(l.Response) }},
		{name: "queries", typ: "int", doc: "lines with this verb, in what was read", get: func(l probe.Learnt) starlark.Value { return integer(l.Queries) }},
		{name: "responses", typ: "int", doc: "lines with this verb, in what was read", get: func(l probe.Learnt) starlark.Value { return integer(l.Responses) }},
		{name: "met", typ: "int", doc: "responses with the word of one of the 4 queries before", get: func(l probe.Learnt) starlark.Value { return integer(l.Met) }},
		{name: "keys", typ: "int", doc: "different words among these, counted up to 16", get: func(l probe.Learnt) starlark.Value { return integer(l.Keys) }},
	},
}

var logRecordsKind = &kind[probe.Records]{
	name: "logrecords",
	doc:  "How log files were written.",
	fields: []field[probe.Records]{
		{name: "files", typ: "list of logfile", doc: "in the order of reading", get: func(r probe.Records) starlark.Value { return listOf(r.Files, newLogFile) }},
		{name: "groups", typ: "list of recordgroup", doc: "in the order in which they appear", get: func(r probe.Records) starlark.Value {
			return listOf(r.Groups, func(g *probe.RecordGroup) starlark.Value { return newRecord(recordGroupKind, g, "", time.Time{}) })
		}},
		{name: "also", typ: "list of loghits", doc: "one a pattern", get: func(r probe.Records) starlark.Value { return listOf(r.Also, newLogHits) }},
	},
}

var recordGroupKind = &kind[*probe.RecordGroup]{
	name: "recordgroup",
	doc:  "The records of one logger of one actor of one log.",
	text: func(g *probe.RecordGroup) string { return g.Actor + " " + g.Logger },
	fields: []field[*probe.RecordGroup]{
		{name: "actor", typ: "string", doc: `"" no header names one`, get: func(g *probe.RecordGroup) starlark.Value { return text(g.Actor) }},
		{name: "logger", typ: "string", doc: `"" no header names one`, get: func(g *probe.RecordGroup) starlark.Value { return text(g.Logger) }},
		{name: "stream", typ: "string", doc: "the log", get: func(g *probe.RecordGroup) starlark.Value { return text(g.Stream) }},
		{name: "records", typ: "int", doc: "each counted once, however often it is there", get: func(g *probe.RecordGroup) starlark.Value { return integer(g.Records) }},
		{name: "folds", typ: "dict of int to int", doc: "by n: how many are there n times", get: func(g *probe.RecordGroup) starlark.Value {
			times := make([]int, 0, len(g.Folds))
			for n := range g.Folds {
				times = append(times, n)
			}
			slices.SortFunc(times, cmp.Compare[int])
			d := starlark.NewDict(len(times))
			for _, n := range times {
				_ = d.SetKey(integer(n), integer(g.Folds[n])) // a new dict takes any int
			}
			return d
		}},
		{name: "texts", typ: "int", doc: "different messages among those repeated, digits aside, counted up to 16", get: func(g *probe.RecordGroup) starlark.Value { return integer(g.Texts) }},
		{name: "messages", typ: "int", doc: "different messages among those repeated, digits and all, counted up to 16", get: func(g *probe.RecordGroup) starlark.Value { return integer(g.Messages) }},
		{name: "since", typ: "logline or None", doc: "where the first repeated one is", get: func(g *probe.RecordGroup) starlark.Value { return lineOrNone(g.Since) }},
		{name: "after", typ: "int", doc: "records from there on", get: func(g *probe.RecordGroup) starlark.Value { return integer(g.After) }},
		{name: "repeated", typ: "list of list of logline", doc: "the first 5 of them, each as the first 3 of its lines", get: func(g *probe.RecordGroup) starlark.Value {
			return listOf(g.Repeated, func(r probe.Repeat) starlark.Value { return listOf(r.Lines, newLogLine) })
		}},
		{name: "bare", typ: "int", doc: "lines without a header that belong to no record; they stand after one of this group", get: func(g *probe.RecordGroup) starlark.Value { return integer(g.Bare) }},
		{name: "bare_texts", typ: "int", doc: "different ones, digits aside, counted up to 16", get: func(g *probe.RecordGroup) starlark.Value { return integer(g.BareTexts) }},
		{name: "bare_known", typ: "int", doc: "of the bare, whose text stood behind a header before", get: func(g *probe.RecordGroup) starlark.Value { return integer(g.BareKnown) }},
		{name: "bare_first", typ: "list of logline", doc: "the first 5", get: func(g *probe.RecordGroup) starlark.Value { return listOf(g.BareFirst, newLogLine) }},
	},
}
