package sink

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// nbsp holds a field and its value together while a row is wrapped; line turns
// it into a space.
const nbsp = "\u00a0"

func decimal(n int) string { return strconv.Itoa(n) }

func plural(n int, one string) string {
	if n == 1 {
		return "1 " + one
	}
	return decimal(n) + " " + one + "s"
}

// value draws a value of evidence or of a parameter as short as it stays
// unmistakable: None is "unknown", text with spaces is quoted.
func (p *page) value(v any) string {
	switch v := v.(type) {
	case nil:
		return "unknown"
	case string:
		if v == "" || strings.ContainsAny(v, " \n") {
			return `"` + v + `"`
		}
		return v
	case bool:
		if v {
			return "yes"
		}
		return "no"
	case float64:
		return strconv.FormatFloat(v, 'g', 6, 64)
	default:
		return fmt.Sprint(v)
	}
}

// took is a span of time to the two figures that matter: 12ms, 1.2s, 2m05s, 3h10m.
func took(d time.Duration) string {
	switch {
	case d <= 0:
		return "0ms"
	case d < time.Millisecond:
		return strconv.FormatInt(d.Microseconds(), 10) + "µs"
	case d < 999500*time.Microsecond:
		return strconv.FormatInt(d.Round(time.Millisecond).Milliseconds(), 10) + "ms"
	case d < 59950*time.Millisecond:
		return strconv.FormatFloat(d.Seconds(), 'f', 1, 64) + "s"
	case d < time.Hour:
		d = d.Round(time.Second)
		return fmt.Sprintf("%dm%02ds", int(d.Minutes()), int(d.Seconds())%60)
	default:
		d = d.Round(time.Minute)
		return fmt.Sprintf("%dh%02dm", int(d.Hours()), int(d.Minutes())%60)
	}
}
