package builtins

import (
	"errors"
	"time"

	"go.starlark.net/starlark"

	"runbook/builtins/probe"
)

// logSamples are values of the types of logs, full ones and empty ones.
func logSamples() map[string][]starlark.Value {
	line := probe.LogMark{Path: "x.log", Line: 3, Time: "10:00:00", Actor: "alpha", Text: "10:00:00 query a"}
	file := probe.LogFile{Path: "x.log.1", Stream: "x.log", Kind: "gzip", Lines: 3, Bytes: 1 << 40, Cut: 1, Err: errors.New("is cut off")}
	request := probe.Request{Number: 1, Key: "a", ID: "7", Mark: line, GaveUp: &line}
	wrong := probe.Mismatch{Asked: request, Answer: line, Key: "a", Owner: request}
	stretch := probe.Stretch{Shift: 1, From: 2, To: 3, Responses: 2, Wrong: 2, Mismatches: []probe.Mismatch{wrong}, Open: []probe.Request{request}}
	lane := &probe.Lane{Name: "alpha", Stream: "x.log", Queries: 3, Responses: 2, Stretches: []probe.Stretch{stretch}, StretchCount: 1, First: line}
	hits := probe.LogHits{Count: 9, First: []probe.LogMark{line}}
	learnt := probe.Learnt{Query: "q", Response: "r", Queries: 3, Responses: 3, Met: 3, Keys: 2}
	group := &probe.RecordGroup{Actor: "alpha", Logger: "a.b", Records: 3, Folds: map[int]int{2: 3, 1: 1}, Since: line, Repeated: []probe.Repeat{{Times: 2, Lines: []probe.LogMark{line, line}}}, Bare: 1, BareFirst: []probe.LogMark{line}}
	files := []probe.LogFile{file}
	return map[string][]starlark.Value{
		"logline":     {newLogLine(line), newLogLine(probe.LogMark{})},
		"logfile":     {newLogFile(file), newLogFile(probe.LogFile{})},
		"loghits":     {newLogHits(hits), newLogHits(probe.LogHits{})},
		"logscan":     {newRecord(logScanKind, probe.LogScan{Files: files, Hits: []probe.LogHits{hits}}, "", time.Time{}), newRecord(logScanKind, probe.LogScan{}, "", time.Time{})},
		"exchange":    {newRecord(exchangeKind, probe.Exchange{Files: files, Lanes: []*probe.Lane{lane}, Also: []probe.LogHits{hits}}, "", time.Time{}), newRecord(exchangeKind, probe.Exchange{}, "", time.Time{})},
		"lane":        {newRecord(laneKind, lane, "", time.Time{}), newRecord(laneKind, &probe.Lane{}, "", time.Time{})},
		"stretch":     {newRecord(stretchKind, stretch, "", time.Time{}), newRecord(stretchKind, probe.Stretch{}, "", time.Time{})},
		"backlog":     {newRecord(backlogKind, probe.Backlog{From: 4, Queries: 9, Quiet: 2, Usual: 1, Busy: 1, Left: true, Owner: request, Answer: line}, "", time.Time{}), newRecord(backlogKind, probe.Backlog{}, "", time.Time{})},
		"mismatch":    {newRecord(mismatchKind, wrong, "", time.Time{}), newRecord(mismatchKind, probe.Mismatch{}, "", time.Time{})},
		"request":     {newRequest(request), newRequest(probe.Request{})},
		"learning":    {newRecord(learningKind, probe.Learning{Files: files, Pairs: []probe.Learnt{learnt}}, "", time.Time{}), newRecord(learningKind, probe.Learning{}, "", time.Time{})},
		"learnt":      {newRecord(learntKind, learnt, "", time.Time{})},
		"logrecords":  {newRecord(logRecordsKind, probe.Records{Files: files, Groups: []*probe.RecordGroup{group}, Also: []probe.LogHits{hits}}, "", time.Time{})},
		"recordgroup": {newRecord(recordGroupKind, group, "", time.Time{}), newRecord(recordGroupKind, &probe.RecordGroup{}, "", time.Time{})},
	}
}
