package main

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"

	"github.com/pelletier/go-toml/v2"

	"runbook/engine/lazyregexp"
)

// config is $XDG_CONFIG_HOME/runbook/config.toml: defaults of flags. It cannot
// grant an effect, which is a decision of the moment.
type config struct {
	Color    string `toml:"color"`     // auto, always, never
	Width    int    `toml:"width"`     // columns
	FailOn   string `toml:"fail_on"`   // fault, warn
	NoRecord bool   `toml:"no_record"` // true: runs are not recorded
	Pager    string `toml:"pager"`     // for docs on a terminal
}

// readConfig reads it; no file is no configuration. Errors: *hinted when it
// says something wrong; another one when it cannot be read, which keeps nobody
// from diagnosing (sudo and su often leave somebody else's HOME behind).
func readConfig() (config, error) {
	var c config
	dir, err := configDir()
	if err != nil {
		return c, nil // no home, no configuration
	}
	name := filepath.Join(dir, "config.toml")
	if isPipe(name) {
		return c, fmt.Errorf("no configuration: %s: is a pipe", name) // nobody may ever write into it
	}
	b, err := os.ReadFile(name)
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ENOTDIR) {
		return c, nil
	}
	if err != nil {
		return c, fmt.Errorf("no configuration: %w", err)
	}
	return parseConfig(name, b)
}

func parseConfig(name string, b []byte) (config, error) {
	var c config
	dec := toml.NewDecoder(strings.NewReader(string(b)))
	dec.DisallowUnknownFields()
	err := dec.Decode(&c)
	var strict *toml.StrictMissingError
	var syntax *toml.DecodeError
	switch {
	case errors.As(err, &strict) && len(strict.Errors) > 0:
		e := strict.Errors[0]
		row, col := e.Position()
		key := strings.Join(e.Key(), ".")
		return c, &hinted{
			err:  fmt.Errorf("%s:%d:%d: unknown setting %s", name, row, col, key),
			hint: hintNearest(key, []string{"color", "width", "fail_on", "no_record", "pager"}, "settings"),
			code: exitUsage,
		}
	case errors.As(err, &syntax):
		row, col := syntax.Position()
		return c, &hinted{err: fmt.Errorf("%s:%d:%d: %s", name, row, col, mistyped(syntax)), code: exitUsage}
	case err != nil:
		return c, &hinted{err: fmt.Errorf("%s: %w", name, err), code: exitUsage}
	}
	return c, c.check(name)
}

// check refuses what no flag would take, in the words of the file.
func (c *config) check(name string) error {
	wrong := func(format string, a ...any) error {
		return &hinted{err: fmt.Errorf("%s: "+format, append([]any{name}, a...)...), code: exitUsage}
	}
	switch {
	case !slices.Contains([]string{"", "auto", "always", "never"}, c.Color):
		return wrong("color = %q: want auto, always or never", c.Color)
	case c.Width != 0 && (c.Width < 20 || c.Width > 400):
		return wrong("width = %d: want 20 to 400", c.Width)
	case !slices.Contains([]string{"", "fault", "warn"}, c.FailOn):
		return wrong("fail_on = %q: want fault or warn", c.FailOn)
	}
	return nil
}

var wrongType = lazyregexp.New(`cannot decode TOML (\w+) into .* of type (\w+)`)

// mistyped says what is wrong at a place of the file without the names of our
// types.
func mistyped(e *toml.DecodeError) string {
	text := strings.TrimPrefix(e.Error(), "toml: ")
	m := wrongType().FindStringSubmatch(text)
	if m == nil {
		return text
	}
	want := map[string]string{"string": "text in quotes", "int": "a whole number", "bool": "true or false"}[m[2]]
	return strings.TrimPrefix(fmt.Sprintf("%s: want %s, not the %s there", strings.Join(e.Key(), "."), cmp.Or(want, m[2]), m[1]), ": ")
}
