package sink

import (
	"encoding/json"
	"fmt"
	"math"
	"strconv"
	"time"
	"unicode/utf8"

	"runbook/engine/event"
)

// appendFound appends the line of a finding. Findings are the one kind of
// event that may come by the hundred thousand, and encoding/json takes several
// times as long over them, most of it in evidence. A test fills every field of
// an event and compares, so that one which is added later cannot be lost here.
func appendFound(b []byte, e event.Event) ([]byte, error) {
	b = append(b, `{"seq":`...)
	b = strconv.AppendInt(b, int64(e.Seq), 10)
	b = append(b, `,"at":"`...)
	b = e.At.AppendFormat(b, time.RFC3339Nano)
	b = append(b, `","kind":`...)
	b = appendString(b, string(e.Kind))
	b = appendMember(b, "step", e.Step)
	b = append(b, `,"found":`...)
	b, err := appendFinding(b, e.Found)
	return append(b, '}', '\n'), err
}

func appendFinding(b []byte, f *event.Finding) ([]byte, error) {
	b = append(b, `{"verdict":`...)
	b = appendString(b, string(f.Verdict))
	b = append(b, `,"rule":`...)
	b = appendString(b, f.Rule)
	b = append(b, `,"title":`...)
	b = appendString(b, f.Title)
	b = append(b, `,"about":`...)
	if f.About == nil {
		b = append(b, `null`...)
	} else {
		b = appendSubject(b, f.About)
	}
	b = append(b, `,"victims":`...)
	b = appendList(b, f.Victims)
	b = append(b, `,"members":`...)
	b = appendList(b, f.Members)
	b = appendMember(b, "means", f.Means)
	b = appendMember(b, "do", f.Do)
	b = appendMember(b, "because", f.Because)
	b = append(b, `,"evidence":`...)
	if f.Evidence == nil {
		b = append(b, `null`...)
	} else {
		b = append(b, '[')
		for i, row := range f.Evidence {
			if i > 0 {
				b = append(b, ',')
			}
			var err error
			if b, err = appendFields(b, row); err != nil {
				return b, fmt.Errorf("evidence %d: %w", i+1, err)
			}
		}
		b = append(b, ']')
	}
	b = append(b, `,"pos":`...)
	b = appendString(b, f.Pos)
	if len(f.Reasons) > 0 { // few runs have any
		reasons, err := json.Marshal(f.Reasons)
		if err != nil {
			return b, fmt.Errorf("reasons: %w", err)
		}
		b = append(append(b, `,"reasons":`...), reasons...)
	}
	return append(b, '}'), nil
}

func appendList(b []byte, subjects []event.Subject) []byte {
	if subjects == nil {
		return append(b, `null`...)
	}
	b = append(b, '[')
	for i := range subjects {
		if i > 0 {
			b = append(b, ',')
		}
		b = appendSubject(b, &subjects[i])
	}
	return append(b, ']')
}

func appendSubject(b []byte, s *event.Subject) []byte {
	b = append(b, `{"type":`...)
	b = appendString(b, s.Type)
	b = appendNumber(b, "pid", s.PID)
	b = appendMember(b, "start_time", s.StartTime)
	b = appendMember(b, "name", s.Name)
	if len(s.Cmdline) > 0 {
		b = append(b, `,"cmdline":[`...)
		for i, arg := range s.Cmdline {
			if i > 0 {
				b = append(b, ',')
			}
			b = appendString(b, arg)
		}
		b = append(b, ']')
	}
	b = appendMember(b, "path", s.Path)
	b = appendNumber(b, "line", s.Line)
	b = appendNumber(b, "column", s.Column)
	b = appendMember(b, "address", s.Address)
	b = appendMember(b, "id", s.ID)
	return append(b, '}')
}

// appendMember and appendNumber leave empty ones out, as omitempty does.
func appendMember(b []byte, name, value string) []byte {
	if value == "" {
		return b
	}
	b = append(b, ',', '"')
	b = append(b, name...)
	b = append(b, '"', ':')
	return appendString(b, value)
}

func appendNumber(b []byte, name string, value int) []byte {
	if value == 0 {
		return b
	}
	b = append(b, ',', '"')
	b = append(b, name...)
	b = append(b, '"', ':')
	return strconv.AppendInt(b, int64(value), 10)
}

func appendFields(b []byte, fields event.Fields) ([]byte, error) {
	b = append(b, '{')
	for i, f := range fields {
		if i > 0 {
			b = append(b, ',')
		}
		b = append(appendString(b, f.Name), ':')
		var err error
		if b, err = appendValue(b, f.Value); err != nil {
			return b, fmt.Errorf("field %s: %w", f.Name, err)
		}
	}
	return append(b, '}'), nil
}

func appendValue(b []byte, v any) ([]byte, error) {
	switch v := v.(type) {
	case nil:
		return append(b, `null`...), nil
	case bool:
		return strconv.AppendBool(b, v), nil
	case int64:
		return strconv.AppendInt(b, v, 10), nil
	case uint64:
		return strconv.AppendUint(b, v, 10), nil
	case float64:
		if math.IsNaN(v) || math.IsInf(v, 0) {
			return appendString(b, strconv.FormatFloat(v, 'g', -1, 64)), nil
		}
		return strconv.AppendFloat(b, v, 'g', -1, 64), nil
	case string:
		return appendString(b, v), nil
	case event.Fields:
		return appendFields(b, v)
	case []any:
		b = append(b, '[')
		for i, x := range v {
			if i > 0 {
				b = append(b, ',')
			}
			var err error
			if b, err = appendValue(b, x); err != nil {
				return b, err
			}
		}
		return append(b, ']'), nil
	default: // not one of those that event.Fields allows
		text, err := json.Marshal(v)
		return append(b, text...), err
	}
}

const hex = "0123456789abcdef"

// asItIs are the bytes that stand for themselves in a JSON string.
var asItIs = func() (is [256]bool) {
	for c := byte(' '); c < 0x7f; c++ {
		is[c] = c != '"' && c != '\\'
	}
	return is
}()

// asTheyAre counts the bytes at the start of s for which asItIs is true. It asks
// for eight at once: a byte that is not sets the highest bit of its place in one
// of the terms, and a carry or borrow can only begin at such a byte.
func asTheyAre(s string) (n int) {
	const ones = 0x0101010101010101
	for ; n+8 <= len(s); n += 8 {
		e := s[n : n+8]
		w := uint64(e[0]) | uint64(e[1])<<8 | uint64(e[2])<<16 | uint64(e[3])<<24 |
			uint64(e[4])<<32 | uint64(e[5])<<40 | uint64(e[6])<<48 | uint64(e[7])<<56
		control, del := w-' '*ones, w+ones
		quote, backslash := (w^'"'*ones)-ones, (w^'\\'*ones)-ones
		if (w|control|del|quote|backslash)&(0x80*ones) != 0 {
			break
		}
	}
	for n < len(s) && asItIs[s[n]] {
		n++
	}
	return n
}

// appendString appends s in quotes. All that a terminal might obey is escaped.
func appendString(b []byte, s string) []byte {
	b = append(b, '"')
	from := 0
	for i := asTheyAre(s); i < len(s); i += asTheyAre(s[i:]) {
		c := s[i]
		r, n := utf8.DecodeRuneInString(s[i:])
		if r >= 0x80 && (r != utf8.RuneError || n > 1) && (!unsafeRune(r) || r > 0xffff) {
			i += n
			continue
		}
		b = append(b, s[from:i]...)
		switch {
		case c == '"' || c == '\\':
			b = append(b, '\\', c)
		case c == '\n':
			b = append(b, '\\', 'n')
		case c == '\t':
			b = append(b, '\\', 't')
		default:
			b = append(b, '\\', 'u', hex[r>>12&15], hex[r>>8&15], hex[r>>4&15], hex[r&15])
		}
		i += n
		from = i
	}
	return append(append(b, s[from:]...), '"')
}
