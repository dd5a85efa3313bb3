package world

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
)

// opts are the name=value words of a line.
type opts struct {
	names  []string
	values map[string]string
}

// options takes words which all are name=value, or a name alone.
func options(words []string) (opts, error) {
	o := opts{values: map[string]string{}}
	for _, w := range words {
		name, value, _ := strings.Cut(w, "=")
		if strings.HasPrefix(w, quote) || name == "" {
			return o, fmt.Errorf("%q is not name=value", bare(w))
		}
		if _, twice := o.values[name]; twice {
			return o, fmt.Errorf("%s stands there twice", name)
		}
		o.names = append(o.names, name)
		o.values[name] = value
	}
	return o, nil
}

// read hands each option to its setter. One that nobody knows is an error.
func (o opts) read(known map[string]func(string) error) error {
	for _, name := range o.names {
		set := known[name]
		if set == nil {
			names := make([]string, 0, len(known))
			for n := range known {
				names = append(names, n)
			}
			slices.Sort(names)
			return fmt.Errorf("no option %q; there are %s", name, strings.Join(names, ", "))
		}
		if err := set(o.values[name]); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
	}
	return nil
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

func text(to *string) func(string) error {
	return func(s string) error { *to = s; return nil }
}

func number(to *int) func(string) error {
	return func(s string) (err error) { *to, err = strconv.Atoi(s); return err }
}

func count(to *int64) func(string) error {
	return func(s string) (err error) { *to, err = strconv.ParseInt(s, 10, 64); return err }
}

func real(to **float64) func(string) error {
	return func(s string) error {
		x, err := strconv.ParseFloat(s, 64)
		*to = &x
		return err
	}
}

func big(to *uint64) func(string) error {
	return func(s string) (err error) { *to, err = strconv.ParseUint(s, 10, 64); return err }
}

func duration(to *time.Duration) func(string) error {
	return func(s string) (err error) { *to, err = time.ParseDuration(s); return err }
}

func flag(to *bool) func(string) error {
	return func(s string) error {
		if s != "" {
			return fmt.Errorf("takes no value, not %q", s)
		}
		*to = true
		return nil
	}
}

// signals reads a list of signal numbers into a mask.
func signals(to *uint64) func(string) error {
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

// fill reads "bytes/capacity".
func fill(bytes, capacity *int) func(string) error {
	return func(s string) error {
		a, b, ok := strings.Cut(s, "/")
		if !ok {
			return fmt.Errorf("%q is not two numbers with a slash", s)
		}
		if err := number(bytes)(a); err != nil {
			return err
		}
		return number(capacity)(b)
	}
}

func fields(s string) []string {
	if s == "" {
		return nil
	}
	return strings.Split(s, ",")
}
