package main

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// Whose .runbook it is decides whether it counts. modes are of top, top/project
// and top/project/.runbook.
func TestWhichRunbookDirectoryCounts(t *testing.T) {
	for _, c := range []struct {
		name  string
		modes [3]os.FileMode
		why   string
	}{
		{"private", [3]os.FileMode{0o700, 0o700, 0o700}, ""},
		{"readable by all", [3]os.FileMode{0o755, 0o755, 0o755}, ""},
		{"below a sticky directory", [3]os.FileMode{0o777 | os.ModeSticky, 0o755, 0o755}, ""},
		{"itself open", [3]os.FileMode{0o755, 0o755, 0o777}, "everybody may write it"},
		{"in an open directory", [3]os.FileMode{0o755, 0o777, 0o755}, "everybody may write its parent TOP/project"},
		{"in a sticky directory", [3]os.FileMode{0o755, 0o777 | os.ModeSticky, 0o755}, "everybody may write its parent TOP/project"},
		{"below an open directory", [3]os.FileMode{0o777, 0o755, 0o755}, "everybody may write its parent TOP"},
	} {
		t.Run(c.name, func(t *testing.T) {
			top := filepath.Join(t.TempDir(), "top")
			project, dir := filepath.Join(top, "project"), filepath.Join(top, "project", ".runbook")
			if err := os.MkdirAll(dir, 0o755); err != nil {
				t.Fatal(err)
			}
			for i, d := range []string{top, project, dir} {
				if err := os.Chmod(d, c.modes[i]); err != nil {
					t.Fatal(err)
				}
			}
			real, err := filepath.EvalSymlinks(top)
			if err != nil {
				t.Fatal(err)
			}
			found, why := nearestRunbookDir(project)
			if found != dir {
				t.Errorf("found %q, want %q", found, dir)
			}
			why = strings.ReplaceAll(strings.ReplaceAll(why, top, "TOP"), real, "TOP")
			if why != c.why {
				t.Errorf("why %q, want %q", why, c.why)
			}
		})
	}
}

// A link to a directory of ours does not make the place where it lies ours.
func TestALinkedRunbookDirectoryIsJudgedTwice(t *testing.T) {
	top := t.TempDir()
	open, mine := filepath.Join(top, "open"), filepath.Join(top, "mine")
	for _, d := range []string{open, mine} {
		if err := os.Mkdir(d, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Symlink(mine, filepath.Join(open, ".runbook")); err != nil {
		t.Fatal(err)
	}
	if _, why := nearestRunbookDir(open); why != "" {
		t.Errorf("why %q, want none", why)
	}
	if err := os.Chmod(open, 0o777); err != nil {
		t.Fatal(err)
	}
	if _, why := nearestRunbookDir(open); !strings.Contains(why, "everybody may write its parent") {
		t.Errorf("why %q", why)
	}
}

func TestWrapKeepsWordsWhole(t *testing.T) {
	for _, c := range []struct {
		text  string
		width int
		want  []string
	}{
		{"run with --user-flag now", 15, []string{"run with", "--user-flag now"}},
		{"", 10, []string{""}},
		{"unbreakable", 4, []string{"unbr", "eaka", "ble"}},
		{"日本 語", 4, []string{"日本", "語"}},
	} {
		if got := wrap(c.text, c.width); !slices.Equal(got, c.want) {
			t.Errorf("wrap(%q, %d) = %q, want %q", c.text, c.width, got, c.want)
		}
	}
}
