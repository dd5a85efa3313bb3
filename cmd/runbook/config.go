package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	"github.com/pelletier/go-toml/v2"
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
		return c, &hinted{err: fmt.Errorf("%s:%d:%d: %s", name, row, col, syntax.Error()), code: exitUsage}
	case err != nil:
		return c, &hinted{err: fmt.Errorf("%s: %w", name, err), code: exitUsage}
	}
	return c, nil
}
