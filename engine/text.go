package engine

import (
	"fmt"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

// cleanText replaces what must not reach a terminal or a JSON reader: control
// characters other than newline and tab, the marks that turn the direction of
// writing, and bytes that are no UTF-8. All become U+FFFD.
//
// It happens once, where a text enters the stream, and not in each sink: so a
// replayed record is byte for byte what was seen live.
func cleanText(s string) string {
	if isClean(s) {
		return s
	}
	return strings.Map(func(r rune) rune {
		if hostile(r) {
			return utf8.RuneError
		}
		return r
	}, s) // Map turns each invalid byte into RuneError by itself
}

func isClean(s string) bool {
	for i := 0; i < len(s); {
		if c := s[i]; c < utf8.RuneSelf {
			if hostile(rune(c)) {
				return false
			}
			i++
			continue
		}
		r, n := utf8.DecodeRuneInString(s[i:])
		if r == utf8.RuneError && n == 1 || hostile(r) {
			return false
		}
		i += n
	}
	return true
}

func hostile(r rune) bool {
	switch {
	case r == '\n' || r == '\t':
		return false
	case r < 0x20, r >= 0x7f && r < 0xa0: // C0, DEL, C1
		return true
	case r >= 0x202a && r <= 0x202e, r >= 0x2066 && r <= 0x2069: // bidi embeddings, overrides, isolates
		return true
	}
	return false
}

// oneLine makes a text fit for a place that has one line.
func oneLine(s string) string {
	return strings.Join(strings.Fields(cleanText(s)), " ")
}

// span writes a duration as a person says it: 0s, 0.7ms, 250ms, 1.0s, 12m03s, 3h02m, 2d03h.
func span(d time.Duration) string {
	switch {
	case d == 0:
		return "0s"
	case d < 0:
		return "-" + span(-d)
	case d < time.Millisecond:
		return strconv.FormatFloat(float64(d)/float64(time.Millisecond), 'g', 1, 64) + "ms"
	case d < 999500*time.Microsecond:
		return fmt.Sprintf("%dms", d.Round(time.Millisecond).Milliseconds())
	case d < 59950*time.Millisecond:
		return fmt.Sprintf("%.1fs", d.Seconds())
	}
	s := int64(d.Round(time.Second).Seconds())
	switch {
	case s < 3600:
		return fmt.Sprintf("%dm%02ds", s/60, s%60)
	case s < 86400:
		return fmt.Sprintf("%dh%02dm", s/3600, s/60%60)
	default:
		return fmt.Sprintf("%dd%02dh", s/86400, s/3600%24)
	}
}

// grouped writes 45815 as 45,815.
func grouped(n int64) string {
	s := strconv.FormatInt(n, 10)
	sign := ""
	if n < 0 {
		sign, s = "-", s[1:]
	}
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return sign + s
}

// plural is "1 actor", "3 actors"; many overrides the form that is guessed.
func plural(n int64, one, many string) string {
	word := one
	if n != 1 {
		word = many
		if word == "" {
			word = pluralOf(one)
		}
	}
	return grouped(n) + " " + word
}

func pluralOf(word string) string {
	switch {
	case word == "":
		return ""
	case strings.HasSuffix(word, "s"), strings.HasSuffix(word, "x"), strings.HasSuffix(word, "ch"), strings.HasSuffix(word, "sh"):
		return word + "es"
	case strings.HasSuffix(word, "y") && len(word) > 1 && !strings.ContainsRune("aeiou", rune(word[len(word)-2])):
		return word[:len(word)-1] + "ies"
	default:
		return word + "s"
	}
}
