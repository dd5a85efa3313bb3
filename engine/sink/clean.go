package sink

import (
	"reflect"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"runbook/engine/event"
)

// prose names the fields whose line breaks mean something. All other strings
// are one line, whatever a hostile process put into its name.
var prose = map[string]bool{
	"Guidance": true, "Text": true, "Detail": true,
	"Means": true, "Do": true, "Because": true,
}

// clean returns e with every string safe to draw: itself if all are, as those of
// most events, else a deep copy. Doing it for the whole event, by reflection, means
// that a field which is added later cannot be forgotten.
func clean(e event.Event, ascii bool) event.Event {
	if isClean(reflect.ValueOf(e), false) {
		return e
	}
	return cleanValue(reflect.ValueOf(e), false, ascii).Interface().(event.Event)
}

// isClean reports whether cleanValue would change nothing.
func isClean(v reflect.Value, lines bool) bool {
	switch v.Kind() {
	case reflect.String:
		s := v.String()
		return harmless(s) && (lines || len(s) <= maxText && !strings.Contains(s, "\n"))
	case reflect.Struct:
		if v.Type() == timeType {
			return true
		}
		for i := range v.NumField() {
			if !isClean(v.Field(i), prose[v.Type().Field(i).Name]) {
				return false
			}
		}
	case reflect.Pointer, reflect.Interface:
		return v.IsNil() || isClean(v.Elem(), lines)
	case reflect.Slice:
		for i := range v.Len() {
			if !isClean(v.Index(i), lines) {
				return false
			}
		}
	case reflect.Map:
		for it := v.MapRange(); it.Next(); {
			if !isClean(it.Key(), false) || !isClean(it.Value(), lines) {
				return false
			}
		}
	}
	return true
}

var timeType = reflect.TypeFor[time.Time]()

func cleanValue(v reflect.Value, lines, ascii bool) reflect.Value {
	switch v.Kind() {
	case reflect.String:
		s := v.String()
		if !lines {
			s = bounded(s)
		}
		s = cleanText(s, ascii)
		if !lines {
			s = oneLine(s)
		}
		return reflect.ValueOf(s).Convert(v.Type())
	case reflect.Struct:
		if v.Type() == timeType {
			return v
		}
		out := reflect.New(v.Type()).Elem()
		for i := range v.NumField() {
			out.Field(i).Set(cleanValue(v.Field(i), prose[v.Type().Field(i).Name], ascii))
		}
		return out
	case reflect.Pointer:
		if v.IsNil() {
			return v
		}
		out := reflect.New(v.Type().Elem())
		out.Elem().Set(cleanValue(v.Elem(), lines, ascii))
		return out
	case reflect.Interface:
		if v.IsNil() {
			return v
		}
		return cleanValue(v.Elem(), lines, ascii)
	case reflect.Slice:
		if v.IsNil() {
			return v
		}
		out := reflect.MakeSlice(v.Type(), v.Len(), v.Len())
		for i := range v.Len() {
			out.Index(i).Set(cleanValue(v.Index(i), lines, ascii))
		}
		return out
	case reflect.Map:
		if v.IsNil() {
			return v
		}
		out := reflect.MakeMapWithSize(v.Type(), v.Len())
		for it := v.MapRange(); it.Next(); {
			out.SetMapIndex(cleanValue(it.Key(), false, ascii), cleanValue(it.Value(), lines, ascii))
		}
		return out
	default:
		return v
	}
}

// maxText is how much of one value is drawn, with -v too; the record has it all.
const maxText = 64 << 10

// bounded cuts s in its middle: a label ends in its pid.
func bounded(s string) string {
	if len(s) <= maxText {
		return s
	}
	head, tail := maxText, len(s)-64
	for head > 0 && !utf8.RuneStart(s[head]) {
		head--
	}
	for tail < len(s) && !utf8.RuneStart(s[tail]) {
		tail++
	}
	return s[:head] + "…" + s[max(head, tail):]
}

// cleanText makes s safe to draw: line breaks stay, tabs become spaces, and
// what a terminal might obey becomes U+FFFD: C0 and C1 controls, DEL, bytes
// that are not UTF-8, and the invisible format characters that turn the
// reading direction. The joiners stay, since scripts and emoji need them.
func cleanText(s string, ascii bool) string {
	if harmless(s) {
		return s
	}
	var b strings.Builder
	b.Grow(len(s))
	for i, r := range s {
		switch {
		case r == '\n':
			b.WriteByte('\n')
		case r == '\t':
			b.WriteString("    ")
		case r == '\r' && strings.HasPrefix(s[i+1:], "\n"):
		case r == '\u2028' || r == '\u2029':
			b.WriteByte('\n')
		case r < utf8.RuneSelf && r >= ' ' && r != 0x7f:
			b.WriteRune(r)
		case ascii:
			b.WriteString(plainASCII(r))
		case unsafeRune(r):
			b.WriteRune(utf8.RuneError)
		default:
			b.WriteRune(r) // RuneError, where a byte was not UTF-8
		}
	}
	return b.String()
}

// unsafeRune reports whether a terminal might obey r, or a reader be fooled by it.
func unsafeRune(r rune) bool {
	return unicode.IsControl(r) || unicode.Is(unicode.Cf, r) && r != '\u200c' && r != '\u200d'
}

func harmless(s string) bool {
	for i := range len(s) {
		if c := s[i]; c != '\n' && (c < ' ' || c >= 0x7f) {
			return false
		}
	}
	return true
}

func oneLine(s string) string {
	if !strings.Contains(s, "\n") {
		return s
	}
	return strings.ReplaceAll(s, "\n", " ")
}

// plainASCII says r with the keys of a typewriter: for terminals that do not
// speak UTF-8.
func plainASCII(r rune) string {
	switch r {
	case '…':
		return "..."
	case '–', '—', '‐', '‑', '−':
		return "-"
	case '‘', '’':
		return "'"
	case '“', '”', '«', '»':
		return `"`
	case '·', '•':
		return "-"
	case '→', '▶':
		return "->"
	case '←', '◀':
		return "<-"
	case '≤':
		return "<="
	case '≥':
		return ">="
	case '×':
		return "x"
	case 'µ', 'μ':
		return "u"
	case '\u00a0':
		return " "
	default:
		return "?"
	}
}
