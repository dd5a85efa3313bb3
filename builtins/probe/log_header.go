package probe

import (
	"bytes"
)

// LogHeader is what a line says of itself before its message: the forms of
// Python's logging, of tractor, of syslog, and of JSON lines. Each part is a
// piece of the line; empty: not there. Where nothing is, the line is bare.
type LogHeader struct {
	Time, Level, Actor, Logger []byte
	Message                    []byte
	JSON                       bool
}

// Bare reports whether nothing of a header is there.
func (h *LogHeader) Bare() bool { return len(h.Time)+len(h.Level)+len(h.Actor) == 0 }

// levels are those of logging, of tractor and of common loggers.
var levels = map[string]bool{
	"DEBUG": true, "INFO": true, "WARNING": true, "WARN": true, "ERROR": true, "CRITICAL": true, "FATAL": true, "TRACE": true, "NOTICE": true, "EXCEPTION": true,
	"RUNTIME": true, "CANCEL": true, "TRANSPORT": true, "DEVX": true, "PDB": true, "QUIET": true, "IO": true, "RESULT": true, "NOTSET": true,
}

// ParseLogHeader takes a line apart.
func ParseLogHeader(line []byte) LogHeader {
	if len(line) > 1 && line[0] == '{' {
		if h, ok := jsonHeader(line); ok {
			return h
		}
	}
	var h LogHeader
	rest := line
	for range 8 { // parts of a header, at most
		part := skipAny(rest, &beforePart)
		if len(part) == len(rest) && len(rest) < len(line) && !separated(line, rest) {
			break
		}
		if h.Time == nil {
			if n := timeLength(part); n > 0 {
				h.Time, rest = part[:n], skipAny(part[n:], &afterTime)
				h.Message = rest
				continue
			}
		}
		if h.Actor == nil && len(part) > 0 && part[0] == '(' {
			if name, n := actorLength(part); n > 0 {
				h.Actor, rest = name, part[n:]
				h.Message = rest
				continue
			}
		}
		if h.Level == nil {
			bracket := len(part) < len(rest) && rest[len(rest)-len(part)-1] == '['
			if n := levelLength(part, bracket || h.Time != nil); n > 0 {
				h.Level, rest = part[:n], skipAny(part[n:], &afterLevel)
				h.Message = rest
				continue
			}
		}
		if h.Logger == nil && h.Time != nil || h.Level != nil && h.Logger == nil {
			if name, n := loggerLength(part, h.Level != nil); n > 0 {
				h.Logger, rest = name, part[n:]
				h.Message = rest
				continue
			}
		}
		if n := placeLength(part); n > 0 && !h.Bare() {
			rest = part[n:]
			h.Message = rest
			continue
		}
		break
	}
	if h.Bare() {
		h.Logger, h.Message = nil, line
		return h
	}
	h.Message = skipAny(h.Message, &beforeMessage)
	if h.Actor == nil {
		h.Actor = valueOf(line, actorIs)
	}
	return h
}

// byteSet is the bytes that may stand somewhere.
type byteSet [256]bool

func bytesOf(s string) (b byteSet) {
	for i := range len(s) {
		b[s[i]] = true
	}
	return b
}

var (
	beforePart    = bytesOf(" \t[-|:<,")
	afterTime     = bytesOf("]Z>")
	afterLevel    = bytesOf("]>")
	beforeMessage = bytesOf(" \t:-|]>,")
	betweenParts  = bytesOf(" -|[")
	endsLevel     = bytesOf(" \t]:>|,-")
)

// skipAny is bytes.TrimLeft, which makes its set anew with each call.
func skipAny(b []byte, set *byteSet) []byte {
	for len(b) > 0 && set[b[0]] {
		b = b[1:]
	}
	return b
}

// separated reports whether rest, a tail of line, begins after a separator.
func separated(line, rest []byte) bool {
	c := line[len(line)-len(rest)-1]
	return c == ' ' || c == ']' || c == ':' || c == ')' || c == '>' || c == '\t'
}

func digits(b []byte, n int) bool {
	if len(b) < n {
		return false
	}
	for _, c := range b[:n] {
		if c < '0' || c > '9' {
			return false
		}
	}
	return true
}

// timeLength is how much of b is a time: 2026-11-22T10:11:12.123+01:00,
// Nov 22 10:11:12, 10:11:12,123, 1732270000.123. 0: none.
func timeLength(b []byte) int {
	at := 0
	switch {
	case len(b) < 8:
		return 0
	case digits(b, 4) && (b[4] == '-' || b[4] == '/') && len(b) >= 19 && digits(b[5:], 2) && digits(b[8:], 2):
		if b[10] != ' ' && b[10] != 'T' && b[10] != '_' {
			return 0
		}
		at = 11
	case digits(b, 10) && len(b) > 10 && (b[10] == '.' || b[10] == ' '):
		n := 10
		for n < len(b) && (b[n] >= '0' && b[n] <= '9' || b[n] == '.') {
			n++
		}
		return n
	case b[0] >= 'A' && b[0] <= 'Z' && len(b) >= 15 && b[3] == ' ' && isMonth(b[:3]):
		at = 7
		if digits(b[at:], 4) && len(b) >= 20 && b[at+4] == ' ' { // Nov 22 2026 …
			at += 5
		}
	}
	clock := b[at:]
	if len(clock) < 8 || !digits(clock, 2) || clock[2] != ':' || !digits(clock[3:], 2) || clock[5] != ':' || !digits(clock[6:], 2) {
		return 0
	}
	n := at + 8
	if n+1 < len(b) && (b[n] == '.' || b[n] == ',') && digits(b[n+1:], 1) {
		for n++; n < len(b) && b[n] >= '0' && b[n] <= '9'; n++ {
		}
	}
	switch {
	case n+5 < len(b) && (b[n] == '+' || b[n] == '-') && digits(b[n+1:], 2) && b[n+3] == ':' && digits(b[n+4:], 2):
		n += 6
	case n+4 < len(b) && (b[n] == '+' || b[n] == '-') && digits(b[n+1:], 4):
		n += 5
	case n < len(b) && b[n] == 'Z':
		n++
	}
	return n
}

func isMonth(b []byte) bool {
	switch string(b) {
	case "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec":
		return true
	}
	return false
}

// actorLength reads tractor's (name[pid], task).
func actorLength(b []byte) (name []byte, n int) {
	end := bytes.IndexByte(b, ')')
	open := bytes.IndexByte(b, '[')
	if end < 0 || open < 2 || open > end || end > 200 {
		return nil, 0
	}
	shut := bytes.IndexByte(b[open:end], ']')
	if shut < 2 || !digits(b[open+1:], shut-1) {
		return nil, 0
	}
	return b[1:open], end + 1
}

// levelLength reads a level. Lower case is one only where a header has begun:
// a message may start with "error".
func levelLength(b []byte, begun bool) int {
	n := 0
	for n < len(b) && (b[n] >= 'A' && b[n] <= 'Z' || begun && b[n] >= 'a' && b[n] <= 'z') {
		n++
	}
	if n < 2 || n > 10 || n < len(b) && !endsLevel[b[n]] {
		return 0
	}
	if !levels[string(b[:n])] { // no copy is made for this
		var upper [10]byte
		for i, c := range b[:n] {
			if c >= 'a' {
				c -= 'a' - 'A'
			}
			upper[i] = c
		}
		if !begun || !levels[string(upper[:n])] {
			return 0
		}
	}
	return n
}

// loggerLength reads the name of a logger: a.b.c before a level; a.b.c:, "a.b.c -"
// or "a.b.c file.py:12" after it.
func loggerLength(b []byte, afterLevel bool) (name []byte, n int) {
	for n < len(b) && (isWord(b[n]) || b[n] == '.') {
		n++
	}
	if n == 0 || n > 120 || n == len(b) {
		return nil, 0
	}
	name = b[:n]
	switch next := b[n]; {
	case next == ':':
		return name, n + 1
	case next == '[': // syslog: name[pid]:
		if end := bytes.IndexByte(b[n:], ']'); end > 1 && digits(b[n+1:], end-1) {
			return name, n + end + 1
		}
	case next == ' ':
		after := skipAny(b[n:], &betweenParts)
		if afterLevel && (bytes.HasPrefix(b[n:], []byte(" - ")) || bytes.HasPrefix(b[n:], []byte(" | ")) || placeLength(after) > 0) {
			return name, n
		}
		if !afterLevel && levelLength(after, true) > 0 && bytes.IndexByte(name, '.') > 0 || !afterLevel && levelLength(after, false) > 0 {
			return name, n
		}
	}
	return nil, 0
}

// placeLength reads file.py:12.
func placeLength(b []byte) int {
	n := 0
	for n < len(b) && (isWord(b[n]) || b[n] == '.' || b[n] == '/') {
		n++
	}
	if n < 4 || !bytes.HasSuffix(b[:n], []byte(".py")) || n == len(b) || b[n] != ':' || !digits(b[n+1:], 1) {
		return 0
	}
	for n++; n < len(b) && b[n] >= '0' && b[n] <= '9'; n++ {
	}
	return n
}

func isWord(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '_' || c >= 0x80
}

var actorIs = []byte("actor=")

// valueOf reads what follows name, which ends with its "=".
func valueOf(line, name []byte) []byte {
	at := bytes.Index(line, name)
	if at < 0 || at > 0 && isWord(line[at-1]) {
		return nil
	}
	v := line[at+len(name):]
	end := bytes.IndexAny(v, " ,;)]\t")
	if end < 0 {
		end = len(v)
	}
	return bytes.Trim(v[:end], `"'`)
}

// The names of fields of JSON lines, by what they say; the first found wins.
var jsonNames = map[string]int{
	"time": 1, "ts": 1, "timestamp": 1, "@timestamp": 1, "asctime": 1, "t": 1, "created": 1,
	"level": 2, "levelname": 2, "severity": 2, "lvl": 2,
	"actor": 3, "actor_name": 3, "actor_uid": 3,
	"logger": 4, "name": 4, "logger_name": 4,
	"message": 5, "msg": 5, "event": 5, "text": 5,
}

// jsonHeader reads the fields of an object on the first level; false when it is
// none, or has none that we know.
func jsonHeader(line []byte) (LogHeader, bool) {
	h := LogHeader{JSON: true}
	parts := [6]*[]byte{1: &h.Time, 2: &h.Level, 3: &h.Actor, 4: &h.Logger, 5: &h.Message}
	i, depth := 1, 0
	for i < len(line) {
		switch c := line[i]; c {
		case '{', '[':
			depth++
			i++
		case '}', ']':
			if depth--; depth < 0 {
				return h, h.Time != nil || h.Level != nil || h.Actor != nil || h.Logger != nil || h.Message != nil
			}
			i++
		case '"':
			end := stringEnd(line, i)
			if end < 0 {
				return h, false
			}
			key := line[i+1 : end]
			i = end + 1
			after := bytes.TrimLeft(line[i:], " ")
			if depth > 0 || len(after) == 0 || after[0] != ':' {
				continue
			}
			value := bytes.TrimLeft(after[1:], " ")
			i = len(line) - len(value)
			what := jsonNames[string(key)]
			if what == 0 || *parts[what] != nil {
				if len(value) > 0 && value[0] == '"' {
					if end = stringEnd(line, i); end < 0 {
						return h, false
					}
					i = end + 1
				}
				continue
			}
			switch {
			case len(value) == 0:
				return h, false
			case value[0] == '"':
				if end = stringEnd(line, i); end < 0 {
					return h, false
				}
				*parts[what] = line[i+1 : end]
				i = end + 1
			case value[0] != '{' && value[0] != '[':
				n := bytes.IndexAny(value, ",} ")
				if n < 0 {
					return h, false
				}
				*parts[what] = value[:n]
				i += n
			}
		default:
			i++
		}
	}
	return h, false
}

// stringEnd is where the string that begins at i ends; -1: it does not.
func stringEnd(line []byte, i int) int {
	for i++; i < len(line); i++ {
		n := bytes.IndexAny(line[i:], `"\`)
		if n < 0 {
			return -1
		}
		if i += n; line[i] == '"' {
			return i
		}
		i++ // what the backslash stands before
	}
	return -1
}
