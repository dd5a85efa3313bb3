package world

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"
)

// opts are the words of a line that are name=value, or a name alone.
type opts struct {
	names  []string
	values map[string]string
	alone  map[string]bool
}

// options takes words which all are name=value, or a name alone.
func options(words []string) (opts, error) {
	o := opts{values: map[string]string{}, alone: map[string]bool{}}
	for _, w := range words {
		name, value, has := strings.Cut(w, "=")
		if strings.HasPrefix(w, quote) || name == "" {
			return o, fmt.Errorf("%q is not name=value", bare(w))
		}
		if _, twice := o.values[name]; twice {
			return o, fmt.Errorf("%s stands there twice", name)
		}
		o.names = append(o.names, name)
		o.values[name], o.alone[name] = value, !has
	}
	return o, nil
}

// setter takes the text of a value. Its errors do not name the option.
type setter = func(string) error

// read hands each option to its setter, and sets the flags that are named. One
// that nobody knows is an error.
func (o opts) read(known map[string]setter, flags map[string]*bool) error {
	for _, name := range o.names {
		set, takes := known[name]
		flag, isFlag := flags[name]
		switch {
		case isFlag && !o.alone[name]:
			return fmt.Errorf("%s takes no value, not %q", name, o.values[name])
		case isFlag:
			*flag = true
		case !takes:
			return unknown("option", name, slices.Sorted(maps.Keys(merged(known, flags))))
		case o.alone[name]:
			return fmt.Errorf("%s: want %s=VALUE", name, name)
		default:
			if err := set(o.values[name]); err != nil {
				return fmt.Errorf("%s: %w", name, err)
			}
		}
	}
	return nil
}

func merged(known map[string]setter, flags map[string]*bool) map[string]bool {
	all := map[string]bool{}
	for name := range known {
		all[name] = true
	}
	for name := range flags {
		all[name] = true
	}
	return all
}

// firstOption is where the options of a line begin.
func firstOption(words []string, from int) int {
	for i := from; i < len(words); i++ {
		if !strings.HasPrefix(words[i], quote) && strings.Contains(words[i], "=") {
			return i
		}
	}
	return len(words)
}

func text(to *string) setter {
	return func(s string) error { *to = s; return nil }
}

// oneOf takes one of some words.
func oneOf(to *string, what string, known ...string) setter {
	return func(s string) error {
		if !slices.Contains(known, s) {
			return unknown(what, s, known)
		}
		*to = s
		return nil
	}
}

// whole takes a whole number that is not below least.
func whole[N int | int64](to *N, least N) setter {
	return func(s string) error {
		n, err := strconv.ParseInt(s, 10, 64)
		switch {
		case err != nil:
			return fmt.Errorf("%q is no number", s)
		case N(n) < least:
			return fmt.Errorf("%d is below %d", n, least)
		}
		*to = N(n)
		return nil
	}
}

// inode takes the number that a file has on its device.
func inode(to *uint64) setter {
	return func(s string) (err error) {
		if *to, err = strconv.ParseUint(s, 10, 64); err != nil {
			if _, last, found := cutLast(s, ":"); found && inode(new(uint64))(last) == nil {
				return fmt.Errorf("%q is no number: want the inode alone, %s", s, last)
			}
			return fmt.Errorf("%q is no number", s)
		}
		return nil
	}
}

func cutLast(s, sep string) (before, after string, found bool) {
	if at := strings.LastIndex(s, sep); at >= 0 {
		return s[:at], s[at+len(sep):], true
	}
	return s, "", false
}

// seconds takes a number of them, with a fraction.
func seconds(to **float64) setter {
	return func(s string) error {
		x, err := strconv.ParseFloat(s, 64)
		if err != nil || x != x {
			return fmt.Errorf("%q is no number of seconds", s)
		}
		*to = &x
		return nil
	}
}

// duration takes a span of time, which is not below 0.
func duration(to *time.Duration) setter {
	return func(s string) error {
		d, err := time.ParseDuration(s)
		switch {
		case err != nil:
			return fmt.Errorf("%q is no duration, as 5s, 1m30s or 250ms are", s)
		case d < 0:
			return fmt.Errorf("%s is below 0", s)
		}
		*to = d
		return nil
	}
}

// signals reads a list of signal numbers into a mask.
func signals(to *uint64) setter {
	return func(s string) error {
		*to = 0
		for _, f := range fields(s) {
			n, err := strconv.Atoi(f)
			if err != nil || n < 1 || n > 64 {
				return fmt.Errorf("%q is no signal number", f)
			}
			*to |= 1 << (n - 1)
		}
		return nil
	}
}

// two reads two numbers with a slash between them, neither below 0.
func two(a, b *int) setter {
	return func(s string) error {
		x, y, ok := strings.Cut(s, "/")
		if !ok {
			return fmt.Errorf("%q is not two numbers with a slash", s)
		}
		if err := whole(a, 0)(x); err != nil {
			return err
		}
		return whole(b, 0)(y)
	}
}

// pids reads a list of them.
func pids(to *[]int) setter {
	return func(s string) error {
		for _, f := range fields(s) {
			n, err := strconv.Atoi(f)
			if err != nil || n < 1 {
				return fmt.Errorf("%q is no pid", f)
			}
			*to = append(*to, n)
		}
		return nil
	}
}

func fields(s string) []string {
	if s == "" {
		return nil
	}
	return strings.Split(s, ",")
}
