package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// The directories of design section 8, by the XDG base directory rules: a
// variable that is not an absolute path counts as not set.

var errNoHome = errors.New("no home directory: set HOME or XDG_STATE_HOME")

// stateDir holds runs/ and journal/. Errors: there is no home directory, which
// is nobody's to make but the system's (a daemon's or a stripped container's HOME
// often names none).
func stateDir() (string, error) {
	dir, err := xdg("XDG_STATE_HOME", ".local/state")
	home := os.Getenv("HOME")
	if err != nil || !strings.HasPrefix(dir, home+"/") {
		return dir, err
	}
	if _, err := os.Stat(home); errors.Is(err, fs.ErrNotExist) {
		return "", fmt.Errorf("no home directory: HOME=%s is not there: set HOME or XDG_STATE_HOME", home)
	}
	return dir, nil
}

// configDir holds config.toml and recipes/.
func configDir() (string, error) { return xdg("XDG_CONFIG_HOME", ".config") }

func xdg(variable, below string) (string, error) {
	if dir := os.Getenv(variable); filepath.IsAbs(dir) {
		return filepath.Join(dir, "runbook"), nil
	}
	home := os.Getenv("HOME")
	if !filepath.IsAbs(home) {
		return "", errNoHome
	}
	return filepath.Join(home, below, "runbook"), nil
}

// runsDir holds one directory for each recorded run.
func runsDir() (string, error) {
	dir, err := stateDir()
	return filepath.Join(dir, "runs"), err
}

// journalDir holds the notes of what must be put back; "" without a home
// directory: then those in the repositories must do.
func journalDir() string {
	dir, err := stateDir()
	if err != nil {
		return ""
	}
	return filepath.Join(dir, "journal")
}

// root is a directory of recipes, as data: a confined process opens the same
// roots again.
type root struct {
	Dir     string // "" = what ships with the binary
	Trusted bool   // the user's own
	Pack    string // the name of a pack; "" = it is none
	Refused string // why nothing of it may be read; "" = it may
}

// recipeRoots lists where recipes come from, the winner first. ignored is a
// line for each place that was passed over for somebody else's reach into it.
func recipeRoots(cwd string) (roots []root, ignored []string) {
	dir, why := nearestRunbookDir(cwd)
	switch {
	case why != "":
		ignored = append(ignored, fmt.Sprintf("ignored %s: %s", dir, why))
	case dir != "":
		roots = append(roots, root{Dir: dir})
	}
	if dir, err := configDir(); err == nil {
		dir = filepath.Join(dir, "recipes")
		if info, err := os.Stat(dir); err == nil && info.IsDir() {
			if why := foreign(dir, info); why != "" {
				ignored = append(ignored, fmt.Sprintf("ignored %s: %s", dir, why))
			} else {
				roots = append(roots, root{Dir: dir, Trusted: true})
			}
		}
	}
	return append(append(roots, packRoots(roots)...), root{}), ignored
}

// nearestRunbookDir looks for .runbook in dir and upwards. why says for what
// reason the nearest one must not be used; a farther one is not tried then, so
// that the answer does not change with who owns what.
func nearestRunbookDir(dir string) (found, why string) {
	for {
		at := filepath.Join(dir, ".runbook")
		if info, err := os.Stat(at); err == nil && info.IsDir() {
			return at, foreign(at, info)
		}
		up := filepath.Dir(dir)
		if up == dir {
			return "", ""
		}
		dir = up
	}
}

// foreign says why somebody else could have put a recipe into dir; "" when
// only we (or root, on an ancestor) could.
//
// A world-writable parent lets anybody make dir in our place before we do, the
// sticky bit notwithstanding; above that, the sticky bit protects the path.
func foreign(dir string, info os.FileInfo) string {
	if uid, ok := owner(info); ok && uid != os.Geteuid() {
		return fmt.Sprintf("it belongs to uid %d, we are %d", uid, os.Geteuid())
	}
	if info.Mode().Perm()&0o002 != 0 {
		return "everybody may write it"
	}
	if why := exposed(dir); why != "" {
		return why
	}
	if real, err := filepath.EvalSymlinks(dir); err == nil && real != dir {
		return exposed(real)
	}
	return ""
}

// exposed names the parent of dir that everybody may write; "" when none is.
func exposed(dir string) string {
	for up, first := filepath.Dir(dir), true; ; up, first = filepath.Dir(up), false {
		info, err := os.Stat(up)
		if err != nil {
			return fmt.Sprintf("cannot look at its parent %s", up)
		}
		if info.Mode().Perm()&0o002 != 0 && (first || info.Mode()&os.ModeSticky == 0) {
			return fmt.Sprintf("everybody may write its parent %s", up)
		}
		if up == filepath.Dir(up) {
			return ""
		}
	}
}
